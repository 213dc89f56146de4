//! What the fake bills: exact, per request, to compare with what a gateway says it used.
//!
//! A request opens a [`Bill`]. Tokens are put on it as they are generated; it settles when the answer
//! ends, or when it is dropped because the client has gone.

use super::route::Operation;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::ops::{AddAssign, Sub};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Older entries are forgotten; the totals know them still.
const MAX_ENTRIES: usize = 1_000_000;

/// Tokens of a request or of many. `cached` is a part of `prompt`, `reasoning` one of `completion`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// Tokens of the prompt.
    #[serde(rename = "prompt_tokens")]
    pub prompt: u64,
    /// Tokens of the prompt that came from the cache.
    #[serde(rename = "cached_tokens")]
    pub cached: u64,
    /// Tokens that were generated.
    #[serde(rename = "completion_tokens")]
    pub completion: u64,
    /// Tokens that were generated and not shown.
    #[serde(rename = "reasoning_tokens")]
    pub reasoning: u64,
    /// Tokens of audio in the prompt.
    #[serde(default)]
    pub audio_prompt: u64,
    /// Tokens of audio that were generated.
    #[serde(default)]
    pub audio_completion: u64,
    /// Tokens of a prediction that were taken over.
    #[serde(default)]
    pub accepted_prediction: u64,
    /// Tokens of a prediction that were not.
    #[serde(default)]
    pub rejected_prediction: u64,
}

/// What is billed other than tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Units {
    /// Images that were made.
    #[serde(default)]
    pub images: u64,
    /// Milliseconds of audio that were heard.
    #[serde(default)]
    pub audio_ms: u64,
    /// Characters that were spoken.
    #[serde(default)]
    pub characters: u64,
}

impl AddAssign for Tokens {
    fn add_assign(&mut self, more: Self) {
        self.prompt += more.prompt;
        self.cached += more.cached;
        self.completion += more.completion;
        self.reasoning += more.reasoning;
        self.audio_prompt += more.audio_prompt;
        self.audio_completion += more.audio_completion;
        self.accepted_prediction += more.accepted_prediction;
        self.rejected_prediction += more.rejected_prediction;
    }
}

impl Sub for Tokens {
    type Output = Self;

    fn sub(self, less: Self) -> Self {
        Self {
            prompt: self.prompt - less.prompt,
            cached: self.cached - less.cached,
            completion: self.completion - less.completion,
            reasoning: self.reasoning - less.reasoning,
            audio_prompt: self.audio_prompt - less.audio_prompt,
            audio_completion: self.audio_completion - less.audio_completion,
            accepted_prediction: self.accepted_prediction - less.accepted_prediction,
            rejected_prediction: self.rejected_prediction - less.rejected_prediction,
        }
    }
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All of it was sent.
    Finished,
    /// The client went before that.
    ClientGone,
    /// The script broke it off.
    Cut,
}

/// One line of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Counts the requests from 1, in the order of arrival.
    pub sequence: u64,
    /// The `x-request-id` that the request carried.
    pub request_id: Option<String>,
    /// The identity in the token: whose managed identity paid.
    pub principal: Option<String>,
    /// The deployment that served it.
    pub deployment: Option<String>,
    /// The deployment's model.
    pub model: Option<String>,
    /// The service tier that answered, where the answer said one.
    #[serde(default)]
    pub service_tier: Option<String>,
    /// What was asked; none for a path that does not exist.
    pub operation: Option<Operation>,
    /// Whether the answer was a stream.
    pub stream: bool,
    /// The HTTP status of the answer; 0 if there was none.
    pub status: u16,
    /// What was billed.
    #[serde(flatten)]
    pub tokens: Tokens,
    /// What was billed besides tokens.
    #[serde(flatten)]
    pub units: Units,
    /// How it ended.
    pub outcome: Outcome,
}

/// Sums over all requests, those of the canned path included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// How many requests were settled.
    pub requests: u64,
    /// What they were billed.
    #[serde(flatten)]
    pub tokens: Tokens,
}

/// How many bills were opened and how many are settled.
#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    opened: u64,
    settled: u64,
}

#[derive(Debug, Default)]
struct Book {
    entries: VecDeque<Entry>,
    totals: Totals,
}

/// Canned answers are counted without a lock.
#[derive(Debug, Default)]
struct Canned {
    requests: AtomicU64,
    prompt: AtomicU64,
    completion: AtomicU64,
}

/// The ledger of one fake.
#[derive(Debug)]
pub struct Ledger {
    book: Mutex<Book>,
    canned: Canned,
    progress: watch::Sender<Progress>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            book: Mutex::default(),
            canned: Canned::default(),
            progress: watch::Sender::new(Progress::default()),
        }
    }
}

impl Ledger {
    /// Opens the bill of a request that has arrived.
    pub fn open(self: &Arc<Self>, request_id: Option<String>) -> Bill {
        let mut sequence = 0;
        self.progress.send_modify(|progress| {
            progress.opened += 1;
            sequence = progress.opened;
        });
        let entry = Entry {
            sequence,
            request_id,
            principal: None,
            deployment: None,
            model: None,
            service_tier: None,
            operation: None,
            stream: false,
            status: 0,
            tokens: Tokens::default(),
            units: Units::default(),
            outcome: Outcome::ClientGone,
        };
        Bill {
            ledger: Arc::clone(self),
            entry: Some(entry),
        }
    }

    /// The settled entries in the order of arrival.
    pub fn entries(&self) -> Vec<Entry> {
        let mut entries: Vec<Entry> = self.lock().entries.iter().cloned().collect();
        entries.sort_by_key(|entry| entry.sequence);
        entries
    }

    /// Sums over all settled requests.
    pub fn totals(&self) -> Totals {
        let mut totals = self.lock().totals;
        totals.requests += self.canned.requests.load(Ordering::Relaxed);
        totals.tokens.prompt += self.canned.prompt.load(Ordering::Relaxed);
        totals.tokens.completion += self.canned.completion.load(Ordering::Relaxed);
        totals
    }

    /// How many requests are not settled yet.
    pub fn open_count(&self) -> u64 {
        let progress = self.progress.borrow();
        progress.opened - progress.settled
    }

    /// Waits until this many requests have been settled since the start.
    pub async fn settled(&self, count: u64) {
        let mut progress = self.progress.subscribe();
        // Fails only when the sender is gone, and that is `self`.
        let _ = progress
            .wait_for(|progress| progress.settled >= count)
            .await;
    }

    /// Waits until this many requests have arrived since the start.
    pub async fn arrived(&self, count: u64) {
        let mut progress = self.progress.subscribe();
        let _ = progress.wait_for(|progress| progress.opened >= count).await;
    }

    /// Counts a canned answer.
    pub fn count_canned(&self, tokens: Tokens) {
        self.canned.requests.fetch_add(1, Ordering::Relaxed);
        self.canned
            .prompt
            .fetch_add(tokens.prompt, Ordering::Relaxed);
        self.canned
            .completion
            .fetch_add(tokens.completion, Ordering::Relaxed);
    }

    /// Forgets entries and totals; sequence numbers go on.
    pub fn clear(&self) {
        *self.lock() = Book::default();
        self.canned.requests.store(0, Ordering::Relaxed);
        self.canned.prompt.store(0, Ordering::Relaxed);
        self.canned.completion.store(0, Ordering::Relaxed);
    }

    fn settle(&self, entry: Entry) {
        {
            let mut book = self.lock();
            book.totals.requests += 1;
            book.totals.tokens += entry.tokens;
            if book.entries.len() == MAX_ENTRIES {
                book.entries.pop_front();
            }
            book.entries.push_back(entry);
        }
        self.progress.send_modify(|progress| progress.settled += 1);
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The open bill of one request.
#[derive(Debug)]
pub struct Bill {
    ledger: Arc<Ledger>,
    entry: Option<Entry>,
}

impl Bill {
    /// Writes down what has become known of the request.
    pub fn note(&mut self, write: impl FnOnce(&mut Entry)) {
        if let Some(entry) = &mut self.entry {
            write(entry);
        }
    }

    /// Bills these tokens on top.
    pub fn add(&mut self, tokens: Tokens) {
        self.note(|entry| entry.tokens += tokens);
    }

    /// The number of the request.
    pub fn sequence(&self) -> u64 {
        self.entry.as_ref().map_or(0, |entry| entry.sequence)
    }

    /// Nothing more will be billed.
    pub fn settle(&mut self, outcome: Outcome) {
        if let Some(mut entry) = self.entry.take() {
            entry.outcome = outcome;
            self.ledger.settle(entry);
        }
    }
}

impl Drop for Bill {
    fn drop(&mut self) {
        self.settle(Outcome::ClientGone);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generated(completion: u64) -> Tokens {
        Tokens {
            completion,
            ..Tokens::default()
        }
    }

    #[tokio::test]
    async fn a_dropped_bill_is_settled_with_what_it_has() {
        let ledger = Arc::new(Ledger::default());
        let mut bill = ledger.open(Some("r-1".to_owned()));
        bill.add(generated(3));
        assert_eq!(ledger.open_count(), 1);
        drop(bill);
        ledger.settled(1).await;
        let entries = ledger.entries();
        assert_eq!(entries.len(), 1, "the client's going lost the bill");
        assert_eq!(entries[0].tokens.completion, 3);
        assert_eq!(entries[0].outcome, Outcome::ClientGone);
    }

    #[test]
    fn a_bill_is_settled_once() {
        let ledger = Arc::new(Ledger::default());
        let mut bill = ledger.open(None);
        bill.add(generated(2));
        bill.settle(Outcome::Finished);
        bill.settle(Outcome::Cut);
        drop(bill);
        ledger.count_canned(generated(5));
        let totals = ledger.totals();
        assert_eq!((totals.requests, totals.tokens.completion), (2, 7));
    }
}
