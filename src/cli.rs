//! The command line: one subcommand, one file.
//!
//! Data goes to standard output, everything else to standard error. Exit codes: 0 ok, 1 failure,
//! 2 wrong usage, 3 verification failed.

mod bench;
mod clock;
mod coupon;
mod demo;
mod inbox;
mod key;
mod migrate;
mod output;
mod period;
mod plan;
mod policy;
mod rebuild;
mod reconcile;
mod replay;
mod serve;
mod session;
mod simulate;
mod snapshot;
mod tax;
mod tick;
mod verify;
mod webhook;

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use clap::{Parser, Subcommand};
use daybook_events::{
    Currency,
    store::{self, Ledger, Options},
};
use sqlx::PgPool;

pub use self::output::Output;
use crate::{
    app::{App, Face},
    config::{Opening, Place},
    database::Database,
    http,
    processors::settings::Settings,
    telemetry,
};

/// What a command fails with: a text for people, causes included.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Verification found something: scripts can tell it from every other failure.
pub const VERIFICATION_FAILED: u8 = 3;

/// An event-sourced billing ledger: the book of original entry under a hosting panel.
#[derive(Debug, Parser)]
#[command(name = "daybook", version, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    place: Place,

    /// How results are printed
    #[arg(long, global = true, value_enum, default_value = "human")]
    output: Output,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the ledger over HTTP
    Serve(serve::Serve),
    /// Fill a sandbox ledger with a year of believable history, then serve it
    Demo(demo::Demo),
    /// Write whole businesses into the ledger, on a simulated clock
    Simulate(simulate::Simulate),
    /// Set a database up, or bring it up to date
    Migrate(migrate::Migrate),
    /// Import or list plans
    #[command(subcommand)]
    Plan(plan::Plan),
    /// Offer, list or withdraw coupons
    #[command(subcommand)]
    Coupon(coupon::Coupon),
    /// Show or adopt tax rules
    #[command(subcommand)]
    Tax(tax::Tax),
    /// Show or adopt the billing policy: proration, plan changes, dunning, refunds
    #[command(subcommand)]
    Policy(policy::Policy),
    /// Make, list, rotate or revoke API keys
    #[command(subcommand)]
    Key(key::Key),
    /// List or close the sessions that keys have opened
    #[command(subcommand)]
    Session(session::Session),
    /// Look at what processors sent, and read it again
    #[command(subcommand)]
    Inbox(inbox::Inbox),
    /// Ask the processors what the ledger has missed, and book it
    Reconcile(reconcile::Reconcile),
    /// Where webhooks go, and what became of them
    #[command(subcommand)]
    Webhook(webhook::Webhook),
    /// Show what happened: a stream, an account, or a range of positions
    Replay(replay::Replay),
    /// Check every hash, the order, and every projection, row by row
    Verify(verify::Verify),
    /// Record what has fallen due: renewals, trials that end, dunning, orders that expire
    Tick(tick::Tick),
    /// Show the ledger's clock, or move a sandbox ledger's forward
    #[command(subcommand)]
    Clock(clock::Clock),
    /// Close accounting periods, or list them
    #[command(subcommand)]
    Period(period::Period),
    /// Make projections anew from the log, while readers go on
    Rebuild(rebuild::Rebuild),
    /// Export the books: journal, reports, invoices, payments, with a signed manifest
    Snapshot(snapshot::Snapshot),
    /// Measure appends and replay on this machine, beside bare Postgres
    Bench(bench::Bench),
    /// Print the OpenAPI document of everything that is served
    Openapi,
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(run(cli)),
        Err(error) => Err(error.into()),
    };
    outcome.unwrap_or_else(|error| {
        output::complain(error.as_ref());
        ExitCode::FAILURE
    })
}

async fn run(cli: Cli) -> Result<ExitCode, Failure> {
    let level = if matches!(cli.command, Command::Serve(_)) { "info" } else { "warn" };
    telemetry::start(level);
    let (place, output) = (cli.place, cli.output);
    match cli.command {
        Command::Serve(command) => command.run(&place).await,
        Command::Demo(command) => command.run(place, output).await,
        Command::Simulate(command) => command.run(&place, output).await,
        Command::Migrate(command) => command.run(&place, output).await,
        Command::Plan(command) => command.run(&place, output).await,
        Command::Coupon(command) => command.run(&place, output).await,
        Command::Tax(command) => command.run(&place, output).await,
        Command::Policy(command) => command.run(&place, output).await,
        Command::Key(command) => command.run(&place, output).await,
        Command::Session(command) => command.run(&place, output).await,
        Command::Inbox(command) => command.run(&place, output).await,
        Command::Reconcile(command) => command.run(&place, output).await,
        Command::Webhook(command) => command.run(&place, output).await,
        Command::Replay(command) => command.run(&place, output).await,
        Command::Verify(command) => command.run(&place, output).await,
        Command::Tick(command) => command.run(&place, output).await,
        Command::Clock(command) => command.run(&place, output).await,
        Command::Period(command) => command.run(&place, output).await,
        Command::Rebuild(command) => command.run(&place, output).await,
        Command::Snapshot(command) => command.run(&place, output).await,
        Command::Bench(command) => command.run(output).await,
        Command::Openapi => {
            output::line(&format!("{:#}", http::openapi::document()))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Completions { shell } => {
            let mut command = <Cli as clap::CommandFactory>::command();
            clap_complete::generate(shell, &mut command, "daybook", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// A database that a command works on and leaves again, whatever comes of it.
async fn with_pool<T>(
    place: &Place,
    work: impl AsyncFnOnce(PgPool) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let database = Database::open(place).await?;
    let outcome = match database.pool(4).await {
        Ok(pool) => {
            let outcome = work(pool.clone()).await;
            pool.close().await;
            outcome
        }
        Err(error) => Err(error.into()),
    };
    let closed = database.close().await;
    let outcome = outcome?;
    closed?;
    Ok(outcome)
}

/// As [`with_pool`], refusing a database that has no ledger yet.
async fn with_ledger_pool<T>(
    place: &Place,
    work: impl AsyncFnOnce(PgPool) -> Result<T, Failure>,
) -> Result<T, Failure> {
    with_pool(place, async |pool| {
        if !store::is_migrated(&pool).await? {
            return Err(store::StoreError::NotMigrated.into());
        }
        work(pool).await
    })
    .await
}

/// As [`with_pool`], with the ledger open for commands and its projections prepared.
async fn with_ledger<T>(
    place: &Place,
    opening: &Opening,
    work: impl AsyncFnOnce(Ledger) -> Result<T, Failure>,
) -> Result<T, Failure> {
    with_pool(place, async |pool| {
        let ledger = crate::app::open_ledger(pool, options(), opening).await?;
        work(ledger).await
    })
    .await
}

/// As [`with_ledger`], with its projections following.
async fn with_app<T>(
    place: &Place,
    opening: &Opening,
    work: impl AsyncFnOnce(Arc<App>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let settings = Settings::from_env()?;
    with_pool(place, async |pool| {
        // Nobody is served: links lead nowhere.
        let face = Face { public_url: String::new(), currency: Currency::USD, upgrade_url: None };
        let app = Arc::new(App::open(pool, options(), opening, face, &settings).await?);
        let outcome = work(app.clone()).await;
        app.close().await;
        outcome
    })
    .await
}

/// How this process runs a ledger.
fn options() -> Options {
    let accept_clock = std::env::var("DAYBOOK_ACCEPT_CLOCK").is_ok_and(|value| value == "1");
    let mut options = Options::default();
    options.accept_clock = accept_clock;
    options
}

/// A file's text, or an error that names the file.
fn read_file(path: &PathBuf) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()).into())
}
