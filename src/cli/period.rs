//! `daybook period`: close an accounting period, or list those that are closed.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use daybook_events::{
    accounting::AccountingPeriod,
    commands::ClosePeriod,
    store::{Ledger, Request},
};
use uuid::Uuid;

use super::{Failure, Output, output, with_ledger};
use crate::{
    app::system_origin,
    books::Periods,
    config::{Opening, Place},
};

/// Close accounting periods, or list them
#[derive(Debug, Subcommand)]
pub(super) enum Period {
    /// Close a period that is over; what is learned later posts to the first open day, for ever
    Close(Close),
    /// List the periods that are closed, and the one that comes next
    List(List),
}

#[derive(Debug, Args)]
pub(super) struct Close {
    /// A month such as 2026-05, or its first and last day such as 2026-05-01/2026-05-15
    period: AccountingPeriod,
    #[command(flatten)]
    opening: Opening,
}

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    opening: Opening,
}

impl Period {
    pub(super) async fn run(self, place: &Place, output: Output) -> Result<ExitCode, Failure> {
        let periods = match self {
            Self::Close(close) => {
                with_ledger(place, &close.opening, async |ledger| {
                    let command = ClosePeriod { period: close.period };
                    let request = Request::new(command, system_origin("cli"), Uuid::now_v7());
                    ledger.submit(request).await?;
                    periods(&ledger).await
                })
                .await?
            }
            Self::List(list) => {
                with_ledger(place, &list.opening, async |ledger| periods(&ledger).await).await?
            }
        };
        output.print(&periods, human)?;
        Ok(ExitCode::SUCCESS)
    }
}

async fn periods(ledger: &Ledger) -> Result<Periods, Failure> {
    Ok(ledger.look(None, |world| Periods::of(&world.book)).await?)
}

fn human(periods: &Periods) -> String {
    let next = periods.next.as_ref().map_or_else(String::new, |next| {
        format!("Next: {} ({} to {})", next.period, next.first_day, next.last_day)
    });
    if periods.closed.is_empty() {
        return format!("No period is closed.\n{next}");
    }
    let rows = periods.closed.iter().map(|closed| {
        vec![
            closed.period.period.clone(),
            closed.period.first_day.to_string(),
            closed.period.last_day.to_string(),
            closed.closed_at.to_string(),
            closed.position.to_string(),
        ]
    });
    let table = output::table(&["PERIOD", "FIRST DAY", "LAST DAY", "CLOSED AT", "POSITION"], rows);
    format!("{table}\n{next}")
}
