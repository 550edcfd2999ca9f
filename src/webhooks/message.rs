//! A delivery as it goes over the wire: the body, made from the log, and the headers, signed.

use daybook_events::{Recorded, Timestamp};
use daybook_projections::history::History;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::{
    WebhookError,
    delivery::Delivery,
    endpoint::{Endpoint, Format},
    interest::{self, News},
    standard, v1,
};
use crate::{app::App, signing};

/// What an event is to endpoints of a format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The type, by the format.
    pub type_name: &'static str,
    /// The bytes that are sent and signed.
    pub body: Vec<u8>,
}

/// What an endpoint of a format is told of an event; `None` where it is none of its business. The
/// history is the one that the endpoint may see.
///
/// # Errors
/// A history that cannot be read.
pub async fn of_event(
    history: History<'_>,
    format: Format,
    recorded: &Recorded,
) -> Result<Option<Told>, WebhookError> {
    match format {
        Format::Standard if interest::of(&recorded.event) == News::Silent => Ok(None),
        Format::Standard => {
            let type_name = recorded.event.type_name();
            Ok(Some(Told { type_name, body: standard::body(recorded) }))
        }
        Format::V1 if !v1::may_tell(&recorded.event) => Ok(None),
        Format::V1 => {
            let Some(account) = recorded.account() else { return Ok(None) };
            let mut events = history.of_account(account).await?;
            events.retain(|event| event.position <= recorded.position);
            let webhook = v1::of(&events).map_err(|_| WebhookError::Event(recorded.position))?;
            Ok(webhook.map(|it| Told { type_name: it.name(), body: it.body() }))
        }
    }
}

/// The bytes of a delivery, as they are sent.
///
/// # Errors
/// A history that cannot be read.
pub async fn body(
    app: &App,
    endpoint: &Endpoint,
    delivery: &Delivery,
) -> Result<Vec<u8>, WebhookError> {
    let Some(position) = delivery.position else {
        let id = endpoint.id.to_string();
        return Ok(match endpoint.format {
            Format::Standard => standard::test(&id, delivery.planned_at),
            Format::V1 => v1::test(&id),
        });
    };
    let unread = || WebhookError::Event(position);
    let history = app.history(endpoint.reach());
    let (stored, _) = history.at(position).await?.ok_or_else(unread)?;
    let recorded = stored.decode().map_err(|_| unread())?;
    let told = of_event(history, endpoint.format, &recorded).await?;
    Ok(told.ok_or_else(unread)?.body)
}

/// The headers of an attempt.
pub(super) fn headers(
    endpoint: &Endpoint,
    delivery: &Delivery,
    body: &[u8],
    now: Timestamp,
) -> HeaderMap {
    let (id, secrets) = (delivery.id.to_string(), endpoint.secrets(now));
    let signed = match endpoint.format {
        Format::Standard => {
            vec![("webhook-signature", signing::standard(&secrets, &id, now.seconds(), body))]
        }
        // The page's verifier compares with one signature: the newest secret's.
        Format::V1 => {
            let newest = secrets.first().map(|secret| signing::hex(secret, body));
            let named = ("x-event-name", delivery.type_name.clone());
            newest.map(|signature| ("x-signature", signature)).into_iter().chain([named]).collect()
        }
    };
    let every = [
        ("content-type", "application/json".to_owned()),
        ("user-agent", concat!("Daybook/", env!("CARGO_PKG_VERSION")).to_owned()),
        ("webhook-id", id),
        ("webhook-timestamp", now.seconds().to_string()),
        ("daybook-position", delivery.position.unwrap_or(0).to_string()),
        ("daybook-previous-position", delivery.previous_position.to_string()),
    ];
    let header = |(name, value): (&'static str, String)| {
        Some((HeaderName::from_static(name), HeaderValue::from_str(&value).ok()?))
    };
    every.into_iter().chain(signed).filter_map(header).collect()
}
