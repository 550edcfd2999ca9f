//! Refunds: Lemon Squeezy has no idempotency, so the adapter looks before it sends.

use daybook::processors::{
    Processor, RefundAnswer, Refunding, Unanswered,
    lemonsqueezy::{LemonSqueezy as Adapter, Settings, api::Api},
};
use daybook_events::{
    Currency, Money,
    commands::RefundOutcome,
    ids::{Id, RefundId},
};
use futures_util::future::join_all;
use uuid::Uuid;

use super::{FAULTS, adapter, bought, refused, usd};
use crate::simulators::lemonsqueezy::{Fault, LemonSqueezy, Tax};

/// A refund of a payment of which 50.00 were booked, that brings what went back to a sum.
fn refunding(payment: &str, cents: i64, total_after: i64) -> Refunding {
    Refunding {
        refund_id: RefundId::from_uuid(Uuid::nil()),
        processor_payment_id: payment.to_owned(),
        amount: usd(cents),
        captured: usd(5_000),
        total_after: usd(total_after),
    }
}

fn processed(payment: &str, theirs: i64) -> RefundAnswer {
    RefundAnswer::Settled(RefundOutcome::Processed(format!("{payment}#{theirs}")))
}

/// Asks until it is settled, as the scheduler does.
async fn until_settled(adapter: &Adapter, refunding: &Refunding) -> RefundAnswer {
    for _ in 0..20 {
        match adapter.refund(refunding).await {
            Ok(settled @ RefundAnswer::Settled(_)) => return settled,
            Ok(RefundAnswer::Pending)
            | Err(Unanswered::Busy | Unanswered::Unreachable | Unanswered::Unknown) => {}
            Err(refused) => panic!("{refused}"),
        }
    }
    panic!("the refund is never settled")
}

async fn sold() -> (LemonSqueezy, std::sync::Arc<Adapter>, String) {
    let sim = LemonSqueezy::start().await;
    let adapter = adapter(&sim);
    let paid = bought(&sim, &adapter).await;
    let payment = format!("orders/{}", paid.order);
    (sim, adapter, payment)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_of_ours_is_the_same_share_of_theirs_and_is_sent_once() {
    let (sim, adapter, payment) = sold().await;
    let part = refunding(&payment, 2_000, 2_000);
    assert_eq!(adapter.refund(&part).await, Ok(processed(&payment, 2_400)));
    let body = sim.seen("POST", "refund")[0].body.clone();
    assert_eq!(body["data"]["attributes"], serde_json::json!({ "amount": 2400 }));
    assert_eq!(body["data"]["type"], "orders");
    assert_eq!(adapter.refund(&part).await, Ok(processed(&payment, 2_400)));
    assert_eq!(sim.seen("POST", "refund").len(), 1);
    let rest = refunding(&payment, 3_000, 5_000);
    assert_eq!(adapter.refund(&rest).await, Ok(processed(&payment, 6_000)));
    assert_eq!(sim.object(&payment)["attributes"]["status"], "refunded");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_fault_makes_a_refund_twice_or_loses_it() {
    for fault in FAULTS {
        for (method, path) in [("POST", "refund"), ("GET", "orders/")] {
            let (sim, adapter, payment) = sold().await;
            sim.plan(method, path, fault);
            let settled = until_settled(&adapter, &refunding(&payment, 2_000, 2_000)).await;
            assert_eq!(settled, processed(&payment, 2_400), "{fault:?} {method}");
            let refunded = sim.cents(&payment, "refunded_amount");
            assert_eq!(refunded, 2_400, "{fault:?} {method}");
        }
    }
}

/// The control: an adapter that sends without looking.
#[tokio::test(flavor = "multi_thread")]
async fn a_refund_without_a_look_is_seen_to_be_made_twice() {
    let (sim, _, payment) = sold().await;
    sim.plan("POST", "refund", Fault::DoneUnanswered);
    let api = Api::new(&sim.settings()).unwrap();
    assert_eq!(api.refund(&payment, 2_400).await.unwrap_err(), Unanswered::Unknown);
    api.refund(&payment, 2_400).await.unwrap();
    assert_eq!(sim.cents(&payment, "refunded_amount"), 4_800);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_out_after_the_refund_was_made_is_seen_by_a_look() {
    let (sim, adapter, payment) = sold().await;
    sim.plan("POST", "refund", Fault::Hangs);
    let part = refunding(&payment, 2_000, 2_000);
    assert_eq!(adapter.refund(&part).await, Ok(processed(&payment, 2_400)));
    assert_eq!(sim.seen("POST", "refund").len(), 1);
    assert_eq!(sim.cents(&payment, "refunded_amount"), 2_400);
}

/// A refund that is on its way does not show yet: so silence is never answered by sending again
/// within the same question.
#[tokio::test(flavor = "multi_thread")]
async fn silence_is_not_answered_by_sending_again() {
    let (sim, adapter, payment) = sold().await;
    sim.plan("POST", "refund", Fault::Undone);
    let part = refunding(&payment, 2_000, 2_000);
    assert_eq!(adapter.refund(&part).await, Err(Unanswered::Unknown));
    assert_eq!(sim.seen("POST", "refund").len(), 1);
    assert_eq!(until_settled(&adapter, &part).await, processed(&payment, 2_400));
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_sum_to_exactly_the_whole_on_a_bad_line() {
    let runs = (0..12_u64).map(|seed| async move {
        let sim = LemonSqueezy::start().await;
        let rate = [0, 7, 19, 20, 24][usize::try_from(seed).unwrap() % 5];
        sim.tax(Tax { rate, inclusive: seed % 2 == 0 });
        let adapter = adapter(&sim);
        let paid = bought(&sim, &adapter).await;
        let payment = format!("orders/{}", paid.order);
        let total = sim.cents(&payment, "total");
        let booked = total - sim.cents(&payment, "tax");
        sim.unreliable(seed, 30);
        let mut before = 0;
        for part in [1, 333, 1_777, booked - 2_111] {
            before += part;
            let refunding =
                Refunding { captured: usd(booked), ..refunding(&payment, part, before) };
            until_settled(&adapter, &refunding).await;
            let refunded = sim.cents(&payment, "refunded_amount");
            assert!(refunded <= total, "seed {seed}: {refunded} of {total}");
        }
        assert_eq!(sim.cents(&payment, "refunded_amount"), total, "seed {seed}");
    });
    join_all(runs).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_refunds_of_a_payment_at_once_take_turns() {
    let (sim, adapter, payment) = sold().await;
    let (one, two) = (refunding(&payment, 1_000, 1_000), refunding(&payment, 2_000, 3_000));
    let (one, two) = tokio::join!(adapter.refund(&one), adapter.refund(&two));
    assert_eq!(one, Ok(processed(&payment, 1_200)));
    assert_eq!(two, Ok(processed(&payment, 3_600)));
    assert_eq!(sim.cents(&payment, "refunded_amount"), 3_600);
    // In the other order too: the later one brings the earlier one with it.
    let (sim, adapter, payment) = sold().await;
    adapter.refund(&refunding(&payment, 2_000, 3_000)).await.unwrap();
    adapter.refund(&refunding(&payment, 1_000, 1_000)).await.unwrap();
    assert_eq!(sim.cents(&payment, "refunded_amount"), 3_600);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_on_their_dashboard_is_not_sent_again() {
    let (sim, adapter, payment) = sold().await;
    sim.refund_by_hand(&payment, 2_400);
    let answer = adapter.refund(&refunding(&payment, 2_000, 2_000)).await;
    assert_eq!(answer, Ok(processed(&payment, 2_400)));
    assert!(sim.seen("POST", "refund").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_of_a_subscription_is_refunded_by_its_own_path() {
    let (sim, adapter, _) = sold().await;
    let paid = bought(&sim, &adapter).await;
    let payment = format!("subscription-invoices/{}", sim.renew(&paid.subscription));
    let answer = adapter.refund(&refunding(&payment, 5_000, 5_000)).await;
    assert_eq!(answer, Ok(processed(&payment, 6_000)));
    assert_eq!(sim.seen("POST", "refund")[0].body["data"]["type"], "subscription-invoices");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_final_unless_the_money_is_back_already() {
    let (sim, adapter, payment) = sold().await;
    sim.plan("POST", "refund", Fault::Refused(422));
    let part = refunding(&payment, 2_000, 2_000);
    refused(adapter.refund(&part).await, "The request is refused.");
    assert_eq!(sim.cents(&payment, "refunded_amount"), 0);
    // An order that is not there may be another key's: that says nothing of the refund.
    assert_eq!(adapter.refund(&refunding("orders/1", 1, 1)).await, Err(Unanswered::Unknown));
    for payment in ["1", "orders/", "orders/1/refund", "customers/1", "orders/../1"] {
        refused(adapter.refund(&refunding(payment, 1, 1)).await, "no payment of Lemon Squeezy");
    }
    let euros = Money::from_minor(5_000, Currency::EUR).unwrap();
    let other = Refunding { captured: euros, ..part };
    refused(adapter.refund(&other).await, "in USD, the ledger has it in EUR");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_limit_is_no_refusal_and_neither_is_a_key_that_has_run_out() {
    let (sim, adapter, payment) = sold().await;
    let part = refunding(&payment, 2_000, 2_000);
    sim.plan("POST", "refund", Fault::Busy(Some(60)));
    assert_eq!(adapter.refund(&part).await, Err(Unanswered::Busy));
    assert_eq!(sim.seen("POST", "refund").len(), 1);
    let run_out = Settings { api_key: "old".to_owned(), ..sim.settings() };
    let run_out = Adapter::new(run_out).unwrap();
    assert_eq!(run_out.refund(&part).await, Err(Unanswered::Unreachable));
    assert_eq!(adapter.refund(&part).await, Ok(processed(&payment, 2_400)));
}
