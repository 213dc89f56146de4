//! The book: the accounts of all subjects, and what is set aside in them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use dashmap::DashMap;
use tokio::sync::mpsc;

use super::account::{Account, SetAside, Short, Surroundings};
use super::accounts::Accounts;
use super::alarm::Alarm;
use super::amounts::Amounts;
use super::demand::Demand;
use super::exceeded::{Exceeded, Until};
use super::given_back::GivenBack;
use super::moment::{Clock, Moment};
use super::rate_limits::{RateLimits, Standing};
use super::rule::{Meter, Rule};
use super::settings::LimitSettings;
use super::shared::Link;
use super::subject::{Line, Subject};

/// The accounts, and who is told what of them.
#[derive(Debug)]
pub(super) struct Book {
    clock: Clock,
    accounts: Accounts,
    refusals: DashMap<(&'static str, Meter), AtomicU64>,
    alarms: mpsc::Sender<Alarm>,
    given_back: Arc<GivenBack>,
    /// Where replicas count together.
    pub(super) link: Option<Link>,
    /// The accounts that have something to tell the shared counters.
    news: Mutex<Vec<Arc<Account>>>,
}

impl Book {
    pub(super) fn new(
        clock: Clock,
        alarms: mpsc::Sender<Alarm>,
        given_back: Arc<GivenBack>,
        link: Option<Link>,
    ) -> Self {
        Self {
            clock,
            link,
            news: Mutex::default(),
            accounts: Accounts::default(),
            refusals: DashMap::new(),
            alarms,
            given_back,
        }
    }

    /// Whether a request that has sent no body yet would pass: only what is known of it by then is looked
    /// at, and nothing is set aside.
    ///
    /// # Errors
    /// The limit that it would exceed.
    pub(super) fn check(
        &self,
        lines: &[Line],
        settings: &LimitSettings,
    ) -> Result<(), Box<Exceeded>> {
        let by = self.surroundings(settings);
        let amounts = Amounts {
            requests: 1,
            ..Amounts::default()
        };
        for line in lines {
            let is_early = |rule: &&Rule| rule.meter.measure.is_known_early();
            if !line.rules.iter().any(|rule| is_early(&rule)) {
                continue;
            }
            if let Some(account) = self.accounts.find(&line.subject) {
                // What is not known here is asked for when the request is decided.
                if let Err(Short::Exceeded(mut exceeded)) = account.check(line, &amounts, &by) {
                    self.refused(&account, &exceeded, settings);
                    exceeded.rate_limits = self.rate_limits(lines, settings);
                    return Err(exceeded);
                }
            }
        }
        Ok(())
    }

    /// Whether a request would pass just now. Nothing is set aside, counted or told.
    ///
    /// # Errors
    /// The limit that it would exceed.
    pub(super) fn foresee(
        &self,
        demand: &Demand,
        settings: &LimitSettings,
    ) -> Result<(), Box<Exceeded>> {
        let by = self.surroundings(settings);
        for line in &demand.lines {
            let known = self.accounts.find(&line.subject);
            let unused = || Arc::new(Account::new(line.subject.clone()));
            let account = known.unwrap_or_else(unused);
            // What only the shared counters know is asked when a request comes.
            if let Err(Short::Exceeded(exceeded)) = account.check(line, &demand.amounts, &by) {
                return Err(exceeded);
            }
        }
        Ok(())
    }

    /// One attempt, now.
    ///
    /// # Errors
    /// The limit that it would exceed, or that it takes the shared counters to know.
    pub(super) fn attempt(
        self: &Arc<Self>,
        demand: &Demand,
        settings: &Arc<LimitSettings>,
    ) -> Result<Reservation, Short> {
        let by = self.surroundings(settings);
        let mut reservation = self.nothing_yet(demand, settings, by.now);
        let mut lines = demand.lines.iter();
        while let Some(line) = lines.next() {
            let account = self.accounts.of(&line.subject);
            match account.reserve(line, &demand.amounts, by.now, &by) {
                Ok(()) => reservation.add(account, line, &by),
                Err(Short::Exceeded(exceeded)) => {
                    let exceeded = self.give_up(reservation, &account, exceeded, demand);
                    return Err(Short::Exceeded(exceeded));
                }
                // Whoever is refused for sure asks nothing: the servers need not know each user that a client
                // over its limit invents.
                Err(Short::Unknown) => {
                    return Err(match self.surely_refuses(lines.as_slice(), demand, &by) {
                        Some((account, exceeded)) => {
                            let exceeded = self.give_up(reservation, &account, exceeded, demand);
                            Short::Exceeded(exceeded)
                        }
                        None => {
                            self.take_back(reservation);
                            Short::Unknown
                        }
                    });
                }
            }
        }
        Ok(reservation)
    }

    /// The first of some limits that refuses a request by what is known here.
    fn surely_refuses(
        &self,
        lines: &[Line],
        demand: &Demand,
        by: &Surroundings<'_>,
    ) -> Option<(Arc<Account>, Box<Exceeded>)> {
        lines.iter().find_map(|line| {
            let account = self.accounts.find(&line.subject)?;
            match account.check(line, &demand.amounts, by) {
                Err(Short::Exceeded(exceeded)) => Some((account, exceeded)),
                Ok(()) | Err(Short::Unknown) => None,
            }
        })
    }

    /// A reservation of nothing.
    pub(super) fn nothing_yet(
        self: &Arc<Self>,
        demand: &Demand,
        settings: &Arc<LimitSettings>,
        now: Moment,
    ) -> Reservation {
        Reservation {
            book: Arc::clone(self),
            settings: Arc::clone(settings),
            accounts: Vec::with_capacity(demand.lines.len()),
            set_aside: SetAside {
                amounts: demand.amounts,
                at: now,
                is_under_way: true,
            },
            rate_limits: RateLimits::default(),
            if_dropped: Amounts::default(),
        }
    }

    /// Every account that there is.
    pub(super) fn accounts(&self) -> Vec<Arc<Account>> {
        self.accounts.all()
    }

    pub(super) fn account(&self, subject: &Subject) -> Arc<Account> {
        self.accounts.of(subject)
    }

    /// What the caller is told of its own limits.
    fn rate_limits(&self, lines: &[Line], settings: &LimitSettings) -> RateLimits {
        let mut told = RateLimits::default();
        let by = self.surroundings(settings);
        for line in lines.iter().filter(|line| line.subject.is_own()) {
            if let Some(account) = self.accounts.find(&line.subject) {
                account.tell(line, &by, &mut told);
            }
        }
        told
    }

    /// A limit has refused: what was set aside before is given back.
    pub(super) fn give_up(
        &self,
        reservation: Reservation,
        account: &Account,
        mut exceeded: Box<Exceeded>,
        demand: &Demand,
    ) -> Box<Exceeded> {
        let settings = Arc::clone(&reservation.settings);
        self.refused(account, &exceeded, &settings);
        self.take_back(reservation);
        exceeded.rate_limits = self.rate_limits(&demand.lines, &settings);
        exceeded
    }

    /// Gives back what was set aside in vain. It was there for an instant: nobody who waits is told, least of
    /// all the one that has just tried.
    fn take_back(&self, mut reservation: Reservation) {
        let accounts = std::mem::take(&mut reservation.accounts);
        let by = self.surroundings(&reservation.settings);
        for account in accounts {
            account.settle(&reservation.set_aside, &Amounts::default(), &by);
            self.list(&account);
        }
    }

    fn refused(&self, account: &Account, exceeded: &Exceeded, settings: &LimitSettings) {
        if exceeded.until == Until::Unavailable {
            return;
        }
        let key = (exceeded.subject.kind(), exceeded.rule.meter);
        let count = self.refusals.entry(key).or_default();
        count.fetch_add(1, Ordering::Relaxed);
        drop(count);
        if let Until::Renewed(_) = exceeded.until {
            let alarm = account.exhausted(exceeded.rule.meter, &settings.thresholds);
            self.tell(alarm);
        }
    }

    /// Counts what was used in place of what was set aside.
    fn settle(
        &self,
        accounts: &[Arc<Account>],
        set_aside: &SetAside,
        used: &Amounts,
        settings: &LimitSettings,
    ) {
        if accounts.is_empty() {
            return;
        }
        let surroundings = self.surroundings(settings);
        for account in accounts {
            self.tell(account.settle(set_aside, used, &surroundings));
            self.list(account);
        }
        self.given_back.tell();
    }

    fn tell(&self, alarms: impl IntoIterator<Item = Alarm>) {
        for alarm in alarms {
            // Nobody listens during the last moments of the process.
            let _ = self.alarms.try_send(alarm);
        }
    }

    pub(super) fn surroundings<'a>(&self, settings: &'a LimitSettings) -> Surroundings<'a> {
        let now = self.clock.now();
        Surroundings {
            calendar: &settings.calendar,
            thresholds: &settings.thresholds,
            now,
            shared: self.link.as_ref().map(|link| link.view(now)),
        }
    }

    /// Where replicas count together, something of this account is to be told sooner or later.
    pub(super) fn list(&self, account: &Arc<Account>) {
        if self.link.is_some() && account.list() {
            let mut news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
            news.push(Arc::clone(account));
        }
    }

    /// The accounts that have something to tell.
    pub(super) fn listed(&self) -> Vec<Arc<Account>> {
        let mut news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *news)
    }

    /// Counts what was used by work that nothing was set aside for.
    pub(super) fn charge(&self, lines: &[Line], used: Amounts, settings: &LimitSettings) {
        let surroundings = self.surroundings(settings);
        for line in lines {
            let account = self.accounts.of(&line.subject);
            self.tell(account.charge(line, &used, &surroundings));
            self.list(&account);
        }
    }

    /// What was used of a quota before this process began.
    pub(super) fn seed(&self, subject: &Subject, rule: Rule, used: u64, settings: &LimitSettings) {
        let account = self.accounts.of(subject);
        account.seed(rule, used, &self.surroundings(settings));
    }

    /// What is left of the limits of a subject.
    pub(super) fn standing(&self, line: &Line, settings: &LimitSettings) -> Vec<Standing> {
        // Whoever looks at it makes no account.
        let account = self.accounts.find(&line.subject);
        let account = account.unwrap_or_else(|| Arc::new(Account::new(line.subject.clone())));
        account.standing(line, &self.surroundings(settings))
    }

    /// The users of a client that have used something.
    pub(super) fn users_of(&self, client: &str) -> Vec<Subject> {
        let is_its = |subject: &Subject| match subject {
            Subject::User { client: of, .. } => &**of == client,
            _ => false,
        };
        let all = self.accounts.all().into_iter();
        let subjects = all.map(|account| account.subject.clone());
        let mut users: Vec<_> = subjects.filter(is_its).collect();
        users.sort();
        users
    }

    /// Requests that each kind of limit has refused.
    pub(super) fn refusals(&self) -> Vec<(&'static str, Meter, u64)> {
        let count = |it: &AtomicU64| it.load(Ordering::Relaxed);
        let all = self.refusals.iter();
        all.map(|it| (it.key().0, it.key().1, count(it.value())))
            .collect()
    }

    /// Forgets what does not count any more.
    pub(super) fn sweep(&self, settings: &LimitSettings) {
        self.accounts.sweep(&settings.calendar, self.clock.now());
    }

    /// The moment by its clock.
    pub(super) fn now(&self) -> Moment {
        self.clock.now()
    }
}

/// What was set aside for a request. It is settled once; one that is dropped before the request went out is
/// given back, and one that is dropped later stands for what was used.
#[derive(Debug)]
pub struct Reservation {
    book: Arc<Book>,
    settings: Arc<LimitSettings>,
    accounts: Vec<Arc<Account>>,
    set_aside: SetAside,
    rate_limits: RateLimits,
    /// What to count when it is dropped.
    if_dropped: Amounts,
}

impl Reservation {
    /// Something was set aside in one more account.
    pub(super) fn add(&mut self, account: Arc<Account>, line: &Line, by: &Surroundings<'_>) {
        if line.subject.is_own() {
            account.tell(line, by, &mut self.rate_limits);
        }
        self.book.list(&account);
        self.accounts.push(account);
    }

    /// The request goes out: whatever becomes of it, it counts.
    pub fn sent(&mut self) {
        self.if_dropped = self.set_aside.amounts;
    }

    /// Its request has ended, and what it uses is not known yet: it is under way no more, and what was set
    /// aside stays.
    pub fn ended(&mut self) {
        let by = self.book.surroundings(&self.settings);
        for account in &self.accounts {
            account.release(&self.set_aside, &by);
            self.book.list(account);
        }
        self.set_aside.is_under_way = false;
        self.book.given_back.tell();
    }

    /// What was left of the caller's own limits when it was set aside.
    pub const fn rate_limits(&self) -> &RateLimits {
        &self.rate_limits
    }

    /// Tokens and cost that were set aside.
    pub const fn amounts(&self) -> &Amounts {
        &self.set_aside.amounts
    }

    /// Counts what was used in place of what was set aside.
    pub fn settle(mut self, used: Amounts) {
        self.if_dropped = used;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let accounts = std::mem::take(&mut self.accounts);
        self.book
            .settle(&accounts, &self.set_aside, &self.if_dropped, &self.settings);
    }
}
