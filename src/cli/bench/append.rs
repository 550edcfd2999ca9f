//! Durable commands of one event each, in process, from many callers at once.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use daybook_events::{
    Currency, Money, Origin,
    commands::{Command, OpenAccount, PlaceOrder, PublishPlan},
    event::{PlanTerms, Price},
    ids::{AccountId, Id},
    period::Cycle,
    personal::Personal,
    store::{IdempotencyKey, Ledger, Options, Request},
};
use daybook_projections::{self as projections, live};
use serde::Serialize;
use uuid::Uuid;

use super::super::Failure;
use crate::{app, config::Opening, database::Database};

/// A way of appending.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    /// All callers ask about one account; otherwise each about its own.
    pub(super) same_account: bool,
    /// Each command has a transaction of its own.
    pub(super) one_by_one: bool,
    /// The projections follow live.
    pub(super) projections: bool,
    /// Each command carries an idempotency key.
    pub(super) keyed: bool,
}

/// What was measured.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Figures {
    pub(super) per_second: u64,
    pub(super) p50_micros: Option<u64>,
    pub(super) p99_micros: Option<u64>,
    /// How far the projections were behind at most, in events.
    pub(super) most_behind: Option<i64>,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.per_second)?;
        let tenths = |micros: u64| format!("{}.{}", micros / 1000, micros % 1000 / 100);
        match (self.p50_micros, self.p99_micros) {
            (Some(p50), Some(p99)) => write!(f, " ({} / {})", tenths(p50), tenths(p99)),
            (Some(mean), None) => write!(f, " (mean {})", tenths(mean)),
            (None, _) => Ok(()),
        }
    }
}

/// Measures a load on a fresh ledger.
pub(super) async fn measure(
    database: &Database,
    load: Load,
    callers: usize,
    seconds: u64,
) -> Result<Figures, Failure> {
    database.reset().await?;
    let pool = database.pool(10).await?;
    let mut options = Options::default();
    if load.one_by_one {
        options.batch = 1;
    }
    let ledger = app::open_ledger(pool.clone(), options, &Opening::example()).await?;
    let accounts = prepare(&ledger, if load.same_account { 1 } else { callers }).await?;
    let progress = match load.projections {
        true => Some(live::follow(&ledger, projections::all()).await?),
        false => None,
    };
    let stop = Arc::new(AtomicBool::new(false));
    let lag = progress.clone().map(|progress| {
        let behind = most_behind(ledger.clone(), progress, stop.clone());
        tokio::spawn(behind)
    });
    let tasks: Vec<_> = (0..callers)
        .map(|caller| {
            let account = accounts[caller % accounts.len()];
            tokio::spawn(call(ledger.clone(), account, load.keyed, stop.clone()))
        })
        .collect();
    let started = Instant::now();
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    stop.store(true, Ordering::Relaxed);
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await??);
    }
    let elapsed = u64::try_from(started.elapsed().as_micros())?.max(1);
    let most_behind = match lag {
        Some(lag) => Some(lag.await?),
        None => None,
    };
    drop(ledger);
    if let Some(progress) = progress {
        live::finished(progress).await;
    }
    pool.close().await;
    latencies.sort_unstable();
    let count = u64::try_from(latencies.len())?;
    let at = |percent: usize| latencies.get(latencies.len() * percent / 100).copied();
    Ok(Figures {
        per_second: count * 1_000_000 / elapsed,
        p50_micros: at(50),
        p99_micros: at(99),
        most_behind,
    })
}

/// One caller: asks until told to stop; gives the latencies in microseconds.
async fn call(
    ledger: Ledger,
    account_id: AccountId,
    keyed: bool,
    stop: Arc<AtomicBool>,
) -> Result<Vec<u64>, Failure> {
    let mut latencies = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let mut request = request(order(account_id));
        if keyed {
            let key = Uuid::now_v7().simple().to_string();
            let fingerprint = [7; 32];
            request.key = Some(IdempotencyKey { scope: account_id.to_string(), key, fingerprint });
        }
        let started = Instant::now();
        ledger.submit(request).await?;
        latencies.push(u64::try_from(started.elapsed().as_micros())?);
    }
    Ok(latencies)
}

/// The command that is measured: one event, which one projection folds into a row.
fn order(account_id: AccountId) -> PlaceOrder {
    PlaceOrder {
        account_id,
        plan: "bench".to_owned(),
        cycle: Cycle::Monthly,
        price: None,
        coupon: None,
        merchant_of_record: None,
    }
}

fn request(command: impl Into<Command>) -> Request {
    let origin = Origin { actor: "bench".to_owned(), via: "bench".to_owned(), ..Origin::default() };
    Request::new(command, origin, Uuid::now_v7())
}

async fn prepare(ledger: &Ledger, accounts: usize) -> Result<Vec<AccountId>, Failure> {
    let price = Price { cycle: Cycle::Monthly, amount: Money::parse("15", Currency::USD)? };
    let terms = PlanTerms {
        name: "Bench".to_owned(),
        plan_type: "paid".to_owned(),
        description: String::new(),
        prices: vec![price],
        custom_price: false,
        trial_days: 0,
        limits: [("max_servers".to_owned(), Some(15))].into(),
        features: std::collections::BTreeMap::new(),
        hidden: false,
    };
    ledger.submit(request(PublishPlan { slug: "bench".to_owned(), terms })).await?;
    let mut ids = Vec::new();
    for _ in 0..accounts {
        let account_id = AccountId::from_uuid(Uuid::now_v7());
        let command = OpenAccount {
            account_id,
            external_id: None,
            currency: Currency::USD,
            zone: chrono_tz::Tz::UTC,
            billing: Personal::default(),
        };
        ledger.submit(request(command)).await?;
        ids.push(account_id);
    }
    Ok(ids)
}

/// How far the projections fall behind at most while callers ask.
async fn most_behind(
    ledger: Ledger,
    progress: tokio::sync::watch::Receiver<live::Progress>,
    stop: Arc<AtomicBool>,
) -> i64 {
    let mut most = 0;
    while !stop.load(Ordering::Relaxed) {
        let behind = *ledger.position().borrow() - progress.borrow().position;
        most = most.max(behind);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    most
}

/// An event's row of this load, for those who insert an equal one by themselves.
pub(super) async fn sample(
    database: &Database,
) -> Result<daybook_events::envelope::Stored, Failure> {
    database.reset().await?;
    let pool = database.pool(4).await?;
    let ledger = app::open_ledger(pool.clone(), Options::default(), &Opening::example()).await?;
    let accounts = prepare(&ledger, 1).await?;
    let receipt = ledger.submit(request(order(accounts[0]))).await?;
    let event = receipt.events.first().ok_or("an order without its event")?;
    let stored = event.to_stored();
    drop(ledger);
    pool.close().await;
    Ok(stored)
}
