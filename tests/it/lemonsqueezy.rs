//! Lemon Squeezy's adapter against a simulated Lemon Squeezy, over real HTTP, under every fault.

mod checkouts;
mod ledger;
mod lists;
mod messages;
mod refunds;
mod subscriptions;

use std::sync::Arc;

use daybook::processors::{
    Checkout, Processor, Started, Unanswered, lemonsqueezy::LemonSqueezy as Adapter, settings,
};
use daybook_events::{
    Currency, Money,
    event::HeldPlan,
    ids::{Id, OrderId, PlanId},
    period::Cycle,
};
use uuid::Uuid;

use crate::{
    harness::TestApp,
    simulators::lemonsqueezy::{Fault, LemonSqueezy, Paid},
};

/// Every fault after which the adapter can know how it ended, though it may take a second try.
const FAULTS: [Fault; 8] = [
    Fault::DoneUnanswered,
    Fault::Undone,
    Fault::DoneBadGateway,
    Fault::Error,
    Fault::Busy(None),
    Fault::Busy(Some(0)),
    Fault::Truncated,
    Fault::Slow,
];

fn adapter(sim: &LemonSqueezy) -> Arc<Adapter> {
    Arc::new(Adapter::new(sim.settings()).unwrap())
}

fn usd(cents: i64) -> Money {
    Money::from_minor(i128::from(cents), Currency::USD).unwrap()
}

fn plan(slug: &str, cycle: Cycle, cents: i64) -> HeldPlan {
    HeldPlan {
        plan_id: PlanId::from_uuid(Uuid::nil()),
        number: "1".to_owned(),
        slug: slug.to_owned(),
        name: slug.to_owned(),
        plan_type: slug.to_owned(),
        revision: 1,
        cycle,
        price: usd(cents),
        limits: Default::default(),
    }
}

fn pro() -> HeldPlan {
    plan("pro", Cycle::Monthly, 5_000)
}

fn order_id() -> OrderId {
    "ord_01900000000070008000000000000001".parse().unwrap()
}

fn order() -> Checkout {
    Checkout {
        order_id: order_id(),
        number: "O-1".to_owned(),
        amount: usd(5_000),
        plan: pro(),
        coupon: None,
        email: Some("a@example.com".to_owned()),
        name: Some("A Example".to_owned()),
        expires_at: Some("2026-10-30T15:20:06Z".parse().unwrap()),
        success_url: Some("https://panel.example/billing?success=true".to_owned()),
        asked_before: false,
    }
}

/// A ledger whose orders Lemon Squeezy takes.
async fn selling_there(sim: &LemonSqueezy) -> TestApp {
    let settings =
        settings::Settings { lemonsqueezy: Some(sim.settings()), ..settings::Settings::default() };
    TestApp::start_with_processors(&settings).await
}

/// Somebody who has bought `pro` for 50.00, and 10.00 of tax on top.
async fn bought(sim: &LemonSqueezy, adapter: &Adapter) -> Paid {
    let Started { processor_order_id, .. } = adapter.start(&order()).await.unwrap();
    sim.pay(&processor_order_id)
}

#[track_caller]
fn refused<T: std::fmt::Debug>(answer: Result<T, Unanswered>, says: &str) {
    match answer {
        Err(Unanswered::Refused { text, .. }) => assert!(text.contains(says), "{text}"),
        other => panic!("not refused: {other:?}"),
    }
}
