-- What a server has refused for its data: it is passed over, and stays here as long as records do.
CREATE TABLE not_copied (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    reason TEXT NOT NULL,
    refused_ms BIGINT NOT NULL,
    PRIMARY KEY (kind, id)
) WITHOUT ROWID;
