//! One order for everybody: positions, versions, numbers and instants, whoever appends.

use std::collections::HashMap;

use daybook_events::{
    Recorded,
    commands::{Command, PlaceOrder},
    envelope::Stored,
    store::{self, Clock, Ledger, LogCopy, Options, StoreError, SubmitError},
    testing,
};
use sqlx::Row;
use tokio::task::JoinSet;

use crate::log::{self, account, ask, key, open, opened};

fn order(name: &str, plan: &str) -> Command {
    let account_id = account(name).account_id;
    PlaceOrder { account_id, plan: plan.into(), ..testing::place_order() }.into()
}

/// How many events carry each request id.
fn per_request(log: &[Recorded]) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for id in log.iter().filter_map(|recorded| recorded.origin.request_id.clone()) {
        *counts.entry(id).or_default() += 1;
    }
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_with_many_callers_keep_one_order() {
    const CALLERS: usize = 24;
    let (db, first) = opened().await;
    first.submit(ask(testing::publish("pro", "15"))).await.unwrap();
    first.submit(ask(account("shared"))).await.unwrap();
    let second = open(&db, Options::default()).await;
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let ledgers = [first.clone(), second.clone()];
        callers.spawn(async move {
            let mut accepted = Vec::new();
            for round in 0..12 {
                let name = format!("user-{caller}-{round}");
                let commands = [
                    Command::from(account(&name)),
                    // Written by one process, so its account is read or caught up by the other.
                    order(&name, "pro"),
                    order("shared", "pro"),
                    key(&name).into(),
                ];
                for (nth, command) in commands.into_iter().enumerate() {
                    let receipt = ledgers[(caller + nth) % 2].submit(ask(command)).await.unwrap();
                    accepted.push((*receipt.events[0]).clone());
                }
            }
            accepted
        });
    }
    let accepted: Vec<_> = callers.join_all().await.into_iter().flatten().collect();
    assert_eq!(accepted.len(), CALLERS * 12 * 4);
    let log = log::assert_sound(&db).await;
    assert_eq!(log.len(), 3 + accepted.len());
    assert!(per_request(&log).values().all(|count| *count == 1));
    for event in &accepted {
        assert_eq!(log[usize::try_from(event.position).unwrap() - 1], *event);
    }
    let expected: Vec<_> = (1..=CALLERS * 24).map(|n| n.to_string()).collect();
    assert_eq!(log::numbers(&log, "order.placed"), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_have_no_gaps_where_commands_were_refused() {
    let (db, ledger) = opened().await;
    ledger.submit(ask(testing::publish("free", "0"))).await.unwrap();
    let other = open(&db, Options::default()).await;
    let mut callers = JoinSet::new();
    for n in 0..60 {
        let ledger = if n % 2 == 0 { ledger.clone() } else { other.clone() };
        callers.spawn(async move {
            let name = format!("user-{n}");
            ledger.submit(ask(account(&name))).await.unwrap();
            let refused = ledger.submit(ask(order(&name, "nope"))).await;
            assert!(matches!(refused, Err(SubmitError::Rejected(_))));
            ledger.submit(ask(order(&name, "free"))).await.unwrap();
            // It has a subscription now.
            let refused = ledger.submit(ask(order(&name, "free"))).await;
            assert!(matches!(refused, Err(SubmitError::Rejected(_))));
        });
    }
    callers.join_all().await;
    let log = log::assert_sound(&db).await;
    let orders: Vec<_> = (1..=60).map(|n| n.to_string()).collect();
    assert_eq!(log::numbers(&log, "order.placed"), orders);
    let year = log[0].posting_on.format("%Y");
    let invoices: Vec<_> = (1..=60).map(|n| format!("INV-{year}-{n:06}")).collect();
    assert_eq!(log::numbers(&log, "invoice.issued"), invoices);
}

#[tokio::test]
async fn time_in_the_log_does_not_go_back_with_the_clock() {
    let (db, first) = opened().await;
    drop(first);
    let mut options = Options::default();
    options.clock = Clock::standing_at("2026-05-02T00:00:00Z".parse().unwrap());
    let clock = options.clock.clone();
    options.accept_clock = true;
    let ledger = open(&db, options).await;
    let head = store::head(ledger.pool()).await.unwrap().recorded_at.unwrap();
    let mut last = head;
    for days in [400, 10, 0, 400, 401] {
        clock.set(head.plus_days(days));
        let receipt = ledger.submit(ask(key("k"))).await.unwrap();
        let recorded_at = receipt.events[0].recorded_at;
        assert_eq!(recorded_at, last.plus_micros(1).max(head.plus_days(days)));
        last = recorded_at;
    }
    log::assert_sound(&db).await;
}

#[tokio::test]
async fn a_clock_far_ahead_is_refused_until_somebody_vouches_for_it() {
    let (db, first) = opened().await;
    let last = first.submit(ask(key("k"))).await.unwrap().events[0].recorded_at;
    let options = |days, accept_clock| {
        let mut options = Options::default();
        options.clock = Clock::standing_at(last.plus_days(days));
        options.accept_clock = accept_clock;
        options
    };
    let refused = Ledger::open(db.pool().await, options(367, false)).await.unwrap_err();
    let StoreError::ClockAhead { now, last: known } = refused else { panic!("{refused}") };
    assert_eq!((now, known), (last.plus_days(367), last));
    open(&db, options(366, false)).await;
    let vouched = open(&db, options(367, true)).await;
    vouched.submit(ask(key("k"))).await.unwrap();
    // What is recorded is the new measure.
    open(&db, options(367 + 366, false)).await;
}

#[tokio::test]
async fn a_process_that_missed_thousands_of_events_catches_up() {
    const MISSED: usize = 2_500;
    let (db, first) = opened().await;
    let second = open(&db, Options::default()).await;
    let mut callers = JoinSet::new();
    for n in 0..MISSED {
        let ledger = first.clone();
        callers.spawn(async move { ledger.submit(ask(key(&n.to_string()))).await.unwrap() });
    }
    callers.join_all().await;
    let receipt = second.submit(ask(key("after the gap"))).await.unwrap();
    let last = i64::try_from(MISSED).unwrap() + 2;
    assert_eq!((receipt.position(), receipt.events[0].version), (last, last - 1));
    assert_eq!(first.look(None, |world| world.access.version).await.unwrap(), last - 1);
    log::assert_sound(&db).await;
}

#[tokio::test]
async fn the_copied_log_is_the_stored_log_byte_for_byte() {
    let (db, ledger) = opened().await;
    ledger.submit(ask(testing::publish("pro", "15"))).await.unwrap();
    let mut callers = JoinSet::new();
    for n in 0..1_300 {
        let name = format!("\"Zoë\" \\ {n} / \u{1F9FE} \u{2028} 名前");
        let ledger = ledger.clone();
        callers.spawn(async move {
            let mut opening = account(&name);
            opening.billing.0.address = format!("1 Street\n{name}");
            ledger.submit(ask(opening)).await.unwrap();
            ledger.submit(ask(order(&name, "pro"))).await.unwrap();
        });
    }
    callers.join_all().await;
    let log = log::assert_sound(&db).await;
    let mut connection = db.owner().await;
    let texts = "select origin::text, payload::text, leaf_hash from events order by position";
    let texts = sqlx::query(texts).fetch_all(&mut connection).await.unwrap();
    let ledger_id = store::ledger_id(&mut connection).await.unwrap();
    let mut copy = LogCopy::start(&mut connection, 0, i64::MAX).await.unwrap();
    let mut copied: Vec<(Stored, _)> = Vec::new();
    while let Some(rows) = copy.next().await.unwrap() {
        copied.extend(rows);
    }
    drop(copy);
    assert_eq!((copied.len(), texts.len()), (log.len(), log.len()));
    for (((stored, leaf), recorded), row) in copied.iter().zip(&log).zip(&texts) {
        assert_eq!(*stored, recorded.to_stored());
        assert_eq!((&stored.origin, &stored.payload), (&row.get(0), &row.get(1)));
        assert_eq!(leaf.as_slice(), row.get::<&[u8], _>(2));
        assert_eq!(*leaf, stored.leaf(ledger_id));
    }
    let mut middle = LogCopy::start(&mut connection, 1_000, 1_010).await.unwrap();
    assert_eq!(middle.next().await.unwrap().unwrap(), copied[1_000..1_010]);
    assert_eq!(middle.next().await.unwrap(), None);
}
