//! A real Prometheus, from Debian's package, on loopback and in a directory of its own.

use std::process::Stdio;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::ports::free_port;
use crate::stack::{Child, Failure, Output, poll_for};

/// A running server, stopped and removed when it is dropped.
#[derive(Debug)]
pub struct Prometheus {
    url: String,
    http: reqwest::Client,
    child: Child,
    _directory: TempDir,
}

/// What is scraped: the name of the job, `HOST:PORT`, and the path.
pub type Target<'a> = (&'a str, &'a str, &'a str);

impl Prometheus {
    /// Starts a server that scrapes these targets every second, with the rules of a file.
    ///
    /// # Errors
    /// Where the package is missing, and what it said where it fails.
    pub async fn start(targets: &[Target<'_>], rules: &std::path::Path) -> Result<Self, Failure> {
        let directory = tempfile::tempdir().map_err(|error| Failure::new("no directory", error))?;
        let file = directory.path().join("prometheus.yml");
        let jobs = targets.iter().map(|(job, address, path)| {
            json!({ "job_name": job, "metrics_path": path, "static_configs": [{ "targets": [address] }] })
        });
        let config = json!({
            "global": { "scrape_interval": "1s", "evaluation_interval": "1s" },
            "rule_files": [rules],
            "scrape_configs": jobs.collect::<Vec<_>>(),
        });
        // JSON is YAML.
        std::fs::write(&file, config.to_string())
            .map_err(|error| Failure::new(file.display(), error))?;
        let address = format!("127.0.0.1:{}", free_port()?);
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                directory.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null());
        let mut child = Child::spawn(
            "prometheus (Debian's package of this name)",
            command,
            Output::Dropped,
        )?;
        let http = reqwest::Client::new();
        let url = format!("http://{address}");
        poll_for("Prometheus to be ready", async || {
            if let Err(failure) = child.check_running() {
                return Some(Err(failure));
            }
            let answer = http.get(format!("{url}/-/ready")).send().await.ok()?;
            answer.status().is_success().then_some(Ok(()))
        })
        .await??;
        Ok(Self {
            url,
            http,
            child,
            _directory: directory,
        })
    }

    /// The samples that a query gives now.
    ///
    /// # Errors
    /// What Prometheus says of the query.
    pub async fn query(&mut self, query: &str) -> Result<Vec<Value>, Failure> {
        let body = self.ask("query", &[("query", query)]).await?;
        let samples = body.pointer("/data/result").and_then(Value::as_array);
        samples
            .cloned()
            .ok_or_else(|| Failure::new(query, body.to_string()))
    }

    /// The rules that it evaluates: name and health.
    ///
    /// # Errors
    /// What Prometheus says.
    pub async fn rules(&mut self) -> Result<Vec<(String, String)>, Failure> {
        let body = self.ask("rules", &[]).await?;
        let groups = body.pointer("/data/groups").and_then(Value::as_array);
        let rules = groups
            .into_iter()
            .flatten()
            .filter_map(|group| group.get("rules")?.as_array());
        let text = |rule: &Value, member: &str| {
            let text = rule.get(member).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        Ok(rules
            .flatten()
            .map(|rule| (text(rule, "name"), text(rule, "health")))
            .collect())
    }

    async fn ask(&mut self, path: &str, form: &[(&str, &str)]) -> Result<Value, Failure> {
        self.child.check_running()?;
        let failed = |error| Failure::new("Prometheus", error);
        let mut url = reqwest::Url::parse(&format!("{}/api/v1/{path}", self.url))
            .map_err(|error| Failure::new(&self.url, error))?;
        url.query_pairs_mut().extend_pairs(form);
        let answer = self.http.get(url).send().await.map_err(failed)?;
        let body: Value = answer.json().await.map_err(failed)?;
        match body.get("status").and_then(Value::as_str) {
            Some("success") => Ok(body),
            _ => Err(Failure::new("Prometheus", body)),
        }
    }
}
