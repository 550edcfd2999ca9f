//! A subscription that a merchant of record sells and runs: commands with good defaults, as its
//! news bring them.

use super::{Given, asking::*, histories::given_account};
use crate::{commands::*, envelope::Recorded, ids::OrderId, period::Cycle, time::Timestamp};

/// The merchant's name, as orders carry it.
pub const MERCHANT: &str = "Lemon Squeezy";
/// The same, as checkouts carry it.
pub const MERCHANT_PROCESSOR: &str = "lemonsqueezy";

/// An order for `pro`, monthly, that the merchant is to sell.
#[must_use]
pub fn order_at_merchant() -> PlaceOrder {
    PlaceOrder { merchant_of_record: Some(MERCHANT.into()), ..place_order() }
}

/// The merchant made the subscription `ls_1` out of an order.
#[must_use]
pub fn link(order_id: OrderId) -> LinkSubscription {
    LinkSubscription {
        account_id: account_id(),
        order_id,
        processor: MERCHANT_PROCESSOR.into(),
        processor_subscription_id: "ls_1".into(),
    }
}

/// The merchant took 18.00 for the next period, 3.00 of it tax.
#[must_use]
pub fn renewal(payment: &str, at: &str) -> RenewByProcessor {
    RenewByProcessor {
        account_id: account_id(),
        processor_subscription_id: "ls_1".into(),
        processor_payment_id: payment.into(),
        total: usd("18.00"),
        tax: usd("3.00"),
        reason: ChargeReason::Renewal,
        at: Some(instant(at)),
    }
}

/// The merchant's word on the subscription, on `pro`.
#[must_use]
pub fn word(status: &str, updated_at: &str) -> FollowProcessor {
    FollowProcessor {
        account_id: account_id(),
        processor_subscription_id: "ls_1".into(),
        status: status.into(),
        plan: Some(("pro".into(), Cycle::Monthly)),
        renews_at: None,
        ends_at: None,
        updated_at: instant(updated_at),
    }
}

/// The same, of a subscription that ends.
#[must_use]
pub fn ending_word(status: &str, updated_at: &str, ends_at: &str) -> FollowProcessor {
    FollowProcessor { ends_at: Some(instant(ends_at)), ..word(status, updated_at) }
}

/// The account with an order at the merchant's checkout, `ls_order`.
#[must_use]
#[track_caller]
pub fn given_at_merchant() -> Given {
    let given = given_account().and(order_at_merchant());
    let checkout = given.merchant_checkout();
    given.and(checkout)
}

/// The account with the subscription that the merchant runs, `ls_1`, begun on 1 May 2026.
#[must_use]
#[track_caller]
pub fn given_run_by_merchant() -> Given {
    let given = given_at_merchant();
    let link = link(given.newest_order());
    given.and(link).and(confirm("ls_order", "ls_order_payment"))
}

impl Given {
    /// The merchant's checkout of the newest order.
    #[must_use]
    pub fn merchant_checkout(&self) -> StartCheckout {
        StartCheckout {
            processor: MERCHANT_PROCESSOR.into(),
            merchant_of_record: true,
            ..self.start_checkout("ls_order")
        }
    }

    /// How many events are of a type.
    #[must_use]
    pub fn count(&self, type_name: &str) -> usize {
        let of_type = |recorded: &&Recorded| recorded.event.type_name() == type_name;
        self.events().iter().filter(of_type).count()
    }
}

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}
