//! Entries of the ledger's log: protobuf, written by hand, with a byte that is changed or none.

use crate::seed;

/// A field of bytes: a tag below 16 and a length below 128 are one byte each.
fn field(tag: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u8::try_from(bytes.len()).expect("short");
    [&[tag << 3 | 2, length], bytes].concat()
}

/// An entry with a record of a client's, and one with an object.
fn entries() -> Vec<u8> {
    let record = [field(1, &[7; 16]), field(5, b"request"), field(7, b"app")].concat();
    let object = [field(1, b"response"), field(2, b"resp_1"), field(3, b"app")].concat();
    [field(1, &record), field(2, &object)].concat()
}

pub(crate) fn write() {
    let put = |name: &str, change: [u8; 3], payloads: &[&[u8]]| {
        let bytes = payloads.join(&[0xff][..]);
        seed("log", name, [&change[..], &bytes].concat());
    };
    let (entry, none) = (entries(), [0; 3]);
    put("good-one", none, &[&entry]);
    put("good-three", none, &[&entry, &entry, &entry]);
    put(
        "good-unknown-field",
        none,
        &[&[&entry[..], &field(9, b"later")].concat()],
    );
    put("good-empty-entry", none, &[&entry, b""]);
    put("empty", none, &[]);
    put("text", none, &[b"not protobuf"]);
    put("entry-cut", none, &[&entry[..entry.len() - 3]]);
    put("length-beyond-the-end", none, &[&[10, 120, 1]]);
    put("not-utf8", none, &[&field(1, &field(7, b"\xc3\x28"))]);
    put("mark-changed", [1, 0, 0], &[&entry, &entry]);
    put("length-changed", [1, 4, 0], &[&entry, &entry]);
    put("length-huge", [128, 7, 0], &[&entry, &entry]);
    put("place-changed", [1, 8, 0], &[&entry, &entry]);
    put("check-changed", [1, 16, 0], &[&entry, &entry]);
    put("payload-changed", [1, 40, 0], &[&entry, &entry]);
    put("last-changed", [1, 100, 0], &[&entry, &entry]);
    let mark = [b"rec\n\x10\0\0\0", &entry[..]].concat();
    put("mark-in-a-payload", [1, 4, 0], &[&mark, &entry]);
    seed("log", "two-bytes", b"\0\0");
}
