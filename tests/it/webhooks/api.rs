//! Endpoints and deliveries over HTTP: who may do what, what is shown, what is done once.

use std::collections::HashMap;

use daybook_events::event::Role::{Admin, Auditor, Finance, Member};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::receiver::{Act, Receiver, deliveries, endpoint, round, start};
use crate::{
    bad_input::scene::text,
    harness::{Customer, TestApp},
};

const ENDPOINTS: &str = "/api/webhooks/endpoints";

/// An endpoint of a customer and a delivery of it, by what they are called in addresses.
pub(crate) async fn names(test: &TestApp, customer: &Customer) -> HashMap<&'static str, String> {
    let made = endpoint(test, &customer.key, "https://8.8.8.8/", "standard").await;
    let id = text(&made["endpoint_id"]);
    let tested = test.post(&format!("{ENDPOINTS}/{id}/test"), &customer.key, &json!({})).await.ok();
    HashMap::from([("endpoint", id), ("delivery", text(&tested["delivery_id"]))])
}

async fn patch(test: &TestApp, path: &str, key: &str, body: &Value) -> crate::harness::Answered {
    test.send("PATCH", path, key, &[], Some(body.to_string().into_bytes())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_shown_where_it_is_made_and_nowhere_else() {
    let test = start().await;
    let receiver = Receiver::start(Act::Answer(200, "")).await;
    for format in ["standard", "v1"] {
        let made = endpoint(&test, &test.super_key, &receiver.url(), format).await;
        let path = format!("{ENDPOINTS}/{}", text(&made["endpoint_id"]));
        let rotate = format!("{path}/rotate-secret");
        let rotated = test.post(&rotate, &test.super_key, &json!({})).await.ok();
        assert_ne!(made["secret"], rotated["secret"]);
        test.post(&format!("{path}/test"), &test.super_key, &json!({})).await.ok();
        round(&test).await;
        let listed = format!("{path}/deliveries");
        let planned = deliveries(&test, &made).await;
        let delivery = format!("/api/webhooks/deliveries/{}", text(&planned[0]["delivery_id"]));
        for address in [ENDPOINTS, &path, &listed, &delivery] {
            let shown = test.get(address, &test.super_key).await;
            assert_eq!(shown.status, 200);
            for secret in [&made["secret"], &rotated["secret"]] {
                assert!(!shown.text.contains(&text(secret)), "{address}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_secret_is_rotated_both_sign_and_afterwards_the_new_one_alone() {
    let test = start().await;
    let receiver = Receiver::start(Act::Answer(200, "")).await;
    let made = endpoint(&test, &test.super_key, &receiver.url(), "standard").await;
    let path = format!("{ENDPOINTS}/{}", text(&made["endpoint_id"]));
    let body = json!({ "overlap_seconds": 60 });
    let rotate = format!("{path}/rotate-secret");
    let rotated = test.post(&rotate, &test.super_key, &body).await.ok();
    let mut signatures = Vec::new();
    for seconds in [0, 59, 60] {
        test.at("2026-05-01T00:00:00Z");
        test.clock.set(test.clock.now().plus_seconds(seconds));
        test.post(&format!("{path}/test"), &test.super_key, &json!({})).await.ok();
        round(&test).await;
        let received = receiver.got().pop().unwrap();
        let verifies = |secret: &Value| {
            let secret = daybook::signing::Secret::of_standard_webhooks(&text(secret)).unwrap();
            let (id, at) = (received.header("webhook-id"), received.position("webhook-timestamp"));
            let sent = received.header("webhook-signature");
            daybook::signing::verifies_standard(&[secret], id, at, &received.body, sent)
        };
        signatures.push((verifies(&rotated["secret"]), verifies(&made["secret"])));
    }
    assert_eq!(signatures, [(true, true), (true, true), (true, false)]);
    let long = json!({ "overlap_seconds": 2_592_001 });
    test.post(&rotate, &test.super_key, &long).await.refused(400, "invalid_request");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_reaches_the_endpoints_within_its_reach() {
    let test = start().await;
    let (ada, bob) = (test.customer().await, test.customer().await);
    let url = "https://8.8.8.8/hook";
    let of_ada = endpoint(&test, &ada.key, url, "v1").await;
    let of_all = endpoint(&test, &test.super_key, url, "standard").await;
    assert_eq!(
        (&of_ada["account_id"], &of_all["account_id"]),
        (&json!(ada.account_id), &Value::Null)
    );
    // For an account that the super admin names.
    let named = [("daybook-account", bob.account_id.as_str())];
    let body = json!({ "url": url, "format": "v1" }).to_string().into_bytes();
    let answer = test.send("POST", ENDPOINTS, &test.super_key, &named, Some(body)).await.ok();
    assert_eq!(answer["account_id"], bob.account_id.as_str());

    let (finance, auditor) = (test.key(Finance, None).await, test.key(Auditor, None).await);
    let admin = test.key(Admin, Some(&ada.account_id)).await;
    let member = test.key(Member, Some(&ada.account_id)).await;
    for (key, sees) in [
        (&test.super_key, 3),
        (&finance, 3),
        (&auditor, 3),
        (&ada.key, 1),
        (&admin, 1),
        (&bob.key, 1),
    ] {
        let listed = test.get(ENDPOINTS, key).await.ok();
        assert_eq!(listed["data"].as_array().unwrap().len(), sees);
    }
    test.get(ENDPOINTS, &member).await.refused(403, "forbidden");
    let path = format!("{ENDPOINTS}/{}", text(&of_ada["endpoint_id"]));
    let off = json!({ "enabled": false });
    for key in [&finance, &auditor] {
        patch(&test, &path, key, &off).await.refused(403, "forbidden");
    }
    patch(&test, &path, &bob.key, &off).await.refused(404, "not_found");
    let done = patch(&test, &path, &admin, &off).await.ok();
    assert_eq!(done["disabled_reason"], "somebody disabled it");
    let all = format!("{ENDPOINTS}/{}", text(&of_all["endpoint_id"]));
    test.get(&all, &ada.key).await.refused(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused_by_its_code() {
    let test = start().await;
    let url = "https://8.8.8.8/";
    for (body, status, code) in [
        (json!({ "url": "http://10.0.0.1/", "format": "v1" }), 422, "webhook_url_refused"),
        (json!({ "url": url, "format": "v2" }), 400, "json_shape"),
        (
            json!({ "url": url, "format": "v1", "events": ["invoice.paid"] }),
            422,
            "webhook_type_unknown",
        ),
        (
            json!({ "url": url, "format": "standard", "events": ["key.issued"] }),
            422,
            "webhook_type_unknown",
        ),
        (
            json!({ "url": url, "format": "standard", "description": "x".repeat(201) }),
            400,
            "invalid_request",
        ),
        (json!({ "url": url }), 400, "json_missing_field"),
    ] {
        test.post(ENDPOINTS, &test.super_key, &body).await.refused(status, code);
    }
    let made = endpoint(&test, &test.super_key, url, "standard").await;
    let path = format!("{ENDPOINTS}/{}", text(&made["endpoint_id"]));
    for (body, code) in [
        (json!({ "url": "http://[::1]/" }), "webhook_url_refused"),
        (json!({ "events": ["subscription_created"] }), "webhook_type_unknown"),
    ] {
        patch(&test, &path, &test.super_key, &body).await.refused(422, code);
    }
    let list = format!("{path}/deliveries?status=lost");
    test.get(&list, &test.super_key).await.refused(400, "invalid_request");
    assert_eq!(test.get(&path, &test.super_key).await.ok()["url"], url);
}

/// Whatever is repeated under its key is done once, and answered the same.
#[tokio::test(flavor = "multi_thread")]
async fn each_write_is_done_once_under_its_key() {
    let test = start().await;
    let made = endpoint(&test, &test.super_key, "https://8.8.8.8/", "standard").await;
    let path = format!("{ENDPOINTS}/{}", text(&made["endpoint_id"]));
    let tested = test.post(&format!("{path}/test"), &test.super_key, &json!({})).await.ok();
    let resend = format!("/api/webhooks/deliveries/{}/resend", text(&tested["delivery_id"]));
    let create = json!({ "url": "https://8.8.4.4/", "format": "v1" });
    let rows = [
        ("POST", ENDPOINTS.to_owned(), create.to_string()),
        ("PATCH", path.clone(), json!({ "description": "a" }).to_string()),
        ("POST", format!("{path}/rotate-secret"), "{}".to_owned()),
        ("POST", format!("{path}/test"), "{}".to_owned()),
        ("POST", resend, "{}".to_owned()),
        ("DELETE", path, String::new()),
    ];
    for (nth, (verb, path, body)) in rows.iter().enumerate() {
        let key = format!("key-{nth}");
        let headers = [("idempotency-key", key.as_str())];
        let ask = |body: String| {
            test.send(verb, path, &test.super_key, &headers, Some(body.into_bytes()))
        };
        let answers = join_all((0..8).map(|_| ask(body.clone()))).await;
        for answer in &answers {
            assert!((200..300).contains(&answer.status), "{verb} {path}: {}", answer.text);
            assert_eq!(answer.text, answers[0].text, "{verb} {path}");
        }
        // Another request under the same key: one more space is another body.
        let other = ask(format!("{body} ")).await;
        assert!(matches!(other.status, 404 | 422), "{verb} {path}: {}", other.text);
    }
    let left = test.get(ENDPOINTS, &test.super_key).await.ok();
    assert_eq!(left["data"].as_array().unwrap().len(), 1);
}
