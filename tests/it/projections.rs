//! What the log adds up to: the same rows, whoever folds it, however often, and whenever the rows
//! were made.

mod retold;

use std::{collections::BTreeMap, pin::pin, sync::Arc};

use daybook::app::App;
use daybook_events::{
    audit::Finding,
    commands::{
        IssueKey, PlaceOrder, ReportUsage, RetirePlan, RevokeKey, SettleDue, SwitchFeature,
    },
    event::{AccessEvent, Event, Feature, Role},
    store::{Ledger, Options},
    testing,
};
use daybook_projections::{self as projections, live, rebuild, verify};
use serde_json::json;
use sqlx::{AssertSqlSafe, PgPool};
use tokio::sync::watch;

use crate::{
    harness::{TestApp, TestDb, opening, run},
    log::{self, account, ask, key},
};

/// Every row of every projection, by projection and key: its text, and the transaction that wrote
/// it.
type Rows = BTreeMap<(String, String), (String, String)>;

async fn rows(pool: &PgPool) -> Rows {
    let mut all = Rows::new();
    for view in projections::all() {
        let name = view.name();
        let sql = format!("select key, row::text, xmin::text from daybook_views.{name}");
        let rows: Vec<(String, String, String)> =
            sqlx::query_as(AssertSqlSafe(sql)).fetch_all(pool).await.unwrap();
        all.extend(rows.into_iter().map(|(key, row, by)| ((name.to_owned(), key), (row, by))));
    }
    all
}

fn texts(rows: Rows) -> Vec<((String, String), String)> {
    rows.into_iter().map(|(place, (row, _))| (place, row)).collect()
}

async fn assert_clean(pool: &PgPool) {
    let report = verify::verify(pool, projections::all(), &mut |_, _| {}).await.unwrap();
    assert_eq!(report.findings, []);
}

async fn rebuild_all(pool: &PgPool) -> rebuild::Rebuilt {
    rebuild::rebuild(pool, projections::all(), &mut |_, _| {}).await.unwrap()
}

/// A history in which every kind of row came about and changed.
async fn rich() -> TestApp {
    let test = TestApp::start().await;
    let mut customers = Vec::new();
    for plan in ["starter", "pro", "business", "pro"] {
        customers.push(test.subscriber(plan).await);
    }
    let waiting = test.customer().await;
    test.checkout(&waiting, "pro").await;

    test.at("2026-05-11T09:30:00Z");
    let up = json!({ "planId": "business" });
    let changed = test.post("/api/billing/plan-change", &customers[1].key, &up).await.ok();
    let paid = test.pay(&changed["checkout"]).await;
    test.confirm(&customers[1], &paid).await;
    let down = json!({ "planId": "starter" });
    test.post("/api/billing/plan-change", &customers[2].key, &down).await.ok();
    let body = json!({ "reason": "customer_request" });
    test.post("/api/refunds", &customers[3].key, &body).await.ok();
    test.post("/api/billing/cancel", &customers[0].key, &json!({})).await.ok();
    discounted_and_counted(&test).await;
    let switched = SwitchFeature { feature: Feature::Billing, enabled: false };
    test.submit(switched).await.unwrap();

    // A period later: one subscription has ended, the others were billed again.
    test.at("2026-06-02T00:00:00Z");
    for customer in &customers[..3] {
        let account_id = customer.account_id.parse().unwrap();
        test.submit(SettleDue { account_id, until: None }).await.unwrap();
    }
    let receipt = test.submit(testing::issue_key(Role::Auditor)).await.unwrap();
    let Event::Access(AccessEvent::KeyIssued(issued)) = &receipt.events[0].event else {
        panic!("{receipt:?}")
    };
    let opener = test.submit(testing::issue_key(Role::SuperAdmin)).await.unwrap();
    let Event::Access(AccessEvent::KeyIssued(opener)) = &opener.events[0].event else {
        panic!("{opener:?}")
    };
    test.submit(testing::open_session(opener.key_id, "00")).await.unwrap();
    test.submit(RevokeKey { key_id: issued.key_id }).await.unwrap();
    test.submit(RetirePlan { plan: "starter".to_owned() }).await.unwrap();
    test.settle().await;
    test
}

/// Somebody orders with a coupon, and what they use is counted.
async fn discounted_and_counted(test: &TestApp) {
    let customer = test.customer().await;
    let account_id = customer.account_id.parse().unwrap();
    test.submit(testing::offer("SPRING-20", "20")).await.unwrap();
    // The second order takes the first one's redemption.
    for _ in 0..2 {
        let order = PlaceOrder { account_id, ..testing::order_with("SPRING-20") };
        test.submit(order).await.unwrap();
    }
    test.submit(ReportUsage { account_id, ..testing::report("max_servers", 3) }).await.unwrap();
}

/// A ledger whose projections are prepared and that nobody follows, with a few accounts.
async fn unfollowed() -> (TestDb, Ledger) {
    let (db, ledger) = log::opened().await;
    projections::prepare(ledger.pool()).await.unwrap();
    ledger.submit(ask(testing::publish("free", "0"))).await.unwrap();
    for name in ["ada", "bob"] {
        ledger.submit(ask(account(name))).await.unwrap();
        let account_id = account(name).account_id;
        let order = PlaceOrder { account_id, plan: "free".into(), ..testing::place_order() };
        ledger.submit(ask(order)).await.unwrap();
    }
    (db, ledger)
}

async fn catch_up(pool: &PgPool) {
    live::catch_up(pool, projections::all()).await.unwrap();
}

async fn shown(progress: &mut watch::Receiver<live::Progress>, position: i64) -> live::Progress {
    let far = |now: &live::Progress| now.position >= position || now.halted.is_some();
    log::soon("the follower", progress.wait_for(far)).await.unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_makes_the_rows_that_were_there() {
    let test = rich().await;
    let pool = test.app.pool();
    let live = rows(pool).await;
    for view in projections::all() {
        let some = live.keys().any(|(projection, _)| projection == view.name());
        assert!(some, "{} has no rows: the history is not rich", view.name());
    }
    let rebuilt = rebuild_all(pool).await;
    assert_eq!(usize::try_from(rebuilt.rows), Ok(live.len()));
    assert_eq!(rebuilt.events, test.log_position().await);
    assert_eq!(texts(rows(pool).await), texts(live));
    assert_clean(pool).await;
    // The follower goes on with the tables that were swapped in.
    test.subscriber("pro").await;
    test.settle().await;
    assert_clean(pool).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_that_follows_rewrites_nothing() {
    let test = rich().await;
    let before = rows(test.app.pool()).await;
    let open = async || {
        let mut options = Options::default();
        options.clock = test.clock.clone();
        let opening = opening();
        App::open(
            test.db.pool().await,
            options,
            &opening,
            test.app.face.clone(),
            &daybook::processors::settings::Settings::default(),
        )
        .await
        .unwrap()
    };
    let second = open().await;
    let end = test.log_position().await;
    assert!(second.reaches(end).await);
    catch_up(second.pool()).await;
    assert_eq!(rows(test.app.pool()).await, before);

    // Both follow what either appends, and no event counts twice.
    for n in 0..20 {
        let name = format!("both-{n}");
        let app = if n % 2 == 0 { &*test.app } else { &second };
        app.submit(ask(account(&name))).await.unwrap();
        test.subscriber("pro").await;
    }
    let end = test.log_position().await;
    assert!(test.app.reaches(end).await && second.reaches(end).await);
    assert_clean(second.pool()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_go_on_and_miss_nothing_while_rows_are_made_anew() {
    let test = Arc::new(rich().await);
    let least = texts(rows(test.app.pool()).await).len();
    let (done, stop) = watch::channel(false);
    let reader = {
        let (pool, stop) = (test.db.pool().await, stop.clone());
        tokio::spawn(async move {
            let mut reads = 0;
            while !*stop.borrow() {
                assert!(rows(&pool).await.len() >= least, "rows were missing");
                reads += 1;
            }
            reads
        })
    };
    let caller = {
        let test = test.clone();
        tokio::spawn(async move {
            let mut calls = 0;
            while !*stop.borrow() {
                let customer = test.subscriber("pro").await;
                let me = test.get("/api/billing/subscription/me", &customer.key).await.ok();
                assert_eq!(me["status"], "active");
                calls += 1;
            }
            calls
        })
    };
    for _ in 0..12 {
        rebuild_all(test.app.pool()).await;
    }
    done.send_replace(true);
    let (reads, calls) = (reader.await.unwrap(), caller.await.unwrap());
    assert!(reads > 5 && calls > 1, "{reads} reads, {calls} calls");
    test.settle().await;
    assert_clean(test.app.pool()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verification_finds_nothing_while_others_append_and_rebuild() {
    let test = rich().await;
    let pool = test.db.pool().await;
    let mut rebuilds = pin!(async {
        loop {
            rebuild_all(test.app.pool()).await;
            test.subscriber("pro").await;
        }
    });
    let verifications = async {
        for _ in 0..12 {
            assert_clean(&pool).await;
        }
    };
    tokio::select! {
        () = verifications => {}
        () = &mut rebuilds => {}
    }
}

/// A slow reader, as an export is, holds up the rebuild and nobody else.
#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_that_waits_for_a_reader_has_nobody_wait_behind_it() {
    let test = rich().await;
    let (mut reader, mut watcher) = (test.db.superuser().await, test.db.superuser().await);
    run(&mut reader, "begin; lock table daybook_views.payments in access share mode")
        .await
        .unwrap();
    let pool = test.db.pool().await;
    let waits = "select count(*) from pg_stat_activity where datname = current_database()
                 and wait_event_type = 'Lock' and query like 'drop table%'";
    let others = async {
        while sqlx::query_scalar::<_, i64>(waits).fetch_one(&mut watcher).await.unwrap() == 0 {
            tokio::task::yield_now().await;
        }
        // Both would wait for the reader's end, which comes after them.
        let counted = "select count(*) from daybook_views.payments";
        let payments: i64 = sqlx::query_scalar(counted).fetch_one(&mut watcher).await.unwrap();
        assert!(payments > 0);
        test.subscriber("pro").await;
        run(&mut reader, "commit").await.unwrap();
    };
    tokio::join!(rebuild_all(&pool), others);
    assert_clean(test.app.pool()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rebuilds_at_the_same_time_do_not_mix_their_rows() {
    let test = rich().await;
    let before = texts(rows(test.app.pool()).await);
    let (one, two) = (test.db.pool().await, test.db.pool().await);
    let (one, two) = tokio::join!(rebuild_all(&one), rebuild_all(&two));
    assert_eq!(one, two);
    assert_eq!(texts(rows(test.app.pool()).await), before);
    assert_clean(test.app.pool()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_shows_what_another_process_appended() {
    let test = TestApp::start().await;
    let other = log::open(&test.db, Options::default()).await;
    for n in 0..50 {
        other.submit(ask(account(&format!("theirs-{n}")))).await.unwrap();
    }
    // With and without an event of its own behind them.
    let end = test.log_position().await;
    assert!(test.app.reaches(end).await);
    other.submit(ask(key("theirs"))).await.unwrap();
    test.subscriber("pro").await;
    test.settle().await;
    let accounts = rows(test.app.pool()).await;
    let accounts = accounts.keys().filter(|(projection, _)| projection == "accounts").count();
    assert_eq!(accounts, 51);
    assert_clean(test.app.pool()).await;
}

#[tokio::test]
async fn a_projection_whose_definition_has_changed_is_made_anew_and_no_other() {
    let (db, ledger) = unfollowed().await;
    let pool = ledger.pool();
    catch_up(pool).await;
    let before = rows(pool).await;
    let mut superuser = db.superuser().await;
    let outdated = "update checkpoints set definition = 'before' where projection = 'orders';
                    alter table daybook_views.orders drop column account_id;
                    delete from daybook_views.orders";
    run(&mut superuser, outdated).await.unwrap();
    projections::prepare(pool).await.unwrap();
    let after = rows(pool).await;
    assert_eq!(texts(after.clone()), texts(before.clone()));
    for (place, row) in &after {
        assert_eq!(before[place] == *row, place.0 != "orders", "{place:?}");
    }
    assert_clean(pool).await;
    let columns = "select account_id from daybook_views.orders where account_id is not null";
    assert_eq!(sqlx::query(columns).fetch_all(pool).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_projection_that_is_new_is_filled_from_the_first_event_on() {
    let (db, ledger) = unfollowed().await;
    let pool = ledger.pool();
    catch_up(pool).await;
    let before = texts(rows(pool).await);
    let mut superuser = db.superuser().await;
    let unknown = "delete from checkpoints where projection = 'orders';
                   drop table daybook_views.orders";
    run(&mut superuser, unknown).await.unwrap();
    projections::prepare(pool).await.unwrap();
    catch_up(pool).await;
    assert_eq!(texts(rows(pool).await), before);
    assert_clean(pool).await;
}

#[tokio::test]
async fn a_checkpoint_that_claims_another_position_is_found_by_verify() {
    let (db, ledger) = unfollowed().await;
    let pool = ledger.pool();
    catch_up(pool).await;
    let mut superuser = db.superuser().await;
    for claimed in ["position + 1", "4", "0"] {
        let kept = "create table public.kept as select * from checkpoints";
        let claim = format!(
            "{kept};
             update checkpoints set position = {claimed} where projection = 'orders'"
        );
        run(&mut superuser, &claim).await.unwrap();
        let report = verify::verify(pool, projections::all(), &mut |_, _| {}).await.unwrap();
        let about = |row: &Option<String>| row.as_ref().is_some_and(|r| r.starts_with("orders"));
        assert!(!report.findings.is_empty(), "{claimed}");
        assert!(report.findings.iter().all(|finding| about(&finding.row)), "{report:?}");
        let undo = "update checkpoints c set position = k.position from public.kept k
                    where k.projection = c.projection; drop table public.kept";
        run(&mut superuser, undo).await.unwrap();
        assert_clean(pool).await;
    }
    // A rebuild puts it right as well.
    run(&mut superuser, "update checkpoints set position = 99").await.unwrap();
    rebuild_all(pool).await;
    assert_clean(pool).await;
}

#[tokio::test]
async fn a_row_of_another_shape_halts_the_follower_which_says_so() {
    let (db, ledger) = unfollowed().await;
    catch_up(ledger.pool()).await;
    let mut superuser = db.superuser().await;
    let spoil = "update daybook_views.keys set row = '{}'";
    ledger.submit(ask(IssueKey { label: "spoilt".into(), ..key("k") })).await.unwrap();
    catch_up(ledger.pool()).await;
    run(&mut superuser, spoil).await.unwrap();
    let mut progress = live::follow(&ledger, projections::all()).await.unwrap();
    let end = projections::log_position(ledger.pool()).await.unwrap();
    assert_eq!(shown(&mut progress, end).await.halted, None);

    let log = log::whole(&db).await;
    let Event::Access(AccessEvent::KeyIssued(issued)) = &log.last().unwrap().event else {
        panic!("the last event is the key's")
    };
    ledger.submit(ask(RevokeKey { key_id: issued.key_id })).await.unwrap();
    let halted = shown(&mut progress, end + 1).await.halted.unwrap();
    assert!(halted.contains(&format!("row `{}` of `keys`", issued.key_id)), "{halted}");
    // The log goes on, and a rebuild makes the rows good again.
    ledger.submit(ask(account("eve"))).await.unwrap();
    rebuild_all(ledger.pool()).await;
    assert_clean(ledger.pool()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_a_crash_of_the_database_took_are_made_again() {
    let test = TestApp::start().await;
    test.subscriber("pro").await;
    test.settle().await;
    let mut superuser = test.db.superuser().await;
    let tables: Vec<_> = projections::all().iter().map(|view| view.name()).collect();
    let copies = |sql: &dyn Fn(&str) -> String| tables.iter().map(|name| sql(name)).collect();
    let keep: String = copies(&|name| {
        format!("create table public.{name} as select key, row from daybook_views.{name};")
    });
    let kept = "create table public.checkpoints as select * from daybook.checkpoints";
    run(&mut superuser, &format!("begin; {keep} {kept}; commit")).await.unwrap();
    test.subscriber("pro").await;
    test.settle().await;
    let before = texts(rows(test.app.pool()).await);
    let end = test.log_position().await;

    // What the disk had is there again, all at once, and every session is gone. The follower is
    // kept from the rows for as long as it takes to see what it claims.
    let restore: String = copies(&|name| {
        format!(
            "delete from daybook_views.{name};
             insert into daybook_views.{name} (key, row) select key, row from public.{name};"
        )
    });
    let lock = "begin; select from daybook.checkpoints for update";
    let crash = format!(
        "{lock}; {restore}
         update daybook.checkpoints c set position = k.position
         from public.checkpoints k where k.projection = c.projection;
         commit; {lock};
         select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid()"
    );
    run(&mut superuser, &crash).await.unwrap();
    let mut progress = test.app.progress();
    let taken_back = progress.wait_for(|claimed| claimed.position == 0);
    log::soon("the claim taken back", taken_back).await.unwrap();
    run(&mut superuser, "rollback").await.unwrap();
    assert_eq!(shown(&mut progress, end).await.halted, None);
    let pool = test.db.pool().await;
    assert_eq!(texts(rows(&pool).await), before);
    test.submit(key("after the crash")).await.unwrap();
    assert_eq!(shown(&mut progress, end + 1).await.halted, None);
    assert_clean(&pool).await;
}

/// Half of the sums count twice then: nothing but the checkpoint says what is in a row.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_checkpoint_that_was_set_back_makes_of_the_rows_is_found_and_rebuilt() {
    let test = rich().await;
    let pool = test.app.pool();
    let before = texts(rows(pool).await);
    let mut superuser = test.db.superuser().await;
    run(&mut superuser, "update checkpoints set position = position / 2").await.unwrap();
    catch_up(pool).await;
    let report = verify::verify(pool, projections::all(), &mut |_, _| {}).await.unwrap();
    let of_credit = |finding: &Finding| finding.problem.starts_with("credit is ");
    assert!(report.findings.iter().any(of_credit), "{:?}", report.findings);
    rebuild_all(pool).await;
    assert_eq!(texts(rows(pool).await), before);
    assert_clean(pool).await;
}
