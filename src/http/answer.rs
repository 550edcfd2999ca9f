//! An answer: what every handler gives, and the headers that all have.

use serde::Serialize;
use serde_json::{Value, json};
use warp::{
    Reply,
    http::{self, HeaderName, StatusCode},
    reply::Response,
};

use super::{
    conditional::{self, Held},
    error::{ApiError, Dialect},
    security::{SECURITY, STRICT_TRANSPORT},
    streamed::Streamed,
};

/// What a handler answers with.
#[derive(Debug)]
pub struct Answer {
    status: StatusCode,
    headers: Vec<(&'static str, String)>,
    body: Body,
}

/// What an answer holds.
#[derive(Debug)]
enum Body {
    /// Bytes that are there.
    Whole(Vec<u8>),
    /// What is made while it is sent.
    Streamed(Streamed),
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
        Self { status: StatusCode::NO_CONTENT, headers: Vec::new(), body: Body::Whole(Vec::new()) }
    }

    /// Any bytes of a type.
    #[must_use]
    pub fn bytes(status: StatusCode, content_type: &str, body: Vec<u8>) -> Self {
        let headers = vec![("content-type", content_type.to_owned())];
        Self { status, headers, body: Body::Whole(body) }
    }

    /// What is made while it is sent, under 200; it has no tag.
    #[must_use]
    pub fn streamed(content_type: &str, body: Streamed) -> Self {
        let headers = vec![("content-type", content_type.to_owned())];
        Self { status: StatusCode::OK, headers, body: Body::Streamed(body) }
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

    /// The tag of its body; one that is made while it is sent has none.
    #[must_use]
    pub fn tag(&self) -> Option<String> {
        match &self.body {
            Body::Whole(bytes) => Some(conditional::tag(bytes)),
            Body::Streamed(_) => None,
        }
    }

    /// Whether a reader who knows no chunks, but only the end of a connection, would take a part of
    /// it for the whole.
    #[must_use]
    pub fn may_break_unseen(&self) -> bool {
        matches!(self.body, Body::Streamed(_)) && !self.has("content-length")
    }

    /// As it goes to a reader: tagged, and without its body where the reader has it already.
    #[must_use]
    pub fn for_reader(self, held: &Held) -> Self {
        if !held.reads || self.status != StatusCode::OK {
            return self;
        }
        let Some(tag) = self.tag() else { return self };
        let known = held.has(&tag);
        let mut answer = self.with("etag", tag);
        if !answer.has("cache-control") {
            answer = answer.with("cache-control", "private, no-cache".to_owned());
        }
        if known {
            answer.status = StatusCode::NOT_MODIFIED;
            answer.body = Body::Whole(Vec::new());
        }
        answer
    }

    fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(own, _)| *own == name)
    }

    /// The HTTP response, with the headers that every answer has; `by_https` where that is how this
    /// server is reached.
    #[must_use]
    pub fn into_response(self, request_id: &str, by_https: bool) -> Response {
        let mut common = vec![("x-request-id", request_id)];
        if !self.has("cache-control") {
            common.push(("cache-control", "no-store"));
        }
        common.extend(SECURITY.iter().filter(|(name, _)| !self.has(&name.to_ascii_lowercase())));
        if by_https {
            common.push(("strict-transport-security", STRICT_TRANSPORT));
        }
        let mut response = match self.body {
            Body::Whole(bytes) => http::Response::new(bytes).into_response(),
            Body::Streamed(body) => warp::reply::stream(body.chunks()).into_response(),
        };
        *response.status_mut() = self.status;
        let own = self.headers.iter().map(|(name, value)| (*name, value.as_str()));
        for (name, value) in own.chain(common) {
            // A value that no header can hold is left out; none of ours is one.
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), value.parse())
            {
                response.headers_mut().append(name, value);
            }
        }
        response
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
        let held = |answer: &Answer| match &answer.body {
            Body::Whole(bytes) => bytes.clone(),
            Body::Streamed(_) => panic!("it is whole"),
        };
        let kept = Answer::ok(&7).for_reader(&asked(&Answer::ok(&7).tag().unwrap()));
        assert_eq!((kept.status.as_u16(), held(&kept).len()), (304, 0));
        let sent = Answer::ok(&7).for_reader(&asked("\"x\""));
        assert_eq!((sent.status.as_u16(), held(&sent).as_slice()), (200, &b"7"[..]));
        let refusal = Answer::refusal(&ApiError::not_found(), Dialect::Ledger, "id");
        assert!(!refusal.for_reader(&asked("*")).has("etag"));
    }
}
