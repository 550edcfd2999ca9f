//! Laws that hold for every history that the rules accept, whatever is asked in whatever order.

use std::collections::HashSet;

use proptest::prelude::*;

use crate::{
    Money,
    commands::{
        AmendSubscription, CancelSubscription, ChangePlan, Command, CreditInvoice, DisputeState,
        GrantCredit, PlaceOrder, RecordDispute, RecordOutsideRefund, RecordRefundedInAll,
        UndoAdjustment, WriteOff,
    },
    coupon::{CouponCode, CouponDuration, CouponTerms, CouponValue},
    envelope::Recorded,
    event::{AccountEvent, CouponEvent, Event, SubscriptionEvent},
    ids::OrderId,
    invariants::Invariants,
    period::Cycle,
    policy::{ChangeTiming, Policy},
    proration::Granularity,
    testing::*,
    world::World,
};

/// Something that a customer or the seller may ask, or that time may do.
#[derive(Debug, Clone)]
enum Move {
    Wait(i64),
    Order(usize, bool, Option<usize>),
    Pay,
    PayLate,
    Change(usize, Option<bool>, bool),
    Cancel(bool),
    Resume,
    Refund(Option<u32>, bool),
    SettleDue,
    Amend(usize),
    Grant(u32),
    WriteOff,
    CreditInvoice(Option<u32>),
    Undo,
    Report(u64),
    Refuse(bool),
    Release,
    Told(Report, usize, u32),
}

/// What a processor may say of a payment.
#[derive(Debug, Clone, Copy)]
enum Report {
    PaidAgain,
    Fee,
    Refund,
    RefundedInAll,
    Disputed,
    Lost,
    Won,
}

const REPORTS: [Report; 7] = [
    Report::PaidAgain,
    Report::Fee,
    Report::Refund,
    Report::RefundedInAll,
    Report::Disputed,
    Report::Lost,
    Report::Won,
];

const PLANS: [&str; 5] = ["free", "starter", "pro", "enterprise_lite", "enterprise"];
const COUPONS: [&str; 3] = ["THIRD", "FIXED", "ONCE"];

fn a_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        4 => (0_i64..40 * 86_400).prop_map(Move::Wait),
        2 => (0_usize..5, any::<bool>(), prop::option::of(0_usize..3))
            .prop_map(|(plan, yearly, coupon)| Move::Order(plan, yearly, coupon)),
        6 => Just(Move::Pay),
        1 => Just(Move::PayLate),
        4 => (0_usize..5, prop::option::of(any::<bool>()), any::<bool>())
            .prop_map(|(p, y, later)| Move::Change(p, y, later)),
        2 => any::<bool>().prop_map(Move::Cancel),
        2 => Just(Move::Resume),
        2 => (prop::option::of(0_u32..6_000), any::<bool>()).prop_map(|(a, o)| Move::Refund(a, o)),
        2 => Just(Move::SettleDue),
        1 => (0_usize..5).prop_map(Move::Amend),
        1 => (1_u32..3_000).prop_map(Move::Grant),
        1 => Just(Move::WriteOff),
        1 => prop::option::of(1_u32..2_000).prop_map(Move::CreditInvoice),
        1 => Just(Move::Undo),
        1 => (0_u64..9).prop_map(Move::Report),
        1 => any::<bool>().prop_map(Move::Refuse),
        1 => Just(Move::Release),
        3 => (prop::sample::select(REPORTS.to_vec()), 0_usize..3, 1_u32..2_000)
            .prop_map(|(report, payment, amount)| Move::Told(report, payment, amount)),
    ]
}

/// What the seller has chosen before anything happens.
#[derive(Debug, Clone)]
struct Seller {
    tax: Option<(u32, bool)>,
    trial: u32,
    by_day: bool,
    upgrade: ChangeTiming,
    downgrade: ChangeTiming,
}

fn a_seller() -> impl Strategy<Value = Seller> {
    let timing = || {
        prop_oneof![
            3 => Just(ChangeTiming::Now),
            1 => Just(ChangeTiming::OncePaid),
            1 => Just(ChangeTiming::PeriodEnd),
        ]
    };
    let tax = prop::option::of((1_u32..30, any::<bool>()));
    (tax, prop_oneof![3 => Just(0_u32), 1 => Just(14)], any::<bool>(), timing(), timing()).prop_map(
        |(tax, trial, by_day, upgrade, downgrade)| Seller {
            tax,
            trial,
            by_day,
            upgrade,
            downgrade,
        },
    )
}

fn a_history() -> impl Strategy<Value = (Seller, Vec<Move>)> {
    (a_seller(), prop::collection::vec(a_move(), 1..60))
}

fn given_seller(seller: &Seller) -> Given {
    let thirds = CouponTerms { duration: CouponDuration::Periods(2), ..coupon_terms("33.3333") };
    let fixed = CouponValue::Fixed(vec![usd("7.77")]);
    let fixed = CouponTerms { value: fixed, ..coupon_terms("1") };
    let once = CouponTerms {
        duration: CouponDuration::Once,
        max_per_account: Some(1),
        ..coupon_terms("100")
    };
    let given = given_account()
        .and(offer_on("THIRD", thirds))
        .and(offer_on("FIXED", fixed))
        .and(offer_on("ONCE", once))
        .and(adopt(Policy {
            proration: if seller.by_day { Granularity::Day } else { Granularity::Second },
            upgrade: seller.upgrade,
            downgrade: seller.downgrade,
            ..Policy::default()
        }));
    let given = match seller.tax {
        Some((percent, inclusive)) => given.and(tax_rules("GB", &percent.to_string(), inclusive)),
        None => given,
    };
    if seller.trial > 0 { given.and(with_trial("pro", seller.trial)) } else { given }
}

fn cycle(yearly: bool) -> Cycle {
    if yearly { Cycle::Yearly } else { Cycle::Monthly }
}

/// Plays moves; what is refused changes nothing.
fn play((seller, moves): &(Seller, Vec<Move>)) -> Given {
    let mut given = given_seller(seller);
    let mut payments = 0;
    for step in moves {
        given = match step {
            Move::Wait(seconds) => given.later(*seconds),
            Move::Pay | Move::PayLate => pay(given, matches!(step, Move::PayLate), &mut payments),
            Move::Order(..)
            | Move::Change(..)
            | Move::Cancel(_)
            | Move::Resume
            | Move::Refund(..)
            | Move::SettleDue
            | Move::Grant(_)
            | Move::WriteOff
            | Move::CreditInvoice(_)
            | Move::Undo
            | Move::Report(_)
            | Move::Refuse(_)
            | Move::Release
            | Move::Told(..)
            | Move::Amend(_) => {
                let command = command(step, &given);
                let before = given.clone();
                given.try_and(command).unwrap_or(before)
            }
        };
    }
    given
}

/// Pays the newest order, or the oldest one that was ever checked out.
fn pay(given: Given, oldest: bool, payments: &mut u32) -> Given {
    *payments += 1;
    let order = format!("order_{payments}");
    let Some(start) = given.checkout_of_newest(&order) else { return given };
    let before = given.clone();
    let given = given.try_and(start).unwrap_or(before);
    let order = if oldest { "order_1".to_owned() } else { order };
    let before = given.clone();
    match given.try_and(confirm(&order, &format!("pay_{payments}"))) {
        Ok(booked) => {
            assert_eq!(booked.account().payments.iter().count(), captured(&before) + 1);
            booked
        }
        Err(refused) => {
            assert_eq!(refused.code(), "order_unknown", "{refused}");
            before
        }
    }
}

fn captured(given: &Given) -> usize {
    given.account().payments.iter().count()
}

/// The orders that brought a subscription about.
fn fulfilled(given: &Given) -> HashSet<OrderId> {
    use SubscriptionEvent as E;
    let order = |recorded: &Recorded| match &recorded.event {
        Event::Account(AccountEvent::Subscription(E::TrialStarted(it))) => Some(it.order_id),
        Event::Account(AccountEvent::Subscription(E::SubscriptionActivated(it))) => {
            Some(it.order_id)
        }
        _other => None,
    };
    given.events().iter().filter_map(order).collect()
}

/// The orders that came with a coupon.
fn with_coupon(given: &Given) -> Vec<(OrderId, CouponCode)> {
    let redeemed = |recorded: &Recorded| match &recorded.event {
        Event::Coupon(CouponEvent::CouponRedeemed(it)) => Some((it.order_id, it.code)),
        _other => None,
    };
    given.events().iter().filter_map(redeemed).collect()
}

fn cents(cents: u32) -> Money {
    Money::from_minor(i128::from(cents), crate::Currency::USD).unwrap()
}

fn command(step: &Move, given: &Given) -> Command {
    let account_id = account_id();
    let reason = || "because".to_owned();
    let account = given.account();
    let newest_invoice = account.invoices.iter().last().map(|invoice| invoice.id);
    match step {
        Move::Order(plan, yearly, coupon) => PlaceOrder {
            plan: PLANS[*plan].into(),
            cycle: cycle(*yearly),
            coupon: coupon.map(|coupon| COUPONS[coupon].to_owned()),
            ..place_order()
        }
        .into(),
        Move::Change(plan, yearly, at_period_end) => ChangePlan {
            cycle: yearly.map(cycle),
            at_period_end: *at_period_end,
            ..change_plan(PLANS[*plan])
        }
        .into(),
        Move::Grant(amount) => {
            GrantCredit { account_id, amount: cents(*amount), reason: reason() }.into()
        }
        // The account's country is refused: what falls due then parks it.
        Move::Refuse(refused) => tax_rules(if *refused { "DE" } else { "GB" }, "19", false).into(),
        Move::Release => release("looked at").into(),
        Move::Report(used) => report("max_servers", *used).into(),
        Move::WriteOff => match account.invoices.iter().find(|invoice| invoice.is_open()) {
            Some(open) => WriteOff { account_id, invoice_id: open.id, reason: reason() }.into(),
            None => settle_due().into(),
        },
        Move::CreditInvoice(amount) => match newest_invoice {
            Some(invoice_id) => {
                let amount = amount.map(cents);
                CreditInvoice { account_id, invoice_id, amount, reason: reason() }.into()
            }
            None => settle_due().into(),
        },
        Move::Undo => match given.find_adjustment() {
            Some(adjustment_id) => {
                UndoAdjustment { account_id, adjustment_id, reason: reason() }.into()
            }
            None => settle_due().into(),
        },
        Move::Cancel(at_period_end) => cancel(*at_period_end).into(),
        Move::Resume => resume().into(),
        Move::Refund(amount, override_policy) => {
            let amount = amount.map(cents);
            let mut command = refund(None);
            (command.amount, command.override_policy) = (amount, *override_policy);
            command.into()
        }
        Move::Amend(plan) => AmendSubscription {
            account_id,
            resume: None,
            change: Some(change_plan(PLANS[*plan])),
            limits: None,
            cancel: Some(CancelSubscription { account_id, at_period_end: true }),
        }
        .into(),
        Move::Told(report, payment, amount) => told(given, *report, *payment, *amount),
        Move::SettleDue | Move::Wait(_) | Move::Pay | Move::PayLate => settle_due().into(),
    }
}

/// A report of one of the newest payments, by so many cents.
fn told(given: &Given, report: Report, payment: usize, amount: u32) -> Command {
    let payments: Vec<_> = given.account().payments.iter().cloned().collect();
    let Some(payment) = payments.iter().rev().nth(payment) else { return settle_due().into() };
    let captured = &payment.captured;
    let (of, n) = (captured.processor_payment_id.as_str(), given.events().len());
    let disputed = |state| {
        let base = dispute(&format!("disp_{of}"), state);
        let (amount, deducted) = (cents(amount), cents(amount / 2));
        RecordDispute { processor_payment_id: of.into(), amount, deducted, ..base }.into()
    };
    match report {
        Report::PaidAgain => confirm(&captured.processor_order_id, &format!("again_{n}")).into(),
        Report::Fee => fee(of, "0.36", "0.06").into(),
        Report::Refund => {
            let base = refunded_outside(of, &format!("rfnd_{n}"), "1");
            RecordOutsideRefund { amount: cents(amount), ..base }.into()
        }
        Report::RefundedInAll => {
            RecordRefundedInAll { total: cents(amount), ..refunded_in_all(of, "1") }.into()
        }
        Report::Disputed => disputed(DisputeState::Open),
        Report::Lost => disputed(DisputeState::Lost),
        Report::Won => disputed(DisputeState::Won),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// No cent appears or vanishes, nothing is negative, periods tile and begin once: what
    /// `invariants` says, of every history.
    #[test]
    fn no_history_breaks_an_invariant(history in a_history()) {
        let given = play(&history);
        let mut invariants = Invariants::default();
        given.events().iter().for_each(|recorded| invariants.read(recorded));
        prop_assert_eq!(invariants.breaches(), []);
        let account = given.account();
        let sums = invariants.sums()[&account.currency];
        let due: i128 = account.invoices.iter().map(|invoice| invoice.due.minor()).sum();
        prop_assert_eq!((sums.receivable, sums.credit), (due, account.credit.minor()));
    }

    /// Nothing is ever negative: no due, no credit, no line; and no credit note takes more from a
    /// line than it billed.
    #[test]
    fn nothing_is_negative_and_credits_stay_within_their_lines(history in a_history()) {
        let account = play(&history).account();
        prop_assert!(account.credit.minor() >= 0);
        for invoice in account.invoices.iter() {
            prop_assert!(invoice.due.minor() >= 0, "{}", invoice.number);
            for line in &invoice.lines {
                prop_assert!(line.billed.amount.minor() >= 0);
                prop_assert!(line.left.amount.minor() >= 0 && line.left.total.minor() >= 0);
            }
        }
        for payment in account.payments.iter() {
            prop_assert!(payment.refundable().unwrap().minor() >= 0);
            prop_assert!(payment.unrefunded().unwrap().minor() >= 0);
            prop_assert!(payment.sent_back.minor() <= payment.refunded.minor());
        }
    }

    /// An invoice with something due is asked for by one order of exactly that much, any other by
    /// none.
    #[test]
    fn what_is_due_is_asked_for_exactly_once(history in a_history()) {
        let account = play(&history).account();
        for invoice in account.invoices.iter() {
            let asked: Vec<_> =
                account.orders.open_for(invoice.id).map(|order| order.amount).collect();
            let wanted = if invoice.is_open() { vec![invoice.due] } else { Vec::new() };
            prop_assert_eq!(asked, wanted);
        }
    }

    /// A coupon is redeemed by the orders that are open or were fulfilled, and by no other.
    #[test]
    fn a_coupon_is_held_by_orders_that_may_still_use_it(history in a_history()) {
        let given = play(&history);
        let (account, fulfilled) = (given.account(), fulfilled(&given));
        for code in COUPONS.map(|code| code.parse::<CouponCode>().unwrap()) {
            let holds = |(order, of): &&(OrderId, CouponCode)| {
                let open = account.orders.get(*order).is_some_and(|order| order.is_open());
                *of == code && (open || fulfilled.contains(order))
            };
            let held = with_coupon(&given).iter().filter(holds).count();
            let coupon = given.world().coupons.get(code).unwrap();
            prop_assert_eq!(usize::try_from(coupon.redemptions).unwrap(), held, "{}", code);
        }
    }

    /// Replay is deterministic: the stored texts give the same events, and those the same state.
    #[test]
    fn a_history_replays_to_the_state_that_decided_it(history in a_history()) {
        let given = play(&history);
        let mut world = World::default();
        for recorded in given.events() {
            let again = recorded.to_stored().decode().unwrap();
            prop_assert_eq!(&again, recorded);
            world.apply(&again).unwrap();
        }
        let replayed = world.account(account_id()).unwrap();
        prop_assert_eq!(format!("{replayed:?}"), format!("{:?}", given.account()));
    }

    /// Positions and versions have no gaps, times never go back, numbers of a series follow each
    /// other.
    #[test]
    fn order_has_no_gaps(history in a_history()) {
        let given = play(&history);
        let mut audit = crate::audit::Audit::new(uuid::Uuid::nil());
        for recorded in given.events() {
            let stored = recorded.to_stored();
            let leaf = stored.leaf(uuid::Uuid::nil());
            audit.read(&stored, &leaf);
        }
        prop_assert_eq!(audit.findings, []);
    }

    /// Nobody owes and is owed at once: the credit that there is has paid what is due.
    #[test]
    fn credit_and_dues_never_stand_side_by_side(history in a_history()) {
        let account = play(&history).account();
        let owes = account.invoices.iter().any(|invoice| invoice.is_open());
        prop_assert!(!owes || account.credit.is_zero());
    }

    /// A change there and back at one instant, at the same price and without a discount, nets
    /// zero, with tax and all.
    #[test]
    fn there_and_back_nets_zero(seller in a_seller(), seconds in 0_i64..30 * 86_400) {
        let seller = Seller { trial: 0, upgrade: ChangeTiming::Now, downgrade: ChangeTiming::Now, ..seller };
        let given = given_seller(&seller).and(order_of("pro")).and_paid().later(seconds);
        let account = given.and(change_plan("enterprise_lite")).and(change_plan("pro")).account();
        let due: i128 = account.invoices.iter().map(|invoice| invoice.due.minor()).sum();
        prop_assert_eq!(account.credit.minor(), due);
    }

    /// What the account says is due next is never in the past once everything was settled.
    #[test]
    fn nothing_is_due_once_everything_was_settled(history in a_history()) {
        let given = play(&history);
        let before = given.clone();
        let given = given.try_and(settle_due()).unwrap_or(before);
        let next = given.account().next_due();
        prop_assert!(next.is_none_or(|(at, _)| at > given.now()), "{:?}", next);
    }
}
