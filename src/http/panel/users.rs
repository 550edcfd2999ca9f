//! The panel dialect's users: which plan they have, give them one, take it away.

use std::sync::Arc;

use daybook_events::{
    Timestamp,
    commands::{ApplyPlan, CancelPlan},
    event::{AccountEvent, OrderEvent, OrderPurpose},
};
use daybook_projections::{
    accounts::Accounts,
    orders::Orders,
    plans::Plans,
    query::{Page, Reach},
    subscriptions::Subscriptions,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    number::Name,
    orders::noted,
    shapes::{Done, OrderShape, PlanShape},
    showing::{self, AsOf},
};
use crate::app::App;
use crate::http::{
    answer::Answer, call::Call, error::ApiError, fields::NoFields, outcome,
    processor::at_processor, reading::shown,
};

/// What `POST /api/admin/users/{id}/apply-plan` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApplyBody {
    /// The plan's number, id or slug.
    plan_id: Name,
    /// Whether the plan is free for a while and ends by itself.
    #[serde(default)]
    temporary: bool,
    /// When it then ends; in a month by default.
    expires_at: Option<Timestamp>,
    /// What is to be noted with it.
    notes: Option<String>,
}

/// A plan that a user was given.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Applied {
    /// Always true: a refusal has another status.
    pub success: bool,
    /// The order that stands for it.
    pub order: OrderShape,
}

/// `POST /api/admin/users/{id}/apply-plan`: approves the user's newest open order for the plan, or
/// makes one; moves a live subscription; or gives the plan free for a while.
///
/// # Errors
/// No such user or plan, or the rejection.
pub async fn apply_plan(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let body: ApplyBody = call.json()?;
    let account_id = showing::user(&call)?;
    let notes = noted(body.notes.into_iter().collect())?;
    let (plan, temporary, until) = (body.plan_id.text(), body.temporary, body.expires_at);
    let command = ApplyPlan { account_id, plan, temporary, until };
    let receipt = app.submit(call.request_for("", command, notes)?).await?;
    at_processor::push(&app, account_id, &receipt).await?;
    let as_of = AsOf::read(&app, account_id, receipt.position()).await?;
    let order = match as_of.active_order()? {
        Some(order) => order,
        // Money that could not be used for the plan any more became credit.
        None => as_of.order(ordered(&receipt)?)?,
    };
    let order = as_of.shape(&order)?;
    Ok(Answer::ok(&Applied { success: true, order }).at(receipt.position()))
}

fn ordered(
    receipt: &daybook_events::store::Receipt,
) -> Result<daybook_events::ids::OrderId, ApiError> {
    let events = receipt.events.iter().map(AsRef::as_ref);
    let order = outcome::last(events, |event| match event {
        AccountEvent::Order(OrderEvent::OrderPlaced(placed)) => match placed.purpose {
            OrderPurpose::Subscribe { .. } | OrderPurpose::ChangePlan => Some(placed.order_id),
            OrderPurpose::PayInvoice { .. } => None,
        },
        AccountEvent::Payment(daybook_events::event::PaymentEvent::PaymentCaptured(captured)) => {
            Some(captured.order_id)
        }
        _ => None,
    });
    let (_, order) = order.ok_or_else(|| ApiError::internal(&"a plan without its order"))?;
    Ok(order)
}

/// A plan that a user has, and the order that it stands on.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PlanAndOrder {
    /// The plan, as it is on offer today.
    pub plan: PlanShape,
    /// The order.
    pub order: OrderShape,
}

/// What a user has and asked for.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CurrentPlan {
    /// The plan that the user has: none or one.
    pub plans: Vec<PlanAndOrder>,
    /// The user's newest orders, at most 50.
    pub orders: Vec<OrderShape>,
}

/// `GET /api/admin/users/{id}/current-plan`
///
/// # Errors
/// No such user within the key's reach.
pub async fn current_plan(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let account_id = showing::user(&call)?;
    let reach = Reach::Account(account_id);
    // What was written for this user, and what of the whole ledger was asked to be waited for.
    let position = shown(&app, &call, reach).await?;
    let rows = app.rows(reach);
    let account = rows.get::<Accounts>(&account_id.to_string()).await?;
    let account = account.ok_or_else(ApiError::not_found)?;
    let page = Page { after: None, limit: 50 };
    let (orders, _) = rows.newest_first::<Orders>(&page).await?;
    let plans = match account.subscription_id {
        Some(id) => plans(&app, reach, &id.to_string()).await?,
        None => Vec::new(),
    };
    let orders = showing::orders(&app, reach, &orders).await?;
    Ok(Answer::ok(&CurrentPlan { plans, orders }).at(position))
}

async fn plans(app: &App, reach: Reach, live: &str) -> Result<Vec<PlanAndOrder>, ApiError> {
    let rows = app.rows(reach);
    let Some(subscription) = rows.get::<Subscriptions>(live).await? else { return Ok(Vec::new()) };
    let plan = rows.get::<Plans>(&subscription.plan.plan_id.to_string()).await?;
    let order = rows.find::<Orders>("row->>'subscription_id'", live).await?;
    let (Some(plan), Some(order)) = (plan, order) else { return Ok(Vec::new()) };
    let plan = PlanShape::of_row(&plan, app.face.currency);
    Ok(vec![PlanAndOrder { plan, order: showing::one(app, reach, order).await? }])
}

/// `POST /api/admin/users/{id}/cancel-plan`: cancels open orders and ends the live subscription.
///
/// # Errors
/// No such user, or nothing to cancel.
pub async fn cancel_plan(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let NoFields {} = call.json_or_empty()?;
    let account_id = showing::user(&call)?;
    let receipt = app.submit(call.request(CancelPlan { account_id })?).await?;
    at_processor::push(&app, account_id, &receipt).await?;
    Ok(Answer::ok(&Done::DONE).at(receipt.position()))
}
