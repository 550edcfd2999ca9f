//! Razorpay, simulated: its HTTP, its signatures and its webhooks, by its public protocol.
//!
//! Orders have no idempotency here either: whoever creates twice has two. Refunds have it, by a
//! header. Tests pay, authorise, fail and dispute by the methods of [`Razorpay`], as customers and
//! their banks would, and fetch the webhooks to send them in any order.

mod http;
mod messages;
mod shapes;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use daybook::{
    processors::razorpay::Settings,
    signing::{self, Secret},
};
use serde_json::{Value, json};

pub(crate) use self::messages::signed;
use self::shapes::{Dispute, Order, Payment, Refund};
use super::wire::{Faults, Message, Wire};

const KEY_ID: &str = "rzp_test_simulated";
const KEY_SECRET: &str = "simulated-key-secret";
const WEBHOOK_SECRET: &str = "simulated-webhook-secret";

/// What a customer's browser brings back.
#[derive(Debug, Clone)]
pub(crate) struct Paid {
    pub(crate) payment_id: String,
    pub(crate) order_id: String,
    pub(crate) signature: String,
}

impl Paid {
    /// As Razorpay's form.
    pub(crate) fn form(&self) -> Vec<u8> {
        let Self { payment_id, order_id, signature } = self;
        let form = [
            ("razorpay_payment_id", payment_id),
            ("razorpay_order_id", order_id),
            ("razorpay_signature", signature),
        ];
        let mut text = form_urlencoded::Serializer::new(String::new());
        text.extend_pairs(form).finish().into_bytes()
    }

    /// As the processor dialect's confirm call takes it.
    pub(crate) fn json(&self) -> Value {
        let Self { payment_id, order_id, signature } = self;
        json!({
            "paymentId": payment_id, "orderId": order_id, "signature": signature,
        })
    }
}

/// Everything that it keeps.
#[derive(Default)]
struct Books {
    /// Its clock, in seconds; each thing that is made moves it by one.
    now: i64,
    orders: BTreeMap<String, Order>,
    payments: BTreeMap<String, Payment>,
    refunds: BTreeMap<String, Refund>,
    disputes: BTreeMap<String, Dispute>,
    /// Refunds by idempotency key, with the body that the key came with.
    keys: BTreeMap<String, (Vec<u8>, String)>,
    /// Keys of which another request is not over.
    in_progress: BTreeSet<String>,
    /// Whether nobody's key is taken.
    locked_out: bool,
    /// Whether refunds take their time.
    slow_refunds: bool,
    messages: Vec<Message>,
    sent: u32,
}

impl Books {
    /// A new id, and the second at which what it names is made.
    fn mint(&mut self, prefix: &str) -> (String, i64) {
        self.now += 1;
        (format!("{prefix}{:014}", self.now), self.now)
    }
}

/// Razorpay without its socket.
struct Simulator {
    books: Mutex<Books>,
}

/// Razorpay, served.
pub(crate) struct Razorpay {
    simulator: Arc<Simulator>,
    wire: Wire,
}

impl Razorpay {
    pub(crate) async fn start() -> Self {
        // The first of May 2026, when tests stand.
        let books = Books { now: 1_777_593_600, ..Books::default() };
        let simulator = Arc::new(Simulator { books: Mutex::new(books) });
        let wire = Wire::serve(simulator.clone()).await;
        Self { simulator, wire }
    }

    /// What a ledger reaches it by.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            key_id: KEY_ID.to_owned(),
            key_secret: KEY_SECRET.to_owned(),
            webhook_secrets: vec![Secret::new(WEBHOOK_SECRET)],
            base_url: self.wire.url.clone(),
        }
    }

    /// The same for a process, in its environment.
    pub(crate) fn environment(&self) -> [(&'static str, String); 4] {
        [
            ("RAZORPAY_KEY_ID", KEY_ID.to_owned()),
            ("RAZORPAY_KEY_SECRET", KEY_SECRET.to_owned()),
            ("RAZORPAY_WEBHOOK_SECRET", WEBHOOK_SECRET.to_owned()),
            ("RAZORPAY_BASE_URL", self.wire.url.clone()),
        ]
    }

    /// The faults to come.
    pub(crate) fn faults(&self) -> &Faults {
        &self.wire.faults
    }

    fn with<T>(&self, what: impl FnOnce(&mut Books) -> T) -> T {
        what(&mut self.simulator.books.lock().unwrap())
    }

    /// Its clock is set, in seconds: what is made from now on is made after that.
    pub(crate) fn stands_at(&self, seconds: i64) {
        self.with(|books| books.now = seconds);
    }

    /// Refunds stay pending until [`Self::settle_refunds`].
    pub(crate) fn refunds_take_their_time(&self) {
        self.with(|books| books.slow_refunds = true);
    }

    /// A customer pays: authorised and captured at once. Twice is possible, as by two open windows.
    pub(crate) fn pay(&self, order: &str) -> Paid {
        let paid = self.authorise(order);
        self.with(|books| books.capture(&paid.payment_id));
        paid
    }

    /// A customer pays, and nobody has captured it yet.
    pub(crate) fn authorise(&self, order: &str) -> Paid {
        let payment_id = self.with(|books| {
            let id = books.attempt(order);
            books.authorise(&id);
            id
        });
        self.brings(order, payment_id)
    }

    /// A customer tries, and the bank does not answer in time: the payment.
    pub(crate) fn fail(&self, order: &str) -> String {
        self.with(|books| {
            let id = books.attempt(order);
            books.fail(&id);
            id
        })
    }

    /// The bank answers after all, and it is captured.
    pub(crate) fn authorise_late(&self, order: &str, payment: &str) -> Paid {
        self.with(|books| {
            books.authorise(payment);
            books.capture(payment);
        });
        self.brings(order, payment.to_owned())
    }

    fn brings(&self, order: &str, payment_id: String) -> Paid {
        let signed = format!("{order}|{payment_id}");
        let signature = signing::hex(&Secret::new(KEY_SECRET), signed.as_bytes());
        Paid { payment_id, order_id: order.to_owned(), signature }
    }

    /// Somebody refunds in Razorpay's dashboard.
    pub(crate) fn refund_outside(&self, payment: &str, amount: i64) -> String {
        self.with(|books| books.refund(payment, amount, None))
    }

    /// Another request under an idempotency key has begun, or is over.
    pub(crate) fn in_progress(&self, key: &str, begun: bool) {
        self.with(|books| match begun {
            true => drop(books.in_progress.insert(key.to_owned())),
            false => drop(books.in_progress.remove(key)),
        });
    }

    /// Idempotency keys are not kept for ever.
    pub(crate) fn forgets_keys(&self) {
        self.with(|books| books.keys.clear());
    }

    /// Whether the key that the ledger has is taken.
    pub(crate) fn takes_its_key(&self, takes: bool) {
        self.with(|books| books.locked_out = !takes);
    }

    /// Asks it directly, as an adapter with a fault would: the answer, where one came.
    pub(crate) async fn post(&self, path: &str, key: &str, body: &Value) -> Option<Value> {
        let url = format!("{}{path}", self.wire.url);
        let mut request = reqwest::Client::new().post(url).basic_auth(KEY_ID, Some(KEY_SECRET));
        if !key.is_empty() {
            request = request.header("x-refund-idempotency", key);
        }
        request.json(body).send().await.ok()?.json().await.ok()
    }

    /// What is pending is decided.
    pub(crate) fn settle_refunds(&self, status: &'static str) {
        self.with(|books| {
            let ids: Vec<_> = books.refunds.keys().cloned().collect();
            ids.iter().for_each(|id| books.settle(id, status));
        });
    }

    /// The bank sends back what had arrived of every refund of a payment.
    pub(crate) fn refunds_come_back(&self, payment: &str) {
        self.with(|books| {
            let of_payment = books.refunds.values().filter(|it| it.payment_id == payment);
            let ids: Vec<_> = of_payment.map(|it| it.id.clone()).collect();
            ids.iter().for_each(|id| books.come_back(id));
        });
    }

    /// A bank wants a payment back.
    pub(crate) fn dispute(&self, payment: &str) -> String {
        self.with(|books| books.dispute(payment))
    }

    /// A dispute is decided: `won`, `lost`, `closed`.
    pub(crate) fn decide(&self, dispute: &str, status: &'static str) {
        self.with(|books| books.decide(dispute, status));
    }

    /// The messages since the last time, in the order in which things happened.
    pub(crate) fn webhooks(&self) -> Vec<Message> {
        self.with(|books| std::mem::take(&mut books.messages))
    }

    /// The orders of a receipt: their ids and amounts.
    pub(crate) fn orders_of(&self, receipt: &str) -> Vec<(String, i64, String)> {
        self.with(|books| {
            let orders = books.orders.values().filter(|it| it.receipt == receipt);
            orders.map(|it| (it.id.clone(), it.amount, it.currency.clone())).collect()
        })
    }

    /// How many refunds of a payment did not fail, and their sum.
    pub(crate) fn refunded(&self, payment: &str) -> (usize, i64) {
        self.with(|books| {
            let refunds = books.refunds.values();
            let sent = refunds.filter(|it| it.payment_id == payment && it.status != "failed");
            sent.fold((0, 0), |(count, sum), it| (count + 1, sum + it.amount))
        })
    }

    /// A payment's status.
    pub(crate) fn status_of(&self, payment: &str) -> &'static str {
        self.with(|books| books.payments[payment].status)
    }
}
