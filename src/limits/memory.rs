//! The accounts of all subjects, in memory.

use std::sync::Arc;

use dashmap::DashMap;

use super::account::Account;
use super::calendar::Calendar;
use super::moment::Moment;
use super::subject::Subject;

/// Users of one client that have accounts of their own; all others share one. A client that invents users
/// fills neither the memory nor gets quotas anew.
const MAX_USERS_PER_CLIENT: usize = 100_000;

/// The accounts.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    all: DashMap<Subject, Arc<Account>>,
    /// How many users each client has among them.
    users: DashMap<Arc<str>, usize>,
}

impl Accounts {
    /// The account of a subject, made where there is none.
    pub(super) fn of(&self, subject: &Subject) -> Arc<Account> {
        if let Some(account) = self.all.get(subject) {
            return Arc::clone(&account);
        }
        let subject = match subject {
            Subject::User {
                client,
                user: Some(_),
            } if !self.has_room(client) => Subject::User {
                client: Arc::clone(client),
                user: None,
            },
            subject => subject.clone(),
        };
        let make = || Arc::new(Account::new(subject.clone()));
        Arc::clone(&self.all.entry(subject.clone()).or_insert_with(make))
    }

    /// The account of a subject, if it has one.
    pub(super) fn find(&self, subject: &Subject) -> Option<Arc<Account>> {
        self.all.get(subject).map(|account| Arc::clone(&account))
    }

    fn has_room(&self, client: &Arc<str>) -> bool {
        let mut count = self.users.entry(Arc::clone(client)).or_default();
        let has_room = *count < MAX_USERS_PER_CLIENT;
        *count += usize::from(has_room);
        has_room
    }

    /// Every account that there is.
    pub(super) fn all(&self) -> Vec<Arc<Account>> {
        self.all
            .iter()
            .map(|account| Arc::clone(&account))
            .collect()
    }

    /// Forgets the accounts in which nothing counts any more.
    pub(super) fn sweep(&self, calendar: &Calendar, now: Moment) {
        self.all.retain(|subject, account| {
            // Whoever else has it may be about to use it.
            let stays = Arc::strong_count(account) > 1 || !account.is_idle(calendar, now);
            if let (
                false,
                Subject::User {
                    client,
                    user: Some(_),
                },
            ) = (stays, subject)
                && let Some(mut count) = self.users.get_mut(client)
            {
                *count = count.saturating_sub(1);
            }
            stays
        });
        self.users.retain(|_, count| *count > 0);
    }
}
