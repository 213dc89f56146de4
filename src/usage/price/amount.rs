//! Amounts of money, exact: billionths of a currency's unit in an integer, never a float.

use std::fmt;
use std::str::FromStr;

/// Decimals that an amount can have.
const DECIMALS: usize = 9;
const NANOS_PER_UNIT: u64 = 1_000_000_000;

/// An amount of money, in billionths of its currency's unit. `2.50` USD is 2,500,000,000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(i64);

/// A text that is not an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an amount: digits, and up to nine decimals after a point, such as 2.50")]
pub struct NotAnAmount;

impl Amount {
    /// From billionths.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From billionths that are counted without a sign, as limits are; more than there is room for is the most.
    pub fn from_unsigned_nanos(nanos: u64) -> Self {
        Self(i64::try_from(nanos).unwrap_or(i64::MAX))
    }

    /// In billionths.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// In whole units, for what can only show a float; an amount is never computed from it.
    pub fn to_string_with(self, decimals: usize) -> String {
        let whole = self.to_string();
        let (units, fraction) = whole.split_once('.').unwrap_or((&whole, ""));
        let kept = fraction.get(..decimals.min(fraction.len()));
        let kept = kept.unwrap_or_default();
        match decimals {
            0 => units.to_owned(),
            _ => format!("{units}.{kept:0<decimals$}"),
        }
    }

    /// Rounded half away from zero to so many decimals.
    pub fn rounded(self, decimals: usize) -> Self {
        let step = 10_i64.pow(u32::try_from(DECIMALS.saturating_sub(decimals)).unwrap_or(0));
        let half = step / 2 * self.0.signum();
        Self(self.0.saturating_add(half) / step * step)
    }
}

impl FromStr for Amount {
    type Err = NotAnAmount;

    /// Reads an amount that is not negative; no exponent, sign or separator of thousands.
    fn from_str(text: &str) -> Result<Self, NotAnAmount> {
        let (units, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !is_digits(units) || !is_digits(fraction) || fraction.len() > DECIMALS {
            return Err(NotAnAmount);
        }
        let nanos: i64 = format!("{fraction:0<DECIMALS$}")
            .parse()
            .map_err(|_| NotAnAmount)?;
        let units: i64 = units.parse().map_err(|_| NotAnAmount)?;
        units
            .checked_mul(1_000_000_000)
            .and_then(|units| units.checked_add(nanos))
            .map(Self)
            .ok_or(NotAnAmount)
    }
}

impl fmt::Display for Amount {
    /// Exact, without zeros at the end, with at least two decimals.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.0.unsigned_abs();
        let sign = if self.0 < 0 { "-" } else { "" };
        let units = magnitude / NANOS_PER_UNIT;
        let fraction = format!("{:09}", magnitude % NANOS_PER_UNIT);
        let significant = fraction.trim_end_matches('0');
        write!(f, "{sign}{units}.{significant:0<2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_come_back_as_they_were_written() {
        for (written, nanos, shown) in [
            ("0", 0, "0.00"),
            ("2.5", 2_500_000_000, "2.50"),
            ("10.00", 10_000_000_000, "10.00"),
            ("0.000000001", 1, "0.000000001"),
            ("0.02", 20_000_000, "0.02"),
            ("123456.789", 123_456_789_000_000, "123456.789"),
        ] {
            let amount: Amount = written.parse().expect("an amount");
            assert_eq!(amount.nanos(), nanos, "{written}");
            assert_eq!(amount.to_string(), shown);
        }
        assert_eq!(Amount::from_nanos(-1_500_000_000).to_string(), "-1.50");
        let unsigned = [1_500_000_000, u64::MAX].map(Amount::from_unsigned_nanos);
        assert_eq!(unsigned.map(Amount::nanos), [1_500_000_000, i64::MAX]);
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for wrong in [
            "",
            ".",
            "1.",
            ".5",
            "-1",
            "+1",
            "1e3",
            "1,000",
            "1.0000000001",
            " 1",
            "NaN",
            "99999999999",
        ] {
            assert_eq!(wrong.parse::<Amount>(), Err(NotAnAmount), "{wrong}");
        }
    }

    #[test]
    fn rounding_is_half_away_from_zero() {
        for (nanos, shown) in [
            (1_004_999_999, "1.00"),
            (1_005_000_000, "1.01"),
            (-1_005_000_000, "-1.01"),
        ] {
            let rounded = Amount::from_nanos(nanos).rounded(2);
            assert_eq!(rounded.to_string_with(2), shown);
        }
        assert_eq!(
            Amount::from_nanos(7_900_000_000)
                .rounded(0)
                .to_string_with(0),
            "8"
        );
    }
}
