//! One connection from Envoy, over a Unix socket or TCP, that can be cut.
//!
//! The drain cuts the streams that take too long. To the HTTP/2 server it looks as if Envoy had gone,
//! which drops every stream and so settles it. The cost is one flag a connection; Envoy has a handful.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::server::TlsStream;
use tokio_util::sync::{CancellationToken, DropGuard, WaitForCancellationFutureOwned};
use tonic::transport::server::Connected;

use super::network_peers::NetworkPeers;

/// A connection that no runtime drives yet: it is accepted on one thread and served on another.
pub(super) enum Accepted {
    Unix(std::os::unix::net::UnixStream),
    Tcp(std::net::TcpStream),
    /// The handshake is still to come.
    Tls(std::net::TcpStream),
}

impl Accepted {
    /// Where it is from, if that is an address.
    pub(super) fn from(&self) -> Option<IpAddr> {
        match self {
            Self::Unix(_) => None,
            Self::Tcp(stream) | Self::Tls(stream) => stream.peer_addr().ok().map(|it| it.ip()),
        }
    }
}

/// A connection, driven by the runtime of the thread that serves it.
pub(super) struct Connection {
    stream: Stream,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Says its end, where it is one of those that are looked at again.
    _ended: Option<DropGuard>,
}

enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Connection {
    /// Takes a connection into the runtime of this thread; it ends when `cut` is cancelled.
    pub(super) async fn new(
        accepted: Accepted,
        network: &NetworkPeers,
        cut: &CancellationToken,
    ) -> io::Result<Self> {
        let (stream, own) = match accepted {
            Accepted::Unix(stream) => (Stream::Unix(UnixStream::from_std(stream)?), None),
            Accepted::Tcp(stream) => (Stream::Tcp(TcpStream::from_std(stream)?), None),
            Accepted::Tls(stream) => {
                let (stream, own) = network.accept(stream, cut).await?;
                (Stream::Tls(Box::new(stream)), Some(own))
            }
        };
        let cut = own.as_ref().unwrap_or(cut).clone();
        Ok(Self {
            stream,
            cut: Box::pin(cut.cancelled_owned()),
            _ended: own.map(CancellationToken::drop_guard),
        })
    }

    /// An error once it is cut.
    fn check_cut(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.cut.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::ErrorKind::ConnectionAborted.into()),
            Poll::Pending => Ok(()),
        }
    }

    /// What waits is cut, too: whoever reads nothing must not keep a connection that has something to write.
    fn unless_cut<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if written.is_pending() {
            self.check_cut(context)?;
        }
        written
    }
}

impl Connected for Connection {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check_cut(context)?;
        match &mut self.stream {
            Stream::Unix(stream) => Pin::new(stream).poll_read(context, buffer),
            Stream::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Stream::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let done = match &mut self.stream {
            Stream::Unix(stream) => Pin::new(stream).poll_write(context, bytes),
            Stream::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        };
        self.unless_cut(done, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let done = match &mut self.stream {
            Stream::Unix(stream) => Pin::new(stream).poll_write_vectored(context, buffers),
            Stream::Tcp(stream) => Pin::new(stream).poll_write_vectored(context, buffers),
            Stream::Tls(stream) => Pin::new(stream).poll_write_vectored(context, buffers),
        };
        self.unless_cut(done, context)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Unix(stream) => stream.is_write_vectored(),
            Stream::Tcp(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = match &mut self.stream {
            Stream::Unix(stream) => Pin::new(stream).poll_flush(context),
            Stream::Tcp(stream) => Pin::new(stream).poll_flush(context),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(context),
        };
        self.unless_cut(done, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = match &mut self.stream {
            Stream::Unix(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        };
        self.unless_cut(done, context)
    }
}
