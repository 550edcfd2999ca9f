//! What an endpoint of the v1 format is sent: the four webhooks that the dialect's page prints, with
//! its fields and no others, made from the account's events up to the one that is told.
//!
//! - a trial or a subscription that begins is `subscription_created`; one whose free days are over
//!   was created before, and is `subscription_updated`;
//! - whatever else changes its plan, its status or its period is `subscription_updated`;
//! - an end that is set, or that comes unannounced, is `subscription_canceled`; the end that was set
//!   is `subscription_updated` when it comes, with the status `ended`;
//! - money that went back is `refund_processed`.

use daybook_events::{
    Event, Money, Recorded, Timestamp,
    event::{AccountEvent, PaymentEvent, RefundProcessed, RefundReported, SubscriptionEvent as S},
    ids::SubscriptionId,
    refund_policy::Eligibility,
};
use daybook_projections::{
    accounts::Accounts,
    as_of,
    projection::{FoldError, Projection},
    refunds::Refunds,
    subscriptions::{SubscriptionStatus, Subscriptions},
};
use serde::Serialize;

/// The names of the four.
pub const NAMES: [&str; 4] =
    ["subscription_created", "subscription_updated", "subscription_canceled", "refund_processed"];

/// The reason of a refund that nobody had asked the ledger for.
const UNASKED: &str = "processor_refund";

/// One of the four; the order of the fields is the page's.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", content = "data", rename_all = "snake_case")]
pub enum Webhook {
    /// A subscription began.
    SubscriptionCreated {
        /// Which.
        subscription_id: String,
        /// The plan's slug.
        plan: String,
        /// Where mail reaches its account, at that moment.
        customer_email: String,
    },
    /// Its plan, its status or its period is another.
    SubscriptionUpdated {
        /// Which.
        subscription_id: String,
        /// The plan's slug.
        plan: String,
        /// Where it stands now.
        status: SubscriptionStatus,
    },
    /// It ends.
    SubscriptionCanceled {
        /// Which.
        subscription_id: String,
        /// When.
        effective_date: String,
    },
    /// Money went back.
    RefundProcessed {
        /// Which refund.
        refund_id: String,
        /// How much, in minor units.
        amount: i64,
        /// Why, in the words of whoever asked.
        reason: String,
        /// What the policy said.
        eligibility: Granted,
    },
}

/// What the policy said of a refund.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Granted {
    /// How much of what was paid.
    #[serde(rename = "type")]
    pub eligibility: Eligibility,
    /// Whole days since the period began.
    pub days_since_subscription: i64,
}

impl Webhook {
    /// Which of the four.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::SubscriptionCreated { .. } => NAMES[0],
            Self::SubscriptionUpdated { .. } => NAMES[1],
            Self::SubscriptionCanceled { .. } => NAMES[2],
            Self::RefundProcessed { .. } => NAMES[3],
        }
    }

    /// The bytes that are sent and signed.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a webhook is plain data with string keys")
    }
}

/// The body of a test: none of the four, so that nobody takes it for one.
#[must_use]
pub fn test(endpoint: &str) -> Vec<u8> {
    let body = serde_json::json!({ "event": "test", "data": { "endpoint_id": endpoint } });
    body.to_string().into_bytes()
}

/// What is told.
enum Tells {
    Created(SubscriptionId),
    Updated(SubscriptionId),
    Canceled(SubscriptionId, Timestamp),
    Refunded(Money),
}

/// Whether an event can be one of the four, as far as it tells by itself.
#[must_use]
pub fn may_tell(event: &Event) -> bool {
    tells(event).is_some()
}

/// What an event tells by itself.
fn tells(event: &Event) -> Option<Tells> {
    match event {
        Event::Account(AccountEvent::Subscription(event)) => match event {
            S::TrialStarted(it) => Some(Tells::Created(it.subscription_id)),
            S::SubscriptionActivated(it) => Some(Tells::Created(it.subscription_id)),
            S::PlanChanged(it) => Some(Tells::Updated(it.subscription_id)),
            S::SubscriptionResumed(it) => Some(Tells::Updated(it.subscription_id)),
            S::SubscriptionRenewed(it) => Some(Tells::Updated(it.subscription_id)),
            S::FellPastDue(it) => Some(Tells::Updated(it.subscription_id)),
            S::SubscriptionSuspended(it) => Some(Tells::Updated(it.subscription_id)),
            S::SubscriptionRecovered(it) => Some(Tells::Updated(it.subscription_id)),
            S::CancellationScheduled(it) => {
                Some(Tells::Canceled(it.subscription_id, it.takes_effect_at))
            }
            S::SubscriptionEnded(it) => Some(Tells::Canceled(it.subscription_id, it.at)),
            // Neither the plan nor the status is another.
            S::PlanChangeScheduled(_)
            | S::PlanChangeRequested(_)
            | S::SubscriptionLinked(_)
            | S::SubscriptionFollowed(_)
            | S::PlanChangeWithdrawn(_)
            | S::LimitsCustomised(_)
            | S::LimitsReapplied(_) => None,
        },
        Event::Account(AccountEvent::Payment(
            PaymentEvent::RefundProcessed(RefundProcessed { amount, .. })
            | PaymentEvent::RefundReported(RefundReported { amount, .. }),
        )) => Some(Tells::Refunded(*amount)),
        Event::Account(_)
        | Event::Plan(_)
        | Event::Coupon(_)
        | Event::Access(_)
        | Event::Book(_) => None,
    }
}

/// The webhook that tells of the last of an account's events, which are all that there are up to
/// it; `None` where it is none of the four.
///
/// # Errors
/// A history that cannot be read.
pub fn of(events: &[Recorded]) -> Result<Option<Webhook>, FoldError> {
    let Some((told, before)) = events.split_last() else { return Ok(None) };
    match tells(&told.event) {
        None => Ok(None),
        Some(Tells::Refunded(amount)) => refunded(told, amount, events),
        Some(Tells::Created(id)) => match row::<Subscriptions>(&id, before)? {
            None => created(id, told, events),
            Some(_) => updated(id, events),
        },
        Some(Tells::Updated(id)) => updated(id, events),
        Some(Tells::Canceled(id, at)) => {
            let announced = row::<Subscriptions>(&id, before)?.and_then(|row| row.cancel_at);
            if announced == Some(at) { updated(id, events) } else { Ok(Some(canceled(id, at))) }
        }
    }
}

fn created(
    id: SubscriptionId,
    told: &Recorded,
    events: &[Recorded],
) -> Result<Option<Webhook>, FoldError> {
    let account = told.account().map(|id| row::<Accounts>(&id, events)).transpose()?.flatten();
    let subscription = row::<Subscriptions>(&id, events)?;
    Ok(account.zip(subscription).map(|(account, subscription)| Webhook::SubscriptionCreated {
        subscription_id: id.to_string(),
        plan: subscription.plan.slug,
        customer_email: account.billing.0.email,
    }))
}

fn updated(id: SubscriptionId, events: &[Recorded]) -> Result<Option<Webhook>, FoldError> {
    let subscription = row::<Subscriptions>(&id, events)?;
    Ok(subscription.map(|subscription| Webhook::SubscriptionUpdated {
        subscription_id: id.to_string(),
        plan: subscription.plan.slug,
        status: subscription.status,
    }))
}

fn canceled(id: SubscriptionId, at: Timestamp) -> Webhook {
    let effective_date = at.utc().format("%Y-%m-%dT%H:%M:%SZ").to_string();
    Webhook::SubscriptionCanceled { subscription_id: id.to_string(), effective_date }
}

fn refunded(
    told: &Recorded,
    amount: Money,
    events: &[Recorded],
) -> Result<Option<Webhook>, FoldError> {
    let keys = Refunds::keys(told);
    let row = keys.first().map(|id| as_of::row::<Refunds>(id, events)).transpose()?.flatten();
    Ok(row.map(|row| Webhook::RefundProcessed {
        refund_id: row.refund_id.to_string(),
        amount: minor(amount),
        reason: row.reason.unwrap_or_else(|| UNASKED.to_owned()),
        eligibility: Granted {
            // The policy was not asked about what somebody sent back at the processor.
            eligibility: row.verdict.map_or(Eligibility::None, |it| it.eligibility),
            days_since_subscription: row.verdict.map_or(0, |it| it.days_since_period_start),
        },
    }))
}

fn row<P: Projection>(
    id: &impl ToString,
    events: &[Recorded],
) -> Result<Option<P::Row>, FoldError> {
    as_of::row::<P>(&id.to_string(), events)
}

/// An amount in minor units; amounts are bounded by 10^15 of them.
fn minor(money: Money) -> i64 {
    i64::try_from(money.minor()).unwrap_or(i64::MAX)
}
