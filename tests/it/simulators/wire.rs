//! What every simulator stands on: a server on a port of its own, faults by plan, and messages that
//! are sent in whatever order and state.
//!
//! Faults are planned one by one, or drawn from a seed: the same seed brings the same faults.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
};

use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::HeaderMap,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use tokio::{net::TcpListener, task::JoinHandle};

/// A request, as it came.
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The request in a line, as plans name it.
    fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// An answer.
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

impl Said {
    pub(crate) fn json(status: u16, body: &serde_json::Value) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        Self { status, headers, body: body.to_string() }
    }
}

/// What a simulator does.
pub(crate) trait Simulated: Send + Sync + 'static {
    /// Acts, and answers.
    fn answer(&self, asked: &Asked) -> Said;
}

/// What goes wrong with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is not acted upon: 503.
    Broken,
    /// It is not acted upon: 429 with `Retry-After: 0`.
    Busy,
    /// It is not acted upon: 429 that asks to wait for long.
    BusyForLong,
    /// It is acted upon, and nobody hears of it.
    Silent,
    /// It is acted upon, and then answered 502, as a gateway does.
    BrokenAfter,
    /// It is acted upon, and half of the answer comes.
    Truncated,
}

impl Fault {
    /// Every fault there is.
    pub(crate) const ALL: [Self; 6] = [
        Self::Broken,
        Self::Busy,
        Self::BusyForLong,
        Self::Silent,
        Self::BrokenAfter,
        Self::Truncated,
    ];
}

/// The faults to come.
pub(crate) struct Faults {
    planned: Mutex<VecDeque<(String, Fault)>>,
    drawn: Mutex<Option<(ChaCha8Rng, u32)>>,
    seen: Mutex<Vec<String>>,
}

impl Faults {
    fn new() -> Self {
        let (planned, drawn, seen) = Default::default();
        Self { planned, drawn, seen }
    }

    /// Plans a fault for the next request that begins so, such as `POST /orders`.
    pub(crate) fn next(&self, begins: &str, fault: Fault) {
        self.planned.lock().unwrap().push_back((begins.to_owned(), fault));
    }

    /// Plans a fault for each of the next requests that begin so.
    pub(crate) fn next_times(&self, times: usize, begins: &str, fault: Fault) {
        (0..times).for_each(|_| self.next(begins, fault));
    }

    /// From now on so many of a hundred requests fail, by a seed; 0 ends it, and every plan.
    pub(crate) fn draw(&self, seed: u64, percent: u32) {
        self.planned.lock().unwrap().clear();
        let drawn = (percent > 0).then(|| (ChaCha8Rng::seed_from_u64(seed), percent));
        *self.drawn.lock().unwrap() = drawn;
    }

    /// Every request so far, in a line each.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    fn of(&self, asked: &Asked) -> Option<Fault> {
        let line = asked.line();
        self.seen.lock().unwrap().push(line.clone());
        let mut planned = self.planned.lock().unwrap();
        if let Some(nth) = planned.iter().position(|(begins, _)| line.starts_with(begins)) {
            return planned.remove(nth).map(|(_, fault)| fault);
        }
        let mut drawn = self.drawn.lock().unwrap();
        let (rng, percent) = drawn.as_mut()?;
        let fails = rng.random_range(0..100) < *percent;
        fails.then(|| Fault::ALL[rng.random_range(0..Fault::ALL.len())])
    }
}

/// A simulator that is served until it is dropped.
pub(crate) struct Wire {
    pub(crate) url: String,
    pub(crate) faults: Arc<Faults>,
    serving: JoinHandle<()>,
}

impl Wire {
    pub(crate) async fn serve(simulated: Arc<impl Simulated>) -> Self {
        // Tests that ask it directly have a client of their own, which asks for one.
        drop(rustls::crypto::ring::default_provider().install_default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let faults = Arc::new(Faults::new());
        let known = faults.clone();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (simulated, faults) = (simulated.clone(), known.clone());
                let service = service_fn(move |request| {
                    let (simulated, faults) = (simulated.clone(), faults.clone());
                    async move { respond(&*simulated, &faults, request).await }
                });
                let io = TokioIo::new(stream);
                tokio::spawn(http1::Builder::new().serve_connection(io, service));
            }
        });
        Self { url, faults, serving }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The connection ends without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is closed")]
struct Closed;

async fn respond(
    simulated: &impl Simulated,
    faults: &Faults,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Closed> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Closed)?.to_bytes().to_vec();
    let query = head.uri.query().unwrap_or_default();
    let asked = Asked {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        headers: head.headers,
        body,
    };
    let fault = faults.of(&asked);
    let refused = |status, headers| Said { status, headers, body: "<html>".to_owned() };
    let said = match fault {
        Some(Fault::Broken) => return Ok(response(refused(503, Vec::new()))),
        Some(Fault::Busy) => return Ok(response(refused(429, vec![("retry-after", "0".into())]))),
        Some(Fault::BusyForLong) => {
            return Ok(response(refused(429, vec![("retry-after", "3600".into())])));
        }
        Some(Fault::Silent | Fault::BrokenAfter | Fault::Truncated) | None => {
            simulated.answer(&asked)
        }
    };
    match fault {
        Some(Fault::Silent) => Err(Closed),
        Some(Fault::BrokenAfter) => Ok(response(refused(502, Vec::new()))),
        Some(Fault::Truncated) => {
            let half = said.body.len() / 2;
            Ok(response(Said { body: said.body[..half].to_owned(), ..said }))
        }
        _answered => Ok(response(said)),
    }
}

fn response(said: Said) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(said.body)));
    *response.status_mut() = StatusCode::from_u16(said.status).unwrap();
    for (name, value) in said.headers {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}

/// A message that a processor sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// With a byte of its body changed, as no processor has signed it.
    pub(crate) fn with_a_byte_changed(mut self) -> Self {
        let nth = self.body.len() / 2;
        self.body[nth] ^= 1;
        self
    }

    /// As a program in between would write the same JSON, which no processor has signed either.
    pub(crate) fn written_anew(mut self) -> Self {
        let value: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        self.body = serde_json::to_vec_pretty(&value).unwrap();
        self
    }

    /// The headers as HTTP has them.
    pub(crate) fn header_map(&self) -> HeaderMap {
        let header = |(name, value): &(&'static str, String)| {
            (name.parse().unwrap(), value.parse().unwrap())
        };
        self.headers.iter().map(header).collect()
    }

    /// Sends it: the status that it is answered with.
    pub(crate) async fn send(&self, client: &reqwest::Client, url: &str) -> u16 {
        let request = client.post(url).headers(self.header_map()).body(self.body.clone());
        request.send().await.unwrap().status().as_u16()
    }
}

/// Messages as often as told, in an order that a seed decides.
pub(crate) fn shuffled(messages: &[Message], times: usize, seed: u64) -> Vec<Message> {
    let mut all: Vec<_> = messages.iter().flat_map(|it| vec![it.clone(); times]).collect();
    all.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    all
}
