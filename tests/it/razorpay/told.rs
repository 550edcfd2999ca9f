//! What Razorpay's messages bring about in the ledger, whatever their order and however often they
//! come, and what the reconciler brings where none came.

use std::collections::BTreeMap;

use chrono::{TimeDelta, Utc};
use daybook::settlement::{apply::Mode, reconcile, worker};

use super::{Scene, order_of};
use crate::{
    harness::Customer,
    simulators::{
        razorpay::signed,
        wire::{Message, shuffled},
    },
};

impl Scene {
    /// Customers who paid, each in another way: twelve, with what they were asked to pay.
    async fn payers(&self) -> Vec<Customer> {
        let mut customers = Vec::new();
        for nth in 0..12 {
            let (customer, checkout) = self.checkout().await;
            let order = order_of(&checkout);
            match nth % 4 {
                0 => drop(self.razorpay.pay(order)),
                // The bank answers late.
                1 => {
                    let payment = self.razorpay.fail(order);
                    self.razorpay.authorise_late(order, &payment);
                }
                // Nobody has captured it: the ledger does.
                2 => drop(self.razorpay.authorise(order)),
                // The browser comes back before any message does.
                _confirmed => {
                    let paid = self.razorpay.pay(order);
                    self.test.confirm(&customer, &paid.json()).await;
                }
            }
            customers.push(customer);
        }
        customers
    }

    pub(super) async fn send(&self, messages: &[Message]) -> BTreeMap<u16, usize> {
        let url = format!("{}/webhooks/razorpay", self.test.url);
        let mut statuses = BTreeMap::new();
        for message in messages {
            *statuses.entry(message.send(&self.test.client, &url).await).or_default() += 1;
        }
        statuses
    }

    /// Lets the worker read until nothing is left that time would help.
    pub(super) async fn read(&self) {
        for hours in 0..6 {
            let at = Utc::now() + TimeDelta::hours(hours);
            while worker::round(&self.test.app, at).await.unwrap() > 0 {}
        }
    }

    /// Everybody has paid, once.
    async fn all_paid(&self, customers: &[Customer]) {
        self.test.settle().await;
        for customer in customers {
            let me = self.test.get("/api/billing/subscription/me", &customer.key).await.ok();
            assert_eq!(me["status"], "active");
        }
        let booked = self.count("payment.captured").await;
        assert_eq!((booked, self.count("invoice.paid").await), (12, 12));
        // The 23.60 that Razorpay kept of each, and 4.24 of tax on it.
        assert_eq!(self.count("payment.fee_charged").await, 12);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_in_any_order_however_often_book_each_payment_once_and_forged_ones_nothing() {
    let scene = Scene::start().await;
    let customers = scene.payers().await;
    let told = scene.razorpay.webhooks();
    let before = scene.test.log_position().await;
    let forged: Vec<_> = told
        .iter()
        .flat_map(|message| {
            let foreign = signed("evt_x", message.body.clone(), "another-secret");
            [message.clone().with_a_byte_changed(), message.clone().written_anew(), foreign]
        })
        .collect();
    assert_eq!(scene.send(&forged).await, [(400, forged.len())].into());
    scene.read().await;
    assert_eq!(scene.test.log_position().await, before, "nothing forged is booked");

    let all = shuffled(&told, 3, 7);
    assert_eq!(scene.send(&all).await, [(200, all.len())].into());
    scene.read().await;
    // What the worker has captured is told as well.
    let more = scene.razorpay.webhooks();
    assert_eq!(more.len(), 6, "payment.captured and order.paid of three");
    scene.send(&more).await;
    scene.read().await;
    scene.all_paid(&customers).await;
    let position = scene.test.log_position().await;
    scene.send(&shuffled(&told, 1, 8)).await;
    scene.read().await;
    assert_eq!(scene.test.log_position().await, position, "a year later they are known");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_message_comes_the_reconciler_asks_and_books_the_same() {
    let scene = Scene::start().await;
    let customers = scene.payers().await;
    let at = scene.test.clock.now().plus_days(1).utc();
    for _ in 0..2 {
        reconcile::run(&scene.test.app, at, Mode::Append).await.unwrap();
    }
    scene.all_paid(&customers).await;
}
