-- The ledger of one replica. `seq` is the order of commits: what follows the ledger remembers how far it has come.
CREATE TABLE usage_records (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    started_ms BIGINT NOT NULL,
    duration_us BIGINT NOT NULL,
    first_token_us BIGINT,
    request_id TEXT NOT NULL,
    trace_id TEXT,
    client TEXT NOT NULL,
    labels TEXT,
    end_user TEXT,
    credential TEXT NOT NULL,
    product TEXT,
    operation TEXT NOT NULL,
    deployment TEXT,
    model TEXT,
    backend TEXT NOT NULL,
    region TEXT,
    stream BIGINT NOT NULL,
    status BIGINT,
    source TEXT NOT NULL,
    source_reason TEXT,
    input_tokens BIGINT NOT NULL,
    cached_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    reasoning_tokens BIGINT NOT NULL,
    total_tokens BIGINT NOT NULL,
    audio_input_tokens BIGINT NOT NULL,
    audio_output_tokens BIGINT NOT NULL,
    image_input_tokens BIGINT NOT NULL,
    accepted_prediction_tokens BIGINT NOT NULL,
    rejected_prediction_tokens BIGINT NOT NULL,
    images BIGINT NOT NULL,
    image_size TEXT,
    image_quality TEXT,
    audio_ms BIGINT NOT NULL,
    characters BIGINT NOT NULL,
    finish_reason TEXT,
    filtered BIGINT NOT NULL,
    system_fingerprint TEXT,
    attempts BIGINT NOT NULL,
    request_bytes BIGINT NOT NULL,
    response_bytes BIGINT,
    response_id TEXT,
    price TEXT,
    cost_nanos BIGINT,
    currency TEXT
);

-- Who may ask for a stored response, after a restart.
CREATE INDEX usage_records_responses ON usage_records (seq) WHERE response_id IS NOT NULL;

-- Sums by day, written with the records: a report reads these.
CREATE TABLE usage_daily (
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
    PRIMARY KEY (day, client, labels, end_user, product, operation, deployment, model, backend, region, source, price, currency)
) WITHOUT ROWID;

-- How far the records have been copied to a server.
CREATE TABLE outbox (
    destination TEXT PRIMARY KEY,
    seq BIGINT NOT NULL
) WITHOUT ROWID;
