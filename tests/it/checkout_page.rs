//! The sandbox's checkout page, in a real browser: chromium by chromedriver, which
//! `make test` installs.

use std::{path::PathBuf, process::Stdio, time::Duration};

use fantoccini::{Client, ClientBuilder, Locator, elements::Element, error::CmdError};
use hyper_util::client::legacy::connect::HttpConnector;
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::harness::TestApp;

/// How long a page may take to come, on a machine with much else to do.
const PATIENCE: Duration = Duration::from_secs(60);
/// What the sandbox's page says of a payment.
const STATE: &str = "//*[contains(concat(' ', @class, ' '), ' state ')]";
/// How often an element may go while it is acted on.
const TRIES: u32 = 10;

/// A browser with a profile of its own, gone with the test.
pub(crate) struct Browser {
    pub(crate) client: Client,
    session_url: String,
    driver: Child,
    _profile: tempfile::TempDir,
}

impl Browser {
    pub(crate) async fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .process_group(0)
            .kill_on_drop(true)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is installed (Debian: chromium-driver)");
        let url = format!("http://127.0.0.1:{}", port(&mut driver).await);
        let mut args: Vec<_> = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ]
        .map(str::to_owned)
        .into();
        args.push(format!("--user-data-dir={}", profile.path().display()));
        let capabilities = json!({
            "goog:chromeOptions": { "args": args },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let Value::Object(capabilities) = capabilities else { panic!("not an object") };
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&url)
            .await
            .unwrap();
        let session = client.session_id().await.unwrap().unwrap();
        let session_url = format!("{url}/session/{session}");
        Self { client, session_url, driver, _profile: profile }
    }

    /// A command of chromedriver's own.
    async fn command(&self, path: &str, body: Value) -> Value {
        let url = format!("{}/{path}", self.session_url);
        let answer = reqwest::Client::new().post(url).json(&body).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        assert!(answer["value"]["error"].is_null(), "{answer}");
        answer["value"].clone()
    }

    pub(crate) async fn devtools(&self, cmd: &str, params: Value) {
        self.command("goog/cdp/execute", json!({ "cmd": cmd, "params": params })).await;
    }

    /// What the page has complained of since the last time.
    pub(crate) async fn console_errors(&self) -> Vec<String> {
        let entries = self.command("se/log", json!({ "type": "browser" })).await;
        let entries = entries.as_array().unwrap();
        entries.iter().map(ToString::to_string).filter(|it| it.contains("SEVERE")).collect()
    }

    /// What `act` makes of an element, once there is one: it may stand on the page that comes, or
    /// on the one that goes, in which case it is looked for again.
    async fn with<T, F>(&self, css: &str, act: impl Fn(Element) -> F) -> T
    where
        F: Future<Output = Result<T, CmdError>>,
    {
        let wait = || self.client.wait().at_most(PATIENCE);
        for _ in 0..TRIES {
            let element = wait().for_element(Locator::Css(css)).await;
            match act(element.unwrap_or_else(|error| panic!("{css}: {error}"))).await {
                Ok(done) => return done,
                Err(error) if error.is_stale_element_reference() => {}
                Err(error) => panic!("{css}: {error}"),
            }
        }
        panic!("{css} is gone whenever it is found")
    }

    pub(crate) async fn text(&self, css: &str) -> String {
        self.with(css, |element| async move { element.text().await }).await
    }

    /// Waits until an element, an `XPath`, reads so as a whole: the page before may have one like
    /// it.
    async fn reads(&self, element: &str, text: &str) {
        let wait = self.client.wait().at_most(PATIENCE);
        let reads = format!("{element}[normalize-space(.) = \"{text}\"]");
        let read = wait.for_element(Locator::XPath(&reads)).await;
        read.unwrap_or_else(|error| panic!("no {element} reads {text:?}: {error}"));
    }

    async fn fill(&self, css: &str, text: &str) {
        let fill = |field: Element| async move {
            field.clear().await?;
            field.send_keys(text).await
        };
        self.with(css, fill).await;
    }

    /// Waits until the page says something: the one before may still stand there.
    pub(crate) async fn says(&self, text: &str) {
        let wait = self.client.wait().at_most(PATIENCE);
        let says = format!("//main[contains(normalize-space(.), \"{text}\")]");
        let said = wait.for_element(Locator::XPath(&says)).await;
        said.unwrap_or_else(|error| panic!("the page does not say {text:?}: {error}"));
    }

    pub(crate) async fn click(&self, css: &str) {
        self.with(css, |element| async move { element.click().await }).await;
    }

    pub(crate) async fn close(self) {
        self.client.clone().close().await.unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // A test that failed has left the browser open.
        if let Some(pid) = self.driver.id().and_then(|pid| i32::try_from(pid).ok()) {
            let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

/// The port that the driver says it has taken.
async fn port(driver: &mut Child) -> u16 {
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        if let Some((_, port)) = line.split_once("started successfully on port ") {
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return port.trim_end_matches('.').parse().unwrap();
        }
    }
    panic!("chromedriver ended before it had a port");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_pays_on_the_page_and_the_panel_confirms_it() {
    let test = TestApp::start().await;
    let customer = test.customer().await;
    let checkout = test.checkout(&customer, "pro").await;
    let url = checkout["checkoutUrl"].as_str().unwrap();
    let browser = Browser::start().await;

    browser.client.goto(url).await.unwrap();
    assert_eq!(browser.text(".amount").await, "15.00 USD");
    assert!(browser.text("main").await.contains("Pro, monthly"));
    let position = test.log_position().await;
    browser.click("button.primary").await;
    let paid = json!({
        "paymentId": browser.text("#payment-id").await,
        "orderId": browser.text("#order-id").await,
        "signature": browser.text("#signature").await,
    });
    assert_eq!(test.log_position().await, position, "the page books nothing");
    assert_eq!(browser.console_errors().await, Vec::<String>::new());

    let confirmed = test.confirm(&customer, &paid).await;
    assert_eq!(confirmed["subscription"]["status"], "active");
    let me = test.get("/api/billing/subscription/me", &customer.key).await.ok();
    assert_eq!(me["status"], "active");
    browser.client.goto(url).await.unwrap();
    browser.reads("//h1", "This order is paid").await;
    let forms = browser.client.find_all(Locator::Css("form[action$='/pay']")).await.unwrap();
    assert!(forms.is_empty());
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_lets_everything_happen_that_happens_with_processors() {
    let test = TestApp::start().await;
    let customer = test.customer().await;
    let checkout = test.checkout(&customer, "pro").await;
    let url = checkout["checkoutUrl"].as_str().unwrap();
    let browser = Browser::start().await;
    browser.client.goto(url).await.unwrap();
    // Longer than the test can take.
    browser.fill("#seconds", "3600").await;
    browser.click("button[value=late]").await;
    browser.says("In 3600 seconds it is captured after all.").await;
    browser.click("a.button").await;
    browser.reads(STATE, "failed").await;
    browser.click("button[value=twice]").await;
    browser.click("#back").await;
    browser.reads(&format!("({STATE})[2]"), "captured").await;
    browser.reads(&format!("({STATE})[3]"), "captured").await;

    let amount = "form[action$='/refund'] input[name=amount]";
    browser.fill(amount, "5").await;
    browser.click("form[action$='/refund'] button").await;
    browser.says("5.00 USD went back.").await;
    browser.fill(amount, "99").await;
    browser.click("form[action$='/refund'] button").await;
    browser.says("That cannot be done").await;
    browser.says("10.00 USD of this payment can still go back").await;
    browser.click("a.button").await;
    browser.click("button[value=open]").await;
    browser.click("button[value=won]").await;
    browser.says("A dispute was won: the seller keeps it.").await;
    let errors = browser.console_errors().await;
    assert!(!errors.iter().any(|error| error.contains("Security Policy")), "{errors:?}");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_fails_is_said_books_nothing_and_can_be_tried_again() {
    let test = TestApp::start().await;
    let customer = test.customer().await;
    let checkout = test.checkout(&customer, "pro").await;
    let position = test.log_position().await;
    let browser = Browser::start().await;
    browser.client.goto(checkout["checkoutUrl"].as_str().unwrap()).await.unwrap();
    browser.click("button[value=failure]").await;
    assert_eq!(browser.text("a.button").await, "Back to the checkout");
    browser.reads("//h1", "The payment failed").await;
    browser.click("a.button").await;
    browser.click("button.primary").await;
    assert!(browser.text("#payment-id").await.starts_with("pay_"));
    assert_eq!(test.log_position().await, position);
    let me = test.get("/api/billing/subscription/me", &customer.key).await;
    me.refused(404, "no_subscription");
    browser.close().await;
}

/// The checkout of v1 that comes back to an address of another origin.
async fn returning(test: &TestApp, elsewhere: &str) -> String {
    let customer = test.customer().await;
    let body = json!({
        "plan": "pro",
        "success_url": format!("{elsewhere}/healthz"),
        "cancel_url": format!("{elsewhere}/readyz"),
    });
    let checkout = test.post("/api/v1/billing/checkout", &customer.key, &body).await.ok();
    checkout["data"]["checkout_url"].as_str().unwrap().to_owned()
}

pub(crate) async fn arrives(browser: &Browser, url: &str) {
    let wait = browser.client.wait().at_most(PATIENCE);
    wait.for_url(&url.parse().unwrap()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_pays_or_gives_up_comes_back_to_where_they_came_from() {
    let (test, panel) = (TestApp::start().await, TestApp::start().await);
    let url = returning(&test, &panel.url).await;
    let browser = Browser::start().await;
    browser.client.goto(&url).await.unwrap();
    browser.click("#cancel").await;
    arrives(&browser, &format!("{}/readyz", panel.url)).await;

    let position = test.log_position().await;
    browser.client.goto(&url).await.unwrap();
    assert_eq!(browser.console_errors().await, Vec::<String>::new());
    browser.click("button.primary").await;
    // To another origin: the page's policy has to let its form be redirected there.
    arrives(&browser, &format!("{}/healthz", panel.url)).await;
    assert!(test.log_position().await > position, "the page has booked the payment");
    browser.client.goto(&url).await.unwrap();
    browser.reads("//h1", "This order is paid").await;
    browser.click("#onward").await;
    arrives(&browser, &format!("{}/healthz", panel.url)).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_would_lead_elsewhere_is_stopped_by_the_browser() {
    let (test, panel) = (TestApp::start().await, TestApp::start().await);
    let url = returning(&test, "https://elsewhere.example").await;
    let browser = Browser::start().await;
    browser.client.goto(&url).await.unwrap();
    let planted =
        format!("document.forms[0].action = '{}/healthz'; document.forms[0].submit()", panel.url);
    browser.client.execute(&planted, vec![]).await.unwrap();
    let errors = browser.console_errors().await;
    assert!(errors.iter().any(|error| error.contains("form-action")), "{errors:?}");
    assert_eq!(browser.text(".amount").await, "15.00 USD");
    browser.close().await;
}

/// A window of a width in a colour scheme.
pub(crate) async fn look_at(browser: &Browser, width: u32, scheme: &str) {
    let metrics = json!({ "width": width, "height": 800, "deviceScaleFactor": 1, "mobile": false });
    browser.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
    browser.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
}

/// The path of a page.
fn page_of(url: &str) -> &str {
    &url[url.find("/sandbox/").unwrap()..]
}

/// Contrast of a text with what lies behind it, by WCAG's formula, of every text on the page.
pub(crate) const LOWEST_CONTRAST: &str = r"
    const channel = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    const rgb = text => text.match(/[\d.]+/g).map(Number);
    const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
    const behind = it => {
        const colour = rgb(getComputedStyle(it).backgroundColor);
        return colour[3] === 0 ? behind(it.parentElement) : colour;
    };
    return Math.min(...[...document.querySelectorAll('main *')].filter(it => it.innerText).map(it => {
        const [a, b] = [light(rgb(getComputedStyle(it).color)), light(behind(it))];
        return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    }));";

#[tokio::test(flavor = "multi_thread")]
async fn every_page_fits_every_width_and_is_legible_in_both_schemes() {
    let test = TestApp::start().await;
    let customer = test.customer().await;
    let checkout = test.checkout(&customer, "pro").await;
    let url = checkout["checkoutUrl"].as_str().unwrap();
    let browser = Browser::start().await;
    // They stay there for people to look at.
    let shots: PathBuf = std::env::temp_dir().join("daybook-screenshots");
    std::fs::create_dir_all(&shots).unwrap();
    let returning = returning(&test, "https://panel.example").await;
    for page in ["open", "failed", "taken", "paid", "dealt", "returning", "returning-paid"] {
        let url = if page.starts_with("returning") { &returning } else { url };
        browser.client.goto(url).await.unwrap();
        match page {
            "failed" => browser.click("button[value=failure]").await,
            "taken" => {
                browser.click("button.primary").await;
                let paid = json!({
                    "paymentId": browser.text("#payment-id").await,
                    "orderId": browser.text("#order-id").await,
                    "signature": browser.text("#signature").await,
                });
                test.confirm(&customer, &paid).await;
            }
            "dealt" => {
                let payments = test.app.sandbox.as_ref().unwrap().books();
                let extract = payments.of_order(checkout["orderId"].as_str().unwrap()).await;
                for payment in extract.unwrap().payments.iter().filter(|it| it.is_captured()) {
                    for (what, form) in [("refund", "amount=5"), ("dispute", "outcome=open")] {
                        let path = format!("/sandbox/payments/{}/{what}", payment.payment_id);
                        let json = [("accept", "application/json")];
                        test.send("POST", &path, "", &json, Some(form.into())).await.ok();
                    }
                }
                browser.client.goto(url).await.unwrap();
                assert!(browser.text("main").await.contains("asks for it back"));
            }
            "returning-paid" => {
                let pay = format!("{}/pay", page_of(url));
                test.send("POST", &pay, "", &[("accept", "application/json")], None).await.ok();
                browser.client.goto(url).await.unwrap();
                browser.reads("//h1", "This order is paid").await;
            }
            _open_paid_or_returning => {}
        }
        for (width, scheme) in
            [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark"), (320, "light")]
        {
            look_at(&browser, width, scheme).await;
            let overflow = "return document.documentElement.scrollWidth - innerWidth";
            let overflow = browser.client.execute(overflow, vec![]).await.unwrap();
            assert!(overflow.as_i64().unwrap() <= 0, "{page} at {width}: {overflow} too wide");
            let contrast = browser.client.execute(LOWEST_CONTRAST, vec![]).await.unwrap();
            assert!(contrast.as_f64().unwrap() >= 4.5, "{page}, {scheme}: {contrast}");
            let shot = browser.client.screenshot().await.unwrap();
            std::fs::write(shots.join(format!("{page}-{width}-{scheme}.png")), shot).unwrap();
        }
    }
    browser.close().await;
}
