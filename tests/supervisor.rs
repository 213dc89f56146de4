//! `tollgate serve` under systemd: what it says of itself, and when.

use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// Longer than anything here takes.
const DEADLINE: Duration = Duration::from_secs(30);

#[test]
fn it_says_when_it_listens_and_when_it_ends() {
    let directory = tempfile::tempdir().expect("a directory");
    let yaml = format!(
        "listen: {{ grpc: \"unix:{}/tollgate.sock\", admin: \"127.0.0.1:0\" }}\n\
         identity: {{ managed_identity: {{}} }}\nbackends: [ {{ name: sweden }} ]\n",
        directory.path().display()
    );
    std::fs::write(directory.path().join("tollgate.yaml"), yaml).expect("written");
    let socket = directory.path().join("notify");
    let notified = UnixDatagram::bind(&socket).expect("a socket");
    notified.set_read_timeout(Some(DEADLINE)).expect("set");
    let next = || {
        let mut bytes = [0; 256];
        let length = notified.recv(&mut bytes).expect("it says something");
        String::from_utf8_lossy(bytes.get(..length).unwrap_or_default()).into_owned()
    };
    let mut service = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .arg("serve")
        .current_dir(directory.path())
        .env("NOTIFY_SOCKET", &socket)
        // Nobody there: it has no token, and listens all the same.
        .env("IDENTITY_ENDPOINT", "http://127.0.0.1:9/")
        .env("IDENTITY_HEADER", "none")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("tollgate runs");
    assert_eq!(next().trim(), "READY=1");
    assert!(directory.path().join("tollgate.sock").exists());
    let id = i32::try_from(service.id()).ok().and_then(Pid::from_raw);
    kill_process(id.expect("an id"), Signal::TERM).expect("sent");
    assert_eq!(next().trim(), "STOPPING=1");
    assert!(service.wait().expect("it ends").success());
}
