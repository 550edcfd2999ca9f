//! Webhooks: every event of the list is read, and only what is signed is taken.

use std::collections::{BTreeMap, BTreeSet};

use daybook::{
    processors::{
        Message, NotTheirs, Processor, interpret,
        lemonsqueezy::{LemonSqueezy as Adapter, NAME, Settings},
        news::{BillingReason, News, Ordered},
    },
    signing::Secret,
};
use daybook_events::period::Cycle;
use serde_json::json;
use warp::http::{HeaderMap, HeaderName};

use super::{adapter, bought, order_id, plan, usd};
use crate::simulators::lemonsqueezy::{Delivery, Disorder, LemonSqueezy, SECRET, disordered};

fn headers(delivery: &Delivery) -> HeaderMap {
    let pairs = delivery.headers.iter();
    pairs.map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
}

fn recognised(adapter: &Adapter, delivery: &Delivery) -> Result<Option<String>, NotTheirs> {
    adapter.recognises(&Message { headers: &headers(delivery), body: &delivery.body })
}

/// A life with everything in it, in the order in which it happened.
async fn a_life(sim: &LemonSqueezy) -> Vec<Delivery> {
    let adapter = adapter(sim);
    let paid = bought(sim, &adapter).await;
    let id = paid.subscription.as_str();
    sim.at("2026-04-15T00:00:00Z");
    adapter.change_plan(id, &plan("max", Cycle::Monthly, 10_000)).await.unwrap();
    let renewal = sim.renew(id);
    let failed = sim.fail(id);
    sim.recover(&failed);
    sim.pause(id);
    sim.unpause(id);
    adapter.cancel(id).await.unwrap();
    adapter.resume(id).await.unwrap();
    sim.refund_by_hand(&format!("subscription-invoices/{renewal}"), 600);
    sim.refund_by_hand(&format!("orders/{}", paid.order), 1_200);
    sim.expire(id);
    let mut life = sim.webhooks();
    for event in ["license_key_created", "license_key_updated", "affiliate_activated"] {
        let data = json!({ "type": "license-keys", "id": "1", "attributes": {} });
        let body = json!({ "meta": { "event_name": event }, "data": data });
        life.push(Delivery::signed(event, &body, SECRET));
    }
    life
}

fn kind(news: &News) -> &'static str {
    match news {
        News::Captured(_) => "captured",
        News::Failed { .. } => "failed",
        News::RefundedInAll(_) => "refunded in all",
        News::Subscription(_) => "subscription",
        News::Nothing => "nothing",
        News::Authorised(_) | News::Refund(_) | News::Dispute(_) => "not Lemon Squeezy's",
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_of_the_list_is_read() {
    let sim = LemonSqueezy::start().await;
    let mut read: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for delivery in a_life(&sim).await {
        let told = interpret(NAME, &delivery.body).unwrap();
        assert_eq!(told.event, delivery.event);
        read.entry(told.event).or_default().insert(kind(&told.news));
    }
    let read: Vec<_> = read
        .iter()
        .map(|(event, kinds)| (event.as_str(), kinds.iter().copied().collect::<Vec<_>>()))
        .collect();
    assert_eq!(
        read,
        [
            ("affiliate_activated", vec!["nothing"]),
            ("license_key_created", vec!["nothing"]),
            ("license_key_updated", vec!["nothing"]),
            ("order_created", vec!["captured"]),
            ("order_refunded", vec!["refunded in all"]),
            ("subscription_cancelled", vec!["subscription"]),
            ("subscription_created", vec!["subscription"]),
            ("subscription_expired", vec!["subscription"]),
            ("subscription_paused", vec!["subscription"]),
            ("subscription_payment_failed", vec!["failed"]),
            ("subscription_payment_recovered", vec!["nothing"]),
            ("subscription_payment_refunded", vec!["refunded in all"]),
            // The first one is the order's.
            ("subscription_payment_success", vec!["captured", "nothing"]),
            ("subscription_plan_changed", vec!["subscription"]),
            ("subscription_resumed", vec!["subscription"]),
            ("subscription_unpaused", vec!["subscription"]),
            ("subscription_updated", vec!["subscription"]),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_names_our_order_and_a_renewal_its_subscription() {
    let sim = LemonSqueezy::start().await;
    let adapter = adapter(&sim);
    let paid = bought(&sim, &adapter).await;
    let renewal = sim.renew(&paid.subscription);
    sim.refund_by_hand(&format!("orders/{}", paid.order), 600);
    let mut payments = Vec::new();
    for delivery in sim.webhooks() {
        match interpret(NAME, &delivery.body).unwrap().news {
            News::Captured(it) => {
                assert_eq!((it.payment.amount, it.merchant_tax), (usd(6_000), Some(usd(1_000))));
                payments.push((it.payment.payment_id, it.payment.order));
            }
            // Of the order, and of the first invoice, which is known by its subscription.
            News::RefundedInAll(it) if it.payment_id.starts_with("orders/") => {
                assert_eq!(it.order, Ordered::Ours(order_id()));
            }
            News::RefundedInAll(it) => {
                let (id, reason) = (paid.subscription.clone(), BillingReason::Initial);
                assert_eq!(it.order, Ordered::Subscription { id, reason });
            }
            News::Subscription(it) => {
                assert_eq!(it.order, Ordered::Ours(order_id()));
                assert_eq!(it.first_payment_id, Some(format!("orders/{}", paid.order)));
                assert!(it.updated_at.is_some());
            }
            _ => {}
        }
    }
    let (id, reason) = (paid.subscription, BillingReason::Renewal);
    assert_eq!(
        payments,
        [
            (format!("orders/{}", paid.order), Ordered::Ours(order_id())),
            (format!("subscription-invoices/{renewal}"), Ordered::Subscription { id, reason }),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_signed_is_theirs_under_either_of_two_secrets() {
    let sim = LemonSqueezy::start().await;
    let life = a_life(&sim).await;
    let with = |secrets: &[&str]| {
        let signing_secrets = secrets.iter().map(|secret| Secret::new(secret.as_bytes())).collect();
        Adapter::new(Settings { signing_secrets, ..sim.settings() }).unwrap()
    };
    let (rotating, other, none) = (with(&["new", SECRET]), with(&["new"]), with(&[]));
    let mut ids = BTreeSet::new();
    for (index, delivery) in life.iter().enumerate() {
        let id = recognised(&rotating, delivery).unwrap();
        // Licences of this life have no id: they are told apart by their bytes.
        assert!(id.is_none_or(|id| ids.insert(id)), "each message has its own id");
        assert_eq!(recognised(&other, delivery), Err(NotTheirs::WrongSignature));
        assert_eq!(recognised(&none, delivery), Err(NotTheirs::NoSecret));
        let forged = delivery.forged(index * 37);
        assert_eq!(recognised(&rotating, &forged), Err(NotTheirs::WrongSignature));
        let unsigned = Delivery { headers: Vec::new(), ..delivery.clone() };
        assert_eq!(recognised(&rotating, &unsigned), Err(NotTheirs::Unsigned));
    }
    assert!(ids.len() > 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_day_is_the_same_for_the_same_seed_and_nothing_forged_passes() {
    let sim = LemonSqueezy::start().await;
    let (adapter, life) = (adapter(&sim), a_life(&sim).await);
    let disorder = Disorder { times: 3, late: 5, forged: 10 };
    let day = disordered(&life, 7, disorder);
    assert_eq!(day, disordered(&life, 7, disorder));
    assert_ne!(day, disordered(&life, 8, disorder));
    let genuine = day.iter().filter(|it| it.genuine).count();
    assert_eq!(genuine, life.len() * 3);
    assert!(day.len() > genuine);
    for delivery in &day {
        assert_eq!(recognised(&adapter, delivery).is_ok(), delivery.genuine);
    }
}
