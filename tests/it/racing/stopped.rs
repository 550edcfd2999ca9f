//! One of the four stops for good between any two of its steps, the others come after it as in each
//! order, and then it comes again.

use super::scene::{Bringer, Order, Scene, Server, every, orders, stopped_after};

/// Runs one order in which a bringer stops after so many steps; tells what is wrong in the end, or
/// `None` where it was done before.
async fn stop(
    scene: &Scene,
    server: &Server,
    order: Order,
    who: Bringer,
    steps: usize,
) -> Option<Vec<String>> {
    let race = scene.race().await;
    let (mut faults, mut stopped) = (Vec::new(), false);
    for by in order {
        let bring = scene.bring(server, &race, by);
        let brought = match by == who {
            true => stopped_after(steps, bring).await,
            false => Some(bring.await),
        };
        match brought {
            Some(brought) => faults.extend(brought.err()),
            None => stopped = true,
        }
    }
    if stopped {
        faults.extend(scene.bring(server, &race, who).await.err());
    }
    faults.extend(scene.faults(server, &race).await);
    let told = |fault| format!("{order:?}, {who:?} stopped after {steps} steps: {fault}");
    let faults = faults.into_iter().map(told).collect();
    if stopped {
        Some(faults)
    } else {
        assert_eq!(faults, Vec::<String>::new());
        None
    }
}

/// Stops somebody at so many of its steps in all 24 orders.
async fn stops_anywhere(who: Bringer, usual: usize) {
    let every = every(usual);
    let scene = Scene::start().await;
    let server = scene.server();
    let (mut cases, mut on_the_way) = (0, 0);
    for (nth, order) in orders().into_iter().enumerate() {
        for steps in (nth % every..).step_by(every) {
            let Some(faults) = stop(&scene, &server, order, who, steps).await else { break };
            assert_eq!(faults, Vec::<String>::new());
            cases += 1;
            on_the_way += usize::from(steps > 0);
        }
    }
    // How many steps there are depends on what is ready when it is asked for.
    assert!(cases >= 24 && on_the_way >= 12, "only {cases}, {on_the_way} of them on the way");
    scene.verified().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_that_stops_anywhere_and_comes_again() {
    stops_anywhere(Bringer::Redirect, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirm_call_that_stops_anywhere_and_comes_again() {
    stops_anywhere(Bringer::Confirm, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_or_its_worker_that_stops_anywhere_and_comes_again() {
    stops_anywhere(Bringer::Webhook, 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reconciler_that_stops_anywhere_and_comes_again() {
    stops_anywhere(Bringer::Reconciler, 8).await;
}
