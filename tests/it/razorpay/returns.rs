//! The page that takes a payment by Razorpay's script, and coming back from it.

use daybook::processors::settings::Preferred;
use serde_json::json;

use super::{Scene, order_of};
use crate::harness::Answered;

impl Scene {
    /// A browser comes back to an order's checkout with a form.
    async fn comes_back(&self, order: &str, form: Vec<u8>) -> Answered {
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        let url = format!("{}/checkout/{order}/return", self.test.url);
        let request = client.build().unwrap().post(url).body(form);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        // As a browser marks what another site has made it send.
        let request = request.header("origin", "https://api.razorpay.com");
        let response = request.header("sec-fetch-site", "cross-site").send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answered { status, headers, text: response.text().await.unwrap() }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_hands_razorpays_script_what_it_needs_and_lets_in_nothing_else() {
    let scene = Scene::start().await;
    let name = "</script><script>alert(1)</script>";
    let billing = json!({ "name": name, "email": "ada@example.com", "country": "GB" });
    let customer = scene.test.customer_with("INR", billing).await;
    let checkout = scene.test.checkout(&customer, "pro").await;
    let order = order_of(&checkout);
    let page = scene.test.get(&format!("/checkout/{order}"), "").await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("1180.00 INR"), "{}", page.text);
    assert!(!page.text.contains("<script>alert"), "{}", page.text);
    let options = page.text.split("id=\"options\">").nth(1).unwrap();
    let options: serde_json::Value =
        serde_json::from_str(options.split("</script>").next().unwrap()).unwrap();
    let expected = json!({
        "key": "rzp_test_simulated", "amount": 118_000, "currency": "INR",
        "name": "Example Hosting",
        "description": format!("Order {}", checkout["order"]["number"].as_str().unwrap()),
        "order_id": order, "prefill": { "name": name, "email": "ada@example.com" },
        "callback_url": format!("{}/checkout/{order}/return", scene.test.url), "redirect": true,
    });
    assert_eq!(options, expected);
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.starts_with("default-src 'none'; script-src https://checkout.razorpay.com 'sha256-")
    );
    let scripts = policy.split(';').find(|it| it.contains("script-src")).unwrap();
    assert!(!scripts.contains("unsafe"), "{policy}");
    assert_eq!(page.headers["referrer-policy"], "strict-origin");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_checkouts_of_razorpay_have_this_page() {
    let preferred = Preferred { processor: Some("sandbox".to_owned()), ..Preferred::default() };
    let scene = Scene::start_preferring(preferred).await;
    let (_, checkout) = scene.checkout().await;
    assert_eq!(checkout["processor"], "sandbox");
    for order in [order_of(&checkout), "order_nope", "x"] {
        scene.test.get(&format!("/checkout/{order}"), "").await.refused(404, "not_found");
        scene.comes_back(order, Vec::new()).await.refused(404, "not_found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn coming_back_books_the_payment_once_and_says_so() {
    let scene = Scene::start().await;
    let (customer, checkout) = scene.checkout().await;
    let order = order_of(&checkout);
    let paid = scene.razorpay.pay(order);
    let first = scene.comes_back(order, paid.form()).await;
    assert_eq!(first.status, 200, "{}", first.text);
    assert!(first.text.contains("This order is paid"), "{}", first.text);
    let position = scene.test.log_position().await;
    assert_eq!(first.position(), position);
    let again = scene.comes_back(order, paid.form()).await;
    assert_eq!(again.status, 200, "{}", again.text);
    // The confirm call is late, and brings the same news.
    let path = "/api/billing/checkout/confirm";
    let late = scene.test.post(path, &customer.key, &paid.json()).await;
    late.refused(409, "payment_already_confirmed");
    assert_eq!(scene.test.log_position().await, position);
    let me = scene.test.get("/api/billing/subscription/me", &customer.key).await.ok();
    assert_eq!(me["status"], "active");
    let page = scene.test.get(&format!("/checkout/{order}"), "").await;
    assert!(page.text.contains("This order is paid") && !page.text.contains("<script"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_that_returns_sends_the_customer_on() {
    let scene = Scene::start().await;
    let customer = scene.test.customer_in("INR").await;
    let (success, cancel) = ("https://panel.example/thanks?a=1&b=2", "https://panel.example/no");
    let body = json!({ "plan": "pro", "success_url": success, "cancel_url": cancel });
    let checkout = scene.test.post("/api/v1/billing/checkout", &customer.key, &body).await.ok();
    let url = checkout["data"]["checkout_url"].as_str().unwrap();
    let order = url.rsplit('/').next().unwrap();
    assert_eq!(url, format!("{}/checkout/{order}", scene.test.url));
    let page = scene.test.get(&format!("/checkout/{order}"), "").await;
    assert!(page.text.contains(&format!("href=\"{cancel}\"")), "{}", page.text);
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    let form = policy.split(';').find(|it| it.contains("form-action")).unwrap();
    assert!(form.ends_with(" https://panel.example"), "{policy}");

    let paid = scene.razorpay.pay(order);
    for _ in 0..2 {
        let back = scene.comes_back(order, paid.form()).await;
        assert_eq!((back.status, back.headers["location"].to_str().unwrap()), (303, success));
    }
    assert_eq!(scene.count("payment.captured").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_razorpay_has_not_signed_books_nothing() {
    let scene = Scene::start().await;
    let (_, checkout) = scene.checkout().await;
    let (_, others) = scene.checkout().await;
    let order = order_of(&checkout);
    let paid = scene.razorpay.pay(order);
    let elsewhere = scene.razorpay.pay(order_of(&others));
    let before = scene.test.log_position().await;
    let mut changed = paid.clone();
    let last = if paid.signature.ends_with('0') { "1" } else { "0" };
    changed.signature.replace_range(63.., last);
    let mut upper = paid.clone();
    upper.signature.make_ascii_uppercase();
    let mut unpaid = paid.clone();
    unpaid.payment_id = elsewhere.payment_id.clone();
    let mut renamed = elsewhere.clone();
    renamed.order_id = order.to_owned();
    for wrong in [changed, upper, unpaid, renamed, elsewhere] {
        let answer = scene.comes_back(order, wrong.form()).await;
        answer.refused(400, "signature_invalid");
    }
    for form in ["", "{}", "razorpay_payment_id=pay_1", "razorpay_order_id=%00"] {
        scene.comes_back(order, form.into()).await.refused(400, "invalid_request");
    }
    let failed = "error[code]=BAD_REQUEST_ERROR&error[description]=<b>No</b>";
    let answer = scene.comes_back(order, failed.into()).await;
    assert!(answer.text.contains("The payment failed") && !answer.text.contains("<b>"));
    answer.refused(402, "payment_failed");
    assert_eq!(scene.test.log_position().await, before);
    assert_eq!(scene.comes_back(order, paid.form()).await.status, 200, "none the worse for it");
}
