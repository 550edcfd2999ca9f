//! The accept loop under callers who stall, flood, vanish and outlast the stop.

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
