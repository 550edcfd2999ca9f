//! Boundaries of periods: cases 1 to 6.

use chrono_tz::Tz;

use crate::{
    account::Status,
    commands::{OpenAccount, PlaceOrder},
    period::{Cycle, Span},
    testing::*,
};

/// A subscription to `pro` that begins at an instant, with credit that pays for years.
fn subscribed_at(at: &str, zone: Tz, cycle: Cycle) -> Given {
    given_plans()
        .and(OpenAccount { zone, ..open_account() })
        .at(at)
        .and(grant("10000"))
        .and(PlaceOrder { cycle, ..place_order() })
}

fn settled_at(given: &Given, at: &str) -> Given {
    given.clone().at(at).and(settle_due())
}

/// The spans that were billed, oldest first.
fn billed(given: &Given) -> Vec<Span> {
    let account = given.account();
    account.invoices.iter().flat_map(|it| &it.lines).map(|line| line.billed.span).collect()
}

/// The local days on which the billed spans begin.
fn days(given: &Given) -> Vec<String> {
    let zone = given.account().zone;
    billed(given).iter().map(|span| span.start.day_in(zone).to_string()).collect()
}

#[track_caller]
fn tile(given: &Given) {
    for pair in billed(given).windows(2) {
        assert_eq!(pair[0].end, pair[1].start);
    }
}

/// killbill #127: after 28 February the next day was reckoned from the 28th, and the invoice of
/// 31 March never came.
#[test]
fn case_01_the_31st_is_not_lost_after_february() {
    let given = subscribed_at("2027-01-31T10:00:00Z", Tz::UTC, Cycle::Monthly);
    // Month by month, as it happens, and once, long after: the same days.
    let monthly = ["2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31"]
        .iter()
        .fold(given.clone(), |given, day| settled_at(&given, &format!("{day}T10:00:00Z")));
    let wanted = ["2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31"];
    assert_eq!(days(&monthly), wanted);
    assert_eq!(days(&settled_at(&given, "2027-06-01T00:00:00Z")), wanted);
}

/// lago-api #1567: boundaries of the 31st were wrong, and the guard against billing a period twice
/// then swallowed the next real invoice.
#[test]
fn case_02_no_period_is_swallowed_and_none_is_billed_twice() {
    let given = subscribed_at("2027-01-31T10:00:00Z", Tz::UTC, Cycle::Monthly);
    let given = settled_at(&given, "2029-03-01T00:00:00Z");
    assert_eq!(billed(&given).len(), 26);
    tile(&given);
    given.when(settle_due()).rejected("nothing_due");
}

/// lago-api #6173: periods resolved from the day of billing overlapped or left a gap for yearly
/// anchors on 29 February.
#[test]
fn case_03_a_leap_years_periods_have_no_gap_and_no_overlap() {
    let given = subscribed_at("2028-02-29T12:00:00Z", Tz::UTC, Cycle::Yearly);
    let on_time = ["2029-02-28", "2030-02-28", "2031-02-28", "2032-02-29"]
        .iter()
        .fold(given.clone(), |given, day| settled_at(&given, &format!("{day}T12:00:00Z")));
    let late = ["2029-04-07", "2031-01-01", "2032-03-09"]
        .iter()
        .fold(given, |given, day| settled_at(&given, &format!("{day}T00:00:00Z")));
    assert_eq!(
        days(&on_time),
        ["2028-02-29", "2029-02-28", "2030-02-28", "2031-02-28", "2032-02-29"]
    );
    assert_eq!(billed(&late), billed(&on_time));
    tile(&late);
}

/// lago-api #6194: after an upgrade the daily price was reckoned over what was left of the period
/// instead of the whole of it, and more than doubled.
#[test]
fn case_04_the_denominator_is_the_whole_period_after_an_upgrade() {
    let given = given_account().at("2027-06-01T00:00:00Z").and(order_of("starter")).and_paid();
    let given = given.at("2027-06-11T00:00:00Z").and(change_plan("pro")).and_paid();
    let then = given.at("2027-06-21T00:00:00Z").when(change_plan("enterprise_lite"));
    // Ten of thirty days at 40.00, not ten of twenty.
    assert_eq!(then.invoice_total(), "13.33 USD");
    // And ten of thirty at 15.00 come back.
    assert_eq!(then.credit_note_total(), "5.00 USD");
    let account = then.account();
    let newest = account.invoices.iter().last().unwrap();
    let part = newest.lines[0].billed.proration.as_ref().unwrap();
    assert_eq!((part.numerator, part.denominator), (10 * 86_400, 30 * 86_400));
}

/// lago-api #1035: a yearly plan from the 31st was billed again in its second month.
#[test]
fn case_05_a_year_is_billed_once_a_year() {
    let given = subscribed_at("2027-01-31T00:00:00Z", Tz::UTC, Cycle::Yearly);
    for day in ["2027-02-28", "2027-03-31", "2027-12-31", "2028-01-30"] {
        given.clone().at(&format!("{day}T23:59:59Z")).when(settle_due()).rejected("nothing_due");
    }
    assert_eq!(days(&settled_at(&given, "2028-01-31T00:00:00Z")), ["2027-01-31", "2028-01-31"]);
}

/// killbill #743, #445, #139, #1856: across a change of the clocks the 31st became the 1st, and a
/// cancellation at the period's end landed a day early and minted a credit.
#[test]
fn case_06_a_change_of_the_clocks_moves_no_boundary() {
    // 00:30 on the 31st in New York, where clocks go forward on 14 March and back on 7 November.
    let given = subscribed_at("2027-01-31T05:30:00Z", Tz::America__New_York, Cycle::Monthly);
    let year = settled_at(&given, "2027-12-01T00:00:00Z");
    tile(&year);
    let local = |span: &Span| {
        span.start.utc().with_timezone(&Tz::America__New_York).format("%m-%d %H:%M").to_string()
    };
    let starts: Vec<_> = billed(&year).iter().map(local).collect();
    assert_eq!(starts[1..4], ["02-28 00:30", "03-31 00:30", "04-30 00:30"]);
    assert_eq!(starts[9..], ["10-31 00:30", "11-30 00:30"]);
    // The period that ends on 31 March is an hour short of its days, and nothing comes of that.
    let cancelled = settled_at(&given, "2027-03-01T00:00:00Z").and(cancel(true));
    let just_before = cancelled.clone().at("2027-03-31T04:29:59Z");
    just_before.when(settle_due()).rejected("nothing_due");
    let then = cancelled.at("2027-03-31T04:30:00Z").when(settle_due());
    then.recorded(&["subscription.ended"]);
    let status = then.account().subscription.as_ref().unwrap().status;
    assert!(matches!(status, Status::Ended(_)));
}
