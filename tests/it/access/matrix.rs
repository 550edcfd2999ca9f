//! The matrix: every operation, called with every credential that there is, answers as its row
//! says, and nothing is appended by a knock.

use std::collections::BTreeMap;

use daybook::credentials::{ApiKey, SessionToken};
use daybook_events::event::Role::{self, Auditor, Finance, Owner, SuperAdmin};
use serde_json::{Value, json};

use super::operations::{Operation, Presented, knock, operations};
use crate::{
    bad_input::scene::text,
    harness::{Answered, Customer, TestApp},
};

/// What a credential is, which says what each operation has to answer.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Standing {
    /// It opens nothing.
    Dead,
    /// A key that works.
    Key(Role),
    /// A session that works, presented where no other site can make a browser send it.
    Session(Role),
    /// A session that works, by its cookie alone.
    WithoutCsrf(Role),
    /// A session that works, by its cookie, from a page of another site.
    CrossSite,
}

struct Credential {
    name: String,
    standing: Standing,
    by: Presented,
}

impl Credential {
    fn new(name: impl Into<String>, standing: Standing, by: Presented) -> Self {
        Self { name: name.into(), standing, by }
    }

    fn dead(name: &str, by: Presented) -> Self {
        Self::new(name, Standing::Dead, by)
    }
}

/// Status and code of the answer where the door is shut; `None` where it is open.
fn expected(operation: &Operation, standing: Standing) -> Option<(u16, &'static str)> {
    operation.roles.as_ref()?;
    let by_role =
        |role, by_session| (!operation.allows(role, by_session)).then_some((403, "forbidden"));
    match standing {
        Standing::Dead => Some((401, "unauthenticated")),
        Standing::Key(role) => by_role(role, false),
        Standing::Session(role) => by_role(role, true),
        Standing::WithoutCsrf(_) if operation.is_unsafe() => Some((403, "csrf_token_invalid")),
        Standing::WithoutCsrf(role) => by_role(role, true),
        Standing::CrossSite => Some((403, "cross_site_refused")),
    }
}

fn check(operation: &Operation, credential: &Credential, answer: &Answered) -> Result<(), String> {
    let said = (answer.status, answer.code());
    let asked = format!("{} {} with {}", operation.verb, operation.path, credential.name);
    let wrong = |why: &str| Err(format!("{asked}: {why}: {} {} {}", said.0, said.1, answer.text));
    match expected(operation, credential.standing) {
        None if matches!(said.0, 401 | 403) || said.0 >= 500 => wrong("the door is shut"),
        None => Ok(()),
        Some((status, code)) if (status, code) != (said.0, said.1.as_str()) => {
            wrong(&format!("not {status} {code}"))
        }
        // Whatever is wrong with a credential, it looks the same from outside.
        Some((401, _))
            if answer.message() != "the request needs an API key or a session that works" =>
        {
            wrong("the message tells more")
        }
        Some((401, _)) if answer.headers["www-authenticate"] != "Bearer" => wrong("no challenge"),
        Some(_) => Ok(()),
    }
}

/// A session of a role that reaches a customer, or the ledger, with its CSRF token.
pub(super) async fn session(test: &TestApp, role: Role, customer: Option<&Customer>) -> Value {
    let account = customer.map(|customer| customer.account_id.as_str());
    let body = json!({ "user": "ada", "role": role, "account_id": account, "ttl_seconds": 43_200 });
    test.post("/api/sessions", &test.super_key, &body).await.ok()
}

fn mistyped(credential: &str) -> String {
    let last = if credential.ends_with('a') { 'b' } else { 'a' };
    format!("{}{last}", &credential[..credential.len() - 1])
}

async fn make_key(test: &TestApp, body: Value) -> (String, String) {
    let made = test.post("/api/keys", &test.super_key, &body).await.ok();
    (text(&made["key"]), text(&made["key_id"]))
}

async fn open(test: &TestApp, key: &str) -> (String, String) {
    let body = json!({ "user": "ada", "role": "super_admin", "ttl_seconds": 43_200 });
    let opened = test.post("/api/sessions", key, &body).await.ok();
    (text(&opened["token"]), text(&opened["session_id"]))
}

/// Credentials that worked once, with the name of what has become of them.
async fn that_have_worked(test: &TestApp) -> Vec<(&'static str, String)> {
    let now = test.clock.now();
    let any = json!({ "role": "super_admin" });
    let tomorrow = json!({ "role": "super_admin", "expires_at": now.plus_days(1) });
    let (expired, _) = make_key(test, tomorrow).await;
    let (of_expired, _) = open(test, &expired).await;
    let (revoked, revoked_id) = make_key(test, any.clone()).await;
    let (of_revoked, _) = open(test, &revoked).await;
    let (rotated, rotated_id) = make_key(test, any.clone()).await;
    let (of_rotated, _) = open(test, &rotated).await;
    let (expired_session, _) = open(test, &test.super_key).await;
    let (closed, closed_id) = open(test, &test.super_key).await;
    let dead = vec![
        ("an expired key", expired),
        ("a session of an expired key", of_expired),
        ("a revoked key", revoked),
        ("a session of a revoked key", of_revoked),
        ("a key that was rotated out", rotated),
        ("a session of a key that was rotated out", of_rotated),
        ("an expired session", expired_session),
        ("a closed session", closed),
    ];
    // Each has worked: what refuses it later is what happens to it now.
    for (name, credential) in &dead {
        assert_eq!(test.get("/api/accounts", credential).await.status, 200, "{name}");
    }
    let rotate = format!("/api/keys/{rotated_id}/rotate");
    test.post(&rotate, &test.super_key, &json!({ "overlap_seconds": 3600 })).await.ok();
    test.post(&format!("/api/keys/{revoked_id}/revoke"), &test.super_key, &json!({})).await.ok();
    let close = format!("/api/sessions/{closed_id}");
    test.send("DELETE", &close, &test.super_key, &[], None).await.ok();
    test.clock.set(now.plus_days(1));
    dead
}

async fn dead(test: &TestApp, customer: &Customer) -> Vec<Credential> {
    let live = customer.key.clone();
    let token = text(&session(test, SuperAdmin, None).await["token"]);
    let unknown = SessionToken::from_random([7; 25]).reveal().to_owned();
    let basic = Presented(vec![("authorization", format!("Basic {live}"))]);
    let twice = Presented::cookie(&token).and("cookie", &format!("daybook_session={token}"));
    let host = Presented(vec![("cookie", format!("__Host-daybook_session={token}"))]);
    let mut dead = vec![
        Credential::dead("nothing", Presented::default()),
        Credential::dead("a malformed key", Presented::bearer("letmein")),
        Credential::dead("a mistyped key", Presented::bearer(&mistyped(&live))),
        Credential::dead(
            "an unknown key",
            Presented::bearer(ApiKey::from_random([7; 25]).reveal()),
        ),
        Credential::dead("a key in capitals", Presented::bearer(&live.to_uppercase())),
        Credential::dead("a key by another scheme", basic),
        Credential::dead("a key as a cookie", Presented::cookie(&live)),
        Credential::dead("a malformed session", Presented::bearer("dbs_")),
        Credential::dead("a mistyped session", Presented::bearer(&mistyped(&token))),
        Credential::dead("an unknown session", Presented::bearer(&unknown)),
        Credential::dead("a session as X-API-Key", Presented::default().and("x-api-key", &token)),
        Credential::dead("a cookie that comes twice", twice),
        Credential::dead("the cookie of another scheme", host),
        Credential::dead("an unknown cookie", Presented::cookie(&unknown)),
        Credential::dead(
            "a live cookie behind a dead key",
            Presented::cookie(&token).and("authorization", "Bearer letmein"),
        ),
    ];
    for (name, credential) in that_have_worked(test).await {
        if credential.starts_with("dbs_") {
            dead.push(Credential::dead(
                &format!("{name}, as a cookie"),
                Presented::cookie(&credential),
            ));
        }
        dead.push(Credential::dead(name, Presented::bearer(&credential)));
    }
    dead
}

/// Keys and sessions of every role, of a customer's account and of the ledger.
async fn live(test: &TestApp, customer: &Customer) -> Vec<Credential> {
    let mut live = Vec::new();
    let of_account = Role::ALL.into_iter().filter(|role| *role != SuperAdmin);
    let all = of_account.map(|role| (role, true));
    for (role, own) in all.chain([SuperAdmin, Auditor, Finance].map(|role| (role, false))) {
        let reach = own.then_some(customer);
        let whose = if own { "of the account" } else { "of the ledger" };
        let key = test.key(role, reach.map(|customer| customer.account_id.as_str())).await;
        let opened = session(test, role, reach).await;
        let (token, csrf) = (text(&opened["token"]), text(&opened["csrf_token"]));
        let cookie = || Presented::cookie(&token);
        let named = |what: &str| format!("{what} {whose}, {role:?}");
        let (by_session, without) = (Standing::Session(role), Standing::WithoutCsrf(role));
        live.extend([
            Credential::new(named("a key"), Standing::Key(role), Presented::bearer(&key)),
            Credential::new(named("a session"), by_session, Presented::bearer(&token)),
            Credential::new(named("a cookie"), by_session, cookie().and("x-csrf-token", &csrf)),
            Credential::new(named("a bare cookie"), without, cookie()),
            Credential::new(
                named("a cookie with another's CSRF token"),
                without,
                cookie().and("x-csrf-token", &"0".repeat(64)),
            ),
            Credential::new(
                named("a cookie beside a key"),
                Standing::Key(role),
                cookie().and("authorization", &format!("Bearer {key}")),
            ),
            Credential::new(
                named("a cookie from elsewhere"),
                Standing::CrossSite,
                cookie().and("x-csrf-token", &csrf).and("sec-fetch-site", "cross-site"),
            ),
        ]);
    }
    live
}

/// Knocks on every operation with every credential: what is wrong, and how many knocks there were.
async fn wrongs(
    test: &TestApp,
    operations: &[Operation],
    credentials: &[Credential],
) -> (Vec<String>, usize) {
    let mut wrongs = Vec::new();
    for operation in operations {
        for credential in credentials {
            let answer = knock(test, operation, &credential.by).await;
            wrongs.extend(check(operation, credential, &answer).err());
        }
    }
    (wrongs, operations.len() * credentials.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_answers_every_credential_as_its_row_says() {
    let test = TestApp::start().await;
    let customer = test.customer().await;
    let mut credentials = dead(&test, &customer).await;
    credentials.extend(live(&test, &customer).await);
    let (signing_out, operations): (Vec<_>, Vec<_>) =
        operations().into_iter().partition(Operation::is_sign_out);
    let before = test.log_position().await;
    let (wrong, knocks) = wrongs(&test, &operations, &credentials).await;
    assert!(wrong.is_empty(), "{} of {knocks}:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(test.log_position().await, before, "a knock appended something");
    assert!(knocks > 60 * 80, "{knocks}");

    // Last, since whoever is let in here is out for good.
    for operation in &signing_out {
        for credential in &credentials {
            let answer = knock(&test, operation, &credential.by).await;
            let signed_out = matches!(credential.standing, Standing::Session(_));
            // The same session comes as bearer and as cookie: the second time it is over.
            if !(signed_out && answer.status == 401) {
                assert_eq!(check(operation, credential, &answer), Ok(()));
            }
            if signed_out && credential.name.starts_with("a session") {
                assert_eq!(answer.status, 200, "{}: {}", credential.name, answer.text);
                break;
            }
        }
    }
    assert_eq!(signing_out.len(), 1);
}

/// The planted fault: operations of which one says another role, one that sessions may call it, and
/// one that anybody may, are not what the server does.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_says_something_else_is_noticed() {
    let test = TestApp::start().await;
    let customer = test.customer().await;
    let credentials = live(&test, &customer).await;
    let table: BTreeMap<_, _> =
        operations().into_iter().map(|it| ((it.verb.clone(), it.path.clone()), it)).collect();
    let row = |verb: &str, path: &str| table[&(verb.to_owned(), path.to_owned())].clone();
    let accounts = row("GET", "/api/accounts");
    let (right, _) = wrongs(&test, std::slice::from_ref(&accounts), &credentials).await;
    assert_eq!(right, Vec::<String>::new());
    let mut roles = accounts.clone();
    roles.roles = Some(vec![SuperAdmin, Owner, Auditor, Finance]);
    let mut sessions = row("POST", "/api/keys");
    sessions.sessions = true;
    let mut public = accounts;
    public.roles = None;
    for fault in [roles, sessions, public] {
        let (wrong, _) = wrongs(&test, std::slice::from_ref(&fault), &credentials).await;
        assert!(!wrong.is_empty(), "{fault:?}");
    }
}
