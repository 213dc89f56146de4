-- Keys that are issued at run time. Moments are milliseconds since 1970.
CREATE TABLE issued_keys (
    id          TEXT   NOT NULL PRIMARY KEY,
    sha256      TEXT   NOT NULL UNIQUE,
    client      TEXT   NOT NULL,
    slot        TEXT   NOT NULL,
    state       TEXT   NOT NULL,
    not_before  BIGINT,
    not_after   BIGINT,
    replaced_by TEXT,
    issued_at   BIGINT NOT NULL,
    issued_by   TEXT   NOT NULL,
    changed_at  BIGINT NOT NULL,
    changed_by  TEXT   NOT NULL,
    version     BIGINT NOT NULL
);
CREATE INDEX issued_keys_by_version ON issued_keys (version);
CREATE INDEX issued_keys_by_client ON issued_keys (client, slot);

-- The number of the last change. Every change takes the next one first and so locks this row: changes
-- are committed in the order of their numbers, and whoever reads what is above a number misses none.
CREATE TABLE issued_keys_changes (
    only_row BIGINT NOT NULL PRIMARY KEY CHECK (only_row = 1),
    version  BIGINT NOT NULL
);
INSERT INTO issued_keys_changes (only_row, version) VALUES (1, 0);
