//! The simulator speaks as Razorpay does: who may ask, what it signs, and what its messages say.

use daybook::processors::{
    self, Message, NotTheirs,
    news::{DisputeState, News, RefundState},
};
use serde_json::{Value, json};

use super::{Scene, order_of};
use crate::simulators::{
    razorpay::{Razorpay, signed},
    wire::{self, shuffled},
};

fn event_of(message: &wire::Message) -> String {
    processors::interpret("razorpay", &message.body).unwrap().event
}

fn events(razorpay: &Razorpay) -> Vec<String> {
    razorpay.webhooks().iter().map(event_of).collect()
}

impl Scene {
    fn recognises(&self, message: &wire::Message) -> Result<Option<String>, NotTheirs> {
        let processor = self.test.app.processors.named("razorpay").unwrap();
        let headers = message.header_map();
        processor.recognises(&Message { headers: &headers, body: &message.body })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn its_messages_are_recognised_and_forged_ones_are_not() {
    let scene = Scene::start().await;
    let (_, checkout) = scene.checkout().await;
    scene.razorpay.pay(order_of(&checkout));
    let messages = scene.razorpay.webhooks();
    assert_eq!(messages.len(), 3);
    for message in &messages {
        let id = scene.recognises(message).unwrap().unwrap();
        assert!(id.starts_with("evt_"), "{id}");
        let forged = [
            message.clone().with_a_byte_changed(),
            message.clone().written_anew(),
            signed(&id, message.body.clone(), "another-secret"),
        ];
        for forged in forged {
            assert_eq!(scene.recognises(&forged), Err(NotTheirs::WrongSignature));
        }
    }
    // Sent to a ledger, they arrive as they are; nobody listens at this address.
    let url = format!("{}/nowhere", scene.test.url);
    assert_eq!(messages[0].send(&scene.test.client, &url).await, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn its_messages_say_what_has_happened_in_the_order_in_which_it_did() {
    let scene = Scene::start().await;
    let (_, checkout) = scene.checkout().await;
    let order = order_of(&checkout);
    // Late: the bank answers after the payment has failed.
    let payment = scene.razorpay.fail(order);
    let paid = scene.razorpay.authorise_late(order, &payment);
    assert_eq!(paid.payment_id, payment);
    let expected = ["payment.failed", "payment.authorized", "payment.captured", "order.paid"]
        .map(String::from);
    assert_eq!(events(&scene.razorpay), expected);

    scene.razorpay.refund_outside(&payment, 18_000);
    let told = scene.razorpay.webhooks();
    assert_eq!(
        told.iter().map(event_of).collect::<Vec<_>>(),
        ["refund.created", "refund.processed"]
    );
    let News::Refund(refund) = processors::interpret("razorpay", &told[1].body).unwrap().news
    else {
        panic!("no refund")
    };
    assert_eq!(
        (refund.amount.to_string(), refund.state),
        ("180.00 INR".into(), RefundState::Processed)
    );

    let dispute = scene.razorpay.dispute(&payment);
    scene.razorpay.decide(&dispute, "lost");
    let told = scene.razorpay.webhooks();
    let states =
        told.iter().map(|it| match processors::interpret("razorpay", &it.body).unwrap().news {
            News::Dispute(dispute) => (dispute.state, dispute.deducted.to_string()),
            other => panic!("{other:?}"),
        });
    let expected =
        [(DisputeState::Open, "0.00 INR".into()), (DisputeState::Lost, "1180.00 INR".into())];
    assert_eq!(states.collect::<Vec<_>>(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_come_as_often_as_told_in_the_order_of_a_seed() {
    let scene = Scene::start().await;
    let (_, checkout) = scene.checkout().await;
    scene.razorpay.pay(order_of(&checkout));
    let messages = scene.razorpay.webhooks();
    let one = shuffled(&messages, 3, 1);
    assert_eq!(one.len(), 9);
    assert_eq!(one, shuffled(&messages, 3, 1));
    assert!((2..6).any(|seed| shuffled(&messages, 3, seed) != one));
    assert!(messages.iter().all(|message| one.iter().filter(|it| *it == message).count() == 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn refunds_are_idempotent_by_key_and_body() {
    let scene = Scene::start().await;
    let (_, paid) = scene.subscriber().await;
    let path = format!("/payments/{}/refund", paid.payment_id);
    let body = json!({ "amount": 18_000, "receipt": "one" });
    let ask = async |key: &str, body: Value| scene.razorpay.post(&path, key, &body).await.unwrap();
    let first = ask("key-0000000001", body.clone()).await;
    assert_eq!(ask("key-0000000001", body.clone()).await, first);
    let other = ask("key-0000000001", json!({ "amount": 17_000, "receipt": "one" })).await;
    assert!(other["error"]["description"].as_str().unwrap().contains("Different request body"));
    assert_eq!(ask("short", body).await["error"]["code"], "BAD_REQUEST_ERROR");
    assert_eq!(scene.razorpay.refunded(&paid.payment_id), (1, 18_000));
    let more = ask("key-0000000002", json!({ "amount": 118_000, "receipt": "two" })).await;
    assert!(
        more["error"]["description"].as_str().unwrap().contains("greater than amount captured")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_beyond_razorpays_limits_are_refused() {
    let razorpay = Razorpay::start().await;
    let many: serde_json::Map<_, _> = (0..16).map(|n| (n.to_string(), json!("x"))).collect();
    let order = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut order = json!({ "amount": 100, "currency": "INR", "receipt": "r", "notes": {} });
        change(&mut order);
        order
    };
    for wrong in [
        order(&|it| it["amount"] = json!(99)),
        order(&|it| it["amount"] = json!("100")),
        order(&|it| it["receipt"] = json!("r".repeat(41))),
        order(&|it| it["notes"] = json!(many)),
        order(&|it| it["extra"] = json!(1)),
        order(&|it| (it["currency"], it["amount"]) = (json!("KWD"), json!(1_001))),
    ] {
        let refused = razorpay.post("/orders", "", &wrong).await.unwrap();
        assert_eq!(refused["error"]["code"], "BAD_REQUEST_ERROR", "{wrong}");
    }
    let made = razorpay.post("/orders", "", &order(&|_| ())).await.unwrap();
    assert_eq!((&made["status"], &made["notes"]), (&json!("created"), &json!([])));
    razorpay.takes_its_key(false);
    let refused = razorpay.post("/orders", "", &order(&|_| ())).await.unwrap();
    assert!(refused["error"]["description"].as_str().unwrap().contains("api key"));
}
