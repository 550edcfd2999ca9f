use super::*;
use crate::http::routes::ROUTES;

/// A time that moves when it is told to.
#[derive(Clone, Default)]
struct Hand(Arc<Mutex<Duration>>);

impl Hand {
    fn ticks(&self) -> Ticks {
        let this = self.clone();
        Ticks::new(1_000_000, move || *this.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn forward(&self, seconds: u64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += Duration::from_secs(seconds);
    }
}

fn rates(credential: u32, anonymous: u32) -> (Rates, Hand) {
    let hand = Hand::default();
    (Rates::new(Allowances { credential, anonymous }, hand.ticks()), hand)
}

fn key(name: &str) -> Counted {
    Counted::Credential(name.to_owned())
}

fn at(address: &str) -> Counted {
    Counted::Address(address.parse().ok())
}

/// How many of some requests are let in.
fn let_in(rates: &Rates, who: &Counted, requests: u32) -> u32 {
    let open = |_: &u32| rates.count(None, who).is_none_or(|it| it.wait.is_none());
    u32::try_from((0..requests).filter(open).count()).unwrap()
}

#[test]
fn an_allowance_is_used_up_and_comes_back_evenly() {
    let (rates, hand) = rates(60, 10);
    assert_eq!(let_in(&rates, &key("ada"), 100), 60);
    hand.forward(1);
    assert_eq!(let_in(&rates, &key("ada"), 100), 1);
    hand.forward(30);
    assert_eq!(let_in(&rates, &key("ada"), 100), 30);
    hand.forward(3600);
    assert_eq!(let_in(&rates, &key("ada"), 100), 60);
}

#[test]
fn what_one_caller_has_used_up_no_other_misses() {
    let (rates, _) = rates(60, 10);
    assert_eq!(let_in(&rates, &key("ada"), 1000), 60);
    assert_eq!(let_in(&rates, &key("bob"), 60), 60);
    assert_eq!(let_in(&rates, &at("192.0.2.1"), 1000), 10);
    assert_eq!(let_in(&rates, &at("192.0.2.2"), 10), 10);
}

#[test]
fn an_ipv6_network_is_one_caller() {
    let (rates, _) = rates(60, 10);
    assert_eq!(let_in(&rates, &at("2001:db8:1:2::1"), 9), 9);
    assert_eq!(let_in(&rates, &at("2001:db8:1:2:ffff::2"), 9), 1);
    assert_eq!(let_in(&rates, &at("2001:db8:1:3::1"), 9), 9);
}

#[test]
fn a_standing_tells_what_is_left_and_when_all_of_it_is_back() {
    let (rates, hand) = rates(60, 10);
    let standing = rates.count(None, &at("192.0.2.1")).unwrap();
    assert_eq!((standing.limit, standing.remaining, standing.retry_after()), (10, 9, None));
    assert_eq!(standing.whole_at, 1_000_006);
    let_in(&rates, &at("192.0.2.1"), 9);
    let refused = rates.count(None, &at("192.0.2.1")).unwrap();
    assert_eq!((refused.remaining, refused.retry_after()), (0, Some(6)));
    assert_eq!(refused.whole_at, 1_000_060);
    hand.forward(5);
    let refused = rates.count(None, &at("192.0.2.1")).unwrap();
    assert_eq!(refused.retry_after(), Some(1));
    assert_eq!(refused.check().unwrap_err().retry_after, Some(1));
}

#[test]
fn a_wait_is_never_told_as_none() {
    // A share of a tenth of a second.
    let (rates, _) = rates(600, 10);
    assert_eq!(let_in(&rates, &key("ada"), 600), 600);
    assert_eq!(rates.count(None, &key("ada")).unwrap().retry_after(), Some(1));
}

#[test]
fn nothing_is_limited_where_an_allowance_is_none() {
    let (rates, _) = rates(0, 0);
    assert_eq!(let_in(&rates, &key("ada"), 10_000), 10_000);
    assert_eq!(let_in(&rates, &at("192.0.2.1"), 10_000), 10_000);
    assert_eq!(rates.remembered(), 0);
}

#[test]
fn health_is_never_limited() {
    let (rates, _) = rates(1, 1);
    for path in NEVER_LIMITED {
        let route = ROUTES.iter().find(|route| route.path == path).unwrap();
        assert!((0..100).all(|_| rates.count(Some(route), &at("192.0.2.1")).is_none()));
    }
}

#[test]
fn whoever_has_a_whole_allowance_again_is_forgotten() {
    let (rates, hand) = rates(60, 10);
    for nth in 0..10_000_u32 {
        let address = IpAddr::V4(std::net::Ipv4Addr::from_bits(nth));
        let _ = rates.count(None, &Counted::Address(Some(address)));
    }
    assert_eq!(rates.remembered(), 10_000);
    hand.forward(61);
    let _ = rates.count(None, &key("ada"));
    assert_eq!(rates.remembered(), 1);
}

#[test]
fn a_credential_with_nothing_left_is_known_until_something_comes_back() {
    let (rates, hand) = rates(60, 10);
    let keyed = ROUTES.iter().find(|route| route.path == "/api/accounts");
    let public = ROUTES.iter().find(|route| route.path == "/api/plans");
    let barred = |route| rates.barred(route, Some("ada")).is_some();
    assert_eq!(let_in(&rates, &key("ada"), 60), 60);
    assert!(!barred(keyed), "nobody was refused yet");
    assert_eq!(let_in(&rates, &key("ada"), 1), 0);
    assert!(barred(keyed));
    assert!(!barred(public) && !barred(None), "there it is not the credential that counts");
    assert!(rates.barred(keyed, Some("bob")).is_none() && rates.barred(keyed, None).is_none());
    hand.forward(1);
    assert!(!barred(keyed));
    assert_eq!(let_in(&rates, &key("ada"), 2), 1, "asking while barred has cost nothing");
    hand.forward(61);
    let _ = rates.count(None, &key("bob"));
    assert_eq!(rates.remembered(), 1);
}

/// A route as it will be: the rule goes by method and path.
fn placing_orders() -> Route {
    let like = ROUTES.iter().find(|route| route.path == "/api/billing/checkout").unwrap();
    Route { verb: "POST", path: "/api/orders", ..*like }
}

#[test]
fn an_account_places_twenty_orders_and_then_one_in_three_minutes() {
    let (rates, hand) = rates(600, 120);
    let route = placing_orders();
    let account = |nth| Some(daybook_events::ids::Id::from_uuid(uuid::Uuid::from_u128(nth)));
    for _ in 0..20 {
        rates.count_order(&route, account(1)).unwrap();
    }
    let refused = rates.count_order(&route, account(1)).unwrap_err();
    assert_eq!((refused.code, refused.retry_after), ("rate_limited", Some(180)));
    rates.count_order(&route, account(2)).unwrap();
    let other = ROUTES.iter().find(|route| route.path == "/api/billing/checkout").unwrap();
    rates.count_order(other, account(1)).unwrap();
    hand.forward(180);
    rates.count_order(&route, account(1)).unwrap();
    rates.count_order(&route, account(1)).unwrap_err();
}
