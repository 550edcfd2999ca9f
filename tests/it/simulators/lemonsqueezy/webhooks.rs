//! The webhooks of the simulated Lemon Squeezy, and what the net does to them.

use daybook::signing::{self, Secret};
use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

/// One message, as it is delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) event: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether Lemon Squeezy sent it.
    pub(crate) genuine: bool,
}

impl Delivery {
    pub(crate) fn signed(event: &str, body: &Value, secret: &str) -> Self {
        let body = body.to_string().into_bytes();
        let signature = signing::hex(&Secret::new(secret.as_bytes()), &body);
        let headers = vec![
            ("content-type", "application/json".to_owned()),
            ("x-event-name", event.to_owned()),
            ("x-signature", signature),
        ];
        Self { event: event.to_owned(), headers, body, genuine: true }
    }

    /// The same message with one byte changed, and its signature as it was.
    pub(crate) fn forged(&self, at: usize) -> Self {
        let mut body = self.body.clone();
        let at = at % body.len();
        body[at] ^= 1;
        Self { body, genuine: false, ..self.clone() }
    }
}

/// How deliveries are disturbed, in percent of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Disorder {
    /// How often each comes.
    pub(crate) times: usize,
    /// How many come after everything else.
    pub(crate) late: u32,
    /// How many are joined by a forged one.
    pub(crate) forged: u32,
}

/// Deliveries as a bad day brings them, the same for the same seed: repeated, shuffled, some after
/// all others, and forged ones among them.
pub(crate) fn disordered(deliveries: &[Delivery], seed: u64, disorder: Disorder) -> Vec<Delivery> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut now, mut late) = (Vec::new(), Vec::new());
    for delivery in deliveries {
        for _ in 0..disorder.times {
            let side = if rng.random_range(0..100) < disorder.late { &mut late } else { &mut now };
            side.push(delivery.clone());
        }
        if rng.random_range(0..100) < disorder.forged {
            now.push(delivery.forged(rng.random_range(0..delivery.body.len())));
        }
    }
    now.shuffle(&mut rng);
    late.shuffle(&mut rng);
    now.extend(late);
    now
}
