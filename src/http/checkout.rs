//! The page on which Razorpay's own script takes a payment, for panels that have no page for it,
//! and the address to which it sends the customer back.
//!
//! Like Razorpay's order id in its address, the page is for whoever knows it. It lets in Razorpay's
//! script and one short script of its own, by its hash; nothing else runs there. What comes back is
//! believed by its signature over the *stored* order id alone, and booked by the command that the
//! confirm call, a webhook and the reconciler use, so that it is booked once.

use std::sync::{Arc, LazyLock};

use data_encoding::BASE64;
use daybook_events::{Currency, world::World};
use daybook_projections::orders::{OrderRow, OrderStatus};
use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest, Sha256};
use warp::http::StatusCode;

use super::{
    answer::Answer,
    call::Call,
    error::ApiError,
    sandbox::{STYLE, closed, confirm, details, escape, link, order_at, source},
};
use crate::{app::App, processors::razorpay};

/// Where Razorpay's script lives.
const SDK: &str = "https://checkout.razorpay.com/v1/checkout.js";

/// What runs on the page besides: it hands the options to Razorpay's script when the customer asks
/// for it, and says so where that script is missing.
const SCRIPT: &str = "
const said = document.getElementById('said');
const pay = document.getElementById('pay');
const options = JSON.parse(document.getElementById('options').textContent);
if (window.Razorpay) {
  pay.hidden = false;
  pay.addEventListener('click', () => {
    const checkout = new Razorpay(options);
    checkout.on('payment.failed', answer => { said.textContent = answer.error.description; });
    checkout.open();
  });
} else {
  said.textContent = 'Razorpay’s form could not be loaded. Allow checkout.razorpay.com in your'
    + ' browser, or use another connection, then load this page again. Nothing was taken.';
}
";

/// The source of [`SCRIPT`] in a policy.
static SCRIPT_HASH: LazyLock<String> =
    LazyLock::new(|| format!("'sha256-{}'", BASE64.encode(&Sha256::digest(SCRIPT))));

/// What the page may load, and where a form on it may lead: Razorpay's script puts one there that
/// comes back to this server, which sends the customer on.
fn policy(order: &OrderRow) -> String {
    let returns = order.success_url.as_deref().and_then(source).unwrap_or_default();
    format!(
        "default-src 'none'; script-src https://checkout.razorpay.com {hash}; \
         style-src 'unsafe-inline'; img-src https://cdn.razorpay.com data:; \
         frame-src https://api.razorpay.com https://checkout.razorpay.com; \
         connect-src https://api.razorpay.com https://checkout.razorpay.com \
         https://lumberjack.razorpay.com; \
         form-action 'self' https://api.razorpay.com https://checkout.razorpay.com{returns}; \
         base-uri 'none'; frame-ancestors 'none'",
        hash = *SCRIPT_HASH,
    )
}

/// The options of Razorpay's script, named and counted as it does.
#[derive(Serialize)]
struct Options<'o> {
    key: &'o str,
    /// In minor units.
    amount: i64,
    currency: Currency,
    name: &'o str,
    /// It has to begin with a letter or a digit.
    description: String,
    order_id: &'o str,
    prefill: Prefill,
    callback_url: String,
    redirect: bool,
}

/// What the customer need not type.
#[derive(Default, Serialize)]
struct Prefill {
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    email: String,
}

/// `GET /checkout/{id}`
///
/// # Errors
/// No such checkout of Razorpay's.
pub async fn page(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let order = order_at(&app, &call, razorpay::NAME).await?;
    if order.status != OrderStatus::AwaitingPayment {
        return Ok(html(StatusCode::OK, &closed(&order), &order));
    }
    let razorpay = app.processors.named(razorpay::NAME).map_err(|_| ApiError::not_found())?;
    let (seller, prefill) = parties(&app, &order).await?;
    let id = call.capture(0);
    let options = Options {
        key: razorpay.public_key(),
        amount: i64::try_from(order.amount.minor()).unwrap_or(i64::MAX),
        currency: order.amount.currency(),
        name: &seller,
        description: format!("Order {}", order.number),
        order_id: id,
        prefill,
        callback_url: format!("{}/checkout/{id}/return", app.face.public_url),
        redirect: true,
    };
    let options = serde_json::to_string(&options).map_err(|error| ApiError::internal(&error))?;
    let body = format!(
        "<h1>{seller}</h1><p>You pay by Razorpay.</p><p class=\"amount\">{amount}</p>{details}
         <noscript><p>Razorpay’s form is a script. Allow JavaScript on this page and from
         checkout.razorpay.com, then load the page again. Nothing was taken.</p></noscript>
         <p id=\"said\" role=\"status\"></p>
         <p class=\"actions\"><button class=\"primary\" id=\"pay\" type=\"button\" hidden>Pay
         {amount}</button>{cancel}</p>
         <script type=\"application/json\" id=\"options\">{options}</script>
         <script src=\"{SDK}\"></script><script>{SCRIPT}</script>",
        seller = escape(&seller),
        amount = escape(&order.amount.to_string()),
        details = details(&order),
        cancel = link("cancel", "Cancel", order.cancel_url.as_deref()),
        // No text of anybody's ends the element.
        options = options.replace('<', "\\u003c"),
    );
    Ok(html(StatusCode::OK, &body, &order))
}

/// Who sells, and what is known of who pays.
async fn parties(app: &Arc<App>, order: &OrderRow) -> Result<(String, Prefill), ApiError> {
    let account = order.account_id;
    let look = move |world: &World| {
        let seller = world.book.opened.as_ref().map(|opened| opened.seller.name.clone());
        let payer = world.account(account).map(|account| Prefill {
            name: account.billing.0.name.clone(),
            email: account.billing.0.email.clone(),
        });
        (seller.unwrap_or_default(), payer.unwrap_or_default())
    };
    Ok(app.ledger.look(Some(account), look).await?)
}

/// What Razorpay brings back with the customer, as a form.
#[derive(Debug, JsonSchema)]
#[expect(dead_code, reason = "read as a form, field by field; the schema says what is read")]
pub struct ReturnForm {
    /// Razorpay's id of the payment.
    razorpay_payment_id: Option<String>,
    /// Razorpay's id of the order.
    razorpay_order_id: Option<String>,
    /// Its signature over the two, lower-case hex.
    razorpay_signature: Option<String>,
    /// Why there is no payment; more fields of this name may follow.
    #[schemars(rename = "error[code]")]
    error_code: Option<String>,
}

/// `POST /checkout/{id}/return`: books the payment if Razorpay's signature over the *stored* order
/// id says so, and sends the customer on.
///
/// # Errors
/// No such checkout, a form without a payment, a wrong signature, or the rejection.
pub async fn returned(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let order = order_at(&app, &call, razorpay::NAME).await?;
    let razorpay = app.processors.named(razorpay::NAME)?;
    let Some(signed) = Signed::read(&call.body)? else { return Ok(failed(&call, &order)) };
    let stored = call.capture(0);
    if signed.order_id != stored
        || !razorpay.confirms(stored, &signed.payment_id, &signed.signature)
    {
        let text = "the signature is not Razorpay's over this order and payment";
        return Err(ApiError::new("signature_invalid", text));
    }
    let booked = match confirm(&app, &call, &order, &signed.payment_id).await {
        Err(error) if error.code == "order_already_paid" => return Ok(paid_twice(&order)),
        other => other?,
    };
    let taken = format!(
        "<h1 id=\"order-paid\">This order is paid</h1><p>Thank you.</p>{}",
        details(&order)
    );
    let answer = match &order.success_url {
        Some(url) => html(StatusCode::SEE_OTHER, &taken, &order).with("location", url.clone()),
        None => html(StatusCode::OK, &taken, &order),
    };
    Ok(match booked {
        Some(position) => answer.at(position),
        None => answer,
    })
}

/// What Razorpay signs.
struct Signed {
    payment_id: String,
    order_id: String,
    signature: String,
}

impl Signed {
    /// What a form brings; `None` where it says that there is no payment.
    ///
    /// # Errors
    /// A form that says neither, or one thing twice.
    fn read(form: &[u8]) -> Result<Option<Self>, ApiError> {
        let unfit = |text: &str| ApiError::new("invalid_request", text);
        let mut values = [None, None, None];
        let mut failed = false;
        for (name, value) in form_urlencoded::parse(form) {
            let nth = match &*name {
                "razorpay_payment_id" => 0,
                "razorpay_order_id" => 1,
                "razorpay_signature" => 2,
                // Razorpay may say more than is read here.
                other => {
                    failed |= other.starts_with("error[");
                    continue;
                }
            };
            if value.is_empty() || value.len() > 200 {
                return Err(unfit("each of the three values has 1 to 200 characters"));
            }
            if values[nth].replace(value.into_owned()).is_some() {
                return Err(unfit("each of the three values comes once"));
            }
        }
        match values {
            _ if failed => Ok(None),
            [Some(payment_id), Some(order_id), Some(signature)] => {
                Ok(Some(Self { payment_id, order_id, signature }))
            }
            _ => Err(unfit(
                "the form has `razorpay_payment_id`, `razorpay_order_id` and \
                 `razorpay_signature`, or `error[code]`",
            )),
        }
    }
}

/// The page where there is no payment. Its reason comes unsigned, so it is not repeated.
fn failed(call: &Call, order: &OrderRow) -> Answer {
    let body = format!(
        "<h1>The payment failed</h1><p>Razorpay did not take the money. You can try again.</p>
         <p class=\"actions\"><a class=\"button\" id=\"back\" href=\"/checkout/{}\">Back to the
         payment</a>{}</p>",
        escape(call.capture(0)),
        link("cancel", "Cancel", order.cancel_url.as_deref()),
    );
    let page = html(StatusCode::PAYMENT_REQUIRED, &body, order);
    page.with("daybook-error", "payment_failed".to_owned())
}

/// The page where the order needs no payment any more.
fn paid_twice(order: &OrderRow) -> Answer {
    let body = format!(
        "<h1>This order was paid before</h1><p>A second payment has come for it. Whoever sold it to
         you knows, and settles it with you.</p>{}",
        details(order)
    );
    let page = html(StatusCode::CONFLICT, &body, order);
    page.with("daybook-error", "order_already_paid".to_owned())
}

fn html(status: StatusCode, body: &str, order: &OrderRow) -> Answer {
    let page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
         <title>Checkout · Daybook</title><style>{STYLE}[hidden] {{ display: none; }}</style></head>
         <body><main>{body}</main></body></html>"
    );
    Answer::bytes(status, "text/html; charset=utf-8", page.into_bytes())
        .with("content-security-policy", policy(order))
        // Razorpay asks which site its script runs on; the address of the page is nobody's business.
        .with("referrer-policy", "strict-origin".to_owned())
        .with(
            "permissions-policy",
            "camera=(), geolocation=(), microphone=(), usb=(), \
             payment=(self \"https://api.razorpay.com\" \"https://checkout.razorpay.com\")"
                .to_owned(),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(form: &str) -> Result<Option<String>, &'static str> {
        let signed = Signed::read(form.as_bytes()).map_err(|error| error.code)?;
        Ok(signed.map(|it| format!("{} {} {}", it.order_id, it.payment_id, it.signature)))
    }

    const PAID: &str = "razorpay_payment_id=pay_1&razorpay_order_id=order_1&razorpay_signature=a";

    #[test]
    fn a_form_brings_three_values_or_says_that_there_is_no_payment() {
        assert_eq!(read(PAID), Ok(Some("order_1 pay_1 a".to_owned())));
        assert_eq!(read(&format!("{PAID}&more=1")), Ok(Some("order_1 pay_1 a".to_owned())));
        assert_eq!(read("error%5Bcode%5D=BAD_REQUEST_ERROR&error[description]=x"), Ok(None));
        // What says both says that it failed.
        assert_eq!(read(&format!("{PAID}&error[code]=x")), Ok(None));
    }

    #[test]
    fn a_form_that_says_neither_is_refused() {
        let long = format!("{PAID}{}", "a".repeat(200));
        let twice = format!("{PAID}&razorpay_payment_id=pay_2");
        for form in ["", "razorpay_payment_id=pay_1", &long, &twice, "razorpay_signature=", "{}"] {
            assert_eq!(read(form), Err("invalid_request"), "{form}");
        }
    }
}
