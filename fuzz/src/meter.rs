//! The body of an answer, in whatever pieces it comes.
//!
//! ```text
//! input = mode seed body      ; mode: a letter, whose low bits say operation, format and removal;
//!                             ; seed: where the body is cut into pieces
//! ```

use tollgate::access::Operation;
use tollgate::usage::{BodyFormat, Meter, Metered, Released};

/// The pieces change neither what is counted nor what the client gets.
pub(crate) fn run(data: &[u8]) -> bool {
    let [mode, seed, body @ ..] = data else {
        return false;
    };
    let (whole, out_whole) = meter(*mode, body, &[body]);
    let cut = pieces(*seed, body);
    let (cut, out_cut) = meter(*mode, body, &cut);
    assert_eq!(
        format!("{whole:?}"),
        format!("{cut:?}"),
        "the pieces change the count"
    );
    assert_eq!(
        String::from_utf8_lossy(&out_whole),
        String::from_utf8_lossy(&out_cut),
        "the pieces change what the client gets"
    );
    whole.counts.is_some()
}

fn meter(mode: u8, body: &[u8], pieces: &[&[u8]]) -> (Metered, Vec<u8>) {
    let operation = Operation::ALL[usize::from(mode & 3)];
    let format = match mode & 4 {
        0 => BodyFormat::EventStream,
        _ => BodyFormat::Json,
    };
    let removes = mode & 8 != 0;
    let mut meter = Meter::new(operation, format, removes).holding_back();
    let mut out = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        match meter.feed(piece, at + 1 == pieces.len()) {
            Released::Unchanged => out.extend_from_slice(piece),
            Released::Replaced(bytes) => {
                assert!(removes, "changed, though nothing is to be removed");
                out.extend_from_slice(&bytes);
            }
        }
    }
    assert!(out.len() <= body.len(), "more comes out than went in");
    (meter.finish(), out)
}

/// Cuts a body; small seeds make small pieces.
pub(crate) fn pieces(seed: u8, body: &[u8]) -> Vec<&[u8]> {
    let mut state = u32::from(seed);
    let mut rest = body;
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        // Knuth's multiplicative generator: any that is the same each time would do.
        state = state.wrapping_mul(2_654_435_761).wrapping_add(1);
        let length = 1 + usize::try_from(state >> 16).expect("16 bits") % (usize::from(seed) + 1);
        let (piece, after) = rest.split_at(length.min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    if pieces.is_empty() {
        pieces.push(body);
    }
    pieces
}
