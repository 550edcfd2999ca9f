//! Order a plan, whatever the account has: a new subscription, or the change of the live one to
//! another plan, which happens once it is paid.

use super::{ChangePlan, PlaceOrder, processor_run};
use crate::{
    draft::Draft, ids::AccountId, money::Money, period::Cycle, policy::ChangeTiming,
    rejection::Rejection,
};

/// Order a plan.
#[derive(Debug, Clone)]
pub struct OrderPlan {
    /// Which account.
    pub account_id: AccountId,
    /// Id, number or slug of the plan.
    pub plan: String,
    /// How often it is to be billed; `None` is monthly, or as the live subscription is.
    pub cycle: Option<Cycle>,
    /// The price that was agreed for a plan with a custom price.
    pub price: Option<Money>,
    /// A coupon's code; only a new subscription has one.
    pub coupon: Option<String>,
    /// The merchant of record that is to sell a new subscription, by name; a change is sold by
    /// whoever sold the subscription.
    pub merchant_of_record: Option<String>,
}

impl OrderPlan {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let (account_id, plan, price) = (self.account_id, self.plan.clone(), self.price);
        let account = draft.account(account_id)?;
        let Some(live) = account.live() else {
            let (cycle, coupon) = (self.cycle.unwrap_or(Cycle::Monthly), self.coupon.clone());
            let merchant_of_record = self.merchant_of_record.clone();
            let order = PlaceOrder { account_id, plan, cycle, price, coupon, merchant_of_record };
            return order.decide(draft);
        };
        // No order of ours is paid for what a processor bills.
        processor_run::refuse(live)?;
        if self.coupon.is_some() {
            return Err(Rejection::CouponNotOnChange);
        }
        let (plan, cycle) = (Some(plan), self.cycle);
        let at_period_end = false;
        let change = ChangePlan { account_id, plan, cycle, price, at_period_end, preview: None };
        change.change(draft, Some(ChangeTiming::OncePaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        policy::{PlanChangeRule, Policy},
        testing::*,
    };

    fn order(plan: &str) -> OrderPlan {
        let (cycle, price, coupon) = (None, None, None);
        OrderPlan {
            account_id: account_id(),
            plan: plan.into(),
            cycle,
            price,
            coupon,
            merchant_of_record: None,
        }
    }

    #[test]
    fn without_a_subscription_it_is_an_order_for_one() {
        given_account().when(order("pro")).recorded(&["order.placed"]);
        let yearly = OrderPlan { cycle: Some(Cycle::Yearly), ..order("pro") };
        assert_eq!(given_account().when(yearly).order_amount(), "150.00 USD");
    }

    #[test]
    fn with_one_it_asks_for_the_money_of_the_change_first() {
        let given = given_subscribed("free");
        let then = given.clone().when(order("pro"));
        then.recorded(&["order.placed"]);
        assert_eq!(then.order_amount(), "15.00 USD");
        let given = given.and(order("pro"));
        let then = given.clone().when(given.confirm_by_hand(None));
        assert_eq!(then.account().live().unwrap().plan.slug, "pro");
        // The second order takes the place of the first.
        let then = given.when(order("starter"));
        then.recorded(&["order.cancelled", "order.placed"]);
    }

    #[test]
    fn a_change_that_costs_nothing_happens_at_once() {
        let then = given_subscribed("pro").when(order("starter"));
        assert_eq!(then.account().live().unwrap().plan.slug, "starter");
        given_subscribed("pro").when(order("pro")).rejected("plan_unchanged");
    }

    #[test]
    fn a_change_has_no_coupon_and_obeys_a_policy_that_refuses_it() {
        let coupon = Some("SAVE10".to_owned());
        given_subscribed("free")
            .when(OrderPlan { coupon, ..order("pro") })
            .rejected("coupon_not_on_change");
        let rule = PlanChangeRule {
            from: Some("free".into()),
            to: Some("pro".into()),
            timing: ChangeTiming::Refused,
        };
        let policy = Policy { plan_changes: vec![rule], ..Policy::default() };
        given_subscribed("free")
            .and(adopt(policy))
            .when(order("pro"))
            .rejected("plan_change_refused");
    }
}
