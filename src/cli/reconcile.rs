//! `daybook reconcile`: ask the processors what the ledger has missed.

use std::process::ExitCode;

use chrono::Utc;
use clap::Args;

use super::{Failure, Output, output, with_app};
use crate::{
    config::{Opening, Place},
    settlement::{
        apply::Mode,
        reconcile::{self, Run},
    },
};

/// Ask every processor what became of open orders and refunds, and what it did of late; book what
/// was missed, and say what differs.
///
/// A server does the same by itself every few minutes. Exit code 3 says that somebody has to look
/// at something.
#[derive(Debug, Args)]
pub(super) struct Reconcile {
    /// Only say what would be booked; refunds without an answer are not asked again
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    opening: Opening,
}

impl Reconcile {
    pub(super) async fn run(self, place: &Place, output: Output) -> Result<ExitCode, Failure> {
        let mode = if self.dry_run { Mode::Preview } else { Mode::Append };
        let runs = with_app(place, &self.opening, async |app| {
            let bar = output::spinner("asking the processors");
            let runs = reconcile::run(&app, Utc::now(), mode).await;
            bar.finish_and_clear();
            Ok(runs?)
        });
        let runs = runs.await?;
        output.print(&runs, |runs| human(runs))?;
        let open =
            runs.iter().flat_map(|run| &run.report.findings).any(|it| it.difference.is_open());
        Ok(if open { ExitCode::from(super::VERIFICATION_FAILED) } else { ExitCode::SUCCESS })
    }
}

fn human(runs: &[Run]) -> String {
    if runs.is_empty() {
        return "No processor is set up.".to_owned();
    }
    let mut lines = Vec::new();
    for run in runs {
        let Run { processor, from, to, complete, report } = run;
        let answered = if *complete { "" } else { ", and did not answer everything" };
        lines.push(format!(
            "{processor}: asked about {} orders, {} refunds, {} subscriptions and what it did from \
             {from} to {to} ({} things){answered}.",
            report.orders, report.refunds, report.subscriptions, report.news
        ));
        if report.findings.is_empty() {
            lines.push("  nothing differs".to_owned());
        }
        for found in &report.findings {
            let word = serde_json::to_value(found.difference).unwrap_or_default();
            let word = word.as_str().unwrap_or_default().to_owned();
            let account = found.account_id.map_or(String::new(), |id| format!(" ({id})"));
            lines.push(format!("  {word}: {}{account}: {}", found.about, found.detail));
        }
    }
    lines.join("\n")
}
