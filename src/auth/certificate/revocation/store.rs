//! The lists of one authority, and the task that keeps them fresh.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use reqwest::Url;
use sha2::{Digest, Sha256};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::fetch::{self, MAX_LIST_BYTES};
use super::list::List;
use super::{CrlError, CrlMode, CrlSource};

/// Most addresses that certificates may add to an authority.
const MAX_POINTS: usize = 64;
/// Most keys of issuers that are remembered to check fetched lists with.
const MAX_ISSUER_KEYS: usize = 1024;
/// Wait after a failure, where the ordinary wait is longer.
const RETRY: Duration = Duration::from_secs(30);

/// The lists that are held now.
pub(in super::super) type HeldLists = Arc<Vec<Arc<List>>>;

/// Where each list came from, and the bytes that it was.
#[derive(Default)]
struct Held {
    digest: [u8; 32],
    lists: Vec<Arc<List>>,
}

/// The revocation lists of an authority.
pub struct Revocation {
    source: CrlSource,
    by_source: Mutex<BTreeMap<String, Held>>,
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
    /// The file and [`CrlError`]: a list that is configured and not there is a mistake.
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

    pub(in super::super) fn lists(&self) -> HeldLists {
        self.lists.load_full()
    }

    /// Counts the changes of the lists.
    pub(in super::super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Fetches and files that gave a list, and those that did not.
    pub(in super::super) fn refreshes(&self) -> (u64, u64) {
        (
            self.success.load(Ordering::Relaxed),
            self.failure.load(Ordering::Relaxed),
        )
    }

    /// The end of the list that ends first, since 1970.
    pub(in super::super) fn next_update(&self) -> Option<Duration> {
        self.lists.load().iter().map(|list| list.next_update).min()
    }

    /// Remembers an issuer's key: lists of this name must be signed with it.
    pub(in super::super) fn know_issuer(&self, name: &[u8], spki: Vec<u8>) {
        let mut issuers = self.issuers.lock().unwrap_or_else(PoisonError::into_inner);
        if issuers.len() < MAX_ISSUER_KEYS {
            issuers.entry(name.to_vec()).or_default().insert(spki);
        }
    }

    /// Notes the distribution points of a certificate whose path is verified; those on allowed hosts
    /// are fetched from now on.
    pub(in super::super) fn note_points(&self, uris: &[String]) {
        let allowed = uris.iter().filter_map(|uri| Url::parse(uri).ok());
        let allowed = allowed.filter(|url| fetch::is_allowed(url, &self.source.distribution_hosts));
        for url in allowed {
            let mut points = self.points.lock().unwrap_or_else(PoisonError::into_inner);
            if points.len() < MAX_POINTS && !self.source.urls.contains(&url) && points.insert(url) {
                self.wake.notify_one();
            }
        }
    }

    /// Reads and fetches again and again, until told to stop.
    pub async fn keep_fresh(self: Arc<Self>, authority: String, stop: CancellationToken) {
        if self.source.mode == CrlMode::Off {
            return;
        }
        let client = match fetch::client() {
            Ok(client) => client,
            Err(error) => {
                tracing::error!(authority, %error, "revocation lists can't be fetched");
                return;
            }
        };
        loop {
            let all_good = self.refresh(&authority, &client).await;
            let wait = match all_good {
                true => self.source.refresh,
                false => self.source.refresh.min(RETRY),
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.wake.notified() => {}
                () = stop.cancelled() => return,
            }
        }
    }

    async fn refresh(self: &Arc<Self>, authority: &str, client: &reqwest::Client) -> bool {
        let mut all_good = true;
        let points = self
            .points
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let urls = self.source.urls.iter().cloned().chain(points);
        let files = self.source.files.iter().cloned().map(Place::File);
        for place in files.chain(urls.map(Place::Url)) {
            let name = place.to_string();
            let fetched = match &place {
                Place::Url(url) => fetch::fetch(client, url).await.map(Some),
                Place::File(_) => Ok(None),
            };
            // Reading and parsing are kept off the threads that decide.
            let (this, source) = (Arc::clone(self), name.clone());
            let parse = tokio::task::spawn_blocking(move || match (place, fetched?) {
                (Place::File(path), _) => this.take(&source, &read(&path)?),
                (Place::Url(_), bytes) => this.take(&source, &bytes.unwrap_or_default()),
            });
            let taken = parse
                .await
                .unwrap_or_else(|error| Err(CrlError::Malformed(error.to_string())));
            match taken {
                Ok(()) => self.success.fetch_add(1, Ordering::Relaxed),
                Err(error) => {
                    all_good = false;
                    tracing::warn!(authority, source = name, %error, "a revocation list was not taken");
                    self.failure.fetch_add(1, Ordering::Relaxed)
                }
            };
        }
        all_good
    }

    /// Takes the lists that a source gave, PEM or DER, all or none, in the place of those that it gave
    /// before.
    ///
    /// # Errors
    /// [`CrlError`] where one is no list, begins in the future, is older than a held one, or is of a
    /// known issuer and not signed by it; what was held stays.
    pub fn take(&self, source: &str, bytes: &[u8]) -> Result<(), CrlError> {
        let digest: [u8; 32] = Sha256::digest(bytes).into();
        let mut by_source = self
            .by_source
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if by_source
            .get(source)
            .is_some_and(|held| held.digest == digest)
        {
            return Ok(());
        }
        let lists = List::read_all(bytes, now())?;
        for list in &lists {
            self.check_signature(list)?;
            let held = self.lists.load();
            if held
                .iter()
                .any(|held| list.replaces(held) && list.is_older_than(held))
            {
                return Err(CrlError::Older);
            }
        }
        let lists = lists.into_iter().map(Arc::new).collect();
        by_source.insert(source.to_owned(), Held { digest, lists });
        let mut newest: Vec<Arc<List>> = Vec::new();
        for list in by_source.values().flat_map(|held| &held.lists) {
            match newest.iter_mut().find(|other| list.replaces(other)) {
                Some(other) if other.is_older_than(list) => *other = Arc::clone(list),
                Some(_) => {}
                None => newest.push(Arc::clone(list)),
            }
        }
        self.lists.store(Arc::new(newest));
        self.generation.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }

    /// A list of an issuer that is known must be signed by it. One of an issuer that no chain has
    /// shown yet is checked by webpki when it is used.
    fn check_signature(&self, list: &List) -> Result<(), CrlError> {
        let issuers = self.issuers.lock().unwrap_or_else(PoisonError::into_inner);
        match issuers.get(list.revoked.issuer()) {
            Some(keys) if !keys.iter().any(|spki| list.is_signed_by(spki)) => {
                Err(CrlError::Signature)
            }
            _ => Ok(()),
        }
    }
}

enum Place {
    File(std::path::PathBuf),
    Url(Url),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Url(url) => url.fmt(f),
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, CrlError> {
    let unavailable = |error: std::io::Error| CrlError::Unavailable(error.to_string());
    let size = std::fs::metadata(path).map_err(unavailable)?.len();
    if usize::try_from(size).map_or(true, |size| size > MAX_LIST_BYTES) {
        return Err(CrlError::Unavailable(format!(
            "it is larger than {MAX_LIST_BYTES} bytes"
        )));
    }
    std::fs::read(path).map_err(unavailable)
}

fn now() -> Duration {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
}
