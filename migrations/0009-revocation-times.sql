-- How many were revoked in a period is counted in this index alone.
CREATE INDEX revocations_time ON revocations (revoked_at);
