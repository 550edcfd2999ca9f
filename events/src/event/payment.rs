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
        PaymentFeeCharged "payment.fee_charged" v 1,
        PaymentFailed "payment.failed" v 1,
        RefundRequested "refund.requested" v 1,
        RefundProcessed "refund.processed" v 1,
        RefundFailed "refund.failed" v 1,
        RefundReported "refund.reported" v 1,
        DisputeOpened "dispute.opened" v 1,
        DisputeClosed "dispute.closed" v 1,
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

/// The processor kept a part of a payment for its service; once for each payment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PaymentFeeCharged {
    /// Which payment.
    pub payment_id: PaymentId,
    /// For its service, without tax.
    pub service: Money,
    /// The tax on its service, which the processor owes.
    pub tax: Money,
}

/// A payment did not come about. It may still: the customer may try again, and a processor may
/// authorise a payment late that it had called failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PaymentFailed {
    /// The order that it was to pay.
    pub order_id: OrderId,
    /// Which processor.
    pub processor: String,
    /// The processor's id of the payment.
    pub processor_payment_id: String,
    /// How much it was to be.
    pub amount: Money,
    /// Why, in the processor's words.
    pub reason: String,
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

/// The processor sent money back: the whole of a refund, or what it was seen to send of one that had
/// failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RefundProcessed {
    /// Which refund.
    pub refund_id: RefundId,
    /// The payment it went back to.
    pub payment_id: PaymentId,
    /// The processor's id of the refund.
    pub processor_refund_id: String,
    /// How much; less than the refund where somebody sent a part of it at the processor.
    pub amount: Money,
}

/// The processor did not send the money, or it came back; it stays payable to the customer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RefundFailed {
    /// Which refund.
    pub refund_id: RefundId,
    /// What the processor said.
    pub reason: String,
    /// The processor's id of the refund that failed; absent where it made none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processor_refund_id: Option<String>,
    /// What had been sent under that id and came back; absent where nothing had been sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returned: Option<Returned>,
}

/// Money that a refund had sent and that came back to the processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Returned {
    /// The payment that it had gone back to.
    pub payment_id: PaymentId,
    /// How much.
    pub amount: Money,
}

/// Money went back that the ledger had not asked for: somebody pressed a button at the processor.
///
/// `amount = from_invoices + from_credit + unplaced`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RefundReported {
    /// The refund's id.
    pub refund_id: RefundId,
    /// The payment it went back to.
    pub payment_id: PaymentId,
    /// Which processor.
    pub processor: String,
    /// The processor's id of that payment.
    pub processor_payment_id: String,
    /// The processor's id of the refund. Where it tells sums only: its id of the payment, `#`, and
    /// the sum in minor units.
    pub processor_refund_id: String,
    /// How much.
    pub amount: Money,
    /// What credit notes on the invoices of the payment take of it.
    pub from_invoices: Money,
    /// What came out of the account's credit.
    pub from_credit: Money,
    /// What is left over: a loss, until somebody places it.
    pub unplaced: Money,
}

/// The customer's bank asks for the money of a payment back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DisputeOpened {
    /// The processor's id of the dispute.
    pub dispute_id: String,
    /// Which payment.
    pub payment_id: PaymentId,
    /// How much is disputed.
    pub amount: Money,
    /// Why, in the processor's words.
    pub reason: String,
}

/// How a dispute ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DisputeOutcome {
    /// The seller keeps the money.
    Won,
    /// The money was taken back.
    Lost,
    /// Over without a decision.
    Closed,
}

/// A dispute is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DisputeClosed {
    /// The processor's id of the dispute.
    pub dispute_id: String,
    /// Which payment.
    pub payment_id: PaymentId,
    /// How it ended.
    pub outcome: DisputeOutcome,
    /// What of the payment stays taken back; nothing of one that was won.
    pub deducted: Money,
}
