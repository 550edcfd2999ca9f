//! Order a new subscription: the price is the plan's, never the caller's, less the account's
//! credit. An order with nothing to pay is fulfilled at once.

use std::sync::Arc;

use super::confirm_payment::activate;
use crate::{
    account::Account,
    catalogue::Plan,
    draft::Draft,
    envelope::StreamId,
    event::{HeldPlan, OrderPlaced, OrderPurpose},
    ids::AccountId,
    period::Cycle,
    rejection::Rejection,
};

/// Order a new subscription.
#[derive(Debug, Clone)]
pub struct PlaceOrder {
    /// Which account.
    pub account_id: AccountId,
    /// Id, number or slug of the plan.
    pub plan: String,
    /// How often it is to be billed.
    pub cycle: Cycle,
    /// A coupon's code, where the caller has one.
    pub coupon: Option<String>,
}

impl PlaceOrder {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let account = draft.account(self.account_id)?;
        if let Some(live) = account.live() {
            return Err(Rejection::SubscriptionExists { subscription: live.id });
        }
        let plan = held_plan(draft, &account, &self.plan, self.cycle)?;
        if self.coupon.is_some() {
            return Err(Rejection::CouponUnknown);
        }
        let amount = plan.price.minus_to_zero(account.credit)?;
        let order_id = draft.mint();
        let purpose = OrderPurpose::Subscribe;
        let stream = StreamId::Account(account.id);
        draft.record(stream, OrderPlaced { order_id, purpose, plan: plan.clone(), amount })?;
        if amount.is_zero() { activate(draft, account.id, order_id, plan, None) } else { Ok(()) }
    }
}

/// The plan as the account would come to hold it today.
pub(super) fn held_plan(
    draft: &Draft,
    account: &Account,
    reference: &str,
    cycle: Cycle,
) -> Result<HeldPlan, Rejection> {
    let plan = on_offer(draft, reference)?;
    let named = || plan.slug.clone();
    if plan.terms.custom_price {
        return Err(Rejection::PlanPriceCustom { plan: named() });
    }
    if let Some(price) = plan.terms.price(cycle, account.currency) {
        return Ok(plan.held(cycle, price));
    }
    let sold_in_currency =
        plan.terms.prices.iter().any(|price| price.amount.currency() == account.currency);
    Err(if sold_in_currency {
        Rejection::CycleUnavailable { plan: named(), cycle }
    } else {
        Rejection::CurrencyMismatch { plan: named(), currency: account.currency }
    })
}

fn on_offer(draft: &Draft, reference: &str) -> Result<Arc<Plan>, Rejection> {
    let shown = reference.chars().take(64).collect();
    let plan = draft.world().catalogue.find(reference);
    let plan = plan.ok_or(Rejection::PlanUnknown { plan: shown })?;
    if plan.retired {
        return Err(Rejection::PlanRetired { plan: plan.slug.clone() });
    }
    Ok(plan.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    fn order(plan: &str) -> PlaceOrder {
        PlaceOrder { plan: plan.into(), ..place_order() }
    }

    #[test]
    fn an_order_asks_the_price_of_the_plan() {
        let then = given_account().when(order("pro"));
        then.recorded(&["order.placed"]);
        assert_eq!(then.order_amount(), "15.00 USD");
        assert_eq!(then.events()[0].number.as_deref(), Some("1"));
    }

    #[test]
    fn a_plan_is_found_by_number_and_id_too() {
        given_account().when(order("2")).recorded(&["order.placed"]);
    }

    #[test]
    fn a_plan_that_is_not_on_offer_to_the_account_is_refused() {
        given_account().when(order("nope")).rejected("plan_unknown");
        given_account().when(order("enterprise")).rejected("plan_price_custom");
        given_account().when(order("rupees")).rejected("currency_mismatch");
        let yearly = PlaceOrder { cycle: Cycle::Yearly, ..order("starter") };
        given_account().when(yearly).rejected("billing_cycle_unavailable");
        given_book().when(order("pro")).rejected("account_unknown");
    }

    #[test]
    fn any_coupon_is_unknown_so_far() {
        let coupon = PlaceOrder { coupon: Some("SAVE10".into()), ..order("pro") };
        given_account().when(coupon).rejected("coupon_unknown");
    }

    #[test]
    fn an_account_has_one_live_subscription() {
        given_subscribed("pro").when(order("starter")).rejected("subscription_exists");
    }

    #[test]
    fn a_free_plan_begins_at_once() {
        given_account().when(order("free")).recorded(&[
            "order.placed",
            "subscription.activated",
            "invoice.issued",
            "invoice.paid",
        ]);
    }

    #[test]
    fn credit_lowers_what_an_order_asks() {
        let given = given_subscribed("pro").and(change_plan("starter")).and(cancel(false));
        let then = given.when(order("pro"));
        assert_eq!(then.order_amount(), "5.00 USD");
    }

    #[test]
    fn a_sum_beyond_the_bounds_is_refused() {
        let mut dear = publish("dear", "1");
        dear.terms.prices[0].amount = usd("10000000000000");
        // Money for a second order becomes credit, which with the first would not fit.
        let given = given_account().and(dear).and(order("dear"));
        let given = given.clone().and(given.start_checkout("order_1")).and(order("dear"));
        let given = given.clone().and(given.start_checkout("order_2")).and(order("dear"));
        let given = given.clone().and(given.start_checkout("order_3"));
        let given = given.and(confirm("order_1", "pay_1")).and(confirm("order_2", "pay_2"));
        given.when(confirm("order_3", "pay_3")).rejected("amount_out_of_bounds");
    }
}
