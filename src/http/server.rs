//! The accept loop around a warp filter.
//!
//! It promises that a caller can hold a connection only for a bounded time without moving: the
//! head of a request, the wait between two requests, the body and each stretch of the answer all
//! have a limit. It promises a bounded number of connections, memory per connection and time to
//! stop, and that nothing the network does makes it panic.
//!
//! It refuses callers above the connection limit with 503 and `Retry-After`, heads that are too
//! large with 431, HTTP/2 and protocol upgrades. It does not bound how long a handler may think,
//! and a body is bounded only where it is read with [`read_body`].

mod wire;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};
use warp::{Buf, Filter, Reply};

use self::wire::Wire;
use super::security::SECURITY;

/// How long a new connection waits for a free place before it is answered 503.
const PATIENCE: Duration = Duration::from_millis(250);

/// How long a closing connection is still read: closing a socket with unread bytes resets it, and
/// the reset can overtake the answer.
const LINGER: Duration = Duration::from_secs(1);

/// How long accepting rests after an error such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Connections that are being told 503 at the same time; beyond it they are closed without a word.
const REFUSALS: usize = 256;

/// Bytes that one connection may buffer in each direction.
const BUFFER_BYTES: usize = 64 * 1024;

/// Bytes in the head of a request. Left to itself hyper applies the buffer size, but lets a head
/// pass that fills the buffer and ends in the same read.
const HEAD_BYTES: usize = 32 * 1024;

/// What one listener allows its callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections that are open at the same time.
    pub connections: usize,
    /// Time for the head of a request, and for the pause before it on a connection kept alive.
    pub header_time: Duration,
    /// Time for a whole body; enforced by [`read_body`].
    pub body_time: Duration,
    /// Bytes of a whole body; enforced by [`read_body`].
    pub body_bytes: usize,
    /// Time in which a caller must take at least one more byte of an answer.
    pub send_time: Duration,
    /// Header fields in one request.
    pub max_headers: usize,
    /// Time that open connections get to finish once the server is asked to stop.
    pub stop_deadline: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            header_time: Duration::from_secs(10),
            body_time: Duration::from_secs(30),
            body_bytes: 1024 * 1024,
            send_time: Duration::from_secs(30),
            max_headers: 100,
            stop_deadline: Duration::from_secs(25),
        }
    }
}

/// The address at the other end of the connection, as an extension of each request; an IPv4
/// address that came through an IPv6 socket is given as IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// How a server came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped {
    /// Connections that were still open when the deadline passed, and were cut.
    pub open: usize,
}

/// Why the server cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The text is not `host:port`, or the host is not known.
    #[error("cannot listen on {addr}: {source}; write host:port, for example 127.0.0.1:8080")]
    BadAddress {
        /// The address as it was configured.
        addr: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// Another socket has the port.
    #[error(
        "cannot listen on {addr}: the port is in use; stop the process that has it (`ss -ltnp` \
         names it) or choose another port (`--listen`, `DAYBOOK_LISTEN`)"
    )]
    Busy {
        /// The address as it was configured.
        addr: String,
    },
    /// The operating system denies the port to this user.
    #[error(
        "cannot listen on {addr}: permission denied; choose a port from 1024 up, or grant the \
         service CAP_NET_BIND_SERVICE"
    )]
    Denied {
        /// The address as it was configured.
        addr: String,
    },
    /// Anything else, such as an address that this machine does not have.
    #[error("cannot listen on {addr}: {source}")]
    Bind {
        /// The address as it was configured.
        addr: String,
        /// What the operating system said.
        source: io::Error,
    },
}

/// Why a body was not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// More bytes than the limit.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// Bytes that are allowed.
        limit: usize,
    },
    /// The end did not arrive in time.
    #[error("the body did not arrive within {seconds} s")]
    TooSlow {
        /// Time that is allowed, rounded up to whole seconds.
        seconds: u64,
    },
    /// The connection broke, or its framing was wrong.
    #[error("the body broke off before its end")]
    Broken,
}

/// Opens the listening socket on `host:port`; port 0 takes any free one.
///
/// # Errors
///
/// [`ServerError`], which names the address and, where there is something to do, what.
pub async fn bind(addr: &str) -> Result<TcpListener, ServerError> {
    let bad = |source| ServerError::BadAddress { addr: addr.to_owned(), source };
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for place in lookup_host(addr).await.map_err(bad)? {
        match TcpListener::bind(place).await {
            Ok(listener) => return Ok(listener),
            // The next address of the same name may be free, but half a host is a surprise.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                return Err(ServerError::Busy { addr: addr.to_owned() });
            }
            Err(error) => failure = error,
        }
    }
    Err(unbound(addr, failure))
}

fn unbound(addr: &str, source: io::Error) -> ServerError {
    let addr = addr.to_owned();
    match source.kind() {
        io::ErrorKind::PermissionDenied => ServerError::Denied { addr },
        _ => ServerError::Bind { addr, source },
    }
}

/// Serves `filter` on `listener` until `stop` resolves, then lets open requests finish until
/// [`Limits::stop_deadline`] and cuts the rest.
///
/// The filter finds its caller with `warp::ext::get::<Peer>()`, and the version of HTTP in the same
/// way; `warp::addr::remote()` finds nothing. Dropping the future cuts every connection at once.
pub async fn serve<F>(
    listener: TcpListener,
    filter: F,
    limits: Limits,
    stop: impl Future<Output = ()>,
) -> Stopped
where
    F: Filter + Clone + Send + Sync + 'static,
    F::Extract: Reply,
{
    let http = protocol(&limits);
    let mut stop = pin!(stop);
    let mut door = Door::new(listener, limits.connections);
    let graceful = GracefulShutdown::new();
    let mut open = JoinSet::new();
    loop {
        let (stream, peer, slot) = tokio::select! {
            biased;
            () = &mut stop => break,
            guest = door.next() => guest,
        };
        while let Some(done) = open.try_join_next() {
            note_panic(done);
        }
        let wire = Wire::new(stream, limits.send_time);
        let talk = converse(http.clone(), wire, peer, filter.clone(), graceful.watcher());
        open.spawn(async move {
            talk.await;
            drop(slot);
        });
    }
    drop(door);
    wind_down(graceful, open, limits.stop_deadline).await
}

/// The rules of HTTP/1.1 here. Without a timer hyper would drop the header limit silently.
fn protocol(limits: &Limits) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.header_time)
        .max_headers(limits.max_headers)
        .max_header_size(HEAD_BYTES)
        .max_buf_size(BUFFER_BYTES)
        .keep_alive(true);
    http
}

/// Answers the requests of one connection until it ends.
async fn converse<F>(http: http1::Builder, wire: Wire, peer: Peer, filter: F, watcher: Watcher)
where
    F: Filter + Clone + Send + Sync + 'static,
    F::Extract: Reply,
{
    let routes = TowerToHyperService::new(warp::service(filter));
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        let version = request.version();
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(version);
        routes.call(request)
    });
    let connection = http.serve_connection(TokioIo::new(wire), service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(peer = %peer.0, %error, "connection ended early");
    }
}

/// Asks every connection to end, waits until the deadline, and cuts what is left.
async fn wind_down(graceful: GracefulShutdown, mut open: JoinSet<()>, time: Duration) -> Stopped {
    let finish = async {
        // Connections are watched inside their tasks: the signal goes out on the first poll, and
        // the tasks end when the connections have.
        let reap = async {
            while let Some(done) = open.join_next().await {
                note_panic(done);
            }
        };
        tokio::join!(graceful.shutdown(), reap);
    };
    if timeout(time, finish).await.is_ok() {
        return Stopped { open: 0 };
    }
    while open.try_join_next().is_some() {}
    let left = open.len();
    tracing::warn!(connections = left, "stopped with connections still open");
    // Not awaited: a handler that never yields would hold the stop for ever.
    open.abort_all();
    Stopped { open: left }
}

/// A handler that panics ends its own connection only, but must not go unseen.
fn note_panic(done: Result<(), JoinError>) {
    if let Err(error) = done
        && error.is_panic()
    {
        tracing::error!(%error, "a handler panicked; its connection was closed");
    }
}

/// The listener with its limited number of places.
struct Door {
    listener: TcpListener,
    slots: Arc<Semaphore>,
    refusals: JoinSet<()>,
}

impl Door {
    fn new(listener: TcpListener, places: usize) -> Self {
        let places = places.min(Semaphore::MAX_PERMITS);
        Self { listener, slots: Arc::new(Semaphore::new(places)), refusals: JoinSet::new() }
    }

    /// The next connection, together with the place that it holds.
    async fn next(&mut self) -> (TcpStream, Peer, OwnedSemaphorePermit) {
        let slot = self.slot().await;
        let (stream, peer) = admit(&self.listener).await;
        (stream, peer, slot)
    }

    /// A free place. While none comes soon, callers are refused rather than left in the backlog:
    /// there they would stand in line behind whoever fills it.
    async fn slot(&mut self) -> OwnedSemaphorePermit {
        if let Ok(slot) = timeout(PATIENCE, place(&self.slots)).await {
            return slot;
        }
        tracing::warn!("all connections are taken; new ones are answered 503");
        loop {
            tokio::select! {
                biased;
                slot = place(&self.slots) => return slot,
                (stream, _) = admit(&self.listener) => self.refuse(stream),
            }
        }
    }

    fn refuse(&mut self, stream: TcpStream) {
        while self.refusals.try_join_next().is_some() {}
        if self.refusals.len() < REFUSALS {
            self.refusals.spawn(apologise(stream));
        }
    }
}

/// One permit. The semaphore is never closed, so the other branch only has to be harmless.
async fn place(slots: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    match Arc::clone(slots).acquire_owned().await {
        Ok(slot) => slot,
        Err(_) => std::future::pending().await,
    }
}

/// The next connection from the backlog; errors are logged and waited out.
async fn admit(listener: &TcpListener) -> (TcpStream, Peer) {
    loop {
        match listener.accept().await {
            Ok((stream, addr)) => {
                // Answers are written whole, so waiting to fill a packet only adds delay.
                let _ = stream.set_nodelay(true);
                return (stream, Peer(SocketAddr::new(addr.ip().to_canonical(), addr.port())));
            }
            Err(error) if is_callers(&error) => tracing::debug!(%error, "a caller gave up"),
            Err(error) => {
                tracing::error!(%error, "cannot accept connections; trying again shortly");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Whether only the one connection failed, before it was accepted.
fn is_callers(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// Says 503 to a connection that has no place, and closes it.
async fn apologise(mut stream: TcpStream) {
    // Some clients take an answer that comes before their request for a fault.
    let _ = timeout(PATIENCE, stream.readable()).await;
    let farewell = async {
        stream.write_all(busy_answer().as_bytes()).await?;
        stream.shutdown().await?;
        let mut waste = [0; 4096];
        while stream.read(&mut waste).await? > 0 {}
        io::Result::Ok(())
    };
    // A caller that is gone needs no apology.
    let _ = timeout(LINGER, farewell).await;
}

fn busy_answer() -> String {
    // The shape of every refusal, but for a request id: nothing was read yet.
    let body = concat!(
        r#"{"error":{"code":"busy","message":"all connections are taken; try again in 1 s","#,
        r#""request_id":null}}"#
    );
    let security = SECURITY.map(|(name, value)| format!("{name}: {value}\r\n")).concat();
    format!(
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n\
         Cache-Control: no-store\r\nContent-Type: application/json\r\n{security}\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Reads a whole body, chunked or not, and stops at once when it is too large or too slow.
///
/// # Errors
///
/// [`BodyError`]; what was read until then is dropped.
pub async fn read_body(
    stream: impl Stream<Item = Result<impl Buf, warp::Error>>,
    limit: usize,
    time: Duration,
) -> Result<Vec<u8>, BodyError> {
    match timeout(time, collect(stream, limit)).await {
        Ok(collected) => collected,
        Err(_) => {
            let seconds = u64::try_from(time.as_millis().div_ceil(1000)).unwrap_or(u64::MAX);
            Err(BodyError::TooSlow { seconds })
        }
    }
}

async fn collect(
    stream: impl Stream<Item = Result<impl Buf, warp::Error>>,
    limit: usize,
) -> Result<Vec<u8>, BodyError> {
    let mut stream = pin!(stream);
    let mut bytes = Vec::new();
    while let Some(part) = stream.next().await {
        let mut part = part.map_err(|_| BodyError::Broken)?;
        if part.remaining() > limit.saturating_sub(bytes.len()) {
            return Err(BodyError::TooLarge { limit });
        }
        while part.has_remaining() {
            let piece = part.chunk();
            let length = piece.len();
            bytes.extend_from_slice(piece);
            part.advance(length);
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
