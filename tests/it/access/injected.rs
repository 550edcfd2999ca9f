//! What a ledger tells is not what it takes: no field of an answer or of a row, put into a request,
//! is overlooked or, worse, believed.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::{
    bad_input::scene::{Scene, fill},
    idempotency::{self, Row, WRITES},
};

/// Fields that a request takes and that some answer or row has, too: the caller's own to say. By
/// the address, each looked at when it came here.
#[rustfmt::skip]
const TAKEN: &[(&str, &[&str])] = &[
    ("/api/admin/plans/{id}/reapply-limits", &["force"]),
    ("/api/accounts", &["billing", "external_id", "time_zone"]),
    ("/api/billing/subscription/{id}", &["billingCycle", "cancelAtPeriodEnd", "planId", "reason"]),
    // An agreed price, by the super admin alone.
    ("/api/billing/plan-change", &["billingCycle", "price"]),
    ("/api/billing/cancel", &["reason"]),
    ("/api/ledger/snapshots", &["as_of", "period", "position"]),
    ("/api/refunds", &["amount", "currency"]),
    ("/api/coupons", &["amounts", "duration", "expires_at", "max_per_account", "max_redemptions", "plans", "valid_from"]),
    ("/api/accounts/{id}/usage", &["settles"]),
    ("/api/v1/usage", &["settles"]),
    ("/api/accounts/{id}/credit", &["currency"]),
    ("/api/accounts/{id}/invoices/{invoice}/credit-note", &["amount", "currency"]),
    ("/api/accounts/{id}/orders/{order}/cancel", &["reason"]),
    // What it gives is what it takes: the whole policy.
    ("/api/ledger/policy", &["downgrade", "dunning", "invoice_lines_per_day", "order_expires_after_days", "plan_changes", "proration", "refunds", "upgrade"]),
    ("/api/ledger/tax-rules", &["elsewhere"]),
    // The panel's plans: everything but who they are, and that only unchanged, so that what was read
    // can be put back (`panel/catalogue.rs` tries each changed and unchanged).
    ("/api/admin/plans", &["backups", "cpu", "currency", "databases", "description", "disk", "features", "hiddenFromBilling", "memory", "portCount", "serverLimit", "slug", "trialDays", "tunnelPortCount"]),
    ("/api/admin/plans/{id}", &["backups", "cpu", "currency", "databases", "description", "disk", "features", "hiddenFromBilling", "id", "limits", "memory", "name", "planId", "portCount", "prices", "reapplication", "retired", "revision", "serverLimit", "slug", "trialDays", "tunnelPortCount", "type"]),
    ("/api/orders", &["billingCycle", "couponCode", "description", "notes"]),
    ("/api/admin/orders", &["billingCycle", "notes"]),
    ("/api/admin/orders/{id}/confirm-payment", &["notes"]),
    ("/api/admin/orders/{id}/reject-payment", &["reason"]),
    ("/api/admin/users/{id}/apply-plan", &["billingCycle", "expiresAt", "notes"]),
    ("/api/billing/subscribe", &["billingCycle", "couponCode"]),
    // The account is looked up within the caller's reach.
    ("/api/keys", &["account_id", "expires_at", "label"]),
    ("/api/sessions", &["account_id"]),
];

fn taken(path: &str) -> BTreeSet<&str> {
    let row = TAKEN.iter().find(|(own, _)| *own == path);
    row.map(|(_, fields)| fields.iter().copied().collect()).unwrap_or_default()
}

/// Every name of a field in a value, with a value that it had.
fn fields(value: &Value, found: &mut Map<String, Value>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                found.insert(name.clone(), value.clone());
                fields(value, found);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| fields(value, found)),
        _ => {}
    }
}

/// Every field of every row that there is.
async fn fields_of_rows(scene: &Scene) -> Map<String, Value> {
    let mut found = Map::new();
    for view in daybook_projections::all() {
        let sql = format!("select row::text from daybook_views.{}", view.name());
        let rows: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .fetch_all(scene.test.app.pool())
            .await
            .unwrap();
        for row in rows {
            // The top of a row: what is below is the shape of what one field holds.
            let row: Map<String, Value> = serde_json::from_str(&row).unwrap();
            found.extend(row);
        }
    }
    found
}

/// Puts every field of the answer and of the rows into a request, one by one: those that are not
/// refused, and how many were tried.
async fn believed(scene: &Scene, row: &Row, taken: &BTreeSet<&str>) -> (Vec<String>, usize) {
    let (state, _, _, path, body, _) = row;
    let first = scene.enter(*state).await;
    let answer = idempotency::send(scene, &first, row, body, None).await.ok();
    scene.test.settle().await;
    let mut found = fields_of_rows(scene).await;
    fields(&answer, &mut found);
    let customer = scene.enter(*state).await;
    let body: Map<String, Value> = serde_json::from_str(&fill(body, &customer.1)).unwrap();
    let before = scene.test.log_position().await;
    let (mut wrong, mut tried) = (Vec::new(), 0);
    for (name, value) in found {
        if taken.contains(name.as_str()) || body.contains_key(&name) {
            continue;
        }
        let mut body = body.clone();
        body.insert(name.clone(), value);
        let body = Value::Object(body).to_string();
        let answer = idempotency::send(scene, &customer, row, &body, None).await;
        tried += 1;
        if (answer.status, answer.code().as_str()) != (400, "json_unknown_field") {
            wrong.push(format!("{path} takes `{name}`: {} {}", answer.status, answer.code()));
        }
    }
    if wrong.is_empty() {
        assert_eq!(scene.test.log_position().await, before, "{path}");
    }
    (wrong, tried)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_field_of_an_answer_or_a_row_is_taken_in_a_request() {
    let scene = Scene::start().await;
    let (mut wrong, mut tried) = (Vec::new(), 0);
    for row in WRITES.iter().filter(|row| !row.4.is_empty()) {
        let (of_row, count) = believed(&scene, row, &taken(row.3)).await;
        wrong.extend(of_row);
        tried += count;
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(tried > 2_000, "{tried}");
}

/// The planted fault: a request that takes what rows have, and no word about that above.
#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_is_taken_without_a_word_is_noticed() {
    let scene = Scene::start().await;
    let keys = WRITES.iter().find(|row| row.3 == "/api/keys").unwrap();
    let (wrong, _) = believed(&scene, keys, &BTreeSet::new()).await;
    assert!(wrong.contains(&"/api/keys takes `label`: 201 ".to_owned()), "{wrong:?}");
}
