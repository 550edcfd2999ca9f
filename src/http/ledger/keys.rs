//! The ledger's own `/api/keys…`: make API keys, rotate and revoke them, read what became of them.
//!
//! A key is shown in the answer that makes it and nowhere else.

use std::sync::Arc;

use daybook_events::{
    Recorded, Rejection, Timestamp,
    commands::{IssueKey, RevokeKey, RotateKey},
    event::{AccessEvent, Event, KeyIssued, Role},
    ids::{AccountId, KeyId},
    store::Receipt,
};
use daybook_projections::{
    keys::{KeyRow, Keys},
    query::{Page, Reach},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use warp::http::StatusCode;

use crate::http::{
    answer::Answer,
    call::Call,
    error::ApiError,
    fields::NoFields,
    minting,
    reading::{listed, shown},
};
use crate::{app::App, credentials::ApiKey, gate::Present};

/// How long a rotated key works on where nothing else is said, in seconds: a day.
const OVERLAP_SECONDS: u32 = 86_400;

/// What `POST /api/keys` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyBody {
    /// What the key may do; an owner makes no key of `super_admin`.
    pub role: Role,
    /// The one account that it reaches; an owner's own by default.
    pub account_id: Option<AccountId>,
    /// What people call it, at most 100 characters.
    #[serde(default)]
    pub label: String,
    /// When it stops working; never by default.
    pub expires_at: Option<Timestamp>,
}

/// What `POST /api/keys/{id}/rotate` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateBody {
    /// How long the old key works on, in seconds: a day by default, thirty at most, 0 for at once.
    pub overlap_seconds: Option<u32>,
}

/// A key that was made, with the key itself.
#[derive(Debug, Serialize, JsonSchema)]
pub struct MintedKey {
    /// The key's id.
    pub key_id: KeyId,
    /// The key itself, shown this once; `null` where another credential repeats the request.
    pub key: Option<String>,
    /// The first characters of the key, to tell keys apart in a list.
    pub prefix: String,
    /// What people call it.
    pub label: String,
    /// What it may do.
    pub role: Role,
    /// The one account it reaches; `null` reaches the whole ledger.
    pub account_id: Option<AccountId>,
    /// When it was made.
    pub issued_at: Timestamp,
    /// When it stops working; `null` is never.
    pub expires_at: Option<Timestamp>,
    /// The key in whose place it is; `null` where it is in nobody's.
    pub replaces: Option<KeyId>,
    /// Until when that key works on at most; `null` where there is none.
    pub replaced_works_until: Option<Timestamp>,
}

/// A key as lists show it: without the key and without its hash.
#[derive(Debug, Serialize, JsonSchema)]
pub struct KeyShape {
    /// The position of the last event that touched it.
    pub position: i64,
    /// The key's id.
    pub key_id: KeyId,
    /// The first characters of the key, to tell keys apart in a list.
    pub prefix: String,
    /// What people call it.
    pub label: String,
    /// What it may do.
    pub role: Role,
    /// The one account it reaches; `null` reaches the whole ledger.
    pub account_id: Option<AccountId>,
    /// When it was made.
    pub issued_at: Timestamp,
    /// When it stops working; `null` is never.
    pub expires_at: Option<Timestamp>,
    /// When it was stopped; `null` where it was not.
    pub revoked_at: Option<Timestamp>,
    /// The key in whose place it is; `null` where it is in nobody's.
    pub replaces: Option<KeyId>,
    /// The key that took its place; `null` where none did.
    pub replaced_by: Option<KeyId>,
    /// Until when it works beside that key; `null` where there is none.
    pub works_until: Option<Timestamp>,
    /// Whether it works now.
    pub works: bool,
}

/// A key that was stopped.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RevokedKey {
    /// The key's id.
    pub key_id: KeyId,
    /// When it was stopped.
    pub revoked_at: Timestamp,
}

/// `POST /api/keys`
///
/// # Errors
/// A role that the caller cannot give, no such account within the key's reach, the rejection.
pub async fn create(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let body: KeyBody = call.json()?;
    let own = call.caller()?.role;
    if !own.may_grant(body.role) {
        let (own, role) = (own.as_str(), body.role.as_str());
        return Err(ApiError::new(
            "forbidden",
            format!("a key of role {own} makes none of {role}"),
        ));
    }
    let reach = named_account(&app, &call, body.account_id).await?;
    let key = ApiKey::from_random(minting::bytes(&app, &call, "key", reach));
    let (prefix, hash) = (key.prefix().to_owned(), key.hash());
    let (label, role, expires_at) = (body.label, body.role, body.expires_at);
    let command = IssueKey { label, role, reach, prefix, hash, expires_at };
    let receipt = app.submit(call.request_within(reach, command)?).await?;
    minted(&app, &receipt, &key).await
}

/// `POST /api/keys/{id}/rotate`
///
/// # Errors
/// No such key within the key's reach, one that does not work, or that was rotated before.
pub async fn rotate(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let body: RotateBody = call.json_or_empty()?;
    let (key_id, reach) = reached(&app, &call).await?;
    let key = ApiKey::from_random(minting::bytes(&app, &call, "key", reach));
    let (prefix, hash) = (key.prefix().to_owned(), key.hash());
    let overlap_seconds = body.overlap_seconds.unwrap_or(OVERLAP_SECONDS);
    let command = RotateKey { key_id, overlap_seconds, prefix, hash };
    let receipt = app.submit(call.request_within(reach, command)?).await?;
    minted(&app, &receipt, &key).await
}

/// `POST /api/keys/{id}/revoke`
///
/// # Errors
/// No such key within the key's reach, one that was revoked before.
pub async fn revoke(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let NoFields {} = call.json_or_empty()?;
    let (key_id, reach) = reached(&app, &call).await?;
    let receipt = app.submit(call.request_within(reach, RevokeKey { key_id })?).await?;
    // The gate knows by now; here it is waited for the rows.
    app.reaches(receipt.position()).await;
    let revoked_at = receipt.events.last().map(|recorded| recorded.effective_at);
    let revoked_at = revoked_at.ok_or_else(|| ApiError::internal(&"a receipt without events"))?;
    Ok(Answer::ok(&RevokedKey { key_id, revoked_at }).at(receipt.position()))
}

/// `GET /api/keys`
///
/// # Errors
/// A page out of range.
pub async fn list(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let reach = call.reach()?;
    let position = shown(&app, &call, Reach::Ledger).await?;
    let (limit, after) = call.page()?;
    let page = Page { after: after.as_deref(), limit };
    let (rows, next) = app.rows(reach).page::<Keys>(&page).await?;
    let present = app.gate.present().await?;
    let rows: Vec<_> = rows.into_iter().map(|row| KeyShape::of(row, &present)).collect();
    Ok(listed(&call, rows, next).at(position))
}

/// `GET /api/keys/{id}`
///
/// # Errors
/// No such key within the key's reach.
pub async fn get(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let id: KeyId = call.captured_id(0)?;
    let reach = call.reach()?;
    let position = shown(&app, &call, Reach::Ledger).await?;
    let row = app.rows(reach).get::<Keys>(&id.to_string()).await?;
    let row = row.ok_or_else(ApiError::not_found)?;
    Ok(Answer::ok(&KeyShape::of(row, &app.gate.present().await?)).at(position))
}

impl KeyShape {
    fn of(row: KeyRow, present: &Present) -> Self {
        let key = present.world.access.key(row.key_id);
        Self {
            position: row.position,
            key_id: row.key_id,
            prefix: row.prefix,
            label: row.label,
            role: row.role,
            account_id: row.account_id,
            issued_at: row.issued_at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
            replaces: row.replaces,
            replaced_by: row.replaced_by,
            works_until: row.works_until,
            works: key.is_some_and(|key| key.works(present.now)),
        }
    }
}

/// The account for which a caller mints: the one that the body names, else the call's own. One out
/// of reach looks like one that is not there.
pub(super) async fn named_account(
    app: &App,
    call: &Call,
    named: Option<AccountId>,
) -> Result<Option<AccountId>, ApiError> {
    let own = call.account_if_any()?;
    let Some(account) = named.or(own) else { return Ok(None) };
    let known = own.is_none_or(|own| own == account)
        && app.ledger.look(Some(account), move |world| world.account(account).is_some()).await?;
    if known { Ok(Some(account)) } else { Err(Rejection::AccountUnknown { account }.into()) }
}

/// The key in the path, if the caller reaches it, and that reach. It is the log that is asked: a
/// key can be stopped however far the rows lag.
async fn reached(app: &App, call: &Call) -> Result<(KeyId, Option<AccountId>), ApiError> {
    let (id, reach) = (call.captured_id(0)?, call.account_if_any()?);
    let present = app.gate.present().await?;
    let key = present.world.access.key(id).map(|key| key.issued.account_id);
    match key {
        Some(account) if reach.is_none() || reach == account => Ok((id, reach)),
        Some(_) | None => Err(ApiError::not_found()),
    }
}

/// The answer to a minting, from the events that it appended or that its retry has met.
async fn minted(app: &App, receipt: &Receipt, key: &ApiKey) -> Result<Answer, ApiError> {
    app.reaches(receipt.position()).await;
    let found = receipt.events.iter().find_map(|recorded| Some((recorded, issued(recorded)?)));
    let (recorded, issued) = found.ok_or_else(|| ApiError::internal(&"no key was issued"))?;
    let replaced_works_until = receipt.events.iter().find_map(|recorded| match &recorded.event {
        Event::Access(AccessEvent::KeyRotated(rotated)) => Some(rotated.works_until),
        _ => None,
    });
    let body = MintedKey {
        key_id: issued.key_id,
        key: (issued.hash == key.hash()).then(|| key.reveal().to_owned()),
        prefix: issued.prefix.clone(),
        label: issued.label.clone(),
        role: issued.role,
        account_id: issued.account_id,
        issued_at: recorded.effective_at,
        expires_at: issued.expires_at,
        replaces: issued.replaces,
        replaced_works_until,
    };
    Ok(Answer::json(StatusCode::CREATED, &body).at(receipt.position()))
}

fn issued(recorded: &Recorded) -> Option<&KeyIssued> {
    match &recorded.event {
        Event::Access(AccessEvent::KeyIssued(issued)) => Some(issued),
        _ => None,
    }
}
