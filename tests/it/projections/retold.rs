//! Histories told again to a real ledger: what it records, shows, rebuilds and verifies is what the
//! rules alone came to.

use std::collections::{BTreeMap, BTreeSet};

use daybook_events::{
    Origin, Recorded,
    event::Event,
    invariants::Invariants,
    store::{Clock, Ledger, Options, Request},
    world::World,
};
use daybook_projections::{
    self as projections, live, projection::Projection, schedules::Schedules,
};
use tokio::sync::watch;

use super::{assert_clean, rebuild_all, rows, shown, texts};
use crate::{
    golden::history::{self, Told},
    harness::TestDb,
    log,
};

/// Tells a history again to a ledger on a database: the same commands at the same instants, with
/// the same seeds, so that the same ids come about.
async fn told_again(told: &Told) -> (TestDb, Ledger, watch::Receiver<live::Progress>) {
    let db = TestDb::new().await;
    let clock = Clock::standing_at(told.asked[0].at);
    let mut options = Options::default();
    options.clock = clock.clone();
    let ledger = log::open(&db, options).await;
    projections::prepare(ledger.pool()).await.unwrap();
    let progress = live::follow(&ledger, projections::all()).await.unwrap();
    for asked in &told.asked {
        clock.set(asked.at);
        let request = Request::new(asked.command.clone(), Origin::default(), asked.seed);
        ledger.submit(request).await.unwrap();
    }
    (db, ledger, progress)
}

/// A payload without what an instant has beyond the second: no two batches of a ledger have the
/// same one.
fn to_the_second(payload: &str) -> String {
    let mut parts = payload.split(".0000");
    let first = parts.next().unwrap_or_default().to_owned();
    let rest = |part: &str| part.get(2..).unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + &rest(part))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_event_is_decided_recorded_shown_rebuilt_and_verified_alike() {
    let mut types = BTreeSet::new();
    for told in history::all() {
        let (db, ledger, mut progress) = told_again(&told).await;
        let log = log::assert_sound(&db).await;
        let said = |events: &[Recorded]| {
            let line = |it: &Recorded| {
                let (stream, number) = (it.stream.to_string(), it.number.clone());
                (it.event.type_name(), stream, number, to_the_second(&it.event.payload()))
            };
            events.iter().map(line).collect::<Vec<_>>()
        };
        assert_eq!(said(&log), said(told.events()));
        types.extend(log.iter().map(|recorded| recorded.event.type_name()));

        let end = projections::log_position(ledger.pool()).await.unwrap();
        assert_eq!(shown(&mut progress, end).await.halted, None);
        let live = texts(rows(ledger.pool()).await);
        assert_clean(ledger.pool()).await;
        rebuild_all(ledger.pool()).await;
        assert_eq!(texts(rows(ledger.pool()).await), live);
        let mut invariants = Invariants::default();
        log.iter().for_each(|recorded| invariants.read(recorded));
        assert_eq!(invariants.breaches(), []);
    }
    let all: BTreeSet<_> = Event::types().into_iter().map(|(type_name, _)| type_name).collect();
    assert_eq!(types, all);
}

/// What the scheduler is told falls due next is what the rules find next, after every event.
#[test]
fn what_falls_due_next_is_what_the_rules_say() {
    for told in history::all() {
        let mut world = World::default();
        let mut schedules = BTreeMap::new();
        for recorded in told.events() {
            world.apply(recorded).unwrap();
            for key in Schedules::keys(recorded) {
                let row = Schedules::fold(&key, schedules.remove(&key), recorded).unwrap();
                schedules.insert(key, row.unwrap());
            }
            let Some(account) = recorded.account() else { continue };
            let by_the_rules = world.account(account).unwrap().next_due().map(|(at, _)| at);
            let shown = schedules.get(&account.to_string()).and_then(|row| row.due_at);
            assert_eq!(shown, by_the_rules, "position {}", recorded.position);
        }
    }
}
