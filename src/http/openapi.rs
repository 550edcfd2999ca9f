//! The OpenAPI 3.1 document, made of the route table and of the types that it names.
//!
//! Nothing in it is written twice: paths, roles, query fields, bodies and answers come from
//! [`ROUTES`], codes from the tables of refusals, descriptions from the types' own documentation.
//! It is made once a process, and served at `/openapi.json`.

mod errors;
mod example;
mod merge;
mod operation;
pub mod page;

use std::sync::{Arc, LazyLock};

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use warp::http::StatusCode;

use self::{errors::Refusals, merge::Merged};
use super::{
    answer::Answer,
    call::Call,
    error::{ApiError, Dialect},
    route::Route,
    routes::ROUTES,
};
use crate::app::App;

pub use self::errors::codes;

/// The document of every route there is.
#[must_use]
pub fn document() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| of(ROUTES));
    &DOCUMENT
}

/// `GET /openapi.json`
///
/// # Errors
/// Never.
pub async fn serve(_: Arc<App>, _: Call) -> Result<Answer, ApiError> {
    static TEXT: LazyLock<String> = LazyLock::new(|| document().to_string());
    Ok(Answer::bytes(StatusCode::OK, "application/json", TEXT.as_bytes().to_vec()))
}

/// The OpenAPI document itself.
#[derive(Debug)]
pub struct Document;

impl schemars::JsonSchema for Document {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Document".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "object",
            "description": "An OpenAPI 3.1 document.",
            "required": ["openapi", "info", "paths"],
            "properties": { "openapi": { "const": "3.1.0" } },
            "examples": [{ "openapi": "3.1.0", "info": {}, "paths": {} }],
        })
    }
}

/// The document of some routes.
#[must_use]
pub fn of(routes: &[Route]) -> Value {
    let settings = || {
        SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        })
    };
    // What is taken may leave out what is always given: one type, two shapes.
    let mut takes = settings().for_deserialize().into_generator();
    let mut gives = settings().for_serialize().into_generator();
    let mut shapes: Vec<_> =
        routes.iter().map(|route| operation::Shapes::of(route, &mut takes, &mut gives)).collect();
    let Merged { schemas, renamed } =
        merge::merged(takes.take_definitions(true), gives.take_definitions(true));
    shapes.iter_mut().for_each(|shapes| shapes.rename(&renamed));
    let mut schemas = schemas;
    schemas.extend(errors::schemas());
    let mut refusals = Refusals::default();
    let mut paths = Map::new();
    for (route, shapes) in routes.iter().zip(&shapes) {
        let operation = operation::of(route, shapes, &schemas, &mut refusals);
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.verb.to_ascii_lowercase()] = operation;
    }
    json!({
        "openapi": "3.1.0",
        "info": info(),
        "servers": [{ "url": "/" }],
        "tags": TAGS.map(|(dialect, text)| json!({ "name": tag(dialect), "description": text })),
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": refusals.responses(),
            "securitySchemes": security_schemes(),
        },
    })
}

fn info() -> Value {
    json!({
        "title": "Daybook",
        "summary": "An event-sourced billing ledger.",
        "description": "Three dialects over one ledger, and the ledger's own routes. Every \
            refusal carries its stable code in the header `Daybook-Error`; every write but \
            that of the test clock takes an `Idempotency-Key`.",
        "version": env!("CARGO_PKG_VERSION"),
        "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
    })
}

/// The dialects, in the order of the page, with what each is for.
const TAGS: [(Dialect, &str); 4] = [
    (Dialect::Panel, "A game-server panel's billing, as its own pages know it."),
    (Dialect::Processor, "A payment processor's wrapper: amounts are strings in major units."),
    (Dialect::V1, "The first version of a hosting API: amounts are integers in minor units."),
    (Dialect::Ledger, "The ledger's own: accounts, refunds, coupons, rules, health."),
];

/// The tag of a dialect's operations.
fn tag(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Panel => "panel",
        Dialect::Processor => "processor",
        Dialect::V1 => "v1",
        Dialect::Ledger => "ledger",
    }
}

fn security_schemes() -> Value {
    json!({
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key (`dbk_…`) or a session (`dbs_…`).",
        },
        "apiKey": {
            "type": "apiKey",
            "in": "header",
            "name": "X-API-Key",
            "description": "An API key (`dbk_…`).",
        },
        "sessionCookie": {
            "type": "apiKey",
            "in": "cookie",
            "name": "daybook_session",
            "description": "A session of a page.",
        },
    })
}
