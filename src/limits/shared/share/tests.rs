use super::*;
use crate::limits::moment::Moment;

const MOST: u64 = 100;

fn view(uptime_ms: u64) -> View {
    View {
        now: Moment {
            uptime_ms,
            unix_ms: 0,
        },
        ahead_ms: 0,
        reach: Reach::Up,
        replicas: 4,
    }
}

#[test]
fn whatever_is_at_least_as_large_as_what_was_refused_is_not_asked_for() {
    let mut share = Share::window(60_000, 250);
    let ask = share.ask(10, MOST, &view(0));
    let refused = Answer {
        granted: 0,
        used: 95,
        held_by_others: 0,
        wait_ms: Some(4_000),
    };
    share.answered(ask, &refused, 0, &view(0));
    for larger in [10, 11, 99] {
        let room = share.room(larger, MOST, &view(0));
        assert_eq!(room, Room::Denied(Some(4_000)), "{larger}");
    }
    assert_eq!(share.room(9, MOST, &view(0)), Room::Unknown);
    assert_eq!(share.room(10, MOST + 1, &view(0)), Room::Unknown);
    share.settle(20, 10, 0, &view(0));
    share.empty();
    assert_eq!(share.room(19, MOST, &view(0)), Room::Unknown, "given back");
    assert_eq!(share.room(20, MOST, &view(0)), Room::Denied(Some(4_000)));
    assert_eq!(share.room(20, MOST, &view(DENIED_MS)), Room::Unknown);
}
