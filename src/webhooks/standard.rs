//! What an endpoint of the Standard Webhooks format is sent: `{"type","timestamp","data"}`.
//!
//! It has less than 20 kB; the data are the event's own fields with its position, its account and the
//! number of its document.
//!
//! Particulars of people are left out for whomever: a receiver that may have them asks for them.

use daybook_events::{Recorded, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value};

/// The most bytes that a body has.
const BODY_MAX: usize = 20_000;

/// Fields that hold somebody's particulars, and the seller's, which everybody knows.
const LEFT_OUT: [&str; 3] = ["bill_to", "billing", "seller"];

/// A message. The order of the fields is what the convention prints.
#[derive(Debug, Serialize)]
struct Message<'a> {
    #[serde(rename = "type")]
    type_name: &'a str,
    timestamp: Timestamp,
    data: Map<String, Value>,
}

/// The body that tells of an event.
#[must_use]
pub fn body(recorded: &Recorded) -> Vec<u8> {
    let mut data: Map<String, Value> =
        serde_json::from_str(&recorded.event.payload()).unwrap_or_default();
    for field in LEFT_OUT {
        data.remove(field);
    }
    let mut envelope = vec![("position", Value::from(recorded.position))];
    envelope.extend(recorded.account().map(|id| ("account_id", Value::from(id.to_string()))));
    envelope.extend(recorded.number.as_deref().map(|number| ("number", Value::from(number))));
    data.extend(envelope.into_iter().map(|(name, value)| (name.to_owned(), value)));
    let type_name = recorded.event.type_name();
    bounded(Message { type_name, timestamp: recorded.effective_at, data })
}

/// The body of a test.
#[must_use]
pub fn test(endpoint: &str, at: Timestamp) -> Vec<u8> {
    let data = [("endpoint_id".to_owned(), Value::from(endpoint))].into_iter().collect();
    bytes(&Message { type_name: super::TEST, timestamp: at, data })
}

/// What is too long goes without its largest fields, and says which.
fn bounded(mut message: Message<'_>) -> Vec<u8> {
    let mut left_out = Vec::new();
    loop {
        let body = bytes(&message);
        if body.len() < BODY_MAX {
            return body;
        }
        let fields = message.data.iter().filter(|(name, _)| *name != "left_out");
        let largest = fields.max_by_key(|(_, value)| value.to_string().len());
        let Some(largest) = largest.map(|(name, _)| name.clone()) else { return body };
        message.data.remove(&largest);
        left_out.push(Value::from(largest));
        message.data.insert("left_out".to_owned(), Value::from(left_out.clone()));
    }
}

fn bytes(message: &Message<'_>) -> Vec<u8> {
    serde_json::to_vec(message).expect("a message is plain data with string keys")
}

#[cfg(test)]
mod tests {
    use daybook_events::{
        event::{AccountParked, Event},
        testing::given_subscribed,
    };

    use super::*;
    use crate::webhooks::interest;

    fn told(recorded: &Recorded) -> Value {
        let body = body(recorded);
        assert!(body.starts_with(b"{\"type\":\""), "{}", String::from_utf8_lossy(&body));
        assert!(body.len() < BODY_MAX);
        serde_json::from_slice(&body).unwrap()
    }

    #[test]
    fn every_event_says_what_it_is_where_and_whose() {
        let given = given_subscribed("pro");
        for recorded in given.events() {
            let told = told(recorded);
            assert_eq!(told["type"], recorded.event.type_name());
            assert_eq!(told["timestamp"], recorded.effective_at.to_string());
            assert_eq!(told["data"]["position"], recorded.position);
            let account = recorded.account().map(|id| id.to_string());
            if let Some(account) = account {
                assert_eq!(told["data"]["account_id"], account);
            }
            assert_eq!(told["data"]["number"].as_str(), recorded.number.as_deref());
        }
    }

    #[test]
    fn nobodys_particulars_are_in_it() {
        let given = given_subscribed("pro");
        let issued = given.events().iter().find(|it| it.event.type_name() == "invoice.issued");
        let told = told(issued.unwrap());
        assert_eq!(told["data"]["totals"]["total"]["currency"], "USD", "{told}");
        for field in LEFT_OUT {
            assert_eq!(told["data"].get(field), None);
        }
    }

    /// No event of interest has a field of particulars that is not known here.
    #[test]
    fn every_field_of_particulars_is_known() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/events");
        for (name, news) in interest::TABLE {
            let path = format!("{folder}/{name}.v1.json");
            let payload: Map<String, Value> =
                serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
            let of_people = |value: &Value| {
                let text = value.to_string();
                ["\"email\"", "\"postalCode\"", "\"taxId\""].iter().any(|it| text.contains(it))
            };
            let personal = payload.iter().filter(|(_, value)| of_people(value));
            let personal: Vec<_> =
                personal.filter(|(field, _)| !LEFT_OUT.contains(&field.as_str())).collect();
            assert!(*news == interest::News::Silent || personal.is_empty(), "{name}: {personal:?}");
        }
    }

    #[test]
    fn what_is_too_long_goes_without_its_largest_field_and_says_so() {
        let mut recorded = given_subscribed("pro").events().last().unwrap().clone();
        let parked = AccountParked { code: "c".to_owned(), detail: "d".repeat(30_000) };
        recorded.event = Event::from(parked);
        let told = told(&recorded);
        assert_eq!(told["data"]["left_out"], serde_json::json!(["detail"]));
        assert_eq!((&told["data"]["code"], told["data"].get("detail")), (&"c".into(), None));
    }
}
