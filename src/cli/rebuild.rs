//! `daybook rebuild`: make projections anew from the log, while readers go on with the old rows.

use std::process::ExitCode;

use clap::Args;
use daybook_projections as projections;
use serde::Serialize;

use super::{Failure, Output, output, with_ledger_pool};
use crate::config::Place;

/// Make projections anew from the log, while readers go on.
#[derive(Debug, Args)]
pub(super) struct Rebuild {
    /// Which projections; all of them by default
    projections: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Outcome {
    projections: Vec<&'static str>,
    events: i64,
    rows: u64,
}

impl Rebuild {
    pub(super) async fn run(self, place: &Place, output: Output) -> Result<ExitCode, Failure> {
        let views = self.chosen()?;
        let names: Vec<_> = views.iter().map(|view| view.name()).collect();
        let bar = output::progress("rebuilding");
        let rebuilt = with_ledger_pool(place, async |pool| {
            let mut progress = |done, all| output::advance(&bar, done, all);
            Ok(projections::rebuild::rebuild(&pool, views, &mut progress).await?)
        })
        .await?;
        bar.finish_and_clear();
        let outcome = Outcome { projections: names, events: rebuilt.events, rows: rebuilt.rows };
        output.print(&outcome, |outcome| {
            let names = outcome.projections.join(", ");
            format!("{} rows of {names} from {} events", outcome.rows, outcome.events)
        })?;
        Ok(ExitCode::SUCCESS)
    }

    fn chosen(&self) -> Result<Vec<Box<dyn projections::view::View>>, Failure> {
        let all = projections::all();
        let known: Vec<_> = all.iter().map(|view| view.name()).collect();
        for name in &self.projections {
            if !known.contains(&name.as_str()) {
                let known = known.join(", ");
                return Err(format!("no projection is called `{name}`: there are {known}").into());
            }
        }
        let wanted = |name: &str| {
            self.projections.is_empty() || self.projections.iter().any(|wanted| wanted == name)
        };
        Ok(all.into_iter().filter(|view| wanted(view.name())).collect())
    }
}
