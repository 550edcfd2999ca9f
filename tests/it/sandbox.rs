//! The sandbox as a processor: what its page's buttons do to its books, what it says about that, and
//! that this server hears of it.

mod page;
mod sender;

use std::sync::Arc;

use chrono::Utc;
use daybook::{
    processors::{news::News, sandbox::Sandbox},
    settlement::worker,
};
use serde_json::{Value, json};

use crate::harness::{Answered, Customer, TestApp};

const JSON: [(&str, &str); 1] = [("accept", "application/json")];

impl TestApp {
    fn sandbox(&self) -> &Arc<Sandbox> {
        self.app.sandbox.as_ref().unwrap()
    }

    /// Lets an hour go by for whatever the sandbox has still to do.
    async fn an_hour_passes(&self) {
        for sql in [
            "update sandbox_messages set due_at = due_at - interval '1 hour',
                 next_at = next_at - interval '1 hour' where delivered_at is null",
            "update sandbox_payments set authorises_at = authorises_at - interval '1 hour'",
        ] {
            sqlx::query(sql).execute(self.app.pool()).await.unwrap();
        }
        self.sandbox().books().ripen().await.unwrap();
    }

    /// Delivers what is due to this very server, which reads it: what became of each message.
    async fn hears(&self) -> Vec<(String, String)> {
        self.sandbox().reaches(self.address).unwrap();
        assert!(self.sandbox().send_due(None).await.unwrap(), "a message did not arrive");
        while worker::round(&self.app, Utc::now()).await.unwrap() > 0 {
            self.app.settled(daybook_projections::query::Reach::Ledger).await;
        }
        let sql = "select event, state from inbox_outcomes order by inbox_id";
        sqlx::query_as(sql).fetch_all(self.app.pool()).await.unwrap()
    }

    /// Presses a button of the page: the form's text.
    async fn press(&self, path: &str, form: &str) -> Answered {
        self.send("POST", path, "", &JSON, Some(form.as_bytes().to_vec())).await
    }

    /// The events of the messages about an order, in the order in which they are due.
    async fn said(&self, order: &str) -> Vec<String> {
        let told = self.sandbox().books().told_of(order).await.unwrap();
        told.into_iter().map(|told| told.event).collect()
    }

    /// How the payments of an order stand in the sandbox's books.
    async fn stand(&self, order: &str) -> Vec<&'static str> {
        let extract = self.sandbox().books().of_order(order).await.unwrap();
        extract.payments.iter().map(|payment| payment.status.as_str()).collect()
    }

    async fn ordered(&self) -> (Customer, String) {
        let customer = self.customer().await;
        let checkout = self.checkout(&customer, "pro").await;
        let order = checkout["orderId"].as_str().unwrap().to_owned();
        (customer, order)
    }
}

fn pay_path(order: &str) -> String {
    format!("/sandbox/checkout/{order}/pay")
}

fn payment_path(payment: &str, what: &str) -> String {
    format!("/sandbox/payments/{payment}/{what}")
}

/// An order whose payment was taken, with the payment's id.
async fn paid(test: &TestApp) -> (Customer, String, String) {
    let (customer, order) = test.ordered().await;
    let paid = test.press(&pay_path(&order), "outcome=success").await.ok();
    let payment = paid["paymentId"].as_str().unwrap().to_owned();
    (customer, order, payment)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_way_of_paying_is_in_the_books_and_is_told() {
    const CAPTURED: [&str; 3] = ["payment.authorized", "payment.captured", "order.paid"];
    let test = TestApp::start().await;
    for (form, status, now, then, told) in [
        ("", 200, vec!["captured"], vec!["captured"], CAPTURED.to_vec()),
        ("outcome=success", 200, vec!["captured"], vec!["captured"], CAPTURED.to_vec()),
        ("outcome=delay&seconds=60", 200, vec!["captured"], vec!["captured"], CAPTURED.to_vec()),
        ("outcome=failure", 402, vec!["failed"], vec!["failed"], vec!["payment.failed"]),
        (
            "outcome=late&seconds=60",
            402,
            vec!["failed"],
            vec!["captured"],
            [&["payment.failed"], &CAPTURED[..]].concat(),
        ),
        (
            "outcome=twice",
            200,
            vec!["captured"; 2],
            vec!["captured"; 2],
            [CAPTURED, CAPTURED].concat(),
        ),
    ] {
        let (_, order) = test.ordered().await;
        let position = test.log_position().await;
        assert_eq!(test.press(&pay_path(&order), form).await.status, status, "{form}");
        assert_eq!(test.stand(&order).await, now, "{form}");
        test.an_hour_passes().await;
        assert_eq!(test.stand(&order).await, then, "{form}");
        assert_eq!(test.said(&order).await, told, "{form}");
        assert_eq!(test.log_position().await, position, "{form}: the page books nothing");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_signed_messages_book_what_happened_with_its_fee() {
    let test = TestApp::start().await;
    let (customer, order, payment) = paid(&test).await;
    assert_eq!(test.hears().await, [], "whoever holds the three values has a head start");
    test.an_hour_passes().await;
    let heard = test.hears().await;
    let events: Vec<_> = heard.iter().map(|(event, _)| event.as_str()).collect();
    assert_eq!(events, ["payment.authorized", "payment.captured", "order.paid"]);
    // Both tell of the same payment and are read abreast: whichever is first books it.
    let mut states = [heard[1].1.as_str(), heard[2].1.as_str()];
    states.sort_unstable();
    assert_eq!(states, ["booked", "known"], "{heard:?}");
    let me = test.get("/api/billing/subscription/me", &customer.key).await.ok();
    assert_eq!(me["status"], "active");
    let sql = "select payload::text from events where type = 'payment.fee_charged'";
    let fees: Vec<String> = sqlx::query_scalar(sql).fetch_all(test.app.pool()).await.unwrap();
    // Two percent of 15.00, and eighteen percent on that.
    let [fee] = fees.as_slice() else { panic!("{fees:?}") };
    assert!(fee.contains("0.30") && fee.contains("0.05"), "{fee}");

    test.press(&payment_path(&payment, "refund"), "amount=5.00").await.ok();
    test.press(&payment_path(&payment, "dispute"), "outcome=open").await.ok();
    test.press(&payment_path(&payment, "dispute"), "outcome=lost").await.ok();
    let heard = test.hears().await.split_off(3);
    let events: Vec<_> = heard.iter().map(|(event, _)| event.as_str()).collect();
    let told =
        ["refund.created", "refund.processed", "payment.dispute.created", "payment.dispute.lost"];
    assert_eq!(events, told);
    assert!(heard.iter().all(|(_, state)| state == "booked" || state == "known"), "{heard:?}");
    assert_eq!(test.said(&order).await.len(), 7);
    let (exit, out, err) = test.db.daybook(&["verify"]).await;
    assert_eq!(exit, 0, "{out}{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_payment_and_a_second_one_reach_the_ledger() {
    let test = TestApp::start().await;
    let (late, order) = test.ordered().await;
    test.press(&pay_path(&order), "outcome=late").await.refused(402, "payment_failed");
    test.hears().await;
    let me = test.get("/api/billing/subscription/me", &late.key).await;
    me.refused(404, "no_subscription");
    test.an_hour_passes().await;
    test.hears().await;
    let me = test.get("/api/billing/subscription/me", &late.key).await.ok();
    assert_eq!(me["status"], "active");

    let (twice, order) = test.ordered().await;
    test.press(&pay_path(&order), "outcome=twice").await.ok();
    test.an_hour_passes().await;
    let heard = test.hears().await;
    assert!(heard.iter().all(|(_, state)| state != "new" && state != "waiting"), "{heard:?}");
    let me = test.get("/api/billing/subscription/me", &twice.key).await.ok();
    assert_eq!(me["status"], "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_is_sent_on_once_the_message_has_been_booked() {
    let test = TestApp::start().await;
    test.sandbox().reaches(test.address).unwrap();
    let worker = tokio::spawn(worker::run(test.app.clone()));
    let customer = test.customer().await;
    let address = "https://panel.example/";
    let body = json!({ "plan": "pro", "success_url": address, "cancel_url": address });
    let checkout = test.post("/api/v1/billing/checkout", &customer.key, &body).await.ok();
    let url = checkout["data"]["checkout_url"].as_str().unwrap();
    let order = url.rsplit('/').next().unwrap();
    test.press(&pay_path(order), "outcome=success").await.ok();
    let me = test.get("/api/billing/subscription/me", &customer.key).await.ok();
    assert_eq!(me["status"], "active");
    let sql = "select origin->>'via' from events where type = 'payment.captured'";
    let via: Vec<String> = sqlx::query_scalar(sql).fetch_all(test.app.pool()).await.unwrap();
    assert_eq!(via, ["webhook"]);
    let told = test.sandbox().books().told_of(order).await.unwrap();
    assert!(told.iter().all(|told| told.last_status == Some(200)), "{told:?}");
    worker.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_its_books_say_is_what_its_messages_say() {
    let test = TestApp::start().await;
    let processor = test.app.processors.named("sandbox").unwrap();
    let since = daybook_events::Timestamp::new(Utc::now()).plus_seconds(-60);
    let (_, order, payment) = paid(&test).await;
    test.press(&payment_path(&payment, "refund"), "amount=5").await.ok();
    test.press(&payment_path(&payment, "dispute"), "").await.ok();
    let news = processor.news_of(&order).await.unwrap();
    let [News::Captured(captured), News::Refund(refund), News::Dispute(dispute)] = news.as_slice()
    else {
        panic!("{news:?}")
    };
    assert_eq!(captured.payment.amount.to_string(), "15.00 USD");
    assert_eq!(captured.fee.unwrap().service.to_string(), "0.30 USD");
    assert_eq!((refund.amount.to_string(), &refund.payment_id), ("5.00 USD".into(), &payment));
    // What went back before is not disputed once more.
    assert_eq!(dispute.amount.to_string(), "10.00 USD");
    let soon = since.plus_seconds(120);
    assert_eq!(processor.news_between(since, soon).await.unwrap(), news);
    assert_eq!(processor.news_between(since.plus_seconds(-60), since).await.unwrap(), []);
    assert_eq!(processor.news_of("order_nope").await.unwrap(), []);
}

/// The fields of a JSON answer that are texts.
fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap()
}
