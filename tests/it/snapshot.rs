//! Snapshots: the same bounds give the same bytes, they tie out, and nothing half-written is left.

mod bounds;
mod broken_off;
mod command;
mod faults;
mod plain_text;
mod served;
mod year;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use daybook::snapshot::{Asked, SnapshotError, key::Key, manifest::Manifest, tables, take};
use daybook_events::{commands::ClosePeriod, store::Clock};
use daybook_projections as projections;
use serde_json::json;
use sqlx::PgPool;

use crate::harness::TestApp;

/// A ledger in which every table of a snapshot has rows, with words that a spreadsheet would run.
pub(crate) async fn rich() -> TestApp {
    let test = TestApp::start().await;
    let mut customers = Vec::new();
    for plan in ["starter", "pro", "business", "pro"] {
        customers.push(test.subscriber(plan).await);
    }
    test.at("2026-05-11T09:30:00Z");
    let up = json!({ "planId": "business" });
    let changed = test.post("/api/billing/plan-change", &customers[1].key, &up).await.ok();
    let paid = test.pay(&changed["checkout"]).await;
    test.confirm(&customers[1], &paid).await;
    let down = json!({ "planId": "starter" });
    test.post("/api/billing/plan-change", &customers[2].key, &down).await.ok();
    let body = json!({ "reason": "=HYPERLINK(\"http://x\",\"+1\")" });
    test.post("/api/refunds", &customers[3].key, &body).await.ok();
    test.at("2026-06-02T00:00:00Z");
    // The refunded one has nothing more to come.
    for customer in &customers[..3] {
        test.settle_due(customer).await;
    }
    test.submit(ClosePeriod { period: "2026-05".parse().unwrap() }).await.unwrap();
    test.subscriber("pro").await;
    test.settle().await;
    test
}

/// Takes a snapshot into a new folder.
async fn taken(
    pool: &PgPool,
    clock: &Clock,
    asked: Asked,
    key: &Key,
    out: &Path,
) -> Result<Manifest, SnapshotError> {
    let scope = asked.resolve(pool, clock).await?;
    take(pool, &scope, key, out, &mut |_, _| {}).await
}

/// A snapshot of a test's ledger in a folder of its own.
async fn snapshot(test: &TestApp, asked: Asked) -> (tempfile::TempDir, PathBuf, Manifest) {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("snapshot");
    let taken = taken(test.app.pool(), &test.clock, asked, &Key::random(), &out).await;
    (dir, out, taken.unwrap())
}

fn position(position: i64) -> Asked {
    Asked { position: Some(position), ..Asked::default() }
}

/// Every file of a folder but the checkpoint, by name.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(dir).unwrap().map(Result::unwrap);
    let named = entries.map(|entry| entry.file_name().into_string().unwrap());
    let kept = named.filter(|name| name != "checkpoint.txt");
    kept.map(|name| (name.clone(), std::fs::read(dir.join(name)).unwrap())).collect()
}

/// What a check finds.
fn findings(dir: &Path) -> Vec<String> {
    let report = daybook::snapshot::check::check(dir, None, &mut |_, _| {});
    report.findings.iter().map(ToString::to_string).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_bounds_give_the_same_bytes_before_and_after_a_rebuild() {
    let test = rich().await;
    let head = test.log_position().await;
    let (_first_dir, first, manifest) = snapshot(&test, Asked::default()).await;
    assert_eq!(findings(&first), Vec::<String>::new());
    assert_eq!(manifest.position, head);
    for file in &manifest.files {
        assert!(file.rows > 0, "{} has no row", file.name);
    }
    assert!(manifest.ties.iter().all(|tie| tie.books == tie.expected), "{:?}", manifest.ties);

    // Whatever comes later changes nothing of what was.
    test.subscriber("business").await;
    let pool = test.app.pool();
    projections::rebuild::rebuild(pool, projections::all(), &mut |_, _| {}).await.unwrap();
    let (_second_dir, second, _) = snapshot(&test, position(head)).await;
    assert_eq!(files(&first), files(&second));
    let of_two = |dir: &Path| std::fs::read(dir.join("checkpoint.txt")).unwrap();
    assert_ne!(of_two(&first), of_two(&second), "another key signs otherwise");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_position_has_a_snapshot_that_ties_out() {
    let test = rich().await;
    for at in (1..=test.log_position().await).rev().step_by(7) {
        let (_dir, out, _) = snapshot(&test, position(at)).await;
        assert_eq!(findings(&out), Vec::<String>::new(), "at position {at}");
    }
}

#[test]
fn the_documentation_names_every_column() {
    let docs = include_str!("../../docs/FINANCE.md");
    for (table, columns) in tables::TABLES {
        let row = docs.lines().find(|line| line.starts_with(&format!("| `{table}` |")));
        let names: Vec<_> = columns.iter().map(|column| format!("`{}`", column.name)).collect();
        let expected = format!("| {} |", names.join(", "));
        assert!(row.is_some_and(|row| row.ends_with(&expected)), "{table}: {expected}");
    }
}
