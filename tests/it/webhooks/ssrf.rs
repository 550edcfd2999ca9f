//! Show 6: whatever an endpoint's URL says and whatever its name resolves to, nothing inside is
//! reached. The same tricks with the guard off reach the same listener: the control.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use daybook::webhooks::target::{Answered, NotSent, Outbound};
use futures_util::FutureExt;
use reqwest::header::HeaderMap;
use serde_json::json;
use tokio::net::TcpListener;

use super::receiver::{Act, Receiver};
use crate::harness::TestApp;

/// URLs that lead, or might lead, to `{p}` on this machine or inside its network.
#[rustfmt::skip]
const TRICKS: &[&str] = &[
    // This machine, by every spelling of its address.
    "http://127.0.0.1:{p}/", "http://127.1:{p}/", "http://127.0.1:{p}/", "http://127.255.255.254:{p}/",
    "http://2130706433:{p}/", "http://0x7f000001:{p}/", "http://0x7f.0.0.1:{p}/", "http://0x7f.1:{p}/",
    "http://0177.0.0.1:{p}/", "http://017700000001:{p}/", "http://0177.0x0.0.1:{p}/", "http://0000177.0.0.1:{p}/",
    "http://127.0.0.1.:{p}/", "http://0:{p}/", "http://0.0.0.0:{p}/", "http://00000000:{p}/", "http://0x0:{p}/",
    "http://%31%32%37.0.0.1:{p}/", "http://127%2e0%2e0%2e1:{p}/",
    // The same in digits and dots of other scripts.
    "http://１２７.０.０.１:{p}/", "http://①②⑦.⓪.⓪.①:{p}/", "http://127。0。0。1:{p}/", "http://127．0．0．1:{p}/",
    "http://127｡0｡0｡1:{p}/", "http://𝟏𝟐𝟕.𝟎.𝟎.𝟏:{p}/", "http://१२७.०.०.१:{p}/",
    // And by address of the sixth version.
    "http://[::1]:{p}/", "http://[0:0:0:0:0:0:0:1]:{p}/", "http://[0000::0001]:{p}/", "http://[::]:{p}/",
    "http://[::ffff:127.0.0.1]:{p}/", "http://[::ffff:7f00:1]:{p}/", "http://[0:0:0:0:0:ffff:7f00:0001]:{p}/",
    "http://[::127.0.0.1]:{p}/", "http://[::7f00:1]:{p}/", "http://[64:ff9b::127.0.0.1]:{p}/", "http://[64:ff9b::7f00:1]:{p}/",
    "http://[64:ff9b:1::7f00:1]:{p}/", "http://[2002:7f00:1::]:{p}/", "http://[2001:0:7f00:1::]:{p}/",
    "http://[::1%25lo]:{p}/", "http://[::1%lo]:{p}/", "http://[fe80::1%25eth0]:{p}/", "http://[fe80::1]:{p}/",
    "http://[fc00::1]:{p}/", "http://[fd00:ec2::254]:{p}/", "http://[ff02::1]:{p}/", "http://[::ffff:0:127.0.0.1]:{p}/",
    // Its names.
    "http://localhost:{p}/", "http://LOCALHOST:{p}/", "http://localhost.:{p}/", "http://localhost.localdomain:{p}/",
    "http://a.localhost:{p}/", "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:{p}/", "http://ｌｏｃａｌｈｏｓｔ:{p}/", "http://loc%61lhost:{p}/",
    "http://panel.local:{p}/", "http://panel.internal:{p}/", "http://router.home.arpa:{p}/", "http://ip6-localhost:{p}/",
    // Names of others that lead inside.
    "http://inside.example:{p}/", "http://INSIDE.example:{p}/", "http://inside.example.:{p}/", "http://127.0.0.1.nip.example:{p}/",
    "http://inside6.example:{p}/", "http://mapped.example:{p}/", "http://mixed.example:{p}/", "http://mixed-last.example:{p}/",
    "http://zero.example:{p}/", "http://metadata.example/latest/", "http://private.example:{p}/", "http://nat.example:{p}/",
    // Names and passwords that look like hosts, hosts that look like paths.
    "http://8.8.8.8@127.0.0.1:{p}/", "http://user:pass@127.0.0.1:{p}/", "http://127.0.0.1:{p}@inside.example/", "http://@127.0.0.1:{p}/",
    "http://8.8.8.8:80@127.0.0.1:{p}/", "http://8.8.8.8%40127.0.0.1:{p}/", "http://8.8.8.8#@127.0.0.1:{p}/", "http://127.0.0.1:{p}#@8.8.8.8/",
    "http://127.0.0.1:{p}\\@8.8.8.8/", "http:\\\\127.0.0.1:{p}\\", "http:127.0.0.1:{p}/", "http:/127.0.0.1:{p}/",
    "http:///127.0.0.1:{p}/", "http:////127.0.0.1:{p}/", "//127.0.0.1:{p}/", "127.0.0.1:{p}/",
    // White space, line feeds and other control.
    " http://127.0.0.1:{p}/", "http://127.0.0.1:{p}/ ", "http://127.0.0.1 :{p}/", "ht\ntp://127.0.0.1:{p}/",
    "http://127.0.\t0.1:{p}/", "http://127.0.0.1\r\n:{p}/", "http://127.0.0.1:{p}/\r\nHost: inside", "http://127.0.0.1:{p}/\u{0}",
    "http://127.0.0.1\u{ad}:{p}/", "http://127.0.0.1\u{200b}:{p}/", "http://127.0.0.1%00.example:{p}/", "http://127.0.0.1%0d%0a:{p}/",
    // Other schemes and no ports.
    "ftp://127.0.0.1:{p}/", "file:///etc/passwd", "gopher://127.0.0.1:{p}/_x", "dict://127.0.0.1:{p}/x", "ws://127.0.0.1:{p}/",
    "unix:///var/run/postgresql", "data:text/plain,x", "javascript:1", "jar:http://127.0.0.1:{p}/!/", "http+unix://127.0.0.1:{p}/",
    "http://8.8.8.8:0/", "http://8.8.8.8:65536/", "http://8.8.8.8:-1/", "http://8.8.8.8:{p}x/", "https://127.0.0.1:{p}/", "HTTP://127.0.0.1:{p}/",
    // Inside its network, and the clouds' own addresses.
    "http://10.0.0.1:{p}/", "http://172.16.0.1:{p}/", "http://192.168.0.1:{p}/", "http://169.254.169.254/latest/meta-data/",
    "http://2852039166/", "http://0xa9fea9fe/", "http://0251.0376.0251.0376/", "http://[::ffff:169.254.169.254]/",
    "http://100.100.100.200/", "http://192.0.0.192/", "http://224.0.0.1:{p}/", "http://255.255.255.255:{p}/",
    "", "/", "?", "http://", "http://:{p}/", "http://./", "http://..:{p}/", "http://[]:{p}/", "http://[::1:{p}/",
];

/// What the names of others resolve to.
fn names() -> HashMap<&'static str, Vec<&'static str>> {
    HashMap::from([
        ("inside.example", vec!["127.0.0.1"]),
        ("127.0.0.1.nip.example", vec!["127.0.0.1"]),
        ("inside6.example", vec!["::1"]),
        ("mapped.example", vec!["::ffff:127.0.0.1"]),
        ("mixed.example", vec!["127.0.0.1", "8.8.8.8"]),
        ("mixed-last.example", vec!["8.8.8.8", "2606:4700:4700::1111", "127.0.0.1"]),
        ("zero.example", vec!["0.0.0.0"]),
        ("metadata.example", vec!["169.254.169.254"]),
        ("private.example", vec!["10.1.2.3"]),
        ("nat.example", vec!["64:ff9b::7f00:1"]),
        ("next.example", vec!["127.0.0.2"]),
    ])
}

/// A resolver that no network is needed for; what it does not know, this machine knows.
async fn lookup(host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
    match names().get(host.trim_end_matches('.')) {
        Some(found) => {
            Ok(found.iter().map(|it| SocketAddr::new(it.parse().unwrap(), port)).collect())
        }
        None => Ok(tokio::net::lookup_host((host, port)).await?.collect()),
    }
}

/// The way out that is guarded, but for some networks.
fn guarded(networks: &[&str]) -> Outbound {
    let networks = networks.iter().map(|it| it.parse().unwrap()).collect();
    let mut outbound = Outbound::new(networks);
    outbound.lookup = Arc::new(|host, port| lookup(host, port).boxed());
    outbound
}

async fn post(outbound: &Outbound, url: &str) -> Result<Answered, NotSent> {
    outbound.post(url, HeaderMap::new(), b"{}".to_vec()).await
}

/// Counts who connects, on this machine's both loopback addresses under one port.
async fn listener() -> (u16, Arc<AtomicUsize>) {
    let four = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = four.local_addr().unwrap().port();
    let connected = Arc::new(AtomicUsize::new(0));
    let six = TcpListener::bind(("::1", port)).await.ok();
    for listener in [Some(four), six].into_iter().flatten() {
        let connected = connected.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connected.fetch_add(1, Ordering::SeqCst);
                drop(stream);
            }
        });
    }
    (port, connected)
}

/// How many of the tricks reach the listener.
async fn reaching(outbound: &Outbound) -> (usize, usize) {
    let (port, connected) = listener().await;
    let (mut reaching, mut answered) = (0, 0);
    for trick in TRICKS {
        let before = connected.load(Ordering::SeqCst);
        answered +=
            usize::from(post(outbound, &trick.replace("{p}", &port.to_string())).await.is_ok());
        reaching += usize::from(connected.load(Ordering::SeqCst) > before);
    }
    (reaching, answered)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_trick_reaches_what_is_inside() {
    assert!(TRICKS.len() >= 60, "{}", TRICKS.len());
    assert_eq!(reaching(&guarded(&[])).await, (0, 0));
}

/// The planted fault: without the guard the same tricks find the same listener.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_guard_the_tricks_reach_it() {
    let mut open = guarded(&["0.0.0.0/0", "::/0"]);
    // Many of them lead nowhere from here, and none is waited for.
    (open.connect_time, open.total_time) = (Duration::from_millis(300), Duration::from_millis(300));
    let (reaching, _) = reaching(&open).await;
    assert!(reaching >= 30, "{reaching}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_known_is_refused_when_an_endpoint_is_made() {
    let test = TestApp::start().await;
    let (port, connected) = listener().await;
    let mut refused = 0;
    for trick in TRICKS {
        let url = trick.replace("{p}", &port.to_string());
        let body = json!({ "url": url, "format": "standard" });
        let answer = test.post("/api/webhooks/endpoints", &test.super_key, &body).await;
        match answer.status {
            // Only names of others have to be resolved first.
            201 => {
                let host = reqwest::Url::parse(&url).unwrap();
                assert!(host.domain().is_some_and(|it| !it.contains("localhost.")), "{url:?}");
            }
            400 => answer.refused(400, "json_nul"),
            _ => {
                answer.refused(422, "webhook_url_refused");
                refused += 1;
            }
        }
    }
    assert!(refused > 100, "{refused}");
    assert_eq!(connected.load(Ordering::SeqCst), 0);
}

/// A host that may be called redirects inside: it is not followed.
#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_inside_is_not_followed() {
    let (port, connected) = listener().await;
    let outbound = guarded(&["127.0.0.2/32"]);
    for status in [301, 302, 303, 307, 308] {
        for target in ["127.0.0.1", "localhost", "[::1]", "inside.example"] {
            let there = format!("location: http://{target}:{port}/\r\n").leak();
            let next = Receiver::start_at("127.0.0.2:0", Act::Answer(status, there)).await;
            let url = format!("http://next.example:{}/", next.address.port());
            let answered = post(&outbound, &url).await.unwrap();
            assert_eq!((answered.status, next.got().len()), (status, 1));
            // The name is told as it was given.
            assert!(next.got()[0].header("host").starts_with("next.example:"));
        }
    }
    assert_eq!(connected.load(Ordering::SeqCst), 0);
}

/// A name that means something else when it is asked again is asked once.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_resolved_once_for_check_and_connection() {
    let (port, connected) = listener().await;
    let next = Receiver::start_at(&format!("127.0.0.2:{port}"), Act::Answer(200, "")).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let mut outbound = guarded(&["127.0.0.2/32"]);
    let counted = asked.clone();
    outbound.lookup = Arc::new(move |_, port| {
        let first = counted.fetch_add(1, Ordering::SeqCst) == 0;
        let address = if first { [127, 0, 0, 2] } else { [127, 0, 0, 1] };
        async move { Ok(vec![SocketAddr::from((address, port))]) }.boxed()
    });
    let url = format!("http://rebinding.example:{port}/");
    assert_eq!(post(&outbound, &url).await.unwrap().status, 200);
    assert_eq!((asked.load(Ordering::SeqCst), next.got().len()), (1, 1));
    // The next attempt asks anew, and is refused.
    assert_eq!(post(&outbound, &url).await, Err(NotSent::Inside));
    assert_eq!(connected.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_answer_four_kibibytes_are_read_and_a_port_in_a_lookup_changes_nothing() {
    let next = Receiver::start_at("127.0.0.2:0", Act::Answer(200, "")).await;
    let mut outbound = guarded(&["127.0.0.2/32"]);
    outbound.lookup =
        Arc::new(|_, _| async { Ok(vec![SocketAddr::from(([127, 0, 0, 2], 9))]) }.boxed());
    let url = format!("http://next.example:{}/", next.address.port());
    assert_eq!(post(&outbound, &url).await.unwrap().text, "ok");
    next.does(Act::Long);
    assert_eq!(post(&outbound, &url).await.unwrap().text.len(), 4096);
}
