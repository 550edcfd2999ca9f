//! A receiver on a real socket, which does as it is told with each request.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use daybook::webhooks::{Sender, target::Outbound};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

use crate::harness::TestApp;

/// What a receiver does with a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Act {
    /// Answers with a status and header lines.
    Answer(u16, &'static str),
    /// Takes the request and says nothing.
    Hang,
    /// Takes the request and resets the connection.
    Reset,
    /// Says something that is no HTTP.
    Babble,
    /// Answers at length.
    Long,
}

/// What came.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(crate) fn position(&self, name: &str) -> i64 {
        self.header(name).parse().unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    act: Arc<Mutex<Act>>,
    got: Arc<watch::Sender<Vec<Received>>>,
}

impl Receiver {
    pub(crate) async fn start(act: Act) -> Self {
        Self::start_at("127.0.0.1:0", act).await
    }

    pub(crate) async fn start_at(address: &str, act: Act) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let this = Self {
            address: listener.local_addr().unwrap(),
            act: Arc::new(Mutex::new(act)),
            got: Arc::new(watch::channel(Vec::new()).0),
        };
        let own = this.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let own = own.clone();
                tokio::spawn(async move { own.serve(stream).await });
            }
        });
        this
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub(crate) fn does(&self, act: Act) {
        *self.act.lock().unwrap() = act;
    }

    pub(crate) fn got(&self) -> Vec<Received> {
        self.got.borrow().clone()
    }

    /// Waits, bounded, until what came is as it should be.
    pub(crate) async fn waits_for(&self, enough: impl FnMut(&Vec<Received>) -> bool) {
        let mut got = self.got.subscribe();
        let waited = tokio::time::timeout(Duration::from_secs(60), got.wait_for(enough)).await;
        waited.expect("what was waited for comes").unwrap();
    }

    async fn serve(&self, mut stream: TcpStream) {
        let Some(received) = read(&mut stream).await else { return };
        let act = self.act.lock().unwrap().clone();
        self.got.send_modify(|got| got.push(received));
        match act {
            Act::Answer(status, headers) => {
                let head = format!("HTTP/1.1 {status} x\r\n{headers}content-length: 2\r\n\r\nok");
                let _ = stream.write_all(head.as_bytes()).await;
            }
            Act::Hang => {
                // Until the other side gives up.
                let _ = stream.read(&mut [0; 1]).await;
            }
            Act::Reset => {
                let _ = stream.set_zero_linger();
            }
            Act::Long => {
                let _ =
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n").await;
                let _ = stream.write_all(&vec![b'x'; 100_000]).await;
            }
            Act::Babble => {
                let _ = stream.write_all(b"\0\0\0 what?\r\n\r\n").await;
            }
        }
    }
}

/// One request.
async fn read(stream: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let headers = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    let headers: HashMap<_, _> =
        headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    let length: usize = headers.get("content-length").map_or(0, |it| it.parse().unwrap());
    while bytes.len() < end + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some(Received { headers, body: bytes[end..].to_vec() })
}

/// The way out to receivers on this machine, with little patience.
pub(crate) fn outbound() -> Outbound {
    let mut outbound = Outbound::new(vec!["127.0.0.0/8".parse().unwrap()]);
    outbound.total_time = Duration::from_millis(500);
    outbound
}

/// A ledger that sends to receivers on this machine.
pub(crate) async fn start() -> TestApp {
    TestApp::start_sending(outbound()).await
}

/// Has a receiver's endpoint made, by some key.
pub(crate) async fn endpoint(test: &TestApp, key: &str, url: &str, format: &str) -> Value {
    let body = json!({ "url": url, "format": format });
    test.post("/api/webhooks/endpoints", key, &body).await.ok()
}

/// Sends everything that is due now.
pub(crate) async fn round(test: &TestApp) {
    Sender::new(test.app.clone()).round().await.unwrap();
}

/// The deliveries of an endpoint.
pub(crate) async fn deliveries(test: &TestApp, endpoint: &Value) -> Vec<Value> {
    let id = endpoint["endpoint_id"].as_str().unwrap();
    let path = format!("/api/webhooks/endpoints/{id}/deliveries?limit=200");
    test.get(&path, &test.super_key).await.ok()["data"].as_array().unwrap().clone()
}
