//! A newer package over an older one.

use super::machine::Machine;
use super::package;

/// Systemd's programs, as maintainer scripts see them while it runs: they note what they are asked, and
/// `systemd-run` runs the command.
const SYSTEMD_RUNS: &str = r#"
mkdir -p /run/systemd/system
cd /usr/local/sbin
for name in systemctl deb-systemd-invoke; do
  printf '#!/bin/sh\necho "${0##*/} $*" >>/asked\n' >$name
done
cat >systemd-run <<'END'
#!/bin/sh
while :; do case $1 in -*) shift ;; *) break ;; esac; done
exec setpriv --reuid=tollgate --regid=tollgate --clear-groups "$@"
END
chmod 0755 systemctl deb-systemd-invoke systemd-run
"#;
const RESTARTED: &str = "deb-systemd-invoke try-restart tollgate.service";

#[test]
fn an_upgrade_keeps_what_was_written_and_restarts_only_what_takes_its_configuration() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let first = package(folder.path(), &["--deb-version=0.0.1-1"]);
    let second = package(folder.path(), &[]);
    machine.says(SYSTEMD_RUNS);
    let asked = || machine.says("cat /asked; : >/asked");

    machine.install(&first);
    let at_first = asked();
    assert!(
        !at_first.contains("start"),
        "nothing is started: {at_first}"
    );

    machine.says(
        "sed -i 's/^backends: .*/backends: [ { name: mine } ]/' /etc/tollgate/tollgate.yaml
         chown root:root /etc/tollgate/tollgate.yaml
         chmod 0644 /etc/tollgate/tollgate.yaml",
    );
    let said = machine.install(&second);
    let restarted = asked();
    assert!(restarted.contains(RESTARTED), "{said}{restarted}");
    let kept = machine.says(
        "grep '^backends' /etc/tollgate/tollgate.yaml
         stat --format='%a %U:%G' /etc/tollgate/tollgate.yaml",
    );
    assert_eq!(kept, "backends: [ { name: mine } ]\n644 root:root\n");

    // A version that refuses the file is not started in place of one that serves.
    machine.says("sed -i 's/^backends: .*/backends: 5/' /etc/tollgate/tollgate.yaml");
    let said = machine.install(&first);
    assert!(
        said.contains("tollgate: not restarted, because this version refuses"),
        "{said}"
    );
    assert!(said.contains("/etc/tollgate/tollgate.yaml:17"), "{said}");
    let asked_then = asked();
    assert!(!asked_then.contains(RESTARTED), "{asked_then}");
    assert!(asked_then.contains("daemon-reload"), "{asked_then}");
}
