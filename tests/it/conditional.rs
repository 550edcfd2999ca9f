//! Conditional requests: nothing is sent twice, nothing is overwritten unseen.

use daybook::http::routes::ROUTES;
use serde_json::json;

use crate::{
    bad_input::scene::{Scene, State, fill},
    harness::{Answered, TestApp},
};

async fn get(test: &TestApp, path: &str, key: &str, held: &str) -> Answered {
    test.send("GET", path, key, &[("if-none-match", held)], None).await
}

fn etag(answer: &Answered) -> String {
    answer.headers["etag"].to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_to_a_reader_is_tagged_and_sent_once() {
    let scene = Scene::start().await;
    let test = &scene.test;
    let (customer, mut names) = scene.enter(State::Refunded).await;
    names.insert("position", "1".to_owned());
    names.insert("stream", "book".to_owned());
    test.settle().await;
    let mut tagged = 0;
    for route in ROUTES.iter().filter(|route| route.verb == "GET") {
        let id = match route.path {
            path if path.starts_with("/api/accounts") => "{account}",
            path if path.contains("plans") => "pro",
            path if path.contains("refunds") => "{refund}",
            path if path.contains("sandbox") => "{order}",
            _ => "{sub}",
        };
        let path = fill(&route.path.replace("{id}", id), &names);
        let own = path.ends_with("/me");
        let key = if own { &customer.key } else { &test.super_key };
        let first = test.get(&path, key).await;
        if first.status != 200 {
            assert!(!first.headers.contains_key("etag"), "{path}");
            continue;
        }
        if route.gives.content.starts_with("text/csv") {
            // It is made while it is sent: nothing is kept to make a tag of.
            assert!(!first.headers.contains_key("etag"), "{path}");
            continue;
        }
        tagged += 1;
        let tag = etag(&first);
        assert!(tag.starts_with('"') && tag.len() == 34, "{path}: a strong tag");
        for held in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
            let again = get(test, &path, key, &held).await;
            assert_eq!((again.status, &*again.text), (304, ""), "{path} {held}");
            assert_eq!(etag(&again), tag, "{path}");
            for name in ["cache-control", "daybook-position", "x-content-type-options"] {
                assert_eq!(again.headers.get(name), first.headers.get(name), "{path} {name}");
            }
        }
        let other = get(test, &path, key, "\"x\"").await;
        assert_eq!((other.status, &other.text), (200, &first.text), "{path}");
        let head = test.send("HEAD", &path, key, &[("if-none-match", &tag)], None).await;
        assert_eq!((head.status, etag(&head)), (304, tag), "{path}");
    }
    assert!(tagged > 20, "{tagged}");
    // A key that may not read hears so, whatever it holds.
    get(test, "/api/accounts", &customer.key, "*").await.refused(403, "forbidden");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_changes_with_what_it_tags() {
    let test = TestApp::start().await;
    let customer = test.subscriber("pro").await;
    let path = "/api/billing/subscription/me";
    let before = etag(&test.get(path, &customer.key).await);
    test.post("/api/billing/cancel", &customer.key, &json!({})).await.ok();
    let after = get(&test, path, &customer.key, &before).await;
    assert_eq!(after.status, 200);
    assert_ne!(etag(&after), before);
    let public = test.get("/api/plans", "").await;
    let cached = public.headers["cache-control"].to_str().unwrap();
    assert_eq!(cached, "public, max-age=0, must-revalidate");
    let private = after.headers["cache-control"].to_str().unwrap();
    assert_eq!(private, "private, no-cache");
    // What answers a write is nobody's to keep.
    let written = test.post("/api/billing/resume", &customer.key, &json!({})).await;
    assert!(!written.headers.contains_key("etag"));
    assert_eq!(written.headers["cache-control"], "no-store");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_insists_on_a_state_meets_it_or_does_nothing() {
    let scene = Scene::start().await;
    let test = &scene.test;
    let (customer, names) = scene.enter(State::Subscribed).await;
    let path = fill("/api/billing/subscription/{sub}", &names);
    let patch = async |tag: &str, key: &str, servers: u64| {
        let body = json!({ "limits": { "max_servers": servers } }).to_string().into_bytes();
        let account = ("daybook-account", customer.account_id.as_str());
        let headers = [account, ("if-match", tag), ("idempotency-key", key)];
        test.send("PATCH", &path, &test.super_key, &headers, Some(body)).await
    };
    let seen = etag(&test.get(&path, &test.super_key).await);
    let before = test.log_position().await;
    for stale in ["\"x\"", "", &format!("W/{seen}")] {
        patch(stale, "k", 7).await.refused(412, "precondition_failed");
    }
    assert_eq!(test.log_position().await, before);

    let first = patch(&seen, "k", 7).await;
    assert_eq!(first.status, 200, "{}", first.text);
    // The state has moved on, and its own repetition is still answered.
    let again = patch(&seen, "k", 7).await;
    assert_eq!((again.status, &again.text), (200, &first.text));
    patch(&seen, "other", 8).await.refused(412, "precondition_failed");
    patch("*", "any", 9).await.ok();
    let missing = path.replace(&names["sub"], &names["missing_sub"]);
    let headers = [("if-match", "*")];
    let body = Some(b"{\"limits\":{}}".to_vec());
    test.send("PATCH", &missing, &test.super_key, &headers, body).await.refused(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_changes_that_insist_on_one_state_one_is_made() {
    let scene = Scene::start().await;
    let test = &scene.test;
    let (_, names) = scene.enter(State::Subscribed).await;
    let path = fill("/api/billing/subscription/{sub}", &names);
    let seen = etag(&test.get(&path, &test.super_key).await);
    let changes = (0..12).map(|servers| {
        let body = json!({ "limits": { "max_servers": servers } }).to_string().into_bytes();
        let (path, seen) = (&path, &seen);
        async move {
            let headers = [("if-match", seen.as_str())];
            test.send("PATCH", path, &test.super_key, &headers, Some(body)).await.status
        }
    });
    let mut statuses = futures_util::future::join_all(changes).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [&[200][..], &[412; 11]].concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_says_which_methods_it_takes() {
    let test = TestApp::start().await;
    let options = async |path| test.send("OPTIONS", path, "", &[], None).await;
    for (path, allow) in [
        ("/healthz", "GET, HEAD, OPTIONS"),
        ("/api/billing/checkout", "OPTIONS, POST"),
        ("/api/billing/subscription/me", "GET, HEAD, OPTIONS"),
        ("/api/billing/subscription/sub_1", "GET, HEAD, OPTIONS, PATCH"),
    ] {
        let answer = options(path).await;
        assert_eq!((answer.status, &*answer.text), (204, ""), "{path}");
        assert_eq!(answer.headers["allow"], allow, "{path}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert!(!answer.headers.contains_key("access-control-allow-origin"), "{path}");
        let refused = test.send("DELETE", path, "", &[], None).await;
        assert_eq!(refused.headers["allow"], allow, "{path}");
        refused.refused(405, "method_not_allowed");
    }
    options("/api/nothing").await.refused(404, "not_found");
}
