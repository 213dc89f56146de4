use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::task::{JoinHandle, JoinSet};

use super::*;
use tokio::time::Instant;

use crate::auth::jwks::KEY_WAIT;

const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
const TEN_MINUTES: Duration = Duration::from_secs(600);

/// A source that does what it is told and counts.
struct Scripted {
    answer: Mutex<Option<&'static str>>,
    fetches: AtomicU64,
    delay: Duration,
}

impl Scripted {
    /// Gives a set with one key of this id; none fails.
    fn set(&self, key: Option<&'static str>) {
        *self.answer.lock().expect("no poison") = key;
    }

    fn fetches(&self) -> u64 {
        self.fetches.load(Ordering::Relaxed)
    }
}

impl KeySource for Scripted {
    fn origin(&self) -> String {
        "scripted".to_owned()
    }

    fn fetch(&self) -> Fetching<'_> {
        self.fetches.fetch_add(1, Ordering::Relaxed);
        let answer = *self.answer.lock().expect("no poison");
        Box::pin(async move {
            sleep(self.delay).await;
            let id = answer.ok_or(RefreshError::Discovery("is away"))?;
            let set =
                format!(r#"{{"keys":[{{"kid":"{id}","kty":"OKP","crv":"Ed25519","x":"{X}"}}]}}"#);
            Ok(KeySet::parse(set.as_bytes())?)
        })
    }
}

fn start(key: Option<&'static str>) -> (Arc<Scripted>, Arc<KeyStore>, JoinHandle<()>) {
    let source = Arc::new(Scripted {
        answer: Mutex::new(key),
        fetches: AtomicU64::new(0),
        delay: Duration::from_millis(100),
    });
    let store = Arc::new(KeyStore::new(Duration::from_secs(24 * 3600)));
    let (own, from) = (Arc::clone(&store), Arc::clone(&source));
    let stop = CancellationToken::new();
    let task = tokio::spawn(async move { keep_fresh("acme", own, from, TEN_MINUTES, stop).await });
    (source, store, task)
}

/// Waits as long as a request may.
async fn newer(store: &KeyStore) -> bool {
    store.newer(Instant::now() + KEY_WAIT).await
}

fn has(store: &KeyStore, id: &str) -> bool {
    store
        .usable()
        .is_some_and(|held| held.keys.find(id).is_some())
}

#[tokio::test(start_paused = true)]
async fn keys_are_refreshed_before_ten_minutes_are_over() {
    let (source, store, _task) = start(Some("old"));
    sleep(Duration::from_secs(1)).await;
    assert!(has(&store, "old"));
    source.set(Some("new"));
    sleep(Duration::from_secs(470)).await;
    assert_eq!(source.fetches(), 1, "not before 80 % of the time");
    sleep(Duration::from_secs(131)).await;
    assert_eq!(source.fetches(), 2);
    assert!(has(&store, "new") && !has(&store, "old"));
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_unknown_keys_cause_three_fetches_a_minute() {
    for is_away in [false, true] {
        let (source, store, _task) = start(Some("known"));
        sleep(Duration::from_secs(1)).await;
        if is_away {
            source.set(None);
        }
        let mut before = source.fetches();
        for minute in 0..5 {
            let begin = Instant::now();
            while begin.elapsed() < Duration::from_secs(59) {
                let mut asking = JoinSet::new();
                for _ in 0..10_000 / 60 {
                    let store = Arc::clone(&store);
                    asking.spawn(async move { newer(&store).await });
                }
                asking.join_all().await;
                sleep(Duration::from_millis(900)).await;
            }
            let caused = source.fetches() - before;
            before += caused;
            assert!(
                (1..=3).contains(&caused),
                "{caused} fetches in minute {minute}, away: {is_away}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_cold_requests_cause_one_fetch() {
    let (source, store, _task) = start(Some("1"));
    let mut asking = JoinSet::new();
    for _ in 0..10_000 {
        let store = Arc::clone(&store);
        asking.spawn(async move { newer(&store).await });
    }
    assert!(asking.join_all().await.into_iter().all(|came| came));
    assert_eq!(source.fetches(), 1, "one flight for all of them");
    assert!(has(&store, "1"));
}

#[tokio::test(start_paused = true)]
async fn a_new_key_is_found_on_first_sight_and_a_missing_one_waits_for_the_cooldown() {
    let (source, store, _task) = start(Some("old"));
    sleep(Duration::from_secs(1)).await;
    source.set(Some("new"));
    assert!(newer(&store).await, "the first unknown key refreshes");
    assert!(has(&store, "new"));
    assert!(!newer(&store).await, "the next one does not");
    sleep(UNKNOWN_KEY_COOLDOWN).await;
    assert!(newer(&store).await);
    assert_eq!(source.fetches(), 3);
}

#[tokio::test(start_paused = true)]
async fn keys_are_kept_through_an_outage_and_a_removed_one_dies_when_it_ends() {
    let (source, store, _task) = start(Some("old"));
    sleep(Duration::from_secs(1)).await;
    let generation = store.generation();
    source.set(None);
    sleep(Duration::from_secs(3600)).await;
    assert!(has(&store, "old"), "after an hour");
    assert_eq!(store.generation(), generation, "verdicts hold on");
    assert!(store.status().failure > 10, "it goes on asking");
    source.set(Some("new"));
    sleep(Duration::from_secs(31)).await;
    assert!(!has(&store, "old") && has(&store, "new"));
    assert_ne!(store.generation(), generation, "verdicts are void");
    source.set(None);
    sleep(Duration::from_secs(25 * 3600)).await;
    assert!(store.usable().is_none(), "a day is too long");
}

#[tokio::test(start_paused = true)]
async fn the_same_keys_again_leave_verdicts_alone() {
    let (source, store, _task) = start(Some("1"));
    sleep(Duration::from_secs(1)).await;
    let generation = store.generation();
    sleep(Duration::from_secs(3600)).await;
    assert!(source.fetches() > 5);
    assert_eq!(store.generation(), generation);
}
