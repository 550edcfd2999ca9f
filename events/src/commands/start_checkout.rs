//! Record that a processor waits for the payment of an order.

use super::{billing, manual_payment::MANUAL};
use crate::{
    account::{Account, Order, OrderStatus},
    draft::Draft,
    envelope::StreamId,
    event::{CheckoutStarted, OrderPurpose},
    ids::{AccountId, OrderId},
    rejection::Rejection,
};

/// Record that a processor waits for the payment of an order: the outcome of asking it.
#[derive(Debug, Clone)]
pub struct StartCheckout {
    /// Which account.
    pub account_id: AccountId,
    /// Which order.
    pub order_id: OrderId,
    /// Which processor.
    pub processor: String,
    /// The processor's own id of the order.
    pub processor_order_id: String,
    /// Where the customer goes to pay, and from there.
    pub returns: Returns,
    /// Whether that processor sells as merchant of record.
    pub merchant_of_record: bool,
}

/// Where a customer goes to pay, and from there, as absolute URLs; the edge has checked them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Returns {
    /// The processor's page, where it has one of its own.
    pub page: Option<String>,
    /// After paying.
    pub success_url: Option<String>,
    /// After giving up.
    pub cancel_url: Option<String>,
}

impl StartCheckout {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let account = draft.account(self.account_id)?;
        let order_id = self.order_id;
        let order = account.orders.get(order_id).ok_or(Rejection::OrderUnknown)?;
        if sold_by_merchant(draft, &account, order)? != self.merchant_of_record {
            return Err(Rejection::CheckoutWrongMerchant { order: order_id });
        }
        match order.status {
            OrderStatus::Paid => Err(Rejection::OrderAlreadyPaid { order: order_id }),
            OrderStatus::Cancelled | OrderStatus::Expired => {
                Err(Rejection::OrderNotOpen { order: order_id })
            }
            // A customer who chose to pay by hand may choose the processor after all.
            OrderStatus::Open
                if order.checkout.as_ref().is_some_and(|it| it.processor != MANUAL) =>
            {
                Err(Rejection::CheckoutAlreadyStarted { order: order_id })
            }
            OrderStatus::Open => {
                let started = CheckoutStarted {
                    order_id,
                    processor: self.processor.clone(),
                    processor_order_id: self.processor_order_id.clone(),
                    amount: order.amount,
                    url: self.returns.page.clone(),
                    success_url: self.returns.success_url.clone(),
                    cancel_url: self.returns.cancel_url.clone(),
                };
                draft.record(StreamId::Account(account.id), started)
            }
        }
    }
}

/// Whether an order is priced for a merchant of record: without our tax. Paid anywhere else it would
/// owe a tax that nobody took; an order with our tax would be taxed twice at a merchant of record.
pub(super) fn sold_by_merchant(
    draft: &Draft,
    account: &Account,
    order: &Order,
) -> Result<bool, Rejection> {
    Ok(match &order.purpose {
        OrderPurpose::Subscribe { quote } => quote.tax.is_by_merchant_of_record(),
        OrderPurpose::PayInvoice { invoice_id, .. } => {
            let invoice = account.invoices.get(*invoice_id);
            invoice.is_some_and(|invoice| invoice.tax.is_by_merchant_of_record())
        }
        OrderPurpose::ChangePlan => match account.live() {
            Some(live) => billing::tax_of(draft, account, live)?.is_by_merchant_of_record(),
            None => false,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ids::Id, testing::*};

    #[test]
    fn an_order_has_one_checkout() {
        let given = given_account().and(place_order());
        let start = given.start_checkout("order_1");
        given.clone().when(start.clone()).recorded(&["checkout.started"]);
        given.clone().and(start.clone()).when(start).rejected("checkout_already_started");
        let unknown = StartCheckout {
            order_id: OrderId::from_uuid(uuid::Uuid::nil()),
            ..given.start_checkout("order_1")
        };
        given.when(unknown).rejected("order_unknown");
    }

    #[test]
    fn where_the_customer_goes_from_the_checkout_is_kept() {
        let given = given_account().and(place_order());
        let returns = Returns {
            page: None,
            success_url: Some("https://panel.example/paid".to_owned()),
            cancel_url: None,
        };
        let given = given.clone().and(StartCheckout { returns, ..given.start_checkout("order_1") });
        let order = given.account().orders.of_processor("order_1").cloned();
        let checkout = order.and_then(|order| order.checkout.clone()).expect("a checkout");
        assert_eq!(checkout.success_url.as_deref(), Some("https://panel.example/paid"));
        assert_eq!(checkout.cancel_url, None);
    }

    #[test]
    fn our_tax_or_the_merchants_and_never_both_or_neither() {
        let wrong = "checkout_wrong_merchant";
        let given = given_account().and(tax_rules("GB", "20", false)).and(order_at_merchant());
        let ordinary = given.start_checkout("order_1");
        given.clone().when(ordinary).rejected(wrong);
        given.clone().when(given.start_manual_checkout("manual")).rejected(wrong);
        given.clone().when(given.confirm_by_hand(None)).rejected(wrong);
        given.clone().when(given.merchant_checkout()).recorded(&["checkout.started"]);
        let taxed = given_account().and(tax_rules("GB", "20", false)).and(place_order());
        taxed.clone().when(taxed.merchant_checkout()).rejected(wrong);
        // The first period after free days is the merchant's too, and so is its open invoice.
        let trial = given_account().and(with_trial("pro", 14)).and(order_at_merchant());
        let billed = trial.at("2026-05-15T00:00:00Z").and(settle_due());
        assert_eq!(billed.account().invoices.iter().last().unwrap().number, "RC-2026-000001");
        let ordinary = billed.start_checkout("order_1");
        billed.clone().when(ordinary).rejected(wrong);
        let checkout = billed.merchant_checkout();
        let linking = link(billed.newest_order());
        let begun = billed.and(checkout).and(linking).and(confirm("ls_order", "first"));
        assert!(begun.account().live().unwrap().processor().is_some());
        assert_eq!(begun.account().next_due(), None);
    }

    #[test]
    fn a_paid_order_needs_no_checkout() {
        let given = given_subscribed("pro");
        let start = given.start_checkout("order_again");
        given.when(start).rejected("order_already_paid");
    }

    #[test]
    fn a_cancelled_order_is_not_checked_out() {
        let given = given_subscribed("pro").and(change_plan("enterprise_lite"));
        let start = given.start_checkout("order_2");
        given.and(change_plan("starter")).when(start).rejected("order_not_open");
    }
}
