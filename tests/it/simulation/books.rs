//! The books of a whole business: after every event they say what the log's invariants say, at the
//! end of every month they tie out, and what was closed stays as it was.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Months, NaiveDate};
use daybook_events::{
    Currency, Event, Recorded,
    event::{AccountEvent as A, BookEvent, InvoiceEvent},
    invariants::Invariants,
};
use daybook_projections::{
    books::{
        ties::{Documents, Tie, Ties},
        trial_balance::TrialBalance,
    },
    journal::{Bounds, Journal, JournalRow, chart, entry::Entry, recognition::Recognition},
    projection::Projection,
};

type Rows = BTreeMap<String, JournalRow>;

pub(super) fn tie(log: &[Recorded]) {
    let rows = they_follow_the_log(log);
    they_tie_out_every_month(log, &rows);
    what_is_closed_stays(log, &rows);
    a_lost_entry_is_noticed(log, &rows);
}

/// Folds the journal beside the invariants; the rows at the end.
fn they_follow_the_log(log: &[Recorded]) -> Rows {
    let (mut invariants, mut rows) = (Invariants::default(), Rows::new());
    let mut balances = TrialBalance::default();
    for recorded in log {
        invariants.read(recorded);
        let Some(key) = Journal::keys(recorded).pop() else { continue };
        let row = Journal::fold(&key, rows.remove(&key), recorded).unwrap().unwrap();
        let newest = row.entries.last().filter(|it| it.position == Some(recorded.position));
        newest.inspect(|entry| balances.add(entry));
        rows.insert(key, row);
        for (currency, sums) in invariants.sums() {
            let balance = |path| balances.balance(currency, path);
            assert_eq!(balances.difference(currency), 0, "{recorded:?}");
            assert_eq!(balance(chart::RECEIVABLE), sums.receivable, "{recorded:?}");
            let credit = balance(chart::CUSTOMER_CREDIT) + balance(chart::UNAPPLIED_PAYMENTS);
            assert_eq!(-credit, sums.credit, "{recorded:?}");
        }
    }
    let kinds: BTreeSet<_> =
        rows.values().flat_map(|row| &row.entries).map(|entry| entry.kind.as_str()).collect();
    for kind in ["invoice.issued", "credit_note.issued", "refund.processed", "credit.applied"] {
        assert!(kinds.contains(kind), "nothing posted for {kind}");
    }
    rows
}

/// What documents come to within bounds.
fn documents(log: &[Recorded], bounds: &Bounds) -> BTreeMap<Currency, Documents> {
    let mut all = BTreeMap::<Currency, Documents>::new();
    let within = |it: &&Recorded| it.position <= bounds.position && it.posting_on <= bounds.through;
    for recorded in log.iter().filter(within) {
        match &recorded.event {
            Event::Account(A::Invoice(InvoiceEvent::InvoiceIssued(it))) => {
                let total = it.totals.total;
                all.entry(total.currency()).or_default().invoiced += total.minor();
            }
            Event::Account(A::Invoice(InvoiceEvent::CreditNoteIssued(it))) => {
                let total = it.totals.total;
                all.entry(total.currency()).or_default().credited += total.minor();
            }
            _ => {}
        }
    }
    all
}

fn ties(log: &[Recorded], rows: &Rows, bounds: Bounds) -> Vec<Tie> {
    let mut ties = Ties::new(bounds);
    rows.values().for_each(|row| ties.row(row).unwrap());
    for (currency, documents) in documents(log, &bounds) {
        ties.documents(currency, documents);
    }
    ties.finish().unwrap().ties
}

fn they_tie_out_every_month(log: &[Recorded], rows: &Rows) {
    let (first, last) = (log[0].posting_on, log[log.len() - 1].posting_on);
    let position = log[log.len() - 1].position;
    let mut months = 0;
    let mut day = first;
    while day < last.checked_add_months(Months::new(14)).unwrap() {
        day = day.checked_add_months(Months::new(1)).unwrap();
        let ties = ties(log, rows, Bounds { position, through: day });
        let broken: Vec<_> = ties.iter().filter(|tie| !tie.holds()).collect();
        assert!(broken.is_empty(), "{day}: {broken:?}");
        months += ties.len();
    }
    assert!(months > 60, "{months}");
    // A part of the log ties out as well: a snapshot at any position does.
    for parts in 1..8 {
        let position = position * parts / 8;
        let through = log[usize::try_from(position).unwrap() - 1].posting_on;
        let ties = ties(log, rows, Bounds { position, through });
        assert!(ties.iter().all(Tie::holds), "{position}: {ties:?}");
    }
}

/// Every entry up to a day, of events and of recognition, as text.
fn entries(rows: &Rows, bounds: Bounds) -> Vec<Entry> {
    let mut recognition = Recognition::new(bounds);
    rows.values().for_each(|row| recognition.add(row));
    let posted = rows.values().flat_map(|row| row.entries_within(&bounds)).cloned();
    posted.chain(recognition.entries().map(Result::unwrap)).collect()
}

fn what_is_closed_stays(log: &[Recorded], rows: &Rows) {
    let closed = log.iter().filter_map(|recorded| match &recorded.event {
        Event::Book(BookEvent::PeriodClosed(it)) => Some((recorded.position, it.period.last_day)),
        _ => None,
    });
    let closed: Vec<(i64, NaiveDate)> = closed.collect();
    assert!(closed.len() > 50, "{}", closed.len());
    for (position, through) in &closed {
        let at_close = entries(rows, Bounds { position: *position, through: *through });
        let today = entries(rows, Bounds { position: i64::MAX, through: *through });
        assert!(at_close == today, "{through} was closed at {position} and has changed");
    }
}

/// The rows without the entries of a kind in one of them.
fn without(rows: &Rows, kind: &str) -> Rows {
    let mut rows = rows.clone();
    let row = rows.values_mut().find(|row| row.entries.iter().any(|it| it.kind == kind));
    row.unwrap().entries.retain(|entry| entry.kind != kind);
    rows
}

/// What is due, by the log's own invariants, is what the books say.
fn is_due(log: &[Recorded], rows: &Rows) -> bool {
    let (mut invariants, mut balances) = (Invariants::default(), TrialBalance::default());
    log.iter().for_each(|recorded| invariants.read(recorded));
    rows.values().flat_map(|row| &row.entries).for_each(|entry| balances.add(entry));
    let sums = invariants.sums();
    sums.iter().all(|(of, sums)| balances.balance(*of, chart::RECEIVABLE) == sums.receivable)
}

fn a_lost_entry_is_noticed(log: &[Recorded], rows: &Rows) {
    let last = &log[log.len() - 1];
    let bounds = Bounds { position: last.position, through: last.posting_on };
    for kind in ["invoice.issued", "credit_note.issued"] {
        assert!(ties(log, &without(rows, kind), bounds).iter().any(|tie| !tie.holds()), "{kind}");
    }
    // A settlement moves nothing between documents and income: the log's sums tell.
    assert!(is_due(log, rows));
    for kind in ["invoice.paid", "credit.applied"] {
        assert!(!is_due(log, &without(rows, kind)), "{kind}");
    }
}
