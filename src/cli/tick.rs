//! `daybook tick`: record what has fallen due, once, and be gone.
//!
//! A server does the same by itself, every second; this is for those who run none, or who want to
//! see it done.

use std::{process::ExitCode, sync::Arc};

use clap::Args;
use daybook_events::Timestamp;
use serde::Serialize;

use super::{Failure, Output, output, with_app};
use crate::{
    config::{Opening, Place},
    scheduler,
};

/// Record what has fallen due: renewals, trials that end, dunning, orders that expire.
#[derive(Debug, Args)]
pub(super) struct Tick {
    #[command(flatten)]
    opening: Opening,

    /// Only what has fallen due up to this instant, such as 2026-05-01T00:00:00Z
    #[arg(long, value_name = "INSTANT")]
    at: Option<Timestamp>,
}

#[derive(Debug, Serialize)]
struct Outcome {
    at: Timestamp,
    accounts: u64,
    events: u64,
    parked: u64,
    failed: u64,
}

impl Tick {
    pub(super) async fn run(self, place: &Place, output: Output) -> Result<ExitCode, Failure> {
        let outcome = with_app(place, &self.opening, async |app| self.tick(&app).await).await?;
        output.print(&outcome, human)?;
        Ok(if outcome.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    async fn tick(&self, app: &Arc<crate::app::App>) -> Result<Outcome, Failure> {
        let now = app.ledger.now().await?;
        let at = self.at.unwrap_or(now);
        if at > now {
            let text = format!(
                "it is {now}: what falls due later cannot be recorded yet. A sandbox ledger's \
                 clock is moved with `daybook clock advance`"
            );
            return Err(text.into());
        }
        let bar = output::spinner("settling what is due");
        let mut progress = |accounts| output::count(&bar, accounts);
        let settled = scheduler::settle_due(app, at, &mut progress).await?;
        bar.finish_and_clear();
        let scheduler::Settled { accounts, events, parked, failed } = settled;
        Ok(Outcome { at, accounts, events, parked, failed })
    }
}

fn human(outcome: &Outcome) -> String {
    let Outcome { at, accounts, events, parked, failed } = outcome;
    let mut text = match accounts {
        0 => format!("Nothing was due up to {at}."),
        1 => format!("1 account settled up to {at}, {events} events."),
        more => format!("{more} accounts settled up to {at}, {events} events."),
    };
    if *parked > 0 {
        text += &format!(" {parked} of them parked: see `daybook replay` and release them.");
    }
    if *failed > 0 {
        text += &format!(" {failed} could not be settled: the log above says why.");
    }
    text
}
