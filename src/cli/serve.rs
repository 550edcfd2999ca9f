//! `daybook serve`: the ledger over HTTP, until it is asked to stop.

use std::{net::SocketAddr, panic::AssertUnwindSafe, process::ExitCode, sync::Arc, time::Duration};

use clap::Args;
use futures_util::FutureExt;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    task::JoinHandle,
};

use super::{Failure, options};
use crate::{
    app::{App, Face},
    config::{Opening, Place, Serving},
    database::Database,
    documents,
    http::{
        self,
        forwarded::Proxies,
        limits::{Allowances, Rates, Ticks},
        server::{self, Limits},
    },
    local_postgres::ServerLock,
    processors::settings::Settings,
    scheduler,
    settlement::{reconcile, worker},
    snapshot::shelf::{self, Shelf},
    webhooks::{self, target::Outbound},
};

/// Serve the ledger over HTTP.
///
/// Without a database URL it runs a private Postgres under the data directory, starts it again
/// should it die, and stops it at the end. Ctrl-C or SIGTERM stops: open requests get 25 seconds
/// to finish.
#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    serving: Serving,
    #[command(flatten)]
    opening: Opening,
}

impl Serve {
    pub(super) async fn run(self, place: &Place) -> Result<ExitCode, Failure> {
        let settings = Settings::from_env()?;
        let documents = self.serving.documents.documents()?;
        // Before anything slow: a busy port or a second server is said at once.
        let listener = server::bind(&self.serving.listen).await?;
        let _lock = lock(place)?;
        let database = Database::open(place).await?;
        let served = match database.pool(10).await {
            Ok(pool) => {
                let served = async {
                    let face = face(&self.serving, &listener)?;
                    let app = App::open(pool.clone(), options(), &self.opening, face, &settings);
                    let networks = self.serving.webhooks.networks.clone();
                    let app = app.await?.sending_by(Outbound::new(networks)).printing_by(documents);
                    warn_of_another_seller(&app, &self.opening).await?;
                    let app = app.keeping_snapshots(shelf(&self.serving, place));
                    serve(listener, Arc::new(app), &self.serving).await
                };
                let served = watched(&database, served).await;
                pool.close().await;
                served
            }
            Err(error) => Err(error.into()),
        };
        let closed = database.close().await;
        served?;
        closed?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Work during which a private Postgres that dies is started again.
pub(super) async fn watched<T>(database: &Database, work: impl Future<Output = T>) -> T {
    tokio::select! {
        done = work => done,
        never = database.keep_running() => match never {},
    }
}

/// One server per data directory; an operator's database may have several.
pub(super) fn lock(place: &Place) -> Result<Option<ServerLock>, Failure> {
    if place.database_url.is_some() {
        return Ok(None);
    }
    Ok(Some(ServerLock::acquire(&place.data_dir())?))
}

/// Says where the environment names another issuer than the ledger's documents do.
async fn warn_of_another_seller(app: &App, opening: &Opening) -> Result<(), Failure> {
    let seller = app
        .ledger
        .look(None, |world| world.book.opened.as_ref().map(|opened| opened.seller.clone()));
    let differs = seller.await?.map(|seller| opening.issuer.differs(&seller)).unwrap_or_default();
    if !differs.is_empty() {
        let settings: Vec<_> =
            differs.iter().map(|name| format!("INVOICE_ISSUED_FROM_{name}")).collect();
        tracing::warn!(
            settings = settings.join(", "),
            "the ledger's seller is another than the environment says, and is what documents name: \
             revise it by POST /api/ledger/seller"
        );
    }
    Ok(())
}

/// What callers see of the ledger: links are made of its own address, unless another is given.
pub(super) fn face(serving: &Serving, listener: &TcpListener) -> Result<Face, Failure> {
    let own = format!("http://{}", listener.local_addr()?);
    let url = serving.public_url.clone().unwrap_or(own);
    let public_url = url.trim_end_matches('/').to_owned();
    Ok(Face { public_url, currency: serving.currency, upgrade_url: serving.upgrade_url.clone() })
}

/// Serves until Ctrl-C or SIGTERM.
pub(super) async fn serve(
    listener: TcpListener,
    app: Arc<App>,
    serving: &Serving,
) -> Result<(), Failure> {
    let limits = Limits { connections: serving.connections, ..Limits::default() };
    let address = listener.local_addr()?;
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let stop = async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping");
    };
    tracing::info!(%address, "serving");
    let beside = beside(&app, serving, address).await?;
    let allowances =
        Allowances { credential: serving.rate_limit, anonymous: serving.rate_limit_anonymous };
    let proxies = Proxies::new(serving.trusted_proxies.clone());
    let rates = Arc::new(Rates::new(allowances, Ticks::real()).trusting(proxies));
    let filter = http::filter_within(app.clone(), limits, rates);
    let stopped = server::serve(listener, filter, limits, stop).await;
    for task in beside {
        task.abort();
        let _ = task.await;
    }
    app.close().await;
    if stopped.open > 0 {
        tracing::warn!(open = stopped.open, "connections were cut at the deadline");
    }
    Ok(())
}

/// Where snapshots lie.
pub(super) fn shelf(serving: &Serving, place: &Place) -> Shelf {
    let dir = serving.snapshot_dir.clone();
    Shelf {
        dir: dir.unwrap_or_else(|| place.data_dir().join("snapshots")),
        key_file: place.signing_key_file(),
        days: serving.snapshot_days,
    }
}

/// What runs beside the answers, until it is stopped.
async fn beside(
    app: &Arc<App>,
    serving: &Serving,
    address: SocketAddr,
) -> Result<Vec<JoinHandle<()>>, Failure> {
    let app = || app.clone();
    let mut tasks = vec![
        kept_up("the inbox's worker", {
            let app = app();
            move || worker::run(app.clone())
        }),
        kept_up("the taker of snapshots", {
            let app = app();
            move || shelf::run(app.clone())
        }),
        kept_up("the sender of webhooks", {
            let app = app();
            move || webhooks::run(app.clone())
        }),
        kept_up("the worker of documents", {
            let app = app();
            move || documents::worker::run(app.clone())
        }),
    ];
    if !serving.no_scheduler {
        // What fell due while nobody ran comes before anything that callers ask now.
        scheduler::catch_up(&app()).await;
        let app = app();
        tasks.push(kept_up("the scheduler", move || scheduler::run(app.clone())));
    }
    let pause = Duration::from_secs(u64::from(serving.reconcile_minutes) * 60);
    if !pause.is_zero() {
        let app = app();
        tasks.push(kept_up("the reconciler", move || reconcile::every(app.clone(), pause)));
    }
    tasks.extend(sandbox(&app(), address)?);
    Ok(tasks)
}

/// Runs a task, and again should it break: what is served goes on, so what works behind it has to.
fn kept_up<T: Future<Output = ()> + Send>(
    what: &'static str,
    task: impl Fn() -> T + Send + 'static,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        while AssertUnwindSafe(task()).catch_unwind().await.is_err() {
            tracing::error!(what, "it broke, and begins again");
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    })
}

/// Lets the sandbox of a ledger that has one send its messages to this very server. It is the other
/// side of the world, so it does so whether or not this process runs a scheduler.
fn sandbox(app: &App, address: SocketAddr) -> Result<Option<JoinHandle<()>>, Failure> {
    let Some(sandbox) = app.sandbox.clone() else { return Ok(None) };
    sandbox.reaches(address)?;
    Ok(Some(tokio::spawn(sandbox.run())))
}
