//! Orders: what is taken, what is refused, lists, search, giving up.

use daybook_projections::{
    orders::Orders,
    query::{Page, Reach, Reads, Search},
};
use serde_json::{Value, json};

use super::{admin, admin_get, order, order_now, user};
use crate::harness::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn what_it_costs_is_not_the_callers_to_say() {
    let test = TestApp::start().await;
    let customer = test.customer().await;
    let path = "/api/orders";
    for field in ["amount", "price", "taxAmount", "taxRate", "status", "items", "id", "userId"] {
        let body = json!({ "planId": 3, field: 1 });
        test.refuses(path, &customer.key, &body, "400 json_unknown_field").await;
    }
    for (body, expected) in [
        (json!({ "planId": 99 }), "404 plan_unknown"),
        (json!({ "planId": "enterprise" }), "409 plan_price_custom"),
        (json!({ "planId": 3, "billingCycle": "weekly" }), "422 billing_cycle_invalid"),
        (json!({ "planId": 3, "couponCode": "NOPE" }), "404 coupon_unknown"),
        (json!({ "planId": 3, "notes": "a\nb" }), "400 invalid_request"),
        (json!({ "planId": 3, "notes": "x".repeat(501) }), "400 invalid_request"),
        (json!({ "planId": 3.5 }), "400 json_shape"),
        (json!({ "planId": -3 }), "400 json_shape"),
        (json!({ "planId": null }), "400 json_shape"),
        (json!({ "planId": [3] }), "400 json_shape"),
    ] {
        test.refuses(path, &customer.key, &body, expected).await;
    }
    let body = json!({ "planId": "3", "billingCycle": "yearly", "description": "d", "notes": "n" });
    let placed = test.post(path, &customer.key, &body).await.ok();
    assert_eq!(placed["order"]["notes"], "d; n");
    assert_eq!(placed["order"]["servicePeriod"]["months"], 12);
    let subscriber = test.subscriber("pro").await;
    test.refuses(path, &subscriber.key, &json!({ "planId": 3 }), "409 plan_unchanged").await;
    let coupon = json!({ "planId": "business", "couponCode": "X20" });
    test.refuses(path, &subscriber.key, &coupon, "409 coupon_not_on_change").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_order_is_cancelled_and_an_active_one_ends_without_a_refund() {
    let test = TestApp::start().await;
    let customer = user(&test, "5").await;
    let open = order(&test, &customer, "pro").await;
    let path = |order: &Value| format!("/api/orders/{}/cancel", order["id"]);
    let cancelled = test.post(&path(&open), &customer.key, &json!({})).await.ok();
    assert_eq!(
        (&cancelled["success"], &cancelled["order"]["status"]),
        (&json!(true), &json!("cancelled"))
    );
    test.refuses(&path(&open), &customer.key, &json!({}), "409 order_not_open").await;

    let paid = order(&test, &customer, "pro").await;
    admin(&test, "POST", &format!("/api/admin/orders/{}/confirm-payment", paid["id"]), &json!({}))
        .await
        .ok();
    let ended = test.post(&path(&paid), &customer.key, &json!({})).await.ok();
    assert_eq!(ended["order"]["status"], "cancelled");
    test.refuses(&path(&paid), &customer.key, &json!({}), "409 order_not_open").await;
    let refunds = format!("/api/accounts/{}/refunds", customer.account_id);
    assert_eq!(test.get(&refunds, &customer.key).await.ok()["data"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_nobody_paid_expires_and_a_renewal_is_an_order_for_its_invoice() {
    let test = TestApp::start().await;
    let customer = user(&test, "5").await;
    let late = order(&test, &customer, "pro").await;
    test.at("2026-05-08T00:01:00Z");
    test.settle_due(&customer).await;
    assert_eq!(order_now(&test, &customer, &late).await["status"], "expired");

    admin(&test, "POST", "/api/admin/users/5/apply-plan", &json!({ "planId": 3 })).await.ok();
    test.at("2026-06-08T00:01:00Z");
    test.settle_due(&customer).await;
    let orders = test.get("/api/orders", &customer.key).await.ok();
    let renewal = &orders[0];
    assert_eq!((&renewal["status"], &renewal["taxAmount"]), (&json!("pending"), &Value::Null));
    assert_eq!(renewal["description"], "Invoice INV-2026-000002");
    let confirm = format!("/api/admin/orders/{}/confirm-payment", renewal["id"]);
    let confirmed = admin(&test, "POST", &confirm, &json!({})).await.ok();
    assert_eq!(confirmed["order"]["status"], "paid");
    let cancel = format!("/api/orders/{}/cancel", renewal["id"]);
    test.refuses(&cancel, &customer.key, &json!({}), "409 order_not_open").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_come_newest_first_page_by_page() {
    let test = TestApp::start().await;
    let customer = test.customer().await;
    for _ in 0..5 {
        order(&test, &customer, "pro").await;
    }
    let (mut seen, mut path) = (Vec::new(), "/api/orders?limit=2".to_owned());
    loop {
        let page = test.get(&path, &customer.key).await;
        let link = page.headers.get("link").map(|link| link.to_str().unwrap().to_owned());
        let orders = page.ok();
        seen.extend(orders.as_array().unwrap().iter().map(|order| order["id"].as_u64().unwrap()));
        let Some(link) = link else { break };
        path = link.trim_start_matches('<').split('>').next().unwrap().to_owned();
    }
    assert_eq!(seen, [5, 4, 3, 2, 1]);
    for wrong in ["limit=0", "limit=x", "page=1"] {
        let answer = test.get(&format!("/api/orders?{wrong}"), &customer.key).await;
        assert_eq!(answer.status, 400, "{wrong}");
    }
    test.get("/api/orders", &test.super_key).await.refused(400, "account_header_required");
}

fn ids(page: &Value) -> Vec<u64> {
    page["orders"].as_array().unwrap().iter().map(|order| order["id"].as_u64().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn admins_search_orders_and_what_they_type_is_never_a_pattern() {
    let test = TestApp::start().await;
    let ada = user(&test, "ada_1").await;
    let bob = user(&test, "bob%2").await;
    let [paid, open, bobs] = [
        order(&test, &ada, "pro").await,
        order(&test, &ada, "business").await,
        order(&test, &bob, "starter").await,
    ];
    let confirm = format!("/api/admin/orders/{}/confirm-payment", paid["id"]);
    admin(&test, "POST", &confirm, &json!({ "txId": "TX_9'--" })).await.ok();
    test.settle().await;
    assert_eq!((&open["id"], &bobs["id"]), (&json!(2), &json!(3)));
    for (query, expected) in [
        ("", vec![3, 2, 1]),
        ("?q=", vec![3, 2, 1]),
        ("?q=1", vec![2, 1]),
        ("?q=3", vec![3]),
        ("?q=PRO", vec![1]),
        ("?q=ada_1", vec![2, 1]),
        ("?q=adax1", vec![]),
        ("?q=Lovelace", vec![3, 2, 1]),
        ("?q=engines.example", vec![3, 2, 1]),
        ("?q=tx_9%27--", vec![1]),
        ("?q=%25", vec![3]),
        ("?q=_", vec![2, 1]),
        ("?q=%27%20or%201=1--", vec![]),
        ("?q=%5C", vec![]),
        ("?q=%22%7D", vec![]),
        ("?userId=ada_1", vec![2, 1]),
        ("?userId=bob%252", vec![3]),
        ("?userId=nobody", vec![]),
        ("?userId=ada_1&q=business", vec![2]),
        ("?page=2", vec![]),
    ] {
        let page = admin_get(&test, &format!("/api/admin/orders{query}")).await;
        assert_eq!(ids(&page), expected, "{query}");
        let total = if query == "?page=2" { 3 } else { expected.len() };
        assert_eq!(page["total"], total, "{query}");
    }
    let long = format!("?q={}", "x".repeat(101));
    for wrong in ["?page=0", "?page=-1", "?page=x", "?page=99999999999999999999", &long, "?limit=1"]
    {
        let answer = test.get(&format!("/api/admin/orders{wrong}"), &test.super_key).await;
        assert_eq!(answer.status, 400, "{wrong}: {}", answer.text);
    }
    // A reader of one account finds its own alone.
    let role = daybook_events::event::Role::Finance;
    let reader = test.key(role, Some(&bob.account_id)).await;
    for query in ["", "?q=Lovelace", "?userId=ada_1", "?userId=nobody"] {
        let page = test.get(&format!("/api/admin/orders{query}"), &reader).await.ok();
        let expected = if query.starts_with("?userId") { vec![] } else { vec![3] };
        assert_eq!(
            (ids(&page), page["total"].as_u64()),
            (expected.clone(), Some(expected.len() as u64)),
            "{query}"
        );
    }
}

/// The second wall: a search that has lost its predicate still shows nobody else's orders.
#[tokio::test(flavor = "multi_thread")]
async fn a_search_without_its_predicate_leaks_no_order() {
    let test = TestApp::start().await;
    let (ada, bob) = (user(&test, "ada").await, user(&test, "bob").await);
    order(&test, &ada, "pro").await;
    order(&test, &bob, "pro").await;
    test.settle().await;
    let search = Search {
        condition: "$2 = $3 or true",
        order: "number",
        text: Some(""),
        limit: 10,
        offset: 0,
    };
    let reads = Reads::without_predicates(test.app.pool().clone());
    assert_eq!(reads.all().search::<Orders>(&search).await.unwrap().0.len(), 2);
    let within = reads.within(Reach::Account(bob.account_id.parse().unwrap()));
    let (found, total) = within.search::<Orders>(&search).await.unwrap();
    assert_eq!(total, 1, "how many others have is nobody's business");
    let accounts: Vec<_> = found.iter().map(|row| row.account_id.to_string()).collect();
    assert_eq!(accounts, [bob.account_id.as_str()]);
    let (newest, _) =
        within.newest_first::<Orders>(&Page { after: None, limit: 10 }).await.unwrap();
    assert_eq!(newest, found);
    assert_eq!(within.numbered::<Orders>(1).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_of_somebody_elses_looks_like_none() {
    let test = TestApp::start().await;
    let (own, other) = (test.customer().await, test.customer().await);
    let foreign = order(&test, &other, "pro").await;
    let mut seen = Vec::new();
    for id in
        [foreign["id"].to_string(), foreign["orderId"].as_str().unwrap().to_owned(), "99".into()]
    {
        for path in [format!("/api/orders/{id}"), format!("/api/orders/{id}/payment-status")] {
            let answer = test.get(&path, &own.key).await;
            seen.push((answer.status, answer.code(), answer.text));
        }
    }
    seen.dedup();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(seen[0].0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_orders_for_a_user() {
    let test = TestApp::start().await;
    user(&test, "5").await;
    let body = json!({ "userId": 5, "planId": 3, "notes": "by telephone" });
    let placed = admin(&test, "POST", "/api/admin/orders", &body).await.ok();
    assert_eq!(
        (&placed["order"]["userId"], &placed["order"]["status"]),
        (&json!(5), &json!("pending"))
    );
    let missing = json!({ "userId": 6, "planId": 3 });
    test.refuses("/api/admin/orders", &test.super_key, &missing, "404 account_unknown").await;
    let free = json!({ "userId": "5", "planId": "free", "amount": 0 });
    test.refuses("/api/admin/orders", &test.super_key, &free, "400 json_unknown_field").await;
    let free = json!({ "userId": "5", "planId": "free" });
    let placed = admin(&test, "POST", "/api/admin/orders", &free).await.ok();
    assert_eq!(placed["autoActivated"], true);
}
