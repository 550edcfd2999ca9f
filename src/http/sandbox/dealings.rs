//! What can be done to a payment on the sandbox's page: refund it, dispute it.
//!
//! It is what happens at a processor without the ledger having asked: in its dashboard, or at the
//! customer's bank. The ledger hears of it by a message, as it would from a real one. Whoever has
//! the unguessable id of a payment may do it, as whoever has the order's may pay.

use std::sync::Arc;

use daybook_events::Rejection;
use daybook_projections::{
    orders::{OrderRow, Orders},
    query::Reach,
};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;
use warp::http::StatusCode;

use super::{
    books::sum,
    looks::{escape, html},
};
use crate::{
    app::App,
    http::{answer::Answer, call::Call, error::ApiError, fields},
    processors::sandbox::{self, DisputeStatus, Returned, Returning, Sandbox},
};

/// What the page's refund button sends: as a form, whatever the caller says its type is.
#[derive(Debug, Default, JsonSchema)]
pub struct RefundForm {
    /// How much, in major units; all that is left by default.
    #[schemars(example = &"5.00")]
    amount: Option<String>,
    /// Any text: the same text and amount refund once, however often they are sent.
    #[schemars(length(max = 64), example = &"0")]
    attempt: Option<String>,
}

/// What the page's dispute buttons send: as a form, whatever the caller says its type is.
#[derive(Debug, JsonSchema)]
#[expect(dead_code, reason = "read as a form, field by field; the schema says what is read")]
pub struct DisputeForm {
    /// Whether a dispute is opened, as it is by default, or who wins it: the seller (`won`) or the
    /// customer (`lost`).
    #[schemars(extend("enum" = ["open", "won", "lost"]))]
    outcome: Option<String>,
}

/// A refund of the sandbox's own.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefundShape {
    /// The sandbox's id of the refund.
    #[schemars(example = &"rfnd_sandbox_1")]
    refund_id: String,
    /// The sandbox's id of the payment.
    payment_id: String,
    /// How much, in major units.
    #[schemars(example = &"5.00")]
    amount: String,
    /// Its currency.
    currency: String,
    /// Always `processed`.
    #[schemars(example = &"processed")]
    status: &'static str,
}

/// A dispute of a payment.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DisputeShape {
    /// The sandbox's id of the dispute.
    #[schemars(example = &"disp_sandbox_1")]
    dispute_id: String,
    /// The sandbox's id of the payment.
    payment_id: String,
    /// How much is disputed, in major units.
    #[schemars(example = &"15.00")]
    amount: String,
    /// Its currency.
    currency: String,
    /// How it stands.
    #[schemars(extend("enum" = ["open", "won", "lost"]))]
    status: &'static str,
}

/// A payment that an address names.
struct Named<'a> {
    sandbox: &'a Sandbox,
    payment: sandbox::SandboxPayment,
    order: OrderRow,
    wants_json: bool,
}

impl<'a> Named<'a> {
    async fn by(app: &'a App, call: &Call) -> Result<Self, ApiError> {
        let sandbox = app.sandbox.as_ref().ok_or_else(ApiError::not_found)?;
        let found = sandbox.books().payment(call.capture(0)).await?;
        let payment = found.ok_or_else(ApiError::not_found)?;
        app.settled(Reach::Ledger).await;
        let rows = app.rows(Reach::Ledger);
        let order = rows.find::<Orders>("at_processor", &payment.order_id).await?;
        let order = order.ok_or_else(ApiError::not_found)?;
        let wants_json = super::wants_json(call);
        Ok(Self { sandbox, payment, order, wants_json })
    }

    /// Back to the page of its order.
    fn back(&self, title: &str) -> Answer {
        let page = html(StatusCode::SEE_OTHER, title, &format!("<h1>{title}</h1>"), &self.order);
        page.with("location", format!("/sandbox/checkout/{}", self.payment.order_id))
    }

    /// A refusal: a program gets it as such, a person as a page.
    fn refuse(&self, error: ApiError) -> Result<Answer, ApiError> {
        if self.wants_json {
            return Err(error);
        }
        let body = format!(
            "<h1>That cannot be done</h1><p>{}</p><p class=\"actions\"><a class=\"button\"
             href=\"/sandbox/checkout/{}\">Back to the checkout</a></p>",
            escape(&error.message),
            escape(&self.payment.order_id),
        );
        let page = html(error.status, "That cannot be done", &body, &self.order);
        Ok(page.with("daybook-error", error.code.to_owned()))
    }

    fn amount(&self, minor: i64) -> String {
        let money = sandbox::money(minor, &self.payment.currency);
        money.map(|money| money.amount().to_string()).unwrap_or_default()
    }
}

/// `POST /sandbox/payments/{payment_id}/refund`: the sandbox sends money back by itself.
///
/// # Errors
/// No such payment, a form of another shape, more than is left.
pub async fn refund(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let named = Named::by(&app, &call).await?;
    let form = RefundForm::read(&call.body)?;
    let currency = &named.payment.currency;
    let amount = match form.amount.as_deref() {
        None => None,
        Some(text) => match minor(text, currency) {
            Ok(minor) => Some(minor),
            Err(error) => return named.refuse(error),
        },
    };
    let attempt = form.attempt.unwrap_or_else(|| Uuid::now_v7().to_string());
    // Another amount is another refund, even from a page that was shown before.
    let attempt = format!("{attempt} {}", amount.map_or_else(String::new, |it| it.to_string()));
    let payment_id = named.payment.payment_id.clone();
    let returning = Returning {
        refund_id: named.sandbox.keys.page_refund_id(&payment_id, &attempt),
        payment_id,
        receipt: None,
        currency: currency.clone(),
        amount,
    };
    match named.sandbox.give_back(&returning).await? {
        Returned::Done(refund) if named.wants_json => Ok(Answer::ok(&RefundShape {
            amount: named.amount(refund.amount),
            refund_id: refund.refund_id,
            payment_id: refund.payment_id,
            currency: refund.currency,
            status: "processed",
        })),
        Returned::Done(_) => Ok(named.back("Refunded")),
        Returned::Exceeds { left } => {
            let text = format!("{} of this payment can still go back", sum(left, currency));
            let captured = sandbox::money(left, currency).map_err(|it| ApiError::internal(&it))?;
            let refusal = ApiError::from(Rejection::RefundExceedsCaptured { captured });
            named.refuse(ApiError { message: text, ..refusal })
        }
    }
}

/// More than nothing, in minor units.
fn minor(text: &str, currency: &str) -> Result<i64, ApiError> {
    let money = fields::money(text.trim(), fields::currency(currency)?)?;
    match i64::try_from(money.minor()) {
        Ok(minor) if minor > 0 => Ok(minor),
        _ => Err(ApiError::new("invalid_request", "a refund is more than nothing")),
    }
}

/// `POST /sandbox/payments/{payment_id}/dispute`: the customer's bank asks for the money back, or
/// somebody decides about that.
///
/// # Errors
/// No such payment, a form of another shape, a dispute that cannot be opened or decided.
pub async fn dispute(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let named = Named::by(&app, &call).await?;
    let status = decision(&call.body)?;
    let payment_id = &named.payment.payment_id;
    let (dispute, refusal) = match status {
        DisputeStatus::Open => (
            named.sandbox.dispute(payment_id).await?,
            "a payment is disputed once, and only while some of it is with the seller",
        ),
        decided => (
            named.sandbox.decide(payment_id, decided == DisputeStatus::Won).await?,
            "no dispute of this payment is open",
        ),
    };
    match dispute {
        None => named.refuse(ApiError::new("dispute_refused", refusal)),
        Some(dispute) if named.wants_json => Ok(Answer::ok(&DisputeShape {
            amount: named.amount(dispute.amount),
            dispute_id: dispute.dispute_id,
            payment_id: dispute.payment_id,
            currency: dispute.currency,
            status: dispute.status.as_str(),
        })),
        Some(_) => Ok(named.back("Disputed")),
    }
}

impl RefundForm {
    fn read(form: &[u8]) -> Result<Self, ApiError> {
        let mut read = Self::default();
        for (name, value) in form_urlencoded::parse(form) {
            match &*name {
                // A field that was emptied asks for all that is left.
                "amount" => read.amount = Some(value.into_owned()).filter(|it| !it.is_empty()),
                "attempt" if value.len() <= 64 => read.attempt = Some(value.into_owned()),
                _ => {
                    let text = "the form has the fields `amount` and `attempt`, at most 64 bytes";
                    return Err(ApiError::new("invalid_request", text));
                }
            }
        }
        Ok(read)
    }
}

fn decision(form: &[u8]) -> Result<DisputeStatus, ApiError> {
    let mut status = DisputeStatus::Open;
    for (name, value) in form_urlencoded::parse(form) {
        status = match (&*name, &*value) {
            ("outcome", "open") => DisputeStatus::Open,
            ("outcome", "won") => DisputeStatus::Won,
            ("outcome", "lost") => DisputeStatus::Lost,
            _ => {
                let text = "the form has one field, `outcome`: `open`, `won` or `lost`";
                return Err(ApiError::new("invalid_request", text));
            }
        };
    }
    Ok(status)
}
