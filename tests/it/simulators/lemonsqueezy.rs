//! A Lemon Squeezy on a socket: its checkouts, subscriptions, refunds, lists and webhooks, in the
//! JSON that it speaks, with the faults of a bad day on demand.

mod books;
mod shapes;
mod webhooks;
mod wire;

use std::sync::{Arc, Mutex, MutexGuard};

use daybook::{
    processors::lemonsqueezy::{Settings, variants::Variants},
    signing::Secret,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use self::books::Books;
#[expect(unused_imports, reason = "what the simulator gives to whoever tests with it")]
pub(crate) use self::{
    books::{Paid, Variant},
    shapes::{RefusalShape, Tax},
    webhooks::{Delivery, Disorder, disordered},
};

/// The key that is let in.
pub(crate) const KEY: &str = "ls_test_key";
/// The secret that signs webhooks.
pub(crate) const SECRET: &str = "ls_signing_secret";

/// What goes wrong with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is done, and the connection closes without an answer.
    DoneUnanswered,
    /// The connection closes, and nothing is done.
    Undone,
    /// It is done, and the answer is a gateway's error.
    DoneBadGateway,
    /// Nothing is done, and the answer is an error.
    Error,
    /// Nothing is done: too many requests, with the seconds to wait where they are said.
    Busy(Option<u32>),
    /// It is done, and the JSON of the answer is cut.
    Truncated,
    /// It is done, and the answer comes byte by byte.
    Slow,
    /// It is done, and the answer never comes while the other side waits.
    Hangs,
    /// It is refused, with this status.
    Refused(u16),
}

/// Which request a fault waits for.
#[derive(Debug, Clone)]
struct Planned {
    method: &'static str,
    path_has: &'static str,
    fault: Fault,
}

/// A request as it came.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) body: Value,
}

/// Everything behind the socket.
#[derive(Debug)]
struct Inside {
    books: Books,
    planned: Vec<Planned>,
    unreliable: Option<(ChaCha8Rng, u32)>,
    refuses_in: RefusalShape,
    seen: Vec<Seen>,
}

impl Inside {
    /// The fault that a request meets: the first that is planned for it, else by chance.
    fn fault(&mut self, method: &str, path: &str) -> Option<Fault> {
        let matching = |it: &Planned| it.method == method && path.contains(it.path_has);
        if let Some(index) = self.planned.iter().position(matching) {
            return Some(self.planned.remove(index).fault);
        }
        const BY_CHANCE: [Fault; 6] = [
            Fault::DoneUnanswered,
            Fault::Undone,
            Fault::DoneBadGateway,
            Fault::Error,
            Fault::Busy(None),
            Fault::Truncated,
        ];
        let (rng, percent) = self.unreliable.as_mut()?;
        let strikes = rng.random_range(0..100) < *percent;
        strikes.then(|| BY_CHANCE[rng.random_range(0..BY_CHANCE.len())])
    }
}

/// The simulator. What is asked of it here happens at Lemon Squeezy's own side.
#[derive(Debug, Clone)]
pub(crate) struct LemonSqueezy {
    url: String,
    inside: Arc<Mutex<Inside>>,
}

impl LemonSqueezy {
    /// It, at 1 April 2026, with 20 % of tax on top.
    pub(crate) async fn start() -> Self {
        let inside = Inside {
            books: Books::new("2026-04-01T00:00:00Z".parse().unwrap(), SECRET),
            planned: Vec::new(),
            unreliable: None,
            refuses_in: RefusalShape::JsonApi,
            seen: Vec::new(),
        };
        let inside = Arc::new(Mutex::new(inside));
        let url = wire::serve(inside.clone()).await;
        Self { url, inside }
    }

    /// How it is reached, for a ledger that sells `pro` and `max` there.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            api_key: KEY.to_owned(),
            store_id: "1".to_owned(),
            signing_secrets: vec![Secret::new(SECRET)],
            base_url: self.url.clone(),
            currency: daybook_events::Currency::USD,
            variants: Variants::parse("pro/monthly=20,max/monthly=21,pro/yearly=22").unwrap(),
        }
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap()
    }

    fn books<T>(&self, what: impl FnOnce(&mut Books) -> T) -> T {
        what(&mut self.inside().books)
    }

    // --- its clock, its rules and its faults -----------------------------------------------------

    pub(crate) fn at(&self, instant: &str) {
        self.books(|books| books.now = instant.parse().unwrap());
    }

    pub(crate) fn tax(&self, tax: Tax) {
        self.books(|books| books.tax = tax);
    }

    pub(crate) fn discount(&self, code: &str, percent: i64) {
        self.books(|books| books.discounts.insert(code.to_owned(), percent));
    }

    /// Payments are `PayPal`'s from now on.
    pub(crate) fn pays_by_paypal(&self) {
        self.books(|books| books.paypal = true);
    }

    /// The next request of this method whose path has this in it meets a fault.
    pub(crate) fn plan(&self, method: &'static str, path_has: &'static str, fault: Fault) {
        self.inside().planned.push(Planned { method, path_has, fault });
    }

    /// From now on a percentage of requests meets some fault, the same ones for the same seed.
    pub(crate) fn unreliable(&self, seed: u64, percent: u32) {
        let rng = ChaCha8Rng::seed_from_u64(seed);
        self.inside().unreliable = (percent > 0).then_some((rng, percent));
    }

    pub(crate) fn refuses_in(&self, shape: RefusalShape) {
        self.inside().refuses_in = shape;
    }

    // --- what customers and people do there ------------------------------------------------------

    /// A customer pays a checkout.
    pub(crate) fn pay(&self, checkout: &str) -> Paid {
        self.books(|books| books.pay(checkout))
    }

    /// A subscription comes to its renewal and is paid: the new invoice.
    pub(crate) fn renew(&self, subscription: &str) -> String {
        self.books(|books| books.renew(subscription))
    }

    /// A renewal is not paid: the invoice that waits.
    pub(crate) fn fail(&self, subscription: &str) -> String {
        self.books(|books| books.fail(subscription))
    }

    /// An invoice that waited is paid.
    pub(crate) fn recover(&self, invoice: &str) {
        self.books(|books| books.recover(invoice));
    }

    pub(crate) fn expire(&self, subscription: &str) {
        self.books(|books| books.becomes(subscription, "expired", "subscription_expired"));
    }

    pub(crate) fn pause(&self, subscription: &str) {
        self.books(|books| books.becomes(subscription, "paused", "subscription_paused"));
    }

    pub(crate) fn unpause(&self, subscription: &str) {
        self.books(|books| books.becomes(subscription, "active", "subscription_unpaused"));
    }

    /// Somebody refunds on its dashboard, such as `orders/1`.
    pub(crate) fn refund_by_hand(&self, payment: &str, cents: i64) {
        let (kind, id) = payment.split_once('/').unwrap();
        let attributes = serde_json::json!({ "amount": cents });
        let body =
            serde_json::json!({ "data": { "type": kind, "id": id, "attributes": attributes } });
        self.books(|books| books.refund(kind, id, &body)).unwrap();
    }

    /// An order turns out to be a fraud.
    pub(crate) fn fraudulent(&self, order: &str) {
        self.books(|books| books.fraudulent(order));
    }

    // --- what can be looked at -------------------------------------------------------------------

    /// An object as it stands, such as `orders/1`.
    pub(crate) fn object(&self, path: &str) -> Value {
        let (kind, id) = path.split_once('/').unwrap();
        self.books(|books| books.read(kind, id)).unwrap()
    }

    /// A sum of an object, in cents.
    pub(crate) fn cents(&self, path: &str, name: &str) -> i64 {
        self.object(path)["attributes"][name].as_i64().unwrap()
    }

    /// Every webhook since this was last asked, in the order of what happened.
    pub(crate) fn webhooks(&self) -> Vec<Delivery> {
        self.books(|books| std::mem::take(&mut books.deliveries))
    }

    /// The requests of a method whose path has this in it.
    pub(crate) fn seen(&self, method: &str, path_has: &str) -> Vec<Seen> {
        let inside = self.inside();
        let seen = inside.seen.iter();
        seen.filter(|it| it.method == method && it.path.contains(path_has)).cloned().collect()
    }
}
