//! The ledger's own `/api/ledger/…`: the billing policy, the tax rules, the seller.

use std::sync::Arc;

use daybook_events::{
    Event,
    commands::{AdoptPolicy, AdoptTaxRules, ReviseSeller},
    event::BookEvent,
    personal::Party,
    policy::Policy,
    store::Receipt,
    tax::TaxRules,
};
use daybook_projections::query::Reach;
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::app::App;
use crate::http::{answer::Answer, call::Call, error::ApiError, json::JsonError};

/// A billing policy.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PolicyInForce {
    /// Which of the ledger's policies it is, counted from 1.
    version: u32,
    /// What it says.
    policy: Policy,
}

/// Tax rules.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TaxRulesInForce {
    /// Which of the ledger's rules they are, counted from 1; 0 before any were adopted.
    version: u32,
    /// What they say; `null` before any were adopted.
    rules: Option<TaxRules>,
}

/// The seller.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SellerNamed {
    /// As later documents name it; `null` before the book is opened.
    seller: Option<Party>,
}

/// `GET /api/ledger/policy`
///
/// # Errors
/// The failure of the machinery.
pub async fn policy(app: Arc<App>, _: Call) -> Result<Answer, ApiError> {
    let seen = app.ledger.look(None, |world| PolicyInForce {
        version: world.book.policy_version(),
        policy: world.book.policy.clone(),
    });
    Ok(Answer::ok(&seen.await?).at(app.settled(Reach::Ledger).await))
}

/// `POST /api/ledger/policy`: the whole of it; what is left out is as in a new ledger.
///
/// # Errors
/// A policy that makes no sense.
pub async fn adopt_policy(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let policy: Policy = whole(&call)?;
    let receipt = app.submit(call.request(AdoptPolicy { policy })?).await?;
    answer(&receipt, |event| match event {
        BookEvent::PolicyAdopted(it) => {
            Some(PolicyInForce { version: it.version, policy: it.policy.clone() })
        }
        _ => None,
    })
}

/// `GET /api/ledger/tax-rules`
///
/// # Errors
/// The failure of the machinery.
pub async fn tax_rules(app: Arc<App>, _: Call) -> Result<Answer, ApiError> {
    let seen = app.ledger.look(None, |world| TaxRulesInForce {
        version: world.book.tax_version,
        rules: world.book.tax_rules.clone(),
    });
    Ok(Answer::ok(&seen.await?).at(app.settled(Reach::Ledger).await))
}

/// `POST /api/ledger/tax-rules`: the whole of them.
///
/// # Errors
/// Rules that make no sense.
pub async fn adopt_tax_rules(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let rules: TaxRules = whole(&call)?;
    let receipt = app.submit(call.request(AdoptTaxRules { rules })?).await?;
    answer(&receipt, |event| match event {
        BookEvent::TaxRulesAdopted(it) => {
            Some(TaxRulesInForce { version: it.version, rules: Some(it.rules.clone()) })
        }
        _ => None,
    })
}

/// `GET /api/ledger/seller`
///
/// # Errors
/// The failure of the machinery.
pub async fn seller(app: Arc<App>, _: Call) -> Result<Answer, ApiError> {
    let seen = app.ledger.look(None, |world| {
        let seller = world.book.opened.as_ref().map(|opened| &opened.seller);
        SellerNamed { seller: seller.cloned() }
    });
    Ok(Answer::ok(&seen.await?).at(app.settled(Reach::Ledger).await))
}

/// `POST /api/ledger/seller`: the particulars on later documents, whole.
///
/// # Errors
/// Particulars that no document could carry, or that the tax rules cannot do with.
pub async fn revise_seller(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let seller: Party = whole(&call)?;
    let receipt = app.submit(call.request(ReviseSeller { seller })?).await?;
    answer(&receipt, |event| match event {
        BookEvent::SellerRevised(it) => Some(SellerNamed { seller: Some(it.seller.clone()) }),
        _ => None,
    })
}

/// The answer that the command's event gives.
fn answer<T: Serialize>(
    receipt: &Receipt,
    shape: impl Fn(&BookEvent) -> Option<T>,
) -> Result<Answer, ApiError> {
    let found = receipt.events.iter().find_map(|recorded| match &recorded.event {
        Event::Book(event) => shape(event),
        Event::Account(_) | Event::Plan(_) | Event::Coupon(_) | Event::Access(_) => None,
    });
    let body = found.ok_or_else(|| ApiError::internal(&"a command without its event"))?;
    Ok(Answer::ok(&body).at(receipt.position()))
}

/// The body as a value whose parts are given by their names. Left to itself, serde also takes an
/// array for a struct, by the order of its fields, which nobody promised.
fn whole<T: DeserializeOwned + Serialize>(call: &Call) -> Result<T, ApiError> {
    let value: T = call.json()?;
    let given: Value = call.json()?;
    let read = serde_json::to_value(&value).map_err(|error| ApiError::internal(&error))?;
    if of_one_shape(&given, &read) {
        return Ok(value);
    }
    let message = "an array stands where an object with named fields belongs".to_owned();
    Err(JsonError::WrongShape { message }.into())
}

/// Whether arrays were read as arrays wherever a document has them.
fn of_one_shape(given: &Value, read: &Value) -> bool {
    match (given, read) {
        (Value::Array(given), Value::Array(read)) => {
            given.iter().zip(read).all(|(given, read)| of_one_shape(given, read))
        }
        (Value::Object(given), Value::Object(read)) => given
            .iter()
            .all(|(name, given)| read.get(name).is_none_or(|read| of_one_shape(given, read))),
        (Value::Array(_), _) => false,
        (_, _) => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::of_one_shape;

    #[test]
    fn an_array_for_an_object_is_noticed_at_any_depth() {
        let read = json!({ "dunning": [{ "after_days": 7, "action": "end" }] });
        assert!(of_one_shape(&json!({ "dunning": [{ "after_days": 7, "action": "end" }] }), &read));
        assert!(!of_one_shape(&json!({ "dunning": [[7, "end"]] }), &read));
        assert!(!of_one_shape(&json!([[]]), &read));
        assert!(of_one_shape(&json!({}), &read));
    }
}
