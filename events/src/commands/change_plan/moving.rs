//! The move itself: now, with the rest of the period credited and billed anew, or at the period's
//! end, where the next period is the new plan's.

use crate::{
    account::{Account, Status, Subscription},
    commands::billing::{self, Creditable, Crediting, Issue, Item},
    coupon::{Discount, HeldDiscount},
    draft::Draft,
    envelope::StreamId,
    event::{CreditReason, CreditSource, HeldPlan, PlanChanged},
    ids::{AccountId, PaymentId},
    money::Money,
    period::{Anchor, Span},
    proration::Proration,
    rejection::Rejection,
    time::Timestamp,
};

/// Changes to the scheduled plan, where there is one, at the period's end: the next period is the
/// new plan's. Free days stay as they are; the first period follows them.
pub(in crate::commands) fn as_scheduled(
    draft: &mut Draft,
    account: AccountId,
    subscription: &Subscription,
) -> Result<(), Rejection> {
    let Some(scheduled) = &subscription.scheduled else { return Ok(()) };
    let at = subscription.period.end;
    let changed = match subscription.status {
        Status::Trialing => plan_changed(subscription, scheduled.to.clone(), at, true),
        Status::Active | Status::PastDue | Status::Suspended | Status::Ended(_) => {
            next_period_changed(subscription, scheduled.to.clone())
        }
    };
    draft.record_as_of(StreamId::Account(account), at, changed)
}

fn next_period_changed(subscription: &Subscription, to: HeldPlan) -> PlanChanged {
    let at = subscription.period.end;
    let (anchor, period_index) = if to.cycle == subscription.plan.cycle {
        (subscription.anchor, subscription.period_index + 1)
    } else {
        (Anchor { at, zone: subscription.anchor.zone, cycle: to.cycle }, 0)
    };
    let period = anchor.period(period_index);
    moved(subscription, to, at, (anchor, period_index, period))
}

/// The change as its event says it, with the subscription's discount untouched.
fn moved(
    subscription: &Subscription,
    to: HeldPlan,
    at: Timestamp,
    (anchor, period_index, period): (Anchor, u32, Span),
) -> PlanChanged {
    PlanChanged {
        subscription_id: subscription.id,
        from: subscription.plan.clone(),
        to,
        at,
        anchor,
        period_index,
        period,
        discount: subscription.discount.clone(),
        service_over: Vec::new(),
    }
}

/// Changes the plan now, prorated from `at`, with a payment for it where one was made.
pub(in crate::commands) fn now(
    draft: &mut Draft,
    account_id: AccountId,
    to: HeldPlan,
    at: Timestamp,
    payment: Option<(PaymentId, Money)>,
) -> Result<(), Rejection> {
    let account = draft.account(account_id)?;
    let subscription = account.live().ok_or(Rejection::NoSubscription)?;
    let in_trial = subscription.status == Status::Trialing;
    let mut changed = plan_changed(subscription, to, at.whole_second(), in_trial);
    // A rest is never discounted again; the first period of a new cycle is a period like any other.
    let begins_a_period = !in_trial && changed.to.cycle != changed.from.cycle;
    let mut discount = None;
    if begins_a_period {
        let (plan, price) = (changed.to.plan_id, changed.to.price);
        (discount, changed.discount) = HeldDiscount::use_up(changed.discount, plan, price)?;
    }
    if !in_trial {
        changed.service_over = account.invoices.beyond(subscription.id, changed.at);
    }
    draft.record(StreamId::Account(account_id), changed.clone())?;
    if in_trial {
        return Ok(());
    }
    credit_the_rest(draft, &account, &changed)?;
    bill_the_rest(draft, account_id, &changed, discount, payment)
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
    moved(subscription, to, at, (anchor, period_index, period))
}

/// Takes back what was billed for the rest of the period, line by line.
fn credit_the_rest(
    draft: &mut Draft,
    account: &Account,
    changed: &PlanChanged,
) -> Result<(), Rejection> {
    let now = draft.now();
    let rest = Creditable::Rest { at: changed.at, unit: draft.world().book.policy.proration };
    for invoice in account.invoices.of(changed.subscription_id) {
        if let Some(credit) = billing::credit_of(account, invoice, rest)? {
            let note = Crediting::new(credit, CreditReason::PlanChange, now);
            billing::issue_credit_note(draft, account, note)?;
        }
    }
    Ok(())
}

/// Bills the new plan for the rest of its period; money for a rest that costs nothing is credit.
fn bill_the_rest(
    draft: &mut Draft,
    account_id: AccountId,
    changed: &PlanChanged,
    discount: Option<Discount>,
    payment: Option<(PaymentId, Money)>,
) -> Result<(), Rejection> {
    let (plan, period, now) = (&changed.to, changed.period, draft.now());
    let account = draft.account(account_id)?;
    let subscription = account.live().ok_or(Rejection::NoSubscription)?;
    let unit = draft.world().book.policy.proration;
    let part = Proration::of_rest(plan.price, period, changed.at, unit, account.zone)?;
    if part.amount.is_zero() {
        let Some((payment_id, amount)) = payment else { return Ok(()) };
        let source = CreditSource::Overpayment { payment_id };
        return billing::grant(draft, account_id, amount, source, now);
    }
    let is_part = part.numerator < part.denominator;
    let span = Span { start: changed.at, end: period.end };
    let proration = Some(part).filter(|_| is_part);
    let issue = Issue {
        subscription_id: changed.subscription_id,
        order_id: None,
        items: vec![Item { plan, span, proration, discount, by_processor: None }],
        tax: billing::tax_of(draft, &account, subscription)?,
        at: now,
    };
    billing::bill(draft, &account, issue, payment)
}
