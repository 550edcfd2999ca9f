//! What the sandbox says: Razorpay's envelope around what its books hold.
//!
//! Pure. Every message, and every answer to somebody who asks what has become of an order, is made
//! here, so there is one piece of code for the shapes.

use chrono::{DateTime, Utc};
use daybook_events::{Currency, Money, money::MoneyError};
use serde_json::{Value, json};

use crate::processors::{
    news::{News, Unreadable},
    razorpay,
};

/// The sandbox's name of this ledger, as the envelope wants one.
const ACCOUNT: &str = "acc_sandbox";

/// How a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum PaymentStatus {
    /// Somebody is about to pay.
    Created,
    /// It may be captured.
    Authorized,
    /// It was taken.
    Captured,
    /// It did not come about; it may still.
    Failed,
    /// It was taken, and has gone back as a whole.
    Refunded,
}

impl PaymentStatus {
    /// The word of the protocol.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Authorized => "authorized",
            Self::Captured => "captured",
            Self::Failed => "failed",
            Self::Refunded => "refunded",
        }
    }
}

/// How a dispute stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum DisputeStatus {
    /// Undecided.
    Open,
    /// The seller keeps the money.
    Won,
    /// The money was taken back.
    Lost,
}

impl DisputeStatus {
    /// The word of the protocol.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Won => "won",
            Self::Lost => "lost",
        }
    }
}

/// A payment in the sandbox's books. Amounts are minor units.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct SandboxPayment {
    /// Its id.
    pub payment_id: String,
    /// The sandbox's id of the order.
    pub order_id: String,
    /// Our id of the order.
    pub receipt: String,
    /// Its currency's code.
    pub currency: String,
    /// How much.
    pub amount: i64,
    /// How it stands.
    pub status: PaymentStatus,
    /// What the sandbox keeps, with the tax on it, once it is captured.
    pub fee: Option<i64>,
    /// The tax in it.
    pub tax: Option<i64>,
    /// How much has gone back.
    pub amount_refunded: i64,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// When a failed one is authorised after all.
    pub authorises_at: Option<DateTime<Utc>>,
}

/// A refund in the sandbox's books.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct SandboxRefund {
    /// Its id.
    pub refund_id: String,
    /// Of which payment.
    pub payment_id: String,
    /// Our id of it, where the ledger asked for it.
    pub receipt: Option<String>,
    /// Its currency's code.
    pub currency: String,
    /// How much, in minor units.
    pub amount: i64,
    /// Since when.
    pub created_at: DateTime<Utc>,
}

/// A dispute in the sandbox's books.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct SandboxDispute {
    /// Its id.
    pub dispute_id: String,
    /// Of which payment.
    pub payment_id: String,
    /// Its currency's code.
    pub currency: String,
    /// How much is disputed, in minor units.
    pub amount: i64,
    /// How much was taken back, in minor units.
    pub amount_deducted: i64,
    /// How it stands.
    pub status: DisputeStatus,
    /// Since when.
    pub created_at: DateTime<Utc>,
}

/// What the sandbox keeps of an amount in minor units: two percent, and eighteen percent tax on
/// that, each rounded half up. The fee, which holds its tax, and the tax.
pub(super) fn fee(amount: i64) -> (i64, i64) {
    let percent = |of: i128, rate: i128| (of * rate + 50) / 100;
    let service = percent(i128::from(amount), 2);
    let tax = percent(service, 18);
    // Two percent and a bit of what fitted.
    let narrow = |wide: i128| i64::try_from(wide).unwrap_or(i64::MAX);
    (narrow(service + tax), narrow(tax))
}

/// Money of the books.
///
/// # Errors
/// A currency that is none, or an amount that the ledger does not take.
pub fn money(minor: i64, currency: &str) -> Result<Money, MoneyError> {
    Money::from_minor(i128::from(minor), currency.parse::<Currency>()?)
}

impl SandboxPayment {
    /// Whether money was taken.
    #[must_use]
    pub fn is_captured(&self) -> bool {
        match self.status {
            PaymentStatus::Captured | PaymentStatus::Refunded => true,
            PaymentStatus::Created | PaymentStatus::Authorized | PaymentStatus::Failed => false,
        }
    }

    fn entity(&self) -> Value {
        let failed = self.status == PaymentStatus::Failed;
        let error = |text: &'static str| failed.then_some(text);
        let refund_status = match self.amount_refunded {
            0 => None,
            all if all >= self.amount => Some("full"),
            _part => Some("partial"),
        };
        json!({
            "id": self.payment_id,
            "entity": "payment",
            "amount": self.amount,
            "currency": self.currency,
            "status": self.status.as_str(),
            "order_id": self.order_id,
            "invoice_id": null,
            "international": false,
            "method": "card",
            "amount_refunded": self.amount_refunded,
            "refund_status": refund_status,
            "captured": self.is_captured(),
            "description": null,
            "card_id": null,
            "bank": null,
            "wallet": null,
            "vpa": null,
            "email": null,
            "contact": null,
            "notes": [],
            "fee": self.fee,
            "tax": self.tax,
            "error_code": error("BAD_REQUEST_ERROR"),
            "error_description": error("the sandbox was told to fail"),
            "error_source": error("customer"),
            "error_step": error("payment_authorization"),
            "error_reason": error("payment_failed"),
            "acquirer_data": {},
            "created_at": self.created_at.timestamp(),
        })
    }

    fn order_entity(&self) -> Value {
        json!({
            "id": self.order_id,
            "entity": "order",
            "amount": self.amount,
            "amount_paid": self.amount,
            "amount_due": 0,
            "currency": self.currency,
            "receipt": self.receipt,
            "offer_id": null,
            "status": "paid",
            "attempts": 1,
            "notes": [],
            "created_at": self.created_at.timestamp(),
        })
    }
}

impl SandboxRefund {
    fn entity(&self) -> Value {
        json!({
            "id": self.refund_id,
            "entity": "refund",
            "amount": self.amount,
            "currency": self.currency,
            "payment_id": self.payment_id,
            "notes": [],
            "receipt": self.receipt,
            "acquirer_data": { "arn": null },
            "created_at": self.created_at.timestamp(),
            "batch_id": null,
            // As with Razorpay, the message of its creation may say so already.
            "status": "processed",
            "speed_processed": "normal",
            "speed_requested": "normal",
        })
    }
}

impl SandboxDispute {
    fn entity(&self) -> Value {
        json!({
            "id": self.dispute_id,
            "entity": "dispute",
            "payment_id": self.payment_id,
            "amount": self.amount,
            "currency": self.currency,
            "amount_deducted": self.amount_deducted,
            "reason_code": "goods_or_services_not_received",
            "respond_by": self.created_at.timestamp().saturating_add(7 * 86_400),
            "status": self.status.as_str(),
            "phase": "chargeback",
            "created_at": self.created_at.timestamp(),
        })
    }
}

/// One message, before it has an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    /// The name of the event.
    pub(super) event: &'static str,
    /// About which payment.
    pub(super) payment_id: String,
    /// The body, as it is signed.
    pub(super) body: String,
}

impl Said {
    fn new(event: &'static str, about: &[(&str, Value)], payment_id: &str, at: i64) -> Self {
        let contains: Vec<_> = about.iter().map(|(name, _)| *name).collect();
        let payload: serde_json::Map<_, _> = about
            .iter()
            .map(|(name, entity)| ((*name).to_owned(), json!({ "entity": entity })))
            .collect();
        let body = json!({
            "entity": "event",
            "account_id": ACCOUNT,
            "event": event,
            "contains": contains,
            "payload": payload,
            "created_at": at,
        });
        Self { event, payment_id: payment_id.to_owned(), body: body.to_string() }
    }

    /// What it amounts to, read as the ledger reads it.
    ///
    /// # Errors
    /// Never, as long as the shapes are the protocol's.
    pub(super) fn news(&self) -> Result<News, Unreadable> {
        Ok(razorpay::webhook::interpret(self.body.as_bytes())?.news)
    }
}

/// What is said of a payment as it stands now: of a captured one, what was said on the way.
pub(super) fn of_payment(payment: &SandboxPayment, at: DateTime<Utc>) -> Vec<Said> {
    let say = |event, about: &[(&str, Value)]| {
        Said::new(event, about, &payment.payment_id, at.timestamp())
    };
    match payment.status {
        PaymentStatus::Created => Vec::new(),
        PaymentStatus::Failed => vec![say("payment.failed", &[("payment", payment.entity())])],
        PaymentStatus::Authorized => vec![authorised(payment, at)],
        PaymentStatus::Captured | PaymentStatus::Refunded => vec![
            say("payment.captured", &[("payment", payment.entity())]),
            say("order.paid", &[("payment", payment.entity()), ("order", payment.order_entity())]),
        ],
    }
}

/// What is said of a payment that may be captured: no fee is known yet.
pub(super) fn authorised(payment: &SandboxPayment, at: DateTime<Utc>) -> Said {
    let status = PaymentStatus::Authorized;
    let payment = SandboxPayment { status, fee: None, tax: None, ..payment.clone() };
    let about = [("payment", payment.entity())];
    Said::new("payment.authorized", &about, &payment.payment_id, at.timestamp())
}

/// What is said of a refund; a payment that the books do not know is not described.
pub(super) fn of_refund(
    refund: &SandboxRefund,
    payment: Option<&SandboxPayment>,
    at: DateTime<Utc>,
) -> Vec<Said> {
    let mut about = vec![("refund", refund.entity())];
    about.extend(payment.map(|payment| ("payment", payment.entity())));
    ["refund.created", "refund.processed"]
        .map(|event| Said::new(event, &about, &refund.payment_id, at.timestamp()))
        .into()
}

/// What is said of a dispute as it stands now.
pub(super) fn of_dispute(
    dispute: &SandboxDispute,
    payment: Option<&SandboxPayment>,
    at: DateTime<Utc>,
) -> Said {
    let event = match dispute.status {
        DisputeStatus::Open => "payment.dispute.created",
        DisputeStatus::Won => "payment.dispute.won",
        DisputeStatus::Lost => "payment.dispute.lost",
    };
    let mut about: Vec<_> =
        payment.map(|payment| ("payment", payment.entity())).into_iter().collect();
    about.push(("dispute", dispute.entity()));
    Said::new(event, &about, &dispute.payment_id, at.timestamp())
}

#[cfg(test)]
mod tests;
