use super::*;
use crate::access::AskedBy;

const EVERY: Duration = Duration::from_secs(30);

fn begun(id: &str, is_others: bool) -> Begun {
    Begun {
        backend: None,
        kind: ObjectKind::Response,
        id: id.to_owned(),
        owner: ClientId::new("app"),
        work: Arc::new(Unsettled::new(None, None, AskedBy::default())),
        is_others,
    }
}

fn key(id: &str) -> Key {
    (ObjectKind::Response, id.to_owned())
}

#[test]
fn pauses_grow_to_the_longest() {
    let (start, mut schedule) = (Instant::now(), Schedule::default());
    schedule.add(begun("a", false), EVERY, start);
    let mut now = start;
    let mut pauses = Vec::new();
    for _ in 0..9 {
        assert!(schedule.take_due(now).is_none(), "before its time");
        let due = schedule.next().expect("it waits");
        pauses.push((due - now).as_secs());
        now = due;
        let task = schedule.take_due(now).expect("due");
        assert!(schedule.take_due(now).is_none(), "nobody asks twice");
        schedule.put_back(task, false, now);
    }
    let expected = [30, 60, 120, 240, 480, 960, 960, 960, 960];
    for (pause, longest) in pauses.iter().zip(expected) {
        let range = longest * 4 / 5 - 1..=longest;
        assert!(range.contains(pause), "{pause} and not {longest}");
    }
}

#[test]
fn the_replica_that_has_begun_it_asks_first() {
    let (now, mut schedule) = (Instant::now(), Schedule::default());
    schedule.add(begun("theirs", true), EVERY, now);
    schedule.add(begun("own", false), EVERY, now);
    let task = schedule.take_due(now + 10 * EVERY).expect("due");
    assert_eq!(task.key, key("own"));
    assert!(schedule.take_due(now + 10 * EVERY).is_none());
    assert!(schedule.take_due(now + 21 * EVERY).is_some(), "it is dead");
}

#[test]
fn what_is_over_is_asked_for_at_once_but_not_all_the_time() {
    let (mut now, mut schedule) = (Instant::now(), Schedule::default());
    schedule.add(begun("a", false), EVERY, now);
    schedule.hurry(key("a"), now);
    let task = schedule.take_due(now).expect("at once");
    schedule.hurry(key("a"), now);
    schedule.put_back(task, false, now);
    assert!(schedule.take_due(now).is_none(), "a moment's pause");
    now += LEAST_PAUSE;
    let task = schedule.take_due(now).expect("said while it was asked for");
    schedule.put_back(task, false, now);
    schedule.hurry(key("a"), now);
    assert!(schedule.take_due(now).is_none(), "a moment's pause");
    assert!(schedule.take_due(now + LEAST_PAUSE).is_some());
    schedule.hurry(key("unknown"), now);
}

#[test]
fn what_somebody_else_has_charged_is_forgotten() {
    let (now, mut schedule) = (Instant::now(), Schedule::default());
    let (counted, open) = (begun("counted", false), begun("open", false));
    assert!(counted.work.count());
    schedule.add(counted, EVERY, now);
    schedule.add(open, EVERY, now);
    let task = schedule.take_due(now + EVERY).expect("due");
    assert_eq!(task.key, key("open"));
    assert!(schedule.take_due(now + EVERY).is_none());
    schedule.settled(&task);
    assert_eq!(schedule.next(), None);
    assert!(schedule.waiting.is_empty() && schedule.out.is_empty());
}

#[test]
fn what_is_missing_is_counted_in_a_row() {
    let (mut now, mut schedule) = (Instant::now(), Schedule::default());
    schedule.add(begun("a", false), EVERY, now);
    for (is_missing, expected) in [(true, 1), (true, 2), (false, 0), (true, 1)] {
        now += 40 * EVERY;
        let task = schedule.take_due(now).expect("due");
        schedule.put_back(task, is_missing, now);
        assert_eq!(schedule.waiting[&key("a")].missing, expected);
    }
}
