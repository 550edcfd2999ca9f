//! A checkout has one order at Razorpay, whatever happens on the way; a payment is taken, confirmed
//! and captured once.

use daybook::processors::Unanswered;
use daybook_events::{Money, ids::OrderId};
use serde_json::{Value, json};

use super::{Scene, order_of};
use crate::{
    harness::Customer,
    simulators::{razorpay::Razorpay, wire::Fault},
};

/// What the check says of the orders under a receipt: there is one, of this sum.
fn one_order(razorpay: &Razorpay, receipt: &str, sum: (i64, &str)) -> Result<String, String> {
    match &razorpay.orders_of(receipt)[..] {
        [(id, amount, currency)] if (*amount, &**currency) == sum => Ok(id.clone()),
        other => Err(format!("{receipt}: {other:?}")),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_is_an_order_at_razorpay_in_subunits_under_our_order_as_its_receipt() {
    let scene = Scene::start().await;
    let (_, checkout) = scene.checkout().await;
    let receipt = checkout["order"]["id"].as_str().unwrap();
    let order = one_order(&scene.razorpay, receipt, (118_000, "INR")).unwrap();
    assert!(receipt.len() <= 40, "Razorpay's limit: {receipt}");
    assert_eq!((order_of(&checkout), &checkout["processor"]), (&*order, &json!("razorpay")));
    let page = format!("{}/checkout/{order}", scene.test.url);
    assert_eq!(checkout["checkoutUrl"], page);
    let options = &checkout["razorpay"];
    assert_eq!((&options["amount"], &options["currency"]), (&json!(118_000), &json!("INR")));
    assert_eq!(
        (&options["key"], &options["order_id"]),
        (&json!("rzp_test_simulated"), &json!(order))
    );
}

/// Asks for a checkout under a key, until it is there.
async fn insist(scene: &Scene, customer: &Customer, key: &str) -> Value {
    let body = json!({ "planId": "pro", "billingCycle": "monthly" });
    for _ in 0..8 {
        let path = "/api/billing/checkout";
        let answer = scene.test.post_keyed(path, &customer.key, key, &body).await;
        if answer.status == 200 {
            return answer.json();
        }
        answer.refused(503, "processor_unavailable");
    }
    panic!("no checkout");
}

#[tokio::test(flavor = "multi_thread")]
async fn however_creating_fails_there_is_one_order_in_the_end() {
    let scene = Scene::start().await;
    for fault in Fault::ALL {
        for times in [1, 5] {
            let customer = scene.test.customer_in("INR").await;
            scene.razorpay.faults().next_times(times, "POST /orders", fault);
            let checkout = insist(&scene, &customer, &format!("{fault:?}-{times}")).await;
            let receipt = checkout["order"]["id"].as_str().unwrap();
            let order = one_order(&scene.razorpay, receipt, (118_000, "INR")).unwrap();
            assert_eq!(order_of(&checkout), order, "{fault:?}");
            scene.razorpay.faults().draw(0, 0);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_whose_answer_is_lost_is_met_by_the_retry_even_where_looking_fails_too() {
    let scene = Scene::start().await;
    let customer = scene.test.customer_in("INR").await;
    scene.razorpay.faults().next("POST /orders", Fault::Silent);
    scene.razorpay.faults().next_times(4, "GET /orders", Fault::Broken);
    let checkout = insist(&scene, &customer, "k").await;
    let made = scene.razorpay.faults().seen().iter().filter(|it| *it == "POST /orders").count();
    assert_eq!(made, 1, "the retry looked");
    let receipt = checkout["order"]["id"].as_str().unwrap();
    one_order(&scene.razorpay, receipt, (118_000, "INR")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn when_a_third_of_everything_fails_there_is_still_one_order_for_each_checkout() {
    let scene = Scene::start().await;
    for seed in 0..8 {
        let customer = scene.test.customer_in("INR").await;
        scene.razorpay.faults().draw(seed, 33);
        let checkout = insist(&scene, &customer, &format!("k{seed}")).await;
        scene.razorpay.faults().draw(0, 0);
        let receipt = checkout["order"]["id"].as_str().unwrap();
        one_order(&scene.razorpay, receipt, (118_000, "INR")).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adapter_that_creates_again_without_looking_is_noticed() {
    let razorpay = Razorpay::start().await;
    razorpay.faults().next("POST /orders", Fault::Silent);
    let body = json!({ "amount": 118_000, "currency": "INR", "receipt": "ord_1", "notes": {} });
    while razorpay.post("/orders", "", &body).await.is_none() {}
    let noticed = one_order(&razorpay, "ord_1", (118_000, "INR")).unwrap_err();
    assert_eq!(razorpay.orders_of("ord_1").len(), 2, "{noticed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sums_go_in_subunits_of_their_currency_and_what_razorpay_cannot_take_is_not_asked() {
    let scene = Scene::start().await;
    for (currency, plan, minor) in
        [("JPY", "pro", 2_200), ("KWD", "starter", 1_500), ("USD", "pro", 1_500)]
    {
        let customer = scene.test.customer_in(currency).await;
        let checkout = scene.test.checkout(&customer, plan).await;
        let receipt = checkout["order"]["id"].as_str().unwrap();
        one_order(&scene.razorpay, receipt, (minor, currency)).unwrap();
    }
    // 4.625 KWD.
    let customer = scene.test.customer_in("KWD").await;
    let before = scene.razorpay.faults().seen().len();
    let body = json!({ "planId": "pro", "billingCycle": "monthly" });
    let answer = scene.test.post("/api/billing/checkout", &customer.key, &body).await;
    answer.refused(502, "processor_refused");
    assert_eq!(scene.razorpay.faults().seen().len(), before, "nothing was sent");

    let processor = scene.test.app.processors.named("razorpay").unwrap();
    let paisa: Money = Money::parse("0.99", "INR".parse().unwrap()).unwrap();
    let order: OrderId = "ord_01900000000070008000000000000001".parse().unwrap();
    let Err(Unanswered::Refused { text, .. }) = processor.started(order, paisa).await else {
        panic!("not refused")
    };
    assert!(text.contains("1.00 INR"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_is_confirmed_by_its_signature_over_the_stored_order_and_no_other() {
    let scene = Scene::start().await;
    let (customer, checkout) = scene.checkout().await;
    let (_, others) = scene.checkout().await;
    let paid = scene.razorpay.pay(order_of(&checkout));
    let elsewhere = scene.razorpay.pay(order_of(&others));
    let before = scene.test.log_position().await;
    let mut changed = paid.clone();
    changed.signature = paid.signature.replacen(&paid.signature[..1], "x", 1);
    let mut swapped = paid.clone();
    swapped.payment_id = elsewhere.payment_id;
    for wrong in [changed, swapped] {
        let path = "/api/billing/checkout/confirm";
        let answer = scene.test.post(path, &customer.key, &wrong.json()).await;
        answer.refused(400, "signature_invalid");
    }
    assert_eq!(scene.test.log_position().await, before);
    let confirmed = scene.test.confirm(&customer, &paid.json()).await;
    assert_eq!(confirmed["subscription"]["status"], "active");
    assert_eq!(scene.count("payment.captured").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authorised_payment_is_captured_once_however_often_it_is_asked() {
    let scene = Scene::start().await;
    let processor = scene.test.app.processors.named("razorpay").unwrap();
    let amount = Money::parse("1180", "INR".parse().unwrap()).unwrap();
    for fault in Fault::ALL {
        let (_, checkout) = scene.checkout().await;
        let paid = scene.razorpay.authorise(order_of(&checkout));
        scene.razorpay.webhooks();
        scene.razorpay.faults().next("POST /payments", fault);
        let first = processor.capture(&paid.payment_id, amount).await;
        assert!(!matches!(first, Err(Unanswered::Refused { .. })), "{fault:?}: {first:?}");
        processor.capture(&paid.payment_id, amount).await.unwrap();
        assert_eq!(scene.razorpay.status_of(&paid.payment_id), "captured");
        assert_eq!(scene.razorpay.webhooks().len(), 2, "payment.captured and order.paid, once");
    }
    let (_, checkout) = scene.checkout().await;
    let paid = scene.razorpay.authorise(order_of(&checkout));
    let less = Money::parse("1179", "INR".parse().unwrap()).unwrap();
    let refused = processor.capture(&paid.payment_id, less).await;
    assert!(matches!(refused, Err(Unanswered::Refused { .. })), "{refused:?}");
    assert_eq!(scene.razorpay.status_of(&paid.payment_id), "authorized");
    let failed = scene.razorpay.fail(order_of(&checkout));
    let refused = processor.capture(&failed, amount).await;
    assert!(matches!(refused, Err(Unanswered::Refused { .. })), "{refused:?}");
}
