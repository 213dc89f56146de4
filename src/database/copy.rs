//! A copy of a SQLite file that others write meanwhile.

use std::fs::{File, OpenOptions, hard_link};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use super::open::{BUSY_TIMEOUT, FILE_MODE};

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The file can't be read.
    #[error("{} can't be read: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        source: sqlx::Error,
    },
    /// It can't be read, or the copy can't be written: SQLite does both in one.
    #[error("{} can't be copied to {}: {source}", file.display(), to.display())]
    Copy {
        /// The file.
        file: PathBuf,
        /// The copy.
        to: PathBuf,
        /// Why.
        source: sqlx::Error,
    },
    /// The copy can't be written.
    #[error("{} can't be written: {source}", file.display())]
    Write {
        /// The copy.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// SQLite finds mistakes in the copy.
    #[error("{} is damaged, and so is its copy: {said}", file.display())]
    Damaged {
        /// The file that was copied.
        file: PathBuf,
        /// What SQLite says.
        said: String,
    },
}

/// Copies a file as it is at one moment, and holds up nobody who writes
/// (<https://www.sqlite.org/lang_vacuum.html#vacuuminto>). The copy is examined, on the disk and readable by this user
/// alone, or it is not there. Gives its bytes.
pub(super) async fn copy(file: &Path, to: &Path) -> Result<u64, CopyError> {
    let failed = |source| CopyError::Write {
        file: to.to_owned(),
        source,
    };
    if to.exists() {
        return Err(failed(io::ErrorKind::AlreadyExists.into()));
    }
    let mut partial = to.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    // Ours, or none: somebody else's file would keep its owner and mode. SQLite takes an empty one as it is.
    let mut new = OpenOptions::new();
    let new = new.write(true).create_new(true).mode(FILE_MODE);
    new.open(&partial).map_err(|source| CopyError::Write {
        file: partial.clone(),
        source,
    })?;
    let written = write(file, &partial).await;
    let finished = written.and_then(|bytes| {
        let folder = to.parent().filter(|it| !it.as_os_str().is_empty());
        let synced = || {
            File::open(&partial)?.sync_all()?;
            // Not a renaming, which would take the place of a file that has come meanwhile.
            hard_link(&partial, to)?;
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
        };
        synced().map_err(failed)?;
        Ok(bytes)
    });
    let _ = std::fs::remove_file(&partial);
    finished
}

async fn write(file: &Path, partial: &Path) -> Result<u64, CopyError> {
    let read = |source| CopyError::Read {
        file: file.to_owned(),
        source,
    };
    let failed = |source| CopyError::Copy {
        file: file.to_owned(),
        to: partial.to_owned(),
        source,
    };
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(false)
        .busy_timeout(BUSY_TIMEOUT)
        .disable_statement_logging();
    let mut connection = options.connect().await.map_err(read)?;
    let target = partial.to_string_lossy().into_owned();
    sqlx::query("VACUUM INTO $1")
        .bind(target)
        .execute(&mut connection)
        .await
        .map_err(failed)?;
    connection.close().await.map_err(read)?;
    let options = SqliteConnectOptions::new()
        .filename(partial)
        .read_only(true)
        .disable_statement_logging();
    let mut copied = options.connect().await.map_err(failed)?;
    let said: String = sqlx::query_scalar("PRAGMA integrity_check(1)")
        .fetch_one(&mut copied)
        .await
        .map_err(failed)?;
    copied.close().await.map_err(failed)?;
    if said != "ok" {
        let file = file.to_owned();
        return Err(CopyError::Damaged { file, said });
    }
    let length = std::fs::metadata(partial).map(|it| it.len());
    length.map_err(|source| CopyError::Write {
        file: partial.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::database::{Database, DatabaseUrl, Purpose, Synchronous};

    const NOTES: Purpose = Purpose {
        file_name: "notes.db",
        migrations_table: "notes_migrations",
        steps: &[(1, "notes", "CREATE TABLE notes (text TEXT NOT NULL)")],
        max_connections: 2,
        statement_timeout: BUSY_TIMEOUT,
    };

    async fn texts(file: &Path) -> Vec<String> {
        let options = SqliteConnectOptions::new().filename(file).read_only(true);
        let mut connection = options.connect().await.expect("open");
        let texts = sqlx::query_scalar("SELECT text FROM notes").fetch_all(&mut connection);
        texts.await.expect("read")
    }

    #[tokio::test]
    async fn a_copy_has_what_was_committed_while_the_file_is_in_use() {
        let folder = tempfile::tempdir().expect("a directory");
        let url = DatabaseUrl::in_directory(folder.path(), NOTES, Synchronous::Full);
        let database = Database::open(&url, NOTES).await.expect("open");
        let Database::Sqlite(pool) = &database else {
            panic!("a file")
        };
        let insert = "INSERT INTO notes VALUES ($1)";
        sqlx::query(insert)
            .bind("one")
            .execute(pool)
            .await
            .expect("in");
        let mut writing = pool.begin().await.expect("begun");
        let two = sqlx::query(insert).bind("two").execute(&mut *writing);
        two.await.expect("in");
        let (file, to) = (
            folder.path().join("notes.db"),
            folder.path().join("copy.db"),
        );
        let bytes = copy(&file, &to).await.expect("a copy");
        writing.commit().await.expect("committed");
        assert_eq!(texts(&to).await, ["one"]);
        let metadata = std::fs::metadata(&to).expect("there");
        assert_eq!(metadata.len(), bytes);
        assert_eq!(metadata.permissions().mode() & 0o777, FILE_MODE);
        // What is there is never written over, and nothing half is left.
        let again = copy(&file, &to).await.expect_err("it is there");
        assert!(again.to_string().contains("copy.db"), "{again}");
        let missing = folder.path().join("none.db");
        let other = folder.path().join("other.db");
        copy(&missing, &other).await.expect_err("nothing to copy");
        std::fs::write(
            &missing,
            "not a database, and long enough to be read as one",
        )
        .expect("in");
        copy(&missing, &other).await.expect_err("no database");
        // Somebody else's file is not written to, and stays.
        let planted = folder.path().join("third.db.partial");
        std::fs::write(&planted, "theirs").expect("in");
        let third = folder.path().join("third.db");
        let refused = copy(&file, &third).await.expect_err("not ours");
        assert!(
            refused.to_string().contains("third.db.partial"),
            "{refused}"
        );
        assert_eq!(std::fs::read(&planted).expect("there"), b"theirs");
        assert!(!third.exists());
        std::fs::remove_file(planted).expect("gone");
        let left = std::fs::read_dir(folder.path()).expect("a folder");
        let left: Vec<_> = left
            .filter_map(|it| it.ok()?.file_name().into_string().ok())
            .collect();
        assert!(
            !left
                .iter()
                .any(|it| it.contains("other") || it.contains("partial")),
            "{left:?}"
        );
    }
}
