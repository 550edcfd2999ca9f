//! The `billing` feature flag: it closes the panel dialect and nothing else, for every process.

use daybook::{
    app::{App, Face},
    config::Opening,
    http::{error::Dialect, route::Access, routes::ROUTES},
};
use daybook_events::{
    Currency, Origin,
    commands::SwitchFeature,
    event::Feature,
    store::{Options, Request},
};
use serde_json::json;
use uuid::Uuid;

use super::{admin, admin_get};
use crate::harness::{TestApp, TestDb, opening};

const SWITCH: &str = "/api/admin/features/billing";

#[tokio::test(flavor = "multi_thread")]
async fn switched_off_it_closes_the_panel_dialect_and_nothing_else() {
    let test = TestApp::start().await;
    let customer = test.customer().await;
    assert_eq!(admin_get(&test, SWITCH).await, json!({ "enabled": true }));
    let before = test.log_position().await;
    admin(&test, "PUT", SWITCH, &json!({ "enabled": true })).await.ok();
    assert_eq!(test.log_position().await, before, "a switch that changes nothing");
    let off = admin(&test, "PUT", SWITCH, &json!({ "enabled": false })).await.ok();
    assert_eq!(off, json!({ "enabled": false }));
    let mut closed = 0;
    for route in ROUTES {
        let path = route.path.replace("{id}", "pro");
        let path = path.replace("{invoice}", "x").replace("{order}", "x").replace("{code}", "x");
        let answer = test.send(route.verb, &path, &test.super_key, &[], None).await;
        let asked = format!("{} {path}: {}", route.verb, answer.text);
        let closes = route.dialect == Dialect::Panel && route.path != SWITCH;
        assert_eq!(answer.code() == "feature_disabled", closes, "{asked}");
        if closes {
            assert_eq!(answer.status, 503, "{asked}");
            assert_eq!(answer.json(), json!({ "error": "Feature 'billing' is disabled" }));
            closed += 1;
        }
        // Without a key one hears that first.
        if closes && !matches!(route.access, Access::Public) {
            test.send(route.verb, &path, "", &[], None).await.refused(401, "unauthenticated");
        }
    }
    assert!(closed > 25, "{closed}");
    test.get("/api/admin/orders", &customer.key).await.refused(403, "forbidden");
    // The other dialects go on.
    let checkout = test.checkout(&customer, "pro").await;
    test.pay_and_confirm(&customer, &checkout).await;
    let on = admin(&test, "PUT", SWITCH, &json!({ "enabled": true })).await.ok();
    assert_eq!(on, json!({ "enabled": true }));
    test.get("/api/plans", "").await.ok();
}

/// Whether the feature is on, as the next request would see it.
async fn is_on(app: &App) -> bool {
    app.gate.present().await.unwrap().world.book.has(Feature::Billing)
}

/// Another process's switch, here another app on the same database.
#[tokio::test(flavor = "multi_thread")]
async fn a_switch_in_another_process_counts_here_from_the_next_request_on() {
    let test = TestApp::start().await;
    let app = async || {
        let mut options = Options::default();
        options.clock = test.clock.clone();
        let face =
            Face { public_url: test.url.clone(), currency: Currency::USD, upgrade_url: None };
        App::open(
            test.db.pool().await,
            options,
            &opening(),
            face,
            &daybook::processors::settings::Settings::default(),
        )
        .await
        .unwrap()
    };
    let other = app().await;
    let switch = |enabled| SwitchFeature { feature: Feature::Billing, enabled };
    other.submit(Request::new(switch(false), Origin::default(), Uuid::now_v7())).await.unwrap();
    test.get("/api/plans", "").await.refused(503, "feature_disabled");
    test.get("/api/admin/plans", &test.super_key).await.refused(503, "feature_disabled");
    // What was switched yesterday counts from the start.
    assert!(!is_on(&app().await).await);
    test.submit(switch(true)).await.unwrap();
    assert!(is_on(&other).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_ledger_is_opened_without_it_where_that_is_wanted_and_only_then() {
    let db = TestDb::new().await;
    for feature_billing in [false, true] {
        let opening = Opening { feature_billing, ..opening() };
        let face = Face { public_url: String::new(), currency: Currency::USD, upgrade_url: None };
        let app = App::open(
            db.pool().await,
            Options::default(),
            &opening,
            face,
            &daybook::processors::settings::Settings::default(),
        )
        .await
        .unwrap();
        assert!(!is_on(&app).await, "{feature_billing}");
    }
}
