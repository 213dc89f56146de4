//! Keys that are issued, rotated, suspended and revoked while requests run.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use reqwest::StatusCode;
use tokio::process::Command;
use tokio::time::{Instant, sleep};
use tollgate_integration::postgres::{Postgres, is_root};
use tollgate_integration::stack::{CHAT_PATH, Stack, paths, wait_for};

use crate::control::{Control, SOCKET, Second, with_postgres, with_sqlite};
use crate::support::{hello, metric, refused_for, send};

/// Every replica has to honour a change in this time.
const HONOURED_WITHIN: Duration = Duration::from_secs(5);

/// The status of a chat with a key, over HTTP/1.1 on a connection that is kept.
async fn status(stack: &Stack, key: &str) -> u16 {
    let request = stack.callers.http1().post(stack.callers.url(CHAT_PATH));
    let response = send(request.header("api-key", key).json(&hello())).await;
    let status = response.status().as_u16();
    response.bytes().await.expect("a whole body");
    status
}

/// Asks until the answer has a status, no longer than a change may take.
async fn becomes(stack: &Stack, key: &str, wanted: u16) {
    let end = Instant::now() + HONOURED_WITHIN;
    loop {
        let got = status(stack, key).await;
        if got == wanted {
            return;
        }
        assert!(Instant::now() < end, "still {got}, not {wanted}, after 5 s");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn an_issued_key_works_at_once_and_a_revoked_one_is_denied_on_the_connection_it_has_open() {
    let stack = Stack::start(with_sqlite()).await;
    let control = Control::of(&stack);
    let (key, id) = control.issue(&["--not-after", "2090-01-01"]).await;
    becomes(&stack, &key, 200).await;
    let connections = "http.callers.downstream_cx_total";
    let before = stack.envoy.stat(connections).await.expect("a counter");
    control.ok(&["revoke", &id]).await;
    becomes(&stack, &key, 401).await;
    let after = stack.envoy.stat(connections).await.expect("a counter");
    assert_eq!(before, after, "it was the same connection");
    let line = refused_for(&stack, "key_revoked").await;
    assert_eq!(
        (&line["client"], &line["key_id"], &line["credential"]),
        (
            &"mobile-app".into(),
            &id.as_str().into(),
            &"key.secondary".into()
        ),
        "{line}"
    );
    assert_eq!(
        status(&stack, stack.key.text()).await,
        200,
        "the file's key"
    );

    let line = stack.tollgate().audit();
    let revoked = line
        .wait_for_json("the change", |line| line["action"] == "revoke")
        .await;
    assert_eq!(revoked["event"], "key");
    assert_eq!(revoked["key"], id.as_str());
    assert_eq!(revoked["client"], "mobile-app");
    assert_eq!(revoked["slot"], "secondary");
    let by = revoked["by"].as_str().unwrap_or_default();
    assert!(by.starts_with("uid:"), "{revoked}");
    for action in ["issue", "revoke"] {
        let label = format!("action=\"{action}\"");
        let count = metric(&stack, "tollgate_key_changes_total", &[&label]).await;
        assert!((count - 1.0).abs() < 0.1, "{action}: {count}");
    }
    let revoked = metric(&stack, "tollgate_issued_keys", &["state=\"revoked\""]).await;
    assert!((revoked - 1.0).abs() < 0.1, "{revoked}");
}

#[tokio::test]
async fn a_suspended_key_may_be_resumed_and_a_restart_keeps_every_key() {
    let mut stack = Stack::start(with_sqlite()).await;
    let control = Control::of(&stack);
    let (key, id) = control.issue(&[]).await;
    control.ok(&["suspend", &id]).await;
    becomes(&stack, &key, 401).await;
    refused_for(&stack, "key_suspended").await;
    stack.restart_tollgate().await.expect("it starts again");
    assert_eq!(status(&stack, &key).await, 401, "suspended still");
    control.ok(&["resume", &id]).await;
    becomes(&stack, &key, 200).await;

    let (successor, next) = control.rotate(&id, "24h").await;
    for good in [&key, &successor] {
        becomes(&stack, good, 200).await;
    }
    let (last, _) = control.rotate(&next, "0s").await;
    becomes(&stack, &successor, 401).await;
    refused_for(&stack, "key_expired").await;
    stack.restart_tollgate().await.expect("it starts again");
    for (key, wanted) in [(&key, 200), (&successor, 401), (&last, 200)] {
        assert_eq!(status(&stack, key).await, wanted, "after a restart");
    }
}

#[tokio::test]
async fn what_one_replica_revokes_another_one_denies_within_five_seconds() {
    let postgres = Postgres::start().expect("a PostgreSQL");
    let stack = Stack::start(with_postgres(&postgres.url())).await;
    let second = Second::of(&stack).await;
    let other = &second.control;

    let (key, id) = other.issue(&[]).await;
    becomes(&stack, &key, 200).await;
    let listed = Control::of(&stack).ok(&["list", "--json"]).await;
    assert!(listed.contains(&id), "{listed}");
    other.ok(&["revoke", &id]).await;
    becomes(&stack, &key, 401).await;
    refused_for(&stack, "key_revoked").await;
}

#[tokio::test]
async fn known_keys_go_on_while_postgresql_is_away_and_changes_arrive_after_it() {
    let postgres = Postgres::start().expect("a PostgreSQL");
    let stack = Stack::start(with_postgres(&postgres.url())).await;
    let control = Control::of(&stack);
    let (key, id) = control.issue(&[]).await;
    becomes(&stack, &key, 200).await;
    postgres.down().expect("it stops");
    let said = control.refused(&["revoke", &id]).await;
    assert!(said.contains("database"), "{said}");
    let log = stack.tollgate().log();
    wait_for("the outage in the log", async || {
        let lines = log.all();
        lines
            .iter()
            .any(|line| line.contains("known keys stay in use"))
            .then_some(())
    })
    .await;
    assert_eq!(status(&stack, &key).await, 200, "what is known stays good");
    let ready = stack.tollgate().admin("/readyz").await.expect("an answer");
    assert_eq!(ready.0, StatusCode::OK, "{}", ready.1);
    let age = metric(&stack, "tollgate_issued_keys_poll_age_seconds", &[]).await;
    assert!(age > 0.0, "the outage is measured: {age}");

    postgres.up().expect("it starts");
    wait_for("the database to be back", async || {
        let output = control.run(&["revoke", &id]).await;
        output.status.success().then_some(())
    })
    .await;
    becomes(&stack, &key, 401).await;
}

#[tokio::test]
async fn until_the_keys_are_loaded_an_unknown_key_is_unavailable_and_not_wrong() {
    let postgres = Postgres::start().expect("a PostgreSQL");
    let before = Stack::start(with_postgres(&postgres.url())).await;
    let (key, _) = Control::of(&before).issue(&[]).await;
    drop(before);
    postgres.down().expect("it stops");
    let stack = Stack::start(with_postgres(&postgres.url())).await;
    let (code, said) = stack.tollgate().admin("/readyz").await.expect("an answer");
    assert_eq!(code, StatusCode::OK, "other credentials are served");
    assert!(said.contains("issued keys: not loaded"), "{said}");
    becomes(&stack, stack.key.text(), 200).await;
    let request = stack.callers.http1().post(stack.callers.url(CHAT_PATH));
    let response = send(request.header("api-key", &key).json(&hello())).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(response.headers().contains_key("retry-after"));
    refused_for(&stack, "keys_unavailable").await;
    let said = Control::of(&stack).refused(&["list"]).await;
    assert!(said.contains("could not open its database"), "{said}");

    postgres.up().expect("it starts");
    wait_for("the key to be known", async || {
        (status(&stack, &key).await == 200).then_some(())
    })
    .await;
    let (_, said) = stack.tollgate().admin("/readyz").await.expect("an answer");
    assert_eq!(said, "ready\n");
}

#[tokio::test]
async fn every_wrong_command_is_refused_with_what_to_do() {
    let stack = Stack::start(with_sqlite()).await;
    let control = Control::of(&stack);
    let (key, id) = control.issue(&[]).await;
    let (_, replaced) = (key, id.clone());
    let (_, id) = control.rotate(&replaced, "1h").await;
    let issue = ["issue", "--client", "mobile-app"];
    let with = |more: &[&'static str]| [&issue[..], more].concat();
    for (words, reason) in [
        (vec!["issue", "--client", "nobody"], "no client `nobody`"),
        (with(&[]), "in the configuration file"),
        (with(&["--slot", "secondary"]), "rotate it"),
        (
            with(&["--not-after", "soon"]),
            "`soon` is not a date or time",
        ),
        (
            with(&["--slot", "secondary", "--not-after", "2001-01-01"]),
            "never be valid",
        ),
        (
            with(&[
                "--slot",
                "secondary",
                "--not-before",
                "2091-01-01",
                "--not-after",
                "2090-01-01",
            ]),
            "never be valid",
        ),
        (
            vec!["rotate", &id, "--grace", "1w"],
            "`1w` is not a duration",
        ),
        (vec!["rotate", &replaced], "was already replaced by"),
        (vec!["rotate", "AAAAAAAAAA"], "no key `AAAAAAAAAA`"),
        (vec!["resume", &id], "is already active"),
        (vec!["revoke", stack.key.text()], "is not a key id"),
        (vec!["list", "--client", "nobody"], "no client `nobody`"),
        (
            vec!["list", "--control", "tcp:here"],
            "is not a control socket",
        ),
        (
            vec!["list", "--control", "unix:/nowhere/x.sock"],
            "listen.control",
        ),
    ] {
        let said = control.refused(&words).await;
        assert!(said.contains(reason), "key {words:?}: {said}");
        assert!(
            !said.contains(&stack.key.text()[16..]),
            "a key came back: {said}"
        );
    }
    control.ok(&["revoke", &id]).await;
    for words in [
        ["resume", &id],
        ["suspend", &id],
        ["rotate", &id],
        ["revoke", &id],
    ] {
        let said = control.refused(&words).await;
        assert!(said.contains("permanent"), "key {words:?}: {said}");
    }
    let table = control.ok(&["list"]).await;
    for word in [
        id.as_str(),
        "mobile-app",
        "secondary",
        "revoked",
        "replaced by",
        "uid:",
    ] {
        assert!(table.contains(word), "{word}: {table}");
    }
}

/// Only root may become somebody else, so elsewhere the permissions of the socket are all there is.
#[tokio::test]
async fn the_control_socket_takes_nothing_from_another_user() {
    let stack = Stack::start(with_sqlite()).await;
    let socket = stack.directory().join(SOCKET);
    let mode = |path: &std::path::Path| {
        std::fs::metadata(path)
            .expect("it is there")
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode(&socket), 0o600);
    let folder = socket.parent().expect("a folder of its own");
    assert_eq!(mode(folder), 0o700, "made by tollgate");
    if !is_root() {
        return;
    }
    let program = stack.directory().join("tollgate-for-all");
    std::fs::copy(paths::binary("tollgate").expect("built"), &program).expect("copied");
    let open = |path: &std::path::Path, mode| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(path, mode).expect("set");
    };
    open(stack.directory(), 0o755);
    open(&program, 0o755);
    let as_nobody = async || {
        let mut command = Command::new("runuser");
        command.args(["-u", "nobody", "--"]).arg(&program);
        command.args([
            "key",
            "issue",
            "--client",
            "mobile-app",
            "--slot",
            "secondary",
        ]);
        command.args(["--control", &format!("unix:{}", socket.display())]);
        let output = command.output().await.expect("runuser runs");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let said = as_nobody().await;
    assert!(said.contains("may not open"), "the folder's mode: {said}");
    open(folder, 0o755);
    let said = as_nobody().await;
    assert!(said.contains("may not open"), "the socket's mode: {said}");
    open(&socket, 0o666);
    let said = as_nobody().await;
    assert!(
        said.contains("only root and the user"),
        "the peer's uid: {said}"
    );
    let listed = Control::of(&stack).ok(&["list"]).await;
    assert_eq!(listed, "no key was issued\n");
}

#[tokio::test]
async fn a_key_of_a_client_that_the_file_no_longer_has_is_refused() {
    let mut stack = Stack::start(with_sqlite()).await;
    let control = Control::of(&stack);
    let (key, id) = control.issue(&[]).await;
    becomes(&stack, &key, 200).await;
    let yaml = std::fs::read_to_string(stack.config_path()).expect("the file");
    let other = yaml.replace("id: mobile-app", "id: web-shop");
    std::fs::write(stack.config_path(), other).expect("written");
    stack.restart_tollgate().await.expect("it starts again");
    assert_eq!(status(&stack, &key).await, 401);
    let line = refused_for(&stack, "key_client_unknown").await;
    let whose = (&line["client"], &line["key_id"]);
    assert_eq!(whose, (&"mobile-app".into(), &id.as_str().into()), "{line}");
    assert_eq!(
        status(&stack, stack.key.text()).await,
        200,
        "the file's key"
    );
}

#[tokio::test]
async fn without_a_database_there_are_no_issued_keys_and_no_socket() {
    let stack = Stack::start(tollgate_integration::stack::Options::default()).await;
    let yaml = std::fs::read_to_string(stack.config_path()).expect("the file");
    for key in ["data_directory", "database", "control"] {
        assert!(!yaml.contains(key), "{yaml}");
    }
    let said = Control::of(&stack).refused(&["list"]).await;
    assert!(said.contains("no tollgate is listening"), "{said}");
    let text = stack.tollgate().metrics().await.expect("metrics");
    assert!(!text.contains("tollgate_issued_keys"), "{text}");
}
