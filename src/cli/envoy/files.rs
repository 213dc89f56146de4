//! The files in the folder of a running Envoy.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Nothing in them is secret, and Envoy often is another user.
const FILE_MODE: u32 = 0o644;
/// Far more than any file of ours.
const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;

/// The folder.
#[derive(Clone, Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Makes it if it is missing. Envoy names its files by their whole path.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        if path.is_file() {
            return Err(format!("{}: a file: name a folder", path.display()));
        }
        let failed = |error| said(path, &error);
        fs::create_dir_all(path).map_err(failed)?;
        fs::canonicalize(path).map(Self).map_err(failed)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// What is there now; nothing where there is no such file.
    pub(super) fn read(&self, name: &str) -> Result<String, String> {
        let path = self.0.join(name);
        let size = match fs::metadata(&path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
            Err(error) => return Err(format!("{}: {error}", path.display())),
        };
        if size > MAX_FILE_BYTES {
            return Err(format!(
                "{}: not a file of ours: it has {size} bytes",
                path.display()
            ));
        }
        fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Puts another file in place of the one that is there, whole, and says whether it differs. Envoy looks for
    /// files that are moved to this name, and so never reads half of one.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<bool, String> {
        if self.read(name)? == text {
            return Ok(false);
        }
        let path = self.0.join(name);
        self.replace(&path, name, text)
            .map_err(|error| said(&path, &error))?;
        Ok(true)
    }

    fn replace(&self, path: &Path, name: &str, text: &str) -> io::Result<()> {
        let unfinished = self.0.join(format!(".{name}.new"));
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(FILE_MODE)
            .open(&unfinished)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(unfinished, path)
    }
}

/// What went wrong, and what to do where that is known.
fn said(path: &Path, error: &io::Error) -> String {
    let advice = match error.kind() {
        io::ErrorKind::PermissionDenied => ": this user must be able to write there",
        _ => "",
    };
    format!("{}: {error}{advice}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole_and_only_where_it_differs() {
        let directory = tempfile::tempdir().expect("a directory");
        let folder = Folder::open(&directory.path().join("a/b")).expect("made");
        assert_eq!(folder.read("routes.yaml").as_deref(), Ok(""));
        let write = |text| folder.write("routes.yaml", text);
        assert_eq!(
            (write("one"), write("one"), write("two")),
            (Ok(true), Ok(false), Ok(true))
        );
        assert_eq!(folder.read("routes.yaml").as_deref(), Ok("two"));
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }

    #[test]
    fn what_is_no_folder_to_write_into_is_said() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("file");
        fs::write(&file, "").expect("written");
        let error = Folder::open(&file).expect_err("a file");
        assert!(error.ends_with("file: a file: name a folder"), "{error}");
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        let error = said(&file, &denied);
        assert!(
            error.ends_with(": this user must be able to write there"),
            "{error}"
        );
    }
}
