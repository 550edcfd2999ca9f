//! The subscription: an account's right to a plan, period after period.
//!
//! Where it stands, whether it will end with its period, and which plan change is scheduled are
//! three separate facts, so that taking one of them back never touches the others.

use crate::{
    coupon::HeldDiscount,
    event::{
        EndReason, HeldPlan, LimitsCustomised, LimitsReapplied, PlanChangeScheduled, PlanChanged,
        RunBy, SubscriptionActivated, SubscriptionEvent as E, SubscriptionRenewed, TrialStarted,
    },
    ids::{OrderId, SubscriptionId},
    period::{Anchor, Span},
    policy::DunningAction,
    time::Timestamp,
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
    /// When the newest cancellation takes, or took, effect.
    cancel_at: Option<Timestamp>,
    /// Since when it is over.
    pub ended_at: Option<Timestamp>,
    /// The processor that renews it itself.
    pub run_by: Option<RunBy>,
    /// The plan that this processor has been asked for, and has not answered yet.
    pub requested: Option<HeldPlan>,
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

    /// The processor that runs it: that renews it, duns it and ends it, so that our calendar does
    /// not. Free days of ours are on our calendar, whoever comes after them.
    #[must_use]
    pub fn processor(&self) -> Option<&RunBy> {
        self.run_by.as_ref().filter(|_| self.status != Status::Trialing)
    }

    /// The instant at which our calendar renews or ends it: the end of its period. Where a processor
    /// runs it, only a cancellation that was scheduled is for our calendar.
    #[must_use]
    pub fn falls_due_at(&self) -> Option<Timestamp> {
        match self.processor() {
            None => Some(self.period.end),
            Some(_) => self.cancel_at.filter(|_| self.cancelling),
        }
    }

    /// When it ends, where a cancellation is scheduled.
    #[must_use]
    pub fn ends_at(&self) -> Timestamp {
        self.falls_due_at().unwrap_or(self.period.end)
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
            cancel_at: None,
            ended_at: None,
            run_by: None,
            requested: None,
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
            cancel_at: None,
            ended_at: None,
            run_by: activated.run_by.clone(),
            requested: None,
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
            E::PlanChangeRequested(requested) => self.requested = Some(requested.to.clone()),
            E::PlanChangeWithdrawn(_) => (self.scheduled, self.requested) = (None, None),
            E::CancellationScheduled(scheduled) => {
                self.cancelling = true;
                self.cancel_at = Some(scheduled.takes_effect_at);
            }
            E::SubscriptionResumed(_) => self.resumed(),
            E::SubscriptionRenewed(renewed) => self.renewed(renewed),
            E::FellPastDue(_) => self.status = Status::PastDue,
            E::SubscriptionSuspended(_) => self.status = Status::Suspended,
            E::SubscriptionRecovered(_) => self.status = Status::Active,
            E::SubscriptionEnded(ended) => {
                self.stood = self.status;
                self.status = Status::Ended(ended.reason);
                self.ended_at = Some(ended.at);
            }
            E::SubscriptionLinked(linked) => self.run_by = Some(linked.run_by.clone()),
            // What follows from it comes as events of its own.
            E::SubscriptionFollowed(_) => {}
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
        (self.scheduled, self.requested) = (None, None);
        self.limits_customised = false;
    }

    fn resumed(&mut self) {
        self.cancelling = false;
        self.ended_at = None;
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
