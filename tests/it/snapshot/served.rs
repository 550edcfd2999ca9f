//! Snapshots over HTTP: asked for, taken in the background, downloaded.

use std::{fs, path::Path};

use daybook::snapshot::shelf;
use daybook_events::{
    event::Role,
    ids::{Id as _, SnapshotId},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{files, findings, position, rich, snapshot};
use crate::harness::{TestApp, run};

const SNAPSHOTS: &str = "/api/ledger/snapshots";

async fn asked(test: &TestApp, body: &Value) -> String {
    let answer = test.post(SNAPSHOTS, &test.super_key, body).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    let shown: Value = serde_json::from_str(&answer.text).unwrap();
    assert_eq!((&shown["state"], &shown["manifest"]), (&json!("running"), &Value::Null));
    shown["snapshot_id"].as_str().unwrap().to_owned()
}

async fn shown(test: &TestApp, id: &str) -> Value {
    test.get(&format!("{SNAPSHOTS}/{id}"), &test.super_key).await.ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_asked_for_is_taken_and_downloaded() {
    let test = rich().await;
    let head = test.log_position().await;
    let id = asked(&test, &json!({})).await;
    shelf::work(&test.app).await.unwrap();
    let done = shown(&test, &id).await;
    assert_eq!((&done["state"], &done["position"]), (&json!("done"), &json!(head)));
    assert_eq!((&done["done"], &done["total"]), (&json!(head), &json!(head)));
    assert_eq!(test.get(SNAPSHOTS, &test.super_key).await.ok()["data"][0], done);

    // What is downloaded is what the command line writes, byte for byte, and passes its check.
    let dir = tempfile::tempdir().unwrap();
    let named = done["manifest"]["files"].as_array().unwrap().iter();
    let names: Vec<_> = named.map(|file| file["name"].as_str().unwrap()).collect();
    for name in names.iter().copied().chain(["manifest.json", "checkpoint.txt"]) {
        let path = format!("{SNAPSHOTS}/{id}/files/{name}");
        for role in [Role::Auditor, Role::Finance] {
            let key = test.key(role, None).await;
            let answer = test.get(&path, &key).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text);
            fs::write(dir.path().join(name), &answer.text).unwrap();
        }
    }
    assert_eq!(findings(dir.path()), Vec::<String>::new());
    let (_dir, out, _) = snapshot(&test, position(head)).await;
    assert_eq!(files(dir.path()), files(&out));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_those_who_read_the_ledger_reach_them() {
    let test = rich().await;
    let id = asked(&test, &json!({})).await;
    shelf::work(&test.app).await.unwrap();
    let customer = test.customer().await;
    let file = format!("{SNAPSHOTS}/{id}/files/journal.csv");
    let own = [Role::Finance, Role::Auditor];
    for role in own {
        let key = test.key(role, Some(&customer.account_id)).await;
        test.post(SNAPSHOTS, &key, &json!({})).await.refused(404, "not_found");
        for path in [SNAPSHOTS, &format!("{SNAPSHOTS}/{id}"), &file] {
            test.get(path, &key).await.refused(404, "not_found");
        }
    }
    for path in [SNAPSHOTS, &file] {
        test.get(path, &customer.key).await.refused(403, "forbidden");
        test.get(path, "").await.refused(401, "unauthenticated");
    }
    for name in [
        "..",
        "..%2Fsigning-key",
        ".",
        "%2e%2e",
        "journal",
        "JOURNAL.CSV",
        "journal.csv%00",
        "more",
    ] {
        let answer = test.get(&format!("{SNAPSHOTS}/{id}/files/{name}"), &test.super_key).await;
        assert!([400, 404].contains(&answer.status), "{name}: {} {}", answer.status, answer.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bounds_that_name_nothing_are_refused_and_a_repeated_request_asks_once() {
    let test = rich().await;
    for (body, status, code) in [
        (json!({ "position": 100_000 }), 422, "position_beyond_head"),
        (json!({ "as_of": "2036-01-01" }), 422, "time_in_future"),
        (json!({ "as_of": "2016-01-01" }), 422, "time_before_ledger"),
        (json!({ "as_of": "soon" }), 422, "bounds_invalid"),
        (json!({ "period": "2026-06" }), 409, "period_not_closed"),
        (json!({ "position": 1, "period": "2026-05" }), 422, "bounds_invalid"),
        (json!({ "position": "1" }), 400, "json_shape"),
        (json!({ "until": 1 }), 400, "json_unknown_field"),
    ] {
        test.refuses(SNAPSHOTS, &test.super_key, &body, &format!("{status} {code}")).await;
    }
    let body = json!({ "period": "2026-05" });
    let first = test.post_keyed(SNAPSHOTS, &test.super_key, "may", &body).await;
    let again = test.post_keyed(SNAPSHOTS, &test.super_key, "may", &body).await;
    assert_eq!((first.status, first.text), (again.status, again.text));
    let other = test.post_keyed(SNAPSHOTS, &test.super_key, "may", &json!({})).await;
    other.refused(422, "idempotency_key_reused");
    let all = test.get(SNAPSHOTS, &test.super_key).await.ok();
    assert_eq!(all["data"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_begins_it_anew_and_age_takes_it_away() {
    let test = rich().await;
    let id = asked(&test, &json!({})).await;
    // A process died when the folder had its name and the row not its end.
    let dir = test.files.path().join("snapshots");
    fs::create_dir_all(dir.join(&id)).unwrap();
    fs::write(dir.join(&id).join("journal.csv"), "of another life").unwrap();
    shelf::work(&test.app).await.unwrap();
    assert_eq!(shown(&test, &id).await["state"], "done");
    assert_eq!(findings(&dir.join(&id)), Vec::<String>::new());

    let mut superuser = test.db.superuser().await;
    let old = "update snapshots set finished_at = now() - interval '31 days'";
    run(&mut superuser, old).await.unwrap();
    shelf::work(&test.app).await.unwrap();
    assert_eq!(shown(&test, &id).await["state"], "expired");
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
    let gone = test.get(&format!("{SNAPSHOTS}/{id}/files/journal.csv"), &test.super_key).await;
    gone.refused(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_refuses_is_told_in_the_job() {
    let test = rich().await;
    let id = asked(&test, &json!({})).await;
    // What should be the folder of snapshots is a file.
    fs::write(test.files.path().join("snapshots"), "").unwrap();
    shelf::work(&test.app).await.unwrap();
    let failed = shown(&test, &id).await;
    assert_eq!((&failed["state"], &failed["manifest"]), (&json!("failed"), &Value::Null));
    assert_eq!(failed["failure"]["code"], "disk_refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_stays_and_a_job_that_the_database_refuses_hold_nobody_up() {
    let test = rich().await;
    let old = asked(&test, &json!({})).await;
    shelf::work(&test.app).await.unwrap();
    let dir = test.files.path().join("snapshots");
    // What should be a folder is a file, which is not taken away as one.
    fs::remove_dir_all(dir.join(&old)).unwrap();
    fs::write(dir.join(&old), "").unwrap();
    let refused = asked(&test, &json!({})).await;
    let next = asked(&test, &json!({ "position": 3 })).await;
    let mut superuser = test.db.superuser().await;
    let plant = format!(
        "update snapshots set finished_at = now() - interval '31 days' where id = '{old}';
         create function planted() returns trigger language plpgsql as $$
         begin
             if new.id = '{refused}' and new.manifest is not null then
                 raise exception 'a planted fault';
             end if;
             return new;
         end $$;
         create trigger planted before update on snapshots
         for each row execute function planted();"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(plant)).execute(&mut superuser).await.unwrap();
    shelf::work(&test.app).await.unwrap();
    assert_eq!(shown(&test, &old).await["state"], "done", "its file is still there");
    let failed = shown(&test, &refused).await;
    assert_eq!(
        (&failed["state"], &failed["failure"]["code"]),
        (&json!("failed"), &json!("database_failed"))
    );
    assert!(failed["failure"]["message"].as_str().unwrap().contains("a planted fault"), "{failed}");
    assert_eq!(shown(&test, &next).await["state"], "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_somebody_else_has_finished_does_not_fail() {
    let test = rich().await;
    let id = asked(&test, &json!({})).await;
    // Taking it fails at once; meanwhile another process is about to say that it is done.
    fs::write(test.files.path().join("snapshots"), "").unwrap();
    let mut superuser = test.db.superuser().await;
    run(&mut superuser, "begin; update snapshots set finished_at = now(), done = total")
        .await
        .unwrap();
    let app = test.app.clone();
    let work = tokio::spawn(async move { shelf::work(&app).await });
    let mut watcher = test.db.superuser().await;
    let waits = "select count(*) from pg_stat_activity where datname = current_database()
                 and wait_event_type = 'Lock' and query like 'update snapshots%'";
    while sqlx::query_scalar::<_, i64>(waits).fetch_one(&mut watcher).await.unwrap() == 0 {
        tokio::task::yield_now().await;
    }
    run(&mut superuser, "commit").await.unwrap();
    work.await.unwrap().unwrap();
    let done = shown(&test, &id).await;
    assert_eq!((&done["state"], &done["failure"]), (&json!("done"), &Value::Null));
}

/// Takes one back.
async fn deleted(test: &TestApp, id: &str) -> Value {
    let path = format!("{SNAPSHOTS}/{id}");
    let deleted = test.send("DELETE", &path, &test.super_key, &[], None).await.ok();
    assert_eq!(deleted["state"], "deleted", "{deleted}");
    deleted
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_was_done_or_waits_is_taken_back_and_its_files_go() {
    let test = rich().await;
    let done = asked(&test, &json!({})).await;
    shelf::work(&test.app).await.unwrap();
    let waits = asked(&test, &json!({ "position": 3 })).await;
    let (first, again) = (deleted(&test, &done).await, deleted(&test, &done).await);
    assert_eq!((&first["manifest"]["position"], &first), (&first["position"], &again));
    deleted(&test, &waits).await;
    let file = format!("{SNAPSHOTS}/{done}/files/journal.csv");
    test.get(&file, &test.super_key).await.refused(404, "not_found");
    shelf::work(&test.app).await.unwrap();
    let dir = test.files.path().join("snapshots");
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
    assert_eq!(shown(&test, &waits).await["manifest"], Value::Null);

    // A failed one too; one that is not there, and callers who may not.
    fs::remove_dir_all(&dir).unwrap();
    fs::write(&dir, "").unwrap();
    let failed = asked(&test, &json!({})).await;
    shelf::work(&test.app).await.unwrap();
    assert_eq!(shown(&test, &failed).await["state"], "failed");
    assert_eq!(deleted(&test, &failed).await["failure"]["code"], "disk_refused");
    let unknown = SnapshotId::from_uuid(Uuid::now_v7()).to_string();
    let customer = test.customer().await;
    let own = test.key(Role::Auditor, Some(&customer.account_id)).await;
    for (id, key, status, code) in [
        (&unknown, test.super_key.as_str(), 404, "not_found"),
        (&failed, &own, 404, "not_found"),
        (&failed, &customer.key, 403, "forbidden"),
        (&failed, "", 401, "unauthenticated"),
    ] {
        let refused = test.send("DELETE", &format!("{SNAPSHOTS}/{id}"), key, &[], None).await;
        refused.refused(status, code);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_being_taken_is_given_up_when_it_is_taken_back() {
    let test = rich().await;
    let id = asked(&test, &json!({})).await;
    let next = asked(&test, &json!({ "position": 3 })).await;
    // Reading the log waits for this lock, so the work is under way and does not come to its end.
    let mut holder = test.db.superuser().await;
    run(&mut holder, "begin; lock table events in access exclusive mode").await.unwrap();
    let app = test.app.clone();
    let work = tokio::spawn(async move { shelf::work(&app).await });
    let dir = test.files.path().join("snapshots");
    while fs::read_dir(&dir).map_or(0, Iterator::count) == 0 {
        tokio::task::yield_now().await;
    }
    let taken_back = "update snapshots set deleted_at = now(), finished_at = now() where id = ";
    let mut superuser = test.db.superuser().await;
    let sql = format!("{taken_back}'{id}'");
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut superuser).await.unwrap();
    // What it had begun goes while the log is still held.
    let begun = |name: &str| name.starts_with(&format!(".daybook-snapshot-{id}-"));
    let names = || fs::read_dir(&dir).unwrap().map(|it| it.unwrap().file_name());
    while names().any(|name| begun(&name.to_string_lossy())) {
        tokio::task::yield_now().await;
    }
    run(&mut holder, "commit").await.unwrap();
    work.await.unwrap().unwrap();
    assert_eq!(shown(&test, &id).await["state"], "deleted");
    assert_eq!(shown(&test, &next).await["state"], "done");
    let left: Vec<_> = names().collect();
    assert_eq!(left, [next.as_str()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_cannot_be_read_fails_and_holds_nobody_up() {
    let test = rich().await;
    let unreadable = asked(&test, &json!({})).await;
    let done = asked(&test, &json!({ "position": 3 })).await;
    let mut superuser = test.db.superuser().await;
    let plant = format!(
        "update snapshots set scope = '{{\"bounds\":{{\"moon\":1}}}}' where id = '{unreadable}'"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(plant)).execute(&mut superuser).await.unwrap();
    shelf::work(&test.app).await.unwrap();
    let failed = shown(&test, &unreadable).await;
    assert_eq!(
        (&failed["state"], &failed["failure"]["code"], &failed["bounds"]),
        (&json!("failed"), &json!("scope_unreadable"), &Value::Null)
    );
    assert!(failed["failure"]["message"].as_str().unwrap().contains("moon"), "{failed}");
    assert_eq!(shown(&test, &done).await["state"], "done");
    let all = test.get(SNAPSHOTS, &test.super_key).await.ok();
    assert_eq!(all["data"].as_array().unwrap().len(), 2);
}

/// What a process that was killed leaves of a snapshot that it had begun.
fn killed_over(dir: &Path, id: &str) {
    let begun = dir.join(format!(".daybook-snapshot-{id}-0"));
    fs::create_dir_all(&begun).unwrap();
    fs::write(begun.join("journal.csv"), "half").unwrap();
    fs::write(begun.with_extension("lock"), "").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_begun_of_one_that_nobody_takes_any_more_goes() {
    let test = rich().await;
    let taken_back = asked(&test, &json!({})).await;
    let unreadable = asked(&test, &json!({ "position": 3 })).await;
    let dir = test.files.path().join("snapshots");
    let no_job = SnapshotId::from_uuid(Uuid::now_v7()).to_string();
    for id in [&taken_back, &unreadable, &no_job] {
        killed_over(&dir, id);
    }
    deleted(&test, &taken_back).await;
    let mut superuser = test.db.superuser().await;
    let plant = format!("update snapshots set scope = '{{}}' where id = '{unreadable}'");
    sqlx::raw_sql(sqlx::AssertSqlSafe(plant)).execute(&mut superuser).await.unwrap();
    shelf::work(&test.app).await.unwrap();
    assert_eq!(shown(&test, &unreadable).await["state"], "failed");
    let names = fs::read_dir(&dir).unwrap().map(|it| it.unwrap().file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort_unstable();
    let begun = format!(".daybook-snapshot-{no_job}-0");
    assert_eq!(names, [begun.clone(), format!("{begun}.lock")], "what is no job's is left alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_wait_than_may_be() {
    let test = rich().await;
    let mut ids = Vec::new();
    for _ in 0..shelf::UNFINISHED {
        ids.push(asked(&test, &json!({ "position": 3 })).await);
    }
    let body = json!({ "position": 4 });
    let refused = test.post_keyed(SNAPSHOTS, &test.super_key, "four", &body).await;
    refused.refused(409, "too_many_snapshots");
    let all = test.get(&format!("{SNAPSHOTS}?limit=100"), &test.super_key).await.ok();
    assert_eq!(all["data"].as_array().unwrap().len(), ids.len());
    // Room again: a key that was refused has done nothing.
    deleted(&test, &ids[0]).await;
    let taken = test.post_keyed(SNAPSHOTS, &test.super_key, "four", &body).await;
    assert_eq!(taken.status, 202, "{}", taken.text);
}
