//! What follows from a processor's word.

use super::*;
use crate::{account::Status, testing::*};

fn standing(then: &Then) -> Status {
    then.account().live().unwrap().status
}

#[test]
fn where_it_stands_is_the_processors_word() {
    let given = given_run_by_merchant();
    let then = given.clone().when(word("past_due", "2026-06-01T00:00:00Z"));
    then.recorded(&["subscription.followed", "subscription.fell_past_due"]);
    assert_eq!(standing(&then), Status::PastDue);
    let late = given.and(word("past_due", "2026-06-01T00:00:00Z"));
    for status in ["paused", "unpaid"] {
        let then = late.clone().when(word(status, "2026-06-15T00:00:00Z"));
        then.recorded(&["subscription.followed", "subscription.suspended"]);
    }
    let stopped = late.and(word("unpaid", "2026-06-15T00:00:00Z"));
    let then = stopped.clone().when(word("past_due", "2026-06-16T00:00:00Z"));
    assert_eq!(standing(&then), Status::PastDue);
    let then = stopped.when(word("active", "2026-06-16T00:00:00Z"));
    then.recorded(&["subscription.followed", "subscription.recovered"]);
}

#[test]
fn a_payment_alone_does_not_say_how_it_stands() {
    let given = given_run_by_merchant().and(word("past_due", "2026-06-01T00:00:00Z"));
    let then = given.at("2026-06-03T00:00:00Z").when(renewal("inv_1", "2026-06-01T00:00:00Z"));
    assert_eq!(standing(&then), Status::PastDue);
}

#[test]
fn a_word_that_says_nothing_else_is_taken_so_that_an_older_one_is_known_to_be_older() {
    let given = given_run_by_merchant();
    let then = given.clone().when(word("active", "2026-05-02T00:00:00Z"));
    then.recorded(&["subscription.followed"]);
    let given = given.and(word("active", "2026-05-02T00:00:00Z"));
    given.clone().when(word("active", "2026-05-02T00:00:00Z")).rejected("nothing_new");
    given.when(word("past_due", "2026-05-01T23:59:59Z")).rejected("subscription_news_stale");
}

#[test]
fn a_word_before_the_payment_counts_once_the_subscription_begins() {
    let given = given_at_merchant();
    let linking = link(given.newest_order());
    let given = given.and(linking).and(ending_word(
        "cancelled",
        "2026-05-01T00:00:00Z",
        "2026-06-01T00:00:07Z",
    ));
    assert_eq!(given.events().last().unwrap().event.type_name(), "subscription.followed");
    let then = given.when(confirm("ls_order", "first"));
    then.recorded(&[
        "payment.captured",
        "subscription.activated",
        "invoice.issued",
        "invoice.paid",
        "subscription.cancellation_scheduled",
    ]);
}

#[test]
fn a_cancellation_ends_it_at_the_processors_instant_and_may_be_taken_back_there() {
    let cancelled = ending_word("cancelled", "2026-05-10T00:00:00Z", "2026-06-01T00:00:07Z");
    let given = given_run_by_merchant();
    given
        .clone()
        .when(cancelled.clone())
        .recorded(&["subscription.followed", "subscription.cancellation_scheduled"]);
    let given = given.and(cancelled);
    let due = given.account().next_due().unwrap().0;
    assert_eq!(due.to_string(), "2026-06-01T00:00:07.000000Z");
    let ended = given.clone().at("2026-06-01T00:00:07Z").and(settle_due());
    assert!(ended.account().live().is_none());
    // What is over here stays over; the word is taken all the same.
    let expired = ending_word("expired", "2026-06-01T00:00:08Z", "2026-06-01T00:00:07Z");
    ended.when(expired).recorded(&["subscription.followed"]);
    let then = given.when(word("active", "2026-05-11T00:00:00Z"));
    then.recorded(&["subscription.followed", "subscription.resumed"]);
    assert_eq!(then.account().next_due(), None);
}

#[test]
fn what_expired_is_over() {
    let expired = ending_word("expired", "2026-06-15T00:00:00Z", "2026-06-15T00:00:00Z");
    let given = given_run_by_merchant().at("2026-06-15T00:00:01Z");
    given.clone().when(expired.clone()).recorded(&["subscription.followed", "subscription.ended"]);
    let given = given.and(expired);
    given.clone().when(resume()).rejected("resume_not_possible");
    // Nothing revives it, whatever its clock says.
    given.when(word("active", "2026-06-16T00:00:00Z")).rejected("subscription_news_stale");
}

#[test]
fn another_plan_is_taken_without_a_proration_of_ours() {
    let cheaper = FollowProcessor {
        plan: Some(("starter".into(), Cycle::Monthly)),
        ..word("active", "2026-05-10T00:00:00Z")
    };
    let then = given_run_by_merchant().at("2026-05-10T00:01:00Z").when(cheaper);
    then.recorded(&["subscription.followed", "subscription.plan_changed"]);
    let live = then.account().live().unwrap().clone();
    assert_eq!((live.plan.slug.as_str(), live.period_index), ("starter", 0));
    // Off our shelf, it is still what the processor sells.
    let given = given_run_by_merchant().and(retire("starter"));
    let given = given.at("2026-05-10T00:01:00Z");
    let again = FollowProcessor {
        plan: Some(("starter".into(), Cycle::Monthly)),
        ..word("active", "2026-05-10T00:00:00Z")
    };
    given.when(again).recorded(&["subscription.followed", "subscription.plan_changed"]);
}

#[test]
fn another_cycle_begins_a_period_at_the_processors_instant() {
    let yearly = FollowProcessor {
        plan: Some(("pro".into(), Cycle::Yearly)),
        ..word("active", "2026-05-10T12:00:00Z")
    };
    let then = given_run_by_merchant().at("2026-05-11T00:00:00Z").when(yearly);
    let live = then.account().live().unwrap().clone();
    assert_eq!(live.period.start.to_string(), "2026-05-10T12:00:00.000000Z");
    assert_eq!(live.period.end.to_string(), "2027-05-10T12:00:00.000000Z");
}

#[test]
fn what_the_ledger_asked_for_is_not_undone_by_a_word_that_has_not_heard_of_it() {
    let given = given_run_by_merchant().and(word("active", "2026-05-02T00:00:00Z"));
    let cancelling = given.clone().and(cancel(true));
    let then = cancelling.clone().when(word("active", "2026-05-03T00:00:00Z"));
    then.recorded(&["subscription.followed"]);
    assert!(then.account().live().unwrap().cancelling);
    let heard =
        cancelling.and(ending_word("cancelled", "2026-05-04T00:00:00Z", "2026-06-01T00:00:09Z"));
    assert_eq!(heard.account().next_due().unwrap().0.to_string(), "2026-06-01T00:00:09.000000Z");
    let resumed = heard.and(resume());
    let deaf = ending_word("cancelled", "2026-05-05T00:00:00Z", "2026-06-01T00:00:09Z");
    let then = resumed.when(deaf);
    then.recorded(&["subscription.followed"]);
    assert!(!then.account().live().unwrap().cancelling);
    // Nor is a plan that it was asked for.
    let then = given.and(change_plan("starter")).when(word("active", "2026-05-03T00:00:00Z"));
    assert_eq!(then.account().live().unwrap().requested.as_ref().unwrap().slug, "starter");
}

#[test]
fn what_no_rule_knows_is_refused() {
    let given = given_run_by_merchant();
    let on = "2026-05-02T00:00:00Z";
    given.clone().when(word("melted", on)).rejected("processor_status_unknown");
    let nowhere = |plan: &str, cycle| FollowProcessor {
        plan: Some((plan.into(), cycle)),
        ..word("active", on)
    };
    given.clone().when(nowhere("nope", Cycle::Monthly)).rejected("plan_unknown");
    let yearly = nowhere("starter", Cycle::Yearly);
    given.clone().when(yearly).rejected("billing_cycle_unavailable");
    let other = FollowProcessor { processor_subscription_id: "ls_9".into(), ..word("active", on) };
    given.when(other).rejected("subscription_not_linked");
}
