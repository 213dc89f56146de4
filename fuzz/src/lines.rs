//! The output file of a batch, in whatever pieces it comes.
//!
//! ```text
//! input = seed file      ; seed: where the file is cut into pieces
//! ```

use tollgate::usage::{BatchLineUsage, BatchLines};

use crate::meter::pieces;

/// The pieces change nothing, no line is made up, and each line says what it says alone.
pub(crate) fn run(data: &[u8]) -> bool {
    let [seed, file @ ..] = data else {
        return false;
    };
    let whole = read(&[file]);
    assert_eq!(
        whole,
        read(&pieces(*seed, file)),
        "the pieces change the count"
    );
    let lines = file.split(|byte| *byte == b'\n');
    let alone: Vec<_> = lines.flat_map(|line| read(&[line])).collect();
    assert_eq!(whole, alone, "a line changes what another one says");
    whole.iter().any(|line| line.counts.is_some())
}

fn read(pieces: &[&[u8]]) -> Vec<BatchLineUsage> {
    let mut lines = BatchLines::default();
    let mut found = Vec::new();
    for piece in pieces {
        found.extend(lines.feed(piece));
    }
    found.extend(lines.finish());
    found
}
