//! The second wall between accounts: with the first one gone, no row gets over.

use daybook::http::{route::Route, routes::ROUTES};
use daybook_events::event::Role::{self, Auditor, Finance, Member, Owner};
use daybook_projections::{
    invoices::Invoices,
    query::{Page, Reach, Reads},
};
use serde_json::json;

use crate::{
    bad_input::scene::{Names, Scene, State, fill},
    harness::Customer,
};

/// What no answer to the customer may hold: the ids and the words of somebody else.
fn foreign(names: &Names) -> Vec<String> {
    let secret = names.iter().filter(|(name, _)| name.starts_with("foreign_"));
    secret.map(|(_, value)| value.clone()).chain(["Zaphod".to_owned()]).collect()
}

/// A ledger with a customer, and with somebody else who has come at least as far.
async fn two_accounts() -> (Scene, Customer, Names) {
    let scene = Scene::start().await;
    let test = &scene.test;
    let (customer, mut names) = scene.enter(State::Refunded).await;
    // Somebody else with everything there is, before and after the customer, under a name.
    let other = test.customer_with("USD", json!({ "name": "Zaphod", "country": "GB" })).await;
    let checkout = test.checkout(&other, "pro").await;
    let confirmed = test.pay_and_confirm(&other, &checkout).await;
    for (name, found) in [
        ("foreign_account_2", json!(other.account_id)),
        ("foreign_sub_2", confirmed["subscription"]["id"].clone()),
        ("foreign_invoice_2", confirmed["invoice"]["id"].clone()),
        ("foreign_order_2", checkout["orderId"].clone()),
        ("foreign_ord_2", checkout["order"]["id"].clone()),
    ] {
        names.insert(name, found.as_str().unwrap().to_owned());
    }
    test.settle().await;
    (scene, customer, names)
}

/// Reads every address there is, of one's own things and of others', and tells where something
/// foreign was in the answer.
async fn leaks(scene: &Scene, url: &str, names: &Names, keys: &[(Role, String)]) -> Vec<String> {
    let head = scene.test.log_position().await;
    let mut leaks = Vec::new();
    for route in ROUTES.iter().filter(|route| route.verb == "GET") {
        let roles = route.access.roles();
        for path in paths(route, names, head) {
            for (role, key) in keys.iter().filter(|(role, _)| roles.contains(role)) {
                let answer =
                    scene.test.client.get(format!("{url}{path}")).bearer_auth(key).send().await;
                let answer = answer.unwrap();
                let (status, text) = (answer.status().as_u16(), answer.text().await.unwrap());
                assert!(status < 500, "{path} by {role:?}: {text}");
                let found = foreign(names).into_iter().find(|value| text.contains(value.as_str()));
                if let Some(value) = found {
                    leaks.push(format!("{} by {role:?} told {value}", route.path));
                }
            }
        }
    }
    leaks
}

/// A route's path with every id that there is in the place of its own, and its pages.
fn paths(route: &Route, names: &Names, head: i64) -> Vec<String> {
    let asks = |name| route.asks.iter().copied().flatten().any(|param| param.name == name);
    let mut pages = vec![String::new()];
    if asks("limit") {
        pages.extend(["?limit=200".to_owned(), "?limit=1".to_owned()]);
    }
    if asks("as_of") {
        pages.push(format!("?as_of={head}"));
    }
    let ids: Vec<String> = match route.path {
        path if path.contains("{position}") => (1..=head).map(|at| at.to_string()).collect(),
        path if path.contains("{stream}") => {
            let accounts = names.iter().filter(|(name, _)| name.contains("account"));
            accounts.map(|(_, id)| format!("account:{id}")).collect()
        }
        path if path.contains('{') => names.values().filter(|id| id.len() < 100).cloned().collect(),
        _ => vec![String::new()],
    };
    let filled = ids.iter().map(|id| match route.path.find('{') {
        None => route.path.to_owned(),
        // A second part of one's own, where the address has two.
        Some(open) => {
            fill(&format!("{}{id}{}", &route.path[..open], after_the_hole(route.path)), names)
        }
    });
    filled.flat_map(|path| pages.iter().map(move |page| format!("{path}{page}"))).collect()
}

fn after_the_hole(path: &str) -> &str {
    path.split_once('}').map_or("", |(_, rest)| rest)
}

async fn keys(scene: &Scene, customer: &Customer) -> Vec<(Role, String)> {
    let mut keys = vec![(Owner, customer.key.clone())];
    for role in [Member, Auditor, Finance] {
        keys.push((role, scene.test.key(role, Some(&customer.account_id)).await));
    }
    keys
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_account_predicate_no_row_of_another_account_gets_out() {
    let (scene, customer, names) = two_accounts().await;
    let keys = keys(&scene, &customer).await;
    let pool = scene.test.db.pool().await;
    let url = scene.test.served_from(Reads::without_predicates(pool)).await;
    assert_eq!(leaks(&scene, &url, &names, &keys).await, Vec::<String>::new());
    assert_eq!(leaks(&scene, &scene.test.url, &names, &keys).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_either_wall_the_walk_finds_what_gets_out() {
    let (scene, customer, names) = two_accounts().await;
    let keys = keys(&scene, &customer).await;
    let url = scene.test.served_from(Reads::without_walls(scene.test.db.pool().await)).await;
    let leaks = leaks(&scene, &url, &names, &keys).await;
    for route in [
        "/api/billing/subscription/me",
        "/api/billing/subscription",
        "/api/billing/subscription/{id}",
        "/api/billing/payments/export",
        "/api/accounts",
        "/api/accounts/{id}/subscriptions",
        "/api/accounts/{id}/orders",
        "/api/accounts/{id}/invoices",
        "/api/accounts/{id}/payments",
        "/api/accounts/{id}/refunds",
        "/api/refunds/{id}",
        "/api/ledger/events",
        "/api/ledger/events/{position}",
        "/api/ledger/streams",
        "/api/ledger/streams/{stream}",
    ] {
        let found = leaks.iter().any(|leak| leak.starts_with(&format!("{route} ")));
        assert!(found, "the walk does not notice {route}: {leaks:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_without_its_predicate_really_brings_foreign_rows() {
    let (scene, customer, _) = two_accounts().await;
    let pool = scene.test.db.pool().await;
    let account = customer.account_id.parse().unwrap();
    let page = Page { after: None, limit: 1_000 };
    let count = async |reads: Reads, reach| {
        reads.within(reach).list::<Invoices>(&page).await.unwrap().len()
    };
    let (own, all) = (Reach::Account(account), Reach::Ledger);
    let sound = count(Reads::new(pool.clone()), own).await;
    let everything = count(Reads::new(pool.clone()), all).await;
    assert!(sound > 0 && everything > sound);
    // The statement alone, then the statement behind the second wall.
    assert_eq!(count(Reads::without_walls(pool.clone()), own).await, everything);
    assert_eq!(count(Reads::without_predicates(pool), own).await, sound);
}
