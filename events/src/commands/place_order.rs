//! Order a new subscription: the price is the plan's, never the caller's, less a coupon's discount,
//! with tax, less the account's credit. An order with nothing to pay is fulfilled at once, and so
//! is one that begins with free days.

use super::{
    beginning::{FreeDays, activate, start_free},
    billing,
    held_plan::held_plan,
    redemption::redeem,
};
use crate::{
    account::Account,
    draft::Draft,
    envelope::StreamId,
    event::{HeldPlan, OrderPlaced, OrderPurpose},
    ids::AccountId,
    money::Money,
    period::{Cycle, Span},
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
    /// The price that was agreed for a plan with a custom price; the shell lets only those set it
    /// who run the ledger.
    pub price: Option<Money>,
    /// A coupon's code, where the caller has one.
    pub coupon: Option<String>,
    /// The processor that is to sell it as merchant of record, by the name that buyers know: then
    /// nothing of ours is taxed. `None` where the seller sells itself.
    pub merchant_of_record: Option<String>,
}

impl PlaceOrder {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let account = draft.account(self.account_id)?;
        if account.parked {
            return Err(Rejection::AccountParked);
        }
        if let Some(live) = account.live() {
            return Err(Rejection::SubscriptionExists { subscription: live.id });
        }
        let plan = held_plan(draft, &account, &self.plan, self.cycle, self.price)?;
        let order_id = draft.mint();
        let discount = match &self.coupon {
            Some(code) => Some(redeem(draft, &account, code, &plan, order_id)?),
            None => None,
        };
        let trial_days = trial_days(draft, &account, &plan);
        let quote = billing::quote(
            draft,
            &account,
            &plan,
            discount,
            trial_days,
            self.merchant_of_record.as_deref(),
        )?;
        let nothing = Money::zero(account.currency);
        let due = if trial_days > 0 { nothing } else { quote.totals.total };
        let amount = due.minus_to_zero(account.credit)?;
        let days = draft.world().book.policy.order_expires_after_days;
        let placed = OrderPlaced {
            order_id,
            purpose: OrderPurpose::Subscribe { quote: quote.clone() },
            plan: plan.clone(),
            amount,
            expires_at: Some(draft.now().plus_days(u64::from(days))),
        };
        draft.record(StreamId::Account(account.id), placed)?;
        match amount.is_zero() {
            true if trial_days > 0 => {
                let start = draft.now().whole_second();
                let period = Span { start, end: start.plus_days(u64::from(trial_days)) };
                let days = FreeDays { period, discount: quote.discount, lent: false };
                start_free(draft, &account, order_id, plan, days).map(drop)
            }
            true => activate(draft, account.id, order_id, plan, &quote, None),
            false => Ok(()),
        }
    }
}

/// The free days that the account gets with a plan: once in its life.
fn trial_days(draft: &Draft, account: &Account, plan: &HeldPlan) -> u32 {
    let days = draft.world().catalogue.get(plan.plan_id).map_or(0, |plan| plan.terms.trial_days);
    if account.had_trial || account.subscription.is_some() { 0 } else { days }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        coupon::{CouponTerms, CouponValue},
        testing::*,
    };

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
    fn a_coupon_comes_off_before_tax_and_is_redeemed_with_the_order() {
        let given = given_account().and(offer("SAVE10", "10")).and(tax_rules("GB", "20", false));
        let then = given.when(order_with("SAVE10"));
        then.recorded(&["coupon.redeemed", "order.placed"]);
        // 15.00 less 1.50 is 13.50; 20 % on that is 2.70.
        assert_eq!(then.order_amount(), "16.20 USD");
    }

    #[test]
    fn a_coupon_that_is_not_good_is_refused_and_appends_nothing() {
        let given = |terms: CouponTerms| given_account().and(offer_on("SAVE", terms));
        let none = || coupon_terms("10");
        let at = |text: &str| Some(text.parse().unwrap());
        let refused = |given: Given, code: &str| given.when(order_with("SAVE")).rejected(code);
        refused(given_account(), "coupon_unknown");
        given_account().when(order_with("a coupon?")).rejected("coupon_unknown");
        let short = given(CouponTerms { expires_at: at("2026-05-02T00:00:00Z"), ..none() });
        refused(short.at("2026-05-02T00:00:00Z"), "coupon_expired");
        let later = CouponTerms { valid_from: at("2026-05-02T00:00:00Z"), ..none() };
        refused(given(later), "coupon_not_yet_valid");
        let spent = given(CouponTerms { max_redemptions: Some(1), ..none() });
        refused(spent.and(order_with("SAVE")).and_paid().and(cancel(false)), "coupon_exhausted");
        let starter = given_account().world().catalogue.find("starter").unwrap().id;
        refused(given(CouponTerms { plans: vec![starter], ..none() }), "coupon_for_another_plan");
        let euros = CouponValue::Fixed(vec![Money::parse("1", crate::Currency::EUR).unwrap()]);
        refused(given(CouponTerms { value: euros, ..none() }), "coupon_not_in_currency");
        refused(given(none()).and(withdraw("SAVE")), "coupon_withdrawn");
        let once = given(CouponTerms { max_per_account: Some(1), ..none() });
        let used = once.and(order_with("SAVE")).and_paid().and(cancel(false));
        refused(used, "coupon_already_used");
    }

    #[test]
    fn a_second_try_with_the_same_coupon_takes_the_first_ones_place() {
        let terms = CouponTerms { max_redemptions: Some(1), ..coupon_terms("10") };
        let given = given_account().and(offer_on("SAVE", terms)).and(order_with("SAVE"));
        given.when(order_with("SAVE")).recorded(&[
            "order.cancelled",
            "coupon.released",
            "coupon.redeemed",
            "order.placed",
        ]);
    }

    #[test]
    fn a_trial_is_free_once_and_then_billed() {
        let given = given_account().and(with_trial("pro", 14));
        let then = given.clone().when(order("pro"));
        then.recorded(&["order.placed", "subscription.trial_started"]);
        let given = given.and(order("pro"));
        let then = given.clone().at("2026-05-15T00:00:00Z").when(settle_due());
        then.recorded(&["subscription.activated", "invoice.issued", "order.placed"]);
        let period = then.account().live().unwrap().period;
        assert_eq!(period.start.to_string(), "2026-05-15T00:00:00.000000Z");
        let cancelled = given.and(cancel(true)).at("2026-05-15T00:00:00Z").and(settle_due());
        assert_eq!(cancelled.account().invoices.iter().count(), 0);
        cancelled.when(order("pro")).recorded(&["order.placed"]);
    }

    #[test]
    fn what_a_merchant_of_record_sells_carries_no_tax_of_ours() {
        // Not even the country matters, which is the merchant's to ask for.
        let given = given_account().and(tax_rules("DE", "19", false));
        let then = given.when(order_at_merchant());
        assert_eq!(then.order_amount(), "15.00 USD");
        let paid = given_run_by_merchant();
        let receipt = paid.account().invoices.iter().next().unwrap().clone();
        assert_eq!(receipt.number, "RC-2026-000001");
        assert!(receipt.tax.is_by_merchant_of_record() && receipt.tax.rates.is_empty());
        // The series of tax invoices has no gap for it, and credit notes on it have their own.
        let credited = paid.clone().and(credit_invoice(&paid, None)).and(cancel(false));
        assert_eq!(credited.count("credit_note.issued"), 1);
        let note = credited.events().iter().rev().find_map(|recorded| {
            (recorded.event.type_name() == "credit_note.issued").then(|| recorded.number.clone())
        });
        assert_eq!(note.flatten().as_deref(), Some("RN-2026-000001"));
        let own = credited.and(order_of("enterprise_lite")).and_paid();
        let newest = own.account().invoices.iter().last().unwrap().number.clone();
        assert_eq!(newest, "INV-2026-000001");
    }

    #[test]
    fn a_custom_price_is_agreed_and_only_where_the_plan_has_one() {
        let agreed = |plan, amount| PlaceOrder { price: Some(usd(amount)), ..order(plan) };
        let then = given_account().when(agreed("enterprise", "499"));
        assert_eq!(then.order_amount(), "499.00 USD");
        given_account().when(agreed("pro", "1")).rejected("plan_price_fixed");
        given_account().when(agreed("enterprise", "0")).rejected("amount_not_positive");
    }

    #[test]
    fn tax_that_cannot_be_determined_is_refused() {
        let given = given_account().and(tax_rules("DE", "19", true));
        given.when(order("pro")).rejected("country_unsupported");
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
