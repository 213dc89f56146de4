//! One text for both databases.

/// The same Rust text over either database: `on_either!(database, pool => sqlx::query(…).execute(pool).await)`.
macro_rules! on_either {
    ($database:expr, $pool:ident => $body:expr) => {
        match $database {
            $crate::database::Database::Sqlite($pool) => $body,
            $crate::database::Database::Postgres($pool) => $body,
        }
    };
}
pub(crate) use on_either;
