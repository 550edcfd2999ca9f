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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ids::Id, testing::*};

    #[test]
    fn an_order_is_linked_before_or_after_its_payment_and_once() {
        let given = given_at_merchant();
        let linking = link(given.newest_order());
        let before = given.clone().and(linking.clone());
        assert!(before.account().links.of_processor("ls_1").unwrap().subscription_id.is_none());
        let begun = before.clone().and(confirm("ls_order", "p")).account();
        let other_way = given.and(confirm("ls_order", "p")).and(linking.clone()).account();
        for account in [begun, other_way] {
            let live = account.live().unwrap();
            assert_eq!(live.processor().unwrap().processor_subscription_id, "ls_1");
            assert_eq!(account.links.of(live.id).unwrap().subscription_id, Some(live.id));
        }
        before.clone().when(linking.clone()).rejected("subscription_already_linked");
        let another = LinkSubscription { processor_subscription_id: "ls_2".into(), ..linking };
        before.when(another).rejected("subscription_already_linked");
    }

    #[test]
    fn an_order_is_linked_where_it_was_checked_out_only() {
        let order_id = OrderId::from_uuid(uuid::Uuid::nil());
        given_at_merchant().when(link(order_id)).rejected("order_unknown");
        let given = given_account().and(order_at_merchant());
        given.clone().when(link(given.newest_order())).rejected("order_not_at_processor");
        let elsewhere = given_subscribed("pro");
        let link = link(elsewhere.newest_order());
        elsewhere.when(link).rejected("order_not_at_processor");
    }

    #[test]
    fn our_calendar_leaves_it_alone() {
        let given = given_run_by_merchant();
        assert_eq!(given.account().next_due(), None);
        let later = given.at("2027-01-01T00:00:00Z");
        later.clone().when(settle_due()).rejected("nothing_due");
        assert_eq!(later.account().live().unwrap().period_index, 0);
        // Without the link it is renewed here, still without a tax of ours.
        let unlinked = given_at_merchant().and(confirm("ls_order", "p"));
        let then = unlinked.at("2026-06-02T00:00:00Z").when(settle_due());
        then.recorded(&["subscription.renewed", "invoice.issued", "order.placed"]);
        assert_eq!(then.events()[1].number.as_deref(), Some("RC-2026-000002"));
    }
}
