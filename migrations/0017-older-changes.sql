-- Revocations from before changes were counted had 0, the number of a scope without any: their CRL was made empty. They get what all
-- others have, the id of the audit row.
UPDATE revocations SET change = coalesce(
  (SELECT max(a.id) FROM audit a
    WHERE a.target = (SELECT c.serial FROM certificates c WHERE c.id = revocations.certificate)
      AND a.action = (SELECT w.key FROM words w WHERE w.text = 'certificate.revoke') AND a.result = 'ok'), 1)
WHERE change = 0;
