-- What the service stores, and which client made it: read back after a restart. Each change of an
-- object gives its row a new `seq`, so that what follows the table misses none.
CREATE TABLE stored_objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    client TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    known TEXT,
    operation TEXT,
    deployment TEXT,
    product TEXT,
    deleted BIGINT NOT NULL,
    UNIQUE (kind, id)
);

-- The responses of the last 30 days, which is how long the service keeps them. Of several records of
-- one the last says whether it has been counted.
INSERT OR REPLACE INTO stored_objects (kind, id, client, created_ms, known, deployment, product, deleted)
SELECT 'response', response_id, client, started_ms,
    CASE WHEN source = 'none' THEN 'background' END, deployment, product, 0
FROM usage_records
WHERE response_id IS NOT NULL
    AND (source <> 'none' OR source_reason = 'background')
    AND started_ms > (SELECT MAX(started_ms) FROM usage_records) - 30 * 86400000
ORDER BY seq;

DROP INDEX usage_records_responses;
