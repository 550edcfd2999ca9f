//! The sandbox's checkout page: where a newcomer pays without money.
//!
//! It stands in for the processor's own page, so it needs no key of ours: whoever has the
//! unguessable order id may pay. It books nothing; the panel that gets the three values confirms
//! them, as it would with Razorpay.

use std::sync::Arc;

use daybook_events::Rejection;
use daybook_projections::{
    orders::{OrderRow, OrderStatus, Orders},
    query::Reach,
};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;
use warp::http::StatusCode;

use super::{answer::Answer, call::Call, error::ApiError};
use crate::{app::App, processors::Processor};

/// What the pages may load: their own style, and forms back to this server.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; \
     base-uri 'none'; frame-ancestors 'none'";

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
             <button name=\"outcome\" value=\"failure\">Let it fail</button></form>",
            amount = escape(&order.amount.to_string()),
            id = escape(call.capture(0)),
        )
    } else {
        closed(&order)
    };
    Ok(html(StatusCode::OK, "Sandbox checkout", &body))
}

/// What the page says of an order that nobody can pay.
fn closed(order: &OrderRow) -> String {
    let state = match order.status {
        OrderStatus::Paid => "This order is paid",
        OrderStatus::Cancelled => "This order was cancelled",
        OrderStatus::Expired => "This order has expired",
        OrderStatus::Pending | OrderStatus::AwaitingPayment => "This order cannot be paid yet",
    };
    format!("<h1>{state}</h1><p>There is nothing to do here.</p>{}", details(order))
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

/// `POST /sandbox/checkout/{id}/pay`: what the processor's page would hand to the panel.
///
/// # Errors
/// No such checkout, or one that is done.
pub async fn pay(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let order = order(&app, &call).await?;
    let Processor::Sandbox(sandbox) = &app.processor else { return Err(ApiError::not_found()) };
    let wants_json = call.header("accept").is_some_and(|accept| accept.contains("json"));
    if order.status != OrderStatus::AwaitingPayment {
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
        let page = html(StatusCode::CONFLICT, "Sandbox checkout", &closed(&order));
        return Ok(page.with("daybook-error", rejection.code().to_owned()));
    }
    if fails(&call.body)? {
        if wants_json {
            return Err(ApiError::new("payment_failed", "the sandbox was told to fail"));
        }
        let body = format!(
            "<h1>The payment failed</h1><p>As you asked. Nothing was taken.</p>
             <p class=\"actions\"><a class=\"button\" href=\"/sandbox/checkout/{}\">Back to the
             checkout</a></p>",
            escape(call.capture(0)),
        );
        let page = html(StatusCode::PAYMENT_REQUIRED, "Payment failed", &body);
        return Ok(page.with("daybook-error", "payment_failed".to_owned()));
    }
    let order_id = call.capture(0);
    let payment_id = sandbox.payment_id(order_id, &Uuid::now_v7().to_string());
    let signature = sandbox.sign(order_id, &payment_id);
    if wants_json {
        let order_id = order_id.to_owned();
        let body = SandboxPayment { payment_id, order_id, signature };
        return Ok(Answer::ok(&body));
    }
    let body = format!(
        "<h1>Payment taken</h1><p>Hand these to the panel, which confirms them by
         <code>POST /api/billing/checkout/confirm</code>.</p>
         <dl><dt>paymentId</dt><dd><code id=\"payment-id\">{payment_id}</code></dd>
         <dt>orderId</dt><dd><code id=\"order-id\">{order_id}</code></dd>
         <dt>signature</dt><dd><code id=\"signature\">{signature}</code></dd></dl>",
        payment_id = escape(&payment_id),
        order_id = escape(order_id),
    );
    Ok(html(StatusCode::OK, "Payment taken", &body))
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

fn html(status: StatusCode, title: &str, body: &str) -> Answer {
    let page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
         <title>{title} · Daybook</title><style>{STYLE}</style></head>
         <body><main>{body}<p class=\"note\">Daybook sandbox: for trying out, never for real
         customers.</p></main></body></html>"
    );
    Answer::bytes(status, "text/html; charset=utf-8", page.into_bytes())
        .with("content-security-policy", POLICY.to_owned())
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
    use super::escape;

    #[test]
    fn text_never_becomes_markup() {
        assert_eq!(escape("<b a='1'>&\""), "&lt;b a=&#39;1&#39;&gt;&amp;&quot;");
    }
}
