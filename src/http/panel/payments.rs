//! The panel dialect's payments by hand: the ways there are, and how far an order's payment has
//! come.

use std::sync::Arc;

use daybook_events::{
    Event,
    commands::{AdoptPaymentMethods, MarkPaymentSent, StartManualCheckout},
    event::{BookEvent, PaymentMethod},
};
use daybook_projections::query::Reach;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    orders::own,
    shapes::{MethodShape, PaymentShape, Status, payment_method},
    showing::{self, AsOf},
};
use crate::app::App;
use crate::http::{answer::Answer, call::Call, error::ApiError, json::Object, reading::shown};

/// The ways of paying.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Methods {
    /// In the order in which they are shown.
    pub methods: Vec<MethodShape>,
}

/// `GET /api/payments/methods`
///
/// # Errors
/// The failure of the machinery.
pub async fn methods(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    // They are the same for every account; one that is named must be one all the same.
    call.account_if_any()?;
    let position = shown(&app, &call, Reach::Ledger).await?;
    let methods = app.ledger.look(None, |world| world.book.payment_methods()).await?;
    let methods = methods.iter().map(MethodShape::of).collect();
    Ok(Answer::ok(&Methods { methods }).at(position))
}

/// What `POST /api/orders/{id}/checkout` takes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CheckoutBody {
    /// One of the payment methods; the first by default.
    payment_method_id: Option<String>,
}

/// An order whose payment is waited for.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Awaited {
    id: u64,
    status: Status,
    payment_method: Option<String>,
    payment_provider: Option<String>,
}

/// A checkout by hand.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CheckoutShape {
    /// Always true: a refusal has another status.
    pub success: bool,
    /// The order.
    pub order: Awaited,
    /// What the customer has to know to pay it.
    pub payment: Option<PaymentShape>,
}

/// `POST /api/orders/{id}/checkout`: the order waits for a payment by hand.
///
/// # Errors
/// No such order or method, or an order that cannot be paid or waits already.
pub async fn checkout(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let body: CheckoutBody = call.json_or_empty()?;
    let (account_id, order_id) = own(&app, &call).await?;
    let method = match body.payment_method_id {
        Some(method) => method,
        None => first_method(&app).await?,
    };
    let command = StartManualCheckout { account_id, order_id, method };
    let receipt = app.submit(call.request(command)?).await?;
    let position = receipt.position();
    let as_of = AsOf::read(&app, account_id, position).await?;
    let (order, methods) = (as_of.order(order_id)?, showing::methods_as_of(&app, position).await?);
    let shape = as_of.shape(&order)?;
    let awaited = Awaited {
        id: shape.id,
        status: shape.status,
        payment_method: shape.payment_method,
        payment_provider: shape.payment_provider,
    };
    let payment = PaymentShape::of(&order, &methods);
    Ok(Answer::ok(&CheckoutShape { success: true, order: awaited, payment }).at(position))
}

async fn first_method(app: &App) -> Result<String, ApiError> {
    let methods = app.ledger.look(None, |world| world.book.payment_methods()).await?;
    let first = methods.into_iter().next().map(|method| method.id);
    first.ok_or_else(|| {
        daybook_events::Rejection::PaymentMethodUnknown { method: String::new() }.into()
    })
}

/// What `POST /api/orders/{id}/mark-sent` takes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SentBody {
    /// The id of the transfer, where it is known.
    tx_id: Option<String>,
}

/// An order whose customer says that the money is on its way.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SentShape {
    /// Always true: a refusal has another status.
    pub success: bool,
    /// `payment_sent`.
    pub status: Status,
}

/// `POST /api/orders/{id}/mark-sent`
///
/// # Errors
/// No such order, or one that waits for no payment by hand.
pub async fn mark_sent(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let body: SentBody = call.json_or_empty()?;
    let (account_id, order_id) = own(&app, &call).await?;
    let transaction = body.tx_id.filter(|id| !id.is_empty());
    let command = MarkPaymentSent { account_id, order_id, transaction };
    let receipt = app.submit(call.request(command)?).await?;
    let body = SentShape { success: true, status: Status::PaymentSent };
    Ok(Answer::ok(&body).at(receipt.position()))
}

/// How far an order's payment has come.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaymentStatus {
    id: u64,
    status: Status,
    payment_method: Option<String>,
    payment_provider: Option<String>,
    payment_tx_id: Option<String>,
    payment: Option<PaymentShape>,
}

/// `GET /api/orders/{id}/payment-status`
///
/// # Errors
/// No such order within the key's reach.
pub async fn status(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let reach = call.reach()?;
    let position = shown(&app, &call, reach).await?;
    let order = showing::order(&app, &call, reach).await?;
    let methods = app.ledger.look(None, |world| world.book.payment_methods()).await?;
    let payment = PaymentShape::of(&order, &methods);
    let (method, provider) = (payment_method(&order), order.processor.clone());
    let shape = showing::one(&app, reach, order).await?;
    let body = PaymentStatus {
        id: shape.id,
        status: shape.status,
        payment_method: method,
        payment_provider: provider,
        payment_tx_id: shape.payment_tx_id,
        payment,
    };
    Ok(Answer::ok(&body).at(position))
}

/// The ways of paying by hand, as those see them who keep them.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AdoptedMethods {
    /// How often they were set; 1 is what a new ledger has.
    pub version: u32,
    /// In the order in which they are shown.
    pub methods: Vec<PaymentMethod>,
}

/// `GET /api/admin/payment-methods`
///
/// # Errors
/// The failure of the machinery.
pub async fn admin_methods(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let position = shown(&app, &call, Reach::Ledger).await?;
    let seen = app.ledger.look(None, |world| AdoptedMethods {
        version: world.book.payment_methods_version(),
        methods: world.book.payment_methods(),
    });
    Ok(Answer::ok(&seen.await?).at(position))
}

/// What `POST /api/admin/payment-methods` takes: the whole of them, at most 20.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MethodsBody {
    #[schemars(with = "Vec<PaymentMethod>")]
    methods: Vec<Object<PaymentMethod>>,
}

/// The ways of paying by hand that were set.
#[derive(Debug, Serialize, JsonSchema)]
pub struct MethodsDone {
    /// Always true: a refusal has another status.
    pub success: bool,
    /// How often they were set; 1 is what a new ledger has.
    pub version: u32,
    /// In the order in which they are shown.
    pub methods: Vec<PaymentMethod>,
}

/// `POST /api/admin/payment-methods`
///
/// # Errors
/// Methods that make no sense.
pub async fn adopt_methods(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let body: MethodsBody = call.json()?;
    let methods = body.methods.into_iter().map(|Object(method)| method).collect();
    let receipt = app.submit(call.request(AdoptPaymentMethods { methods })?).await?;
    let adopted = receipt.events.iter().find_map(|recorded| match &recorded.event {
        Event::Book(BookEvent::PaymentMethodsAdopted(it)) => Some(it.clone()),
        _ => None,
    });
    let adopted = adopted.ok_or_else(|| ApiError::internal(&"methods without their event"))?;
    let (version, methods) = (adopted.version, adopted.methods);
    Ok(Answer::ok(&MethodsDone { success: true, version, methods }).at(receipt.position()))
}
