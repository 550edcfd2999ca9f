//! One transaction for many commands, one answer for each.

use std::{pin::pin, time::Duration};

use daybook_events::{
    Rejection,
    commands::PlaceOrder,
    store::{Options, Request, SubmitError},
    testing,
};

use crate::{
    harness::run,
    log::{self, Submitted, account, ask, in_one_batch, key, opened},
};

fn code(submitted: &Submitted) -> &'static str {
    match submitted {
        Ok(receipt) if receipt.replayed => "replayed",
        Ok(_) => "ok",
        Err(SubmitError::Rejected(rejection)) => rejection.code(),
        Err(SubmitError::VersionConflict { .. }) => "version_conflict",
        Err(SubmitError::Failed(_)) => "failed",
        Err(SubmitError::Overloaded) => "overloaded",
        Err(other) => panic!("{other}"),
    }
}

fn codes(submitted: &[Submitted]) -> Vec<&'static str> {
    submitted.iter().map(code).collect()
}

fn order(name: &str, plan: &str) -> PlaceOrder {
    let account_id = account(name).account_id;
    PlaceOrder { account_id, plan: plan.into(), ..testing::place_order() }
}

#[tokio::test]
async fn a_rejection_refuses_its_own_command_only() {
    let (db, ledger) = opened().await;
    ledger.submit(ask(testing::publish("pro", "15"))).await.unwrap();
    let requests = vec![
        ask(account("ada")),
        ask(account("ada")),
        ask(order("ada", "nope")),
        ask(account("bob")),
        ask(order("ada", "pro")),
        ask(order("eve", "pro")),
    ];
    let submitted = in_one_batch(&db, &ledger, requests).await;
    let expected = ["ok", "account_exists", "plan_unknown", "ok", "ok", "account_unknown"];
    assert_eq!(codes(&submitted), expected);
    let accepted = submitted.iter().flatten().flat_map(|receipt| &receipt.events);
    assert_eq!(log::batches(accepted.map(AsRef::as_ref)), 1);
    log::assert_sound(&db).await;
}

#[tokio::test]
async fn a_command_that_the_database_refuses_takes_no_other_one_down() {
    let (db, first) = opened().await;
    drop(first);
    // No second try: what a refused statement leaves behind must be in nobody's way.
    let mut options = Options::default();
    options.patience = Duration::ZERO;
    let ledger = log::open(&db, options).await;
    let mut superuser = db.superuser().await;
    let poison = "alter table events add constraint poison
                  check (payload::text not like '%POISON%') not valid";
    run(&mut superuser, poison).await.unwrap();
    let names: Vec<_> = (0..24).map(|n| format!("user-{n}")).collect();
    let mut requests: Vec<_> = names.iter().map(|name| ask(account(name))).collect();
    requests[9] = ask(account("POISON"));
    let submitted = in_one_batch(&db, &ledger, requests).await;
    for (nth, submitted) in submitted.iter().enumerate() {
        assert_eq!(code(submitted), if nth == 9 { "failed" } else { "ok" }, "{nth}");
    }
    let log = log::assert_sound(&db).await;
    assert_eq!(log.len(), 1 + 1 + 23);
    // Nothing of it is left behind: not in the state, and not in the connection.
    assert_eq!(code(&ledger.submit(ask(account("POISON"))).await), "failed");
    run(&mut superuser, "alter table events drop constraint poison").await.unwrap();
    assert_eq!(code(&ledger.submit(ask(account("POISON"))).await), "ok");
}

#[tokio::test]
async fn a_command_of_several_events_is_all_or_nothing() {
    let (db, ledger) = opened().await;
    ledger.submit(ask(testing::publish("free", "0"))).await.unwrap();
    ledger.submit(ask(account("ada"))).await.unwrap();
    let mut superuser = db.superuser().await;
    let refuse_the_last =
        "alter table events add constraint unpaid check (type <> 'invoice.paid') not valid";
    run(&mut superuser, refuse_the_last).await.unwrap();
    let before = log::whole(&db).await;
    assert_eq!(code(&ledger.submit(ask(order("ada", "free"))).await), "failed");
    assert_eq!(log::whole(&db).await, before);

    run(&mut superuser, "alter table events drop constraint unpaid").await.unwrap();
    let receipt = ledger.submit(ask(order("ada", "free"))).await.unwrap();
    let types: Vec<_> = receipt.events.iter().map(|event| event.event.type_name()).collect();
    let expected = ["order.placed", "subscription.activated", "invoice.issued", "invoice.paid"];
    assert_eq!(types, expected);
    let log = log::assert_sound(&db).await;
    let stored = log[before.len()..].iter();
    assert!(stored.eq(receipt.events.iter().map(AsRef::as_ref)));
    assert_eq!(log::numbers(&log, "order.placed"), ["1"]);
    assert_eq!(log::numbers(&log, "invoice.issued").len(), 1);
}

#[tokio::test]
async fn of_two_callers_who_saw_the_same_version_one_is_told_that_it_has_moved_on() {
    let (db, ledger) = opened().await;
    ledger.submit(ask(testing::publish("pro", "15"))).await.unwrap();
    ledger.submit(ask(account("ada"))).await.unwrap();
    let expecting =
        |version| Request { expected_version: Some(version), ..ask(order("ada", "pro")) };
    let conflict = |submitted: &Submitted| match submitted {
        Err(SubmitError::VersionConflict { expected, actual }) => (*expected, *actual),
        other => panic!("{other:?}"),
    };
    let submitted = in_one_batch(&db, &ledger, vec![expecting(1), expecting(1)]).await;
    assert_eq!(codes(&submitted), ["ok", "version_conflict"]);
    assert_eq!(conflict(&submitted[1]), (1, 2));
    assert_eq!(conflict(&ledger.submit(expecting(1)).await), (1, 2));
    // Another process, which has never seen the account, is told the same.
    let other = log::open(&db, Options::default()).await;
    assert_eq!(conflict(&other.submit(expecting(1)).await), (1, 2));
    assert_eq!(code(&other.submit(expecting(2)).await), "ok");
    assert_eq!(conflict(&ledger.submit(expecting(2)).await), (2, 3));
}

#[tokio::test]
async fn a_full_queue_turns_callers_away_at_once() {
    let (db, first) = opened().await;
    drop(first);
    let mut options = Options::default();
    (options.queue, options.batch) = (2, 1);
    let ledger = log::open(&db, options).await;
    let mut gate = db.superuser().await;
    run(&mut gate, "begin; select from head for update").await.unwrap();
    let mut deciding = pin!(ledger.submit(ask(key("deciding"))));
    log::begin(&mut deciding).await;
    log::until_somebody_waits_for(&mut gate).await;
    let (mut second, mut third) =
        (pin!(ledger.submit(ask(key("2")))), pin!(ledger.submit(ask(key("3")))));
    log::begin(&mut second).await;
    log::begin(&mut third).await;
    assert_eq!(code(&ledger.submit(ask(key("4"))).await), "overloaded");
    run(&mut gate, "rollback").await.unwrap();
    let answered = [deciding.await, second.await, third.await];
    assert_eq!(codes(&answered), ["ok", "ok", "ok"]);
    assert_eq!(log::assert_sound(&db).await.len(), 4);
}

#[tokio::test]
async fn a_caller_who_goes_away_leaves_its_command_whole() {
    let (db, ledger) = opened().await;
    let mut gate = db.superuser().await;
    run(&mut gate, "begin; select from head for update").await.unwrap();
    {
        let mut abandoned = pin!(ledger.submit(ask(account("ada"))));
        log::begin(&mut abandoned).await;
        log::until_somebody_waits_for(&mut gate).await;
    }
    run(&mut gate, "rollback").await.unwrap();
    let again = ledger.submit(ask(account("ada"))).await;
    let Err(SubmitError::Rejected(Rejection::AccountExists { .. })) = again else {
        panic!("{again:?}")
    };
    assert_eq!(log::assert_sound(&db).await.len(), 2);
}
