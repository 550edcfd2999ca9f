//! The scheduler on a real database: what is due in its order, once whoever asks, across crashes;
//! a sandbox's clock; limits that reach subscribers.

use std::{collections::HashMap, process::Stdio, sync::Arc};

use daybook::{
    app::{App, Face},
    scheduler,
};
use daybook_events::{
    Currency, Recorded, Rejection,
    commands::{ConfirmPayment, OpenAccount, PlaceOrder, Returns, RevisePlan, StartCheckout},
    event::{AccountEvent, Event, OrderEvent, SubscriptionEvent},
    ids::AccountId,
    invariants::Invariants,
    period::Cycle,
    store::{self, Clock, Options, SubmitError},
    testing,
};
use futures_util::future::join_all;
use serde_json::json;

use crate::{
    harness::{TestApp, TestDb, opening},
    log::{account, ask, assert_sound, numbers, soon, whole},
};

/// A ledger with customers who pay for `pro` from 1 May 2026 on.
async fn subscribers(count: usize) -> TestDb {
    let db = TestDb::new().await;
    let app = app_on(&db, "2026-05-01T00:00:00Z").await;
    app.ledger.submit(ask(testing::publish("pro", "15"))).await.unwrap();
    let names = (0..count).map(|n| format!("customer-{n}"));
    let subscribed = names.map(|name| {
        let app = &app;
        async move {
            app.ledger.submit(ask(account(&name))).await.unwrap();
            subscribe(app, OpenAccount::id_of_external(&name)).await;
        }
    });
    join_all(subscribed).await;
    app.close().await;
    db
}

async fn subscribe(app: &Arc<App>, account_id: AccountId) {
    let order = PlaceOrder { account_id, ..testing::order_of("pro") };
    let placed = app.ledger.submit(ask(order)).await.unwrap();
    let Event::Account(AccountEvent::Order(OrderEvent::OrderPlaced(placed))) =
        &placed.events[0].event
    else {
        panic!("no order")
    };
    let (order_id, processor) = (placed.order_id, "sandbox".to_owned());
    let processor_order_id = format!("order_{order_id}");
    let checkout = StartCheckout {
        account_id,
        order_id,
        processor,
        processor_order_id: processor_order_id.clone(),
        returns: Returns::default(),
        merchant_of_record: false,
    };
    app.ledger.submit(ask(checkout)).await.unwrap();
    let processor_payment_id = format!("pay_{order_id}");
    let paid = ConfirmPayment {
        account_id,
        processor_order_id,
        processor_payment_id,
        amount: None,
        merchant: None,
    };
    app.ledger.submit(ask(paid)).await.unwrap();
}

/// A process of its own on a database, whose clock stands at an instant.
async fn app_on(db: &TestDb, at: &str) -> Arc<App> {
    let mut options = Options::default();
    options.clock = Clock::standing_at(at.parse().unwrap());
    let face = Face { public_url: String::new(), currency: Currency::USD, upgrade_url: None };
    Arc::new(
        App::open(
            db.pool().await,
            options,
            &opening(),
            face,
            &daybook::processors::settings::Settings::default(),
        )
        .await
        .unwrap(),
    )
}

async fn settle_now(app: &Arc<App>) -> scheduler::Settled {
    let now = app.ledger.now().await.unwrap();
    scheduler::settle_due(app, now, &mut |_| {}).await.unwrap()
}

/// How often each account's subscription was renewed.
fn renewals(log: &[Recorded]) -> HashMap<AccountId, usize> {
    let mut renewals = HashMap::new();
    for recorded in log {
        if let Event::Account(AccountEvent::Subscription(SubscriptionEvent::SubscriptionRenewed(
            _,
        ))) = &recorded.event
        {
            *renewals.entry(recorded.account().unwrap()).or_default() += 1;
        }
    }
    renewals
}

fn assert_unbroken(log: &[Recorded]) {
    let mut invariants = Invariants::default();
    log.iter().for_each(|recorded| invariants.read(recorded));
    assert_eq!(invariants.breaches(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_is_settled_once_whoever_asks() {
    let db = subscribers(60).await;
    let (one, other) =
        (app_on(&db, "2026-06-01T00:00:00Z").await, app_on(&db, "2026-06-01T00:00:00Z").await);
    let (a, b) = tokio::join!(settle_now(&one), settle_now(&other));
    assert_eq!((a.accounts + b.accounts, a.failed + b.failed), (60, 0));
    assert_eq!(settle_now(&one).await, scheduler::Settled::default());
    let log = assert_sound(&db).await;
    assert_eq!(renewals(&log).len(), 60);
    assert!(renewals(&log).values().all(|count| *count == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_week_of_downtime_is_caught_up_in_the_order_in_which_it_fell_due() {
    let test = TestApp::start().await;
    for day in ["01", "03", "05"] {
        test.at(&format!("2026-05-{day}T12:00:00Z"));
        for _ in 0..4 {
            test.subscriber("pro").await;
        }
    }
    // Nobody was there from before the first renewal until after the last ladder's first step.
    test.at("2026-06-12T12:00:00Z");
    let settled = scheduler::settle_due(&test.app, test.clock.now(), &mut |_| {}).await.unwrap();
    assert_eq!((settled.failed, settled.parked), (0, 0));
    let log = assert_sound(&test.db).await;
    let issued: Vec<_> =
        log.iter().filter(|recorded| recorded.event.type_name() == "invoice.issued").collect();
    assert_eq!(issued.len(), 24);
    assert!(issued.is_sorted_by_key(|recorded| recorded.posting_on), "numbers follow dates");
    assert!(numbers(&log, "invoice.issued").is_sorted());
    let past_due =
        log.iter().filter(|recorded| recorded.event.type_name() == "subscription.fell_past_due");
    assert_eq!(past_due.count(), 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tick_settles_up_to_an_instant_and_never_the_future() {
    let db = subscribers(3).await;
    // This other process runs on the real clock, long after May 2026.
    let (code, out, _) = db.daybook(&["tick", "--at", "2026-06-09T00:00:00Z"]).await;
    assert_eq!(code, 0);
    assert!(out.starts_with("6 accounts settled up to 2026-06-09"), "{out}");
    let log = whole(&db).await;
    let newest = log.last().unwrap();
    assert_eq!(newest.event.type_name(), "subscription.fell_past_due");
    let (code, out, _) = db.daybook(&["tick", "--at", "2026-06-09T00:00:00Z"]).await;
    assert_eq!((code, out.starts_with("Nothing was due")), (0, true), "{out}");
    let (code, _, said) = db.daybook(&["tick", "--at", "2999-01-01T00:00:00Z"]).await;
    assert_eq!(code, 1);
    assert!(said.contains("daybook clock advance"), "{said}");
    let (code, _, said) = db.daybook(&["tick", "--at", "tomorrow"]).await;
    assert_eq!(code, 2, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandboxs_clock_stands_where_it_was_put_and_runs_what_falls_due_on_the_way() {
    let test = TestApp::start().await;
    let customer = test.subscriber("pro").await;
    let body = json!({ "to": "2026-06-23T00:00:00Z" });
    let moved = test.post("/api/ledger/clock", &test.super_key, &body).await.ok();
    assert_eq!(moved["to"], "2026-06-23T00:00:00.000000Z");
    let log = whole(&test.db).await;
    let recorded_at = |type_name: &str| {
        let event = log.iter().find(|recorded| recorded.event.type_name() == type_name);
        event.map(|event| event.recorded_at.to_string()[..10].to_owned()).unwrap_or_default()
    };
    // Each was recorded on its own day, not on the last.
    assert_eq!(recorded_at("subscription.renewed"), "2026-06-01");
    assert_eq!(recorded_at("subscription.fell_past_due"), "2026-06-08");
    assert_eq!(recorded_at("subscription.suspended"), "2026-06-15");
    assert_eq!(recorded_at("subscription.ended"), "2026-06-22");

    let shown = test.get("/api/ledger/clock", &test.super_key).await.ok();
    assert_eq!(
        (&shown["stands"], &shown["now"]),
        (&json!(true), &json!("2026-06-23T00:00:00.000000Z"))
    );
    // Whatever this process's own clock says.
    test.at("2026-07-01T00:00:00Z");
    test.checkout(&customer, "pro").await;
    let newest = whole(&test.db).await.pop().unwrap();
    assert_eq!(newest.recorded_at.to_string()[..10], *"2026-06-23");
    assert_sound(&test.db).await;

    for (body, status, code) in [
        (json!({ "to": "2026-06-22T00:00:00Z" }), 400, "clock_backwards"),
        (json!({ "days": 2000 }), 400, "clock_too_far"),
        (json!({ "to": "soon" }), 400, "invalid_request"),
        (json!({}), 400, "invalid_request"),
    ] {
        let position = test.log_position().await;
        let refused = test.post("/api/ledger/clock", &test.super_key, &body).await;
        assert_eq!(refused.code(), code, "{}", refused.text);
        assert!((400..500).contains(&refused.status) && status == 400);
        assert_eq!(test.log_position().await, position);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_is_shown_and_advanced_from_the_command_line() {
    let db = subscribers(2).await;
    let (code, out, _) = db.daybook(&["clock", "show"]).await;
    assert_eq!((code, out.contains("the system's clock")), (0, true), "{out}");
    let (code, out, said) = db.daybook(&["clock", "advance", "--days", "3"]).await;
    assert_eq!(code, 0, "{said}");
    assert!(out.contains("something was recorded"), "{out}");
    let (_, out, _) = db.daybook(&["clock", "show"]).await;
    assert!(out.contains("it stands until it is advanced"), "{out}");
    for (args, expected) in [
        (&["clock", "advance"][..], 2),
        (&["clock", "advance", "--days", "0"], 2),
        (&["clock", "advance", "--to", "2020-01-01T00:00:00Z"], 1),
    ] {
        let (code, _, said) = db.daybook(args).await;
        assert_eq!(code, expected, "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_servers_scheduler_renews_a_thousand_accounts_once_however_often_it_is_killed() {
    const ACCOUNTS: usize = 1000;
    let db = subscribers(ACCOUNTS).await;
    let mut position = store::head(&db.pool().await).await.unwrap().position;
    // Killed after about every hundred and fifty accounts, it begins again each time.
    let mut cut = Vec::new();
    for _ in 0..5 {
        let mut server = serve(&db);
        position = soon("a hundred and fifty renewals", async {
            loop {
                let head = store::head(&db.pool().await).await.unwrap().position;
                if head >= position + 450 {
                    break head;
                }
            }
        })
        .await;
        server.kill().await.unwrap();
        cut.push(renewals(&whole(&db).await).len());
    }
    let in_the_middle = cut.iter().filter(|renewed| (1..ACCOUNTS).contains(renewed)).count();
    assert!(in_the_middle >= 3, "it was to be killed in the middle: {cut:?}");
    let (code, out, said) = db.daybook(&["tick", "--at", "2026-06-02T00:00:00Z"]).await;
    assert_eq!(code, 0, "{out}{said}");
    let log = assert_sound(&db).await;
    let first = |recorded: &&Recorded| {
        recorded.event.type_name() == "subscription.renewed"
            && recorded.effective_at.to_string().starts_with("2026-06-01")
    };
    let renewed: Vec<_> = log.iter().filter(first).map(|recorded| recorded.stream).collect();
    let distinct: std::collections::HashSet<_> = renewed.iter().collect();
    assert_eq!((renewed.len(), distinct.len()), (ACCOUNTS, ACCOUNTS));
    assert_unbroken(&log);
}

fn serve(db: &TestDb) -> tokio::process::Child {
    tokio::process::Command::new(env!("CARGO_BIN_EXE_daybook"))
        .args(["serve", "--listen", "127.0.0.1:0"])
        .env("DATABASE_URL", &db.serving_url)
        .env("DAYBOOK_ACCEPT_CLOCK", "1")
        .env_remove("RUST_LOG")
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_reach_every_subscriber_that_has_none_of_its_own_and_a_lost_job_is_begun_anew() {
    let test = TestApp::start().await;
    let mut customers = Vec::new();
    for _ in 0..5 {
        customers.push(test.subscriber("pro").await);
    }
    let own = test.get("/api/billing/subscription/me", &customers[0].key).await.ok();
    let path = format!("/api/billing/subscription/{}", own["id"].as_str().unwrap());
    let body = json!({ "limits": { "max_servers": 99 } }).to_string().into_bytes();
    test.send("PATCH", &path, &test.super_key, &[], Some(body)).await.ok();

    let (slug, mut terms) = daybook::plan_file::parse(daybook::plan_file::EXAMPLE)
        .unwrap()
        .into_iter()
        .find(|(slug, _)| slug == "pro")
        .unwrap();
    terms.limits.insert("max_servers".to_owned(), Some(30));
    test.submit(RevisePlan { plan: slug, terms }).await.unwrap();
    let servers = async |n: usize| {
        test.settle().await;
        let me = test.get("/api/billing/subscription/me", &customers[n].key).await.ok();
        me["limits"]["max_servers"].as_u64()
    };
    assert_eq!(servers(1).await, Some(15), "old subscribers keep theirs until moved");

    let path = "/api/admin/plans/pro/reapply-limits";
    let asked = test.send("POST", path, &test.super_key, &[], None).await.ok();
    assert_eq!((&asked["success"], &asked["updated"]), (&json!(true), &json!(5)));
    // As if the process had died between the event and its job.
    let mut superuser = test.db.superuser().await;
    crate::harness::run(&mut superuser, "delete from jobs").await.unwrap();
    scheduler::round(&test.app).await.unwrap();
    assert_eq!((servers(0).await, servers(1).await), (Some(99), Some(30)));
    let id = asked["reapplication"]["reapplication_id"].as_str().unwrap();
    let progress = format!("/api/ledger/reapplications/{id}");
    let done = test.get(&progress, &test.super_key).await.ok();
    assert_eq!((&done["changed"], &done["skipped"]), (&json!(4), &json!(1)));
    assert!(done["finished_at"].is_string());

    let path = "/api/admin/plans/pro/reapply-limits?force=true";
    test.send("POST", path, &test.super_key, &[], None).await.ok();
    scheduler::round(&test.app).await.unwrap();
    assert_eq!(servers(0).await, Some(30));
    let unknown = "/api/admin/plans/nope/reapply-limits";
    test.send("POST", unknown, &test.super_key, &[], None).await.refused(404, "plan_unknown");
    assert_sound(&test.db).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_one_process_leads_at_a_time_and_the_other_takes_over() {
    let db = subscribers(2).await;
    let (one, other) =
        (app_on(&db, "2026-06-01T00:00:00Z").await, app_on(&db, "2026-06-01T00:00:00Z").await);
    let leadership = scheduler::lead(one.pool()).await.unwrap();
    assert!(leadership.is_some());
    scheduler::round(&other).await.unwrap();
    assert_eq!(renewals(&whole(&db).await).len(), 0, "another process leads");
    drop(leadership);
    soon("the lock of a connection that is gone", async {
        while renewals(&whole(&db).await).is_empty() {
            scheduler::round(&other).await.unwrap();
        }
    })
    .await;
    assert_eq!(renewals(&whole(&db).await).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_cannot_be_billed_is_parked_and_the_others_go_on() {
    let db = subscribers(3).await;
    let app = app_on(&db, "2026-06-01T00:00:00Z").await;
    // One of them has moved to where the seller does not sell.
    let moved = daybook_events::commands::ReviseBillingDetails {
        account_id: OpenAccount::id_of_external("customer-1"),
        billing: daybook_events::personal::Personal(daybook_events::personal::Party {
            name: "Ada".into(),
            country: "BR".into(),
            ..Default::default()
        }),
    };
    let early = app_on(&db, "2026-05-02T00:00:00Z").await;
    early.ledger.submit(ask(moved)).await.unwrap();
    early.ledger.submit(ask(testing::tax_rules("GB", "20", false))).await.unwrap();
    let settled = settle_now(&app).await;
    assert_eq!((settled.accounts, settled.parked, settled.failed), (3, 1, 0));
    assert_eq!(renewals(&whole(&db).await).len(), 2);
    assert_eq!(settle_now(&app).await, scheduler::Settled::default());
    let parked = OpenAccount::id_of_external("customer-1");
    let order = PlaceOrder { account_id: parked, cycle: Cycle::Monthly, ..testing::place_order() };
    let refused = app.ledger.submit(ask(order)).await;
    assert!(matches!(refused, Err(SubmitError::Rejected(Rejection::AccountParked))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_a_command_that_only_parked_its_account_may_be_used_again() {
    let db = subscribers(1).await;
    let app = app_on(&db, "2026-05-02T00:00:00Z").await;
    let account_id = OpenAccount::id_of_external("customer-0");
    let mut strict = testing::adopt(daybook_events::policy::Policy::default());
    strict.policy.invoice_lines_per_day = 1;
    app.ledger.submit(ask(testing::publish("starter", "5"))).await.unwrap();
    app.ledger.submit(ask(strict)).await.unwrap();
    let change = |plan: &str| {
        let command =
            daybook_events::commands::ChangePlan { account_id, ..testing::change_plan(plan) };
        let key = store::IdempotencyKey {
            scope: account_id.to_string(),
            key: format!("to-{plan}"),
            fingerprint: [7; 32],
        };
        store::Request { key: Some(key), ..ask(command) }
    };
    app.submit(change("starter")).await.unwrap();
    let parked = app.submit(change("pro")).await;
    assert!(matches!(parked, Err(SubmitError::Rejected(Rejection::AccountParked))));
    let released =
        daybook_events::commands::ReleaseAccount { account_id, ..testing::release("seen") };
    app.ledger.submit(ask(released)).await.unwrap();
    let lenient = testing::adopt(daybook_events::policy::Policy::default());
    app.ledger.submit(ask(lenient)).await.unwrap();
    let changed = app.submit(change("pro")).await.unwrap();
    assert!(!changed.replayed);
    assert_sound(&db).await;
}
