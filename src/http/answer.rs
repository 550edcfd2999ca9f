//! An answer: what every handler gives, and the headers that all have.

use serde::Serialize;
use serde_json::{Value, json};
use warp::http::{Response, StatusCode};

use super::{
    conditional::{self, Held},
    error::{ApiError, Dialect},
    security::{SECURITY, STRICT_TRANSPORT},
};

/// What a handler answers with.
#[derive(Debug, Clone)]
pub struct Answer {
    status: StatusCode,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Answer {
    /// JSON under a status.
    #[must_use]
    pub fn json(status: StatusCode, body: &impl Serialize) -> Self {
        let body = serde_json::to_vec(body).unwrap_or_default();
        Self::bytes(status, "application/json", body)
    }

    /// JSON under 200.
    #[must_use]
    pub fn ok(body: &impl Serialize) -> Self {
        Self::json(StatusCode::OK, body)
    }

    /// What a refusal says, in the words of a dialect.
    #[must_use]
    pub fn refusal(error: &ApiError, dialect: Dialect, request_id: &str) -> Self {
        let body = match dialect {
            Dialect::Panel => panel_refusal(error),
            Dialect::V1 => v1_refusal(error),
            Dialect::Processor | Dialect::Ledger => own_refusal(error, request_id),
        };
        let mut answer = Self::json(error.status, &body);
        answer = answer.with("daybook-error", error.code.to_owned());
        if let Some(seconds) = error.retry_after {
            answer = answer.with("retry-after", seconds.to_string());
        }
        if error.status == StatusCode::UNAUTHORIZED {
            answer = answer.with("www-authenticate", "Bearer".to_owned());
        }
        if let Some(allow) = &error.allow {
            answer = answer.with("allow", allow.clone());
        }
        answer
    }

    /// 204: there is nothing to show.
    #[must_use]
    pub fn empty() -> Self {
        Self { status: StatusCode::NO_CONTENT, headers: Vec::new(), body: Vec::new() }
    }

    /// Any bytes of a type.
    #[must_use]
    pub fn bytes(status: StatusCode, content_type: &str, body: Vec<u8>) -> Self {
        Self { status, headers: vec![("content-type", content_type.to_owned())], body }
    }

    /// With a header more.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// With the position that it shows or that it wrote.
    #[must_use]
    pub fn at(self, position: i64) -> Self {
        self.with("daybook-position", position.to_string())
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// As one that anybody may keep, and asks again whether it still holds.
    #[must_use]
    pub fn shared(self) -> Self {
        self.with("cache-control", "public, max-age=0, must-revalidate".to_owned())
    }

    /// The tag of its body.
    #[must_use]
    pub fn tag(&self) -> String {
        conditional::tag(&self.body)
    }

    /// As it goes to a reader: tagged, and without its body where the reader has it already.
    #[must_use]
    pub fn for_reader(self, held: &Held) -> Self {
        if !held.reads || self.status != StatusCode::OK {
            return self;
        }
        let tag = self.tag();
        let known = held.has(&tag);
        let mut answer = self.with("etag", tag);
        if !answer.has("cache-control") {
            answer = answer.with("cache-control", "private, no-cache".to_owned());
        }
        if known {
            answer.status = StatusCode::NOT_MODIFIED;
            answer.body.clear();
        }
        answer
    }

    fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(own, _)| *own == name)
    }

    /// The HTTP response, with the headers that every answer has; `by_https` where that is how this
    /// server is reached.
    #[must_use]
    pub fn into_response(self, request_id: &str, by_https: bool) -> Response<Vec<u8>> {
        let mut response = Response::builder().status(self.status);
        for (name, value) in &self.headers {
            response = response.header(*name, value);
        }
        if !self.has("cache-control") {
            response = response.header("cache-control", "no-store");
        }
        for (name, value) in SECURITY {
            if !self.has(&name.to_ascii_lowercase()) {
                response = response.header(name, value);
            }
        }
        if by_https {
            response = response.header("strict-transport-security", STRICT_TRANSPORT);
        }
        response.header("x-request-id", request_id).body(self.body).unwrap_or_default()
    }
}

/// The ledger's own refusals, and the processor dialect's, whose page prints none.
fn own_refusal(error: &ApiError, request_id: &str) -> Value {
    let mut body = json!({
        "code": error.code, "message": error.message, "request_id": request_id,
    });
    for (name, value) in &error.more {
        body[name] = value.clone();
    }
    json!({ "error": body })
}

/// The panel knows a sentence; its own two special cases are what its code asks for by name.
fn panel_refusal(error: &ApiError) -> Value {
    match error.retry_after {
        Some(seconds) if error.code == "rate_limited" => {
            json!({ "error": "rate_limited", "retryAfter": seconds })
        }
        Some(_) | None => json!({ "error": error.message }),
    }
}

/// v1 has its codes in capitals, and what one can go on from beside them.
fn v1_refusal(error: &ApiError) -> Value {
    let mut body = json!({ "code": error.code.to_ascii_uppercase(), "message": error.message });
    for (name, value) in &error.more {
        body[name] = value.clone();
    }
    json!({ "error": body })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(answer: Answer, by_https: bool) -> Vec<(String, String)> {
        let response = answer.into_response("id", by_https);
        let text = |value: &warp::http::HeaderValue| value.to_str().unwrap().to_owned();
        response.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect()
    }

    #[test]
    fn https_is_insisted_on_where_this_server_is_reached_by_it() {
        let strict = ("strict-transport-security".to_owned(), STRICT_TRANSPORT.to_owned());
        assert!(headers(Answer::empty(), true).contains(&strict));
        assert!(!headers(Answer::empty(), false).contains(&strict));
    }

    #[test]
    fn a_header_of_the_answers_own_stands_in_the_place_of_the_common_one() {
        let page = Answer::empty().with("content-security-policy", "default-src 'self'".to_owned());
        let policies: Vec<_> = headers(page, false)
            .into_iter()
            .filter(|(name, _)| name == "content-security-policy")
            .collect();
        assert_eq!(policies.len(), 1);
        assert_eq!(policies[0].1, "default-src 'self'");
        assert_eq!(headers(Answer::empty(), false).len(), SECURITY.len() + 2);
    }

    #[test]
    fn an_answer_that_is_held_already_goes_without_its_body() {
        let asked = |tag: &str| {
            let mut headers = warp::http::HeaderMap::new();
            headers.insert("if-none-match", tag.parse().unwrap());
            Held::of(&warp::http::Method::GET, &headers)
        };
        let (answer, tag) = (Answer::ok(&7), Answer::ok(&7).tag());
        let kept = answer.clone().for_reader(&asked(&tag));
        assert_eq!((kept.status.as_u16(), kept.body.len()), (304, 0));
        let sent = answer.for_reader(&asked("\"x\""));
        assert_eq!((sent.status.as_u16(), sent.body.as_slice()), (200, &b"7"[..]));
        let refusal = Answer::refusal(&ApiError::not_found(), Dialect::Ledger, "id");
        assert!(!refusal.for_reader(&asked("*")).has("etag"));
    }
}
