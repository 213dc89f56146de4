//! A Debian to install into: this one, over which a layer in memory takes what is written. No systemd runs in it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::{both, said};

/// Mounts are seen by this process and by those that enter it, and are gone with it.
const BEGIN: &str = r#"
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount --rbind /proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
mount -t tmpfs tmpfs "$1/root/run"
mkdir -p "$1/root/packages"
echo ready
exec sleep infinity
"#;

pub(super) struct Machine {
    holder: Child,
    /// Empty for all but those who have entered.
    folder: TempDir,
}

impl Machine {
    /// Nothing, after a word about it, where this user or this kernel can't have one, or this is not Debian.
    pub(super) fn new() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let mut holder = Command::new("unshare")
            .args(["--mount", "sh", "-euc", BEGIN, "sh"])
            .arg(folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("util-linux is everywhere");
        let mut line = String::new();
        let stdout = holder.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("text");
        if line != "ready\n" {
            let status = holder.wait().expect("it has ended");
            println!("skipped: no layer over this machine: {status}");
            return None;
        }
        Some(Self { holder, folder })
    }

    fn enter(&self, script: &str) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["--mount", "--target", &self.holder.id().to_string()])
            .args(["chroot"])
            .arg(self.folder.path().join("root"))
            .args(["sh", "-euc", script])
            // As a person's shell has it: systemd's and dpkg's programs are there.
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .env("DEBIAN_FRONTEND", "noninteractive");
        command
    }

    /// What a script prints that must succeed.
    pub(super) fn says(&self, script: &str) -> String {
        said(&mut self.enter(script))
    }

    /// What a script prints that must fail.
    pub(super) fn refuses(&self, script: &str) -> String {
        let output = self.enter(script).output().expect("it runs");
        assert!(!output.status.success(), "{script}: {}", both(&output));
        both(&output)
    }

    /// Installs a package, or a newer one over it. Nobody is asked: what has changed in `/etc` stays.
    pub(super) fn install(&self, package: &Path) -> String {
        let name = package.file_name().expect("a name").display();
        let inside = format!("/packages/{name}");
        let copy = Command::new("nsenter")
            .args(["--mount", "--target", &self.holder.id().to_string()])
            .args(["cp".as_ref(), package.as_os_str()])
            .arg(self.path(&inside))
            .status();
        assert!(copy.expect("it runs").success());
        // Triggers are other packages'.
        self.says(&format!(
            "dpkg --force-unsafe-io --force-confold --no-triggers --install {inside}"
        ))
    }

    fn path(&self, inside: &str) -> PathBuf {
        let inside = inside.trim_start_matches('/');
        self.folder.path().join("root").join(inside)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.holder.kill().ok();
        self.holder.wait().ok();
    }
}
