//! The folder of the control socket: for this process's user alone.
//!
//! The socket has a mode, and the kernel says who asks. But whoever may write into its folder can put
//! another socket in its place, and whoever runs as this process's user needs only to get there: so
//! Envoy, or what else shares a folder with tollgate, must not.

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;

/// Enter, read and write for the owner.
const FOLDER_MODE: u32 = 0o700;
/// What the group and all others may do.
const OF_OTHERS: u32 = 0o077;

/// Makes the folder if it is missing; refuses one that is another user's, that others get into, or that
/// Envoy's socket is in.
///
/// # Errors
/// What is wrong with it, in words.
pub fn prepare(socket: &Path, envoys: Option<&Path>) -> Result<(), String> {
    let folder = folder_of(socket);
    check_place(folder, envoys)?;
    match DirBuilder::new().mode(FOLDER_MODE).create(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(failed(folder, &error)),
        Ok(()) | Err(_) => check_owner(folder),
    }
}

/// The same of the folder as it is. Where it is missing and can be made, nothing is wrong.
///
/// # Errors
/// As [`prepare`].
pub fn check(socket: &Path, envoys: Option<&Path>) -> Result<(), String> {
    let folder = folder_of(socket);
    check_place(folder, envoys)?;
    match folder.exists() {
        true => check_owner(folder),
        false => fs::metadata(folder_of(folder))
            .map(|_| ())
            .map_err(|error| failed(folder, &error)),
    }
}

fn failed(folder: &Path, error: &io::Error) -> String {
    format!("listen.control: the folder {}: {error}", folder.display())
}

fn check_place(folder: &Path, envoys: Option<&Path>) -> Result<(), String> {
    let shown = folder.display();
    // What is written was compared already; this sees through links. Of a folder that is missing the one
    // above it says where it will be.
    if let Some(grpc) = envoys {
        let real = |path: &Path| fs::canonicalize(path).map_err(|error| failed(folder, &error));
        let nearest = match folder.exists() {
            true => folder,
            false => folder_of(folder),
        };
        if real(nearest)?.starts_with(real(folder_of(grpc))?) {
            return Err(format!(
                "listen.control: the folder {shown} is that of listen.grpc, or below it, which Envoy can enter"
            ));
        }
    }
    Ok(())
}

fn check_owner(folder: &Path) -> Result<(), String> {
    let shown = folder.display();
    let found = fs::metadata(folder).map_err(|error| failed(folder, &error))?;
    if found.uid() != rustix::process::geteuid().as_raw() {
        let owner = found.uid();
        return Err(format!(
            "listen.control: the folder {shown} belongs to another user (uid {owner}), who could put another socket there"
        ));
    }
    let mode = found.permissions().mode() & 0o777;
    if mode & OF_OTHERS != 0 {
        return Err(format!(
            "listen.control: other users may enter the folder {shown} (mode {mode:04o}): chmod 0700 it, or name one that does not exist yet, which tollgate then makes"
        ));
    }
    Ok(())
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    use super::*;

    fn mode(path: &Path) -> u32 {
        let found = fs::metadata(path).expect("it is there");
        found.permissions().mode() & 0o777
    }

    /// A folder for Envoy's socket, and another one next to it.
    struct Rig {
        directory: tempfile::TempDir,
        grpc: PathBuf,
    }

    impl Rig {
        fn new() -> Self {
            let directory = tempfile::tempdir().expect("a directory");
            let envoy = directory.path().join("envoy");
            fs::create_dir(&envoy).expect("made");
            fs::set_permissions(&envoy, PermissionsExt::from_mode(0o700)).expect("set");
            Self {
                grpc: envoy.join("tollgate.sock"),
                directory,
            }
        }

        fn prepare(&self, socket: &str) -> Result<(), String> {
            prepare(&self.directory.path().join(socket), Some(&self.grpc))
        }
    }

    #[test]
    fn a_folder_that_is_missing_is_made_for_this_user_alone() {
        let rig = Rig::new();
        rig.prepare("control/control.sock").expect("made");
        assert_eq!(mode(&rig.directory.path().join("control")), 0o700);
        rig.prepare("control/control.sock").expect("as it is");
        let said = rig.prepare("far/away/control.sock").expect_err("one only");
        assert!(said.contains("far/away"), "{said}");
    }

    #[test]
    fn a_check_makes_nothing() {
        let rig = Rig::new();
        let check = |socket: &str| {
            let socket = rig.directory.path().join(socket);
            check(&socket, Some(&rig.grpc))
        };
        assert_eq!(check("control/control.sock"), Ok(()));
        let said = check("far/away/control.sock").expect_err("one only");
        assert!(said.contains("far/away"), "{said}");
        let said = check("envoy/control.sock").expect_err("Envoy's");
        assert!(said.contains("is that of listen.grpc"), "{said}");
        let folder = rig.directory.path().join("control");
        assert!(!folder.exists(), "it was made");
        fs::create_dir(&folder).expect("made");
        fs::set_permissions(&folder, PermissionsExt::from_mode(0o755)).expect("set");
        let said = check("control/control.sock").expect_err("open");
        assert!(said.contains("(mode 0755)"), "{said}");
    }

    #[test]
    fn a_folder_that_others_may_enter_is_refused_and_left_as_it_is() {
        let rig = Rig::new();
        let folder = rig.directory.path().join("open");
        fs::create_dir(&folder).expect("made");
        for open in [0o701, 0o710, 0o750, 0o755, 0o777] {
            fs::set_permissions(&folder, PermissionsExt::from_mode(open)).expect("set");
            let said = rig.prepare("open/control.sock").expect_err("open");
            assert!(said.contains(&format!("(mode {open:04o})")), "{said}");
            assert_eq!(mode(&folder), open, "nobody asked for a change");
        }
    }

    #[test]
    fn the_folder_of_envoys_socket_is_refused_also_behind_a_link() {
        let rig = Rig::new();
        let below = rig.directory.path();
        symlink(below.join("envoy"), below.join("link")).expect("linked");
        for socket in [
            "envoy/control.sock",
            "envoy/own/control.sock",
            "link/control.sock",
            "link/other/control.sock",
        ] {
            let said = rig.prepare(socket).expect_err(socket);
            assert!(said.contains("is that of listen.grpc"), "{socket}: {said}");
        }
        let left = fs::read_dir(below.join("envoy")).expect("a folder");
        assert_eq!(left.count(), 0, "nothing is made there");
    }

    #[test]
    fn a_folder_of_another_user_is_refused() {
        let folder = tempfile::tempdir().expect("a directory");
        let foreign = match rustix::process::geteuid().is_root() {
            true => {
                std::os::unix::fs::chown(folder.path(), Some(65_534), None).expect("root may");
                folder.path()
            }
            false => Path::new("/"),
        };
        let said =
            prepare(&foreign.join("control.sock"), Some(&Rig::new().grpc)).expect_err("not ours");
        assert!(said.contains("another user (uid "), "{said}");
    }
}
