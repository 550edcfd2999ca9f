//! Refunds whose answers are lost: never sent twice at Razorpay, never lost in the books.

use daybook::settlement::refund;
use daybook_events::{
    commands::{RecordRefund, RefundOutcome},
    event::RefundRequested,
    ids::AccountId,
};
use serde_json::{Value, json};

use super::Scene;
use crate::{
    harness::Customer,
    simulators::{
        razorpay::{Paid, Razorpay},
        wire::Fault,
    },
};

const ALL: i64 = 118_000;

/// What the check says of a payment that was refunded in full: once, and all of it.
fn refunded_once(razorpay: &Razorpay, paid: &Paid) -> Result<(), String> {
    match razorpay.refunded(&paid.payment_id) {
        (1, ALL) => Ok(()),
        other => Err(format!("{}: {other:?}", paid.payment_id)),
    }
}

impl Scene {
    /// Asks for everything back: the ledger's status of the refund.
    async fn refund(&self, customer: &Customer) -> String {
        let body = json!({ "reason": "customer_request" });
        let made = self.test.post("/api/refunds", &customer.key, &body).await.ok();
        let refunds = made["refunds"].as_array().unwrap();
        assert_eq!(refunds.len(), 1, "{made}");
        refunds[0]["status"].as_str().unwrap().to_owned()
    }

    /// The one refund of a customer, as its request was recorded.
    async fn requested(&self, customer: &Customer) -> (AccountId, RefundRequested) {
        let stream = format!("account:{}", customer.account_id);
        let path = format!("/api/ledger/events?type=refund.requested&stream={stream}");
        let events = self.test.get(&path, &self.test.super_key).await.ok();
        let requested = serde_json::from_value(events["data"][0]["payload"].clone()).unwrap();
        (customer.account_id.parse().unwrap(), requested)
    }

    /// Asks again what came of a refund, as the reconciler does, and records the answer.
    async fn ask_again(&self, customer: &Customer) -> Option<RefundOutcome> {
        let (account_id, requested) = self.requested(customer).await;
        let outcome =
            refund::ask(&self.test.app, account_id, requested.refund_id).await.unwrap()?;
        let refund_id = requested.refund_id;
        let command = RecordRefund { account_id, refund_id, outcome: outcome.clone() };
        self.test.submit(command).await.unwrap();
        Some(outcome)
    }

    /// The customer's refund, as the ledger shows it.
    async fn shown(&self, customer: &Customer) -> Value {
        let path = format!("/api/accounts/{}/refunds", customer.account_id);
        let refunds = self.test.get(&path, &customer.key).await.ok();
        refunds["data"][0].clone()
    }

    /// Asks for a refund and again for it, until the ledger knows how it ended.
    async fn insist(&self, customer: &Customer) -> usize {
        let mut asked = 1;
        if self.refund(customer).await == "requested" {
            while self.ask_again(customer).await.is_none() {
                asked += 1;
                assert!(asked < 20, "no refund");
            }
        }
        asked
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn however_a_refund_fails_on_the_way_it_is_sent_once_and_booked_once() {
    let scene = Scene::start().await;
    for fault in Fault::ALL {
        // Less often than the adapter tries, and more often.
        for times in [1, 4, 6] {
            let (customer, paid) = scene.subscriber().await;
            scene.razorpay.faults().next_times(times, "POST /payments", fault);
            scene.insist(&customer).await;
            assert_eq!(refunded_once(&scene.razorpay, &paid), Ok(()), "{fault:?}");
            let shown = scene.shown(&customer).await;
            assert_eq!(shown["status"], "processed", "{fault:?} {times}: {shown}");
            scene.razorpay.faults().draw(0, 0);
        }
    }
    let (requested, processed) =
        (scene.count("refund.requested").await, scene.count("refund.processed").await);
    assert_eq!((requested, processed, scene.count("refund.failed").await), (18, 18, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn when_a_third_of_everything_fails_refunds_are_still_sent_once() {
    let scene = Scene::start().await;
    for seed in 0..8 {
        let (customer, paid) = scene.subscriber().await;
        scene.razorpay.faults().draw(seed, 33);
        scene.insist(&customer).await;
        scene.razorpay.faults().draw(0, 0);
        assert_eq!(refunded_once(&scene.razorpay, &paid), Ok(()), "seed {seed}");
        assert_eq!(scene.shown(&customer).await["status"], "processed", "seed {seed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_under_way_waits_and_one_that_failed_is_said_to_have_failed() {
    let scene = Scene::start().await;
    scene.razorpay.refunds_take_their_time();
    for (status, kept) in [("processed", 1), ("failed", 0)] {
        let (customer, paid) = scene.subscriber().await;
        assert_eq!(scene.refund(&customer).await, "requested");
        assert_eq!(scene.ask_again(&customer).await, None);
        scene.razorpay.settle_refunds(status);
        let outcome = scene.ask_again(&customer).await.unwrap();
        assert_eq!(matches!(outcome, RefundOutcome::Processed(_)), status == "processed");
        assert_eq!(scene.shown(&customer).await["status"], status);
        assert_eq!(scene.razorpay.refunded(&paid.payment_id).0, kept);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_arrived_and_came_back_is_owed_again() {
    let scene = Scene::start().await;
    let (customer, paid) = scene.subscriber().await;
    assert_eq!(scene.refund(&customer).await, "processed");
    scene.razorpay.refunds_come_back(&paid.payment_id);
    assert_eq!(scene.ask_again(&customer).await, None, "what has its answer is not asked for");
    scene.send(&scene.razorpay.webhooks()).await;
    scene.read().await;
    let shown = scene.shown(&customer).await;
    assert_eq!((&shown["status"], &shown["sent"]["amount"]), (&json!("failed"), &json!("0.00")));
    let (account_id, requested) = scene.requested(&customer).await;
    let sent = RefundOutcome::Processed(shown["processor_refund_id"].as_str().unwrap().to_owned());
    let late = RecordRefund { account_id, refund_id: requested.refund_id, outcome: sent };
    assert!(scene.test.submit(late).await.is_err(), "it is not sent again by a late word");
    assert_eq!(scene.count("refund.processed").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_another_process_is_asking_for_is_no_refusal() {
    let scene = Scene::start().await;
    let (customer, paid) = scene.subscriber().await;
    scene.razorpay.faults().next("POST /payments", Fault::BusyForLong);
    assert_eq!(scene.refund(&customer).await, "requested");
    let (_, requested) = scene.requested(&customer).await;
    let key = requested.refund_id.to_string();
    scene.razorpay.in_progress(&key, true);
    assert_eq!(scene.ask_again(&customer).await, None);
    scene.razorpay.in_progress(&key, false);
    assert!(matches!(scene.ask_again(&customer).await, Some(RefundOutcome::Processed(_))));
    assert_eq!(refunded_once(&scene.razorpay, &paid), Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_razorpay_refuses_is_refused_unless_the_refund_is_our_own() {
    let scene = Scene::start().await;
    // Somebody was quicker, in Razorpay's dashboard.
    let (customer, paid) = scene.subscriber().await;
    scene.razorpay.refund_outside(&paid.payment_id, ALL);
    assert_eq!(scene.refund(&customer).await, "failed");
    let reason = scene.shown(&customer).await.to_string();
    assert!(reason.contains("fully refunded already"), "{reason}");

    // The answer was lost, and the key was forgotten since: the receipt is not.
    let (customer, paid) = scene.subscriber().await;
    scene.razorpay.faults().next_times(4, "POST /payments", Fault::Silent);
    scene.razorpay.faults().next_times(4, "GET /payments", Fault::Broken);
    assert_eq!(scene.refund(&customer).await, "requested");
    scene.razorpay.faults().draw(0, 0);
    scene.razorpay.forgets_keys();
    assert!(matches!(scene.ask_again(&customer).await, Some(RefundOutcome::Processed(_))));
    assert_eq!(refunded_once(&scene.razorpay, &paid), Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_razorpay_does_not_take_fails_no_refund() {
    let scene = Scene::start().await;
    let (customer, paid) = scene.subscriber().await;
    scene.razorpay.takes_its_key(false);
    assert_eq!(scene.refund(&customer).await, "requested");
    assert_eq!(scene.ask_again(&customer).await, None);
    scene.razorpay.takes_its_key(true);
    assert!(matches!(scene.ask_again(&customer).await, Some(RefundOutcome::Processed(_))));
    assert_eq!(refunded_once(&scene.razorpay, &paid), Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adapter_that_takes_a_new_key_for_each_try_is_noticed() {
    let scene = Scene::start().await;
    let (_, paid) = scene.subscriber().await;
    let path = format!("/payments/{}/refund", paid.payment_id);
    let half = json!({ "amount": ALL / 2, "receipt": "rfd_1" });
    scene.razorpay.faults().next("POST /payments", Fault::Silent);
    for key in ["key-0000000001", "key-0000000002"] {
        scene.razorpay.post(&path, key, &half).await;
    }
    // As much as was paid, and yet not once.
    assert_eq!(scene.razorpay.refunded(&paid.payment_id), (2, ALL));
    assert!(refunded_once(&scene.razorpay, &paid).is_err());
}
