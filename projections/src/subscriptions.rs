//! What does this customer have, until when, and on what terms? Asked by the panel before it lets
//! anybody create a server, by the billing page, and by the export of running subscriptions.
//!
//! One row per subscription, live or ended. `period` is the newest that was recorded: what has
//! fallen due since is recorded first and read then.

use daybook_events::{
    Event, Recorded, Timestamp,
    coupon::HeldDiscount,
    event::{
        AccountEvent as A, EndReason, HeldPlan, PlanChangeScheduled, RunBy, SubscriptionActivated,
        SubscriptionEvent as E, TrialStarted,
    },
    ids::{AccountId, SubscriptionId},
    period::{Anchor, Span},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::projection::{FoldError, Projection};

/// Where a subscription stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SubscriptionStatus {
    /// In its free days.
    Trialing,
    /// Running, and will renew.
    Active,
    /// Running, with an overdue invoice.
    PastDue,
    /// Stopped until an overdue invoice is paid.
    Suspended,
    /// Running, paid or free, and will end with its period.
    Cancelling,
    /// Over.
    Ended,
}

/// A subscription as it is now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    /// Where its periods hang; `null` in its free days.
    pub anchor: Option<Anchor>,
    /// The current period's number, counted from 0 at the anchor.
    pub period_index: u32,
    /// The current period, or the free days, half-open.
    pub period: Span,
    /// Where it stands.
    pub status: SubscriptionStatus,
    /// Where it stands, or stood when it ended, whatever is scheduled.
    pub standing: SubscriptionStatus,
    /// The plan change that happens when its period ends; `null` where none is scheduled.
    pub scheduled_change: Option<PlanChangeScheduled>,
    /// The coupon's discount that later periods have; `null` without one.
    pub discount: Option<HeldDiscount>,
    /// The end of its free days; `null` where it never had any.
    pub trial_ends_at: Option<Timestamp>,
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
    /// The processor that renews it itself, and its id there; `null` where the ledger renews it.
    pub run_by: Option<RunBy>,
    /// The plan that this processor has been asked for; `null` where it has answered, or none is.
    pub requested_plan: Option<HeldPlan>,
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
            anchor: Some(activated.anchor),
            period_index: 0,
            period: activated.period,
            status: SubscriptionStatus::Active,
            standing: SubscriptionStatus::Active,
            scheduled_change: None,
            discount: activated.discount.clone(),
            trial_ends_at: None,
            cancel_at: None,
            ended_at: None,
            end_reason: None,
            started_at: activated.period.start,
            limits_customised: false,
            run_by: activated.run_by.clone(),
            requested_plan: None,
        }
    }

    fn in_trial(started: &TrialStarted, account_id: AccountId, recorded: &Recorded) -> Self {
        Self {
            position: recorded.position,
            account_id,
            subscription_id: started.subscription_id,
            plan: started.plan.clone(),
            anchor: None,
            period_index: 0,
            period: started.period,
            status: SubscriptionStatus::Trialing,
            standing: SubscriptionStatus::Trialing,
            scheduled_change: None,
            discount: started.discount.clone(),
            trial_ends_at: Some(started.period.end),
            cancel_at: None,
            ended_at: None,
            end_reason: None,
            started_at: started.period.start,
            limits_customised: false,
            run_by: None,
            requested_plan: None,
        }
    }

    /// The row once the free days are over.
    fn after_trial(self, activated: &SubscriptionActivated, recorded: &Recorded) -> Self {
        let account_id = self.account_id;
        Self {
            started_at: self.started_at,
            trial_ends_at: self.trial_ends_at,
            ..Self::activated(activated, account_id, recorded)
        }
    }

    fn after(mut self, event: &E, recorded: &Recorded) -> Self {
        match event {
            E::TrialStarted(_) | E::SubscriptionActivated(_) => {}
            E::PlanChanged(changed) => {
                self.plan = changed.to.clone();
                self.anchor = self.anchor.map(|_| changed.anchor);
                self.period_index = changed.period_index;
                self.period = changed.period;
                self.discount = changed.discount.clone();
                (self.scheduled_change, self.requested_plan) = (None, None);
                self.limits_customised = false;
            }
            E::PlanChangeScheduled(scheduled) => self.scheduled_change = Some(scheduled.clone()),
            E::PlanChangeRequested(requested) => self.requested_plan = Some(requested.to.clone()),
            E::PlanChangeWithdrawn(_) => {
                (self.scheduled_change, self.requested_plan) = (None, None);
            }
            E::CancellationScheduled(scheduled) => self.cancel_at = Some(scheduled.takes_effect_at),
            E::SubscriptionResumed(_) => {
                (self.cancel_at, self.ended_at, self.end_reason) = (None, None, None);
            }
            E::SubscriptionRenewed(renewed) => {
                self.period_index = renewed.period_index;
                self.period = renewed.period;
                self.discount = renewed.discount.clone();
            }
            E::FellPastDue(_) => self.standing = SubscriptionStatus::PastDue,
            E::SubscriptionSuspended(_) => self.standing = SubscriptionStatus::Suspended,
            E::SubscriptionRecovered(_) => self.standing = SubscriptionStatus::Active,
            E::SubscriptionEnded(ended) => {
                self.cancel_at = None;
                self.ended_at = Some(ended.at);
                self.end_reason = Some(ended.reason);
            }
            E::SubscriptionLinked(linked) => self.run_by = Some(linked.run_by.clone()),
            // What follows from it comes as events of its own.
            E::SubscriptionFollowed(_) => {}
            E::LimitsCustomised(customised) => {
                self.plan.limits = customised.limits.clone();
                self.limits_customised = true;
            }
            E::LimitsReapplied(reapplied) => {
                self.plan.limits = reapplied.limits.clone();
                self.limits_customised = false;
            }
        }
        Self { position: recorded.position, status: self.reckoned_status(), ..self }
    }

    fn reckoned_status(&self) -> SubscriptionStatus {
        let runs =
            matches!(self.standing, SubscriptionStatus::Trialing | SubscriptionStatus::Active);
        if self.ended_at.is_some() {
            SubscriptionStatus::Ended
        } else if self.cancel_at.is_some() && runs {
            SubscriptionStatus::Cancelling
        } else {
            self.standing
        }
    }
}

/// The subscription whose row an event changes; what a processor says may come before it begins.
fn subscription_of(event: &E) -> Option<SubscriptionId> {
    Some(match event {
        E::TrialStarted(started) => started.subscription_id,
        E::SubscriptionActivated(activated) => activated.subscription_id,
        E::PlanChanged(changed) => changed.subscription_id,
        E::PlanChangeScheduled(scheduled) => scheduled.subscription_id,
        E::PlanChangeWithdrawn(withdrawn) => withdrawn.subscription_id,
        E::CancellationScheduled(scheduled) => scheduled.subscription_id,
        E::SubscriptionResumed(resumed) => resumed.subscription_id,
        E::SubscriptionRenewed(renewed) => renewed.subscription_id,
        E::FellPastDue(overdue) => overdue.subscription_id,
        E::SubscriptionSuspended(suspended) => suspended.subscription_id,
        E::SubscriptionRecovered(recovered) => recovered.subscription_id,
        E::SubscriptionEnded(ended) => ended.subscription_id,
        E::LimitsCustomised(customised) => customised.subscription_id,
        E::LimitsReapplied(reapplied) => reapplied.subscription_id,
        E::PlanChangeRequested(requested) => requested.subscription_id,
        E::SubscriptionLinked(linked) => return linked.subscription_id,
        E::SubscriptionFollowed(followed) => return followed.subscription_id,
    })
}

/// The event, where it is about a subscription.
fn subscription(recorded: &Recorded) -> Option<&E> {
    if let Event::Account(A::Subscription(event)) = &recorded.event { Some(event) } else { None }
}

/// The projection of every subscription.
#[derive(Debug)]
pub struct Subscriptions;

impl Projection for Subscriptions {
    type Row = SubscriptionRow;

    const NAME: &'static str = "subscriptions";
    const TABLE: &'static str = include_str!("../../migrations/projections/subscriptions.sql");

    fn account(row: &SubscriptionRow) -> Option<AccountId> {
        Some(row.account_id)
    }

    fn keys(recorded: &Recorded) -> Vec<String> {
        subscription(recorded).and_then(subscription_of).iter().map(ToString::to_string).collect()
    }

    fn fold(
        key: &str,
        row: Option<SubscriptionRow>,
        recorded: &Recorded,
    ) -> Result<Option<SubscriptionRow>, FoldError> {
        let missing = || FoldError::missing(recorded, key);
        let account = || recorded.account().ok_or_else(missing);
        match (subscription(recorded), row) {
            (Some(E::TrialStarted(started)), _) => {
                Ok(Some(SubscriptionRow::in_trial(started, account()?, recorded)))
            }
            (Some(E::SubscriptionActivated(activated)), Some(row)) => {
                Ok(Some(row.after_trial(activated, recorded)))
            }
            (Some(E::SubscriptionActivated(activated)), None) => {
                Ok(Some(SubscriptionRow::activated(activated, account()?, recorded)))
            }
            (Some(event), row) => Ok(Some(row.ok_or_else(missing)?.after(event, recorded))),
            (None, row) => Ok(row),
        }
    }
}

#[cfg(test)]
mod tests {
    use daybook_events::{
        commands::{CustomiseLimits, PlanChangeOutcome, SettlePlanChange},
        testing::*,
    };

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
    fn who_runs_it_is_shown_whether_it_was_known_before_or_after_it_began() {
        let run_by = |given: Given| fold_one::<Subscriptions>(given.events()).run_by.unwrap();
        let at_merchant = given_at_merchant();
        let linking = link(at_merchant.newest_order());
        let after = at_merchant.and(confirm("ls_order", "first")).and(linking);
        assert_eq!(run_by(given_run_by_merchant()), run_by(after));
        assert_eq!(run_by(given_run_by_merchant()).processor_subscription_id, "ls_1");
        assert!(fold_one::<Subscriptions>(given_subscribed("pro").events()).run_by.is_none());
        let asked = given_run_by_merchant().and(change_plan("starter"));
        let row = fold_one::<Subscriptions>(asked.events());
        assert_eq!(row.requested_plan.unwrap().slug, "starter");
        let outcome = PlanChangeOutcome::Refused("no".into());
        let refused = asked.and(SettlePlanChange { account_id: account_id(), outcome });
        assert!(fold_one::<Subscriptions>(refused.events()).requested_plan.is_none());
    }

    #[test]
    fn a_renewal_moves_the_period_on() {
        let given = given_subscribed("pro").at("2026-06-03T00:00:00Z").and(settle_due());
        let row = fold_one::<Subscriptions>(given.events());
        assert_eq!(row.period_index, 1);
        assert_eq!(row.period.start.to_string(), "2026-06-01T00:00:00.000000Z");
    }
}
