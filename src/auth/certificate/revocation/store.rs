//! The lists of one authority that are held now, and which of them an issuer has signed.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use sha2::{Digest, Sha256};
use tokio::sync::Notify;

use super::list::List;
use super::location::{ListLocation, read};
use super::{CrlError, CrlMode, CrlSource, CrlState, points};
use crate::auth::fetch::Url;
use crate::unix_time;

/// Most addresses that certificates may add to an authority.
const MAX_POINTS: usize = 64;
/// Most keys of issuers that are remembered to check fetched lists with.
const MAX_ISSUER_KEYS: usize = 1024;

/// An issuer of a path: what makes a list its own.
#[derive(Clone)]
pub(in super::super) struct IssuerKey {
    /// The bytes of its name.
    pub(in super::super) name: Vec<u8>,
    /// Its subjectPublicKeyInfo, as DER.
    pub(in super::super) spki: Vec<u8>,
}

/// The lists of an issuer.
pub(in super::super) struct IssuerLists {
    /// Signed by its key.
    pub(in super::super) signed: Vec<Arc<List>>,
    /// There are lists of its name that another key has signed.
    pub(in super::super) has_others: bool,
}

/// The lists of one source, and the hash of the bytes that they came in.
#[derive(Clone, Default)]
struct LoadedLists {
    digest: [u8; 32],
    lists: Vec<Arc<List>>,
}

/// A list that is held, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldList {
    /// Where it comes from.
    pub source: String,
    /// When it was issued, since 1970.
    pub this_update: Duration,
    /// When it expires, since 1970.
    pub next_update: Duration,
}

/// The revocation lists of an authority.
pub struct Revocation {
    source: CrlSource,
    by_source: Mutex<BTreeMap<String, LoadedLists>>,
    lists: ArcSwap<Vec<Arc<List>>>,
    /// Addresses that verified certificates name as their distribution points.
    points: Mutex<HashSet<Url>>,
    /// The keys of known issuers, by name: what a list must be signed with.
    issuers: Mutex<HashMap<Vec<u8>, HashSet<Vec<u8>>>>,
    wake: Notify,
    generation: AtomicU64,
    success: AtomicU64,
    failure: AtomicU64,
}

impl Revocation {
    /// Reads the files; addresses are fetched by [`Self::keep_fresh`].
    ///
    /// # Errors
    /// The file and [`CrlError`]: a list that is configured and missing is an error.
    pub fn new(source: CrlSource) -> Result<Self, (String, CrlError)> {
        let this = Self {
            source,
            by_source: Mutex::default(),
            lists: ArcSwap::default(),
            points: Mutex::default(),
            issuers: Mutex::default(),
            wake: Notify::new(),
            generation: AtomicU64::new(0),
            success: AtomicU64::new(0),
            failure: AtomicU64::new(0),
        };
        for path in &this.source.files {
            let name = path.display().to_string();
            let taken = read(path).and_then(|bytes| this.take(&name, &bytes));
            taken.map_err(|error| (name, error))?;
        }
        Ok(this)
    }

    /// What an unknown status means.
    pub fn mode(&self) -> CrlMode {
        self.source.mode
    }

    /// How often lists are read again.
    pub(super) fn interval(&self) -> Duration {
        self.source.refresh
    }

    /// Waits until there is a new address to fetch from.
    pub(super) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Every location that lists come from now.
    pub(super) fn locations(&self) -> Vec<ListLocation> {
        let points = lock(&self.points).clone();
        let urls = self.source.urls.iter().cloned().chain(points);
        let files = self.source.files.iter().cloned().map(ListLocation::File);
        files.chain(urls.map(ListLocation::Url)).collect()
    }

    /// The lists of an issuer: those that its key has signed.
    pub(in super::super) fn lists_of(&self, issuer: &IssuerKey) -> IssuerLists {
        let held = self.lists.load();
        let named = held.iter().filter(|list| list.issuer() == issuer.name);
        let (signed, others): (Vec<_>, Vec<_>) = named
            .cloned()
            .partition(|list| list.is_signed_by(&issuer.spki));
        IssuerLists {
            signed,
            has_others: !others.is_empty(),
        }
    }

    /// Counts the changes of the lists.
    pub(in super::super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    pub(super) fn count(&self, is_taken: bool) {
        let counter = match is_taken {
            true => &self.success,
            false => &self.failure,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Fetches and files that gave a list, and those that did not.
    pub(in super::super) fn refreshes(&self) -> (u64, u64) {
        (
            self.success.load(Ordering::Relaxed),
            self.failure.load(Ordering::Relaxed),
        )
    }

    /// The end of the list that ends first of those that no newer one replaces, since 1970.
    pub(in super::super) fn next_update(&self) -> Option<Duration> {
        let held = self.lists.load();
        let is_current = |list: &&Arc<List>| !held.iter().any(|other| list.is_superseded_by(other));
        held.iter()
            .filter(is_current)
            .map(|list| list.next_update())
            .min()
    }

    /// Every list that no newer one replaces, by its source.
    pub fn held(&self) -> Vec<HeldList> {
        let lists = self.lists.load();
        let is_current = |list: &Arc<List>| !lists.iter().any(|other| list.is_superseded_by(other));
        let by_source = lock(&self.by_source);
        let held = |(source, loaded): (&String, &LoadedLists)| {
            let current = loaded.lists.iter().filter(|list| is_current(list));
            let held = current.map(|list| HeldList {
                source: source.clone(),
                this_update: list.fields.this_update,
                next_update: list.next_update(),
            });
            held.collect::<Vec<_>>()
        };
        by_source.iter().flat_map(held).collect()
    }

    /// The state of the lists at a time since 1970.
    pub(in super::super) fn state(&self, now: Duration) -> CrlState {
        match (self.mode(), self.next_update()) {
            (CrlMode::Off, _) => CrlState::Off,
            (_, None) => CrlState::Missing,
            (_, Some(end)) if end <= now => CrlState::Stale,
            _ => CrlState::Fresh,
        }
    }

    /// Remembers an issuer's key: lists of this name must be signed with it.
    pub(in super::super) fn know_issuer(&self, issuer: IssuerKey) {
        let lists = self.lists.load_full();
        let signed = lists
            .iter()
            .filter(|list| list.issuer() == issuer.name && list.is_signed_by(&issuer.spki));
        signed.for_each(|list| self.note_points(&list.fields.delta_uris));
        let mut issuers = lock(&self.issuers);
        if issuers.len() < MAX_ISSUER_KEYS {
            let IssuerKey { name, spki } = issuer;
            issuers.entry(name).or_default().insert(spki);
        }
    }

    /// Notes the distribution points of a certificate whose path is verified; those on allowed hosts
    /// are fetched from now on.
    pub(in super::super) fn note_points(&self, uris: &[String]) {
        for url in uris.iter().filter_map(|uri| Url::parse(uri).ok()) {
            self.note_point(url);
        }
    }

    fn note_point(&self, url: Url) {
        if !points::is_allowed(&url, &self.source.distribution_hosts) {
            return;
        }
        let mut points = lock(&self.points);
        if points.len() < MAX_POINTS && !self.source.urls.contains(&url) && points.insert(url) {
            self.wake.notify_one();
        }
    }

    /// Takes the lists that a source gave, all or none.
    pub fn take(&self, source: &str, bytes: &[u8]) -> Result<(), CrlError> {
        let digest: [u8; 32] = Sha256::digest(bytes).into();
        let mut by_source = lock(&self.by_source);
        if by_source
            .get(source)
            .is_some_and(|held| held.digest == digest)
        {
            return Ok(());
        }
        let lists = List::read_all(bytes, now())?;
        for list in &lists {
            self.check_signature(list)?;
            // Only of the same source: of lists of several sources the newest counts, whichever came first.
            // One that is certainly forged does not block the genuine one.
            let mut held = by_source.get(source).into_iter().flat_map(|it| &it.lists);
            if held.any(|held| {
                list.replaces(held)
                    && list.is_older_than(held)
                    && self.check_signature(held).is_ok()
            }) {
                return Err(CrlError::Older);
            }
        }
        for list in lists.iter().filter(|list| self.is_of_known_issuer(list)) {
            self.note_points(&list.fields.delta_uris);
        }
        let lists = lists.into_iter().map(Arc::new).collect();
        by_source.insert(source.to_owned(), LoadedLists { digest, lists });
        self.publish(&by_source);
        Ok(())
    }

    /// Takes over what the predecessor holds from the sources that both have: a new configuration
    /// does not begin without the lists that were fetched under the old one.
    pub fn adopt(&self, old: &Self) {
        // Copies: never two locks at once.
        let (points, issuers) = (lock(&old.points).clone(), lock(&old.issuers).clone());
        points.into_iter().for_each(|url| self.note_point(url));
        for (name, keys) in issuers {
            for spki in keys {
                let name = name.clone();
                self.know_issuer(IssuerKey { name, spki });
            }
        }
        let (success, failure) = old.refreshes();
        self.success.fetch_add(success, Ordering::Relaxed);
        self.failure.fetch_add(failure, Ordering::Relaxed);
        let locations: HashSet<String> = self.locations().iter().map(ToString::to_string).collect();
        let theirs = lock(&old.by_source).clone();
        let mut by_source = lock(&self.by_source);
        for (source, held) in theirs
            .into_iter()
            .filter(|(name, _)| locations.contains(name))
        {
            let is_older = |ours: &LoadedLists| {
                ours.lists.iter().any(|list| {
                    let mut theirs = held.lists.iter();
                    theirs.any(|other| list.replaces(other) && list.is_older_than(other))
                })
            };
            if by_source.get(&source).is_none_or(is_older) {
                by_source.insert(source, held);
            }
        }
        self.publish(&by_source);
    }

    fn publish(&self, by_source: &BTreeMap<String, LoadedLists>) {
        let mut seen = HashSet::new();
        let held = by_source.values().filter(|held| seen.insert(held.digest));
        let lists = held.flat_map(|held| held.lists.iter().cloned());
        self.lists.store(Arc::new(lists.collect()));
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// A list of an issuer that is known must be signed by it. One of an issuer that no chain has
    /// shown yet is checked when it is used.
    fn check_signature(&self, list: &List) -> Result<(), CrlError> {
        match lock(&self.issuers).get(list.issuer()) {
            Some(keys) if !keys.iter().any(|spki| list.is_signed_by(spki)) => {
                Err(CrlError::Signature)
            }
            _ => Ok(()),
        }
    }

    fn is_of_known_issuer(&self, list: &List) -> bool {
        lock(&self.issuers).contains_key(list.issuer())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn now() -> Duration {
    unix_time::now()
}

#[cfg(test)]
mod tests;
