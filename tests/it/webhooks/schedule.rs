//! Show 5: whatever a receiver does, each delivery is tried on the schedule, by the injected clock,
//! under one id, until it gets through or three days are over.

use daybook::{
    signing::{Secret, verifies_standard},
    webhooks::schedule::PAUSES,
};
use daybook_events::{Timestamp, testing};
use serde_json::{Value, json};

use super::receiver::{Act, Receiver, deliveries, endpoint, round, start};
use crate::{bad_input::scene::text, harness::TestApp};

/// Something that the whole ledger hears.
async fn news(test: &TestApp, slug: &str) {
    test.submit(testing::publish(slug, "5")).await.unwrap();
}

/// A delivery with its attempts.
async fn log(test: &TestApp, delivery: &Value) -> Value {
    let path = format!("/api/webhooks/deliveries/{}", text(&delivery["delivery_id"]));
    test.get(&path, &test.super_key).await.ok()
}

/// Goes from one attempt to the next until nothing is due any more.
async fn walk(test: &TestApp, endpoints: &[Value]) {
    loop {
        round(test).await;
        let mut next = Vec::new();
        for endpoint in endpoints {
            let due = deliveries(test, endpoint).await;
            next.extend(due.iter().filter_map(|it| it["next_at"].as_str().map(str::to_owned)));
        }
        // Instants sort as their texts do.
        match next.iter().min() {
            Some(at) => test.at(at),
            None => return,
        }
    }
}

fn instant(value: &Value) -> Timestamp {
    text(value).parse().unwrap()
}

/// The pauses between attempts, each within a tenth of what the schedule says.
fn assert_on_schedule(log: &Value) {
    let attempts = log["log"].as_array().unwrap();
    assert_eq!(attempts.len(), PAUSES.len(), "{log:#}");
    for (pair, pause) in attempts.windows(2).zip(&PAUSES[1..]) {
        let waited = instant(&pair[1]["at"]).micros() - instant(&pair[0]["at"]).micros();
        let pause = i64::try_from(pause.as_micros()).unwrap();
        assert!((pause * 9 / 10..=pause * 11 / 10).contains(&waited), "{waited} for {pause}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_receiver_does_it_is_tried_for_three_days_under_one_id() {
    let test = start().await;
    let inside = Receiver::start(Act::Answer(200, "")).await;
    let there = format!("location: {}\r\n", inside.url()).leak();
    let acts = [
        ("hangs", Act::Hang, "there was no answer in time"),
        ("resets", Act::Reset, "the connection broke before there was an answer"),
        ("babbles", Act::Babble, "the connection broke before there was an answer"),
        ("redirects", Act::Answer(302, there), "302"),
        ("redirects for ever", Act::Answer(308, there), "308"),
        ("fails", Act::Answer(500, ""), "500"),
        ("refuses", Act::Answer(400, ""), "400"),
        ("knows nothing", Act::Answer(404, ""), "404"),
    ];
    let (mut receivers, mut endpoints) = (Vec::new(), Vec::new());
    for (_, act, _) in &acts {
        let receiver = Receiver::start(act.clone()).await;
        endpoints.push(endpoint(&test, &test.super_key, &receiver.url(), "standard").await);
        receivers.push(receiver);
    }
    // One that is down: nobody listens where it was.
    let down = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let down = endpoint(&test, &test.super_key, &format!("http://{down}/"), "standard").await;
    endpoints.push(down);
    let began = test.clock.now();
    news(&test, "news").await;
    walk(&test, &endpoints).await;
    let took = test.clock.now().seconds() - began.seconds();
    assert!((68 * 3600..84 * 3600).contains(&took), "{took}");

    for (nth, endpoint) in endpoints.iter().enumerate() {
        let planned = deliveries(&test, endpoint).await;
        assert_eq!(planned.len(), 1, "{planned:?}");
        let log = log(&test, &planned[0]).await;
        let (name, _, said) = acts.get(nth).cloned().unwrap_or((
            "is down",
            Act::Hang,
            "the connection could not be made",
        ));
        assert_eq!(log["status"], "given_up", "{name}");
        assert_on_schedule(&log);
        for attempt in log["log"].as_array().unwrap() {
            let heard =
                attempt["problem"].as_str().map_or(attempt["status"].to_string(), str::to_owned);
            assert_eq!(heard, said, "{name}");
        }
        if let Some(receiver) = receivers.get(nth) {
            let got = receiver.got();
            assert_eq!(got.len(), PAUSES.len(), "{name}");
            for received in &got {
                assert_eq!(received.header("webhook-id"), planned[0]["delivery_id"], "{name}");
                assert_eq!(received.body, got[0].body, "{name}");
            }
        }
        // Nothing got through for the whole time.
        let path = format!("/api/webhooks/endpoints/{}", text(&endpoint["endpoint_id"]));
        let shown = test.get(&path, &test.super_key).await.ok();
        assert_eq!(shown["enabled"], false, "{name}");
        assert!(text(&shown["disabled_reason"]).contains("three days"), "{shown}");
    }
    assert_eq!(inside.got().len(), 0, "a redirect was followed");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_comes_back_gets_what_it_missed_once_more_and_never_again() {
    let test = start().await;
    let receiver = Receiver::start(Act::Answer(503, "")).await;
    let made = endpoint(&test, &test.super_key, &receiver.url(), "standard").await;
    news(&test, "news").await;
    round(&test).await;
    round(&test).await;
    assert_eq!(receiver.got().len(), 1, "nothing is due before its time");
    receiver.does(Act::Answer(204, ""));
    test.clock.set(test.clock.now().plus_seconds(6));
    round(&test).await;
    round(&test).await;
    let got = receiver.got();
    assert_eq!(got.len(), 2);
    let planned = deliveries(&test, &made).await;
    assert_eq!((&planned[0]["status"], &planned[0]["attempts"]), (&json!("delivered"), &json!(2)));

    // Each attempt is signed for its own moment.
    let secret = [Secret::of_standard_webhooks(&text(&made["secret"])).unwrap()];
    for received in &got {
        let at = received.position("webhook-timestamp");
        let (id, sent) = (received.header("webhook-id"), received.header("webhook-signature"));
        assert!(verifies_standard(&secret, id, at, &received.body, sent));
        assert!(!verifies_standard(&secret, id, at, b"{}", sent));
    }
    assert_ne!(got[0].header("webhook-timestamp"), got[1].header("webhook-timestamp"));
    let told = got[1].json();
    assert_eq!(told["type"], "plan.published");
    assert_eq!(told["data"]["position"], got[1].position("daybook-position"));

    // By hand, once more: the same id.
    let resend = format!("/api/webhooks/deliveries/{}/resend", text(&planned[0]["delivery_id"]));
    let resent = test.post(&resend, &test.super_key, &json!({})).await;
    assert_eq!(resent.status, 202);
    round(&test).await;
    let got = receiver.got();
    assert_eq!(got.len(), 3);
    assert_eq!(got[2].header("webhook-id"), got[0].header("webhook-id"));
}

#[tokio::test(flavor = "multi_thread")]
async fn gone_disables_at_once_and_what_was_missed_comes_when_it_is_enabled_again() {
    let test = start().await;
    let receiver = Receiver::start(Act::Answer(410, "")).await;
    let made = endpoint(&test, &test.super_key, &receiver.url(), "standard").await;
    let path = format!("/api/webhooks/endpoints/{}", text(&made["endpoint_id"]));
    news(&test, "one").await;
    round(&test).await;
    let shown = test.get(&path, &test.super_key).await.ok();
    assert_eq!(shown["enabled"], false);
    assert!(text(&shown["disabled_reason"]).contains("410"), "{shown}");
    receiver.does(Act::Answer(200, ""));
    news(&test, "two").await;
    test.clock.set(test.clock.now().plus_days(5));
    round(&test).await;
    assert_eq!(receiver.got().len(), 1);

    let planned = deliveries(&test, &made).await;
    let resend = format!("/api/webhooks/deliveries/{}/resend", text(&planned[0]["delivery_id"]));
    let refused = test.post(&resend, &test.super_key, &json!({})).await;
    refused.refused(409, "webhook_endpoint_disabled");
    let enable = Some(json!({ "enabled": true }).to_string().into_bytes());
    test.send("PATCH", &path, &test.super_key, &[], enable).await.ok();
    round(&test).await;
    let told = receiver.got();
    assert_eq!(told.len(), 2);
    assert_eq!(told[1].json()["data"]["slug"], "two");
    // What was told before shows, although nobody took it.
    let missed = told[0].position("daybook-position");
    assert!(missed > 0 && told[1].position("daybook-position") > missed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_receiver_is_left_alone_as_long_as_it_asks() {
    let test = start().await;
    for (status, header, waits) in [
        (429, "retry-after: 120\r\n", 120),
        (503, "retry-after: Fri, 01 May 2026 00:01:00 GMT\r\n", 60),
        (502, "retry-after: 31536000\r\n", 86_400),
        (504, "retry-after: 1\r\n", 4),
        (500, "retry-after: 120\r\n", 4),
    ] {
        test.at("2026-05-01T00:00:00Z");
        let receiver = Receiver::start(Act::Answer(status, header)).await;
        let made = endpoint(&test, &test.super_key, &receiver.url(), "standard").await;
        news(&test, &format!("news-{status}")).await;
        round(&test).await;
        let next = instant(&deliveries(&test, &made).await[0]["next_at"]);
        let waited = next.seconds() - test.clock.now().seconds();
        assert!((waits..=waits + 1).contains(&waited), "{status}: {waited}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_fails_holds_up_no_other_and_each_account_is_told_in_order() {
    let test = start().await;
    let slow = Receiver::start(Act::Hang).await;
    let well = Receiver::start(Act::Answer(200, "")).await;
    endpoint(&test, &test.super_key, &slow.url(), "standard").await;
    endpoint(&test, &test.super_key, &well.url(), "standard").await;
    let (ada, bob) = (test.subscriber("pro").await, test.subscriber("starter").await);
    round(&test).await;
    let got = well.got();
    for customer in [&ada, &bob] {
        let of = |it: &&super::receiver::Received| {
            it.json()["data"]["account_id"] == customer.account_id.as_str()
        };
        let told: Vec<_> = got.iter().filter(of).collect();
        assert!(told.len() >= 5, "{}", told.len());
        // Each says what was told before: no gap, and in order.
        let mut before = 0;
        for received in told {
            assert_eq!(received.position("daybook-previous-position"), before);
            before = received.position("daybook-position");
        }
    }
    // The slow one was tried with everything, too: what fails once lets the next one go.
    let ids = |receiver: &Receiver| {
        let ids = receiver.got().into_iter().map(|it| it.header("daybook-position").to_owned());
        ids.collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(ids(&slow), ids(&well));
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_plan_at_once_each_event_is_planned_once() {
    let test = start().await;
    let receiver = Receiver::start(Act::Answer(200, "")).await;
    let made = endpoint(&test, &test.super_key, &receiver.url(), "standard").await;
    for nth in 0..20 {
        news(&test, &format!("plan-{nth}")).await;
        let planning = (0..8).map(|_| daybook::webhooks::plan(&test.app));
        for planned in futures_util::future::join_all(planning).await {
            planned.unwrap();
        }
    }
    let planned = deliveries(&test, &made).await;
    let positions: Vec<_> = planned.iter().map(|it| it["position"].as_i64().unwrap()).collect();
    assert_eq!(positions.len(), 20);
    assert!(positions.is_sorted_by(|a, b| a < b), "{positions:?}");
}
