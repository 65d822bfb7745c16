-- Less room for each certificate. What stands there already stays as it is.

-- What the certificates of one authority and profile have in common, kept once: a whole certificate, from which others copy.
CREATE TABLE certificate_forms (
  id INTEGER PRIMARY KEY,
  authority INTEGER NOT NULL REFERENCES authorities (key),
  profile INTEGER NOT NULL REFERENCES words (key),
  der BLOB NOT NULL
) STRICT;
CREATE INDEX certificate_forms_kind ON certificate_forms (authority, profile);
CREATE TRIGGER certificate_forms_keep_rows BEFORE DELETE ON certificate_forms
BEGIN SELECT RAISE(ABORT, 'forms of certificates are never deleted'); END;
CREATE TRIGGER certificate_forms_keep_facts BEFORE UPDATE ON certificate_forms
BEGIN SELECT RAISE(ABORT, 'forms of certificates are never changed'); END;

-- Null: `der` is the certificate. Otherwise it is what store/shared-octets.ts makes the certificate of, with the form.
ALTER TABLE certificates ADD COLUMN form INTEGER REFERENCES certificate_forms (id);

-- From here on `audit.target` may also be an integer: the id of the certificate that the row is about.
