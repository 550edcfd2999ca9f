use super::*;
use crate::{
    commands::PlaceOrder,
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

#[test]
fn a_change_at_the_end_of_the_free_days_is_what_is_billed_then() {
    let given = given_account().and(with_trial("pro", 14)).and(order_of("pro"));
    let later = ChangePlan { at_period_end: true, ..change_plan("starter") };
    let given = given.and(later);
    let then = given.at("2026-05-15T00:00:00Z").when(settle_due());
    then.recorded(&[
        "subscription.plan_changed",
        "subscription.activated",
        "invoice.issued",
        "order.placed",
    ]);
    assert_eq!(then.invoice_total(), "5.00 USD");
    let subscription = then.account().live().unwrap().clone();
    assert_eq!(subscription.period.start.to_string(), "2026-05-15T00:00:00.000000Z");
    assert!(subscription.scheduled.is_none());
}

#[test]
fn a_coupon_for_ever_discounts_the_first_period_of_a_new_cycle_and_no_rest() {
    let given = given_account().and(offer("HALF", "50")).and(order_with("HALF")).and_paid();
    let given = given.at("2026-05-16T12:00:00Z");
    let yearly = ChangePlan { plan: None, cycle: Some(Cycle::Yearly), ..change_plan("pro") };
    assert_eq!(given.clone().when(yearly).invoice_total(), "75.00 USD");
    assert_eq!(given.when(change_plan("enterprise_lite")).invoice_total(), "20.00 USD");
}

#[test]
fn an_agreed_price_is_agreed_anew() {
    let agreed = |amount| PlaceOrder { price: Some(usd(amount)), ..order_of("enterprise") };
    let given = given_account().and(agreed("499")).and_paid().at("2026-05-16T12:00:00Z");
    let again = |amount| ChangePlan { price: Some(usd(amount)), ..change_plan("enterprise") };
    given.clone().when(again("499")).rejected("plan_unchanged");
    assert_eq!(given.when(again("600")).invoice_total(), "300.00 USD");
}
