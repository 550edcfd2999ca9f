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

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Sleep, sleep, timeout};
use warp::{Buf, Filter, Reply};

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
         names it) or choose another port"
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
/// The filter finds its caller with `warp::ext::get::<Peer>()`; `warp::addr::remote()` finds
/// nothing. Dropping the future cuts every connection at once.
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
        request.extensions_mut().insert(peer);
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
    let body = concat!(
        r#"{"error":{"code":"overloaded","message":"all connections are taken; try again in 1 s","#,
        r#""request_id":null}}"#
    );
    format!(
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n\
         Cache-Control: no-store\r\nContent-Type: application/json\r\n\
         X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n\
         Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n\
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

/// A socket that gives up on a caller who does not take its answer, which hyper does not, and
/// that reads on for a moment when it is closed; see [`LINGER`].
struct Wire {
    stream: TcpStream,
    send_time: Duration,
    alarm: Option<Pin<Box<Sleep>>>,
    closing: bool,
}

impl Wire {
    fn new(stream: TcpStream, send_time: Duration) -> Self {
        Self { stream, send_time, alarm: None, closing: false }
    }

    /// Passes progress on, and turns too long a wait for it into an error.
    fn patient(
        &mut self,
        cx: &mut Context<'_>,
        sent: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if sent.is_ready() {
            self.alarm = None;
            return sent;
        }
        ready!(self.poll_alarm(cx, self.send_time));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the caller takes no answer")))
    }

    /// Ready when the alarm rings; sets it if none is set.
    fn poll_alarm(&mut self, cx: &mut Context<'_>, time: Duration) -> Poll<()> {
        self.alarm.get_or_insert_with(|| Box::pin(sleep(time))).as_mut().poll(cx)
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let sent = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.patient(cx, sent)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let sent = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.patient(cx, sent)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.closing {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            self.closing = true;
            self.alarm = None;
        }
        // Before reading: a caller who never stops sending must not keep the alarm from ringing.
        if self.poll_alarm(cx, LINGER).is_ready() {
            return Poll::Ready(Ok(()));
        }
        let mut waste = [0; 4096];
        loop {
            let mut space = ReadBuf::new(&mut waste);
            let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut space));
            if read.is_err() || space.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::time::Instant;

    use tokio::sync::{Notify, oneshot};
    use tokio::task::JoinHandle;
    use warp::http::StatusCode;

    use super::*;

    /// Long enough that only a hang reaches it, on a slow machine too.
    const HANG: Duration = Duration::from_secs(20);

    /// A server on a port of its own.
    struct Running {
        addr: SocketAddr,
        stop: oneshot::Sender<()>,
        task: JoinHandle<Stopped>,
    }

    impl Running {
        async fn start<F>(limits: Limits, filter: F) -> Self
        where
            F: Filter + Clone + Send + Sync + 'static,
            F::Extract: Reply,
        {
            let listener = bind("127.0.0.1:0").await.unwrap();
            let addr = listener.local_addr().unwrap();
            let (stop, stopped) = oneshot::channel();
            let task = tokio::spawn(serve(listener, filter, limits, async move {
                let _ = stopped.await;
            }));
            Self { addr, stop, task }
        }

        async fn connect(&self, text: &str) -> TcpStream {
            let mut stream = TcpStream::connect(self.addr).await.unwrap();
            stream.write_all(text.as_bytes()).await.unwrap();
            stream
        }

        async fn ask(&self, text: &str) -> String {
            rest(self.connect(text).await).await
        }

        async fn stop(self) -> Stopped {
            let _ = self.stop.send(());
            timeout(HANG, self.task).await.unwrap().unwrap()
        }
    }

    const GET: &str = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    const KEEP: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    const SLOW: &str = "GET / HTTP/1.1\r\nHost: ";
    const CHUNKED: &str = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";

    /// All that the server still sends; a reset counts as the end.
    async fn rest(mut stream: TcpStream) -> String {
        let mut bytes = Vec::new();
        let _ = timeout(HANG, stream.read_to_end(&mut bytes)).await.unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn hello() -> impl Filter<Extract = (&'static str,), Error = Infallible> + Clone {
        warp::any().map(|| "hello")
    }

    fn upload(
        limit: usize,
        time: Duration,
    ) -> impl Filter<Extract = (impl Reply,), Error = warp::Rejection> + Clone {
        warp::post().and(warp::body::stream()).then(move |stream| async move {
            let (text, status) = match read_body(stream, limit, time).await {
                Ok(bytes) => (bytes.len().to_string(), StatusCode::OK),
                Err(error @ BodyError::TooLarge { .. }) => {
                    (error.to_string(), StatusCode::PAYLOAD_TOO_LARGE)
                }
                Err(error) => (error.to_string(), StatusCode::REQUEST_TIMEOUT),
            };
            warp::reply::with_status(text, status)
        })
    }

    #[tokio::test]
    async fn a_busy_port_is_named() {
        let first = bind("127.0.0.1:0").await.unwrap();
        let addr = first.local_addr().unwrap().to_string();
        let error = bind(&addr).await.unwrap_err();
        assert!(matches!(error, ServerError::Busy { .. }), "{error:?}");
        assert!(error.to_string().contains(&addr), "{error}");
        assert!(error.to_string().contains("choose another port"), "{error}");
    }

    #[tokio::test]
    async fn a_host_name_is_accepted_and_nonsense_is_not() {
        assert!(bind("localhost:0").await.is_ok());
        for wrong in ["", "8080", "localhost", "127.0.0.1:99999", "127.0.0.1:http"] {
            let error = bind(wrong).await.unwrap_err();
            assert!(matches!(error, ServerError::BadAddress { .. }), "{wrong}: {error:?}");
        }
        let error = bind("192.0.2.1:0").await.unwrap_err();
        assert!(matches!(error, ServerError::Bind { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn the_filter_sees_its_peer() {
        let filter = warp::ext::get::<Peer>().map(|peer: Peer| peer.0.to_string());
        let server = Running::start(Limits::default(), filter).await;
        let stream = server.connect(GET).await;
        let addr = stream.local_addr().unwrap().to_string();
        assert!(rest(stream).await.ends_with(&addr));
    }

    #[tokio::test]
    async fn slow_and_idle_callers_are_cut() {
        let limits = Limits { header_time: Duration::from_millis(200), ..Limits::default() };
        let server = Running::start(limits, hello()).await;
        let start = Instant::now();
        assert!(!server.ask("").await.contains("200 OK"));
        assert!(!server.ask(SLOW).await.contains("200 OK"));
        let kept = server.ask(KEEP).await;
        assert!(kept.starts_with("HTTP/1.1 200 OK") && kept.ends_with("hello"), "{kept}");
        assert!(start.elapsed() >= limits.header_time * 3);
        assert!(start.elapsed() < Duration::from_secs(8));
    }

    #[tokio::test]
    async fn large_heads_are_refused() {
        let server = Running::start(Limits::default(), hello()).await;
        let many: String = (0..101).map(|n| format!("x-{n}: 1\r\n")).collect();
        let long = format!("x-long: {}\r\n", "a".repeat(HEAD_BYTES));
        for fields in [many, long] {
            let answer =
                server.ask(&format!("GET / HTTP/1.1\r\nConnection: close\r\n{fields}\r\n")).await;
            assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
        }
    }

    #[tokio::test]
    async fn a_chunked_body_is_read_up_to_the_limit() {
        let server = Running::start(Limits::default(), upload(1000, HANG)).await;
        let part = format!("1f4\r\n{}\r\n", "a".repeat(500));
        let mut exact = server.connect(&format!("{CHUNKED}{part}{part}0\r\n\r\n")).await;
        let mut answer = [0; 15];
        timeout(HANG, exact.read_exact(&mut answer)).await.unwrap().unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200 OK");
        // The third part is over the limit, and no end is ever sent.
        let answer = server.ask(&format!("{CHUNKED}{part}{part}{part}")).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        assert!(answer.ends_with("the body is larger than 1000 bytes"), "{answer}");
    }

    #[tokio::test]
    async fn a_caller_that_sends_on_still_gets_the_refusal() {
        let server = Running::start(Limits::default(), upload(1000, HANG)).await;
        let head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8000000\r\n\r\n";
        let stream = server.connect(head).await;
        let (mut reader, mut writer) = stream.into_split();
        let body = vec![b'a'; 8_000_000];
        let mut answer = Vec::new();
        let both = async { tokio::join!(writer.write_all(&body), reader.read_to_end(&mut answer)) };
        let (sent, received) = timeout(HANG, both).await.unwrap();
        // A reset would fail the sending, and most clients then drop the answer unread.
        assert!(sent.is_ok() && received.is_ok(), "{sent:?} {received:?}");
        assert!(answer.starts_with(b"HTTP/1.1 413 "));
    }

    #[tokio::test]
    async fn a_slow_body_is_cut() {
        let filter = upload(1000, Duration::from_millis(200));
        let server = Running::start(Limits::default(), filter).await;
        let answer = server.ask(&format!("{CHUNKED}1\r\na\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!(answer.ends_with("the body did not arrive within 1 s"), "{answer}");
    }

    #[tokio::test]
    async fn at_the_cap_callers_hear_503_and_later_ones_are_served() {
        let header_time = Duration::from_secs(2);
        let limits = Limits { connections: 2, header_time, ..Limits::default() };
        let server = Running::start(limits, hello()).await;
        let slow = [server.connect(SLOW).await, server.connect(SLOW).await];
        let answer = server.ask(GET).await;
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(answer.contains("\r\nRetry-After: 1\r\n"), "{answer}");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(crate::http::json::guard(body.as_bytes()).is_ok(), "{body}");
        for stream in slow {
            rest(stream).await;
        }
        let answer = server.ask(GET).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }

    #[tokio::test]
    async fn many_slow_callers_do_not_starve_others() {
        let header_time = Duration::from_millis(500);
        let limits = Limits { connections: 64, header_time, ..Limits::default() };
        let server = Running::start(limits, hello()).await;
        let mut slow = Vec::new();
        for _ in 0..200 {
            slow.push(server.connect(SLOW).await);
        }
        let start = Instant::now();
        while !server.ask(GET).await.starts_with("HTTP/1.1 200 ") {
            assert!(start.elapsed() < HANG, "never served");
        }
        drop(slow);
    }

    #[tokio::test]
    async fn a_stop_closes_idle_connections() {
        let server = Running::start(Limits::default(), hello()).await;
        let fresh = server.connect("").await;
        let mut kept = server.connect(KEEP).await;
        let mut answer = [0; 15];
        kept.read_exact(&mut answer).await.unwrap();
        let start = Instant::now();
        assert_eq!(server.stop().await, Stopped { open: 0 });
        assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
        drop((fresh, kept));
    }

    #[tokio::test]
    async fn a_stop_lets_a_request_finish() {
        let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let filter = {
            let (begun, go) = (Arc::clone(&begun), Arc::clone(&go));
            warp::any().then(move || {
                let (begun, go) = (Arc::clone(&begun), Arc::clone(&go));
                async move {
                    begun.notify_one();
                    go.notified().await;
                    "done"
                }
            })
        };
        let server = Running::start(Limits::default(), filter).await;
        let addr = server.addr;
        let stream = server.connect(KEEP).await;
        begun.notified().await;
        let stopping = tokio::spawn(server.stop());
        // The port closes before the open request is finished.
        while TcpStream::connect(addr).await.is_ok() {
            tokio::task::yield_now().await;
        }
        go.notify_one();
        assert!(rest(stream).await.ends_with("done"));
        assert_eq!(stopping.await.unwrap(), Stopped { open: 0 });
    }

    #[tokio::test]
    async fn a_stuck_request_is_cut_at_the_deadline_and_counted() {
        let begun = Arc::new(Notify::new());
        let inside = Arc::clone(&begun);
        let filter = warp::any().then(move || {
            inside.notify_one();
            std::future::pending::<&'static str>()
        });
        let limits = Limits { stop_deadline: Duration::from_millis(300), ..Limits::default() };
        let server = Running::start(limits, filter).await;
        let stream = server.connect(GET).await;
        begun.notified().await;
        let start = Instant::now();
        assert_eq!(server.stop().await, Stopped { open: 1 });
        assert!(start.elapsed() >= limits.stop_deadline);
        assert_eq!(rest(stream).await, "");
    }

    #[tokio::test]
    async fn a_caller_that_takes_no_answer_is_cut() {
        let limits = Limits { send_time: Duration::from_millis(200), ..Limits::default() };
        let server = Running::start(limits, warp::any().map(|| vec![0_u8; 64 << 20])).await;
        let mut stream = server.connect(GET).await;
        stream.read_u8().await.unwrap();
        // The answer is under way and nobody reads it: the stop would wait until its deadline.
        assert_eq!(server.stop().await, Stopped { open: 0 });
    }

    #[tokio::test]
    async fn a_panic_ends_one_connection_only() {
        let filter = warp::path("panic").map(|| panic!("planted")).map(|()| "never").or(hello());
        let server = Running::start(Limits::default(), filter).await;
        assert_eq!(server.ask("GET /panic HTTP/1.1\r\nHost: x\r\n\r\n").await, "");
        assert!(server.ask(GET).await.ends_with("hello"));
    }
}
