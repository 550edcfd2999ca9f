//! Endpoints and deliveries by the command line.

use serde_json::Value;

use super::receiver::{Act, Receiver, round, start};
use crate::{bad_input::scene::text, harness::TestApp};

async fn json(test: &TestApp, args: &[&str]) -> Value {
    let mut args = args.to_vec();
    args.extend(["--output", "json"]);
    let (exit, out, err) = test.db.daybook(&args).await;
    assert_eq!(exit, 0, "{args:?}: {err}");
    serde_json::from_str(&out).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_adds_tries_looks_resends_rotates_and_removes() {
    let test = start().await;
    let receiver = Receiver::start(Act::Answer(500, "")).await;
    let url = receiver.url();
    let (exit, _, err) = test.db.daybook(&["webhook", "endpoint", "add", &url]).await;
    assert!(exit == 1 && err.contains("public internet"), "{err}");
    let networks = ["--webhook-networks", "127.0.0.0/8"];
    let add = ["webhook", "endpoint", "add", &url, "--description", "the panel"];
    let made = json(&test, &[&add[..], &networks[..]].concat()).await;
    let (id, secret) = (text(&made["endpoint_id"]), text(&made["secret"]));
    assert!(secret.starts_with("whsec_"), "{made}");
    let listed = json(&test, &["webhook", "endpoint", "list"]).await;
    assert_eq!(
        (&listed[0]["endpoint_id"], listed.as_array().unwrap().len()),
        (&made["endpoint_id"], 1)
    );
    assert!(!listed.to_string().contains(&secret), "a list shows a secret");

    let tested = json(&test, &["webhook", "test", &id]).await;
    // The command line's clock is the system's, which is not where this test's stands.
    test.clock.set(daybook_events::Timestamp::new(chrono::Utc::now()).plus_seconds(60));
    round(&test).await;
    let got = receiver.got();
    assert_eq!(got[0].header("webhook-id"), tested["delivery_id"]);
    assert_eq!(
        (got[0].json()["type"].as_str(), got[0].header("daybook-position")),
        (Some("webhook.test"), "0")
    );
    // A test is tried once.
    let deliveries = json(&test, &["webhook", "deliveries", &id, "--status", "given_up"]).await;
    assert_eq!(deliveries[0]["delivery_id"], tested["delivery_id"]);
    receiver.does(Act::Answer(200, ""));
    json(&test, &["webhook", "resend", &text(&tested["delivery_id"])]).await;
    test.clock.set(test.clock.now().plus_seconds(60));
    round(&test).await;
    let deliveries = json(&test, &["webhook", "deliveries", &id]).await;
    assert_eq!(
        (&deliveries[0]["status"], &deliveries[0]["attempts"]),
        (&"delivered".into(), &2.into())
    );

    let rotated = json(&test, &["webhook", "endpoint", "rotate", &id]).await;
    assert_ne!(rotated["secret"], secret);
    json(&test, &["webhook", "endpoint", "remove", &id]).await;
    for args in [
        vec!["webhook", "endpoint", "remove", &id],
        vec!["webhook", "endpoint", "rotate", &id],
        vec!["webhook", "test", &id],
        vec!["webhook", "deliveries", &id],
    ] {
        let (exit, out, err) = test.db.daybook(&args).await;
        assert!(exit == 1 && out.is_empty() && err.contains(&id), "{args:?}: {err}");
    }
}
