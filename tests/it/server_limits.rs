//! Callers that send too much, too slowly, or too deep: others are served meanwhile.

use std::time::{Duration, Instant};

use daybook::http::{routes::ROUTES, server::Limits};
use futures_util::stream;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::harness::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn a_chunked_body_of_many_mebibytes_is_refused_while_others_go_on() {
    let test = TestApp::start().await;
    let customer = test.customer().await;
    let chunk = vec![b' '; 256 * 1024];
    let chunks = (0..64).map(move |_| Ok::<_, std::io::Error>(chunk.clone()));
    let upload = test
        .client
        .post(format!("{}/api/billing/checkout", test.url))
        .bearer_auth(&customer.key)
        .body(reqwest::Body::wrap_stream(stream::iter(chunks)))
        .send();
    let others = async {
        for _ in 0..50 {
            test.get("/api/billing/subscription/me", &customer.key)
                .await
                .refused(404, "no_subscription");
        }
    };
    let (upload, ()) = tokio::join!(upload, others);
    let upload = upload.unwrap();
    assert_eq!(upload.status(), 413);
    let body = upload.text().await.unwrap();
    assert!(body.contains("body_too_large"), "{body}");
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

/// All that the server sends until it closes; bounded, so that a hang fails.
async fn read_all(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    let all = stream.read_to_end(&mut bytes);
    // A reset ends a connection as well as a close does.
    let _ = tokio::time::timeout(Duration::from_secs(20), all).await.expect("the server closes");
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_headers_fill_the_places_and_others_are_still_served() {
    let header_time = Duration::from_millis(400);
    let test =
        TestApp::start_with(Limits { connections: 4, header_time, ..Limits::default() }).await;
    let mut slow = Vec::new();
    for _ in 0..24 {
        let mut stream = TcpStream::connect(test.address).await.unwrap();
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: ").await.unwrap();
        slow.push(stream);
    }
    let started = Instant::now();
    let mut turned_away = 0;
    loop {
        let mut stream = TcpStream::connect(test.address).await.unwrap();
        let request = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = read_all(stream).await;
        if answer.starts_with("HTTP/1.1 200 ") {
            break;
        }
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
        assert!(head.contains("\r\nRetry-After: 1\r\n"), "{head}");
        assert!(head.contains("\r\nX-Content-Type-Options: nosniff\r\n"), "{head}");
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["error"]["code"], "busy", "{body}");
        turned_away += 1;
        assert!(started.elapsed() < Duration::from_secs(20), "turned away {turned_away} times");
    }
    for stream in slow {
        let answer = read_all(stream).await;
        assert!(!answer.contains(" 200 "), "{answer}");
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
        for name in ["content-type", "content-length", "content-security-policy"] {
            assert_eq!(head.headers.get(name), get.headers.get(name), "{path} {name}");
        }
        assert!(!get.text.is_empty(), "{path}");
    }
}
