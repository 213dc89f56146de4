//! The Debian package, made by `scripts/deb.sh` as `make deb` does, of the program that the tests have.

mod contents;
mod installed;
mod machine;
mod upgraded;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tollgate_integration::stack::paths;

use crate::{root, succeeds};

/// Makes the package in a folder, with options of cargo-deb's; compressed quickly.
fn package(folder: &Path, options: &[&str]) -> PathBuf {
    let made = tempfile::tempdir_in(folder).expect("a folder").keep();
    succeeds(
        Command::new(root().join("scripts/deb.sh"))
            .arg(paths::cargo_deb().expect("`make tools` has built it"))
            .arg(paths::binary("tollgate").expect("built before the tests run"))
            .arg(&made)
            .args(["--offline", "--fast", "--compress-type=gz"])
            .args(options)
            .current_dir(root()),
    );
    let mut files = made.read_dir().expect("the folder");
    let file = files.next().expect("a package").expect("an entry").path();
    assert!(files.next().is_none(), "one package");
    file
}

/// What a command that must succeed prints.
fn said(command: &mut Command) -> String {
    let output = command.output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = both(&output);
    assert!(output.status.success(), "{command:?}: {text}");
    text
}

fn both(output: &Output) -> String {
    let all = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8_lossy(&all).into_owned()
}
