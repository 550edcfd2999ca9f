//! A call and its answer: what every handler takes and gives.

use std::{collections::HashMap, net::IpAddr};

use daybook_events::commands::Command;
use daybook_events::{
    Origin,
    access::Session,
    event::Role,
    ids::{AccountId, KeyId},
    store::{IdempotencyKey, Request},
};
use daybook_projections::query::Reach;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use uuid::Uuid;
use warp::http::{HeaderMap, Method};

use super::{conditional, error::ApiError, json};

/// The longest reason that the log keeps, in characters.
const REASON_MAX: usize = 500;

/// The headers that hold a credential: no debugging output shows them.
const SECRET_HEADERS: [&str; 4] = ["authorization", "x-api-key", "cookie", "x-csrf-token"];

/// Who calls: the holder of a key that works, or of a session that one has opened.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Which key; a session's is the one that opened it.
    pub key_id: KeyId,
    /// Which session, where it is not the key itself that calls.
    pub session: Option<Session>,
    /// What it may do.
    pub role: Role,
    /// The one account that it reaches; `None` reaches the whole ledger.
    pub account: Option<AccountId>,
}

/// One request, taken apart.
#[derive(Debug)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// The path, as it came.
    pub path: String,
    /// What the route's `{…}` stand for, in order.
    pub captures: Vec<String>,
    /// The query's fields; a field that comes twice is refused before.
    pub query: HashMap<String, String>,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, within its bound.
    pub body: Vec<u8>,
    /// Who calls; `None` on public routes.
    pub caller: Option<Caller>,
    /// The address at the other end of the connection, where it is known.
    pub peer: Option<IpAddr>,
    /// The id under which the logs know this request.
    pub request_id: String,
}

impl Call {
    /// A call under a new request id, before its route, its caller and its body are known.
    #[must_use]
    pub fn new(method: Method, path: &str, mut headers: HeaderMap) -> Self {
        for (name, value) in &mut headers {
            value.set_sensitive(SECRET_HEADERS.contains(&name.as_str()));
        }
        Self {
            method,
            path: path.to_owned(),
            captures: Vec::new(),
            query: HashMap::new(),
            headers,
            body: Vec::new(),
            caller: None,
            peer: None,
            request_id: Uuid::now_v7().simple().to_string(),
        }
    }

    /// A header, where it is there and is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// What the n-th `{…}` of the route stands for.
    #[must_use]
    pub fn capture(&self, nth: usize) -> &str {
        self.captures.get(nth).map_or("", String::as_str)
    }

    /// The id that the n-th `{…}` of the route stands for; anything else is not found.
    ///
    /// # Errors
    /// Not an id of the kind.
    pub fn captured_id<T: std::str::FromStr>(&self, nth: usize) -> Result<T, ApiError> {
        self.capture(nth).parse().map_err(|_| ApiError::not_found())
    }

    /// The body, strictly as a JSON object of a shape.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        let json::Object(body) = json::parse(&self.body)?;
        Ok(body)
    }

    /// The body as JSON of a shape; no body at all is the empty object.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn json_or_empty<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        if self.body.is_empty() { Ok(json::parse(b"{}")?) } else { self.json() }
    }

    /// The caller of a route that is not public.
    ///
    /// # Errors
    /// Nobody.
    pub fn caller(&self) -> Result<&Caller, ApiError> {
        self.caller.as_ref().ok_or_else(|| ApiError::new("unauthenticated", "a key is needed"))
    }

    /// The account that the call is about: the key's own, or the one that a ledger-wide key names
    /// by the header `Daybook-Account`.
    ///
    /// # Errors
    /// A ledger-wide key that names none; a key of one account that names another.
    pub fn account(&self) -> Result<AccountId, ApiError> {
        self.account_if_any()?.ok_or_else(|| {
            let text = "a ledger-wide key names the account by the header Daybook-Account";
            ApiError::new("account_header_required", text)
        })
    }

    /// As [`Call::account`], where a ledger-wide key may also mean the whole ledger.
    ///
    /// # Errors
    /// A key of one account that names another; a header that is no account id.
    pub fn account_if_any(&self) -> Result<Option<AccountId>, ApiError> {
        let own = self.caller()?.account;
        let Some(named) = self.headers.get("daybook-account") else { return Ok(own) };
        // A header that is not even text must not pass for none: that would mean the whole ledger.
        let named = named.to_str().ok().and_then(|named| named.parse::<AccountId>().ok());
        match (own, named) {
            (None, Some(named)) => Ok(Some(named)),
            (Some(own), Some(named)) if own == named => Ok(Some(own)),
            (_, None) => Err(ApiError::new("not_found", "Daybook-Account is not an account id")),
            (Some(_), Some(_)) => {
                let text = "this key belongs to another account";
                Err(ApiError::new("account_header_refused", text))
            }
        }
    }

    /// Whose rows the call may see: those of [`Call::account_if_any`], else the whole ledger's.
    ///
    /// # Errors
    /// As there.
    pub fn reach(&self) -> Result<Reach, ApiError> {
        self.account_if_any().map(Reach::of)
    }

    /// The origin of what this call appends.
    #[must_use]
    pub fn origin(&self, reason: Option<String>) -> Origin {
        let actor = self.caller.as_ref().map(|by| match &by.session {
            Some(session) => format!("session:{}", session.opened.session_id),
            None => format!("key:{}", by.key_id),
        });
        Origin {
            actor: actor.unwrap_or_else(|| "public".to_owned()),
            via: "http".to_owned(),
            reason,
            request_id: Some(self.request_id.clone()),
            idempotency_key: self.header("idempotency-key").map(str::to_owned),
        }
    }

    /// A request for a command, with the caller's idempotency key.
    ///
    /// # Errors
    /// A key that is empty, too long, or not printable.
    pub fn request(&self, command: impl Into<Command>) -> Result<Request, ApiError> {
        self.request_for("", command, None)
    }

    /// As [`Call::request`]; `step` tells the steps of one call apart, since each has a command of
    /// its own under the caller's one key.
    ///
    /// # Errors
    /// A key that is empty, too long, or not printable; a reason that no log line should carry.
    pub fn request_for(
        &self,
        step: &str,
        command: impl Into<Command>,
        reason: Option<String>,
    ) -> Result<Request, ApiError> {
        let unfit = |reason: &String| {
            reason.chars().count() > REASON_MAX || reason.chars().any(char::is_control)
        };
        if reason.as_ref().is_some_and(unfit) {
            let text = format!("`reason` has at most {REASON_MAX} characters, none of control");
            return Err(ApiError::new("invalid_request", text));
        }
        let mut request = Request::new(command, self.origin(reason), Uuid::now_v7());
        request.key = self.idempotency_key()?.map(|key| {
            let whose = scope(request.command.account());
            IdempotencyKey { scope: format!("{whose}{step}"), ..key }
        });
        Ok(request)
    }

    /// As [`Call::request`], for a command that is about no account's stream and yet about an
    /// account's keys or sessions: idempotency keys of one account never meet another's.
    ///
    /// # Errors
    /// A key that is empty, too long, or not printable.
    pub fn request_within(
        &self,
        reach: Option<AccountId>,
        command: impl Into<Command>,
    ) -> Result<Request, ApiError> {
        let mut request = self.request(command)?;
        request.key = request.key.map(|key| IdempotencyKey { scope: scope(reach), ..key });
        Ok(request)
    }

    /// The caller's idempotency key with the fingerprint of this request, in no scope yet.
    ///
    /// # Errors
    /// A key that is empty, too long, or not printable.
    pub(super) fn idempotency_key(&self) -> Result<Option<IdempotencyKey>, ApiError> {
        let Some(value) = self.headers.get("idempotency-key") else { return Ok(None) };
        let key = value.to_str().unwrap_or_default();
        if !(1..=255).contains(&key.len()) || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            let text = "an Idempotency-Key is 1 to 255 printable ASCII characters without spaces";
            return Err(ApiError::new("idempotency_key_invalid", text));
        }
        // Fields are told apart by their lengths, so that no two requests hash the same text.
        let mut digest = Sha256::new();
        let mut parts = vec![self.method.as_str().as_bytes(), self.path.as_bytes(), &self.body];
        let mut query: Vec<_> = self.query.iter().collect();
        query.sort_unstable();
        parts.extend(
            query.into_iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]),
        );
        for part in parts {
            digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(part);
        }
        let fingerprint = digest.finalize().into();
        Ok(Some(IdempotencyKey { scope: String::new(), key: key.to_owned(), fingerprint }))
    }

    /// Refuses the call where it insists, by `If-Match`, on another state than this one's tag. Where
    /// the write can be pinned to the version that was read, do that as well: see
    /// [`conditional::matches`].
    ///
    /// # Errors
    /// `precondition_failed`.
    pub fn if_match(&self, current_etag: &str) -> Result<(), ApiError> {
        match conditional::matches(&self.headers, current_etag) {
            Some(false) => Err(conditional::moved_on()),
            Some(true) | None => Ok(()),
        }
    }

    /// The page that a list is asked for: `limit` (1 to 200, 50 by default) and `after`.
    ///
    /// # Errors
    /// A limit out of range, an `after` that no page has given.
    pub fn page(&self) -> Result<(i64, Option<String>), ApiError> {
        let limit = match self.query.get("limit") {
            None => 50,
            Some(text) => {
                text.parse().ok().filter(|limit| (1..=200).contains(limit)).ok_or_else(|| {
                    ApiError::new("invalid_request", "`limit` is a number from 1 to 200")
                })?
            }
        };
        let after = self.query.get("after").cloned();
        if after.as_ref().is_some_and(|after| !(1..=200).contains(&after.chars().count())) {
            let text = "`after` is the `next` of the page before";
            return Err(ApiError::new("invalid_request", text));
        }
        Ok((limit, after))
    }
}

/// Whose idempotency keys are meant.
pub(super) fn scope(account: Option<AccountId>) -> String {
    account.map_or_else(|| "ledger".to_owned(), |id| id.to_string())
}
