//! Examples, made of schemas: what a type says of itself first, then what a field's name suggests.

use serde_json::{Map, Value, json};

/// How deep an example goes; the shapes that are served end long before.
const DEEPEST: usize = 16;

/// What fields of a name usually hold, where their type has no example of its own.
const BY_NAME: &[(&str, &str)] = &[
    ("action", "end"),
    ("address", "12 St James's Square"),
    ("checkoutUrl", "https://billing.example.com/sandbox/checkout/order_sandbox_1"),
    ("city", "London"),
    ("company", "Analytical Engines Ltd"),
    ("country", "GB"),
    ("currency", "USD"),
    ("description", "Starter, monthly"),
    ("email", "ada@example.com"),
    ("external_id", "user-1042"),
    ("invoiceNumber", "INV-2026-000042"),
    ("invoice_number", "INV-2026-000042"),
    ("jurisdiction", "GB"),
    ("key", "sandbox"),
    ("limit", "servers"),
    ("message", "Reapplying plan limits to ~12 users in background"),
    ("name", "Starter"),
    ("number", "42"),
    ("order_id", "order_sandbox_1"),
    ("order_number", "42"),
    ("orderId", "order_sandbox_1"),
    ("orders", "42"),
    ("paymentId", "pay_sandbox_1"),
    ("planId", "starter"),
    ("plan_type", "paid"),
    ("plans", "starter"),
    ("postalCode", "SW1Y 4LE"),
    ("processor", "sandbox"),
    ("processor_order_id", "order_sandbox_1"),
    ("processor_payment_id", "pay_sandbox_1"),
    ("reason", "the customer asked for it"),
    ("signature", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
    ("slug", "starter"),
    ("state", "England"),
    ("taxId", "GB980780684"),
    ("time_zone", "Europe/Berlin"),
    ("type", "paid"),
    ("users", "user-1042"),
];

/// Fields that are true where all goes well.
const TRUE: &[&str] = &["binding", "database", "preview", "success"];

/// Of many words, those that an everyday example has.
const USUAL: &[&str] = &["active", "paid", "processed", "captured", "ok", "ready"];

/// A word for a field or a part of a path.
pub(super) fn word(name: &str) -> &'static str {
    BY_NAME.iter().find(|(known, _)| *known == name).map_or("text", |(_, word)| word)
}

/// An example of what is given: every field, `null` where its description says when it is.
pub(super) fn of(schema: &Value, schemas: &Map<String, Value>) -> Value {
    Maker { schemas, whole: true }.value(schema, "", 0)
}

/// An example of what is taken: the fields that have to be there; where none has to, every one.
pub(super) fn of_body(schema: &Value, schemas: &Map<String, Value>) -> Value {
    let least = Maker { schemas, whole: false }.value(schema, "", 0);
    // Where nothing has to be there, an empty body would show nothing.
    if least == json!({}) { of(schema, schemas) } else { least }
}

struct Maker<'s> {
    schemas: &'s Map<String, Value>,
    whole: bool,
}

impl Maker<'_> {
    fn value(&self, schema: &Value, name: &str, depth: usize) -> Value {
        if depth > DEEPEST {
            return Value::Null;
        }
        if let Some(said) = said(schema) {
            return said;
        }
        if is_nullable(schema) && (!self.whole || says_when_null(schema)) {
            return Value::Null;
        }
        let parts = self.parts(schema, depth);
        // An alternative with an example of its own, such as one word of many.
        if let Some(said) = parts.iter().find_map(|part| said(part)) {
            return said;
        }
        let kind = parts.iter().find_map(|part| kind(part));
        match kind.as_deref() {
            Some("object") => self.object(&parts, depth),
            Some("array") => {
                let items = parts.iter().find_map(|part| part.get("items"));
                items.map_or_else(|| json!([]), |items| json!([self.value(items, name, depth + 1)]))
            }
            Some("integer" | "number") => number(&parts, name),
            Some("boolean") => json!(TRUE.contains(&name)),
            Some("null") => Value::Null,
            _text => json!(word(name)),
        }
    }

    /// A schema with all that it is made of: what it refers to, all of what it joins, and the
    /// first of its alternatives.
    fn parts<'a>(&'a self, schema: &'a Value, depth: usize) -> Vec<&'a Value> {
        let mut parts = vec![schema];
        if depth > DEEPEST {
            return parts;
        }
        if let Some(target) = schema["$ref"].as_str() {
            let name = target.rsplit('/').next().unwrap_or_default();
            parts.extend(
                self.schemas.get(name).map(|it| self.parts(it, depth + 1)).unwrap_or_default(),
            );
        }
        for all in schema["allOf"].as_array().into_iter().flatten() {
            parts.extend(self.parts(all, depth + 1));
        }
        for either in ["oneOf", "anyOf"] {
            let usual = |branch: &&Value| branch["const"].as_str().is_some_and(is_usual);
            let first = schema[either].as_array().and_then(|branches| {
                let usual = branches.iter().find(usual);
                usual.or_else(|| branches.iter().find(|branch| branch["type"] != "null"))
            });
            parts.extend(first.map(|first| self.parts(first, depth + 1)).unwrap_or_default());
        }
        parts
    }

    fn object(&self, parts: &[&Value], depth: usize) -> Value {
        let mut object = Map::new();
        let required: Vec<_> =
            parts.iter().filter_map(|part| part["required"].as_array()).flatten().collect();
        let fields = parts.iter().filter_map(|part| part["properties"].as_object()).flatten();
        for (name, schema) in fields {
            if self.whole || required.iter().any(|required| *required == name) {
                object.insert(name.clone(), self.value(schema, name, depth + 1));
            }
        }
        if object.is_empty() && self.whole {
            let values = parts.iter().find_map(|part| part.get("additionalProperties"));
            if let Some(values) = values.filter(|values| values.is_object()) {
                object.insert("servers".to_owned(), self.value(values, "", depth + 1));
            }
        }
        Value::Object(object)
    }
}

/// What a schema itself says that a value is.
fn said(schema: &Value) -> Option<Value> {
    let first = |key: &str| schema[key].as_array().and_then(|values| values.first()).cloned();
    let own = schema.get("example").or(schema.get("const")).cloned();
    let usual = || {
        let words = schema["enum"].as_array()?;
        words.iter().find(|word| word.as_str().is_some_and(is_usual)).cloned()
    };
    own.or_else(|| first("examples")).or_else(usual).or_else(|| first("enum")).or_else(|| {
        schema.get("default").filter(|default| !default.is_null() && !default.is_object()).cloned()
    })
}

fn is_usual(word: &str) -> bool {
    USUAL.contains(&word)
}

fn kind(schema: &Value) -> Option<String> {
    match &schema["type"] {
        Value::String(kind) => Some(kind.clone()),
        Value::Array(kinds) => {
            kinds.iter().find(|kind| **kind != "null")?.as_str().map(str::to_owned)
        }
        _ => schema.get("properties").map(|_| "object".to_owned()),
    }
}

fn is_nullable(schema: &Value) -> bool {
    let typed = schema["type"].as_array().is_some_and(|kinds| kinds.iter().any(|it| it == "null"));
    let branches = schema["anyOf"].as_array().into_iter().flatten();
    typed || branches.into_iter().any(|branch| branch["type"] == "null")
}

fn says_when_null(schema: &Value) -> bool {
    schema["description"].as_str().is_some_and(|text| text.contains("`null`"))
}

fn number(parts: &[&Value], name: &str) -> Value {
    let least = parts.iter().find_map(|part| part["minimum"].as_i64()).unwrap_or(0);
    let most = parts.iter().find_map(|part| part["maximum"].as_i64()).unwrap_or(i64::MAX);
    let usual = if name.ends_with("position") { 42 } else { 1 };
    json!(usual.clamp(least, most.max(least)))
}
