//! The life of an API key over HTTP: made, listed, rotated, revoked.

use daybook::credentials;
use daybook_events::event::Role::{self, Admin, Auditor, Owner};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::{
    bad_input::scene::text,
    harness::{Customer, TestApp},
};

const KEYS: &str = "/api/keys";

async fn made(test: &TestApp, by: &str, body: Value) -> Value {
    test.post(KEYS, by, &body).await.ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_shown_once_and_works_at_once() {
    let test = TestApp::start().await;
    let customer = test.customer().await;
    let made = made(&test, &customer.key, json!({ "role": "admin", "label": "panel" })).await;
    assert_eq!(made["account_id"], customer.account_id.as_str());
    assert_eq!((&made["label"], &made["expires_at"]), (&json!("panel"), &json!(null)));
    let (key, id) = (text(&made["key"]), text(&made["key_id"]));
    assert!(key.starts_with(&text(&made["prefix"])));
    test.get("/api/billing/payments/export", &key).await.refused(200, "");

    for path in [KEYS.to_owned(), format!("{KEYS}/{id}")] {
        let answer = test.get(&path, &customer.key).await;
        assert!(answer.text.contains(&id), "{}", answer.text);
        assert!(answer.text.contains(r#""works":true"#), "{}", answer.text);
        for secret in [&key, &credentials::hash(&key)] {
            assert!(!answer.text.contains(secret.as_str()), "{}", answer.text);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_gives_keys_of_the_own_account_only() {
    let test = TestApp::start().await;
    let (customer, other) = (test.customer().await, test.customer().await);
    for role in Role::ALL {
        let answer = test.post(KEYS, &customer.key, &json!({ "role": role })).await;
        if role == Role::SuperAdmin {
            answer.refused(403, "forbidden");
        } else {
            assert_eq!(answer.ok()["account_id"], customer.account_id.as_str());
        }
    }
    let elsewhere = json!({ "role": "member", "account_id": other.account_id });
    test.refuses(KEYS, &customer.key, &elsewhere, "404 account_unknown").await;

    let theirs = made(&test, &other.key, json!({ "role": "member" })).await;
    let listed = test.get(KEYS, &customer.key).await;
    assert!(!listed.text.contains(&text(&theirs["key_id"])), "{}", listed.text);
    let all = test.get(KEYS, &test.super_key).await;
    assert!(all.text.contains(&text(&theirs["key_id"])), "{}", all.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused_and_makes_no_key() {
    let test = TestApp::start().await;
    let customer = test.customer().await;
    let account = &customer.account_id;
    for (body, expected) in [
        (json!({ "role": "owner" }), "422 key_invalid"),
        (json!({ "role": "super_admin", "account_id": account }), "422 key_invalid"),
        (json!({ "role": "auditor", "label": "x".repeat(101) }), "422 key_invalid"),
        (json!({ "role": "auditor", "label": "a\nb" }), "422 key_invalid"),
        (json!({ "role": "auditor", "expires_at": "2026-05-01T00:00:00Z" }), "422 key_invalid"),
        (json!({ "role": "king" }), "400 json_shape"),
        (json!({}), "400 json_missing_field"),
        (json!({ "role": "auditor", "account_id": "acc_" }), "400 json_shape"),
    ] {
        test.refuses(KEYS, &test.super_key, &body, expected).await;
    }
    let missing = format!("acc_{}", "0".repeat(32));
    let body = json!({ "role": "auditor", "account_id": missing });
    test.refuses(KEYS, &test.super_key, &body, "404 account_unknown").await;
    let headers = [("daybook-account", account.as_str())];
    let body = Some(body.to_string().into_bytes());
    let both = test.send("POST", KEYS, &test.super_key, &headers, body).await;
    both.refused(404, "account_unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_key_works_until_the_overlap_is_over() {
    let test = TestApp::start().await;
    let old = made(&test, &test.super_key, json!({ "role": "auditor", "label": "audit" })).await;
    let path = format!("{KEYS}/{}/rotate", text(&old["key_id"]));
    let new = test.post(&path, &test.super_key, &json!({ "overlap_seconds": 3600 })).await.ok();
    assert_eq!((&new["label"], &new["role"]), (&old["label"], &old["role"]));
    assert_eq!(new["replaces"], old["key_id"]);
    let (old_key, new_key) = (text(&old["key"]), text(&new["key"]));
    assert_ne!(old_key, new_key);
    let works = async |key: &str| test.get("/api/accounts", key).await.status == 200;
    assert!(works(&old_key).await && works(&new_key).await);
    let shown = test.get(&format!("{KEYS}/{}", text(&old["key_id"])), &test.super_key).await.ok();
    assert_eq!(shown["replaced_by"], new["key_id"]);
    assert_eq!(shown["works_until"], new["replaced_works_until"]);

    let until = text(&new["replaced_works_until"]).parse().unwrap();
    test.clock.set(until);
    assert!(!works(&old_key).await && works(&new_key).await);
    test.refuses(&path, &test.super_key, &json!({}), "409 key_already_rotated").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_is_bounded_and_takes_a_day_where_nothing_else_is_said() {
    let test = TestApp::start().await;
    let new = made(&test, &test.super_key, json!({ "role": "auditor" })).await;
    let path = format!("{KEYS}/{}/rotate", text(&new["key_id"]));
    for (overlap, expected) in [
        (json!(30 * 86_400 + 1), "422 key_invalid"),
        (json!(-1), "400 json_shape"),
        (json!("60"), "400 json_shape"),
        (json!(1.5), "400 json_shape"),
    ] {
        let body = json!({ "overlap_seconds": overlap });
        test.refuses(&path, &test.super_key, &body, expected).await;
    }
    let rotated = test.send("POST", &path, &test.super_key, &[], None).await.ok();
    let at =
        |field: &str| text(&rotated[field]).parse::<daybook_events::Timestamp>().unwrap().seconds();
    assert_eq!(at("replaced_works_until") - at("issued_at"), 86_400);
}

/// What a request mints, sent eight times at once under one key and once more after that.
async fn repeated(test: &TestApp, by: &str, path: &str, body: &Value) -> Value {
    let before = test.log_position().await;
    let mut answers = join_all((0..8).map(|_| test.post_keyed(path, by, path, body))).await;
    answers.push(test.post_keyed(path, by, path, body).await);
    let minted = i64::from(path.ends_with("/rotate")) + 1;
    assert_eq!(test.log_position().await - before, minted, "{path}");
    let (first, cookie) = (answers[0].text.clone(), answers[0].headers.get("set-cookie").cloned());
    for answer in answers {
        assert_eq!(answer.text, first, "{path}");
        assert_eq!(answer.headers.get("set-cookie"), cookie.as_ref(), "{path}");
        assert_eq!(answer.status, 201, "{path}");
    }
    serde_json::from_str(&first).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_callers_with_one_idempotency_key_hear_one_secret_that_is_stored_nowhere() {
    let test = TestApp::start().await;
    let customer = test.customer().await;
    let made = repeated(&test, &customer.key, KEYS, &json!({ "role": "admin" })).await;
    let rotate = format!("{KEYS}/{}/rotate", text(&made["key_id"]));
    let rotated = repeated(&test, &customer.key, &rotate, &json!({ "overlap_seconds": 9 })).await;
    let body = json!({ "user": "ada", "role": "member" });
    let opened = repeated(&test, &customer.key, "/api/sessions", &body).await;
    let (_, log, _) = test.db.daybook(&["replay", "--output", "json"]).await;
    assert!(log.contains(&credentials::hash(&text(&made["key"]))));
    for secret in [&made["key"], &rotated["key"], &opened["token"], &opened["csrf_token"]] {
        assert!(!log.contains(&text(secret)));
    }
    for key in [&made["key"], &rotated["key"], &opened["token"]] {
        test.get("/api/billing/subscription/me", &text(key)).await.refused(404, "no_subscription");
    }
}

/// Who repeats another's request hears what was minted, but not the secret: it hangs on the
/// credential that asked.
#[tokio::test(flavor = "multi_thread")]
async fn another_credential_that_repeats_a_request_does_not_hear_the_secret() {
    let test = TestApp::start().await;
    let customer = test.customer().await;
    let colleague = test.key(Owner, Some(&customer.account_id)).await;
    let body = json!({ "role": "admin" });
    let first = test.post_keyed(KEYS, &customer.key, "k", &body).await.ok();
    let again = test.post_keyed(KEYS, &colleague, "k", &body).await.ok();
    assert_eq!(again["key_id"], first["key_id"]);
    assert_eq!((first["key"].is_string(), &again["key"]), (true, &json!(null)));

    let body = json!({ "user": "ada", "role": "member" });
    let first = test.post_keyed("/api/sessions", &customer.key, "s", &body).await.ok();
    let again = test.post_keyed("/api/sessions", &colleague, "s", &body).await;
    assert!(again.headers.get("set-cookie").is_none());
    let again = again.ok();
    assert_eq!(again["session_id"], first["session_id"]);
    assert_eq!((&again["token"], &again["csrf_token"]), (&json!(null), &json!(null)));
}

#[tokio::test(flavor = "multi_thread")]
async fn idempotency_keys_of_one_account_never_meet_anothers_when_minting() {
    let test = TestApp::start().await;
    let customers = [test.customer().await, test.customer().await];
    let mut ids = Vec::new();
    for Customer { account_id, key } in &customers {
        let made = test.post_keyed(KEYS, key, "same", &json!({ "role": "member" })).await.ok();
        assert_eq!(made["account_id"], account_id.as_str());
        ids.push(text(&made["key_id"]));
    }
    // One ledger-wide key, the same words about two accounts: two keys with two secrets.
    for Customer { account_id, .. } in &customers {
        let headers = [("daybook-account", account_id.as_str()), ("idempotency-key", "x")];
        let body = Some(br#"{"role":"auditor"}"#.to_vec());
        let made = test.send("POST", KEYS, &test.super_key, &headers, body).await.ok();
        ids.push(text(&made["key"]));
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_keys_is_paged_and_narrowed_to_an_account() {
    let test = TestApp::start().await;
    let customer = test.customer().await;
    for role in [Admin, Auditor] {
        test.key(role, Some(&customer.account_id)).await;
    }
    let mut path = format!("{KEYS}?limit=2");
    let mut seen = 0;
    loop {
        let page = test.get(&path, &customer.key).await;
        let link = page.headers.get("link").cloned();
        seen += page.ok()["data"].as_array().unwrap().len();
        let Some(link) = link else { break };
        path = link.to_str().unwrap()[1..].split('>').next().unwrap().to_owned();
    }
    assert_eq!(seen, 3);
    let headers = [("daybook-account", customer.account_id.as_str())];
    let narrowed = test.send("GET", KEYS, &test.super_key, &headers, None).await.ok();
    assert_eq!(narrowed["data"].as_array().unwrap().len(), 3);
}
