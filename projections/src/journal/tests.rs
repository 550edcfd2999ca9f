//! Given, when, then: what each event posts, and when revenue is earned.

use daybook_events::{
    Money,
    commands::{CancelPlan, ConfirmPayment, DisputeState, RecordRefund, RefundOutcome},
    event::MerchantShare,
    testing::*,
};

use super::*;
use crate::{
    books::{deferred, trial_balance::TrialBalance},
    journal::recognition::Recognition,
    testing::fold_all,
};

/// Every row of the journal after a history.
fn rows(given: &Given) -> Vec<JournalRow> {
    fold_all::<Journal>(given.events()).into_values().collect()
}

/// Everything that the journal holds, up to the end of a day.
fn until(day: &str) -> Bounds {
    Bounds { position: i64::MAX, through: day.parse().unwrap() }
}

/// The postings of the newest entry of a kind.
#[track_caller]
fn posted(given: &Given, kind: &str) -> Vec<String> {
    let rows = rows(given);
    let entries = rows.iter().flat_map(|row| &row.entries).filter(|entry| entry.kind == kind);
    let entry = entries.max_by_key(|entry| entry.position).unwrap();
    entry.postings.iter().map(|it| format!("{} {}", it.account, it.amount.amount())).collect()
}

/// What is earned from day to day, as far as a day.
fn earned(given: &Given, day: &str) -> Vec<(String, String)> {
    let mut recognition = Recognition::new(until(day));
    rows(given).iter().for_each(|row| recognition.add(row));
    let amount = |entry: &Entry| entry.postings[0].amount.amount().to_string();
    let entries = recognition.entries().map(Result::unwrap);
    entries.map(|entry| (entry.posting_on.to_string(), amount(&entry))).collect()
}

/// The sum of what is earned from one day to another.
fn sum(earned: &[(String, String)], from: &str, to: &str) -> Money {
    let days = earned.iter().filter(|(day, _)| from <= day.as_str() && day.as_str() <= to);
    days.fold(usd("0"), |sum, (_, amount)| sum.plus(usd(amount)).unwrap())
}

/// What the only line of the oldest invoice amounts to at the end of a day: taken back, earned and
/// deferred.
fn line(given: &Given, day: &str) -> [String; 3] {
    let rows = rows(given);
    let invoices = rows.iter().filter(|row| !row.lines().is_empty());
    let oldest = invoices.min_by_key(|row| row.first_position).unwrap();
    let line = deferred::lines(oldest, &until(day)).unwrap().remove(0);
    [line.credited_unearned, line.recognised, line.deferred].map(|part| part.to_string())
}

#[test]
fn an_invoice_is_receivable_deferred_and_tax() {
    let given = given_account().and(tax_rules("GB", "20", false)).and(order_of("pro")).and_paid();
    assert_eq!(
        posted(&given, "invoice.issued"),
        [
            "assets:Receivable 18.00",
            "liabilities:DeferredRevenue -15.00",
            "liabilities:TaxPayable:GB:VAT -3.00",
        ]
    );
    assert_eq!(
        posted(&given, "payment.captured"),
        ["assets:Clearing:Sandbox 18.00", "liabilities:UnappliedPayments -18.00"]
    );
    assert_eq!(
        posted(&given, "invoice.paid"),
        ["liabilities:UnappliedPayments 18.00", "assets:Receivable -18.00"]
    );
}

#[test]
fn an_entry_says_what_it_is_about_and_whose() {
    let given = given_subscribed("pro");
    let rows = rows(&given);
    let mut entries: Vec<_> = rows.iter().flat_map(|row| &row.entries).collect();
    entries.sort_by_key(|entry| entry.position);
    let shown: Vec<_> = entries
        .iter()
        .map(|it| (it.kind.as_str(), it.reference.as_deref(), it.description.as_str()))
        .collect();
    assert_eq!(
        shown,
        [
            ("payment.captured", Some("pay_1"), "Payment pay_1"),
            ("invoice.issued", Some("INV-2026-000001"), "Invoice INV-2026-000001"),
            ("invoice.paid", Some("INV-2026-000001"), "Payment of invoice INV-2026-000001"),
        ]
    );
    assert!(entries.iter().all(|entry| entry.account_id == Some(account_id())));
    let position_of = |kind: &str| {
        given.events().iter().find(|it| it.event.type_name() == kind).map(|it| it.position)
    };
    assert!(entries.iter().all(|entry| entry.position == position_of(&entry.kind)));
    assert_eq!(rows[0].entries[0].posting_on.to_string(), "2026-05-01");
}

#[test]
fn what_is_nothing_is_not_posted() {
    let given = given_subscribed("free");
    assert!(rows(&given).iter().all(|row| row.entries.is_empty()), "{:?}", rows(&given));
}

#[test]
fn money_that_nothing_was_due_for_is_credit_and_pays_the_next_invoice() {
    let given = given_subscribed("pro").and(confirm("order_1", "pay_2"));
    assert_eq!(
        posted(&given, "credit.granted"),
        ["liabilities:UnappliedPayments 15.00", "liabilities:CustomerCredit -15.00"]
    );
    let given = given.at("2026-06-01T00:00:00Z").and(settle_due());
    assert_eq!(
        posted(&given, "credit.applied"),
        ["liabilities:CustomerCredit 15.00", "assets:Receivable -15.00"]
    );
}

#[test]
fn credit_given_by_hand_is_contra_revenue_until_it_is_undone() {
    let given = given_subscribed("pro").and(grant("7"));
    assert_eq!(
        posted(&given, "credit.granted"),
        ["income:ContraRevenue:Goodwill 7.00", "liabilities:CustomerCredit -7.00"]
    );
    let undone = given.clone().and(undo(&given));
    assert_eq!(
        posted(&undone, "adjustment.undone"),
        ["liabilities:CustomerCredit 7.00", "income:ContraRevenue:Goodwill -7.00"]
    );
}

#[test]
fn what_is_written_off_is_a_bad_debt_until_it_is_undone() {
    let given = given_subscribed("pro").at("2026-06-16T00:00:00Z").and(settle_due());
    let given = given.clone().and(write_off(&given));
    assert_eq!(
        posted(&given, "invoice.written_off"),
        ["expenses:BadDebt 15.00", "assets:Receivable -15.00"]
    );
    let undone = given.clone().and(undo(&given));
    assert_eq!(
        posted(&undone, "adjustment.undone"),
        ["assets:Receivable 15.00", "expenses:BadDebt -15.00"]
    );
}

#[test]
fn a_fee_and_the_tax_on_it_come_out_of_what_the_processor_holds() {
    let given = given_subscribed("pro").and(fee("pay_1", "0.50", "0.09"));
    assert_eq!(
        posted(&given, "payment.fee_charged"),
        ["expenses:ProcessorFees 0.50", "assets:InputTax 0.09", "assets:Clearing:Sandbox -0.59"]
    );
}

#[test]
fn a_refund_is_owed_by_its_note_and_sent_by_the_processor() {
    // Four whole days were earned; what began on the fifth was not, and all goes back.
    let given = given_subscribed("pro").at("2026-05-05T12:00:00Z").and(refund(None));
    assert_eq!(
        posted(&given, "credit_note.issued"),
        [
            "liabilities:DeferredRevenue 13.06",
            "income:ContraRevenue:Refunds 1.94",
            "liabilities:RefundsPayable -15.00",
        ]
    );
    let (account_id, refund_id) = (account_id(), given.last_refund());
    let settled =
        |given: Given, outcome| given.and(RecordRefund { account_id, refund_id, outcome });
    let failed = settled(given, RefundOutcome::Failed("card expired".into()));
    let balance = |given: &Given| {
        let mut balance = TrialBalance::default();
        rows(given).iter().flat_map(|row| &row.entries).for_each(|entry| balance.add(entry));
        balance.balance(daybook_events::Currency::USD, chart::REFUNDS_PAYABLE)
    };
    assert_eq!(balance(&failed), -1500, "what failed is still owed");
    let sent = settled(failed, RefundOutcome::Processed("rfnd_1".into()));
    assert_eq!(
        posted(&sent, "refund.processed"),
        ["liabilities:RefundsPayable 15.00", "assets:Clearing:Sandbox -15.00"]
    );
    assert_eq!(balance(&sent), 0);
}

/// What an account comes to at the end.
fn balance(given: &Given, account: &str) -> i128 {
    let mut balance = TrialBalance::default();
    rows(given).iter().flat_map(|row| &row.entries).for_each(|entry| balance.add(entry));
    balance.balance(daybook_events::Currency::USD, account)
}

fn answered(given: Given, outcome: RefundOutcome) -> Given {
    let (account_id, refund_id) = (account_id(), given.last_refund());
    given.and(RecordRefund { account_id, refund_id, outcome })
}

fn failed(theirs: &str) -> RefundOutcome {
    let (processor_refund_id, reason) = (theirs.into(), "account closed".into());
    RefundOutcome::FailedAs { processor_refund_id, reason }
}

#[test]
fn a_refund_that_comes_back_is_owed_again_and_one_that_was_never_sent_posts_nothing() {
    let asked = given_subscribed("pro").and(refund(Some("5")));
    let refused = answered(asked.clone(), failed("rfnd_0"));
    assert_eq!(fold_all::<Journal>(refused.events()), fold_all::<Journal>(asked.events()));
    let sent = answered(refused, RefundOutcome::Processed("rfnd_1".into()));
    let accounts = [chart::REFUNDS_PAYABLE, chart::CLEARING];
    assert_eq!(accounts.map(|it| balance(&sent, it)), [0, 1000]);
    let back = answered(sent, failed("rfnd_1"));
    assert_eq!(
        posted(&back, "refund.failed"),
        ["assets:Clearing:Sandbox 5.00", "liabilities:RefundsPayable -5.00"]
    );
    assert_eq!(accounts.map(|it| balance(&back, it)), [-500, 1500]);
    let again = answered(back, RefundOutcome::Processed("rfnd_2".into()));
    assert_eq!(accounts.map(|it| balance(&again, it)), [0, 1000]);
}

#[test]
fn what_comes_back_to_a_merchant_brings_its_tax_along() {
    let given = by_merchant("15", "2.50").and(refund(Some("5")));
    let sent = answered(given.clone(), RefundOutcome::Processed("rfnd_1".into()));
    let back = answered(sent, failed("rfnd_1"));
    assert_eq!(
        posted(&back, "refund.failed"),
        [
            "assets:Clearing:Sandbox 4.17",
            "income:ContraRevenue:MerchantTax 0.83",
            "liabilities:RefundsPayable -5.00",
        ]
    );
    for account in [chart::CLEARING, chart::MERCHANT_TAX, chart::REFUNDS_PAYABLE] {
        assert_eq!(balance(&back, account), balance(&given, account), "{account}");
    }
}

#[test]
fn what_somebody_sends_by_hand_after_a_failure_pays_what_was_owed() {
    let given = answered(given_subscribed("pro").and(refund(Some("5"))), failed("rfnd_0"));
    assert_eq!(balance(&given, chart::REFUNDS_PAYABLE), -500);
    let part = given.clone().and(refunded_outside("pay_1", "rfnd_1", "3"));
    assert_eq!(balance(&part, chart::REFUNDS_PAYABLE), -200);
    let whole = part.and(refunded_outside("pay_1", "rfnd_2", "2"));
    let more = given.and(refunded_outside("pay_1", "rfnd_1", "6"));
    for (given, went) in [(whole, 500), (more, 600)] {
        assert_eq!(balance(&given, chart::REFUNDS_PAYABLE), 0);
        assert_eq!(balance(&given, chart::CLEARING), 1500 - went);
    }
}

#[test]
fn a_refund_made_at_the_processor_comes_from_invoices_credit_and_nowhere() {
    let given = given_subscribed("pro").and(confirm("order_1", "pay_2"));
    let credit = given.clone().and(refunded_outside("pay_2", "rfnd_1", "10"));
    assert_eq!(
        posted(&credit, "refund.reported"),
        ["liabilities:CustomerCredit 10.00", "assets:Clearing:Sandbox -10.00"]
    );
    let given = given.and(change_plan("enterprise_lite"));
    let nowhere = given.and(refunded_outside("pay_2", "rfnd_1", "15"));
    assert_eq!(
        posted(&nowhere, "refund.reported"),
        ["expenses:UnplacedRefunds 15.00", "assets:Clearing:Sandbox -15.00"]
    );
    let invoices = given_subscribed("pro").and(refunded_outside("pay_1", "rfnd_1", "5"));
    assert_eq!(
        posted(&invoices, "refund.reported"),
        ["liabilities:RefundsPayable 5.00", "assets:Clearing:Sandbox -5.00"]
    );
}

#[test]
fn a_lost_dispute_is_a_chargeback_and_a_won_one_posts_nothing() {
    let given = given_subscribed("pro").and(dispute("disp_1", DisputeState::Open));
    let won = given.clone().and(dispute("disp_1", DisputeState::Won));
    let kinds = |given: &Given| {
        let rows = rows(given);
        let entries = rows.iter().flat_map(|row| &row.entries);
        entries.filter(|entry| entry.kind.starts_with("dispute")).count()
    };
    assert_eq!(kinds(&won), 0);
    let lost = given.and(dispute("disp_1", DisputeState::Lost));
    assert_eq!(
        posted(&lost, "dispute.closed"),
        ["expenses:Chargebacks 15.00", "assets:Clearing:Sandbox -15.00"]
    );
}

/// Pro, sold by a merchant of record for a total with a tax in it.
fn by_merchant(total: &str, tax: &str) -> Given {
    let given = given_account().and(place_order());
    let given = given.clone().and(given.start_checkout("order_1"));
    let merchant = Some(MerchantShare { total: usd(total), tax: usd(tax) });
    given.and(ConfirmPayment { merchant, ..confirm("order_1", "pay_1") })
}

#[test]
fn a_merchants_tax_is_not_ours_whether_it_is_added_to_our_price_or_inside_it() {
    let added = by_merchant("18", "3");
    assert_eq!(
        posted(&added, "payment.captured"),
        ["assets:Clearing:Sandbox 15.00", "liabilities:UnappliedPayments -15.00"]
    );
    let inside = by_merchant("15", "2.50");
    assert_eq!(
        posted(&inside, "payment.captured"),
        [
            "assets:Clearing:Sandbox 12.50",
            "income:ContraRevenue:MerchantTax 2.50",
            "liabilities:UnappliedPayments -15.00",
        ]
    );
    // Three thirds of it go back, and with them the whole of what the merchant held, to the cent.
    let given = inside.and(refunded_outside("pay_1", "rfnd_1", "5"));
    let part = ["assets:Clearing:Sandbox -4.17", "income:ContraRevenue:MerchantTax -0.83"];
    assert_eq!(posted(&given, "refund.reported")[1..], part);
    let given = given.and(refunded_outside("pay_1", "rfnd_2", "5"));
    let given = given.and(refunded_outside("pay_1", "rfnd_3", "5"));
    let mut balance = TrialBalance::default();
    rows(&given).iter().flat_map(|row| &row.entries).for_each(|entry| balance.add(entry));
    for account in [chart::CLEARING, chart::MERCHANT_TAX] {
        assert_eq!(balance.balance(daybook_events::Currency::USD, account), 0, "{account}");
    }
}

#[test]
fn revenue_is_earned_by_the_day_and_sums_to_the_cent() {
    let given = given_subscribed("pro");
    let days = earned(&given, "2027-01-01");
    assert_eq!(days.len(), 31);
    assert_eq!((days[0].0.as_str(), days[30].0.as_str()), ("2026-05-01", "2026-05-31"));
    assert!(days.iter().all(|(_, amount)| amount == "0.48" || amount == "0.49"), "{days:?}");
    assert_eq!(sum(&days, "2026-05-01", "2026-05-31"), usd("15"));
    assert_eq!(earned(&given, "2026-05-03").len(), 3);
    assert_eq!(line(&given, "2026-05-03"), ["0.00", "1.45", "13.55"]);
    assert_eq!(line(&given, "2026-05-31"), ["0.00", "15.00", "0.00"]);
}

#[test]
fn days_are_the_sellers() {
    let mut book = open_book();
    book.opened.time_zone = chrono_tz::Tz::Asia__Kolkata;
    // 18:30 on 30 April in UTC is the first of May in India.
    let given = given_nothing().at("2026-04-30T18:30:00Z").and(book).and(publish("pro", "31"));
    let given = given.and(open_account()).and(order_of("pro")).and_paid();
    let days = earned(&given, "2026-12-31");
    let (first, last) = (days.first().unwrap(), days.last().unwrap());
    assert_eq!((first.0.as_str(), last.0.as_str()), ("2026-05-01", "2026-05-30"));
    // The account's calendar is that of UTC, where the month is April's.
    assert_eq!(days.len(), 30);
    assert_eq!(sum(&days, "2026-05-01", "2026-05-30"), usd("31"));
}

#[test]
fn a_change_of_plan_ends_what_the_old_one_earns() {
    let given = given_subscribed("pro").at("2026-05-11T12:00:00Z").and(change_plan("starter"));
    // Ten days were earned: 4.84. What the credit leaves of the line is earned on the day itself.
    assert_eq!(line(&given, "2026-05-10"), ["0.00", "4.84", "10.16"]);
    assert_eq!(line(&given, "2026-05-11"), ["9.92", "5.08", "0.00"]);
    let all = sum(&earned(&given, "2027-01-01"), "2026-05-01", "2026-12-31");
    let invoiced = usd("15").minus(usd("9.92")).unwrap().plus(usd("3.31")).unwrap();
    assert_eq!(all, invoiced);
}

#[test]
fn a_correction_takes_from_what_is_not_earned_yet_and_the_rest_goes_on() {
    let given = given_subscribed("pro").at("2026-05-11T12:00:00Z");
    let part = given.clone().and(credit_invoice(&given, Some("4.66")));
    assert_eq!(
        posted(&part, "credit_note.issued"),
        ["liabilities:DeferredRevenue 4.66", "liabilities:CustomerCredit -4.66"]
    );
    let days = earned(&part, "2027-01-01");
    assert_eq!(days.len(), 31);
    assert_eq!(sum(&days, "2026-05-01", "2026-05-10"), usd("4.84"));
    assert_eq!(sum(&days, "2026-05-11", "2026-05-31"), usd("5.50"));
    // More than is deferred comes out of what was earned.
    let most = given.clone().and(credit_invoice(&given, Some("12")));
    assert_eq!(
        posted(&most, "credit_note.issued"),
        [
            "liabilities:DeferredRevenue 10.16",
            "income:ContraRevenue:Corrections 1.84",
            "liabilities:CustomerCredit -12.00",
        ]
    );
    assert_eq!(earned(&most, "2027-01-01").last().unwrap().0, "2026-05-10");
}

/// An account that was parked learns of its end after a note of a later day.
#[test]
fn an_end_that_is_learned_of_late_counts_from_the_newest_note_on() {
    let rows = rows(&given_subscribed("pro"));
    let mut line = rows.iter().find_map(|row| row.lines().first()).unwrap().clone();
    let note = line.take_back(usd("1"), false, 100, "2026-05-28".parse().unwrap()).unwrap();
    line.end(101, "2026-05-25".parse().unwrap()).unwrap();
    for (day, gone) in [("2026-05-24", "0"), ("2026-05-26", "0"), ("2026-05-28", "1")] {
        let (earned, left) = (line.recognised(&until(day)), line.deferred(&until(day)));
        let whole = earned.unwrap().plus(left.unwrap()).unwrap().plus(usd(gone)).unwrap();
        assert_eq!(whole, line.net, "{day}");
    }
    assert_eq!((note.unearned, line.deferred(&until("2026-05-28")).unwrap()), (usd("1"), usd("0")));
}

#[test]
fn what_is_kept_of_a_service_that_is_over_is_earned_when_it_ends() {
    let given = given_subscribed("pro").at("2026-05-11T12:00:00Z");
    let withdrawn = given.clone().and(CancelPlan { account_id: account_id() });
    assert_eq!(line(&withdrawn, "2026-05-10"), ["0.00", "4.84", "10.16"]);
    assert_eq!(line(&withdrawn, "2026-05-11"), ["0.00", "15.00", "0.00"]);
    // An end that the customer may take back ends nothing yet.
    let cancelled = given.and(cancel(false));
    assert_eq!(line(&cancelled, "2026-05-11"), ["0.00", "5.32", "9.68"]);
}

#[test]
fn a_line_that_a_change_of_plan_finds_credited_already_ends_all_the_same() {
    let given = given_subscribed("pro").and(refunded_outside("pay_1", "rfnd_1", "10"));
    let given = given.at("2026-05-16T12:00:00Z");
    let then = given.clone().and(change_plan("starter"));
    let notes = |given: &Given| {
        let types = given.events().iter().map(|it| it.event.type_name());
        types.filter(|name| *name == "credit_note.issued").count()
    };
    assert_eq!(notes(&then), notes(&given), "the rest of the line was given back before");
    assert_eq!(line(&then, "2026-05-15"), ["10.00", "2.42", "2.58"]);
    assert_eq!(line(&then, "2026-05-16"), ["10.00", "5.00", "0.00"]);
    // What is corrected on the same day does not begin it again.
    let given = given_subscribed("pro").at("2026-05-11T12:00:00Z");
    let given = given.and(CancelPlan { account_id: account_id() });
    let given = given.clone().and(credit_invoice(&given, Some("4")));
    assert_eq!(line(&given, "2026-05-11"), ["4.00", "11.00", "0.00"]);
}

#[test]
fn the_books_as_of_a_position_know_nothing_of_what_came_after() {
    let before = given_subscribed("pro").at("2026-05-11T12:00:00Z");
    let after = before.clone().and(change_plan("starter"));
    let position = before.events().last().unwrap().position;
    let as_of = |given: &Given| {
        let mut recognition =
            Recognition::new(Bounds { position, through: "2026-12-31".parse().unwrap() });
        rows(given).iter().for_each(|row| recognition.add(row));
        recognition.entries().map(Result::unwrap).collect::<Vec<_>>()
    };
    assert_eq!(as_of(&after), as_of(&before));
    assert_eq!(as_of(&after).len(), 31);
}

#[test]
fn what_was_missed_of_a_closed_period_is_earned_on_the_first_open_day() {
    use daybook_events::commands::ClosePeriod;
    let close = |period: &str| ClosePeriod { period: period.parse().unwrap() };
    let given = given_subscribed("pro").at("2026-06-20T00:00:00Z").and(close("2026-05"));
    let given = given.at("2026-07-03T00:00:00Z").and(close("2026-06")).and(settle_due());
    // June's renewal is recorded in July, when June is closed: and that it ended unpaid on the 22nd.
    let days = earned(&given, "2026-07-01");
    assert_eq!(sum(&days, "2026-05-01", "2026-05-31"), usd("15"));
    assert_eq!(sum(&days, "2026-06-01", "2026-06-30"), usd("0"));
    assert_eq!(sum(&days, "2026-07-01", "2026-07-01"), usd("10.50"), "21 days of June");
}

#[test]
fn a_schedule_names_the_months_to_come() {
    let given = given_subscribed("pro").at("2026-05-20T00:00:00Z");
    let given = given.and(cancel(false)).and(order_of("pro")).and_paid();
    let rows = rows(&given);
    let newest = rows.iter().filter(|row| !row.lines().is_empty());
    let newest = newest.max_by_key(|row| row.first_position).unwrap();
    let months = |day: &str| {
        let months = deferred::months(newest, &until(day)).unwrap();
        months.into_iter().map(|it| format!("{} {}", it.month, it.amount)).collect::<Vec<_>>()
    };
    assert_eq!(months("2026-05-20"), ["2026-05 5.33", "2026-06 9.19"]);
    assert_eq!(months("2026-06-18"), ["2026-06 0.48"]);
    assert!(months("2026-06-19").is_empty());
}
