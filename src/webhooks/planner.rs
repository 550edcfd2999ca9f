//! The planner: every event after an endpoint's cursor becomes a delivery, where the endpoint wants
//! it, in the transaction that moves the cursor. So each is planned once, however often and wherever
//! processes crash.

use daybook_events::{
    ids::{DeliveryId, EndpointId, Id},
    store,
};
use daybook_projections::{history::EventPage, query::Reach};
use uuid::Uuid;

use super::{
    WebhookError,
    delivery::{self, NewDelivery},
    endpoint, message,
};
use crate::app::App;

/// How many events are looked at in one transaction.
const PAGE: i64 = 500;

/// Plans whatever the log has for every endpoint. What cannot be read for one holds up no other.
///
/// # Errors
/// A database that cannot be reached.
pub async fn plan(app: &App) -> Result<(), WebhookError> {
    let head = store::head(app.pool()).await?.position;
    for id in endpoint::behind(app.pool(), head).await? {
        loop {
            match plan_page(app, id, head).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(WebhookError::Database(error)) => return Err(error.into()),
                Err(error) => {
                    tracing::error!(endpoint = %id, %error, "webhooks cannot be planned");
                    break;
                }
            }
        }
    }
    Ok(())
}

/// Plans a page for an endpoint; tells whether there may be more.
async fn plan_page(app: &App, id: EndpointId, head: i64) -> Result<bool, WebhookError> {
    let mut tx = app.pool().begin().await?;
    let endpoint = endpoint::lock(&mut tx, Reach::Ledger, id).await?;
    let endpoint = endpoint.filter(|it| it.enabled && it.planned_to < head);
    let Some(endpoint) = endpoint else { return Ok(false) };
    let history = app.history(endpoint.reach());
    let page =
        EventPage { after: endpoint.planned_to, until: head, limit: PAGE, ..EventPage::default() };
    let events = history.page(&page).await?;
    let now = app.ledger.clock().now();
    for (stored, _) in &events {
        let unread = |_| WebhookError::Event(stored.position);
        let recorded = stored.decode().map_err(unread)?;
        let told = message::of_event(history, endpoint.format, &recorded).await?;
        let Some(told) = told.filter(|told| endpoint.wants(told.type_name)) else { continue };
        let new = NewDelivery {
            endpoint: id,
            position: Some(recorded.position),
            stream: &stored.stream,
            type_name: told.type_name,
        };
        delivery::plan(&mut tx, DeliveryId::from_uuid(Uuid::now_v7()), new, now).await?;
    }
    let full = i64::try_from(events.len()) == Ok(PAGE);
    let last = events.last().filter(|_| full).map(|(stored, _)| stored.position);
    endpoint::planned(&mut tx, id, last.unwrap_or(head)).await?;
    tx.commit().await?;
    Ok(full)
}
