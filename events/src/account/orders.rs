//! Orders: what somebody asked to pay, and how far that has come.

use std::sync::Arc;

use imbl::{OrdMap, OrdSet};

use super::in_order::InOrder;
use crate::{
    coupon::CouponCode,
    envelope::Recorded,
    event::{CheckoutStarted, HeldPlan, OrderEvent as E, OrderPlaced, OrderPurpose, PaymentSent},
    history::HistoryError,
    ids::{InvoiceId, OrderId},
    money::Money,
    time::Timestamp,
};

/// How far an order has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderStatus {
    /// It can be paid.
    Open,
    /// Done.
    Paid,
    /// Not wanted any more.
    Cancelled,
    /// Not paid in time.
    Expired,
}

/// One order.
#[derive(Debug, Clone)]
pub struct Order {
    /// Its id.
    pub id: OrderId,
    /// Its number.
    pub number: String,
    /// What it brings about.
    pub purpose: OrderPurpose,
    /// The plan it pays for.
    pub plan: HeldPlan,
    /// How much it asks.
    pub amount: Money,
    /// When it expires unpaid.
    pub expires_at: Option<Timestamp>,
    /// How far it has come.
    pub status: OrderStatus,
    /// The processor that waits, or waited, for its payment.
    pub checkout: Option<Arc<CheckoutStarted>>,
    /// The transfer that somebody says is on its way.
    pub sent: Option<Arc<PaymentSent>>,
}

impl Order {
    /// The coupon whose redemption it holds.
    #[must_use]
    pub fn coupon(&self) -> Option<CouponCode> {
        match &self.purpose {
            OrderPurpose::Subscribe { quote } => quote.discount.as_ref().map(|held| held.coupon),
            OrderPurpose::PayInvoice { .. } | OrderPurpose::ChangePlan => None,
        }
    }

    /// Whether it can still be paid.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.status == OrderStatus::Open
    }
}

/// An account's orders.
#[derive(Debug, Clone, Default)]
pub struct Orders {
    by_id: InOrder<OrderId, Order>,
    // Every one there ever was: a payment may come by a checkout that another has replaced.
    checkouts: OrdMap<String, Arc<CheckoutStarted>>,
    // The open ones, so that thousands that are done cost nothing: ids are ordered by the log.
    open: OrdSet<OrderId>,
    expiring: OrdSet<(Timestamp, OrderId)>,
}

impl Orders {
    /// An order by its id.
    #[must_use]
    pub fn get(&self, id: OrderId) -> Option<&Arc<Order>> {
        self.by_id.get(id)
    }

    /// The order that a processor knows by an id of its own.
    #[must_use]
    pub fn of_processor(&self, processor_order_id: &str) -> Option<&Arc<Order>> {
        self.checkout(processor_order_id).and_then(|checkout| self.get(checkout.order_id))
    }

    /// The checkout that a processor knows by an id of its own, whether it is its order's newest or
    /// not.
    #[must_use]
    pub fn checkout(&self, processor_order_id: &str) -> Option<&Arc<CheckoutStarted>> {
        self.checkouts.get(processor_order_id)
    }

    /// The open orders that are to pay an invoice.
    pub fn open_for(&self, invoice: InvoiceId) -> impl Iterator<Item = &Arc<Order>> {
        let pays = move |order: &&Arc<Order>| match order.purpose {
            OrderPurpose::Subscribe { .. } | OrderPurpose::ChangePlan => false,
            OrderPurpose::PayInvoice { invoice_id, .. } => invoice_id == invoice,
        };
        self.open().filter(pays)
    }

    /// The open orders, oldest first.
    pub fn open(&self) -> impl Iterator<Item = &Arc<Order>> {
        self.open.iter().filter_map(|id| self.get(*id))
    }

    /// The open order that expires first, and when.
    #[must_use]
    pub fn next_expiring(&self) -> Option<(Timestamp, OrderId)> {
        self.expiring.get_min().copied()
    }

    pub(super) fn evolve(&mut self, event: &E, recorded: &Recorded) -> Result<(), HistoryError> {
        match event {
            E::OrderPlaced(placed) => {
                self.placed(placed, recorded);
                Ok(())
            }
            E::OrderCancelled(cancelled) => self.set(cancelled.order_id, OrderStatus::Cancelled),
            E::OrderExpired(expired) => self.set(expired.order_id, OrderStatus::Expired),
            E::CheckoutStarted(started) => self.checkout_started(started),
            E::PaymentSent(sent) => {
                self.order_mut(sent.order_id)?.sent = Some(Arc::new(sent.clone()));
                Ok(())
            }
        }
    }

    fn placed(&mut self, placed: &OrderPlaced, recorded: &Recorded) {
        let order = Order {
            id: placed.order_id,
            number: recorded.number.clone().unwrap_or_default(),
            purpose: placed.purpose.clone(),
            plan: placed.plan.clone(),
            amount: placed.amount,
            expires_at: placed.expires_at,
            status: OrderStatus::Open,
            checkout: None,
            sent: None,
        };
        self.open.insert(order.id);
        self.expiring.extend(order.expires_at.map(|at| (at, order.id)));
        self.by_id.add(order.id, order);
    }

    fn checkout_started(&mut self, started: &CheckoutStarted) -> Result<(), HistoryError> {
        let checkout = Arc::new(started.clone());
        self.checkouts.insert(started.processor_order_id.clone(), checkout.clone());
        self.order_mut(started.order_id)?.checkout = Some(checkout);
        Ok(())
    }

    pub(super) fn paid(&mut self, id: OrderId) -> Result<(), HistoryError> {
        self.set(id, OrderStatus::Paid)
    }

    /// Marks an order as done, in one way or another.
    fn set(&mut self, id: OrderId, status: OrderStatus) -> Result<(), HistoryError> {
        let order = self.order_mut(id)?;
        order.status = status;
        let expires_at = order.expires_at;
        self.open.remove(&id);
        if let Some(at) = expires_at {
            self.expiring.remove(&(at, id));
        }
        Ok(())
    }

    fn order_mut(&mut self, id: OrderId) -> Result<&mut Order, HistoryError> {
        let order = self.by_id.get_mut(id);
        order.ok_or_else(|| HistoryError::Missing(format!("order {id}")))
    }
}
