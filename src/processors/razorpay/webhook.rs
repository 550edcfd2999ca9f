//! What Razorpay's webhooks say.
//!
//! The envelope names an event and carries the entities that it contains. What has happened is read
//! from the event's name and the entity's `status`, never from flags beside it: `captured` is `true`
//! in a failed payment's sample, and `"1"` in others. Unknown events and fields are no fault.

use std::collections::BTreeMap;

use chrono::DateTime;
use daybook_events::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::processors::news::{
    Captured, Dispute, DisputeState, Fee, News, Ordered, Payment, Refund, RefundState, Told,
    Unreadable, currency, minor,
};

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

#[derive(Deserialize)]
struct PaymentEntity {
    id: String,
    amount: i64,
    currency: String,
    order_id: Option<String>,
    fee: Option<i64>,
    tax: Option<i64>,
    error_code: Option<String>,
    error_description: Option<String>,
    created_at: Option<i64>,
}

#[derive(Deserialize)]
struct RefundEntity {
    id: String,
    amount: i64,
    currency: String,
    payment_id: String,
    receipt: Option<String>,
    status: String,
}

#[derive(Deserialize)]
struct DisputeEntity {
    id: String,
    payment_id: String,
    amount: i64,
    currency: String,
    #[serde(default)]
    amount_deducted: i64,
    #[serde(default)]
    reason_code: Option<String>,
    status: String,
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
    match event.as_str() {
        // Both come for one payment, which the ledger books once.
        "payment.captured" | "order.paid" => captured(entity(payload, "payment")?),
        "payment.authorized" => Ok(News::Authorised(payment(&entity(payload, "payment")?)?)),
        "payment.failed" => failed(&entity(payload, "payment")?),
        "refund.created" | "refund.processed" | "refund.failed" | "refund.speed_changed" => {
            refund(entity(payload, "refund")?)
        }
        name if name.starts_with("payment.dispute.") => dispute(entity(payload, "dispute")?),
        _other => Ok(News::Nothing),
    }
}

fn entity<T: serde::de::DeserializeOwned>(
    payload: &BTreeMap<String, Value>,
    name: &str,
) -> Result<T, Unreadable> {
    let held = payload.get(name).ok_or_else(|| Unreadable::Form(format!("no `{name}` in it")))?;
    let holder: Holder<T> =
        serde_json::from_value(held.clone()).map_err(|error| Unreadable::form(&error))?;
    Ok(holder.entity)
}

fn payment(entity: &PaymentEntity) -> Result<Payment, Unreadable> {
    let amount = minor("amount", entity.amount, currency(&entity.currency)?)?;
    let order = entity.order_id.clone().map_or(Ordered::Unnamed, Ordered::Theirs);
    Ok(Payment { payment_id: entity.id.clone(), order, amount })
}

/// `fee` holds its tax.
fn captured(entity: PaymentEntity) -> Result<News, Unreadable> {
    let payment = payment(&entity)?;
    let unit = payment.amount.currency();
    let fee = match entity.fee {
        None => None,
        Some(fee) => {
            let tax = entity.tax.unwrap_or(0);
            let (service, tax) =
                (minor("fee", fee.saturating_sub(tax), unit)?, minor("tax", tax, unit)?);
            Some(Fee { service, tax })
        }
    };
    let at = entity.created_at.and_then(|at| DateTime::from_timestamp(at, 0)).map(Timestamp::new);
    Ok(News::Captured(Captured { payment, fee, merchant_tax: None, at }))
}

fn failed(entity: &PaymentEntity) -> Result<News, Unreadable> {
    let words = [&entity.error_code, &entity.error_description];
    let words: Vec<_> = words.into_iter().flatten().filter(|word| !word.is_empty()).collect();
    let reason = words.into_iter().map(String::as_str).collect::<Vec<_>>().join(": ");
    Ok(News::Failed { payment: payment(entity)?, reason })
}

fn refund(entity: RefundEntity) -> Result<News, Unreadable> {
    let amount = minor("amount", entity.amount, currency(&entity.currency)?)?;
    let state = match entity.status.as_str() {
        "processed" => RefundState::Processed,
        "failed" => RefundState::Failed,
        // A status that is not known has not decided anything.
        _pending => RefundState::Pending,
    };
    let RefundEntity { id: refund_id, payment_id, receipt, .. } = entity;
    Ok(News::Refund(Refund { refund_id, payment_id, receipt, amount, state }))
}

fn dispute(entity: DisputeEntity) -> Result<News, Unreadable> {
    let unit = currency(&entity.currency)?;
    let state = match entity.status.as_str() {
        "won" => DisputeState::Won,
        "lost" => DisputeState::Lost,
        "closed" => DisputeState::Closed,
        _open => DisputeState::Open,
    };
    Ok(News::Dispute(Dispute {
        dispute_id: entity.id,
        payment_id: entity.payment_id,
        amount: minor("amount", entity.amount, unit)?,
        deducted: minor("amount_deducted", entity.amount_deducted, unit)?,
        state,
        reason: entity.reason_code.unwrap_or_default(),
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
