//! What this process knows of the issued keys, kept up to date from the database.
//!
//! The database is asked for the number of the last change twice a second, and for the changes
//! themselves only when it is another one. While it is away, what is known stays good.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::auth::IssuedKeys;
use crate::control::store::KeyStore;
use crate::database::{DatabaseError, DatabaseUrl};

/// How often the database is asked. Every replica has to see a change within 5 s; an answer may take 3.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// The issued keys and the database that they are in.
pub struct Replica {
    url: DatabaseUrl,
    keys: Arc<IssuedKeys>,
    store: OnceLock<KeyStore>,
    /// The number of the last change that is in `keys`.
    known: Mutex<i64>,
    started: Instant,
    /// Milliseconds from `started` to the last poll that succeeded.
    polled_at_ms: AtomicU64,
}

impl Replica {
    /// Knows nothing yet.
    pub fn new(url: DatabaseUrl) -> Self {
        Self {
            url,
            keys: Arc::default(),
            store: OnceLock::new(),
            known: Mutex::new(0),
            started: Instant::now(),
            polled_at_ms: AtomicU64::new(0),
        }
    }

    /// The keys, as requests see them.
    pub fn keys(&self) -> &Arc<IssuedKeys> {
        &self.keys
    }

    /// The store, once it has been opened.
    pub fn store(&self) -> Option<&KeyStore> {
        self.store.get()
    }

    /// How long ago the database was last asked with success; since the start, if it never was.
    pub fn poll_age(&self) -> Duration {
        let polled = Duration::from_millis(self.polled_at_ms.load(Ordering::Relaxed));
        self.started.elapsed().saturating_sub(polled)
    }

    /// Brings the keys up to date, opening the database if that has not happened yet.
    ///
    /// # Errors
    /// [`DatabaseError`]; what was known stays.
    pub async fn poll(&self) -> Result<(), DatabaseError> {
        let mut known = self.known.lock().await;
        let store = match self.store.get() {
            Some(store) => store,
            None => {
                let opened = KeyStore::open(&self.url).await?;
                self.store.get_or_init(|| opened)
            }
        };
        let last = store.version().await?;
        if last < *known {
            tracing::warn!("the key database has gone back in time: every key is read again");
            let all = store.list(None).await?;
            self.keys.replace(&all);
            *known = last;
        }
        while *known < last {
            let changes = store.changes(*known).await?;
            self.keys.apply(&changes);
            *known = changes.last().map_or(last, |newest| newest.version);
        }
        self.keys.set_loaded();
        let at = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.polled_at_ms.store(at, Ordering::Relaxed);
        Ok(())
    }

    /// Polls until `stop`.
    pub async fn keep_fresh(self: Arc<Self>, stop: CancellationToken) {
        let mut ticks = interval(POLL_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_away = false;
        loop {
            let polled = tokio::select! {
                () = stop.cancelled() => break,
                polled = async { ticks.tick().await; self.poll().await } => polled,
            };
            self.keys.set_asked();
            match &polled {
                Ok(()) if is_away => {
                    tracing::info!(database = %self.url, "the key database is available again");
                }
                Err(error) if !is_away => tracing::error!(
                    %error,
                    database = %self.url,
                    "the issued keys can't be read: known keys stay in use, changes have to wait"
                ),
                Ok(()) | Err(_) => {}
            }
            is_away = polled.is_err();
        }
        if let Some(store) = self.store.get() {
            store.close().await;
        }
    }
}
