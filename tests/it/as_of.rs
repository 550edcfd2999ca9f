//! As of: what an account looked like then, at every position and every instant.

use std::collections::BTreeMap;

use daybook_events::{Recorded, Timestamp, store};
use daybook_projections as projections;
use serde_json::{Value, json};

use crate::{
    bad_input::scene::{Names, Scene, State, fill},
    harness::{Customer, TestApp},
};

/// A time of an event.
type Axis = fn(&Recorded) -> Timestamp;

/// The lists of an account, by the projection that each shows.
const LISTS: [&str; 5] = ["invoices", "orders", "payments", "refunds", "subscriptions"];

/// Every row of an account that the engine's own fold has made of these events, by projection.
fn folded(events: &[Recorded], account: &str) -> BTreeMap<&'static str, Vec<Value>> {
    let mut tables = BTreeMap::new();
    for mut view in projections::all() {
        for event in events {
            for key in view.keys(event) {
                if !view.holds(&key) {
                    view.hold(key, None).unwrap();
                }
            }
            view.fold(event).unwrap();
        }
        let mut rows: Vec<(String, Value)> = view
            .rows()
            .map(|(key, row)| (key.to_owned(), serde_json::from_str(&row).unwrap()))
            .collect();
        rows.retain(|(_, row)| row["account_id"] == account);
        rows.sort_by(|one, other| one.0.cmp(&other.0));
        tables.insert(view.name(), rows.into_iter().map(|(_, row)| row).collect());
    }
    tables
}

/// A life with renewals that are recorded late, so that the two axes part.
async fn a_life(scene: &Scene) -> (Customer, Names) {
    let test = &scene.test;
    let (customer, names) = scene.enter(State::Subscribed).await;
    let ask = async |path: &str, body: Value| test.post(path, &customer.key, &body).await.ok();
    test.clock.set(test.clock.now().plus_days(9).plus_seconds(77));
    let changed = ask("/api/billing/plan-change", json!({ "planId": "business" })).await;
    test.pay_and_confirm(&customer, &changed["checkout"]).await;
    ask("/api/billing/cancel", json!({})).await;
    ask("/api/billing/resume", json!({})).await;
    // A period ends, and its invoice falls overdue, before anybody looks.
    test.clock.set(test.clock.now().plus_days(30));
    test.settle_due(&customer).await;
    let open = test.newest_invoice(&customer).await["invoice_id"].as_str().unwrap().to_owned();
    let owed = ask(&format!("/api/billing/invoices/{open}/checkout"), json!({})).await;
    test.pay_and_confirm(&customer, &owed).await;
    ask("/api/refunds", json!({ "reason": "r" })).await;
    test.settle().await;
    (customer, names)
}

async fn read(test: &TestApp, path: &str, query: &str, key: &str) -> Value {
    let answer = test.get(&format!("{path}?limit=200&{query}"), key).await;
    assert_eq!(answer.status, 200, "{path} {query}: {}", answer.text);
    answer.json()["data"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_as_of_a_position_are_the_rows_that_were_live_then() {
    let scene = Scene::start().await;
    let test = &scene.test;
    let (customer, _) = a_life(&scene).await;
    let base = format!("/api/accounts/{}", customer.account_id);
    let events = store::range(test.app.pool(), 0, i64::MAX, i64::MAX).await.unwrap();
    let opened = events.iter().find(|it| it.stream.to_string().ends_with(&customer.account_id));
    let opened = opened.unwrap().position;
    let head = i64::try_from(events.len()).unwrap();
    for position in opened..=head {
        let until = usize::try_from(position).unwrap();
        let live = folded(&events[..until], &customer.account_id);
        let query = format!("as_of={position}");
        for list in LISTS {
            let shown = read(test, &format!("{base}/{list}"), &query, &customer.key).await;
            assert_eq!(shown.as_array().unwrap(), &live[list], "{list} as of {position}");
        }
        let answer = test.get(&format!("{base}?{query}"), &customer.key).await;
        assert_eq!(answer.headers["daybook-as-of"], position.to_string().as_str());
        let of_stream = |event: &&Recorded| {
            event.account().map(|it| it.to_string()).as_ref() == Some(&customer.account_id)
        };
        let last = events[..until].iter().rfind(of_stream).unwrap();
        assert_eq!(answer.position(), last.position, "the last event folded");
        assert_eq!(answer.ok(), live["accounts"][0]);
    }
    // At the head the past is the present.
    for list in LISTS {
        let path = format!("{base}/{list}");
        let now = read(test, &path, "", &customer.key).await;
        assert_eq!(read(test, &path, &format!("as_of={head}"), &customer.key).await, now, "{list}");
        assert!(!now.as_array().unwrap().is_empty(), "{list}");
    }
    for before in ["0".to_owned(), (opened - 1).to_string()] {
        let path = format!("{base}?as_of={before}");
        test.get(&path, &customer.key).await.refused(404, "not_found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instant_divides_what_had_happened_to_the_microsecond() {
    let scene = Scene::start().await;
    let test = &scene.test;
    let (customer, _) = a_life(&scene).await;
    let base = format!("/api/accounts/{}", customer.account_id);
    let account = customer.account_id.parse().unwrap();
    let stream = daybook_events::StreamId::Account(account);
    let events = store::stream(test.app.pool(), stream).await.unwrap();
    let parted = events.iter().filter(|event| event.effective_at < event.recorded_at).count();
    assert!(parted > 3, "the two axes never part");
    let axes: [(&str, Axis); 2] =
        [("as_of", |event| event.effective_at), ("as_known_at", |event| event.recorded_at)];
    for (field, axis) in axes {
        for instant in events.iter().map(axis).flat_map(|at| [at.plus_micros(-1), at]) {
            let prefix: Vec<_> = events.iter().filter(|it| axis(it) <= instant).cloned().collect();
            let query = format!("{field}={instant}");
            if prefix.is_empty() {
                let path = format!("{base}/invoices?{query}");
                test.get(&path, &customer.key).await.refused(404, "not_found");
                continue;
            }
            let live = folded(&prefix, &customer.account_id);
            for list in ["invoices", "subscriptions"] {
                let shown = read(test, &format!("{base}/{list}"), &query, &customer.key).await;
                assert_eq!(shown.as_array().unwrap(), &live[list], "{list} {query}");
            }
            let answer = test.get(&format!("{base}?{query}"), &customer.key).await;
            let header = format!("daybook-{}", field.replace('_', "-"));
            assert_eq!(answer.headers[header.as_str()], instant.to_string().as_str());
            assert_eq!(answer.position(), prefix.last().unwrap().position, "{query}");
        }
    }
    // Both at once: what had happened by then, as far as it was known by then.
    let late = events.iter().find(|event| event.effective_at < event.recorded_at).unwrap();
    let both = |known| format!("as_of={}&as_known_at={known}", late.effective_at);
    let at = async |query: String| test.get(&format!("{base}?{query}"), &customer.key).await;
    let before = at(both(late.recorded_at.plus_micros(-1))).await.position();
    assert!(before < late.position && late.position <= at(both(late.recorded_at)).await.position());
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_are_read_as_they_were() {
    let scene = Scene::start().await;
    let test = &scene.test;
    let (customer, names) = scene.enter(State::Subscribed).await;
    let subscribed = test.log_position().await;
    let me = "/api/billing/subscription/me";
    let by_id = fill("/api/billing/subscription/{sub}", &names);
    let before = test.get(me, &customer.key).await.ok();
    test.post("/api/billing/plan-change", &customer.key, &json!({ "planId": "starter" }))
        .await
        .ok();
    assert_ne!(test.get(me, &customer.key).await.ok(), before);
    let then = format!("?as_of={subscribed}");
    assert_eq!(test.get(&format!("{me}{then}"), &customer.key).await.ok(), before);
    assert_eq!(test.get(&format!("{by_id}{then}"), &test.super_key).await.ok(), before);
    let reader = scene.reader_of(&customer).await;
    assert_eq!(test.get(&format!("{by_id}{then}"), &reader).await.ok(), before);

    let opened = format!("?as_of={}", subscribed - 20);
    test.get(&format!("{by_id}{opened}"), &test.super_key).await.refused(404, "not_found");
    for foreign in ["foreign_sub", "missing_sub"] {
        let path = by_id.replace(&names["sub"], &names[foreign]);
        test.get(&format!("{path}{then}"), &reader).await.refused(404, "not_found");
    }
    let foreign = format!("/api/accounts/{}{then}", names["foreign_account"]);
    test.get(&foreign, &customer.key).await.refused(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moment_that_is_none_or_has_not_come_is_refused() {
    let scene = Scene::start().await;
    let test = &scene.test;
    let (customer, _) = scene.enter(State::Subscribed).await;
    let base = format!("/api/accounts/{}", customer.account_id);
    let head = test.log_position().await;
    let last = store::head(test.app.pool()).await.unwrap().recorded_at.unwrap();
    let now = last.max(test.clock.now());
    for (query, code) in [
        (format!("as_of={}", head + 1), "as_of_ahead"),
        ("as_of=99999999999999999999".to_owned(), "as_of_ahead"),
        (format!("as_of={}", now.plus_micros(1)), "as_of_ahead"),
        (format!("as_known_at={}", now.plus_micros(1)), "as_of_ahead"),
        (format!("as_of=1&as_known_at={}", now.plus_days(1)), "as_of_ahead"),
        ("as_of=".to_owned(), "invalid_request"),
        ("as_of=yesterday".to_owned(), "invalid_request"),
        ("as_of=2026-05-01".to_owned(), "invalid_request"),
        ("as_known_at=7".to_owned(), "invalid_request"),
        ("as_of=1&as_of=2".to_owned(), "invalid_request"),
        ("asof=1".to_owned(), "query_field_unknown"),
    ] {
        for list in ["", "/invoices"] {
            let path = format!("{base}{list}?{query}");
            test.get(&path, &customer.key).await.refused(400, code);
        }
    }
    for query in [format!("as_of={head}"), format!("as_of={now}"), format!("as_known_at={now}")] {
        test.get(&format!("{base}?{query}"), &customer.key).await.ok();
    }
    // Pages of the past follow each other as those of the present do.
    let path = format!("{base}/orders?as_of={head}&limit=1");
    let page = test.get(&path, &customer.key).await;
    let link = page.headers["link"].to_str().unwrap();
    assert!(link.contains(&format!("as_of={head}")), "{link}");
    let next = link[1..].split('>').next().unwrap();
    assert_eq!(test.get(next, &customer.key).await.ok()["data"], json!([]));
}
