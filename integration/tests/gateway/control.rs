//! `tollgate key …` against a running service, for the tests of issued keys.

use std::path::Path;
use std::process::Output;

use tempfile::TempDir;
use tokio::process::Command;
use tollgate_integration::postgres::Postgres;
use tollgate_integration::stack::{Options, Stack, Tollgate, TollgateLaunch, paths};

/// A replica's control socket, in its directory. The folder is tollgate's to make.
pub(crate) const SOCKET: &str = "control/control.sock";

/// A stack that issues keys, into SQLite.
pub(crate) fn with_sqlite() -> Options {
    Options::default().edit_config(|yaml| with_control(&yaml, SOCKET) + "data_directory: data\n")
}

/// A stack that issues keys, into a PostgreSQL whose password is in the environment.
pub(crate) fn with_postgres(url: &str) -> Options {
    let database = database(url);
    Options::default()
        .tollgate_env(
            "TEST_DATABASE_PASSWORD",
            tollgate_integration::postgres::Postgres::PASSWORD,
        )
        .edit_config(move |yaml| with_control(&yaml, SOCKET) + &database)
}

fn database(url: &str) -> String {
    format!("database: {{ url: \"{url}\", password: {{ env: TEST_DATABASE_PASSWORD }} }}\n")
}

/// Adds a control socket.
fn with_control(yaml: &str, name: &str) -> String {
    let start = yaml.find("unix:").expect("a socket");
    let end = yaml.find("/envoy/tollgate.sock").expect("a socket");
    let directory = &yaml[start..end];
    let admin = "admin: \"127.0.0.1:0\"";
    assert!(yaml.contains(admin), "{yaml}");
    yaml.replacen(
        admin,
        &format!("{admin}, control: \"{directory}/{name}\""),
        1,
    )
}

/// Where a service takes commands.
pub(crate) struct Control(String);

impl Control {
    /// The first replica's.
    pub(crate) fn of(stack: &Stack) -> Self {
        Self::at(&stack.directory().join(SOCKET))
    }

    /// The one at a path.
    pub(crate) fn at(path: &Path) -> Self {
        Self(format!("unix:{}", path.display()))
    }

    /// Runs `tollgate key` with these words.
    pub(crate) async fn run(&self, words: &[&str]) -> Output {
        self.tollgate(&[&["key"], words].concat()).await
    }

    /// Runs `tollgate` with these words.
    pub(crate) async fn tollgate(&self, words: &[&str]) -> Output {
        let program = paths::binary("tollgate").expect("built before the tests run");
        let mut command = Command::new(program);
        command.args(words).env("TOLLGATE_CONTROL", &self.0);
        command.output().await.expect("tollgate runs")
    }

    /// What it prints where it must succeed.
    pub(crate) async fn ok(&self, words: &[&str]) -> String {
        let output = self.run(words).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "key {words:?}: {said}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// What it says where it must fail.
    pub(crate) async fn refused(&self, words: &[&str]) -> String {
        let output = self.run(words).await;
        assert_eq!(output.status.code(), Some(1), "key {words:?}: {output:?}");
        assert!(output.stdout.is_empty(), "key {words:?} printed something");
        String::from_utf8(output.stderr).expect("text")
    }

    /// Issues a key to `mobile-app`: the key and its id.
    pub(crate) async fn issue(&self, more: &[&str]) -> (String, String) {
        let words = [
            &["issue", "--client", "mobile-app", "--slot", "secondary"],
            more,
        ]
        .concat();
        first_line(&self.ok(&words).await)
    }

    /// Rotates a key: the new key and its id.
    pub(crate) async fn rotate(&self, id: &str, grace: &str) -> (String, String) {
        first_line(&self.ok(&["rotate", id, "--grace", grace]).await)
    }
}

fn first_line(printed: &str) -> (String, String) {
    let key = printed.lines().next().expect("the key stands first");
    let id = key.strip_prefix("tgk_").and_then(|it| it.get(..10));
    (key.to_owned(), id.expect("a tollgate key").to_owned())
}

/// Another replica beside the one of a stack, on the same PostgreSQL and with the same configuration.
pub(crate) struct Second {
    /// Where it takes commands.
    pub(crate) control: Control,
    _tollgate: Tollgate,
    _directory: TempDir,
}

impl Second {
    pub(crate) async fn of(stack: &Stack) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let mut launch = TollgateLaunch::new(directory.path(), &stack.identity);
        let password = ("TEST_DATABASE_PASSWORD".into(), Postgres::PASSWORD.into());
        launch.environment.push(password);
        let yaml = std::fs::read_to_string(stack.config_path()).expect("the first one's");
        let first = stack.directory().display().to_string();
        let yaml = yaml.replace(&first, &directory.path().display().to_string());
        let authority = directory.path().join("authority.pem");
        std::fs::copy(stack.authority(), authority).expect("copied");
        launch.configure(&yaml, Vec::new()).expect("written");
        let mut tollgate = Tollgate::start(&launch).await.expect("it starts");
        tollgate.ready().await.expect("it is ready");
        Self {
            control: Control::at(&directory.path().join(SOCKET)),
            _tollgate: tollgate,
            _directory: directory,
        }
    }
}
