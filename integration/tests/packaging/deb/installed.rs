//! The package installed, removed and purged by dpkg.

use super::machine::Machine;
use super::package;

const AS_TOLLGATE: &str = "setpriv --reuid=tollgate --regid=tollgate --clear-groups";
const ENABLED: &str = "/etc/systemd/system/multi-user.target.wants/tollgate.service";

#[test]
fn it_waits_for_a_configuration_belongs_to_its_user_and_leaves_what_others_wrote() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let package = package(folder.path(), &[]);

    // What was never used leaves nothing but the user.
    machine.install(&package);
    machine.says("install -d -o tollgate -m 0700 /var/lib/tollgate");
    let said = machine.says("dpkg --no-triggers --purge tollgate");
    assert!(!said.contains("rm -r"), "{said}");
    let left = machine.says(
        "find /etc /usr/bin /usr/lib/systemd /usr/lib/sysusers.d /usr/share /var/lib /var/log -xdev -name '*tollgate*'",
    );
    assert_eq!(left, "");

    machine.install(&package);
    let user = machine.says("getent passwd tollgate");
    assert!(
        user.ends_with(":/var/lib/tollgate:/usr/sbin/nologin\n"),
        "{user}"
    );
    let modes = machine.says("stat --format='%a %U:%G' /etc/tollgate /etc/tollgate/tollgate.yaml");
    assert_eq!(modes, "750 root:tollgate\n640 root:tollgate\n");
    let check = "tollgate check --config /etc/tollgate/tollgate.yaml";
    let why = machine.refuses(&format!("{AS_TOLLGATE} {check}"));
    assert!(why.contains("there is no backend"), "{why}");
    let nobody = "setpriv --reuid=nobody --regid=nogroup --clear-groups";
    let why = machine.refuses(&format!("{nobody} cat /etc/tollgate/tollgate.yaml"));
    assert!(why.contains("Permission denied"), "{why}");
    machine.refuses(&format!("test -e {ENABLED}"));

    // Once it has one, it is enabled as any unit; what was written and used outlives the package.
    machine.says(
        "echo 'SECRET=a' >/etc/tollgate/environment
         echo '# mine' >>/etc/tollgate/tollgate.yaml
         systemctl enable tollgate
         install -d -o tollgate -m 0700 /var/lib/tollgate /var/log/tollgate
         touch /var/lib/tollgate/usage.db /var/log/tollgate/audit.jsonl",
    );
    machine.says(&format!("test -L {ENABLED}"));
    machine.says("dpkg --no-triggers --remove tollgate");
    machine
        .refuses("test -e /usr/bin/tollgate || test -e /usr/lib/systemd/system/tollgate.service");
    machine.says("grep -q '^# mine' /etc/tollgate/tollgate.yaml");
    machine.says("test -e /var/lib/tollgate/usage.db");
    machine.install(&package);
    machine.says(&format!(
        "grep -q '^# mine' /etc/tollgate/tollgate.yaml; test -L {ENABLED}"
    ));

    // Purged: what the package has brought is gone; bills, the audit log and what others have put there are not.
    let kept = machine.says("dpkg --no-triggers --purge tollgate");
    assert!(
        kept.contains("to remove them: rm -r /var/lib/tollgate /var/log/tollgate\n"),
        "{kept}"
    );
    machine.refuses(&format!(
        "test -e /etc/tollgate/tollgate.yaml || test -e {ENABLED}"
    ));
    machine.says(
        "test -e /var/lib/tollgate/usage.db
         test -e /var/log/tollgate/audit.jsonl
         test -e /etc/tollgate/environment
         getent passwd tollgate",
    );
}
