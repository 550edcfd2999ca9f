//! Whole businesses over five years: every law of money and time holds in them, everything that can
//! happen does, and the same seed writes the same log.
//!
//! `DAYBOOK_SIMULATED_ACCOUNTS` says how many accounts live through the five years.

mod books;
mod faults;
mod kinds;
mod laws;

use std::collections::{BTreeMap, BTreeSet};

use daybook::{
    app::{App, Face},
    simulation::{self, Shape, Written},
};
use daybook_events::{
    Currency, Event, Recorded, Timestamp,
    invariants::{Invariants, Sums},
    store::{self, Clock, Options},
};
use daybook_projections::{
    self as projections,
    accounts::Accounts,
    invoices::Invoices,
    query::{Page, Reads},
    rebuild, verify,
};
use serde_json::Value;
use sqlx::PgPool;

use crate::harness::{TestDb, opening};

/// Events that a business does not bring about by itself: somebody at the command line does, or
/// looks for money by hand; simulated customers pay by the processor.
const BY_HAND: &[&str] = &[
    "book.clock_advanced",
    "book.feature_switched",
    "book.payment_methods_adopted",
    "dispute.closed",
    "dispute.opened",
    "key.issued",
    "key.revoked",
    "key.rotated",
    "order.payment_sent",
    "payment.failed",
    "payment.fee_charged",
    "refund.reported",
    "session.opened",
    "session.closed",
    "subscription.followed",
    "subscription.linked",
    "subscription.plan_change_requested",
];

/// Refusals that five years of a hundred accounts run into.
const REFUSALS: &[&str] = &[
    "account_parked",
    "coupon_already_used",
    "coupon_exhausted",
    "coupon_for_another_plan",
    "plan_limit_exceeded",
    "refund_window_closed",
    "resume_after_period",
    "usage_exceeds_plan",
];

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn five_years() -> Shape {
    let accounts = std::env::var("DAYBOOK_SIMULATED_ACCOUNTS");
    let accounts = accounts.map_or(100, |text| text.parse().expect("a number of accounts"));
    let (from, until) = (instant("2024-01-01T00:00:00Z"), instant("2029-01-01T00:00:00Z"));
    Shape { accounts, from, until, seed: 1 }
}

/// Writes a business while the projections follow, and waits for them.
async fn live(db: &TestDb, shape: Shape) -> (Written, PgPool) {
    assert!(store::name_ledger(&db.owner_url, shape.ledger_id()).await.unwrap());
    let mut options = Options::default();
    options.clock = Clock::standing_at(shape.from);
    let face = Face { public_url: String::new(), currency: Currency::USD, upgrade_url: None };
    let app = App::open(
        db.pool().await,
        options,
        &opening(),
        face,
        &daybook::processors::settings::Settings::default(),
    )
    .await
    .unwrap();
    let written = simulation::write(&app.ledger, shape, &mut |_, _| {}).await.unwrap();
    let pool = app.pool().clone();
    let position = store::head(&pool).await.unwrap().position;
    let mut progress = app.progress();
    let shown = progress.wait_for(|now| now.position >= position || now.halted.is_some()).await;
    assert_eq!(shown.unwrap().halted, None);
    (written, pool)
}

async fn log(pool: &PgPool) -> Vec<Recorded> {
    store::range(pool, 0, i64::MAX, i64::MAX).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn five_years_of_a_whole_business_hold_every_law() {
    let (db, shape) = (TestDb::new().await, five_years());
    let (written, pool) = live(&db, shape).await;
    let log = log(&pool).await;

    let mut invariants = Invariants::default();
    log.iter().for_each(|recorded| invariants.read(recorded));
    assert_eq!(invariants.breaches(), []);
    let sums = invariants.sums();
    assert_eq!(sums, written.invariants.sums());
    money_adds_up(&sums);
    assert_eq!(projected(&pool).await, reckoned(&sums));

    everything_happened(&written, &log);
    kinds::each_happened(&log);
    laws::each_holds(&log);
    faults::each_is_found(&log);
    books::tie(&log);
    the_projections_are_the_log(&pool).await;
}

fn money_adds_up(sums: &BTreeMap<Currency, Sums>) {
    for (currency, sums) in sums {
        assert_eq!(sums.difference(), 0, "{currency}: {sums:?}");
        assert!(sums.charged > 0 && sums.captured > 0, "{currency}: {sums:?}");
    }
    let exponents: BTreeSet<_> = sums.keys().map(|currency| currency.exponent()).collect();
    assert_eq!(exponents, [0, 2, 3].into());
}

/// Receivables and credit per currency, as the invariants reckon them.
fn reckoned(sums: &BTreeMap<Currency, Sums>) -> BTreeMap<Currency, (i128, i128)> {
    sums.iter().map(|(currency, sums)| (*currency, (sums.receivable, sums.credit))).collect()
}

/// The same, as the rows show it to readers.
async fn projected(pool: &PgPool) -> BTreeMap<Currency, (i128, i128)> {
    let (reads, page) = (Reads::new(pool.clone()), Page { after: None, limit: i64::MAX });
    let rows = reads.all();
    let mut all = BTreeMap::<Currency, (i128, i128)>::new();
    for row in rows.list::<Invoices>(&page).await.unwrap() {
        all.entry(row.due.currency()).or_default().0 += row.due.minor();
    }
    for row in rows.list::<Accounts>(&page).await.unwrap() {
        all.entry(row.currency).or_default().1 += row.credit.minor();
    }
    all
}

fn everything_happened(written: &Written, log: &[Recorded]) {
    let happened: BTreeSet<_> = log.iter().map(|recorded| recorded.event.type_name()).collect();
    let never: Vec<_> = Event::types()
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| !BY_HAND.contains(name) && !happened.contains(name))
        .collect();
    assert!(never.is_empty(), "never happened: {never:?}");
    let refused = |code: &&&str| !written.refusals.contains_key(**code);
    let never: Vec<_> = REFUSALS.iter().filter(refused).collect();
    assert!(never.is_empty(), "never refused: {never:?}: {:?}", written.refusals);
}

/// The audit of the log is clean, and the rows are those of the log: followed live, folded anew
/// and rebuilt.
async fn the_projections_are_the_log(pool: &PgPool) {
    let report = verify::verify(pool, projections::all(), &mut |_, _| {}).await.unwrap();
    assert_eq!(report.findings, []);
    let rebuilt = rebuild::rebuild(pool, projections::all(), &mut |_, _| {}).await.unwrap();
    assert_eq!(usize::try_from(rebuilt.rows), Ok(report.rows));
    let again = verify::verify(pool, projections::all(), &mut |_, _| {}).await.unwrap();
    assert_eq!((again.findings, again.rows, again.root), (vec![], report.rows, report.root));
}

const SMALL: [&str; 7] = ["simulate", "--accounts", "12", "--months", "14", "--output", "json"];

async fn simulate(db: &TestDb, more: &[&str]) -> Value {
    let (exit, out, err) = db.daybook(&[&SMALL, more].concat()).await;
    assert_eq!((exit, err.as_str()), (0, ""));
    serde_json::from_str(&out).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_seed_writes_the_same_log_and_another_seed_another() {
    let first = simulate(&TestDb::new().await, &[]).await;
    let db = TestDb::new().await;
    assert_eq!(simulate(&db, &[]).await, first);
    assert_eq!(first["root"].as_str().unwrap().len(), 64);
    assert_eq!(first["position"], first["events"].as_i64().unwrap() + 1, "the book is opened");
    assert_eq!(first["breaches"], Value::Array(Vec::new()));
    let another = simulate(&TestDb::new().await, &["--seed", "7"]).await;
    assert_ne!(another["root"], first["root"]);

    // What is there is neither overtaken nor written twice.
    for (more, named) in
        [(["--seed", "7"], "begin later"), (["--from", "2030-01-01T00:00:00Z"], "another seed")]
    {
        let (exit, out, err) = db.daybook(&[&SMALL[..], &more].concat()).await;
        assert_eq!((exit, out.as_str()), (1, ""), "{err}");
        assert!(err.contains(named), "{err}");
    }
    let later = simulate(&db, &["--seed", "7", "--from", "2030-01-01T00:00:00Z"]).await;
    assert!(later["position"].as_i64() > first["position"].as_i64());
    let (exit, _, err) = db.daybook(&["verify"]).await;
    assert_eq!((exit, err.as_str()), (0, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulation_is_asked_for_in_words_that_make_sense() {
    let db = TestDb::new().await;
    for (more, named) in [
        (["--accounts", "0"], "1..=100000"),
        (["--accounts", "100001"], "1..=100000"),
        (["--months", "0"], "1..=1200"),
        (["--months", "1201"], "1..=1200"),
        (["--seed", "x"], "--seed"),
        (["--from", "yesterday"], "--from"),
    ] {
        let (exit, out, err) = db.daybook(&[&["simulate"][..], &more].concat()).await;
        assert_eq!((exit, out.as_str()), (2, ""), "{err}");
        assert!(err.contains(named), "{err}");
    }
    let live = ["simulate", "--kind", "live", "--from", "2200-01-01T00:00:00Z"];
    let (exit, out, err) = db.daybook(&live).await;
    assert_eq!((exit, out.as_str()), (1, ""));
    assert!(err.contains("a live ledger gets no future"), "{err}");
    assert_eq!(store::head(&db.pool().await).await.unwrap().position, 0);
}
