//! The systemd unit: systemd's own tools read it, without a running systemd.

use std::process::Command;

use crate::{succeeds, text};
use tollgate_integration::stack::paths;

const UNIT: &str = "deploy/systemd/tollgate.service";
/// Where the unit has the program.
const INSTALLED: &str = "/usr/bin/tollgate";

#[test]
fn systemd_takes_the_unit_and_finds_little_exposed() {
    let built = paths::binary("tollgate").expect("built before the tests run");
    let built = built.canonicalize().expect("it is there");
    let unit = text(UNIT);
    assert!(unit.contains(INSTALLED));
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("tollgate.service");
    std::fs::write(&file, unit.replace(INSTALLED, &built.display().to_string())).expect("written");
    succeeds(
        Command::new("systemd-analyze")
            .args(["verify", "--man=no"])
            .arg(&file),
    );
    // In tenths, of 100.
    succeeds(
        Command::new("systemd-analyze")
            .args(["security", "--offline=true", "--threshold=20", "--no-pager"])
            .arg(&file),
    );
}

/// `systemctl reload` failed on a Debian without procps.
#[test]
fn it_runs_nothing_that_a_small_debian_lacks() {
    let unit = text(UNIT);
    let programs: Vec<&str> = unit
        .lines()
        .filter(|line| line.starts_with("Exec"))
        .filter_map(|line| line.split(['=', ' ']).nth(1))
        .collect();
    assert_eq!(programs, [INSTALLED, "/bin/sh"]);
}

/// Folders of the documentation's configurations that tollgate writes to.
#[test]
fn the_folders_of_the_documentation_are_its_own() {
    let unit = text(UNIT);
    for (folder, page, line) in [
        (
            "/var/lib/",
            "docs/configuration.md",
            "StateDirectory=tollgate",
        ),
        (
            "/run/",
            "docs/configuration.md",
            "RuntimeDirectory=tollgate",
        ),
        (
            "/var/log/",
            "docs/observability.md",
            "LogsDirectory=tollgate",
        ),
    ] {
        assert!(text(page).contains(&format!("{folder}tollgate")), "{page}");
        assert!(unit.lines().any(|it| it == line), "no {line}");
    }
}

#[test]
fn it_has_as_much_time_to_end_as_it_may_need() {
    let unit = text(UNIT);
    let line = unit
        .lines()
        .find_map(|it| it.strip_prefix("TimeoutStopSec="));
    let seconds: u64 = line
        .and_then(|it| it.strip_suffix('s')?.parse().ok())
        .expect("seconds");
    // The default of drain_timeout, and three pauses of 5 s at most behind it.
    assert!(seconds >= 30 + 3 * 5);
}
