//! The socket: one request, one answer, unless a fault is planned.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use futures_util::stream;
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::{
    Request, Response,
    body::{Bytes, Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use super::shapes::Refusal;
use super::{Fault, Inside, KEY, Seen, books::INVOICES, books::ORDERS, books::SUBSCRIPTIONS};

const JSON_API: &str = "application/vnd.api+json";

type Body = BoxBody<Bytes, Infallible>;

/// The connection closes without an answer.
#[derive(Debug, thiserror::Error)]
#[error("no answer")]
struct NoAnswer;

/// Serves on a port of its own: the address of the API.
pub(super) async fn serve(inside: Arc<Mutex<Inside>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(connection(stream, inside.clone()));
        }
    });
    url
}

async fn connection(stream: TcpStream, inside: Arc<Mutex<Inside>>) {
    let service = service_fn(move |request| answer(request, inside.clone()));
    // A fault ends the connection with an error, as it is meant to.
    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
}

/// An answer that is decided on, before faults.
type Decided = (u16, Value);

async fn answer(
    request: Request<Incoming>,
    inside: Arc<Mutex<Inside>>,
) -> Result<Response<Body>, NoAnswer> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| NoAnswer)?.to_bytes();
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let (method, path) = (parts.method.as_str(), parts.uri.path().trim_start_matches("/v1/"));
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let problem = if header("authorization") != Some(&format!("Bearer {KEY}")) {
        Some((401, json!({ "message": "Unauthenticated." })))
    } else if header("accept") != Some(JSON_API) {
        Some((406, json!({ "message": "Not Acceptable." })))
    } else if !body.is_empty() && header("content-type") != Some(JSON_API) {
        Some((415, json!({ "message": "Unsupported Media Type." })))
    } else {
        None
    };
    if let Some((status, body)) = problem {
        return Ok(whole(status, &body.to_string()));
    }
    let json: Value = serde_json::from_slice(&body).unwrap_or_default();
    let (fault, decided) = {
        let mut inside = inside.lock().unwrap();
        let seen = Seen {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.clone(),
            body: json.clone(),
        };
        inside.seen.push(seen);
        let fault = inside.fault(method, path);
        let acts = !matches!(
            fault,
            Some(Fault::Undone | Fault::Error | Fault::Busy(_) | Fault::Refused(_))
        );
        let decided =
            if acts { decide(&mut inside, method, path, &query, &json) } else { (0, json) };
        (fault, decided)
    };
    faulty(fault, decided, &inside).await
}

fn decide(inside: &mut Inside, method: &str, path: &str, query: &str, body: &Value) -> Decided {
    let parts: Vec<_> = path.split('/').collect();
    let books = &mut inside.books;
    let done = match (method, parts.as_slice()) {
        ("POST", ["checkouts"]) => books.check_out(body).map(|it| (201, it)),
        ("POST", [kind @ (ORDERS | INVOICES), id, "refund"]) => {
            books.refund(kind, id, body).map(|it| (200, it))
        }
        ("GET", [kind @ (ORDERS | INVOICES | SUBSCRIPTIONS)]) => {
            return (200, list(inside, kind, query));
        }
        ("GET", [kind, id]) => books.read(kind, id).map(|it| (200, it)),
        ("PATCH", [SUBSCRIPTIONS, id]) => books.set(id, body).map(|it| (200, it)),
        ("DELETE", [SUBSCRIPTIONS, id]) => books.cancel(id).map(|it| (200, it)),
        _ => Err(Refusal::new(404, "The route does not exist.")),
    };
    match done {
        Ok((status, data)) => (status, json!({ "jsonapi": { "version": "1.0" }, "data": data })),
        Err(refusal) => (refusal.status, refusal.body(inside.refuses_in)),
    }
}

fn list(inside: &Inside, kind: &str, query: &str) -> Value {
    let asked: Vec<(String, String)> =
        form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let of = |name: &str| asked.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str());
    let number: usize = of("page[number]").map_or(1, |it| it.parse().unwrap());
    let size: usize = of("page[size]").map_or(10, |it| it.parse().unwrap());
    let (data, pages) = inside.books.page(kind, number, size.min(100));
    let data = if of("filter[store_id]") == Some("1") { data } else { Vec::new() };
    json!({
        "meta": { "page": { "currentPage": number, "from": 1, "lastPage": pages,
            "perPage": size, "to": data.len(), "total": data.len() } },
        "jsonapi": { "version": "1.0" }, "links": {}, "data": data,
    })
}

async fn faulty(
    fault: Option<Fault>,
    (status, body): Decided,
    inside: &Arc<Mutex<Inside>>,
) -> Result<Response<Body>, NoAnswer> {
    let text = body.to_string();
    match fault {
        None => Ok(whole(status, &text)),
        Some(Fault::DoneUnanswered | Fault::Undone) => Err(NoAnswer),
        Some(Fault::DoneBadGateway) => Ok(whole(502, "<html>Bad Gateway</html>")),
        Some(Fault::Error) => Ok(whole(500, "{\"message\":\"Server Error\"}")),
        Some(Fault::Busy(after)) => {
            let mut answer = whole(429, "{\"message\":\"Too Many Attempts.\"}");
            let headers = answer.headers_mut();
            headers.insert("x-ratelimit-limit", 300.into());
            headers.insert("x-ratelimit-remaining", 0.into());
            if let Some(after) = after {
                headers.insert("retry-after", after.into());
            }
            Ok(answer)
        }
        Some(Fault::Truncated) => Ok(whole(status, &text[..text.len() / 2])),
        Some(Fault::Slow) => Ok(byte_by_byte(status, text.into_bytes())),
        Some(Fault::Hangs) => std::future::pending().await,
        Some(Fault::Refused(status)) => {
            let shape = inside.lock().unwrap().refuses_in;
            let refusal = Refusal::new(status, "The request is refused.");
            Ok(whole(status, &refusal.body(shape).to_string()))
        }
    }
}

fn response(status: u16, body: Body) -> Response<Body> {
    let builder = Response::builder().status(status).header("content-type", JSON_API);
    builder.body(body).unwrap()
}

fn whole(status: u16, text: &str) -> Response<Body> {
    response(status, Full::new(Bytes::copy_from_slice(text.as_bytes())).boxed())
}

fn byte_by_byte(status: u16, bytes: Vec<u8>) -> Response<Body> {
    let frames = stream::unfold(bytes.into_iter(), |mut bytes| async move {
        tokio::task::yield_now().await;
        let frame = Frame::data(Bytes::copy_from_slice(&[bytes.next()?]));
        Some((Ok::<_, Infallible>(frame), bytes))
    });
    response(status, BodyExt::boxed(StreamBody::new(frames)))
}
