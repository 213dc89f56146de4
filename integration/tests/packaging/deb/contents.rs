//! What is in the package, without installing it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use super::{package, said};
use crate::{root, succeeds, text, tollgate};

/// Mode and owner of each file by its path.
fn files(package: &Path) -> BTreeMap<String, String> {
    let listed = said(Command::new("dpkg-deb").arg("--contents").arg(package));
    let lines = listed.lines().map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [mode, owner, _size, _day, _time, path] = words[..] else {
            panic!("not a file: {line}");
        };
        (path.to_owned(), format!("{mode} {owner}"))
    });
    lines.filter(|(path, _)| !path.ends_with('/')).collect()
}

fn field(package: &Path, name: &str) -> String {
    let mut command = Command::new("dpkg-deb");
    said(command.arg("--field").arg(package).arg(name))
        .trim()
        .to_owned()
}

/// The names of files in a folder of the repository, or one that a test has made.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let names = entries.map(|it| it.expect("an entry").file_name().into_string());
    names.map(|it| it.expect("UTF-8")).collect()
}

#[test]
fn it_has_what_an_operator_needs_with_modes_that_fit_and_lintian_is_content() {
    let folder = tempfile::tempdir().expect("a folder");
    let package = package(folder.path(), &[]);
    let files = files(&package);

    for (mode, path) in [
        ("-rwxr-xr-x", "usr/bin/tollgate"),
        // Secrets may be in there.
        ("-rw-r-----", "etc/tollgate/tollgate.yaml"),
        ("-rw-r--r--", "usr/lib/systemd/system/tollgate.service"),
        ("-rw-r--r--", "usr/lib/sysusers.d/tollgate.conf"),
        (
            "-rw-r--r--",
            "usr/share/bash-completion/completions/tollgate",
        ),
        (
            "-rw-r--r--",
            "usr/share/fish/vendor_completions.d/tollgate.fish",
        ),
        ("-rw-r--r--", "usr/share/zsh/vendor-completions/_tollgate"),
        ("-rw-r--r--", "usr/share/doc/tollgate/README.md"),
        ("-rw-r--r--", "usr/share/doc/tollgate/copyright"),
        ("-rw-r--r--", "usr/share/doc/tollgate/changelog.gz"),
        ("-rw-r--r--", "usr/share/doc/tollgate/changelog.Debian.gz"),
        ("-rw-r--r--", "usr/share/doc/tollgate/examples/alerts.yml"),
        ("-rw-r--r--", "usr/share/tollgate/tollgate.schema.json"),
    ] {
        let found = files.get(&format!("./{path}"));
        assert_eq!(found, Some(&format!("{mode} 0/0")), "{path}");
    }
    // Every command has its manual page, and every page of the documentation is there.
    let manual = folder.path().join("man");
    succeeds(tollgate().arg("man").arg(&manual));
    let pages = names(&manual);
    assert!(pages.len() > 20, "{pages:?}");
    let pages = pages
        .iter()
        .map(|it| format!("./usr/share/man/man1/{it}.gz"));
    let docs = names(&root().join("docs")).into_iter();
    let docs = docs.filter(|it| it.ends_with(".md"));
    let docs = docs.map(|it| format!("./usr/share/doc/tollgate/docs/{it}"));
    for path in pages.chain(docs) {
        assert!(files.contains_key(&path), "no {path}");
    }
    // Nothing that is everybody's to write, or runs with another one's rights.
    for (path, mode) in &files {
        assert!(!mode.contains('s') && !mode[5..].contains('w'), "{path}");
    }

    let version = text("Cargo.toml");
    let version = version
        .lines()
        .find_map(|line| line.strip_prefix("version = \""))
        .expect("a version");
    let version = version.trim_end_matches('"');
    assert_eq!(field(&package, "Version"), format!("{version}-1"));
    let depends = field(&package, "Depends");
    for needed in ["libc6 (>= ", "ca-certificates", "systemd | "] {
        assert!(depends.contains(needed), "no {needed}: {depends}");
    }
    let conffiles = said(
        Command::new("dpkg-deb")
            .args(["--info"])
            .arg(&package)
            .arg("conffiles"),
    );
    assert_eq!(conffiles.trim(), "/etc/tollgate/tollgate.yaml");

    succeeds(
        Command::new("lintian")
            .args([
                "--allow-root",
                "--fail-on=error,warning",
                "--tag-display-limit=0",
            ])
            .arg(&package),
    );
}

/// The file is refused only for what nobody but the operator knows, and its comments are right.
#[test]
fn its_configuration_says_what_is_missing_and_is_valid_once_it_is_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("tollgate.yaml");
    let check = |yaml: &str| {
        std::fs::write(&file, yaml).expect("written");
        let mut command = tollgate();
        command.args(["check", "--file-only", "--config"]);
        command.arg(&file).output().expect("it runs")
    };
    let shipped = text("deploy/debian/tollgate.yaml");
    let refused = check(&shipped);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert_eq!(said.matches('×').count(), 1, "{said}");
    assert!(said.contains("there is no backend"), "{said}");

    let (_, example) = shipped.split_once("for example: ").expect("an example");
    let example = example.lines().next().expect("a line");
    // What is commented out is YAML behind `# `: a name at its beginning, or a part of what goes on.
    let written: Vec<&str> = shipped
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(part) if part.ends_with(':') || part.starts_with(' ') => part,
            _ => line,
        })
        .collect();
    let written = written.join("\n").replace("backends: []", example);
    assert!(
        written.contains("\nclients:\n") && written.contains("\nprices:\n"),
        "{written}"
    );
    let taken = check(&written);
    assert!(
        taken.status.success(),
        "{written}{}",
        String::from_utf8_lossy(&taken.stderr)
    );
}

#[test]
fn its_folders_are_those_of_the_unit() {
    let shipped = crate::yaml("deploy/debian/tollgate.yaml");
    let unit = text("deploy/systemd/tollgate.service");
    for (place, folder, line) in [
        (
            "/listen/grpc",
            "unix:/run/tollgate/",
            "RuntimeDirectory=tollgate",
        ),
        (
            "/listen/control",
            "unix:/var/lib/tollgate/",
            "StateDirectory=tollgate",
        ),
        (
            "/data_directory",
            "/var/lib/tollgate",
            "StateDirectory=tollgate",
        ),
    ] {
        let path = shipped.pointer(place).and_then(|it| it.as_str());
        assert!(path.is_some_and(|it| it.starts_with(folder)), "{place}");
        assert!(unit.lines().any(|it| it == line), "no {line}");
    }
    for line in [
        "User=tollgate",
        "Group=tollgate",
        // For nobody else to read.
        "StateDirectoryMode=0700",
        "LogsDirectoryMode=0700",
        "UMask=0077",
    ] {
        assert!(unit.lines().any(|it| it == line), "no {line}");
    }
    assert!(text("deploy/systemd/tollgate.sysusers").contains("\nu tollgate - "));
}
