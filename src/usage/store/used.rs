//! What was used since a moment, by all that quotas are for.

use super::{Period, UsageStore};
use crate::database::{DatabaseError, on_either};
use crate::unix_time;

/// What one user of a client used of a deployment, through a product. An empty name is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Used {
    /// The client.
    pub client: String,
    /// Its end user.
    pub end_user: String,
    /// The product.
    pub product: String,
    /// The deployment.
    pub deployment: String,
    /// Requests.
    pub requests: i64,
    /// Tokens of prompts.
    pub input_tokens: i64,
    /// Tokens of answers.
    pub output_tokens: i64,
    /// Cost, in billionths of the currency.
    pub cost_nanos: i64,
}

type Row = (String, String, String, String, i64, i64, i64, i64);

impl Used {
    fn of(row: Row) -> Self {
        let (
            client,
            end_user,
            product,
            deployment,
            requests,
            input_tokens,
            output_tokens,
            cost_nanos,
        ) = row;
        Self {
            client,
            end_user,
            product,
            deployment,
            requests,
            input_tokens,
            output_tokens,
            cost_nanos,
        }
    }
}

const DAY_MS: i64 = 86_400_000;

/// Whole days from their sums, and the part of a day before them from its records.
const SINCE: &str = "SELECT client, end_user, product, deployment, \
     CAST(SUM(requests) AS BIGINT) AS requests, \
     CAST(SUM(input_tokens) AS BIGINT) AS input_tokens, \
     CAST(SUM(output_tokens) AS BIGINT) AS output_tokens, \
     CAST(SUM(cost_nanos) AS BIGINT) AS cost_nanos \
     FROM (\
       SELECT client, end_user, product, deployment, requests, input_tokens, output_tokens, cost_nanos \
       FROM usage_daily WHERE day >= $1 \
       UNION ALL \
       SELECT client, COALESCE(end_user, ''), COALESCE(product, ''), COALESCE(deployment, ''), \
         1, input_tokens, output_tokens, COALESCE(cost_nanos, 0) \
       FROM usage_records WHERE id >= $2 AND id < $3\
     ) AS used GROUP BY client, end_user, product, deployment";

impl UsageStore {
    /// What was used since a moment, in milliseconds since 1970.
    ///
    /// # Errors
    /// The database's.
    pub async fn used_since(&self, from_ms: i64) -> Result<Vec<Used>, DatabaseError> {
        let days = from_ms.saturating_add(DAY_MS - 1) / DAY_MS;
        let (from, to) = Period {
            from: unix_time::of_millis(from_ms),
            to: unix_time::of_millis(days.saturating_mul(DAY_MS)),
        }
        .ids();
        let rows: Vec<Row> = on_either!(&self.database, pool => {
            sqlx::query_as(SINCE).bind(days).bind(from).bind(to).fetch_all(pool).await?
        });
        Ok(rows.into_iter().map(Used::of).collect())
    }
}
