//! The panel dialect's orders for the customers themselves: list, place, look, give up.

use std::sync::Arc;

use daybook_events::{
    commands::{GiveUpOrder, OrderPlan},
    event::{AccountEvent, OrderEvent, OrderPurpose, SubscriptionEvent},
    ids::AccountId,
    period::Cycle,
    store::Receipt,
};
use daybook_projections::{
    orders::Orders,
    query::{Page, Reach},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    number::Name,
    shapes::OrderShape,
    showing::{self, AsOf},
};
use crate::http::{
    answer::Answer,
    call::Call,
    error::ApiError,
    fields::{NoFields, cycle},
    outcome,
    processor::at_processor,
    reading::{next_page, shown},
};
use crate::{app::App, processors::Counter};

/// An order that was placed.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderPlacedShape {
    /// Always true: a refusal has another status.
    pub success: bool,
    /// The order.
    pub order: OrderShape,
    /// There was nothing to pay: the customer has the plan already.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub auto_activated: bool,
}

/// An order to which something was done.
#[derive(Debug, Serialize, JsonSchema)]
pub struct OrderDone {
    /// Always true: a refusal has another status.
    pub success: bool,
    /// The order.
    pub order: OrderShape,
}

/// `GET /api/orders`: the account's, newest first; the next page is in `Link`.
///
/// # Errors
/// No account, or a page out of range.
pub async fn list(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let reach = Reach::Account(call.account()?);
    let position = shown(&app, &call, reach).await?;
    let (limit, after) = call.page()?;
    let page = Page { after: after.as_deref(), limit };
    let (rows, next) = app.rows(reach).newest_first::<Orders>(&page).await?;
    let shapes = showing::orders(&app, reach, &rows).await?;
    let answer = Answer::ok(&shapes).at(position);
    Ok(match next {
        Some(next) => answer.with("link", next_page(&call, &next)),
        None => answer,
    })
}

/// `GET /api/orders/{id}`: by number or id.
///
/// # Errors
/// No such order within the key's reach.
pub async fn get(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let reach = call.reach()?;
    let position = shown(&app, &call, reach).await?;
    let row = showing::order(&app, &call, reach).await?;
    Ok(Answer::ok(&showing::one(&app, reach, row).await?).at(position))
}

/// What `POST /api/orders` takes. What it costs is the plan's price, never the caller's.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OrderBody {
    /// The plan's number, id or slug.
    plan_id: Name,
    /// `monthly` by default, or as the live subscription is billed.
    billing_cycle: Option<String>,
    /// A coupon's code.
    coupon_code: Option<String>,
    /// What is to be noted with it.
    notes: Option<String>,
    /// What is to be noted with it, before the notes.
    description: Option<String>,
}

/// `POST /api/orders`: orders a plan, or the change of the live subscription to it.
///
/// # Errors
/// The rejection of the order.
pub async fn place(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let body: OrderBody = call.json()?;
    let account_id = call.account()?;
    let cycle = body.billing_cycle.as_deref().map(cycle).transpose()?;
    let notes: Vec<_> = body.description.into_iter().chain(body.notes).collect();
    let order = Wanted { account_id, plan: body.plan_id, cycle, coupon: body.coupon_code };
    let (receipt, order, auto_activated) = order.place(&app, &call, notes).await?;
    let body = OrderPlacedShape { success: true, order, auto_activated };
    Ok(Answer::ok(&body).at(receipt.position()))
}

/// What somebody orders.
pub(super) struct Wanted {
    pub(super) account_id: AccountId,
    pub(super) plan: Name,
    pub(super) cycle: Option<Cycle>,
    pub(super) coupon: Option<String>,
}

impl Wanted {
    /// Places the order; tells it as it was then, and whether there was nothing to pay.
    pub(super) async fn place(
        self,
        app: &Arc<App>,
        call: &Call,
        notes: Vec<String>,
    ) -> Result<(Receipt, OrderShape, bool), ApiError> {
        let Self { account_id, plan, cycle, coupon } = self;
        let notes = noted(notes)?;
        let processor = app.processors.at(Counter::Panel).ok();
        let merchant_of_record = processor.and_then(|it| it.merchant()).map(str::to_owned);
        let (plan, price) = (plan.text(), None);
        let command = OrderPlan { account_id, plan, cycle, price, coupon, merchant_of_record };
        let receipt = app.submit(call.request_for("", command, notes)?).await?;
        let as_of = AsOf::read(app, account_id, receipt.position()).await?;
        let placed = placed(&receipt);
        let order = match placed {
            Some(id) => as_of.order(id)?,
            // A change that costs nothing needs no order: it is the subscription's that goes on.
            None => as_of.active_order()?.ok_or_else(|| ApiError::internal(&"no order"))?,
        };
        let shape = as_of.shape(&order)?;
        Ok((receipt, shape, order.paid_at.is_some()))
    }
}

/// The order that a command placed, for a plan and not for what fell due before it.
fn placed(receipt: &Receipt) -> Option<daybook_events::ids::OrderId> {
    let events = receipt.events.iter().map(AsRef::as_ref);
    let newest = outcome::last(events.clone(), |event| match event {
        AccountEvent::Order(OrderEvent::OrderPlaced(placed)) => match placed.purpose {
            OrderPurpose::Subscribe { .. } | OrderPurpose::ChangePlan => Some(placed.order_id),
            OrderPurpose::PayInvoice { .. } => None,
        },
        _ => None,
    });
    let changed = outcome::last(events, |event| match event {
        AccountEvent::Subscription(SubscriptionEvent::PlanChanged(_)) => Some(()),
        _ => None,
    });
    let before = |position: i64| changed.as_ref().is_some_and(|(it, ())| it.position > position);
    newest.filter(|(recorded, _)| !before(recorded.position)).map(|(_, id)| id)
}

/// Texts as the log keeps them with an order.
///
/// # Errors
/// More than the log keeps, or characters that no line of text has.
pub(super) fn noted(texts: Vec<String>) -> Result<Option<String>, ApiError> {
    const MOST: usize = 500;
    let texts: Vec<_> = texts.into_iter().filter(|text| !text.is_empty()).collect();
    let text = texts.join("; ");
    if text.chars().count() > MOST || text.chars().any(char::is_control) {
        let text = format!("notes have at most {MOST} characters, none of control");
        return Err(ApiError::new("invalid_request", text));
    }
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// `POST /api/orders/{id}/cancel`: an open order is cancelled; the subscription of an active one
/// ends now, without a refund.
///
/// # Errors
/// No such order, or one that cannot be cancelled.
pub async fn cancel(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let NoFields {} = call.json_or_empty()?;
    let (account_id, order_id) = own(&app, &call).await?;
    let receipt = app.submit(call.request(GiveUpOrder { account_id, order_id })?).await?;
    at_processor::push(&app, account_id, &receipt).await?;
    let as_of = AsOf::read(&app, account_id, receipt.position()).await?;
    let order = as_of.shape(&as_of.order(order_id)?)?;
    Ok(Answer::ok(&OrderDone { success: true, order }).at(receipt.position()))
}

/// The order in the path and its account, as the caller reaches it.
///
/// # Errors
/// No such order there.
pub(super) async fn own(
    app: &Arc<App>,
    call: &Call,
) -> Result<(AccountId, daybook_events::ids::OrderId), ApiError> {
    let reach = call.reach()?;
    app.settled(reach).await;
    let order = showing::order(app, call, reach).await?;
    Ok((order.account_id, order.order_id))
}
