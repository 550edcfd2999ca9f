//! The database's answers are lost, or what it was asked: at each commit of the ledger, and at any
//! statement whatsoever, the worker's notes and the projections' among them.

use daybook_events::store::Options;

use super::{
    proxy::{Plan, Proxy, Strike},
    scene::{Order, Scene, Server, every, orders},
};

/// Runs one order in which the proxy strikes, lets whoever failed come again, and tells what is
/// wrong in the end, and whether it struck.
pub(super) async fn lose(
    scene: &Scene,
    (server, proxy): (&Server, &Proxy),
    order: Order,
    plan: Plan,
) -> (bool, Vec<String>) {
    let race = scene.race().await;
    proxy.will(plan);
    let mut again = Vec::new();
    for by in order {
        if scene.bring(server, &race, by).await.is_err() {
            again.push(by);
        }
    }
    let struck = proxy.has_struck();
    let mut faults = Vec::new();
    for by in again {
        faults.extend(scene.bring(server, &race, by).await.err());
    }
    faults.extend(scene.faults(server, &race).await);
    let told = |fault| format!("{order:?}, {plan:?}: {fault}");
    (struck, faults.into_iter().map(told).collect())
}

pub(super) async fn behind_a_proxy(scene: &Scene, options: Options) -> (Server, Proxy) {
    let proxy = Proxy::before(&scene.test.db);
    let pool = proxy.pool(&scene.test.db).await;
    (scene.another_server(pool, options).await, proxy)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_or_its_answer_that_is_lost_counts_once() {
    let scene = Scene::start().await;
    let (server, proxy) = behind_a_proxy(&scene, Options::default()).await;
    for (nth, order) in orders().into_iter().enumerate() {
        // The payment's and its fee's.
        for pass in 0..2 {
            let strike = Strike::BOTH[(nth + pass) % 2];
            let plan = Plan { pass, strike, commits: true, for_ever: false, victim: None };
            let (struck, faults) = lose(&scene, (&server, &proxy), order, plan).await;
            assert_eq!(faults, Vec::<String>::new());
            assert!(struck, "{order:?} has {pass} commits");
        }
    }
    scene.verified().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_statement_or_its_answer_that_is_lost_changes_nothing_in_the_end() {
    let scene = Scene::start().await;
    let (server, proxy) = behind_a_proxy(&scene, Options::default()).await;
    let (every, mut cases) = (every(60), 0);
    for (nth, order) in orders().into_iter().enumerate() {
        for pass in (nth * 7 % every..).step_by(every) {
            let strike = Strike::BOTH[(nth + pass / every) % 2];
            let plan = Plan { pass, strike, commits: false, for_ever: false, victim: None };
            let (struck, faults) = lose(&scene, (&server, &proxy), order, plan).await;
            assert_eq!(faults, Vec::<String>::new());
            if !struck {
                break;
            }
            cases += 1;
        }
    }
    assert!(cases > 24, "only {cases} statements were struck");
    scene.verified().await;
}
