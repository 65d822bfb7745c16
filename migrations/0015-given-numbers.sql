-- What a table may have given away as numbers and has no rows of: a database that was restored from a backup goes on above it. Tables
-- with AUTOINCREMENT have theirs in sqlite_sequence.
CREATE TABLE given_numbers (
  name TEXT PRIMARY KEY, -- of the table
  through INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
