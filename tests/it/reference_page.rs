//! The reference page says what the document says, in HTML that needs nothing else.

use std::collections::BTreeSet;

use daybook::http::{openapi, routes::ROUTES};
use serde_json::json;

use crate::harness::TestApp;

/// The values of an attribute, in the order of the page.
fn attributes<'p>(page: &'p str, name: &str) -> Vec<&'p str> {
    let start = format!(" {name}=\"");
    page.split(&*start).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

/// What is wrong with a page of the document.
fn faults(page: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let ids = attributes(page, "id");
    let unique: BTreeSet<_> = ids.iter().copied().collect();
    if unique.len() != ids.len() {
        faults.push("an id comes twice".to_owned());
    }
    for link in attributes(page, "href") {
        let lands =
            link.strip_prefix('#').map_or(link == "/openapi.json", |id| unique.contains(id));
        if !lands {
            faults.push(format!("{link} leads nowhere"));
        }
    }
    for route in ROUTES {
        if !unique.contains(&*route.operation.replace("::", "_")) {
            faults.push(format!("{} is missing", route.operation));
        }
    }
    for foreign in ["<script", "<link", "<img", "@import", "url(", "http://", "https://fonts"] {
        if page.contains(foreign) {
            faults.push(format!("the page holds {foreign}"));
        }
    }
    faults
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reference_page_shows_every_operation_and_loads_nothing() {
    let app = TestApp::start().await;
    let answer = app.get("/docs", "").await;
    assert_eq!(answer.status, 200);
    let policy = answer.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'unsafe-inline'"), "{policy}");
    assert_eq!(faults(&answer.text), Vec::<String>::new());
    for route in ROUTES {
        let summary = route.summary.replace('\'', "&#39;");
        assert!(answer.text.contains(&summary), "{summary}");
    }
}

#[test]
fn a_page_that_leaves_something_out_is_noticed() {
    let mut document = openapi::document().clone();
    assert_eq!(faults(&openapi::page::page(&document)), Vec::<String>::new());
    document["paths"]["/healthz"]["get"]["operationId"] = json!("health_readyz");
    let found = faults(&openapi::page::page(&document));
    assert_eq!(found, ["an id comes twice", "health::healthz is missing"]);
}
