//! Requests that ask shared counters, one after another.

use super::book::Book;
use super::given_back::GivenBack;
use super::shared::Link;
use super::*;

/// A book whose servers are said to answer.
fn book() -> Arc<Book> {
    let options = SharedOptions {
        servers: Servers::Single(ServerUrl::parse("redis://127.0.0.1:1").expect("an address")),
        trust: None,
        username: None,
        password: None,
        key_prefix: "test".to_owned(),
        when_unavailable: WhenUnavailable::LocalShare,
        replicas: 4,
        answer_timeout: SharedOptions::ANSWER_TIMEOUT,
    };
    let clock = Clock::simulated(NOON);
    let link = Link::new(options, None, clock).expect("random numbers");
    link.pretend_up();
    let (alarms, _) = mpsc::channel(1);
    let given_back = Arc::<GivenBack>::default();
    Arc::new(Book::new(clock, alarms, given_back, Some(link)))
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_long_for_a_turn_to_ask() {
    let (book, settings) = (book(), Arc::default());
    let lines = [client("app", &[rule(Measure::Requests, PER_MINUTE, 100)])];
    let account = book.account(&Subject::Client("app".into()));
    let _others = account.turn.lock().await;
    let demand = demand(&lines, tokens(0, 0));
    let decided = timeout(Duration::from_secs(1), book.reserve(&demand, &settings));
    let refused = decided.await.expect("it is decided");
    let refused = refused.expect_err("nobody knows whether there is room");
    assert_eq!(refused.until, Until::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn whoever_is_refused_for_sure_asks_nothing() {
    let (book, settings) = (book(), Arc::default());
    let user = Subject::User {
        client: "app".into(),
        user: Some("ann".into()),
    };
    let tokens_of = |most| [rule(Measure::TotalTokens, DAILY, most)];
    let lines = [line(user, &tokens_of(100)), client("app", &tokens_of(50))];
    book.charge(&lines[1..], tokens(0, 0), &settings);
    match book.attempt(&demand(&lines, tokens(0, 51)), &settings) {
        Err(account::Short::Exceeded(exceeded)) => {
            assert_eq!(exceeded.subject, Subject::Client("app".into()));
        }
        other => panic!("{other:?}"),
    }
}
