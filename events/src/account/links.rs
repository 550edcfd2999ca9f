//! Links: which orders a processor made subscriptions of its own out of, and its last word on each.
//!
//! A link belongs to an order, since news of the subscription may come before the payment that
//! begins it; and it outlives the subscription, since money and news may come after its end.

use std::sync::Arc;

use imbl::OrdMap;

use crate::{
    event::{RunBy, SubscriptionActivated, SubscriptionFollowed, SubscriptionLinked},
    ids::{OrderId, SubscriptionId},
};

/// One subscription at a processor.
#[derive(Debug, Clone)]
pub struct Link {
    /// The order that it was made of.
    pub order_id: OrderId,
    /// Who runs it, and under which id.
    pub run_by: RunBy,
    /// Our subscription, where it has begun.
    pub subscription_id: Option<SubscriptionId>,
    /// The processor's last word on it.
    pub word: Option<Arc<SubscriptionFollowed>>,
}

/// An account's links.
#[derive(Debug, Clone, Default)]
pub struct Links {
    by_order: OrdMap<OrderId, Link>,
    by_processor_id: OrdMap<String, OrderId>,
}

impl Links {
    /// The link of an order.
    #[must_use]
    pub fn of_order(&self, order: OrderId) -> Option<&Link> {
        self.by_order.get(&order)
    }

    /// The link to a subscription that the processor knows by this id.
    #[must_use]
    pub fn of_processor(&self, processor_subscription_id: &str) -> Option<&Link> {
        self.by_processor_id.get(processor_subscription_id).and_then(|id| self.of_order(*id))
    }

    /// The link of one of our subscriptions.
    #[must_use]
    pub fn of(&self, subscription: SubscriptionId) -> Option<&Link> {
        self.by_order.values().find(|link| link.subscription_id == Some(subscription))
    }

    pub(super) fn linked(&mut self, linked: &SubscriptionLinked) {
        let (order_id, subscription_id) = (linked.order_id, linked.subscription_id);
        let run_by = linked.run_by.clone();
        self.by_processor_id.insert(run_by.processor_subscription_id.clone(), order_id);
        self.by_order.insert(order_id, Link { order_id, run_by, subscription_id, word: None });
    }

    pub(super) fn begun(&mut self, activated: &SubscriptionActivated) {
        if let Some(link) = self.by_order.get_mut(&activated.order_id) {
            link.subscription_id = Some(activated.subscription_id);
        }
    }

    pub(super) fn followed(&mut self, followed: &SubscriptionFollowed) {
        if let Some(link) = self.by_order.get_mut(&followed.order_id) {
            link.word = Some(Arc::new(followed.clone()));
        }
    }
}
