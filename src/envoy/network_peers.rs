//! Envoys that connect over the network: the handshake, and another look at them when what they were accepted by changes.

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use rustls_pki_types::CertificateDer;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{interval, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use crate::auth::certificate::Peers;
use crate::auth::handshake_failure;
use crate::gateway::Gateway;

use super::pending_handshakes::PendingHandshakes;

/// How long a handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Handshakes at once: each costs a signature, and strangers may begin one.
const MAX_HANDSHAKES: usize = 64;
/// How often Envoy is asked whether it is there.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// How often those that are connected are looked at again, if anything has changed.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Those who connect over the network.
pub(super) struct NetworkPeers {
    gateway: Arc<Gateway>,
    handshakes: Semaphore,
    pending: PendingHandshakes,
    connected: Mutex<Vec<Connected>>,
    refused: Mutex<Refused>,
}

/// Connections that were not let in since somebody was told.
#[derive(Default)]
struct Refused {
    count: u64,
    /// Of the last one.
    reason: String,
    from: Option<IpAddr>,
}

/// A connection, and by which certificate.
struct Connected {
    chain: Vec<CertificateDer<'static>>,
    /// Cancelled when it is to end, and when it has ended.
    cut: CancellationToken,
}

impl NetworkPeers {
    pub(super) fn new(gateway: Arc<Gateway>) -> Self {
        Self {
            gateway,
            handshakes: Semaphore::new(MAX_HANDSHAKES),
            pending: PendingHandshakes::default(),
            connected: Mutex::default(),
            refused: Mutex::default(),
        }
    }

    /// Lets a connection in, or says why not. `cut` ends all of them, the token that comes along this one; whoever has
    /// the connection cancels it at its end.
    pub(super) async fn accept(
        &self,
        stream: std::net::TcpStream,
        cut: &CancellationToken,
    ) -> io::Result<(TlsStream<TcpStream>, CancellationToken)> {
        let beginning = timeout(HANDSHAKE_TIMEOUT, self.begin(TcpStream::from_std(stream)?));
        let stream = beginning.await;
        let stream = stream.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
        let (_, session) = stream.get_ref();
        let chain = session.peer_certificates().unwrap_or_default();
        let chain = chain.iter().map(|it| it.clone().into_owned()).collect();
        let cut = cut.child_token();
        let connected = Connected {
            chain,
            cut: cut.clone(),
        };
        // What it was accepted by may have changed while it connected. Nobody looks at the others meanwhile, so that
        // none is missed.
        let mut all = self.lock();
        if !may_stay(self.peers(), &connected) {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        all.push(connected);
        drop(all);
        Ok((stream, cut))
    }

    /// The handshake, in its turn: whoever says nothing takes nobody's turn, and one address has a share of those who
    /// begin.
    async fn begin(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let address = stream.peer_addr()?.ip();
        let _share = self.pending.take(address)?;
        stream.readable().await?;
        let turn = self.handshakes.acquire().await;
        let _turn = turn.map_err(|_| io::ErrorKind::ConnectionAborted)?;
        let policy = self.gateway.policy();
        let tls = policy.mutual_tls.as_ref();
        let tls = tls.ok_or_else(|| io::Error::other("there is no TLS here"))?;
        TlsAcceptor::from(tls.server()).accept(stream).await
    }

    /// How often a connection that says nothing is asked whether it is there: the machine at its other end can vanish.
    pub(super) fn keepalive(&self) -> Option<Duration> {
        let is_used = self.gateway.policy().mutual_tls.is_some();
        is_used.then_some(KEEPALIVE_INTERVAL)
    }

    /// Notes a connection that was not let in. Strangers may try in masses, so the log says it once a second.
    pub(super) fn refuse(&self, error: &io::Error, from: Option<IpAddr>) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.count += 1;
        refused.reason = handshake_failure(error);
        refused.from = from;
    }

    fn tell_refused(&self) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let Refused {
            count,
            reason,
            from,
        } = std::mem::take(&mut *refused);
        if count > 0 {
            let from = from.map(tracing::field::display);
            tracing::warn!(
                count,
                reason,
                from,
                "connections to listen.grpc were refused"
            );
        }
    }

    /// Looks at those that are connected each time that certificates, names or lists change, and cuts those who may not
    /// call any more.
    pub(super) async fn keep_checking(&self) {
        let mut ticks = interval(CHECK_INTERVAL);
        let mut last = None;
        loop {
            ticks.tick().await;
            self.tell_refused();
            let peers = self.peers();
            let now = peers.as_ref().map(|it| (Arc::clone(it), it.generation()));
            let of = |it: &Option<(Arc<Peers>, u64)>| {
                it.as_ref()
                    .map(|(peers, generation)| (Arc::as_ptr(peers), *generation))
            };
            let is_same = of(&last) == of(&now);
            // It is kept, so that no other one has its address.
            last = now;
            self.lock().retain(|it| {
                let stays = !it.cut.is_cancelled() && (is_same || may_stay(peers.clone(), it));
                if !stays {
                    it.cut.cancel();
                }
                stays
            });
        }
    }

    fn peers(&self) -> Option<Arc<Peers>> {
        let policy = self.gateway.policy();
        policy.mutual_tls.as_ref().map(|it| Arc::clone(it.peers()))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Connected>> {
        self.connected
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether somebody who was let in may go on.
fn may_stay(peers: Option<Arc<Peers>>, connected: &Connected) -> bool {
    let Some(peers) = peers else { return false };
    let checked = peers.check_again(&connected.chain, SystemTime::now());
    if let Err(error) = &checked {
        let names = Peers::names_of(&connected.chain);
        tracing::warn!(%error, names, "an Envoy that was connected may not call any more");
    }
    checked.is_ok()
}
