//! `daybook clock`: show the ledger's clock, and move a sandbox ledger's forward.

use std::{process::ExitCode, sync::Arc};

use clap::{Args, Subcommand};
use daybook_events::Timestamp;
use serde::Serialize;

use super::{Failure, Output, output, with_app};
use crate::{
    app::App,
    config::{Opening, Place},
    scheduler,
};

/// Show the ledger's clock, or move a sandbox ledger's forward
#[derive(Debug, Subcommand)]
pub(super) enum Clock {
    /// What time it is for the ledger
    Show(Show),
    /// Move a sandbox ledger's clock forward; everything that falls due on the way is recorded
    ///
    /// From then on the clock stands, and moves only when it is advanced again.
    Advance(Advance),
}

#[derive(Debug, Args)]
pub(super) struct Show {
    #[command(flatten)]
    opening: Opening,
}

#[derive(Debug, Args)]
pub(super) struct Advance {
    #[command(flatten)]
    opening: Opening,

    #[command(flatten)]
    by: By,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct By {
    /// To this instant, such as 2026-06-01T00:00:00Z
    #[arg(long, value_name = "INSTANT")]
    to: Option<Timestamp>,

    /// By so many days
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=732))]
    days: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Shown {
    now: Timestamp,
    stands: bool,
}

#[derive(Debug, Serialize)]
struct Moved {
    from: Timestamp,
    to: Timestamp,
    accounts: u64,
    events: u64,
    parked: u64,
}

impl Clock {
    pub(super) async fn run(self, place: &Place, output: Output) -> Result<ExitCode, Failure> {
        match self {
            Self::Show(show) => {
                let shown = with_app(place, &show.opening, shown).await?;
                output.print(&shown, |shown| match shown.stands {
                    true => format!("{} (it stands until it is advanced)", shown.now),
                    false => format!("{} (the system's clock)", shown.now),
                })?;
            }
            Self::Advance(advance) => {
                let by = advance.by;
                let work = async |app: Arc<App>| moved(&app, &by).await;
                let moved = with_app(place, &advance.opening, work).await?;
                output.print(&moved, |moved| {
                    format!(
                        "From {} to {}: {} times something was recorded on an account, {} events.",
                        moved.from, moved.to, moved.accounts, moved.events
                    )
                })?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn shown(app: Arc<App>) -> Result<Shown, Failure> {
    let stands = app.ledger.look(None, |world| world.book.clock.is_some()).await?;
    Ok(Shown { now: app.ledger.now().await?, stands })
}

async fn moved(app: &Arc<App>, by: &By) -> Result<Moved, Failure> {
    let now = app.ledger.now().await?;
    let to = by.to.unwrap_or_else(|| now.plus_days(by.days.unwrap_or(0)));
    let bar = output::progress("advancing the clock");
    let mut progress = |done, all| output::advance(&bar, done, all);
    let advanced = scheduler::advance(app, to, &mut progress).await?;
    bar.finish_and_clear();
    let scheduler::Settled { accounts, events, parked, failed: _ } = advanced.settled;
    Ok(Moved { from: advanced.from, to: advanced.to, accounts, events, parked })
}
