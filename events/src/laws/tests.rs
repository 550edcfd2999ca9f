//! Laws that hold for every history that the rules accept, whatever is asked in whatever order.

use proptest::prelude::*;

use crate::{
    Event, Money,
    commands::{AmendSubscription, CancelSubscription, ChangePlan, Command, PlaceOrder},
    envelope::Recorded,
    event::{AccountEvent, EndReason},
    period::Cycle,
    testing::*,
    world::World,
};

/// Something that a customer may ask, or that time may do.
#[derive(Debug, Clone)]
enum Move {
    Wait(i64),
    Order(usize, bool),
    Pay,
    PayLate,
    Change(usize, Option<bool>),
    Cancel(bool),
    Resume,
    Refund(Option<u32>, bool),
    SettleDue,
    Amend(usize),
}

const PLANS: [&str; 5] = ["free", "starter", "pro", "enterprise_lite", "enterprise"];

fn a_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        4 => (0_i64..40 * 86_400).prop_map(Move::Wait),
        2 => (0_usize..5, any::<bool>()).prop_map(|(plan, yearly)| Move::Order(plan, yearly)),
        6 => Just(Move::Pay),
        1 => Just(Move::PayLate),
        4 => (0_usize..5, prop::option::of(any::<bool>())).prop_map(|(p, y)| Move::Change(p, y)),
        2 => any::<bool>().prop_map(Move::Cancel),
        2 => Just(Move::Resume),
        2 => (prop::option::of(0_u32..6_000), any::<bool>()).prop_map(|(a, o)| Move::Refund(a, o)),
        2 => Just(Move::SettleDue),
        1 => (0_usize..5).prop_map(Move::Amend),
    ]
}

fn cycle(yearly: bool) -> Cycle {
    if yearly { Cycle::Yearly } else { Cycle::Monthly }
}

/// Plays moves; what is refused changes nothing.
fn play(moves: &[Move]) -> Given {
    let mut given = given_account();
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
            | Move::Amend(_) => {
                let command = command(step);
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
    given.try_and(confirm(&order, &format!("pay_{payments}"))).unwrap_or(before)
}

fn command(step: &Move) -> Command {
    let account_id = account_id();
    match step {
        Move::Order(plan, yearly) => {
            PlaceOrder { plan: PLANS[*plan].into(), cycle: cycle(*yearly), ..place_order() }.into()
        }
        Move::Change(plan, yearly) => {
            ChangePlan { cycle: yearly.map(cycle), ..change_plan(PLANS[*plan]) }.into()
        }
        Move::Cancel(at_period_end) => cancel(*at_period_end).into(),
        Move::Resume => resume().into(),
        Move::Refund(cents, override_policy) => {
            let amount = cents
                .and_then(|cents| Money::from_minor(i128::from(cents), crate::Currency::USD).ok());
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
        Move::SettleDue | Move::Wait(_) | Move::Pay | Move::PayLate => settle_due().into(),
    }
}

fn sum(events: &[Recorded], pick: impl Fn(&AccountEvent) -> Option<Money>) -> i128 {
    let of = |recorded: &Recorded| match &recorded.event {
        Event::Account(event) => pick(event),
        Event::Plan(_) | Event::Access(_) | Event::Book(_) => None,
    };
    events.iter().filter_map(of).map(|money| money.minor()).sum()
}

macro_rules! total {
    ($events:expr, $variant:ident . $field:ident) => {
        sum(
            $events,
            |event| {
                if let AccountEvent::$variant(it) = event { Some(it.$field) } else { None }
            },
        )
    };
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// What was charged, and what the customer is owed, is what was paid, is due, or was taken
    /// back: no cent appears or vanishes.
    #[test]
    fn money_is_conserved(moves in prop::collection::vec(a_move(), 1..60)) {
        let given = play(&moves);
        let (events, account) = (given.events(), given.account());
        let due: i128 = account.invoices.iter().map(|invoice| invoice.due.minor()).sum();
        let charged = total!(events, InvoiceIssued.total);
        let to_refund = total!(events, CreditNoteIssued.to_refund);
        let taken_back = total!(events, CreditNoteIssued.total);
        let paid = total!(events, PaymentCaptured.amount);
        prop_assert_eq!(charged + account.credit.minor() + to_refund, due + paid + taken_back);
        prop_assert_eq!(to_refund, total!(events, RefundRequested.amount));
        prop_assert!(to_refund <= paid);
    }

    /// Nothing is ever negative: no due, no credit, no line; and no credit note takes more from a
    /// line than it billed.
    #[test]
    fn nothing_is_negative_and_credits_stay_within_their_lines(
        moves in prop::collection::vec(a_move(), 1..60),
    ) {
        let account = play(&moves).account();
        prop_assert!(account.credit.minor() >= 0);
        for invoice in account.invoices.iter() {
            prop_assert!(invoice.due.minor() >= 0, "{}", invoice.number);
            for line in &invoice.lines {
                prop_assert!(line.billed.amount.minor() >= 0);
                prop_assert!(line.credited.minor() <= line.billed.amount.minor());
            }
        }
        for payment in account.payments.iter() {
            prop_assert!(payment.refundable().unwrap().minor() >= 0);
        }
    }

    /// An invoice with something due is asked for by one order of exactly that much, any other by
    /// none.
    #[test]
    fn what_is_due_is_asked_for_exactly_once(moves in prop::collection::vec(a_move(), 1..60)) {
        let account = play(&moves).account();
        for invoice in account.invoices.iter() {
            let asked: Vec<_> =
                account.orders.open_for(invoice.id).map(|order| order.amount).collect();
            let wanted = if invoice.is_open() { vec![invoice.due] } else { Vec::new() };
            prop_assert_eq!(asked, wanted);
        }
    }

    /// Replay is deterministic: the stored texts give the same events, and those the same state.
    #[test]
    fn a_history_replays_to_the_state_that_decided_it(
        moves in prop::collection::vec(a_move(), 1..60),
    ) {
        let given = play(&moves);
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
    fn order_has_no_gaps(moves in prop::collection::vec(a_move(), 1..60)) {
        let given = play(&moves);
        let mut audit = crate::audit::Audit::new(uuid::Uuid::nil());
        for recorded in given.events() {
            let stored = recorded.to_stored();
            let leaf = stored.leaf(uuid::Uuid::nil());
            audit.read(&stored, &leaf);
        }
        prop_assert_eq!(audit.findings, []);
    }

    /// Periods of a subscription tile as long as its cycle stays, and it renews once for each.
    #[test]
    fn periods_tile_across_renewals(moves in prop::collection::vec(a_move(), 1..60)) {
        let given = play(&moves);
        let mut current = None;
        for recorded in given.events() {
            let Event::Account(event) = &recorded.event else { continue };
            if let AccountEvent::SubscriptionActivated(activated) = event {
                current = Some(activated.period);
            }
            if let AccountEvent::PlanChanged(changed) = event {
                current = Some(changed.period);
            }
            if let AccountEvent::SubscriptionRenewed(renewed) = event {
                prop_assert_eq!(Some(renewed.period.start), current.map(|period| period.end));
                current = Some(renewed.period);
            }
            if let AccountEvent::SubscriptionEnded(ended) = event
                && ended.reason == EndReason::Unpaid
            {
                prop_assert_eq!(Some(ended.at), current.map(|period| period.end));
            }
        }
    }
}
