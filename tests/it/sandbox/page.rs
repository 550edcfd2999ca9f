//! Buttons pressed twice, in the wrong order, on what is not there, with what makes no sense.

use daybook::processors::{RefundAnswer, Refunding, Unanswered};
use daybook_events::{
    Currency, Money,
    commands::RefundOutcome,
    ids::{Id, RefundId},
};
use futures_util::future::join_all;
use uuid::Uuid;

use super::{paid, pay_path, payment_path, text};
use crate::harness::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn a_button_pressed_twice_does_what_it_does_once() {
    let test = TestApp::start().await;
    for (form, payments) in [("outcome=success", 1), ("outcome=delay", 1), ("outcome=twice", 2)] {
        let (_, order) = test.ordered().await;
        let path = pay_path(&order);
        let presses = join_all((0..4).map(|_| test.press(&path, form))).await;
        let first = presses[0].json();
        assert!(presses.iter().all(|press| press.json() == first), "{form}");
        assert_eq!(test.stand(&order).await.len(), payments, "{form}");
    }
    let (_, order) = test.ordered().await;
    let path = pay_path(&order);
    for _ in 0..2 {
        test.press(&path, "outcome=late").await.refused(402, "payment_failed");
    }
    assert_eq!(test.stand(&order).await, ["failed"]);

    let (_, order, payment) = paid(&test).await;
    let refund = payment_path(&payment, "refund");
    let form = "amount=5.00&attempt=0";
    let refunds = join_all((0..4).map(|_| test.press(&refund, form))).await;
    let first = refunds[0].json();
    assert!(refunds.iter().all(|refund| refund.json() == first), "{first}");
    let books = test.sandbox().books();
    assert_eq!(books.of_order(&order).await.unwrap().refunds.len(), 1);
    // Another amount on a page that was shown before, and another page, are other refunds.
    for form in ["amount=4.00&attempt=0", "amount=5.00&attempt=1"] {
        test.press(&refund, form).await.ok();
    }
    let extract = books.of_order(&order).await.unwrap();
    assert_eq!((extract.refunds.len(), extract.payments[0].amount_refunded), (3, 1_400));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_goes_back_than_was_taken() {
    let test = TestApp::start().await;
    let (_, order, payment) = paid(&test).await;
    let path = payment_path(&payment, "refund");
    for (form, status, code) in [
        ("amount=15.01", 409, "refund_exceeds_captured"),
        ("amount=15.001", 422, "amount_too_precise"),
        ("amount=1e1", 422, "amount_malformed"),
        ("amount=99999999999999999", 422, "amount_too_large"),
        ("amount=0", 400, "invalid_request"),
        ("amount=-1", 400, "invalid_request"),
        ("sum=1", 400, "invalid_request"),
    ] {
        test.press(&path, form).await.refused(status, code);
    }
    let over = test.press(&path, "amount=15.01").await;
    assert_eq!(over.message(), "15.00 USD of this payment can still go back");
    test.press(&path, "amount=5").await.ok();
    let rest = test.press(&path, "").await.ok();
    assert_eq!((text(&rest, "amount"), text(&rest, "status")), ("10.00", "processed"));
    test.press(&path, "").await.refused(409, "refund_exceeds_captured");
    assert_eq!(test.stand(&order).await, ["refunded"]);
    // What a lost dispute took is gone as well.
    let (_, _, payment) = paid(&test).await;
    let (refund, dispute) = (payment_path(&payment, "refund"), payment_path(&payment, "dispute"));
    test.press(&dispute, "outcome=open").await.ok();
    test.press(&dispute, "outcome=lost").await.ok();
    test.press(&refund, "amount=1").await.refused(409, "refund_exceeds_captured");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_is_disputed_and_decided_once() {
    let test = TestApp::start().await;
    for outcome in ["outcome=won", "outcome=lost"] {
        let (_, _, payment) = paid(&test).await;
        let path = payment_path(&payment, "dispute");
        test.press(&path, outcome).await.refused(409, "dispute_refused");
        let opened = test.press(&path, "outcome=open").await.ok();
        assert_eq!((text(&opened, "amount"), text(&opened, "status")), ("15.00", "open"));
        test.press(&path, "outcome=open").await.refused(409, "dispute_refused");
        let decided = test.press(&path, outcome).await.ok();
        assert_eq!(format!("outcome={}", text(&decided, "status")), outcome);
        for outcome in ["outcome=open", "outcome=won", "outcome=lost"] {
            test.press(&path, outcome).await.refused(409, "dispute_refused");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_or_makes_no_sense_changes_nothing() {
    let test = TestApp::start().await;
    let (_, order) = test.ordered().await;
    test.press(&pay_path(&order), "outcome=failure").await.refused(402, "payment_failed");
    let extract = test.sandbox().books().of_order(&order).await.unwrap();
    let failed = &extract.payments[0].payment_id;
    for (path, form, status, code) in [
        (pay_path("order_nope"), "", 404, "not_found"),
        (payment_path("pay_nope", "refund"), "", 404, "not_found"),
        (payment_path("pay_nope", "dispute"), "", 404, "not_found"),
        (pay_path(&order), "outcome=steal", 400, "invalid_request"),
        (pay_path(&order), "outcome=delay&seconds=3601", 400, "invalid_request"),
        (pay_path(&order), "outcome=delay&seconds=-1", 400, "invalid_request"),
        (pay_path(&order), "amount=1", 400, "invalid_request"),
        (payment_path(failed, "dispute"), "outcome=maybe", 400, "invalid_request"),
        (payment_path(failed, "refund"), "", 409, "refund_exceeds_captured"),
        (payment_path(failed, "dispute"), "", 409, "dispute_refused"),
    ] {
        test.press(&path, form).await.refused(status, code);
    }
    assert_eq!(test.sandbox().books().of_order(&order).await.unwrap(), extract);
    assert_eq!(test.said(&order).await, ["payment.failed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledgers_refund_is_done_once_and_told() {
    let test = TestApp::start().await;
    let processor = test.app.processors.named("sandbox").unwrap();
    let (_, order, payment) = paid(&test).await;
    let money = |minor| Money::from_minor(minor, Currency::USD).unwrap();
    let refunding = |payment: &str, minor| Refunding {
        refund_id: RefundId::from_uuid(Uuid::now_v7()),
        processor_payment_id: payment.to_owned(),
        amount: money(minor),
        total_after: money(minor),
        captured: money(1_500),
    };
    let first = refunding(&payment, 900);
    let answer = processor.refund(&first).await.unwrap();
    assert!(
        matches!(&answer, RefundAnswer::Settled(RefundOutcome::Processed(id)) if id.starts_with("rfnd_"))
    );
    assert_eq!(processor.refund(&first).await.unwrap(), answer);
    let extract = test.sandbox().books().of_order(&order).await.unwrap();
    assert_eq!((extract.refunds.len(), extract.payments[0].amount_refunded), (1, 900));
    assert_eq!(extract.refunds[0].receipt, Some(first.refund_id.to_string()));
    assert_eq!(test.said(&order).await.last().unwrap(), "order.paid", "which is due later");
    let over = processor.refund(&refunding(&payment, 601)).await;
    assert!(matches!(over, Err(Unanswered::Refused { .. })), "{over:?}");
    // A simulated history has payments that the books never saw.
    assert!(processor.refund(&refunding("pay_of_a_history", 100)).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_authorised_is_captured_and_only_in_full() {
    use daybook::processors::sandbox::{Course, Paying};
    let test = TestApp::start().await;
    let processor = test.app.processors.named("sandbox").unwrap();
    let sandbox = test.sandbox();
    let paying = |payment: &str, course| Paying {
        payment_id: payment.to_owned(),
        order_id: "order_1".to_owned(),
        receipt: "ord_1".to_owned(),
        currency: "USD".to_owned(),
        amount: 1_500,
        course,
    };
    sandbox.pay(&paying("pay_1", Course::Authorised)).await.unwrap();
    sandbox.pay(&paying("pay_2", Course::Failed)).await.unwrap();
    let money = |minor| Money::from_minor(minor, Currency::USD).unwrap();
    for (payment, minor) in [("pay_1", 1_499), ("pay_2", 1_500), ("pay_3", 1_500)] {
        let refused = processor.capture(payment, money(minor)).await;
        assert!(matches!(refused, Err(Unanswered::Refused { .. })), "{payment}: {refused:?}");
    }
    for _ in 0..2 {
        assert_eq!(processor.capture("pay_1", money(1_500)).await, Ok(()));
    }
    assert_eq!(test.stand("order_1").await, ["captured", "failed"]);
    let told = ["payment.authorized", "payment.failed", "payment.captured", "order.paid"];
    assert_eq!(test.said("order_1").await, told);
}
