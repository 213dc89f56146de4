//! The log of the ledger, damaged at one place.
//!
//! ```text
//! input   = other place place payload { 0xff payload }   ; `other`: what the byte at `place` is changed
//!                                                          ; by, 0 for nothing; place: two bytes
//! ```

use tollgate::usage::LogTrial;

/// Damage costs the frame that it is in and no other one, and makes none. Accepted is a log without
/// damage whose payloads are all entries of the ledger.
pub(crate) fn run(data: &[u8]) -> bool {
    // As they are, these are not frames, but must not do harm either.
    LogTrial::read(data);
    let [other, low, high, rest @ ..] = data else {
        return false;
    };
    let payloads: Vec<_> = rest.split(|byte| *byte == 0xff).collect();
    let mut bytes = LogTrial::write(&payloads);
    let whole = LogTrial::read(&bytes);
    assert!(
        whole.is_whole && whole.payloads == payloads,
        "not what was written"
    );
    if *other == 0 {
        return whole.entries == payloads.len() && !rest.is_empty();
    }
    let at = usize::from(u16::from_le_bytes([*low, *high])) % bytes.len();
    bytes[at] ^= other;
    let mut untouched = payloads.clone();
    untouched.remove(frame_of(&payloads, at));
    assert_eq!(LogTrial::read(&bytes).payloads, untouched, "byte {at}");
    false
}

/// Which frame a byte is in: each has 20 bytes before its payload.
fn frame_of(payloads: &[&[u8]], at: usize) -> usize {
    let mut end = 0;
    let is_before = |payload: &&&[u8]| {
        end += 20 + payload.len();
        end <= at
    };
    payloads.iter().take_while(is_before).count()
}
