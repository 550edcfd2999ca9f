//! The subscription: an account's right to a plan, period after period.

use crate::{
    event::{
        EndReason, HeldPlan, LimitsCustomised, PlanChanged, SubscriptionActivated,
        SubscriptionRenewed,
    },
    ids::SubscriptionId,
    period::{Anchor, Span},
};

/// Where a subscription stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Running, and will renew.
    Active,
    /// Running, and will end with its period.
    Cancelling,
    /// Over.
    Ended(EndReason),
}

/// One subscription.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// Its id.
    pub id: SubscriptionId,
    /// What it gives, with the limits in force.
    pub plan: HeldPlan,
    /// Where its periods hang.
    pub anchor: Anchor,
    /// The current period's number.
    pub period_index: u32,
    /// The current period.
    pub period: Span,
    /// Where it stands.
    pub status: Status,
}

impl Subscription {
    /// Whether it runs.
    #[must_use]
    pub fn is_live(&self) -> bool {
        match self.status {
            Status::Active | Status::Cancelling => true,
            Status::Ended(_) => false,
        }
    }

    pub(super) fn activated(activated: &SubscriptionActivated) -> Self {
        Self {
            id: activated.subscription_id,
            plan: activated.plan.clone(),
            anchor: activated.anchor,
            period_index: 0,
            period: activated.period,
            status: Status::Active,
        }
    }

    pub(super) fn plan_changed(&mut self, changed: &PlanChanged) {
        self.plan = changed.to.clone();
        self.anchor = changed.anchor;
        self.period_index = changed.period_index;
        self.period = changed.period;
    }

    pub(super) fn renewed(&mut self, renewed: &SubscriptionRenewed) {
        self.period_index = renewed.period_index;
        self.period = renewed.period;
    }

    pub(super) fn limits_customised(&mut self, customised: &LimitsCustomised) {
        self.plan.limits = customised.limits.clone();
    }
}
