//! `daybook bench`
use super::{Failure, Output};
use clap::Args;
use std::process::ExitCode;
/// Measure.
#[derive(Debug, Args)]
pub(super) struct Bench {}
impl Bench {
    pub(super) async fn run(self, _o: Output) -> Result<ExitCode, Failure> {
        Ok(ExitCode::SUCCESS)
    }
}
