//! Stored objects: in the order of their changes, and how they go again.

use sqlx::AssertSqlSafe;

use super::object_row::kind_name;
use super::{ObjectRow, Position, UsageStore};
use crate::access::ObjectKind;
use crate::database::{DatabaseError, on_either};

impl UsageStore {
    /// Objects that were changed after a position, in the order of their changes, and the position
    /// after them. As with records, nothing is passed over that a server's transaction writes late.
    ///
    /// # Errors
    /// The database's.
    pub async fn objects_after(
        &self,
        after: Position,
        limit: i64,
    ) -> Result<(Vec<ObjectRow>, Position), DatabaseError> {
        self.follow_table("stored_objects", after, limit).await
    }

    /// Deletes at most so many objects that are too old: files and batches from before one moment, and
    /// others, and what is said of deleted ones, from before a later one. Gives how many there were.
    ///
    /// # Errors
    /// The database's.
    pub async fn prune_old_objects(
        &self,
        files_before_ms: i64,
        others_before_ms: i64,
        limit: i64,
    ) -> Result<u64, DatabaseError> {
        const PRUNE: &str = "DELETE FROM stored_objects WHERE seq IN (SELECT seq FROM stored_objects \
             WHERE created_ms < $1 OR (created_ms < $2 AND (deleted = 1 OR kind NOT IN ('file', 'batch'))) \
             ORDER BY seq LIMIT $3)";
        Ok(on_either!(&self.database, pool => {
            let query = sqlx::query(PRUNE).bind(files_before_ms).bind(others_before_ms);
            query.bind(limit).execute(pool).await?.rows_affected()
        }))
    }

    /// Objects of a kind for which there is no room, by `seq`: of each client the oldest, and most of
    /// those that have most; none that is still to be charged. At most so many.
    ///
    /// # Errors
    /// The database's.
    pub async fn objects_beyond(
        &self,
        kind: ObjectKind,
        room: i64,
        limit: i64,
    ) -> Result<Vec<i64>, DatabaseError> {
        const COUNT: &str = "SELECT COUNT(*) FROM stored_objects WHERE kind = $1 AND deleted = 0";
        // The newest of each client come first, then the newest but one of each, and so on.
        const BEYOND: &str = "SELECT seq FROM (SELECT seq, \
             ROW_NUMBER() OVER (PARTITION BY client ORDER BY seq DESC) AS place \
             FROM stored_objects WHERE kind = $1 AND deleted = 0 \
             AND (known IS NULL OR known NOT IN ('background', 'batch'))) AS ranked \
             ORDER BY place, seq DESC LIMIT $2 OFFSET $3";
        let kind = kind_name(kind);
        Ok(on_either!(&self.database, pool => {
            let count: i64 = sqlx::query_scalar(COUNT).bind(kind).fetch_one(pool).await?;
            if count <= room {
                return Ok(Vec::new());
            }
            let query = sqlx::query_scalar(BEYOND).bind(kind).bind(limit).bind(room);
            query.fetch_all(pool).await?
        }))
    }

    /// Deletes objects by their `seq`.
    ///
    /// # Errors
    /// The database's.
    pub async fn delete_objects(&self, seqs: &[i64]) -> Result<(), DatabaseError> {
        let places: Vec<_> = (1..=seqs.len()).map(|it| format!("${it}")).collect();
        let places = places.join(", ");
        let statement = format!("DELETE FROM stored_objects WHERE seq IN ({places})");
        on_either!(&self.database, pool => {
            let query = sqlx::query(AssertSqlSafe(statement));
            let query = seqs.iter().fold(query, |query, seq| query.bind(*seq));
            query.execute(pool).await?;
        });
        Ok(())
    }
}

/// The statement that writes so many rows to a file, of `values`. An object stays with its first
/// client; a change gives its row a new `seq`.
pub(super) fn replace(columns: &str, values: &str) -> String {
    format!(
        "INSERT OR REPLACE INTO stored_objects ({columns}) \
         SELECT * FROM (VALUES {values}) AS new WHERE NOT EXISTS \
         (SELECT 1 FROM stored_objects AS known WHERE known.kind = new.column1 \
         AND known.id = new.column2 AND known.client <> new.column3)"
    )
}

/// The statement that writes so many rows to a server. They come from several replicas in any order,
/// and more than once: what is counted or deleted stays so.
pub(super) fn merge(columns: &str, values: &str) -> String {
    format!(
        "INSERT INTO stored_objects ({columns}) VALUES {values} \
         ON CONFLICT (kind, id) DO UPDATE SET created_ms = excluded.created_ms, \
         known = CASE WHEN stored_objects.known IS NULL THEN NULL ELSE excluded.known END, \
         deleted = GREATEST(stored_objects.deleted, excluded.deleted), \
         seq = DEFAULT, written_by = DEFAULT \
         WHERE stored_objects.client = excluded.client \
         AND (stored_objects.deleted < excluded.deleted \
         OR (stored_objects.known IS NOT NULL AND excluded.known IS NULL))"
    )
}
