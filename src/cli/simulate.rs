//! `daybook simulate`: whole businesses on a simulated clock, written through the real commands.

use std::{collections::BTreeMap, process::ExitCode};

use chrono::Months;
use clap::Args;
use daybook_events::{
    Currency, Money, Timestamp,
    event::BookKind,
    invariants::Sums,
    merkle::hex,
    store::{self, Clock},
};
use daybook_projections::live;
use serde::Serialize;
use sqlx::PgPool;

use super::{Failure, Output, VERIFICATION_FAILED, options, output};
use crate::{
    app,
    config::{Kind, Opening, Place},
    database::Database,
    simulation::{self, Shape, Written},
};

/// Write whole businesses into the ledger: customers who sign up, pay, fall behind, change plans,
/// cancel and get refunds, month after month on a simulated clock
///
/// The same arguments give the same log, down to its root, on every empty database. A ledger with
/// events after `--from` is refused, and a live ledger never gets a future.
#[derive(Debug, Args)]
pub(super) struct Simulate {
    #[command(flatten)]
    opening: Opening,

    /// How many customers sign up
    #[arg(long, default_value_t = 100, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    accounts: u32,

    /// How many months it lasts
    #[arg(long, default_value_t = 12, value_name = "M",
          value_parser = clap::value_parser!(u32).range(1..=1200))]
    months: u32,

    /// What everybody's choices, and every id, grow out of
    #[arg(long, default_value_t = 20_260_501, value_name = "S")]
    seed: u64,

    /// When it begins
    #[arg(long, default_value = "2024-01-01T00:00:00Z", value_name = "INSTANT")]
    from: Timestamp,
}

/// What money did in a currency.
#[derive(Debug, Serialize)]
struct Totals {
    charged: String,
    paid: String,
    credited: String,
    refunded: String,
    granted: String,
    written_off: String,
    receivable: String,
    credit: String,
}

#[derive(Debug, Serialize)]
struct Outcome {
    accounts: u32,
    events: u64,
    until: Timestamp,
    position: i64,
    root: String,
    totals: BTreeMap<String, Totals>,
    types: BTreeMap<&'static str, u64>,
    refusals: BTreeMap<&'static str, u64>,
    breaches: Vec<String>,
}

impl Simulate {
    pub(super) async fn run(self, place: &Place, output: Output) -> Result<ExitCode, Failure> {
        let shape = self.shape()?;
        let database = Database::open(place).await?;
        let outcome = self.write(&database, shape).await;
        let closed = database.close().await;
        let outcome = outcome?;
        closed?;
        output.print(&outcome, human)?;
        let broken = !outcome.breaches.is_empty();
        Ok(if broken { ExitCode::from(VERIFICATION_FAILED) } else { ExitCode::SUCCESS })
    }

    fn shape(&self) -> Result<Shape, Failure> {
        let (accounts, from, seed) = (self.accounts, self.from, self.seed);
        let until = from.utc().checked_add_months(Months::new(self.months));
        let until = Timestamp::new(until.ok_or("--from is too far away")?);
        Ok(Shape { accounts, from, until, seed })
    }

    async fn write(&self, database: &Database, shape: Shape) -> Result<Outcome, Failure> {
        let pool = database.pool(4).await?;
        if !store::is_migrated(&pool).await? {
            database.migrate().await?;
        }
        let is_new = store::head(&pool).await?.position == 0;
        if is_new {
            refuse_a_future(self.opening.kind == Kind::Live, shape.until)?;
            if !database.name_ledger(shape.ledger_id()).await? {
                output::note(
                    "The role may not name the ledger: its root will be its own. \
                     DAYBOOK_OWNER_URL makes it the seed's.",
                );
            }
        }
        let mut options = options();
        options.clock = Clock::standing_at(shape.from);
        options.accept_clock = true;
        let ledger = app::open_ledger(pool.clone(), options, &self.opening).await?;
        let kind = ledger.look(None, |world| world.book.kind()).await?;
        refuse_a_future(kind == Some(BookKind::Live), shape.until)?;
        let bar = output::progress("simulating, in seconds of history");
        let mut progress = |done, all| output::advance(&bar, done, all);
        let written = simulation::write(&ledger, shape, &mut progress).await;
        bar.finish_and_clear();
        drop(ledger);
        let outcome = outcome(&pool, shape, written?).await?;
        pool.close().await;
        Ok(outcome)
    }
}

/// What a live ledger would then be told has happened.
fn refuse_a_future(is_live: bool, until: Timestamp) -> Result<(), Failure> {
    let now = Timestamp::new(chrono::Utc::now());
    if is_live && until > now {
        let text = format!("the simulation would end at {until}: a live ledger gets no future");
        return Err(text.into());
    }
    Ok(())
}

async fn outcome(pool: &PgPool, shape: Shape, written: Written) -> Result<Outcome, Failure> {
    live::catch_up(pool, daybook_projections::all()).await?;
    let head = store::head(pool).await?;
    let sums = written.invariants.sums();
    Ok(Outcome {
        accounts: shape.accounts,
        events: written.events.values().sum(),
        until: shape.until,
        position: head.position,
        root: hex(&head.frontier.root()),
        totals: sums
            .iter()
            .map(|(currency, sums)| (currency.to_string(), totals(*currency, sums)))
            .collect(),
        types: written.events,
        refusals: written.refusals,
        breaches: written.invariants.breaches().iter().map(ToString::to_string).collect(),
    })
}

fn totals(currency: Currency, sums: &Sums) -> Totals {
    let amount = |minor: i128| {
        Money::from_minor(minor, currency)
            .map_or_else(|_| minor.to_string(), |money| money.amount().to_string())
    };
    Totals {
        charged: amount(sums.charged),
        paid: amount(sums.captured),
        credited: amount(sums.credited),
        refunded: amount(sums.refunds),
        granted: amount(sums.granted),
        written_off: amount(sums.written_off),
        receivable: amount(sums.receivable),
        credit: amount(sums.credit),
    }
}

fn human(outcome: &Outcome) -> String {
    let header = [
        "",
        "CHARGED",
        "PAID",
        "CREDITED",
        "REFUNDED",
        "GRANTED",
        "WRITTEN OFF",
        "RECEIVABLE",
        "CREDIT",
    ];
    let row = |(currency, it): (&String, &Totals)| {
        let columns = [
            currency,
            &it.charged,
            &it.paid,
            &it.credited,
            &it.refunded,
            &it.granted,
            &it.written_off,
            &it.receivable,
            &it.credit,
        ];
        columns.map(String::clone).to_vec()
    };
    let mut lines = vec![output::table(&header, outcome.totals.iter().map(row)), String::new()];
    lines.push(format!(
        "{} accounts, {} events, up to position {} at {}",
        outcome.accounts, outcome.events, outcome.position, outcome.until
    ));
    lines.push(format!("root {}", outcome.root));
    lines.extend(outcome.breaches.iter().map(|breach| format!("✗ {breach}")));
    lines.join("\n")
}
