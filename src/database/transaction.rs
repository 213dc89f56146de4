//! A transaction that writes, over either database.

use super::Database;

/// A transaction; dropping it undoes it.
pub(crate) enum Transaction {
    Sqlite(sqlx::Transaction<'static, sqlx::Sqlite>),
    Postgres(sqlx::Transaction<'static, sqlx::Postgres>),
}

impl Transaction {
    /// Begins one on a connection of its own.
    pub(crate) async fn begin(database: &Database) -> Result<Self, sqlx::Error> {
        let begin = database.begin_write();
        Ok(match database {
            Database::Sqlite(pool) => Self::Sqlite(pool.begin_with(begin).await?),
            Database::Postgres(pool) => Self::Postgres(pool.begin_with(begin).await?),
        })
    }

    /// Makes it so.
    pub(crate) async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(transaction) => transaction.commit().await,
            Self::Postgres(transaction) => transaction.commit().await,
        }
    }
}

/// The same Rust text in either transaction: `in_either!(transaction, t => query.execute(t).await)`.
macro_rules! in_either {
    ($transaction:expr, $connection:ident => $body:expr) => {
        match $transaction {
            $crate::database::Transaction::Sqlite(transaction) => {
                let $connection = &mut **transaction;
                $body
            }
            $crate::database::Transaction::Postgres(transaction) => {
                let $connection = &mut **transaction;
                $body
            }
        }
    };
}
pub(crate) use in_either;
