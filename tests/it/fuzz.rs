//! Schemathesis against the served API with the served document, as callers of each role: whatever
//! it sends, no answer is a server error, and every answer is what the document says.
//!
//! `make test` runs it shortly, as two roles; `make fuzz-api` longer, as all six.
#![expect(clippy::unwrap_used, reason = "test code panics where a test fails")]

use std::{path::PathBuf, process::Output};

use daybook::http::openapi;
use daybook_events::event::Role;
use serde_json::{Value, json};
use tokio::{io::AsyncReadExt, io::AsyncWriteExt, net::TcpListener, process::Command};

use crate::harness::TestApp;

/// What every answer is held against.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_headers_conformance,response_schema_conformance,negative_data_rejection,\
    unsupported_method,ignored_auth";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A program of the environment that `scripts/setup test` makes.
fn tool(name: &str) -> PathBuf {
    let path = root().join("target/fuzz-venv/bin").join(name);
    assert!(path.exists(), "run `scripts/setup test`: {} is missing", path.display());
    path
}

/// What Schemathesis says of a served document.
async fn schemathesis(url: &str, key: &str, ids: &Value, examples: &str) -> Output {
    let config = root().join("tests/fuzz/schemathesis.toml");
    let mut command = Command::new(tool("schemathesis"));
    command.arg("--config-file").arg(config).args(["run", &format!("{url}/openapi.json")]);
    if !key.is_empty() {
        command.args(["-H", &format!("Authorization: Bearer {key}")]);
    }
    command
        .args(["--checks", CHECKS, "--max-examples", examples, "--seed", "1"])
        .args(["--phases", "examples,coverage,fuzzing", "--continue-on-failure"])
        .args(["--generation-database", "none", "--workers", "1", "--request-timeout", "30"])
        .args(["--suppress-health-check", "all", "--warnings", "off", "--no-color"])
        .env("PYTHONPATH", root().join("tests/fuzz"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("SCHEMATHESIS_HOOKS", "hooks")
        .env("DAYBOOK_FUZZ_IDS", ids.to_string())
        .current_dir(std::env::temp_dir());
    command.output().await.unwrap()
}

/// A small history, and the ids that lead into it.
async fn history(app: &TestApp) -> (String, Value) {
    let customer = app.subscriber("starter").await;
    let other = app.customer().await;
    let waiting = app.checkout(&other, "pro").await;
    let account = &customer.account_id;
    let newest = async |rows: &str, id: &str| {
        let path = format!("/api/accounts/{account}/{rows}");
        let rows = app.get(&path, &app.super_key).await.ok();
        rows["data"][0][id].as_str().unwrap().to_owned()
    };
    let code = json!({ "code": "SPRING10", "percent": "10", "duration": "forever" });
    app.post("/api/coupons", &app.super_key, &code).await.ok();
    let credit = json!({ "amount": "1.00", "reason": "a history" });
    let path = format!("/api/accounts/{account}/credit");
    let credit = app.post(&path, &app.super_key, &credit).await.ok();
    let ids = json!({
        "accounts": account,
        "adjustments": credit["adjustment_id"],
        "checkout": waiting["orderId"],
        "coupons": "SPRING10",
        "invoices": newest("invoices", "invoice_id").await,
        "limits": "servers",
        "orders": newest("orders", "order_id").await,
        "plans": "pro",
        "subscription": newest("subscriptions", "subscription_id").await,
        "users": account,
    });
    (account.clone(), ids)
}

/// The roles and the number of examples of this run.
fn extent() -> (Vec<Role>, String) {
    let all = std::env::var("DAYBOOK_FUZZ_ROLES").is_ok_and(|roles| roles == "all");
    let roles = if all { Role::ALL.to_vec() } else { vec![Role::SuperAdmin, Role::Owner] };
    let examples = std::env::var("DAYBOOK_FUZZ_EXAMPLES").unwrap_or_else(|_| "3".to_owned());
    (roles, examples)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_makes_a_server_error_or_an_answer_that_the_document_does_not_have() {
    let (roles, examples) = extent();
    for role in roles {
        let app = TestApp::start().await;
        let (account, ids) = history(&app).await;
        let reach = matches!(role, Role::Owner | Role::Admin | Role::Member).then_some(&account);
        let key = app.key(role, reach.map(String::as_str)).await;
        let said = schemathesis(&app.url, &key, &ids, &examples).await;
        let text = String::from_utf8_lossy(&said.stdout);
        assert!(said.status.success(), "as {}:\n{text}", role.as_str());
        assert!(text.contains("Tested:"), "as {}:\n{text}", role.as_str());
    }
}

/// Serves one document, and one answer for everything else.
async fn liar(document: String, answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let document = document.clone();
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let read = socket.read(&mut request).await.unwrap_or(0);
                let asks = String::from_utf8_lossy(&request[..read]).contains("/openapi.json");
                let body = if asks { &*document } else { answer };
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
                let text = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                let _ = socket.write_all(text.as_bytes()).await;
            });
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_another_shape_fails_the_run() {
    let document = json!({
        "openapi": "3.1.0",
        "info": { "title": "a liar", "version": "1" },
        "paths": { "/clock": { "get": { "responses": { "200": {
            "description": "the time",
            "content": { "application/json": { "schema": {
                "type": "object", "required": ["now"],
            } } },
        } } } } },
    });
    let honest = liar(document.to_string(), r#"{"now":"2026-05-01"}"#).await;
    let said = schemathesis(&honest, "", &json!({}), "1").await;
    let text = String::from_utf8_lossy(&said.stdout);
    assert!(!text.contains("response_schema_conformance"), "{text}");
    let lying = liar(document.to_string(), r#"{"time":"2026-05-01"}"#).await;
    let said = schemathesis(&lying, "", &json!({}), "1").await;
    let text = String::from_utf8_lossy(&said.stdout);
    assert!(!said.status.success() && text.contains("violates schema"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_valid_openapi_3_1() {
    let dir = tempfile::tempdir().unwrap();
    let valid = async |document: &Value| {
        let path = dir.path().join("openapi.json");
        std::fs::write(&path, document.to_string()).unwrap();
        let said = Command::new(tool("openapi-spec-validator"))
            .args(["--schema", "3.1"])
            .arg(path)
            .output()
            .await
            .unwrap();
        let text = String::from_utf8_lossy(&said.stdout).into_owned();
        (said.status.success(), text)
    };
    let (fits, text) = valid(openapi::document()).await;
    assert!(fits, "{text}");
    let mut planted = openapi::document().clone();
    planted["paths"]["/healthz"]["get"]["responses"]["200"]["description"] = Value::Null;
    assert!(!valid(&planted).await.0);
}
