//! A history, and what may be asked after it.

use uuid::Uuid;

use super::{
    Then,
    asking::{account_id, confirm},
};
use crate::{
    account::Account,
    commands::{
        Command, ConfirmManualPayment, ConfirmPayment, MarkPaymentSent, RejectPayment, Returns,
        StartCheckout, StartManualCheckout,
    },
    draft::Draft,
    envelope::{Origin, Recorded},
    event::{
        AccessEvent, AccountEvent, CreditEvent, CreditSource, Event, InvoiceEvent, OrderEvent,
        PaymentEvent,
    },
    ids::{AdjustmentId, KeyId, OrderId, RefundId},
    rejection::Rejection,
    time::Timestamp,
    world::World,
};

/// A history, and the instant at which something is asked next.
#[derive(Debug, Clone)]
pub struct Given {
    pub(super) world: World,
    pub(super) events: Vec<Recorded>,
    pub(super) now: Timestamp,
    pub(super) asked: u128,
}

impl Given {
    /// The same history at a later instant.
    #[must_use]
    pub fn at(mut self, now: &str) -> Self {
        self.now = now.parse().unwrap();
        self
    }

    /// The history with a command that must be accepted.
    #[must_use]
    #[track_caller]
    pub fn and(mut self, command: impl Into<Command>) -> Self {
        let then = self.clone().when(command);
        self.events.extend(then.events().iter().cloned());
        Self { world: then.world, asked: self.asked + 1, ..self }
    }

    /// The same history some seconds later.
    #[must_use]
    pub fn later(mut self, seconds: i64) -> Self {
        self.now = self.now.plus_seconds(seconds);
        self
    }

    /// The history with a command, where it is accepted.
    ///
    /// # Errors
    /// The rejection.
    pub fn try_and(mut self, command: impl Into<Command>) -> Result<Self, Rejection> {
        let then = self.clone().when(command);
        self.events.extend(then.outcome?);
        Ok(Self { world: then.world, asked: self.asked + 1, ..self })
    }

    /// A checkout for the newest order, where there is one.
    #[must_use]
    pub fn checkout_of_newest(&self, processor_order_id: &str) -> Option<StartCheckout> {
        let placed = |recorded: &Recorded| {
            matches!(
                &recorded.event,
                Event::Account(AccountEvent::Order(OrderEvent::OrderPlaced(_)))
            )
        };
        self.events.iter().any(placed).then(|| self.start_checkout(processor_order_id))
    }

    /// Asks a command.
    #[must_use]
    pub fn when(self, command: impl Into<Command>) -> Then {
        let position = self.events.last().map_or(0, |event| event.position);
        let seed = Uuid::from_u128(self.asked + 1);
        let mut draft = Draft::new(self.world.clone(), position, self.now, seed, Origin::default());
        match command.into().decide(&mut draft) {
            Err(rejection) => Then { outcome: Err(rejection), world: self.world },
            Ok(()) => {
                let (events, world) = draft.finish();
                Then { outcome: Ok(events), world }
            }
        }
    }

    /// The world after it.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The history so far.
    #[must_use]
    pub fn events(&self) -> &[Recorded] {
        &self.events
    }

    /// The test account's state.
    #[must_use]
    pub fn account(&self) -> Account {
        self.world.account(account_id()).unwrap().as_ref().clone()
    }

    /// The newest event that a pattern finds.
    #[must_use]
    pub fn last<T>(&self, find: impl Fn(&Event) -> Option<T>) -> T {
        self.events.iter().rev().find_map(|recorded| find(&recorded.event)).unwrap()
    }

    /// The newest API key.
    #[must_use]
    pub fn newest_key(&self) -> KeyId {
        self.last(|event| {
            let Event::Access(AccessEvent::KeyIssued(issued)) = event else { return None };
            Some(issued.key_id)
        })
    }

    /// The newest order.
    #[must_use]
    pub fn newest_order(&self) -> OrderId {
        self.last(|event| {
            if let Event::Account(AccountEvent::Order(OrderEvent::OrderPlaced(placed))) = event {
                Some(placed.order_id)
            } else {
                None
            }
        })
    }

    /// The newest refund.
    #[must_use]
    pub fn last_refund(&self) -> RefundId {
        self.last(|event| {
            if let Event::Account(AccountEvent::Payment(PaymentEvent::RefundRequested(it))) = event
            {
                Some(it.refund_id)
            } else {
                None
            }
        })
    }

    /// The newest adjustment.
    #[must_use]
    pub fn last_adjustment(&self) -> AdjustmentId {
        self.find_adjustment().unwrap()
    }

    /// The newest adjustment, where there is one.
    #[must_use]
    pub fn find_adjustment(&self) -> Option<AdjustmentId> {
        self.events.iter().rev().find_map(|recorded| adjustment_of(&recorded.event))
    }

    /// The instant at which something is asked next.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// A checkout for the newest order.
    #[must_use]
    pub fn start_checkout(&self, processor_order_id: &str) -> StartCheckout {
        StartCheckout {
            account_id: account_id(),
            order_id: self.newest_order(),
            processor: "sandbox".into(),
            processor_order_id: processor_order_id.into(),
            returns: Returns::default(),
            merchant_of_record: false,
        }
    }

    /// A checkout by hand for the newest order.
    #[must_use]
    pub fn start_manual_checkout(&self, method: &str) -> StartManualCheckout {
        let (account_id, order_id) = (account_id(), self.newest_order());
        StartManualCheckout { account_id, order_id, method: method.into() }
    }

    /// The customer says that the money of the newest order is on its way.
    #[must_use]
    pub fn mark_sent(&self, transaction: Option<&str>) -> MarkPaymentSent {
        let (account_id, order_id) = (account_id(), self.newest_order());
        MarkPaymentSent { account_id, order_id, transaction: transaction.map(str::to_owned) }
    }

    /// Somebody found the money of the newest order.
    #[must_use]
    pub fn confirm_by_hand(&self, transaction: Option<&str>) -> ConfirmManualPayment {
        let (account_id, order_id) = (account_id(), self.newest_order());
        ConfirmManualPayment { account_id, order_id, transaction: transaction.map(str::to_owned) }
    }

    /// The money of the newest order never came.
    #[must_use]
    pub fn reject_payment(&self) -> RejectPayment {
        RejectPayment { account_id: account_id(), order_id: self.newest_order() }
    }

    /// The history with the newest order checked out and paid.
    #[must_use]
    #[track_caller]
    pub fn and_paid(self) -> Self {
        let (checked_out, confirm) = self.checked_out();
        checked_out.and(confirm)
    }

    /// Pays the newest order.
    #[must_use]
    #[track_caller]
    pub fn when_paid(self) -> Then {
        let (checked_out, confirm) = self.checked_out();
        checked_out.when(confirm)
    }

    #[track_caller]
    fn checked_out(self) -> (Self, ConfirmPayment) {
        let n = self.account().payments.iter().count() + 1;
        let (order, payment) = (format!("order_{n}"), format!("pay_{n}"));
        let start = self.start_checkout(&order);
        (self.and(start), confirm(&order, &payment))
    }
}

/// The adjustment that an event makes, where it makes one.
fn adjustment_of(event: &Event) -> Option<AdjustmentId> {
    let Event::Account(event) = event else { return None };
    if let AccountEvent::Invoice(InvoiceEvent::InvoiceWrittenOff(written_off)) = event {
        Some(written_off.adjustment_id)
    } else if let AccountEvent::Credit(CreditEvent::CreditGranted(granted)) = event
        && let CreditSource::Adjustment { adjustment_id, .. } = granted.source
    {
        Some(adjustment_id)
    } else {
        None
    }
}
