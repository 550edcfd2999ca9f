//! HTTP: one filter, one route table, one error type.
//!
//! ```text
//! accept loop (server) ─ request id ─ route (routes) ─ who calls (auth) ─ body ─ handler ─ answer
//! ```
//! A refusal is an answer, never a warp rejection, so what a caller sees does not depend on the
//! order of filters. Nothing here decides anything about money: handlers make commands and read
//! rows.

pub mod answer;
mod auth;
pub mod call;
pub mod checkout;
pub mod conditional;
pub mod contract;
mod documents;
pub mod error;
mod fields;
pub mod forwarded;
pub mod health;
pub mod inbound;
pub mod json;
pub mod ledger;
pub mod limits;
mod minting;
pub mod openapi;
mod outcome;
pub mod panel;
mod past;
pub mod processor;
pub mod reading;
pub mod route;
pub mod routes;
pub mod sandbox;
pub mod security;
pub mod server;
pub mod streamed;
pub mod v1;

use std::{collections::HashMap, convert::Infallible, sync::Arc};

use daybook_events::event::Feature;
use futures_util::Stream;
use warp::{
    Buf, Filter,
    http::{Method, StatusCode, Version},
    path::FullPath,
    reply::Response,
};

use self::{
    answer::Answer,
    call::{Call, Caller},
    conditional::Held,
    error::{ApiError, Dialect},
    limits::{Counted, Rates, Standing},
    route::Route,
    server::{Limits, Peer},
};
use crate::app::App;

/// The one filter: every request there is, answered, however many come.
#[must_use]
pub fn filter(
    app: Arc<App>,
    limits: Limits,
) -> impl Filter<Extract = (Response,), Error = Infallible> + Clone + Send + Sync + 'static {
    filter_within(app, limits, Arc::new(Rates::unlimited()))
}

/// The one filter, within rate limits.
#[must_use]
pub fn filter_within(
    app: Arc<App>,
    limits: Limits,
    rates: Arc<Rates>,
) -> impl Filter<Extract = (Response,), Error = Infallible> + Clone + Send + Sync + 'static {
    let edge = Edge { app, limits, rates };
    let no_query = warp::any().map(String::new);
    warp::method()
        .and(warp::path::full())
        .and(warp::query::raw().or(no_query).unify())
        .and(warp::header::headers_cloned())
        .and(warp::ext::optional::<Peer>())
        .and(warp::ext::optional::<Version>())
        .and(warp::body::stream())
        .then(
            move |method,
                  path: FullPath,
                  query: String,
                  headers,
                  peer: Option<Peer>,
                  version,
                  body| {
                let edge = edge.clone();
                let mut call = Call::new(method, path.as_str(), headers);
                let client = |Peer(address): Peer| edge.rates.client(address.ip(), &call.headers);
                call.peer = peer.map(client);
                let is_old = version == Some(Version::HTTP_10);
                async move { answer(edge, call, &query, body, is_old).await }
            },
        )
        // Nothing above rejects; should it ever, it is a refusal like every other.
        .recover(|_| async {
            let refusal = Answer::refusal(&ApiError::not_found(), Dialect::Ledger, "");
            Ok::<_, Infallible>(refusal.into_response("", false))
        })
        .unify()
}

/// What every request meets.
#[derive(Debug, Clone)]
struct Edge {
    app: Arc<App>,
    limits: Limits,
    rates: Arc<Rates>,
}

/// Answers one request, and logs it; `is_old` where it is of HTTP/1.0.
async fn answer(
    edge: Edge,
    call: Call,
    query: &str,
    body: impl Stream<Item = Result<impl Buf, warp::Error>> + Send,
    is_old: bool,
) -> Response {
    let started = std::time::Instant::now();
    let (request_id, method) = (call.request_id.clone(), call.method.clone());
    let (path, held) = (call.path.clone(), Held::of(&call.method, &call.headers));
    let by_https = edge.app.face.public_url.starts_with("https://");
    let dialect = Dialect::of_path(&path);
    let (standing, handled) = handle(edge, call, query, body).await;
    let mut answer = match handled {
        Ok(answer) if is_old && answer.may_break_unseen() => {
            let text = "HTTP/1.0 cannot tell a part of this answer from the whole: ask by HTTP/1.1; \
                        where you do, a proxy in front of the server asks by HTTP/1.0";
            let error = ApiError::new("http_version_unsupported", text);
            Answer::refusal(&error, dialect, &request_id)
        }
        Ok(answer) => answer,
        Err(error) => Answer::refusal(&error, dialect, &request_id),
    };
    if dialect == Dialect::V1
        && let Some(standing) = standing
    {
        answer = standing.told(answer);
    }
    let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let status = answer.status().as_u16();
    let path = unpasted(&path);
    tracing::info!(request_id, %method, path, status, duration_ms, "answered");
    answer.for_reader(&held).into_response(&request_id, by_https)
}

/// A path for the log: a key or a token that somebody pasted into it stays out.
fn unpasted(path: &str) -> String {
    let part = |part: &str| match part.get(..4) {
        Some(kind @ ("dbk_" | "dbs_")) => format!("{kind}…"),
        Some(_) | None => part.to_owned(),
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// What a request brings, and how its caller stands with the rate limits.
async fn handle(
    edge: Edge,
    mut call: Call,
    query: &str,
    body: impl Stream<Item = Result<impl Buf, warp::Error>> + Send,
) -> (Option<Standing>, Result<Answer, ApiError>) {
    let found = find(&call.method, &call.path);
    let route = found.as_ref().ok().map(|(route, _)| *route);
    let known = auth::fingerprint(&call, &edge.app.face);
    let barred = edge.rates.barred(route, known.as_deref());
    // A guess is counted before anybody looks whether it is right: a flood of them costs nobody a
    // turn at the database.
    let guesses = known.as_deref().is_some_and(|hash| !edge.app.gate.knows(hash));
    let guessed = guesses.then(|| edge.rates.count(route, &Counted::Address(call.peer))).flatten();
    let barred = barred.or_else(|| guessed.filter(|standing| standing.wait.is_some()));
    let caller = match route.filter(|_| barred.is_none()) {
        Some(route) => auth::caller(&edge.app, &call, route).await,
        None => Ok(None),
    };
    // Whoever is counted out learns nothing more, not even whether a guessed key works.
    let counted = || match (counted(&call, &caller, known), guessed) {
        (Counted::Address(_), Some(guessed)) => Some(guessed),
        (who, _) => edge.rates.count(route, &who),
    };
    let standing = barred.or_else(counted);
    let handled = async {
        standing.map_or(Ok(()), Standing::check)?;
        if call.method == Method::OPTIONS {
            return options(&call.path);
        }
        let (route, captures) = found?;
        call.captures = captures;
        call.query = fields(query)?;
        call.caller = caller?;
        if call.caller.is_some() {
            edge.rates.count_order(route, call.account_if_any().ok().flatten())?;
        }
        work(edge, route, call, body).await
    };
    let handled = handled.await;
    (standing, handled)
}

/// Whom a request counts against: the credential that works, even where it may not do this.
fn counted(
    call: &Call,
    caller: &Result<Option<Caller>, ApiError>,
    presented: Option<String>,
) -> Counted {
    let works = match caller {
        Ok(caller) => caller.is_some(),
        Err(refusal) => refusal.status == StatusCode::FORBIDDEN,
    };
    match presented.filter(|_| works) {
        Some(credential) => Counted::Credential(credential),
        None => Counted::Address(call.peer),
    }
}

/// What the handler makes of a request that is let in.
async fn work(
    edge: Edge,
    route: &'static Route,
    mut call: Call,
    body: impl Stream<Item = Result<impl Buf, warp::Error>> + Send,
) -> Result<Answer, ApiError> {
    let Edge { app, limits, .. } = edge;
    open(&app, route, &call).await?;
    known(&call.query, route)?;
    call.body = server::read_body(body, limits.body_bytes, limits.body_time).await?;
    // On a task of its own: a panic in a handler is an answer, and a caller who hangs up does not
    // cut a command in half.
    let running = tokio::spawn((route.handler)(app, call));
    running.await.unwrap_or_else(|failed| Err(ApiError::internal(&failed)))
}

/// The `billing` feature closes the panel dialect and nothing else; its own switch stays open. Who
/// has no key hears that first.
async fn open(app: &App, route: &Route, call: &Call) -> Result<(), ApiError> {
    if route.dialect != Dialect::Panel || route.path.starts_with(panel::features::PATH) {
        return Ok(());
    }
    // Who was let in has just had the log looked at.
    let present = match &call.caller {
        Some(_) => app.gate.met(),
        None => app.gate.present().await?,
    };
    match present.world.book.has(Feature::Billing) {
        true => Ok(()),
        false => Err(ApiError::feature_disabled("billing")),
    }
}

/// The route of a method and a path.
fn find(method: &Method, path: &str) -> Result<(&'static Route, Vec<String>), ApiError> {
    let wanted = if method == Method::HEAD { &Method::GET } else { method };
    let fits = |route: &'static Route| Some((route, captures(route.path, path)?));
    let fitting: Vec<_> = routes::ROUTES.iter().filter_map(fits).collect();
    // `…/me` fits the pattern of `…/{id}` as well, and is an address of its own.
    let closest = fitting.iter().map(|(_, captures)| captures.len()).min();
    let mut allowed = Vec::new();
    for (route, captures) in fitting {
        if Some(captures.len()) != closest {
            continue;
        }
        if route.method() == *wanted {
            return Ok((route, captures));
        }
        allowed.push(route.verb);
        if route.method() == Method::GET {
            allowed.push("HEAD");
        }
    }
    if allowed.is_empty() {
        return Err(ApiError::not_found());
    }
    allowed.push("OPTIONS");
    allowed.sort_unstable();
    Err(ApiError::method_not_allowed(&allowed))
}

/// The answer to OPTIONS: which methods an address takes. No other origin is let in by it.
fn options(path: &str) -> Result<Answer, ApiError> {
    // No route takes OPTIONS, so what is found is a refusal that names those that it does take.
    let Err(refusal) = find(&Method::OPTIONS, path) else { return Err(ApiError::not_found()) };
    let Some(allow) = refusal.allow else { return Err(refusal) };
    Ok(Answer::empty().with("allow", allow))
}

/// What a pattern's `{…}` stand for in a path, if it fits.
fn captures(pattern: &str, path: &str) -> Option<Vec<String>> {
    let mut captures = Vec::new();
    let (mut pattern, mut path) = (pattern.split('/'), path.split('/'));
    loop {
        match (pattern.next(), path.next()) {
            (None, None) => return Some(captures),
            (Some(wanted), Some(part)) if wanted.starts_with('{') && !part.is_empty() => {
                captures.push(part.to_owned());
            }
            (Some(wanted), Some(part)) if wanted == part => {}
            (Some(_) | None, Some(_) | None) => return None,
        }
    }
}

/// The fields of a query, each at most once.
fn fields(query: &str) -> Result<HashMap<String, String>, ApiError> {
    let mut fields = HashMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let shown: String = name.chars().take(40).collect();
        if value.contains('\0') {
            let text = format!("`{shown}` holds a NUL character in the query");
            return Err(ApiError::new("invalid_request", text));
        }
        if fields.insert(name.into_owned(), value.into_owned()).is_some() {
            let text = format!("`{shown}` comes twice in the query");
            return Err(ApiError::new("invalid_request", text));
        }
    }
    Ok(fields)
}

/// A query holds no field that its route does not ask: one that was misspelt would do nothing.
fn known(query: &HashMap<String, String>, route: &Route) -> Result<(), ApiError> {
    let asked = || route.asks.iter().copied().flatten().map(|param| param.name);
    for name in query.keys() {
        if !asked().any(|asked| asked == name) {
            let shown: String = name.chars().take(40).collect();
            let takes: Vec<_> = asked().map(|name| format!("`{name}`")).collect();
            let takes = if takes.is_empty() { "none".to_owned() } else { takes.join(", ") };
            let text = format!("the query has a field `{shown}`; this address takes {takes}");
            return Err(ApiError::new("query_field_unknown", text));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_a_path_of_its_own_form_only() {
        let fit = |path| captures("/api/billing/subscription/{id}", path);
        assert_eq!(fit("/api/billing/subscription/sub_1"), Some(vec!["sub_1".to_owned()]));
        for path in ["/api/billing/subscription/", "/api/billing/subscription", "/", "", "//"] {
            assert_eq!(fit(path), None, "{path}");
        }
        assert_eq!(fit("/api/billing/subscription/a/b"), None);
    }

    #[test]
    fn a_method_that_an_address_does_not_take_is_told_from_an_address_that_is_not_there() {
        let code = |method, path| find(&method, path).map(|_| ()).unwrap_err().code;
        assert_eq!(code(Method::DELETE, "/api/billing/checkout"), "method_not_allowed");
        assert_eq!(code(Method::GET, "/api/nothing"), "not_found");
        assert_eq!(code(Method::PATCH, "/api/billing/subscription/me"), "method_not_allowed");
        assert!(find(&Method::PATCH, "/api/billing/subscription/sub_1").is_ok());
        assert!(find(&Method::HEAD, "/healthz").is_ok());
        assert_eq!(options("/api/nothing").unwrap_err().code, "not_found");
        assert_eq!(options("/healthz").unwrap().status().as_u16(), 204);
    }

    #[test]
    fn a_key_in_an_address_stays_out_of_the_log() {
        assert_eq!(unpasted("/api/keys/dbk_abc/revoke"), "/api/keys/dbk_…/revoke");
        assert_eq!(unpasted("/api/keys/key_1"), "/api/keys/key_1");
    }

    #[test]
    fn a_field_that_comes_twice_is_refused() {
        assert!(fields("a=1&a=2").is_err());
        assert_eq!(fields("a=1&b=%20x").unwrap()["b"], " x");
    }
}
