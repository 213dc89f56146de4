//! Short queues for room: the highest priority first, and within it whoever came first.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dashmap::DashMap;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::book::{Book, Reservation};
use super::demand::Demand;
use super::exceeded::{Exceeded, Until};
use super::given_back::GivenBack;
use super::settings::{LimitSettings, Priority, Queueing};
use super::subject::Subject;

/// How often whoever is first looks for room where replicas count together.
const ASK_INTERVAL: Duration = Duration::from_millis(50);

/// The queues: one for each subject whose limit somebody waits for.
#[derive(Debug, Default)]
pub(super) struct Queues {
    all: DashMap<Subject, Arc<Queue>>,
    tickets: AtomicU64,
    given_back: Arc<GivenBack>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<BTreeSet<Ticket>>,
    /// Somebody has left it.
    moved: Notify,
}

/// Lower is earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Ticket {
    priority: Priority,
    number: u64,
}

/// A place in a queue. Whoever drops it has left.
#[derive(Debug)]
pub(super) struct Place {
    queue: Arc<Queue>,
    ticket: Ticket,
    deadline: Instant,
    given_back: Arc<GivenBack>,
}

impl Queue {
    fn with<T>(&self, work: impl FnOnce(&mut BTreeSet<Ticket>) -> T) -> T {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut waiting)
    }
}

impl Queues {
    pub(super) fn new(given_back: Arc<GivenBack>) -> Self {
        Self {
            given_back,
            ..Self::default()
        }
    }

    /// The subject for whose limit somebody waits already who comes before this one.
    pub(super) fn behind(&self, demand: &Demand) -> Option<Subject> {
        if demand.queueing.is_none() || self.given_back.waiting() == 0 {
            return None;
        }
        let is_before = |subject: &Subject| {
            let queue = self.all.get(subject)?;
            let first = queue.with(|waiting| waiting.first().copied())?;
            (first.priority <= demand.priority).then_some(())
        };
        let mut subjects = demand.lines.iter().map(|line| &line.subject);
        subjects.find(|it| is_before(it).is_some()).cloned()
    }

    /// A place in the queue for a limit that was reached, if waiting may help.
    pub(super) fn place(&self, demand: &Demand, exceeded: &Exceeded) -> Option<Place> {
        let queueing = demand.queueing?;
        match exceeded.until {
            Until::After(wait) if wait <= queueing.max_wait => {
                self.enter(&exceeded.subject, demand.priority, queueing)
            }
            _ => None,
        }
    }

    /// A place at the end of a queue; none where it is full.
    pub(super) fn enter(
        &self,
        subject: &Subject,
        priority: Priority,
        queueing: Queueing,
    ) -> Option<Place> {
        let number = self.tickets.fetch_add(1, Ordering::Relaxed);
        let ticket = Ticket { priority, number };
        let entry = self.all.entry(subject.clone()).or_default();
        let queue = Arc::clone(&entry);
        let entered = queue.with(|waiting| {
            let has_room = waiting.len() < queueing.max_requests;
            has_room && waiting.insert(ticket)
        });
        drop(entry);
        entered.then(|| {
            self.given_back.enter();
            Place {
                queue,
                ticket,
                deadline: Instant::now() + queueing.max_wait,
                given_back: Arc::clone(&self.given_back),
            }
        })
    }

    /// How many wait in all of them.
    pub(super) fn waiting(&self) -> usize {
        self.given_back.waiting()
    }

    /// Forgets empty queues.
    pub(super) fn sweep(&self) {
        self.all.retain(|_, queue| Arc::strong_count(queue) > 1);
    }
}

impl Place {
    /// Waits for its turn and for room.
    pub(super) async fn wait(
        self,
        book: Arc<Book>,
        demand: Demand,
        settings: Arc<LimitSettings>,
    ) -> Result<Reservation, Box<Exceeded>> {
        loop {
            let moved = self.queue.moved.notified();
            let given_back = self.given_back.next();
            if self.is_first() {
                let exceeded = match book.reserve(&demand, &settings).await {
                    Ok(reservation) => return Ok(reservation),
                    Err(exceeded) => exceeded,
                };
                let Some(wait) = self.room_in(&exceeded) else {
                    return Err(exceeded);
                };
                // What other replicas give back is told to nobody here.
                let wait = match book.link {
                    Some(_) => wait.min(ASK_INTERVAL),
                    None => wait,
                };
                tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    () = given_back => {}
                    () = moved => {}
                }
            } else if timeout_at(self.deadline, moved).await.is_err() {
                return book.reserve(&demand, &settings).await;
            }
        }
    }

    fn is_first(&self) -> bool {
        self.queue
            .with(|waiting| waiting.first() == Some(&self.ticket))
    }

    /// How long to wait for room, if that is before the deadline.
    fn room_in(&self, exceeded: &Exceeded) -> Option<Duration> {
        let left = self.deadline.checked_duration_since(Instant::now())?;
        match exceeded.until {
            Until::After(wait) if wait <= left => Some(wait.max(Duration::from_millis(1))),
            // Others give back what they do not use, sooner than the window moves.
            Until::After(_) if !left.is_zero() => Some(left),
            _ => None,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.queue.with(|waiting| waiting.remove(&self.ticket));
        self.given_back.leave();
        self.queue.moved.notify_waiters();
    }
}
