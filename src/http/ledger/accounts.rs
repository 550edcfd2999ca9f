//! The ledger's own `/api/accounts…`: open an account, read its rows. Names are in snake case, as in
//! the events.

use std::sync::Arc;

use daybook_events::{
    Currency,
    commands::{OpenAccount, ReviseBillingDetails},
    ids::{AccountId, Id},
    personal::{Party, Personal},
};
use daybook_projections::{
    accounts::Accounts, invoices::Invoices, orders::Orders, payments::Payments, query::Reach,
    refunds::Refunds, subscriptions::Subscriptions,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use warp::http::StatusCode;

use crate::app::App;
use crate::http::{
    answer::Answer,
    call::Call,
    error::ApiError,
    fields,
    json::Object,
    past,
    reading::{of_account, reached, rows, shown},
};

/// What `POST /api/accounts` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenBody {
    /// The panel's own id of the customer: two accounts never share one.
    #[schemars(length(min = 1, max = 200))]
    external_id: Option<String>,
    /// What everything is billed in.
    #[schemars(with = "Currency")]
    currency: String,
    /// The IANA name of the zone on whose calendar periods are reckoned; `UTC` where it is absent.
    #[schemars(example = &"Europe/Berlin")]
    time_zone: Option<String>,
    /// Whom invoices are made out to.
    #[serde(default)]
    #[schemars(default)]
    billing: Object<Party>,
}

/// An account that was opened.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Opened {
    /// The account's id.
    account_id: AccountId,
}

/// `POST /api/accounts`
///
/// # Errors
/// A currency or zone that is not known, or the rejection.
pub async fn open(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let body: OpenBody = call.json()?;
    let currency = fields::currency(&body.currency)?;
    let zone = body.time_zone.as_deref().unwrap_or("UTC");
    let zone = zone.parse().map_err(|_| {
        ApiError::new("time_zone_unknown", "`time_zone` is a name such as Europe/Berlin")
    })?;
    let external_id = body.external_id;
    let account_id = external_id
        .as_deref()
        .map_or_else(|| AccountId::from_uuid(Uuid::now_v7()), OpenAccount::id_of_external);
    let billing = Personal(body.billing.0);
    let command = OpenAccount { account_id, external_id, currency, zone, billing };
    let mut request = call.request(command)?;
    // A fresh id each time must not hide a retry from its key.
    if let Some(key) = &mut request.key {
        "ledger/accounts".clone_into(&mut key.scope);
    }
    let receipt = app.submit(request).await?;
    let account_id = receipt.events.iter().find_map(|recorded| recorded.account());
    let account_id = account_id.ok_or_else(|| ApiError::internal(&"no account was opened"))?;
    let body = Opened { account_id };
    Ok(Answer::json(StatusCode::CREATED, &body).at(receipt.position()))
}

/// `PUT /api/accounts/{id}/billing`: whom later invoices are made out to, whole; earlier ones keep
/// theirs.
///
/// # Errors
/// No such account within the caller's reach, or particulars that no document could carry.
pub async fn revise_billing(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let account_id = reached(&call)?;
    let party: Party = call.json()?;
    let command = ReviseBillingDetails { account_id, billing: Personal(party.clone()) };
    let receipt = app.submit(call.request(command)?).await?;
    Ok(Answer::ok(&party).at(receipt.position()))
}

/// `GET /api/accounts`
///
/// # Errors
/// A page out of range.
pub async fn list(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    rows::<Accounts>(&app, &call, call.reach()?).await
}

/// `GET /api/accounts/{id}`
///
/// # Errors
/// No such account within the key's reach.
pub async fn get(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let account = reached(&call)?;
    let position = shown(&app, &call, Reach::Account(account)).await?;
    if let Some(then) = past::of(&app, &call, account).await? {
        let row = then.rows::<Accounts>()?.remove(&account.to_string());
        return Ok(then.stamp(Answer::ok(&row.ok_or_else(ApiError::not_found)?)));
    }
    let row = app.rows(Reach::Account(account)).get::<Accounts>(&account.to_string()).await?;
    Ok(Answer::ok(&row.ok_or_else(ApiError::not_found)?).at(position))
}

/// `GET /api/accounts/{id}/subscriptions`
///
/// # Errors
/// No such account within the key's reach.
pub async fn subscriptions(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    of_account::<Subscriptions>(&app, &call).await
}

/// `GET /api/accounts/{id}/orders`
///
/// # Errors
/// No such account within the key's reach.
pub async fn orders(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    of_account::<Orders>(&app, &call).await
}

/// `GET /api/accounts/{id}/invoices`
///
/// # Errors
/// No such account within the key's reach.
pub async fn invoices(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    of_account::<Invoices>(&app, &call).await
}

/// `GET /api/accounts/{id}/payments`
///
/// # Errors
/// No such account within the key's reach.
pub async fn payments(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    of_account::<Payments>(&app, &call).await
}

/// `GET /api/accounts/{id}/refunds`
///
/// # Errors
/// No such account within the key's reach.
pub async fn refunds(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    of_account::<Refunds>(&app, &call).await
}
