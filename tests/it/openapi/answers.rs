//! Every answer that a test gets is held against the OpenAPI document: its status, its content
//! type, its headers, its body.
//!
//! Bodies are held to more than the document says: an answer has no field that its type does not
//! name.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, LazyLock, Mutex},
};

use daybook::http::openapi;
use jsonschema::{Registry, Validator};
use serde_json::{Value, json};

use crate::harness::Answered;

/// Where the document is, for references.
const BASE: &str = "https://daybook.invalid/openapi.json";

/// What is wrong with an answer, if anything.
///
/// # Errors
/// A text for people.
pub(crate) fn check(method: &str, path: &str, answer: &Answered) -> Result<(), String> {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let refused = |statuses: &[u16], code: &str| {
        let fits = statuses.contains(&answer.status);
        if fits { Ok(()) } else { Err(format!("{}: no {code} is {}", path, answer.status)) }
    };
    // Every address takes it, so no operation says so.
    if method == "OPTIONS" {
        return refused(&[204, 404, 429], "answer to OPTIONS");
    }
    let Some(template) = template(path) else {
        return refused(&[404, 429], "address of the document");
    };
    let verb = if method == "HEAD" { "get" } else { &method.to_ascii_lowercase() };
    let operation = &openapi::document()["paths"][template][verb];
    if operation.is_null() {
        return refused(&[405, 429], "method of the document");
    }
    let status = answer.status.to_string();
    let mut pointer = format!("/paths/{}/{verb}/responses/{status}", escaped(template));
    let mut response = &operation["responses"][&status];
    if let Some(target) = response["$ref"].as_str() {
        pointer = target.trim_start_matches('#').to_owned();
        response = openapi::document().pointer(&pointer).ok_or("a dangling response")?;
    }
    if response.is_null() {
        return Err(format!("status {status} is not one of its responses"));
    }
    headers(response, answer)?;
    let kind = answer.headers.get("content-type").map_or("", |kind| kind.to_str().unwrap());
    let content = response["content"].as_object();
    if method == "HEAD" || (content.is_none() && answer.text.is_empty()) {
        return Ok(());
    }
    if content.is_none_or(|content| !content.contains_key(kind)) {
        return Err(format!("content type {kind} is not one of its {status}"));
    }
    if kind != "application/json" {
        return Ok(());
    }
    let body = serde_json::from_str(&answer.text).map_err(|error| error.to_string())?;
    body_fits(&format!("{pointer}/content/application~1json/schema"), &body)
}

/// The headers that must be there are, and those that are fit.
fn headers(response: &Value, answer: &Answered) -> Result<(), String> {
    for (name, header) in response["headers"].as_object().into_iter().flatten() {
        let Some(value) = answer.headers.get(name) else {
            if header["required"] == true {
                return Err(format!("the header {name} is missing"));
            }
            continue;
        };
        let value = value.to_str().map_err(|error| error.to_string())?;
        let schema = &header["schema"];
        let typed = match schema["type"].as_str() {
            Some("integer") => {
                value.parse().map(|number: i64| json!(number)).unwrap_or(json!(value))
            }
            _text => json!(value),
        };
        if !jsonschema::is_valid(schema, &typed) {
            return Err(format!("the header {name} is `{value}`, against {schema}"));
        }
    }
    Ok(())
}

/// Whether a body fits the schema at a pointer into the document.
pub(super) fn body_fits(pointer: &str, body: &Value) -> Result<(), String> {
    let validator = validator(pointer)?;
    let faults: Vec<_> = validator
        .iter_errors(body)
        .map(|fault| format!("at `{}`: {fault}", fault.instance_path()))
        .collect();
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}

fn validator(pointer: &str) -> Result<Arc<Validator>, String> {
    static KNOWN: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);
    static REGISTRY: LazyLock<Registry<'static>> = LazyLock::new(|| {
        let document = closed(openapi::document());
        Registry::new().add(BASE, document).unwrap().prepare().unwrap()
    });
    let mut known = KNOWN.lock().unwrap();
    if let Some(validator) = known.get(pointer) {
        return Ok(validator.clone());
    }
    let schema = json!({ "$ref": format!("{BASE}#{pointer}") });
    let validator = jsonschema::options().with_registry(&REGISTRY).build(&schema);
    let validator = Arc::new(validator.map_err(|error| error.to_string())?);
    known.insert(pointer.to_owned(), validator.clone());
    Ok(validator)
}

/// The template of a path: of two that fit, the one with fewer `{…}`.
fn template(path: &str) -> Option<&'static str> {
    let fits = |template: &&str| {
        let (wanted, parts) = (template.split('/'), path.split('/'));
        wanted.clone().count() == parts.clone().count()
            && wanted.zip(parts).all(|(wanted, part)| {
                wanted == part || (wanted.starts_with('{') && !part.is_empty())
            })
    };
    let paths = openapi::document()["paths"].as_object().unwrap().keys().map(String::as_str);
    paths.filter(fits).min_by_key(|template| template.matches('{').count())
}

/// A part of a JSON pointer inside a URI.
pub(super) fn escaped(part: &str) -> String {
    part.replace('~', "~0")
        .replace('/', "~1")
        .replace('{', "%7B")
        .replace('}', "%7D")
        .replace(' ', "%20")
}

/// The document with objects that have no fields but those that are named.
fn closed(document: &Value) -> Value {
    let mut document = document.clone();
    let mut open = BTreeSet::new();
    parts_of_others(&document, false, &mut open);
    let schemas = document["components"]["schemas"].as_object_mut().unwrap();
    for (name, schema) in schemas {
        close(schema, open.contains(name));
    }
    document
}

/// The schemas that are only parts of larger ones, which name the other fields.
fn parts_of_others(schema: &Value, is_part: bool, open: &mut BTreeSet<String>) {
    match schema {
        Value::Object(fields) => {
            let joins = is_part || fields.contains_key("properties");
            if let (true, Some(target)) = (joins, schema["$ref"].as_str()) {
                open.insert(target.rsplit('/').next().unwrap().to_owned());
            }
            for (key, value) in fields {
                let combines = matches!(key.as_str(), "oneOf" | "anyOf" | "allOf");
                match value {
                    Value::Array(items) if combines => {
                        items.iter().for_each(|item| parts_of_others(item, joins, open));
                    }
                    value => parts_of_others(value, false, open),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| parts_of_others(item, false, open)),
        _scalar => {}
    }
}

fn close(schema: &mut Value, is_part: bool) {
    let Value::Object(fields) = schema else { return };
    let named = fields.contains_key("properties");
    for (key, value) in fields.iter_mut() {
        match (key.as_str(), value) {
            ("oneOf" | "anyOf" | "allOf", Value::Array(items)) => {
                items.iter_mut().for_each(|item| close(item, is_part || named));
            }
            ("properties", Value::Object(fields)) => {
                fields.values_mut().for_each(|field| close(field, false));
            }
            ("items" | "additionalProperties", value) => close(value, false),
            _ => {}
        }
    }
    let says = ["additionalProperties", "unevaluatedProperties"];
    if named && !is_part && !says.iter().any(|key| fields.contains_key(*key)) {
        fields.insert("unevaluatedProperties".to_owned(), json!(false));
    }
}
