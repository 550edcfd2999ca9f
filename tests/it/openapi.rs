//! The OpenAPI document tells the truth: it has what the route table has, its examples fit its
//! schemas, and every answer of every test is held against it.
#![expect(clippy::unwrap_used, reason = "test code panics where a test fails")]

pub(crate) mod answers;

use std::collections::{BTreeMap, BTreeSet};

use daybook::http::{
    error::Dialect,
    openapi::{self, codes},
    route::Route,
    routes::ROUTES,
};
use serde_json::{Value, json};

use crate::harness::{Answered, TestApp};

/// An operation in a line: who may call it, what it asks, takes and gives.
fn of_route(route: &Route) -> (String, String) {
    let roles: Vec<_> = route.access.roles().iter().map(|role| role.as_str()).collect();
    let fields: BTreeSet<_> =
        route.asks.iter().copied().flatten().map(|param| param.name).collect();
    let takes = route.takes.map(|takes| (takes.content, takes.required));
    let mut statuses: BTreeSet<u16> = codes(route).into_keys().collect();
    statuses.insert(route.gives.status);
    if route.verb == "GET" {
        statuses.insert(304);
    }
    // Where a customer goes on from the page that stands in for a processor's.
    let of_page = [
        "checkout::returned",
        "sandbox::pay",
        "sandbox::dealings::refund",
        "sandbox::dealings::dispute",
    ];
    statuses.extend(of_page.contains(&route.operation).then_some(303));
    // The sandbox's page answers people, and says what is wrong as a page.
    let content = route.gives.content;
    let text = format!(
        "{} {roles:?} {fields:?} {takes:?} {statuses:?} {} {content}",
        route.operation.replace("::", "_"),
        route.gives.status,
    );
    (format!("{} {}", route.verb, route.path), text)
}

/// The same of the document.
fn of_operation(verb: &str, path: &str, operation: &Value) -> (String, String) {
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().map(|it| it.as_str().unwrap().to_owned()).collect()
    };
    let roles = texts(&operation["x-daybook-roles"]);
    assert_eq!(roles.is_empty(), operation["security"] == json!([]), "{verb} {path}");
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let asked = parameters.filter(|it| it["in"] == "query").map(|it| it["name"].as_str().unwrap());
    let fields: BTreeSet<_> = asked.collect();
    let body = &operation["requestBody"];
    let takes = body["content"].as_object().map(|content| {
        (content.keys().next().unwrap().as_str(), body["required"].as_bool().unwrap())
    });
    let responses = operation["responses"].as_object().unwrap();
    let statuses: BTreeSet<u16> = responses.keys().map(|status| status.parse().unwrap()).collect();
    let usual = responses.iter().find(|(status, _)| status.starts_with('2'));
    let (status, usual) = usual.unwrap();
    let content = usual["content"].as_object();
    // The usual type is the first; the sandbox's page has another besides.
    let content = content.and_then(|it| it.keys().next()).map_or("", String::as_str);
    let operation = operation["operationId"].as_str().unwrap();
    let text =
        format!("{operation} {roles:?} {fields:?} {takes:?} {statuses:?} {status} {content}");
    (format!("{} {path}", verb.to_uppercase()), text)
}

/// Where routes and document differ.
fn differences(document: &Value) -> Vec<String> {
    let routes: BTreeMap<_, _> = ROUTES.iter().map(of_route).collect();
    let mut documented = BTreeMap::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (verb, operation) in item.as_object().unwrap() {
            documented.extend([of_operation(verb, path, operation)]);
        }
    }
    let names: BTreeSet<_> = routes.keys().chain(documented.keys()).collect();
    let differ = names.into_iter().filter(|name| routes.get(*name) != documented.get(*name));
    differ
        .map(|it| format!("{it}: {:?} against {:?}", routes.get(it), documented.get(it)))
        .collect()
}

#[test]
fn the_routes_and_the_document_are_equal_in_both_directions() {
    assert_eq!(differences(openapi::document()), Vec::<String>::new());
}

#[test]
fn a_routes_dialect_is_the_one_in_which_its_address_refuses() {
    for route in ROUTES {
        assert_eq!(route.dialect, Dialect::of_path(route.path), "{}", route.path);
    }
}

#[test]
fn a_document_of_other_routes_is_noticed() {
    let path = "/paths/~1api~1coupons/get";
    let plant = |fault: &dyn Fn(&mut Value)| {
        let mut document = openapi::document().clone();
        fault(document.pointer_mut(path).unwrap());
        differences(&document).len()
    };
    assert_eq!(plant(&|_| {}), 0);
    assert_eq!(plant(&|it| it["x-daybook-roles"] = json!(["super_admin"])), 1);
    assert_eq!(plant(&|it| it["parameters"][0]["name"] = json!("limits")), 1);
    assert_eq!(plant(&|it| it["responses"]["418"] = json!({})), 1);
    assert_eq!(plant(&|it| it["operationId"] = json!("other")), 1);
    let mut document = openapi::document().clone();
    let paths = document["paths"].as_object_mut().unwrap();
    let moved = paths.remove("/healthz").unwrap();
    paths.insert("/health".to_owned(), moved);
    assert_eq!(differences(&document).len(), 2);
}

/// What an operation lacks that a reader needs.
fn lint(document: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (verb, operation) in item.as_object().unwrap() {
            let mut fault = |text: &str| faults.push(format!("{verb} {path}: {text}"));
            let id = operation["operationId"].as_str().unwrap_or_default();
            if id.is_empty() || !ids.insert(id.to_owned()) {
                fault("no operation id of its own");
            }
            if operation["summary"].as_str().is_none_or(|text| text.len() < 3) {
                fault("no summary");
            }
            if operation["security"].as_array().is_none() {
                fault("no word on security");
            }
            if operation["responses"]["500"].is_null() {
                fault("no errors");
            }
            let body = &operation["requestBody"]["content"];
            for content in body.as_object().into_iter().flatten().map(|(_, content)| content) {
                if content["example"].is_null() {
                    fault("a body without an example");
                }
            }
            for (status, response) in operation["responses"].as_object().into_iter().flatten() {
                let target = response["$ref"].as_str().map(|it| it.trim_start_matches('#'));
                let response = target.map_or(Some(response), |it| document.pointer(it));
                let response = response.unwrap_or(&Value::Null);
                if response["description"].as_str().is_none() {
                    fault(&format!("{status} without a description"));
                }
                let content = response["content"].as_object().into_iter().flatten();
                if content.into_iter().any(|(_, content)| content.get("example").is_none()) {
                    fault(&format!("{status} without an example"));
                }
            }
        }
    }
    dangling(document, document, &mut faults);
    faults
}

fn dangling(document: &Value, part: &Value, faults: &mut Vec<String>) {
    match part {
        Value::Object(fields) => {
            if let Some(target) = part["$ref"].as_str()
                && document.pointer(target.trim_start_matches('#')).is_none()
            {
                faults.push(format!("{target} leads nowhere"));
            }
            fields.values().for_each(|value| dangling(document, value, faults));
        }
        Value::Array(items) => items.iter().for_each(|item| dangling(document, item, faults)),
        _scalar => {}
    }
}

#[test]
fn every_operation_says_what_a_reader_needs() {
    assert_eq!(lint(openapi::document()), Vec::<String>::new());
}

#[test]
fn an_operation_that_says_too_little_is_noticed() {
    let plant = |pointer: &str, field: &str, value: Value| {
        let mut document = openapi::document().clone();
        document.pointer_mut(pointer).unwrap()[field] = value;
        lint(&document).len()
    };
    let path = "/paths/~1api~1refunds/post";
    assert_eq!(plant(path, "summary", json!("")), 1);
    assert_eq!(plant(path, "security", Value::Null), 1);
    assert_eq!(plant(path, "operationId", json!("health_healthz")), 1);
    let body = format!("{path}/requestBody/content/application~1json");
    assert_eq!(plant(&body, "example", Value::Null), 1);
    assert_eq!(plant(&body, "schema", json!({ "$ref": "#/components/schemas/Nothing" })), 1);
}

/// Every example of the document, with the pointer to its schema.
fn examples(document: &Value) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    let mut contents = |at: String, content: &Value| {
        for (kind, content) in content.as_object().into_iter().flatten() {
            let at = format!("{at}/content/{}/schema", answers::escaped(kind));
            found.push((at, content["example"].clone()));
        }
    };
    for (name, response) in document["components"]["responses"].as_object().unwrap() {
        contents(format!("/components/responses/{name}"), &response["content"]);
    }
    let mut parameters = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (verb, operation) in item.as_object().unwrap() {
            let at = format!("/paths/{}/{verb}", answers::escaped(path));
            contents(format!("{at}/requestBody"), &operation["requestBody"]["content"]);
            for (status, response) in operation["responses"].as_object().unwrap() {
                contents(format!("{at}/responses/{status}"), &response["content"]);
            }
            let asked = operation["parameters"].as_array().into_iter().flatten();
            parameters.extend(asked.enumerate().map(|(nth, parameter)| {
                (format!("{at}/parameters/{nth}/schema"), parameter["example"].clone())
            }));
        }
    }
    found.extend(parameters);
    found
}

#[test]
fn every_example_fits_its_schema() {
    let examples = examples(openapi::document());
    assert!(examples.len() > 100, "{}", examples.len());
    let faults: Vec<_> = examples
        .iter()
        .filter_map(|(at, example)| {
            let fault = answers::body_fits(at, example).err()?;
            Some(format!("{at}: {fault}\n{example}"))
        })
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The routes that still name no type of their own.
fn untyped(document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (verb, operation) in item.as_object().unwrap() {
            let body = [&operation["requestBody"]];
            let responses = operation["responses"].as_object().unwrap().values();
            for part in body.into_iter().chain(responses) {
                let content = part["content"].as_object().into_iter().flatten();
                if content.into_iter().any(|(_, content)| content["schema"] == json!(true)) {
                    found.push(format!("{verb} {path}"));
                }
            }
        }
    }
    found
}

#[test]
fn every_body_and_answer_has_a_type() {
    assert_eq!(untyped(openapi::document()), Vec::<String>::new());
    let mut planted = openapi::document().clone();
    planted["paths"]["/api/refunds"]["post"]["requestBody"]["content"]["application/json"]["schema"] =
        json!(true);
    assert!(untyped(&planted).contains(&"post /api/refunds".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_of_the_document_is_caught() {
    let app = TestApp::start().await;
    let customer = app.subscriber("starter").await;
    let path = format!("/api/accounts/{}", customer.account_id);
    let fault = |path: &str, status: u16, change: &dyn Fn(&mut Answered)| {
        let path = path.to_owned();
        let change = |answer: &mut Answered| {
            answer.status = status;
            change(answer);
        };
        let (app, key) = (&app, &customer.key);
        let mut answer = tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(app.get(&path, key))
        });
        change(&mut answer);
        answers::check("GET", &path, &answer)
    };
    let body = |change: &dyn Fn(&mut Value)| {
        fault(&path, 200, &|answer| {
            let mut body = answer.json();
            change(&mut body);
            answer.text = body.to_string();
        })
    };
    assert_eq!(body(&|_| {}), Ok(()));
    assert!(body(&|it| it["credit"] = json!("0.00")).is_err());
    assert!(body(&|it| it["more"] = json!(1)).unwrap_err().contains("more"));
    assert!(body(&|it| drop(it.as_object_mut().unwrap().remove("currency"))).is_err());
    assert!(fault(&path, 418, &|_| {}).unwrap_err().contains("418"));
    assert!(fault(&path, 404, &|_| {}).is_err());
    let header =
        |name: &'static str| fault(&path, 200, &|answer| drop(answer.headers.remove(name)));
    assert!(header("x-request-id").unwrap_err().contains("X-Request-Id"));
    assert!(header("content-type").is_err());
    let unknown = Answered { status: 200, headers: Default::default(), text: String::new() };
    assert!(answers::check("GET", "/api/nothing", &unknown).is_err());
    assert!(answers::check("DELETE", &path, &unknown).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_served_and_printed() {
    let app = TestApp::start().await;
    let served = app.get("/openapi.json", "").await.ok();
    assert_eq!(&served, openapi::document());
    let (exit, printed, _) = app.db.daybook(&["openapi"]).await;
    assert_eq!(exit, 0);
    assert_eq!(serde_json::from_str::<Value>(&printed).unwrap(), served);
}
