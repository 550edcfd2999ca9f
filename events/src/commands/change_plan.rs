//! Move the subscription to another plan or cycle: now, once it is paid, or when the period ends.
//!
//! Now: what was billed for the rest of the period is taken back by credit notes, line by line; the
//! new plan is billed for the rest by a new invoice; the credit settles it first. Going there and
//! back at one instant nets zero. A new cycle begins a new period now. The policy says, by pair of
//! plans, when a change takes effect; a caller may put it off to the period's end.

mod moving;

pub(super) use self::moving::{as_scheduled, now};
use super::{held_plan::held_plan, processor_run};
use crate::{
    account::{Account, Status, Subscription},
    draft::Draft,
    envelope::StreamId,
    event::{
        HeldPlan, OrderCancelReason, OrderCancelled, OrderPlaced, OrderPurpose,
        PlanChangeRequested, PlanChangeScheduled, PlanChangeWithdrawn,
    },
    ids::AccountId,
    money::Money,
    period::Cycle,
    policy::ChangeTiming,
    rejection::Rejection,
    time::Timestamp,
};

/// How long a preview holds, in seconds.
pub const PREVIEW_SECONDS: i64 = 15 * 60;

/// Move the subscription to another plan or cycle.
#[derive(Debug, Clone)]
pub struct ChangePlan {
    /// Which account.
    pub account_id: AccountId,
    /// Id, number or slug of the plan; `None` keeps the plan and changes the cycle.
    pub plan: Option<String>,
    /// The new cycle; `None` keeps it.
    pub cycle: Option<Cycle>,
    /// The price that was agreed for a plan with a custom price.
    pub price: Option<Money>,
    /// Put it off to the period's end.
    pub at_period_end: bool,
    /// The preview whose figures must hold.
    pub preview: Option<Preview>,
}

/// What a preview pins: asked again with it, the change gives the same figures or is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Preview {
    /// The instant from which both sides were prorated.
    pub at: Timestamp,
    /// The version that the account had.
    pub account_version: i64,
    /// The version that the book had: policy, tax rules, seller.
    pub book_version: i64,
    /// The revision that the target plan had.
    pub plan_revision: u32,
}

impl ChangePlan {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        self.change(draft, None)
    }

    /// Changes the plan as the policy says, or with a timing of the caller's: only a change that the
    /// policy refuses stays refused.
    pub(super) fn change(
        &self,
        draft: &mut Draft,
        insisted: Option<ChangeTiming>,
    ) -> Result<(), Rejection> {
        let account = draft.account(self.account_id)?;
        let subscription = account.live().ok_or(Rejection::NoSubscription)?.clone();
        self.check(&account, &subscription)?;
        let to = self.target(draft, &account, &subscription)?;
        if subscription.processor().is_some() {
            return self.request(draft, &account, &subscription, to);
        }
        let renegotiated = self.price.is_some() && to.price != subscription.plan.price;
        let is_held = terms(&to) == terms(&subscription.plan) && !renegotiated;
        if is_held && subscription.scheduled.is_none() {
            return Err(Rejection::PlanUnchanged { plan: to.slug });
        }
        let at = self.pinned(draft, &subscription, &to)?;
        withdraw(draft, &account, &subscription)?;
        if is_held {
            return Ok(());
        }
        check_usage(&account, &to)?;
        let timing = self.timing(draft, &subscription, &to);
        match insisted.filter(|_| timing != ChangeTiming::Refused).unwrap_or(timing) {
            ChangeTiming::PeriodEnd => schedule(draft, &account, &subscription, to),
            ChangeTiming::Now => now(draft, account.id, to, at, None),
            ChangeTiming::OncePaid => order(draft, &account, &subscription, to, at),
            ChangeTiming::Refused => {
                let (from, to) = (subscription.plan.slug.clone(), to.slug);
                Err(Rejection::PlanChangeRefused { from, to })
            }
        }
    }

    /// Records that the processor that runs the subscription is to change the plan, which it is
    /// asked for next. It changes at once, at list prices, and reckons what that costs.
    fn request(
        &self,
        draft: &mut Draft,
        account: &Account,
        subscription: &Subscription,
        to: HeldPlan,
    ) -> Result<(), Rejection> {
        if self.at_period_end || self.price.is_some() {
            return processor_run::refuse(subscription);
        }
        if let Some(pending) = &subscription.requested {
            return Err(Rejection::PlanChangePending { plan: pending.slug.clone() });
        }
        if (to.plan_id, to.cycle) == (subscription.plan.plan_id, subscription.plan.cycle) {
            return Err(Rejection::PlanUnchanged { plan: to.slug });
        }
        self.pinned(draft, subscription, &to)?;
        check_usage(account, &to)?;
        let from = subscription.plan.clone();
        if self.timing(draft, subscription, &to) == ChangeTiming::Refused {
            return Err(Rejection::PlanChangeRefused { from: from.slug, to: to.slug });
        }
        let requested = PlanChangeRequested { subscription_id: subscription.id, from, to };
        draft.record(StreamId::Account(account.id), requested)
    }

    pub(super) fn check(
        &self,
        account: &Account,
        subscription: &Subscription,
    ) -> Result<(), Rejection> {
        if account.parked {
            return Err(Rejection::AccountParked);
        }
        if subscription.cancelling {
            let takes_effect_at = subscription.ends_at();
            return Err(Rejection::CancellationPending { takes_effect_at });
        }
        match subscription.status {
            Status::Trialing | Status::Active | Status::Ended(_) => Ok(()),
            Status::PastDue | Status::Suspended => Err(Rejection::SubscriptionPastDue),
        }
    }

    fn target(
        &self,
        draft: &Draft,
        account: &Account,
        subscription: &Subscription,
    ) -> Result<HeldPlan, Rejection> {
        let held = &subscription.plan;
        let cycle = self.cycle.unwrap_or(held.cycle);
        let reference = self.plan.as_ref().unwrap_or(&held.slug);
        held_plan(draft, account, reference, cycle, self.price)
    }

    /// The instant of the proration: now, or the preview's where one is named and still holds.
    fn pinned(
        &self,
        draft: &Draft,
        subscription: &Subscription,
        to: &HeldPlan,
    ) -> Result<Timestamp, Rejection> {
        let Some(preview) = self.preview else { return Ok(draft.now()) };
        let now = draft.now();
        let before = draft.begun();
        let version = before.account(self.account_id).map_or(0, |account| account.version);
        let holds = preview.account_version == version
            && preview.book_version == before.book.version
            && preview.plan_revision == to.revision
            && subscription.period.contains(preview.at)
            && subscription.period.contains(now)
            && preview.at <= now
            && now <= preview.at.plus_seconds(PREVIEW_SECONDS);
        if holds { Ok(preview.at) } else { Err(Rejection::PreviewStale) }
    }

    fn timing(&self, draft: &Draft, subscription: &Subscription, to: &HeldPlan) -> ChangeTiming {
        let from = &subscription.plan;
        let a_year = |plan: &HeldPlan| plan.price.minor() * i128::from(12 / plan.cycle.months());
        let dearer = a_year(to) >= a_year(from);
        let by_policy = draft.world().book.policy.timing(&from.slug, &to.slug, dearer);
        if by_policy == ChangeTiming::Refused {
            ChangeTiming::Refused
        } else if self.at_period_end {
            ChangeTiming::PeriodEnd
        } else if subscription.status == Status::Trialing {
            // Nothing is paid for free days, so nothing has to wait.
            ChangeTiming::Now
        } else {
            by_policy
        }
    }
}

fn terms(plan: &HeldPlan) -> (crate::ids::PlanId, u32, Cycle) {
    (plan.plan_id, plan.revision, plan.cycle)
}

/// An earlier change that has not happened yet gives way: a scheduled one, or one that waits for
/// its payment.
fn withdraw(
    draft: &mut Draft,
    account: &Account,
    subscription: &Subscription,
) -> Result<(), Rejection> {
    let stream = StreamId::Account(account.id);
    if subscription.scheduled.is_some() {
        draft.record(
            stream,
            PlanChangeWithdrawn { subscription_id: subscription.id, refused: None },
        )?;
    }
    for order in account.orders.open() {
        if order.purpose == OrderPurpose::ChangePlan {
            let reason = OrderCancelReason::Superseded;
            draft.record(stream, OrderCancelled { order_id: order.id, reason })?;
        }
    }
    Ok(())
}

/// Refuses a plan whose limits are below what is used.
fn check_usage(account: &Account, to: &HeldPlan) -> Result<(), Rejection> {
    for (limit, used) in account.usage.all() {
        if let Some(Some(allowed)) = to.limits.get(&limit).copied()
            && used > allowed
        {
            return Err(Rejection::UsageExceedsPlan {
                plan: to.slug.clone(),
                limit,
                used,
                allowed,
            });
        }
    }
    Ok(())
}

fn schedule(
    draft: &mut Draft,
    account: &Account,
    subscription: &Subscription,
    to: HeldPlan,
) -> Result<(), Rejection> {
    let scheduled = PlanChangeScheduled {
        subscription_id: subscription.id,
        from: subscription.plan.clone(),
        to,
        takes_effect_at: subscription.period.end,
    };
    draft.record(StreamId::Account(account.id), scheduled)
}

/// Asks for the money first: the change happens when the order is paid, and not after the period's
/// end. What it costs only falls with time, so the payment then covers it.
fn order(
    draft: &mut Draft,
    account: &Account,
    subscription: &Subscription,
    to: HeldPlan,
    at: Timestamp,
) -> Result<(), Rejection> {
    let mut as_if_now = draft.clone();
    now(&mut as_if_now, account.id, to.clone(), at, None)?;
    let after = as_if_now.account(account.id)?;
    let before = draft.account(account.id)?;
    let is_new = |id| before.invoices.get(id).is_none();
    let of_change = after.invoices.of(subscription.id).filter(|invoice| is_new(invoice.id));
    let amount = Money::sum(account.currency, of_change.map(|invoice| invoice.due))?;
    if amount.is_zero() {
        return now(draft, account.id, to, at, None);
    }
    let days = draft.world().book.policy.order_expires_after_days;
    let expires_at = draft.now().plus_days(u64::from(days)).min(subscription.period.end);
    let purpose = OrderPurpose::ChangePlan;
    let order_id = draft.mint();
    let placed = OrderPlaced { order_id, purpose, plan: to, amount, expires_at: Some(expires_at) };
    draft.record(StreamId::Account(account.id), placed)
}

#[cfg(test)]
mod tests;
