//! The outer shape of DER, for the few places where the bytes themselves are wanted.

/// One element of DER (X.690, section 8.1).
pub(super) struct Tlv<'a> {
    pub(super) tag: u8,
    pub(super) contents: &'a [u8],
    /// Tag, length and contents.
    pub(super) whole: &'a [u8],
}

impl<'a> Tlv<'a> {
    /// The first element, and what follows it.
    pub(super) fn read(der: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (&tag, rest) = der.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                let add = |sum: usize, byte: &u8| (sum << 8) | usize::from(*byte);
                (bytes.iter().fold(0, add), rest)
            }
            _ => return None,
        };
        let (contents, rest) = rest.split_at_checked(length)?;
        let (whole, _) = der.split_at_checked(der.len().checked_sub(rest.len())?)?;
        Some((
            Self {
                tag,
                contents,
                whole,
            },
            rest,
        ))
    }
}
