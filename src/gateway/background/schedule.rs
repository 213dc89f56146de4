//! When to ask for what.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::time::Instant;

use crate::access::{Begun, ClientId, ObjectKind, Unsettled};
use crate::backoff::Backoff;

/// The longest pause is so many times the first one.
const LONGEST_PAUSE_FACTOR: u32 = 32;
/// How many first pauses another replica is given for what it has begun: while it lives, it asks.
const OTHERS_FIRST: u32 = 20;
/// Between two attempts, however often somebody says that it is over.
const LEAST_PAUSE: Duration = Duration::from_millis(500);

/// What something is, and its id.
pub(super) type Key = (ObjectKind, String);

/// Something to ask for.
pub(super) struct Task {
    pub(super) key: Key,
    pub(super) owner: ClientId,
    pub(super) work: Arc<Unsettled>,
    /// The backend that has it; the first where that was not kept.
    pub(super) backend: Option<Arc<str>>,
    /// How often the service did not know it, in a row.
    pub(super) missing: u32,
    /// How often it was asked for.
    pub(super) attempts: u32,
    /// How many lines of a batch have been charged by this process.
    pub(super) lines_done: AtomicU64,
    pauses: Backoff,
    due: Instant,
    asked: Option<Instant>,
}

/// What is open, by when it is due.
#[derive(Default)]
pub(super) struct Schedule {
    waiting: HashMap<Key, Task>,
    order: BTreeSet<(Instant, Key)>,
    /// Being asked for; true where somebody said meanwhile that it is over.
    out: HashMap<Key, bool>,
}

impl Schedule {
    /// Adds something that has begun.
    pub(super) fn add(&mut self, begun: Begun, poll_every: Duration, now: Instant) {
        let key = (begun.kind, begun.id);
        if self.waiting.contains_key(&key) || self.out.contains_key(&key) {
            return;
        }
        let longest = poll_every.saturating_mul(LONGEST_PAUSE_FACTOR);
        let mut pauses = Backoff::new(poll_every, longest).with_jitter();
        let first = match begun.is_others {
            true => pauses.pause().saturating_mul(OTHERS_FIRST),
            false => pauses.pause(),
        };
        self.wait(Task {
            key,
            owner: begun.owner,
            work: begun.work,
            backend: begun.backend,
            missing: 0,
            attempts: 0,
            lines_done: AtomicU64::new(0),
            pauses,
            due: now + first,
            asked: None,
        });
    }

    /// Something is over, or likely to be.
    pub(super) fn hurry(&mut self, key: Key, now: Instant) {
        if let Some(hurried) = self.out.get_mut(&key) {
            *hurried = true;
            return;
        }
        if let Some(mut task) = self.waiting.remove(&key) {
            self.order.remove(&(task.due, key));
            let soonest = task.asked.map_or(now, |asked| asked + LEAST_PAUSE);
            task.due = task.due.min(soonest);
            self.wait(task);
        }
    }

    /// The next task that is due. One that somebody else has charged is forgotten.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Task> {
        while self.next().is_some_and(|due| due <= now) {
            let (_, key) = self.order.pop_first()?;
            let mut task = self.waiting.remove(&key)?;
            if !task.work.is_counted() {
                task.asked = Some(now);
                task.attempts = task.attempts.saturating_add(1);
                self.out.insert(key, false);
                return Some(task);
            }
        }
        None
    }

    /// Somebody has charged it.
    pub(super) fn settled(&mut self, task: &Task) {
        self.out.remove(&task.key);
    }

    /// It is not over, or could not be asked for.
    pub(super) fn put_back(&mut self, mut task: Task, is_missing: bool, now: Instant) {
        let is_hurried = self.out.remove(&task.key).unwrap_or(false);
        task.missing = match is_missing {
            true => task.missing.saturating_add(1),
            false => 0,
        };
        let pause = task.pauses.pause();
        task.due = now
            + if is_hurried {
                pause.min(LEAST_PAUSE)
            } else {
                pause
            };
        self.wait(task);
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.order.first().map(|(due, _)| *due)
    }

    fn wait(&mut self, task: Task) {
        self.order.insert((task.due, task.key.clone()));
        self.waiting.insert(task.key.clone(), task);
    }
}

#[cfg(test)]
mod tests;
