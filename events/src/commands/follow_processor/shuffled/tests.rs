//! Whatever the order in which news comes, and however often, it ends the same.

use proptest::prelude::*;

use crate::{
    account::Status,
    commands::{ChargeReason, Command, FollowProcessor, RenewByProcessor},
    ids::OrderId,
    invariants::Invariants,
    money::Money,
    period::{Cycle, Span},
    rejection::Kind,
    testing::*,
    time::Timestamp,
};

/// What is to be the same in the end.
#[derive(Debug, Clone, PartialEq)]
struct End {
    subscription: Option<(Status, String, u32, Span, bool, Option<Timestamp>)>,
    next_due: Option<Timestamp>,
    invoices: Vec<(Span, Money, Money, bool)>,
    payments: Vec<(String, Money)>,
    credit: Money,
}

fn end(given: &Given) -> End {
    let account = given.account();
    let subscription = account.subscription.as_ref().map(|it| {
        let (status, plan) = (it.status, it.plan.slug.clone());
        // Whether one that is over was to end says nothing any more.
        let cancelling = it.is_live() && it.cancelling;
        (status, plan, it.period_index, it.period, cancelling, it.ended_at)
    });
    let lines = |invoice: &crate::account::Invoice| {
        let total = invoice.lines[0].billed.total;
        let receipt = invoice.tax.is_by_merchant_of_record();
        (invoice.lines[0].billed.span, total, invoice.due, receipt)
    };
    let mut invoices: Vec<_> = account.invoices.iter().map(|invoice| lines(invoice)).collect();
    invoices.sort_by_key(|(span, total, ..)| (span.start, span.end, total.minor()));
    let payment = |it: &crate::account::Payment| {
        (it.captured.processor_payment_id.clone(), it.captured.amount)
    };
    let mut payments: Vec<_> = account.payments.iter().map(|it| payment(it)).collect();
    payments.sort_by(|one, other| one.0.cmp(&other.0));
    let next_due = account.next_due().map(|(at, _)| at);
    End { subscription, next_due, invoices, payments, credit: account.credit }
}

/// One life at the processor, as its own news of it tell, oldest first.
fn life(order: OrderId, months: usize, fate: &[(u8, bool)], last: u8) -> Vec<Command> {
    let day = |month: usize, day: usize| format!("2026-{:02}-{day:02}T00:00:00Z", 5 + month);
    let plan = |cheap: bool| if cheap { "starter" } else { "pro" };
    let mut news: Vec<Command> = vec![link(order).into(), confirm("ls_order", "first").into()];
    news.push(word("active", &day(0, 1)).into());
    for month in 1..=months {
        let (standing, cheap) = fate[month - 1];
        let statuses = ["active", "past_due", "unpaid", "paused", "cancelled", "on_trial"];
        let status = statuses[usize::from(standing) % statuses.len()];
        let said = FollowProcessor {
            plan: Some((plan(cheap).into(), Cycle::Monthly)),
            ..word(status, &day(month, 2))
        };
        let ends_at = (status == "cancelled").then(|| day(12 - 5, 20).parse().unwrap());
        news.push(FollowProcessor { ends_at, ..said }.into());
        // Never the same sum twice: which payment is for which period must show.
        let total = usd(&format!("{}.00", 10 + month));
        let paid = RenewByProcessor { total, ..renewal(&format!("r{month}"), &day(month, 1)) };
        news.push(paid.into());
        let (total, reason) = (usd(&format!("{}.50", 4 + month)), ChargeReason::Updated);
        let at = Some(day(month, 9).parse().unwrap());
        let paid =
            RenewByProcessor { total, reason, at, ..renewal(&format!("u{month}"), &day(1, 1)) };
        news.push(paid.into());
    }
    match last % 3 {
        0 => news.push(ending_word("expired", &day(months, 25), &day(months, 25)).into()),
        1 => news.push(ending_word("cancelled", &day(months, 25), &day(7, 25)).into()),
        _other => {}
    }
    news
}

/// The order is linked and paid on its day, in either order; everything else comes half a year later.
fn begun(given: &Given, paid_first: bool) -> Given {
    let (link, pay) = (link(given.newest_order()), confirm("ls_order", "first"));
    let given = given.clone();
    let begun = if paid_first { given.and(pay).and(link) } else { given.and(link).and(pay) };
    begun.at("2026-11-20T00:00:00Z")
}

/// Delivers news, each as often as it is there. What cannot be taken yet is delivered again, as the
/// inbox does.
fn delivered(mut given: Given, news: Vec<Command>) -> Given {
    let mut waiting = news;
    loop {
        let before = waiting.len();
        let mut kept = Vec::new();
        for command in waiting {
            match given.clone().later(1).try_and(command.clone()) {
                Ok(next) => given = next,
                Err(rejection) => match rejection.code() {
                    "subscription_not_begun" | "subscription_not_linked" => kept.push(command),
                    "subscription_already_linked"
                    | "subscription_news_stale"
                    | "nothing_new"
                    | "payment_already_confirmed"
                    | "order_already_paid" => assert_ne!(rejection.kind(), Kind::Internal),
                    code => panic!("{code}: {rejection}"),
                },
            }
        }
        if kept.is_empty() || kept.len() == before {
            assert!(kept.is_empty(), "{kept:?}");
            return given;
        }
        waiting = kept;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn any_shuffle_and_tripling_of_the_news_ends_the_same(
        months in 1_usize..5,
        fate in prop::collection::vec((0_u8..6, any::<bool>()), 4),
        last in 0_u8..3,
        order in Just((0_usize..60).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let given = given_at_merchant();
        let news = life(given.newest_order(), months, &fate, last);
        let thrice: Vec<Command> = {
            let places = order.iter().filter(|place| **place < news.len() * 3);
            places.map(|place| news[place % news.len()].clone()).collect()
        };
        prop_assert_eq!(thrice.len(), news.len() * 3);
        let once = delivered(begun(&given, false), news);
        let shuffled = delivered(begun(&given, order[0] % 2 == 0), thrice);
        prop_assert_eq!(end(&shuffled), end(&once));
        let mut invariants = Invariants::default();
        shuffled.events().iter().for_each(|recorded| invariants.read(recorded));
        prop_assert_eq!(invariants.breaches(), &[]);
    }
}

#[test]
fn a_planted_difference_shows() {
    let given = given_at_merchant();
    let news = life(given.newest_order(), 2, &[(0, false), (0, false)], 2);
    let given = begun(&given, false);
    let whole = delivered(given.clone(), news.clone());
    // Without the last charge, and without the last word.
    let lacking = |at: usize| {
        let mut less = news.clone();
        less.remove(at);
        delivered(given.clone(), less)
    };
    let renewal = news.len() - 2;
    assert_ne!(end(&lacking(renewal)), end(&whole));
}
