-- What the service stores, and which client made it: replicas learn of each other's from here. Each
-- change of an object gives its row a new place in the order, so that a follower misses none.
CREATE TABLE stored_objects (
    seq BIGSERIAL UNIQUE,
    written_by XID8 NOT NULL DEFAULT pg_current_xact_id(),
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    client TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    known TEXT,
    operation TEXT,
    deployment TEXT,
    product TEXT,
    deleted BIGINT NOT NULL,
    PRIMARY KEY (kind, id)
);
CREATE INDEX stored_objects_written ON stored_objects (written_by, seq);

-- A response in the background can be asked for at two replicas at once, and each counts it: here the
-- first counts. The index reads all records once, which may take longer than a statement usually may.
SET LOCAL statement_timeout = 0;
CREATE UNIQUE INDEX usage_records_counted ON usage_records (response_id)
    WHERE response_id IS NOT NULL AND source = 'reported';
