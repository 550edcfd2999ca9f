//! What the check finds: a payment that is booked twice, one that only half of the four have
//! brought, a message that nobody reads, and a ledger that takes lost commits for none.

use daybook_events::{commands::ConfirmPayment, store::Options};

use super::{
    lost::{behind_a_proxy, lose},
    proxy::{Plan, Strike},
    scene::{Bringer, Scene, orders},
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

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_takes_lost_commits_for_none_is_found_whoever_comes_first() {
    for first in [Bringer::Redirect, Bringer::Confirm, Bringer::Webhook, Bringer::Reconciler] {
        let scene = Scene::start().await;
        let options = Options::trusting_lost_commits();
        let (server, proxy) = behind_a_proxy(&scene, options).await;
        let order = orders().into_iter().find(|order| order[0] == first).unwrap();
        let plan = Plan { pass: 0, strike: Strike::After, commits: true, victim: None };
        let (struck, faults) = lose(&scene, (&server, &proxy), order, plan).await;
        let doubled = faults.iter().any(|it| it.contains("is booked: 2 times"));
        assert!(struck && doubled, "{faults:#?}");
    }
}
