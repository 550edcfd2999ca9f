//! How soon a credential that was stopped opens nothing any more: with the commit, whoever stopped
//! it and however far the rows lag. The promise is a second; what is shown here is the very next
//! request.

use std::time::{Duration, Instant};

use daybook::{
    app::{App, Face},
    credentials::ApiKey,
};
use daybook_events::{
    Currency,
    commands::IssueKey,
    event::Role,
    store::{Clock, Options},
    testing,
};
use daybook_projections::{
    keys::Keys,
    query::{Page, Reads},
};
use serde_json::{Value, json};

use crate::{
    bad_input::scene::text,
    harness::{TestApp, opening, run},
};

async fn make(test: &TestApp) -> (String, String) {
    let made = test.post("/api/keys", &test.super_key, &json!({ "role": "auditor" })).await.ok();
    (text(&made["key"]), text(&made["key_id"]))
}

async fn works(test: &TestApp, credential: &str) -> bool {
    let status = test.get("/api/accounts", credential).await.status;
    assert!(matches!(status, 200 | 401), "{status}");
    status == 200
}

/// Asks until a credential is refused: nothing that is sent a second from now is accepted.
async fn refused_within_a_second(test: &TestApp, credential: &str) {
    let stopped = Instant::now();
    loop {
        // What counts is when it was sent: an answer may take its time.
        let asked = stopped.elapsed();
        if !works(test, credential).await {
            return;
        }
        assert!(asked < Duration::from_secs(1), "it is still accepted");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_revoked_here_is_refused_by_the_next_request_and_the_rows_say_so() {
    let test = TestApp::start().await;
    let (key, id) = make(&test).await;
    let opened = json!({ "user": "ada", "role": "auditor" });
    let session = text(&test.post("/api/sessions", &key, &opened).await.ok()["token"]);
    assert!(works(&test, &key).await && works(&test, &session).await);
    let path = format!("/api/keys/{id}/revoke");
    test.post(&path, &test.super_key, &json!({})).await.ok();
    let rows = Reads::new(test.db.pool().await);
    let row = rows.all().get::<Keys>(&id).await.unwrap().unwrap();
    assert!(row.revoked_at.is_some(), "the answer came before the rows");
    assert!(!works(&test, &key).await && !works(&test, &session).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_made_by_the_command_line_works_at_once_and_is_rotated_and_revoked_there() {
    let test = TestApp::start().await;
    let cli = async |args: &[&str]| -> Value {
        let (exit, out, err) = test.db.daybook(&[&["--output", "json"], args].concat()).await;
        assert_eq!(exit, 0, "{err}");
        serde_json::from_str(&out).unwrap()
    };
    let made = cli(&["key", "create", "--role", "auditor", "--label", "audit"]).await;
    let key = text(&made["key"]);
    assert!(works(&test, &key).await);
    let session = json!({ "user": "ada", "role": "auditor" });
    let session = test.post("/api/sessions", &key, &session).await.ok();
    let listed = cli(&["session", "list", "--user", "ada"]).await;
    assert_eq!(listed[0]["session_id"], session["session_id"]);
    cli(&["session", "close", &text(&session["session_id"])]).await;
    refused_within_a_second(&test, &text(&session["token"])).await;

    let rotated = cli(&["key", "rotate", &text(&made["key_id"]), "--overlap", "0"]).await;
    refused_within_a_second(&test, &key).await;
    let key = text(&rotated["key"]);
    assert!(works(&test, &key).await);
    let listed = cli(&["key", "list"]).await;
    let row = |id: &Value| listed.as_array().unwrap().iter().find(|row| row["key_id"] == *id);
    assert_eq!(row(&made["key_id"]).unwrap()["replaced_by"], rotated["key_id"]);
    cli(&["key", "revoke", &text(&rotated["key_id"])]).await;
    refused_within_a_second(&test, &key).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_another_process_revokes_is_refused_by_the_next_request() {
    let test = TestApp::start().await;
    let (key, id) = make(&test).await;
    assert!(works(&test, &key).await);
    // As another process has it: a ledger of its own on the same database.
    let mut options = Options::default();
    options.clock = Clock::standing_at(test.clock.now());
    let face = Face { public_url: String::new(), currency: Currency::USD, upgrade_url: None };
    let other = App::open(
        test.db.pool().await,
        options,
        &opening(),
        face,
        &daybook::processors::settings::Settings::default(),
    )
    .await
    .unwrap();
    let revoke = daybook_events::commands::RevokeKey { key_id: id.parse().unwrap() };
    other.submit(crate::log::ask(revoke)).await.unwrap();
    assert!(!works(&test, &key).await);
}

/// Rows that stand still let nobody in who was shut out, and shut nobody out who was let in: they
/// are not asked.
#[tokio::test(flavor = "multi_thread")]
async fn who_may_come_in_does_not_wait_for_the_rows() {
    let test = TestApp::start().await;
    let (key, id) = make(&test).await;
    test.settle().await;
    let mut superuser = test.db.superuser().await;
    run(&mut superuser, "begin; select from daybook.checkpoints for update").await.unwrap();
    let new = ApiKey::from_random(rand::random());
    let hash = new.hash();
    test.submit(IssueKey { hash, ..testing::issue_key(Role::SuperAdmin) }).await.unwrap();
    let revoke = daybook_events::commands::RevokeKey { key_id: id.parse().unwrap() };
    test.submit(revoke).await.unwrap();
    // Public addresses aside, reads would wait for the rows; the door does not.
    let no_such_route = json!({});
    test.post("/api/keys/nobody/revoke", new.reveal(), &no_such_route)
        .await
        .refused(404, "not_found");
    test.post("/api/keys/nobody/revoke", &key, &no_such_route)
        .await
        .refused(401, "unauthenticated");
    // What an authentication by rows would have gone by all this while.
    let rows = Reads::new(test.db.pool().await);
    let keys = rows.all().list::<Keys>(&Page { after: None, limit: 100 }).await.unwrap();
    let stale = keys.iter().find(|row| row.key_id.to_string() == id).unwrap();
    assert_eq!(stale.revoked_at, None);
    assert!(keys.iter().all(|row| row.hash != new.hash()));
    run(&mut superuser, "rollback").await.unwrap();
}

/// Keys and sessions go by the ledger's own clock, as everything does that is said in the log.
#[tokio::test(flavor = "multi_thread")]
async fn what_expires_does_so_by_the_ledgers_clock() {
    let test = TestApp::start().await;
    let body = json!({ "user": "ada", "role": "super_admin", "ttl_seconds": 60 });
    let session = test.post("/api/sessions", &test.super_key, &body).await.ok();
    let token = text(&session["token"]);
    assert!(works(&test, &token).await);
    let to = json!({ "to": test.clock.now().plus_seconds(59) });
    test.post("/api/ledger/clock", &test.super_key, &to).await.ok();
    assert!(works(&test, &token).await);
    let to = json!({ "to": session["expires_at"] });
    test.post("/api/ledger/clock", &test.super_key, &to).await.ok();
    assert!(!works(&test, &token).await);
}
