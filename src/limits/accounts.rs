//! The accounts of all subjects.

use std::sync::Arc;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use super::account::Account;
use super::calendar::Calendar;
use super::moment::Moment;
use super::subject::Subject;

/// Users of one client that have accounts of their own; all others share one. A client that invents users
/// does not fill the memory.
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
        let of_others = match (self.all.entry(subject.clone()), subject) {
            (Entry::Occupied(made), _) => return Arc::clone(made.get()),
            // Who is counted here has no account yet, and nobody else can make it meanwhile.
            (
                Entry::Vacant(_),
                Subject::User {
                    client,
                    user: Some(_),
                },
            ) if !self.has_room(client) => Subject::User {
                client: Arc::clone(client),
                user: None,
            },
            (Entry::Vacant(place), _) => {
                let account = Arc::new(Account::new(subject.clone()));
                return Arc::clone(&place.insert(account));
            }
        };
        let make = || Arc::new(Account::new(of_others.clone()));
        Arc::clone(&self.all.entry(of_others.clone()).or_insert_with(make))
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

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn a_user_that_comes_twice_at_the_same_moment_is_counted_once() {
        const USERS: usize = 2_000;
        let accounts = Accounts::default();
        let start = Barrier::new(2);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for user in 0..USERS {
                        start.wait();
                        accounts.of(&Subject::User {
                            client: "app".into(),
                            user: Some(user.to_string().into()),
                        });
                    }
                });
            }
        });
        let counted = accounts.users.get("app").map(|count| *count);
        assert_eq!((counted, accounts.all().len()), (Some(USERS), USERS));
        let now = Moment {
            uptime_ms: 0,
            unix_ms: 0,
        };
        accounts.sweep(&Calendar::default(), now);
        assert!(accounts.users.is_empty(), "none is left");
    }
}
