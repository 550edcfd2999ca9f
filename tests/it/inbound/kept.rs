//! Messages that a processor signed and that cannot be booked: kept aside with a reason that an
//! operator finds, and booked once the reason is gone.
#![expect(clippy::unwrap_used, reason = "test code panics where a test fails")]

use chrono::{TimeDelta, Utc};
use daybook::{config::Kind, processors::settings::Settings, settlement::worker, signing};
use daybook_events::{
    commands::{PlaceOrder, StartCheckout},
    event::{AccountEvent, Event, OrderEvent},
    ids::AccountId,
    testing,
};
use serde_json::{Value, json};

use super::{
    bad::Scene,
    load::Delivery,
    twins::{LEMON_SQUEEZY, RAZORPAY},
};
use crate::{
    harness::{Setup, TestApp},
    simulators::lemonsqueezy::LemonSqueezy,
};

impl Scene {
    /// The message of a payment, changed in some field and signed as Razorpay would.
    fn changed(&self, message: &Delivery, field: &str, value: &Value) -> Delivery {
        let mut body: Value = serde_json::from_slice(&message.body).unwrap();
        body["payload"]["payment"]["entity"][field] = value.clone();
        self.signed(RAZORPAY, body.to_string().into_bytes())
    }

    /// Delivers a message, which is read until nothing is waited for any more; tells what became
    /// of it.
    async fn becomes(&self, message: &Delivery) -> Value {
        assert_eq!(message.send(&self.test).await.0, 200);
        for day in 0..12 {
            let at = Utc::now() + TimeDelta::days(day);
            worker::round(&self.test.app, at).await.unwrap();
        }
        self.test.settle().await;
        self.inbox("").await.remove(0)
    }

    async fn replayed(&self, args: &[&str]) -> Vec<Value> {
        let args = [&["inbox", "replay", "--output", "json"], args].concat();
        let (exit, out, err) = self.test.db.daybook(&args).await;
        assert_eq!(exit, 0, "{out}{err}");
        serde_json::from_str(&out).unwrap()
    }
}

fn state(kept: &Value) -> (&str, &str) {
    (kept["state"].as_str().unwrap(), kept["code"].as_str().unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_does_not_fit_is_kept_aside_and_the_reason_is_found() {
    let scene = Scene::start().await;
    let (_, _, message) = scene.paid().await;
    let (other, ..) = scene.paid().await;
    let before = scene.test.log_position().await;
    let mut expected = Vec::new();
    for (field, value, code) in [
        ("amount", json!(117_999), "amount_differs"),
        ("amount", json!(118_001), "amount_differs"),
        ("amount", json!(1), "amount_differs"),
        ("currency", json!("USD"), "amount_differs"),
        ("amount", json!("118000"), "unreadable"),
        ("amount", json!(1180.5), "unreadable"),
        ("amount", json!(-118_000), "unreadable"),
        ("amount", json!(null), "unreadable"),
        ("currency", json!("RUPEES"), "unreadable"),
        ("fee", json!(1), "unreadable"),
        ("order_id", json!("order_ofNobody"), "order_unknown"),
        ("order_id", json!(null), "order_unknown"),
    ] {
        let became = scene.becomes(&scene.changed(&message, field, &value)).await;
        assert_eq!(state(&became), ("aside", code), "{field} {value}: {became}");
        assert!(became["detail"].as_str().unwrap().len() > 10, "{became}");
        expected.push(code);
    }
    assert_eq!(scene.test.log_position().await, before, "nothing of it is booked");

    let aside = scene.inbox("&state=aside").await;
    let codes: Vec<_> = aside.iter().rev().map(|it| it["code"].as_str().unwrap()).collect();
    assert_eq!(codes, expected);
    let differs = &aside[aside.len() - 1];
    assert_eq!(differs["detail"], "the order is for 1180.00 INR, the payment for 1179.99 INR");
    let id = differs["inbox_id"].to_string();
    let whole = scene.reads(&format!("/api/ledger/inbox/{id}")).await.ok();
    assert!(whole["text"].as_str().unwrap().contains("117999"), "{whole}");
    let (exit, listed, err) = scene.test.db.daybook(&["inbox", "list", "--state", "aside"]).await;
    assert_eq!((exit, listed.lines().count()), (0, expected.len() + 1), "{listed}{err}");
    assert!(expected.iter().all(|code| listed.contains(code)), "{listed}");
    let (exit, shown, err) = scene.test.db.daybook(&["inbox", "show", &id]).await;
    assert!(exit == 0 && shown.contains("1179.99 INR"), "{shown}{err}");

    // The order of another customer is paid by it, if Razorpay says so: it knows whose money it was.
    let became = scene.becomes(&scene.changed(&message, "order_id", &json!(other))).await;
    assert_eq!(state(&became), ("booked", ""), "{became}");
    // Then the same payment cannot pay the first one's, too.
    let became = scene.becomes(&message).await;
    assert_ne!(became["state"], "waiting", "{became}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_samples_are_wrong_about_is_booked_all_the_same() {
    let scene = Scene::start().await;
    for (field, value) in [
        ("notes", json!([])),
        ("notes", json!({ "order": "x" })),
        ("notes", json!(null)),
        ("captured", json!("1")),
        ("captured", json!(1)),
        ("captured", json!(false)),
        ("not_known_yet", json!([1, { "a": "b" }])),
    ] {
        let (_, payment, message) = scene.paid().await;
        let became = scene.becomes(&scene.changed(&message, field, &value)).await;
        assert_eq!(state(&became), ("booked", ""), "{field} {value}: {became}");
        let again = scene.becomes(&message).await;
        // Whether the bytes were the same or not: the payment was booked.
        assert_eq!(
            again["positions"],
            if again == became { became["positions"].clone() } else { json!([]) }
        );
        let sql = "select count(*) from daybook.events where type = 'payment.captured'
                   and payload::text like '%' || $1 || '%'";
        let count: i64 =
            sqlx::query_scalar(sql).bind(&payment).fetch_one(scene.test.app.pool()).await.unwrap();
        assert_eq!(count, 1, "{field} {value}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sum_that_differs_from_what_a_browser_has_confirmed_is_no_old_news() {
    let scene = Scene::start().await;
    let customer = scene.test.customer_in("INR").await;
    let checkout = scene.test.checkout(&customer, "pro").await;
    let paid = scene.razorpay.pay(checkout["orderId"].as_str().unwrap());
    scene.test.confirm(&customer, &paid.json()).await;
    let message = scene.razorpay.webhooks().remove(1);
    let message = scene.signed(RAZORPAY, message.body);
    let before = scene.test.log_position().await;
    let became = scene.becomes(&scene.changed(&message, "amount", &json!(100))).await;
    assert_eq!(state(&became), ("aside", "amount_differs"));
    assert_eq!(scene.test.log_position().await, before);
    // The true one brings the fee.
    let became = scene.becomes(&message).await;
    assert_eq!(
        (state(&became), became["positions"].as_array().unwrap().len()),
        (("booked", ""), 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_came_too_early_is_booked_when_it_is_read_again() {
    let scene = Scene::start().await;
    let (_, _, message) = scene.paid().await;
    let early = scene.changed(&message, "order_id", &json!("order_FromElsewhere1"));
    let became = scene.becomes(&early).await;
    assert_eq!(state(&became), ("aside", "order_unknown"));
    let id = became["inbox_id"].to_string();
    let still = scene.replayed(&["--dry-run"]).await;
    assert_eq!(
        (state(&still[0]), &still[0]["appends"]),
        (("waiting", "order_unknown"), &json!([]))
    );

    // Read again too early, it is in nobody's way and not forgotten.
    let path = format!("/api/ledger/inbox/{id}/replay");
    let waiting = scene.test.post(&path, &scene.test.super_key, &json!({})).await.ok();
    assert_eq!(state(&waiting), ("waiting", "order_unknown"));
    assert!(waiting["next_at"].is_string(), "{waiting}");
    scene.read().await;
    assert_eq!(state(&scene.inbox("").await[0]), ("aside", "order_unknown"));

    // Somebody places the order that was missing.
    let account_id: AccountId = scene.test.customer_in("INR").await.account_id.parse().unwrap();
    let order = PlaceOrder { account_id, ..testing::order_of("pro") };
    let events = scene.test.submit(order).await.unwrap().events;
    let order_id = events.iter().find_map(|it| match &it.event {
        Event::Account(AccountEvent::Order(OrderEvent::OrderPlaced(it))) => Some(it.order_id),
        _ => None,
    });
    let start = StartCheckout {
        account_id,
        order_id: order_id.unwrap(),
        processor: RAZORPAY.to_owned(),
        processor_order_id: "order_FromElsewhere1".to_owned(),
        returns: Default::default(),
        merchant_of_record: false,
    };
    scene.test.submit(start).await.unwrap();
    scene.test.settle().await;
    let before = scene.test.log_position().await;
    for args in [&["--dry-run"][..], &[&id, "--dry-run"], &["--all", "--dry-run"]] {
        let would = scene.replayed(args).await;
        assert_eq!((would.len(), would[0]["state"].as_str()), (1, Some("booked")), "{would:?}");
        let types = would[0]["appends"].to_string();
        // For the command line's own clock the order has expired: its money is credit.
        assert!(types.contains("payment.captured") && types.contains("credit.granted"), "{types}");
    }
    assert_eq!(scene.test.log_position().await, before, "a dry run appends nothing");
    assert_eq!(state(&scene.inbox("").await[0]), ("aside", "order_unknown"));

    let customer = scene.test.customer().await;
    scene.test.post(&path, &customer.key, &json!({})).await.refused(403, "forbidden");
    let replayed = scene.test.post(&path, &scene.test.super_key, &json!({})).await.ok();
    assert_eq!(state(&replayed), ("booked", ""));
    assert!(replayed["positions"].as_array().unwrap().len() > 2, "{replayed}");
    let after = scene.test.log_position().await;
    // Again, from either side: it is known, and what it once brought about is not forgotten.
    let again = scene.test.post(&path, &scene.test.super_key, &json!({})).await.ok();
    assert_eq!((state(&again), &again["positions"]), (("known", ""), &replayed["positions"]));
    assert_eq!(state(&scene.replayed(&[&id]).await[0]), ("known", ""));
    assert_eq!(scene.test.log_position().await, after);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_after_a_year_books_nothing_under_whatever_id() {
    let scene = Scene::start().await;
    let (_, _, message) = scene.paid().await;
    assert_eq!(state(&scene.becomes(&message).await), ("booked", ""));
    let before = scene.test.log_position().await;
    scene.test.at("2027-05-02T00:00:00Z");
    for id in ["evt_another", "", "evt_00000000000001"] {
        let mut again = message.clone();
        again.headers.retain(|(name, _)| *name != "x-razorpay-event-id");
        again.headers.push(("x-razorpay-event-id", id.to_owned()));
        assert_eq!(scene.becomes(&again).await["inbox_id"], json!(1), "{id}");
    }
    assert_eq!(scene.inbox("").await.len(), 1, "it is known by its bytes");
    // Razorpay itself tells it once more, in other bytes.
    let retold = scene.changed(&message, "description", &json!("a year on"));
    assert_eq!(state(&scene.becomes(&retold).await), ("known", ""));
    assert_eq!(scene.test.log_position().await, before);
    // Under an id that it has taken from a message to come, nothing stands in that one's way.
    let (_, _, mut next) = scene.paid().await;
    next.headers.retain(|(name, _)| *name != "x-razorpay-event-id");
    next.headers.push(("x-razorpay-event-id", "evt_another".to_owned()));
    assert_eq!(state(&scene.becomes(&next).await), ("booked", ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_kept_and_so_is_what_is_not_known() {
    let scene = Scene::start().await;
    for processor in [RAZORPAY, LEMON_SQUEEZY] {
        for body in ["", "{}", "[]", "null", "\u{0}", "{\"event\":1}", "not JSON", "{\"meta\":{}}"]
        {
            let body = format!("{body}{}", " ".repeat(processor.len()));
            let message = scene.signed(processor, body.clone().into_bytes());
            let became = scene.becomes(&message).await;
            assert_eq!(state(&became), ("aside", "unreadable"), "{processor} {body:?}");
            assert_eq!(became["event"], json!(null));
        }
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let became = scene.becomes(&scene.signed(processor, deep.into_bytes())).await;
        assert_eq!(state(&became), ("aside", "unreadable"), "{processor}");
        let became = scene.becomes(&scene.signed(processor, vec![0xff, 0x00, 0xfe])).await;
        assert_eq!(state(&became), ("aside", "unreadable"), "{processor}");
    }
    let path = format!("/api/ledger/inbox/{}", scene.inbox("").await[0]["inbox_id"]);
    assert_eq!(scene.reads(&path).await.ok()["base64"], "/wD+");
    let named = json!({ "event": "new\u{7}\u{0}thing\n2026 forged", "payload": {} }).to_string();
    let became = scene.becomes(&scene.signed(RAZORPAY, named.into_bytes())).await;
    assert_eq!(
        (state(&became), &became["event"]),
        (("nothing", ""), &json!("newthing2026 forged"))
    );
}

/// A sale at Lemon Squeezy to nobody of this ledger, as one or the other mode tells it.
fn sale(lemon: &LemonSqueezy, test_mode: bool) -> Delivery {
    let order = "ord_01900000000070008000000000000001";
    let body = json!({
        "meta": { "event_name": "order_created", "test_mode": test_mode,
            "custom_data": { "order": order } },
        "data": { "type": "orders", "id": "1", "attributes": { "currency": "USD", "total": 1800,
            "tax": 300, "refunded_amount": 0, "status": "paid", "created_at": null } },
    });
    let body = body.to_string().into_bytes();
    let secret = lemon.settings().signing_secrets.remove(0);
    let headers = vec![("x-signature", signing::hex(&secret, &body))];
    Delivery { processor: LEMON_SQUEEZY, headers, body, genuine: true }
}

#[tokio::test(flavor = "multi_thread")]
async fn play_money_and_real_money_never_meet() {
    let lemon = LemonSqueezy::start().await;
    for (kind, fits, strange) in
        [(Kind::Sandbox, true, "live_mode"), (Kind::Live, false, "test_mode")]
    {
        let settings = Settings { lemonsqueezy: Some(lemon.settings()), ..Settings::default() };
        let setup = Setup { kind, processors: settings, ..Setup::default() };
        let test = TestApp::start_whole(setup).await;
        for test_mode in [fits, !fits] {
            assert_eq!(sale(&lemon, test_mode).send(&test).await, (200, String::new()));
        }
        let before = test.log_position().await;
        worker::round(&test.app, Utc::now()).await.unwrap();
        assert_eq!(test.log_position().await, before);
        let kept = test.get("/api/ledger/inbox", &test.super_key).await.ok();
        assert_eq!(state(&kept["data"][0]), ("aside", strange), "{kept}");
        assert_eq!(state(&kept["data"][1]), ("waiting", "order_unknown"), "{kept}");
        assert!(kept["data"][1]["next_at"].is_string(), "{kept}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_the_inbox_wrongly_is_told_so() {
    let scene = Scene::start().await;
    for (path, status, code) in [
        ("/api/ledger/inbox?state=lost", 400, "invalid_request"),
        ("/api/ledger/inbox?after=x", 400, "invalid_request"),
        ("/api/ledger/inbox?after=-1", 400, "invalid_request"),
        ("/api/ledger/inbox?limit=0", 400, "invalid_request"),
        ("/api/ledger/inbox?shoe=9", 400, "query_field_unknown"),
        ("/api/ledger/inbox/refused?state=aside", 400, "query_field_unknown"),
        ("/api/ledger/inbox/refused?after=9999999999999999999999", 400, "invalid_request"),
        ("/api/ledger/inbox/1", 404, "not_found"),
        ("/api/ledger/inbox/0", 404, "not_found"),
        ("/api/ledger/inbox/x", 404, "not_found"),
        ("/api/ledger/inbox/9999999999999999999999", 404, "not_found"),
    ] {
        let answer = scene.reads(path).await;
        let told = (answer.status, answer.code());
        assert_eq!(told, (status, code.to_owned()), "{path}: {}", answer.text);
    }
    let replay = "/api/ledger/inbox/1/replay";
    let answer = scene.test.post(replay, &scene.test.super_key, &json!({})).await;
    answer.refused(404, "not_found");
    for (args, exit, says) in [
        (&["inbox"][..], 2, "Usage"),
        (&["inbox", "list", "--state", "lost"], 2, "a state is one of"),
        (&["inbox", "list", "--limit", "0"], 2, "0 is not in"),
        (&["inbox", "show"], 2, "required"),
        (&["inbox", "show", "x"], 2, "invalid"),
        (&["inbox", "show", "7"], 1, "there is no message 7"),
        (&["inbox", "replay", "7"], 1, "there is no message 7"),
        (&["inbox", "replay", "7", "--all"], 2, "cannot be used with"),
        (&["inbox", "replay", "--state", "aside", "--all"], 2, "cannot be used with"),
    ] {
        let (code, out, err) = scene.test.db.daybook(args).await;
        assert_eq!(code, exit, "{args:?}: {out}{err}");
        assert!(err.contains(says), "{args:?}: {err}");
    }
    let (exit, out, err) = scene.test.db.daybook(&["inbox", "replay", "--dry-run"]).await;
    assert_eq!((exit, out.trim()), (0, "No message was to be read again."), "{err}");
}
