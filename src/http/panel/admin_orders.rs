//! The panel dialect's orders for those who look after them: search, place for a user, say whether
//! the money came.

use std::sync::Arc;

use daybook_events::{
    commands::{ConfirmManualPayment, RejectPayment},
    ids::{AccountId, OrderId},
};
use daybook_projections::{
    orders::Orders,
    query::{Reach, Search},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    number::Name,
    orders::{OrderPlacedShape, Wanted, noted, own},
    shapes::{OrderShape, Status},
    showing::{self, AsOf},
};
use crate::app::App;
use crate::http::{answer::Answer, call::Call, error::ApiError, fields::cycle, reading::shown};

/// How many orders a page has.
const PER_PAGE: i64 = 50;
/// The furthest page.
const PAGE_MAX: i64 = 1_000_000;
/// The longest text that is searched for, in characters.
const SEARCH_MAX: usize = 100;
/// The longest id of a user, in characters.
const USER_MAX: usize = 200;

/// What an order is found by: its number, its plan's name, its transfer, or its customer. Where the
/// rows lie, the search says.
const FOUND_BY: &str = "(
    row->>'number' = $2
    or lower(row->'plan'->>'name') like $3
    or lower(row->>'transaction') like $3
    or account_id in (
        select account_id from {views}.accounts
        where lower(external_id) like $3
           or lower(row->'billing'->>'name') like $3
           or lower(row->'billing'->>'email') like $3))";

/// A page of orders.
#[derive(Debug, Serialize, JsonSchema)]
pub struct OrdersPage {
    /// Those that wait for money first, then the newest.
    pub orders: Vec<OrderShape>,
    /// How many there are on all pages.
    pub total: i64,
    /// Which page this is, counted from 1.
    pub page: i64,
    /// How many orders a page has.
    pub per: i64,
}

/// `GET /api/admin/orders`: those that wait for money first, then the newest.
///
/// # Errors
/// A page or a text out of range.
pub async fn list(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let page = page(&call)?;
    let text = call.query.get("q").map(String::as_str).filter(|text| !text.is_empty());
    if text.is_some_and(|text| text.chars().count() > SEARCH_MAX) {
        let text = format!("`q` has at most {SEARCH_MAX} characters");
        return Err(ApiError::new("invalid_request", text));
    }
    let reach = call.reach()?;
    let position = shown(&app, &call, reach).await?;
    let user = call.query.get("userId");
    if user.is_some_and(|user| user.chars().count() > USER_MAX) {
        let text = format!("`userId` has at most {USER_MAX} characters");
        return Err(ApiError::new("invalid_request", text));
    }
    let reach = match user {
        // A user that the caller does not reach has no orders, as one that is not there.
        Some(user) => match showing::account_of(&call, user) {
            Ok(account) => Reach::Account(account),
            Err(_) => return Ok(answer(Vec::new(), 0, page).at(position)),
        },
        None => reach,
    };
    let search = Search {
        condition: FOUND_BY,
        order: "done, number desc",
        text,
        limit: PER_PAGE,
        offset: (page - 1) * PER_PAGE,
    };
    let (rows, total) = app.rows(reach).search::<Orders>(&search).await?;
    let orders = showing::orders(&app, reach, &rows).await?;
    Ok(answer(orders, total, page).at(position))
}

fn answer(orders: Vec<OrderShape>, total: i64, page: i64) -> Answer {
    Answer::ok(&OrdersPage { orders, total, page, per: PER_PAGE })
}

fn page(call: &Call) -> Result<i64, ApiError> {
    let Some(text) = call.query.get("page") else { return Ok(1) };
    let page = text.parse().ok().filter(|page| (1..=PAGE_MAX).contains(page));
    page.ok_or_else(|| {
        ApiError::new("invalid_request", format!("`page` is a number from 1 to {PAGE_MAX}"))
    })
}

/// `GET /api/admin/orders/{id}`: by number or id.
///
/// # Errors
/// No such order within the key's reach.
pub async fn get(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    super::orders::get(app, call).await
}

/// What `POST /api/admin/orders` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AdminOrderBody {
    /// The panel's own id of the user, or the account's.
    user_id: Name,
    /// The plan's number, id or slug.
    plan_id: Name,
    /// `monthly` by default, or as the live subscription is billed.
    billing_cycle: Option<String>,
    /// What is to be noted with it.
    notes: Option<String>,
}

/// `POST /api/admin/orders`: places an order for a user.
///
/// # Errors
/// No such user, or the rejection of the order.
pub async fn place(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let body: AdminOrderBody = call.json()?;
    let account_id = showing::account_of(&call, &body.user_id.text())?;
    let cycle = body.billing_cycle.as_deref().map(cycle).transpose()?;
    let order = Wanted { account_id, plan: body.plan_id, cycle, coupon: None };
    let (receipt, order, auto_activated) =
        order.place(&app, &call, body.notes.into_iter().collect()).await?;
    let body = OrderPlacedShape { success: true, order, auto_activated };
    Ok(Answer::ok(&body).at(receipt.position()))
}

/// An order whose payment somebody has looked for.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Looked {
    id: u64,
    status: Status,
}

/// What became of an order whose payment somebody has looked for.
#[derive(Debug, Serialize, JsonSchema)]
pub struct LookedDone {
    /// Always true: a refusal has another status.
    pub success: bool,
    /// The order.
    pub order: Looked,
}

/// What `POST /api/admin/orders/{id}/confirm-payment` takes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConfirmBody {
    /// The id of the transfer, where it is known.
    tx_id: Option<String>,
    /// What is to be noted with it.
    notes: Option<String>,
}

/// `POST /api/admin/orders/{id}/confirm-payment`: the money came; books it once.
///
/// # Errors
/// No such order, or one that is not open.
pub async fn confirm(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let body: ConfirmBody = call.json_or_empty()?;
    let (account_id, order_id) = own(&app, &call).await?;
    let notes = noted(body.notes.into_iter().collect())?;
    let transaction = body.tx_id.filter(|id| !id.is_empty());
    let command = ConfirmManualPayment { account_id, order_id, transaction };
    let receipt = app.submit(call.request_for("", command, notes)?).await?;
    looked(&app, account_id, order_id, receipt.position()).await
}

/// What `POST /api/admin/orders/{id}/reject-payment` takes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RejectBody {
    /// Why.
    reason: Option<String>,
}

/// `POST /api/admin/orders/{id}/reject-payment`: the money never came; cancels the order.
///
/// # Errors
/// No such order, or one that is not open.
pub async fn reject(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let body: RejectBody = call.json_or_empty()?;
    let (account_id, order_id) = own(&app, &call).await?;
    let reason = noted(body.reason.into_iter().collect())?;
    let command = RejectPayment { account_id, order_id };
    let receipt = app.submit(call.request_for("", command, reason)?).await?;
    looked(&app, account_id, order_id, receipt.position()).await
}

async fn looked(
    app: &Arc<App>,
    account_id: AccountId,
    order_id: OrderId,
    position: i64,
) -> Result<Answer, ApiError> {
    let as_of = AsOf::read(app, account_id, position).await?;
    let order = as_of.shape(&as_of.order(order_id)?)?;
    let order = Looked { id: order.id, status: order.status };
    Ok(Answer::ok(&LookedDone { success: true, order }).at(position))
}
