//! The console in a real browser: Debian's Chromium, without a window. Where it is not installed these tests say
//! that they are skipped; CI installs it.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Output;

use flate2::read::ZlibDecoder;
use serde_json::json;
use tokio::process::Command;
use tollgate_integration::stack::{Stack, TestKey};

use super::{HOSTILE, of_other, used};
use crate::support::{hello, send, send_json};

/// Where pictures for the documentation go: see scripts/screenshots.sh.
const PICTURES: &str = "TOLLGATE_SCREENSHOTS";
/// The largest picture that the documentation may have.
const MAX_PICTURE_BYTES: usize = 150_000;

/// The browser, in a scheme: what it is called, its number, and the colour of the page's ground.
const SCHEMES: [(&str, u8, [u8; 3]); 2] = [
    ("light", 1, [0xff, 0xff, 0xff]),
    ("dark", 0, [0x12, 0x16, 0x1d]),
];

fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path).map(|folder| folder.join("chromium"));
    let found = found.into_iter().find(|it| it.is_file());
    if found.is_none() {
        println!("skipped: chromium is not installed (apt-get install chromium)");
    }
    found
}

/// Opens a page, with a profile of its own.
async fn open(chromium: &Path, profile: &Path, scheme: u8, more: &[&str], url: &str) -> Output {
    let output = Command::new(chromium)
        .args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
        ])
        .args([
            "--no-first-run",
            "--disable-background-networking",
            "--hide-scrollbars",
        ])
        .args(["--enable-logging=stderr", "--window-size=1280,1000"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("--blink-settings=preferredColorScheme={scheme}"))
        .args(more)
        .arg(url)
        .kill_on_drop(true)
        .output();
    let output = output.await.expect("chromium runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    // What a page is not allowed to do, or has done wrong, is in the browser's console.
    let complaints: Vec<_> = said.lines().filter(|it| it.contains(":CONSOLE")).collect();
    assert!(complaints.is_empty(), "{complaints:?}");
    output
}

/// The colour of the first pixel of a PNG: no filter of the first line changes it
/// (<https://www.w3.org/TR/png-3/#9Filters>).
fn ground(png: &[u8]) -> [u8; 3] {
    let mut packed = Vec::new();
    let mut rest = png.get(8..).expect("a signature");
    while let Some((length, chunk)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_be_bytes(*length)).expect("a length");
        if chunk.starts_with(b"IDAT") {
            packed.extend_from_slice(&chunk[4..4 + length]);
        }
        rest = chunk.get(4 + length + 4..).unwrap_or_default();
    }
    let mut first = [0; 4];
    let mut pixels = ZlibDecoder::new(packed.as_slice());
    pixels.read_exact(&mut first).expect("a pixel");
    [first[1], first[2], first[3]]
}

/// What a tour of the page should have: refusals of several kinds.
async fn refused(stack: &Stack) {
    let unknown = TestKey::numbered(5);
    let url = stack.callers.url("/openai/v1/chat/completions");
    let other = stack.callers.http1().post(&url);
    send(other.header("api-key", unknown.text()).json(&hello())).await;
    let model = json!({"model": HOSTILE, "messages": [{"role": "user", "content": "Hi"}]});
    send(stack.post("/openai/v1/chat/completions", &model)).await;
    for _ in 0..3 {
        send_json(of_other(stack)).await;
    }
}

#[tokio::test]
async fn a_browser_shows_it_in_light_and_in_dark_and_runs_nothing() {
    let Some(chromium) = chromium() else { return };
    let stack = used().await;
    refused(&stack).await;
    let url = format!("{}/console?by=user", stack.tollgate().admin_url());
    let profile = stack.directory().join("browser");
    let dumped = open(&chromium, &profile, 1, &["--dump-dom"], &url).await;
    let dom = String::from_utf8(dumped.stdout).expect("text");
    // As the browser has read it: what a hostile name would have become is an element by now.
    let elements = |name: &str| dom.matches(&format!("<{name}")).count();
    for name in ["script", "img", "iframe", "object", "style"] {
        assert_eq!(elements(name), 0, "{name}: {dom}");
    }
    assert!(
        dom.contains("&lt;script&gt;alert(1)&lt;/script&gt;"),
        "{dom}"
    );
    assert!(
        dom.contains("<html lang=\"en\">") && dom.contains("<title>"),
        "{dom}"
    );
    for name in ["h1", "main", "nav"] {
        assert_eq!(elements(name), 1, "{name}: {dom}");
    }
    assert_eq!(elements("table"), elements("caption"));
    assert_eq!(elements("th "), dom.matches("scope=\"").count(), "{dom}");
    assert_eq!(elements("table"), dom.matches("role=\"region\"").count());
    let url = format!("{}/console", stack.tollgate().admin_url());
    for (name, scheme, colour) in SCHEMES {
        let profile = stack.directory().join(format!("browser-{name}"));
        let file = stack.directory().join(format!("console-{name}.png"));
        let picture = format!("--screenshot={}", file.display());
        open(&chromium, &profile, scheme, &[&picture], &url).await;
        let png = std::fs::read(&file).expect("a picture");
        assert_eq!(ground(&png), colour, "the style sheet is in force: {name}");
        assert!(png.len() < MAX_PICTURE_BYTES, "{name}: {} bytes", png.len());
        if let Some(folder) = std::env::var_os(PICTURES) {
            let kept = Path::new(&folder).join(format!("console-{name}.png"));
            std::fs::copy(&file, kept).expect("copied");
        }
    }
}
