//! The books of small histories by hand, and a planted fault for every tie.

use chrono::NaiveDate;
use daybook_events::{Currency, Money, testing::*};

use super::{
    ageing::{Ageing, Bucket, receivable},
    deferred,
    roll_forward::RollForward,
    ties::{Documents, Ties},
    trial_balance::TrialBalance,
};
use crate::{
    journal::{Bounds, Journal, JournalRow, Subject, chart, recognition::Recognition},
    testing::fold_all,
};

fn rows(given: &Given) -> Vec<JournalRow> {
    fold_all::<Journal>(given.events()).into_values().collect()
}

fn until(day: &str) -> Bounds {
    Bounds { position: i64::MAX, through: day.parse().unwrap() }
}

/// Pro with a fifth on top of it, from May on, and June's invoice unpaid; it has just fallen past
/// due.
fn taxed() -> Given {
    let given = given_account().and(tax_rules("GB", "20", false)).and(order_of("pro")).and_paid();
    given.at("2026-06-08T00:00:00Z").and(settle_due())
}

fn trial_balance(given: &Given, bounds: Bounds) -> TrialBalance {
    let (mut balance, mut recognition) = (TrialBalance::default(), Recognition::new(bounds));
    for row in rows(given) {
        row.entries_within(&bounds).for_each(|entry| balance.add(entry));
        recognition.add(&row);
    }
    recognition.entries().for_each(|entry| balance.add(&entry.unwrap()));
    balance
}

#[test]
fn a_trial_balance_says_what_each_account_holds() {
    let balance = trial_balance(&taxed(), until("2026-06-30"));
    let rows: Vec<_> = balance.rows().map(|row| serde_json::to_string(&row).unwrap()).collect();
    let row = |account: &str, kind: &str, [debit, credit, balance]: [&str; 3]| {
        format!(
            r#"{{"currency":"USD","account":"{account}","type":"{kind}","debit":"{debit}","credit":"{credit}","balance":"{balance}"}}"#
        )
    };
    assert_eq!(
        rows,
        [
            row("assets:Clearing:Sandbox", "asset", ["18.00", "0.00", "18.00"]),
            row("assets:Receivable", "asset", ["36.00", "18.00", "18.00"]),
            row("income:Revenue", "income", ["0.00", "30.00", "-30.00"]),
            row("liabilities:DeferredRevenue", "liability", ["30.00", "30.00", "0.00"]),
            row("liabilities:TaxPayable:GB:VAT", "liability", ["0.00", "6.00", "-6.00"]),
            row("liabilities:UnappliedPayments", "liability", ["18.00", "18.00", "0.00"]),
        ]
    );
    assert_eq!(balance.difference(Currency::USD), 0);
    assert_eq!(balance.balance(Currency::USD, "assets"), 3600);
    assert_eq!(balance.balance(Currency::EUR, "assets"), 0);
}

#[test]
fn a_roll_forward_goes_from_month_to_month() {
    let given = given_subscribed("pro").at("2026-05-17T00:00:00Z");
    let given = given.clone().and(credit_invoice(&given, Some("10"))).at("2026-07-15T00:00:00Z");
    let given = given.and(settle_due()).and(order_of("pro")).and_paid();
    let (mut roll, mut recognition) =
        (RollForward::default(), Recognition::new(until("2026-08-31")));
    for row in rows(&given) {
        row.entries.iter().for_each(|entry| roll.add(entry));
        recognition.add(&row);
    }
    recognition.entries().for_each(|entry| roll.add(&entry.unwrap()));
    let shown = |row: super::roll_forward::RollForwardRow| {
        format!(
            "{} {} +{} -{} -{} ={} revenue {}",
            row.month,
            row.opening_deferred,
            row.billed,
            row.credited_unearned,
            row.recognised,
            row.closing_deferred,
            row.net_revenue
        )
    };
    let months: Vec<_> = roll.rows().into_iter().map(shown).collect();
    assert_eq!(
        months,
        [
            "2026-05 0.00 +15.00 -7.26 -7.74 =0.00 revenue 5.00",
            "2026-06 0.00 +15.00 -4.50 -10.50 =0.00 revenue 10.50",
            "2026-07 0.00 +15.00 -0.00 -8.23 =6.77 revenue 8.23",
            "2026-08 6.77 +0.00 -0.00 -6.77 =0.00 revenue 6.77",
        ]
    );
}

#[test]
fn what_is_due_ages() {
    let rows = rows(&taxed());
    let aged = |day: &str| {
        let due: Vec<_> = rows.iter().filter_map(|row| receivable(row, &until(day))).collect();
        assert_eq!(due.len(), 1, "{due:?}");
        let mut ageing = Ageing::default();
        due.iter().for_each(|row| ageing.add(row));
        let total = ageing.rows().next().unwrap();
        assert_eq!(total.total, due[0].due);
        (due[0].days_overdue, due[0].bucket, due[0].due.to_string())
    };
    let due = || "18.00".to_owned();
    // Issued on 1 June; the ladder's first step comes seven days later.
    assert_eq!(aged("2026-06-07"), (0, Bucket::NotDue, due()));
    assert_eq!(aged("2026-06-08"), (1, Bucket::Days1To30, due()));
    assert_eq!(aged("2026-07-07"), (30, Bucket::Days1To30, due()));
    assert_eq!(aged("2026-07-08"), (31, Bucket::Days31To60, due()));
    assert_eq!(aged("2026-08-07"), (61, Bucket::Days61To90, due()));
    assert_eq!(aged("2026-09-05"), (90, Bucket::Days61To90, due()));
    assert_eq!(aged("2026-09-06"), (91, Bucket::Over90, due()));
    let before = rows.iter().filter_map(|row| receivable(row, &until("2026-05-31")));
    assert_eq!(before.count(), 0);
}

#[test]
fn a_schedule_says_where_each_line_stands() {
    let rows = rows(&taxed());
    let june = rows.iter().flat_map(|row| deferred::lines(row, &until("2026-06-10")).unwrap());
    let june: Vec<_> = june.map(|line| serde_json::to_value(&line).unwrap()).collect();
    let parts = |line: &serde_json::Value| {
        ["first_day", "end_day", "net", "credited_unearned", "recognised", "deferred"]
            .map(|column| line[column].as_str().unwrap().to_owned())
    };
    let mut shown: Vec<_> = june.iter().map(parts).collect();
    shown.sort();
    assert_eq!(
        shown,
        [
            ["2026-05-01", "2026-06-01", "15.00", "0.00", "15.00", "0.00"],
            ["2026-06-01", "2026-07-01", "15.00", "0.00", "5.00", "10.00"],
        ]
    );
    let may = rows.iter().flat_map(|row| deferred::lines(row, &until("2026-05-31")).unwrap());
    assert_eq!(may.count(), 1, "an invoice of June is none of May's");
}

/// The names of the ties that do not hold, once something was done to the rows.
fn broken(damage: impl Fn(&mut Vec<JournalRow>, &mut Documents)) -> Vec<&'static str> {
    let through: NaiveDate = "2026-06-10".parse().unwrap();
    let mut rows = rows(&taxed());
    let mut documents = Documents { invoiced: 3600, credited: 0 };
    damage(&mut rows, &mut documents);
    let mut ties = Ties::new(Bounds { position: i64::MAX, through });
    rows.iter().for_each(|row| ties.row(row).unwrap());
    ties.documents(Currency::USD, documents);
    let ties = ties.finish().unwrap().ties;
    ties.iter().filter(|tie| !tie.holds()).map(|tie| tie.tie).collect()
}

/// Moves an amount of a kind's entry from an account to another one.
fn moved(rows: &mut [JournalRow], kind: &str, from: &str, to: &str) {
    let entries = rows.iter_mut().flat_map(|row| &mut row.entries);
    for entry in entries.filter(|entry| entry.kind == kind) {
        for posting in entry.postings.iter_mut().filter(|posting| posting.account == from) {
            posting.account = to.to_owned();
        }
    }
}

#[test]
fn each_tie_finds_what_is_wrong() {
    assert!(broken(|_, _| {}).is_empty());
    let cent = Money::from_minor(1, Currency::USD).unwrap();
    // A cent that appears.
    let one_sided = broken(|rows, _| {
        let posting =
            &mut rows.iter_mut().flat_map(|row| &mut row.entries).next().unwrap().postings;
        posting[0].amount = posting[0].amount.plus(cent).unwrap();
    });
    assert!(one_sided.starts_with(&["entries_balance", "trial_balance_is_zero"]), "{one_sided:?}");
    // Two that hide each other.
    let hidden = broken(|rows, _| {
        let mut entries = rows.iter_mut().flat_map(|row| &mut row.entries);
        let (first, second) = (entries.next().unwrap(), entries.next().unwrap());
        for (entry, minor) in [(first, 1), (second, -1)] {
            let change = Money::from_minor(minor, Currency::USD).unwrap();
            let held = entry.postings.iter_mut().find(|it| !it.account.contains("Deferred"));
            let held = held.unwrap();
            held.account = chart::CLEARING.to_owned();
            held.amount = held.amount.plus(change).unwrap();
        }
    });
    assert!(hidden.contains(&"entries_balance"), "{hidden:?}");
    assert!(!hidden.contains(&"trial_balance_is_zero"), "{hidden:?}");
    // An invoice that the books do not have.
    let missing = broken(|_, documents| documents.invoiced += 1);
    assert_eq!(missing, ["revenue_deferred_and_tax_are_the_documents"]);
    let taken_back = broken(|_, documents| documents.credited += 1);
    assert_eq!(taken_back, ["revenue_deferred_and_tax_are_the_documents"]);
    // A payment that is put to no invoice.
    let unapplied = broken(|rows, _| {
        let stray = rows.iter().position(|row| matches!(row.subject, Subject::Payment(_))).unwrap();
        let entry = &mut rows[stray].entries[0];
        entry.postings[1].account = chart::RECEIVABLE.to_owned();
    });
    assert_eq!(unapplied, ["ageing_is_receivable"]);
    // A schedule that earns more than was billed, and revenue that never was deferred.
    let schedule = broken(|rows, _| {
        let lines = rows.iter_mut().filter_map(|row| match &mut row.subject {
            Subject::Invoice(invoice) => invoice.lines.last_mut(),
            Subject::Payment(_) | Subject::Adjustment(_) => None,
        });
        lines.for_each(|line| {
            line.segments[0].amount = line.segments[0].amount.plus(cent).unwrap();
        });
    });
    assert_eq!(schedule, ["schedule_is_deferred_revenue"]);
    let at_once = broken(|rows, _| {
        moved(rows, "invoice.issued", chart::DEFERRED_REVENUE, chart::REVENUE);
    });
    assert_eq!(at_once, ["schedule_is_deferred_revenue"]);
}
