//! The console as a part of the running service.

use std::sync::Arc;

use crate::admin::{Console, LedgerPlaces, Readiness, Sources};
use crate::config::Config;
use crate::control::Replica;
use crate::gateway::Gateway;
use crate::limits::Limits;
use crate::telemetry::RecentRefusals;

/// What a console shows of the configuration that the service has started with.
pub(super) struct Seen {
    hosts: Vec<String>,
    ledger: Option<LedgerPlaces>,
    issued: Option<Arc<Replica>>,
}

impl Seen {
    /// `None` where the configuration has no console.
    pub(super) fn by(config: &Config, replica: Option<&Arc<Replica>>) -> Option<Self> {
        let console = config.listen.console.as_ref()?;
        let ledger = config.usage_database().map(|reports| LedgerPlaces {
            reports,
            own: config.own_ledger(),
            shared: config.database.clone(),
        });
        Some(Self {
            hosts: console.hosts.clone(),
            ledger,
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
            ledger: self.ledger,
            issued: self.issued,
            limits: Arc::clone(limits),
            refusals,
        };
        Console::new(sources, Arc::clone(readiness))
    }
}
