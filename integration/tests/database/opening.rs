//! Opening: tables, permissions, and what is said when it fails.

use std::os::unix::fs::PermissionsExt;

use tollgate::control::KEYS;
use tollgate::database::{Database, DatabaseError, DatabaseUrl, PostgresUrl, Synchronous};

use crate::rig::{places, postgres};

#[tokio::test]
async fn a_database_is_made_once_and_opened_again() {
    for place in places(KEYS) {
        for round in ["made", "opened again"] {
            let opened = Database::open(&place.url, KEYS).await;
            let database = opened.unwrap_or_else(|error| panic!("{} {round}: {error}", place.name));
            database.close().await;
        }
    }
}

#[tokio::test]
async fn replicas_that_start_together_make_the_tables_once() {
    let place = postgres();
    let open = || Database::open(&place.url, KEYS);
    let (a, b, c) = tokio::join!(open(), open(), open());
    for database in [a, b, c] {
        database.expect("a replica that starts").close().await;
    }
}

#[tokio::test]
async fn the_file_is_for_this_user_only() {
    let directory = tempfile::tempdir().expect("a directory");
    let folder = directory.path().join("made/for/it");
    let url = DatabaseUrl::in_directory(&folder, KEYS, Synchronous::Full);
    let database = Database::open(&url, KEYS).await.expect("opened");
    let mode = |path: &std::path::Path| {
        std::fs::metadata(path)
            .expect("it is there")
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode(&folder), 0o700);
    for file in std::fs::read_dir(&folder).expect("the folder").flatten() {
        assert_eq!(mode(&file.path()), 0o600, "{}", file.path().display());
    }
    database.close().await;
}

#[tokio::test]
async fn a_file_that_is_no_database_is_left_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let url = DatabaseUrl::in_directory(directory.path(), KEYS, Synchronous::Full);
    let text = "something of somebody else's, and longer than SQLite's header is.\n".repeat(20);
    std::fs::write(url.to_string(), &text).expect("written");
    let error = Database::open(&url, KEYS).await.expect_err("no database");
    assert!(matches!(error, DatabaseError::Open { .. }), "{error}");
    assert!(error.to_string().contains("keys.db"), "{error}");
    let kept = std::fs::read_to_string(url.to_string()).expect("still there");
    assert_eq!(kept, text);
}

#[tokio::test]
async fn a_wrong_password_and_a_server_that_is_away_are_said_without_the_password() {
    let place = postgres();
    let server = place.postgres.as_ref().expect("a server");
    let wrong = |password: &str| {
        let url = PostgresUrl::new(&server.url(), Some(password.into()));
        DatabaseUrl::Postgres(url.expect("its address"))
    };
    let url = wrong("canary-9b1e");
    let refused = Database::open(&url, KEYS)
        .await
        .expect_err("a wrong password");
    server.down().expect("it stops");
    let away = Database::open(&url, KEYS).await.expect_err("nobody there");
    for error in [refused, away] {
        let printed = format!("{error} {error:?} {url} {url:?}");
        assert!(matches!(error, DatabaseError::Open { .. }), "{printed}");
        assert!(
            printed.contains("postgres://tollgate@127.0.0.1:"),
            "{printed}"
        );
        assert!(!printed.contains("canary"), "{printed}");
    }
}
