//! A real PostgreSQL, from Debian's package, on loopback and in a directory of its own.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::ports::free_port;
use crate::stack::Failure;

/// Where Debian's package puts its programs: one folder for each version.
const INSTALLED: &str = "/usr/lib/postgresql";
/// Whom the server runs as where the test is root: it refuses root.
const SERVER_USERS: [&str; 2] = ["postgres", "nobody"];
/// The role and the database that tests use; the role has this password.
const ROLE: &str = "tollgate";
/// Starting is a matter of a second or two on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// A running server, stopped and removed when it is dropped.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    port: u16,
    directory: TempDir,
}

impl Postgres {
    /// The password of the role; it is in no URL.
    pub const PASSWORD: &str = "loopback-only";

    /// Makes a cluster and starts it. Slow for a test (a second), so one test shares one.
    ///
    /// # Errors
    /// Where the package is missing, and what its programs said where they fail.
    pub fn start() -> Result<Self, Failure> {
        let directory = tempfile::tempdir().map_err(|error| Failure::new("no directory", error))?;
        let server = Self {
            programs: programs()?,
            port: free_port()?,
            directory,
        };
        let password = server.directory.path().join("password");
        std::fs::write(&password, Self::PASSWORD)
            .map_err(|error| Failure::new(password.display(), error))?;
        if is_root() {
            let path = server.directory.path();
            run(Command::new("chown").args(["-R", server_user()?]).arg(path))?;
        }
        let data = server.data();
        run(server.program("initdb")?.arg("--pgdata").arg(&data).args([
            "--username=tollgate",
            "--auth=scram-sha-256",
            &format!("--pwfile={}", password.display()),
            "--encoding=UTF8",
            "--no-locale",
            "--no-sync",
        ]))?;
        server.up()?;
        let psql = server.program("psql")?;
        server.sql(psql, "postgres", &format!("CREATE DATABASE {ROLE}"))?;
        Ok(server)
    }

    /// The address of a database, without the password.
    pub fn url(&self) -> String {
        format!("postgres://{ROLE}@127.0.0.1:{}/{ROLE}", self.port)
    }

    /// Starts the server after [`Self::down`], on the same port.
    ///
    /// # Errors
    /// What it said.
    pub fn up(&self) -> Result<(), Failure> {
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off \
             -c full_page_writes=off -c max_connections=40",
            self.port
        );
        run(self
            .control("start")?
            .args(["-o", &options, "-l"])
            .arg(self.log()))
    }

    /// Stops the server at once: every connection breaks.
    ///
    /// # Errors
    /// What it said.
    pub fn down(&self) -> Result<(), Failure> {
        run(self.control("stop")?.args(["-m", "immediate"]))
    }

    /// Runs a statement, with psql, and gives what it prints.
    ///
    /// # Errors
    /// What psql said.
    pub fn query(&self, statement: &str) -> Result<String, Failure> {
        self.sql(self.program("psql")?, ROLE, statement)
    }

    fn sql(&self, mut psql: Command, database: &str, statement: &str) -> Result<String, Failure> {
        psql.env("PGPASSWORD", Self::PASSWORD)
            .args(["--host=127.0.0.1", "--username=tollgate", "--no-psqlrc"])
            .args(["--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"])
            .arg(format!("--port={}", self.port))
            .args(["--dbname", database, "--command", statement]);
        output(&mut psql)
    }

    fn control(&self, action: &str) -> Result<Command, Failure> {
        let mut command = self.program("pg_ctl")?;
        command
            .arg(action)
            .arg("--wait")
            .arg("--pgdata")
            .arg(self.data());
        Ok(command)
    }

    /// One of its programs, as a user that the server accepts.
    fn program(&self, name: &str) -> Result<Command, Failure> {
        let program = self.programs.join(name);
        let mut command = match is_root() {
            true => {
                let mut command = Command::new("runuser");
                command.args(["-u", server_user()?, "--"]).arg(program);
                command
            }
            false => Command::new(program),
        };
        command.current_dir(self.directory.path());
        Ok(command)
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("log")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.log()).unwrap_or_default();
            eprintln!("---- postgres\n{log}");
        }
        // It may be down already.
        let _ = self.down();
    }
}

/// The programs of the newest version that is installed.
fn programs() -> Result<PathBuf, Failure> {
    let version = |path: &Path| {
        let name = path.file_name().and_then(|it| it.to_str());
        name.and_then(|it| it.parse::<u32>().ok())
    };
    let entries = std::fs::read_dir(INSTALLED).into_iter().flatten().flatten();
    let newest = entries
        .map(|entry| entry.path())
        .filter(|path| path.join("bin/initdb").exists())
        .max_by_key(|path| version(path));
    newest
        .map(|path| path.join("bin"))
        .ok_or_else(|| Failure::new("PostgreSQL is not installed", "apt-get install postgresql"))
}

/// Whether this process is root.
pub fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|it| it.uid() == 0)
}

fn server_user() -> Result<&'static str, Failure> {
    let exists = |user: &&str| {
        let id = Command::new("id")
            .arg(user)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        id.is_ok_and(|status| status.success())
    };
    SERVER_USERS
        .into_iter()
        .find(exists)
        .ok_or_else(|| Failure::new("PostgreSQL refuses root", "and there is no other user"))
}

fn run(command: &mut Command) -> Result<(), Failure> {
    // Into a file: pg_ctl's server inherits its output, and a pipe would wait for the server's end.
    let said = tempfile::tempfile().map_err(|error| Failure::new("no file", error))?;
    let again = said
        .try_clone()
        .map_err(|error| Failure::new("no file", error))?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(
            said.try_clone()
                .map_err(|error| Failure::new("no file", error))?,
        )
        .stderr(again)
        .spawn()
        .map_err(|error| Failure::new("a program of PostgreSQL", error))?;
    let end = Instant::now() + DEADLINE;
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(Failure::new(status, read(said))),
            Ok(None) if Instant::now() < end => sleep(Duration::from_millis(5)),
            Ok(None) => return Err(Failure::new("a program of PostgreSQL hangs", read(said))),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(Failure::new("a program of PostgreSQL", error)),
        }
    }
}

fn read(mut file: std::fs::File) -> String {
    use std::io::{Read, Seek, SeekFrom};
    let mut text = String::new();
    let _ = file
        .seek(SeekFrom::Start(0))
        .and_then(|_| file.read_to_string(&mut text));
    text
}

fn output(command: &mut Command) -> Result<String, Failure> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Failure::new("psql", error))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        false => Err(Failure::new(
            "psql",
            String::from_utf8_lossy(&output.stderr),
        )),
    }
}
