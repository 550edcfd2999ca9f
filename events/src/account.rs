//! An account's state: one customer's billing, composed of parts.
//!
//! ```text
//! order placed ─ checkout started ─ payment captured ─┬─ subscription activated ─ … ─ ended
//!                                                     └─ invoice issued ─ paid ─ credit notes
//! ```
//! Each part takes in the group of events that concerns it, and names every one of them, so a new
//! one cannot be overlooked.

mod adjustments;
mod in_order;
mod invoices;
mod links;
mod orders;
mod payments;
mod subscription;
mod usage;

use std::sync::Arc;

use chrono_tz::Tz;

pub use self::{
    adjustments::{Adjustment, Adjustments},
    invoices::{Document, Invoice, Invoices, Line},
    links::{Link, Links},
    orders::{Order, OrderStatus, Orders},
    payments::{Dispute, Payment, Payments, Refund, RefundOrigin, RefundStatus},
    subscription::{Status, Subscription},
    usage::Usage,
};
use crate::{
    envelope::Recorded,
    event::{
        AccountEvent, AccountOpened, Adjusted, CreditEvent, CreditSource, InvoiceEvent,
        PaymentEvent, PlanChanged, ProfileEvent, SubscriptionEnded, SubscriptionEvent,
    },
    history::HistoryError,
    ids::{AccountId, InvoiceId, OrderId},
    money::{Currency, Money},
    period::Anchor,
    personal::Personal,
    policy::DunningAction,
    time::Timestamp,
};

/// What the rules know of an account.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// The version of its stream.
    pub version: i64,
    /// From when its newest event counts; no later one counts from before.
    pub effective_at: Timestamp,
    /// The currency of everything in it.
    pub currency: Currency,
    /// The calendar of its periods.
    pub zone: Tz,
    /// Whom invoices are made out to.
    pub billing: Arc<Personal>,
    /// Whether nothing is billed until somebody has looked.
    pub parked: bool,
    /// Whether it ever had free days: they are given once.
    pub had_trial: bool,
    /// Credit that later invoices use up.
    pub credit: Money,
    /// The newest subscription, live or ended.
    pub subscription: Option<Arc<Subscription>>,
    /// Orders.
    pub orders: Orders,
    /// Subscriptions that processors made of them.
    pub links: Links,
    /// Invoices.
    pub invoices: Invoices,
    /// Payments and refunds.
    pub payments: Payments,
    /// What the panel counts.
    pub usage: Usage,
    /// Credit given and invoices written off by hand.
    pub adjustments: Adjustments,
}

impl Account {
    /// The state after an account's first event.
    #[must_use]
    pub fn open(opened: &AccountOpened, recorded: &Recorded) -> Self {
        Self {
            id: opened.account_id,
            version: recorded.version,
            effective_at: recorded.effective_at,
            currency: opened.currency,
            zone: opened.time_zone,
            billing: Arc::new(opened.billing.clone()),
            parked: false,
            had_trial: false,
            credit: Money::zero(opened.currency),
            subscription: None,
            orders: Orders::default(),
            links: Links::default(),
            invoices: Invoices::default(),
            payments: Payments::default(),
            usage: Usage::default(),
            adjustments: Adjustments::default(),
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
        self.effective_at = recorded.effective_at;
        match event {
            E::Profile(event) => self.evolve_profile(event, recorded),
            E::Order(event) => self.orders.evolve(event, recorded)?,
            E::Payment(event) => {
                if let PaymentEvent::PaymentCaptured(captured) = event {
                    self.orders.paid(captured.order_id)?;
                }
                if let PaymentEvent::RefundReported(reported) = event {
                    self.credit = self.credit.minus(reported.from_credit)?;
                }
                self.payments.evolve(event)?;
            }
            E::Subscription(event) => self.evolve_subscription(event)?,
            E::Invoice(event) => {
                if let InvoiceEvent::InvoiceWrittenOff(it) = event {
                    let adjusted = Adjusted::WriteOff { invoice_id: it.invoice_id };
                    self.adjustments.made(it.adjustment_id, adjusted, it.amount);
                }
                self.invoices.evolve(event, recorded)?;
            }
            E::Credit(event) => self.evolve_credit(event)?,
            E::Usage(event) => self.usage.evolve(event),
        }
        Ok(())
    }

    fn evolve_profile(&mut self, event: &ProfileEvent, recorded: &Recorded) {
        match event {
            ProfileEvent::AccountOpened(opened) => *self = Self::open(opened, recorded),
            ProfileEvent::BillingDetailsRevised(revised) => {
                self.billing = Arc::new(revised.billing.clone());
            }
            ProfileEvent::AccountParked(_) => self.parked = true,
            ProfileEvent::AccountReleased(_) => self.parked = false,
        }
    }

    fn evolve_subscription(&mut self, event: &SubscriptionEvent) -> Result<(), HistoryError> {
        if let SubscriptionEvent::TrialStarted(started) = event {
            self.orders.paid(started.order_id)?;
            self.had_trial = true;
            let (at, zone) = (started.period.end, self.zone);
            let anchor = Anchor { at, zone, cycle: started.plan.cycle };
            self.subscription = Some(Arc::new(Subscription::in_trial(started, anchor)));
        } else if let SubscriptionEvent::SubscriptionActivated(activated) = event {
            self.orders.paid(activated.order_id)?;
            self.links.begun(activated);
            let before = self.subscription.as_deref();
            self.subscription = Some(Arc::new(Subscription::activated(activated, before)));
        } else if let SubscriptionEvent::SubscriptionLinked(linked) = event {
            self.links.linked(linked);
            // The news may come before the subscription, and after its end.
            let newest = self.subscription.as_mut().map(Arc::make_mut);
            if let Some(newest) = newest.filter(|it| linked.subscription_id == Some(it.id)) {
                newest.evolve(event);
            }
        } else if let SubscriptionEvent::SubscriptionFollowed(followed) = event {
            self.links.followed(followed);
        } else {
            if let SubscriptionEvent::PlanChanged(PlanChanged { service_over, .. })
            | SubscriptionEvent::SubscriptionEnded(SubscriptionEnded {
                service_over, ..
            }) = event
            {
                self.invoices.service_over(service_over)?;
            }
            self.subscription_mut()?.evolve(event);
        }
        Ok(())
    }

    fn evolve_credit(&mut self, event: &CreditEvent) -> Result<(), HistoryError> {
        match event {
            CreditEvent::CreditGranted(granted) => {
                self.credit = self.credit.plus(granted.amount)?;
                if let CreditSource::Adjustment { adjustment_id, .. } = granted.source {
                    self.adjustments.made(adjustment_id, Adjusted::Credit, granted.amount);
                }
            }
            CreditEvent::CreditApplied(applied) => {
                self.credit = self.credit.minus(applied.amount)?;
                self.invoices.credit_applied(applied)?;
            }
            CreditEvent::AdjustmentUndone(undone) => {
                self.adjustments.undone(undone.adjustment_id)?;
                match undone.adjusted {
                    Adjusted::Credit => self.credit = self.credit.minus(undone.amount)?,
                    Adjusted::WriteOff { invoice_id } => {
                        self.invoices.due_again(invoice_id, undone.amount)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The next thing that time will bring about on the account, where anything is waiting: an
    /// order that expires, a step of the dunning ladder, or the end of a period.
    ///
    /// Of two at one instant the first of these counts: a subscription ends unpaid rather than
    /// being billed again.
    #[must_use]
    pub fn next_due(&self) -> Option<(Timestamp, Due)> {
        if self.parked {
            return None;
        }
        let ending = self.live().and_then(|live| Some((live.falls_due_at()?, Due::PeriodEnd)));
        let expiring = self.orders.next_expiring().map(|(at, order)| (at, Due::Order(order)));
        expiring.into_iter().chain(self.dunned()).chain(ending).min_by_key(|(at, _)| *at)
    }

    /// The steps of the dunning ladder that are still ahead of the subscription.
    fn dunned(&self) -> impl Iterator<Item = (Timestamp, Due)> {
        let dunned_here = self.live().filter(|subscription| subscription.processor().is_none());
        dunned_here.into_iter().flat_map(|subscription| {
            let taken = subscription.status.dunned();
            self.invoices.open_of(subscription.id).flat_map(move |invoice| {
                let ahead = invoice.dunning.iter().filter(move |step| Some(step.action) > taken);
                ahead.map(|step| (step.at, Due::Dunning(invoice.id, step.action)))
            })
        })
    }

    fn subscription_mut(&mut self) -> Result<&mut Subscription, HistoryError> {
        let missing = || HistoryError::Missing("a subscription".to_owned());
        self.subscription.as_mut().map(Arc::make_mut).ok_or_else(missing)
    }
}

/// Something that time brings about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// An order expires.
    Order(OrderId),
    /// A step of the dunning ladder of an unpaid invoice.
    Dunning(InvoiceId, DunningAction),
    /// A period ends, or the free days do.
    PeriodEnd,
}
