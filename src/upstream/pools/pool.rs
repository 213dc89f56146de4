//! The backends of one deployment, and their order for one request.

use std::cmp::Reverse;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use super::backend::Backend;
use super::health::{Availability, Rest};

/// How much more than its share of what is under way the first of an order may have, so that one that answers
/// slowly does not gather all requests.
const MAX_TIMES_SHARE: u64 = 2;
const MIN_UNDER_WAY: u64 = 16;

/// One backend of a pool.
#[derive(Debug)]
pub struct Member {
    /// The backend.
    pub backend: Arc<Backend>,
    /// What the deployment is called there; `None`: as callers call it.
    pub deployment: Option<Arc<str>>,
    /// Lower is asked first.
    pub priority: u32,
    /// Its part of the requests among those of its priority.
    pub weight: u32,
    under_way: AtomicU32,
}

impl Member {
    /// A member that nobody asks yet.
    pub fn new(
        backend: Arc<Backend>,
        deployment: Option<Arc<str>>,
        priority: u32,
        weight: u32,
    ) -> Self {
        Self {
            backend,
            deployment,
            priority,
            weight: weight.max(1),
            under_way: AtomicU32::new(0),
        }
    }

    fn availability(&self, called: &str, now: Instant) -> Availability {
        self.backend.availability(self.name(called), now)
    }

    /// What the deployment is called there.
    pub fn name<'a>(&'a self, called: &'a str) -> &'a str {
        self.deployment.as_deref().unwrap_or(called)
    }
}

/// A backend in the order of a request, and what the deployment is called there.
#[derive(Clone, Debug)]
pub struct Choice {
    member: Arc<Member>,
    /// The deployment there.
    pub deployment: Arc<str>,
}

impl Choice {
    /// A member, for a deployment as callers call it.
    pub fn new(member: &Arc<Member>, called: &Arc<str>) -> Self {
        Self {
            deployment: match &member.deployment {
                Some(name) => Arc::clone(name),
                None => Arc::clone(called),
            },
            member: Arc::clone(member),
        }
    }

    /// The backend.
    pub fn backend(&self) -> &Arc<Backend> {
        &self.member.backend
    }

    /// How many requests are under way there.
    pub fn under_way(&self) -> u32 {
        self.member.under_way.load(Ordering::Relaxed)
    }

    /// Counts a request as under way there.
    pub fn begin(&self) -> UnderWay {
        self.member.under_way.fetch_add(1, Ordering::Relaxed);
        UnderWay(Arc::clone(&self.member))
    }
}

/// One request is under way at a backend, until this is dropped.
#[derive(Debug)]
pub struct UnderWay(Arc<Member>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a request wants of an order.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// The deployment, as callers call it.
    pub called: &'a str,
    /// How many backends at most.
    pub most: usize,
    /// All of them must call the deployment as the first one does: the attempts have one body, which names it.
    pub has_one_name: bool,
    /// So much of the backends is kept for others while some of them have too much to do.
    pub kept_percent: u8,
}

/// The backends of a request, the first to be asked first.
#[derive(Debug)]
pub struct Order {
    /// At least one, each at most once.
    pub choices: Vec<Choice>,
    /// Counts it at the first.
    pub under_way: UnderWay,
}

/// Why no backend can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoBackend {
    /// None of them is allowed.
    NotAllowed,
    /// There is no token for any that is allowed.
    NoToken,
    /// Some that are allowed have too much to do, the first of them until then, and the rest is kept for others.
    Reserved(Instant),
    /// All that are allowed rest, the first of them until then.
    Resting(Instant),
    /// All that are allowed rest as they do not accept the identity.
    Rejecting(Instant),
}

/// The backends that have a deployment.
#[derive(Debug, Default)]
pub struct Pool {
    /// By priority.
    members: Vec<Arc<Member>>,
    /// Smooth weighted round robin: what each member has in hand.
    in_hand: Mutex<Vec<i64>>,
    repeats_stored: bool,
}

impl Pool {
    /// A pool of these.
    pub fn new(mut members: Vec<Member>) -> Self {
        members.sort_by_key(|member| member.priority);
        Self {
            in_hand: Mutex::new(vec![0; members.len()]),
            members: members.into_iter().map(Arc::new).collect(),
            repeats_stored: false,
        }
    }

    /// What makes something that is stored is made again after a failure, too, at the risk of making it twice.
    #[must_use]
    pub fn repeating_stored(self, repeats_stored: bool) -> Self {
        Self {
            repeats_stored,
            ..self
        }
    }

    /// Whether what makes something that is stored is made again after every failure.
    pub fn repeats_stored(&self) -> bool {
        self.repeats_stored
    }

    /// Its members, by priority.
    pub fn members(&self) -> &[Arc<Member>] {
        &self.members
    }

    /// The order of backends for a request: the ready ones by priority, within a priority by weight, and before
    /// them one that has rested and is to be tried. A backend that rests or for which there is no token is not
    /// asked, nor one that `allowed` refuses.
    ///
    /// # Errors
    /// [`NoBackend`]
    pub fn order(
        &self,
        wish: Wish<'_>,
        now: Instant,
        has_token: impl Fn(&Backend) -> bool,
        mut allowed: impl FnMut(&Member) -> bool,
    ) -> Result<Order, NoBackend> {
        let mut sorted = Sorted::default();
        for (at, member) in self.members.iter().enumerate() {
            if allowed(member) {
                let availability = match has_token(&member.backend) {
                    true => member.availability(wish.called, now),
                    false => Availability::NoToken,
                };
                sorted.put(at, member, availability);
            }
        }
        if let Some(until) = sorted.reserved_until(wish.kept_percent) {
            return Err(NoBackend::Reserved(until));
        }
        let trial = sorted.take_trial(wish.called, now);
        sorted.ready.sort_by_key(|it| it.at);
        self.arrange(&mut sorted.ready);
        let order = trial
            .into_iter()
            .chain(sorted.ready.iter().map(|it| it.member));
        let order: Vec<_> = order.collect();
        let Some(first) = order.first() else {
            return Err(sorted.obstacle);
        };
        let name = first.name(wish.called);
        let called: Arc<str> = wish.called.into();
        let mut choices: Vec<Choice> = Vec::with_capacity(order.len().min(wish.most));
        for member in &order {
            let is_there = |it: &Choice| Arc::ptr_eq(it.backend(), &member.backend);
            let is_named_so = !wish.has_one_name || member.name(wish.called) == name;
            if choices.len() < wish.most && is_named_so && !choices.iter().any(is_there) {
                choices.push(Choice::new(member, &called));
            }
        }
        first.under_way.fetch_add(1, Ordering::Relaxed);
        let under_way = UnderWay(Arc::clone(first));
        Ok(Order { choices, under_way })
    }

    /// Puts the members of each priority into the order of their turns.
    fn arrange(&self, ready: &mut [Ready<'_>]) {
        let mut in_hand = self.in_hand.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same = |a: &Ready<'_>, b: &Ready<'_>| a.member.priority == b.member.priority;
        for (nth, group) in ready.chunk_by_mut(is_same).enumerate() {
            if group.len() < 2 {
                continue;
            }
            if nth == 0 {
                take_turn(group, &mut in_hand);
            } else {
                let left = |at: usize| in_hand.get(at).copied().unwrap_or(0);
                group.sort_by_key(|it| (it.is_full, Reverse(left(it.at))));
            }
        }
    }
}

/// A member that may be asked, and its place in the pool.
#[derive(Clone, Copy)]
struct Ready<'a> {
    at: usize,
    member: &'a Arc<Member>,
    is_full: bool,
}

/// The allowed members of a pool, by what may be asked of them.
struct Sorted<'a> {
    ready: Vec<Ready<'a>>,
    trials: Vec<(usize, &'a Arc<Member>)>,
    /// How many can't be asked.
    others: usize,
    /// When the first of them returns that has too much to do.
    throttled_until: Option<Instant>,
    /// Why none is ready, if none is.
    obstacle: NoBackend,
}

impl Default for Sorted<'_> {
    fn default() -> Self {
        Self {
            ready: Vec::new(),
            trials: Vec::new(),
            others: 0,
            throttled_until: None,
            obstacle: NoBackend::NotAllowed,
        }
    }
}

impl<'a> Sorted<'a> {
    fn put(&mut self, at: usize, member: &'a Arc<Member>, availability: Availability) {
        match availability {
            Availability::Ready | Availability::Full => self.ready.push(Ready {
                at,
                member,
                is_full: availability == Availability::Full,
            }),
            Availability::Trial => self.trials.push((at, member)),
            Availability::NoToken => {
                self.others += 1;
                if self.obstacle == NoBackend::NotAllowed {
                    self.obstacle = NoBackend::NoToken;
                }
            }
            Availability::Resting(until, why) => self.rests(until, why),
        }
    }

    /// When the first of those returns that have too much to do, where no more is left than what is kept for others.
    fn reserved_until(&self, kept_percent: u8) -> Option<Instant> {
        let left = self.ready.len() + self.trials.len();
        let kept = usize::from(kept_percent) * (left + self.others);
        let is_reserved = left > 0 && kept_percent > 0 && left * 100 <= kept;
        self.throttled_until.filter(|_| is_reserved)
    }

    /// The first that returns is what callers wait for; only where none accepts the identity it is not their
    /// number that is in the way.
    fn rests(&mut self, until: Instant, why: Rest) {
        self.others += 1;
        if why == Rest::Throttled {
            let first = self.throttled_until.map_or(until, |it| it.min(until));
            self.throttled_until = Some(first);
        }
        let is_rejected = why == Rest::IdentityRejected;
        self.obstacle = match self.obstacle {
            NoBackend::NotAllowed | NoBackend::NoToken if is_rejected => {
                NoBackend::Rejecting(until)
            }
            NoBackend::NotAllowed | NoBackend::NoToken => NoBackend::Resting(until),
            NoBackend::Rejecting(other) if is_rejected => NoBackend::Rejecting(until.min(other)),
            NoBackend::Rejecting(other)
            | NoBackend::Reserved(other)
            | NoBackend::Resting(other) => NoBackend::Resting(until.min(other)),
        };
    }

    /// The one that this request is to try. Where another request has been quicker, its backend rests until that
    /// one has ended, or is ready already.
    fn take_trial(&mut self, called: &str, now: Instant) -> Option<&'a Arc<Member>> {
        let first = self.ready.iter().map(|it| it.member.priority).min();
        for (at, member) in std::mem::take(&mut self.trials) {
            if first.is_some_and(|first| member.priority > first) {
                continue;
            }
            if member.backend.take_trial(member.name(called), now) {
                return Some(member);
            }
            match member.availability(called, now) {
                Availability::Trial => {}
                other => self.put(at, member, other),
            }
        }
        None
    }
}

/// Whose turn it is goes first; the others follow by what they have in hand. One that is slow or full is passed
/// over, and gathers no turns meanwhile: they would all come at once when it has caught up.
fn take_turn(group: &mut [Ready<'_>], in_hand: &mut [i64]) {
    let least = group.iter().map(|it| load(it.member)).min().unwrap_or(0);
    let is_slow = |member: &Member| {
        let share = least.saturating_mul(MAX_TIMES_SHARE);
        load(member) > share.saturating_add(MIN_UNDER_WAY * LOAD_SCALE / u64::from(member.weight))
    };
    // Where nobody would be left, those share the turns that are not slow; all can't be.
    let is_nobody_free = group.iter().all(|it| it.is_full || is_slow(it.member));
    let is_late = |it: &Ready<'_>| (it.is_full && !is_nobody_free) || is_slow(it.member);
    // Others may begin and end meanwhile: it is looked at once.
    let mut keyed: Vec<_> = group.iter().map(|it| (is_late(it), *it)).collect();
    let mut total = 0_i64;
    for (late, it) in &keyed {
        if let Some(own) = in_hand.get_mut(it.at).filter(|_| !late) {
            *own = own.saturating_add(i64::from(it.member.weight));
            total = total.saturating_add(i64::from(it.member.weight));
        }
    }
    let left = |in_hand: &[i64], at: usize| in_hand.get(at).copied().unwrap_or(0);
    keyed.sort_by_key(|(late, it)| (*late, Reverse(left(in_hand, it.at))));
    for (place, (_, member)) in group.iter_mut().zip(keyed) {
        *place = member;
    }
    if let Some(first) = group.first()
        && let Some(own) = in_hand.get_mut(first.at)
    {
        *own = own.saturating_sub(total);
    }
}

/// What a load is counted in, so that it can be divided by a weight.
const LOAD_SCALE: u64 = 1 << 16;

/// What a member has under way for each unit of its weight.
fn load(member: &Member) -> u64 {
    let under_way = u64::from(member.under_way.load(Ordering::Relaxed));
    under_way * LOAD_SCALE / u64::from(member.weight)
}

#[cfg(test)]
mod tests;
