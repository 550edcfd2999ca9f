//! Razorpay, from a checkout to a refund, against a simulator on a socket that fails as real
//! machines do.

mod news;
mod orders;
mod page;
mod protocol;
mod refunds;
mod returns;
mod told;

use daybook::processors::settings::{Preferred, Settings};
use serde_json::Value;

use crate::{
    harness::{Customer, TestApp},
    simulators::razorpay::{Paid, Razorpay},
};

/// A ledger whose orders Razorpay takes.
struct Scene {
    test: TestApp,
    razorpay: Razorpay,
}

impl Scene {
    async fn start() -> Self {
        Self::start_preferring(Preferred::default()).await
    }

    async fn start_preferring(preferred: Preferred) -> Self {
        let razorpay = Razorpay::start().await;
        let settings =
            Settings { razorpay: Some(razorpay.settings()), preferred, ..Settings::default() };
        Self { test: TestApp::start_with_processors(&settings).await, razorpay }
    }

    /// A customer in rupees, and a checkout of 1180.00 INR.
    async fn checkout(&self) -> (Customer, Value) {
        let customer = self.test.customer_in("INR").await;
        let checkout = self.test.checkout(&customer, "pro").await;
        (customer, checkout)
    }

    /// A customer who has paid 1180.00 INR.
    async fn subscriber(&self) -> (Customer, Paid) {
        let (customer, checkout) = self.checkout().await;
        let paid = self.razorpay.pay(order_of(&checkout));
        self.test.confirm(&customer, &paid.json()).await;
        (customer, paid)
    }

    /// How many events of a type there are.
    async fn count(&self, of: &str) -> usize {
        let path = format!("/api/ledger/events?limit=200&type={of}");
        let events = self.test.get(&path, &self.test.super_key).await.ok();
        events["data"].as_array().unwrap().len()
    }
}

/// Razorpay's order of a checkout.
fn order_of(checkout: &Value) -> &str {
    checkout["orderId"].as_str().unwrap()
}
