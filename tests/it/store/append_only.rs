//! What happened stays: the serving role may add, nobody may change.

use daybook_events::store::{self, IdempotencyKey, Request};
use sqlx::PgConnection;

use crate::{
    harness::{TestDb, run},
    log::{ask, key, opened, whole},
};

/// Every way to change or remove a row of the log.
const CHANGES: [&str; 8] = [
    "update events set number = 'INV-2026-000001' where position = 1",
    "delete from events where position = 1",
    "insert into events select * from events where position = 1
     on conflict (position) do update set number = 'x'",
    "truncate events",
    "update idempotency_keys set last_position = 99",
    "delete from idempotency_keys",
    "insert into idempotency_keys select * from idempotency_keys
     on conflict (scope, key) do update set last_position = 99",
    "truncate idempotency_keys",
];

/// What only the owner of the log may do to what it is made of.
const STRUCTURE: [&str; 22] = [
    "create table daybook.mine (id int)",
    "create function daybook.mine() returns int language sql as 'select 1'",
    "create or replace function daybook.refuse_change() returns trigger language plpgsql
     as 'begin return new; end'",
    "alter function daybook.refuse_change() rename to refuse_nothing",
    "drop function daybook.refuse_change() cascade",
    "alter table events disable trigger all",
    "alter table events add column remark text",
    "drop trigger events_are_immutable on events",
    "create trigger mine before insert on events for each row execute function refuse_change()",
    "create rule mine as on insert to events do instead nothing",
    "create index on events (type)",
    "drop table events",
    "drop table idempotency_keys, head, settings, checkpoints",
    "alter schema daybook rename to other",
    "drop schema daybook cascade",
    "update head set ledger = gen_random_uuid()",
    "delete from head",
    "truncate head",
    "insert into head select 1, gen_random_uuid(), 0, null, '', '{}'",
    "update settings set value = 'x'",
    "set role daybook_owner",
    "set session_replication_role = replica",
];

async fn code_of(connection: &mut PgConnection, sql: &str) -> String {
    let refused = run(connection, sql).await.err();
    let refused = refused.unwrap_or_else(|| panic!("it was allowed: {sql}"));
    let sqlx::Error::Database(refused) = refused else { panic!("{refused}: {sql}") };
    refused.code().unwrap().into_owned()
}

/// A log with a row in each of its tables.
async fn log() -> TestDb {
    let (db, ledger) = opened().await;
    let own = IdempotencyKey { scope: "test".into(), key: "1".into(), fingerprint: [1; 32] };
    ledger.submit(Request { key: Some(own), ..ask(key("first")) }).await.unwrap();
    db
}

#[tokio::test]
async fn the_serving_role_lacks_the_right_to_change_the_log() {
    let db = log().await;
    let before = whole(&db).await;
    let mut serving = db.pool().await.acquire().await.unwrap().detach();
    for sql in CHANGES.into_iter().chain(STRUCTURE) {
        assert_eq!(code_of(&mut serving, sql).await, "42501", "{sql}");
    }
    assert_eq!(whole(&db).await, before);
}

#[tokio::test]
async fn triggers_refuse_the_owner_too() {
    let db = log().await;
    let before = whole(&db).await;
    let mut owner = db.owner().await;
    for sql in CHANGES {
        assert_eq!(code_of(&mut owner, sql).await, "23001", "{sql}");
    }
    let replica = "set session_replication_role = replica";
    assert_eq!(code_of(&mut owner, replica).await, "42501");
    assert_eq!(whole(&db).await, before);
}

#[tokio::test]
async fn triggers_refuse_a_superuser_who_plays_the_replica() {
    let db = log().await;
    let before = whole(&db).await;
    let mut superuser = db.superuser().await;
    run(&mut superuser, "set session_replication_role = replica").await.unwrap();
    for sql in CHANGES {
        assert_eq!(code_of(&mut superuser, sql).await, "23001", "{sql}");
    }
    assert_eq!(whole(&db).await, before);
}

#[tokio::test]
async fn a_ledger_knows_which_walls_stand() {
    let db = log().await;
    let walls = async |pool| {
        let grants = store::append_only(&pool).await.unwrap();
        (grants.separate_owner, grants.triggers)
    };
    assert_eq!(walls(db.pool().await).await, (true, true));
    let as_owner = store::pool(&db.owner_url, 1).await.unwrap();
    assert_eq!(walls(as_owner).await, (false, true));
    let mut superuser = db.superuser().await;
    // Enabled, but not for those who play the replica.
    run(&mut superuser, "alter table events enable trigger events_are_immutable").await.unwrap();
    assert_eq!(walls(db.pool().await).await, (true, false));
}
