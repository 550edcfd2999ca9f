//! Asking a processor over HTTP: bounded in time, tried again where that is safe, and honest about
//! what is not known.
//!
//! An answer that did not come says nothing about what was done: it is [`Unanswered::Unknown`], and
//! whoever asked looks before asking again.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rand::RngExt;
use reqwest::{
    Method, StatusCode,
    header::{HeaderMap, RETRY_AFTER},
};
use serde_json::Value;
use thiserror::Error;
use tokio::time::sleep;

/// How long one try may take, all in all.
const TRY_TIME: Duration = Duration::from_secs(10);
/// How long connecting may take.
const CONNECT_TIME: Duration = Duration::from_secs(3);
/// The longest answer that is read.
const ANSWER_MAX: usize = 1024 * 1024;
/// How many tries a question has.
const TRIES: u32 = 4;
/// The pause before the second try; each later one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause that a processor's `Retry-After` can ask for within one question.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Why a question has no good answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unanswered {
    /// The processor said no: asking again changes nothing.
    #[error("the processor refused ({status}): {text}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Its reason, in its words.
        text: String,
    },
    /// The processor wants to be asked less often; nothing was done.
    #[error("the processor wants to be asked again later")]
    Busy,
    /// It could not be reached; nothing was done.
    #[error("the processor cannot be reached")]
    Unreachable,
    /// It may have done what it was asked, or not.
    #[error("the processor did not answer, so what it did is not known")]
    Unknown,
}

impl Unanswered {
    /// Whether it says no to the thing itself, so that asking again would change nothing. An id that
    /// is not there may be of another account, by another key.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Refused { status: 400 | 409 | 422, .. })
    }

    /// What a processor says to a question about subscriptions where it runs none.
    #[must_use]
    pub fn runs_none() -> Self {
        let text = "this processor runs no subscriptions".to_owned();
        Self::Refused { status: 404, text }
    }
}

/// One question.
#[derive(Debug, Clone)]
pub struct Question {
    /// The method.
    pub method: Method,
    /// The path under the base address.
    pub path: String,
    /// The query's fields.
    pub query: Vec<(&'static str, String)>,
    /// The body, where it has one.
    pub body: Option<Value>,
    /// Headers besides those of every question.
    pub headers: HeaderMap,
    /// Whether asking twice has the effect of asking once: only then is an unknown outcome tried
    /// again.
    pub repeatable: bool,
}

impl Question {
    /// A question that changes nothing.
    #[must_use]
    pub fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            query: Vec::new(),
            body: None,
            headers: HeaderMap::new(),
            repeatable: true,
        }
    }

    /// A question that sets what is there to what is sent: asking twice changes nothing more.
    #[must_use]
    pub fn patch(path: impl Into<String>, body: Value) -> Self {
        Self { method: Method::PATCH, body: Some(body), ..Self::get(path) }
    }

    /// A question that takes something away: asking twice changes nothing more.
    #[must_use]
    pub fn delete(path: impl Into<String>) -> Self {
        Self { method: Method::DELETE, ..Self::get(path) }
    }

    /// A question that changes something.
    #[must_use]
    pub fn post(path: impl Into<String>, body: Value) -> Self {
        let mut question = Self::get(path);
        question.method = Method::POST;
        question.body = Some(body);
        question.repeatable = false;
        question
    }
}

/// A processor's API.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    headers: HeaderMap,
    reason: fn(&str) -> Option<String>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Its headers hold the credentials.
        f.debug_struct("Client").field("base", &self.base).finish_non_exhaustive()
    }
}

impl Client {
    /// A client of the API under an address, with headers that every question carries.
    ///
    /// # Errors
    /// A machine without sockets or randomness.
    pub fn new(base: &str, headers: HeaderMap) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls())
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT_TIME)
            .timeout(TRY_TIME)
            .build()?;
        let base = base.trim_end_matches('/').to_owned();
        Ok(Self { http, base, headers, reason: |_| None })
    }

    /// Reads the reason of a refusal out of its body in this way; where it finds none, the reason
    /// is the body as it is.
    #[must_use]
    pub fn reading_refusals(self, reason: fn(&str) -> Option<String>) -> Self {
        Self { reason, ..self }
    }

    /// Asks, and tries again where that is safe and may help.
    ///
    /// # Errors
    /// Why there is no good answer.
    pub async fn ask(&self, question: &Question) -> Result<Value, Unanswered> {
        let mut pause = FIRST_PAUSE;
        let mut tried = 1;
        loop {
            let (problem, wanted) = match self.try_once(question).await {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            let may_help = match problem {
                Unanswered::Refused { .. } => false,
                Unanswered::Busy | Unanswered::Unreachable => true,
                Unanswered::Unknown => question.repeatable,
            };
            if !may_help || tried == TRIES || wanted.is_some_and(|wanted| wanted > LONGEST_PAUSE) {
                return Err(problem);
            }
            tried += 1;
            sleep(wanted.unwrap_or_else(|| jittered(pause))).await;
            pause = pause.saturating_mul(2);
        }
    }

    async fn try_once(&self, question: &Question) -> Result<Value, (Unanswered, Option<Duration>)> {
        let url = format!("{}{}", self.base, question.path);
        let mut request = self.http.request(question.method.clone(), url);
        request = request.headers(self.headers.clone()).headers(question.headers.clone());
        request = request.query(&question.query);
        if let Some(body) = &question.body {
            request = request.body(body.to_string());
        }
        let response = request.send().await.map_err(|error| {
            let unreached = error.is_connect() || error.is_builder();
            (if unreached { Unanswered::Unreachable } else { Unanswered::Unknown }, None)
        })?;
        let (status, wanted) = (response.status(), pause_wanted(response.headers()));
        let text = read(response).await.map_err(|()| (Unanswered::Unknown, None))?;
        judge(status, &text, self.reason).map_err(|problem| (problem, wanted))
    }
}

/// What a status and a body amount to.
fn judge(
    status: StatusCode,
    text: &str,
    reason: fn(&str) -> Option<String>,
) -> Result<Value, Unanswered> {
    match status {
        status if status.is_success() => {
            // Something was done, and what it was cannot be read.
            serde_json::from_str(text).map_err(|_| Unanswered::Unknown)
        }
        StatusCode::TOO_MANY_REQUESTS => Err(Unanswered::Busy),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY => Err(Unanswered::Unknown),
        // The key is refused, not the question: it is due again when the key is in order.
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            tracing::error!(%status, "a processor does not let this ledger in: look at its key");
            Err(Unanswered::Unreachable)
        }
        status if status.is_client_error() => {
            let text = reason(text).unwrap_or_else(|| text.to_owned());
            let text = text.chars().take(300).collect();
            Err(Unanswered::Refused { status: status.as_u16(), text })
        }
        _fault_or_redirect => Err(Unanswered::Unknown),
    }
}

async fn read(mut response: reqwest::Response) -> Result<String, ()> {
    let mut bytes = Vec::new();
    while let Some(part) = response.chunk().await.map_err(drop)? {
        if bytes.len() + part.len() > ANSWER_MAX {
            return Err(());
        }
        bytes.extend_from_slice(&part);
    }
    String::from_utf8(bytes).map_err(drop)
}

/// The pause that an answer asks for: `Retry-After` in seconds, else until the second of
/// `X-Ratelimit-Reset` where nothing remains.
fn pause_wanted(headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    if let Some(seconds) = number(RETRY_AFTER.as_str()) {
        return Some(Duration::from_secs(seconds));
    }
    let used_up = number("x-ratelimit-remaining") == Some(0);
    let reset = number("x-ratelimit-reset").filter(|_| used_up)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    Some(Duration::from_secs(reset).saturating_sub(now))
}

/// Between half of a pause and the whole of it, so that callers do not come back together.
fn jittered(pause: Duration) -> Duration {
    let most = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(rand::rng().random_range(most / 2..=most))
}

/// TLS as every client of this program speaks it: the web's roots, ring's cryptography.
pub(crate) fn tls() -> rustls::ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has the default protocol versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refusal_is_final_and_only_busy_and_unreached_are_harmless() {
        let said =
            |status: u16, text: &str| judge(StatusCode::from_u16(status).unwrap(), text, |_| None);
        assert_eq!(said(200, "{\"id\":1}"), Ok(serde_json::json!({ "id": 1 })));
        assert_eq!(said(201, "<html>"), Err(Unanswered::Unknown));
        assert_eq!(said(302, ""), Err(Unanswered::Unknown));
        assert_eq!(said(429, "slow down"), Err(Unanswered::Busy));
        assert_eq!(said(500, "{}"), Err(Unanswered::Unknown));
        let refused = Unanswered::Refused { status: 400, text: "no".to_owned() };
        assert_eq!(said(400, "no"), Err(refused));
    }

    #[test]
    fn the_pause_that_an_answer_asks_for_is_honoured() {
        let wanted = |pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, value.parse().unwrap());
            }
            pause_wanted(&headers)
        };
        assert_eq!(wanted(&[("retry-after", "7")]), Some(Duration::from_secs(7)));
        assert_eq!(wanted(&[("retry-after", "soon")]), None);
        let far = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "99999999999")];
        assert!(wanted(&far).unwrap() > LONGEST_PAUSE);
        let past = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1")];
        assert_eq!(wanted(&past), Some(Duration::ZERO));
        assert_eq!(wanted(&[("x-ratelimit-remaining", "3"), ("x-ratelimit-reset", "1")]), None);
    }

    #[test]
    fn a_client_shows_no_credentials() {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", "Basic hush".parse().unwrap());
        let client = Client::new("https://processor.example/v1/", headers).unwrap();
        assert!(!format!("{client:?}").contains("hush"));
    }

    #[test]
    fn a_jittered_pause_lies_between_its_half_and_its_whole() {
        for _ in 0..100 {
            let pause = jittered(Duration::from_millis(200));
            assert!((100..=200).contains(&pause.as_millis()), "{pause:?}");
        }
    }
}
