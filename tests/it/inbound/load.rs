//! What happens at the processors, and the messages that tell of it; and what the net and forgers
//! make of these.

use daybook::signing::{self, Secret};
use daybook_events::{Currency, Money};
use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use reqwest::Client;
use serde_json::json;

use super::twins::{LEMON_SQUEEZY, Ordered, RAZORPAY, Twins};
use crate::{harness::TestApp, simulators::lemonsqueezy};

/// A message as it is delivered.
#[derive(Debug, Clone)]
pub(super) struct Delivery {
    pub(super) processor: &'static str,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
    pub(super) genuine: bool,
}

impl Delivery {
    /// Delivers it: the status and the code of the answer.
    pub(super) async fn send(&self, test: &TestApp) -> (u16, String) {
        self.send_by(&test.client, test).await
    }

    /// Delivers it by some client.
    pub(super) async fn send_by(&self, client: &Client, test: &TestApp) -> (u16, String) {
        let url = format!("{}/webhooks/{}", test.url, self.processor);
        let mut request = client.post(url).body(self.body.clone());
        for (name, text) in &self.headers {
            request = request.header(*name, text);
        }
        let answer = request.send().await.unwrap();
        let code = answer.headers().get("daybook-error");
        let code = code.map(|code| code.to_str().unwrap().to_owned()).unwrap_or_default();
        (answer.status().as_u16(), code)
    }

    /// Its signature, to be spoilt.
    pub(super) fn signature(&mut self) -> &mut String {
        let mut headers = self.headers.iter_mut();
        &mut headers.find(|(name, _)| name.ends_with("-signature")).unwrap().1
    }

    /// It under another secret, in another state, or with less of a signature: never the
    /// processor's, though its bytes may be.
    pub(super) fn forged(&self, how: usize) -> Self {
        let mut forged = Self { genuine: false, ..self.clone() };
        match how % 5 {
            0 => {
                // Money that nobody paid, under a secret that was guessed.
                let text = String::from_utf8(forged.body).unwrap();
                forged.body = text.replace("pay_", "pay_F").into_bytes();
                *forged.signature() = signing::hex(&Secret::new("guessed"), &forged.body);
            }
            1 => {
                let nth = forged.body.iter().position(u8::is_ascii_digit).unwrap();
                forged.body[nth] ^= 1;
            }
            2 => forged.signature().truncate(40),
            3 => {
                let value: serde_json::Value = serde_json::from_slice(&forged.body).unwrap();
                forged.body = serde_json::to_vec_pretty(&value).unwrap();
            }
            _ => forged.headers.retain(|(name, _)| !name.ends_with("-signature")),
        }
        forged
    }
}

impl Twins {
    /// The messages since the last time, in the order of what happened at each processor.
    pub(super) fn told(&self) -> Vec<Delivery> {
        let (processor, genuine) = (RAZORPAY, true);
        let razorpay = self.razorpay.webhooks().into_iter();
        let razorpay =
            razorpay.map(|it| Delivery { processor, headers: it.headers, body: it.body, genuine });
        let processor = LEMON_SQUEEZY;
        let lemon = self.lemon.webhooks().into_iter();
        let lemon =
            lemon.map(|it| Delivery { processor, headers: it.headers, body: it.body, genuine });
        razorpay.chain(lemon).collect()
    }

    /// One customer of Razorpay and whatever happens to the payment, by the number of the customer.
    pub(super) async fn lives_at_razorpay(&mut self, nth: usize) {
        let ordered = self.orders(Currency::INR, RAZORPAY).await;
        let order = ordered.at_processor.as_str();
        if nth % 8 == 1 {
            let failed = self.razorpay.fail(order);
            self.razorpay.authorise_late(order, &failed);
            self.razorpay.refund_outside(&failed, 118_000);
            return;
        }
        if nth % 8 == 5 {
            self.razorpay.fail(order);
            self.razorpay.fail(order);
        }
        let paid = self.razorpay.pay(order).payment_id;
        match nth % 8 {
            0 => {
                self.razorpay.refund_outside(&paid, 40_000);
                self.razorpay.refund_outside(&paid, 30_001);
            }
            2 => self.razorpay.decide(&self.razorpay.dispute(&paid), "lost"),
            3 => self.razorpay.decide(&self.razorpay.dispute(&paid), "won"),
            4 => drop(self.razorpay.pay(order)),
            6 => {
                self.confirms(&ordered, &paid).await;
                let amount = Money::from_minor(20_000, Currency::INR).unwrap();
                self.refunds(ordered.account, amount).await;
                if nth % 16 == 6 {
                    self.razorpay.refunds_come_back(&paid);
                }
            }
            7 => {
                self.razorpay.refund_outside(&paid, 50_000);
                self.razorpay.decide(&self.razorpay.dispute(&paid), "closed");
            }
            _paid => {}
        }
    }

    /// One customer who buys at Lemon Squeezy.
    pub(super) async fn buys_at_lemon_squeezy(&mut self) -> (Ordered, lemonsqueezy::Paid) {
        let ordered = self.orders(Currency::USD, LEMON_SQUEEZY).await;
        let paid = self.lemon.pay(&ordered.at_processor);
        (ordered, paid)
    }

    /// What happens to these subscriptions in the weeks after their first renewal. Never two things
    /// at one instant: news of a subscription is told apart by it.
    pub(super) async fn lives_at_lemon_squeezy(&self, bought: &[lemonsqueezy::Paid]) {
        let adapter = self.orderly.app.processors.named(LEMON_SQUEEZY).unwrap();
        let every = |kind: usize| bought.iter().skip(kind).step_by(6);
        let mut waiting = Vec::new();
        for (nth, it) in bought.iter().enumerate() {
            let invoice = match nth % 6 {
                1 => {
                    waiting.push(self.lemon.fail(&it.subscription));
                    continue;
                }
                _ => self.lemon.renew(&it.subscription),
            };
            if nth % 6 == 0 {
                let invoice = format!("subscription-invoices/{invoice}");
                self.lemon.at("2026-06-02T00:00:00Z");
                self.lemon.refund_by_hand(&invoice, 600);
                self.lemon.refund_by_hand(&invoice, 601);
            }
        }
        self.lemon.at("2026-06-03T00:00:00Z");
        waiting.iter().for_each(|invoice| self.lemon.recover(invoice));
        every(2).for_each(|it| self.lemon.pause(&it.subscription));
        for it in every(3) {
            adapter.cancel(&it.subscription).await.unwrap();
        }
        self.lemon.at("2026-06-04T00:00:00Z");
        every(2).for_each(|it| self.lemon.unpause(&it.subscription));
        every(4).for_each(|it| self.lemon.expire(&it.subscription));
        for it in every(5) {
            self.lemon.refund_by_hand(&format!("orders/{}", it.order), 500);
            self.lemon.refund_by_hand(&format!("orders/{}", it.order), 700);
        }
    }
}

/// News of Razorpay's that the ledger does not know.
pub(super) fn unheard_of(nth: usize, twins: &Twins) -> Delivery {
    let body = json!({ "entity": "event", "event": "payment.downtime.started",
        "payload": { "created_at": nth }, "created_at": nth });
    let body = body.to_string().into_bytes();
    let secret = &twins.razorpay.settings().webhook_secrets[0];
    let headers = vec![
        ("x-razorpay-signature", signing::hex(secret, &body)),
        ("x-razorpay-event-id", format!("evt_unheard{nth}")),
    ];
    Delivery { processor: RAZORPAY, headers, body, genuine: true }
}

/// How a bad day brings messages: each three times, shuffled, five in a hundred of the deliveries
/// a day after all others, one in a hundred forged: those of the day, and those of the day after.
pub(super) fn bad_day(messages: &[Delivery], seed: u64) -> (Vec<Delivery>, Vec<Delivery>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut day: Vec<_> = messages.iter().flat_map(|it| [it, it, it]).cloned().collect();
    for how in 0..day.len() / 100 {
        day.push(messages[rng.random_range(0..messages.len())].forged(how));
    }
    day.shuffle(&mut rng);
    let after = day.split_off(day.len() - day.len() / 20);
    (day, after)
}
