//! What Lemon Squeezy lists, for whoever reconciles.

use daybook::processors::{
    Processor, Unanswered,
    news::{BillingReason, News, Ordered},
};
use daybook_events::Timestamp;

use super::{FAULTS, adapter, bought, usd};
use crate::simulators::lemonsqueezy::{Fault, LemonSqueezy, Paid};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

const BEGIN: &str = "2026-01-01T00:00:00Z";
const END: &str = "2027-01-01T00:00:00Z";

fn captured(news: &[News]) -> Vec<&str> {
    let ids = news.iter().filter_map(|told| match told {
        News::Captured(captured) => Some(captured.payment.payment_id.as_str()),
        _ => None,
    });
    ids.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_renewals_refunds_and_states_are_listed_and_orders_name_none_of_ours() {
    let sim = LemonSqueezy::start().await;
    let adapter = adapter(&sim);
    let Paid { order, subscription, invoice } = bought(&sim, &adapter).await;
    let renewal = sim.renew(&subscription);
    sim.refund_by_hand(&format!("orders/{order}"), 1_200);
    let news = adapter.news_between(at(BEGIN), at(END)).await.unwrap();
    let (order, renewal) = (format!("orders/{order}"), format!("subscription-invoices/{renewal}"));
    // The first invoice is the order's money.
    assert_eq!(captured(&news), [order.as_str(), renewal.as_str()]);
    for told in &news {
        match told {
            News::Captured(it) if it.payment.payment_id == order => {
                assert_eq!(it.payment.order, Ordered::Unnamed);
                assert_eq!(it.payment.amount, usd(6_000));
                assert_eq!(it.merchant_tax, Some(usd(1_000)));
            }
            News::Captured(it) => {
                let (id, reason) = (subscription.clone(), BillingReason::Renewal);
                assert_eq!(it.payment.order, Ordered::Subscription { id, reason });
            }
            News::RefundedInAll(it) if it.payment_id == order => {
                assert_eq!((it.amount, it.of), (usd(1_200), usd(6_000)));
            }
            News::RefundedInAll(it) => {
                assert_eq!(it.payment_id, format!("subscription-invoices/{invoice}"));
                let (id, reason) = (subscription.clone(), BillingReason::Initial);
                assert_eq!(it.order, Ordered::Subscription { id, reason });
            }
            News::Subscription(it) => {
                assert_eq!(it.first_payment_id.as_deref(), Some(order.as_str()));
                assert_eq!(it.renews_at, Some(at("2026-06-01T00:00:00Z")));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(news.len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_turned_until_the_time_is_left() {
    let sim = LemonSqueezy::start().await;
    let adapter = adapter(&sim);
    let started = adapter.start(&super::order()).await.unwrap();
    for day in 1..=25 {
        sim.at(&format!("2026-04-{day:02}T12:00:00Z"));
        for _ in 0..10 {
            sim.pay(&started.processor_order_id);
        }
    }
    let all = adapter.news_between(at(BEGIN), at(END)).await.unwrap();
    assert_eq!(captured(&all).len(), 250);
    assert_eq!(sim.seen("GET", "orders").len(), 3);
    // Half-open: the day itself, and not the next.
    let (from, to) = (at("2026-04-20T12:00:00Z"), at("2026-04-21T12:00:00Z"));
    let day = adapter.news_between(from, to).await.unwrap();
    assert_eq!(captured(&day).len(), 10);
    assert_eq!(sim.seen("GET", "orders").len(), 4, "older pages are not turned");
    let queries = sim.seen("GET", "subscription-invoices");
    assert!(queries.iter().all(|it| it.query.contains("filter%5Bstore_id%5D=1")), "{queries:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_read_under_every_fault_or_not_known_at_all() {
    for fault in FAULTS {
        let sim = LemonSqueezy::start().await;
        let adapter = adapter(&sim);
        bought(&sim, &adapter).await;
        for kind in ["orders", "subscription-invoices", "subscriptions"] {
            sim.plan("GET", kind, fault);
        }
        let news = adapter.news_between(at(BEGIN), at(END)).await;
        assert_eq!(captured(&news.unwrap()).len(), 1, "{fault:?}");
    }
    let sim = LemonSqueezy::start().await;
    sim.plan("GET", "subscriptions", Fault::Busy(Some(60)));
    let news = adapter(&sim).news_between(at(BEGIN), at(END)).await;
    assert_eq!(news, Err(Unanswered::Busy), "half a list is no list");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fraudulent_order_is_listed_as_gone_back_whole() {
    let sim = LemonSqueezy::start().await;
    let adapter = adapter(&sim);
    let paid = bought(&sim, &adapter).await;
    sim.fraudulent(&paid.order);
    let news = adapter.news_between(at(BEGIN), at(END)).await.unwrap();
    let back = news.iter().find_map(|told| match told {
        News::RefundedInAll(it) => Some(it),
        _ => None,
    });
    assert_eq!(back.unwrap().amount, usd(6_000));
}
