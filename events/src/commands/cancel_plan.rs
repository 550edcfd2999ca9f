//! Take a customer's plan away: open orders are cancelled and the live subscription ends now. What
//! is due stays due, and nothing is refunded.

use super::cancel_order::cancel;
use crate::{
    draft::Draft,
    envelope::StreamId,
    event::{EndReason, OrderCancelReason, OrderPurpose, SubscriptionEnded},
    ids::AccountId,
    rejection::Rejection,
};

/// Take a customer's plan away.
#[derive(Debug, Clone)]
pub struct CancelPlan {
    /// Which account.
    pub account_id: AccountId,
}

impl CancelPlan {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let account_id = self.account_id;
        let account = draft.account(account_id)?;
        let mut cancelled = 0;
        for order in account.orders.open() {
            if let OrderPurpose::PayInvoice { .. } = order.purpose {
                continue;
            }
            cancel(draft, &account, order.id, OrderCancelReason::Requested)?;
            cancelled += 1;
        }
        match account.live() {
            None if cancelled > 0 => Ok(()),
            None => Err(Rejection::NoSubscription),
            Some(live) => {
                let (subscription_id, at, reason) = (live.id, draft.now(), EndReason::Withdrawn);
                let service_over = account.invoices.beyond(subscription_id, at);
                let ended = SubscriptionEnded { subscription_id, reason, at, service_over };
                draft.record(StreamId::Account(account_id), ended)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{AccountEvent, Event, SubscriptionEvent as S},
        testing::*,
    };

    fn cancel_plan() -> CancelPlan {
        CancelPlan { account_id: account_id() }
    }

    #[test]
    fn the_customer_cannot_take_it_back() {
        given_subscribed("pro").and(cancel_plan()).when(resume()).rejected("resume_not_possible");
    }

    #[test]
    fn open_orders_are_cancelled_and_the_subscription_ends_now() {
        let given = given_account().and(place_order()).and(place_order());
        given.when(cancel_plan()).recorded(&["order.cancelled", "order.cancelled"]);
        let then = given_subscribed("pro").when(cancel_plan());
        then.recorded(&["subscription.ended"]);
        given_account().when(cancel_plan()).rejected("no_subscription");
        given_subscribed("pro").and(cancel_plan()).when(cancel_plan()).rejected("no_subscription");
    }

    /// How many invoices the newest end or change leaves without service.
    fn left_without(given: &Given) -> usize {
        given.last(|event| match event {
            Event::Account(AccountEvent::Subscription(S::SubscriptionEnded(it))) => {
                Some(it.service_over.len())
            }
            Event::Account(AccountEvent::Subscription(S::PlanChanged(it))) => {
                Some(it.service_over.len())
            }
            _ => None,
        })
    }

    #[test]
    fn an_end_for_good_names_each_running_invoice_once() {
        let given = given_subscribed("pro").at("2026-05-11T12:00:00Z");
        assert_eq!(left_without(&given.clone().and(cancel_plan())), 1);
        assert_eq!(left_without(&given.clone().and(crate::testing::cancel(false))), 0);
        let run = given_run_by_merchant().and(crate::testing::cancel(false));
        assert_eq!(left_without(&run), 1, "a processor does not bring it back");
        let changed = given.and(change_plan("enterprise_lite"));
        assert_eq!(left_without(&changed), 1);
        // The first invoice was named by the change; the end names the second alone.
        assert_eq!(left_without(&changed.and(cancel_plan())), 1);
        let whole = given_subscribed("pro").and(refund(None));
        assert_eq!(left_without(&whole), 0, "nothing is kept of it");
    }

    #[test]
    fn what_is_due_stays_due() {
        let given = given_subscribed("pro").and(change_plan("enterprise_lite"));
        let then = given.clone().when(cancel_plan());
        then.recorded(&["subscription.ended"]);
        given.and(cancel_plan()).when_paid().recorded(&["payment.captured", "invoice.paid"]);
    }
}
