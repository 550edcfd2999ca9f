//! What the check finds: a payment that is booked twice, one that only half of the four have
//! brought, a message that nobody reads, and a ledger that answers before the commit.

use std::time::Duration;

use daybook_events::{commands::ConfirmPayment, store::Options};

use super::{
    lost::behind_a_proxy,
    proxy::{Plan, Strike},
    scene::{Bringer, Scene},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_is_booked_again_under_another_id_is_found() {
    let scene = Scene::start().await;
    let server = scene.server();
    let race = scene.race().await;
    for by in [Bringer::Redirect, Bringer::Webhook] {
        scene.bring(&server, &race, by).await.unwrap();
    }
    assert_eq!(scene.faults(&server, &race).await, Vec::<String>::new());
    let again = ConfirmPayment {
        account_id: race.account,
        processor_order_id: race.order.clone(),
        processor_payment_id: format!("{}x", race.paid.payment_id),
        amount: None,
        merchant: None,
    };
    scene.test.submit(again).await.unwrap();
    let faults = scene.faults(&server, &race).await.join("\n");
    for expected in ["a payment: 2 times", "credit is granted: 1 times", "UnknownThere"] {
        assert!(faults.contains(expected), "{faults}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_brought_or_read_is_found() {
    let scene = Scene::start().await;
    let server = scene.server();
    let race = scene.race().await;
    scene.bring(&server, &race, Bringer::Redirect).await.unwrap();
    // Its fee is missing until the check itself asks Razorpay.
    let faults = scene.faults(&server, &race).await.join("\n");
    for expected in ["Missed", "payment.fee_charged", "0 messages are kept, not 3"] {
        assert!(faults.contains(expected), "{faults}");
    }

    let race = scene.race().await;
    scene.bring(&server, &race, Bringer::Webhook).await.unwrap();
    let unread = "update inbox_outcomes set state = 'waiting', next_at = now() + interval '9 years'
                  where inbox_id = (select max(inbox_id) from inbox)";
    sqlx::query(unread).execute(scene.test.app.pool()).await.unwrap();
    let faults = scene.faults(&server, &race).await.join("\n");
    assert!(faults.contains("order.paid is waiting"), "{faults}");
}

/// A customer comes back to a server none of whose commits arrive, and again only where that server
/// did not say that it is paid: what is wrong then.
async fn after_a_redirect_without_commits(mut options: Options) -> String {
    options.patience = Duration::from_millis(200);
    let scene = Scene::start().await;
    let (server, proxy) = behind_a_proxy(&scene, options).await;
    let race = scene.race().await;
    let strike = Strike::Before;
    proxy.will(Plan { pass: 0, strike, commits: true, for_ever: true, victim: None });
    let answered = scene.bring(&server, &race, Bringer::Redirect).await;
    let server = scene.server();
    if answered.is_err() {
        scene.bring(&server, &race, Bringer::Redirect).await.unwrap();
    }
    scene.faults(&server, &race).await.join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_answers_before_the_commit_loses_a_payment_and_is_found() {
    let missed = |faults: &str| faults.contains("payment.captured");
    let faults = after_a_redirect_without_commits(Options::default()).await;
    assert!(!missed(&faults), "{faults}");
    let faults = after_a_redirect_without_commits(Options::answering_before_the_commit()).await;
    assert!(missed(&faults), "{faults}");
}
