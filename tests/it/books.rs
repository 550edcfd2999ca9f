//! The books over HTTP and on the command line: periods are closed once and in order, what comes
//! late posts to the open one, and the journal and the trial balance show it.

use daybook_events::{event::Role, store};
use serde_json::{Value, json};

use crate::harness::{TestApp, TestDb};

/// The postings of the entries of a kind, oldest first.
fn posted(journal: &Value, kind: &str) -> Vec<String> {
    let entries = journal["data"].as_array().unwrap().iter().filter(|entry| entry["kind"] == kind);
    let posting = |posting: &Value| {
        let [account, amount] = [&posting["account"], &posting["amount"]["amount"]];
        format!("{} {}", account.as_str().unwrap(), amount.as_str().unwrap())
    };
    entries.flat_map(|entry| entry["postings"].as_array().unwrap().iter().map(posting)).collect()
}

/// What an account holds, in a trial balance.
fn balance<'b>(shown: &'b Value, account: &str) -> &'b str {
    let rows = shown["accounts"].as_array().unwrap();
    let row = rows.iter().find(|row| row["account"] == account);
    row.and_then(|row| row["balance"].as_str()).unwrap_or("none")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_is_closed_once_and_what_comes_late_posts_to_the_next() {
    let test = TestApp::start().await;
    let finance = test.key(Role::Finance, None).await;
    let customer = test.subscriber("pro").await;
    let periods = "/api/ledger/periods";
    let shown = test.get(periods, &finance).await.ok();
    let may = json!({ "period": "2026-05", "first_day": "2026-05-01", "last_day": "2026-05-31" });
    assert_eq!(shown, json!({ "closed": [], "next": may }));

    let close = |period: &str| json!({ "period": period });
    test.refuses(periods, &finance, &close("2026-05"), "409 period_not_over").await;
    test.at("2026-07-03T10:00:00Z");
    for (period, refusal) in [
        ("2026-06", "409 period_out_of_order"),
        ("2026-04", "409 period_out_of_order"),
        ("2026-05-02/2026-05-31", "409 period_out_of_order"),
        ("2026-05-31/2026-05-01", "400 invalid_request"),
        ("2026-5", "400 invalid_request"),
        ("may", "400 invalid_request"),
        ("", "400 invalid_request"),
    ] {
        test.refuses(periods, &finance, &close(period), refusal).await;
    }
    let closed = test.post(periods, &finance, &close("2026-05")).await.ok();
    assert_eq!(closed["closed"][0]["period"], "2026-05");
    assert_eq!(closed["next"]["period"], "2026-06");
    test.refuses(periods, &finance, &close("2026-05"), "409 period_closed").await;
    test.refuses(periods, &finance, &close("2026-05-10/2026-06-30"), "409 period_closed").await;
    test.post(periods, &finance, &close("2026-06")).await.ok();

    // June's renewal is learned of in July.
    test.settle_due(&customer).await;
    let journal = test.get("/api/ledger/journal", &finance).await.ok();
    let entries = journal["data"].as_array().unwrap();
    let days: Vec<_> = entries
        .iter()
        .filter(|entry| entry["kind"] == "invoice.issued")
        .map(|entry| entry["posting_on"].as_str().unwrap())
        .collect();
    assert_eq!(days, ["2026-05-01", "2026-07-01"]);
    let events = test.get("/api/ledger/events?type=invoice.issued", &finance).await.ok();
    assert_eq!(events["data"][1]["effective_at"], "2026-06-01T00:00:00.000000Z");
    assert_eq!(events["data"][1]["posting_on"], "2026-07-01");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_closes_the_same_period_and_answers_the_same() {
    let test = TestApp::start().await;
    test.at("2026-08-03T10:00:00Z");
    let body = json!({ "period": "2026-05" });
    let ask = async |body: &Value| {
        let headers = [
            ("authorization", format!("Bearer {}", test.super_key)),
            ("idempotency-key", "may".to_owned()),
        ];
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let body = Some(body.to_string().into_bytes());
        test.send("POST", "/api/ledger/periods", "", &headers, body).await
    };
    let first = ask(&body).await.ok();
    test.post("/api/ledger/periods", &test.super_key, &json!({ "period": "2026-06" })).await.ok();
    let position = test.log_position().await;
    assert_eq!(ask(&body).await.ok(), first);
    assert_eq!(ask(&json!({ "period": "2026-07" })).await.status, 422);
    assert_eq!(test.log_position().await, position);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_is_read_page_by_page_and_ties_to_the_trial_balance() {
    let test = TestApp::start().await;
    let auditor = test.key(Role::Auditor, None).await;
    let customer = test.subscriber("pro").await;
    test.subscriber("starter").await;
    test.at("2026-05-17T00:00:00Z");
    let credit = format!("/api/accounts/{}/credit", customer.account_id);
    let body = json!({ "amount": "4.00", "reason": "an outage" });
    assert_eq!(test.post(&credit, &test.super_key, &body).await.status, 201);

    let whole = test.get("/api/ledger/journal", &auditor).await.ok();
    assert_eq!(whole["next"], Value::Null);
    assert_eq!(
        posted(&whole, "credit.granted"),
        ["income:ContraRevenue:Goodwill 4.00", "liabilities:CustomerCredit -4.00"]
    );
    let (mut pages, mut after) = (Vec::new(), "0".to_owned());
    loop {
        let page = format!("/api/ledger/journal?limit=1&after={after}");
        let page = test.get(&page, &auditor).await.ok();
        pages.extend(page["data"].as_array().unwrap().iter().cloned());
        assert!(pages.len() < 100, "it ends");
        let Some(next) = page["next"].as_str() else { break };
        after = next.to_owned();
    }
    assert_eq!(&Value::Array(pages), &whole["data"]);

    let shown = test.get("/api/ledger/trial-balance", &auditor).await.ok();
    assert_eq!(shown["through"], "2026-05-17");
    for (account, amount) in [
        ("assets:Clearing:Sandbox", "20.00"),
        ("assets:Receivable", "0.00"),
        ("liabilities:CustomerCredit", "-4.00"),
        ("income:ContraRevenue:Goodwill", "4.00"),
        // 17 of 31 days of 15 and of 5.
        ("income:Revenue", "-10.97"),
        ("liabilities:DeferredRevenue", "-9.03"),
    ] {
        assert_eq!(balance(&shown, account), amount, "{account}: {shown}");
    }
    let before = test.get("/api/ledger/trial-balance?through=2026-05-01", &auditor).await.ok();
    assert_eq!(balance(&before, "income:Revenue"), "-0.64");
    assert_eq!(balance(&before, "liabilities:CustomerCredit"), "none");
    for (query, refusal) in [
        ("through=2026-05-18", "as_of_ahead"),
        ("through=2026-5-1", "invalid_request"),
        ("through=yesterday", "invalid_request"),
        ("through=", "invalid_request"),
    ] {
        let answer = test.get(&format!("/api/ledger/trial-balance?{query}"), &auditor).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, refusal), "{query}");
    }
    let answer = test.get("/api/ledger/journal?after=x", &auditor).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_request"));
    let answer = test.get("/api/ledger/journal?after=999999", &auditor).await.ok();
    assert_eq!(answer, json!({ "data": [], "next": null }));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_books_are_for_those_who_keep_or_read_them() {
    let test = TestApp::start().await;
    let customer = test.subscriber("pro").await;
    test.at("2026-07-03T10:00:00Z");
    let auditor = test.key(Role::Auditor, None).await;
    let body = json!({ "period": "2026-05" });
    test.refuses("/api/ledger/periods", &auditor, &body, "403 forbidden").await;
    let own = test.key(Role::Finance, Some(&customer.account_id)).await;
    test.refuses("/api/ledger/periods", &own, &body, "404 not_found").await;
    for path in ["periods", "journal", "trial-balance"] {
        let path = format!("/api/ledger/{path}");
        assert_eq!(test.get(&path, &customer.key).await.status, 403, "{path}");
        assert_eq!(test.get(&path, &own).await.status, 404, "{path}");
        assert_eq!(test.get(&path, "").await.status, 401, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_closes_and_lists_periods() {
    let db = TestDb::new().await;
    let small = ["simulate", "--accounts", "2", "--months", "4", "--output", "json"];
    let from = ["--from", "2024-01-01T00:00:00Z"];
    let (exit, _, err) = db.daybook(&[&small[..], &from].concat()).await;
    assert_eq!((exit, err.as_str()), (0, ""));

    // The simulated seller has closed what was over.
    let (exit, out, err) = db.daybook(&["period", "list", "--output", "json"]).await;
    assert_eq!((exit, err.as_str()), (0, ""));
    let listed: Value = serde_json::from_str(&out).unwrap();
    let closed: Vec<_> =
        listed["closed"].as_array().unwrap().iter().map(|it| &it["period"]).collect();
    assert_eq!(closed, ["2024-01", "2024-02", "2024-03"]);
    assert_eq!(listed["next"]["period"], "2024-04");

    let (exit, out, _) = db.daybook(&["period", "close", "2024-04"]).await;
    assert_eq!(exit, 0);
    assert!(out.contains("2024-04-30") && out.contains("Next: 2024-05"), "{out}");
    let before = store::head(&db.pool().await).await.unwrap().position;
    let (exit, out, err) = db.daybook(&["period", "close", "2024-04"]).await;
    assert_eq!((exit, out.as_str()), (1, ""));
    assert!(err.contains("closed already"), "{err}");
    let (exit, _, err) = db.daybook(&["period", "close", "2024-06"]).await;
    assert_eq!(exit, 1);
    assert!(err.contains("2024-05"), "{err}");
    assert_eq!(store::head(&db.pool().await).await.unwrap().position, before);
    let (exit, _, err) = db.daybook(&["verify"]).await;
    assert_eq!((exit, err.as_str()), (0, ""));
}
