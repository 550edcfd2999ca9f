//! The subscription: an account's right to a plan, period after period.
//!
//! Where it stands, whether it will end with its period, and which plan change is scheduled are
//! three separate facts, so that taking one of them back never touches the others.

use crate::{
    coupon::HeldDiscount,
    event::{
        EndReason, HeldPlan, LimitsCustomised, LimitsReapplied, PlanChangeScheduled, PlanChanged,
        SubscriptionActivated, SubscriptionEvent as E, SubscriptionRenewed, TrialStarted,
    },
    ids::{OrderId, SubscriptionId},
    period::{Anchor, Span},
    policy::DunningAction,
};

/// Where a subscription stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// In its free days: the first period is billed when they are over.
    Trialing,
    /// Running, and paid or not yet overdue.
    Active,
    /// Running, with an overdue invoice.
    PastDue,
    /// Stopped until an overdue invoice is paid.
    Suspended,
    /// Over.
    Ended(EndReason),
}

impl Status {
    /// How far down the dunning ladder it is; `None` before the first step.
    #[must_use]
    pub fn dunned(self) -> Option<DunningAction> {
        match self {
            Self::Trialing | Self::Active => None,
            Self::PastDue => Some(DunningAction::PastDue),
            Self::Suspended => Some(DunningAction::Suspend),
            Self::Ended(_) => Some(DunningAction::End),
        }
    }
}

/// One subscription.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// Its id.
    pub id: SubscriptionId,
    /// The order that brought it about.
    pub order_id: OrderId,
    /// What it gives, with the limits in force.
    pub plan: HeldPlan,
    /// Where its periods hang.
    pub anchor: Anchor,
    /// The current period's number.
    pub period_index: u32,
    /// The current period, or the free days.
    pub period: Span,
    /// Where it stands.
    pub status: Status,
    /// Where it stood before it ended: that is where it resumes.
    stood: Status,
    /// Whether it ends with its period.
    pub cancelling: bool,
    /// The plan change that happens when its period ends.
    pub scheduled: Option<PlanChangeScheduled>,
    /// The coupon's discount that later periods have.
    pub discount: Option<HeldDiscount>,
    /// Whether its limits were set apart from its plan's.
    pub limits_customised: bool,
    /// Whether it is lent by hand, and so ends whatever the customer asks.
    pub lent: bool,
}

impl Subscription {
    /// Whether it runs, or would run if it were paid.
    #[must_use]
    pub fn is_live(&self) -> bool {
        match self.status {
            Status::Trialing | Status::Active | Status::PastDue | Status::Suspended => true,
            Status::Ended(_) => false,
        }
    }

    /// The subscription that begins with free days, where an event begins one so.
    pub(super) fn in_trial(started: &TrialStarted, anchor: Anchor) -> Self {
        Self {
            id: started.subscription_id,
            order_id: started.order_id,
            plan: started.plan.clone(),
            anchor,
            period_index: 0,
            period: started.period,
            status: Status::Trialing,
            stood: Status::Trialing,
            cancelling: false,
            scheduled: None,
            discount: started.discount.clone(),
            limits_customised: false,
            lent: started.lent,
        }
    }

    /// The subscription whose first period begins, after its free days where it had some.
    pub(super) fn activated(activated: &SubscriptionActivated, before: Option<&Self>) -> Self {
        let in_trial = before.filter(|before| before.id == activated.subscription_id);
        Self {
            id: activated.subscription_id,
            order_id: activated.order_id,
            plan: activated.plan.clone(),
            anchor: activated.anchor,
            period_index: 0,
            period: activated.period,
            status: Status::Active,
            stood: Status::Active,
            cancelling: false,
            scheduled: None,
            discount: activated.discount.clone(),
            limits_customised: in_trial.is_some_and(|before| before.limits_customised),
            lent: false,
        }
    }

    /// Takes in an event about a subscription that exists.
    pub(super) fn evolve(&mut self, event: &E) {
        match event {
            // These two make the subscription.
            E::TrialStarted(_) | E::SubscriptionActivated(_) => {}
            E::PlanChanged(changed) => self.plan_changed(changed),
            E::PlanChangeScheduled(scheduled) => self.scheduled = Some(scheduled.clone()),
            E::PlanChangeWithdrawn(_) => self.scheduled = None,
            E::CancellationScheduled(_) => self.cancelling = true,
            E::SubscriptionResumed(_) => self.resumed(),
            E::SubscriptionRenewed(renewed) => self.renewed(renewed),
            E::FellPastDue(_) => self.status = Status::PastDue,
            E::SubscriptionSuspended(_) => self.status = Status::Suspended,
            E::SubscriptionRecovered(_) => self.status = Status::Active,
            E::SubscriptionEnded(ended) => {
                self.stood = self.status;
                self.status = Status::Ended(ended.reason);
            }
            E::LimitsCustomised(customised) => self.limits_customised(customised),
            E::LimitsReapplied(reapplied) => self.limits_reapplied(reapplied),
        }
    }

    fn plan_changed(&mut self, changed: &PlanChanged) {
        self.plan = changed.to.clone();
        self.anchor = changed.anchor;
        self.period_index = changed.period_index;
        self.period = changed.period;
        self.discount = changed.discount.clone();
        self.scheduled = None;
        self.limits_customised = false;
    }

    fn resumed(&mut self) {
        self.cancelling = false;
        if let Status::Ended(_) = self.status {
            self.status = self.stood;
        }
    }

    fn renewed(&mut self, renewed: &SubscriptionRenewed) {
        self.period_index = renewed.period_index;
        self.period = renewed.period;
        self.discount = renewed.discount.clone();
    }

    fn limits_customised(&mut self, customised: &LimitsCustomised) {
        self.plan.limits = customised.limits.clone();
        self.limits_customised = true;
    }

    fn limits_reapplied(&mut self, reapplied: &LimitsReapplied) {
        self.plan.limits = reapplied.limits.clone();
        self.limits_customised = false;
    }
}
