//! What came of a command, and what a test wants to know of it.

use std::sync::Arc;

use super::asking::account_id;
use crate::{
    account::Account,
    envelope::Recorded,
    event::{AccountEvent, Event, InvoiceEvent, OrderEvent, PaymentEvent, RefundRequested},
    money::Money,
    rejection::Rejection,
    world::World,
};

/// What came of a command.
#[derive(Debug)]
pub struct Then {
    pub(super) outcome: Result<Vec<Recorded>, Rejection>,
    pub(super) world: World,
}

impl Then {
    /// The events that the command recorded.
    #[must_use]
    #[track_caller]
    pub fn events(&self) -> &[Recorded] {
        match &self.outcome {
            Ok(events) => events,
            Err(rejection) => panic!("rejected: {} ({rejection})", rejection.code()),
        }
    }

    /// The command recorded events of exactly these types, in this order.
    #[track_caller]
    pub fn recorded(&self, types: &[&str]) {
        let recorded: Vec<_> =
            self.events().iter().map(|recorded| recorded.event.type_name()).collect();
        assert_eq!(recorded, types);
    }

    /// The command was refused with this code.
    #[track_caller]
    pub fn rejected(&self, code: &str) {
        match &self.outcome {
            Ok(events) => panic!("accepted: {events:#?}"),
            Err(rejection) => assert_eq!(rejection.code(), code, "{rejection}"),
        }
    }

    /// The events, or the rejection.
    ///
    /// # Errors
    /// The rejection.
    pub fn outcome(&self) -> Result<&[Recorded], &Rejection> {
        self.outcome.as_deref()
    }

    /// The test account's state afterwards.
    #[must_use]
    pub fn account(&self) -> Arc<Account> {
        self.world.account(account_id()).unwrap().clone()
    }

    /// The first of the account's events that a pattern finds.
    #[must_use]
    #[track_caller]
    pub fn first<T>(&self, find: impl Fn(&AccountEvent) -> Option<T>) -> T {
        let found = self.events().iter().find_map(|recorded| match &recorded.event {
            Event::Account(event) => find(event),
            Event::Plan(_) | Event::Coupon(_) | Event::Access(_) | Event::Book(_) => None,
        });
        found.expect("no such event was recorded")
    }

    /// The total of the first invoice that was issued.
    #[must_use]
    #[track_caller]
    pub fn invoice_total(&self) -> String {
        self.first(|event| {
            if let AccountEvent::Invoice(InvoiceEvent::InvoiceIssued(issued)) = event {
                Some(issued.totals.total.to_string())
            } else {
                None
            }
        })
    }

    /// The total of the first credit note that was issued.
    #[must_use]
    #[track_caller]
    pub fn credit_note_total(&self) -> String {
        self.first(|event| {
            if let AccountEvent::Invoice(InvoiceEvent::CreditNoteIssued(note)) = event {
                Some(note.totals.total.to_string())
            } else {
                None
            }
        })
    }

    /// What the first order that was placed asks.
    #[must_use]
    #[track_caller]
    pub fn order_amount(&self) -> String {
        self.first(|event| {
            if let AccountEvent::Order(OrderEvent::OrderPlaced(placed)) = event {
                Some(placed.amount.to_string())
            } else {
                None
            }
        })
    }

    /// The refunds that were requested.
    pub fn refunds(&self) -> impl Iterator<Item = &RefundRequested> {
        self.events().iter().filter_map(|recorded| {
            if let Event::Account(AccountEvent::Payment(PaymentEvent::RefundRequested(requested))) =
                &recorded.event
            {
                Some(requested)
            } else {
                None
            }
        })
    }

    /// The amounts of the refunds that were requested.
    #[must_use]
    pub fn refund_amounts(&self) -> Vec<String> {
        self.refunds().map(|refund| refund.amount.to_string()).collect()
    }
}

impl Account {
    /// Everything that was ever captured.
    #[must_use]
    pub fn paid_in(&self) -> Money {
        let amounts = self.payments.iter().map(|payment| payment.captured.amount);
        Money::sum(self.currency, amounts).unwrap()
    }
}
