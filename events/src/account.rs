//! An account's state: one customer's billing, composed of parts.
//!
//! ```text
//! order placed ─ checkout started ─ payment captured ─┬─ subscription activated ─ … ─ ended
//!                                                     └─ invoice issued ─ paid ─ credit notes
//! ```
//! Each part takes in the events that concern it; [`Account::evolve`] is the one place that names
//! every event, so a new one cannot be overlooked.

mod invoices;
mod orders;
mod payments;
mod subscription;

use std::sync::Arc;

use chrono_tz::Tz;

pub use self::{
    invoices::{Invoice, Invoices, Line},
    orders::{Order, OrderStatus, Orders},
    payments::{Payment, Payments, Refund, RefundStatus},
    subscription::{Status, Subscription},
};
use crate::{
    envelope::Recorded,
    event::{AccountEvent, AccountOpened},
    history::HistoryError,
    ids::AccountId,
    money::{Currency, Money},
    personal::Personal,
};

/// What the rules know of an account.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// The version of its stream.
    pub version: i64,
    /// The currency of everything in it.
    pub currency: Currency,
    /// The calendar of its periods.
    pub zone: Tz,
    /// Whom invoices are made out to.
    pub billing: Arc<Personal>,
    /// Credit that later invoices use up.
    pub credit: Money,
    /// The newest subscription, live or ended.
    pub subscription: Option<Arc<Subscription>>,
    /// Orders.
    pub orders: Orders,
    /// Invoices.
    pub invoices: Invoices,
    /// Payments and refunds.
    pub payments: Payments,
}

impl Account {
    /// The state after an account's first event.
    #[must_use]
    pub fn open(opened: &AccountOpened, version: i64) -> Self {
        Self {
            id: opened.account_id,
            version,
            currency: opened.currency,
            zone: opened.time_zone,
            billing: Arc::new(opened.billing.clone()),
            credit: Money::zero(opened.currency),
            subscription: None,
            orders: Orders::default(),
            invoices: Invoices::default(),
            payments: Payments::default(),
        }
    }

    /// The subscription, where it is live.
    #[must_use]
    pub fn live(&self) -> Option<&Arc<Subscription>> {
        self.subscription.as_ref().filter(|subscription| subscription.is_live())
    }

    /// Takes in one of its events.
    ///
    /// # Errors
    /// A history that does not hold together.
    pub fn evolve(
        &mut self,
        event: &AccountEvent,
        recorded: &Recorded,
    ) -> Result<(), HistoryError> {
        use AccountEvent as E;
        self.version = recorded.version;
        match event {
            E::AccountOpened(opened) => *self = Self::open(opened, recorded.version),
            E::BillingDetailsRevised(revised) => self.billing = Arc::new(revised.billing.clone()),
            E::OrderPlaced(placed) => self.orders.placed(placed, recorded),
            E::OrderCancelled(cancelled) => self.orders.cancelled(cancelled)?,
            E::CheckoutStarted(started) => self.orders.checkout_started(started)?,
            E::PaymentCaptured(captured) => {
                self.orders.paid(captured.order_id)?;
                self.payments.captured(captured);
            }
            E::SubscriptionActivated(activated) => {
                self.orders.paid(activated.order_id)?;
                self.subscription = Some(Arc::new(Subscription::activated(activated)));
            }
            E::PlanChanged(changed) => self.subscription_mut()?.plan_changed(changed),
            E::CancellationScheduled(_) => self.subscription_mut()?.status = Status::Cancelling,
            E::SubscriptionResumed(_) => self.subscription_mut()?.status = Status::Active,
            E::SubscriptionRenewed(renewed) => self.subscription_mut()?.renewed(renewed),
            E::SubscriptionEnded(ended) => {
                self.subscription_mut()?.status = Status::Ended(ended.reason);
            }
            E::LimitsCustomised(limits) => self.subscription_mut()?.limits_customised(limits),
            E::InvoiceIssued(issued) => self.invoices.issued(issued, recorded),
            E::InvoicePaid(paid) => self.invoices.paid(paid)?,
            E::CreditNoteIssued(note) => self.invoices.credited(note)?,
            E::CreditGranted(granted) => self.credit = self.credit.plus(granted.amount)?,
            E::CreditApplied(applied) => {
                self.credit = self.credit.minus(applied.amount)?;
                self.invoices.credit_applied(applied)?;
            }
            E::RefundRequested(requested) => self.payments.refund_requested(requested)?,
            E::RefundProcessed(processed) => {
                self.payments.refund_settled(processed.refund_id, RefundStatus::Processed)?;
            }
            E::RefundFailed(failed) => {
                self.payments.refund_settled(failed.refund_id, RefundStatus::Failed)?;
            }
        }
        Ok(())
    }

    fn subscription_mut(&mut self) -> Result<&mut Subscription, HistoryError> {
        let missing = || HistoryError::Missing("a subscription".to_owned());
        self.subscription.as_mut().map(Arc::make_mut).ok_or_else(missing)
    }
}
