//! Somebody with every right changes what is stored: `daybook verify` says so, says where, and is
//! content again when it is put back.

use daybook_events::{
    commands::{ReportUsage, SwitchFeature},
    event::Feature,
    testing,
};
use serde_json::Value;
use sqlx::PgConnection;

use crate::harness::{TestApp, TestDb, run};

/// A ledger with something in each projection, and a superuser whom no trigger stops.
struct Scene {
    test: TestApp,
    superuser: PgConnection,
}

impl Scene {
    async fn new() -> Self {
        let test = TestApp::start().await;
        for _ in 0..2 {
            let customer = test.subscriber("pro").await;
            let body = serde_json::json!({ "reason": "customer_request" });
            test.post("/api/refunds", &customer.key, &body).await.ok();
            let account_id = customer.account_id.parse().unwrap();
            let counted = ReportUsage { account_id, ..testing::report("max_servers", 3) };
            test.submit(counted).await.unwrap();
            test.spares(&customer).await;
        }
        test.submit(testing::offer("SPRING-20", "20")).await.unwrap();
        let switched = SwitchFeature { feature: Feature::Billing, enabled: false };
        test.submit(switched).await.unwrap();
        test.settle().await;
        let mut superuser = test.db.superuser().await;
        // As a person would who means it; `verify` must not rest on the triggers.
        run(&mut superuser, "alter table events disable trigger all").await.unwrap();
        assert_eq!(findings(&test.db).await, []);
        Self { test, superuser }
    }

    async fn text(&mut self, sql: &str) -> String {
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql.to_owned()))
            .fetch_one(&mut self.superuser)
            .await
            .unwrap()
    }

    async fn position_of(&mut self, type_name: &str) -> i64 {
        let sql = format!("select min(position)::text from events where type = '{type_name}'");
        self.text(&sql).await.parse().unwrap()
    }

    /// The findings after a change that touches one row; the change is then undone by a copy of
    /// the table that was made before, and nothing is found any more.
    async fn findings_of(&mut self, table: &str, change: &str) -> Vec<Finding> {
        let copy = format!("create table public.kept as select * from {table}");
        run(&mut self.superuser, &copy).await.unwrap();
        let changed =
            sqlx::raw_sql(sqlx::AssertSqlSafe(change.to_owned())).execute(&mut self.superuser);
        assert_eq!(changed.await.unwrap().rows_affected(), 1, "{change}");
        let found = findings(&self.test.db).await;
        let columns = "select string_agg(quote_ident(attname), ', ' order by attnum)
                       from pg_attribute where attnum > 0 and not attisdropped
                         and attgenerated = '' and attrelid = ";
        let columns = self.text(&format!("{columns} '{table}'::regclass")).await;
        let undo = format!(
            "begin;
             delete from {table};
             insert into {table} ({columns}) select {columns} from public.kept;
             drop table public.kept;
             commit"
        );
        run(&mut self.superuser, &undo).await.unwrap();
        assert_eq!(findings(&self.test.db).await, [], "it was undone: {change}");
        found
    }
}

/// What `verify` found: the check, the position or row, and what is wrong.
#[derive(Debug, PartialEq)]
struct Finding {
    check: String,
    place: String,
    problem: String,
}

/// Runs `daybook verify` and reads its report; its exit code must agree with it.
async fn findings(db: &TestDb) -> Vec<Finding> {
    let (exit, out, err) = db.daybook(&["verify", "--output", "json"]).await;
    let report: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}"));
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let findings: Vec<_> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| Finding {
            check: text(&finding["check"]),
            place: match &finding["position"] {
                Value::Null => text(&finding["row"]),
                position => position.to_string(),
            },
            problem: text(&finding["problem"]),
        })
        .collect();
    assert_eq!(exit, if findings.is_empty() { 0 } else { 3 }, "{out}{err}");
    assert_eq!(report["verified"], findings.is_empty());
    findings
}

#[track_caller]
fn assert_found(found: &[Finding], check: &str, place: &str) {
    let hit = found.iter().any(|finding| finding.check == check && finding.place == place);
    assert!(hit, "no {check} at {place}: {found:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_byte_of_a_payload_is_found_at_its_position() {
    let mut scene = Scene::new().await;
    let position = scene.position_of("invoice.issued").await;
    let change = format!(
        "update events set payload = replace(payload::text, '15.00', '15.01')::json
         where position = {position}"
    );
    let found = scene.findings_of("events", &change).await;
    assert_found(&found, "hash", &position.to_string());
    // White space means nothing to JSON, but it is not what was written.
    let change = format!(
        "update events set payload = (payload::text || ' ')::json where position = {position}"
    );
    let found = scene.findings_of("events", &change).await;
    assert_found(&found, "hash", &position.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn any_other_column_of_an_event_is_guarded_too() {
    let mut scene = Scene::new().await;
    let position = scene.position_of("invoice.issued").await;
    for (column, value) in [
        ("origin", "replace(origin::text, '{', '{ ')::json"),
        ("effective_at", "effective_at - interval '1 microsecond'"),
        ("posting_on", "posting_on - 1"),
        ("number", "'INV-2026-000077'"),
        ("number", "null"),
        ("type", "'invoice.paid'"),
        ("schema_version", "2"),
        ("stream", "stream || '0'"),
        ("leaf_hash", "sha256('')"),
    ] {
        let change = format!("update events set {column} = {value} where position = {position}");
        let found = scene.findings_of("events", &change).await;
        assert_found(&found, "hash", &position.to_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_event_is_named_wherever_it_stood() {
    let mut scene = Scene::new().await;
    let last = scene.test.log_position().await;
    for position in [1, scene.position_of("invoice.issued").await] {
        let change = format!("delete from events where position = {position}");
        let found = scene.findings_of("events", &change).await;
        assert_found(&found, "contiguity", &position.to_string());
        assert_found(&found, "root", "null");
    }
    let change = format!("delete from events where position = {last}");
    let found = scene.findings_of("events", &change).await;
    let missed = found.iter().find(|finding| finding.check == "contiguity").unwrap();
    assert_eq!(missed.problem, format!("the head says {last}, the log ends at {}", last - 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_rewritten_together_with_its_hash_is_betrayed_by_the_root() {
    let mut scene = Scene::new().await;
    let position = scene.position_of("invoice.issued").await;
    let mut events =
        daybook_events::store::LogCopy::start(&mut scene.superuser, position - 1, position)
            .await
            .unwrap();
    let (mut stored, _) = events.next().await.unwrap().unwrap().remove(0);
    drop(events);
    stored.payload = stored.payload.replace("15.00", "14.00");
    let ledger = daybook_events::store::ledger_id(&mut scene.superuser).await.unwrap();
    let leaf = daybook_events::merkle::hex(&stored.leaf(ledger));
    let change = format!(
        "update events set payload = '{}'::json, leaf_hash = '\\x{leaf}'
         where position = {position}",
        stored.payload
    );
    let found = scene.findings_of("events", &change).await;
    assert_found(&found, "root", "null");
    assert!(found.iter().all(|finding| finding.check != "hash"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_claims_something_else_is_found() {
    let mut scene = Scene::new().await;
    let numbers = "update head set numbers = replace(numbers::text, '2', '3')::json";
    assert_found(&scene.findings_of("head", numbers).await, "numbers", "null");
    let shrunk = "update head set numbers = '{}'";
    assert_found(&scene.findings_of("head", shrunk).await, "numbers", "null");
    let frontier = "update head
        set frontier = set_byte(frontier, 3, (get_byte(frontier, 3) + 1) % 256)";
    assert_found(&scene.findings_of("head", frontier).await, "root", "null");
    // Another ledger's id: every line hashes to something else.
    let ledger = "update head set ledger = gen_random_uuid()";
    let found = scene.findings_of("head", ledger).await;
    assert_found(&found, "hash", "1");
    assert_found(&found, "hash", &scene.test.log_position().await.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_a_lost_and_an_invented_row_are_named_in_every_projection() {
    let mut scene = Scene::new().await;
    for view in daybook_projections::all() {
        let name = view.name();
        let table = format!("daybook_views.{name}");
        let key = scene.text(&format!("select min(key) from {table}")).await;
        let edited = format!(
            "update {table} set row = regexp_replace(row::text, '\"position\":\\d+',
                                                     '\"position\":4711')::json
             where key = '{key}'"
        );
        let found = scene.findings_of(&table, &edited).await;
        assert_found(&found, "projection", &format!("{name}/{key}"));
        assert!(found[0].problem.starts_with("position is 4711, the events say "), "{found:?}");

        let lost = format!("delete from {table} where key = '{key}'");
        let found = scene.findings_of(&table, &lost).await;
        assert_found(&found, "projection", &format!("{name}/{key}"));
        assert_eq!((found.len(), found[0].problem.as_str()), (1, "it is missing"));

        let invented = format!(
            "insert into {table} (key, row)
             select 'invented', row from {table} where key = '{key}'"
        );
        let found = scene.findings_of(&table, &invented).await;
        assert_found(&found, "projection", &format!("{name}/invented"));
        assert_eq!((found.len(), found[0].problem.as_str()), (1, "no event brings it about"));
    }
}
