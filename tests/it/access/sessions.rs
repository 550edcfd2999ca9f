//! The life of a session: opened by a key, used as bearer and as cookie, listed, closed.

use daybook_events::{
    Event,
    event::{
        AccountEvent,
        Role::{self, Admin, Finance, Member, Owner, SuperAdmin},
    },
};
use serde_json::{Value, json};

use crate::{
    bad_input::scene::text,
    harness::{Answered, Customer, TestApp},
    log,
};

const SESSIONS: &str = "/api/sessions";

fn ada(role: Role) -> Value {
    json!({ "user": "ada", "role": role })
}

async fn opened(test: &TestApp, by: &str, body: &Value) -> Value {
    test.post(SESSIONS, by, body).await.ok()
}

async fn delete(test: &TestApp, path: &str, by: &str) -> Answered {
    test.send("DELETE", path, by, &[], None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_opened_with_a_cookie_that_no_script_reads() {
    let test = TestApp::start().await;
    let customer = test.customer().await;
    let answer = test.post(SESSIONS, &customer.key, &ada(Member)).await;
    let cookie = answer.headers["set-cookie"].to_str().unwrap().to_owned();
    let session = answer.ok();
    let token = text(&session["token"]);
    let expected =
        format!("daybook_session={token}; HttpOnly; SameSite=Strict; Path=/; Max-Age=3600");
    assert_eq!(cookie, expected);
    assert_eq!(session["account_id"], customer.account_id.as_str());

    let me = test.get("/api/sessions/me", &token).await.ok();
    for field in ["session_id", "csrf_token", "user", "role", "account_id", "key_id", "expires_at"]
    {
        assert_eq!(me[field], session[field], "{field}");
    }
    test.get("/api/sessions/me", &customer.key).await.refused(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_session_does_is_done_in_its_name_and_leads_to_its_user() {
    let test = TestApp::start().await;
    let customer = test.customer().await;
    let session = opened(&test, &customer.key, &ada(Admin)).await;
    let headers = [
        ("cookie", format!("daybook_session={}", text(&session["token"]))),
        ("x-csrf-token", text(&session["csrf_token"])),
        ("sec-fetch-site", "same-origin".to_owned()),
    ];
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let body = br#"{"planId":"pro","billingCycle":"monthly"}"#.to_vec();
    test.send("POST", "/api/billing/checkout", "", &headers, Some(body)).await.ok();
    let log = log::whole(&test.db).await;
    let order = |event: &Event| matches!(event, Event::Account(AccountEvent::Order(_)));
    let placed = log.iter().find(|recorded| order(&recorded.event)).unwrap();
    let id = placed.origin.actor.strip_prefix("session:").unwrap();
    let found = test.get(&format!("{SESSIONS}/{id}"), &customer.key).await.ok();
    assert_eq!(found["user"], "ada");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_does_and_reaches_no_more_than_its_key() {
    let test = TestApp::start().await;
    let (customer, other) = (test.customer().await, test.customer().await);
    for own in Role::ALL.into_iter().filter(|role| *role != Member) {
        let account = (own != SuperAdmin).then_some(customer.account_id.as_str());
        let key = test.key(own, account).await;
        for role in Role::ALL {
            let account = (role != SuperAdmin).then_some(customer.account_id.as_str());
            let body = json!({ "user": "ada", "role": role, "account_id": account });
            let answer = test.post(SESSIONS, &key, &body).await;
            if own.may_grant(role) {
                assert_eq!(answer.status, 201, "{own:?} {role:?}: {}", answer.text);
            } else {
                answer.refused(403, "forbidden");
            }
        }
    }
    let elsewhere = json!({ "user": "ada", "role": "member", "account_id": other.account_id });
    test.refuses(SESSIONS, &customer.key, &elsewhere, "404 account_unknown").await;
    // The super admin's session of one account is of that account.
    let narrow = json!({ "user": "ada", "role": "auditor", "account_id": other.account_id });
    let narrow = text(&opened(&test, &test.super_key, &narrow).await["token"]);
    let path = format!("/api/accounts/{}", customer.account_id);
    test.get(&path, &narrow).await.refused(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_makes_neither_keys_nor_sessions_whatever_its_role() {
    let test = TestApp::start().await;
    let session = opened(&test, &test.super_key, &ada(SuperAdmin)).await;
    let (token, key_id) = (text(&session["token"]), text(&session["key_id"]));
    let rotate = format!("/api/keys/{key_id}/rotate");
    for (path, body) in [
        (SESSIONS, ada(SuperAdmin)),
        ("/api/keys", json!({ "role": "super_admin" })),
        (&rotate, json!({})),
    ] {
        test.refuses(path, &token, &body, "403 forbidden").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bounds_of_a_session_are_kept() {
    let test = TestApp::start().await;
    for (body, expected) in [
        (json!({ "user": "", "role": "super_admin" }), "422 session_invalid"),
        (json!({ "user": "x".repeat(201), "role": "super_admin" }), "422 session_invalid"),
        (json!({ "user": "a\tb", "role": "super_admin" }), "422 session_invalid"),
        (json!({ "user": "ada", "role": "owner" }), "422 session_invalid"),
        (json!({ "user": "ada", "role": "auditor", "ttl_seconds": 0 }), "422 session_invalid"),
        (json!({ "user": "ada", "role": "auditor", "ttl_seconds": 43_201 }), "422 session_invalid"),
        (json!({ "user": "ada", "role": "auditor", "ttl_seconds": -1 }), "400 json_shape"),
        (json!({ "user": 7, "role": "auditor" }), "400 json_shape"),
    ] {
        test.refuses(SESSIONS, &test.super_key, &body, expected).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_listed_by_user_and_within_the_own_account() {
    let test = TestApp::start().await;
    let (customer, other) = (test.customer().await, test.customer().await);
    for user in ["ada", "bob", "ada"] {
        opened(&test, &customer.key, &json!({ "user": user, "role": "member" })).await;
    }
    opened(&test, &other.key, &ada(Member)).await;
    let count = async |path: &str, by: &str| {
        test.get(path, by).await.ok()["data"].as_array().unwrap().len()
    };
    let auditor = test.key(Role::Auditor, None).await;
    assert_eq!(count(SESSIONS, &customer.key).await, 3);
    assert_eq!(count("/api/sessions?user=ada", &customer.key).await, 2);
    assert_eq!(count("/api/sessions?user=nobody", &customer.key).await, 0);
    assert_eq!(count("/api/sessions?user=ada", &auditor).await, 3);
    let page = test.get("/api/sessions?user=ada&limit=1", &customer.key).await;
    let link = page.headers["link"].to_str().unwrap();
    let next = link[1..].split('>').next().unwrap().to_owned();
    assert_eq!(count(&next, &customer.key).await, 1);
    test.get("/api/sessions?user=", &customer.key).await.refused(400, "invalid_request");
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_closed_one_by_one_all_at_once_and_by_themselves() {
    let test = TestApp::start().await;
    let Customer { key, .. } = test.customer().await;
    let mut tokens = Vec::new();
    for role in [Member, Member, Owner, Finance] {
        let session = opened(&test, &key, &ada(role)).await;
        tokens.push((text(&session["token"]), text(&session["session_id"])));
    }
    let works = async |nth: usize| test.get("/api/sessions/me", &tokens[nth].0).await.status == 200;

    let path = |nth: usize| format!("{SESSIONS}/{}", tokens[nth].1);
    assert_eq!(delete(&test, &path(0), &key).await.ok()["closed"], json!([tokens[0].1]));
    assert!(!works(0).await && works(1).await);
    delete(&test, &path(0), &key).await.refused(409, "session_not_open");
    let shown = test.get(&path(0), &key).await.ok();
    assert_eq!((shown["works"].clone(), shown["closed_at"].is_string()), (json!(false), true));

    // A member has nothing to close but the own session, an admin nothing above the own role.
    let admin = opened(&test, &key, &json!({ "user": "bob", "role": "admin" })).await;
    let admin = text(&admin["token"]);
    delete(&test, &path(1), &tokens[1].0).await.refused(403, "forbidden");
    delete(&test, &path(2), &admin).await.refused(403, "forbidden");
    delete(&test, "/api/sessions?user=ada", &admin).await.ok();
    assert!(!works(1).await && works(2).await && works(3).await);

    let answer = delete(&test, "/api/sessions/me", &tokens[3].0).await;
    let cleared = "daybook_session=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0";
    assert_eq!(answer.headers["set-cookie"], cleared);
    answer.ok();
    assert!(!works(3).await);

    delete(&test, "/api/sessions?user=ada", &key).await.ok();
    assert!(!works(2).await);
    delete(&test, "/api/sessions?user=ada", &key).await.refused(409, "sessions_not_open");
    delete(&test, SESSIONS, &key).await.refused(400, "invalid_request");
    assert_eq!(test.get("/api/sessions/me", &admin).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn under_https_the_cookie_is_bound_to_the_host() {
    let test = TestApp::start_at("https://billing.example").await;
    let answer = test.post(SESSIONS, &test.super_key, &ada(SuperAdmin)).await;
    let cookie = answer.headers["set-cookie"].to_str().unwrap().to_owned();
    let token = text(&answer.ok()["token"]);
    assert!(cookie.starts_with(&format!("__Host-daybook_session={token}; ")), "{cookie}");
    assert!(cookie.ends_with("; Path=/; Max-Age=3600; Secure"), "{cookie}");
    for (name, status) in [("__Host-daybook_session", 200), ("daybook_session", 401)] {
        let cookie = format!("{name}={token}");
        let answer = test.send("GET", "/api/sessions/me", "", &[("cookie", &cookie)], None).await;
        assert_eq!(answer.status, status, "{name}");
    }
}
