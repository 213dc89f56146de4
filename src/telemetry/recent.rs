//! The last refusals, for people who look at the running service. Bounded, in memory, and gone with it: what
//! must be kept is in the audit log.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::audit::{Refused, RequestContext};

/// Refusals that are kept.
const MAX_KEPT: usize = 100;
/// Longest text of one that is kept, in bytes.
const MAX_TEXT_BYTES: usize = 256;

/// A refusal, and others like it.
#[derive(Clone, Debug)]
pub struct RecentRefusal {
    /// The last of them.
    pub refused: Refused,
    /// What the caller read.
    pub message: Arc<str>,
    /// How many there were, one after the other or with others in between.
    pub count: u64,
}

/// The last refusals. Those of one reason, client, credential, address and path are one, so that a caller who
/// tries again and again does not push out the rest.
#[derive(Debug, Default)]
pub struct RecentRefusals(Mutex<VecDeque<RecentRefusal>>);

impl RecentRefusals {
    /// Takes a refusal.
    pub fn push(&self, mut refused: Refused, message: &str) {
        bound(&mut refused.context);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let alike = kept
            .iter()
            .position(|it| is_alike(&it.refused, &refused))
            .and_then(|at| kept.remove(at));
        let count = alike.map_or(0, |it| it.count).saturating_add(1);
        kept.truncate(MAX_KEPT.saturating_sub(1));
        kept.push_front(RecentRefusal {
            refused,
            message: cut(message).unwrap_or_else(|| message.into()),
            count,
        });
    }

    /// All of them, the last first.
    pub fn all(&self) -> Vec<RecentRefusal> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().cloned().collect()
    }
}

fn is_alike(a: &Refused, b: &Refused) -> bool {
    let of = |it: &Refused| (it.reason, it.status, it.context.credential);
    let (one, other) = (&a.context, &b.context);
    of(a) == of(b)
        && one.client == other.client
        && one.address == other.address
        && one.path == other.path
        && one.deployment == other.deployment
        && one.product == other.product
        && one.described == other.described
}

/// Texts of callers may be as long as a header.
fn bound(context: &mut RequestContext) {
    if let Some(short) = cut(&context.request_id) {
        context.request_id = short;
    }
    for text in [
        &mut context.client,
        &mut context.deployment,
        &mut context.product,
        &mut context.detail,
        &mut context.path,
    ] {
        if let Some(short) = text.as_deref().and_then(cut) {
            *text = Some(short);
        }
    }
}

/// The beginning of a text that is too long.
fn cut(text: &str) -> Option<Arc<str>> {
    (text.len() > MAX_TEXT_BYTES).then(|| {
        let end = text.floor_char_boundary(MAX_TEXT_BYTES);
        format!("{}…", text.get(..end).unwrap_or_default()).into()
    })
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn refused(reason: &'static str, path: &str) -> Refused {
        Refused {
            context: RequestContext {
                path: Some(path.into()),
                ..RequestContext::at(SystemTime::UNIX_EPOCH)
            },
            reason,
            status: 401,
        }
    }

    #[test]
    fn the_last_come_first_and_the_oldest_go() {
        let recent = RecentRefusals::default();
        for number in 0..250 {
            recent.push(refused("key_unknown", &format!("/{number}")), "not valid");
        }
        let all = recent.all();
        assert_eq!(all.len(), MAX_KEPT);
        let path = |at: usize| all[at].refused.context.path.as_deref();
        assert_eq!((path(0), path(99)), (Some("/249"), Some("/150")));
    }

    #[test]
    fn one_who_tries_again_and_again_pushes_nobody_out() {
        let recent = RecentRefusals::default();
        recent.push(refused("key_expired", "/a"), "it has expired");
        for _ in 0..1_000 {
            recent.push(refused("key_unknown", "/a"), "not valid");
        }
        let all = recent.all();
        let shown: Vec<_> = all.iter().map(|it| (it.refused.reason, it.count)).collect();
        assert_eq!(shown, [("key_unknown", 1_000), ("key_expired", 1)]);
        assert_eq!(&*all[1].message, "it has expired");
    }

    #[test]
    fn long_texts_of_callers_are_cut() {
        let recent = RecentRefusals::default();
        let long = "\u{e4}".repeat(100_000);
        let mut hostile = refused("path_unknown", &long);
        hostile.context.request_id = long.as_str().into();
        hostile.context.deployment = Some(long.as_str().into());
        recent.push(hostile, &long);
        let all = recent.all();
        let context = &all[0].refused.context;
        for text in [
            Some(&context.request_id),
            context.deployment.as_ref(),
            context.path.as_ref(),
            Some(&all[0].message),
        ] {
            let length = text.map(|it| it.len()).unwrap_or_default();
            assert!((1..=MAX_TEXT_BYTES + 3).contains(&length), "{length}");
        }
    }
}
