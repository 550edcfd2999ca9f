//! `daybook policy`: show the billing policy in force, or adopt another.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Subcommand};
use daybook_events::{
    commands::AdoptPolicy,
    policy,
    store::{Ledger, Request},
};
use serde::Serialize;
use uuid::Uuid;

use super::{Failure, Output, read_file, with_ledger};
use crate::{
    app::system_origin,
    config::{Opening, Place},
};

/// Show or adopt the billing policy.
#[derive(Debug, Subcommand)]
pub(super) enum Policy {
    /// Adopt the policy of a TOML file; what it leaves out is as in a new ledger
    Adopt(Adopt),
    /// Show the policy in force, in the form that `adopt` reads
    Show(Show),
}

#[derive(Debug, Args)]
pub(super) struct Adopt {
    /// The policy; docs/policy.example.toml shows the format
    file: PathBuf,
    #[command(flatten)]
    opening: Opening,
}

#[derive(Debug, Args)]
pub(super) struct Show {
    #[command(flatten)]
    opening: Opening,
}

#[derive(Debug, Serialize)]
struct InForce {
    /// 1 where none was ever adopted.
    version: u32,
    policy: policy::Policy,
}

impl Policy {
    pub(super) async fn run(self, place: &Place, output: Output) -> Result<ExitCode, Failure> {
        let in_force = match self {
            Self::Adopt(adopt) => {
                let text = read_file(&adopt.file)?;
                let policy: policy::Policy = toml::from_str(&text)
                    .map_err(|error| format!("{}: {error}", adopt.file.display()))?;
                with_ledger(place, &adopt.opening, async |ledger| {
                    let request =
                        Request::new(AdoptPolicy { policy }, system_origin("cli"), Uuid::now_v7());
                    ledger.submit(request).await?;
                    in_force(&ledger).await
                })
                .await?
            }
            Self::Show(show) => {
                with_ledger(place, &show.opening, async |ledger| in_force(&ledger).await).await?
            }
        };
        output.print(&in_force, human)?;
        Ok(ExitCode::SUCCESS)
    }
}

async fn in_force(ledger: &Ledger) -> Result<InForce, Failure> {
    let shown = ledger.look(None, |world| InForce {
        version: world.book.policy_version(),
        policy: world.book.policy.clone(),
    });
    Ok(shown.await?)
}

fn human(in_force: &InForce) -> String {
    let policy = toml::to_string_pretty(&in_force.policy).unwrap_or_default();
    format!("# Version {}\n{}", in_force.version, policy.trim_end())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_example_is_the_policy_of_a_new_ledger() {
        let text = include_str!("../../docs/policy.example.toml");
        let example: super::policy::Policy = toml::from_str(text).unwrap();
        assert_eq!(example, super::policy::Policy::default());
    }
}
