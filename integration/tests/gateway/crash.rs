//! `kill -9` under load, with the fake's own bills as judge.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::RequestBuilder;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tollgate_integration::stack::{Stack, paths, wait_for};

use crate::books::{Dice, assert_equals_bill, bills, by_request, ledger, rows, soak, with_ledger};
use crate::support::{hello, hello_stream};

/// Callers at once.
const CALLERS: u64 = 6;
/// What a caller does between two requests that fail: the gateway is away for a moment.
const PAUSE: Duration = Duration::from_millis(5);
/// Kills between two looks at the books. A run that is stopped goes on after the last of them.
const KILLS_OF_A_ROUND: usize = 100;
/// Rounds at once, each with an Envoy, a tollgate, a data directory and fakes of its own: most of the time
/// between two kills is spent on waiting for the next start.
const ROUNDS_AT_ONCE: usize = 4;

/// What a caller saw.
#[derive(Default)]
struct Seen {
    /// Ids of requests whose answer was whole.
    whole: Mutex<Vec<String>>,
    count: AtomicUsize,
    broken: AtomicUsize,
    stop: AtomicBool,
}

/// Sends a request and reads its answer; whether it is whole, and its id.
async fn ask(request: RequestBuilder, is_stream: bool) -> Option<String> {
    let mut answer = request.send().await.ok()?;
    let id = answer
        .headers()
        .get("x-request-id")?
        .to_str()
        .ok()?
        .to_owned();
    if answer.status() != 200 {
        return None;
    }
    let mut body = Vec::new();
    let is_read = loop {
        match answer.chunk().await {
            Ok(Some(piece)) => body.extend_from_slice(&piece),
            Ok(None) => break true,
            Err(_) => break false,
        }
    };
    // A client of a stream has it all when it has the last event, however the connection ends.
    let is_whole = match is_stream {
        true => String::from_utf8_lossy(&body).contains("data: [DONE]\n"),
        false => is_read,
    };
    is_whole.then_some(id)
}

/// The next request: JSON, a quick stream, a slow one.
fn next(stack: &Stack, dice: &mut Dice) -> (RequestBuilder, bool) {
    match dice.below(3) {
        0 => (stack.chat(&hello()), false),
        1 => (
            stack
                .chat(&hello_stream())
                .header("x-fake-output-tokens", "8"),
            true,
        ),
        _ => {
            let slow = stack
                .chat(&hello_stream())
                .header("x-fake-output-tokens", "20");
            (slow.header("x-fake-token-delay-ms", "2"), true)
        }
    }
}

async fn call(requests: Vec<(RequestBuilder, bool)>, seen: &Seen) {
    for (request, is_stream) in requests.iter().cycle() {
        if seen.stop.load(Ordering::Relaxed) {
            return;
        }
        let request = request.try_clone().expect("a request of bytes");
        match ask(request, *is_stream).await {
            Some(id) => {
                seen.whole.lock().expect("no poison").push(id);
                seen.count.fetch_add(1, Ordering::Relaxed);
            }
            None => {
                seen.broken.fetch_add(1, Ordering::Relaxed);
                sleep(PAUSE).await;
            }
        }
    }
}

/// What one round has shown.
struct Round {
    kills: usize,
    whole: usize,
    broken: usize,
    records: usize,
    bills: usize,
}

/// What a run has shown so far.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Shown {
    /// SHA-256 of the program: what another build has shown does not count.
    program: String,
    kills: usize,
    whole: usize,
    broken: usize,
    records: usize,
    bills: usize,
}

impl Shown {
    /// What a run that was stopped has left.
    fn resume(state: Option<&Path>) -> Self {
        let program = std::fs::read(paths::binary("tollgate").expect("the program"));
        let program = hex::encode(Sha256::digest(program.expect("readable")));
        let left = state.and_then(|path| std::fs::read(path).ok());
        let left: Option<Self> = left.and_then(|text| serde_json::from_slice(&text).ok());
        let anew = Self {
            program: program.clone(),
            ..Self::default()
        };
        left.filter(|it| it.program == program).unwrap_or(anew)
    }

    fn add(&mut self, round: &Round) {
        self.kills += round.kills;
        self.whole += round.whole;
        self.broken += round.broken;
        self.records += round.records;
        self.bills += round.bills;
    }

    fn keep(&self, state: Option<&Path>) {
        println!("{self:?}");
        if let Some(path) = state {
            let text = serde_json::to_vec(self).expect("JSON");
            let folder = path.parent().expect("a folder");
            std::fs::create_dir_all(folder).expect("the folder");
            std::fs::write(path, text).expect("written");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_it_has_a_record_of_every_whole_answer_and_none_twice() {
    let kills = soak("TOLLGATE_SOAK_KILLS", 15);
    let state = std::env::var_os("TOLLGATE_SOAK_STATE").map(PathBuf::from);
    let mut shown = Shown::resume(state.as_deref());
    let mut begun = shown.kills;
    let mut rounds = JoinSet::new();
    loop {
        while begun < kills && rounds.len() < ROUNDS_AT_ONCE {
            let some = (kills - begun).min(KILLS_OF_A_ROUND);
            let (number, runtime) = (u64::try_from(begun).expect("few"), Handle::current());
            rounds.spawn_blocking(move || runtime.block_on(round(some, number)));
            begun += some;
        }
        let Some(ended) = rounds.join_next().await else {
            return;
        };
        shown.add(&ended.expect("a round whose books are right"));
        shown.keep(state.as_deref());
    }
}

/// Kills so many times, and then looks at the books.
async fn round(kills: usize, number: u64) -> Round {
    let mut stack = Stack::start(with_ledger("")).await;
    let seen = Arc::new(Seen::default());
    let mut dice = Dice(42 + number);
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let requests: Vec<_> = (0..32).map(|_| next(&stack, &mut dice)).collect();
            let seen = Arc::clone(&seen);
            tokio::spawn(async move { call(requests, &seen).await })
        })
        .collect();
    for _ in 0..kills {
        let until = seen.count.load(Ordering::Relaxed)
            + 1
            + usize::try_from(dice.below(30)).expect("small");
        wait_for("answers", async || {
            (seen.count.load(Ordering::Relaxed) >= until).then_some(())
        })
        .await;
        stack
            .restart_tollgate()
            .await
            .expect("killed and started again");
    }
    seen.stop.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.expect("a caller");
    }
    let child = stack.tollgate_mut().child();
    child.signal("TERM").await.expect("a signal");
    assert!(child.ended().await.expect("an end").success());

    let records = by_request(rows(&ledger(&stack).await).await);
    let bills = bills(&stack);
    let whole = seen.whole.lock().expect("no poison").clone();
    let broken = seen.broken.load(Ordering::Relaxed);
    assert!(whole.len() > kills && broken > 0, "the kills hit somebody");
    for id in &whole {
        let record = records.get(id);
        let record = record.unwrap_or_else(|| panic!("{id} was answered and has no record"));
        assert_eq!(record.source, "reported", "{record:?}");
        assert_equals_bill(record, &bills[id]);
    }
    for id in records.keys() {
        assert!(
            bills.contains_key(id),
            "{id} has a record and was never billed"
        );
    }
    Round {
        kills,
        whole: whole.len(),
        broken,
        records: records.len(),
        bills: bills.len(),
    }
}
