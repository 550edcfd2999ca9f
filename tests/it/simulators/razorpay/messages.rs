//! Razorpay's webhooks: an envelope around the entities of an event, signed over its bytes.

use daybook::signing::{self, Secret};
use serde_json::{Map, Value, json};

use super::{Books, WEBHOOK_SECRET};
use crate::simulators::wire::Message;

impl Books {
    /// Keeps a message about a payment, a refund or a dispute, to be fetched by the test.
    pub(super) fn tell(&mut self, event: &str, contains: &[&str], about: &str) {
        let payment = match (self.refunds.get(about), self.disputes.get(about)) {
            (Some(refund), _) => &refund.payment_id,
            (None, Some(dispute)) => &dispute.payment_id,
            (None, None) => about,
        };
        let payment = &self.payments[payment];
        let payload = contains.iter().map(|name| {
            let entity = match *name {
                "payment" => payment.json(),
                "order" => self.orders[&payment.order_id].json(),
                "refund" => self.refunds[about].json(),
                "dispute" => self.disputes[about].json(),
                other => panic!("{other}"),
            };
            ((*name).to_owned(), json!({ "entity": entity }))
        });
        let payload: Map<String, Value> = payload.collect();
        let body = json!({
            "entity": "event", "account_id": "acc_SIMULATED00001", "event": event,
            "contains": contains, "payload": payload, "created_at": self.now,
        });
        self.sent += 1;
        let id = format!("evt_{:014}", self.sent);
        self.messages.push(signed(&id, body.to_string().into_bytes(), WEBHOOK_SECRET));
    }
}

/// A message under a secret, which need not be the right one.
pub(crate) fn signed(event_id: &str, body: Vec<u8>, secret: &str) -> Message {
    let signature = signing::hex(&Secret::new(secret), &body);
    let headers = vec![
        ("content-type", "application/json".to_owned()),
        ("x-razorpay-signature", signature),
        ("x-razorpay-event-id", event_id.to_owned()),
    ];
    Message { headers, body }
}
