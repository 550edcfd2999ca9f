//! What the sandbox's page shows of its books: each payment with what can be done to it, and what
//! this server was told.

use std::fmt::Write;

use crate::processors::sandbox::{
    DisputeStatus, Extract, PaymentStatus, SandboxDispute, SandboxPayment, Told, money,
};

use super::looks::escape;

/// The payments of an order and the messages about them; nothing where there are none.
pub(super) fn shown(order_id: &str, extract: &Extract, told: &[Told]) -> String {
    if extract.payments.is_empty() {
        return String::new();
    }
    let cards: String = extract.payments.iter().map(|payment| card(payment, extract)).collect();
    format!("<section><h2>Payments</h2>{cards}</section>{}", messages(order_id, told))
}

/// An amount of the books, for people.
pub(super) fn sum(minor: i64, currency: &str) -> String {
    money(minor, currency).map(|money| money.to_string()).unwrap_or_default()
}

fn card(payment: &SandboxPayment, extract: &Extract) -> String {
    let dispute = extract.disputes.iter().find(|it| it.payment_id == payment.payment_id);
    let refunds = extract.refunds.iter().filter(|it| it.payment_id == payment.payment_id).count();
    let SandboxPayment { payment_id, currency, amount, .. } = payment;
    let (state, says) = state(payment);
    let mut notes = Vec::new();
    if let Some(fee) = payment.fee {
        notes.push(format!("The sandbox keeps {}.", sum(fee, currency)));
    }
    if payment.amount_refunded > 0 {
        notes.push(format!("{} went back.", sum(payment.amount_refunded, currency)));
    }
    if let Some(at) = payment.authorises_at {
        notes.push(format!("It is captured after all at {} UTC.", at.format("%H:%M:%S")));
    }
    notes.extend(dispute.map(|dispute| disputed(dispute).to_owned()));
    let left = left(payment, dispute);
    format!(
        "<article id=\"{payment_id}\"><header><strong>{sum}</strong>
         <span class=\"state {state}\">{says}</span></header><p><code>{payment_id}</code></p>
         <p>{notes}</p>{refund}{dispute}</article>",
        sum = sum(*amount, currency),
        notes = notes.join(" "),
        refund = if left > 0 { refund_form(payment, left, refunds) } else { String::new() },
        dispute = dispute_form(payment, dispute, left),
    )
}

/// How a payment stands: a class for its badge, and the words.
fn state(payment: &SandboxPayment) -> (&'static str, &'static str) {
    match payment.status {
        PaymentStatus::Created => ("waits", "created"),
        PaymentStatus::Authorized => ("waits", "authorised"),
        PaymentStatus::Captured if payment.amount_refunded > 0 => ("good", "partly refunded"),
        PaymentStatus::Captured => ("good", "captured"),
        PaymentStatus::Failed => ("bad", "failed"),
        PaymentStatus::Refunded => ("waits", "refunded"),
    }
}

fn disputed(dispute: &SandboxDispute) -> &'static str {
    match dispute.status {
        DisputeStatus::Open => "The customer's bank asks for it back.",
        DisputeStatus::Won => "A dispute was won: the seller keeps it.",
        DisputeStatus::Lost => "A dispute was lost: it was taken back.",
    }
}

/// How much of a payment can still go back.
fn left(payment: &SandboxPayment, dispute: Option<&SandboxDispute>) -> i64 {
    if !payment.is_captured() {
        return 0;
    }
    let lost = dispute.map_or(0, |dispute| dispute.amount_deducted);
    payment.amount.saturating_sub(payment.amount_refunded).saturating_sub(lost)
}

/// `refunds` tells one refund from the next: pressing the button once more does not refund once
/// more.
fn refund_form(payment: &SandboxPayment, left: i64, refunds: usize) -> String {
    let SandboxPayment { payment_id, currency, .. } = payment;
    let whole = money(left, currency).map(|money| money.amount().to_string()).unwrap_or_default();
    format!(
        "<form method=\"post\" action=\"/sandbox/payments/{payment_id}/refund\" class=\"row\">
         <label for=\"amount-{payment_id}\">Refund, in {currency}</label>
         <input id=\"amount-{payment_id}\" name=\"amount\" inputmode=\"decimal\" autocomplete=\"off\"
         maxlength=\"20\" value=\"{whole}\"><input type=\"hidden\" name=\"attempt\"
         value=\"{refunds}\"><button>Refund</button></form>"
    )
}

fn dispute_form(payment: &SandboxPayment, dispute: Option<&SandboxDispute>, left: i64) -> String {
    let button = |value: &str, text: &str| {
        format!("<button name=\"outcome\" value=\"{value}\">{text}</button>")
    };
    let buttons = match dispute.map(|dispute| dispute.status) {
        None if left > 0 => button("open", "Dispute"),
        Some(DisputeStatus::Open) => {
            button("won", "The seller wins") + &button("lost", "The customer wins")
        }
        None | Some(DisputeStatus::Won | DisputeStatus::Lost) => return String::new(),
    };
    format!(
        "<form method=\"post\" action=\"/sandbox/payments/{}/dispute\" class=\"row\">{buttons}</form>",
        payment.payment_id
    )
}

fn messages(order_id: &str, told: &[Told]) -> String {
    let mut lines = String::new();
    for message in told {
        // Writing to a text does not fail.
        let _ = write!(
            lines,
            "<li><code>{}</code> <span>{}</span></li>",
            escape(&message.event),
            fate(message)
        );
    }
    let waits = told.iter().any(|message| message.delivered_at.is_none());
    let again = match waits {
        true => format!(
            "<p class=\"actions\"><a class=\"button\" id=\"again\"
             href=\"/sandbox/checkout/{}\">Look again</a></p>",
            escape(order_id)
        ),
        false => String::new(),
    };
    format!(
        "<section><h2>Webhooks to this server</h2><ol class=\"told\">{lines}</ol>{again}</section>"
    )
}

fn fate(message: &Told) -> String {
    match message {
        Told { delivered_at: Some(_), .. } => "delivered".to_owned(),
        Told { tries: 0, due_at, .. } => format!("due at {} UTC", due_at.format("%H:%M:%S")),
        Told { last_status: Some(status), .. } => format!("answered {status}, tried again"),
        Told { last_status: None, .. } => "no answer yet, tried again".to_owned(),
    }
}
