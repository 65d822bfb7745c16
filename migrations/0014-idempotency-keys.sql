-- Keys end some time after the certificate that they gave, and are removed from the oldest on.
CREATE INDEX idempotency_keys_certificate ON idempotency_keys (certificate);
