//! The page in a real browser: Razorpay's own script is kept away, so that nothing here depends on
//! another machine.

use serde_json::{Value, json};

use super::{Scene, order_of};
use crate::checkout_page::{Browser, LOWEST_CONTRAST, look_at};

/// A browser that Razorpay's script does not reach.
async fn browser() -> Browser {
    let browser = Browser::start().await;
    browser.devtools("Network.enable", json!({})).await;
    let blocked = json!({ "urls": ["*://*.razorpay.com/*"] });
    browser.devtools("Network.setBlockedURLs", blocked).await;
    browser
}

#[tokio::test(flavor = "multi_thread")]
async fn without_razorpays_script_or_any_the_page_says_what_is_needed_and_is_legible() {
    let scene = Scene::start().await;
    let (_, checkout) = scene.checkout().await;
    let url = checkout["checkoutUrl"].as_str().unwrap();
    let browser = browser().await;
    for page in ["blocked", "scriptless", "failed", "paid"] {
        let scripts = json!({ "value": page == "scriptless" });
        browser.devtools("Emulation.setScriptExecutionDisabled", scripts).await;
        if page == "paid" {
            let paid = scene.razorpay.pay(order_of(&checkout));
            let form = json!([
                ["razorpay_payment_id", paid.payment_id],
                ["razorpay_order_id", paid.order_id],
                ["razorpay_signature", paid.signature],
            ]);
            come_back(&browser, url, form).await;
        } else if page == "failed" {
            come_back(&browser, url, json!([["error[code]", "BAD_REQUEST_ERROR"]])).await;
        } else {
            browser.client.goto(url).await.unwrap();
        }
        let said = browser.text("main").await;
        let expected = match page {
            "blocked" => "Razorpay’s form could not be loaded",
            "scriptless" => "Razorpay’s form is a script",
            "failed" => "The payment failed",
            _paid => "This order is paid",
        };
        assert!(said.contains(expected), "{page}: {said}");
        let errors = browser.console_errors().await;
        assert!(!errors.iter().any(|it| it.contains("Content Security")), "{page}: {errors:?}");
        // Measuring is a script of the test's.
        browser.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": false })).await;
        for (width, scheme) in [(1280, "light"), (1280, "dark"), (390, "dark"), (320, "light")] {
            look_at(&browser, width, scheme).await;
            let overflow = "return document.documentElement.scrollWidth - innerWidth";
            let overflow = browser.client.execute(overflow, vec![]).await.unwrap();
            assert!(overflow.as_i64().unwrap() <= 0, "{page} at {width}: {overflow} too wide");
            let contrast = browser.client.execute(LOWEST_CONTRAST, vec![]).await.unwrap();
            assert!(contrast.as_f64().unwrap() >= 4.5, "{page}, {scheme}: {contrast}");
        }
    }
    browser.close().await;
}

/// Submits a form to the address that Razorpay's script submits to.
async fn come_back(browser: &Browser, url: &str, fields: Value) {
    browser.client.goto(url).await.unwrap();
    let submit = "const form = document.createElement('form');
        form.method = 'post'; form.action = location.pathname + '/return';
        for (const [name, value] of arguments[0]) {
            const field = document.createElement('input');
            field.name = name; field.value = value; form.append(field);
        }
        document.body.append(form); form.submit();";
    browser.client.execute(submit, vec![fields]).await.unwrap();
    browser.text("#back, #order-paid").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_button_hands_the_options_to_razorpays_script() {
    let scene = Scene::start().await;
    let (_, checkout) = scene.checkout().await;
    let browser = browser().await;
    let stand_in = "window.Razorpay = class {
        constructor(options) { window.given = options; }
        on(name, heard) { window.heard = heard; }
        open() { window.heard({ error: { description: 'The bank said no' } }); }
    };";
    let source = json!({ "source": stand_in });
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", source).await;
    browser.client.goto(checkout["checkoutUrl"].as_str().unwrap()).await.unwrap();
    browser.click("#pay").await;
    assert_eq!(browser.text("#said").await, "The bank said no");
    let given = browser.client.execute("return window.given", vec![]).await.unwrap();
    assert_eq!((&given["order_id"], &given["amount"]), (&checkout["orderId"], &json!(118_000)));
    // Any other script is stopped.
    let planted = "const it = document.createElement('script'); it.textContent = 'window.in = 1';
        document.body.append(it); return window.in === undefined";
    let stopped = browser.client.execute(planted, vec![]).await.unwrap();
    assert_eq!(stopped, json!(true));
    let errors = browser.console_errors().await;
    assert!(errors.iter().any(|error| error.contains("script-src")), "{errors:?}");
    browser.close().await;
}
