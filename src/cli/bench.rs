//! `daybook bench`: appends and replay on this machine, beside bare Postgres, and documents.
//!
//! Everything is measured in one run, round after round, since machines are noisy: ratios within a
//! run mean something, single figures little. The private Postgres keeps its default durability.

mod append;
mod bare;
mod documents;

use std::{process::ExitCode, time::Instant};

use clap::Args;
use daybook_events::{
    Timestamp,
    store::{Clock, LogCopy},
};
use daybook_projections as projections;
use serde::Serialize;
use sqlx::PgPool;

use self::{
    append::{Figures, Load},
    documents::Documents,
};
use super::{Failure, Output, options, output};
use crate::{
    app,
    config::Opening,
    database::Database,
    local_postgres::{ServerLock, Settings, default_data_dir},
    simulation::{self, Shape},
};

/// Measure appends and replay on this machine, beside bare Postgres.
///
/// It runs a Postgres of its own, with the default durability, under `bench` in the data
/// directory, and removes it afterwards.
#[derive(Debug, Args)]
pub(super) struct Bench {
    /// Seconds for each figure and round
    #[arg(long, default_value_t = 3, value_name = "S", value_parser = clap::value_parser!(u64).range(1..=30))]
    seconds: u64,

    /// How often everything is measured; the median is shown
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=9))]
    rounds: u32,

    /// Measure nothing but the printing of documents, which needs no Postgres
    #[arg(long)]
    documents: bool,
}

/// How many callers ask at once.
const CALLERS: [usize; 4] = [1, 8, 64, 256];

/// One row of the table: a way of appending, with its figures by callers.
#[derive(Debug, Serialize)]
struct Row {
    what: String,
    figures: Vec<Option<Figures>>,
}

#[derive(Debug, Serialize)]
struct Report {
    callers: [usize; 4],
    rows: Vec<Row>,
    replay: Replay,
    simulated: Simulated,
    documents: Documents,
}

/// A simulated business: written by one ordered caller, then replayed.
#[derive(Debug, Serialize)]
struct Simulated {
    accounts: u32,
    months: u32,
    events_written_per_second: i64,
    replay: Replay,
}

#[derive(Debug, Serialize)]
struct Replay {
    events: i64,
    fold_per_second: i64,
    bare_copy_per_second: i64,
}

impl Bench {
    pub(super) async fn run(self, output: Output) -> Result<ExitCode, Failure> {
        if self.documents {
            output.print(&documents::measure(self.seconds)?, documents::human)?;
            return Ok(ExitCode::SUCCESS);
        }
        // One place, under a lock: what a killed run has left there is adopted, then removed.
        let data_dir = default_data_dir().join("bench");
        let lock = ServerLock::acquire(&data_dir)?;
        let mut settings = Settings::new(&data_dir);
        settings.extra.push(("max_connections".to_owned(), "400".to_owned()));
        let database = Database::local(settings).await?;
        let measured = self.measure(&database).await;
        database.close().await?;
        drop(lock);
        std::fs::remove_dir_all(&data_dir)?;
        let report = measured?;
        output.print(&report, human)?;
        Ok(ExitCode::SUCCESS)
    }

    async fn measure(&self, database: &Database) -> Result<Report, Failure> {
        let loads = loads();
        let steps = (loads.len() + 1) * CALLERS.len() * usize::try_from(self.rounds)?;
        let bar = output::progress("measuring");
        let mut done = 0;
        let mut step = || {
            done += 1;
            output::advance(&bar, done, i64::try_from(steps).unwrap_or(i64::MAX));
        };
        let mut rounds: Vec<Vec<Vec<Option<Figures>>>> = Vec::new();
        for _ in 0..self.rounds {
            let mut rows = Vec::new();
            for load in std::iter::once(None).chain(loads.iter().map(|(_, load)| Some(load))) {
                let mut figures = Vec::new();
                for callers in CALLERS {
                    figures.push(match load {
                        None => bare::insert(database, callers, self.seconds).await?,
                        Some(load) => {
                            Some(append::measure(database, *load, callers, self.seconds).await?)
                        }
                    });
                    step();
                }
                rows.push(figures);
            }
            rounds.push(rows);
        }
        bar.finish_and_clear();
        let names = std::iter::once("bare insert (pgbench, prepared)".to_owned())
            .chain(loads.iter().map(|(name, _)| (*name).to_owned()));
        let rows = names.enumerate().map(|(row, what)| Row { what, figures: median(&rounds, row) });
        let rows = rows.collect();
        let replay = replay(database).await?;
        let simulated = simulated(database).await?;
        let documents = documents::measure(self.seconds)?;
        Ok(Report { callers: CALLERS, rows, replay, simulated, documents })
    }
}

/// The ways of appending that are measured.
fn loads() -> Vec<(&'static str, Load)> {
    let own = Load { same_account: false, one_by_one: false, projections: false, keyed: false };
    vec![
        ("own accounts", own),
        ("own accounts, with a key", Load { keyed: true, ..own }),
        ("own accounts, batches of one", Load { one_by_one: true, ..own }),
        ("own accounts, projections live", Load { projections: true, ..own }),
        ("one account", Load { same_account: true, ..own }),
        ("one account, batches of one", Load { same_account: true, one_by_one: true, ..own }),
        ("one account, projections live", Load { same_account: true, projections: true, ..own }),
    ]
}

/// The median round of a row, for each number of callers.
fn median(rounds: &[Vec<Vec<Option<Figures>>>], row: usize) -> Vec<Option<Figures>> {
    (0..CALLERS.len())
        .map(|column| {
            let cell = |round: &Vec<Vec<Option<Figures>>>| round.get(row)?.get(column).copied()?;
            let mut cells: Vec<Figures> = rounds.iter().filter_map(cell).collect();
            cells.sort_by_key(|figures| figures.per_second);
            cells.get(cells.len() / 2).copied()
        })
        .collect()
}

/// Replays the log that the last load left.
async fn replay(database: &Database) -> Result<Replay, Failure> {
    let load = Load { same_account: false, one_by_one: false, projections: false, keyed: false };
    append::measure(database, load, 256, 10).await?;
    let pool = database.pool(2).await?;
    let replay = replayed(&pool).await;
    pool.close().await;
    replay
}

/// Writes two years of a business with two hundred customers, one command after another, and
/// replays them: every kind of event in the proportions of life.
async fn simulated(database: &Database) -> Result<Simulated, Failure> {
    let (accounts, months) = (200, 24);
    let from: Timestamp = "2024-01-01T00:00:00Z".parse()?;
    let shape = Shape { accounts, from, until: "2026-01-01T00:00:00Z".parse()?, seed: 1 };
    database.reset().await?;
    let pool = database.pool(4).await?;
    let mut options = options();
    options.clock = Clock::standing_at(from);
    options.accept_clock = true;
    let ledger = app::open_ledger(pool.clone(), options, &Opening::example()).await?;
    let started = Instant::now();
    let written = simulation::write(&ledger, shape, &mut |_, _| {}).await?;
    let events = i64::try_from(written.events.values().sum::<u64>())?;
    let events_written_per_second = per_second(events, started);
    drop(ledger);
    let replay = replayed(&pool).await?;
    pool.close().await;
    Ok(Simulated { accounts, months, events_written_per_second, replay })
}

/// Replays the log of a database through the real fold, and beside it a bare COPY.
async fn replayed(pool: &PgPool) -> Result<Replay, Failure> {
    let (mut fold, mut bare) = (Vec::new(), Vec::new());
    let mut events = 0;
    for _ in 0..3 {
        let started = Instant::now();
        events = projections::rebuild::replay(pool, projections::all()).await?;
        fold.push(per_second(events, started));
        let mut connection = pool.acquire().await?;
        let started = Instant::now();
        LogCopy::discard(&mut connection).await?;
        bare.push(per_second(events, started));
    }
    fold.sort_unstable();
    bare.sort_unstable();
    Ok(Replay { events, fold_per_second: fold[1], bare_copy_per_second: bare[1] })
}

fn per_second(count: i64, since: Instant) -> i64 {
    let micros = i64::try_from(since.elapsed().as_micros()).unwrap_or(i64::MAX).max(1);
    count.saturating_mul(1_000_000) / micros
}

fn human(report: &Report) -> String {
    let mut header = vec!["COMMANDS PER SECOND (P50 / P99 MS)".to_owned()];
    header.extend(report.callers.map(|callers| format!("{callers} CALLERS")));
    let header: Vec<_> = header.iter().map(String::as_str).collect();
    let rows = report.rows.iter().map(|row| {
        let cells = row.figures.iter().map(|figures| {
            figures.map_or_else(|| "not measured".to_owned(), |figures| figures.to_string())
        });
        std::iter::once(row.what.clone()).chain(cells).collect()
    });
    let mut lines = vec![output::table(&header, rows), String::new()];
    let at = |name: &str, column: usize| {
        let row = report.rows.iter().find(|row| row.what == name)?;
        row.figures.get(column).copied()?
    };
    let ratio = |name: &str, one: Option<Figures>, other: Option<Figures>| {
        let (Some(one), Some(other)) = (one, other) else { return format!("{name}: not measured") };
        let hundredths = one.per_second * 100 / other.per_second.max(1);
        format!("{name}: {}.{:02}", hundredths / 100, hundredths % 100)
    };
    let own = at("own accounts", 2);
    let live = at("own accounts, projections live", 2);
    lines.push("At 64 callers on own accounts:".to_owned());
    lines.push(ratio("  to batches of one", own, at("own accounts, batches of one", 2)));
    lines.push(ratio("  to bare insert", own, at("bare insert (pgbench, prepared)", 2)));
    lines.push(ratio("  projections live to without", live, own));
    if let Some(lag) = live.and_then(|figures| figures.most_behind) {
        lines.push(format!("  projections were at most {lag} events behind"));
    }
    let replay = &report.replay;
    lines.push(format!(
        "Replay of {} events: {} a second through every fold, bare copy {} a second",
        replay.events, replay.fold_per_second, replay.bare_copy_per_second
    ));
    let Simulated { accounts, months, events_written_per_second, replay } = &report.simulated;
    lines.push(format!(
        "A business of {accounts} customers over {months} months: {} events, written one command \
         after another at {events_written_per_second} a second, replayed at {}, bare copy {}",
        replay.events, replay.fold_per_second, replay.bare_copy_per_second
    ));
    lines.push(documents::human(&report.documents));
    lines.join("\n")
}
