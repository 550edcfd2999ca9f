//! `daybook demo`
use super::{Failure, Output};
use crate::config::Place;
use clap::Args;
use std::process::ExitCode;
/// Demo.
#[derive(Debug, Args)]
pub(super) struct Demo {}
impl Demo {
    pub(super) async fn run(self, _p: Place, _o: Output) -> Result<ExitCode, Failure> {
        Ok(ExitCode::SUCCESS)
    }
}
