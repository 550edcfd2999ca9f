//! `daybook verify`: check everything that can be checked, without trusting anything stored.

use std::process::ExitCode;

use clap::Args;
use daybook_events::store;
use daybook_projections as projections;
use serde::Serialize;

use super::{Failure, Output, VERIFICATION_FAILED, output, with_ledger_pool};
use crate::{config::Place, documents::check};

/// Check every hash, the order, document numbers, the sums of money, every projection, row by row,
/// and the bytes of documents that are kept.
///
/// Exits with 0 where everything is as it was written, with 3 where it is not.
#[derive(Debug, Args)]
pub(super) struct Verify {}

#[derive(Debug, Serialize)]
struct Outcome {
    verified: bool,
    append_only: store::Grants,
    #[serde(flatten)]
    report: projections::verify::Report,
}

impl Verify {
    pub(super) async fn run(self, place: &Place, output: Output) -> Result<ExitCode, Failure> {
        let bar = output::progress("verifying");
        let outcome = with_ledger_pool(place, async |pool| {
            let mut progress = |done, all| output::advance(&bar, done, all);
            let mut report =
                projections::verify::verify(&pool, projections::all(), &mut progress).await?;
            report.findings.extend(check::kept_documents(&pool).await?);
            let append_only = store::append_only(&pool).await?;
            Ok(Outcome { verified: report.findings.is_empty(), append_only, report })
        })
        .await?;
        bar.finish_and_clear();
        output.print(&outcome, human)?;
        let failed = !outcome.verified;
        Ok(if failed { ExitCode::from(VERIFICATION_FAILED) } else { ExitCode::SUCCESS })
    }
}

fn human(outcome: &Outcome) -> String {
    let report = &outcome.report;
    let mut lines = vec![format!(
        "{} events, {} rows of projections, root {}",
        report.events, report.rows, report.root
    )];
    for finding in &report.findings {
        let place = match (finding.position, &finding.row) {
            (Some(position), _) => format!("position {position}"),
            (None, Some(row)) => format!("row {row}"),
            (None, None) => "log".to_owned(),
        };
        lines.push(format!("✗ {place} [{}]: {}", finding.check, finding.problem));
    }
    if report.rows == 0 && report.events > 0 {
        lines.push("! no projection has a row yet: `daybook rebuild` makes them".to_owned());
    }
    if !outcome.append_only.triggers {
        lines.push("! the triggers that keep the log append-only are missing".to_owned());
    } else if !outcome.append_only.separate_owner {
        lines.push("! append-only rests on triggers: the serving role owns the log".to_owned());
    }
    lines.push(if outcome.verified {
        "✓ everything is as it was written".to_owned()
    } else {
        format!("✗ {} findings", report.findings.len())
    });
    lines.join("\n")
}
