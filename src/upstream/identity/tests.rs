use std::sync::Mutex;

use tokio::task::JoinHandle;

use super::*;

/// A source that does what it is told and counts.
struct Scripted {
    answer: Mutex<Answer>,
    fetches: AtomicU64,
}

#[derive(Clone, Copy)]
enum Answer {
    Token(Duration),
    Fails,
    Hangs,
}

impl Scripted {
    fn new(answer: Answer) -> Arc<Self> {
        Arc::new(Self {
            answer: Mutex::new(answer),
            fetches: AtomicU64::new(0),
        })
    }

    fn set(&self, answer: Answer) {
        *self.answer.lock().expect("no poison") = answer;
    }

    fn fetches(&self) -> u64 {
        self.fetches.load(Ordering::Relaxed)
    }
}

impl TokenSource for Scripted {
    fn fetch(
        &self,
    ) -> Pin<Box<dyn Future<Output = Result<IssuedToken, IdentityError>> + Send + '_>> {
        let number = self.fetches.fetch_add(1, Ordering::Relaxed) + 1;
        let answer = *self.answer.lock().expect("no poison");
        Box::pin(async move {
            match answer {
                Answer::Token(lifetime) => IssuedToken::new(&format!("token-{number}"), lifetime),
                Answer::Fails => Err(IdentityError::Source("503".to_owned())),
                Answer::Hangs => std::future::pending().await,
            }
        })
    }
}

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

fn start(source: &Arc<Scripted>) -> (Arc<Identity>, CancellationToken, JoinHandle<()>) {
    let identity = Arc::new(Identity::default());
    let stop = CancellationToken::new();
    let source: Arc<dyn TokenSource> = source.clone();
    let task = tokio::spawn(Arc::clone(&identity).keep_fresh(source, stop.clone()));
    (identity, stop, task)
}

fn header(identity: &Identity) -> Option<String> {
    let value = identity.authorization()?;
    Some(value.to_str().expect("text").to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_token_is_refreshed_at_half_of_its_life() {
    let source = Scripted::new(Answer::Token(DAY));
    let (identity, _stop, _task) = start(&source);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(header(&identity).as_deref(), Some("Bearer token-1"));
    sleep(9 * HOUR).await;
    assert_eq!(source.fetches(), 1, "not before 40 % of its life");
    sleep(3 * HOUR).await;
    assert_eq!(source.fetches(), 2, "not after half of its life");
    assert_eq!(header(&identity).as_deref(), Some("Bearer token-2"));
}

#[tokio::test(start_paused = true)]
async fn the_old_token_serves_to_its_end_while_the_source_is_down() {
    let source = Scripted::new(Answer::Token(HOUR));
    let (identity, _stop, _task) = start(&source);
    sleep(Duration::from_secs(1)).await;
    source.set(Answer::Fails);
    sleep(HOUR - ON_THE_WAY - Duration::from_secs(2)).await;
    assert_eq!(
        header(&identity).as_deref(),
        Some("Bearer token-1"),
        "still alive"
    );
    sleep(Duration::from_secs(2)).await;
    assert_eq!(header(&identity), None, "it has ended");
    source.set(Answer::Token(HOUR));
    sleep(MAX_BACKOFF).await;
    assert!(header(&identity).is_some(), "the source is back");
    assert!(identity.refreshes().failure > 0);
}

#[tokio::test(start_paused = true)]
async fn a_failing_source_is_asked_less_and_less() {
    let source = Scripted::new(Answer::Fails);
    let (identity, _stop, _task) = start(&source);
    sleep(Duration::from_secs(300)).await;
    let fetches = source.fetches();
    assert!(
        (60..=90).contains(&fetches),
        "{fetches} fetches in five minutes"
    );
    assert_eq!(header(&identity), None);
    assert_eq!(identity.expires_unix_s(), None);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_hangs_is_given_up_and_asked_again() {
    let source = Scripted::new(Answer::Hangs);
    let (identity, _stop, _task) = start(&source);
    sleep(FETCH_TIMEOUT + Duration::from_millis(1)).await;
    assert_eq!(identity.refreshes().failure, 1);
    source.set(Answer::Token(HOUR));
    sleep(FIRST_BACKOFF).await;
    assert!(header(&identity).is_some());
}

#[tokio::test(start_paused = true)]
async fn short_lived_tokens_are_refreshed_no_faster_than_once_a_second() {
    let source = Scripted::new(Answer::Token(Duration::from_millis(100)));
    let (_identity, _stop, _task) = start(&source);
    sleep(Duration::from_secs(10)).await;
    assert!(
        source.fetches() <= 11,
        "{} fetches in ten seconds",
        source.fetches()
    );
}

#[tokio::test(start_paused = true)]
async fn the_refresher_stops_when_told() {
    let source = Scripted::new(Answer::Token(DAY));
    let (_identity, stop, task) = start(&source);
    sleep(Duration::from_secs(1)).await;
    stop.cancel();
    task.await.expect("it ends");
}

#[test]
fn a_token_does_not_print_itself() {
    let token = IssuedToken::new("canary-9c2e", HOUR).expect("a header value");
    assert!(!format!("{token:?}").contains("canary"));
    assert!(IssuedToken::new("two\nlines", HOUR).is_err());
}
