//! `daybook replay`: show what happened, in order.

use std::process::ExitCode;

use clap::Args;
use daybook_events::{
    Recorded, StreamId,
    envelope::Stored,
    ids::AccountId,
    store::{self, LogCopy},
};
use uuid::Uuid;

use super::{Failure, Output, output, with_ledger_pool};
use crate::config::Place;

/// Show what happened: a stream, an account, or a range of positions; by default everything.
///
/// With `--output json` each event is its canonical line: the very bytes that are hashed.
#[derive(Debug, Args)]
pub(super) struct Replay {
    /// One stream: book, access, plan:ID or account:ID
    #[arg(long, value_name = "STREAM", value_parser = stream, conflicts_with_all = ["account", "from", "to"])]
    stream: Option<StreamId>,

    /// One account's stream
    #[arg(long, value_name = "ACCOUNT_ID", conflicts_with_all = ["from", "to"])]
    account: Option<AccountId>,

    /// From this position on
    #[arg(long, value_name = "POSITION", value_parser = clap::value_parser!(i64).range(1..))]
    from: Option<i64>,

    /// Up to and with this position
    #[arg(long, value_name = "POSITION", value_parser = clap::value_parser!(i64).range(1..))]
    to: Option<i64>,
}

fn stream(text: &str) -> Result<StreamId, String> {
    text.parse()
}

impl Replay {
    pub(super) async fn run(self, place: &Place, output: Output) -> Result<ExitCode, Failure> {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from > to
        {
            return Err(format!("--from {from} is after --to {to}").into());
        }
        with_ledger_pool(place, async |pool| {
            let ledger = store::ledger_id(&pool).await?;
            match self.stream.or(self.account.map(StreamId::Account)) {
                Some(stream) => {
                    let events = store::stream(&pool, stream).await?;
                    if events.is_empty() {
                        return Err(format!("stream {stream} has no events").into());
                    }
                    for recorded in events {
                        print(output, ledger, &recorded.to_stored())?;
                    }
                }
                None => {
                    let mut connection = pool.acquire().await?.detach();
                    let after = self.from.map_or(0, |from| from - 1);
                    let until = self.to.unwrap_or(i64::MAX);
                    let mut copy = LogCopy::start(&mut connection, after, until).await?;
                    while let Some(rows) = copy.next().await? {
                        for (stored, _) in rows {
                            print(output, ledger, &stored)?;
                        }
                    }
                }
            }
            Ok(())
        })
        .await?;
        Ok(ExitCode::SUCCESS)
    }
}

fn print(output: Output, ledger: Uuid, stored: &Stored) -> Result<(), Failure> {
    match output {
        Output::Json => output::line(&stored.line(ledger))?,
        Output::Human => {
            let recorded = stored.decode()?;
            output::line(&human(&recorded, &stored.payload))?;
        }
    }
    Ok(())
}

/// One event in three lines: where and when, who, what.
fn human(recorded: &Recorded, payload: &str) -> String {
    let number = recorded.number.as_deref().map_or_else(String::new, |it| format!(" № {it}"));
    let origin = &recorded.origin;
    let reason = origin.reason.as_deref().map_or_else(String::new, |it| format!(", because: {it}"));
    let effective = if recorded.effective_at == recorded.recorded_at {
        String::new()
    } else {
        format!(" (counts from {})", recorded.effective_at)
    };
    format!(
        "{:>8}  {}  {}{number}{effective}\n          {} v{}, by {} via {}{reason}\n          {payload}",
        recorded.position,
        recorded.recorded_at,
        recorded.event.type_name(),
        recorded.stream,
        recorded.version,
        origin.actor,
        origin.via,
    )
}
