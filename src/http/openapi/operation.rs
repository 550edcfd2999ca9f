//! One operation of the document, from one row of the route table.

use std::collections::BTreeSet;

use daybook_events::{
    coupon::CouponCode,
    ids::{
        AccountId, AdjustmentId, InvoiceId, KeyId, OrderId, ReapplicationId, RefundId,
        ReservationId, SessionId, SubscriptionId,
    },
};
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::{
    errors::{Refusals, headers, takes_account, takes_idempotency_key, takes_if_match},
    example, merge, tag,
};
use crate::http::{
    error::Dialect,
    route::{Access, Route},
};

/// The schemas of a route.
pub(super) struct Shapes {
    path: Vec<(String, Value)>,
    query: Vec<Value>,
    takes: Option<Value>,
    gives: Value,
    also: Vec<Also>,
}

/// An answer besides the usual one that is no refusal.
struct Also {
    status: u16,
    content: &'static str,
    schema: Value,
    says: &'static str,
}

impl Shapes {
    /// The schemas of a route.
    pub(super) fn of(
        route: &Route,
        takes: &mut SchemaGenerator,
        gives: &mut SchemaGenerator,
    ) -> Self {
        let fields = route.asks.iter().copied().flatten();
        Self {
            path: captures(route.path)
                .map(|(before, name)| (name.to_owned(), captured(route, before, takes)))
                .collect(),
            query: fields.map(|param| (param.shape)(takes).to_value()).collect(),
            takes: route.takes.map(|body| (body.shape)(takes).to_value()),
            gives: (route.gives.shape)(gives).to_value(),
            also: also(route, gives),
        }
    }

    /// Lets references of what is taken lead to the renamed schemas.
    pub(super) fn rename(&mut self, renamed: &BTreeSet<String>) {
        let taken = self.path.iter_mut().map(|(_, schema)| schema).chain(&mut self.query);
        taken.chain(&mut self.takes).for_each(|schema| merge::rename(schema, renamed));
    }
}

/// The `{…}` of a path, each with the part before it.
fn captures(path: &str) -> impl Iterator<Item = (&str, &str)> {
    let parts = path.split('/').zip(path.split('/').skip(1));
    parts.filter_map(|(before, part)| Some((before, part.strip_prefix('{')?.strip_suffix('}')?)))
}

/// What a part of a path looks like. The panel and v1 know ids of their own.
fn captured(route: &Route, before: &str, generator: &mut SchemaGenerator) -> Value {
    let text = json!({ "type": "string", "minLength": 1, "example": example::word(before) });
    if matches!(route.dialect, Dialect::Panel | Dialect::V1) && before != "reapplications" {
        return text;
    }
    // Documents are known by their numbers as well.
    if route.path.ends_with("/pdf") {
        return text;
    }
    match before {
        "accounts" => generator.subschema_for::<AccountId>(),
        "adjustments" => generator.subschema_for::<AdjustmentId>(),
        "coupons" => generator.subschema_for::<CouponCode>(),
        "invoices" => generator.subschema_for::<InvoiceId>(),
        "keys" => generator.subschema_for::<KeyId>(),
        "orders" => generator.subschema_for::<OrderId>(),
        "reapplications" => generator.subschema_for::<ReapplicationId>(),
        "refunds" => generator.subschema_for::<RefundId>(),
        "reservations" => generator.subschema_for::<ReservationId>(),
        "sessions" => generator.subschema_for::<SessionId>(),
        "subscription" => generator.subschema_for::<SubscriptionId>(),
        _other => return text,
    }
    .to_value()
}

/// The answers besides the usual one that are no refusals.
fn also(route: &Route, gives: &mut SchemaGenerator) -> Vec<Also> {
    let page = |status, says| Also {
        status,
        content: "text/html; charset=utf-8",
        schema: json!({ "type": "string" }),
        says,
    };
    match route.operation {
        "health::readyz" => vec![Also {
            status: 503,
            content: "application/json",
            schema: (route.gives.shape)(gives).to_value(),
            says: "It cannot do its work",
        }],
        // Who does not ask for JSON gets pages.
        "sandbox::pay" => vec![
            page(200, "What it gives"),
            page(303, "It is paid, and the customer goes on"),
            page(402, "The payment failed, as asked"),
            page(409, "The order cannot be paid"),
        ],
        "sandbox::dealings::refund" => vec![
            page(303, "It has gone back"),
            page(400, "The amount is none"),
            page(409, "Not that much is left"),
            page(422, "The amount is none"),
        ],
        "sandbox::dealings::dispute" => {
            vec![page(303, "It is noted"), page(409, "It cannot be disputed, or not be decided")]
        }
        "checkout::returned" => vec![
            page(303, "It is paid, and the customer goes on"),
            page(402, "The payment failed"),
            page(409, "Another payment has paid the order"),
        ],
        _ => Vec::new(),
    }
}

/// The operation of a route.
pub(super) fn of(
    route: &Route,
    shapes: &Shapes,
    schemas: &Map<String, Value>,
    refusals: &mut Refusals,
) -> Value {
    let mut operation = json!({
        "operationId": route.operation.replace("::", "_"),
        "tags": [tag(route.dialect)],
        "summary": route.summary,
    });
    operation["security"] = match route.access {
        Access::Public => json!([]),
        Access::Roles(_) => json!([{ "bearer": [] }, { "apiKey": [] }, { "sessionCookie": [] }]),
        Access::Keys(_) => json!([{ "bearer": [] }, { "apiKey": [] }]),
    };
    operation["x-daybook-roles"] = json!(route.access.roles());
    operation["x-daybook-sessions"] = json!(route.access.takes_sessions());
    let parameters = parameters(route, shapes, schemas);
    if !parameters.is_empty() {
        operation["parameters"] = json!(parameters);
    }
    if let (Some(takes), Some(schema)) = (&route.takes, &shapes.takes) {
        operation["requestBody"] = json!({
            "required": takes.required,
            "content": { takes.content: {
                "schema": schema,
                "example": example::of_body(schema, schemas),
            } },
        });
    }
    operation["responses"] = Value::Object(responses(route, shapes, schemas, refusals));
    operation
}

fn parameters(route: &Route, shapes: &Shapes, schemas: &Map<String, Value>) -> Vec<Value> {
    let mut parameters: Vec<_> = shapes
        .path
        .iter()
        .map(|(name, schema)| {
            json!({
                "name": name, "in": "path", "required": true, "schema": schema,
                "example": example::of(schema, schemas),
            })
        })
        .collect();
    let fields = route.asks.iter().copied().flatten();
    parameters.extend(fields.zip(&shapes.query).map(|(param, schema)| {
        json!({
            "name": param.name, "in": "query", "description": param.summary, "schema": schema,
            "example": example::of(schema, schemas),
        })
    }));
    if takes_account(route) {
        parameters.push(header(
            "Daybook-Account",
            "The account that the call is about, where the key reaches the whole ledger",
            &<AccountId as JsonSchema>::json_schema(&mut SchemaGenerator::default()).to_value(),
        ));
    }
    if takes_idempotency_key(route) {
        parameters.push(header(
            "Idempotency-Key",
            "Makes the call safe to repeat: the same key and body give the same answer again",
            &json!({ "type": "string", "pattern": "^[!-~]{1,255}$" }),
        ));
    }
    if route.verb == "GET" {
        let says = "The tags that are known: an answer that has one of them is a bare 304";
        parameters.push(header(
            "If-None-Match",
            says,
            &json!({ "type": "string", "example": "\"tag\"" }),
        ));
    }
    if takes_if_match(route) {
        let says = "The tag of the state that is to be changed: another state is left alone";
        parameters.push(header("If-Match", says, &json!({ "type": "string", "example": "*" })));
    }
    parameters
}

fn header(name: &str, says: &str, schema: &Value) -> Value {
    let example = schema.get("example").cloned();
    let example = example.unwrap_or_else(|| example::of(schema, &Map::new()));
    let example = if example == "text" { json!("an-id-of-your-own-1") } else { example };
    json!({
        "name": name, "in": "header", "description": says, "schema": schema, "example": example,
    })
}

fn responses(
    route: &Route,
    shapes: &Shapes,
    schemas: &Map<String, Value>,
    refusals: &mut Refusals,
) -> Map<String, Value> {
    let mut responses = refusals.of(route);
    let mut usual = json!({
        "description": "What it gives",
        "headers": headers::of_success(route),
    });
    if !route.gives.content.is_empty() {
        usual["content"] = json!({ route.gives.content: {
            "schema": shapes.gives,
            "example": example::of(&shapes.gives, schemas),
        } });
    }
    responses.insert(route.gives.status.to_string(), usual);
    if route.verb == "GET" {
        let unchanged = json!({
            "description": "The answer is the one whose tag `If-None-Match` names",
            "headers": headers::of_success(route),
        });
        responses.insert("304".to_owned(), unchanged);
    }
    for also in &shapes.also {
        let status = also.status.to_string();
        let mut response = match responses.get(&status) {
            Some(usual) if usual.get("content").is_some() => usual.clone(),
            Some(_) => refusals.inline(route, also.status),
            None => json!({ "headers": headers::every() }),
        };
        response["description"] = json!(also.says);
        let known = response["content"].get(also.content).map(|known| known["schema"].clone());
        let schema = match known {
            Some(known) => json!({ "anyOf": [also.schema, known] }),
            None => also.schema.clone(),
        };
        response["content"][also.content] = json!({
            "schema": schema, "example": example::of(&also.schema, schemas),
        });
        responses.insert(status, response);
    }
    responses.sort_keys();
    responses
}
