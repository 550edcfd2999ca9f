//! A receiver that compares what each delivery says was told before with what it has got notices
//! every delivery that is missing; the body stays as it is specified.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::receiver::{Act, Received, Receiver, deliveries, endpoint, round, start};
use crate::{
    bad_input::scene::text,
    harness::{Customer, TestApp},
};

/// The receiver's part: the positions after which something is missing, by account.
fn gaps(got: &[Received]) -> Vec<i64> {
    let mut last = HashMap::new();
    let mut missing = Vec::new();
    for received in got {
        let account = received.json()["data"]["account_id"].to_string();
        let before = last.insert(account, received.position("daybook-position")).unwrap_or(0);
        if received.position("daybook-previous-position") != before {
            missing.push(before);
        }
    }
    missing
}

async fn busy(test: &TestApp) -> Vec<Customer> {
    let mut customers = Vec::new();
    for plan in ["pro", "starter"] {
        customers.push(test.subscriber(plan).await);
    }
    for customer in &customers {
        test.post("/api/billing/cancel", &customer.key, &json!({})).await.ok();
    }
    customers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_is_missing_is_noticed_and_only_then() {
    let test = start().await;
    let receiver = Receiver::start(Act::Answer(200, "")).await;
    endpoint(&test, &test.super_key, &receiver.url(), "standard").await;
    busy(&test).await;
    round(&test).await;
    let got = receiver.got();
    assert!(got.len() > 12, "{}", got.len());
    assert_eq!(gaps(&got), Vec::<i64>::new());
    // Every single one that is dropped leaves a gap behind it, but for the last of an account.
    let mut noticed = 0;
    for dropped in 0..got.len() {
        let mut rest = got.clone();
        let gone = rest.remove(dropped);
        let account = gone.json()["data"]["account_id"].clone();
        let later = rest[dropped..].iter().any(|it| it.json()["data"]["account_id"] == account);
        assert_eq!(gaps(&rest).len(), usize::from(later), "{:?}", gone.headers);
        noticed += usize::from(later);
    }
    assert!(noticed > 10, "{noticed}");
}

/// What an endpoint does not ask for is no gap: it hears of what it would have been sent.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_asked_for_is_no_gap() {
    let test = start().await;
    let receiver = Receiver::start(Act::Answer(200, "")).await;
    let body = json!({
        "url": receiver.url(), "format": "standard",
        "events": ["invoice.paid", "subscription.cancellation_scheduled", "invoice.paid"],
    });
    let made = test.post("/api/webhooks/endpoints", &test.super_key, &body).await.ok();
    assert_eq!(made["events"], json!(["invoice.paid", "subscription.cancellation_scheduled"]));
    busy(&test).await;
    round(&test).await;
    let got = receiver.got();
    let types: Vec<_> = got.iter().map(|it| text(&it.json()["type"])).collect();
    assert_eq!(types.iter().filter(|it| *it == "invoice.paid").count(), 2, "{types:?}");
    assert_eq!(types.len(), 4, "{types:?}");
    assert_eq!(gaps(&got), Vec::<i64>::new());
}

/// An account's own endpoint hears that account and nobody else.
#[tokio::test(flavor = "multi_thread")]
async fn an_accounts_endpoint_hears_that_account_alone() {
    let test = start().await;
    let (receiver, everything) =
        (Receiver::start(Act::Answer(200, "")).await, Receiver::start(Act::Answer(200, "")).await);
    let ada = test.customer().await;
    let own = endpoint(&test, &ada.key, &receiver.url(), "standard").await;
    assert_eq!(own["account_id"], ada.account_id.as_str());
    endpoint(&test, &test.super_key, &everything.url(), "standard").await;
    let checkout = test.checkout(&ada, "pro").await;
    test.pay_and_confirm(&ada, &checkout).await;
    let bob = test.subscriber("pro").await;
    round(&test).await;
    let accounts = |receiver: &Receiver| {
        let told = receiver.got().into_iter().map(|it| it.json()["data"]["account_id"].clone());
        told.map(|id| id.as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let heard = accounts(&receiver);
    assert!(heard.len() >= 4 && heard.iter().all(|id| *id == ada.account_id), "{heard:?}");
    assert!(accounts(&everything).contains(&bob.account_id));
    assert_eq!(deliveries(&test, &own).await.len(), heard.len());
    // Nothing personal is in any of it: the customer is Ada.
    for received in everything.got() {
        let body: Value = received.json();
        assert!(!body.to_string().contains("\"Ada\""), "{body}");
        assert!(received.body.len() < 20_000);
    }
}
