//! The log over HTTP: every event, verbatim, to those who may read it.

use daybook_events::{event::Role, store};
use serde_json::Value;

use crate::{
    bad_input::scene::{Scene, State},
    harness::{Answered, TestApp},
};

/// Every page of a list, each by the `Link` of the one before.
async fn every_page(test: &TestApp, path: &str, key: &str) -> Vec<Answered> {
    let mut pages = vec![test.get(path, key).await];
    while let Some(link) = pages[pages.len() - 1].headers.get("link") {
        let link = link.to_str().unwrap();
        let next = link.strip_prefix('<').unwrap().split('>').next().unwrap().to_owned();
        assert!(pages.len() < 1_000, "pages without end: {link}");
        pages.push(test.get(&next, key).await);
    }
    pages
}

fn rows(pages: Vec<Answered>) -> Vec<Value> {
    pages.into_iter().flat_map(|page| page.ok()["data"].as_array().unwrap().clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_log_is_read_page_by_page_as_it_is_stored() {
    let scene = Scene::start().await;
    let test = &scene.test;
    scene.enter(State::Refunded).await;
    let auditor = test.key(Role::Auditor, None).await;
    let head = store::head(test.app.pool()).await.unwrap();

    let pages = every_page(test, "/api/ledger/events?limit=7", &auditor).await;
    for page in &pages {
        assert_eq!(page.position(), head.position);
        // The stored text, byte for byte, is in the answer.
        let body = page.json();
        for event in body["data"].as_array().unwrap() {
            let position = event["position"].as_i64().unwrap();
            let stored = store::range(test.app.pool(), position - 1, position, 1).await.unwrap();
            let stored = stored[0].to_stored();
            assert!(page.text.contains(&format!("\"payload\":{},", stored.payload)), "{position}");
            assert!(page.text.contains(&format!("\"origin\":{},", stored.origin)), "{position}");
            let leaf = daybook_events::merkle::hex(&stored.leaf(head.ledger));
            assert_eq!(event["leaf_hash"], leaf.as_str(), "{position}");
            assert_eq!(event["type"], stored.type_name.as_str());
            assert_eq!(event["recorded_at"], stored.recorded_at.to_string());
            assert_eq!(event["number"].as_str(), stored.number.as_deref());
        }
    }
    let positions: Vec<_> =
        rows(pages).iter().map(|event| event["position"].as_i64().unwrap()).collect();
    assert_eq!(positions, (1..=head.position).collect::<Vec<_>>());

    let one = test.get("/api/ledger/events/1", &auditor).await.ok();
    assert_eq!((&one["stream"], &one["type"]), (&"book".into(), &"book.opened".into()));
    for missing in ["0", "-1", "x", "999999", "99999999999999999999"] {
        let path = format!("/api/ledger/events/{missing}");
        test.get(&path, &auditor).await.refused(404, "not_found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_streams_make_up_the_log() {
    let scene = Scene::start().await;
    let test = &scene.test;
    scene.enter(State::Subscribed).await;
    let (head, key) = (test.log_position().await, &test.super_key);
    let streams = rows(every_page(test, "/api/ledger/streams?limit=2", key).await);
    let mut positions = Vec::new();
    for stream in &streams {
        let name = stream["stream"].as_str().unwrap();
        let path = format!("/api/ledger/streams/{name}?limit=3");
        let events = rows(every_page(test, &path, key).await);
        let versions: Vec<_> = events.iter().map(|it| it["version"].as_i64().unwrap()).collect();
        let version = stream["version"].as_i64().unwrap();
        assert_eq!(versions, (1..=version).collect::<Vec<_>>(), "{name}");
        assert_eq!(events.last().unwrap()["position"], stream["position"], "{name}");
        assert!(events.iter().all(|event| event["stream"] == name), "{name}");
        positions.extend(events.iter().map(|event| event["position"].as_i64().unwrap()));

        let filtered = format!("/api/ledger/events?stream={name}&limit=2");
        let filtered = rows(every_page(test, &filtered, key).await);
        assert_eq!(filtered, events, "{name}");
        let escaped = path.replace(':', "%3A");
        assert_eq!(rows(every_page(test, &escaped, key).await), events, "{name}");
    }
    positions.sort_unstable();
    assert_eq!(positions, (1..=head).collect::<Vec<_>>());
    assert!(streams.len() > 6, "{streams:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_found_by_type_and_a_filter_that_is_none_is_refused() {
    let scene = Scene::start().await;
    let test = &scene.test;
    let (customer, _) = scene.enter(State::Subscribed).await;
    let key = &test.super_key;
    let all = rows(every_page(test, "/api/ledger/events?limit=200", key).await);
    for of_type in ["invoice.issued", "plan.published", "subscription.ended"] {
        let path = format!("/api/ledger/events?type={of_type}&limit=1");
        let found = rows(every_page(test, &path, key).await);
        let expected: Vec<_> = all.iter().filter(|it| it["type"] == of_type).cloned().collect();
        assert_eq!(found, expected, "{of_type}");
        let account = format!("account:{}", customer.account_id);
        let both = format!("{path}&stream={account}");
        let of_account: Vec<_> =
            expected.into_iter().filter(|it| it["stream"] == *account).collect();
        assert_eq!(rows(every_page(test, &both, key).await), of_account, "{of_type}");
    }
    for (query, status, code) in [
        ("events?type=invoice.isued", 400, "event_type_unknown"),
        ("events?type=", 400, "event_type_unknown"),
        ("events?stream=accounts", 400, "invalid_request"),
        ("events?stream=", 400, "invalid_request"),
        ("events?after=-1", 400, "invalid_request"),
        ("events?after=first", 400, "invalid_request"),
        ("events?after=99999999999999999999", 400, "invalid_request"),
        ("events?limit=0", 400, "invalid_request"),
        ("events?limit=201", 400, "invalid_request"),
        ("events?min_position=1", 400, "query_field_unknown"),
        ("streams?after=%00", 400, "invalid_request"),
        ("streams/book?after=x", 400, "invalid_request"),
        ("streams/book?type=x", 400, "event_type_unknown"),
        ("streams/nothing", 404, "not_found"),
        ("streams/account:acc_x", 404, "not_found"),
        ("streams/coupon:NEVER", 404, "not_found"),
    ] {
        test.get(&format!("/api/ledger/{query}"), key).await.refused(status, code);
    }
    // Beyond the end there is nothing, which is no fault.
    for path in ["events?after=9223372036854775807", "streams?after=zzz", "streams/book?after=99"] {
        let page = test.get(&format!("/api/ledger/{path}"), key).await;
        assert_eq!(page.ok()["data"], serde_json::json!([]), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_one_account_reads_its_own_stream_and_nothing_else() {
    let scene = Scene::start().await;
    let test = &scene.test;
    let (customer, names) = scene.enter(State::Subscribed).await;
    let reader = scene.reader_of(&customer).await;
    let own = format!("account:{}", customer.account_id);
    let foreign = format!("account:{}", names["foreign_account"]);
    let all = rows(every_page(test, "/api/ledger/events?limit=200", &test.super_key).await);
    let of_own: Vec<_> = all.iter().filter(|event| event["stream"] == *own).cloned().collect();
    assert!(of_own.len() > 3);

    assert_eq!(rows(every_page(test, "/api/ledger/events?limit=2", &reader).await), of_own);
    // A ledger-wide key may put the same bound on itself.
    let headers = [("daybook-account", customer.account_id.as_str())];
    let path = "/api/ledger/events?limit=200";
    let bounded = test.send("GET", path, &test.super_key, &headers, None).await;
    assert_eq!(bounded.ok()["data"].as_array().unwrap(), &of_own);

    let streams = test.get("/api/ledger/streams", &reader).await.ok();
    assert_eq!(streams["data"].as_array().unwrap().len(), 1);
    assert_eq!(streams["data"][0]["stream"], *own);
    test.get(&format!("/api/ledger/streams/{own}"), &reader).await.ok();
    for other in [&foreign, "book", "access", &format!("account:{}", names["missing_account"])] {
        let path = format!("/api/ledger/streams/{other}");
        test.get(&path, &reader).await.refused(404, "not_found");
        let path = format!("/api/ledger/events?stream={other}");
        assert_eq!(test.get(&path, &reader).await.ok()["data"], serde_json::json!([]), "{other}");
    }
    for event in &all {
        let path = format!("/api/ledger/events/{}", event["position"]);
        let answer = test.get(&path, &reader).await;
        let expected = if event["stream"] == *own { 200 } else { 404 };
        assert_eq!(answer.status, expected, "{path}");
    }
    test.get("/api/ledger/events", &customer.key).await.refused(403, "forbidden");
}
