//! The four webhooks of v1: byte for byte of the shape that the page prints, signed as its verifier
//! checks.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::receiver::{Act, Received, Receiver, endpoint, round, start};
use crate::{bad_input::scene::text, harness::TestApp};

/// The page's examples, with its values.
const PRINTED: [&str; 4] = [
    r#"{"event":"subscription_created","data":{"subscription_id":"sub_abc123","plan":"pro","customer_email":"user@example.com"}}"#,
    r#"{"event":"subscription_updated","data":{"subscription_id":"sub_abc123","plan":"pro","status":"active"}}"#,
    r#"{"event":"subscription_canceled","data":{"subscription_id":"sub_abc123","effective_date":"2026-06-01T00:00:00Z"}}"#,
    r#"{"event":"refund_processed","data":{"refund_id":"ref_xyz","amount":1500,"reason":"customer_request","eligibility":{"type":"full","days_since_subscription":3}}}"#,
];

/// A body with the ledger's own ids replaced by the page's.
fn as_printed(received: &Received) -> String {
    let data = &received.json()["data"];
    let mut body = String::from_utf8(received.body.clone()).unwrap();
    for (field, printed) in [("subscription_id", "sub_abc123"), ("refund_id", "ref_xyz")] {
        if let Some(id) = data[field].as_str() {
            body = body.replace(id, printed);
        }
    }
    body
}

/// The page's verifier: `createHmac('sha256', secret).update(payload).digest('hex')`.
fn verifies(received: &Received, secret: &str) -> bool {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(&received.body);
    let digest: String = mac.finalize().into_bytes().iter().map(|it| format!("{it:02x}")).collect();
    digest == received.header("x-signature")
}

/// What was sent since something was sent last.
async fn sent(test: &TestApp, receiver: &Receiver, seen: &mut usize) -> Vec<Received> {
    round(test).await;
    let got = receiver.got();
    let new = got[*seen..].to_vec();
    *seen = got.len();
    new
}

#[tokio::test(flavor = "multi_thread")]
async fn the_four_are_sent_as_they_are_printed() {
    let test = start().await;
    let receiver = Receiver::start(Act::Answer(200, "")).await;
    let made = endpoint(&test, &test.super_key, &receiver.url(), "v1").await;
    let secret = text(&made["secret"]);
    let mut seen = 0;
    let billing = json!({ "name": "Ada", "country": "GB", "email": "user@example.com" });
    let customer = test.customer_with("USD", billing).await;
    let checkout = test.checkout(&customer, "pro").await;
    test.pay_and_confirm(&customer, &checkout).await;
    let created = sent(&test, &receiver, &mut seen).await;
    assert_eq!(created.iter().map(as_printed).collect::<Vec<_>>(), [PRINTED[0]]);

    test.post("/api/billing/cancel", &customer.key, &json!({})).await.ok();
    let canceled = sent(&test, &receiver, &mut seen).await;
    assert_eq!(canceled.iter().map(as_printed).collect::<Vec<_>>(), [PRINTED[2]]);

    test.post("/api/billing/resume", &customer.key, &json!({})).await.ok();
    let updated = sent(&test, &receiver, &mut seen).await;
    assert_eq!(updated.iter().map(as_printed).collect::<Vec<_>>(), [PRINTED[1]]);

    test.at("2026-05-04T00:00:00Z");
    let refund = json!({ "reason": "customer_request" });
    test.post("/api/refunds", &customer.key, &refund).await.ok();
    let refunded = sent(&test, &receiver, &mut seen).await;
    let printed: Vec<_> = refunded.iter().map(as_printed).collect();
    assert!(printed.contains(&PRINTED[3].to_owned()), "{printed:?}");
    // It ends the subscription, which nobody had announced.
    let ended = PRINTED[2].replace("2026-06-01", "2026-05-04");
    assert!(printed.contains(&ended) && printed.len() == 2, "{printed:?}");

    for received in receiver.got() {
        assert!(verifies(&received, &secret), "{:?}", received.headers);
        assert!(!verifies(&received, "another"));
        assert_eq!(received.header("x-event-name"), received.json()["event"]);
        assert_eq!(received.header("webhook-signature"), "");
        assert!(received.header("webhook-id").starts_with("msg_"));
        assert!(received.position("daybook-position") > 0);
    }
}

/// A subscription that goes through much: what each change is called.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_becomes_of_a_subscription_is_one_of_the_four() {
    let test = start().await;
    let receiver = Receiver::start(Act::Answer(200, "")).await;
    endpoint(&test, &test.super_key, &receiver.url(), "v1").await;
    let mut seen = 0;
    let mut told = async |what: &str| {
        let sent = sent(&test, &receiver, &mut seen).await;
        let told = |it: &Received| {
            let body = it.json();
            let data = &body["data"];
            let more = data.get("status").or(data.get("effective_date")).unwrap_or(&Value::Null);
            format!("{} {}", text(&body["event"]), more.as_str().unwrap_or_default())
        };
        (what.to_owned(), sent.iter().map(told).collect::<Vec<_>>())
    };
    let customer = test.subscriber("pro").await;
    let mut all = vec![told("begins").await];
    let change = json!({ "planId": "business" });
    let changing = test.subscriber("pro").await;
    told("another begins").await;
    test.post("/api/billing/plan-change", &changing.key, &change).await.ok();
    all.push(told("changes").await);
    test.at("2026-06-01T00:00:00Z");
    test.settle_due(&customer).await;
    all.push(told("renews").await);
    test.at("2026-06-09T00:00:00Z");
    test.settle_due(&customer).await;
    let overdue = told("is overdue").await;
    assert!(overdue.1.iter().any(|it| it == "subscription_updated past_due"), "{overdue:?}");
    test.at("2026-06-20T00:00:00Z");
    let paid = test.subscriber("starter").await;
    told("another begins").await;
    test.post("/api/billing/cancel", &paid.key, &json!({})).await.ok();
    all.push(told("is cancelled").await);
    test.at("2026-07-20T00:00:00Z");
    test.settle_due(&paid).await;
    all.push(told("ends as announced").await);
    let expected = [
        ("begins", vec!["subscription_created "]),
        ("changes", vec!["subscription_updated active"]),
        ("renews", vec!["subscription_updated active"]),
        ("is cancelled", vec!["subscription_canceled 2026-07-20T00:00:00Z"]),
        ("ends as announced", vec!["subscription_updated ended"]),
    ];
    let expected = expected.map(|(what, told)| {
        (what.to_owned(), told.into_iter().map(str::to_owned).collect::<Vec<_>>())
    });
    assert_eq!(all, expected);
}
