//! Which of a product's requests are in the content log.

/// A share of all requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    percent: f64,
}

impl Sampling {
    /// So many of a hundred; `None` where that is none, or more than all.
    pub fn percent(percent: f64) -> Option<Self> {
        (percent > 0.0 && percent <= 100.0).then_some(Self { percent })
    }

    /// Whether a request is taken that has this random number.
    pub fn takes(self, random: u32) -> bool {
        let all = f64::from(u32::MAX) + 1.0;
        f64::from(random) / all * 100.0 < self.percent
    }
}

#[cfg(test)]
mod tests {
    use super::Sampling;

    #[test]
    fn a_share_of_all_numbers_is_taken() {
        let all = Sampling::percent(100.0).expect("all");
        assert!(all.takes(0) && all.takes(u32::MAX));
        let some = Sampling::percent(25.0).expect("a quarter");
        let taken = (0..1000_u32).filter(|it| some.takes(it * (u32::MAX / 1000) + u32::MAX / 2000));
        assert_eq!(taken.count(), 250);
        let few = Sampling::percent(0.001).expect("few");
        assert!(few.takes(0) && !few.takes(u32::MAX / 10_000));
        for wrong in [0.0, -1.0, 100.1, f64::NAN, f64::INFINITY] {
            assert_eq!(Sampling::percent(wrong), None, "{wrong}");
        }
    }
}
