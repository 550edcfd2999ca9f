//! What the messages say, read by the code that reads the processor's.

use daybook_events::Timestamp;

use super::*;
use crate::processors::news::{DisputeState, Ordered, Payment, RefundState};

fn payment(status: PaymentStatus) -> SandboxPayment {
    let captured = matches!(status, PaymentStatus::Captured | PaymentStatus::Refunded);
    let (fee, tax) = fee(118_000);
    SandboxPayment {
        payment_id: "pay_1".to_owned(),
        order_id: "order_1".to_owned(),
        receipt: "ord_1".to_owned(),
        currency: "INR".to_owned(),
        amount: 118_000,
        status,
        fee: captured.then_some(fee),
        tax: captured.then_some(tax),
        amount_refunded: 0,
        created_at: at(),
        authorises_at: None,
    }
}

fn at() -> DateTime<Utc> {
    "2026-08-20T10:00:00Z".parse().unwrap()
}

fn rupees(minor: i64) -> Money {
    money(minor, "INR").unwrap()
}

fn ids() -> Payment {
    let order = Ordered::Theirs("order_1".to_owned());
    Payment { payment_id: "pay_1".to_owned(), order, amount: rupees(118_000) }
}

fn events(said: &[Said]) -> Vec<&str> {
    said.iter().map(|said| said.event).collect()
}

#[test]
fn a_fee_is_two_percent_and_eighteen_percent_on_it_rounded_half_up() {
    for (amount, fee_and_tax) in [
        (100_000, (2_360, 360)),
        (118_000, (2_785, 425)),
        (1_500, (35, 5)),
        // Half of a unit is a unit, less is nothing.
        (25, (1, 0)),
        (24, (0, 0)),
        (1, (0, 0)),
        (125, (4, 1)),
        (i64::MAX, (217_671_580_069_772_709, 33_204_139_332_677_193)),
    ] {
        assert_eq!(fee(amount), fee_and_tax, "{amount}");
    }
}

#[test]
fn a_captured_payment_is_told_twice_and_says_the_same() {
    let said = of_payment(&payment(PaymentStatus::Captured), at());
    assert_eq!(events(&said), ["payment.captured", "order.paid"]);
    let news: Vec<_> = said.iter().map(|said| said.news().unwrap()).collect();
    assert_eq!(news[0], news[1]);
    let News::Captured(captured) = &news[0] else { panic!("{news:?}") };
    assert_eq!(captured.payment, ids());
    let fee = captured.fee.unwrap();
    assert_eq!((fee.service, fee.tax), (rupees(2_360), rupees(425)));
    assert_eq!(captured.at, Some(Timestamp::new(at())));
    // What has gone back since changes nothing about what was taken.
    let refunded = SandboxPayment { amount_refunded: 118_000, ..payment(PaymentStatus::Refunded) };
    assert_eq!(of_payment(&refunded, at())[0].news().unwrap(), news[0]);
}

#[test]
fn a_payment_on_its_way_has_no_fee() {
    let said = authorised(&payment(PaymentStatus::Captured), at());
    assert_eq!(said.event, "payment.authorized");
    assert_eq!(said.news(), Ok(News::Authorised(ids())));
    assert!(said.body.contains(r#""fee":null"#), "{}", said.body);
    assert_eq!(of_payment(&payment(PaymentStatus::Authorized), at()), [said]);
    assert!(of_payment(&payment(PaymentStatus::Created), at()).is_empty());
    let failed = of_payment(&payment(PaymentStatus::Failed), at());
    assert_eq!(events(&failed), ["payment.failed"]);
    let reason = "BAD_REQUEST_ERROR: the sandbox was told to fail".to_owned();
    assert_eq!(failed[0].news(), Ok(News::Failed { payment: ids(), reason }));
}

#[test]
fn a_refund_is_told_with_or_without_its_payment() {
    let refund = SandboxRefund {
        refund_id: "rfnd_1".to_owned(),
        payment_id: "pay_1".to_owned(),
        receipt: Some("ref_1".to_owned()),
        currency: "INR".to_owned(),
        amount: 59_000,
        created_at: at(),
    };
    let payment = payment(PaymentStatus::Captured);
    for said in [of_refund(&refund, Some(&payment), at()), of_refund(&refund, None, at())] {
        assert_eq!(events(&said), ["refund.created", "refund.processed"]);
        for said in said {
            let News::Refund(told) = said.news().unwrap() else { panic!("{}", said.body) };
            assert_eq!((told.amount, told.state), (rupees(59_000), RefundState::Processed));
            assert_eq!((told.refund_id.as_str(), told.payment_id.as_str()), ("rfnd_1", "pay_1"));
            assert_eq!(told.receipt.as_deref(), Some("ref_1"));
        }
    }
}

#[test]
fn a_dispute_says_how_it_stands_and_what_was_taken() {
    let payment = payment(PaymentStatus::Captured);
    for (status, event, state, amount_deducted) in [
        (DisputeStatus::Open, "payment.dispute.created", DisputeState::Open, 0),
        (DisputeStatus::Won, "payment.dispute.won", DisputeState::Won, 0),
        (DisputeStatus::Lost, "payment.dispute.lost", DisputeState::Lost, 118_000),
    ] {
        let dispute = SandboxDispute {
            dispute_id: "disp_1".to_owned(),
            payment_id: "pay_1".to_owned(),
            currency: "INR".to_owned(),
            amount: 118_000,
            amount_deducted,
            status,
            created_at: at(),
        };
        let said = of_dispute(&dispute, Some(&payment), at());
        assert_eq!(said.event, event);
        let News::Dispute(told) = said.news().unwrap() else { panic!("{}", said.body) };
        assert_eq!((told.state, told.deducted), (state, rupees(amount_deducted)));
        assert_eq!((told.amount, told.payment_id.as_str()), (rupees(118_000), "pay_1"));
    }
}

#[test]
fn the_envelope_is_razorpays() {
    let said = &of_payment(&payment(PaymentStatus::Captured), at())[1];
    let body: Value = serde_json::from_str(&said.body).unwrap();
    let theirs = include_str!("../../../../tests/vectors/rzp_order_paid.body");
    let theirs: Value = serde_json::from_str(theirs).unwrap();
    let fields = |value: &Value| -> Vec<String> {
        let mut names: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
        names.sort();
        names
    };
    assert_eq!(fields(&body), fields(&theirs));
    assert_eq!(body["contains"], theirs["contains"]);
    for entity in ["payment", "order"] {
        let of = |body: &Value| fields(&body["payload"][entity]["entity"]);
        assert_eq!(of(&body), of(&theirs), "{entity}");
    }
    assert_eq!(body["payload"]["payment"]["entity"]["notes"], json!([]));
}
