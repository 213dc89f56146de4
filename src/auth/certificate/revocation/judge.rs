//! What the lists of an issuer say of one certificate (RFC 5280, section 6.3.3): all of them together, so
//! that no order can matter.
//!
//! A list can say two things. That a certificate is revoked counts on whichever list its issuer has signed:
//! an issuer gives a serial number once. That it is not revoked counts only for the certificates in the
//! list's scope and for the list's reasons, and only from lists that have not expired.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use x509_cert::ext::pkix::crl::dp::ReasonFlags;

use super::list::List;
use super::parse::{Entry, without_padding};
use super::scope::{Point, all_reasons};

/// A certificate as its issuer's lists know it.
pub(in super::super) struct Subject<'a> {
    /// The serial number, big-endian.
    pub(in super::super) serial: &'a [u8],
    /// Whether it is an issuer's.
    pub(in super::super) is_authority: bool,
    /// Where it says that its lists are.
    pub(in super::super) points: &'a [Point],
}

/// What is known of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Standing {
    /// A list revokes it.
    Revoked,
    /// Current lists speak of it for every reason, and none revokes it.
    Good,
    /// Such lists are there, and have expired.
    Expired,
    /// For some reason no list speaks of it.
    Unknown,
}

/// Judges by lists that the issuer's key has signed.
pub(in super::super) fn judge(
    subject: &Subject<'_>,
    lists: &[Arc<List>],
    now: Duration,
) -> Standing {
    let serial = without_padding(subject.serial);
    let (mut current, mut known) = (ReasonFlags::default(), ReasonFlags::default());
    for group in groups(lists) {
        if group.revokes(serial, now) {
            return Standing::Revoked;
        }
        for list in &group.complete {
            let scope = &list.fields.scope;
            let reasons = scope.reasons_for(subject.is_authority, subject.points);
            known |= reasons;
            if list.is_current(now) {
                current |= reasons;
            }
        }
    }
    match (
        current.contains(all_reasons()),
        known.contains(all_reasons()),
    ) {
        (true, _) => Standing::Good,
        (_, true) => Standing::Expired,
        _ => Standing::Unknown,
    }
}

/// The lists of one scope that count.
struct Group<'a> {
    /// The newest complete list, or several of which none is the newer by number and by time.
    complete: Vec<&'a List>,
    /// The deltas that are newer than it.
    deltas: Vec<&'a List>,
}

fn groups(lists: &[Arc<List>]) -> Vec<Group<'_>> {
    let mut found: Vec<Group<'_>> = Vec::new();
    let mut left: Vec<&List> = lists.iter().map(AsRef::as_ref).collect();
    while let Some(first) = left.first().copied() {
        let (same, others): (Vec<_>, Vec<_>) = left
            .into_iter()
            .partition(|list| list.fields.scope == first.fields.scope);
        let (deltas, complete): (Vec<_>, Vec<_>) = same.into_iter().partition(|it| it.is_delta());
        let newest = |all: &[&List], list: &List| !all.iter().any(|it| list.is_outdone_by(it));
        let complete: Vec<&List> = complete
            .iter()
            .filter(|list| newest(&complete, list))
            .copied()
            .collect();
        let is_newer = |delta: &&List| !complete.iter().any(|list| delta.is_contained_in(list));
        let deltas = deltas.into_iter().filter(is_newer).collect();
        found.push(Group { complete, deltas });
        left = others;
    }
    found
}

impl Group<'_> {
    /// The newest word on a serial number is the one that counts; of two as new, the worse.
    fn revokes(&self, serial: &[u8], now: Duration) -> bool {
        let mentions = self.deltas.iter().filter_map(|delta| {
            let entry = delta.fields.entries.get(serial)?;
            Some((*delta, *entry))
        });
        let mut mentions: Vec<_> = mentions.collect();
        mentions.sort_by(|(a, entry_a), (b, entry_b)| {
            (b.age(), Reverse(entry_a)).cmp(&(a.age(), Reverse(entry_b)))
        });
        for (delta, entry) in mentions {
            match entry {
                Entry::Revoked | Entry::Held => return true,
                Entry::Removed if self.may_release(delta, serial, now) => return false,
                Entry::Removed => {}
            }
        }
        let mut complete = self.complete.iter();
        complete.any(|list| list.fields.entries.contains_key(serial))
    }

    /// Whether a delta can take a revocation back (section 5.2.4): it has not expired, adds to the complete
    /// list that is here, and neither that list nor another delta revokes for good.
    fn may_release(&self, delta: &List, serial: &[u8], now: Duration) -> bool {
        let adds_to = |list: &&List| {
            let base = delta.fields.base.as_ref();
            base.is_some_and(|base| *base <= list.fields.number)
        };
        let mut all = self.complete.iter().chain(&self.deltas);
        let is_for_good = all.any(|it| it.fields.entries.get(serial) == Some(&Entry::Revoked));
        let has_base = !self.complete.is_empty() && self.complete.iter().all(adds_to);
        delta.is_current(now) && has_base && !is_for_good
    }
}

#[cfg(test)]
mod tests;
