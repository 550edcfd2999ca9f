//! All four at the same instant, at two servers; and two payments of one order.

use std::sync::Arc;

use daybook_events::store::Options;
use tokio::task::JoinSet;

use super::scene::{Bringer, Race, Scene, Server, orders};
use crate::simulators::{razorpay::Paid, wire::Message};

const ALL: [Bringer; 4] =
    [Bringer::Redirect, Bringer::Confirm, Bringer::Webhook, Bringer::Reconciler];

/// A scene with two servers of one ledger, as two processes have it.
async fn two_servers() -> (Arc<Scene>, [Arc<Server>; 2]) {
    let scene = Scene::start().await;
    let pool = scene.test.db.pool().await;
    let other = scene.another_server(pool, Options::default()).await;
    let servers = [Arc::new(scene.server()), Arc::new(other)];
    (Arc::new(scene), servers)
}

/// Everybody who is told comes to some race at some server, all at once; what is wrong then.
async fn all_at_once(
    scene: &Arc<Scene>,
    coming: impl Iterator<Item = (Arc<Race>, Arc<Server>, Bringer)>,
) -> Vec<String> {
    let mut tasks = JoinSet::new();
    for (race, server, by) in coming {
        let scene = scene.clone();
        tasks.spawn(async move {
            let brought = scene.bring(&server, &race, by).await;
            brought.err().map(|fault| format!("{by:?}: {fault}"))
        });
    }
    tasks.join_all().await.into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_four_come_at_once_to_two_servers() {
    let (scene, servers) = two_servers().await;
    // Which two come to the same server differs, and who is started first.
    for (nth, order) in orders().into_iter().enumerate() {
        let race = Arc::new(scene.race().await);
        let coming = order.into_iter().enumerate();
        let coming =
            coming.map(|(i, by)| (race.clone(), servers[(i >> (nth % 2)) & 1].clone(), by));
        let mut faults = all_at_once(&scene, coming).await;
        faults.extend(scene.faults(&servers[0], &race).await);
        assert_eq!(faults, Vec::<String>::new(), "{nth}");
    }
    scene.verified().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_four_come_to_fifty_orders_at_once() {
    let (scene, servers) = two_servers().await;
    let at = scene.another_day();
    let mut races = Vec::new();
    for _ in 0..50 {
        let (account, order) = scene.checkout().await;
        let paid = scene.razorpay.pay(&order);
        let messages = scene.razorpay.webhooks();
        races.push(Arc::new(Race { account, order, paid, messages, at }));
    }
    let coming = races.iter().enumerate().flat_map(|(nth, race)| {
        // One reconciler asks about everything: a few of them are enough.
        let who = ALL.into_iter().filter(move |by| *by != Bringer::Reconciler || nth % 10 == 0);
        let servers = &servers;
        who.enumerate().map(move |(i, by)| (race.clone(), servers[(nth + i) % 2].clone(), by))
    });
    let mut faults = all_at_once(&scene, coming).await;
    for race in &races {
        faults.extend(scene.account_faults(race, &[&race.paid.payment_id]).await);
    }
    faults.extend(scene.faults(&servers[1], &races[0]).await);
    assert_eq!(faults, Vec::<String>::new());
    scene.verified().await;
}

/// All orders of the two messages of one payment, `a`, the two of another, `b`, each in its order,
/// and the reconciler, `r`.
fn interleavings() -> Vec<String> {
    fn go(so_far: &str, all: &mut Vec<String>) {
        if so_far.len() == 5 {
            all.push(so_far.to_owned());
        }
        for (who, most) in [('a', 2), ('b', 2), ('r', 1)] {
            if so_far.matches(who).count() < most {
                go(&format!("{so_far}{who}"), all);
            }
        }
    }
    let mut all = Vec::new();
    go("", &mut all);
    all
}

/// A customer pays one order in two windows; the messages about each payment, without the one that
/// it was authorised.
async fn paid_twice(scene: &Scene) -> (Race, Paid, [Vec<Message>; 2]) {
    let (account, order, at) = scene.ordered().await;
    let paid = scene.razorpay.pay(&order);
    let first = scene.razorpay.webhooks().split_off(1);
    let again = scene.razorpay.pay(&order);
    let second = scene.razorpay.webhooks().split_off(1);
    let messages = [first.clone(), second.clone()].concat();
    (Race { account, order, paid, messages, at }, again, [first, second])
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_payments_one_pays_and_the_other_is_credit_in_all_thirty_orders() {
    let scene = Scene::start().await;
    let server = scene.server();
    let interleavings = interleavings();
    assert_eq!(interleavings.len(), 30, "5! / (2! 2!)");
    for interleaving in interleavings {
        let (race, again, [first, second]) = paid_twice(&scene).await;
        let (mut faults, [mut first, mut second]) =
            (Vec::new(), [first, second].map(Vec::into_iter));
        for who in interleaving.chars() {
            let message = match who {
                'a' => first.next(),
                'b' => second.next(),
                _reconciler => None,
            };
            match message {
                Some(message) => {
                    faults.extend(scene.deliver(&server, &message).await.err());
                    faults.extend(scene.work(&server).await.err());
                }
                None => faults.extend(scene.reconcile(&server, race.at).await.err()),
            }
        }
        let payments = [&*race.paid.payment_id, &*again.payment_id];
        faults.extend(scene.faults_of(&server, &race, &payments).await);
        assert_eq!(faults, Vec::<String>::new(), "{interleaving}");
    }
    scene.verified().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_payments_at_once_one_pays_and_the_other_is_credit() {
    let (scene, servers) = two_servers().await;
    for nth in 0..20 {
        let (race, again, [first, second]) = paid_twice(&scene).await;
        let (account, order, at) = (race.account, race.order.clone(), race.at);
        let other = Arc::new(Race { account, order, paid: again.clone(), messages: second, at });
        let race = Race { messages: first, ..race };
        let race = Arc::new(race);
        let coming = ALL.into_iter().enumerate().flat_map(|(i, by)| {
            let [a, b] = [(nth + i) % 2, (nth + i + 1) % 2].map(|at| servers[at].clone());
            [(race.clone(), a, by), (other.clone(), b, by)]
        });
        let mut faults = all_at_once(&scene, coming).await;
        let payments = [&*race.paid.payment_id, &*again.payment_id];
        let messages = [race.messages.clone(), other.messages.clone()].concat();
        let (account, order, paid) = (race.account, race.order.clone(), race.paid.clone());
        let both = Race { account, order, paid, messages, at };
        faults.extend(scene.faults_of(&servers[0], &both, &payments).await);
        assert_eq!(faults, Vec::<String>::new(), "{nth}");
    }
    scene.verified().await;
}
