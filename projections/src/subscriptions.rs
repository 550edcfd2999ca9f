//! What does this customer have, until when, and on what terms? Asked by the panel before it lets
//! anybody create a server, by the billing page, and by the export of running subscriptions.
//!
//! One row per subscription, live or ended. `period` is the newest that was recorded: what has
//! fallen due since is recorded first and read then.

use daybook_events::{
    Event, Recorded, Timestamp,
    event::{AccountEvent as E, EndReason, HeldPlan, SubscriptionActivated},
    ids::{AccountId, SubscriptionId},
    period::{Anchor, Span},
};
use serde::{Deserialize, Serialize};

use crate::projection::{FoldError, Projection};

/// Where a subscription stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubscriptionStatus {
    /// Running, and will renew.
    Active,
    /// Running, and will end with its period.
    Cancelling,
    /// Over.
    Ended,
}

/// A subscription as it is now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionRow {
    /// The position of the last event that touched the row.
    pub position: i64,
    /// Whose it is.
    pub account_id: AccountId,
    /// The subscription's id.
    pub subscription_id: SubscriptionId,
    /// What it gives, with the limits in force.
    pub plan: HeldPlan,
    /// Where its periods hang.
    pub anchor: Anchor,
    /// The current period's number, counted from 0 at the anchor.
    pub period_index: u32,
    /// The current period, half-open.
    pub period: Span,
    /// Where it stands.
    pub status: SubscriptionStatus,
    /// The instant at which a scheduled cancellation takes effect; `null` where none is scheduled.
    pub cancel_at: Option<Timestamp>,
    /// The instant since which it is over; `null` while it runs.
    pub ended_at: Option<Timestamp>,
    /// Why it is over; `null` while it runs.
    pub end_reason: Option<EndReason>,
    /// The first instant of its first period.
    pub started_at: Timestamp,
    /// Whether its limits were set apart from its plan's; a plan change undoes that.
    pub limits_customised: bool,
}

impl SubscriptionRow {
    fn activated(
        activated: &SubscriptionActivated,
        account_id: AccountId,
        recorded: &Recorded,
    ) -> Self {
        Self {
            position: recorded.position,
            account_id,
            subscription_id: activated.subscription_id,
            plan: activated.plan.clone(),
            anchor: activated.anchor,
            period_index: 0,
            period: activated.period,
            status: SubscriptionStatus::Active,
            cancel_at: None,
            ended_at: None,
            end_reason: None,
            started_at: activated.period.start,
            limits_customised: false,
        }
    }

    fn after(mut self, event: &E, recorded: &Recorded) -> Self {
        match event {
            E::PlanChanged(changed) => {
                self.plan = changed.to.clone();
                self.anchor = changed.anchor;
                self.period_index = changed.period_index;
                self.period = changed.period;
                self.limits_customised = false;
            }
            E::CancellationScheduled(scheduled) => {
                self.status = SubscriptionStatus::Cancelling;
                self.cancel_at = Some(scheduled.takes_effect_at);
            }
            E::SubscriptionResumed(_) => {
                self.status = SubscriptionStatus::Active;
                (self.cancel_at, self.ended_at, self.end_reason) = (None, None, None);
            }
            E::SubscriptionRenewed(renewed) => {
                self.period_index = renewed.period_index;
                self.period = renewed.period;
            }
            E::SubscriptionEnded(ended) => {
                self.status = SubscriptionStatus::Ended;
                self.cancel_at = None;
                self.ended_at = Some(ended.at);
                self.end_reason = Some(ended.reason);
            }
            E::LimitsCustomised(customised) => {
                self.plan.limits = customised.limits.clone();
                self.limits_customised = true;
            }
            E::AccountOpened(_)
            | E::BillingDetailsRevised(_)
            | E::OrderPlaced(_)
            | E::OrderCancelled(_)
            | E::CheckoutStarted(_)
            | E::PaymentCaptured(_)
            | E::SubscriptionActivated(_)
            | E::InvoiceIssued(_)
            | E::InvoicePaid(_)
            | E::CreditNoteIssued(_)
            | E::CreditGranted(_)
            | E::CreditApplied(_)
            | E::RefundRequested(_)
            | E::RefundProcessed(_)
            | E::RefundFailed(_) => return self,
        }
        Self { position: recorded.position, ..self }
    }
}

/// The subscription whose row an event changes.
fn subscription_of(event: &E) -> Option<SubscriptionId> {
    match event {
        E::SubscriptionActivated(activated) => Some(activated.subscription_id),
        E::PlanChanged(changed) => Some(changed.subscription_id),
        E::CancellationScheduled(scheduled) => Some(scheduled.subscription_id),
        E::SubscriptionResumed(resumed) => Some(resumed.subscription_id),
        E::SubscriptionRenewed(renewed) => Some(renewed.subscription_id),
        E::SubscriptionEnded(ended) => Some(ended.subscription_id),
        E::LimitsCustomised(customised) => Some(customised.subscription_id),
        E::AccountOpened(_)
        | E::BillingDetailsRevised(_)
        | E::OrderPlaced(_)
        | E::OrderCancelled(_)
        | E::CheckoutStarted(_)
        | E::PaymentCaptured(_)
        | E::InvoiceIssued(_)
        | E::InvoicePaid(_)
        | E::CreditNoteIssued(_)
        | E::CreditGranted(_)
        | E::CreditApplied(_)
        | E::RefundRequested(_)
        | E::RefundProcessed(_)
        | E::RefundFailed(_) => None,
    }
}

/// The projection of every subscription.
#[derive(Debug)]
pub struct Subscriptions;

impl Projection for Subscriptions {
    type Row = SubscriptionRow;

    const NAME: &'static str = "subscriptions";
    const TABLE: &'static str = include_str!("../../migrations/projections/subscriptions.sql");

    fn keys(recorded: &Recorded) -> Vec<String> {
        match &recorded.event {
            Event::Account(event) => {
                subscription_of(event).iter().map(ToString::to_string).collect()
            }
            Event::Plan(_) | Event::Access(_) | Event::Book(_) => Vec::new(),
        }
    }

    fn fold(
        key: &str,
        row: Option<SubscriptionRow>,
        recorded: &Recorded,
    ) -> Result<Option<SubscriptionRow>, FoldError> {
        let missing = || FoldError::missing(recorded, key);
        match &recorded.event {
            Event::Account(E::SubscriptionActivated(activated)) => {
                let account_id = recorded.account().ok_or_else(missing)?;
                Ok(Some(SubscriptionRow::activated(activated, account_id, recorded)))
            }
            Event::Account(event) => Ok(Some(row.ok_or_else(missing)?.after(event, recorded))),
            Event::Plan(_) | Event::Access(_) | Event::Book(_) => Ok(row),
        }
    }
}

#[cfg(test)]
mod tests {
    use daybook_events::{commands::CustomiseLimits, testing::*};

    use super::*;
    use crate::testing::fold_one;

    #[test]
    fn a_subscription_begins_active_with_its_first_period() {
        let row = fold_one::<Subscriptions>(given_subscribed("pro").events());
        assert_eq!((row.account_id, row.status), (account_id(), SubscriptionStatus::Active));
        assert_eq!((row.plan.slug.as_str(), row.period_index), ("pro", 0));
        assert_eq!(row.period.end.to_string(), "2026-06-01T00:00:00.000000Z");
        assert_eq!(row.started_at, row.period.start);
    }

    #[test]
    fn a_cancellation_waits_for_the_period_to_end() {
        let given = given_subscribed("pro").and(cancel(true));
        let row = fold_one::<Subscriptions>(given.events());
        assert_eq!(row.status, SubscriptionStatus::Cancelling);
        assert_eq!((row.cancel_at, row.ended_at), (Some(row.period.end), None));

        let row =
            fold_one::<Subscriptions>(given.at("2026-06-02T00:00:00Z").and(settle_due()).events());
        assert_eq!(row.status, SubscriptionStatus::Ended);
        assert_eq!((row.cancel_at, row.ended_at), (None, Some(row.period.end)));
        assert_eq!(row.end_reason, Some(EndReason::Cancelled));
    }

    #[test]
    fn a_cancellation_that_is_taken_back_leaves_no_trace() {
        for at_period_end in [true, false] {
            let given = given_subscribed("pro");
            let before = fold_one::<Subscriptions>(given.events());
            let given = given.and(cancel(at_period_end)).and(resume());
            let after = fold_one::<Subscriptions>(given.events());
            assert_eq!(after, SubscriptionRow { position: after.position, ..before });
        }
    }

    #[test]
    fn a_plan_change_undoes_limits_of_its_own() {
        let account_id = account_id();
        let limits = [("max_servers".to_owned(), None)].into();
        let given = given_subscribed("pro").and(CustomiseLimits { account_id, limits });
        let row = fold_one::<Subscriptions>(given.events());
        assert!(row.limits_customised);
        assert_eq!(row.plan.limits.get("max_servers"), Some(&None));

        let row = fold_one::<Subscriptions>(given.and(change_plan("starter")).events());
        assert!(!row.limits_customised);
        assert_eq!(row.plan.limits.get("max_servers"), Some(&Some(5)));
    }

    #[test]
    fn a_renewal_moves_the_period_on() {
        let given = given_subscribed("pro").at("2026-06-03T00:00:00Z").and(settle_due());
        let row = fold_one::<Subscriptions>(given.events());
        assert_eq!(row.period_index, 1);
        assert_eq!(row.period.start.to_string(), "2026-06-01T00:00:00.000000Z");
    }
}
