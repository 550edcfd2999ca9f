//! `daybook snapshot`: the books at one position, as files that tie out; and the check of them.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Subcommand};
use daybook_events::store::{self, Clock};
use serde::Serialize;

use super::{Failure, Output, VERIFICATION_FAILED, output, with_ledger_pool};
use crate::{
    config::Place,
    snapshot::{
        self, Asked, SnapshotError,
        check::{self, Report},
        key::Key,
        manifest::{Manifest, TieEntry},
        shelf,
    },
};

/// Export the books at one position of the log: journal, trial balance, revenue roll-forward,
/// ageing, deferred revenue, invoices, credit notes, payments, refunds and subscriptions, as CSV and
/// JSONL, and the journal for hledger and beancount.
///
/// The same bounds give the same bytes, for ever. Without bounds everything that is recorded.
/// Exits with 0 where the books tie out, with 3 where they do not.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Snapshot {
    /// The folder to make; it must not be there yet, or be empty
    #[arg(long, value_name = "DIR", required = true)]
    out: Option<PathBuf>,

    /// Up to and with this position of the log
    #[arg(long, value_name = "P", group = "bounds")]
    position: Option<i64>,

    /// Up to and with this instant, or the end of this day in the seller's zone
    #[arg(long, value_name = "TIME", group = "bounds")]
    as_of: Option<String>,

    /// Up to the end of this accounting period, such as 2026-05, once it is closed
    #[arg(long, value_name = "PERIOD", group = "bounds")]
    period: Option<String>,

    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Check a snapshot without a database: hashes, counts, sums, signature, and that it ties out
    ///
    /// Exits with 0 where everything is as it was written, with 3 where it is not.
    Check {
        /// Its folder
        dir: PathBuf,

        /// The verifier that must have signed it, as `daybook snapshot key` printed it
        #[arg(long, value_name = "VERIFIER")]
        key: Option<String>,
    },
    /// Print what verifies the signatures of this ledger's checkpoints
    Key,
}

/// What was taken.
#[derive(Debug, Serialize)]
struct Outcome {
    out: PathBuf,
    verifier: String,
    manifest: Manifest,
}

#[derive(Debug, Serialize)]
struct Verifier {
    verifier: String,
}

impl Snapshot {
    pub(super) async fn run(self, place: &Place, output: Output) -> Result<ExitCode, Failure> {
        match self.verb {
            Some(Verb::Check { dir, key }) => checked(&dir, key.as_deref(), output),
            Some(Verb::Key) => {
                let key = Key::open(&place.signing_key_file()).map_err(told)?;
                let ledger =
                    with_ledger_pool(place, async |pool| Ok(store::ledger_id(&pool).await?));
                let verifier = Verifier { verifier: key.verifier(ledger.await?) };
                output.print(&verifier, |verifier| verifier.verifier.clone())?;
                Ok(ExitCode::SUCCESS)
            }
            None => {
                let Self { out, position, as_of, period, .. } = self;
                let out = out.ok_or("--out names the folder to make")?;
                taken(place, out, Asked { position, as_of, period }, output).await
            }
        }
    }
}

/// Takes a snapshot.
async fn taken(
    place: &Place,
    out: PathBuf,
    asked: Asked,
    output: Output,
) -> Result<ExitCode, Failure> {
    let bar = output::progress("taking the snapshot");
    let outcome = with_ledger_pool(place, async |pool| {
        let scope = asked.resolve(&pool, &Clock::System).await.map_err(told)?;
        let key = Key::open(&place.signing_key_file()).map_err(told)?;
        let mut progress = |done, all| output::advance(&bar, done, all);
        let manifest =
            snapshot::take(&pool, &scope, &key, &out, &mut progress).await.map_err(told)?;
        let verifier = key.verifier(scope.ledger);
        Ok(Outcome { out: out.clone(), verifier, manifest })
    })
    .await?;
    bar.finish_and_clear();
    output.print(&outcome, human)?;
    Ok(exit(&outcome.manifest.ties))
}

/// A snapshot whose books do not tie out is there, and is no success.
fn exit(ties: &[TieEntry]) -> ExitCode {
    match open(ties) {
        0 => ExitCode::SUCCESS,
        _open => ExitCode::from(VERIFICATION_FAILED),
    }
}

/// How many sums do not tie.
fn open(ties: &[TieEntry]) -> usize {
    ties.iter().filter(|tie| tie.books != tie.expected).count()
}

/// Checks a snapshot.
fn checked(dir: &std::path::Path, key: Option<&str>, output: Output) -> Result<ExitCode, Failure> {
    let bar = output::progress("checking the snapshot");
    let report = check::check(dir, key, &mut |done, all| output::advance(&bar, done, all));
    bar.finish_and_clear();
    output.print(&report, found)?;
    let failed = !report.findings.is_empty();
    Ok(if failed { ExitCode::from(VERIFICATION_FAILED) } else { ExitCode::SUCCESS })
}

/// A failure with its stable code.
fn told(error: SnapshotError) -> Failure {
    format!("{} [{}]", shelf::reason(&error), error.code()).into()
}

fn human(outcome: &Outcome) -> String {
    let Outcome { out, verifier, manifest } = outcome;
    let rows = manifest
        .files
        .iter()
        .map(|file| vec![file.name.clone(), file.rows.to_string(), file.bytes.to_string()]);
    let table = output::table(&["FILE", "ROWS", "BYTES"], rows);
    let ties = match open(&manifest.ties) {
        0 => "✓ the books tie out".to_owned(),
        open => format!("✗ {open} sums do not tie: see `daybook snapshot check`"),
    };
    format!(
        "{table}\n\nPosition {}, recorded {}, through {}\nRoot {}\nVerifier {verifier}\n{ties}\n{}",
        manifest.position,
        manifest.recorded_at,
        manifest.through,
        manifest.tree.root,
        out.display()
    )
}

fn found(report: &Report) -> String {
    let mut lines: Vec<_> = report.findings.iter().map(ToString::to_string).collect();
    lines.push(match (&report.signed_by, report.findings.len()) {
        (Some(verifier), 0) => {
            format!("✓ {} files, {} rows, signed by {verifier}", report.files, report.rows)
        }
        (None, 0) => format!("✓ {} files, {} rows", report.files, report.rows),
        (_, findings) => format!("✗ {findings} findings"),
    });
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn books_that_do_not_tie_out_are_no_success() {
        let tie = |expected: &str| TieEntry {
            tie: "ageing_is_receivable".to_owned(),
            currency: "USD".to_owned(),
            books: "1.00".to_owned(),
            expected: expected.to_owned(),
        };
        assert_eq!(exit(&[]), ExitCode::SUCCESS);
        assert_eq!(exit(&[tie("1.00")]), ExitCode::SUCCESS);
        assert_eq!(exit(&[tie("1.00"), tie("1.01")]), ExitCode::from(VERIFICATION_FAILED));
    }
}
