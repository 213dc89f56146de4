//! Load from wrk: a closed loop of connections, each with one request under way.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use super::workload::Request;
use tollgate_integration::stack::{CHAT_PATH, Failure};

/// What begins the line that the script prints for us.
const MARK: &str = "BENCH";

/// What one run of wrk saw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Run {
    /// Complete answers.
    pub requests: u64,
    /// How long it took.
    pub duration_us: u64,
    /// Median latency.
    pub p50_us: f64,
    /// The latency that one request in a hundred exceeds.
    pub p99_us: f64,
    /// Answers with a status of 400 or more, and requests without an answer.
    pub errors: u64,
}

/// Runs wrk for whole seconds against a gateway.
pub async fn run(
    gateway: SocketAddr,
    request: &Request,
    connections: u32,
    seconds: u64,
    directory: &Path,
) -> Result<Run, Failure> {
    let script = directory.join("wrk.lua");
    std::fs::write(&script, lua(request)).map_err(|error| Failure::new("wrk.lua", error))?;
    let output = Command::new("wrk")
        .args(["--threads", "1", "--connections", &connections.to_string()])
        .args(["--duration", &format!("{seconds}s"), "--timeout", "10s"])
        .arg("--script")
        .arg(&script)
        .arg(format!("http://{gateway}{CHAT_PATH}"))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| Failure::new("cannot run wrk (run: apt-get install wrk)", error))?;
    let text = String::from_utf8_lossy(&output.stdout);
    parse(&text).ok_or_else(|| {
        let said = String::from_utf8_lossy(&output.stderr);
        Failure::new("wrk", format_args!("{text}{said}"))
    })
}

/// The script of one workload. Long brackets take the texts as they are.
fn lua(request: &Request) -> String {
    let headers: String = request
        .headers
        .iter()
        .map(|(name, value)| format!("wrk.headers[ [==[{name}]==] ] = [==[{value}]==]\n"))
        .collect();
    let body = &request.body;
    format!(
        r#"wrk.method = "POST"
wrk.body = [==[{body}]==]
{headers}
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("{MARK} %d %d %f %f %d\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99),
    e.connect + e.read + e.write + e.status + e.timeout))
end
"#
    )
}

fn parse(output: &str) -> Option<Run> {
    let line = output.lines().find_map(|line| line.strip_prefix(MARK))?;
    let mut fields = line.split_whitespace();
    Some(Run {
        requests: fields.next()?.parse().ok()?,
        duration_us: fields.next()?.parse().ok()?,
        p50_us: fields.next()?.parse().ok()?,
        p99_us: fields.next()?.parse().ok()?,
        errors: fields.next()?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_the_script_is_read() {
        let run = parse("Running 1s test\nBENCH 2000 500000 61.5 99 0\n").expect("a run");
        assert_eq!(
            (run.requests, run.duration_us, run.errors),
            (2000, 500_000, 0)
        );
        assert_eq!(parse("unable to connect"), None);
    }
}
