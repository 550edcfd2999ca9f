//! Subscriptions that a processor runs, over HTTP: what they show, and what is written before the
//! processor is asked.

use daybook_events::{
    Event,
    commands::{
        ConfirmPayment, FollowProcessor, LinkSubscription, PlaceOrder, PlanChangeOutcome,
        SettlePlanChange, StartCheckout,
    },
    event::{AccountEvent, OrderEvent},
    ids::{AccountId, OrderId},
    period::Cycle,
    store::Receipt,
    testing,
};
use serde_json::{Value, json};

use crate::harness::{Customer, TestApp};

const ME: &str = "/api/billing/subscription/me";
const CHANGE: &str = "/api/billing/plan-change";

fn ordered(receipt: &Receipt) -> OrderId {
    let placed = receipt.events.iter().find_map(|recorded| match &recorded.event {
        Event::Account(AccountEvent::Order(OrderEvent::OrderPlaced(it))) => Some(it.order_id),
        _ => None,
    });
    placed.unwrap()
}

/// A customer of the merchant's: ordered, linked and paid.
async fn run_by_merchant(test: &TestApp) -> (Customer, AccountId) {
    let customer = test.customer().await;
    let account_id = customer.account_id.parse().unwrap();
    let order = PlaceOrder { account_id, ..testing::order_at_merchant() };
    let order_id = ordered(&test.submit(order).await.unwrap());
    let processor_order_id = "ls_order".to_owned();
    let checkout = StartCheckout {
        account_id,
        order_id,
        processor: testing::MERCHANT_PROCESSOR.into(),
        processor_order_id,
        returns: Default::default(),
        merchant_of_record: true,
    };
    test.submit(checkout).await.unwrap();
    let link = LinkSubscription { account_id, ..testing::link(order_id) };
    test.submit(link).await.unwrap();
    let paid = ConfirmPayment { account_id, ..testing::confirm("ls_order", "ls_payment") };
    test.submit(paid).await.unwrap();
    (customer, account_id)
}

async fn me(test: &TestApp, customer: &Customer) -> Value {
    test.get(ME, &customer.key).await.ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_shown_with_who_runs_it_and_its_receipts() {
    let test = TestApp::start().await;
    let (customer, _) = run_by_merchant(&test).await;
    let shown = me(&test, &customer).await;
    let run_by = json!({ "processor": "lemonsqueezy", "subscriptionId": "ls_1" });
    assert_eq!((&shown["runBy"], &shown["requestedPlan"]), (&run_by, &Value::Null));
    let invoice = test.newest_invoice(&customer).await;
    assert_eq!(invoice["number"], "RC-2026-000001");
    assert!(invoice.to_string().contains("Sold by Lemon Squeezy"), "{invoice}");
    // No ladder of ours follows.
    assert_eq!(invoice["dunning"], json!([]));
    test.at("2027-01-01T00:00:00Z");
    let due = testing::settle_due();
    let account_id = customer.account_id.parse().unwrap();
    let nothing = test.submit(daybook_events::commands::SettleDue { account_id, ..due }).await;
    assert_eq!(nothing.unwrap_err().to_string(), "nothing has fallen due on this account");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_is_written_and_stands_where_the_processor_is_not_reached() {
    let test = TestApp::start().await;
    let (customer, _) = run_by_merchant(&test).await;
    let path = "/api/billing/cancel";
    let refused = test.post_keyed(path, &customer.key, "cancel-1", &json!({})).await;
    refused.refused(503, "processor_unavailable");
    assert_eq!(me(&test, &customer).await["cancelAt"], "2026-06-01T00:00:00.000000Z");
    // The same call again asks again, and writes nothing more.
    let before = test.log_position().await;
    let again = test.post_keyed(path, &customer.key, "cancel-1", &json!({})).await;
    again.refused(503, "processor_unavailable");
    assert_eq!(test.log_position().await, before);
    let resumed = test.post("/api/billing/resume", &customer.key, &json!({})).await;
    resumed.refused(503, "processor_unavailable");
    assert_eq!(me(&test, &customer).await["cancelAt"], Value::Null);
    let patched = json!({ "cancelAtPeriodEnd": true });
    let one =
        format!("/api/billing/subscription/{}", me(&test, &customer).await["id"].as_str().unwrap());
    let patched = Some(patched.to_string().into_bytes());
    let answer = test.send("PATCH", &one, &test.super_key, &[], patched).await;
    answer.refused(503, "processor_unavailable");
    let v1 = test.send(
        "DELETE",
        "/api/v1/billing/subscription?immediately=true",
        &customer.key,
        &[],
        None,
    );
    assert_eq!(v1.await.status, 503);
    assert_eq!(me(&test, &customer).await["status"], "ended");
    // Of what the ledger runs nobody is asked.
    let own = test.subscriber("pro").await;
    test.post("/api/billing/cancel", &own.key, &json!({})).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_change_is_estimated_requested_and_made_by_the_processor() {
    let test = TestApp::start().await;
    let (customer, account_id) = run_by_merchant(&test).await;
    test.at("2026-05-16T12:00:00Z");
    let starter = json!({ "planId": "starter" });
    let shown = test.post("/api/billing/plan-change/preview", &customer.key, &starter).await.ok();
    assert_eq!((&shown["status"], &shown["binding"]), (&json!("requested"), &json!(false)));
    assert_eq!(shown["estimate"], json!({ "credit": "7.50", "charge": "2.50" }));
    let asked = test.post(CHANGE, &customer.key, &starter).await;
    asked.refused(503, "processor_unavailable");
    assert_eq!(me(&test, &customer).await["requestedPlan"]["slug"], "starter");
    test.refuses(CHANGE, &customer.key, &starter, "409 plan_change_pending").await;
    test.submit(SettlePlanChange { account_id, outcome: PlanChangeOutcome::Done }).await.unwrap();
    test.settle().await;
    let now = me(&test, &customer).await;
    assert_eq!((&now["plan"]["slug"], &now["requestedPlan"]), (&json!("starter"), &Value::Null));
    let later = json!({ "planId": "pro", "atPeriodEnd": true });
    test.refuses(CHANGE, &customer.key, &later, "409 subscription_run_by_processor").await;
    let word = FollowProcessor {
        account_id,
        plan: Some(("pro".into(), Cycle::Monthly)),
        ..testing::word("past_due", "2026-05-16T12:00:00Z")
    };
    test.submit(word).await.unwrap();
    test.settle().await;
    let now = me(&test, &customer).await;
    assert_eq!((&now["plan"]["slug"], &now["status"]), (&json!("pro"), &json!("past_due")));
}
