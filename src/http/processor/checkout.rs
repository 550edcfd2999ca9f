//! The processor dialect's checkout: order a plan or pay an invoice, and confirm the payment.

use std::sync::Arc;

use daybook_events::{
    Rejection,
    commands::{ConfirmPayment, PlaceOrder, Returns},
    event::{AccountEvent, OrderEvent, OrderPlaced, OrderPurpose},
    ids::InvoiceId,
    period::Cycle,
};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::app::App;
use crate::http::{
    answer::Answer,
    call::Call,
    error::ApiError,
    fields::{MajorUnits, NoFields, agreed_price, cycle},
    outcome,
    processor::{
        asking::Asking,
        shapes::{self, CheckoutAnswer},
    },
};
use crate::processors::Counter;

/// What `POST /api/billing/checkout` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CheckoutBody {
    /// The plan: its id, number or slug.
    #[schemars(example = &"starter")]
    plan_id: String,
    /// How often it is billed.
    #[schemars(with = "Cycle")]
    billing_cycle: String,
    /// A coupon's code.
    coupon_code: Option<String>,
    /// The agreed price in major units, for a plan with a custom one; only super admins set it.
    #[schemars(with = "Option<MajorUnits>")]
    price: Option<String>,
}

/// `POST /api/billing/checkout`: places an order, asks the processor, and returns what the client
/// SDK needs. An order with nothing to pay is fulfilled at once, and so is one that begins with
/// free days.
///
/// # Errors
/// The rejection of the order, or a processor that does not help.
pub async fn checkout(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let body: CheckoutBody = call.json()?;
    let account_id = call.account()?;
    let processor = app.processors.at(Counter::Processor)?;
    let price = agreed_price(&app, &call, account_id, body.price.as_deref()).await?;
    let (plan, cycle, coupon) = (body.plan_id, cycle(&body.billing_cycle)?, body.coupon_code);
    let merchant_of_record = processor.merchant().map(str::to_owned);
    let command = PlaceOrder { account_id, plan, cycle, price, coupon, merchant_of_record };
    let receipt = app.submit(call.request(command)?).await?;
    let events = receipt.events.iter().map(AsRef::as_ref);
    let ordered = outcome::last(events.clone(), |event| match event {
        AccountEvent::Order(OrderEvent::OrderPlaced(placed)) => {
            let subscribes = matches!(placed.purpose, OrderPurpose::Subscribe { .. });
            subscribes.then(|| placed.clone())
        }
        _ => None,
    });
    let (placed, order) =
        ordered.ok_or_else(|| ApiError::internal(&"an order without its event"))?;
    if order.amount.is_zero() {
        let body = CheckoutAnswer::Fulfilled(Box::new(shapes::fulfilled(&placed, &order, events)));
        return Ok(Answer::ok(&body).at(receipt.position()));
    }
    let asking = Asking {
        call: &call,
        step: "/checkout",
        account_id,
        order_id: order.order_id,
        counter: Counter::Processor,
        returns: Returns::default(),
        asked_before: receipt.replayed,
    };
    let (started, position) = asking.ensure(&app).await?;
    let number = placed.number.unwrap_or_default();
    let checkout = shapes::checkout(&app, &order, &number, &started);
    Ok(Answer::ok(&CheckoutAnswer::Started(Box::new(checkout))).at(position))
}

/// What `POST /api/billing/checkout/confirm` takes: what the processor's SDK returned.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ConfirmBody {
    /// The processor's id of the payment.
    #[schemars(length(min = 1, max = 200), example = &"pay_sandbox_1")]
    payment_id: String,
    /// The processor's id of the order.
    #[schemars(example = &"order_sandbox_1")]
    order_id: String,
    /// The processor's signature over the two, lower-case hex.
    #[schemars(example = &"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    signature: String,
}

/// `POST /api/billing/checkout/confirm`: books the payment, if the processor's signature over the
/// *stored* order id says so.
///
/// # Errors
/// A wrong signature, an order of somebody else's, or the rejection.
pub async fn confirm(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let body: ConfirmBody = call.json()?;
    let account_id = call.account()?;
    let given = body.order_id.clone();
    let stored = app
        .ledger
        .look(Some(account_id), move |world| {
            let account = world.account(account_id)?;
            let order = account.orders.of_processor(&given)?;
            Some((given, order.checkout.as_ref()?.processor.clone()))
        })
        .await?;
    let (stored, processor) = stored.ok_or_else(|| ApiError::from(Rejection::OrderUnknown))?;
    if body.payment_id.is_empty() || body.payment_id.len() > 200 {
        return Err(ApiError::new("invalid_request", "`paymentId` has 1 to 200 characters"));
    }
    let processor = app.processors.named(&processor)?;
    if !processor.confirms(&stored, &body.payment_id, &body.signature) {
        let text = "the signature is not the processor's over this order and payment";
        return Err(ApiError::new("signature_invalid", text));
    }
    let command = ConfirmPayment {
        account_id,
        processor_order_id: stored,
        processor_payment_id: body.payment_id,
        amount: None,
        merchant: None,
    };
    let receipt = app.submit(call.request(command)?).await?;
    let body = shapes::confirmed(receipt.events.iter().map(AsRef::as_ref));
    Ok(Answer::ok(&body).at(receipt.position()))
}

/// `POST /api/billing/invoices/{id}/checkout`: what the client SDK needs to pay an open invoice,
/// such as that of a renewal.
///
/// # Errors
/// No such invoice, or nothing due on it.
pub async fn pay_invoice(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let NoFields {} = call.json_or_empty()?;
    let account_id = call.account()?;
    let invoice: InvoiceId = call.captured_id(0)?;
    let found = app
        .ledger
        .look(Some(account_id), move |world| {
            let account = world.account(account_id).ok_or(Rejection::InvoiceUnknown { invoice })?;
            account.invoices.get(invoice).ok_or(Rejection::InvoiceUnknown { invoice })?;
            let open = account.orders.open_for(invoice).next();
            let order = open.ok_or(Rejection::InvoiceNotOpen { invoice })?;
            let placed = OrderPlaced {
                order_id: order.id,
                purpose: order.purpose.clone(),
                plan: order.plan.clone(),
                amount: order.amount,
                expires_at: order.expires_at,
            };
            Ok::<_, Rejection>((placed, order.number.clone()))
        })
        .await?;
    let (order, number) = found?;
    // Its one step: it meets the caller's key under the name that every other call uses.
    let asking = Asking {
        call: &call,
        step: "",
        account_id,
        order_id: order.order_id,
        counter: Counter::Processor,
        returns: Returns::default(),
        // The order is older than this call.
        asked_before: true,
    };
    let (started, position) = asking.ensure(&app).await?;
    Ok(Answer::ok(&shapes::checkout(&app, &order, &number, &started)).at(position))
}
