-- The key that a request proved itself with: its public part, and the first digits of its SHA-256; what was written
-- before says none.
ALTER TABLE usage_records ADD COLUMN key_id TEXT;
ALTER TABLE usage_records ADD COLUMN key_sha256 TEXT;

-- The index reads all sums once, which may take longer than a statement usually may.
SET LOCAL statement_timeout = 0;
ALTER TABLE usage_daily ADD COLUMN key_id TEXT NOT NULL DEFAULT '';
ALTER TABLE usage_daily DROP CONSTRAINT usage_daily_pkey;
ALTER TABLE usage_daily ADD PRIMARY KEY (day, client, labels, end_user, product, operation, deployment, model, backend, region, source, price, currency, service_tier, key_id);

-- When each key was last used, by the first digits of its SHA-256: written with the records, and kept when they go.
CREATE TABLE key_uses (
    key_sha256 TEXT PRIMARY KEY,
    key_id TEXT NOT NULL,
    last_ms BIGINT NOT NULL
);

-- Since when: records from before say no key.
CREATE TABLE key_uses_since (
    only_row BIGINT NOT NULL PRIMARY KEY CHECK (only_row = 1),
    since_ms BIGINT NOT NULL
);
INSERT INTO key_uses_since (only_row, since_ms) VALUES (1, CAST(EXTRACT(EPOCH FROM now()) AS BIGINT) * 1000);
