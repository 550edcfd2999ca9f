//! What Razorpay's webhooks say.
//!
//! The envelope names an event and carries the entities that it contains. What has happened is read
//! from the event's name and the entity's `status`, never from flags beside it: `captured` is `true`
//! in a failed payment's sample, and `"1"` in others. Unknown events and fields are no fault.

use std::collections::BTreeMap;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::entity::{DisputeEntity, PaymentEntity, RefundEntity};
use crate::processors::news::{News, Told, Unreadable};

#[derive(Deserialize)]
struct Envelope {
    event: String,
    // Values may be other things than objects: one sample nests a time in here.
    #[serde(default)]
    payload: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct Holder<T> {
    entity: T,
}

/// What a webhook's body says.
///
/// # Errors
/// A body that is not of Razorpay's form.
pub fn interpret(body: &[u8]) -> Result<Told, Unreadable> {
    let envelope: Envelope =
        serde_json::from_slice(body).map_err(|error| Unreadable::form(&error))?;
    let news = news(&envelope)?;
    Ok(Told { event: envelope.event, test: None, news })
}

fn news(Envelope { event, payload }: &Envelope) -> Result<News, Unreadable> {
    let payment = || entity::<PaymentEntity>(payload, "payment");
    match event.as_str() {
        // Both come for one payment, which the ledger books once.
        "payment.captured" | "order.paid" => payment()?.captured(),
        "payment.authorized" => payment()?.authorised(),
        "payment.failed" => payment()?.failed(),
        "refund.created" | "refund.processed" | "refund.failed" | "refund.speed_changed" => {
            entity::<RefundEntity>(payload, "refund")?.news()
        }
        name if name.starts_with("payment.dispute.") => {
            entity::<DisputeEntity>(payload, "dispute")?.news()
        }
        _other => Ok(News::Nothing),
    }
}

fn entity<T: DeserializeOwned>(
    payload: &BTreeMap<String, Value>,
    name: &str,
) -> Result<T, Unreadable> {
    let held = payload.get(name).ok_or_else(|| Unreadable::Form(format!("no `{name}` in it")))?;
    let holder: Holder<T> =
        serde_json::from_value(held.clone()).map_err(|error| Unreadable::form(&error))?;
    Ok(holder.entity)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::processors::news::{DisputeState, Ordered, RefundState};

    fn said(body: &[u8]) -> Result<News, Unreadable> {
        interpret(body).map(|told| told.news)
    }

    fn body(name: &str) -> Vec<u8> {
        let path = format!("{}/tests/vectors/{name}.body", env!("CARGO_MANIFEST_DIR"));
        std::fs::read(path).unwrap()
    }

    fn payment_event(event: &str, change: Value) -> Vec<u8> {
        let mut entity = json!({
            "id": "pay_1", "entity": "payment", "amount": 1500, "currency": "INR",
            "status": "captured", "order_id": "order_1", "notes": [],
        });
        for (name, value) in change.as_object().unwrap() {
            entity[name] = value.clone();
        }
        let body = json!({ "event": event, "payload": { "payment": { "entity": entity } } });
        body.to_string().into_bytes()
    }

    #[test]
    fn a_captured_payment_says_what_was_kept() {
        let News::Captured(captured) = said(&body("rzp_payment_captured")).unwrap() else {
            panic!("not captured")
        };
        assert_eq!(captured.payment.amount.to_string(), "1180.00 INR");
        assert_eq!(captured.payment.order, Ordered::Theirs("order_TEST0000000001".to_owned()));
        let fee = captured.fee.unwrap();
        // The fee of 27.85 holds 4.25 of tax.
        assert_eq!(
            (fee.service.to_string(), fee.tax.to_string()),
            ("23.60 INR".into(), "4.25 INR".into())
        );
        assert_eq!(captured.at.unwrap().to_string(), "2026-08-20T10:00:00.000000Z");
    }

    #[test]
    fn a_paid_order_is_the_same_news_as_its_captured_payment() {
        assert_eq!(said(&body("rzp_order_paid")), said(&body("rzp_payment_captured")));
    }

    #[test]
    fn a_refund_is_one_of_its_own() {
        let News::Refund(refund) = said(&body("rzp_refund_processed")).unwrap() else {
            panic!("no refund")
        };
        assert_eq!(
            (refund.amount.to_string(), refund.state),
            ("590.00 INR".into(), RefundState::Processed)
        );
        assert_eq!(refund.payment_id, "pay_TEST0000000001");
    }

    #[test]
    fn flags_beside_the_status_decide_nothing() {
        for captured in [json!(true), json!("1"), json!(null)] {
            let change = json!({ "captured": captured, "status": "failed", "error_code": "X",
                "error_description": "" });
            let News::Failed { reason, .. } =
                said(&payment_event("payment.failed", change)).unwrap()
            else {
                panic!("not failed")
            };
            assert_eq!(reason, "X");
        }
    }

    #[test]
    fn notes_may_be_an_object_or_an_empty_array() {
        for notes in [json!([]), json!({}), json!({ "order": "1" })] {
            let read = said(&payment_event("payment.captured", json!({ "notes": notes })));
            assert!(matches!(read, Ok(News::Captured(_))), "{read:?}");
        }
    }

    #[test]
    fn amounts_that_are_none_are_not_believed() {
        for change in [
            json!({ "amount": "1500" }),
            json!({ "amount": 15.5 }),
            json!({ "amount": -1 }),
            json!({ "currency": "RUPEES" }),
            json!({ "fee": 10, "tax": 20 }),
            json!({ "id": null }),
        ] {
            let read = said(&payment_event("payment.captured", change.clone()));
            assert!(read.is_err(), "{change}: {read:?}");
        }
    }

    #[test]
    fn what_is_not_known_is_nothing_and_no_fault() {
        for event in ["payment.downtime.started", "settlement.processed", "made.up"] {
            let body = json!({ "event": event, "payload": { "created_at": 1 } }).to_string();
            assert_eq!(said(body.as_bytes()), Ok(News::Nothing));
        }
        for body in ["", "[]", "{}", "{\"event\":1}", "{\"event\":\"order.paid\"}"] {
            assert!(said(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn a_dispute_says_how_it_stands() {
        let body = json!({ "event": "payment.dispute.lost", "payload": { "dispute": { "entity": {
            "id": "disp_1", "payment_id": "pay_1", "amount": 1000, "currency": "INR",
            "amount_deducted": 1000, "reason_code": "chargeback", "status": "lost" } } } });
        let News::Dispute(dispute) = said(body.to_string().as_bytes()).unwrap() else {
            panic!("no dispute")
        };
        assert_eq!((dispute.state, dispute.deducted), (DisputeState::Lost, dispute.amount));
    }
}
