//! Razorpay's HTTP: who may ask, what it takes, and how it refuses.

use std::collections::BTreeMap;

use data_encoding::BASE64;
use serde_json::{Map, Value, json};

use super::{Books, KEY_ID, KEY_SECRET, Simulator};
use crate::simulators::wire::{Asked, Said, Simulated};

/// Three decimals, of which the last has to be 0.
const THREE: [&str; 6] = ["BHD", "IQD", "JOD", "KWD", "OMR", "TND"];

fn refused(status: u16, description: &str) -> Said {
    let error = json!({
        "code": "BAD_REQUEST_ERROR", "description": description, "field": null,
        "source": "business", "step": "payment_initiation", "reason": "input_validation_failed",
        "metadata": {},
    });
    Said::json(status, &json!({ "error": error }))
}

fn bad(description: &str) -> Said {
    refused(400, description)
}

impl Simulated for Simulator {
    fn answer(&self, asked: &Asked) -> Said {
        let key = BASE64.encode(format!("{KEY_ID}:{KEY_SECRET}").as_bytes());
        let mut books = self.books.lock().unwrap();
        if books.locked_out || asked.header("authorization") != format!("Basic {key}") {
            return refused(401, "The api key provided is invalid");
        }
        let path: Vec<_> = asked.path.trim_start_matches('/').split('/').collect();
        match (asked.method.as_str(), &path[..]) {
            ("POST", ["orders"]) => books.ask_order(&asked.body),
            ("POST", ["payments", id, "capture"]) => books.ask_capture(id, &asked.body),
            ("POST", ["payments", id, "refund"]) => {
                books.ask_refund(id, asked.header("x-refund-idempotency"), &asked.body)
            }
            ("GET", path) => books.show(path, &asked.query),
            _other => bad("The requested URL was not found on the server."),
        }
    }
}

/// A body of these fields and no others.
fn fields(body: &[u8], known: &[&str]) -> Result<Map<String, Value>, Said> {
    let Ok(Value::Object(fields)) = serde_json::from_slice(body) else {
        return Err(bad("The request body is not JSON"));
    };
    match fields.keys().find(|name| !known.contains(&name.as_str())) {
        Some(extra) => Err(bad(&format!("{extra} is/are not required and should not be sent"))),
        None => Ok(fields),
    }
}

fn amount(fields: &Map<String, Value>, currency: &str) -> Result<i64, Said> {
    let Some(amount) = fields["amount"].as_i64() else {
        return Err(bad("The amount must be an integer."));
    };
    match () {
        () if amount < 1 || (currency == "INR" && amount < 100) => {
            Err(bad("The amount must be at least INR 1.00"))
        }
        () if THREE.contains(&currency) && amount % 10 != 0 => {
            Err(bad("The last digit of the amount must be 0"))
        }
        () => Ok(amount),
    }
}

impl Books {
    fn ask_order(&mut self, body: &[u8]) -> Said {
        let made = self.make_order(body);
        made.map_or_else(|said| said, |id| Said::json(200, &self.orders[&id].json()))
    }

    fn make_order(&mut self, body: &[u8]) -> Result<String, Said> {
        let fields = fields(body, &["amount", "currency", "receipt", "notes"])?;
        let currency = fields["currency"].as_str().unwrap_or_default().to_owned();
        let amount = amount(&fields, &currency)?;
        let receipt = fields["receipt"].as_str().unwrap_or_default();
        if receipt.len() > 40 {
            return Err(bad("The receipt may not be greater than 40 characters."));
        }
        let notes = fields["notes"].as_object().cloned().unwrap_or_default();
        if notes.len() > 15 || notes.values().any(|it| it.as_str().unwrap().len() > 256) {
            return Err(bad("Number of fields in notes should be less than or equal to 15"));
        }
        Ok(self.place(amount, &currency, receipt, notes))
    }

    fn ask_capture(&mut self, payment: &str, body: &[u8]) -> Said {
        let Some(of) = self.payments.get(payment) else { return bad("The id does not exist") };
        let (owed, status, currency) = (of.amount, of.status, of.currency.clone());
        let fields = match fields(body, &["amount", "currency"]) {
            Ok(fields) => fields,
            Err(said) => return said,
        };
        match () {
            () if status != "authorized" => bad("This payment has already been captured"),
            () if fields["amount"] != owed || fields["currency"] != *currency => {
                bad("Capture amount must be equal to the amount authorized")
            }
            () => {
                self.capture(payment);
                Said::json(200, &self.payments[payment].json())
            }
        }
    }

    fn ask_refund(&mut self, payment: &str, key: &str, body: &[u8]) -> Said {
        let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        if !key.is_empty() && (key.len() < 10 || !key.bytes().all(sound)) {
            return bad("The idempotency key must be at least 10 characters");
        }
        if self.in_progress.contains(key) {
            let text = "Another request with the same idempotency key is still in progress";
            return refused(409, text);
        }
        if let Some((before, refund)) = self.keys.get(key) {
            return match before == body {
                true => Said::json(200, &self.refunds[refund].json()),
                false => bad("Different request body sent for the same idempotency key"),
            };
        }
        match self.make_refund(payment, body) {
            Ok(id) => {
                if !key.is_empty() {
                    self.keys.insert(key.to_owned(), (body.to_owned(), id.clone()));
                }
                Said::json(200, &self.refunds[&id].json())
            }
            Err(said) => said,
        }
    }

    fn make_refund(&mut self, payment: &str, body: &[u8]) -> Result<String, Said> {
        let of = self.payments.get(payment).ok_or_else(|| bad("The id does not exist"))?;
        let (left, status, currency) = (of.amount - of.refunded, of.status, of.currency.clone());
        let fields = fields(body, &["amount", "speed", "receipt", "notes"])?;
        let amount = amount(&fields, &currency)?;
        match () {
            () if left == 0 => Err(bad("The payment has been fully refunded already")),
            () if status != "captured" => Err(bad("The payment status should be captured")),
            () if amount > left => {
                Err(bad("The refund amount provided is greater than amount captured"))
            }
            () => {
                let receipt = fields["receipt"].as_str().map(str::to_owned);
                Ok(self.refund(payment, amount, receipt))
            }
        }
    }

    fn show(&self, path: &[&str], query: &BTreeMap<String, String>) -> Said {
        let one = |entity: Option<Value>| match entity {
            Some(entity) => Said::json(200, &entity),
            None => bad("The id provided does not exist"),
        };
        let payments = || self.payments.values().map(|it| (it.created_at, it.json()));
        let refunds = || self.refunds.values().map(|it| (it.created_at, it.json()));
        match path {
            ["orders"] => {
                let receipt = query.get("receipt");
                let fits = |it: &&super::Order| receipt.is_none_or(|wanted| *wanted == it.receipt);
                let orders = self.orders.values().filter(fits);
                list(orders.map(|it| (it.created_at, it.json())), query)
            }
            ["orders", id, "payments"] => {
                list(payments().filter(|(_, it)| it["order_id"] == **id), query)
            }
            ["payments"] => list(payments(), query),
            ["payments", id] => one(self.payments.get(*id).map(super::Payment::json)),
            ["payments", id, "refunds"] => {
                list(refunds().filter(|(_, it)| it["payment_id"] == **id), query)
            }
            ["refunds"] => list(refunds(), query),
            ["disputes"] => {
                list(self.disputes.values().map(|it| (it.created_at, it.json())), query)
            }
            _other => bad("The requested URL was not found on the server."),
        }
    }
}

/// A page of entities, newest first.
fn list(all: impl Iterator<Item = (i64, Value)>, query: &BTreeMap<String, String>) -> Said {
    let number = |name: &str| query.get(name).map(|text| text.parse::<i64>().unwrap());
    let count = number("count").unwrap_or(10);
    if count > 100 {
        return bad("The count may not be greater than 100.");
    }
    let (from, to) = (number("from").unwrap_or(0), number("to").unwrap_or(i64::MAX));
    let mut all: Vec<_> = all.filter(|(at, _)| (from..=to).contains(at)).collect();
    all.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    let skip = usize::try_from(number("skip").unwrap_or(0)).unwrap();
    let page = all.into_iter().skip(skip).take(usize::try_from(count).unwrap());
    let items: Vec<_> = page.map(|(_, entity)| entity).collect();
    Said::json(200, &json!({ "entity": "collection", "count": items.len(), "items": items }))
}
