//! Messages that are not the processor's: refused at the door, kept for whoever wonders, bounded,
//! and never read.
#![expect(clippy::unwrap_used, reason = "test code panics where a test fails")]

use daybook::{
    processors::settings::Settings,
    settlement::worker,
    signing::{self, Secret},
};
use serde_json::{Value, json};

use super::{
    load::Delivery,
    twins::{LEMON_SQUEEZY, RAZORPAY},
};
use crate::{
    harness::{Answered, TestApp, TestDb, run},
    simulators::{lemonsqueezy::LemonSqueezy, razorpay::Razorpay},
};

const LIMIT: usize = 1024 * 1024;

/// A ledger that both processors send messages to.
pub(super) struct Scene {
    pub(super) test: TestApp,
    pub(super) razorpay: Razorpay,
    pub(super) lemon: LemonSqueezy,
}

impl Scene {
    pub(super) async fn start() -> Self {
        let (razorpay, lemon) = (Razorpay::start().await, LemonSqueezy::start().await);
        let settings = Settings {
            razorpay: Some(razorpay.settings()),
            lemonsqueezy: Some(lemon.settings()),
            ..Settings::default()
        };
        Self { test: TestApp::start_with_processors(&settings).await, razorpay, lemon }
    }

    /// A customer who has paid 1180.00 INR, which the ledger has not heard: Razorpay's order, its
    /// payment, and the message of it.
    pub(super) async fn paid(&self) -> (String, String, Delivery) {
        let customer = self.test.customer_in("INR").await;
        let checkout = self.test.checkout(&customer, "pro").await;
        let order = checkout["orderId"].as_str().unwrap().to_owned();
        let payment = self.razorpay.pay(&order).payment_id;
        let mut messages = self.razorpay.webhooks().into_iter();
        let says = |body: &[u8]| String::from_utf8_lossy(body).contains("\"payment.captured\"");
        let captured = messages.find(|it| says(&it.body)).unwrap();
        let (headers, body) = (captured.headers, captured.body);
        (order, payment, Delivery { processor: RAZORPAY, headers, body, genuine: true })
    }

    /// A message of Razorpay's, or of Lemon Squeezy's, with the signature that belongs to it.
    pub(super) fn signed(&self, processor: &'static str, body: Vec<u8>) -> Delivery {
        let (name, secret) = match processor {
            LEMON_SQUEEZY => ("x-signature", self.lemon.settings().signing_secrets.remove(0)),
            _ => ("x-razorpay-signature", self.razorpay.settings().webhook_secrets.remove(0)),
        };
        let headers = vec![(name, signing::hex(&secret, &body))];
        Delivery { processor, headers, body, genuine: true }
    }

    pub(super) async fn reads(&self, path: &str) -> Answered {
        self.test.get(path, &self.test.super_key).await
    }

    pub(super) async fn refused(&self) -> Vec<Value> {
        let refused = self.reads("/api/ledger/inbox/refused?limit=200").await.ok();
        refused["data"].as_array().unwrap().clone()
    }

    pub(super) async fn inbox(&self, query: &str) -> Vec<Value> {
        let kept = self.reads(&format!("/api/ledger/inbox?limit=200{query}")).await.ok();
        kept["data"].as_array().unwrap().clone()
    }

    /// Reads what has come, once.
    pub(super) async fn read(&self) {
        while worker::round(&self.test.app, chrono::Utc::now()).await.unwrap() > 0 {}
        self.test.settle().await;
    }
}

fn answer(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

/// What can be wrong with a signed message, and what is said of it.
fn spoilt(good: &Delivery) -> Vec<(&'static str, Delivery, &'static str)> {
    let signature = |change: &dyn Fn(&mut String)| {
        let mut spoilt = good.clone();
        change(spoilt.signature());
        spoilt
    };
    let body = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut spoilt = good.clone();
        change(&mut spoilt.body);
        spoilt
    };
    let flipped = |nth: usize| body(&move |body| body[nth] ^= 1);
    let last = good.body.len() - 1;
    let rewritten = |pretty: bool| {
        body(&move |body| {
            let value: Value = serde_json::from_slice(body).unwrap();
            *body = match pretty {
                true => serde_json::to_vec_pretty(&value).unwrap(),
                false => value.to_string().replace("\":", "\": ").into_bytes(),
            };
        })
    };
    let invalid = "signature_invalid";
    vec![
        ("no signature", good.forged(4), "signature_missing"),
        ("an empty one", signature(&String::clear), invalid),
        ("a truncated one", signature(&|it| it.truncate(63)), invalid),
        ("a longer one", signature(&|it| it.push('0')), invalid),
        ("in capitals", signature(&|it| it.make_ascii_uppercase()), invalid),
        ("no hex", signature(&|it| it.replace_range(..1, "x")), invalid),
        ("a scheme before it", signature(&|it| it.insert_str(0, "sha256=")), invalid),
        ("of nothing", signature(&|it| *it = signing::hex(&Secret::new(""), b"")), invalid),
        ("another secret", good.forged(0), invalid),
        ("the first byte changed", flipped(0), invalid),
        ("a byte changed", flipped(last / 2), invalid),
        ("the last byte changed", flipped(last), invalid),
        ("a byte less", body(&|body| body.truncate(last)), invalid),
        ("a line's end more", body(&|body| body.push(b'\n')), invalid),
        ("printed anew", rewritten(true), invalid),
        ("with other white space", rewritten(false), invalid),
        ("nothing at all", body(&Vec::clear), invalid),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_processor_has_not_signed_is_refused_and_kept_for_whoever_wonders() {
    let scene = Scene::start().await;
    let (_, _, captured) = scene.paid().await;
    let sale = std::fs::read(format!(
        "{}/tests/vectors/ls_order_created.body",
        env!("CARGO_MANIFEST_DIR")
    ));
    let sale = scene.signed(LEMON_SQUEEZY, sale.unwrap());
    let before = scene.test.log_position().await;
    let mut expected = Vec::new();
    for good in [&captured, &sale] {
        for (what, mut bad, code) in spoilt(good) {
            bad.headers.push(("authorization", "Bearer secret".to_owned()));
            bad.headers.push(("cookie", "session=secret".to_owned()));
            assert_eq!(bad.send(&scene.test).await, answer(400, code), "{what}");
            expected.push((code.to_owned(), bad.body.len()));
        }
    }
    scene.read().await;
    assert_eq!(scene.test.log_position().await, before);
    assert!(scene.inbox("").await.is_empty());

    let refused = scene.refused().await;
    let found: Vec<_> = refused
        .iter()
        .rev()
        .map(|it| {
            let bytes = usize::try_from(it["bytes"].as_u64().unwrap()).unwrap();
            (it["code"].as_str().unwrap().to_owned(), bytes)
        })
        .collect();
    assert_eq!(found, expected);
    for it in &refused {
        assert!(!it.to_string().contains("secret"), "{it}");
        assert!(it["address"].as_str().unwrap().starts_with("127.0.0.1"), "{it}");
        assert_eq!(it["digest"].as_str().unwrap().len(), 64);
    }
    let (exit, out, err) = scene.test.db.daybook(&["inbox", "refused", "--limit", "200"]).await;
    assert_eq!((exit, out.lines().count()), (0, expected.len() + 1), "{out}{err}");

    // The messages themselves are none the worse for it.
    for good in [&captured, &sale] {
        assert_eq!(good.send(&scene.test).await, answer(200, ""));
    }
    scene.read().await;
    assert_eq!(scene.inbox("&state=booked").await.len(), 1);
}

async fn count(db: &TestDb) -> usize {
    let count: i64 = sqlx::query_scalar("select count(*) from inbox_refused")
        .fetch_one(&db.pool().await)
        .await
        .unwrap();
    usize::try_from(count).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_what_is_refused_a_head_is_kept_sixty_a_minute_and_for_a_month() {
    let scene = Scene::start().await;
    let mut bad = scene.signed(RAZORPAY, vec![b'x'; 10_000]);
    bad.signature().truncate(1);
    for _ in 0..80 {
        assert_eq!(bad.send(&scene.test).await, answer(400, "signature_invalid"));
    }
    assert_eq!(count(&scene.test.db).await, 60);
    let newest = scene.refused().await.remove(0);
    assert_eq!(
        (newest["bytes"].as_u64(), newest["text"].as_str().map(str::len)),
        (Some(10_000), Some(4096))
    );

    let mut cheat = scene.test.db.superuser().await;
    let sql = "update inbox_refused set received_at = now() - interval '29 days'";
    run(&mut cheat, sql).await.unwrap();
    bad.send(&scene.test).await;
    assert_eq!(count(&scene.test.db).await, 61, "a new minute, and nothing is old");
    let sql = "update inbox_refused set received_at = now() - interval '31 days'";
    run(&mut cheat, sql).await.unwrap();
    // What is no text is kept in base64.
    bad.body = vec![0xff; 10];
    bad.send(&scene.test).await;
    assert_eq!(count(&scene.test.db).await, 1, "the old ones are gone");
    let newest = scene.refused().await.remove(0);
    assert_eq!(newest["base64"], "/////////////w==");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_beyond_the_limit_is_refused_before_anything_and_one_at_it_is_taken() {
    let scene = Scene::start().await;
    let body = |length: usize| {
        let mut body = json!({ "event": "payment.downtime.started", "pad": "" }).to_string();
        let pad = "x".repeat(length - body.len());
        body = body.replace("\"pad\":\"", &format!("\"pad\":\"{pad}"));
        assert_eq!(body.len(), length);
        scene.signed(RAZORPAY, body.into_bytes())
    };
    for length in [LIMIT + 1, 2 * LIMIT, 5 * LIMIT] {
        // The connection ends with what nobody reads.
        let told = body(length).send_by(&reqwest::Client::new(), &scene.test).await;
        assert_eq!(told, answer(413, "body_too_large"), "{length}");
    }
    assert_eq!((scene.refused().await.len(), scene.inbox("").await.len()), (0, 0));
    assert_eq!(body(LIMIT).send(&scene.test).await, answer(200, ""));
    scene.read().await;
    let kept = scene.inbox("").await.remove(0);
    assert_eq!(
        (&kept["state"], &kept["event"]),
        (&json!("nothing"), &json!("payment.downtime.started"))
    );
    let path = format!("/api/ledger/inbox/{}", kept["inbox_id"]);
    let whole = scene.reads(&path).await.ok();
    assert_eq!(whole["text"].as_str().unwrap().len(), LIMIT);
    assert!(!whole["headers"].as_object().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_processors_that_send_messages_are_listened_to() {
    let scene = Scene::start().await;
    let (_, _, mut message) = scene.paid().await;
    for stranger in ["manual", "paypal", "razorpay2", "%00", ".."] {
        let path = format!("/webhooks/{stranger}");
        let answered = scene.test.send("POST", &path, "", &[], Some(message.body.clone())).await;
        assert_eq!(answered.status, 404, "{stranger}: {}", answered.text);
    }
    scene.test.get("/webhooks/razorpay", "").await.refused(405, "method_not_allowed");
    // Razorpay's message is nothing to Lemon Squeezy.
    message.processor = LEMON_SQUEEZY;
    assert_eq!(message.send(&scene.test).await, answer(400, "signature_missing"));
    assert_eq!(scene.refused().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_secrets_are_valid_while_one_is_replaced_and_none_is_no_excuse() {
    let razorpay = Razorpay::start().await;
    let serving = async |secrets: &[&str]| {
        let mut settings = razorpay.settings();
        settings.webhook_secrets = secrets.iter().map(|it| Secret::new(*it)).collect();
        let settings = Settings { razorpay: Some(settings), ..Settings::default() };
        TestApp::start_with_processors(&settings).await
    };
    let body = json!({ "event": "made.up" }).to_string().into_bytes();
    let by = |secret: &str| {
        let headers = vec![("x-razorpay-signature", signing::hex(&Secret::new(secret), &body))];
        Delivery { processor: RAZORPAY, headers, body: body.clone(), genuine: true }
    };
    let rotating = serving(&["new", "old"]).await;
    let rotated = serving(&["new"]).await;
    let unset = serving(&[]).await;
    for (test, secret, expected) in [
        (&rotating, "old", answer(200, "")),
        (&rotating, "new", answer(200, "")),
        (&rotating, "older", answer(400, "signature_invalid")),
        (&rotated, "new", answer(200, "")),
        (&rotated, "old", answer(400, "signature_invalid")),
        (&unset, "new", answer(503, "webhook_secret_missing")),
        (&unset, "", answer(503, "webhook_secret_missing")),
    ] {
        assert_eq!(by(secret).send(test).await, expected, "{secret}");
    }
    // Under either secret it is the same message.
    let kept: i64 = sqlx::query_scalar("select count(*) from inbox")
        .fetch_one(rotating.app.pool())
        .await
        .unwrap();
    assert_eq!(kept, 1);
}
