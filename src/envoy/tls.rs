//! Envoys that connect over the network: the handshake, and another look at them when what they were accepted by changes.

use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use rustls_pki_types::CertificateDer;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{interval, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use crate::auth::certificate::{CertificateError, PeerError, Peers};
use crate::auth::{MutualTls, handshake_failure};
use crate::gateway::Gateway;

/// How long a handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Handshakes at once: each costs a signature, and strangers may begin one.
const MAX_HANDSHAKES: usize = 64;
/// How often those that are connected are looked at again, if anything has changed.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Those who connect over the network.
pub(super) struct NetworkPeers {
    gateway: Arc<Gateway>,
    handshakes: Semaphore,
    connected: Mutex<Vec<Connected>>,
    refused: Mutex<Refused>,
}

/// Connections that were not let in since somebody was told.
#[derive(Default)]
struct Refused {
    count: u64,
    last: String,
}

/// A connection, and by which certificate.
struct Connected {
    chain: Vec<CertificateDer<'static>>,
    cut: CancellationToken,
    is_open: Weak<()>,
}

/// A connection of somebody who may call.
pub(super) struct Accepted {
    pub(super) stream: TlsStream<TcpStream>,
    /// Cut when they may not any more.
    pub(super) cut: CancellationToken,
    /// Kept for as long as it is open.
    pub(super) open: Arc<()>,
}

impl NetworkPeers {
    pub(super) fn new(gateway: Arc<Gateway>) -> Self {
        Self {
            gateway,
            handshakes: Semaphore::new(MAX_HANDSHAKES),
            connected: Mutex::default(),
            refused: Mutex::default(),
        }
    }

    /// Lets a connection in, or says why not. `cut` ends all of them.
    pub(super) async fn accept(
        &self,
        stream: std::net::TcpStream,
        cut: &CancellationToken,
    ) -> io::Result<Accepted> {
        // Where there is no room it is closed: Envoy tries again.
        let room = self.handshakes.try_acquire();
        let _room = room.map_err(|_| io::Error::other("too many connections begin at once"))?;
        let policy = self.gateway.policy();
        let tls = policy.mutual_tls.as_ref();
        let tls = tls.ok_or_else(|| io::Error::other("there is no TLS here"))?;
        let stream = handshake(tls, TcpStream::from_std(stream)?).await?;
        let (_, session) = stream.get_ref();
        let chain = session.peer_certificates().unwrap_or_default();
        let chain = chain.iter().map(|it| it.clone().into_owned()).collect();
        let (cut, open) = (cut.child_token(), Arc::new(()));
        let connected = Connected {
            chain,
            cut: cut.clone(),
            is_open: Arc::downgrade(&open),
        };
        // What it was accepted by may have changed while it connected.
        if !may_stay(self.peers(), &connected) {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        self.lock().push(connected);
        Ok(Accepted { stream, cut, open })
    }

    /// Notes a connection that was not let in. Strangers may try in masses, so the log says it once a second.
    pub(super) fn refuse(&self, error: &io::Error) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.count += 1;
        refused.last = handshake_failure(error);
    }

    fn tell_refused(&self) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let Refused { count, last } = std::mem::take(&mut *refused);
        if count > 0 {
            tracing::warn!(count, reason = %last, "connections to listen.grpc were refused");
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
            let is_same = match (&last, &now) {
                (Some((last, before)), Some((now, after))) => {
                    Arc::ptr_eq(last, now) && before == after
                }
                (last, now) => last.is_none() && now.is_none(),
            };
            last = now;
            self.lock().retain(|it| {
                let is_open = it.is_open.strong_count() > 0;
                let stays = is_open && (is_same || may_stay(peers.clone(), it));
                if is_open && !stays {
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

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connected>> {
        self.connected
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

async fn handshake(tls: &MutualTls, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    let handshake = TlsAcceptor::from(tls.server()).accept(stream);
    let stream = timeout(HANDSHAKE_TIMEOUT, handshake).await;
    stream.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Whether somebody who was let in may go on. A certificate ends while its connection lives, as those of meshes do within
/// the day, and a list that is late says nothing of it: neither ends the streams of callers, and new connections are refused.
fn may_stay(peers: Option<Arc<Peers>>, connected: &Connected) -> bool {
    let Some(peers) = peers else { return false };
    match peers.check(&connected.chain, SystemTime::now()) {
        Ok(_)
        | Err(PeerError::Certificate(
            CertificateError::Expired
            | CertificateError::RevocationUnknown
            | CertificateError::CrlExpired,
        )) => true,
        Err(error) => {
            tracing::warn!(%error, "an Envoy that was connected may not call any more");
            false
        }
    }
}
