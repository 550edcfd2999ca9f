//! Lemon Squeezy's API, as far as Daybook asks it: JSON:API, and no idempotency anywhere.

use daybook_events::Timestamp;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    Settings,
    objects::{Charge, Object, SUBSCRIPTIONS},
};
use crate::processors::{
    Checkout,
    client::{Client, Question, Unanswered},
};

/// The media type of JSON:API; Lemon Squeezy wants no parameters on it.
const JSON_API: HeaderValue = HeaderValue::from_static("application/vnd.api+json");

/// How many objects a page has: as many as Lemon Squeezy gives.
const PAGE: u32 = 100;

/// Lemon Squeezy's API.
#[derive(Debug, Clone)]
pub struct Api {
    client: Client,
    store_id: String,
}

#[derive(Deserialize)]
struct One {
    data: Object,
}

#[derive(Deserialize)]
struct Many {
    data: Vec<Object>,
    #[serde(default)]
    meta: Option<Meta>,
}

#[derive(Deserialize)]
struct Meta {
    page: Page,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    current_page: u32,
    last_page: u32,
}

/// A page of a list.
#[derive(Debug)]
pub struct Listed {
    /// Its objects.
    pub objects: Vec<Object>,
    /// Whether another comes after it.
    pub more: bool,
}

impl Api {
    /// The API by its settings.
    ///
    /// # Errors
    /// Credentials that no header can carry, a machine without sockets.
    pub fn new(settings: &Settings) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", settings.api_key))?;
        bearer.set_sensitive(true);
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, bearer);
        headers.insert(ACCEPT, JSON_API);
        headers.insert(CONTENT_TYPE, JSON_API);
        let client = Client::new(&settings.base_url, headers)?.reading_refusals(reason);
        Ok(Self { client, store_id: settings.store_id.clone() })
    }

    /// A checkout of a variant.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn checkout(&self, checkout: &Checkout, variant: u64) -> Result<Object, Unanswered> {
        let body = checkout_body(checkout, &self.store_id, variant);
        let mut question = Question::post("/checkouts", body);
        // A checkout is a page, no money: a second one of the same order does no harm, and a
        // second payment, on whichever page, becomes the customer's credit.
        question.repeatable = true;
        self.one(&question).await
    }

    /// An object by its path, such as `orders/1`.
    ///
    /// # Errors
    /// Why it is not known.
    pub async fn object(&self, path: &str) -> Result<Object, Unanswered> {
        self.one(&Question::get(format!("/{path}"))).await
    }

    /// Sends a part of a charge back, in minor units, and tells the charge after it. **Not
    /// idempotent**: whoever asks has read the charge, and reads it again after an unknown outcome.
    ///
    /// # Errors
    /// Why it is not known to be sent.
    pub async fn refund(&self, path: &str, minor: i64) -> Result<Charge, Unanswered> {
        let (kind, id) = path.split_once('/').unwrap_or((path, ""));
        let attributes = json!({ "amount": minor });
        let body = json!({ "data": { "type": kind, "id": id, "attributes": attributes } });
        let object = self.one(&Question::post(format!("/{path}/refund"), body)).await?;
        object.read().map_err(|_| Unanswered::Unknown)
    }

    /// Sets attributes of a subscription, and tells it after that.
    ///
    /// # Errors
    /// Why they are not known to be set.
    pub async fn set(&self, subscription: &str, attributes: Value) -> Result<Object, Unanswered> {
        let data = json!({ "type": SUBSCRIPTIONS, "id": subscription, "attributes": attributes });
        let path = format!("/{SUBSCRIPTIONS}/{subscription}");
        self.one(&Question::patch(path, json!({ "data": data }))).await
    }

    /// Ends a subscription with its period.
    ///
    /// # Errors
    /// Why it is not known to be ended.
    pub async fn cancel(&self, subscription: &str) -> Result<Object, Unanswered> {
        self.one(&Question::delete(format!("/{SUBSCRIPTIONS}/{subscription}"))).await
    }

    /// A page of the store's objects of a kind, the newest first; the first page is 1.
    ///
    /// # Errors
    /// Why it is not known.
    pub async fn page(&self, kind: &str, number: u32) -> Result<Listed, Unanswered> {
        let mut question = Question::get(format!("/{kind}"));
        question.query = vec![
            ("filter[store_id]", self.store_id.clone()),
            ("page[number]", number.to_string()),
            ("page[size]", PAGE.to_string()),
        ];
        let Many { data, meta } = shaped(self.client.ask(&question).await?)?;
        let more = meta.is_some_and(|meta| meta.page.current_page < meta.page.last_page);
        Ok(Listed { more: more && !data.is_empty(), objects: data })
    }

    async fn one(&self, question: &Question) -> Result<Object, Unanswered> {
        let One { data } = shaped(self.client.ask(question).await?)?;
        Ok(data)
    }
}

/// What is sent for a checkout.
fn checkout_body(checkout: &Checkout, store_id: &str, variant: u64) -> Value {
    // A custom price is asked again at every renewal, a coupon only once: so where a coupon made the
    // amount smaller, the price is the plan's own and Lemon Squeezy takes the discount off.
    let price = if checkout.coupon.is_some() { checkout.plan.price } else { checkout.amount };
    let mut data = Map::new();
    for (name, value) in
        [("email", &checkout.email), ("name", &checkout.name), ("discount_code", &checkout.coupon)]
    {
        if let Some(value) = value {
            data.insert(name.to_owned(), json!(value));
        }
    }
    // Only texts come back as they were sent.
    data.insert(
        "custom".to_owned(),
        json!({ super::webhook::CUSTOM_ORDER: checkout.order_id.to_string() }),
    );
    let mut product = Map::new();
    product.insert("enabled_variants".to_owned(), json!([variant]));
    if let Some(url) = &checkout.success_url {
        product.insert("redirect_url".to_owned(), json!(url));
    }
    let mut attributes = json!({
        "custom_price": i64::try_from(price.minor()).unwrap_or(i64::MAX),
        "product_options": product,
        "checkout_data": data,
    });
    if let Some(at) = checkout.expires_at {
        attributes["expires_at"] = json!(to_the_second(at));
    }
    let one = |kind: &str, id: &str| json!({ "data": { "type": kind, "id": id } });
    let relationships = json!({
        "store": one("stores", store_id),
        "variant": one("variants", &variant.to_string()),
    });
    json!({ "data": {
        "type": "checkouts",
        "attributes": attributes,
        "relationships": relationships,
    } })
}

/// An instant as Lemon Squeezy's own examples write it.
fn to_the_second(at: Timestamp) -> String {
    at.utc().format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// An answer of a shape; one of another shape leaves open what was done.
pub(super) fn shaped<T: serde::de::DeserializeOwned>(answer: Value) -> Result<T, Unanswered> {
    serde_json::from_value(answer).map_err(|_| Unanswered::Unknown)
}

/// The reason of a refusal, in any of the three shapes that Lemon Squeezy gives it.
fn reason(body: &str) -> Option<String> {
    let body: Value = serde_json::from_str(body).ok()?;
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let of_error = |error: &Value| {
        let said = text(&error["detail"]).or_else(|| text(&error["title"]))?;
        let about = text(&error["source"]["pointer"]);
        Some(about.map_or(said.clone(), |about| format!("{said} ({about})")))
    };
    let errors: Vec<_> =
        body["errors"].as_array().into_iter().flatten().filter_map(of_error).collect();
    if errors.is_empty() {
        return text(&body["error"]).or_else(|| text(&body["message"]));
    }
    Some(errors.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_of_a_refusal_is_found_in_each_of_its_shapes() {
        let body = r#"{"errors":[{"status":"422","title":"Unprocessable","detail":"No such variant.",
            "source":{"pointer":"/data/relationships/variant"}},{"title":"Not Found"}]}"#;
        let said = "No such variant. (/data/relationships/variant); Not Found";
        assert_eq!(reason(body).as_deref(), Some(said));
        assert_eq!(reason(r#"{"error":"Gone."}"#).as_deref(), Some("Gone."));
        assert_eq!(
            reason(r#"{"message":"Unauthenticated."}"#).as_deref(),
            Some("Unauthenticated.")
        );
        for other in ["", "<html>", "{}", r#"{"errors":[]}"#, r#"{"error":{}}"#, "[]", "null"] {
            assert_eq!(reason(other), None, "{other}");
        }
    }
}
