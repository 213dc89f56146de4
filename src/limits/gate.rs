//! The front door: a request's limits are asked here, and what it used is told here.

use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::account::Short;
use super::alarm::Alarm;
use super::amounts::Amounts;
use super::book::{Book, Reservation};
use super::demand::Demand;
use super::exceeded::Exceeded;
use super::expected::{Expected, Likely, Seen};
use super::given_back::GivenBack;
use super::moment::{Clock, Moment};
use super::queue::{Place, Queues};
use super::rate_limits::Standing;
use super::rule::{Meter, Rule};
use super::settings::LimitSettings;
use super::shared::{Link, RenewedPassword, SharedOptions, SharedState};
use super::subject::{Line, Subject};

/// Alarms that may wait to be told; there are a few for each quota and period.
const MAX_ALARMS: usize = 10_000;

/// All limits.
#[derive(Debug)]
pub struct Limits {
    book: Arc<Book>,
    expected: Expected,
    queues: Arc<Queues>,
}

/// What comes of asking.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are decided now; a box would be an allocation for each request"
)]
pub enum Attempt {
    /// It is decided.
    Now(Result<Reservation, Box<Exceeded>>),
    /// It waits for its turn.
    Later(Waiting),
}

/// A request that waits for room.
pub type Waiting = Pin<Box<dyn Future<Output = Result<Reservation, Box<Exceeded>>> + Send>>;

impl Limits {
    /// Nothing is used yet, and it is counted in this process alone. Passed thresholds come out of the other
    /// end.
    pub fn new() -> (Arc<Self>, mpsc::Receiver<Alarm>) {
        Self::by(Clock::start(), None)
    }

    /// Counts together with other replicas.
    ///
    /// # Errors
    /// Where this machine has no random numbers.
    pub fn shared(
        options: SharedOptions,
        renewed: Option<RenewedPassword>,
    ) -> Result<(Arc<Self>, mpsc::Receiver<Alarm>), String> {
        let clock = Clock::start();
        let link = Link::new(options, renewed, clock)?;
        Ok(Self::by(clock, Some(link)))
    }

    pub(super) fn by(clock: Clock, link: Option<Link>) -> (Arc<Self>, mpsc::Receiver<Alarm>) {
        let (alarms, told) = mpsc::channel(MAX_ALARMS);
        let given_back = Arc::<GivenBack>::default();
        let book = Book::new(clock, alarms, Arc::clone(&given_back), link);
        let limits = Self {
            book: Arc::new(book),
            expected: Expected::default(),
            queues: Arc::new(Queues::new(given_back)),
        };
        (Arc::new(limits), told)
    }

    /// Sets aside what a request may use: of each of its limits, or of none.
    pub fn reserve(&self, demand: Demand, settings: &Arc<LimitSettings>) -> Attempt {
        let behind = self.queues.behind(&demand);
        let queueing = demand.queueing;
        if let (Some(subject), Some(queueing)) = (&behind, queueing)
            && let Some(place) = self.queues.enter(subject, demand.priority, queueing)
        {
            return self.later(place, demand, settings);
        }
        // Where the queue is full, it is decided at once, and mostly against it.
        let may_wait = behind.is_none();
        match self.book.attempt(&demand, settings) {
            Ok(reservation) => Attempt::Now(Ok(reservation)),
            Err(Short::Exceeded(exceeded)) => {
                let place = may_wait.then(|| self.queues.place(&demand, &exceeded));
                match place.flatten() {
                    Some(place) => self.later(place, demand, settings),
                    None => Attempt::Now(Err(exceeded)),
                }
            }
            Err(Short::Unknown) => {
                let (book, settings) = (Arc::clone(&self.book), Arc::clone(settings));
                let queues = may_wait.then(|| Arc::clone(&self.queues));
                Attempt::Later(Box::pin(async move {
                    let exceeded = match book.inquire(demand.clone(), &settings).await {
                        Ok(reservation) => return Ok(reservation),
                        Err(exceeded) => exceeded,
                    };
                    match queues.and_then(|queues| queues.place(&demand, &exceeded)) {
                        Some(place) => place.wait(book, demand, settings).await,
                        None => Err(exceeded),
                    }
                }))
            }
        }
    }

    fn later(&self, place: Place, demand: Demand, settings: &Arc<LimitSettings>) -> Attempt {
        let (book, settings) = (Arc::clone(&self.book), Arc::clone(settings));
        Attempt::Later(Box::pin(place.wait(book, demand, settings)))
    }

    /// Where replicas count together: keeps the shared counters up to date until it is stopped, then gives
    /// back what this replica holds.
    pub async fn keep_shared(
        &self,
        settings: impl Fn() -> Arc<LimitSettings>,
        stop: CancellationToken,
    ) {
        self.book.keep_shared(settings, stop).await;
    }

    /// Where replicas count together: connects, if that is possible at once.
    pub async fn connect(&self, settings: &Arc<LimitSettings>) {
        self.book.connect(settings).await;
    }

    /// Where replicas count together: whether they can.
    pub fn shared_state(&self) -> Option<SharedState> {
        self.book.link.as_ref().map(Link::state)
    }

    /// Whether a request that has sent no body yet would pass: only what is known of it by then is looked
    /// at, and nothing is set aside.
    ///
    /// # Errors
    /// The limit that it would exceed.
    pub fn check(&self, lines: &[Line], settings: &LimitSettings) -> Result<(), Box<Exceeded>> {
        self.book.check(lines, settings)
    }

    /// Whether a request would pass just now. Nothing is set aside, counted or told.
    ///
    /// # Errors
    /// The limit that it would exceed.
    pub fn foresee(&self, demand: &Demand, settings: &LimitSettings) -> Result<(), Box<Exceeded>> {
        self.book.foresee(demand, settings)
    }

    /// Counts in quotas what was used by work that nothing was set aside for.
    pub fn charge(&self, lines: &[Line], used: Amounts, settings: &LimitSettings) {
        self.book.charge(lines, used, settings);
    }

    /// What was used of a quota before this process began.
    pub fn seed(&self, subject: &Subject, rule: Rule, used: u64, settings: &LimitSettings) {
        self.book.seed(subject, rule, used, settings);
    }

    /// What is left of the limits of a subject.
    pub fn standing(&self, line: &Line, settings: &LimitSettings) -> Vec<Standing> {
        self.book.standing(line, settings)
    }

    /// The users of a client that have used something.
    pub fn users_of(&self, client: &str) -> Vec<Subject> {
        self.book.users_of(client)
    }

    /// Requests that each kind of limit has refused.
    pub fn refusals(&self) -> Vec<(&'static str, Meter, u64)> {
        self.book.refusals()
    }

    /// How many requests wait for their turn.
    pub fn waiting(&self) -> usize {
        self.queues.waiting()
    }

    /// What a request of a client to a deployment is likely to use.
    pub fn expected(&self, client: &Arc<str>, deployment: &Arc<str>) -> Likely {
        self.expected
            .of(&(Arc::clone(client), Arc::clone(deployment)))
    }

    /// Learns from an answer whose usage was reported.
    pub fn learn(&self, client: Arc<str>, deployment: Arc<str>, seen: Seen) {
        self.expected.learn((client, deployment), seen);
    }

    /// Forgets what does not count any more.
    pub fn sweep(&self, settings: &LimitSettings) {
        self.book.sweep(settings);
        self.queues.sweep();
    }

    /// The moment by the clock of the limits.
    pub fn now(&self) -> Moment {
        self.book.now()
    }
}
