//! The backends of one deployment, and their order for one request.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use super::backend::Backend;
use super::health::Availability;

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

    /// What the deployment is called there.
    pub fn name<'a>(&'a self, called: &'a str) -> &'a str {
        self.deployment.as_deref().unwrap_or(called)
    }
}

/// A backend in the order of a request, and what the deployment is called there.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The backend.
    pub backend: Arc<Backend>,
    /// The deployment there.
    pub deployment: Arc<str>,
}

/// One request is under way at a backend, until this is dropped.
#[derive(Debug)]
pub struct UnderWay(Arc<Member>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
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
    /// All that are allowed rest, the first of them until then.
    Resting(Instant),
}

/// The backends that have a deployment.
#[derive(Debug, Default)]
pub struct Pool {
    /// By priority.
    members: Vec<Arc<Member>>,
    /// Smooth weighted round robin: what each member has in hand.
    in_hand: Mutex<Vec<i64>>,
}

impl Pool {
    /// A pool of these.
    pub fn new(mut members: Vec<Member>) -> Self {
        members.sort_by_key(|member| member.priority);
        Self {
            in_hand: Mutex::new(vec![0; members.len()]),
            members: members.into_iter().map(Arc::new).collect(),
        }
    }

    /// Its members, by priority.
    pub fn members(&self) -> &[Arc<Member>] {
        &self.members
    }

    /// The order of backends for a request, `most` at most: the ready ones by priority, within a priority by
    /// weight, and before them one that has rested and is to be tried, where `tries` allows it. A backend that
    /// rests is not asked, nor one that `allowed` refuses.
    ///
    /// # Errors
    /// [`NoBackend`]
    pub fn order(
        &self,
        called: &str,
        now: Instant,
        most: usize,
        allowed: impl Fn(&Member) -> bool,
    ) -> Result<Order, NoBackend> {
        let mut ready = Vec::new();
        let mut trials = Vec::new();
        let mut earliest: Option<Instant> = None;
        for (at, member) in self.members.iter().enumerate() {
            if !allowed(member) {
                continue;
            }
            match member.backend.availability(member.name(called), now) {
                Availability::Ready => ready.push((at, member)),
                Availability::Trial => trials.push((at, member)),
                Availability::Resting(until, _) => {
                    earliest = Some(earliest.map_or(until, |it| it.min(until)));
                }
            }
        }
        self.arrange(&mut ready);
        let first = ready.first().map(|(_, member)| member.priority);
        let trial = trials.into_iter().find(|(_, member)| {
            let is_wanted = first.is_none_or(|first| member.priority <= first);
            is_wanted && member.backend.take_trial(member.name(called), now)
        });
        let order: Vec<_> = trial.into_iter().chain(ready).map(|(_, it)| it).collect();
        let Some(first) = order.first() else {
            return Err(earliest.map_or(NoBackend::NotAllowed, NoBackend::Resting));
        };
        first.under_way.fetch_add(1, Ordering::Relaxed);
        let under_way = UnderWay(Arc::clone(first));
        let mut choices: Vec<Choice> = Vec::with_capacity(order.len().min(most));
        for member in order {
            let is_there = |it: &Choice| Arc::ptr_eq(&it.backend, &member.backend);
            if choices.len() < most && !choices.iter().any(is_there) {
                choices.push(Choice {
                    backend: Arc::clone(&member.backend),
                    deployment: member.name(called).into(),
                });
            }
        }
        Ok(Order { choices, under_way })
    }

    /// Puts the members of each priority into the order of their turns.
    fn arrange(&self, ready: &mut [(usize, &Arc<Member>)]) {
        let mut in_hand = self.in_hand.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same =
            |a: &(usize, &Arc<Member>), b: &(usize, &Arc<Member>)| a.1.priority == b.1.priority;
        for (nth, group) in ready.chunk_by_mut(is_same).enumerate() {
            if group.len() < 2 {
                continue;
            }
            if nth == 0 {
                take_turn(group, &mut in_hand);
            } else {
                let left = |at: usize| in_hand.get(at).copied().unwrap_or(0);
                group.sort_by_key(|(at, _)| std::cmp::Reverse(left(*at)));
            }
        }
    }
}

/// Whose turn it is goes first; the others follow by what they have in hand.
fn take_turn(group: &mut [(usize, &Arc<Member>)], in_hand: &mut [i64]) {
    let total: i64 = group.iter().map(|(_, it)| i64::from(it.weight)).sum();
    for (at, member) in group.iter() {
        if let Some(own) = in_hand.get_mut(*at) {
            *own = own.saturating_add(i64::from(member.weight));
        }
    }
    let least = group.iter().map(|(_, it)| load(it)).min().unwrap_or(0);
    let is_slow = |member: &Member| {
        let share = least.saturating_mul(MAX_TIMES_SHARE);
        load(member) > share.saturating_add(MIN_UNDER_WAY * LOAD_SCALE / u64::from(member.weight))
    };
    let left = |in_hand: &[i64], at: usize| in_hand.get(at).copied().unwrap_or(0);
    group.sort_by_key(|(at, member)| (is_slow(member), std::cmp::Reverse(left(in_hand, *at))));
    if let Some((first, _)) = group.first()
        && let Some(own) = in_hand.get_mut(*first)
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
