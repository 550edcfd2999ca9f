//! Races over real connections: two servers on one database, two requests at once, one outcome.

use std::sync::Arc;

use daybook::{
    app::{App, Face},
    http::{
        self,
        server::{self, Limits},
    },
};
use daybook_events::{
    Currency, Recorded,
    commands::SettleDue,
    ids::AccountId,
    invariants::Invariants,
    store::Options,
    testing::{coupon_terms, offer_on},
};
use serde_json::{Value, json};

use crate::{
    harness::{Answered, Customer, TestApp, opening},
    log::{ask, assert_sound},
};

/// How often each race is run.
const ROUNDS: usize = 12;

/// A second server on the database of the first, with a ledger and connections of its own.
struct Other {
    app: Arc<App>,
    url: String,
}

async fn beside(test: &TestApp) -> Other {
    let mut options = Options::default();
    options.clock = test.clock.clone();
    let listener = server::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let face = Face { public_url: url.clone(), currency: Currency::USD, upgrade_url: None };
    let app = Arc::new(
        App::open(
            test.db.pool().await,
            options,
            &opening(),
            face,
            &daybook::processors::settings::Settings::default(),
        )
        .await
        .unwrap(),
    );
    let filter = http::filter(app.clone(), Limits::default());
    tokio::spawn(server::serve(listener, filter, Limits::default(), std::future::pending()));
    Other { app, url }
}

async fn post(test: &TestApp, url: &str, path: &str, key: &str, body: &Value) -> Answered {
    let request = test.client.post(format!("{url}{path}")).bearer_auth(key);
    let response = request.body(body.to_string()).send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answered { status, headers, text: response.text().await.unwrap() }
}

/// Two requests at once, one to each server.
async fn race(
    test: &TestApp,
    other: &Other,
    one: (&str, &str, Value),
    two: (&str, &str, Value),
) -> (Answered, Answered) {
    tokio::join!(
        post(test, &test.url, one.0, one.1, &one.2),
        post(test, &other.url, two.0, two.1, &two.2),
    )
}

fn of_account(log: &[Recorded], customer: &Customer, type_name: &str) -> usize {
    let id: AccountId = customer.account_id.parse().unwrap();
    let own = log.iter().filter(|recorded| recorded.account() == Some(id));
    own.filter(|recorded| recorded.event.type_name() == type_name).count()
}

async fn assert_unbroken(test: &TestApp) -> Vec<Recorded> {
    let log = assert_sound(&test.db).await;
    let mut invariants = Invariants::default();
    log.iter().for_each(|recorded| invariants.read(recorded));
    assert_eq!(invariants.breaches(), []);
    log
}

async fn customers(test: &TestApp) -> Vec<Customer> {
    let mut customers = Vec::new();
    for _ in 0..ROUNDS {
        customers.push(test.subscriber("pro").await);
    }
    customers
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_renewals_one_happens() {
    let test = TestApp::start().await;
    let customers = customers(&test).await;
    let other = beside(&test).await;
    test.at("2026-06-01T00:00:00Z");
    for customer in &customers {
        let account_id = customer.account_id.parse().unwrap();
        let due = || ask(SettleDue { account_id, until: None });
        let (one, two) = tokio::join!(test.app.submit(due()), other.app.submit(due()));
        assert_eq!(usize::from(one.is_ok()) + usize::from(two.is_ok()), 1);
    }
    let log = assert_unbroken(&test).await;
    for customer in &customers {
        assert_eq!(of_account(&log, customer, "subscription.renewed"), 1);
        assert_eq!(of_account(&log, customer, "invoice.issued"), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_customers_one_gets_the_last_coupon() {
    let test = TestApp::start().await;
    let other = beside(&test).await;
    for round in 0..ROUNDS {
        let code = format!("LAST{round}");
        let terms =
            daybook_events::coupon::CouponTerms { max_redemptions: Some(1), ..coupon_terms("50") };
        test.submit(offer_on(&code, terms)).await.unwrap();
        let (ada, bob) = (test.customer().await, test.customer().await);
        let order = json!({ "planId": "pro", "billingCycle": "monthly", "couponCode": code });
        let path = "/api/billing/checkout";
        let (one, two) =
            race(&test, &other, (path, &ada.key, order.clone()), (path, &bob.key, order)).await;
        let (won, lost) = if one.status == 200 { (one, two) } else { (two, one) };
        assert_eq!(won.ok()["amount"], "7.50");
        lost.refused(409, "coupon_exhausted");
    }
    assert_unbroken(&test).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_and_a_resumption_have_one_outcome() {
    let test = TestApp::start().await;
    let customers = customers(&test).await;
    let other = beside(&test).await;
    for customer in &customers {
        let key = customer.key.as_str();
        test.post("/api/billing/cancel", key, &json!({})).await.ok();
        let cancel = ("/api/billing/cancel", key, json!({}));
        let (resumed, cancelled) =
            race(&test, &other, ("/api/billing/resume", key, json!({})), cancel).await;
        resumed.ok();
        let ends = match cancelled.status {
            // It came after the resumption.
            200 => true,
            // It came before, when there was nothing left to cancel.
            _conflict => {
                cancelled.refused(409, "cancellation_already_scheduled");
                false
            }
        };
        test.settle().await;
        let me = test.get("/api/billing/subscription/me", key).await.ok();
        assert_eq!(me["cancelAtPeriodEnd"], json!(ends));
    }
    assert_unbroken(&test).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_change_at_the_boundary_comes_after_the_renewal() {
    let test = TestApp::start().await;
    let customers = customers(&test).await;
    let other = beside(&test).await;
    test.at("2026-06-01T00:00:00Z");
    for customer in &customers {
        let account_id = customer.account_id.parse().unwrap();
        let change = json!({ "planId": "business", "billingCycle": "monthly" });
        let due = ask(SettleDue { account_id, until: None });
        let (changed, settled) = tokio::join!(
            post(&test, &test.url, "/api/billing/plan-change", &customer.key, &change),
            other.app.submit(due),
        );
        changed.ok();
        drop(settled);
    }
    let log = assert_unbroken(&test).await;
    for customer in &customers {
        assert_eq!(of_account(&log, customer, "subscription.renewed"), 1);
        assert_eq!(of_account(&log, customer, "subscription.plan_changed"), 1);
        // The first, the renewal's, the change's; the renewal's was taken back whole.
        assert_eq!(of_account(&log, customer, "invoice.issued"), 3);
        assert_eq!(of_account(&log, customer, "credit_note.issued"), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_and_a_plan_change_have_one_outcome() {
    let test = TestApp::start().await;
    let customers = customers(&test).await;
    let other = beside(&test).await;
    test.at("2026-05-03T00:00:00Z");
    for customer in &customers {
        let key = customer.key.as_str();
        let refund = ("/api/refunds", key, json!({ "reason": "changed my mind" }));
        let change = ("/api/billing/plan-change", key, json!({ "planId": "business" }));
        let (refunded, changed) = race(&test, &other, refund, change).await;
        refunded.ok();
        if changed.status != 200 {
            changed.refused(404, "no_subscription");
        }
        test.settle().await;
        let me = test.get("/api/billing/subscription/me", key).await.ok();
        assert_eq!((&me["status"], &me["endReason"]), (&json!("ended"), &json!("refunded")));
    }
    let log = assert_unbroken(&test).await;
    for customer in &customers {
        // Whichever came first, what was paid goes back once and nothing stays due.
        assert_eq!(of_account(&log, customer, "refund.requested"), 1);
        assert_eq!(of_account(&log, customer, "refund.processed"), 1);
    }
    let due = test.get("/api/accounts", &test.super_key).await.ok();
    for account in due["data"].as_array().unwrap() {
        assert_eq!(account["credit"]["amount"], "0.00");
    }
}
