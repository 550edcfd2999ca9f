//! Subscriptions that Lemon Squeezy runs: changes of plan, ends, and how they stand.

use daybook::processors::{
    Processor,
    news::{News, Subscription},
};
use daybook_events::period::Cycle;

use super::{FAULTS, adapter, bought, plan, pro, refused};
use crate::simulators::lemonsqueezy::LemonSqueezy;

async fn stands(adapter: &impl Processor, id: &str) -> Subscription {
    match adapter.subscription(id).await.unwrap() {
        News::Subscription(stands) => stands,
        other => panic!("no subscription: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_plan_is_on_the_next_invoice_as_documented() {
    let sim = LemonSqueezy::start().await;
    let adapter = adapter(&sim);
    let paid = bought(&sim, &adapter).await;
    sim.at("2026-04-15T00:00:00Z");
    let max = plan("max", Cycle::Monthly, 10_000);
    adapter.change_plan(&paid.subscription, &max).await.unwrap();
    // Asked again, it is the same change.
    adapter.change_plan(&paid.subscription, &max).await.unwrap();
    let body = &sim.seen("PATCH", "subscriptions")[0].body["data"];
    assert_eq!(body["type"], "subscriptions");
    assert_eq!(body["attributes"], serde_json::json!({ "variant_id": 21 }));
    assert_eq!(stands(&*adapter, &paid.subscription).await.variant_id, "21");
    // 100 + 50 − 25, and from then on 100.
    let next = format!("subscription-invoices/{}", sim.renew(&paid.subscription));
    assert_eq!(sim.cents(&next, "subtotal"), 12_500);
    let next = format!("subscription-invoices/{}", sim.renew(&paid.subscription));
    assert_eq!(sim.cents(&next, "subtotal"), 10_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_can_be_taken_back_until_it_has_come() {
    let sim = LemonSqueezy::start().await;
    let adapter = adapter(&sim);
    let paid = bought(&sim, &adapter).await;
    let id = paid.subscription.as_str();
    adapter.cancel(id).await.unwrap();
    adapter.cancel(id).await.unwrap();
    let ending = stands(&*adapter, id).await;
    assert!(ending.cancelled && ending.ends_at == "2026-05-01T00:00:00Z".parse().ok());
    assert_eq!(ending.first_payment_id, Some(format!("orders/{}", paid.order)));
    adapter.resume(id).await.unwrap();
    let again = stands(&*adapter, id).await;
    assert!(!again.cancelled && again.ends_at.is_none() && again.status == "active");
    sim.expire(id);
    refused(adapter.resume(id).await, "expired");
    refused(adapter.change_plan(id, &pro()).await, "expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_of_a_subscription_comes_about_under_every_fault() {
    for fault in FAULTS {
        let sim = LemonSqueezy::start().await;
        let adapter = adapter(&sim);
        let id = bought(&sim, &adapter).await.subscription;
        for (method, asked) in [("PATCH", "change"), ("DELETE", "cancel"), ("PATCH", "resume")] {
            sim.plan(method, "subscriptions", fault);
            let answer = match asked {
                "change" => adapter.change_plan(&id, &plan("max", Cycle::Monthly, 10_000)).await,
                "cancel" => adapter.cancel(&id).await,
                _ => adapter.resume(&id).await,
            };
            assert_eq!(answer, Ok(()), "{asked} {fault:?}");
        }
        sim.plan("GET", "subscriptions", fault);
        let stands = stands(&*adapter, &id).await;
        assert_eq!((stands.variant_id.as_str(), stands.cancelled), ("21", false), "{fault:?}");
        // However often it was asked, it was done once.
        let next = format!("subscription-invoices/{}", sim.renew(&id));
        assert_eq!(sim.cents(&next, "subtotal"), 10_000 + 9_666 - 4_833, "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_refused() {
    let sim = LemonSqueezy::start().await;
    let adapter = adapter(&sim);
    let id = bought(&sim, &adapter).await.subscription;
    refused(adapter.cancel("404").await, "does not exist");
    refused(adapter.subscription("404").await.map(drop), "does not exist");
    refused(adapter.change_plan(&id, &plan("max", Cycle::Yearly, 1)).await, "max/yearly");
    for bad in ["", "1/refund", "../orders", "-1", "１"] {
        refused(adapter.cancel(bad).await, "no id of Lemon Squeezy");
        refused(adapter.resume(bad).await, "no id of Lemon Squeezy");
    }
    sim.pays_by_paypal();
    let answer = adapter.change_plan(&id, &plan("max", Cycle::Monthly, 10_000)).await;
    refused(answer, "customer portal");
}
