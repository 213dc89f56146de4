//! Rows: their columns, once, for both databases.

use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Postgres, Sqlite};

/// What is written and read of a table.
pub(super) trait Columns {
    /// The columns that are written, in their order.
    const NAMES: &'static [&'static str];

    /// Binds the row's values.
    fn bind_sqlite<'q>(
        &self,
        query: Query<'q, Sqlite, SqliteArguments>,
    ) -> Query<'q, Sqlite, SqliteArguments>;

    /// Binds the row's values.
    fn bind_postgres<'q>(
        &self,
        query: Query<'q, Postgres, PgArguments>,
    ) -> Query<'q, Postgres, PgArguments>;
}

/// A struct whose fields are the columns of a table.
macro_rules! row {
    (
        $(#[$of_row:meta])*
        pub struct $row:ident { $($(#[$of_column:meta])* $name:ident: $type:ty,)* }
    ) => {
        $(#[$of_row])*
        pub struct $row {
            $($(#[$of_column])* pub $name: $type,)*
        }

        impl $crate::usage::store::columns::Columns for $row {
            const NAMES: &'static [&'static str] = &[$(stringify!($name)),*];

            fn bind_sqlite<'q>(
                &self,
                query: sqlx::query::Query<'q, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>,
            ) -> sqlx::query::Query<'q, sqlx::Sqlite, sqlx::sqlite::SqliteArguments> {
                query$(.bind(self.$name.clone()))*
            }

            fn bind_postgres<'q>(
                &self,
                query: sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments>,
            ) -> sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments> {
                query$(.bind(self.$name.clone()))*
            }
        }

        impl sqlx::FromRow<'_, sqlx::sqlite::SqliteRow> for $row {
            fn from_row(row: &sqlx::sqlite::SqliteRow) -> Result<Self, sqlx::Error> {
                Ok(Self { $($name: sqlx::Row::try_get(row, stringify!($name))?,)* })
            }
        }

        impl sqlx::FromRow<'_, sqlx::postgres::PgRow> for $row {
            fn from_row(row: &sqlx::postgres::PgRow) -> Result<Self, sqlx::Error> {
                Ok(Self { $($name: sqlx::Row::try_get(row, stringify!($name))?,)* })
            }
        }
    };
}
pub(super) use row;
