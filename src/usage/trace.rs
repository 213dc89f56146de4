//! The trace that a request belongs to: `traceparent` of W3C's Trace Context
//! (<https://www.w3.org/TR/trace-context/#traceparent-header>).

use std::fmt;

/// The id of a trace: 16 bytes, not all zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceId([u8; 16]);

impl TraceId {
    /// Reads the trace id of a `traceparent` header; `None` where it is not one.
    pub fn of_traceparent(header: &str) -> Option<Self> {
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
        let mut bytes = [0; 16];
        hex::decode_to_slice(id, &mut bytes).ok()?;
        Some(Self(bytes)).filter(|id| id.0 != [0; 16])
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
        let shown = |header: &str| TraceId::of_traceparent(header).map(|id| id.to_string());
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
            good.to_uppercase(),
            format!("00-{}-00f067aa0ba902b7-01", "é".repeat(16)),
        ] {
            assert_eq!(shown(&wrong), None, "{wrong}");
        }
    }
}
