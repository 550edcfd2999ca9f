//! `POST /api/v1/billing/checkout`: a page on which a plan is paid, and from which the customer
//! comes back.

use std::sync::Arc;

use daybook_events::{
    commands::{PlaceOrder, Returns},
    event::{AccountEvent, OrderEvent, OrderPurpose},
    period::Cycle,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{return_url::return_url, shapes::data};
use crate::{
    app::App,
    http::{
        answer::Answer,
        call::Call,
        error::ApiError,
        outcome,
        processor::asking::{Asking, page},
    },
    processors::Counter,
};

/// What `POST /api/v1/billing/checkout` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "V1CheckoutBody")]
pub struct CheckoutBody {
    /// The plan's slug; its id and its number are understood too.
    plan: String,
    /// Where the customer goes who has paid: an absolute URL.
    success_url: String,
    /// Where the customer goes who gives up: an absolute URL.
    cancel_url: String,
    /// `monthly`, unless it says `yearly`.
    billing_cycle: Option<String>,
    /// A coupon's code.
    coupon_code: Option<String>,
}

/// What it gives.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "V1Checkout")]
pub struct Checkout {
    /// Where the customer pays; where nothing is to be paid, the `success_url` itself.
    checkout_url: String,
}

/// `POST /api/v1/billing/checkout`: places an order and starts its checkout. An order with nothing
/// to pay is fulfilled at once.
///
/// # Errors
/// An URL that no browser should be sent to, the rejection of the order, or a processor that does
/// not help.
pub async fn checkout(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let body: CheckoutBody = call.json()?;
    let account_id = call.account()?;
    let success_url = return_url("success_url", &body.success_url)?;
    let cancel_url = return_url("cancel_url", &body.cancel_url)?;
    let cycle = body.billing_cycle.as_deref().map_or(Ok(Cycle::Monthly), cycle)?;
    let processor = app.processors.at(Counter::V1)?;
    let (plan, coupon) = (body.plan, body.coupon_code);
    let price = None;
    let merchant_of_record = processor.merchant().map(str::to_owned);
    let command = PlaceOrder { account_id, plan, cycle, price, coupon, merchant_of_record };
    let receipt = app.submit(call.request(command)?).await?;
    let placed = outcome::last(receipt.events.iter().map(AsRef::as_ref), |event| match event {
        AccountEvent::Order(OrderEvent::OrderPlaced(placed)) => {
            let subscribes = matches!(placed.purpose, OrderPurpose::Subscribe { .. });
            subscribes.then(|| placed.clone())
        }
        _ => None,
    });
    let (_, order) = placed.ok_or_else(|| ApiError::internal(&"an order without its event"))?;
    if order.amount.is_zero() {
        return Ok(data(Checkout { checkout_url: success_url }).at(receipt.position()));
    }
    let asking = Asking {
        call: &call,
        step: "/checkout",
        account_id,
        order_id: order.order_id,
        counter: Counter::V1,
        returns: Returns {
            success_url: Some(success_url),
            cancel_url: Some(cancel_url),
            ..Returns::default()
        },
        asked_before: receipt.replayed,
    };
    let (started, position) = asking.ensure(&app).await?;
    Ok(data(Checkout { checkout_url: page(&app.face, &started) }).at(position))
}

fn cycle(word: &str) -> Result<Cycle, ApiError> {
    Cycle::from_word(word).ok_or_else(|| {
        ApiError::new("billing_cycle_invalid", "`billing_cycle` is `monthly` or `yearly`")
    })
}
