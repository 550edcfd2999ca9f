//! Razorpay does not answer: the reconciler, or the worker that captures what was only authorised.

use super::scene::{Bringer, Order, Race, Scene, Server, orders};
use crate::simulators::wire::Fault;

/// Everybody comes in an order, and then whoever failed again.
async fn come(scene: &Scene, server: &Server, race: &Race, order: Order) -> Vec<String> {
    let mut again = Vec::new();
    for by in order {
        if scene.bring(server, race, by).await.is_err() {
            again.push(by);
        }
    }
    // From here on everything is answered.
    scene.razorpay.faults().draw(0, 0);
    let mut faults = Vec::new();
    for by in again {
        faults.extend(scene.bring(server, race, by).await.err());
    }
    faults
}

/// What the reconciler asks, one after another.
const ASKED: [&str; 4] = ["GET /orders", "GET /payments", "GET /refunds", "GET /disputes"];

#[tokio::test(flavor = "multi_thread")]
async fn a_reconciler_that_hears_nothing_of_one_question_comes_again() {
    let scene = Scene::start().await;
    let server = scene.server();
    for (nth, order) in orders().into_iter().enumerate() {
        for asked in [ASKED[nth % 4], ASKED[(nth + 1) % 4]] {
            let race = scene.race().await;
            // The one fault that the reconciler itself gives up at.
            scene.razorpay.faults().next(asked, Fault::BusyForLong);
            let mut faults = come(&scene, &server, &race, order).await;
            faults.extend(scene.bring(&server, &race, Bringer::Reconciler).await.err());
            faults.extend(scene.faults(&server, &race).await);
            assert_eq!(faults, Vec::<String>::new(), "{order:?} without {asked}");
        }
    }
    scene.verified().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_breaks_is_asked_for_again_within_one_run() {
    let scene = Scene::start().await;
    let server = scene.server();
    for (nth, order) in orders().into_iter().enumerate() {
        let race = scene.race().await;
        let fault = Fault::ALL[nth % Fault::ALL.len()];
        scene.razorpay.faults().next(ASKED[nth % ASKED.len()], fault);
        let mut faults = come(&scene, &server, &race, order).await;
        faults.extend(scene.bring(&server, &race, Bringer::Reconciler).await.err());
        faults.extend(scene.faults(&server, &race).await);
        assert_eq!(faults, Vec::<String>::new(), "{order:?} with {fault:?}");
    }
}

/// A payment that is no more than authorised when the four come: it is captured once, and what
/// Razorpay tells of that changes nothing.
async fn authorised(scene: &Scene, server: &Server, order: Order, fault: Option<Fault>) {
    let (account, processor_order, at) = scene.ordered().await;
    let paid = scene.razorpay.authorise(&processor_order);
    let messages = scene.razorpay.webhooks();
    let mut race = Race { account, order: processor_order, paid, messages, at };
    if let Some(fault) = fault {
        scene.razorpay.faults().next("POST /payments", fault);
    }
    let mut faults = come(scene, server, &race, order).await;
    // Whoever could not capture tries again.
    faults.extend(scene.work(server).await.err());
    let told = scene.razorpay.webhooks();
    assert_eq!(told.len(), 2, "payment.captured and order.paid: {order:?}, {fault:?}");
    for message in &told {
        faults.extend(scene.deliver(server, message).await.err());
    }
    race.messages.extend(told);
    faults.extend(scene.work(server).await.err());
    faults.extend(scene.faults(server, &race).await);
    assert_eq!(faults, Vec::<String>::new(), "{order:?} with {fault:?}");
    assert_eq!(scene.razorpay.status_of(&race.paid.payment_id), "captured");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_only_authorised_is_captured_whoever_booked_it_first() {
    let scene = Scene::start().await;
    let server = scene.server();
    for (nth, order) in orders().into_iter().enumerate() {
        // Two of the faults cost a pause each.
        let drawn = Fault::ALL[nth % Fault::ALL.len()];
        for fault in [None, Some(Fault::BusyForLong), Some(drawn)] {
            authorised(&scene, &server, order, fault).await;
        }
    }
    scene.verified().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_is_booked_a_week_late_is_not_taken_for_one_that_razorpay_does_not_know() {
    let scene = Scene::start().await;
    let server = scene.server();
    let mut race = scene.race().await;
    race.at = scene.days_later(6);
    for by in [Bringer::Reconciler, Bringer::Webhook] {
        scene.bring(&server, &race, by).await.unwrap();
    }
    assert_eq!(scene.faults(&server, &race).await, Vec::<String>::new());
}
