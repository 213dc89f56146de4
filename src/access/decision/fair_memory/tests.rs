use std::collections::HashSet;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn client(number: usize) -> ClientId {
    ClientId::new(format!("client-{number}"))
}

/// How many of a client's ids, numbered from 0, are still there.
fn left(memory: &mut FairMemory<()>, number: usize, made: usize) -> usize {
    let owner = client(number);
    let ids = (0..made).map(|at| format!("{number}-{at}"));
    ids.filter(|id| memory.get(id, &owner).is_some()).count()
}

fn fill(memory: &mut FairMemory<()>, number: usize, made: usize) {
    for at in 0..made {
        memory.remember(&format!("{number}-{at}"), &client(number), ());
    }
}

#[test]
fn one_client_alone_may_use_all_the_room() {
    let mut memory = FairMemory::new(100);
    fill(&mut memory, 0, 250);
    assert_eq!(left(&mut memory, 0, 250), 100);
    assert!(memory.get("0-249", &client(0)).is_some(), "the newest stay");
    assert!(memory.get("0-149", &client(0)).is_none(), "the oldest go");
}

#[test]
fn a_client_that_makes_many_pushes_out_its_own_only() {
    let mut memory = FairMemory::new(100);
    fill(&mut memory, 0, 30);
    fill(&mut memory, 1, 20);
    fill(&mut memory, 2, 10_000);
    assert_eq!(left(&mut memory, 0, 30), 30);
    assert_eq!(left(&mut memory, 1, 20), 20);
    assert_eq!(left(&mut memory, 2, 10_000), 50, "the rest of the room");
}

#[test]
fn who_has_more_than_its_share_makes_room_for_a_newcomer() {
    let mut memory = FairMemory::new(100);
    fill(&mut memory, 0, 100);
    fill(&mut memory, 1, 10);
    assert_eq!(left(&mut memory, 1, 10), 10);
    assert_eq!(left(&mut memory, 0, 100), 90);
    fill(&mut memory, 2, 1000);
    let counts = [100, 10, 1000].iter().enumerate();
    let counts: Vec<_> = counts
        .map(|(number, made)| left(&mut memory, number, *made))
        .collect();
    assert_eq!(
        counts,
        [45, 10, 45],
        "two that want more share what is left"
    );
}

#[test]
fn what_is_asked_for_outlasts_what_is_not() {
    let mut memory = FairMemory::new(10);
    fill(&mut memory, 0, 10);
    for at in 10..30 {
        assert!(memory.get("0-0", &client(0)).is_some(), "asked for at {at}");
        memory.remember(&format!("0-{at}"), &client(0), ());
    }
    assert!(memory.get("0-1", &client(0)).is_none());
}

#[test]
fn an_id_stays_with_its_first_owner() {
    let mut memory = FairMemory::new(10);
    let (mine, other) = (client(0), client(1));
    assert_eq!(memory.remember("id", &mine, 1), Remembered::New);
    assert_eq!(memory.remember("id", &other, 2), Remembered::Foreign);
    assert_eq!(memory.get("id", &mine), Some(&1));
    assert_eq!(memory.get("id", &other), None);
    assert_eq!(memory.remember("id", &mine, 3), Remembered::Again);
    assert_eq!(memory.get("id", &mine), Some(&3));
    assert!(!memory.forget("id", &other), "only its owner's to forget");
    assert!(memory.forget("id", &mine));
    assert_eq!(memory.get("id", &mine), None);
}

#[test]
fn making_and_deleting_without_end_takes_bounded_memory() {
    let mut memory = FairMemory::new(1000);
    fill(&mut memory, 0, 5);
    for at in 0..10_000 {
        let id = format!("passing-{at}");
        memory.remember(&id, &client(0), ());
        assert!(memory.forget(&id, &client(0)));
    }
    let order = memory.shares[&client(0)].order.len();
    assert!(order <= 2 * 5 + SLACK + 1, "{order} ids in the order of 5");
    fill(&mut memory, 1, 1);
    assert!(memory.forget("1-0", &client(1)));
    assert!(!memory.shares.contains_key(&client(1)), "nothing is left");
}

proptest! {
    /// Whatever clients do, the books agree, the room is kept, and nobody with a fair share loses.
    #[test]
    fn the_room_is_kept_and_shares_are_fair(
        actions in vec((0..5_usize, 0..60_usize, 0..4_u8), 0..600),
        room in 1..40_usize,
    ) {
        let mut memory = FairMemory::new(room);
        // What each client would have, had the memory no bound.
        let mut made: Vec<HashSet<usize>> = vec![HashSet::new(); 5];
        let mut largest = [0; 5];
        for (number, at, action) in actions {
            let (id, owner) = (format!("{number}-{at}"), client(number));
            match action {
                0 => {
                    memory.forget(&id, &owner);
                    made[number].remove(&at);
                }
                1 => drop(memory.get(&id, &owner)),
                _ => {
                    prop_assert_ne!(memory.remember(&id, &owner, ()), Remembered::Foreign);
                    made[number].insert(at);
                }
            }
            largest[number] = largest[number].max(made[number].len());
            let count: usize = memory.shares.values().map(|share| share.count).sum();
            prop_assert_eq!(memory.entries.len(), count);
            prop_assert_eq!(memory.by_size.len(), memory.shares.len());
            prop_assert!(count <= room);
        }
        for (number, made) in made.iter().enumerate() {
            if largest[number] <= room / 5 {
                for at in made {
                    let id = format!("{number}-{at}");
                    prop_assert!(memory.get(&id, &client(number)).is_some(), "{} is gone", id);
                }
            }
        }
    }
}
