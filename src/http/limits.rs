//! Rate limits: how often a caller may ask.
//!
//! Who has a working credential is counted by it, everybody else by the address at the other end
//! of the connection, and more tightly. So a flood by one caller uses up that caller's allowance
//! and nobody else's. Allowances fill up evenly (GCRA): a caller who has used a whole minute's at
//! once gets the next request after a minute's share, not after a minute.
//!
//! Limits are counted in this process, in real time, whatever the ledger's clock says, and they
//! forget whoever has a whole allowance again: memory is bounded by the callers of the last minute
//! or, where orders are counted, of the last hour.

use std::{
    collections::HashMap,
    fmt,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use daybook_events::ids::AccountId;
use governor::{
    NotUntil, Quota, RateLimiter, clock::Clock, middleware::StateInformationMiddleware,
    state::keyed::HashMapStateStore,
};
use warp::http::HeaderMap;

use super::{
    answer::Answer,
    error::ApiError,
    forwarded::Proxies,
    route::{Access, Route},
};

/// Orders that an account may place at once; it gets as many again in [`ORDERS_PER`].
const ORDERS: u32 = 20;
const ORDERS_PER: Duration = Duration::from_secs(3600);

/// The routes that count as placing an order.
const PLACES_AN_ORDER: [(&str, &str); 2] =
    [("POST", "/api/orders"), ("POST", "/api/billing/subscribe")];

/// What a supervisor asks again and again must not be refused. Processors send many messages from
/// few addresses, and some give up after a few tries; forged ones cost a hash and are kept in small
/// number.
const NEVER_LIMITED: [&str; 3] = ["/healthz", "/readyz", "/webhooks/{processor}"];

/// How often those are forgotten who have a whole allowance again.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// How many requests a minute are let in; 0 is as many as come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowances {
    /// From each working credential; 0 also turns the limit on orders off.
    pub credential: u32,
    /// From each address without one.
    pub anonymous: u32,
}

/// The time that limits count in, since some beginning: never the ledger's, which may stand.
#[derive(Clone)]
pub struct Ticks {
    since: Arc<dyn Fn() -> Duration + Send + Sync>,
    /// When it began, in seconds since 1970.
    began: u64,
}

impl Ticks {
    /// Real time.
    #[must_use]
    pub fn real() -> Self {
        let start = Instant::now();
        let began = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Self::new(began, move || start.elapsed())
    }

    /// Any other time, for tests: when it began, in seconds since 1970, and how long ago that is.
    #[must_use]
    pub fn new(began: u64, since: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self { since: Arc::new(since), began }
    }
}

impl fmt::Debug for Ticks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ticks({:?})", self.now())
    }
}

impl Clock for Ticks {
    type Instant = Duration;

    fn now(&self) -> Duration {
        (self.since)()
    }
}

/// How a caller stands after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Requests in a whole allowance.
    pub limit: u32,
    /// Requests that are left of it now.
    pub remaining: u32,
    /// When it is whole again, in seconds since 1970, rounded up.
    pub whole_at: u64,
    /// How long until the next request is let in, where this one is not.
    pub wait: Option<Duration>,
}

impl Standing {
    /// Whole seconds until the next request is let in, where this one is not; never 0.
    #[must_use]
    pub fn retry_after(self) -> Option<u32> {
        let seconds = |wait| u32::try_from(whole_seconds(wait).max(1)).unwrap_or(u32::MAX);
        self.wait.map(seconds)
    }

    /// The refusal of a request that is not let in.
    ///
    /// # Errors
    /// It is not let in.
    pub fn check(self) -> Result<(), ApiError> {
        let Some(seconds) = self.retry_after() else { return Ok(()) };
        let text = format!("too many requests: try again in {seconds} s");
        Err(ApiError { retry_after: Some(seconds), ..ApiError::new("rate_limited", text) })
    }

    /// An answer with the headers that tell it.
    #[must_use]
    pub fn told(self, answer: Answer) -> Answer {
        answer
            .with("x-ratelimit-limit", self.limit.to_string())
            .with("x-ratelimit-remaining", self.remaining.to_string())
            .with("x-ratelimit-reset", self.whole_at.to_string())
    }
}

/// Who is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Counted {
    /// The holder of a working credential, by its hash or its id.
    Credential(String),
    /// Whoever is at an address, without one; `None` where no address is known.
    Address(Option<IpAddr>),
}

/// The limits of one server.
#[derive(Debug)]
pub struct Rates {
    credentials: Option<Limit<String>>,
    addresses: Option<Limit<IpAddr>>,
    orders: Option<Limit<AccountId>>,
    // Until when the credentials have nothing left that were refused of late.
    barred: Mutex<HashMap<String, Duration>>,
    ticks: Ticks,
    proxies: Proxies,
    // In seconds of the ticks.
    swept: AtomicU64,
}

impl Rates {
    /// Counts by these allowances.
    #[must_use]
    pub fn new(allowances: Allowances, ticks: Ticks) -> Self {
        const MINUTE: Duration = Duration::from_secs(60);
        let orders = ORDERS.min(allowances.credential.saturating_mul(ORDERS));
        Self {
            credentials: Limit::new(allowances.credential, MINUTE, &ticks),
            addresses: Limit::new(allowances.anonymous, MINUTE, &ticks),
            orders: Limit::new(orders, ORDERS_PER, &ticks),
            barred: Mutex::default(),
            ticks,
            proxies: Proxies::default(),
            swept: AtomicU64::new(0),
        }
    }

    /// Takes these proxies' word for whom they ask for.
    #[must_use]
    pub fn trusting(self, proxies: Proxies) -> Self {
        Self { proxies, ..self }
    }

    /// The address that a request counts against, where no credential works.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        self.proxies.client(peer, headers)
    }

    /// Lets everything in.
    #[must_use]
    pub fn unlimited() -> Self {
        Self::new(Allowances { credential: 0, anonymous: 0 }, Ticks::real())
    }

    /// The standing of a credential that works and has nothing left: who asks on all the same is
    /// refused without another look at the keys, so that a flood costs nobody a turn at the
    /// database. `None` where somebody has to look.
    #[must_use]
    pub fn barred(&self, route: Option<&Route>, credential: Option<&str>) -> Option<Standing> {
        let asks = route.is_some_and(|route| !matches!(route.access, Access::Public));
        let (credential, limit) = (credential.filter(|_| asks)?, self.credentials.as_ref()?);
        let until = self.barring().get(credential).copied()?;
        let standing = (self.ticks.now() < until).then(|| limit.count(&credential.to_owned()))?;
        standing.wait.map(|_| standing)
    }

    fn barring(&self) -> MutexGuard<'_, HashMap<String, Duration>> {
        self.barred.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request of a credential that works.
    fn count_credential(&self, limit: &Limit<String>, credential: &str) -> Standing {
        let standing = limit.count(&credential.to_owned());
        if let Some(wait) = standing.wait {
            let until = self.ticks.now().saturating_add(wait);
            self.barring().insert(credential.to_owned(), until);
        }
        standing
    }

    /// Counts a request; `None` where this one is not limited. No route is a route that is not
    /// there.
    #[must_use]
    pub fn count(&self, route: Option<&Route>, who: &Counted) -> Option<Standing> {
        self.sweep();
        if route.is_some_and(|route| NEVER_LIMITED.contains(&route.path)) {
            return None;
        }
        match who {
            Counted::Credential(it) => Some(self.count_credential(self.credentials.as_ref()?, it)),
            Counted::Address(address) => {
                let address = address.unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
                Some(self.addresses.as_ref()?.count(&network(address)))
            }
        }
    }

    /// Counts an order that an account is about to place, where the route is one that does.
    ///
    /// # Errors
    /// Too many of late.
    pub fn count_order(&self, route: &Route, account: Option<AccountId>) -> Result<(), ApiError> {
        let places = PLACES_AN_ORDER.contains(&(route.verb, route.path));
        match (&self.orders, account) {
            (Some(orders), Some(account)) if places => orders.count(&account).check(),
            (Some(_) | None, Some(_) | None) => Ok(()),
        }
    }

    /// How many callers are remembered.
    #[must_use]
    pub fn remembered(&self) -> usize {
        let of = |limit: Option<usize>| limit.unwrap_or(0);
        of(self.credentials.as_ref().map(Limit::len))
            + of(self.addresses.as_ref().map(Limit::len))
            + of(self.orders.as_ref().map(Limit::len))
            + self.barring().len()
    }

    /// Forgets, now and then, those who have a whole allowance again.
    fn sweep(&self) {
        let (now, swept) = (self.ticks.now().as_secs(), self.swept.load(Ordering::Relaxed));
        if now < swept + SWEEP_EVERY.as_secs() {
            return;
        }
        let mine = self.swept.compare_exchange(swept, now, Ordering::Relaxed, Ordering::Relaxed);
        if mine.is_ok() {
            self.credentials.as_ref().inspect(|limit| limit.forget());
            self.addresses.as_ref().inspect(|limit| limit.forget());
            self.orders.as_ref().inspect(|limit| limit.forget());
            let now = self.ticks.now();
            self.barring().retain(|_, until| now < *until);
        }
    }
}

/// The network that an address is counted as: whoever has one IPv6 address has 2^64 of them.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
    }
}

type Limiter<K> = RateLimiter<K, HashMapStateStore<K>, Ticks, StateInformationMiddleware>;

/// One allowance for each of many.
struct Limit<K: Hash + Eq + Clone> {
    limiter: Limiter<K>,
    allowance: u32,
    /// The time in which one request comes back.
    share: Duration,
    ticks: Ticks,
}

impl<K: Hash + Eq + Clone> fmt::Debug for Limit<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Limit({}, one in {:?})", self.allowance, self.share)
    }
}

impl<K: Hash + Eq + Clone> Limit<K> {
    /// So many in a time; none where that is 0.
    fn new(allowance: u32, time: Duration, ticks: &Ticks) -> Option<Self> {
        let burst = NonZeroU32::new(allowance)?;
        let share = time.checked_div(allowance)?;
        let quota = Quota::with_period(share)?.allow_burst(burst);
        let limiter = RateLimiter::hashmap_with_clock(quota, ticks.clone()).with_middleware();
        Some(Self { limiter, allowance, share, ticks: ticks.clone() })
    }

    fn count(&self, key: &K) -> Standing {
        match self.limiter.check_key(key) {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity();
                let missing = self.allowance.saturating_sub(remaining);
                self.standing(remaining, self.share.saturating_mul(missing), None)
            }
            Err(refused) => self.refused(&refused),
        }
    }

    fn refused(&self, refused: &NotUntil<Duration>) -> Standing {
        let wait = refused.wait_time_from(self.ticks.now());
        let rest = self.share.saturating_mul(self.allowance.saturating_sub(1));
        self.standing(0, wait.saturating_add(rest), Some(wait))
    }

    fn standing(&self, remaining: u32, whole_in: Duration, wait: Option<Duration>) -> Standing {
        let since = self.ticks.now().saturating_add(whole_in);
        let whole_at = self.ticks.began.saturating_add(whole_seconds(since));
        Standing { limit: self.allowance, remaining, whole_at, wait }
    }

    fn forget(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
    }

    fn len(&self) -> usize {
        self.limiter.len()
    }
}

/// Whole seconds, rounded up.
fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests;
