//! Razorpay's entities, as its webhooks carry and its lists show them, and what they amount to.
//!
//! Fields that are not read here are no fault: `notes` may be `{}` or `[]`, and flags beside the
//! status decide nothing.

use chrono::DateTime;
use daybook_events::Timestamp;
use serde::Deserialize;

use crate::processors::news::{
    Captured, Dispute, DisputeState, Fee, News, Ordered, Payment, Refund, RefundState, Unreadable,
    currency, minor,
};

/// A payment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PaymentEntity {
    /// Razorpay's id of it.
    pub id: String,
    /// `created`, `authorized`, `captured`, `refunded` or `failed`.
    #[serde(default)]
    pub status: String,
    /// How much of it went back, in minor units.
    pub amount_refunded: Option<i64>,
    amount: i64,
    currency: String,
    order_id: Option<String>,
    fee: Option<i64>,
    tax: Option<i64>,
    error_code: Option<String>,
    error_description: Option<String>,
    created_at: Option<i64>,
}

impl PaymentEntity {
    /// What it amounts to by its status: how a list is read, which names no event.
    ///
    /// # Errors
    /// A sum that is none.
    pub fn news(&self) -> Result<News, Unreadable> {
        match self.status.as_str() {
            // Money that went back was taken before; its refunds are news of their own.
            "captured" | "refunded" => self.captured(),
            "authorized" => self.authorised(),
            "failed" => self.failed(),
            _undecided => Ok(News::Nothing),
        }
    }

    /// As one that was taken. `fee` holds its tax.
    ///
    /// # Errors
    /// A sum that is none.
    pub fn captured(&self) -> Result<News, Unreadable> {
        let payment = self.payment()?;
        let unit = payment.amount.currency();
        let fee = match self.fee {
            None => None,
            Some(fee) => {
                let tax = self.tax.unwrap_or(0);
                let service = minor("fee", fee.saturating_sub(tax), unit)?;
                Some(Fee { service, tax: minor("tax", tax, unit)? })
            }
        };
        let at = self.created_at.and_then(|at| DateTime::from_timestamp(at, 0));
        let at = at.map(Timestamp::new);
        Ok(News::Captured(Captured { payment, fee, merchant_tax: None, at }))
    }

    /// As one that waits to be captured.
    ///
    /// # Errors
    /// A sum that is none.
    pub fn authorised(&self) -> Result<News, Unreadable> {
        Ok(News::Authorised(self.payment()?))
    }

    /// As one that did not come about.
    ///
    /// # Errors
    /// A sum that is none.
    pub fn failed(&self) -> Result<News, Unreadable> {
        let words = [&self.error_code, &self.error_description];
        let words = words.into_iter().flatten().filter(|word| !word.is_empty());
        let reason = words.map(String::as_str).collect::<Vec<_>>().join(": ");
        Ok(News::Failed { payment: self.payment()?, reason })
    }

    fn payment(&self) -> Result<Payment, Unreadable> {
        let amount = minor("amount", self.amount, currency(&self.currency)?)?;
        let order = self.order_id.clone().map_or(Ordered::Unnamed, Ordered::Theirs);
        Ok(Payment { payment_id: self.id.clone(), order, amount })
    }
}

/// A refund.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RefundEntity {
    /// Razorpay's id of it.
    pub id: String,
    /// Our reference, where it was given one.
    pub receipt: Option<String>,
    status: String,
    amount: i64,
    currency: String,
    payment_id: String,
}

impl RefundEntity {
    /// How far it is; a status that is not known has not decided anything.
    #[must_use]
    pub fn state(&self) -> RefundState {
        match self.status.as_str() {
            "processed" => RefundState::Processed,
            "failed" => RefundState::Failed,
            _pending => RefundState::Pending,
        }
    }

    /// What it amounts to.
    ///
    /// # Errors
    /// A sum that is none.
    pub fn news(&self) -> Result<News, Unreadable> {
        Ok(News::Refund(Refund {
            refund_id: self.id.clone(),
            payment_id: self.payment_id.clone(),
            receipt: self.receipt.clone(),
            amount: minor("amount", self.amount, currency(&self.currency)?)?,
            state: self.state(),
        }))
    }
}

/// A dispute.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DisputeEntity {
    id: String,
    payment_id: String,
    amount: i64,
    currency: String,
    #[serde(default)]
    amount_deducted: i64,
    reason_code: Option<String>,
    status: String,
}

impl DisputeEntity {
    /// What it amounts to.
    ///
    /// # Errors
    /// A sum that is none.
    pub fn news(&self) -> Result<News, Unreadable> {
        let unit = currency(&self.currency)?;
        let state = match self.status.as_str() {
            "won" => DisputeState::Won,
            "lost" => DisputeState::Lost,
            "closed" => DisputeState::Closed,
            _open => DisputeState::Open,
        };
        Ok(News::Dispute(Dispute {
            dispute_id: self.id.clone(),
            payment_id: self.payment_id.clone(),
            amount: minor("amount", self.amount, unit)?,
            deducted: minor("amount_deducted", self.amount_deducted, unit)?,
            state,
            reason: self.reason_code.clone().unwrap_or_default(),
        }))
    }
}
