//! Give a customer a plan, because somebody says that it is paid, or is a gift for a while.
//!
//! For good: the newest open order for the plan is approved, or one is made and approved; a live
//! subscription to another plan moves to it now, and what that costs is booked as paid by hand.
//! For a while: the plan is free until an instant and ends by itself.

use super::{
    ChangePlan, PlaceOrder, beginning, billing, held_plan::held_plan, manual_payment::pay_by_hand,
    processor_run,
};
use crate::{
    account::{Account, Order},
    draft::Draft,
    envelope::StreamId,
    event::{CancellationScheduled, EndReason, OrderPurpose, SubscriptionEnded},
    ids::{AccountId, OrderId, PlanId},
    period::{Anchor, Cycle, Span},
    policy::ChangeTiming,
    rejection::Rejection,
    time::Timestamp,
};

/// For how many days a plan is given for a while, at most.
const DAYS_MAX: u64 = 732;

/// Give a customer a plan.
#[derive(Debug, Clone)]
pub struct ApplyPlan {
    /// Which account.
    pub account_id: AccountId,
    /// Id, number or slug of the plan.
    pub plan: String,
    /// Whether it is a gift that ends by itself.
    pub temporary: bool,
    /// When a gift ends; `None` is in a month.
    pub until: Option<Timestamp>,
}

impl ApplyPlan {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let account = draft.account(self.account_id)?;
        if account.parked {
            return Err(Rejection::AccountParked);
        }
        match account.live() {
            None if self.temporary => self.lend(draft, &account),
            Some(live) if self.temporary => {
                Err(Rejection::SubscriptionExists { subscription: live.id })
            }
            None | Some(_) if self.until.is_some() => {
                invalid("only a plan that is given for a while has an end")
            }
            None => self.begin(draft, &account),
            // What is paid for takes the place of what was lent.
            Some(live) if live.lent => {
                let (subscription_id, at, reason) = (live.id, draft.now(), EndReason::Withdrawn);
                let service_over = account.invoices.beyond(subscription_id, at);
                let ended = SubscriptionEnded { subscription_id, reason, at, service_over };
                draft.record(StreamId::Account(account.id), ended)?;
                let account = draft.account(self.account_id)?;
                self.begin(draft, &account)
            }
            Some(_) => self.move_to(draft, &account),
        }
    }

    /// The plan's id, whatever it was named by.
    fn plan_id(&self, draft: &Draft) -> Result<PlanId, Rejection> {
        let plan = draft.world().catalogue.find(&self.plan);
        let shown = || self.plan.chars().take(64).collect();
        Ok(plan.ok_or_else(|| Rejection::PlanUnknown { plan: shown() })?.id)
    }

    /// Approves an order for a new subscription.
    fn begin(&self, draft: &mut Draft, account: &Account) -> Result<(), Rejection> {
        let plan_id = self.plan_id(draft)?;
        let subscribes = |order: &Order| {
            // What a merchant of record is to sell is paid there only.
            let ours = match &order.purpose {
                OrderPurpose::Subscribe { quote } => !quote.tax.is_by_merchant_of_record(),
                OrderPurpose::PayInvoice { .. } | OrderPurpose::ChangePlan => false,
            };
            ours && order.plan.plan_id == plan_id
        };
        if let Some(order) = newest(account, subscribes) {
            return pay_by_hand(draft, account.id, order, None);
        }
        let (account_id, plan, cycle) = (account.id, self.plan.clone(), Cycle::Monthly);
        let (price, coupon, merchant_of_record) = (None, None, None);
        PlaceOrder { account_id, plan, cycle, price, coupon, merchant_of_record }.decide(draft)?;
        match newest(draft.account(account_id)?.as_ref(), subscribes) {
            Some(order) => pay_by_hand(draft, account_id, order, None),
            // There was nothing to pay.
            None => Ok(()),
        }
    }

    /// Moves the live subscription now, and books what is then due as paid.
    fn move_to(&self, draft: &mut Draft, account: &Account) -> Result<(), Rejection> {
        let plan_id = self.plan_id(draft)?;
        let live = account.live().ok_or(Rejection::NoSubscription)?;
        if live.plan.plan_id == plan_id {
            return Err(Rejection::PlanUnchanged { plan: live.plan.slug.clone() });
        }
        // Nobody vouches here for money that a processor takes.
        processor_run::refuse(live)?;
        let (account_id, plan) = (account.id, Some(self.plan.clone()));
        let (cycle, price, at_period_end, preview) = (None, None, false, None);
        let change = ChangePlan { account_id, plan, cycle, price, at_period_end, preview };
        change.check(account, live)?;
        let changes = |order: &Order| {
            order.purpose == OrderPurpose::ChangePlan && order.plan.plan_id == plan_id
        };
        if let Some(order) = newest(account, changes) {
            return pay_by_hand(draft, account_id, order, None);
        }
        // What was due before is another debt, which nobody has vouched for.
        let before: Vec<OrderId> = account.orders.open().map(|order| order.id).collect();
        change.change(draft, Some(ChangeTiming::Now))?;
        let pays_invoice = |order: &Order| {
            matches!(order.purpose, OrderPurpose::PayInvoice { .. }) && !before.contains(&order.id)
        };
        while let Some(order) = newest(draft.account(account_id)?.as_ref(), pays_invoice) {
            pay_by_hand(draft, account_id, order, None)?;
        }
        Ok(())
    }

    /// Gives the plan free of charge until it ends by itself.
    fn lend(&self, draft: &mut Draft, account: &Account) -> Result<(), Rejection> {
        let plan = held_plan(draft, account, &self.plan, Cycle::Monthly, None)?;
        let period = self.lent_for(draft, account)?;
        let days = period.seconds().div_euclid(86_400) + 1;
        let days = u32::try_from(days).unwrap_or(u32::MAX);
        let quote = billing::quote(draft, account, &plan, None, days, None)?;
        let subscription_id = beginning::begin_free(draft, account, plan, quote, period)?;
        let takes_effect_at = period.end;
        let ends = CancellationScheduled { subscription_id, takes_effect_at };
        draft.record(StreamId::Account(account.id), ends)
    }

    fn lent_for(&self, draft: &Draft, account: &Account) -> Result<Span, Rejection> {
        let start = draft.now().whole_second();
        let anchor = Anchor { at: start, zone: account.zone, cycle: Cycle::Monthly };
        let end = self.until.map_or(anchor.period(0).end, Timestamp::whole_second);
        match () {
            () if end <= start => invalid("a plan that is given for a while ends later than now"),
            () if end > start.plus_days(DAYS_MAX) => {
                invalid("a plan is given for 732 days at most")
            }
            () => Ok(Span { start, end }),
        }
    }
}

fn newest(account: &Account, which: impl Fn(&Order) -> bool) -> Option<OrderId> {
    account.orders.open().filter(|order| which(order)).last().map(|order| order.id)
}

fn invalid<T>(problem: &str) -> Result<T, Rejection> {
    Err(Rejection::GrantInvalid { problem: problem.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{account::Status, policy::Policy, testing::*};

    fn apply(plan: &str) -> ApplyPlan {
        ApplyPlan { account_id: account_id(), plan: plan.into(), temporary: false, until: None }
    }

    fn lend(plan: &str, until: Option<&str>) -> ApplyPlan {
        let until = until.map(|at| at.parse().unwrap());
        ApplyPlan { temporary: true, until, ..apply(plan) }
    }

    fn plan_after(then: &Then) -> String {
        assert!(!then.events().is_empty());
        then.account().live().unwrap().plan.slug.clone()
    }

    #[test]
    fn the_newest_open_order_for_the_plan_is_approved() {
        let given = given_account().and(place_order()).and(place_order());
        let newest = given.newest_order();
        let then = given.when(apply("pro"));
        then.recorded(&[
            "checkout.started",
            "payment.captured",
            "subscription.activated",
            "invoice.issued",
            "invoice.paid",
        ]);
        assert_eq!(then.account().live().unwrap().order_id, newest);
    }

    #[test]
    fn where_there_is_no_order_one_is_made() {
        // An order for another plan is not the one.
        let then = given_account().and(place_order()).when(apply("1"));
        assert_eq!(then.events()[0].event.type_name(), "order.placed");
        assert_eq!(plan_after(&then), "starter");
        let free = given_account().when(apply("free"));
        assert_eq!(plan_after(&free), "free");
        given_account().when(apply("nope")).rejected("plan_unknown");
        given_account().when(apply("enterprise")).rejected("plan_price_custom");
        given_account().and(retire("pro")).when(apply("pro")).rejected("plan_retired");
    }

    #[test]
    fn a_live_subscription_moves_now_and_what_is_due_is_paid_by_hand() {
        let then = given_subscribed("pro").when(apply("enterprise_lite"));
        assert_eq!(plan_after(&then), "enterprise_lite");
        assert!(then.account().invoices.iter().all(|invoice| !invoice.is_open()));
        assert_eq!(then.account().paid_in(), usd("40"));
        // Even where the policy would wait.
        let policy = Policy { downgrade: ChangeTiming::PeriodEnd, ..Policy::default() };
        let then = given_subscribed("pro").and(adopt(policy)).when(apply("starter"));
        assert_eq!(plan_after(&then), "starter");
        given_subscribed("pro").when(apply("pro")).rejected("plan_unchanged");
    }

    #[test]
    fn an_order_for_the_change_is_approved() {
        let order = super::super::OrderPlan {
            account_id: account_id(),
            plan: "pro".into(),
            cycle: None,
            price: None,
            coupon: None,
            merchant_of_record: None,
        };
        let given = given_subscribed("free").and(order);
        let then = given.when(apply("pro"));
        assert_eq!(plan_after(&then), "pro");
        assert_eq!(then.account().orders.open().count(), 0);
    }

    #[test]
    fn what_stands_in_the_way_of_a_change_stands_in_the_way_here() {
        let cancelling = given_subscribed("pro").and(cancel(true));
        cancelling.when(apply("starter")).rejected("cancellation_pending");
        let late = given_subscribed("pro").at("2026-06-09T00:00:00Z").and(settle_due());
        late.when(apply("starter")).rejected("subscription_past_due");
    }

    #[test]
    fn a_plan_for_a_while_is_free_and_ends_by_itself() {
        let given = given_account();
        let then = given.clone().when(lend("pro", Some("2026-05-11T12:00:00.5Z")));
        then.recorded(&[
            "order.placed",
            "subscription.trial_started",
            "subscription.cancellation_scheduled",
        ]);
        let live = then.account().live().unwrap().clone();
        assert_eq!(live.status, Status::Trialing);
        assert_eq!(live.period.end.to_string(), "2026-05-11T12:00:00.000000Z");
        let given = given.and(lend("pro", None));
        let ended = given.at("2026-06-01T00:00:00Z").and(settle_due());
        assert!(ended.account().live().is_none());
        assert_eq!(ended.account().invoices.iter().count(), 0);
        // The account has had its free days.
        ended.and(with_trial("pro", 14)).when(place_order()).recorded(&["order.placed"]);
    }

    #[test]
    fn a_plan_for_a_while_is_refused_where_it_makes_no_sense() {
        let lent = given_account().and(lend("pro", None));
        lent.clone().when(resume()).rejected("resume_not_possible");
        lent.clone().and(cancel(false)).when(resume()).rejected("resume_not_possible");
        lent.clone().when(change_plan("enterprise_lite")).rejected("cancellation_pending");
        let paid = lent.when(apply("enterprise_lite"));
        assert_eq!(paid.account().live().unwrap().plan.slug, "enterprise_lite");
        assert_eq!(paid.account().payments.iter().count(), 1);
        given_subscribed("free").when(lend("pro", None)).rejected("subscription_exists");
        for until in ["2026-05-01T00:00:00Z", "2020-01-01T00:00:00Z", "2028-05-03T00:00:00Z"] {
            given_account().when(lend("pro", Some(until))).rejected("grant_invalid");
        }
        let until = Some("2026-06-01T00:00:00Z".parse().unwrap());
        given_account().when(ApplyPlan { until, ..apply("pro") }).rejected("grant_invalid");
        given_account().when(lend("enterprise", None)).rejected("plan_price_custom");
    }

    #[test]
    fn nobody_vouches_for_an_older_debt() {
        let given = given_subscribed("pro").and(change_plan("enterprise_lite"));
        let old = given.account().invoices.iter().find(|invoice| invoice.is_open()).unwrap().id;
        let then = given.when(apply("starter"));
        let account = then.account();
        assert_eq!(account.live().unwrap().plan.slug, "starter");
        let old = account.invoices.get(old).unwrap();
        // Taken back by the change as far as it was not used, and not paid by anybody.
        assert!(account.payments.iter().all(|it| it.captured.processor == "sandbox"), "{old:?}");
    }
}
