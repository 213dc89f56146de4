use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};

use super::super::frame;
use super::*;

const LOG: [u8; 16] = *b"one log of tests";

fn log() -> LogId {
    LogId::from_bytes(LOG)
}

/// A frame for each payload, and where each of them ends.
fn framed(payloads: &[Vec<u8>]) -> (Vec<u8>, Vec<usize>) {
    let (mut bytes, mut ends) = (Vec::new(), Vec::new());
    for (place, payload) in (1..).zip(payloads) {
        assert!(frame::append(log(), place, &mut bytes, |to| to.extend_from_slice(payload)));
        ends.push(bytes.len());
    }
    (bytes, ends)
}

fn places(scan: &Scan<'_>) -> Vec<u64> {
    scan.frames.iter().map(|frame| frame.place).collect()
}

#[test]
fn zeros_behind_the_frames_are_the_end() {
    let (mut bytes, _) = framed(&[b"a".to_vec(), Vec::new(), vec![0; 40]]);
    bytes.resize(bytes.len() + 500, 0);
    let scan = Scan::everything(log(), &bytes);
    assert_eq!(places(&scan), [1, 2, 3]);
    assert_eq!((scan.is_damaged, scan.rest), (false, 0));
}

#[test]
fn what_follows_a_damaged_frame_is_found_and_the_damage_is_said() {
    let payloads: Vec<_> = (0..4_u8).map(|it| vec![it; 30]).collect();
    let (bytes, ends) = framed(&payloads);
    // Each byte of the second frame, its length included.
    for at in ends[0]..ends[1] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x40;
        let scan = Scan::everything(log(), &damaged);
        assert_eq!(places(&scan), [1, 3, 4], "byte {at}");
        assert!(scan.is_damaged, "byte {at}");
        assert_eq!(places(&Scan::whole(log(), &damaged)), [1], "byte {at}");
    }
}

#[test]
fn a_text_of_a_caller_is_no_frame_wherever_reading_goes_on() {
    // What a caller can know: the form of a frame, and not the log's id.
    let other = LogId::from_bytes(*b"a log of a guess");
    let mut forged = Vec::new();
    assert!(frame::append(other, 2, &mut forged, |to| to
        .extend_from_slice(b"charge somebody")));
    let (bytes, _) = framed(&[forged, b"next".to_vec()]);
    let mut damaged = bytes.clone();
    damaged[8] ^= 1;
    assert_eq!(places(&Scan::everything(log(), &damaged)), [2]);
    assert_eq!(Scan::everything(log(), &damaged).frames[0].payload, b"next");
}

#[test]
fn a_frame_of_another_log_is_none() {
    let (bytes, _) = framed(&[b"a".to_vec()]);
    let other = LogId::from_bytes(*b"another log, say");
    assert_eq!(places(&Scan::everything(other, &bytes)), [0_u64; 0]);
}

#[test]
fn marks_in_a_damaged_frame_cost_no_other_one() {
    let names = [MARK; 64].concat();
    let (mut bytes, _) = framed(&[names, b"next".to_vec(), b"last".to_vec()]);
    bytes[8] ^= 1;
    bytes.resize(SEGMENT_BYTES, 0);
    assert_eq!(places(&Scan::everything(log(), &bytes)), [2, 3]);
}

#[test]
fn marks_without_frames_are_searched_within_bounds() {
    let mut bytes = Vec::new();
    while bytes.len() < SEGMENT_BYTES {
        bytes.extend_from_slice(&MARK);
        bytes.extend_from_slice(&100_000_u32.to_le_bytes());
    }
    let scan = Scan::everything(log(), &bytes);
    assert_eq!(scan.frames.len(), 0);
    assert!(scan.rest > 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn cut_anywhere_every_whole_frame_is_read_and_the_rest_is_said(
        payloads in vec(vec(any::<u8>(), 0..60), 1..8),
        cut in any::<proptest::sample::Index>(),
    ) {
        let (mut bytes, ends) = framed(&payloads);
        bytes.truncate(cut.index(bytes.len() + 1));
        let whole = ends.iter().filter(|end| **end <= bytes.len()).count();
        let scan = Scan::everything(log(), &bytes);
        prop_assert_eq!(scan.frames.len(), whole);
        prop_assert!(!scan.is_damaged);
        let end = whole.checked_sub(1).map_or(0, |last| ends[last]);
        prop_assert!(scan.rest <= bytes.len() - end);
        for (frame, payload) in scan.frames.iter().zip(&payloads) {
            prop_assert_eq!(frame.payload, payload.as_slice());
        }
    }

    #[test]
    fn any_damage_costs_the_frames_that_it_is_in_and_makes_none(
        payloads in vec(vec(any::<u8>(), 0..60), 1..8),
        at in any::<proptest::sample::Index>(),
        with in vec(any::<u8>(), 1..30),
    ) {
        let (bytes, ends) = framed(&payloads);
        let mut damaged = bytes.clone();
        let at = at.index(damaged.len());
        for (to, from) in damaged.iter_mut().skip(at).zip(&with) {
            *to = *from;
        }
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let untouched: Vec<u64> = (1..)
            .zip(starts.zip(&ends))
            .filter(|(_, (start, end))| damaged[*start..**end] == bytes[*start..**end])
            .map(|(place, _)| place)
            .collect();
        prop_assert_eq!(places(&Scan::everything(log(), &damaged)), untouched);
    }

    #[test]
    fn any_bytes_are_read_within_bounds(bytes in vec(any::<u8>(), 0..2000)) {
        let scan = Scan::everything(log(), &bytes);
        let framed: usize = scan.frames.iter().map(|it| it.payload.len() + FRAME_HEADER).sum();
        prop_assert!(framed + scan.rest <= bytes.len(), "no byte is in two frames");
    }
}
