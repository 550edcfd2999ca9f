//! What processors report may come in any order and three times: the account ends the same, and
//! nothing is booked twice. What comes before the payment that it speaks of is kept aside and told
//! again, as the inbox does.

use std::collections::BTreeMap;

use proptest::{collection::vec, prelude::*, sample::subsequence};

use crate::{
    Money,
    account::{Account, RefundOrigin, RefundStatus},
    commands::{Command, DisputeState, RecordDispute, RecordRefund, RefundOutcome},
    invariants::Invariants,
    money::Currency,
    testing::*,
};

/// Refusals of news that is not new.
const OLD_NEWS: [&str; 7] = [
    "dispute_known",
    "fee_already_recorded",
    "payment_already_confirmed",
    "payment_failure_known",
    "refund_already_settled",
    "refund_known",
    "refund_total_known",
];

/// Tells reports one after the other, and again what could not be understood yet.
fn tell(given: Given, reports: &[Command]) -> Given {
    let (mut given, mut waiting) = (given, reports.to_vec());
    loop {
        let mut aside = Vec::new();
        let before = waiting.len();
        for report in waiting {
            match given.clone().try_and(report.clone()) {
                Ok(told) => given = told,
                Err(refused) if refused.code() == "payment_unknown" => aside.push(report),
                Err(refused) => assert!(OLD_NEWS.contains(&refused.code()), "{refused}"),
            }
        }
        if aside.is_empty() || aside.len() == before {
            assert!(aside.is_empty(), "never understood: {aside:?}");
            return given;
        }
        waiting = aside;
    }
}

/// What is known of a payment: what came in, what is reserved, went back, is disputed, was lost,
/// and its fee.
fn payments(account: &Account) -> BTreeMap<String, [Money; 6]> {
    let nothing = Money::zero(account.currency);
    let known = account.payments.iter().map(|payment| {
        let (disputed, deducted) = (payment.disputed().unwrap(), payment.deducted().unwrap());
        let fee = payment.fee.as_ref().map_or(nothing, |fee| fee.service);
        let (amount, refunded) = (payment.captured.amount, payment.refunded);
        let sums = [amount, refunded, payment.sent_back, disputed, deducted, fee];
        (payment.captured.processor_payment_id.clone(), sums)
    });
    known.collect()
}

/// What is due on the invoices, and what credit notes have left of them.
fn invoices(account: &Account) -> Vec<(Money, Money)> {
    let left = |lines: &[crate::account::Line]| {
        Money::sum(account.currency, lines.iter().map(|line| line.left.total)).unwrap()
    };
    account.invoices.iter().map(|invoice| (invoice.due, left(&invoice.lines))).collect()
}

/// What was sent back of what was asked for here, and of what was not.
fn sent_back(account: &Account) -> [Money; 2] {
    [RefundOrigin::Ledger, RefundOrigin::Processor].map(|origin| {
        let of_account = account.payments.iter().map(|payment| payment.captured.payment_id);
        let refunds = of_account.flat_map(|id| account.payments.refunds_of(id));
        let sent = refunds
            .filter(|refund| refund.origin == origin && refund.status == RefundStatus::Processed);
        Money::sum(account.currency, sent.map(|refund| refund.amount)).unwrap()
    })
}

/// Each type of event with how often it happened: nothing is booked twice.
fn happened(given: &Given, types: &[&'static str]) -> BTreeMap<&'static str, usize> {
    let of_type = |name: &'static str| {
        given.events().iter().filter(|event| event.event.type_name() == name).count()
    };
    types.iter().map(|name| (*name, of_type(name))).collect()
}

fn breaches(given: &Given) -> usize {
    let mut invariants = Invariants::default();
    given.events().iter().for_each(|recorded| invariants.read(recorded));
    invariants.breaches().len()
}

fn cents(cents: u32) -> Money {
    Money::from_minor(i128::from(cents), Currency::USD).unwrap()
}

fn refund_of(payment: &str, n: usize, amount: u32) -> Command {
    let id = format!("rfnd_{payment}_{n}");
    let told = refunded_outside(payment, &id, "1");
    crate::commands::RecordOutsideRefund { amount: cents(amount), ..told }.into()
}

/// How far a dispute goes, and what it takes.
fn a_dispute() -> impl Strategy<Value = (u32, u32, Option<DisputeState>)> {
    use DisputeState::{Closed, Lost, Won};
    let end = prop::option::of(prop::sample::select(vec![Won, Lost, Closed]));
    (1_u32..1500, 0_u32..1500, end)
}

/// Everything that may be said of one payment of 15 dollars, in the order in which it happened.
fn of_one_payment() -> impl Strategy<Value = Vec<Command>> {
    (vec(1_u32..500, 0..4), vec(a_dispute(), 0..3), any::<bool>()).prop_map(
        |(refunds, disputes, declined)| {
            let mut reports: Vec<Command> = Vec::new();
            if declined {
                reports.push(failure("order_1", "pay_1").into());
                reports.push(failure("order_1", "pay_0").into());
            }
            reports.push(confirm("order_1", "pay_1").into());
            reports.push(fee("pay_1", "0.36", "0.06").into());
            for (n, amount) in refunds.into_iter().enumerate().take(3) {
                reports.push(refund_of("pay_1", n, amount));
            }
            for (n, (amount, deducted, end)) in disputes.into_iter().enumerate() {
                for state in [Some(DisputeState::Open), end].into_iter().flatten() {
                    let base = dispute(&format!("disp_{n}"), state);
                    let (amount, deducted) = (cents(amount), cents(deducted));
                    reports.push(RecordDispute { amount, deducted, ..base }.into());
                }
            }
            reports
        },
    )
}

/// Reports, and the same three times each in another order.
fn tripled(
    reports: impl Strategy<Value = Vec<Command>>,
) -> impl Strategy<Value = (Vec<Command>, Vec<Command>)> {
    reports.prop_flat_map(|reports| {
        let thrice = [reports.clone(), reports.clone(), reports.clone()].concat();
        (Just(reports), Just(thrice).prop_shuffle())
    })
}

/// An order for `pro`, checked out as `order_1`; prices hold a tax, where there is one.
fn given_checked_out(taxed: bool) -> Given {
    let given = given_account();
    let given = if taxed { given.and(tax_rules("GB", "20", true)) } else { given };
    let given = given.and(place_order());
    let checkout = given.start_checkout("order_1");
    given.and(checkout)
}

/// Two payments of one order, and what went back of each.
fn of_two_payments() -> impl Strategy<Value = Vec<Command>> {
    (vec(1_u32..500, 0..4), vec(1_u32..500, 0..4)).prop_map(|of_each| {
        let mut reports: Vec<Command> = Vec::new();
        for (payment, refunds) in [("pay_1", of_each.0), ("pay_2", of_each.1)] {
            reports.push(confirm("order_1", payment).into());
            let refunds = refunds.into_iter().enumerate();
            reports.extend(refunds.map(|(n, amount)| refund_of(payment, n, amount)));
        }
        reports
    })
}

/// A refund of so many cents that waits, when it goes out among others that nobody had asked for,
/// which of the sums are told, and whether the processor's answer is lost.
fn growing() -> impl Strategy<Value = (u32, Vec<Command>)> {
    let others = vec(1_u32..300, 0..4);
    (1_u32..500, others, 0_usize..4, any::<bool>(), any::<bool>())
        .prop_flat_map(|(asked, others, place, answered, failed_first)| {
            let mut sent = others;
            sent.insert(place.min(sent.len()), asked);
            let mut so_far = 0;
            let sums: Vec<Command> = sent
                .iter()
                .map(|amount| {
                    so_far += amount;
                    let told = refunded_in_all("pay_1", "1");
                    crate::commands::RecordRefundedInAll { total: cents(so_far), ..told }.into()
                })
                .collect();
            // Any of the sums may be lost, but the last one is told in the end.
            let (last, earlier) = sums.split_last().unwrap();
            let (last, count) = (last.clone(), earlier.len());
            let told = subsequence(earlier.to_vec(), 0..=count);
            (Just(asked), told, Just(last), Just((answered, failed_first)))
        })
        .prop_map(|(asked, mut told, last, (answered, failed_first))| {
            let given = given_refund_asked(asked);
            let answer = |outcome| {
                let (account_id, refund_id) = (account_id(), given.last_refund());
                RecordRefund { account_id, refund_id, outcome }.into()
            };
            if failed_first {
                told.push(answer(RefundOutcome::Failed("no answer in time".into())));
            }
            if answered {
                told.push(answer(RefundOutcome::Processed("rfnd_ours".into())));
            }
            told.push(last);
            (asked, told)
        })
}

/// A subscription of which so many cents are asked back.
fn given_refund_asked(asked: u32) -> Given {
    let refund = crate::commands::RequestRefund { amount: Some(cents(asked)), ..refund(None) };
    given_subscribed("pro").and(refund)
}

/// What the processor says of refunds that it made under ids of its own for one that was asked for
/// here: of each that it is sent, and of some that they failed; the last may arrive.
fn of_one_refund() -> impl Strategy<Value = (u32, Vec<Vec<Command>>)> {
    (1_u32..1500, 1_usize..4, any::<bool>(), vec(any::<bool>(), 4)).prop_map(
        |(asked, tries, arrives, sent_first)| {
            let given = given_refund_asked(asked);
            let record = |outcome| {
                let (account_id, refund_id) = (account_id(), given.last_refund());
                Command::from(RecordRefund { account_id, refund_id, outcome })
            };
            let of_try = |nth: usize| {
                let theirs = format!("rfnd_{nth}");
                let failed = RefundOutcome::FailedAs {
                    processor_refund_id: theirs.clone(),
                    reason: "account closed".into(),
                };
                let failed = (nth + 1 < tries || !arrives).then(|| record(failed));
                let says_sent = failed.is_none() || sent_first[nth];
                let sent = says_sent.then(|| record(RefundOutcome::Processed(theirs)));
                sent.into_iter().chain(failed).collect()
            };
            (asked, (0..tries).map(of_try).collect())
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// One payment, its fee, failures, refunds by their ids, and disputes.
    #[test]
    fn reports_of_a_payment_end_the_same_in_any_order(
        (once, thrice) in tripled(of_one_payment()), taxed: bool,
    ) {
        let (once, thrice) =
            (tell(given_checked_out(taxed), &once), tell(given_checked_out(taxed), &thrice));
        let (expected, account) = (once.account(), thrice.account());
        prop_assert_eq!(payments(&account), payments(&expected));
        prop_assert_eq!(invoices(&account), invoices(&expected));
        prop_assert_eq!((account.credit, sent_back(&account)), (expected.credit, sent_back(&expected)));
        let types = [
            "payment.captured", "payment.failed", "payment.fee_charged", "refund.reported",
            "dispute.opened", "dispute.closed", "credit_note.issued", "invoice.paid",
        ];
        prop_assert_eq!(happened(&thrice, &types), happened(&once, &types));
        prop_assert_eq!(breaches(&thrice), 0);
    }

    /// An order that is paid twice: which of the two payments came first decides which one is
    /// credit, and nothing else. Nobody gains or loses a cent by it.
    #[test]
    fn an_order_that_is_paid_twice_is_worth_the_same_in_any_order(
        (once, thrice) in tripled(of_two_payments()),
    ) {
        let (once, thrice) =
            (tell(given_checked_out(false), &once), tell(given_checked_out(false), &thrice));
        let worth = |account: &Account| {
            let left = invoices(account).into_iter().map(|(_, left)| left);
            Money::sum(Currency::USD, left.chain([account.credit])).unwrap()
        };
        let (expected, account) = (once.account(), thrice.account());
        prop_assert_eq!(payments(&account), payments(&expected));
        prop_assert_eq!((worth(&account), sent_back(&account)), (worth(&expected), sent_back(&expected)));
        let types = ["payment.captured", "refund.reported", "invoice.issued", "invoice.paid"];
        prop_assert_eq!(happened(&thrice, &types), happened(&once, &types));
        prop_assert_eq!(breaches(&thrice), 0);
    }

    /// Refunds that are told as growing sums, beside the answer to one that was asked for here.
    #[test]
    fn growing_sums_end_the_same_in_any_order(
        ((asked, once), thrice) in growing().prop_flat_map(|(asked, reports)| {
            let thrice = [reports.clone(), reports.clone(), reports.clone()].concat();
            (Just((asked, reports)), Just(thrice).prop_shuffle())
        }),
    ) {
        let (once, thrice) =
            (tell(given_refund_asked(asked), &once), tell(given_refund_asked(asked), &thrice));
        let (expected, account) = (once.account(), thrice.account());
        prop_assert_eq!(payments(&account), payments(&expected));
        prop_assert_eq!(invoices(&account), invoices(&expected));
        prop_assert_eq!((account.credit, sent_back(&account)), (expected.credit, sent_back(&expected)));
        prop_assert_eq!(sent_back(&account)[0], cents(asked));
        prop_assert_eq!(breaches(&thrice), 0);
    }

    /// A refund that is sent and fails, and is tried again: each try is told in any order, and what
    /// was said of those before it comes late and again.
    #[test]
    fn tries_of_a_refund_end_the_same_in_any_order(
        ((asked, tries), told) in of_one_refund().prop_flat_map(|(asked, tries)| {
            let mut told: BoxedStrategy<Vec<Command>> = Just(Vec::new()).boxed();
            for nth in 0..tries.len() {
                let so_far = tries[..=nth].concat();
                let now = [tries[nth].clone(), so_far].concat();
                told = (told, Just(now).prop_shuffle())
                    .prop_map(|(before, now)| [before, now].concat())
                    .boxed();
            }
            (Just((asked, tries)), told)
        }),
    ) {
        let once = tell(given_refund_asked(asked), &tries.concat());
        let told = tell(given_refund_asked(asked), &told);
        let (expected, account) = (once.account(), told.account());
        prop_assert_eq!(payments(&account), payments(&expected));
        prop_assert_eq!(sent_back(&account), sent_back(&expected));
        prop_assert_eq!(breaches(&told), 0);
    }
}

/// What the laws above would find: a report that is booked as often as it is told.
#[test]
fn a_refund_that_is_booked_twice_is_noticed() {
    let given = given_checked_out(false).and(confirm("order_1", "pay_1"));
    let once = given.clone().and(refunded_outside("pay_1", "rfnd_1", "4"));
    let twice = once.clone().and(refunded_outside("pay_1", "rfnd_1_again", "4"));
    assert_ne!(payments(&twice.account()), payments(&once.account()));
    assert_ne!(happened(&twice, &["refund.reported"]), happened(&once, &["refund.reported"]));
}
