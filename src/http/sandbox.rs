//! The sandbox's checkout page: where a newcomer pays without money.
//!
//! It stands in for the processor's own page, so it needs no key of ours: whoever has the
//! unguessable order id may pay. What happens then depends on how the checkout was made:
//!
//! - Without addresses to return to, it books nothing: the panel that gets the three values
//!   confirms them, as it would with Razorpay.
//! - With a `success_url`, nobody waits for three values: it confirms the payment itself, as a
//!   hosted page's webhook would, and sends the customer there.

use std::sync::Arc;

use daybook_events::{Rejection, commands::ConfirmPayment, store::SubmitError};
use daybook_projections::{
    orders::{OrderRow, OrderStatus, Orders},
    query::Reach,
};
use schemars::JsonSchema;
use serde::Serialize;
use url::{Host, Url};
use uuid::Uuid;
use warp::http::StatusCode;

use super::{answer::Answer, call::Call, error::ApiError};
use crate::app::App;

/// What a page may load and where its form may lead: its own style, this server, and where paying
/// returns to, since browsers ask about redirects too.
fn policy(order: &OrderRow) -> String {
    let returns = order.success_url.as_deref().and_then(source).unwrap_or_default();
    format!(
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'{returns}; \
         base-uri 'none'; frame-ancestors 'none'"
    )
}

/// Where an URL leads, as a source in a policy.
fn source(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    Some(match url.host()? {
        // Policies have no way to name one.
        Host::Ipv6(_) => format!(" {}:", url.scheme()),
        Host::Domain(_) | Host::Ipv4(_) => format!(" {}", url.origin().ascii_serialization()),
    })
}

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #16202c; --soft: #5b6b7d; --paper: #ffffff;
  --ground: #eef1f5; --line: #d5dce4; --accent: #0b5fff; --on-accent: #ffffff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8edf3; --soft: #9fb0c3; --paper: #18202b;
  --ground: #0e141c; --line: #2c3847; --accent: #6ea0ff; --on-accent: #0b1220; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1rem;
  background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { width: min(32rem, 100%); background: var(--paper); border: 1px solid var(--line);
  border-radius: 12px; padding: clamp(1.25rem, 4vw, 2rem); }
h1 { font-size: 1.25rem; margin: 0 0 .25rem; }
p { margin: .25rem 0; color: var(--soft); }
.amount { font-size: 2.25rem; font-weight: 650; margin: 1rem 0; color: var(--ink);
  font-variant-numeric: tabular-nums; }
dl { display: grid; grid-template-columns: auto 1fr; gap: .35rem 1rem; margin: 1.25rem 0; }
dt { color: var(--soft); }
dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
@media (max-width: 26rem) { dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: .6rem; } }
code { font: .875rem/1.4 ui-monospace, monospace; }
.actions { display: flex; flex-wrap: wrap; gap: .75rem; margin-top: 1.5rem; }
button, .button { flex: 1 1 10rem; padding: .75rem 1rem; border-radius: 8px; font: inherit;
  cursor: pointer; border: 1px solid var(--line); background: transparent; color: var(--ink);
  text-align: center; text-decoration: none; }
button.primary { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.note { margin: 1.5rem 0 0; font-size: .875rem; }
";

/// `GET /sandbox/checkout/{id}`
///
/// # Errors
/// No such checkout.
pub async fn page(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let order = order(&app, &call).await?;
    let details = details(&order);
    let body = if order.status == OrderStatus::AwaitingPayment {
        format!(
            "<h1>Sandbox checkout</h1><p>No money moves here.</p>
             <p class=\"amount\">{amount}</p>{details}
             <form method=\"post\" action=\"/sandbox/checkout/{id}/pay\" class=\"actions\">
             <button class=\"primary\" name=\"outcome\" value=\"success\">Pay {amount}</button>
             <button name=\"outcome\" value=\"failure\">Let it fail</button>{cancel}</form>",
            amount = escape(&order.amount.to_string()),
            id = escape(call.capture(0)),
            cancel = link("cancel", "Cancel", order.cancel_url.as_deref()),
        )
    } else {
        closed(&order)
    };
    Ok(html(StatusCode::OK, "Sandbox checkout", &body, &order))
}

/// A way from the page, where there is one.
fn link(id: &str, text: &str, url: Option<&str>) -> String {
    let link = |url| format!("<a class=\"button\" id=\"{id}\" href=\"{}\">{text}</a>", escape(url));
    url.map(link).unwrap_or_default()
}

/// What the page says of an order that nobody can pay.
fn closed(order: &OrderRow) -> String {
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
    format!("<h1>{state}</h1><p>There is nothing to do here.</p>{}{onward}", details(order))
}

/// What the page's buttons send: as a form, whatever the caller says its type is.
#[derive(Debug, JsonSchema)]
#[expect(dead_code, reason = "read as a form, field by field; the schema says what is read")]
pub struct PayForm {
    /// Whether the payment is to succeed; it does by default.
    #[schemars(extend("enum" = ["success", "failure"]))]
    outcome: Option<String>,
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
    let Some(sandbox) = &app.sandbox else { return Err(ApiError::not_found()) };
    let wants_json = call.header("accept").is_some_and(|accept| accept.contains("json"));
    if order.status != OrderStatus::AwaitingPayment {
        return not_payable(&order, wants_json);
    }
    if fails(&call.body)? {
        return failed(&order, call.capture(0), wants_json);
    }
    let order_id = call.capture(0);
    // A page that books pays an order once, however often its button is pressed.
    let attempt = match &order.success_url {
        Some(_) => "hosted".to_owned(),
        None => Uuid::now_v7().to_string(),
    };
    let payment_id = sandbox.payment_id(order_id, &attempt);
    let signature = sandbox.sign(order_id, &payment_id);
    let booked = match &order.success_url {
        Some(_) => confirm(&app, &call, &order, &payment_id).await?,
        None => None,
    };
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

/// Books a payment: the position, or `None` where a second click brings the same news.
async fn confirm(
    app: &Arc<App>,
    call: &Call,
    order: &OrderRow,
    payment_id: &str,
) -> Result<Option<i64>, ApiError> {
    let command = ConfirmPayment {
        account_id: order.account_id,
        processor_order_id: call.capture(0).to_owned(),
        processor_payment_id: payment_id.to_owned(),
        amount: None,
        merchant: None,
    };
    match app.submit(call.request(command)?).await {
        Ok(receipt) => Ok(Some(receipt.position())),
        Err(SubmitError::Rejected(Rejection::PaymentAlreadyConfirmed { .. })) => Ok(None),
        Err(error) => Err(error.into()),
    }
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
fn failed(order: &OrderRow, order_id: &str, wants_json: bool) -> Result<Answer, ApiError> {
    if wants_json {
        return Err(ApiError::new("payment_failed", "the sandbox was told to fail"));
    }
    let body = format!(
        "<h1>The payment failed</h1><p>As you asked. Nothing was taken.</p>
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
         <code>POST /api/billing/checkout/confirm</code>.</p>
         <dl><dt>paymentId</dt><dd><code id=\"payment-id\">{payment_id}</code></dd>
         <dt>orderId</dt><dd><code id=\"order-id\">{order_id}</code></dd>
         <dt>signature</dt><dd><code id=\"signature\">{signature}</code></dd></dl>",
        payment_id = escape(payment_id),
        order_id = escape(order_id),
    );
    html(StatusCode::OK, "Payment taken", &body, order)
}

/// Whether a form asks for a payment that fails.
fn fails(form: &[u8]) -> Result<bool, ApiError> {
    let mut fails = false;
    for (name, value) in form_urlencoded::parse(form) {
        fails |= match (&*name, &*value) {
            ("outcome", "success") => false,
            ("outcome", "failure") => true,
            _ => {
                let text = "the form has one field, `outcome`: `success` or `failure`";
                return Err(ApiError::new("invalid_request", text));
            }
        };
    }
    Ok(fails)
}

/// The order whose checkout the address names.
async fn order(app: &Arc<App>, call: &Call) -> Result<OrderRow, ApiError> {
    app.settled(Reach::Ledger).await;
    let row = app.rows(Reach::Ledger).find::<Orders>("processor_order_id", call.capture(0)).await?;
    let of_sandbox = |row: &OrderRow| row.processor.as_deref() == Some("sandbox");
    row.filter(of_sandbox).ok_or_else(ApiError::not_found)
}

fn details(order: &OrderRow) -> String {
    format!(
        "<dl><dt>Order</dt><dd>{}</dd><dt>For</dt><dd>{}, {}</dd>
         <dt>Reference</dt><dd><code>{}</code></dd></dl>",
        escape(&order.number),
        escape(&order.plan.name),
        order.plan.cycle,
        escape(order.processor_order_id.as_deref().unwrap_or_default()),
    )
}

fn html(status: StatusCode, title: &str, body: &str, order: &OrderRow) -> Answer {
    let page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
         <title>{title} · Daybook</title><style>{STYLE}</style></head>
         <body><main>{body}<p class=\"note\">Daybook sandbox: for trying out, never for real
         customers.</p></main></body></html>"
    );
    Answer::bytes(status, "text/html; charset=utf-8", page.into_bytes())
        .with("content-security-policy", policy(order))
}

/// Text as it stands in a page: never markup.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            plain => out.push(plain),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{escape, source};

    #[test]
    fn text_never_becomes_markup() {
        assert_eq!(escape("<b a='1'>&\""), "&lt;b a=&#39;1&#39;&gt;&amp;&quot;");
    }

    #[test]
    fn a_policy_names_where_a_payment_returns_to_and_no_more() {
        let of = |url| source(url).unwrap();
        assert_eq!(of("https://app.esluce.com/billing?success=true"), " https://app.esluce.com");
        assert_eq!(of("http://127.0.0.1:3000/x"), " http://127.0.0.1:3000");
        assert_eq!(of("http://[::1]:3000/x"), " http:");
    }
}
