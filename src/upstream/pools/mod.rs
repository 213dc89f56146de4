//! Many backends: which of them have a deployment, and which of those is asked.

mod backend;
mod failures;
mod health;
mod pool;

use std::collections::HashMap;
use std::sync::Arc;

pub(crate) use backend::MAX_DEPLOYMENTS;
pub use backend::{Backend, BackendReport, Tier};
pub use health::{Availability, Health, Rest};
pub use pool::{Choice, Member, NoBackend, Order, Pool, UnderWay, Wish};

/// How often one request is tried at most, each time at another backend.
pub const MAX_ATTEMPTS: usize = 5;

/// Whether there is anything to choose: another backend, or what a deployment is called.
pub const fn is_choice(backends: usize, pools: usize) -> bool {
    backends > 1 || pools > 0
}

/// All backends, and the pools of deployments.
#[derive(Debug, Default)]
pub struct Pools {
    backends: Vec<Arc<Backend>>,
    named: HashMap<Arc<str>, Pool>,
    /// Of each deployment without a pool of its own: all backends.
    all: Pool,
    is_pooled: bool,
}

impl Pools {
    /// Backends in the order of the file, and the pools of some deployments.
    pub fn new(backends: Vec<Arc<Backend>>, named: HashMap<Arc<str>, Pool>) -> Self {
        let member = |backend: &Arc<Backend>| {
            let priority = backend.tier.priority();
            Member::new(Arc::clone(backend), None, priority, 1)
        };
        Self {
            all: Pool::new(backends.iter().map(member).collect()),
            is_pooled: is_choice(backends.len(), named.len()),
            backends,
            named,
        }
    }

    /// Whether there is a choice at all: otherwise Envoy knows the one backend.
    pub fn is_pooled(&self) -> bool {
        self.is_pooled
    }

    /// Every backend, in the order of the file.
    pub fn backends(&self) -> &[Arc<Backend>] {
        &self.backends
    }

    /// The backend of a name.
    pub fn named(&self, name: &str) -> Option<&Arc<Backend>> {
        self.backends.iter().find(|it| *it.name == *name)
    }

    /// The first backend, which has what the service stored before it was kept where that is.
    pub fn home(&self) -> Option<&Arc<Backend>> {
        self.backends.first()
    }

    /// The backend that has something which was stored at the backend of a name: the only one, whatever it is called by
    /// now; the first where no name was kept.
    pub fn keeper(&self, name: Option<&str>) -> Option<&Arc<Backend>> {
        match name {
            Some(name) if self.is_pooled => self.named(name),
            _ => self.home(),
        }
    }

    /// The pool of a deployment; of none, all backends.
    pub fn of(&self, deployment: Option<&str>) -> &Pool {
        let named = deployment.and_then(|name| self.named.get(name));
        named.unwrap_or(&self.all)
    }

    /// A backend by its name, without one the first, for a deployment as callers call it: where that has a pool, one of
    /// its members; for no deployment any backend.
    pub fn at(&self, name: Option<&str>, called: &str) -> Option<Choice> {
        let backend = self.keeper(name)?;
        let is_one = |it: &&Arc<Member>| Arc::ptr_eq(&it.backend, backend);
        let pool = self.of(Some(called).filter(|it| !it.is_empty()));
        let mut members = pool.members().iter();
        Some(Choice::new(members.find(is_one)?, &called.into()))
    }

    /// Takes over what the last configuration knew of the same backends.
    pub fn adopt(&self, last: &Self) {
        for backend in &self.backends {
            if let Some(known) = last.named(&backend.name) {
                backend.adopt(known);
            }
        }
    }
}
