//! The one error type of the HTTP edge, and the only table from reasons to statuses.

use daybook_events::{
    Rejection,
    rejection::Kind,
    store::{StoreError, SubmitError},
};
use daybook_projections::EngineError;
use serde_json::{Map, Value};
use warp::http::StatusCode;

use super::{json::JsonError, server::BodyError};
use crate::{
    processors::{ProcessorError, Unanswered},
    settlement::{apply::Trouble, refund::NotAsked},
    webhooks::WebhookError,
};

/// Whose words an address speaks: it decides how a refusal is dressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// A game-server panel's.
    Panel,
    /// A payment processor's wrapper, under `/api/billing`.
    Processor,
    /// `/api/v1`.
    V1,
    /// The ledger's own.
    Ledger,
}

impl Dialect {
    /// The dialect of a path that may lead nowhere.
    #[must_use]
    pub fn of_path(path: &str) -> Self {
        const PANEL: [&str; 4] = ["/api/plans", "/api/orders", "/api/payments", "/api/admin"];
        let below = |base: &&str| {
            path.strip_prefix(*base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        match () {
            () if PANEL.iter().any(below) => Self::Panel,
            () if PANEL_BILLING.contains(&path) => Self::Panel,
            () if below(&"/api/v1") || below(&"/invoices") => Self::V1,
            () if below(&"/api/billing") => Self::Processor,
            () => Self::Ledger,
        }
    }
}

/// The two addresses of the panel's that lie under `/api/billing`.
const PANEL_BILLING: [&str; 2] = ["/api/billing/subscribe", "/api/billing/invoices"];

/// A refusal: a status, a stable code, and a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// The HTTP status.
    pub status: StatusCode,
    /// The stable code.
    pub code: &'static str,
    /// What is wrong, lower case, without a full stop.
    pub message: String,
    /// Seconds after which another try makes sense.
    pub retry_after: Option<u32>,
    /// The methods that the address does take.
    pub allow: Option<String>,
    /// What the refusal says besides, by name.
    pub more: Map<String, Value>,
}

/// The codes that the HTTP edge itself gives out, with their statuses; the rules' codes are
/// [`Rejection::CODES`]. For the documentation and the tests.
pub const EDGE_CODES: &[(&str, StatusCode)] = &[
    ("unauthenticated", StatusCode::UNAUTHORIZED),
    ("forbidden", StatusCode::FORBIDDEN),
    ("csrf_token_invalid", StatusCode::FORBIDDEN),
    ("cross_site_refused", StatusCode::FORBIDDEN),
    ("not_found", StatusCode::NOT_FOUND),
    ("http_version_unsupported", StatusCode::HTTP_VERSION_NOT_SUPPORTED),
    ("method_not_allowed", StatusCode::METHOD_NOT_ALLOWED),
    ("invalid_request", StatusCode::BAD_REQUEST),
    ("query_field_unknown", StatusCode::BAD_REQUEST),
    ("event_type_unknown", StatusCode::BAD_REQUEST),
    ("as_of_ahead", StatusCode::BAD_REQUEST),
    ("precondition_failed", StatusCode::PRECONDITION_FAILED),
    ("account_header_required", StatusCode::BAD_REQUEST),
    ("account_header_refused", StatusCode::FORBIDDEN),
    ("billing_cycle_invalid", StatusCode::UNPROCESSABLE_ENTITY),
    ("currency_unknown", StatusCode::UNPROCESSABLE_ENTITY),
    ("time_zone_unknown", StatusCode::UNPROCESSABLE_ENTITY),
    ("amount_malformed", StatusCode::UNPROCESSABLE_ENTITY),
    ("amount_too_precise", StatusCode::UNPROCESSABLE_ENTITY),
    ("amount_too_large", StatusCode::UNPROCESSABLE_ENTITY),
    ("signature_invalid", StatusCode::BAD_REQUEST),
    ("signature_missing", StatusCode::BAD_REQUEST),
    ("webhook_secret_missing", StatusCode::SERVICE_UNAVAILABLE),
    ("preview_token_invalid", StatusCode::UNPROCESSABLE_ENTITY),
    ("idempotency_key_invalid", StatusCode::BAD_REQUEST),
    ("idempotency_key_reused", StatusCode::UNPROCESSABLE_ENTITY),
    ("version_conflict", StatusCode::CONFLICT),
    ("body_too_large", StatusCode::PAYLOAD_TOO_LARGE),
    ("body_too_slow", StatusCode::REQUEST_TIMEOUT),
    ("body_broken", StatusCode::BAD_REQUEST),
    ("rate_limited", StatusCode::TOO_MANY_REQUESTS),
    ("return_url_invalid", StatusCode::UNPROCESSABLE_ENTITY),
    ("payment_failed", StatusCode::PAYMENT_REQUIRED),
    ("dispute_refused", StatusCode::CONFLICT),
    ("refund_not_by_hand", StatusCode::CONFLICT),
    ("webhook_url_refused", StatusCode::UNPROCESSABLE_ENTITY),
    ("webhook_type_unknown", StatusCode::UNPROCESSABLE_ENTITY),
    ("webhook_endpoint_disabled", StatusCode::CONFLICT),
    ("document_altered", StatusCode::INTERNAL_SERVER_ERROR),
    ("document_unprintable", StatusCode::INTERNAL_SERVER_ERROR),
    ("ledger_empty", StatusCode::CONFLICT),
    ("position_beyond_head", StatusCode::UNPROCESSABLE_ENTITY),
    ("time_in_future", StatusCode::UNPROCESSABLE_ENTITY),
    ("time_before_ledger", StatusCode::UNPROCESSABLE_ENTITY),
    ("bounds_invalid", StatusCode::UNPROCESSABLE_ENTITY),
    ("period_not_closed", StatusCode::CONFLICT),
    ("too_many_snapshots", StatusCode::CONFLICT),
    ("snapshots_not_kept", StatusCode::SERVICE_UNAVAILABLE),
    ("feature_disabled", StatusCode::SERVICE_UNAVAILABLE),
    ("position_not_reached", StatusCode::SERVICE_UNAVAILABLE),
    ("busy", StatusCode::SERVICE_UNAVAILABLE),
    ("overloaded", StatusCode::SERVICE_UNAVAILABLE),
    ("unavailable", StatusCode::SERVICE_UNAVAILABLE),
    ("outcome_unknown", StatusCode::SERVICE_UNAVAILABLE),
    ("processor_unavailable", StatusCode::SERVICE_UNAVAILABLE),
    ("processor_refused", StatusCode::BAD_GATEWAY),
    ("internal", StatusCode::INTERNAL_SERVER_ERROR),
];

impl ApiError {
    /// A refusal by one of [`EDGE_CODES`].
    #[must_use]
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        let known = EDGE_CODES.iter().find(|(known, _)| *known == code);
        let status = known.map_or(StatusCode::INTERNAL_SERVER_ERROR, |(_, status)| *status);
        let passes = status == StatusCode::SERVICE_UNAVAILABLE;
        let retry_after = passes.then_some(1);
        Self { status, code, message: message.into(), retry_after, allow: None, more: Map::new() }
    }

    /// A method that an address does not take, with those that it does.
    #[must_use]
    pub fn method_not_allowed(allowed: &[&str]) -> Self {
        let allow = allowed.join(", ");
        let error = Self::new("method_not_allowed", format!("this address takes {allow}"));
        Self { allow: Some(allow), ..error }
    }

    /// Something that is not there, or not for this caller: the two look the same.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new("not_found", "there is nothing here under this address")
    }

    /// A feature that is off: nobody knows for how long.
    #[must_use]
    pub fn feature_disabled(feature: &str) -> Self {
        let error = Self::new("feature_disabled", format!("Feature '{feature}' is disabled"));
        Self { retry_after: None, ..error }
    }

    /// The refusal with something that the caller can go on from.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.more.insert(name.to_owned(), value.into());
        self
    }

    /// A fault of ours; what it was is in the log, not in the answer.
    #[must_use]
    pub fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(%cause, "a request failed");
        Self::new("internal", "something went wrong on our side")
    }
}

impl From<Rejection> for ApiError {
    fn from(rejection: Rejection) -> Self {
        let status = match rejection.kind() {
            Kind::NotFound => StatusCode::NOT_FOUND,
            Kind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            Kind::Conflict => StatusCode::CONFLICT,
            Kind::Internal => return Self::internal(&rejection),
        };
        let (code, message) = (rejection.code(), rejection.to_string());
        Self { status, code, message, retry_after: None, allow: None, more: Map::new() }
    }
}

impl From<SubmitError> for ApiError {
    fn from(error: SubmitError) -> Self {
        let text = error.to_string();
        match error {
            SubmitError::Rejected(rejection) => rejection.into(),
            SubmitError::KeyReused => Self::new("idempotency_key_reused", text),
            SubmitError::VersionConflict { .. } => Self::new("version_conflict", text),
            SubmitError::Overloaded => Self::new("overloaded", text),
            SubmitError::Unavailable => Self::new("unavailable", text),
            SubmitError::OutcomeUnknown => Self::new("outcome_unknown", text),
            SubmitError::Failed(_) => Self::internal(&text),
            SubmitError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Database(error) => error.into(),
            other => Self::internal(&other),
        }
    }
}

impl From<sqlx::Error> for ApiError {
    fn from(error: sqlx::Error) -> Self {
        tracing::error!(%error, "the database failed");
        Self::new("unavailable", "the database cannot be reached at the moment")
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Database(error) => error.into(),
            other => Self::internal(&other),
        }
    }
}

impl From<ProcessorError> for ApiError {
    fn from(error: ProcessorError) -> Self {
        match &error {
            ProcessorError::Unanswered(Unanswered::Refused { .. }) => {
                tracing::warn!(%error, "a processor refused");
                Self::new("processor_refused", "the processor refused to do that")
            }
            ProcessorError::None | ProcessorError::Unknown(_) | ProcessorError::Unanswered(_) => {
                Self::new("processor_unavailable", error.to_string())
            }
        }
    }
}

impl From<Trouble> for ApiError {
    fn from(error: Trouble) -> Self {
        match error {
            Trouble::Submit(error) => error.into(),
            Trouble::Engine(error) => error.into(),
            Trouble::Database(error) => error.into(),
            Trouble::Behind(_) => Self::new("position_not_reached", error.to_string()),
        }
    }
}

impl From<NotAsked> for ApiError {
    fn from(error: NotAsked) -> Self {
        match error {
            NotAsked::Processor(error) => error.into(),
            NotAsked::Ledger(error) => error.into(),
            NotAsked::Database(error) => error.into(),
        }
    }
}

impl From<WebhookError> for ApiError {
    fn from(error: WebhookError) -> Self {
        match error {
            WebhookError::Database(error) => error.into(),
            WebhookError::Engine(error) => error.into(),
            WebhookError::Store(error) => error.into(),
            WebhookError::KeyReused => Self::new("idempotency_key_reused", error.to_string()),
            WebhookError::Event(_) | WebhookError::Damaged(_) => Self::internal(&error),
        }
    }
}

impl From<JsonError> for ApiError {
    fn from(error: JsonError) -> Self {
        let (status, code) = (StatusCode::BAD_REQUEST, error.code());
        Self {
            status,
            code,
            message: error.to_string(),
            retry_after: None,
            allow: None,
            more: Map::new(),
        }
    }
}

impl From<BodyError> for ApiError {
    fn from(error: BodyError) -> Self {
        let code = match &error {
            BodyError::TooLarge { .. } => "body_too_large",
            BodyError::TooSlow { .. } => "body_too_slow",
            BodyError::Broken => "body_broken",
        };
        Self::new(code, error.to_string())
    }
}
