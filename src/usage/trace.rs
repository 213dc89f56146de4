//! The trace that a request belongs to: `traceparent` of W3C's Trace Context
//! (<https://www.w3.org/TR/trace-context/#traceparent-header>).

use std::fmt;

/// The id of a trace: 16 bytes, not all zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceId([u8; 16]);

impl TraceId {
    /// The id of these bytes; `None` where it is none.
    pub fn of_bytes(bytes: [u8; 16]) -> Option<Self> {
        Some(Self(bytes)).filter(|id| id.0 != [0; 16])
    }

    /// Its bytes.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }
}

/// A span of somebody else's, which a request is a part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    /// The trace.
    pub trace_id: TraceId,
    /// The span, not all zero.
    pub span_id: [u8; 8],
    /// Whether whoever has begun the trace keeps it.
    pub is_sampled: bool,
}

impl TraceParent {
    /// Reads a `traceparent` header; `None` where it is not one.
    pub fn parse(header: &str) -> Option<Self> {
        let mut parts = header.trim().split('-');
        let (version, id, parent) = (parts.next()?, parts.next()?, parts.next()?);
        let flags = parts.next()?;
        let lengths = [(version, 2), (id, 32), (parent, 16), (flags, 2)];
        let is_lower_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        let is_good =
            |(part, length): (&str, usize)| part.len() == length && part.bytes().all(is_lower_hex);
        // Version 00 ends after the flags; later ones may go on.
        let ends = version != "00" || parts.next().is_none();
        if !lengths.into_iter().all(is_good) || version == "ff" || !ends {
            return None;
        }
        let (mut trace_id, mut span_id) = ([0; 16], [0; 8]);
        hex::decode_to_slice(id, &mut trace_id).ok()?;
        hex::decode_to_slice(parent, &mut span_id).ok()?;
        let flags = u8::from_str_radix(flags, 16).ok()?;
        Some(Self {
            trace_id: TraceId::of_bytes(trace_id)?,
            span_id,
            is_sampled: flags & 1 == 1,
        })
        .filter(|it| it.span_id != [0; 8])
    }
}

impl fmt::Display for TraceId {
    /// 32 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_gives_its_trace_id_and_nothing_else_does() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        let shown = |header: &str| TraceParent::parse(header).map(|it| it.trace_id.to_string());
        let good = format!("00-{id}-00f067aa0ba902b7-01");
        assert_eq!(shown(&good).as_deref(), Some(id));
        assert_eq!(
            shown(&format!("01-{id}-00f067aa0ba902b7-01-more")).as_deref(),
            Some(id)
        );
        for wrong in [
            String::new(),
            format!("00-{id}-00f067aa0ba902b7"),
            format!("{good}-more"),
            format!("ff-{id}-00f067aa0ba902b7-01"),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{id}-{}-01", "0".repeat(16)),
            good.to_uppercase(),
            format!("00-{}-00f067aa0ba902b7-01", "é".repeat(16)),
        ] {
            assert_eq!(shown(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_last_bit_of_the_flags_says_whether_the_trace_is_kept() {
        let header =
            |flags| format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flags}");
        for (flags, is_sampled) in [("00", false), ("01", true), ("02", false), ("ff", true)] {
            let parent = TraceParent::parse(&header(flags)).expect("a parent");
            assert_eq!(parent.is_sampled, is_sampled, "{flags}");
            assert_eq!(
                parent.span_id,
                [0, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7]
            );
        }
    }
}
