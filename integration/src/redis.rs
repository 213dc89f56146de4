//! Real Redis servers, from Debian's package, on loopback and in directories of their own.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use crate::ports::free_port;
use crate::stack::Failure;

/// A server starts in a fraction of a second, a cluster in a few.
const DEADLINE: Duration = Duration::from_secs(30);

/// A running server, stopped and removed when it is dropped.
#[derive(Debug)]
pub struct Redis {
    port: u16,
    arguments: Vec<String>,
    directory: TempDir,
    child: Mutex<Option<Child>>,
}

impl Redis {
    /// A server that keeps nothing on the disk.
    ///
    /// # Errors
    /// Where the package is missing, and what it said where it fails.
    pub fn start() -> Result<Self, Failure> {
        let port = free_port()?;
        Self::with(port, &["--port", &port.to_string()])
    }

    /// The authority of [`Self::with_tls`], in its directory.
    pub const AUTHORITY: &str = "redis-ca.pem";

    /// A server with one user, by the rules of an ACL, that takes connections with TLS alone. Its certificate and its
    /// authority's are in `directory`.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn with_tls(directory: &Path, user: &str, rules: &[&str]) -> Result<Self, Failure> {
        let port = free_port()?;
        let failed = |error| Failure::new("a certificate", error);
        let ca_key = KeyPair::generate().map_err(failed)?;
        let mut ca = CertificateParams::new(Vec::new()).map_err(failed)?;
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_certificate = ca.self_signed(&ca_key).map_err(failed)?;
        let issuer = Issuer::new(ca, ca_key);
        let own_key = KeyPair::generate().map_err(failed)?;
        let leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()]).map_err(failed)?;
        let leaf = leaf.signed_by(&own_key, &issuer).map_err(failed)?;
        let write = |name: &str, text: String| {
            let path = directory.join(name);
            let written = fs::write(&path, text);
            written.map_err(|error| Failure::new(path.display(), error))?;
            Ok::<_, Failure>(path.display().to_string())
        };
        let listens = port.to_string();
        let authority = write(Self::AUTHORITY, ca_certificate.pem())?;
        let certificate = write("redis.pem", leaf.pem())?;
        let key = write("redis-key.pem", own_key.serialize_pem())?;
        let mut arguments = vec![
            "--port",
            "0",
            "--tls-port",
            &listens,
            "--tls-cert-file",
            &certificate,
            "--tls-key-file",
            &key,
            "--tls-ca-cert-file",
            &authority,
            "--tls-auth-clients",
            "no",
            "--user",
            user,
        ];
        arguments.extend(rules);
        arguments.extend(["--user", "default", "off"]);
        Self::with(port, &arguments)
    }

    /// Makes a user, by the rules of an ACL.
    ///
    /// # Errors
    /// What the server said.
    pub fn make_user(&self, user: &str, rules: &[&str]) -> Result<(), Failure> {
        let mut command = vec!["acl", "setuser", user];
        command.extend(rules);
        match self.ask(&command)? {
            said if said == "OK" => Ok(()),
            said => Err(Failure::new("acl setuser", said)),
        }
    }

    /// A copy of this server that follows it.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn follower(&self) -> Result<Self, Failure> {
        let port = free_port()?;
        let of = format!("127.0.0.1 {}", self.port);
        let follower = Self::with(port, &["--port", &port.to_string(), "--replicaof", &of])?;
        follower.wait_until(|| {
            let said = follower.ask(&["info", "replication"]);
            said.is_ok_and(|said| said.contains("master_link_status:up"))
        })?;
        Ok(follower)
    }

    /// A sentinel that watches a server under the name `main`.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn sentinel_of(server: &Self) -> Result<Self, Failure> {
        let port = free_port()?;
        let directory = tempfile::tempdir().map_err(|error| Failure::new("no directory", error))?;
        let written = format!(
            "sentinel monitor main 127.0.0.1 {} 1\nsentinel down-after-milliseconds main 300\n\
             sentinel failover-timeout main 2000\n",
            server.port
        );
        let path = directory.path().join("sentinel.conf");
        fs::write(&path, written).map_err(|error| Failure::new(path.display(), error))?;
        let arguments = [
            path.display().to_string(),
            "--sentinel".to_owned(),
            "--port".to_owned(),
            port.to_string(),
        ];
        let sentinel = Self::run(port, arguments.to_vec(), directory)?;
        sentinel.wait_until(|| {
            let said = sentinel.ask(&["sentinel", "replicas", "main"]);
            said.is_ok_and(|said| said.contains("flags"))
        })?;
        Ok(sentinel)
    }

    /// A cluster of three.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn cluster() -> Result<[Self; 3], Failure> {
        let node = || {
            let (port, bus) = (free_port()?, free_port()?);
            Self::with(
                port,
                &[
                    "--port",
                    &port.to_string(),
                    "--cluster-enabled",
                    "yes",
                    "--cluster-port",
                    &bus.to_string(),
                ],
            )
        };
        let nodes = [node()?, node()?, node()?];
        let addresses = nodes
            .each_ref()
            .map(|node| format!("127.0.0.1:{}", node.port));
        let made = Command::new("redis-cli")
            .args(["--cluster", "create", "--cluster-yes"])
            .args(addresses)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| Failure::new("redis-cli", error))?;
        if !made.status.success() {
            return Err(Failure::new(
                "redis-cli",
                String::from_utf8_lossy(&made.stdout),
            ));
        }
        for node in &nodes {
            node.wait_until(|| {
                let said = node.ask(&["cluster", "info"]);
                said.is_ok_and(|said| said.contains("cluster_state:ok"))
            })?;
        }
        Ok(nodes)
    }

    fn with(port: u16, arguments: &[&str]) -> Result<Self, Failure> {
        let directory = tempfile::tempdir().map_err(|error| Failure::new("no directory", error))?;
        let more = ["--save", "", "--appendonly", "no"];
        let arguments = arguments.iter().chain(&more);
        Self::run(
            port,
            arguments.map(|it| (*it).to_owned()).collect(),
            directory,
        )
    }

    fn run(port: u16, arguments: Vec<String>, directory: TempDir) -> Result<Self, Failure> {
        let server = Self {
            port,
            arguments,
            directory,
            child: Mutex::new(None),
        };
        server.up()?;
        Ok(server)
    }

    /// Its address, without TLS.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Its address with TLS.
    pub fn tls_url(&self) -> String {
        format!("rediss://127.0.0.1:{}", self.port)
    }

    /// Starts it, also after [`Self::kill`]: with nothing in it.
    ///
    /// # Errors
    /// What it said.
    pub fn up(&self) -> Result<(), Failure> {
        let log = self.directory.path().join("log");
        let file = fs::File::create(&log).map_err(|error| Failure::new(log.display(), error))?;
        let child = Command::new("redis-server")
            .args(&self.arguments)
            .args(["--bind", "127.0.0.1", "--dir"])
            .arg(self.directory.path())
            .stdin(Stdio::null())
            .stdout(file)
            .spawn()
            .map_err(|error| Failure::new("redis-server (Debian's package of this name)", error))?;
        *self.child.lock().expect("not poisoned") = Some(child);
        self.wait_until(|| TcpStream::connect(("127.0.0.1", self.port)).is_ok())
            .map_err(|_| Failure::new("redis-server", fs::read_to_string(&log).unwrap_or_default()))
    }

    /// Kills it, and what it knows goes with it.
    pub fn kill(&self) {
        if let Some(mut child) = self.child.lock().expect("not poisoned").take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Lets it hang, or go on: connections stay, and nobody answers.
    ///
    /// # Errors
    /// Where it can't be told.
    pub fn hang(&self, hangs: bool) -> Result<(), Failure> {
        let id = self
            .child
            .lock()
            .expect("not poisoned")
            .as_ref()
            .map(Child::id);
        let id = id.ok_or_else(|| Failure::new("redis-server", "it does not run"))?;
        let signal = if hangs { "-STOP" } else { "-CONT" };
        let told = Command::new("kill")
            .args([signal, &id.to_string()])
            .status();
        told.map(drop).map_err(|error| Failure::new("kill", error))
    }

    /// A command, and what it answers.
    ///
    /// # Errors
    /// What redis-cli said.
    pub fn ask(&self, command: &[&str]) -> Result<String, Failure> {
        let asked = Command::new("redis-cli")
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
            .args(command)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| Failure::new("redis-cli", error))?;
        Ok(String::from_utf8_lossy(&asked.stdout).trim().to_owned())
    }

    fn wait_until(&self, is_so: impl Fn() -> bool) -> Result<(), Failure> {
        let end = Instant::now() + DEADLINE;
        while !is_so() {
            if Instant::now() > end {
                return Err(Failure::new("redis-server", "it does not get ready"));
            }
            sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}
