//! What Razorpay answers when it is asked what has happened: of one order, and of a time.

use daybook::processors::{
    Unanswered,
    news::{News, Ordered},
};
use daybook_events::Timestamp;

use super::{Scene, order_of};
use crate::simulators::wire::Fault;

/// News in a word and an id each.
fn names(news: &[News]) -> Vec<String> {
    let name = |news: &News| match news {
        News::Captured(captured) => format!("captured {}", captured.payment.payment_id),
        News::Authorised(payment) => format!("authorised {}", payment.payment_id),
        News::Failed { payment, .. } => format!("failed {}", payment.payment_id),
        News::Refund(refund) => format!("refund of {}", refund.payment_id),
        News::Dispute(dispute) => format!("dispute of {}", dispute.payment_id),
        News::RefundedInAll { .. } | News::Subscription(_) | News::Nothing => "other".to_owned(),
    };
    news.iter().map(name).collect()
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_tells_of_its_payments_and_what_went_back_of_them() {
    let scene = Scene::start().await;
    let (_, checkout) = scene.checkout().await;
    let order = order_of(&checkout);
    let processor = scene.test.app.processors.named("razorpay").unwrap();
    assert_eq!(processor.news_of(order).await, Ok(Vec::new()));

    let failed = scene.razorpay.fail(order);
    let waiting = scene.razorpay.authorise(order).payment_id;
    let taken = scene.razorpay.pay(order).payment_id;
    scene.razorpay.refund_outside(&taken, 18_000);
    // Faults on the way change nothing.
    scene.razorpay.faults().next("GET /orders", Fault::Truncated);
    let news = processor.news_of(order).await.unwrap();
    let expected = [
        format!("captured {taken}"),
        format!("authorised {waiting}"),
        format!("failed {failed}"),
        format!("refund of {taken}"),
    ];
    assert_eq!(names(&news), expected);
    let News::Captured(captured) = &news[0] else { panic!("not captured") };
    assert_eq!(captured.payment.order, Ordered::Theirs(order.to_owned()));
    let fee = captured.fee.unwrap();
    // Two of a hundred, and 18 of a hundred of these as tax.
    let fee = (fee.service.to_string(), fee.tax.to_string());
    assert_eq!(fee, ("23.60 INR".to_owned(), "4.24 INR".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_tells_of_everything_that_was_made_in_it_page_by_page() {
    let scene = Scene::start().await;
    let (_, checkout) = scene.checkout().await;
    let order = order_of(&checkout);
    for _ in 0..230 {
        scene.razorpay.fail(order);
    }
    let taken = scene.razorpay.pay(order).payment_id;
    scene.razorpay.refund_outside(&taken, 118_000);
    scene.razorpay.dispute(&taken);
    let processor = scene.test.app.processors.named("razorpay").unwrap();
    let (from, to) = (time("2026-05-01T00:00:00Z"), time("2026-05-02T00:00:00Z"));
    let news = names(&processor.news_between(from, to).await.unwrap());
    let count = |begins: &str| news.iter().filter(|it| it.starts_with(begins)).count();
    let counts = ["failed", "captured", "refund", "dispute"].map(count);
    assert_eq!((counts, news.len()), ([230, 1, 1, 1], 233));
    let unique: std::collections::BTreeSet<_> = news.iter().collect();
    assert_eq!(unique.len(), news.len(), "nothing comes twice");
    // Three pages of payments, one of refunds, one of disputes.
    let seen = scene.razorpay.faults().seen();
    let asked = seen.iter().filter(|it| *it == "GET /payments").count();
    assert_eq!(asked, 3);

    let later = processor.news_between(to, to.plus_days(1)).await;
    assert_eq!(later, Ok(Vec::new()));
    scene.razorpay.faults().next_times(4, "GET /refunds", Fault::Broken);
    let unknown = processor.news_between(from, to).await;
    assert_eq!(unknown, Err(Unanswered::Unknown), "half of it is not told as all of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_is_none_of_razorpays_is_not_asked_for() {
    let scene = Scene::start().await;
    let processor = scene.test.app.processors.named("razorpay").unwrap();
    for id in ["", "../payments", "order_1/x", "order_1?x=1", "order_1%2f", "órder"] {
        let refused = processor.news_of(id).await;
        assert!(matches!(refused, Err(Unanswered::Refused { .. })), "{id}: {refused:?}");
    }
    assert!(scene.razorpay.faults().seen().is_empty());
}
