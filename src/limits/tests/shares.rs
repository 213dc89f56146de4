//! What several callers get of one limit.

use super::*;

/// 200 callers at once that use less, as much, and more than they have set aside.
#[tokio::test(start_paused = true)]
async fn a_budget_is_not_exceeded_by_many_at_once() {
    const LIMIT: u64 = 100_000;
    let world = World::new();
    let lines = [client(
        "app",
        &[rule(Measure::TotalTokens, PER_MINUTE, LIMIT)],
    )];
    let mut under_way = Vec::new();
    let (mut used, mut refused) = (0, 0);
    for step in 0..6_000_u64 {
        if under_way.len() == 200 {
            let reservation: Reservation =
                under_way.remove(usize::try_from(step % 200).expect("small"));
            let output = 20 + step * 7 % 80;
            reservation.settle(tokens(50, output));
            used += 50 + output;
        }
        match world.now(&lines, tokens(50, 100)) {
            Ok(reservation) => under_way.push(sent(Ok(reservation))),
            Err(_) => refused += 1,
        }
        advance(Duration::from_millis(9)).await;
    }
    for reservation in under_way.drain(..) {
        reservation.settle(tokens(50, 100));
        used += 150;
    }
    assert!(refused > 0, "the load is above the limit");
    assert!(used <= LIMIT, "{used} in 54 s");
    assert!(used >= LIMIT / 100 * 98, "{used}: there was room");
}

/// Two equal clients at ten times what they share.
#[tokio::test(start_paused = true)]
async fn equals_get_equal_shares() {
    let world = World::new();
    let shared = line(
        Subject::Everything,
        &[rule(Measure::Requests, Span::Second, 50)],
    );
    let mut got = [0_u32; 2];
    for at in 0..10_000_u32 {
        // In no order that either could profit of.
        let who = at.wrapping_mul(2_654_435_761) >> 31;
        if let Ok(reservation) = world.now(std::slice::from_ref(&shared), tokens(0, 0)) {
            drop(sent(Ok(reservation)));
            let place = got.get_mut(usize::try_from(who).expect("0 or 1"));
            *place.expect("one of two") += 1;
        }
        advance(Duration::from_millis(2)).await;
    }
    let [one, other] = got;
    let distance = one.abs_diff(other) * 100;
    assert!(distance <= (one + other) / 2 * 5, "{one} and {other}");
}
