//! The sandbox's checkout page: where a newcomer pays without money.
//!
//! It stands in for the processor's own page, so it needs no key of ours: whoever has the
//! unguessable order id may pay, and may try what goes wrong with real processors. Every payment is
//! written into the sandbox's books, and this server is told of it by signed messages. What else
//! happens depends on how the checkout was made:
//!
//! - Without addresses to return to, the page books nothing: the panel that gets the three values
//!   confirms them, as it would with Razorpay, or waits for the messages.
//! - With a `success_url`, the payment is booked before the customer is sent there.

mod arrival;
mod books;
pub mod dealings;
mod looks;

use std::{sync::Arc, time::Duration};

use daybook_events::Rejection;
use daybook_projections::{
    log_position,
    orders::{OrderRow, OrderStatus, Orders},
    query::Reach,
};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;
use warp::http::StatusCode;

use self::looks::html;
pub(super) use self::{
    arrival::confirm,
    looks::{STYLE, details, escape, link, source},
};
use super::{answer::Answer, call::Call, error::ApiError};
use crate::{
    app::App,
    processors::sandbox::{self, Course, Paying, Sandbox},
};

/// How long the messages about a payment keep back where somebody holds the three values: as with a
/// real processor, whoever confirms at once comes first.
const HEAD_START: Duration = Duration::from_secs(5);

/// How long "late" is, in seconds, where nobody says.
const LATE: u16 = 10;
/// The longest that somebody can ask to wait, in seconds.
const LATEST: u16 = 3600;

/// `GET /sandbox/checkout/{id}`
///
/// # Errors
/// No such checkout.
pub async fn page(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let sandbox = app.sandbox.as_ref().ok_or_else(ApiError::not_found)?;
    let order = order(&app, &call).await?;
    let id = call.capture(0);
    let (extract, told) = (sandbox.books().of_order(id).await?, sandbox.books().told_of(id).await?);
    let body = match order.status {
        OrderStatus::AwaitingPayment => open(&order, id),
        OrderStatus::Paid
        | OrderStatus::Cancelled
        | OrderStatus::Expired
        | OrderStatus::Pending => closed(&order),
    };
    let body = body + &books::shown(id, &extract, &told);
    Ok(html(StatusCode::OK, "Sandbox checkout", &body, &order))
}

/// What the page says of an order that waits for its payment.
fn open(order: &OrderRow, id: &str) -> String {
    format!(
        "<h1>Sandbox checkout</h1><p>No money moves here.</p>
         <p class=\"amount\">{amount}</p>{details}
         <form method=\"post\" action=\"/sandbox/checkout/{id}/pay\"><div class=\"actions\">
         <button class=\"primary\" name=\"outcome\" value=\"success\">Pay {amount}</button>
         <button name=\"outcome\" value=\"failure\">Let it fail</button>{cancel}</div>
         <fieldset><legend>What also happens with processors</legend>
         <div class=\"row\"><label for=\"seconds\">Late by, in seconds</label>
         <input id=\"seconds\" name=\"seconds\" type=\"number\" min=\"0\" max=\"{LATEST}\"
         value=\"{LATE}\" required></div><div class=\"choices\">
         <button name=\"outcome\" value=\"delay\" aria-describedby=\"says-delay\">Pay, told
         late</button><p id=\"says-delay\">It is paid at once; the message comes late.</p>
         <button name=\"outcome\" value=\"late\" aria-describedby=\"says-late\">Fail, paid
         late</button><p id=\"says-late\">It fails, and is captured late after all.</p>
         <button name=\"outcome\" value=\"twice\" aria-describedby=\"says-twice\">Pay
         twice</button><p id=\"says-twice\">Two payments are captured for one order.</p>
         </div></fieldset></form>",
        amount = escape(&order.amount.to_string()),
        details = details(order),
        id = escape(id),
        cancel = link("cancel", "Cancel", order.cancel_url.as_deref()),
    )
}

/// What the page says of an order that nobody can pay.
pub(super) fn closed(order: &OrderRow) -> String {
    let state = match order.status {
        OrderStatus::Paid => "This order is paid",
        OrderStatus::Cancelled => "This order was cancelled",
        OrderStatus::Expired => "This order has expired",
        OrderStatus::Pending | OrderStatus::AwaitingPayment => "This order cannot be paid yet",
    };
    let paid = order.status == OrderStatus::Paid;
    let onward = if paid { order.success_url.as_deref() } else { order.cancel_url.as_deref() };
    let onward = link("onward", "Go on", onward);
    let onward = match onward.as_str() {
        "" => onward,
        _ => format!("<p class=\"actions\">{onward}</p>"),
    };
    format!("<h1>{state}</h1><p>There is nothing to pay here.</p>{}{onward}", details(order))
}

/// What the page's buttons send: as a form, whatever the caller says its type is.
#[derive(Debug, JsonSchema)]
pub struct PayForm {
    /// What is to become of the payment; it succeeds by default. `delay` is paid at once and told
    /// late, `late` fails and is captured after all, `twice` is captured two times.
    #[schemars(with = "Option<Outcome>")]
    outcome: Outcome,
    /// How late `delay` and `late` are, in seconds.
    #[schemars(with = "Option<u16>", range(max = LATEST), example = LATE)]
    seconds: u16,
}

/// What is to become of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema)]
#[schemars(inline, rename_all = "lowercase")]
enum Outcome {
    Success,
    Failure,
    Delay,
    Late,
    Twice,
}

/// What the processor hands to the client, which confirms the payment with it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SandboxPayment {
    /// The processor's id of the payment.
    payment_id: String,
    /// The processor's id of the order.
    order_id: String,
    /// The processor's signature over the two, lower-case hex.
    signature: String,
}

/// `POST /sandbox/checkout/{id}/pay`: what the processor's page would hand to the panel; where the
/// checkout has a `success_url`, the payment is booked and a browser is sent there.
///
/// # Errors
/// No such checkout, or one that is done.
pub async fn pay(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let order = order(&app, &call).await?;
    let sandbox = app.sandbox.as_ref().ok_or_else(ApiError::not_found)?;
    let (order_id, wants_json) = (call.capture(0), wants_json(&call));
    if order.status != OrderStatus::AwaitingPayment {
        return not_payable(&order, wants_json);
    }
    let PayForm { outcome, seconds } = PayForm::read(&call.body)?;
    let after = Duration::from_secs(u64::from(seconds));
    let told_after = match (outcome, &order.success_url) {
        (Outcome::Delay, _) => after,
        (_, None) => HEAD_START,
        (_, Some(_)) => Duration::ZERO,
    };
    let captured = Course::Captured { told_after };
    let payment_id = match outcome {
        Outcome::Failure => {
            // Every failure is a payment of its own.
            let attempt = Uuid::now_v7().to_string();
            take(sandbox, &order, order_id, &attempt, Course::Failed).await?;
            return failed(&order, order_id, "Nothing was taken.", wants_json);
        }
        Outcome::Late => {
            take(sandbox, &order, order_id, "late", Course::Late { after }).await?;
            let says = format!("In {seconds} seconds it is captured after all.");
            return failed(&order, order_id, &says, wants_json);
        }
        Outcome::Success | Outcome::Delay | Outcome::Twice => {
            // One payment, however often the button is pressed.
            take(sandbox, &order, order_id, "paid", captured).await?
        }
    };
    if outcome == Outcome::Twice {
        take(sandbox, &order, order_id, "paid again", captured).await?;
    }
    let booked = match (outcome, &order.success_url) {
        (Outcome::Success | Outcome::Twice, Some(_)) => {
            arrival::booked(&app, sandbox, &call, &order, &payment_id).await?
        }
        _ => None,
    };
    let signature = sandbox.keys.sign(order_id, &payment_id);
    let answer = match (wants_json, &order.success_url) {
        (true, _) => {
            let order_id = order_id.to_owned();
            Answer::ok(&SandboxPayment { payment_id, order_id, signature })
        }
        (false, Some(url)) => {
            html(StatusCode::SEE_OTHER, "Payment taken", "<h1>Payment taken</h1>", &order)
                .with("location", url.clone())
        }
        (false, None) => taken(&order, &payment_id, order_id, &signature),
    };
    Ok(match booked {
        Some(position) => answer.at(position),
        None => answer,
    })
}

/// Lets a payment take its course in the sandbox's books: its id, the same for the same attempt.
async fn take(
    sandbox: &Sandbox,
    order: &OrderRow,
    order_id: &str,
    attempt: &str,
    course: Course,
) -> Result<String, ApiError> {
    let amount = i64::try_from(order.amount.minor()).map_err(|it| ApiError::internal(&it))?;
    let paying = Paying {
        payment_id: sandbox.keys.payment_id(order_id, attempt),
        order_id: order_id.to_owned(),
        receipt: order.order_id.to_string(),
        currency: order.amount.currency().as_str().to_owned(),
        amount,
        course,
    };
    Ok(sandbox.pay(&paying).await?.payment_id)
}

/// Whether the caller is a program.
fn wants_json(call: &Call) -> bool {
    call.header("accept").is_some_and(|accept| accept.contains("json"))
}

/// The answer where nobody can pay.
fn not_payable(order: &OrderRow, wants_json: bool) -> Result<Answer, ApiError> {
    let order_id = order.order_id;
    let rejection = match order.status {
        OrderStatus::Paid => Rejection::OrderAlreadyPaid { order: order_id },
        OrderStatus::Cancelled
        | OrderStatus::Expired
        | OrderStatus::Pending
        | OrderStatus::AwaitingPayment => Rejection::OrderNotOpen { order: order_id },
    };
    if wants_json {
        return Err(rejection.into());
    }
    // Who presses once more goes on as well.
    if let (OrderStatus::Paid, Some(url)) = (order.status, &order.success_url) {
        let page = html(StatusCode::SEE_OTHER, "Payment taken", "<h1>Payment taken</h1>", order);
        return Ok(page.with("location", url.clone()));
    }
    let page = html(StatusCode::CONFLICT, "Sandbox checkout", &closed(order), order);
    Ok(page.with("daybook-error", rejection.code().to_owned()))
}

/// The answer where the payment was told to fail.
fn failed(
    order: &OrderRow,
    order_id: &str,
    says: &str,
    wants_json: bool,
) -> Result<Answer, ApiError> {
    if wants_json {
        return Err(ApiError::new("payment_failed", "the sandbox was told to fail"));
    }
    let body = format!(
        "<h1>The payment failed</h1><p>As you asked. {says}</p>
         <p class=\"actions\"><a class=\"button\" href=\"/sandbox/checkout/{}\">Back to the
         checkout</a>{}</p>",
        escape(order_id),
        link("cancel", "Cancel", order.cancel_url.as_deref()),
    );
    let page = html(StatusCode::PAYMENT_REQUIRED, "Payment failed", &body, order);
    Ok(page.with("daybook-error", "payment_failed".to_owned()))
}

/// The page with what the panel confirms.
fn taken(order: &OrderRow, payment_id: &str, order_id: &str, signature: &str) -> Answer {
    let body = format!(
        "<h1>Payment taken</h1><p>Hand these to the panel, which confirms them by
         <code>POST /api/billing/checkout/confirm</code>; else the webhook books it.</p>
         <dl><dt>paymentId</dt><dd><code id=\"payment-id\">{payment_id}</code></dd>
         <dt>orderId</dt><dd><code id=\"order-id\">{order_id}</code></dd>
         <dt>signature</dt><dd><code id=\"signature\">{signature}</code></dd></dl>
         <p class=\"actions\"><a class=\"button\" id=\"back\"
         href=\"/sandbox/checkout/{order_id}\">See, refund or dispute it</a></p>",
        payment_id = escape(payment_id),
        order_id = escape(order_id),
    );
    html(StatusCode::OK, "Payment taken", &body, order)
}

impl PayForm {
    fn read(form: &[u8]) -> Result<Self, ApiError> {
        let mut read = Self { outcome: Outcome::Success, seconds: LATE };
        for (name, value) in form_urlencoded::parse(form) {
            match (&*name, &*value) {
                ("outcome", "success") => read.outcome = Outcome::Success,
                ("outcome", "failure") => read.outcome = Outcome::Failure,
                ("outcome", "delay") => read.outcome = Outcome::Delay,
                ("outcome", "late") => read.outcome = Outcome::Late,
                ("outcome", "twice") => read.outcome = Outcome::Twice,
                ("seconds", text) => match text.parse() {
                    Ok(seconds) if seconds <= LATEST => read.seconds = seconds,
                    _ => return Err(Self::refused()),
                },
                _ => return Err(Self::refused()),
            }
        }
        Ok(read)
    }

    fn refused() -> ApiError {
        let text = format!(
            "the form has the fields `outcome`, one of `success`, `failure`, `delay`, `late` and \
             `twice`, and `seconds`, 0 to {LATEST}"
        );
        ApiError::new("invalid_request", text)
    }
}

/// The order whose checkout the address names.
async fn order(app: &Arc<App>, call: &Call) -> Result<OrderRow, ApiError> {
    order_at(app, call, sandbox::NAME).await
}

/// The order of a processor whose checkout the address names.
pub(super) async fn order_at(
    app: &Arc<App>,
    call: &Call,
    processor: &str,
) -> Result<OrderRow, ApiError> {
    app.settled(Reach::Ledger).await;
    let id = call.capture(0);
    let mut row = app.rows(Reach::Ledger).find::<Orders>("at_processor", id).await?;
    if row.is_none() {
        // Another process may have started this checkout, and this one may have begun just now: a
        // customer with a payment in hand is not sent away for that.
        app.reaches(log_position(app.pool()).await?).await;
        row = app.rows(Reach::Ledger).find::<Orders>("at_processor", id).await?;
    }
    let of_processor =
        |row: &OrderRow| row.at_processor.as_ref().is_some_and(|it| it.processor == processor);
    row.filter(of_processor).ok_or_else(ApiError::not_found)
}
