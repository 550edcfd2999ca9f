//! Which refusals each route can give, by status, and how each dialect dresses them.

use std::collections::{BTreeMap, BTreeSet};

use daybook_events::{Rejection, rejection::Kind};
use serde_json::{Map, Value, json};
use warp::http::StatusCode;

use crate::http::{
    error::{Dialect, EDGE_CODES},
    json::JsonError,
    panel,
    route::{Access, Route},
};

/// Whether a ledger-wide key may name an account on a route by the header `Daybook-Account`.
pub(super) fn takes_account(route: &Route) -> bool {
    let public = matches!(route.access, Access::Public);
    let own = route.path == "/api/accounts" && route.verb == "GET"
        || route.path.starts_with("/api/refunds")
        || route.path.starts_with("/api/webhooks/");
    let administers = route.path.starts_with("/api/admin/") || route.path.contains("/ledger/");
    !public && !administers && (route.dialect != Dialect::Ledger || own)
}

/// Whether a route minds an `Idempotency-Key`. The test clock goes on from wherever it stands.
pub(super) fn takes_idempotency_key(route: &Route) -> bool {
    let public = matches!(route.access, Access::Public);
    route.verb != "GET" && !public && route.operation != "ledger::clock::advance"
}

/// Whether a route minds an `If-Match`.
pub(super) fn takes_if_match(route: &Route) -> bool {
    matches!(route.operation, "processor::subscription::patch" | "panel::admin_plans::edit")
}

fn asks(route: &Route, field: &str) -> bool {
    route.asks.iter().copied().flatten().any(|param| param.name == field)
}

/// The codes that a route can be refused with, by status.
#[must_use]
pub fn codes(route: &Route) -> BTreeMap<u16, BTreeSet<&'static str>> {
    let edge = EDGE_CODES.iter().filter(|(code, _)| edge_applies(code, route));
    let edge = edge.map(|(code, status)| (status.as_u16(), *code));
    let json = route.takes.iter().filter(|takes| takes.content == "application/json");
    let json = json.flat_map(|_| JsonError::CODES).map(|code| (400, *code));
    let rules = Rejection::CODES.iter().filter(|(code, kind)| rule_applies(code, *kind, route));
    let rules = rules.map(|(code, kind)| (status_of(*kind), *code));
    // v1's page prints another status than the rules have.
    let printed = (route.operation == "v1::usage::reserve").then_some((403, "plan_limit_exceeded"));
    let mut codes = BTreeMap::<u16, BTreeSet<&'static str>>::new();
    for (status, code) in edge.chain(json).chain(rules).chain(printed) {
        codes.entry(status).or_default().insert(code);
    }
    codes
}

fn status_of(kind: Kind) -> u16 {
    match kind {
        Kind::NotFound => 404,
        Kind::Invalid => 422,
        Kind::Conflict => 409,
        Kind::Internal => 500,
    }
}

/// Whether a code of the edge can come from a route. One that is not named here comes from
/// everywhere.
fn edge_applies(code: &str, route: &Route) -> bool {
    let public = matches!(route.access, Access::Public);
    let writes = route.verb != "GET" && !public;
    let names = route.path.contains('{');
    match code {
        // An address that does not take a method is no operation.
        "method_not_allowed" => false,
        "unauthenticated" | "forbidden" => !public,
        "account_header_required" | "account_header_refused" => takes_account(route),
        "not_found" => names || !public,
        "billing_cycle_invalid"
        | "currency_unknown"
        | "time_zone_unknown"
        | "amount_malformed"
        | "amount_too_precise"
        | "amount_too_large" => {
            let amount = code.starts_with("amount_");
            let by_page = amount && route.operation == "sandbox::dealings::refund";
            by_page || (route.takes.is_some() && writes)
        }
        // What comes by a cookie must have been meant.
        "csrf_token_invalid" => writes,
        "cross_site_refused" => !public,
        "event_type_unknown" => asks(route, "type"),
        "as_of_ahead" => asks(route, "as_of") || asks(route, "through"),
        "precondition_failed" => takes_if_match(route),
        "return_url_invalid" => route.operation == "v1::checkout::checkout",
        "feature_disabled" => {
            route.dialect == Dialect::Panel && !route.path.starts_with(panel::features::PATH)
        }
        "signature_invalid" => {
            ["inbound::take", "checkout::returned"].contains(&route.operation)
                || route.operation.ends_with("::confirm")
        }
        "signature_missing" | "webhook_secret_missing" => route.operation == "inbound::take",
        "preview_token_invalid" => route.operation.ends_with("::plan_change"),
        "refund_not_by_hand" => route.operation == "ledger::refunds::settled_by_hand",
        "dispute_refused" => route.operation == "sandbox::dealings::dispute",
        "payment_failed" => ["sandbox::pay", "checkout::returned"].contains(&route.operation),
        "webhook_url_refused" | "webhook_type_unknown" => {
            matches!(route.operation, "ledger::webhooks::create" | "ledger::webhooks::patch")
        }
        "webhook_endpoint_disabled" => route.operation == "ledger::webhooks::resend",
        "idempotency_key_invalid" | "idempotency_key_reused" => takes_idempotency_key(route),
        "version_conflict"
        | "overloaded"
        | "outcome_unknown"
        | "processor_unavailable"
        | "processor_refused" => writes,
        _ => true,
    }
}

/// Whether a rule's code can come from a route: what is written meets the rules, what is read may
/// be missing.
fn rule_applies(code: &str, kind: Kind, route: &Route) -> bool {
    const NARROW: &[(&str, &[&str])] = &[
        ("ledger::clock", &["clock_"]),
        ("ledger::rules::adopt_policy", &["policy_", "plan_unknown"]),
        ("ledger::rules::adopt_tax_rules", &["tax_", "country_", "book_"]),
        (
            "ledger::rules::revise_seller",
            &["billing_details_", "tax_", "country_", "book_", "nothing_to_"],
        ),
        ("ledger::coupons", &["coupon_", "plan_unknown", "amount_"]),
        (
            "ledger::accounts::open",
            &["account_exists", "billing_", "tax_", "country_", "external_"],
        ),
        ("sandbox::pay", &["order_already_paid", "order_not_open"]),
        ("sandbox::dealings::refund", &["refund_exceeds_captured"]),
        ("sandbox::dealings::dispute", &[]),
        ("checkout::returned", &["order_already_paid", "account_parked"]),
        ("ledger::webhooks", &[]),
    ];
    let narrow = NARROW.iter().find(|(operation, _)| route.operation.starts_with(operation));
    let told = narrow.is_none_or(|(_, codes)| codes.iter().any(|it| code.starts_with(it)));
    let writes = route.verb != "GET";
    let reads = route.path.contains('{') || !matches!(route.access, Access::Public);
    match kind {
        Kind::Internal => false,
        Kind::NotFound => told && (writes || reads),
        Kind::Invalid | Kind::Conflict => told && writes,
    }
}

/// The schemas of refusals.
pub(super) fn schemas() -> Map<String, Value> {
    let own = json!({
        "type": "object",
        "description": "A refusal of the ledger's own routes and of the processor dialect; beside \
            these fields may stand what one can go on from.",
        "required": ["error"],
        "additionalProperties": false,
        "properties": { "error": {
            "type": "object",
            "required": ["code", "message", "request_id"],
            "properties": {
                "code": { "type": "string", "description": "The stable code.", "example": "not_found" },
                "message": { "type": "string", "description": "What is wrong, for people." },
                "request_id": { "type": "string", "description": "Which request; the log has it too." },
            },
            "additionalProperties": true,
        } },
    });
    let panel = json!({
        "type": "object",
        "description": "A refusal of the panel dialect: a sentence. Its code is in the header \
            `Daybook-Error`.",
        "required": ["error"],
        "additionalProperties": false,
        "properties": {
            "error": { "type": "string", "description": "What is wrong, for people." },
            "retryAfter": { "type": "integer", "minimum": 0, "description": "Seconds after which \
                another try makes sense; only with `rate_limited`." },
        },
    });
    let v1 = json!({
        "type": "object",
        "description": "A refusal of the v1 dialect: its code in capitals, and beside it what one \
            can go on from.",
        "required": ["error"],
        "additionalProperties": false,
        "properties": { "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": { "type": "string", "description": "The stable code, in capitals." },
                "message": { "type": "string", "description": "What is wrong, for people." },
                "upgrade_url": { "type": ["string", "null"], "description": "Where to get more." },
            },
            "additionalProperties": true,
        } },
    });
    [("OwnError", own), ("PanelError", panel), ("V1Error", v1)]
        .map(|(name, schema)| (name.to_owned(), schema))
        .into_iter()
        .collect()
}

/// The headers of answers.
pub(super) mod headers {
    use serde_json::{Value, json};

    use crate::http::route::Route;

    /// Those that every answer has.
    pub(in crate::http::openapi) fn every() -> Value {
        json!({ "X-Request-Id": {
            "description": "Which request; the log has it too.",
            "required": true,
            "schema": { "type": "string", "pattern": "^[0-9a-f]{32}$" },
        } })
    }

    /// Those of an answer when all goes well.
    pub(in crate::http::openapi) fn of_success(route: &Route) -> Value {
        let mut headers = every();
        headers["Daybook-Position"] = json!({
            "description": "The position of the log that the answer shows, or that it wrote.",
            "schema": { "type": "integer", "minimum": 0 },
        });
        let mut fields = route.asks.iter().copied().flatten();
        if fields.any(|param| param.name == "after") {
            headers["Link"] = json!({
                "description": "The address of the next page (RFC 8288), where there is one.",
                "schema": { "type": "string" },
            });
        }
        if route.verb == "GET" {
            headers["ETag"] = json!({
                "description": "The answer's tag, for `If-None-Match`, where it has one.",
                "schema": { "type": "string" },
            });
        }
        headers
    }

    /// Those of a refusal.
    pub(in crate::http::openapi) fn of_refusal(status: u16, codes: &[&str]) -> Value {
        let mut headers = every();
        headers["Daybook-Error"] = json!({
            "description": "The stable code.",
            "required": true,
            "schema": { "type": "string", "enum": codes },
        });
        if matches!(status, 429 | 503) {
            headers["Retry-After"] = json!({
                "description": "Seconds after which another try makes sense.",
                "schema": { "type": "integer", "minimum": 0 },
            });
        }
        headers
    }
}

/// The refusals of all operations: those that are alike are described once.
#[derive(Default)]
pub(super) struct Refusals {
    known: Vec<(String, Value)>,
}

impl Refusals {
    /// The responses of a route's refusals, by reference.
    pub(super) fn of(&mut self, route: &Route) -> Map<String, Value> {
        let statuses: Vec<u16> = codes(route).into_keys().collect();
        let mut responses = Map::new();
        for status in statuses {
            let name = self.name(route.dialect, status, self.inline(route, status));
            let reference = json!({ "$ref": format!("#/components/responses/{name}") });
            responses.insert(status.to_string(), reference);
        }
        responses
    }

    /// The response of one status of a route's refusals.
    #[expect(clippy::unused_self, reason = "the counterpart of `of`")]
    pub(super) fn inline(&self, route: &Route, status: u16) -> Value {
        let codes = codes(route).remove(&status).unwrap_or_default();
        response(route.dialect, status, &codes.into_iter().collect::<Vec<_>>())
    }

    fn name(&mut self, dialect: Dialect, status: u16, response: Value) -> String {
        if let Some((name, _)) = self.known.iter().find(|(_, known)| *known == response) {
            return name.clone();
        }
        let base = format!("{dialect:?}{status}");
        let alike = self.known.iter().filter(|(name, _)| name.starts_with(&base)).count();
        let name = if alike == 0 { base } else { format!("{base}_{}", alike + 1) };
        self.known.push((name.clone(), response));
        name
    }

    /// Every response that is spoken of.
    pub(super) fn responses(self) -> Value {
        let mut responses: Map<String, Value> = self.known.into_iter().collect();
        responses.sort_keys();
        Value::Object(responses)
    }
}

fn response(dialect: Dialect, status: u16, codes: &[&str]) -> Value {
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    let first = codes.first().copied().unwrap_or_default();
    let message = "what is wrong, in a sentence";
    let of_code = |codes: Value| json!({ "properties": { "error": { "properties": { "code": { "enum": codes } } } } });
    let (schema, example) = match dialect {
        Dialect::Panel => {
            (json!({ "$ref": "#/components/schemas/PanelError" }), json!({ "error": message }))
        }
        Dialect::V1 => {
            let capitals: Vec<_> = codes.iter().map(|code| code.to_ascii_uppercase()).collect();
            let example = json!({ "error": { "code": capitals.first(), "message": message } });
            let base = json!({ "$ref": "#/components/schemas/V1Error" });
            (json!({ "allOf": [base, of_code(json!(capitals))] }), example)
        }
        Dialect::Processor | Dialect::Ledger => {
            let example = json!({ "error": {
                "code": first, "message": message,
                "request_id": "019d0000000070008000000000000001",
            } });
            let base = json!({ "$ref": "#/components/schemas/OwnError" });
            (json!({ "allOf": [base, of_code(json!(codes))] }), example)
        }
    };
    json!({
        "description": reason.unwrap_or("Refused"),
        "headers": headers::of_refusal(status, codes),
        "content": { "application/json": { "schema": schema, "example": example } },
        "x-daybook-codes": codes,
    })
}
