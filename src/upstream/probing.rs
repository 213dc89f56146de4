//! Asks a backend now and then whether it is well, with the identity that requests to it have: what nobody asks for
//! fails unseen until somebody does.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{Backend, Identity, Presented, Resource};
use crate::backoff::with_jitter;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Probes a backend until it is stopped; at once over where the configuration wants no probes of it.
pub async fn keep_probing(backend: Arc<Backend>, common: Arc<Identity>, stop: CancellationToken) {
    let (Some(every), Some(resource)) = (backend.probe_every, backend.resource.clone()) else {
        return;
    };
    let probing = async {
        loop {
            let served = backend.served_so_far();
            sleep(with_jitter(every)).await;
            // Without a token it is not asked by anybody.
            if let Some(authorization) = backend.authorization(&common) {
                let presented = Presented::Identity(authorization);
                let status = status(&resource, &presented).await;
                let is_in_use = backend.served_so_far() != served;
                backend.probed(status, is_in_use, Instant::now());
            }
        }
    };
    stop.run_until_cancelled(probing).await;
}

async fn status(resource: &Resource, presented: &Presented) -> Option<u16> {
    let answer = timeout(PATIENCE, resource.list_models(presented)).await;
    Some(answer.ok()?.ok()?.status.as_u16())
}
