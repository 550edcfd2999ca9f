//! Ten thousand deliveries in the worst order against one by one in the best: the same money.
#![expect(clippy::unwrap_used, reason = "test code panics where a test fails")]

use chrono::{DateTime, TimeDelta, Utc};
use daybook::settlement::worker;
use futures_util::{StreamExt, future::join_all, stream};

use super::{
    load::{Delivery, bad_day, unheard_of},
    twins::Twins,
    view::{self, View},
};
use crate::harness::TestApp;

/// How many processes read the inbox.
const READERS: usize = 3;
/// How many connections bring messages.
const BRINGERS: usize = 16;

/// Every delivery at once, by several connections; tells how many were refused.
async fn bring(test: &TestApp, deliveries: &[Delivery]) -> usize {
    let answers = stream::iter(deliveries).map(|it| async move {
        let (status, code) = it.send(test).await;
        let expected = if it.genuine { 200 } else { 400 };
        assert_eq!(status, expected, "{code}: {}", String::from_utf8_lossy(&it.body));
        let signed = matches!(code.as_str(), "signature_invalid" | "signature_missing");
        assert_eq!(signed, !it.genuine, "{code}");
        usize::from(!it.genuine)
    });
    answers.buffer_unordered(BRINGERS).fold(0, |sum, one| async move { sum + one }).await
}

/// Reads the inbox until nothing waits, as the clock goes on.
async fn read_all(test: &TestApp, readers: usize, mut at: DateTime<Utc>) {
    loop {
        let round = async || while worker::round(&test.app, at).await.unwrap() > 0 {};
        join_all((0..readers).map(|_| round())).await;
        let next: Option<DateTime<Utc>> =
            sqlx::query_scalar("select min(next_at) from inbox_outcomes")
                .fetch_one(test.app.pool())
                .await
                .unwrap();
        match next {
            Some(next) => at = at.max(next),
            None => return,
        }
    }
}

/// Tells one ledger everything in order and once, the other as a bad day does; tells how many
/// deliveries there were, and how many of them were forged.
async fn tell(twins: &Twins, messages: &[Delivery], seed: u64) -> (usize, usize) {
    let (day, after) = bad_day(messages, seed);
    let orderly = async {
        for message in messages {
            assert_eq!(message.send(&twins.orderly).await.0, 200);
        }
        read_all(&twins.orderly, 1, Utc::now()).await;
    };
    let other = async {
        let forged = bring(&twins.other, &day).await;
        read_all(&twins.other, READERS, Utc::now()).await;
        let forged = forged + bring(&twins.other, &after).await;
        read_all(&twins.other, READERS, Utc::now() + TimeDelta::days(1)).await;
        forged
    };
    let ((), forged) = tokio::join!(orderly, other);
    twins.settle().await;
    (day.len() + after.len(), forged)
}

/// So many customers of Razorpay's and of Lemon Squeezy's, and what became of them: the number of
/// messages, of deliveries and of forged ones.
async fn lives(twins: &mut Twins, at_razorpay: usize, at_lemon: usize) -> [usize; 3] {
    for nth in 0..at_razorpay {
        twins.lives_at_razorpay(nth).await;
    }
    let mut bought = Vec::new();
    for _ in 0..at_lemon {
        bought.push(twins.buys_at_lemon_squeezy().await.1);
    }
    let mut messages = twins.told();
    messages.extend((0..at_razorpay / 4).map(|nth| unheard_of(nth, twins)));
    let (first, forged) = tell(twins, &messages, 1).await;

    let count = messages.len();
    for test in [&twins.orderly, &twins.other] {
        test.at("2026-06-05T00:00:00Z");
    }
    twins.lives_at_lemon_squeezy(&bought).await;
    let messages = twins.told();
    let (second, more) = tell(twins, &messages, 2).await;
    [count + messages.len(), first + second, forged + more]
}

async fn views(twins: &Twins) -> (View, View) {
    (view::of(&twins.orderly.app).await, view::of(&twins.other.app).await)
}

async fn count(test: &TestApp, sql: &'static str) -> usize {
    let count: i64 = sqlx::query_scalar(sql).fetch_one(test.app.pool()).await.unwrap();
    usize::try_from(count).unwrap()
}

/// How many messages became of each state, with the reasons.
async fn states(test: &TestApp) -> Vec<(String, String, i64)> {
    let sql = "select state, coalesce(code, ''), count(*) from inbox_outcomes
               where state in ('aside', 'waiting', 'new') group by 1, 2 order by 1, 2";
    sqlx::query_as(sql).fetch_all(test.app.pool()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_messages_in_the_worst_order_book_what_single_ordered_ones_do() {
    let mut twins = Twins::start().await;
    let [messages, deliveries, forged] = lives(&mut twins, 360, 150).await;
    assert!(deliveries >= 10_000 && forged >= 100, "{messages} {deliveries} {forged}");
    let (orderly, other) = views(&twins).await;
    let differing = view::differences(&orderly, &other);
    assert!(differing.is_empty(), "{}: {}", differing.len(), differing[..1].join("\n"));

    assert_eq!(states(&twins.orderly).await, []);
    assert_eq!(states(&twins.other).await, []);
    for test in [&twins.orderly, &twins.other] {
        assert_eq!(count(test, "select count(*) from inbox").await, messages);
        let (exit, out, err) = test.db.daybook(&["verify"]).await;
        assert_eq!(exit, 0, "{out}{err}");
    }
    // What was refused is kept, no more of it than sixty a minute, and none of it was read.
    let refused = count(&twins.other, "select count(*) from inbox_refused").await;
    assert!((50..=forged).contains(&refused), "{refused} of {forged}");
    let text = format!("{other:?}");
    assert!(text.contains("pay_") && !text.contains("pay_F"));
    let paid = "select count(*) from daybook.events where type = 'payment.captured'";
    assert_eq!(count(&twins.orderly, paid).await, count(&twins.other, paid).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_lost_and_a_cent_that_differs_are_noticed() {
    let mut twins = Twins::start().await;
    lives(&mut twins, 8, 6).await;
    let (orderly, mut other) = views(&twins).await;
    assert_eq!(view::differences(&orderly, &other), [""; 0]);

    let line = other.values_mut().flatten().find(|line| line.contains(" back 700.01 INR"));
    let line = line.expect("a payment that two refunds went back of");
    *line = line.replace("700.01", "700.02");
    assert_eq!(view::differences(&orderly, &other).len(), 1);

    // A worker that drops one message of many: here nobody brings it at all.
    let untouched =
        |it: &&String| it.contains("pay_") && it.contains(" back 0.00 INR disputed 0.00");
    let line = orderly.values().flatten().find(untouched).unwrap();
    let payment = line.split(' ').nth(1).unwrap();
    twins.razorpay.refund_outside(payment, 100);
    let messages = twins.told();
    let (lost, brought) = messages.split_last().unwrap();
    assert!(String::from_utf8_lossy(&lost.body).contains("refund.processed"));
    tell(&twins, brought, 3).await;
    assert_eq!(lost.send(&twins.orderly).await.0, 200);
    read_all(&twins.orderly, 1, Utc::now()).await;
    twins.settle().await;
    let (orderly, other) = views(&twins).await;
    assert_eq!(view::differences(&orderly, &other).len(), 1);
}
