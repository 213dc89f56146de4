//! Files, the database, and Redis.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use tollgate_integration::postgres::Postgres;
use tollgate_integration::redis::Redis;
use tollgate_integration::stack::paths;

use super::{Rig, command, diagnosis, sound};

/// Somebody who owns nothing here.
const NOBODY: u32 = 65_534;

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("set");
}

#[tokio::test]
async fn a_data_directory_that_can_not_be_written_to_is_found() {
    let rig = Rig::start(sound()).await;
    let at = ("files", "data directory");
    let yaml = rig.yaml() + "data_directory: data\n";
    let found = rig.examine(&yaml).await;
    found.assert(at, "ok", "can be written to", "");
    found.assert_only(&[]);
    assert!(!rig.folder.path().join("data").exists(), "it was made");

    // Whoever is root may write anywhere: then another user looks.
    let data = rig.folder.path().join("data");
    std::fs::create_dir(&data).expect("made");
    set_mode(&data, 0o555);
    set_mode(rig.folder.path(), 0o777);
    let config = rig.write("tollgate.yaml", &yaml);
    let mut command = command(&config, &rig.identity);
    if chown(&config, Some(NOBODY), None).is_ok() {
        // The program may be in a folder that nobody else can enter.
        let program = rig.folder.path().join("tollgate");
        let built = paths::binary("tollgate").expect("built");
        std::fs::hard_link(&built, &program)
            .or_else(|_| std::fs::copy(&built, &program).map(|_| ()))
            .expect("there");
        let mut other = tokio::process::Command::new(program);
        other.args(["doctor", "--config"]).arg(&config);
        for (name, value) in command.as_std().get_envs() {
            other.env(name, value.unwrap_or_default());
        }
        other.uid(NOBODY);
        command = other;
    }
    let output = command.args(["--format", "json"]).output().await;
    let found = diagnosis(output.expect("it runs"), &rig.identity);
    found.assert(at, "error", "Permission denied", "mode 0700");
    assert_eq!(found.code, Some(1));
}

#[tokio::test]
async fn a_folder_of_a_socket_that_can_not_be_used_is_found() {
    let rig = Rig::start(sound()).await;
    let folder = rig.folder.path().display().to_string();
    let missing = rig
        .yaml()
        .replace(&format!("unix:{folder}"), &format!("unix:{folder}/none"));
    let found = rig.examine(&missing).await;
    let at = ("files", "socket for Envoy");
    found.assert(at, "error", "No such file", "Envoy's group");
    found.assert_only(&[at]);

    let open = rig.folder.path().join("open");
    std::fs::create_dir(&open).expect("made");
    set_mode(&open, 0o755);
    let grpc = rig.folder.path().join("grpc");
    std::fs::create_dir(&grpc).expect("made");
    let admin = "admin: \"127.0.0.1:0\"";
    let control = format!("{admin}, control: \"unix:{}/control.sock\"", open.display());
    let yaml = rig.yaml().replace(admin, &control).replace(
        &format!("unix:{folder}/tollgate"),
        &format!("unix:{folder}/grpc/tollgate"),
    );
    let found = rig.examine(&(yaml + "data_directory: data\n")).await;
    let at = ("files", "control socket");
    found.assert(at, "error", "mode 0755", "nothing else uses");
    found.assert_only(&[at]);
}

#[tokio::test]
async fn redis_that_is_away_is_found() {
    let rig = Rig::start(sound()).await;
    let redis = Redis::start().expect("a server");
    let yaml = format!(
        "{}limits: {{ redis: {{ url: \"{}\", replicas: 2 }} }}\n",
        rig.yaml(),
        redis.url()
    );
    let at = ("redis", "connection");
    let found = rig.examine(&yaml).await;
    found.assert(at, "ok", "answers", "");
    found.assert_only(&[]);
    drop(redis);
    let found = rig.examine(&yaml).await;
    let message = "this replica goes on with its part";
    found.assert(at, "error", message, "see that the server is up");
    found.assert_only(&[at]);
}

#[tokio::test]
async fn a_database_that_is_away_or_takes_no_writes_is_found_and_left_alone() {
    let rig = Rig::start(sound()).await;
    let server = Postgres::start().expect("a server");
    let password = rig.write("password", Postgres::PASSWORD);
    set_mode(&password, 0o600);
    let url = server.url();
    let database = |url: &str, file: &str| {
        format!(
            "{}database: {{ url: \"{url}\", password: {{ file: {file} }} }}\n",
            rig.yaml()
        )
    };
    let at = ("database", "connection");
    let found = rig.examine(&database(&url, "password")).await;
    found.assert(at, "ok", "takes writes", "");
    found.assert_only(&[]);
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(
        server.query(tables).expect("rows").trim(),
        "0",
        "tables were made"
    );

    rig.write("other", "wrong");
    let found = rig.examine(&database(&url, "other")).await;
    found.assert(at, "error", "password authentication failed", "password");
    found.assert_only(&[at]);

    let read_only = "ALTER ROLE tollgate SET default_transaction_read_only = on";
    server.query(read_only).expect("altered");
    let found = rig.examine(&database(&url, "password")).await;
    found.assert(at, "error", "takes no writes", "primary");

    server.down().expect("stopped");
    let found = rig.examine(&database(&url, "password")).await;
    found.assert(at, "error", "refused", "see that the server is up");
    found.assert_only(&[at]);
}
