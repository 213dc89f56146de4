//! The trust anchors of an authority: those of its files, and those that are held elsewhere and
//! fetched behind the requests.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls_pki_types::{CertificateDer, TrustAnchor};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::decoded::Decoded;
use super::revocation::{IssuerKey, Revocation};
use super::{AuthorityError, CertificateError, profile};

/// Wait after a failure, where the ordinary wait is longer.
const RETRY: Duration = Duration::from_secs(30);
/// The same while the source has given nothing yet: certificates are refused for as long.
const RETRY_WITHOUT_ANCHORS: Duration = Duration::from_secs(5);

/// Certificates as they come from a source, or its error message.
pub type FetchedAnchors<'a> =
    Pin<Box<dyn Future<Output = Result<Vec<CertificateDer<'static>>, String>> + Send + 'a>>;

/// Where trust anchors are kept outside, such as a vault.
pub trait AnchorSource: Send + Sync {
    /// Its address, which has nothing secret: for the log, and to recognise it in the next
    /// configuration.
    fn name(&self) -> &str;
    /// How often it is asked.
    fn refresh(&self) -> Duration;
    /// Asks it, once.
    fn fetch(&self) -> FetchedAnchors<'_>;
}

/// A trust anchor with what webpki does not keep of it.
pub(super) struct Anchor {
    pub(super) decoded: Decoded,
    pub(super) thumbprint: [u8; 32],
}

/// The anchors at one time.
#[derive(Default)]
pub(super) struct Anchors {
    pub(super) trust: Vec<TrustAnchor<'static>>,
    /// In the order of `trust`.
    pub(super) certificates: Vec<Anchor>,
}

impl Anchors {
    fn read<'a>(
        ders: impl Iterator<Item = &'a CertificateDer<'static>>,
    ) -> Result<Self, CertificateError> {
        let mut this = Self::default();
        for der in ders {
            let trust = webpki::anchor_from_trusted_cert(der)
                .map_err(|_| CertificateError::Malformed)?
                .to_owned();
            let decoded = Decoded::read(der)?;
            profile::check_authority(&decoded)?;
            this.trust.push(trust);
            this.certificates.push(Anchor {
                decoded,
                thumbprint: Sha256::digest(der).into(),
            });
        }
        Ok(this)
    }

    /// The end of the anchor that ends first, since 1970.
    pub(super) fn not_after(&self) -> Option<Duration> {
        let ends = self.certificates.iter().map(|it| it.decoded.validity().1);
        ends.min()
    }
}

/// A source and what it gave last.
struct SourceAnchors {
    source: Arc<dyn AnchorSource>,
    certificates: Mutex<Vec<CertificateDer<'static>>>,
}

impl SourceAnchors {
    /// Logs what went wrong, and returns how long to wait.
    fn wait_after(&self, authority: &str, error: &str) -> Duration {
        let source = self.source.name();
        tracing::warn!(authority, source, error, "trust anchors were rejected");
        let longest = match self.certificates().is_empty() {
            true => RETRY_WITHOUT_ANCHORS,
            false => RETRY,
        };
        self.source.refresh().min(longest)
    }

    fn certificates(&self) -> Vec<CertificateDer<'static>> {
        let held = self.certificates.lock();
        held.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The trust anchors of an authority, which change while it serves.
pub struct TrustStore {
    /// Of files.
    fixed: Vec<CertificateDer<'static>>,
    held: Vec<SourceAnchors>,
    current: ArcSwap<Anchors>,
    revocation: Arc<Revocation>,
    generation: AtomicU64,
    success: AtomicU64,
    failure: AtomicU64,
}

impl fmt::Debug for TrustStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sources: Vec<_> = self.held.iter().map(|it| it.source.name()).collect();
        write!(f, "TrustStore({} of files, {sources:?})", self.fixed.len())
    }
}

impl TrustStore {
    /// The certificates of files; sources are asked by [`Self::keep_fresh`].
    pub(super) fn new(
        fixed: Vec<CertificateDer<'static>>,
        sources: Vec<Arc<dyn AnchorSource>>,
        revocation: Arc<Revocation>,
    ) -> Result<Self, AuthorityError> {
        let held = sources.into_iter().map(|source| SourceAnchors {
            source,
            certificates: Mutex::default(),
        });
        let this = Self {
            fixed,
            held: held.collect(),
            current: ArcSwap::default(),
            revocation,
            generation: AtomicU64::new(0),
            success: AtomicU64::new(0),
            failure: AtomicU64::new(0),
        };
        this.publish()?;
        Ok(this)
    }

    pub(super) fn current(&self) -> Arc<Anchors> {
        self.current.load_full()
    }

    /// Counts the changes.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// How often sources gave certificates, and how often not.
    pub(super) fn refreshes(&self) -> (u64, u64) {
        (
            self.success.load(Ordering::Relaxed),
            self.failure.load(Ordering::Relaxed),
        )
    }

    /// How many sources there are, and how many of them have given nothing yet.
    pub(super) fn sources(&self) -> (usize, usize) {
        let empty = self.held.iter().filter(|it| it.certificates().is_empty());
        (self.held.len(), empty.count())
    }

    /// Takes over what the predecessor has from the sources that both have: a new configuration
    /// does not begin without the anchors that were fetched under the old one.
    pub fn adopt(&self, old: &Self) {
        for mine in &self.held {
            let mut theirs = old.held.iter();
            let Some(theirs) = theirs.find(|it| it.source.name() == mine.source.name()) else {
                continue;
            };
            let theirs = theirs.certificates();
            let mut held = mine
                .certificates
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if held.is_empty() {
                *held = theirs;
            }
        }
        let (success, failure) = old.refreshes();
        self.success.fetch_add(success, Ordering::Relaxed);
        self.failure.fetch_add(failure, Ordering::Relaxed);
        if let Err(error) = self.publish() {
            tracing::error!(%error, "trust anchors of the last configuration can't be used");
        }
    }

    /// Asks every source, each in its own rhythm, until told to stop.
    pub async fn keep_fresh(self: Arc<Self>, authority: String, stop: CancellationToken) {
        let asking = tokio_util::task::TaskTracker::new();
        for at in 0..self.held.len() {
            let (this, authority, stop) = (Arc::clone(&self), authority.clone(), stop.clone());
            asking.spawn(async move { this.keep_one_fresh(at, &authority, stop).await });
        }
        asking.close();
        asking.wait().await;
    }

    /// Asks every source once, and says of each what became of it.
    pub async fn fetch_once(&self) -> Vec<(String, Result<(), String>)> {
        let mut all = Vec::new();
        for held in &self.held {
            all.push((held.source.name().to_owned(), self.ask(held).await));
        }
        all
    }

    async fn keep_one_fresh(&self, at: usize, authority: &str, stop: CancellationToken) {
        let Some(held) = self.held.get(at) else {
            return;
        };
        loop {
            let asked = tokio::select! {
                asked = self.ask(held) => asked,
                () = stop.cancelled() => return,
            };
            let wait = match asked {
                Ok(()) => held.source.refresh(),
                Err(error) => held.wait_after(authority, &error),
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Asks a source; what it has given before stays unless it gives something better.
    async fn ask(&self, held: &SourceAnchors) -> Result<(), String> {
        let taken = match held.source.fetch().await {
            Ok(certificates) => self.take(held, certificates),
            Err(error) => Err(error),
        };
        let counter = match taken {
            Ok(()) => &self.success,
            Err(_) => &self.failure,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        taken
    }

    fn take(&self, held: &SourceAnchors, new: Vec<CertificateDer<'static>>) -> Result<(), String> {
        if new.is_empty() {
            return Err("it has no certificate".to_owned());
        }
        if new == held.certificates() {
            return Ok(());
        }
        Anchors::read(new.iter()).map_err(|error| AuthorityError::from(error).to_string())?;
        *held
            .certificates
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = new;
        self.publish().map_err(|error| error.to_string())
    }

    fn publish(&self) -> Result<(), AuthorityError> {
        let held: Vec<_> = self
            .held
            .iter()
            .flat_map(SourceAnchors::certificates)
            .collect();
        let anchors = Anchors::read(self.fixed.iter().chain(&held))?;
        for (trust, certificate) in anchors.trust.iter().zip(&anchors.certificates) {
            let (name, spki) = (trust.subject.to_vec(), certificate.decoded.spki()?);
            self.revocation.know_issuer(IssuerKey { name, spki });
        }
        self.current.store(Arc::new(anchors));
        self.generation.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
