//! The console as a part of the running service.

use std::sync::Arc;

use crate::admin::{BookPlaces, Console, Readiness, Sources};
use crate::config::Config;
use crate::control::Replica;
use crate::gateway::Gateway;
use crate::limits::Limits;
use crate::telemetry::RecentRefusals;

/// What a console shows of the configuration that the service has started with.
pub(super) struct Seen {
    hosts: Vec<String>,
    books: Option<BookPlaces>,
    issued: Option<Arc<Replica>>,
}

impl Seen {
    /// `None` where the configuration has no console.
    pub(super) fn by(config: &Config, replica: Option<&Arc<Replica>>) -> Option<Self> {
        let console = config.listen.console.as_ref()?;
        let books = config.usage_database().map(|reports| BookPlaces {
            reports,
            own: config.own_ledger(),
            shared: config.database.clone(),
        });
        Some(Self {
            hosts: console.hosts.clone(),
            books,
            issued: replica.cloned(),
        })
    }

    /// The console; from now on the last refusals are remembered for it.
    pub(super) fn console(
        self,
        limits: &Arc<Limits>,
        gateway: &Gateway,
        readiness: &Arc<Readiness>,
    ) -> Console {
        let refusals = Arc::<RecentRefusals>::default();
        gateway.remember_refusals(&refusals);
        let sources = Sources {
            hosts: self.hosts,
            books: self.books,
            issued: self.issued,
            limits: Arc::clone(limits),
            refusals,
        };
        Console::new(sources, Arc::clone(readiness))
    }
}
