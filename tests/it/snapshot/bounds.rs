//! What may be asked for, and what is refused with nothing written.

use daybook::{
    app::open_ledger,
    snapshot::{Asked, key::Key},
};
use daybook_events::store::{Clock, Options};

use super::{files, findings, position, rich, snapshot, taken};
use crate::harness::{TestApp, TestDb, opening};

fn as_of(text: &str) -> Asked {
    Asked { as_of: Some(text.to_owned()), ..Asked::default() }
}

fn period(text: &str) -> Asked {
    Asked { period: Some(text.to_owned()), ..Asked::default() }
}

/// The code with which bounds are refused; nothing is written then.
async fn refused(test: &TestApp, asked: Asked) -> &'static str {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let refused = taken(test.app.pool(), &test.clock, asked, &Key::random(), &out).await;
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    refused.unwrap_err().code()
}

#[tokio::test(flavor = "multi_thread")]
async fn bounds_that_name_nothing_are_refused() {
    let test = rich().await;
    let head = test.log_position().await;
    let both = Asked { period: Some("2026-05".to_owned()), ..position(1) };
    for (asked, code) in [
        (position(head + 1), "position_beyond_head"),
        (position(0), "position_beyond_head"),
        (position(-1), "position_beyond_head"),
        (position(i64::MAX), "position_beyond_head"),
        (as_of("2026-06-02"), "time_in_future"),
        (as_of("2026-06-02T00:00:01Z"), "time_in_future"),
        (as_of("9999-12-31"), "time_in_future"),
        (as_of("2026-04-30"), "time_before_ledger"),
        (as_of("yesterday"), "bounds_invalid"),
        (as_of(""), "bounds_invalid"),
        (period("2026-06"), "period_not_closed"),
        (period("2026-04"), "period_not_closed"),
        (period("2026-05-01/2026-05-15"), "period_not_closed"),
        (period("May"), "bounds_invalid"),
        (both, "bounds_invalid"),
    ] {
        assert_eq!(refused(&test, asked.clone()).await, code, "{asked:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_ledger_has_no_snapshot() {
    let db = TestDb::new().await;
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let refused =
        taken(&db.pool().await, &Clock::System, Asked::default(), &Key::random(), &out).await;
    assert_eq!(refused.unwrap_err().code(), "ledger_empty");
    assert!(!out.exists());
    // One with a book and no customer has one, with nothing in its tables.
    let pool = db.pool().await;
    open_ledger(pool.clone(), Options::default(), &opening()).await.unwrap();
    let manifest = taken(&pool, &Clock::System, Asked::default(), &Key::random(), &out).await;
    assert!(manifest.unwrap().files.iter().all(|file| file.rows == 0));
    assert_eq!(findings(&out), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_is_the_last_event_recorded_by_then() {
    let test = rich().await;
    let (_dir, out, by_day) = snapshot(&test, as_of("2026-05-10")).await;
    assert_eq!(by_day.through.to_string(), "2026-05-10");
    assert!(by_day.recorded_at.to_string().as_str() < "2026-05-11");
    assert_eq!(findings(&out), Vec::<String>::new());
    let (_dir, _, by_instant) = snapshot(&test, as_of("2026-05-11T09:30:00Z")).await;
    assert!(by_instant.position >= by_day.position);
    // The same events, though another question: the books differ by what is earned meanwhile.
    let (_dir, at_position, manifest) = snapshot(&test, position(by_day.position)).await;
    assert_eq!(manifest.tree, by_day.tree);
    let (one, other) = (files(&out), files(&at_position));
    assert_eq!(one["invoices.csv"], other["invoices.csv"]);
    assert_ne!(one["trial_balance.csv"], other["trial_balance.csv"]);
}

/// In the present instant something may yet be recorded, and then the same bounds would give other
/// bytes; the instant of the newest event is over, since the next one is recorded after it.
#[tokio::test(flavor = "multi_thread")]
async fn now_is_not_over_and_the_instant_before_is() {
    let test = rich().await;
    test.at("2026-06-03T10:00:00Z");
    assert_eq!(refused(&test, as_of("2026-06-03T10:00:00Z")).await, "time_in_future");
    assert_eq!(refused(&test, as_of("2026-06-03")).await, "time_in_future");
    let (_dir, before, manifest) = snapshot(&test, as_of("2026-06-03T09:59:59.999999Z")).await;
    assert_eq!(manifest.position, test.log_position().await);
    let newest = manifest.recorded_at.to_string();
    let (_dir, at_newest, _) = snapshot(&test, as_of(&newest)).await;
    test.subscriber("pro").await;
    let (_dir, again, _) = snapshot(&test, as_of("2026-06-03T09:59:59.999999Z")).await;
    assert_eq!(files(&before), files(&again));
    let (_dir, again, _) = snapshot(&test, as_of(&newest)).await;
    assert_eq!(files(&at_newest), files(&again));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_period_holds_what_was_posted_by_its_end() {
    let test = rich().await;
    let (_dir, out, manifest) = snapshot(&test, period("2026-05")).await;
    assert_eq!(manifest.through.to_string(), "2026-05-31");
    assert_eq!(findings(&out), Vec::<String>::new());
    let files = files(&out);
    let text = |name: &str| String::from_utf8(files[name].clone()).unwrap();
    assert!(!text("journal.csv").contains("2026-06-0"));
    assert!(text("invoices.csv").lines().count() > 4);
    assert!(!text("invoices.csv").contains(",2026-06-"));
    // Renewals of June were recorded before May was closed, and are no part of it.
    let (_dir, at_close, _) = snapshot(&test, position(manifest.position)).await;
    let later = std::fs::read_to_string(at_close.join("invoices.csv")).unwrap();
    assert!(later.lines().count() > text("invoices.csv").lines().count());
}
