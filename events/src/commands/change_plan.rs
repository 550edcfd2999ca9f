//! Move the subscription to another plan or cycle: now, once it is paid, or when the period ends.
//!
//! Now: what was billed for the rest of the period is taken back by credit notes, line by line; the
//! new plan is billed for the rest by a new invoice; the credit settles it first. Going there and
//! back at one instant nets zero. A new cycle begins a new period now. The policy says, by pair of
//! plans, when a change takes effect; a caller may put it off to the period's end.

use super::{
    billing::{self, Creditable, Item},
    place_order::held_plan,
};
use crate::{
    account::{Account, Status, Subscription},
    draft::Draft,
    envelope::StreamId,
    event::{
        CreditReason, CreditSource, HeldPlan, OrderCancelReason, OrderCancelled, OrderPlaced,
        OrderPurpose, PlanChangeScheduled, PlanChangeWithdrawn, PlanChanged,
    },
    ids::{AccountId, PaymentId},
    money::Money,
    period::{Anchor, Cycle, Span},
    policy::ChangeTiming,
    proration::Proration,
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
        let account = draft.account(self.account_id)?;
        let subscription = account.live().ok_or(Rejection::NoSubscription)?.clone();
        self.check(&account, &subscription)?;
        let to = self.target(draft, &account, &subscription)?;
        let is_held = terms(&to) == terms(&subscription.plan);
        if is_held && subscription.scheduled.is_none() {
            return Err(Rejection::PlanUnchanged { plan: to.slug });
        }
        let at = self.pinned(draft, &subscription, &to)?;
        withdraw(draft, &account, &subscription)?;
        if is_held {
            return Ok(());
        }
        check_usage(&account, &to)?;
        match self.timing(draft, &subscription, &to)? {
            ChangeTiming::PeriodEnd => schedule(draft, &account, &subscription, to),
            ChangeTiming::Now => now(draft, account.id, to, at, None),
            ChangeTiming::OncePaid => order(draft, &account, &subscription, to, at),
            ChangeTiming::Refused => {
                let (from, to) = (subscription.plan.slug.clone(), to.slug);
                Err(Rejection::PlanChangeRefused { from, to })
            }
        }
    }

    fn check(&self, account: &Account, subscription: &Subscription) -> Result<(), Rejection> {
        if account.parked {
            return Err(Rejection::AccountParked);
        }
        if subscription.cancelling {
            let takes_effect_at = subscription.period.end;
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

    fn timing(
        &self,
        draft: &Draft,
        subscription: &Subscription,
        to: &HeldPlan,
    ) -> Result<ChangeTiming, Rejection> {
        let from = &subscription.plan;
        let a_year = |plan: &HeldPlan| plan.price.minor() * i128::from(12 / plan.cycle.months());
        let dearer = a_year(to) >= a_year(from);
        let timing = draft.world().book.policy.timing(&from.slug, &to.slug, dearer);
        Ok(match timing {
            ChangeTiming::Refused => ChangeTiming::Refused,
            ChangeTiming::Now | ChangeTiming::OncePaid | ChangeTiming::PeriodEnd
                if self.at_period_end =>
            {
                ChangeTiming::PeriodEnd
            }
            // Nothing is paid for free days, so nothing has to wait.
            ChangeTiming::Now | ChangeTiming::OncePaid | ChangeTiming::PeriodEnd
                if subscription.status == Status::Trialing =>
            {
                ChangeTiming::Now
            }
            ChangeTiming::Now | ChangeTiming::OncePaid | ChangeTiming::PeriodEnd => timing,
        })
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
        draft.record(stream, PlanChangeWithdrawn { subscription_id: subscription.id })?;
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

/// The change of a scheduled plan, at the period's end: the next period is the new plan's.
pub(super) fn at_period_end(
    subscription: &Subscription,
    scheduled: &PlanChangeScheduled,
) -> PlanChanged {
    let at = subscription.period.end;
    let to = scheduled.to.clone();
    let (anchor, period_index) = if to.cycle == subscription.plan.cycle {
        (subscription.anchor, subscription.period_index + 1)
    } else {
        (Anchor { at, zone: subscription.anchor.zone, cycle: to.cycle }, 0)
    };
    let period = anchor.period(period_index);
    let from = subscription.plan.clone();
    PlanChanged { subscription_id: subscription.id, from, to, at, anchor, period_index, period }
}

/// Changes the plan now, prorated from `at`, with a payment for it where one was made.
pub(super) fn now(
    draft: &mut Draft,
    account_id: AccountId,
    to: HeldPlan,
    at: Timestamp,
    payment: Option<(PaymentId, Money)>,
) -> Result<(), Rejection> {
    let account = draft.account(account_id)?;
    let subscription = account.live().ok_or(Rejection::NoSubscription)?;
    let in_trial = subscription.status == Status::Trialing;
    let changed = plan_changed(subscription, to, at.whole_second(), in_trial);
    draft.record(StreamId::Account(account_id), changed.clone())?;
    if in_trial {
        return Ok(());
    }
    credit_the_rest(draft, &account, &changed)?;
    bill_the_rest(draft, account_id, &changed, payment)
}

fn plan_changed(
    subscription: &Subscription,
    to: HeldPlan,
    at: Timestamp,
    in_trial: bool,
) -> PlanChanged {
    let (anchor, period_index, period) = match to.cycle == subscription.plan.cycle {
        true => (subscription.anchor, subscription.period_index, subscription.period),
        // The free days go on; the new cycle begins after them.
        false if in_trial => {
            (Anchor { cycle: to.cycle, ..subscription.anchor }, 0, subscription.period)
        }
        false => {
            let anchor = Anchor { at, zone: subscription.anchor.zone, cycle: to.cycle };
            (anchor, 0, anchor.period(0))
        }
    };
    let from = subscription.plan.clone();
    PlanChanged { subscription_id: subscription.id, from, to, at, anchor, period_index, period }
}

fn credit_the_rest(
    draft: &mut Draft,
    account: &Account,
    changed: &PlanChanged,
) -> Result<(), Rejection> {
    let (nothing, now) = (Money::zero(account.currency), draft.now());
    let rest = Creditable::Rest { at: changed.at, unit: draft.world().book.policy.proration };
    for invoice in account.invoices.of(changed.subscription_id) {
        if let Some(credit) = billing::credit_of(account, invoice, rest)? {
            let reason = CreditReason::PlanChange;
            billing::issue_credit_note(draft, account, credit, reason, None, nothing, now)?;
        }
    }
    Ok(())
}

fn bill_the_rest(
    draft: &mut Draft,
    account_id: AccountId,
    changed: &PlanChanged,
    payment: Option<(PaymentId, Money)>,
) -> Result<(), Rejection> {
    let (plan, period, now) = (&changed.to, changed.period, draft.now());
    let account = draft.account(account_id)?;
    let unit = draft.world().book.policy.proration;
    let part = Proration::of_rest(plan.price, period, changed.at, unit, account.zone)?;
    if part.amount.is_zero() {
        let Some((payment_id, amount)) = payment else { return Ok(()) };
        let source = CreditSource::Overpayment { payment_id };
        return billing::grant(draft, account_id, amount, source, now);
    }
    let subscription = account.live().ok_or(Rejection::NoSubscription)?;
    let is_part = part.numerator < part.denominator;
    let span = Span { start: changed.at, end: period.end };
    let proration = Some(part).filter(|_| is_part);
    let item = Item { plan, span, proration, discount: None };
    let tax = billing::tax(draft, &account)?;
    let invoice = billing::issue(draft, &account, subscription, None, vec![item], tax, now)?;
    billing::settle(draft, account_id, invoice, payment, now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        policy::{PlanChangeRule, Policy},
        testing::*,
    };

    #[test]
    fn half_way_an_upgrade_costs_half_the_difference() {
        // 15 → 40 USD, 15.5 of 31 days left: 7.50 back, 20.00 charged, 12.50 to pay.
        let given = given_subscribed("pro").at("2026-05-16T12:00:00Z");
        let then = given.when(change_plan("enterprise_lite"));
        then.recorded(&[
            "subscription.plan_changed",
            "credit_note.issued",
            "credit.granted",
            "invoice.issued",
            "credit.applied",
            "order.placed",
        ]);
        assert_eq!(then.credit_note_total(), "7.50 USD");
        assert_eq!(then.invoice_total(), "20.00 USD");
        assert_eq!(then.order_amount(), "12.50 USD");
    }

    #[test]
    fn a_downgrade_leaves_credit() {
        let given = given_subscribed("pro").at("2026-05-16T12:00:00Z");
        let then = given.when(change_plan("starter"));
        then.recorded(&[
            "subscription.plan_changed",
            "credit_note.issued",
            "credit.granted",
            "invoice.issued",
            "credit.applied",
            "invoice.paid",
        ]);
        assert_eq!(then.account().credit, usd("5.00"));
    }

    #[test]
    fn there_and_back_at_one_instant_nets_zero() {
        let given = given_subscribed("pro").at("2026-05-11T07:13:59.5Z");
        let then = given.and(change_plan("enterprise_lite")).when(change_plan("pro"));
        let account = then.account();
        assert!(account.credit.is_zero());
        assert!(account.invoices.iter().all(|invoice| !invoice.is_open()));
    }

    #[test]
    fn a_second_upgrade_credits_the_full_value_of_the_first() {
        // restrict-content-pro #1301: the credit was reckoned from the last payment, itself only a
        // difference, instead of the value held.
        let given = given_subscribed("starter")
            .at("2026-05-16T12:00:00Z")
            .and(change_plan("pro"))
            .and_paid()
            .and(change_plan("enterprise_lite"))
            .and_paid();
        let paid = given.account().paid_in();
        // 5 for the first half and the rest of starter, then half of (15−5) and of (40−15).
        assert_eq!(paid, usd("22.50"));
    }

    #[test]
    fn another_cycle_begins_a_period_now() {
        let command = ChangePlan { plan: None, cycle: Some(Cycle::Yearly), ..change_plan("pro") };
        let then = given_subscribed("pro").at("2026-05-16T12:00:00Z").when(command);
        assert_eq!(then.invoice_total(), "150.00 USD");
        assert_eq!(then.order_amount(), "142.50 USD");
        let subscription = then.account().subscription.clone().unwrap();
        assert_eq!(subscription.period.end.to_string(), "2027-05-16T12:00:00.000000Z");
    }

    #[test]
    fn a_change_to_what_one_has_is_refused() {
        given_subscribed("pro").when(change_plan("pro")).rejected("plan_unchanged");
        given_subscribed("pro").when(change_plan("nope")).rejected("plan_unknown");
        given_account().when(change_plan("pro")).rejected("no_subscription");
    }

    #[test]
    fn a_subscription_about_to_end_does_not_change() {
        let given = given_subscribed("pro").and(cancel(true));
        given.when(change_plan("starter")).rejected("cancellation_pending");
    }

    #[test]
    fn an_unpaid_upgrade_is_taken_back_before_credit_arises() {
        let given = given_subscribed("pro").at("2026-05-16T12:00:00Z");
        let then = given.and(change_plan("enterprise_lite")).when(change_plan("starter"));
        // 7.50 came back from pro and went into the upgrade; 12.50 of it was never paid.
        assert_eq!(then.account().credit, usd("5.00"));
        assert!(then.account().invoices.iter().all(|invoice| !invoice.is_open()));
    }

    fn policy(timing: ChangeTiming) -> Policy {
        let rule = PlanChangeRule { from: None, to: None, timing };
        Policy { plan_changes: vec![rule], ..Policy::default() }
    }

    #[test]
    fn a_change_at_period_end_waits_and_bills_the_next_period_only() {
        let given = given_subscribed("pro").and(adopt(policy(ChangeTiming::PeriodEnd)));
        let given = given.and(change_plan("starter"));
        let then = given.clone().at("2026-06-01T00:00:00Z").when(settle_due());
        then.recorded(&[
            "subscription.plan_changed",
            "subscription.renewed",
            "invoice.issued",
            "order.placed",
        ]);
        assert_eq!(then.invoice_total(), "5.00 USD");
        let back = given.when(change_plan("pro"));
        back.recorded(&["subscription.plan_change_withdrawn"]);
    }

    #[test]
    fn a_change_at_period_end_to_another_cycle_anchors_there() {
        let given = given_subscribed("pro");
        let command = ChangePlan {
            plan: None,
            cycle: Some(Cycle::Yearly),
            at_period_end: true,
            ..change_plan("pro")
        };
        let then = given.and(command).at("2026-06-02T00:00:00Z").when(settle_due());
        assert_eq!(then.invoice_total(), "150.00 USD");
        let period = then.account().live().unwrap().period;
        assert_eq!(period.end.to_string(), "2027-06-01T00:00:00.000000Z");
    }

    #[test]
    fn a_change_once_paid_happens_with_its_payment() {
        let given = given_subscribed("pro").and(adopt(policy(ChangeTiming::OncePaid)));
        let given = given.at("2026-05-16T12:00:00Z").and(change_plan("enterprise_lite"));
        assert_eq!(given.account().live().unwrap().plan.slug, "pro");
        let then = given.clone().when_paid();
        then.recorded(&[
            "payment.captured",
            "subscription.plan_changed",
            "credit_note.issued",
            "credit.granted",
            "invoice.issued",
            "credit.applied",
            "invoice.paid",
        ]);
        assert_eq!(then.account().live().unwrap().plan.slug, "enterprise_lite");
        // A week later the change costs less: the difference becomes credit.
        let later = given.clone().at("2026-05-20T12:00:00Z").when_paid();
        assert!(later.account().credit.is_positive());
        // Not paid within the period, it never happens.
        let unpaid = given.at("2026-06-01T00:00:00Z").and(settle_due());
        assert_eq!(unpaid.account().live().unwrap().plan.slug, "pro");
    }

    #[test]
    fn a_change_that_the_policy_refuses_is_refused() {
        let given = given_subscribed("pro").and(adopt(policy(ChangeTiming::Refused)));
        given.when(change_plan("starter")).rejected("plan_change_refused");
    }

    #[test]
    fn a_downgrade_below_what_is_used_is_refused() {
        let given = given_subscribed("pro").and(report("max_servers", 6));
        given.clone().when(change_plan("starter")).rejected("usage_exceeds_plan");
        let fits = given.and(report("max_servers", 5)).and(change_plan("starter"));
        assert_eq!(fits.account().live().unwrap().plan.slug, "starter");
    }

    #[test]
    fn a_preview_holds_for_a_quarter_of_an_hour_and_no_longer() {
        let given = given_subscribed("pro").at("2026-05-16T12:00:00Z");
        let account = given.account();
        let preview = Preview {
            at: "2026-05-16T12:00:00Z".parse().unwrap(),
            account_version: account.version,
            book_version: given.world().book.version,
            plan_revision: 1,
        };
        let pinned = ChangePlan { preview: Some(preview), ..change_plan("enterprise_lite") };
        let late = given.clone().later(PREVIEW_SECONDS);
        assert_eq!(late.clone().when(pinned.clone()).order_amount(), "12.50 USD");
        late.later(1).when(pinned.clone()).rejected("preview_stale");
        let moved = given.clone().and(report("max_servers", 1));
        moved.when(pinned.clone()).rejected("preview_stale");
        let revised = given.clone().and(revise("enterprise_lite", "41"));
        revised.when(pinned.clone()).rejected("preview_stale");
        given.and(adopt(Policy::default())).when(pinned).rejected("preview_stale");
    }

    #[test]
    fn a_change_in_the_free_days_bills_nothing_yet() {
        let given = given_account().and(with_trial("pro", 14)).and(order_of("pro"));
        let then = given.and(change_plan("starter")).at("2026-05-15T00:00:00Z").when(settle_due());
        assert_eq!(then.invoice_total(), "5.00 USD");
    }
}
