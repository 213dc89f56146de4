//! Devices with certificates of their own authority, one of which is revoked.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use tempfile::TempDir;
use tollgate_integration::fakes::certificates::{CertificateAuthority, CertifiedKey};
use tollgate_integration::stack::Failure;

/// A device, by the file that has its certificate and key.
#[derive(Clone)]
pub struct Device {
    /// The name of the file in the folder of all.
    pub file: &'static str,
    /// What is in it.
    pub certified: CertifiedKey,
}

/// An authority, its revocation list, and two devices; all are files in one folder.
pub struct Devices {
    folder: TempDir,
    /// Good for years.
    pub good: Device,
    /// On the list.
    pub revoked: Device,
}

impl Devices {
    /// Makes all of them anew.
    pub fn new() -> Result<Self, Failure> {
        let folder = tempfile::tempdir();
        let folder = folder.map_err(|error| Failure::new("a temporary folder", error))?;
        let failed = |error| Failure::new("a client certificate", error);
        let authority = CertificateAuthority::new("Acme factories").map_err(failed)?;
        let device = |file, name, uri, serial| {
            let certified = authority.device(name, uri, serial).map_err(failed)?;
            Ok::<_, Failure>(Device { file, certified })
        };
        let good = device("robot-7.pem", "robot 7", "spiffe://acme/factory/7", 7)?;
        let revoked = device("robot-8.pem", "robot 8", "spiffe://acme/factory/8", 8)?;
        let list = authority.revocation_list(&[8]).map_err(failed)?;
        write(&folder, "authority.pem", authority.certificate_pem())?;
        write(&folder, "revoked.pem", &list)?;
        for Device { file, certified } in [&good, &revoked] {
            let text = format!("{}{}", certified.certificate_pem, certified.key_pem);
            write(&folder, file, &text)?;
        }
        Ok(Self {
            folder,
            good,
            revoked,
        })
    }

    /// Where the files are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// Writes a file that only its owner may read.
fn write(folder: &TempDir, name: &str, text: &str) -> Result<(), Failure> {
    let path = folder.path().join(name);
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(&path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| Failure::new(path.display(), error))
}
