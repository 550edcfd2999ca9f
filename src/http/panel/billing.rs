//! The panel dialect's two hooks for a payment processor: subscribe, and list invoices.

use std::sync::Arc;

use daybook_events::{
    Currency, Timestamp,
    commands::Returns,
    event::{AccountEvent, OrderEvent, OrderPlaced},
    period::Cycle,
};
use daybook_projections::{
    invoices::{InvoiceRow, InvoiceStatus, Invoices},
    query::{Page, Reach},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    number::{Exact, Name},
    orders::Wanted,
    shapes::OrderShape,
    showing::AsOf,
};
use crate::http::{
    answer::Answer,
    call::Call,
    error::ApiError,
    fields::cycle,
    outcome,
    processor::{asking::Asking, shapes},
    reading::{next_page, shown},
};
use crate::{app::App, processors::Counter};

/// What `POST /api/billing/subscribe` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SubscribeBody {
    /// The plan's number, id or slug.
    plan_id: Name,
    /// `monthly` by default, or as the live subscription is billed.
    billing_cycle: Option<String>,
    /// A coupon's code.
    coupon_code: Option<String>,
}

/// An order, and what a client needs to take its payment.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Subscribed {
    /// Always true: a refusal has another status.
    pub success: bool,
    /// The order.
    pub order: OrderShape,
    /// As `POST /api/billing/checkout` gives it; `null` where there was nothing to pay.
    pub checkout: Option<Value>,
}

/// `POST /api/billing/subscribe`: places an order and starts its checkout with the configured
/// processor.
///
/// # Errors
/// The rejection of the order, or a processor that does not help.
pub async fn subscribe(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let body: SubscribeBody = call.json()?;
    let account_id = call.account()?;
    app.processors.at(Counter::Panel)?;
    let cycle: Option<Cycle> = body.billing_cycle.as_deref().map(cycle).transpose()?;
    let order = Wanted { account_id, plan: body.plan_id, cycle, coupon: body.coupon_code };
    let (receipt, order, _) = order.place(&app, &call, Vec::new()).await?;
    let placed = outcome::last(receipt.events.iter().map(AsRef::as_ref), |event| match event {
        AccountEvent::Order(OrderEvent::OrderPlaced(placed)) => Some(placed.clone()),
        _ => None,
    });
    let asks = |placed: &OrderPlaced| placed.order_id.to_string() == order.order_id;
    let placed = placed.filter(|(_, placed)| asks(placed) && !placed.amount.is_zero());
    let Some((recorded, placed)) = placed else {
        let body = Subscribed { success: true, order, checkout: None };
        return Ok(Answer::ok(&body).at(receipt.position()));
    };
    let asking = Asking {
        call: &call,
        step: "/checkout",
        account_id,
        order_id: placed.order_id,
        counter: Counter::Panel,
        returns: Returns::default(),
        asked_before: receipt.replayed,
    };
    let (started, position) = asking.ensure(&app).await?;
    let number = recorded.number.unwrap_or_default();
    let checkout = serde_json::to_value(shapes::checkout(&app, &placed, &number, &started));
    let checkout = Some(checkout.map_err(|error| ApiError::internal(&error))?);
    // The order as its checkout left it.
    let as_of = AsOf::read(&app, account_id, position).await?;
    let order = as_of.shape(&as_of.order(placed.order_id)?)?;
    Ok(Answer::ok(&Subscribed { success: true, order, checkout }).at(position))
}

/// An invoice.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InvoiceShape {
    /// Its id.
    id: String,
    /// Its number.
    number: String,
    /// How far it has come.
    status: InvoiceStatus,
    /// What it is for, line by line.
    description: String,
    /// What there was to pay, with tax.
    amount: Option<Exact>,
    /// The tax in it.
    tax_amount: Option<Exact>,
    /// What is still to be paid.
    amount_due: Option<Exact>,
    /// Their currency.
    currency: Currency,
    /// When it was issued.
    date: Timestamp,
    /// When it was paid.
    paid_at: Option<Timestamp>,
}

impl InvoiceShape {
    fn of(row: &InvoiceRow) -> Self {
        let lines: Vec<_> = row.lines.iter().map(|line| line.description.as_str()).collect();
        Self {
            id: row.invoice_id.to_string(),
            number: row.number.clone(),
            status: row.status,
            description: lines.join(", "),
            amount: Exact::of(row.total),
            tax_amount: Exact::of(row.totals.tax),
            amount_due: Exact::of(row.due),
            currency: row.total.currency(),
            date: row.issued_at,
            paid_at: row.paid_at,
        }
    }
}

/// `GET /api/billing/invoices`: the account's, newest first; the next page is in `Link`.
///
/// # Errors
/// No account, or a page out of range.
pub async fn invoices(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let reach = Reach::Account(call.account()?);
    let position = shown(&app, &call, reach).await?;
    let (limit, after) = call.page()?;
    let page = Page { after: after.as_deref(), limit };
    let (rows, next) = app.rows(reach).newest_first::<Invoices>(&page).await?;
    let shapes: Vec<_> = rows.iter().map(InvoiceShape::of).collect();
    let answer = Answer::ok(&shapes).at(position);
    Ok(match next {
        Some(next) => answer.with("link", next_page(&call, &next)),
        None => answer,
    })
}
