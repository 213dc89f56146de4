-- The key that a request proved itself with: its public part, and the first digits of its SHA-256; what was written
-- before says none.
ALTER TABLE usage_records ADD COLUMN key_id TEXT;
ALTER TABLE usage_records ADD COLUMN key_sha256 TEXT;

-- SQLite can't change a primary key: the sums move to a table that has the key in it.
CREATE TABLE usage_daily_by_key (
    day BIGINT NOT NULL,
    client TEXT NOT NULL,
    labels TEXT NOT NULL,
    end_user TEXT NOT NULL,
    product TEXT NOT NULL,
    operation TEXT NOT NULL,
    deployment TEXT NOT NULL,
    model TEXT NOT NULL,
    backend TEXT NOT NULL,
    region TEXT NOT NULL,
    source TEXT NOT NULL,
    price TEXT NOT NULL,
    currency TEXT NOT NULL,
    service_tier TEXT NOT NULL,
    key_id TEXT NOT NULL,
    requests BIGINT NOT NULL,
    unpriced BIGINT NOT NULL,
    input_tokens BIGINT NOT NULL,
    cached_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    reasoning_tokens BIGINT NOT NULL,
    total_tokens BIGINT NOT NULL,
    audio_input_tokens BIGINT NOT NULL,
    audio_output_tokens BIGINT NOT NULL,
    images BIGINT NOT NULL,
    audio_ms BIGINT NOT NULL,
    characters BIGINT NOT NULL,
    cost_nanos BIGINT NOT NULL,
    PRIMARY KEY (day, client, labels, end_user, product, operation, deployment, model, backend, region, source, price, currency, service_tier, key_id)
) WITHOUT ROWID;

INSERT INTO usage_daily_by_key (day, client, labels, end_user, product, operation, deployment, model, backend, region, source, price, currency, service_tier, key_id, requests, unpriced, input_tokens, cached_tokens, output_tokens, reasoning_tokens, total_tokens, audio_input_tokens, audio_output_tokens, images, audio_ms, characters, cost_nanos)
SELECT day, client, labels, end_user, product, operation, deployment, model, backend, region, source, price, currency, service_tier, '', requests, unpriced, input_tokens, cached_tokens, output_tokens, reasoning_tokens, total_tokens, audio_input_tokens, audio_output_tokens, images, audio_ms, characters, cost_nanos FROM usage_daily;

DROP TABLE usage_daily;
ALTER TABLE usage_daily_by_key RENAME TO usage_daily;

-- When each key was last used, by the first digits of its SHA-256: written with the records, and kept when they go.
CREATE TABLE key_uses (
    key_sha256 TEXT PRIMARY KEY,
    key_id TEXT NOT NULL,
    last_ms BIGINT NOT NULL
) WITHOUT ROWID;

-- Since when: records from before say no key.
CREATE TABLE key_uses_since (
    only_row BIGINT NOT NULL PRIMARY KEY CHECK (only_row = 1),
    since_ms BIGINT NOT NULL
);
INSERT INTO key_uses_since (only_row, since_ms) VALUES (1, CAST(strftime('%s', 'now') AS BIGINT) * 1000);
