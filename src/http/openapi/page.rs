//! The reference page: the OpenAPI document for people, as one HTML page without scripts.
//!
//! It loads nothing: not a font, not a script, not from anywhere. Whatever it says comes from the
//! document, escaped. Anchors lie inside what folds away, so that following one unfolds it.

use std::sync::{Arc, LazyLock};

use serde_json::{Map, Value};
use warp::http::StatusCode;

use super::document;
use crate::{
    app::App,
    http::{answer::Answer, call::Call, error::ApiError, sandbox::escape},
};

/// What the page may load: its own style.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'";

const STYLE: &str = include_str!("page.css");

/// `GET /docs`
///
/// # Errors
/// Never.
pub async fn serve(_: Arc<App>, _: Call) -> Result<Answer, ApiError> {
    static PAGE: LazyLock<String> = LazyLock::new(|| page(document()));
    let answer =
        Answer::bytes(StatusCode::OK, "text/html; charset=utf-8", PAGE.as_bytes().to_vec());
    Ok(answer.with("content-security-policy", POLICY.to_owned()))
}

/// The page of a document.
#[must_use]
pub fn page(document: &Value) -> String {
    let mut contents = String::new();
    let mut sections = String::new();
    for tag in array(&document["tags"]) {
        let name = text(&tag["name"]);
        let (mut links, mut operations) = (String::new(), String::new());
        for (path, verb, operation) in operations_of(document, name) {
            links.push_str(&link(path, verb, operation));
            operations.push_str(&operation_of(document, path, verb, operation));
        }
        if operations.is_empty() {
            continue;
        }
        let (name, about) = (escape(name), escape(text(&tag["description"])));
        contents.push_str(&format!(
            "<details class=\"part\"><summary>{name}</summary><ul>{links}</ul></details>"
        ));
        sections.push_str(&format!(
            "<section aria-labelledby=\"tag-{name}\"><h2 id=\"tag-{name}\">{name}</h2>\
             <p class=\"about\">{about}</p>{operations}</section>"
        ));
    }
    let info = &document["info"];
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title} API reference</title><style>{STYLE}</style></head><body>\
         <a class=\"skip\" href=\"#operations\">To the operations</a>\
         <nav aria-label=\"Contents\"><p class=\"brand\">{title} <span>{version}</span></p>\
         {contents}<details class=\"part\"><summary>types</summary><ul>{type_links}</ul></details>\
         </nav><main id=\"operations\"><header><h1>{title} API reference</h1>\
         <p class=\"about\">{about}</p><p class=\"about\">The same as a document for machines: \
         <a href=\"/openapi.json\">openapi.json</a>.</p>{keys}</header>{sections}\
         <section aria-labelledby=\"types\"><h2 id=\"types\">types</h2>{types}</section>\
         </main></body></html>",
        title = escape(text(&info["title"])),
        version = escape(text(&info["version"])),
        about = prose(text(&info["description"])),
        keys = keys(document),
        type_links = type_links(document),
        types = types(document),
    )
}

/// How callers say who they are.
fn keys(document: &Value) -> String {
    let schemes = object(&document["components"]["securitySchemes"]);
    let rows = schemes.map(|(_, scheme)| {
        let how = match (text(&scheme["type"]), text(&scheme["in"])) {
            ("http", _) => "Authorization: Bearer …".to_owned(),
            (_, "cookie") => format!("Cookie: {}=…", text(&scheme["name"])),
            _ => format!("{}: …", text(&scheme["name"])),
        };
        let about = prose(text(&scheme["description"]));
        format!("<tr><th scope=\"row\"><code>{}</code></th><td>{about}</td></tr>", escape(&how))
    });
    format!(
        "<table><caption>Who calls</caption><tbody>{}</tbody></table>",
        rows.collect::<String>()
    )
}

/// The operations of a tag: path, verb, operation.
fn operations_of<'d>(
    document: &'d Value,
    tag: &str,
) -> impl Iterator<Item = (&'d str, &'d str, &'d Value)> {
    let paths = object(&document["paths"]);
    let all = paths.flat_map(|(path, item)| {
        object(item).map(move |(verb, operation)| (path.as_str(), verb.as_str(), operation))
    });
    let tag = tag.to_owned();
    all.filter(move |(.., operation)| operation["tags"][0] == tag.as_str())
}

fn link(path: &str, verb: &str, operation: &Value) -> String {
    let id = escape(text(&operation["operationId"]));
    format!(
        "<li><a href=\"#{id}\"><span class=\"verb {verb}\">{verb}</span> <code>{}</code></a></li>",
        breakable(path),
    )
}

/// A path that may break at its slashes.
fn breakable(path: &str) -> String {
    escape(path).replace('/', "<wbr>/")
}

fn operation_of(document: &Value, path: &str, verb: &str, operation: &Value) -> String {
    let id = escape(text(&operation["operationId"]));
    let roles: Vec<_> = array(&operation["x-daybook-roles"]).map(text).collect();
    let roles = if roles.is_empty() { "anybody".to_owned() } else { roles.join(", ") };
    format!(
        "<details class=\"operation\"><summary><span class=\"verb {verb}\">{verb}</span>\
         <code class=\"path\">{}</code><span class=\"what\">{}</span></summary>\
         <div class=\"inside\" id=\"{id}\"><p class=\"roles\">Who may: {}</p>{}{}{}</div></details>",
        breakable(path),
        escape(text(&operation["summary"])),
        escape(&roles),
        parameters(operation),
        body(document, operation),
        responses(document, operation),
    )
}

fn parameters(operation: &Value) -> String {
    let rows: String = array(&operation["parameters"])
        .map(|parameter| {
            let about = text(&parameter["description"]);
            format!(
                "<tr><th scope=\"row\"><code>{}</code></th><td>{}</td><td>{}{}</td></tr>",
                escape(text(&parameter["name"])),
                escape(text(&parameter["in"])),
                kind(&parameter["schema"]),
                if about.is_empty() { String::new() } else { format!(": {}", escape(about)) },
            )
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    format!("<h3>Parameters</h3><div class=\"wide\"><table><tbody>{rows}</tbody></table></div>")
}

fn body(document: &Value, operation: &Value) -> String {
    let body = &operation["requestBody"];
    if body.is_null() {
        return String::new();
    }
    let required = if body["required"] == true { "" } else { " (may be left out)" };
    let contents: String = object(&body["content"])
        .map(|(kind, content)| of_content(document, kind, content))
        .collect();
    format!("<h3>Body{required}</h3>{contents}")
}

fn of_content(document: &Value, kind_of_content: &str, content: &Value) -> String {
    let example = match &content["example"] {
        Value::String(_) => String::new(),
        example => format!(
            "<pre tabindex=\"0\" aria-label=\"Example\"><code>{}</code></pre>",
            escape(&format!("{example:#}")),
        ),
    };
    let schema = &content["schema"];
    let named = resolved(document, schema);
    format!(
        "<p><code>{}</code>: {}</p>{}{example}",
        escape(kind_of_content),
        kind(schema),
        fields(named),
    )
}

/// What a reference leads to.
fn resolved<'d>(document: &'d Value, schema: &'d Value) -> &'d Value {
    let target =
        schema["$ref"].as_str().and_then(|it| document.pointer(it.trim_start_matches('#')));
    target.unwrap_or(schema)
}

/// The fields of a shape, as a table.
fn fields(schema: &Value) -> String {
    let required: Vec<_> = array(&schema["required"]).map(text).collect();
    let rows: String = object(&schema["properties"])
        .map(|(name, field)| {
            let about = text(&field["description"]);
            let optional = if required.contains(&name.as_str()) { "" } else { ", optional" };
            format!(
                "<tr><th scope=\"row\"><code>{}</code></th><td>{}{optional}</td><td>{}</td></tr>",
                escape(name),
                kind(field),
                prose(about),
            )
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    format!("<div class=\"wide\"><table><tbody>{rows}</tbody></table></div>")
}

/// What sort of value a schema describes, in a word or a link to its type.
fn kind(schema: &Value) -> String {
    if let Some(target) = schema["$ref"].as_str() {
        let name = escape(target.rsplit('/').next().unwrap_or_default());
        return format!("<a href=\"#type-{name}\">{name}</a>");
    }
    for join in ["oneOf", "anyOf", "allOf"] {
        let branches: Vec<_> = array(&schema[join]).map(kind).collect();
        if !branches.is_empty() {
            let word = if join == "allOf" { " and " } else { " or " };
            return branches.join(word);
        }
    }
    if let Some(constant) = schema.get("const") {
        return format!("<code>{}</code>", escape(&constant.to_string()));
    }
    let words: Vec<_> = array(&schema["enum"]).map(|it| escape(&it.to_string())).collect();
    if !words.is_empty() {
        return format!("<code>{}</code>", words.join("</code> or <code>"));
    }
    let kinds: Vec<_> = match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        many => array(many).map(text).collect(),
    };
    let kinds: Vec<_> = kinds
        .into_iter()
        .map(|kind_of| match (kind_of, &schema["items"], &schema["additionalProperties"]) {
            ("array", items, _) if items.is_object() => format!("array of {}", kind(items)),
            ("object", _, values) if values.is_object() => format!("object of {}", kind(values)),
            (other, ..) => escape(other),
        })
        .collect();
    if kinds.is_empty() { "anything".to_owned() } else { kinds.join(" or ") }
}

/// A description, with its words in backticks as code.
fn prose(about: &str) -> String {
    let parts = about.split('`').enumerate();
    let shown = parts.map(|(nth, part)| match nth % 2 {
        1 => format!("<code>{}</code>", escape(part)),
        _ => escape(part),
    });
    shown.collect()
}

fn responses(document: &Value, operation: &Value) -> String {
    let mut usual = String::new();
    let mut refusals = String::new();
    for (status, response) in object(&operation["responses"]) {
        let response = resolved(document, response);
        let codes: Vec<_> = array(&response["x-daybook-codes"]).map(text).collect();
        if codes.is_empty() || status.starts_with('2') {
            let contents: String = object(&response["content"])
                .map(|(kind, content)| of_content(document, kind, content))
                .collect();
            let about = escape(text(&response["description"]));
            usual.push_str(&format!("<h3>{status} {about}</h3>{contents}"));
        } else {
            let codes: Vec<_> =
                codes.iter().map(|code| format!("<code>{}</code>", escape(code))).collect();
            refusals.push_str(&format!(
                "<tr><th scope=\"row\">{status}</th><td class=\"codes\">{}</td></tr>",
                codes.join(" "),
            ));
        }
    }
    format!(
        "{usual}<details class=\"refusals\"><summary>Refusals, by status and code</summary>\
         <table><tbody>{refusals}</tbody></table></details>"
    )
}

fn schemas(document: &Value) -> impl Iterator<Item = (&String, &Value)> {
    object(&document["components"]["schemas"])
}

fn type_links(document: &Value) -> String {
    let link = |name: &str| format!("<li><a href=\"#type-{name}\">{name}</a></li>");
    schemas(document).map(|(name, _)| link(&escape(name))).collect()
}

fn types(document: &Value) -> String {
    let shown = schemas(document).map(|(name, schema)| {
        let name = escape(name);
        let pattern = schema["pattern"]
            .as_str()
            .map(|pattern| format!("<p>Of the form <code>{}</code></p>", escape(pattern)));
        let alternatives = ["oneOf", "anyOf"].iter().flat_map(|join| array(&schema[*join]));
        let alternatives: String = alternatives
            .map(|it| {
                let about = prose(text(&it["description"]));
                format!("<li>{}<span class=\"says\">{about}</span>{}</li>", kind(it), fields(it))
            })
            .collect();
        format!(
            "<details class=\"type\"><summary>{name}</summary>\
             <div class=\"inside\" id=\"type-{name}\"><p class=\"about\">{about}</p><p>{kind}</p>{pattern}{fields}\
             <ul>{alternatives}</ul></div></details>",
            about = prose(text(&schema["description"])),
            kind = if alternatives.is_empty() { kind(schema) } else { "One of:".to_owned() },
            pattern = pattern.unwrap_or_default(),
            fields = fields(schema),
        )
    });
    shown.collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn object(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_document_says_never_becomes_markup() {
        let planted = json!({
            "info": { "title": "<b>", "version": "1", "description": "<b>" },
            "tags": [{ "name": "t", "description": "<b>" }],
            "paths": { "/<b>": { "get": {
                "operationId": "o", "tags": ["t"], "summary": "<b>",
                "parameters": [{ "name": "<b>", "in": "query", "description": "<b>", "schema": {} }],
                "responses": { "200": { "description": "<b>", "content": { "<b>": {
                    "schema": { "properties": { "<b>": { "description": "`<b>`" } } },
                    "example": { "<b>": "<b>" },
                } } } },
            } } },
            "components": { "schemas": { "S": { "description": "<b>", "const": "<b>" } } },
        });
        let page = page(&planted);
        assert!(!page.contains("<b>") && page.contains("&lt;b&gt;"));
    }
}
