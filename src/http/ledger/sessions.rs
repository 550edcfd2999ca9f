//! The ledger's own `/api/sessions…`: a key opens sessions for users of the panel; they are listed
//! and closed here, and sign themselves out.
//!
//! A session's token is shown in the answer that opens it, there as a cookie too, and nowhere else.

use std::sync::Arc;

use daybook_events::{
    Timestamp,
    access::Session,
    commands::{CloseSessions, OpenSession, Which},
    event::{AccessEvent, Event, Role},
    ids::{AccountId, KeyId, SessionId},
    store::Receipt,
};
use daybook_projections::{
    query::{Page, Reach},
    sessions::{SessionRow, Sessions},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use warp::http::StatusCode;

use super::keys::named_account;
use crate::http::{
    answer::Answer,
    auth,
    call::{Call, Caller},
    error::ApiError,
    minting,
    reading::{listed, shown},
};
use crate::{
    app::{App, Face},
    credentials::SessionToken,
    gate::Present,
};

/// How long a session works where nothing else is said, in seconds: an hour.
const TTL_SECONDS: u32 = 3600;

/// What `POST /api/sessions` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionBody {
    /// The panel's own id of the user, 1 to 200 characters.
    pub user: String,
    /// What the session may do: no more than the key that opens it.
    pub role: Role,
    /// The one account that it reaches; the key's own by default.
    pub account_id: Option<AccountId>,
    /// How long it works, in seconds: an hour by default, half a day at most.
    pub ttl_seconds: Option<u32>,
}

/// A session that was opened, with its token.
#[derive(Debug, Serialize, JsonSchema)]
pub struct OpenedSession {
    /// The session's id.
    pub session_id: SessionId,
    /// The token, shown this once; `null` where another credential repeats the request.
    pub token: Option<String>,
    /// What the header `X-CSRF-Token` carries where the cookie is used; `null` as the token.
    pub csrf_token: Option<String>,
    /// The panel's own id of the user.
    pub user: String,
    /// What it may do.
    pub role: Role,
    /// The one account it reaches; `null` reaches the whole ledger.
    pub account_id: Option<AccountId>,
    /// The key that opened it, and with which it ends.
    pub key_id: KeyId,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}

/// A session as lists show it: without its token and without the hash.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SessionShape {
    /// The position of the last event that touched it.
    pub position: i64,
    /// The session's id.
    pub session_id: SessionId,
    /// The panel's own id of the user.
    pub user: String,
    /// What it may do.
    pub role: Role,
    /// The one account it reaches; `null` reaches the whole ledger.
    pub account_id: Option<AccountId>,
    /// The key that opened it, and with which it ends.
    pub key_id: KeyId,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// When it was closed before its time; `null` where it was not.
    pub closed_at: Option<Timestamp>,
    /// Whether it works now.
    pub works: bool,
}

/// The session that asks.
#[derive(Debug, Serialize, JsonSchema)]
pub struct OwnSession {
    /// The session's id.
    pub session_id: SessionId,
    /// What the header `X-CSRF-Token` carries where the cookie is used.
    pub csrf_token: String,
    /// The panel's own id of the user.
    pub user: String,
    /// What it may do.
    pub role: Role,
    /// The one account it reaches; `null` reaches the whole ledger.
    pub account_id: Option<AccountId>,
    /// The key that opened it, and with which it ends.
    pub key_id: KeyId,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}

/// The sessions that were closed.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ClosedSessions {
    /// Their ids.
    pub closed: Vec<SessionId>,
}

/// `POST /api/sessions`
///
/// # Errors
/// A role that the key cannot give, no such account within its reach, the rejection.
pub async fn open(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let body: SessionBody = call.json()?;
    let (key_id, own) = (call.caller()?.key_id, call.caller()?.role);
    if !own.may_grant(body.role) {
        let (own, role) = (own.as_str(), body.role.as_str());
        let text = format!("a key of role {own} opens no session of role {role}");
        return Err(ApiError::new("forbidden", text));
    }
    let reach = named_account(&app, &call, body.account_id).await?;
    let token = SessionToken::from_random(minting::bytes(&app, &call, "session", reach));
    let command = OpenSession {
        key_id,
        reach,
        user: body.user,
        role: body.role,
        hash: token.hash(),
        ttl_seconds: body.ttl_seconds.unwrap_or(TTL_SECONDS),
    };
    let receipt = app.submit(call.request_within(reach, command)?).await?;
    app.reaches(receipt.position()).await;
    opened(&app, &receipt, &token)
}

fn opened(app: &App, receipt: &Receipt, token: &SessionToken) -> Result<Answer, ApiError> {
    let found = receipt.events.iter().find_map(|recorded| match &recorded.event {
        Event::Access(AccessEvent::SessionOpened(opened)) => Some((recorded, opened)),
        _ => None,
    });
    let (recorded, opened) = found.ok_or_else(|| ApiError::internal(&"no session was opened"))?;
    let own = (opened.hash == token.hash()).then(|| token.reveal());
    let opened_at = recorded.effective_at;
    let body = OpenedSession {
        session_id: opened.session_id,
        token: own.map(str::to_owned),
        csrf_token: own.map(|token| auth::csrf_token(app, token)),
        user: opened.user.clone(),
        role: opened.role,
        account_id: opened.account_id,
        key_id: opened.key_id,
        opened_at,
        expires_at: opened.expires_at,
    };
    let answer = Answer::json(StatusCode::CREATED, &body).at(receipt.position());
    let seconds = (opened.expires_at.micros() - opened_at.micros()) / 1_000_000;
    Ok(match own {
        Some(token) => answer.with("set-cookie", cookie(&app.face, token, seconds)),
        None => answer,
    })
}

/// The cookie of a session: no script reads it, no other site has it sent.
fn cookie(face: &Face, token: &str, seconds: i64) -> String {
    let (name, secure) = (auth::cookie_name(face), if face.is_https() { "; Secure" } else { "" });
    format!("{name}={token}; HttpOnly; SameSite=Strict; Path=/; Max-Age={seconds}{secure}")
}

/// `GET /api/sessions`
///
/// # Errors
/// A page out of range.
pub async fn list(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let reach = call.reach()?;
    let position = shown(&app, &call, Reach::Ledger).await?;
    let (limit, after) = call.page()?;
    let rows = app.rows(reach);
    let (rows, next) = match user(&call)? {
        None => rows.page::<Sessions>(&Page { after: after.as_deref(), limit }).await?,
        Some(user) => {
            let after = after.unwrap_or_default();
            let rows = rows.matching::<Sessions>("user_id", user, &after, limit).await?;
            let full = i64::try_from(rows.len()) == Ok(limit);
            let next = rows.last().filter(|_| full).map(|row| row.session_id.to_string());
            (rows, next)
        }
    };
    let present = app.gate.present().await?;
    let rows: Vec<_> = rows.into_iter().map(|row| SessionShape::of(row, &present)).collect();
    Ok(listed(&call, rows, next).at(position))
}

/// `GET /api/sessions/{id}`
///
/// # Errors
/// No such session within the caller's reach.
pub async fn get(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let id: SessionId = call.captured_id(0)?;
    let reach = call.reach()?;
    let position = shown(&app, &call, Reach::Ledger).await?;
    let row = app.rows(reach).get::<Sessions>(&id.to_string()).await?;
    let row = row.ok_or_else(ApiError::not_found)?;
    Ok(Answer::ok(&SessionShape::of(row, &app.gate.present().await?)).at(position))
}

impl SessionShape {
    fn of(row: SessionRow, present: &Present) -> Self {
        let access = &present.world.access;
        let session = access.session(row.session_id);
        Self {
            position: row.position,
            session_id: row.session_id,
            user: row.user,
            role: row.role,
            account_id: row.account_id,
            key_id: row.key_id,
            opened_at: row.opened_at,
            expires_at: row.expires_at,
            closed_at: row.closed_at,
            works: session.is_some_and(|session| access.session_works(session, present.now)),
        }
    }
}

/// `GET /api/sessions/me`
///
/// # Errors
/// A key asks, not a session.
pub async fn me(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let Session { opened, opened_at } = own(call.caller()?)?;
    let token = auth::session_token(&app, &call).ok_or_else(ApiError::not_found)?;
    Ok(Answer::ok(&OwnSession {
        session_id: opened.session_id,
        csrf_token: auth::csrf_token(&app, token),
        user: opened.user.clone(),
        role: opened.role,
        account_id: opened.account_id,
        key_id: opened.key_id,
        opened_at: *opened_at,
        expires_at: opened.expires_at,
    }))
}

/// `DELETE /api/sessions/me`: whoever is signed in signs out; the browser forgets the cookie.
///
/// # Errors
/// A key asks, not a session; a session that is closed at the same moment.
pub async fn sign_out(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let which = Which::One(own(call.caller()?)?.opened.session_id);
    let answer = closing(&app, &call, call.account_if_any()?, which).await?;
    Ok(answer.with("set-cookie", cookie(&app.face, "", 0)))
}

/// `DELETE /api/sessions/{id}`
///
/// # Errors
/// No such session within the caller's reach, one of a role above the caller's, one that is not
/// open.
pub async fn close(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let (id, reach) = (call.captured_id(0)?, call.account_if_any()?);
    let role = role_of(&app, id, reach).await?.ok_or_else(ApiError::not_found)?;
    let own = call.caller()?.role;
    if !own.may_grant(role) {
        let (own, role) = (own.as_str(), role.as_str());
        let text = format!("who has the role {own} closes no session of role {role}");
        return Err(ApiError::new("forbidden", text));
    }
    closing(&app, &call, reach, Which::One(id)).await
}

/// `DELETE /api/sessions?user=…`: signs a user out everywhere within the caller's reach.
///
/// # Errors
/// No user named, none of that name signed in.
pub async fn close_all(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let (reach, by) = (call.account_if_any()?, call.caller()?.role);
    let user = user(&call)?.ok_or_else(|| {
        ApiError::new("invalid_request", "`user` in the query says whose sessions are closed")
    })?;
    let user = user.to_owned();
    closing(&app, &call, reach, Which::Of { user, reach, by }).await
}

/// The role of a session within a reach: of an open one by the log, which no row lags behind, of
/// any other by its row.
async fn role_of(
    app: &App,
    id: SessionId,
    reach: Option<AccountId>,
) -> Result<Option<Role>, ApiError> {
    let present = app.gate.present().await?;
    if let Some(session) = present.world.access.session(id) {
        let opened = &session.opened;
        let reached = reach.is_none() || reach == opened.account_id;
        return Ok(reached.then_some(opened.role));
    }
    let row = app.rows(Reach::of(reach)).get::<Sessions>(&id.to_string()).await?;
    Ok(row.map(|row| row.role))
}

async fn closing(
    app: &App,
    call: &Call,
    reach: Option<AccountId>,
    which: Which,
) -> Result<Answer, ApiError> {
    let receipt = app.submit(call.request_within(reach, CloseSessions { which })?).await?;
    app.reaches(receipt.position()).await;
    let closed = receipt.events.iter().filter_map(|recorded| match &recorded.event {
        Event::Access(AccessEvent::SessionClosed(closed)) => Some(closed.session_id),
        _ => None,
    });
    let body = ClosedSessions { closed: closed.collect() };
    Ok(Answer::ok(&body).at(receipt.position()))
}

fn own(caller: &Caller) -> Result<&Session, ApiError> {
    caller.session.as_ref().ok_or_else(ApiError::not_found)
}

fn user(call: &Call) -> Result<Option<&str>, ApiError> {
    let user = call.query.get("user").map(String::as_str);
    if user.is_some_and(|user| !(1..=200).contains(&user.chars().count())) {
        return Err(ApiError::new("invalid_request", "`user` has 1 to 200 characters"));
    }
    Ok(user)
}
