//! What a subscription remembers: cases 24 and 25.

use crate::{
    account::Status,
    commands::{AmendSubscription, ChangePlan, CustomiseLimits},
    event::{AccountEvent, SubscriptionEvent as E},
    testing::*,
};

fn later(slug: &str) -> ChangePlan {
    ChangePlan { at_period_end: true, ..change_plan(slug) }
}

/// lago-api #3669, Paymenter #865, #885: nobody could say what a change had changed, and the
/// credit of a downgrade was on no record.
#[test]
fn case_24_a_change_says_what_was_and_what_is_and_its_credit_is_a_document() {
    let then = given_subscribed("pro").at("2026-05-16T12:00:00Z").when(change_plan("starter"));
    let (from, to, at) = then.first(|event| match event {
        AccountEvent::Subscription(E::PlanChanged(it)) => {
            Some((it.from.clone(), it.to.clone(), it.at))
        }
        _other => None,
    });
    assert_eq!((from.slug.as_str(), from.price), ("pro", usd("15")));
    assert_eq!((to.slug.as_str(), to.price), ("starter", usd("5")));
    assert_eq!(at.to_string(), "2026-05-16T12:00:00.000000Z");
    assert_eq!(then.credit_note_total(), "7.50 USD");
}

/// lago-api #5495: two voids of one invoice both ran the full path.
#[test]
fn case_24_the_second_of_two_voids_finds_nothing_left() {
    let given = given_subscribed("pro");
    let void = credit_invoice(&given, None);
    given.and(void.clone()).when(void).rejected("credit_exceeds_invoice");
    let given = given_subscribed("pro").at("2026-06-10T00:00:00Z").and(settle_due());
    let give_up = write_off(&given);
    given.and(give_up.clone()).when(give_up).rejected("invoice_not_open");
}

/// Ctrlpanel #1350, modrinth #3297: paid but still suspended. Recovery is part of the decision that
/// takes the payment in, whichever order the money came for.
#[test]
fn case_25_paid_is_never_suspended() {
    let given = given_subscribed("pro").at("2026-06-16T00:00:00Z").and(settle_due());
    assert_eq!(given.account().live().unwrap().status, Status::Suspended);
    let checkout = given.start_checkout("before");
    let given = given.and(checkout);
    let then = given.clone().when(confirm("before", "pay_2"));
    assert_eq!(then.account().live().unwrap().status, Status::Active);
    // What was due has changed since the checkout began.
    let less = given.clone().and(credit_invoice(&given, Some("1")));
    let then = less.when(confirm("before", "pay_2"));
    assert_eq!(then.account().live().unwrap().status, Status::Active);
}

/// polar #13691: a flag outlived cancel and resume, and the subscription paused instead of renewing.
#[test]
fn case_25_what_is_cancelled_and_resumed_stands_where_it_stood() {
    let limits = [("max_servers".to_owned(), Some(7))].into();
    let own = CustomiseLimits { account_id: account_id(), limits };
    let given = given_subscribed("pro").and(own).and(later("starter"));
    for at_period_end in [true, false] {
        let resumed = given.clone().and(cancel(at_period_end)).and(resume());
        let (before, after) = (given.account(), resumed.account());
        let (before, after) = (before.live().unwrap(), after.live().unwrap());
        assert_eq!(format!("{:?}", after.plan), format!("{:?}", before.plan));
        assert_eq!(after.scheduled, before.scheduled);
        assert!(after.limits_customised && !after.cancelling);
        // It renews, and to the plan that was scheduled.
        let then = resumed.at("2026-06-01T00:00:00Z").when(settle_due());
        then.recorded(&[
            "subscription.plan_changed",
            "subscription.renewed",
            "invoice.issued",
            "order.placed",
        ]);
        assert_eq!(then.invoice_total(), "5.00 USD");
    }
}

/// The same while an invoice is overdue: resuming is no way out of dunning.
#[test]
fn case_25_cancel_and_resume_leaves_the_dunning_as_it_was() {
    for (day, status) in [("09", Status::PastDue), ("16", Status::Suspended)] {
        let at = format!("2026-06-{day}T00:00:00Z");
        let given = given_subscribed("pro").at(&at).and(settle_due());
        for at_period_end in [true, false] {
            let resumed = given.clone().and(cancel(at_period_end)).and(resume());
            assert_eq!(resumed.account().live().unwrap().status, status);
            resumed.clone().when(settle_due()).rejected("nothing_due");
            let ended = resumed.at("2026-06-22T00:00:00Z").and(settle_due());
            assert!(ended.account().live().is_none());
        }
    }
}

/// cocalc #2235: "change, then cancel at the end" were two calls; the second failed, and the
/// customer was renewed.
#[test]
fn case_25_several_changes_are_one_decision() {
    let amend = AmendSubscription {
        account_id: account_id(),
        resume: None,
        change: Some(change_plan("starter")),
        limits: None,
        cancel: Some(cancel(true)),
    };
    let then = given_subscribed("pro").when(amend.clone());
    let types: Vec<_> = then.events().iter().map(|it| it.event.type_name()).collect();
    assert_eq!(types.first(), Some(&"subscription.plan_changed"));
    assert_eq!(types.last(), Some(&"subscription.cancellation_scheduled"));
    let cancelled = given_subscribed("pro").and(cancel(true));
    cancelled.when(amend).rejected("cancellation_pending");
}
