//! Events about the subscription: the right to a plan, period after period.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AccountEvent, Limits, events};
use crate::{
    coupon::HeldDiscount,
    ids::{InvoiceId, OrderId, PlanId, ReapplicationId, SubscriptionId},
    money::Money,
    period::{Anchor, Cycle, Span},
    time::Timestamp,
};

events! {
    /// The right to a plan, period after period.
    SubscriptionEvent of AccountEvent {
        TrialStarted "subscription.trial_started" v 1,
        SubscriptionActivated "subscription.activated" v 1,
        PlanChanged "subscription.plan_changed" v 1,
        PlanChangeScheduled "subscription.plan_change_scheduled" v 1,
        PlanChangeWithdrawn "subscription.plan_change_withdrawn" v 1,
        CancellationScheduled "subscription.cancellation_scheduled" v 1,
        SubscriptionResumed "subscription.resumed" v 1,
        SubscriptionRenewed "subscription.renewed" v 1,
        FellPastDue "subscription.fell_past_due" v 1,
        SubscriptionSuspended "subscription.suspended" v 1,
        SubscriptionRecovered "subscription.recovered" v 1,
        SubscriptionEnded "subscription.ended" v 1,
        LimitsCustomised "subscription.limits_customised" v 1,
        LimitsReapplied "subscription.limits_reapplied" v 1,
        SubscriptionLinked "subscription.linked" v 1,
        SubscriptionFollowed "subscription.followed" v 1,
        PlanChangeRequested "subscription.plan_change_requested" v 1,
    }
}

/// A plan as somebody holds it: revision, cycle, price and limits, unmoved by later revisions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeldPlan {
    /// Which plan.
    pub plan_id: PlanId,
    /// Its number, as the panel dialect names it.
    pub number: String,
    /// Its slug.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// The portal tier it grants.
    #[serde(rename = "type")]
    pub plan_type: String,
    /// Which revision of its terms.
    pub revision: u32,
    /// How often it is billed.
    pub cycle: Cycle,
    /// For how much.
    pub price: Money,
    /// What it allows.
    pub limits: Limits,
}

/// A subscription began with free days; its first period is billed when they are over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrialStarted {
    /// The subscription's id.
    pub subscription_id: SubscriptionId,
    /// The order that brought it about.
    pub order_id: OrderId,
    /// What it gives.
    pub plan: HeldPlan,
    /// The free days.
    pub period: Span,
    /// The coupon's discount, its first period not used yet.
    pub discount: Option<HeldDiscount>,
    /// Whether the days are lent by whoever runs the ledger: they end, whatever the customer asks.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lent: bool,
}

/// A subscription began, or its trial is over: period 0 begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionActivated {
    /// The subscription's id.
    pub subscription_id: SubscriptionId,
    /// The order that brought it about.
    pub order_id: OrderId,
    /// What it gives.
    pub plan: HeldPlan,
    /// Where its periods hang.
    pub anchor: Anchor,
    /// Period 0.
    pub period: Span,
    /// The coupon's discount that is left for later periods.
    pub discount: Option<HeldDiscount>,
    /// The processor that renews it itself; absent where nobody had said so by then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_by: Option<RunBy>,
}

/// The subscription moved to another plan or cycle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanChanged {
    /// Which subscription.
    pub subscription_id: SubscriptionId,
    /// What it gave.
    pub from: HeldPlan,
    /// What it gives now.
    pub to: HeldPlan,
    /// The instant from which both sides are prorated, a whole second.
    pub at: Timestamp,
    /// The anchor from now on: unchanged, unless the cycle changed.
    pub anchor: Anchor,
    /// The current period's number under that anchor.
    pub period_index: u32,
    /// The current period.
    pub period: Span,
    /// The coupon's discount that is left for later periods.
    pub discount: Option<HeldDiscount>,
    /// Invoices that billed beyond this instant what is given no longer: credit notes take back what
    /// is not kept of them, and what is kept is earned. Absent where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub service_over: Vec<InvoiceId>,
}

/// The subscription will move to another plan or cycle when its period ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanChangeScheduled {
    /// Which subscription.
    pub subscription_id: SubscriptionId,
    /// What it gives.
    pub from: HeldPlan,
    /// What it will give, at the price of today.
    pub to: HeldPlan,
    /// The period's end.
    pub takes_effect_at: Timestamp,
}

/// A scheduled plan change will not happen, or a requested one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanChangeWithdrawn {
    /// Which subscription.
    pub subscription_id: SubscriptionId,
    /// What the processor said that refused it; absent where nobody asked one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// The subscription will end with its period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CancellationScheduled {
    /// Which subscription.
    pub subscription_id: SubscriptionId,
    /// The period's end; where a processor runs it, the end that the processor says.
    pub takes_effect_at: Timestamp,
}

/// A cancellation was taken back inside the same period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionResumed {
    /// Which subscription.
    pub subscription_id: SubscriptionId,
}

/// The next period began; once per subscription and period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionRenewed {
    /// Which subscription.
    pub subscription_id: SubscriptionId,
    /// Which period, counted from the anchor.
    pub period_index: u32,
    /// From when to when.
    pub period: Span,
    /// The coupon's discount that is left for later periods.
    pub discount: Option<HeldDiscount>,
}

/// An invoice was not paid in time: one of ours, or one of the processor that runs the subscription.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FellPastDue {
    /// Which subscription.
    pub subscription_id: SubscriptionId,
    /// The invoice; absent where a processor says so, of an invoice of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoice_id: Option<InvoiceId>,
    /// Its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoice_number: Option<String>,
}

/// An invoice was not paid for so long that the service stops until it is, or the processor that
/// runs the subscription stopped it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionSuspended {
    /// Which subscription.
    pub subscription_id: SubscriptionId,
    /// The invoice; absent where a processor says so, of an invoice of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoice_id: Option<InvoiceId>,
    /// Its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoice_number: Option<String>,
}

/// Nothing is overdue any more: the service goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionRecovered {
    /// Which subscription.
    pub subscription_id: SubscriptionId,
}

/// Why a subscription is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// Cancelled, at once or with its period.
    Cancelled,
    /// Refunded.
    Refunded,
    /// An invoice stayed unpaid to the last step of the dunning ladder.
    Unpaid,
    /// Taken away by whoever runs the ledger; the customer cannot take it back.
    Withdrawn,
}

/// The subscription is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionEnded {
    /// Which subscription.
    pub subscription_id: SubscriptionId,
    /// Why.
    pub reason: EndReason,
    /// From when.
    pub at: Timestamp,
    /// Invoices that billed beyond this instant what is given no longer, for good: what is kept of
    /// them is earned. Absent where there is none, or where the customer may still take the end back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub service_over: Vec<InvoiceId>,
}

/// The subscription's limits differ from its plan's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitsCustomised {
    /// Which subscription.
    pub subscription_id: SubscriptionId,
    /// The limits in force, whole.
    pub limits: Limits,
}

/// The subscription's limits are those of its plan's current revision; its price is not touched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitsReapplied {
    /// Which subscription.
    pub subscription_id: SubscriptionId,
    /// The reapplication that it belongs to.
    pub reapplication_id: ReapplicationId,
    /// The revision whose limits they are.
    pub revision: u32,
    /// The limits in force, whole.
    pub limits: Limits,
    /// Whether limits of the subscription's own were overwritten.
    pub forced: bool,
}

/// The processor that runs a subscription: it renews and duns, and the ledger follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunBy {
    /// Which processor, such as `lemonsqueezy`.
    pub processor: String,
    /// The processor's own id of the subscription.
    pub processor_subscription_id: String,
}

/// A processor made a subscription of its own out of an order, and renews it itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionLinked {
    /// The order that was paid, or is about to be: the news may come before the payment.
    pub order_id: OrderId,
    /// The subscription; `null` where it has not begun.
    pub subscription_id: Option<SubscriptionId>,
    /// Who runs it.
    pub run_by: RunBy,
}

/// How a processor says that its subscription stands.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ProcessorStatus {
    /// In its free days.
    OnTrial,
    /// Running, and paid.
    Active,
    /// A renewal was not paid; the processor tries again.
    PastDue,
    /// Stopped by hand.
    Paused,
    /// A renewal was not paid, and the processor has stopped trying.
    Unpaid,
    /// Running to its end.
    Cancelled,
    /// Over.
    Expired,
}

/// The processor's word on how its subscription stands was taken. What follows from it comes after
/// it, as events of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionFollowed {
    /// The order that the subscription began with.
    pub order_id: OrderId,
    /// The subscription; `null` where it has not begun.
    pub subscription_id: Option<SubscriptionId>,
    /// How it stands.
    pub status: ProcessorStatus,
    /// What it gives; `null` where the processor did not say.
    pub plan: Option<HeldPlan>,
    /// When it renews, where it does.
    pub renews_at: Option<Timestamp>,
    /// When it ends, where that is known.
    pub ends_at: Option<Timestamp>,
    /// From when the word is, by the processor's clock: an older one is not taken after it.
    pub updated_at: Timestamp,
}

/// The processor that runs the subscription is asked for another plan; it is the one that changes
/// it and reckons what that costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanChangeRequested {
    /// Which subscription.
    pub subscription_id: SubscriptionId,
    /// What it gives.
    pub from: HeldPlan,
    /// What it is to give.
    pub to: HeldPlan,
}
