-- CAs between an authority and its root, whose keys and lists are made elsewhere: "intermediate". A new column, since what a CHECK
-- allows cannot be widened in place.
ALTER TABLE authorities ADD COLUMN role_now TEXT NOT NULL DEFAULT 'issuing'
  CHECK (role_now IN ('root', 'intermediate', 'issuing'));
UPDATE authorities SET role_now = role;
ALTER TABLE authorities DROP COLUMN role;
ALTER TABLE authorities RENAME COLUMN role_now TO role;
