use super::*;
use crate::upstream::{Availability, Pool, RejectionCounts};

fn asked(names: &[&str]) -> Asked {
    let choice = |name: &&str| {
        let member = Member::new(Arc::new(Backend::new(name)), None, 0, 1);
        Choice::new(&Arc::new(member), &"gpt-4o".into())
    };
    Asked {
        choices: names.iter().map(choice).collect(),
        under_way: None,
        is_pooled: true,
    }
}

fn notes(statuses: &[(&str, u16)]) -> HashMap<String, Attempt> {
    let note = |(name, status): &(&str, u16)| {
        let attempt = Attempt {
            status: *status,
            ..Attempt::default()
        };
        ((*name).to_owned(), attempt)
    };
    statuses.iter().map(note).collect()
}

/// Learns from an answer of this status that says nothing else.
fn learn(
    asked: &mut Asked,
    notes: &HashMap<String, Attempt>,
    attempts: Option<u32>,
    status: u16,
) -> Option<Arc<str>> {
    let answer = Attempt {
        status,
        ..Attempt::default()
    };
    asked.learn(notes, attempts, &answer)
}

fn is_ready(asked: &Asked, at: usize) -> bool {
    availability(asked, at, Instant::now()) == Availability::Ready
}

fn availability(asked: &Asked, at: usize, now: Instant) -> Availability {
    let choice = asked.choices.get(at).expect("one");
    choice.backend().availability("gpt-4o", now)
}

#[test]
fn the_path_has_the_backends_own_name_for_the_deployment() {
    let path = "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21";
    assert_eq!(
        named_so(path, "gpt-4o-eu"),
        "/openai/deployments/gpt-4o-eu/chat/completions?api-version=2024-10-21"
    );
    for path in ["/openai/v1/chat/completions", "/openai/deployments/x"] {
        assert_eq!(named_so(path, "gpt-4o-eu"), path);
    }
}

#[test]
fn the_backend_of_the_last_attempt_has_served_it() {
    let mut asked = asked(&["a", "b"]);
    let first = learn(&mut asked, &notes(&[("a", 200)]), Some(1), 200);
    assert_eq!(first.as_deref(), Some("a"));
    let second = learn(&mut asked, &notes(&[("a", 503), ("b", 200)]), Some(2), 200);
    assert_eq!(second.as_deref(), Some("b"));
    // An order of one is tried again at the same backend.
    let mut one = self::asked(&["a"]);
    let again = learn(&mut one, &notes(&[("a", 200)]), Some(3), 200);
    assert_eq!(again.as_deref(), Some("a"));
}

#[test]
fn a_request_that_nobody_answers_takes_no_backend_from_others() {
    let mut asked = asked(&["a", "b"]);
    for _ in 0..100 {
        learn(&mut asked, &notes(&[("a", 500), ("b", 500)]), Some(2), 500);
        learn(&mut asked, &HashMap::new(), Some(2), 503);
    }
    assert!(is_ready(&asked, 0) && is_ready(&asked, 1));
}

#[test]
fn failures_where_another_backend_answers_let_it_rest() {
    for failing in [notes(&[("a", 500), ("b", 200)]), notes(&[("b", 200)])] {
        let mut asked = asked(&["a", "b"]);
        for _ in 0..5 {
            assert!(is_ready(&asked, 0), "{failing:?}");
            learn(&mut asked, &failing, Some(2), 200);
        }
        assert!(!is_ready(&asked, 0), "{failing:?}");
        assert!(is_ready(&asked, 1), "{failing:?}");
    }
}

#[test]
fn too_many_requests_and_a_rejected_identity_let_it_rest_at_once() {
    for status in [429, 401, 403] {
        let mut asked = asked(&["a", "b"]);
        learn(&mut asked, &notes(&[("a", status)]), Some(1), status);
        assert!(!is_ready(&asked, 0), "{status}");
        assert!(is_ready(&asked, 1), "{status}");
    }
}

#[test]
fn what_no_backend_answers_lets_none_rest_for_as_long_as_it_says() {
    let mut asked = asked(&["a", "b"]);
    let throttled = Attempt {
        status: 429,
        retry_after: Some(Duration::from_secs(600)),
        ..Attempt::default()
    };
    let all = ["a", "b"].map(|name| (name.to_owned(), throttled.clone()));
    learn(&mut asked, &all.into(), Some(2), 429);
    assert!(!is_ready(&asked, 0) && !is_ready(&asked, 1), "at once");
    let later = Instant::now() + MAX_REST_UNANSWERED;
    for at in [0, 1] {
        assert_eq!(availability(&asked, at, later), Availability::Ready);
    }
    let mut answered = notes(&[("b", 200)]);
    answered.insert("a".to_owned(), throttled);
    learn(&mut asked, &answered, Some(2), 200);
    let resting = availability(&asked, 0, later);
    assert!(matches!(resting, Availability::Resting(..)), "{resting:?}");
}

#[test]
fn who_does_not_accept_the_identity_is_noted_by_its_name() {
    let mut asked = asked(&["a", "b"]);
    learn(&mut asked, &notes(&[("a", 401), ("b", 200)]), Some(2), 200);
    let backend = |at: usize| asked.choices.get(at).expect("one").backend();
    let concern = backend(0).concern().expect("a concern");
    assert!(concern.starts_with("backend a answers 401"), "{concern}");
    assert_eq!(backend(1).concern(), None);
    let counts = backend(0).report(Instant::now()).rejections;
    let one = RejectionCounts {
        unauthorized: 1,
        forbidden: 0,
    };
    assert_eq!(counts, one);
}

#[test]
fn one_backend_alone_is_counted_and_never_rests() {
    let mut alone = Asked {
        is_pooled: false,
        ..asked(&["a"])
    };
    for status in [200, 404, 429, 503, 401] {
        learn(&mut alone, &HashMap::new(), Some(1), status);
    }
    assert!(is_ready(&alone, 0));
    let backend = alone.choices.first().expect("one").backend();
    let report = backend.report(Instant::now());
    assert_eq!((report.served, report.failed), (2, 3));
    assert!(backend.concern().is_some());
}

#[test]
fn a_request_is_under_way_where_it_is_answered_until_its_end() {
    let mut asked = asked(&["a", "b"]);
    asked.under_way = asked.choices.first().map(Choice::begin);
    let under_way = |asked: &Asked| -> Vec<u32> {
        let choices = asked.choices.iter();
        choices.map(Choice::under_way).collect()
    };
    assert_eq!(under_way(&asked), [1, 0]);
    learn(&mut asked, &notes(&[("a", 503), ("b", 200)]), Some(2), 200);
    assert_eq!(under_way(&asked), [0, 1]);
    asked.under_way = None;
    assert_eq!(under_way(&asked), [0, 0]);
}

/// Provisioned throughput as Azure measures it: what is asked for fills a bucket, which empties at the rate that
/// is paid for (<https://learn.microsoft.com/azure/ai-services/openai/how-to/provisioned-throughput-onboarding>).
struct Provisioned {
    level: f64,
    at: Instant,
}

impl Provisioned {
    /// Tokens in a second, and how many seconds of them the bucket holds.
    const RATE: f64 = 1_000.0;
    const HOLDS: f64 = Self::RATE;

    /// Takes a request, or says when it has room for it.
    fn take(&mut self, tokens: f64, now: Instant) -> Result<(), Duration> {
        let passed = now.duration_since(self.at).as_secs_f64();
        self.level = (self.level - passed * Self::RATE).max(0.0);
        self.at = now;
        let above = self.level + tokens - Self::HOLDS;
        if above > 0.0 {
            return Err(Duration::from_secs_f64(above / Self::RATE));
        }
        self.level += tokens;
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn provisioned_throughput_is_full_before_others_are_paid_and_asked_again_when_it_says() {
    const SECONDS: u64 = 120;
    /// Twice what is provisioned, in requests of 20 to 380 tokens.
    const PAUSE: Duration = Duration::from_millis(100);
    let start = Instant::now();
    let member = |name, priority| Member::new(Arc::new(Backend::new(name)), None, priority, 1);
    let pool = Pool::new(vec![member("ptu", 0), member("payg", 1)]);
    let mut ptu = Provisioned {
        level: 0.0,
        at: start,
    };
    let (mut served, mut others, mut back_at) = (0.0, 0_u32, None);
    for nth in 0..SECONDS * 10 {
        let now = Instant::now();
        let tokens = f64::from(u32::try_from(nth * 7 % 19).expect("small") * 20 + 20);
        let wish = Wish {
            called: "gpt-4o",
            most: MAX_ATTEMPTS,
            has_one_name: true,
            kept_percent: 0,
        };
        let order = pool.order(wish, now, |_| true, |_| true).expect("an order");
        let is_ptu_first = &*order.choices.first().expect("one").backend().name == "ptu";
        // Not before it has said so, and with the next request after that.
        assert_eq!(is_ptu_first, back_at.is_none_or(|at| at <= now), "{nth}");
        let mut asked = Asked {
            choices: order.choices,
            under_way: Some(order.under_way),
            is_pooled: true,
        };
        match is_ptu_first.then(|| ptu.take(tokens, now)) {
            Some(Ok(())) => {
                served += tokens;
                learn(&mut asked, &notes(&[("ptu", 200)]), Some(1), 200);
            }
            Some(Err(wait)) => {
                others += 1;
                back_at = Some(now + wait);
                let mut ended = notes(&[("ptu", 429), ("payg", 200)]);
                if let Some(note) = ended.get_mut("ptu") {
                    note.retry_after = Some(wait);
                }
                learn(&mut asked, &ended, Some(2), 200);
            }
            None => {
                others += 1;
                learn(&mut asked, &notes(&[("payg", 200)]), Some(1), 200);
            }
        }
        tokio::time::advance(PAUSE).await;
    }
    let provisioned = Provisioned::RATE * Duration::from_secs(SECONDS).as_secs_f64();
    assert!(served / provisioned >= 0.98, "{served} of {provisioned}");
    assert!(others > 0, "twice as much was asked for");
}

#[test]
fn one_that_has_no_more_room_is_known_as_full() {
    let mut asked = asked(&["a", "b"]);
    let mut answered = notes(&[("a", 200)]);
    answered
        .entry("a".to_owned())
        .and_modify(|it| it.is_full = true);
    learn(&mut asked, &answered, Some(1), 200);
    let now = Instant::now();
    assert_eq!(availability(&asked, 0, now), Availability::Full);
    learn(&mut asked, &notes(&[("a", 200)]), Some(1), 200);
    assert_eq!(availability(&asked, 0, now), Availability::Ready);
}

#[test]
fn what_is_no_failure_need_not_be_noted() {
    let mut asked = asked(&["a", "b"]);
    let full = Attempt {
        status: 200,
        is_full: true,
        ..Attempt::default()
    };
    let answering = asked.learn(&notes(&[("a", 503)]), Some(2), &full);
    assert_eq!(answering.as_deref(), Some("b"));
    let now = Instant::now();
    assert_eq!(availability(&asked, 1, now), Availability::Full);
    // An order of one, where the second attempt is at the same backend.
    let mut one = self::asked(&["c"]);
    learn(&mut one, &notes(&[("c", 503)]), Some(2), 200);
    let report = one.choices.first().expect("one").backend().report(now);
    assert_eq!((report.served, report.failed), (1, 0));
}

#[test]
fn whoever_has_noted_the_answer_has_given_it_however_often_envoy_says_it_tried() {
    for attempts in [None, Some(1)] {
        let mut asked = asked(&["a", "b", "c"]);
        let answering = learn(&mut asked, &notes(&[("b", 200)]), attempts, 200);
        assert_eq!(answering.as_deref(), Some("b"));
        let mut asked = self::asked(&["a", "b"]);
        let answering = learn(&mut asked, &notes(&[("a", 503), ("b", 200)]), attempts, 200);
        assert_eq!(answering.as_deref(), Some("b"));
    }
    // Envoy's own answer is of none, whatever an earlier one has said; the one that was asked last is named.
    for status in [503, 504] {
        let mut asked = asked(&["a", "b"]);
        let answering = learn(&mut asked, &notes(&[("a", 503)]), Some(2), status);
        assert_eq!(answering.as_deref(), Some("b"));
    }
}

#[test]
fn headers_say_all_where_path_and_identity_are_the_same_everywhere() {
    let hop = |path: &str, authorization: &'static str| Hop {
        backend: "any".into(),
        address: None,
        path: path.to_owned(),
        authorization: HeaderValue::from_static(authorization),
    };
    let list = HeaderValue::from_static("any=any.example:443");
    let (one, several) = (
        Reach::SeveralByOneHeader(list.clone()),
        Reach::Several(list),
    );
    let first = || hop("/p", "Bearer a");
    for (others, expected) in [
        (vec![], Told::InHeaders),
        (vec![first(), first()], Told::InHeaders),
        (vec![first(), hop("/q", "Bearer a")], Told::InMetadata),
        (vec![hop("/p", "Bearer b"), first()], Told::InMetadata),
    ] {
        let hops: Vec<_> = std::iter::once(first()).chain(others).collect();
        assert_eq!(Told::of(&one, true, &hops), expected);
        assert_eq!(Told::of(&several, true, &hops), Told::InEveryWay);
        assert_eq!(Told::of(&one, false, &hops), Told::OfOne);
    }
}
