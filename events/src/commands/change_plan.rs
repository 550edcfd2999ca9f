//! Move the subscription to another plan or cycle, now.
//!
//! What was billed for the rest of the period is taken back by credit notes, line by line; the new
//! plan is billed for the rest by a new invoice; the credit settles it first. Going there and back
//! at one instant nets zero. A new cycle begins a new period now.

use super::{billing, place_order::held_plan};
use crate::{
    account::{Account, Status, Subscription},
    commands::billing::Creditable,
    draft::Draft,
    envelope::StreamId,
    event::{CreditReason, HeldPlan, PlanChanged},
    ids::AccountId,
    money::Money,
    period::{Anchor, Cycle},
    proration::Proration,
    rejection::Rejection,
};

/// Move the subscription to another plan or cycle, now.
#[derive(Debug, Clone)]
pub struct ChangePlan {
    /// Which account.
    pub account_id: AccountId,
    /// Id, number or slug of the plan; `None` keeps the plan and changes the cycle.
    pub plan: Option<String>,
    /// The new cycle; `None` keeps it.
    pub cycle: Option<Cycle>,
}

impl ChangePlan {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let account = draft.account(self.account_id)?;
        let subscription = account.live().ok_or(Rejection::NoSubscription)?;
        if subscription.status == Status::Cancelling {
            let takes_effect_at = subscription.period.end;
            return Err(Rejection::CancellationPending { takes_effect_at });
        }
        let to = self.target(draft, &account, subscription)?;
        let changed = plan_changed(draft, subscription, to);
        draft.record(StreamId::Account(account.id), changed.clone())?;
        credit_the_rest(draft, &account, &changed)?;
        bill_the_rest(draft, account.id, &changed)
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
        let to = held_plan(draft, account, reference, cycle)?;
        let terms = |plan: &HeldPlan| (plan.plan_id, plan.revision, plan.cycle);
        if terms(&to) == terms(held) {
            return Err(Rejection::PlanUnchanged { plan: to.slug });
        }
        Ok(to)
    }
}

fn plan_changed(draft: &Draft, subscription: &Subscription, to: HeldPlan) -> PlanChanged {
    let at = draft.now().whole_second();
    let (anchor, period_index, period) = if to.cycle == subscription.plan.cycle {
        (subscription.anchor, subscription.period_index, subscription.period)
    } else {
        let anchor = Anchor { at, zone: subscription.anchor.zone, cycle: to.cycle };
        (anchor, 0, anchor.period(0))
    };
    let from = subscription.plan.clone();
    PlanChanged { subscription_id: subscription.id, from, to, at, anchor, period_index, period }
}

fn credit_the_rest(
    draft: &mut Draft,
    account: &Account,
    changed: &PlanChanged,
) -> Result<(), Rejection> {
    let nothing = Money::zero(account.currency);
    for invoice in account.invoices.of(changed.subscription_id) {
        if let Some(credit) = billing::credit_of(invoice, Creditable::Rest { at: changed.at })? {
            billing::issue_credit_note(draft, account, credit, CreditReason::PlanChange, nothing)?;
        }
    }
    Ok(())
}

fn bill_the_rest(
    draft: &mut Draft,
    account_id: AccountId,
    changed: &PlanChanged,
) -> Result<(), Rejection> {
    let (to, period) = (&changed.to, changed.period);
    let part = Proration::of_rest(to.price, period, changed.at)?;
    if part.amount.is_zero() {
        return Ok(());
    }
    let is_part = part.numerator < part.denominator;
    let span = crate::period::Span { start: changed.at, end: period.end };
    let line = billing::plan_line(to, span, Some(part).filter(|_| is_part));
    let account = draft.account(account_id)?;
    let subscription = account.live().ok_or(Rejection::NoSubscription)?;
    let now = draft.now();
    let invoice = billing::issue(draft, &account, subscription, None, vec![line], now)?;
    billing::settle(draft, account_id, invoice, None, now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

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
}
