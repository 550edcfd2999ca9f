//! Idempotency keys: a request that is sent again means what it meant the first time.

use daybook_events::{
    commands::PlaceOrder,
    store::{IdempotencyKey, Options, Receipt, Request, SubmitError},
    testing,
};

use crate::log::{self, Submitted, account, ask, in_one_batch, key, opened};

/// A command that would be accepted each time, under a key.
fn keyed(scope: &str, name: &str, meaning: u8) -> Request {
    let fingerprint = [meaning; 32];
    let own = IdempotencyKey { scope: scope.into(), key: name.into(), fingerprint };
    Request { key: Some(own), ..ask(key(name)) }
}

fn positions(receipt: &Receipt) -> Vec<i64> {
    receipt.events.iter().map(|event| event.position).collect()
}

#[track_caller]
fn assert_replays(again: &Submitted, first: &Receipt) {
    let again = again.as_ref().unwrap();
    assert!(again.replayed && !first.replayed);
    assert_eq!(again.events, first.events);
}

#[tokio::test]
async fn a_key_answers_with_the_first_events_in_the_same_batch_and_later_and_elsewhere() {
    let (db, ledger) = opened().await;
    let requests = vec![keyed("ada", "k", 1), keyed("ada", "k", 1), keyed("ada", "k", 1)];
    let submitted = in_one_batch(&db, &ledger, requests).await;
    let first = submitted[0].as_ref().unwrap();
    assert_eq!(positions(first), [3]);
    assert_replays(&submitted[1], first);
    assert_replays(&submitted[2], first);
    assert_replays(&ledger.submit(keyed("ada", "k", 1)).await, first);
    let other = log::open(&db, Options::default()).await;
    assert_replays(&other.submit(keyed("ada", "k", 1)).await, first);
    assert_eq!(log::assert_sound(&db).await.len(), 3);
}

#[tokio::test]
async fn a_key_that_was_used_for_something_else_is_refused() {
    let (db, ledger) = opened().await;
    let requests = vec![keyed("ada", "k", 1), keyed("ada", "k", 2)];
    let submitted = in_one_batch(&db, &ledger, requests).await;
    assert!(submitted[0].is_ok());
    assert!(matches!(submitted[1], Err(SubmitError::KeyReused)));
    let other = log::open(&db, Options::default()).await;
    for ledger in [&ledger, &other] {
        let again = ledger.submit(keyed("ada", "k", 3)).await;
        assert!(matches!(again, Err(SubmitError::KeyReused)), "{again:?}");
    }
    assert_eq!(log::assert_sound(&db).await.len(), 3);
}

#[tokio::test]
async fn the_keys_of_one_caller_never_meet_those_of_another() {
    let (db, ledger) = opened().await;
    let requests = vec![keyed("ada", "k", 1), keyed("bob", "k", 2), keyed("ad", "ak", 3)];
    let submitted = in_one_batch(&db, &ledger, requests).await;
    let fresh: Vec<_> = submitted.iter().map(|s| s.as_ref().unwrap().replayed).collect();
    assert_eq!(fresh, [false, false, false]);
    assert_eq!(log::assert_sound(&db).await.len(), 5);
}

#[tokio::test]
async fn a_rejected_command_leaves_its_key_unused() {
    let (db, ledger) = opened().await;
    ledger.submit(ask(account("ada"))).await.unwrap();
    let request = || {
        let account_id = account("ada").account_id;
        let order = PlaceOrder { account_id, ..testing::place_order() };
        Request { command: order.into(), ..keyed("ada", "k", 1) }
    };
    let SubmitError::Rejected(rejected) = ledger.submit(request()).await.unwrap_err() else {
        panic!("another error")
    };
    assert_eq!(rejected.code(), "plan_unknown");
    ledger.submit(ask(testing::publish("pro", "15"))).await.unwrap();
    let first = ledger.submit(request()).await.unwrap();
    assert_replays(&ledger.submit(request()).await, &first);
    let log = log::assert_sound(&db).await;
    assert_eq!(log::numbers(&log, "order.placed"), ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_sent_to_two_processes_at_once_is_used_once() {
    let (db, first) = opened().await;
    let second = log::open(&db, Options::default()).await;
    let mut racing = tokio::task::JoinSet::new();
    for round in 0..40 {
        for ledger in [&first, &second, &first, &second] {
            let ledger = ledger.clone();
            let request = keyed("ada", &format!("key-{round}"), 1);
            racing.spawn(async move { (round, ledger.submit(request).await.unwrap()) });
        }
    }
    let mut fresh = vec![0; 40];
    let mut seen = vec![Vec::new(); 40];
    for (round, receipt) in racing.join_all().await {
        fresh[round] += i32::from(!receipt.replayed);
        seen[round].push(positions(&receipt));
    }
    assert_eq!(fresh, [1; 40]);
    for positions in seen {
        assert!(positions.len() == 4 && positions.iter().all(|p| *p == positions[0]));
    }
    assert_eq!(log::assert_sound(&db).await.len(), 1 + 40);
}
