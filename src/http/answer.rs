//! An answer: what every handler gives, and the headers that all have.

use serde::Serialize;
use serde_json::{Value, json};
use warp::http::{Response, StatusCode};

use super::error::{ApiError, Dialect};

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

    /// The HTTP response, with the headers that every answer has.
    #[must_use]
    pub fn into_response(self, request_id: &str) -> Response<Vec<u8>> {
        let mut response = Response::builder().status(self.status);
        let stores = self.headers.iter().any(|(name, _)| *name == "cache-control");
        let policy = self.headers.iter().any(|(name, _)| *name == "content-security-policy");
        for (name, value) in &self.headers {
            response = response.header(*name, value);
        }
        if !stores {
            response = response.header("cache-control", "no-store");
        }
        if !policy {
            response = response
                .header("content-security-policy", "default-src 'none'; frame-ancestors 'none'");
        }
        response
            .header("x-content-type-options", "nosniff")
            .header("referrer-policy", "no-referrer")
            .header("x-request-id", request_id)
            .body(self.body)
            .unwrap_or_default()
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
