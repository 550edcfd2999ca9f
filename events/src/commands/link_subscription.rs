//! Record that a processor made a subscription of its own out of an order: from then on it renews,
//! duns and ends it, and the ledger follows.

use crate::{
    account::{Account, Order},
    draft::Draft,
    envelope::StreamId,
    event::{OrderPurpose, RunBy, SubscriptionLinked},
    ids::{AccountId, OrderId, SubscriptionId},
    rejection::Rejection,
};

/// Record that a processor made a subscription of its own out of an order. It may be known before
/// the payment that begins ours.
#[derive(Debug, Clone)]
pub struct LinkSubscription {
    /// Which account.
    pub account_id: AccountId,
    /// The order that the processor's checkout was for.
    pub order_id: OrderId,
    /// Which processor.
    pub processor: String,
    /// The processor's own id of the subscription.
    pub processor_subscription_id: String,
}

impl LinkSubscription {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let account = draft.account(self.account_id)?;
        let order = account.orders.get(self.order_id).ok_or(Rejection::OrderUnknown)?;
        let known = account.links.of_order(order.id).is_some()
            || account.links.of_processor(&self.processor_subscription_id).is_some();
        let subscription_id = begun(&account, order);
        if known || runs_already(&account, subscription_id) {
            let subscription = self.processor_subscription_id.clone();
            return Err(Rejection::SubscriptionAlreadyLinked { subscription });
        }
        // Whoever may choose what a processor gives back as ours names an order that was there.
        let checkout = order.checkout.as_ref();
        if checkout.is_none_or(|checkout| checkout.processor != self.processor) {
            let processor = self.processor.clone();
            return Err(Rejection::OrderNotAtProcessor { order: order.id, processor });
        }
        let run_by = RunBy {
            processor: self.processor.clone(),
            processor_subscription_id: self.processor_subscription_id.clone(),
        };
        let linked = SubscriptionLinked { order_id: order.id, subscription_id, run_by };
        draft.record(StreamId::Account(account.id), linked)
    }
}

/// The subscription that an order is about, where it has begun.
fn begun(account: &Account, order: &Order) -> Option<SubscriptionId> {
    match &order.purpose {
        OrderPurpose::Subscribe { .. } => {
            let newest = account.subscription.as_ref();
            newest.filter(|newest| newest.order_id == order.id).map(|newest| newest.id)
        }
        OrderPurpose::PayInvoice { invoice_id, .. } => {
            account.invoices.get(*invoice_id).map(|invoice| invoice.subscription_id)
        }
        OrderPurpose::ChangePlan => account.live().map(|live| live.id),
    }
}

/// Whether another subscription of a processor runs it: the second would bill it twice.
fn runs_already(account: &Account, subscription: Option<SubscriptionId>) -> bool {
    subscription.is_some_and(|id| account.links.of(id).is_some())
}
