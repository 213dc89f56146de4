//! Where replicas count together: decisions that take a round trip, and what is told in between.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::account::{Account, Asking, Short};
use super::book::{Book, Reservation};
use super::demand::Demand;
use super::exceeded::Exceeded;
use super::settings::LimitSettings;
use super::subject::{Line, Subject};

/// How often the shared counters are told what has changed.
const TELL_INTERVAL: Duration = Duration::from_millis(50);
/// How often a server that does not answer is tried again: at every so many of these.
const TICKS_PER_ATTEMPT: u32 = 5;
/// How often a server that answers is asked whether it still does.
const TICKS_PER_PING: u32 = 20;
/// How long a request waits for its turn to ask, at all its limits together. Envoy waits 5 s for a reply, and a
/// queue takes up to 4 s of it.
const MAX_WAIT_FOR_TURNS: Duration = Duration::from_millis(500);
/// Accounts that are told of at a time.
const AT_ONCE: usize = 64;
/// What is held is given back before the process ends, if that is possible within this time.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(1);

impl Book {
    /// Sets aside what a request may use: of each of its limits, or of none.
    ///
    /// # Errors
    /// The limit that it would exceed.
    pub(super) async fn reserve(
        self: &Arc<Self>,
        demand: &Demand,
        settings: &Arc<LimitSettings>,
    ) -> Result<Reservation, Box<Exceeded>> {
        match self.attempt(demand, settings) {
            Ok(reservation) => Ok(reservation),
            Err(Short::Exceeded(exceeded)) => Err(exceeded),
            Err(Short::Unknown) => self.inquire(demand.clone(), settings).await,
        }
    }

    /// The same where it is known that the shared counters have to be asked.
    ///
    /// # Errors
    /// The limit that it would exceed.
    pub(super) async fn inquire(
        self: &Arc<Self>,
        demand: Demand,
        settings: &Arc<LimitSettings>,
    ) -> Result<Reservation, Box<Exceeded>> {
        let (book, settings) = (Arc::clone(self), Arc::clone(settings));
        // What is granted is given back also where the request has gone meanwhile; it takes no longer than a
        // call may take.
        let asked = tokio::spawn(async move { book.ask(&demand, &settings).await });
        match asked.await.map_err(JoinError::try_into_panic) {
            Ok(decided) => decided,
            Err(Ok(panic)) => std::panic::resume_unwind(panic),
            // The runtime ends, and with it all requests.
            Err(Err(_)) => std::future::pending().await,
        }
    }

    async fn ask(
        self: &Arc<Self>,
        demand: &Demand,
        settings: &Arc<LimitSettings>,
    ) -> Result<Reservation, Box<Exceeded>> {
        // All counters are there before it begins: each knows that this was set aside in it.
        for line in &demand.lines {
            let account = self.account(&line.subject);
            account.open(line, &self.surroundings(settings));
        }
        let at = self.now();
        let patience = Instant::now() + MAX_WAIT_FOR_TURNS;
        let mut reservation = self.nothing_yet(demand, settings, at);
        let mut lines: Vec<_> = demand.lines.iter().collect();
        lines.sort_by_key(|line| order(line));
        for line in lines {
            let account = self.account(&line.subject);
            let asking = Asking {
                line,
                amounts: &demand.amounts,
                at,
                of_all: false,
            };
            match self.obtain(&account, asking, patience, settings).await {
                Ok(()) => reservation.add(account, line, &self.surroundings(settings)),
                Err(exceeded) => {
                    return Err(self.give_up(reservation, &account, exceeded, demand));
                }
            }
        }
        Ok(reservation)
    }

    /// Sets something aside in one account, and asks for it where there is too little.
    async fn obtain(
        &self,
        account: &Arc<Account>,
        asking: Asking<'_>,
        patience: Instant,
        settings: &LimitSettings,
    ) -> Result<(), Box<Exceeded>> {
        let Asking { line, amounts, .. } = asking;
        account.queue(line, amounts, true, &self.surroundings(settings));
        let mut of_all = false;
        let obtained = loop {
            let asking = Asking { of_all, ..asking };
            match self.exchange(account, asking, patience, settings).await {
                Ok(()) => break Ok(()),
                Err(Short::Exceeded(exceeded)) => break Err(exceeded),
                // Meanwhile others have used what another of its limits had left. An answer about all of them
                // is taken at once, and decides.
                Err(Short::Unknown) => of_all = true,
            }
        };
        account.queue(line, amounts, false, &self.surroundings(settings));
        obtained
    }

    async fn exchange(
        &self,
        account: &Arc<Account>,
        asking: Asking<'_>,
        patience: Instant,
        settings: &LimitSettings,
    ) -> Result<(), Short> {
        let Asking {
            line, amounts, at, ..
        } = asking;
        let Ok(mut turn) = timeout_at(patience, account.turn.lock()).await else {
            let by = self.surroundings(settings).refusing();
            return account.reserve(line, amounts, at, &by);
        };
        // Whoever had the turn before may have taken enough for this one, too.
        let reserved = account.reserve(line, amounts, at, &self.surroundings(settings));
        let (Err(Short::Unknown), Some(link)) = (&reserved, &self.link) else {
            return reserved;
        };
        let number = link.number();
        let calls = account.begin(number, Some(asking), &self.surroundings(settings));
        let said = link.call(&mut turn, number, &account.subject, &calls).await;
        self.list(account);
        let by = self.surroundings(settings);
        match said {
            Some(said) => account.answered_for(&asking, &calls, &said, &by),
            None => account.reserve(line, amounts, at, &by),
        }
    }

    /// Keeps the shared counters up to date until it is stopped, then gives back what this replica holds.
    pub(super) async fn keep_shared(
        self: &Arc<Self>,
        settings: impl Fn() -> Arc<LimitSettings>,
        stop: CancellationToken,
    ) {
        let Some(link) = &self.link else {
            return;
        };
        let mut ticks = interval(TELL_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut attempt = 0_u32;
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = stop.cancelled() => break,
            }
            attempt = attempt.wrapping_add(1);
            if link.is_up() {
                self.tell_all(false, &settings()).await;
                if attempt.is_multiple_of(TICKS_PER_PING) {
                    link.renew().await;
                    link.ping().await;
                }
                continue;
            }
            if attempt.is_multiple_of(TICKS_PER_ATTEMPT) {
                self.connect(&settings()).await;
            }
        }
        for account in self.accounts() {
            account.empty();
        }
        let _ = timeout(LEAVE_TIMEOUT, self.tell_all(true, &settings())).await;
    }

    /// Connects. Whatever was used meanwhile is told before anything is asked, so that nobody finds more room
    /// than there is.
    pub(super) async fn connect(self: &Arc<Self>, settings: &Arc<LimitSettings>) {
        let Some(link) = &self.link else {
            return;
        };
        if link.connect().await.is_err() {
            return;
        }
        // A server that has lost what was used within the last minute is told it again.
        let accounts = self.accounts().into_iter();
        for account in accounts.filter(|account| account.is_recent(self.now())) {
            self.list(&account);
        }
        if self.tell_all(true, settings).await
            // A server that has lost what it knew has said so only now.
            && self.tell_all(true, settings).await
        {
            link.up();
        }
    }

    /// Tells what has changed; says whether that has arrived.
    async fn tell_all(self: &Arc<Self>, is_leaving: bool, settings: &Arc<LimitSettings>) -> bool {
        let mut listed = self.listed();
        let mut has_arrived = true;
        while !listed.is_empty() {
            let now: Vec<_> = listed.drain(..listed.len().min(AT_ONCE)).collect();
            let mut told = JoinSet::new();
            for account in now {
                let (book, settings) = (Arc::clone(self), Arc::clone(settings));
                told.spawn(async move { book.tell_of(&account, is_leaving, &settings).await });
            }
            while let Some(arrived) = told.join_next().await {
                has_arrived &= arrived.unwrap_or(false);
            }
        }
        has_arrived
    }

    async fn tell_of(
        &self,
        account: &Arc<Account>,
        at_once: bool,
        settings: &LimitSettings,
    ) -> bool {
        let Some(link) = &self.link else {
            return true;
        };
        let mut turn = match at_once {
            true => account.turn.lock().await,
            false => match account.turn.try_lock() {
                Ok(turn) => turn,
                // Whoever has the turn tells all.
                Err(_) => {
                    account.unlist();
                    self.list(account);
                    return true;
                }
            },
        };
        // What changes from here on puts it on the list again.
        account.unlist();
        let mut has_arrived = true;
        let (is_due, mut is_live) = account.news(self.now());
        if is_due || (at_once && (is_live || account.is_recent(self.now()))) {
            let number = link.number();
            let calls = account.begin(number, None, &self.surroundings(settings));
            let said = link.call(&mut turn, number, &account.subject, &calls).await;
            has_arrived = said.is_some();
            if let Some(said) = said {
                account.answered(&calls, &said, &self.surroundings(settings));
            }
            (_, is_live) = account.news(self.now());
        }
        if is_live {
            self.list(account);
        }
        has_arrived
    }
}

/// In which order limits are asked: a client's own before its users', so that the servers know no users of a
/// client that is over its limits; and what all share last.
const fn order(line: &Line) -> u8 {
    match line.subject {
        Subject::Client(_) | Subject::ProductClient { .. } => 0,
        Subject::User { .. } => 1,
        Subject::Product(_) | Subject::Deployment(_) | Subject::Everything => 2,
    }
}
