//! Checkouts: what is sent, what comes back, and what a customer of the v1 dialect sees.

use daybook::processors::{
    Processor, Started, Unanswered,
    lemonsqueezy::{LemonSqueezy as Adapter, Settings},
};
use daybook_events::period::Cycle;
use serde_json::json;

use super::{FAULTS, adapter, order, plan, refused, selling_there, usd};
use crate::simulators::lemonsqueezy::{Fault, LemonSqueezy, RefusalShape};

#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_is_the_documented_one_field_by_field() {
    let sim = LemonSqueezy::start().await;
    let Started { processor_order_id, url } = adapter(&sim).start(&order()).await.unwrap();
    assert_eq!(processor_order_id.len(), 36);
    assert!(url.unwrap().starts_with("https://example.lemonsqueezy.com/checkout/custom/"));
    let seen = sim.seen("POST", "checkouts");
    assert_eq!(seen.len(), 1);
    assert_eq!(
        seen[0].body,
        json!({ "data": {
            "type": "checkouts",
            "attributes": {
                "custom_price": 5000,
                "product_options": {
                    "redirect_url": "https://panel.example/billing?success=true",
                    "enabled_variants": [20],
                },
                "checkout_data": {
                    "email": "a@example.com",
                    "name": "A Example",
                    "custom": { "order": "ord_01900000000070008000000000000001" },
                },
                "expires_at": "2026-10-30T15:20:06Z",
            },
            "relationships": {
                "store": { "data": { "type": "stores", "id": "1" } },
                "variant": { "data": { "type": "variants", "id": "20" } },
            },
        } })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coupon_is_taken_off_there_so_that_renewals_cost_the_plans_price() {
    let sim = LemonSqueezy::start().await;
    sim.discount("SPRING", 20);
    let mut order = order();
    order.amount = usd(4_000);
    order.coupon = Some("SPRING".to_owned());
    let started = adapter(&sim).start(&order).await.unwrap();
    let body = &sim.seen("POST", "checkouts")[0].body["data"]["attributes"];
    assert_eq!(body["custom_price"], 5000);
    assert_eq!(body["checkout_data"]["discount_code"], "SPRING");
    let paid = sim.pay(&started.processor_order_id);
    assert_eq!(sim.cents(&format!("orders/{}", paid.order), "total"), 4_800);
    let invoice = sim.renew(&paid.subscription);
    assert_eq!(sim.cents(&format!("subscription-invoices/{invoice}"), "total"), 6_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_known_of_an_order_is_not_sent() {
    let sim = LemonSqueezy::start().await;
    let mut order = order();
    (order.email, order.name, order.expires_at, order.success_url) = (None, None, None, None);
    adapter(&sim).start(&order).await.unwrap();
    let attributes = sim.seen("POST", "checkouts")[0].body["data"]["attributes"].clone();
    assert_eq!(
        attributes,
        json!({ "custom_price": 5000, "product_options": { "enabled_variants": [20] },
            "checkout_data": { "custom": { "order": "ord_01900000000070008000000000000001" } } })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_comes_about_under_every_fault() {
    for fault in FAULTS {
        let sim = LemonSqueezy::start().await;
        sim.plan("POST", "checkouts", fault);
        let started = adapter(&sim).start(&order()).await;
        let started = started.unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        // Whichever of two pages is paid, the message names our order.
        let paid = sim.pay(&started.processor_order_id);
        assert_eq!(sim.cents(&format!("orders/{}", paid.order), "total"), 6_000, "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_no_variant_sells_is_refused_without_asking() {
    let sim = LemonSqueezy::start().await;
    let mut order = order();
    order.plan = plan("max", Cycle::Yearly, 100_000);
    refused(adapter(&sim).start(&order).await, "LEMONSQUEEZY_VARIANTS");
    assert!(sim.seen("POST", "").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_told_in_lemon_squeezys_words_whatever_its_shape() {
    for shape in [RefusalShape::JsonApi, RefusalShape::Error, RefusalShape::Message] {
        let sim = LemonSqueezy::start().await;
        sim.refuses_in(shape);
        let mut order = order();
        order.coupon = Some("UNKNOWN".to_owned());
        let answer = adapter(&sim).start(&order).await;
        let text = "The discount code is invalid.".to_owned();
        assert_eq!(answer, Err(Unanswered::Refused { status: 422, text }), "{shape:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_that_is_too_long_is_left_to_whoever_asks_again() {
    let sim = LemonSqueezy::start().await;
    sim.plan("POST", "checkouts", Fault::Busy(Some(60)));
    assert_eq!(adapter(&sim).start(&order()).await, Err(Unanswered::Busy));
    assert_eq!(sim.seen("POST", "checkouts").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_said_and_never_shown() {
    let sim = LemonSqueezy::start().await;
    let settings = Settings { api_key: "hush-hush".to_owned(), ..sim.settings() };
    let adapter = Adapter::new(settings).unwrap();
    assert_eq!(adapter.start(&order()).await, Err(Unanswered::Unreachable));
    assert!(!format!("{adapter:?}").contains("hush"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lemon_squeezy_does_not_do_is_said() {
    let sim = LemonSqueezy::start().await;
    let adapter = adapter(&sim);
    assert_eq!(adapter.merchant(), Some("Lemon Squeezy"));
    assert_eq!(adapter.public_key(), "");
    assert!(!adapter.confirms("checkout", "orders/1", "signature"));
    assert_eq!(adapter.started(order().order_id, usd(1)).await, Ok(None));
    assert_eq!(adapter.news_of("checkout").await, Ok(Vec::new()));
    refused(adapter.capture("orders/1", usd(1)).await, "nothing to capture");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_v1_dialect_sends_customers_to_lemon_squeezys_page() {
    let sim = LemonSqueezy::start().await;
    let test = selling_there(&sim).await;
    let customer = test.customer().await;
    let urls = ("https://panel.example/a", "https://panel.example/b");
    let body = json!({ "plan": "pro", "success_url": urls.0, "cancel_url": urls.1 });
    let path = "/api/v1/billing/checkout";
    let answer = test.post_keyed(path, &customer.key, "key-1", &body).await.ok();
    let url = answer["data"]["checkout_url"].as_str().unwrap().to_owned();
    assert!(url.starts_with("https://example.lemonsqueezy.com/checkout/custom/"), "{url}");
    let again = test.post_keyed(path, &customer.key, "key-1", &body).await.ok();
    assert_eq!(again["data"]["checkout_url"], url);
    let seen = sim.seen("POST", "checkouts");
    assert_eq!(seen.len(), 1, "asking again asks nobody");
    let attributes = &seen[0].body["data"]["attributes"];
    assert_eq!(attributes["product_options"]["redirect_url"], urls.0);
    assert_eq!(attributes["custom_price"], 1500);
    let order = attributes["checkout_data"]["custom"]["order"].as_str().unwrap();
    assert!(order.starts_with("ord_"), "{order}");
}
