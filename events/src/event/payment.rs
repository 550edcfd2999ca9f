//! Events about money that came and went.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AccountEvent, events};
use crate::{
    ids::{OrderId, PaymentId, RefundId},
    money::Money,
    refund_policy::Verdict,
};

events! {
    /// Money that came and went.
    PaymentEvent of AccountEvent {
        PaymentCaptured "payment.captured" v 1,
        RefundRequested "refund.requested" v 1,
        RefundProcessed "refund.processed" v 1,
        RefundFailed "refund.failed" v 1,
    }
}

/// What a processor that is merchant of record took, and what it keeps of it for the tax office.
///
/// It is the seller towards the customer: it writes the tax invoice, and owes the tax. No tax of it
/// is ours, neither payable nor on a document of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MerchantShare {
    /// What the customer paid.
    pub total: Money,
    /// What the merchant keeps of it, to remit as tax.
    pub tax: Money,
}

/// The processor took the money.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PaymentCaptured {
    /// The payment's id.
    pub payment_id: PaymentId,
    /// The order that it pays.
    pub order_id: OrderId,
    /// The order's number.
    pub order_number: String,
    /// Which processor.
    pub processor: String,
    /// The processor's id of the payment; booked once, whoever brings the news.
    pub processor_payment_id: String,
    /// The processor's id of the order.
    pub processor_order_id: String,
    /// How much; where the processor is merchant of record, what the order asks.
    pub amount: Money,
    /// What the customer paid to a merchant of record, and the tax in it; absent where the processor
    /// is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merchant: Option<MerchantShare>,
}

/// Money is reserved to go back; the processor is asked next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RefundRequested {
    /// The refund's id; also the processor's idempotency key.
    pub refund_id: RefundId,
    /// Which payment it goes back to.
    pub payment_id: PaymentId,
    /// Which processor.
    pub processor: String,
    /// The processor's id of that payment.
    pub processor_payment_id: String,
    /// How much.
    pub amount: Money,
    /// Why, in the words of whoever asked.
    pub reason: String,
    /// What the policy said, and from what.
    pub verdict: Verdict,
    /// What had been captured by the payment and not refunded before.
    pub refundable_before: Money,
}

/// The processor sent the money back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RefundProcessed {
    /// Which refund.
    pub refund_id: RefundId,
    /// The payment it went back to.
    pub payment_id: PaymentId,
    /// The processor's id of the refund.
    pub processor_refund_id: String,
    /// How much.
    pub amount: Money,
}

/// The processor did not send the money; it stays payable to the customer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RefundFailed {
    /// Which refund.
    pub refund_id: RefundId,
    /// What the processor said.
    pub reason: String,
}
