//! Plan changes: cases 7 to 9 and 22, and the published examples of proration.

use crate::{
    commands::{ChangePlan, PlaceOrder, PublishPlan},
    event::{AccountEvent, Event, InvoiceEvent, Price, SubscriptionEvent},
    period::Cycle,
    policy::{ChangeTiming, PlanChangeRule, Policy},
    testing::*,
};

fn yearly(slug: &str, price: &str) -> PublishPlan {
    let mut plan = publish(slug, "1");
    plan.terms.prices = vec![Price { cycle: Cycle::Yearly, amount: usd(price) }];
    plan
}

/// A subscription from 11 April, whose period has thirty days.
fn since_april(plan: &str, price: &str, other: &str, price_of_other: &str) -> Given {
    given_account()
        .and(publish(plan, price))
        .and(publish(other, price_of_other))
        .at("2027-04-11T00:00:00Z")
        .and(order_of(plan))
        .and_paid()
}

/// restrict-content-pro #1301, gumroad #6077: the second upgrade of a period credited the last
/// payment, itself only a difference, instead of the value held: 17.95 instead of about 71.
#[test]
fn case_07_a_second_upgrade_credits_the_full_value_of_the_first() {
    let given = given_account()
        .and(yearly("sixty", "60"))
        .and(yearly("eighty", "80"))
        .and(yearly("hundred", "100"))
        .and(PlaceOrder { cycle: Cycle::Yearly, ..order_of("sixty") })
        .and_paid()
        .and(change_plan("eighty"))
        .and_paid();
    assert_eq!(given.account().paid_in(), usd("80"));
    let then = given.at("2026-06-12T00:00:00Z").when(change_plan("hundred"));
    // 42 of 365 days are over: 323 days of 80.00 a year come back.
    assert_eq!(then.credit_note_total(), "70.79 USD");
    assert_eq!(then.invoice_total(), "88.49 USD");
    assert_eq!(then.order_amount(), "17.70 USD");
}

/// The same within a month: what was paid is what was held, day by day.
#[test]
fn case_07_two_upgrades_at_half_time_cost_half_of_each_difference() {
    let given = given_subscribed("starter")
        .at("2026-05-16T12:00:00Z")
        .and(change_plan("pro"))
        .and_paid()
        .and(change_plan("enterprise_lite"))
        .and_paid();
    // 5 for the month of starter, then half of 15 − 5 and of 40 − 15.
    assert_eq!(given.account().paid_in(), usd("22.50"));
}

/// Paymenter #933, #797, #1066: a downgrade took credit away instead of giving it, and a customer
/// could be refunded more than was paid.
#[test]
fn case_08_a_downgrade_gives_credit_and_never_more_than_was_paid() {
    let given = given_subscribed("pro").at("2026-05-16T12:00:00Z").and(change_plan("starter"));
    assert_eq!(given.account().credit, usd("5.00"));
    let then = given.when(refund(None));
    let account = then.account();
    let refunded = crate::Money::sum(account.currency, then.refunds().map(|it| it.amount));
    // 7.50 of pro were used; the rest of starter, paid from the credit of pro, is credit again.
    let given_back = refunded.unwrap().plus(account.credit).unwrap();
    assert_eq!(given_back, usd("7.50"));
}

/// polar #5826, #6610: upgrade, use the larger allowance up, downgrade for a refund, and again.
#[test]
fn case_09_what_was_used_up_is_not_handed_back() {
    let rule = |from: &str, to: &str, timing| PlanChangeRule {
        from: Some(from.to_owned()),
        to: Some(to.to_owned()),
        timing,
    };
    let later = rule("pro", "starter", ChangeTiming::PeriodEnd);
    let never = rule("enterprise_lite", "starter", ChangeTiming::Refused);
    let policy = Policy { plan_changes: vec![later, never], ..Policy::default() };
    let given = given_subscribed("starter").and(adopt(policy));
    let given = given.at("2026-05-02T00:00:00Z").and(change_plan("pro")).and_paid();
    let used = given.clone().and(report("max_servers", 15));
    used.when(change_plan("starter")).rejected("usage_exceeds_plan");
    // Nothing used, or given back in time: still no credit before the period ends.
    let then = given.clone().when(change_plan("starter"));
    then.recorded(&["subscription.plan_change_scheduled"]);
    assert!(then.account().credit.is_zero());
    let given = given.and(change_plan("enterprise_lite")).and_paid();
    given.when(change_plan("starter")).rejected("plan_change_refused");
}

/// flexprice #2336, #2370, #2371: two different upgrades at one instant collided on the key of
/// their period, and one of them was lost.
#[test]
fn case_22_two_upgrades_at_one_instant_both_happen_and_the_period_begins_once() {
    let given = given_subscribed("starter").at("2026-05-16T12:00:00Z");
    let before = given.events().len();
    let given = given.and(change_plan("pro")).and(change_plan("enterprise_lite"));
    let news = &given.events()[before..];
    let changes = news.iter().filter(|it| it.event.type_name() == "subscription.plan_changed");
    assert_eq!(changes.count(), 2);
    let invoiced = |event: &Event| {
        matches!(event, Event::Account(AccountEvent::Invoice(InvoiceEvent::InvoiceIssued(_))))
    };
    assert_eq!(news.iter().filter(|it| invoiced(&it.event)).count(), 2);
    // Asked once more at the same instant, the second one is refused: it has happened.
    given.clone().when(change_plan("enterprise_lite")).rejected("plan_unchanged");
    // And the period still begins once.
    let given = given.and_paid().at("2026-06-01T00:00:00Z").and(settle_due());
    let begun = |event: &Event| {
        use SubscriptionEvent as E;
        matches!(
            event,
            Event::Account(AccountEvent::Subscription(
                E::SubscriptionActivated(_) | E::SubscriptionRenewed(_)
            ))
        )
    };
    assert_eq!(given.events().iter().filter(|it| begun(&it.event)).count(), 2);
}

/// Kill Bill's documented example: −10.00 and +15.00.
#[test]
fn example_a_from_20_to_30_after_15_of_30_days() {
    let given = since_april("twenty", "20", "thirty", "30").at("2027-04-26T00:00:00Z");
    let then = given.when(change_plan("thirty"));
    assert_eq!(then.credit_note_total(), "10.00 USD");
    assert_eq!(then.invoice_total(), "15.00 USD");
    assert_eq!(then.order_amount(), "5.00 USD");
}

/// Stripe's documented example: −5.00 and +10.00 make 5.00.
#[test]
fn example_b_from_10_to_20_at_half_time() {
    let given = since_april("ten", "10", "twenty", "20").at("2027-04-26T00:00:00Z");
    let then = given.when(change_plan("twenty"));
    assert_eq!(then.credit_note_total(), "5.00 USD");
    assert_eq!(then.invoice_total(), "10.00 USD");
    assert_eq!(then.order_amount(), "5.00 USD");
}

#[test]
fn example_c_there_and_back_at_one_instant_nets_zero() {
    let given = since_april("ten", "10", "twenty", "20").at("2027-04-20T03:14:15.9Z");
    let given = given.and(change_plan("twenty")).and(change_plan("ten"));
    assert!(given.account().credit.is_zero());
    assert!(given.account().invoices.iter().all(|invoice| !invoice.is_open()));
    // Paid in between, the money is there as credit.
    let given = since_april("ten", "10", "twenty", "20").at("2027-04-20T03:14:15.9Z");
    let given = given.and(change_plan("twenty"));
    let asked = given.account().orders.open().next().unwrap().amount;
    let given = given.and_paid().and(change_plan("ten"));
    assert_eq!(given.account().credit, asked);
}

/// A cycle is not the same: the period that ran is over, and another one begins.
#[test]
fn example_c_to_another_cycle_and_back_costs_what_was_used() {
    let cycle = |cycle| ChangePlan { plan: None, cycle: Some(cycle), ..change_plan("pro") };
    let given = given_subscribed("pro").at("2026-05-16T12:00:00Z");
    let given = given.and(cycle(Cycle::Yearly)).and(cycle(Cycle::Monthly));
    let account = given.account();
    // A month begins anew: 7.50 of the old one was used, 15.00 of the new one is to be paid.
    let due = crate::Money::sum(account.currency, account.invoices.iter().map(|it| it.due));
    assert_eq!(due.unwrap().minus(account.credit).unwrap(), usd("7.50"));
}
