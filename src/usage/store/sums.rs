//! Sums for reports, from the sums by day.

use sqlx::{AssertSqlSafe, FromRow, Row};

use super::{Period, UsageStore};
use crate::database::{DatabaseError, on_either};

/// What a report can be by, as a column of the sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dimension {
    /// The client.
    Client,
    /// Its labels: a JSON object.
    Labels,
    /// The end user.
    User,
    /// The product.
    Product,
    /// The operation.
    Operation,
    /// The deployment.
    Deployment,
    /// The model.
    Model,
    /// The backend.
    Backend,
    /// The backend's region.
    Region,
    /// Where the counts come from.
    Source,
    /// The service tier.
    ServiceTier,
    /// The key, by its public part.
    Key,
}

impl Dimension {
    /// The word that asks for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Key => "key",
            other => other.column(),
        }
    }

    const fn column(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Labels => "labels",
            Self::User => "end_user",
            Self::Product => "product",
            Self::Operation => "operation",
            Self::Deployment => "deployment",
            Self::Model => "model",
            Self::Backend => "backend",
            Self::Region => "region",
            Self::Source => "source",
            Self::ServiceTier => "service_tier",
            Self::Key => "key_id",
        }
    }
}

/// The values that a column may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Only {
    /// The column.
    pub dimension: Dimension,
    /// Its values; an empty one is none.
    pub any_of: Vec<String>,
}

/// A sum over some records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// The values of the dimensions asked for, in their order; empty where a record has none.
    pub keys: Vec<String>,
    /// The day since 1970, where it was asked for by day; else 0.
    pub day: i64,
    /// The price; empty where there is none.
    pub price: String,
    /// The currency; empty where there is no price.
    pub currency: String,
    /// Requests.
    pub requests: i64,
    /// Those that used something and have no price.
    pub unpriced: i64,
    /// Tokens of prompts.
    pub input_tokens: i64,
    /// The cached ones among them.
    pub cached_tokens: i64,
    /// Tokens of answers.
    pub output_tokens: i64,
    /// The ones of reasoning among them.
    pub reasoning_tokens: i64,
    /// All tokens.
    pub total_tokens: i64,
    /// Images.
    pub images: i64,
    /// Audio, in milliseconds.
    pub audio_ms: i64,
    /// Characters.
    pub characters: i64,
    /// Cost, in billionths of the currency.
    pub cost_nanos: i64,
}

impl UsageStore {
    /// How many sums by day a period has, counted up to a bound: what a report over it has to read.
    ///
    /// # Errors
    /// The database's.
    pub async fn daily_rows(&self, period: Period, at_most: i64) -> Result<i64, DatabaseError> {
        const COUNT: &str = "SELECT COUNT(*) FROM \
             (SELECT 1 FROM usage_daily WHERE day >= $1 AND day < $2 LIMIT $3) AS rows";
        let (from, to) = period.days();
        Ok(on_either!(&self.database, pool => {
            let query = sqlx::query_scalar(COUNT).bind(from).bind(to).bind(at_most);
            query.fetch_one(pool).await?
        }))
    }

    /// Sums of the days that a period touches, by these dimensions, by price and currency, and by day
    /// where asked for.
    ///
    /// # Errors
    /// The database's.
    pub async fn sums(
        &self,
        dimensions: &[Dimension],
        by_day: bool,
        period: Period,
    ) -> Result<Vec<Sum>, DatabaseError> {
        self.sums_of(dimensions, by_day, period, &[]).await
    }

    /// The same, of records alone that have one of these values in each of these columns.
    ///
    /// # Errors
    /// The database's.
    pub async fn sums_of(
        &self,
        dimensions: &[Dimension],
        by_day: bool,
        period: Period,
        only: &[Only],
    ) -> Result<Vec<Sum>, DatabaseError> {
        let day = if by_day {
            "day"
        } else {
            "CAST(0 AS BIGINT) AS day"
        };
        let columns: String = dimensions
            .iter()
            .enumerate()
            .map(|(at, dimension)| format!(", {} AS key_{at}", dimension.column()))
            .collect();
        let numbers: Vec<_> = (1..=dimensions.len() + 3)
            .map(|it| it.to_string())
            .collect();
        let sum = |name: &str| format!(", CAST(SUM({name}) AS BIGINT) AS {name}");
        let sums: String = SUMS.iter().map(|name| sum(name)).collect();
        let mut place = 2;
        let only_these: String = only
            .iter()
            .map(|only| {
                let places = only.any_of.iter().map(|_| {
                    place += 1;
                    format!("${place}")
                });
                let places: Vec<_> = places.collect();
                let column = only.dimension.column();
                format!(" AND {column} IN ({})", places.join(", "))
            })
            .collect();
        // A literal can't be grouped by in every database; the day's place is always the first.
        let statement = format!(
            "SELECT {day}, price, currency{columns}{sums} FROM usage_daily \
             WHERE day >= $1 AND day < $2{only_these} GROUP BY {}",
            numbers
                .iter()
                .skip(usize::from(!by_day))
                .cloned()
                .collect::<Vec<_>>()
                .join(", ")
        );
        let (from, to) = period.days();
        let keys = dimensions.len();
        Ok(on_either!(&self.database, pool => {
            let query = sqlx::query(AssertSqlSafe(statement)).bind(from).bind(to);
            let values = only.iter().flat_map(|it| &it.any_of);
            let query = values.fold(query, |query, value| query.bind(value.clone()));
            let rows = query.fetch_all(pool).await?;
            rows.iter().map(|row| Sum::from_row(row)?.with_keys(row, keys)).collect::<Result<_, _>>()?
        }))
    }
}

/// What is summed.
const SUMS: [&str; 11] = [
    "requests",
    "unpriced",
    "input_tokens",
    "cached_tokens",
    "output_tokens",
    "reasoning_tokens",
    "total_tokens",
    "images",
    "audio_ms",
    "characters",
    "cost_nanos",
];

/// Reads the columns that were asked for by name.
trait WithKeys<R>: Sized {
    fn with_keys(self, row: &R, keys: usize) -> Result<Self, sqlx::Error>;
}

macro_rules! from_row {
    ($row:ty) => {
        impl WithKeys<$row> for Sum {
            fn with_keys(mut self, row: &$row, keys: usize) -> Result<Self, sqlx::Error> {
                for at in 0..keys {
                    self.keys.push(row.try_get(format!("key_{at}").as_str())?);
                }
                Ok(self)
            }
        }

        impl FromRow<'_, $row> for Sum {
            fn from_row(row: &$row) -> Result<Self, sqlx::Error> {
                Ok(Self {
                    keys: Vec::new(),
                    day: row.try_get("day")?,
                    price: row.try_get("price")?,
                    currency: row.try_get("currency")?,
                    requests: row.try_get("requests")?,
                    unpriced: row.try_get("unpriced")?,
                    input_tokens: row.try_get("input_tokens")?,
                    cached_tokens: row.try_get("cached_tokens")?,
                    output_tokens: row.try_get("output_tokens")?,
                    reasoning_tokens: row.try_get("reasoning_tokens")?,
                    total_tokens: row.try_get("total_tokens")?,
                    images: row.try_get("images")?,
                    audio_ms: row.try_get("audio_ms")?,
                    characters: row.try_get("characters")?,
                    cost_nanos: row.try_get("cost_nanos")?,
                })
            }
        }
    };
}
from_row!(sqlx::sqlite::SqliteRow);
from_row!(sqlx::postgres::PgRow);
