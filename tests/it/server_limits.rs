//! Callers that send too much, too slowly, or too deep: others are served meanwhile.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use daybook::http::{routes::ROUTES, security::SECURITY, server::Limits};
use futures_util::stream;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::harness::{Customer, TestApp};

/// Bytes that this process has held at most, where the system tells.
fn most_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kibibytes * 1024)
}

/// Waits for something while another caller asks, who is answered each time.
async fn meanwhile<T>(test: &TestApp, customer: &Customer, other: impl Future<Output = T>) -> T {
    let asks = async {
        for _ in 0..50 {
            test.get("/api/billing/subscription/me", &customer.key)
                .await
                .refused(404, "no_subscription");
        }
    };
    tokio::join!(other, asks).0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chunked_body_of_a_gibibyte_is_refused_early_while_others_go_on() {
    const CHUNK: usize = 256 * 1024;
    let test = TestApp::start().await;
    let customer = test.customer().await;
    let before = most_memory();
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = sent.clone();
    let chunks = (0..4096).map(move |_| {
        counted.fetch_add(CHUNK, Ordering::Relaxed);
        Ok::<_, std::io::Error>(vec![b' '; CHUNK])
    });
    let upload = test
        .client
        .post(format!("{}/api/billing/checkout", test.url))
        .bearer_auth(&customer.key)
        .body(reqwest::Body::wrap_stream(stream::iter(chunks)))
        .send();
    let upload = meanwhile(&test, &customer, upload).await.unwrap();
    assert_eq!(upload.status(), 413);
    let body = upload.text().await.unwrap();
    assert!(body.contains("body_too_large"), "{body}");
    let sent = sent.load(Ordering::Relaxed);
    assert!(sent < 256 * 1024 * 1024, "the caller got {sent} bytes off before it was refused");
    let grown = most_memory().zip(before).map(|(now, before)| now - before);
    assert!(grown.is_none_or(|grown| grown < 64 * 1024 * 1024), "{grown:?} bytes were held");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_million_keys_are_refused_while_others_go_on() {
    let keys = (0..1_000_000).map(|nth| format!("\"{nth}\":0")).collect::<Vec<_>>();
    let body = format!("{{{}}}", keys.join(",")).into_bytes();
    // With the limit that there is, and with one that lets all of it in.
    for (body_bytes, status, code) in
        [(Limits::default().body_bytes, 413, "body_too_large"), (64 << 20, 400, "json_too_large")]
    {
        let test = TestApp::start_with(Limits { body_bytes, ..Limits::default() }).await;
        let customer = test.customer().await;
        let before = most_memory();
        let checkout = "/api/billing/checkout";
        let ask = test.send("POST", checkout, &customer.key, &[], Some(body.clone()));
        let started = Instant::now();
        meanwhile(&test, &customer, ask).await.refused(status, code);
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
        let grown = most_memory().zip(before).map(|(now, before)| now - before);
        // Twice the body on its way, and once where it arrives.
        assert!(grown.is_none_or(|grown| grown < 128 << 20), "{grown:?} bytes were held");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_trickles_is_cut_off() {
    let limits = Limits { body_time: Duration::from_millis(300), ..Limits::default() };
    let test = TestApp::start_with(limits).await;
    let mut stream = TcpStream::connect(test.address).await.unwrap();
    let head = format!(
        "POST /api/accounts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
         Content-Length: 100\r\n\r\n{{",
        test.super_key
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = read_all(stream).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("body_too_slow"), "{answer}");
}

/// Without chunks and without a length, an answer that broke off would look whole.
#[tokio::test(flavor = "multi_thread")]
async fn the_old_protocol_gets_no_answer_that_could_break_off_unseen() {
    let test = TestApp::start().await;
    for (path, version, expected) in [
        ("/api/billing/payments/export", "1.0", "505 "),
        ("/api/billing/payments/export", "1.1", "200 "),
        ("/api/accounts", "1.0", "200 "),
    ] {
        let mut stream = TcpStream::connect(test.address).await.unwrap();
        let head = format!(
            "GET {path} HTTP/{version}\r\nHost: x\r\nConnection: close\r\n\
             Authorization: Bearer {}\r\n\r\n",
            test.super_key
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let answer = read_all(stream).await;
        assert!(answer.get(9..).is_some_and(|it| it.starts_with(expected)), "{path}: {answer}");
        let refused = answer.contains("http_version_unsupported");
        assert_eq!(refused, expected == "505 ", "{answer}");
    }
}

/// All that the server sends until it closes; bounded, so that a hang fails.
async fn read_all(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    let all = stream.read_to_end(&mut bytes);
    // A reset ends a connection as well as a close does.
    let _ = tokio::time::timeout(Duration::from_secs(20), all).await.expect("the server closes");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Asks on a connection that stays open.
async fn ask_again(stream: &mut TcpStream) -> String {
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"}") {
        let read = tokio::time::timeout(Duration::from_secs(20), stream.read_buf(&mut bytes));
        assert!(read.await.expect("an answer").unwrap() > 0, "the connection was closed");
    }
    String::from_utf8(bytes).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_slow_headers_against_sixty_four_places_and_others_are_still_served() {
    let header_time = Duration::from_secs(3);
    let test =
        TestApp::start_with(Limits { connections: 64, header_time, ..Limits::default() }).await;
    let mut open = TcpStream::connect(test.address).await.unwrap();
    ask_again(&mut open).await;
    let (mut slow, before) = (Vec::new(), most_memory());
    for _ in 0..200 {
        let mut stream = TcpStream::connect(test.address).await.unwrap();
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: ").await.unwrap();
        slow.push(stream);
    }
    let started = Instant::now();
    let (mut turned_away, mut kept) = (0, 0);
    loop {
        // They go on a byte at a time, which buys them nothing.
        for stream in &mut slow {
            let _ = stream.write_all(b"x").await;
        }
        // A caller whose connection is open already does not notice.
        assert!(ask_again(&mut open).await.starts_with("HTTP/1.1 200 "));
        kept += 1;
        let mut stream = TcpStream::connect(test.address).await.unwrap();
        let request = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = read_all(stream).await;
        if answer.starts_with("HTTP/1.1 200 ") {
            break;
        }
        // Told that there is no place, or cut off in the crowd.
        if let Some((head, body)) = answer.split_once("\r\n\r\n") {
            assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
            assert!(head.contains("\r\nRetry-After: 1\r\n"), "{head}");
            for (name, value) in SECURITY {
                assert!(head.contains(&format!("\r\n{name}: {value}\r\n")), "{head}");
            }
            let body: serde_json::Value = serde_json::from_str(body).unwrap();
            assert_eq!(body["error"]["code"], "busy", "{body}");
        }
        turned_away += 1;
        assert!(started.elapsed() < Duration::from_secs(20), "turned away {turned_away} times");
    }
    assert!(turned_away > 0 && kept > 1, "{turned_away} {kept}");
    for stream in slow {
        let answer = read_all(stream).await;
        assert!(!answer.contains(" 200 "), "{answer}");
    }
    let grown = most_memory().zip(before).map(|(now, before)| now - before);
    assert!(grown.is_none_or(|grown| grown < 64 << 20), "{grown:?} bytes were held");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_before_it_is_understood_has_nothing_to_protect() {
    let test = TestApp::start().await;
    for (request, status) in [
        ("nonsense\r\n\r\n".to_owned(), "400"),
        ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n".to_owned(), "400"),
        (format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(40_000)), "431"),
    ] {
        let mut stream = TcpStream::connect(test.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = read_all(stream).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(body.is_empty() && !head.to_lowercase().contains("content-type"), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_brackets_is_refused_quickly() {
    let test = TestApp::start().await;
    let started = Instant::now();
    for piece in ["[", "{\"a\":", "[[],"] {
        let body = piece.repeat(1_000_000 / piece.len()).into_bytes();
        let answer = test.send("POST", "/api/accounts", &test.super_key, &[], Some(body)).await;
        answer.refused(400, "json_too_deep");
    }
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn head_answers_as_get_does_without_a_body() {
    let test = TestApp::start().await;
    let customer = test.subscriber("pro").await;
    test.settle().await;
    for route in ROUTES.iter().filter(|route| route.verb == "GET") {
        let id = if route.path.contains("plans") { "pro" } else { customer.account_id.as_str() };
        let path = route.path.replace("{id}", id);
        let key = if path.ends_with("/me") { &customer.key } else { &test.super_key };
        let get = test.send("GET", &path, key, &[], None).await;
        let head = test.send("HEAD", &path, key, &[], None).await;
        assert_eq!((head.status, head.text.as_str()), (get.status, ""), "{path}");
        for name in ["content-type", "content-length", "content-security-policy", "etag"] {
            assert_eq!(head.headers.get(name), get.headers.get(name), "{path} {name}");
        }
        assert!(!get.text.is_empty(), "{path}");
    }
}
