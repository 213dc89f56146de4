//! What a replica says to the shared counters of one subject, and what they answer.

/// No figure is larger: the server's integers end at 2^63.
pub(super) const LARGEST: u64 = 1 << 62;

/// What is being told until it is answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sending<T> {
    /// The call that has told it first: if one since then has arrived, it is counted.
    pub(super) since: u64,
    pub(super) told: T,
}

/// What is said of one counter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::limits) struct CounterCall {
    /// Its key, below the subject's.
    pub(in crate::limits) key: String,
    /// The number of the call that has told the same first.
    pub(in crate::limits) since: u64,
    pub(in crate::limits) kind: CounterKind,
    pub(in crate::limits) ask: Ask,
}

/// What was used and is not known to be counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::limits) enum CounterKind {
    Window {
        span_ms: u64,
        slot_ms: u64,
        /// What was used, and what is given back, by the slot of the server's clock: of the last span alone.
        changes: Vec<(u64, i64)>,
    },
    Stock {
        /// Used for good.
        used: u64,
        /// What this replica keeps for requests that are under way.
        held: u64,
        /// What this replica knows to be used, for a server that knows less.
        seed: u64,
        /// When the counter is forgotten, in milliseconds since 1970; 0 where nobody holds any.
        ends_ms: i64,
    },
}

/// What a replica asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::limits) struct Ask {
    /// The limit.
    pub(in crate::limits) most: u64,
    /// What a request may use: this or nothing.
    pub(in crate::limits) need: u64,
    /// What requests of the next moments are likely to use.
    pub(in crate::limits) want: u64,
}

/// What is answered of one counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::limits) struct Answer {
    pub(in crate::limits) granted: u64,
    /// By all replicas; of windows with all that is set aside.
    pub(in crate::limits) used: u64,
    /// What the other replicas keep.
    pub(in crate::limits) held_by_others: u64,
    /// How long it takes until there is room, where that is known.
    pub(in crate::limits) wait_ms: Option<u64>,
}

/// What is answered of all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::limits) struct Answers {
    /// The server's clock, in milliseconds since 1970.
    pub(in crate::limits) now_ms: u64,
    /// Whether the server knew this replica.
    pub(in crate::limits) is_known: bool,
    pub(in crate::limits) counters: Vec<Answer>,
}

impl CounterCall {
    /// As the script reads it.
    pub(super) fn words(&self, parts: u64, add: &mut impl FnMut(String)) {
        let Ask { most, need, want } = self.ask;
        let figure = |figure: u64| figure.min(LARGEST).to_string();
        match &self.kind {
            CounterKind::Window {
                span_ms,
                slot_ms,
                changes,
            } => {
                add("window".to_owned());
                let count = u64::try_from(changes.len()).unwrap_or(u64::MAX);
                let all = [
                    self.since, *span_ms, *slot_ms, most, need, want, parts, count,
                ];
                all.map(figure).into_iter().for_each(&mut *add);
                for (slot, amount) in changes {
                    add(slot.to_string());
                    add(amount.to_string());
                }
            }
            CounterKind::Stock {
                used,
                held,
                seed,
                ends_ms,
            } => {
                add("stock".to_owned());
                let told = [self.since, *used, *held, *seed];
                told.map(figure).into_iter().for_each(&mut *add);
                add(ends_ms.to_string());
                let asked = [most, need, want, parts];
                asked.map(figure).into_iter().for_each(&mut *add);
            }
        }
    }
}

impl Answers {
    /// Reads the script's answer to a call with so many counters.
    pub(super) fn parse(figures: &[i64], counters: usize) -> Option<Self> {
        let (head, rest) = figures.split_first_chunk::<2>()?;
        let (answers, []) = rest.as_chunks::<4>() else {
            return None;
        };
        let positive = |figure: i64| u64::try_from(figure).unwrap_or(0);
        let [now_ms, is_known] = *head;
        (answers.len() == counters).then(|| Self {
            now_ms: positive(now_ms),
            is_known: is_known == 1,
            counters: answers
                .iter()
                .map(|[granted, used, others, wait]| Answer {
                    granted: positive(*granted),
                    used: positive(*used),
                    held_by_others: positive(*others),
                    wait_ms: u64::try_from(*wait).ok(),
                })
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_none_is_not_read() {
        let whole = [1_000, 1, 10, 500, 0, -1, 0, 7, 3, 250];
        let read = Answers::parse(&whole, 2).expect("an answer");
        assert!(read.is_known);
        let waits: Vec<_> = read.counters.iter().map(|it| it.wait_ms).collect();
        assert_eq!(waits, [None, Some(250)]);
        assert_eq!(Answers::parse(&whole, 1), None);
        assert_eq!(Answers::parse(&whole[..9], 2), None);
        assert_eq!(Answers::parse(&[], 0), None);
    }
}
