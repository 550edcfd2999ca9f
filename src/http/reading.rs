//! What reads have in common: how far the rows have come, and whose they are.

use std::sync::Arc;

use daybook_events::ids::{AccountId, SubscriptionId};
use daybook_projections::{
    accounts::Accounts,
    as_of,
    projection::Projection,
    query::{Page, Reach},
    subscriptions::{SubscriptionRow, Subscriptions},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{answer::Answer, call::Call, error::ApiError, past};
use crate::app::App;

/// A page of a list.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PageOf{T}")]
pub struct Listed<T> {
    /// The rows, oldest first.
    pub data: Vec<T>,
    /// What `after` is to be for the next page; `null` where this is the last.
    pub next: Option<String>,
}

/// Waits for what the caller has written, or for `?min_position=`; tells what is shown.
///
/// # Errors
/// A `min_position` that is no number, or that is not reached in time.
pub(super) async fn shown(app: &Arc<App>, call: &Call, reach: Reach) -> Result<i64, ApiError> {
    if let Some(text) = call.query.get("min_position") {
        let wanted = text.parse().ok().filter(|position| *position >= 0).ok_or_else(|| {
            ApiError::new("invalid_request", "`min_position` is a position of the log")
        })?;
        if !app.reaches(wanted).await {
            let text = format!("the projections have not come to position {wanted} yet");
            return Err(ApiError::new("position_not_reached", text));
        }
    }
    Ok(app.settled(reach).await)
}

/// The account in the path, if the key reaches it: a foreign one looks like a missing one.
///
/// # Errors
/// No account id, or one that the key does not reach.
pub(super) fn reached(call: &Call) -> Result<AccountId, ApiError> {
    let named: AccountId = call.captured_id(0)?;
    match call.caller()?.account {
        Some(own) if own != named => Err(ApiError::not_found()),
        Some(_) | None => Ok(named),
    }
}

/// Refuses a caller of one account what belongs to none: it looks like what is not there.
///
/// # Errors
/// A caller of one account.
pub(in crate::http) fn ledger_wide(call: &Call) -> Result<(), ApiError> {
    if call.caller()?.account.is_some() { Err(ApiError::not_found()) } else { Ok(()) }
}

/// A page of an account's rows.
///
/// # Errors
/// No such account within the key's reach, or a page out of range.
pub(super) async fn of_account<P: Projection>(
    app: &Arc<App>,
    call: &Call,
) -> Result<Answer, ApiError> {
    let account = reached(call)?;
    let Some(then) = past::of(app, call, account).await? else {
        return rows::<P>(app, call, Reach::Account(account)).await;
    };
    shown(app, call, Reach::Account(account)).await?;
    let (limit, after) = call.page()?;
    let after = after.unwrap_or_default();
    let rows = then.rows::<P>()?.into_iter().filter(|(key, _)| *key > after);
    let rows: Vec<_> = rows.take(usize::try_from(limit).unwrap_or(0)).collect();
    let full = i64::try_from(rows.len()) == Ok(limit);
    let next = rows.last().filter(|_| full).map(|(key, _)| key.clone());
    Ok(then.stamp(listed(call, rows.into_iter().map(|(_, row)| row).collect(), next)))
}

/// A page of rows, of one account or of all.
///
/// # Errors
/// No such account, or a page out of range.
pub(super) async fn rows<P: Projection>(
    app: &Arc<App>,
    call: &Call,
    reach: Reach,
) -> Result<Answer, ApiError> {
    let position = shown(app, call, reach).await?;
    let (limit, after) = call.page()?;
    let reached = app.rows(reach);
    if let Reach::Account(account) = reach
        && reached.get::<Accounts>(&account.to_string()).await?.is_none()
    {
        return Err(ApiError::not_found());
    }
    let page = Page { after: after.as_deref(), limit };
    let (rows, next) = reached.page::<P>(&page).await?;
    Ok(listed(call, rows, next).at(position))
}

/// A page of a list, with the address of the next one in `Link`.
pub(super) fn listed<T: Serialize>(call: &Call, data: Vec<T>, next: Option<String>) -> Answer {
    let link = next.as_deref().map(|next| next_page(call, next));
    let answer = Answer::ok(&Listed { data, next });
    link.into_iter().fold(answer, |answer, link| answer.with("link", link))
}

/// The next page of a list: the same query, after another key. RFC 8288.
pub(super) fn next_page(call: &Call, after: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let mut fields: Vec<_> = call.query.iter().filter(|(name, _)| *name != "after").collect();
    fields.sort_unstable();
    query.extend_pairs(fields).append_pair("after", after);
    format!("<{}?{}>; rel=\"next\"", call.path, query.finish())
}

/// The newest subscription of an account, live or ended.
///
/// # Errors
/// A database that cannot be reached.
pub(super) async fn newest_subscription(
    app: &App,
    account: AccountId,
) -> Result<Option<SubscriptionRow>, ApiError> {
    // Ids are ordered by the instant at which they came about.
    Ok(app.rows(Reach::Account(account)).newest::<Subscriptions>().await?)
}

/// A row of an account as of a position, not as of now: a retry gets the same answer whatever came
/// later.
///
/// # Errors
/// A database that cannot be reached, a history that cannot be read or has no such row.
pub(super) async fn row_as_of<P: Projection>(
    app: &App,
    account: AccountId,
    key: &str,
    position: i64,
) -> Result<P::Row, ApiError> {
    let mut events = app.history(Reach::Account(account)).of_account(account).await?;
    events.retain(|event| event.position <= position);
    let row = as_of::row::<P>(key, &events).map_err(|error| ApiError::internal(&error))?;
    row.ok_or_else(|| ApiError::internal(&"a row without its events"))
}

/// A subscription as of a position.
///
/// # Errors
/// As [`row_as_of`].
pub(super) async fn subscription_as_of(
    app: &App,
    account: AccountId,
    subscription: SubscriptionId,
    position: i64,
) -> Result<SubscriptionRow, ApiError> {
    row_as_of::<Subscriptions>(app, account, &subscription.to_string(), position).await
}
