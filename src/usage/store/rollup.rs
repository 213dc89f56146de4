//! Sums by day, kept in the same transaction as the records that they are of.

/// What records are summed by.
pub(super) const DIMENSIONS: [&str; 14] = [
    "client",
    "labels",
    "end_user",
    "product",
    "operation",
    "deployment",
    "model",
    "backend",
    "region",
    "source",
    "price",
    "currency",
    "service_tier",
    "key_id",
];

/// Columns of a record that are summed as they are.
const SUMMED: [&str; 10] = [
    "input_tokens",
    "cached_tokens",
    "output_tokens",
    "reasoning_tokens",
    "total_tokens",
    "audio_input_tokens",
    "audio_output_tokens",
    "images",
    "audio_ms",
    "characters",
];

/// Usage that has neither a cost nor a price by the month, though something was counted.
const UNPRICED: &str = "CASE WHEN price IS NULL AND source <> 'none' THEN 1 ELSE 0 END";

/// Whether the sums grow by the records or shrink by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    Plus,
    Minus,
}

/// The statement that adds records to the sums, or takes them out; `source` is what stands behind
/// `FROM`. The rows come in the order of the key: two replicas that write lock them in one order.
pub(super) fn statement(source: &str, sign: Sign) -> String {
    let keys = DIMENSIONS.map(|name| format!("COALESCE({name}, '')"));
    let by = match sign {
        Sign::Plus => "",
        Sign::Minus => "-",
    };
    let sums = SUMMED.map(|name| format!("{by}SUM({name})"));
    let written = [
        &["requests", "unpriced"][..],
        &SUMMED[..],
        &["cost_nanos"][..],
    ]
    .concat();
    let grown: Vec<_> = written
        .iter()
        .map(|name| format!("{name} = usage_daily.{name} + excluded.{name}"))
        .collect();
    let key = DIMENSIONS.join(", ");
    // The day and each dimension, by number: the first columns of the selection.
    let numbers: Vec<_> = (1..=DIMENSIONS.len() + 1)
        .map(|it| it.to_string())
        .collect();
    let numbers = numbers.join(", ");
    format!(
        "INSERT INTO usage_daily (day, {key}, {columns}) \
         SELECT started_ms / 86400000, {keys}, {by}COUNT(*), {by}SUM({UNPRICED}), {sums}, \
         {by}COALESCE(SUM(cost_nanos), 0) \
         FROM {source} GROUP BY {numbers} ORDER BY {numbers} \
         ON CONFLICT (day, {key}) DO UPDATE SET {grown}",
        columns = written.join(", "),
        keys = keys.join(", "),
        sums = sums.join(", "),
        grown = grown.join(", "),
    )
}
