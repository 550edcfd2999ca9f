//! The ledger's own `/api/ledger/events…` and `/api/ledger/streams…`: the log, verbatim.
//!
//! A payload and an origin are the texts that are stored and hashed. A key of one account reads
//! its own stream and nothing else; what is foreign looks like what is missing.

use std::{str::FromStr, sync::Arc};

use chrono::NaiveDate;
use daybook_events::{
    Event, Origin, StreamId, Timestamp,
    envelope::Stored,
    merkle::hex,
    store::{self, StoredWithLeaf, StreamEnd},
};
use daybook_projections::history::EventPage;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, value::RawValue};

use crate::app::App;
use crate::http::{answer::Answer, call::Call, error::ApiError, reading::listed};

/// How many events are looked at for one page of a rare type.
const LOOKED_AT: i64 = 50_000;

/// An event as it is stored.
#[derive(Debug, Serialize, JsonSchema)]
pub struct StoredEvent {
    /// Its place in the log: 1, 2, 3, … without gaps.
    position: i64,
    /// Its stream: `book`, `access`, `plan:…`, `coupon:…` or `account:…`.
    stream: String,
    /// Its place in the stream: 1, 2, 3, … without gaps.
    version: i64,
    /// What happened, by its permanent name.
    #[serde(rename = "type")]
    type_name: String,
    /// The version of the payload's shape.
    schema_version: i16,
    /// When the ledger learned it.
    recorded_at: Timestamp,
    /// When it counts.
    effective_at: Timestamp,
    /// The accounting day, in the seller's zone.
    posting_on: NaiveDate,
    /// The document, plan or order number that was assigned with it.
    number: Option<String>,
    /// Who, how and why; the stored text.
    #[schemars(with = "Origin")]
    origin: Box<RawValue>,
    /// What happened, in full; the stored text.
    #[schemars(with = "Map<String, Value>")]
    payload: Box<RawValue>,
    /// The hash of its line, in hex: its leaf of the tree.
    leaf_hash: String,
}

impl StoredEvent {
    fn of((event, leaf): StoredWithLeaf) -> Result<Self, ApiError> {
        let verbatim = |text| RawValue::from_string(text).map_err(|e| ApiError::internal(&e));
        let Stored { position, stream, version, type_name, schema_version, .. } = event;
        Ok(Self {
            position,
            stream,
            version,
            type_name,
            schema_version,
            recorded_at: event.recorded_at,
            effective_at: event.effective_at,
            posting_on: event.posting_on,
            number: event.number,
            origin: verbatim(event.origin)?,
            payload: verbatim(event.payload)?,
            leaf_hash: hex(&leaf),
        })
    }
}

/// A stream, and how far it has come.
#[derive(Debug, Serialize, JsonSchema)]
pub struct StreamShown {
    /// The stream.
    stream: String,
    /// The version of its last event: how many it has.
    version: i64,
    /// The position of its last event.
    position: i64,
}

impl From<StreamEnd> for StreamShown {
    fn from(end: StreamEnd) -> Self {
        Self { stream: end.stream, version: end.version, position: end.position }
    }
}

/// `GET /api/ledger/events`
///
/// # Errors
/// A filter that is none, or a page out of range.
pub async fn list(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let reach = call.reach()?;
    let (limit, after) = numbered_page(&call)?;
    let type_name = type_asked(&call)?;
    let stream = call.query.get("stream").map(|text| stream_of(text)).transpose()?;
    let head = store::head(app.pool()).await?.position;
    // A rare type is not looked for through the whole log at once.
    let until = match (type_name, stream) {
        (Some(_), None) => head.min(after.saturating_add(LOOKED_AT)),
        (Some(_) | None, _) => head,
    };
    let page = EventPage { stream, type_name, after, until, limit, after_version: 0 };
    let events = app.history(reach).page(&page).await?;
    let full = i64::try_from(events.len()) == Ok(limit);
    let next = match events.last() {
        Some((last, _)) if full => Some(last.position),
        Some(_) | None => (until < head).then_some(until),
    };
    let events = events.into_iter().map(StoredEvent::of).collect::<Result<Vec<_>, _>>()?;
    Ok(listed(&call, events, next.map(|next| next.to_string())).at(head))
}

/// `GET /api/ledger/events/{position}`
///
/// # Errors
/// No such event within the key's reach.
pub async fn get(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let position: i64 = call.captured_id(0)?;
    let event = app.history(call.reach()?).at(position).await?;
    let event = event.ok_or_else(ApiError::not_found)?;
    Ok(Answer::ok(&StoredEvent::of(event)?).at(position))
}

/// `GET /api/ledger/streams`
///
/// # Errors
/// A page out of range.
pub async fn streams(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let (limit, after) = call.page()?;
    let head = store::head(app.pool()).await?.position;
    let history = app.history(call.reach()?);
    let ends = history.streams(after.as_deref().unwrap_or_default(), limit).await?;
    let full = i64::try_from(ends.len()) == Ok(limit);
    let next = ends.last().filter(|_| full).map(|last| last.stream.clone());
    let ends: Vec<_> = ends.into_iter().map(StreamShown::from).collect();
    Ok(listed(&call, ends, next).at(head))
}

/// `GET /api/ledger/streams/{stream}`: `after` is a version of the stream.
///
/// # Errors
/// No such stream within the key's reach, or a page out of range.
pub async fn stream(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    // A colon may come escaped.
    let named = call.capture(0).replace("%3A", ":").replace("%3a", ":");
    let stream = StreamId::from_str(&named).map_err(|_| ApiError::not_found())?;
    let history = app.history(call.reach()?);
    let (limit, after_version) = numbered_page(&call)?;
    let type_name = type_asked(&call)?;
    let head = store::head(app.pool()).await?.position;
    let whole = EventPage { stream: Some(stream), until: head, limit, ..EventPage::default() };
    let page = EventPage { type_name, after_version, ..whole };
    let events = history.page(&page).await?;
    if events.is_empty() && history.page(&EventPage { limit: 1, ..whole }).await?.is_empty() {
        return Err(ApiError::not_found());
    }
    let full = i64::try_from(events.len()) == Ok(limit);
    let next = events.last().filter(|_| full).map(|(last, _)| last.version.to_string());
    let events = events.into_iter().map(StoredEvent::of).collect::<Result<Vec<_>, _>>()?;
    Ok(listed(&call, events, next).at(head))
}

/// A page whose `after` is a number.
fn numbered_page(call: &Call) -> Result<(i64, i64), ApiError> {
    let (limit, after) = call.page()?;
    let after = after.map_or(Some(0), |text| text.parse().ok().filter(|after| *after >= 0));
    let text = "`after` is the `next` of the page before: a number";
    Ok((limit, after.ok_or_else(|| ApiError::new("invalid_request", text))?))
}

/// The type that the query names, which there must be: a misspelt one would find nothing.
fn type_asked(call: &Call) -> Result<Option<&'static str>, ApiError> {
    let Some(asked) = call.query.get("type") else { return Ok(None) };
    let known = Event::types().into_iter().find(|(name, _)| name == asked);
    let unknown = || {
        let shown: String = asked.chars().take(60).collect();
        let text = format!("no event has the type `{shown}`; one is `invoice.issued`");
        ApiError::new("event_type_unknown", text)
    };
    known.map(|(name, _)| Some(name)).ok_or_else(unknown)
}

fn stream_of(text: &str) -> Result<StreamId, ApiError> {
    text.parse().map_err(|_| {
        let text = "`stream` is book, access, plan:<id>, coupon:<code> or account:<id>";
        ApiError::new("invalid_request", text)
    })
}
