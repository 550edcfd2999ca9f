//! Two ledgers with the same customers and the same orders, behind the same simulated processors:
//! what one of them is told in order and once, the other may be told in any way.

use std::sync::Arc;

use daybook::{
    processors::{Checkout, lemonsqueezy, razorpay, settings::Settings},
    settlement::refund,
};
use daybook_events::{
    Currency, Origin, Recorded,
    commands::{Command, ConfirmPayment, OpenAccount, PlaceOrder, RequestRefund, StartCheckout},
    event::{AccountEvent, Event, OrderEvent, OrderPlaced, PaymentEvent},
    ids::{AccountId, Id},
    money::Money,
    period::Cycle,
    personal::{Party, Personal},
    store::Request,
};
use uuid::Uuid;

use crate::{
    harness::TestApp,
    simulators::{lemonsqueezy::LemonSqueezy, razorpay::Razorpay},
};

/// An order of both ledgers, at a processor.
pub(super) struct Ordered {
    pub(super) account: AccountId,
    pub(super) at_processor: String,
}

pub(super) struct Twins {
    /// Hears of everything once, in the order in which it happened.
    pub(super) orderly: TestApp,
    /// Hears of it in any other way.
    pub(super) other: TestApp,
    pub(super) razorpay: Razorpay,
    pub(super) lemon: LemonSqueezy,
    asked: u128,
}

impl Twins {
    pub(super) async fn start() -> Self {
        let (razorpay, lemon) = (Razorpay::start().await, LemonSqueezy::start().await);
        lemon.at("2026-05-01T00:00:00Z");
        let settings = Settings {
            razorpay: Some(razorpay.settings()),
            lemonsqueezy: Some(lemon.settings()),
            ..Settings::default()
        };
        let orderly = TestApp::start_with_processors(&settings).await;
        let other = TestApp::start_with_processors(&settings).await;
        Self { orderly, other, razorpay, lemon, asked: 0 }
    }

    /// Asks both, with one seed: the same ids come about.
    async fn ask(&mut self, command: impl Into<Command>) -> Vec<Arc<Recorded>> {
        self.asked += 1;
        let (command, seed) = (command.into(), Uuid::from_u128(self.asked));
        let mut answers = Vec::new();
        for test in [&self.orderly, &self.other] {
            let request = Request::new(command.clone(), Origin::default(), seed);
            answers.push(test.app.submit(request).await.unwrap().events);
        }
        let types = |events: &[Arc<Recorded>]| {
            events.iter().map(|it| it.event.payload()).collect::<Vec<_>>()
        };
        assert_eq!(types(&answers[0]).len(), types(&answers[1]).len());
        answers.remove(0)
    }

    /// A new customer who has a checkout for `pro`.
    pub(super) async fn orders(&mut self, currency: Currency, processor: &str) -> Ordered {
        let account_id = AccountId::from_uuid(Uuid::from_u128(0x00AC_0000 + self.asked));
        let billing = Personal(Party { name: "Ada".into(), ..Party::default() });
        let zone = chrono_tz::UTC;
        self.ask(OpenAccount { account_id, external_id: None, currency, zone, billing }).await;
        let merchant = self.orderly.app.processors.named(processor).unwrap().merchant();
        let placed = self.ask(PlaceOrder {
            account_id,
            plan: "pro".to_owned(),
            cycle: Cycle::Monthly,
            price: None,
            coupon: None,
            merchant_of_record: merchant.map(str::to_owned),
        });
        let placed = order_of(&placed.await);
        let checkout = Checkout {
            order_id: placed.order_id,
            number: "1".to_owned(),
            amount: placed.amount,
            plan: placed.plan,
            coupon: None,
            email: None,
            name: None,
            expires_at: None,
            success_url: None,
            asked_before: false,
        };
        let at = self.orderly.app.processors.named(processor).unwrap();
        let at_processor = at.start(&checkout).await.unwrap().processor_order_id;
        let start = StartCheckout {
            account_id,
            order_id: checkout.order_id,
            processor: processor.to_owned(),
            processor_order_id: at_processor.clone(),
            returns: Default::default(),
            merchant_of_record: merchant.is_some(),
        };
        self.ask(start).await;
        Ordered { account: account_id, at_processor }
    }

    /// The customer's browser confirms a payment before any message comes.
    pub(super) async fn confirms(&mut self, ordered: &Ordered, payment: &str) {
        let confirm = ConfirmPayment {
            account_id: ordered.account,
            processor_order_id: ordered.at_processor.clone(),
            processor_payment_id: payment.to_owned(),
            amount: None,
            merchant: None,
        };
        self.ask(confirm).await;
    }

    /// A refund that both ledgers ask for, under the same id: the processor sends it once.
    pub(super) async fn refunds(&mut self, account_id: AccountId, amount: Money) {
        let reason = "as agreed".to_owned();
        let refund =
            RequestRefund { account_id, amount: Some(amount), reason, override_policy: true };
        let events = self.ask(refund).await;
        let refund_id = events.iter().find_map(|it| match &it.event {
            Event::Account(AccountEvent::Payment(PaymentEvent::RefundRequested(it))) => {
                Some(it.refund_id)
            }
            _ => None,
        });
        for test in [&self.orderly, &self.other] {
            refund::ask(&test.app, account_id, refund_id.unwrap()).await.unwrap();
        }
    }

    pub(super) async fn settle(&self) {
        self.orderly.settle().await;
        self.other.settle().await;
    }
}

fn order_of(events: &[Arc<Recorded>]) -> OrderPlaced {
    let placed = events.iter().find_map(|it| match &it.event {
        Event::Account(AccountEvent::Order(OrderEvent::OrderPlaced(placed))) => Some(placed),
        _ => None,
    });
    placed.unwrap().clone()
}

pub(super) const RAZORPAY: &str = razorpay::NAME;
pub(super) const LEMON_SQUEEZY: &str = lemonsqueezy::NAME;
