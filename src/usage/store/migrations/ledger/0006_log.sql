-- How far each log of the data directory is in here: changed with the rows themselves, so that each
-- frame is taken once.
CREATE TABLE log_places (
    log BLOB PRIMARY KEY,
    place BIGINT NOT NULL
) WITHOUT ROWID;
