//! What holds for every journal, whatever happened in whatever order.

use std::collections::BTreeMap;

use daybook_events::{
    Currency, Event, Money, Recorded,
    commands::{
        CancelPlan, ClosePeriod, Command, DisputeState, RecordDispute, RecordRefund, RefundOutcome,
    },
    event::{AccountEvent, SubscriptionEvent as S},
    invariants::Invariants,
    testing::*,
};
use proptest::prelude::*;

use crate::{
    books::{
        ageing::receivable,
        roll_forward::RollForward,
        ties::{Documents, Ties},
        trial_balance::TrialBalance,
    },
    journal::{Bounds, Journal, JournalRow, chart, recognition::Recognition, schedule},
    projection::Projection,
    refunds::{RefundOrigin, RefundRow, RefundStatus, Refunds},
    testing::fold_all,
};

fn rows(given: &Given) -> Vec<JournalRow> {
    fold_all::<Journal>(given.events()).into_values().collect()
}

/// Something that may be asked, or that time may do.
#[derive(Debug, Clone, Copy)]
enum Move {
    Wait(i64),
    Pay,
    Order(usize),
    Change(usize),
    Cancel(bool),
    Withdraw,
    Refund(Option<u32>),
    Sent(bool),
    Back,
    Settle,
    Grant(u32),
    WriteOff,
    Correct(Option<u32>),
    Undo,
    Fee(usize),
    Outside(usize, u32),
    Dispute(usize, u32),
    Close,
}

const PLANS: [&str; 4] = ["starter", "pro", "enterprise_lite", "free"];

fn a_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        5 => (0_i64..40 * 86_400).prop_map(Move::Wait),
        6 => Just(Move::Pay),
        2 => (0_usize..4).prop_map(Move::Order),
        4 => (0_usize..4).prop_map(Move::Change),
        1 => any::<bool>().prop_map(Move::Cancel),
        1 => Just(Move::Withdraw),
        2 => prop::option::of(1_u32..3_000).prop_map(Move::Refund),
        2 => any::<bool>().prop_map(Move::Sent),
        2 => Just(Move::Back),
        2 => Just(Move::Settle),
        1 => (1_u32..3_000).prop_map(Move::Grant),
        1 => Just(Move::WriteOff),
        2 => prop::option::of(1_u32..2_000).prop_map(Move::Correct),
        1 => Just(Move::Undo),
        1 => (0_usize..3).prop_map(Move::Fee),
        2 => (0_usize..3, 1_u32..2_000).prop_map(|(payment, cents)| Move::Outside(payment, cents)),
        1 => (0_usize..3, 1_u32..2_000).prop_map(|(payment, cents)| Move::Dispute(payment, cents)),
        2 => Just(Move::Close),
    ]
}

fn a_history() -> impl Strategy<Value = (Option<(u32, bool)>, Vec<Move>)> {
    (prop::option::of((1_u32..30, any::<bool>())), prop::collection::vec(a_move(), 1..50))
}

fn cents(cents: u32) -> Money {
    Money::from_minor(i128::from(cents), Currency::USD).unwrap()
}

/// Plays moves; what is refused changes nothing.
fn play((tax, moves): &(Option<(u32, bool)>, Vec<Move>)) -> Given {
    let given = given_account();
    let given = match tax {
        Some((percent, inside)) => given.and(tax_rules("GB", &percent.to_string(), *inside)),
        None => given,
    };
    let mut given = given.and(order_of("pro")).and_paid();
    for (n, step) in moves.iter().enumerate() {
        given = if let Move::Wait(seconds) = step {
            given.later(*seconds)
        } else if let Move::Pay = step {
            let order = format!("order_m{n}");
            let started = given.checkout_of_newest(&order).map(|it| attempt(given.clone(), it));
            attempt(started.unwrap_or(given), confirm(&order, &format!("pay_m{n}")))
        } else if let Some(command) = command(step, n, &given) {
            attempt(given, command)
        } else {
            given
        };
    }
    given
}

fn attempt(given: Given, command: impl Into<Command>) -> Given {
    let before = given.clone();
    given.try_and(command).unwrap_or(before)
}

/// The processor's id of a payment, counted from the newest.
fn payment(given: &Given, back: usize) -> Option<String> {
    let account = given.account();
    let mut ids: Vec<_> = account.payments.iter().collect();
    ids.reverse();
    ids.get(back).map(|payment| payment.captured.processor_payment_id.clone())
}

fn command(step: &Move, n: usize, given: &Given) -> Option<Command> {
    let amount = |cents: u32| self::cents(cents).amount().to_string();
    let account_id = account_id();
    let invoiced = given.account().invoices.iter().next().is_some();
    let open = given.account().invoices.iter().any(|invoice| invoice.is_open());
    Some(match *step {
        Move::Wait(_) | Move::Pay => return None,
        Move::Order(plan) => order_of(PLANS[plan]).into(),
        Move::Change(plan) => change_plan(PLANS[plan]).into(),
        Move::Cancel(at_period_end) => cancel(at_period_end).into(),
        Move::Withdraw => CancelPlan { account_id }.into(),
        Move::Refund(cents) => refund(cents.map(amount).as_deref()).into(),
        Move::Sent(arrived) => {
            let rows = fold_all::<Refunds>(given.events());
            let open = rows.values().find(|row| row.status != RefundStatus::Processed)?;
            let outcome = match arrived {
                true => RefundOutcome::Processed(format!("rfnd_{n}")),
                false => RefundOutcome::Failed("no".into()),
            };
            RecordRefund { account_id, refund_id: open.refund_id, outcome }.into()
        }
        Move::Back => {
            let rows = fold_all::<Refunds>(given.events());
            let ours = |row: &&RefundRow| row.origin == RefundOrigin::Ledger;
            let sent = rows.values().filter(ours).find(|row| row.sent.is_positive())?;
            let processor_refund_id = sent.processor_refund_id.clone()?;
            let outcome = RefundOutcome::FailedAs { processor_refund_id, reason: "no".into() };
            RecordRefund { account_id, refund_id: sent.refund_id, outcome }.into()
        }
        Move::Settle => settle_due().into(),
        Move::Grant(cents) => grant(&amount(cents)).into(),
        Move::WriteOff if open => write_off(given).into(),
        Move::Correct(cents) if invoiced => {
            credit_invoice(given, cents.map(amount).as_deref()).into()
        }
        Move::Undo if given.find_adjustment().is_some() => undo(given).into(),
        Move::WriteOff | Move::Correct(_) | Move::Undo => return None,
        Move::Fee(back) => fee(&payment(given, back)?, "0.30", "0.05").into(),
        Move::Outside(back, cents) => {
            refunded_outside(&payment(given, back)?, &format!("rfnd_o{n}"), &amount(cents)).into()
        }
        Move::Dispute(back, cents) => RecordDispute {
            processor_payment_id: payment(given, back)?,
            amount: self::cents(cents),
            ..dispute(&format!("disp_{n}"), DisputeState::Lost)
        }
        .into(),
        Move::Close => {
            let period = given.world().book.next_period()?;
            ClosePeriod { period }.into()
        }
    })
}

/// The balances of the entries so far.
fn balances(rows: &BTreeMap<String, JournalRow>) -> TrialBalance {
    let mut balance = TrialBalance::default();
    rows.values().flat_map(|row| &row.entries).for_each(|entry| balance.add(entry));
    balance
}

/// After every single event, the books say what the log's own invariants say.
fn the_books_follow_the_log(events: &[Recorded]) {
    let (mut invariants, mut rows) = (Invariants::default(), BTreeMap::new());
    for recorded in events {
        invariants.read(recorded);
        for key in Journal::keys(recorded) {
            let row = Journal::fold(&key, rows.remove(&key), recorded).unwrap();
            rows.extend(row.map(|row| (key, row)));
        }
        let Some(sums) = invariants.sums().get(&Currency::USD).copied() else { continue };
        let balances = balances(&rows);
        let balance = |path| balances.balance(Currency::USD, path);
        assert_eq!(balances.difference(Currency::USD), 0, "{recorded:?}");
        assert_eq!(balance(chart::RECEIVABLE), sums.receivable, "{recorded:?}");
        let credit = balance(chart::CUSTOMER_CREDIT) + balance(chart::UNAPPLIED_PAYMENTS);
        assert_eq!(-credit, sums.credit, "{recorded:?}");
        assert_eq!(balance(chart::UNPLACED_REFUNDS), sums.unplaced, "{recorded:?}");
        assert_eq!(balance(chart::GOODWILL), sums.granted, "{recorded:?}");
        assert_eq!(balance(chart::BAD_DEBT), sums.written_off, "{recorded:?}");
    }
    assert_eq!(invariants.breaches(), []);
}

/// At the end, nothing lies between a payment and what it was for, and what is owed back is what
/// refunds have not sent.
fn nothing_is_left_in_between(given: &Given) {
    let rows = fold_all::<Journal>(given.events());
    let balances = balances(&rows);
    let balance = |path| balances.balance(Currency::USD, path);
    assert_eq!(balance(chart::UNAPPLIED_PAYMENTS), 0);
    assert_eq!(-balance(chart::CUSTOMER_CREDIT), given.account().credit.minor());
    let refunds = fold_all::<Refunds>(given.events());
    let owed = refunds.values().filter(|refund| refund.status != RefundStatus::Processed);
    let owed: i128 = owed.map(|refund| refund.amount.minor() - refund.sent.minor()).sum();
    assert_eq!(-balance(chart::REFUNDS_PAYABLE), owed);
    let payments = fold_all::<crate::payments::Payments>(given.events());
    let held: i128 = payments
        .values()
        .map(|it| {
            let fees = [it.fee, it.fee_tax].into_iter().flatten().map(|fee| fee.minor());
            it.amount.minor() - it.refunded.minor() - it.deducted.minor() - fees.sum::<i128>()
        })
        .sum();
    assert_eq!(balance(chart::CLEARING), held);
}

/// What the documents of a history come to.
fn documents(given: &Given) -> Documents {
    let invoices = fold_all::<crate::invoices::Invoices>(given.events());
    invoices.values().fold(Documents::default(), |sums, row| Documents {
        invoiced: sums.invoiced + row.total.minor(),
        credited: sums.credited + row.credited.minor(),
    })
}

/// On the days on which something was posted, in the month after the last, and ever after.
fn the_books_tie(given: &Given) {
    let rows = rows(given);
    let last = given.events().last().unwrap();
    let days = [0, 1, 30, 1_000].map(|more| last.posting_on + chrono::Days::new(more));
    for through in days {
        let bounds = Bounds { position: last.position, through };
        let mut ties = Ties::new(bounds);
        rows.iter().for_each(|row| ties.row(row).unwrap());
        ties.documents(Currency::USD, documents(given));
        for tie in ties.finish().unwrap().ties {
            assert!(tie.holds(), "{through}: {tie:?}");
        }
        for line in rows.iter().flat_map(JournalRow::lines) {
            let deferred = line.deferred(&bounds).unwrap();
            assert!(deferred.minor() >= 0, "{line:?}");
            assert!(through != days[3] || deferred.is_zero(), "{line:?}");
            let to_come = line.to_come(&bounds).unwrap();
            let sum: i128 = to_come.iter().map(|(_, amount)| amount.minor()).sum();
            assert_eq!(sum, deferred.minor(), "{line:?}");
        }
    }
}

/// From the day on which a service is over for good, nothing is deferred of what it had billed.
fn what_is_over_is_earned(given: &Given) {
    let rows = fold_all::<Journal>(given.events());
    for recorded in given.events() {
        let Event::Account(AccountEvent::Subscription(event)) = &recorded.event else { continue };
        let over = if let S::PlanChanged(it) = event {
            &it.service_over
        } else if let S::SubscriptionEnded(it) = event {
            &it.service_over
        } else {
            continue;
        };
        for line in over.iter().flat_map(|id| rows[&format!("invoice:{id}")].lines()) {
            let through = recorded.posting_on.max(line.first_day);
            let deferred = line.deferred(&Bounds { position: i64::MAX, through }).unwrap();
            assert!(deferred.is_zero(), "{through}: {line:?}");
        }
    }
}

/// A day that was closed is as it was, whatever was recorded after.
fn what_is_closed_stays(given: &Given) {
    let closed = given.world().book.closed.clone();
    for closed in &closed {
        let through = closed.period.last_day;
        let at_close: Vec<_> =
            given.events().iter().filter(|it| it.position <= closed.position).cloned().collect();
        let read = |events: &[Recorded], position| {
            let bounds = Bounds { position, through };
            let (mut recognition, mut roll) = (Recognition::new(bounds), RollForward::default());
            let mut due = Vec::new();
            for row in fold_all::<Journal>(events).values() {
                recognition.add(row);
                row.entries_within(&bounds).for_each(|entry| roll.add(entry));
                due.extend(receivable(row, &bounds));
            }
            recognition.entries().for_each(|entry| roll.add(&entry.unwrap()));
            (roll.rows(), due)
        };
        assert_eq!(read(given.events(), i64::MAX), read(&at_close, closed.position));
    }
}

#[test]
fn facts_that_come_after_their_month_was_closed_change_nothing_in_it() {
    let close = |period: &str| ClosePeriod { period: period.parse().unwrap() };
    let given = given_subscribed("pro").at("2026-07-03T00:00:00Z");
    let given = given.and(close("2026-05")).and(close("2026-06")).and(settle_due());
    let late = |it: &&Recorded| it.posting_on > it.effective_at.day_in(chrono_tz::Tz::UTC);
    assert!(given.events().iter().filter(late).count() > 3);
    the_books_follow_the_log(given.events());
    the_books_tie(&given);
    what_is_closed_stays(&given);
    // Recorded as they came, without closing, June's would have changed.
    let open = given_subscribed("pro").at("2026-07-03T00:00:00Z").and(settle_due());
    let june = |given: &Given| {
        let entries = rows(given).into_iter().flat_map(|row| row.entries);
        entries.filter(|entry| entry.posting_on.to_string().starts_with("2026-06")).count()
    };
    assert_eq!((june(&given), june(&open) > 0), (0, true));
}

fn a_roll_forward_rolls_forward(given: &Given) {
    let bounds = Bounds { position: i64::MAX, through: "2099-12-31".parse().unwrap() };
    let (mut recognition, mut roll) = (Recognition::new(bounds), RollForward::default());
    let mut balance = TrialBalance::default();
    for row in rows(given) {
        recognition.add(&row);
        row.entries.iter().for_each(|entry| (roll.add(entry), balance.add(entry)).1);
    }
    for entry in recognition.entries().map(Result::unwrap) {
        roll.add(&entry);
        balance.add(&entry);
    }
    let rows = roll.rows();
    for (before, after) in rows.iter().zip(rows.iter().skip(1)) {
        assert_eq!(before.closing_deferred, after.opening_deferred);
    }
    assert!(rows.last().is_none_or(|last| last.closing_deferred.is_zero()), "{rows:?}");
    let recognised = rows.iter().map(|row| row.recognised).sum::<rust_decimal::Decimal>();
    let revenue = -balance.balance(Currency::USD, chart::REVENUE);
    assert_eq!(recognised, crate::books::decimal(revenue, Currency::USD));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_books_hold_for_every_history(history in a_history()) {
        let given = play(&history);
        the_books_follow_the_log(given.events());
        nothing_is_left_in_between(&given);
        the_books_tie(&given);
        what_is_closed_stays(&given);
        what_is_over_is_earned(&given);
        a_roll_forward_rolls_forward(&given);
    }

    #[test]
    fn a_line_is_earned_to_the_last_unit(
        amount in 0_i128..1_000_000_000, days in 1_u64..800, late in 0_u64..900,
    ) {
        let first_day = chrono::NaiveDate::from_ymd_opt(2026, 1, 31).unwrap();
        let after = |days| first_day + chrono::Days::new(days);
        let amount = Money::from_minor(amount, Currency::JPY).unwrap();
        let (posting_on, end_day) = (after(late), after(days));
        let segment = schedule::Segment { position: 1, posting_on, first_day, end_day, amount };
        let mut before = 0;
        for day in 0..days.max(late + 1) {
            let by_now = segment.recognised_by(after(day));
            let exact = amount.minor() * i128::from(day.min(days - 1) + 1);
            let n = i128::from(days);
            prop_assert!(day >= late || by_now == 0);
            prop_assert!(day < late || (2 * (by_now * n - exact)).abs() <= n, "within half a unit");
            prop_assert!(by_now >= before);
            before = by_now;
        }
        prop_assert_eq!(before, amount.minor());
        prop_assert_eq!(segment.ends_on(), after((days - 1).max(late)));
    }
}
