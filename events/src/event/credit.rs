//! Events about account credit, and about undoing adjustments.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AccountEvent, events};
use crate::{
    ids::{AdjustmentId, CreditNoteId, InvoiceId, PaymentId},
    money::Money,
};

events! {
    /// Account credit and adjustments.
    CreditEvent of AccountEvent {
        CreditGranted "credit.granted" v 1,
        CreditApplied "credit.applied" v 1,
        AdjustmentUndone "adjustment.undone" v 1,
    }
}

/// Where account credit comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum CreditSource {
    /// A credit note on something paid.
    CreditNote {
        /// Which.
        credit_note_id: CreditNoteId,
    },
    /// Money that nothing was due for.
    Overpayment {
        /// Which payment.
        payment_id: PaymentId,
    },
    /// Somebody gave it.
    Adjustment {
        /// The adjustment's id, by which it can be undone.
        adjustment_id: AdjustmentId,
        /// Why, in the words of whoever gave it.
        reason: String,
    },
}

/// The account has (more) credit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreditGranted {
    /// How much more.
    pub amount: Money,
    /// Where from.
    pub source: CreditSource,
}

/// Account credit was used for an invoice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreditApplied {
    /// Which invoice.
    pub invoice_id: InvoiceId,
    /// How much.
    pub amount: Money,
}

/// What an adjustment had done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Adjusted {
    /// It had granted credit, which is taken back.
    Credit,
    /// It had written an invoice off, which is due again.
    WriteOff {
        /// The invoice.
        invoice_id: InvoiceId,
    },
}

/// A wrong adjustment is compensated; both stay in the log, linked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdjustmentUndone {
    /// The adjustment.
    pub adjustment_id: AdjustmentId,
    /// What it had done.
    pub adjusted: Adjusted,
    /// How much.
    pub amount: Money,
    /// Why it was wrong, in the words of whoever undid it.
    pub reason: String,
}
