//! Events about orders: what somebody asked to pay, and how far that has come.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AccountEvent, HeldPlan, events};
use crate::{
    coupon::HeldDiscount,
    ids::{InvoiceId, OrderId},
    money::Money,
    tax::Tax,
    time::Timestamp,
    totals::Totals,
};

events! {
    /// What somebody asked to pay.
    #[expect(clippy::large_enum_variant, reason = "events live behind an Arc, one each")]
    OrderEvent of AccountEvent {
        OrderPlaced "order.placed" v 1,
        OrderCancelled "order.cancelled" v 1,
        OrderExpired "order.expired" v 1,
        CheckoutStarted "checkout.started" v 1,
        PaymentSent "order.payment_sent" v 1,
    }
}

/// What a period of an ordered plan costs: decided when the order is placed, and billed so when it
/// is paid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quote {
    /// The coupon's discount, its first period not used yet.
    pub discount: Option<HeldDiscount>,
    /// How it is taxed.
    pub tax: Tax,
    /// Price, discount, tax and total.
    pub totals: Totals,
    /// How many days are free before the first period; 0 without a trial.
    pub trial_days: u32,
}

/// What an order, once paid, brings about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[expect(clippy::large_enum_variant, reason = "events live behind an Arc, one each")]
pub enum OrderPurpose {
    /// A new subscription to the plan.
    Subscribe {
        /// What its periods cost.
        quote: Quote,
    },
    /// The rest due on an invoice already issued.
    PayInvoice {
        /// Which invoice.
        invoice_id: InvoiceId,
        /// Its number.
        invoice_number: String,
    },
    /// A change to the plan, which takes effect once it is paid.
    ChangePlan,
}

/// Somebody asked to pay: for a new subscription, for an open invoice, or for a plan change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderPlaced {
    /// The order's id; its number is assigned with the event.
    pub order_id: OrderId,
    /// What it is for.
    pub purpose: OrderPurpose,
    /// The plan that it pays for.
    pub plan: HeldPlan,
    /// How much is to be paid, after account credit.
    pub amount: Money,
    /// When it expires unpaid; `null` for one that waits as long as its invoice is open.
    pub expires_at: Option<Timestamp>,
}

/// Why an order will not be fulfilled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderCancelReason {
    /// The invoice it was to pay is due for another amount, or for none.
    InvoiceDueChanged,
    /// A later order or plan change took its place.
    Superseded,
    /// Somebody did not want it any more.
    Requested,
    /// The money that was said to be on its way never came.
    PaymentRejected,
}

/// An order will not be fulfilled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderCancelled {
    /// Which order.
    pub order_id: OrderId,
    /// Why.
    pub reason: OrderCancelReason,
}

/// Nobody paid an order in time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderExpired {
    /// Which order.
    pub order_id: OrderId,
}

/// A processor is ready to take the payment of an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckoutStarted {
    /// Which order.
    pub order_id: OrderId,
    /// Which processor, such as `sandbox`.
    pub processor: String,
    /// The processor's own id of the order; signatures are checked over this stored value.
    pub processor_order_id: String,
    /// What the processor will take.
    pub amount: Money,
    /// The processor's page on which it is paid; absent where it has none of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Where the processor's page sends a customer who has paid; absent where nobody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success_url: Option<String>,
    /// Where the processor's page sends a customer who gives up; absent where nobody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_url: Option<String>,
}

/// Somebody says that the money of an order is on its way, by a transfer that no processor tells of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PaymentSent {
    /// Which order.
    pub order_id: OrderId,
    /// The bank's, the network's or the service's id of the transfer; `null` where none was named.
    pub transaction: Option<String>,
}
