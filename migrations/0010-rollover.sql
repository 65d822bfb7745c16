-- Phases of authorities, and which one takes whose place.

-- A new column for the state, since what a CHECK allows cannot be widened in place.
ALTER TABLE authorities ADD COLUMN phase TEXT NOT NULL DEFAULT 'pending'
  CHECK (phase IN ('pending', 'staged', 'active', 'retired'));
UPDATE authorities SET phase = state;
ALTER TABLE authorities DROP COLUMN state;
ALTER TABLE authorities RENAME COLUMN phase TO state;

ALTER TABLE authorities ADD COLUMN replaces INTEGER REFERENCES authorities (key);
-- Since when its certificate stands in bundles; null while it waits for it.
ALTER TABLE authorities ADD COLUMN published_at INTEGER;
UPDATE authorities SET published_at = created_at WHERE certificate IS NOT NULL;
-- When its state changed last; null where it never has.
ALTER TABLE authorities ADD COLUMN changed_at INTEGER;
