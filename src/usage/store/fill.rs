//! Filling the file from its log: each frame once, whoever does it and however often.
//!
//! The place up to which a log is in the file is changed in the transaction that writes the rows, and
//! read in it: the service and a command may fill at once, and a process may be killed anywhere.

use std::io;

use sqlx::SqliteConnection;

use super::entry::{LogEntry, Placed};
use super::{UsageStore, insert};
use crate::database::{Database, DatabaseError};
use crate::usage::log::{Frame, LogId, Scan};

/// Entries of one transaction: others who want to write wait for it.
pub(super) const MAX_ENTRIES: usize = 1024;

/// What is done where frames are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gap {
    /// What follows is taken all the same: the rest is gone for good.
    Pass,
    /// Nothing more is taken: it may still be on its way.
    Stop,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filled {
    /// The last place that is in the file now.
    pub(crate) place: u64,
    /// The `seq` of the last record.
    pub(crate) last_seq: i64,
    /// Frames that are missing.
    pub(crate) missing: u64,
}

impl Placed {
    /// The entries of frames. One that can't be understood is missing, as one is that can't be read.
    pub(crate) fn all(frames: &[Frame<'_>]) -> Vec<Self> {
        let entry = |frame: &Frame<'_>| {
            let place = frame.place;
            LogEntry::read(frame.payload).map(|entry| Self { place, entry })
        };
        frames.iter().filter_map(entry).collect()
    }
}

impl UsageStore {
    /// Takes entries of a log, in their order, that are not in the file yet.
    ///
    /// # Errors
    /// The database's; what was not taken is taken the next time.
    pub(crate) async fn fill(
        &self,
        log: LogId,
        entries: &[Placed],
        gap: Gap,
    ) -> Result<Filled, DatabaseError> {
        let Database::Sqlite(pool) = &self.database else {
            return Ok(Filled::default());
        };
        let mut all = Filled::default();
        for some in entries.chunks(MAX_ENTRIES) {
            let filled = insert::in_one(pool, async |connection| {
                fill(connection, log, some, gap).await
            });
            let filled = filled.await?;
            let missing = all.missing + filled.missing;
            all = Filled { missing, ..filled };
        }
        Ok(all)
    }

    /// Brings the file up to what its log has by now. For those who read it: the service does it by
    /// itself, a moment later.
    ///
    /// # Errors
    /// The database's, or the log can't be read.
    pub async fn catch_up(&self) -> Result<(), DatabaseError> {
        let Some(folder) = &self.log else {
            return Ok(());
        };
        for segment in folder.segments().map_err(DatabaseError::Log)? {
            let bytes = match folder.read(segment) {
                // Its frames are in the file by now.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                read => read.map_err(DatabaseError::Log)?.1,
            };
            let frames = Scan::whole(segment.log, &bytes).frames;
            let entries = Placed::all(&frames);
            self.fill(segment.log, &entries, Gap::Stop).await?;
        }
        Ok(())
    }

    /// Forgets the places of old logs, whose segments are gone. Some are kept: a command may just have
    /// read one.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn forget_old_logs(&self) -> Result<(), DatabaseError> {
        const FORGET: &str = "DELETE FROM log_places WHERE log NOT IN \
             (SELECT log FROM log_places ORDER BY log DESC LIMIT 16)";
        if let Database::Sqlite(pool) = &self.database {
            sqlx::query(FORGET).execute(pool).await?;
        }
        Ok(())
    }
}

async fn fill(
    connection: &mut SqliteConnection,
    log: LogId,
    entries: &[Placed],
    gap: Gap,
) -> Result<Filled, sqlx::Error> {
    const PLACE: &str = "SELECT place FROM log_places WHERE log = $1";
    const MOVE: &str = "INSERT INTO log_places (log, place) VALUES ($1, $2) \
         ON CONFLICT (log) DO UPDATE SET place = excluded.place";
    let known: Option<i64> = sqlx::query_scalar(PLACE)
        .bind(log.as_bytes().to_vec())
        .fetch_optional(&mut *connection)
        .await?;
    let mut filled = Filled {
        place: known.and_then(|it| u64::try_from(it).ok()).unwrap_or(0),
        ..Filled::default()
    };
    let before = filled.place;
    let (mut records, mut objects) = (Vec::new(), Vec::new());
    for Placed { place, entry } in entries {
        let Some(missing) = place.checked_sub(filled.place + 1) else {
            continue;
        };
        if missing > 0 && gap == Gap::Stop {
            break;
        }
        filled.missing += missing;
        filled.place = *place;
        records.extend(entry.record.as_ref());
        objects.extend(&entry.objects);
    }
    if filled.place > before {
        filled.last_seq = insert::write_sqlite(connection, &records, &objects).await?;
        sqlx::query(MOVE)
            .bind(log.as_bytes().to_vec())
            .bind(i64::try_from(filled.place).unwrap_or(i64::MAX))
            .execute(&mut *connection)
            .await?;
    }
    Ok(filled)
}
