//! `daybook inbox`: what processors sent, what became of it, and reading it again.

use std::{process::ExitCode, sync::Arc};

use clap::{Args, Subcommand};
use serde::Serialize;

use super::{Failure, Output, output, with_app, with_ledger_pool};
use crate::{
    app::App,
    config::{Opening, Place},
    settlement::{
        apply::{Mode, Outcome, State},
        inbox::{self, Kept},
        shown::{MessageInFull, MessageShape, RefusedShape},
        worker,
    },
};

/// How many messages are read from the inbox at once.
const PAGE: i64 = 200;

/// Look at what processors sent, and read it again.
#[derive(Debug, Subcommand)]
pub(super) enum Inbox {
    /// List messages, newest first
    List(List),
    /// Show one message with its headers and its bytes
    Show(Show),
    /// List what came without a signature that holds, newest first
    Refused(Refused),
    /// Read messages again, oldest first: after a fix, what they say is booked
    Replay(Box<Replay>),
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// Only messages of which this became: new, waiting, booked, known, nothing or aside
    #[arg(long, value_parser = state)]
    state: Option<State>,
    /// How many at most
    #[arg(long, default_value_t = 50, value_name = "N",
          value_parser = clap::value_parser!(i64).range(1..=10_000))]
    limit: i64,
}

#[derive(Debug, Args)]
pub(super) struct Show {
    /// Its number
    id: i64,
}

#[derive(Debug, Args)]
pub(super) struct Refused {
    /// How many at most
    #[arg(long, default_value_t = 50, value_name = "N",
          value_parser = clap::value_parser!(i64).range(1..=10_000))]
    limit: i64,
}

#[derive(Debug, Args)]
pub(super) struct Replay {
    /// Which messages, by number; all that are kept aside where none and no state is named
    id: Vec<i64>,
    /// Every message of which this became
    #[arg(long, value_parser = state, conflicts_with = "id")]
    state: Option<State>,
    /// Every message there is
    #[arg(long, conflicts_with_all = ["id", "state"])]
    all: bool,
    /// Show what would be appended, and append nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    opening: Opening,
}

fn state(name: &str) -> Result<State, String> {
    let names = || State::ALL.map(State::name).join(", ");
    State::of(name).ok_or_else(|| format!("a state is one of {}", names()))
}

impl Inbox {
    pub(super) async fn run(self, place: &Place, output: Output) -> Result<ExitCode, Failure> {
        match self {
            Self::List(List { state, limit }) => {
                let kept = with_ledger_pool(place, async |pool| {
                    Ok(inbox::list(&pool, state, None, limit).await?)
                });
                let kept: Vec<_> = kept.await?.into_iter().map(MessageShape::from).collect();
                output.print(&kept, |kept| listed(kept))?;
            }
            Self::Show(Show { id }) => {
                let kept = with_ledger_pool(place, async |pool| Ok(inbox::get(&pool, id).await?));
                let kept = kept.await?.ok_or_else(|| missing(id))?;
                let shown = MessageInFull::from(kept);
                output.print(&shown, |it| serde_json::to_string_pretty(it).unwrap_or_default())?;
            }
            Self::Refused(Refused { limit }) => {
                let refused = with_ledger_pool(place, async |pool| {
                    Ok(inbox::refused(&pool, None, limit).await?)
                });
                let refused: Vec<_> = refused.await?.into_iter().map(RefusedShape::from).collect();
                output.print(&refused, |refused| refusals(refused))?;
            }
            Self::Replay(replay) => {
                let opening = replay.opening.clone();
                let read = with_app(place, &opening, async |app| replay.run(&app).await).await?;
                output.print(&read, |read| replayed(read))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn missing(id: i64) -> String {
    format!("there is no message {id} in the inbox: see `daybook inbox list`")
}

/// What a message became when it was read again.
#[derive(Debug, Serialize)]
struct Read {
    inbox_id: i64,
    event: Option<String>,
    was: String,
    state: &'static str,
    code: Option<String>,
    detail: Option<String>,
    /// The types of the events that were appended, or would be.
    appends: Vec<&'static str>,
    dry_run: bool,
}

impl Replay {
    async fn run(self, app: &Arc<App>) -> Result<Vec<Read>, Failure> {
        let bar = output::spinner("reading the inbox again");
        let mut read = Vec::new();
        if self.id.is_empty() {
            let state = if self.all { None } else { Some(self.state.unwrap_or(State::Aside)) };
            let mut after = 0;
            loop {
                let page = inbox::walk(app.pool(), state, after, PAGE).await?;
                let Some(last) = page.last() else { break };
                after = last.inbox_id;
                for kept in page {
                    read.push(self.again(app, kept).await?);
                    output::count(&bar, u64::try_from(read.len()).unwrap_or(0));
                }
            }
        }
        for id in &self.id {
            let kept = inbox::get(app.pool(), *id).await?.ok_or_else(|| missing(*id))?;
            read.push(self.again(app, kept).await?);
        }
        bar.finish_and_clear();
        Ok(read)
    }

    async fn again(&self, app: &Arc<App>, kept: Kept) -> Result<Read, Failure> {
        let mode = if self.dry_run { Mode::Preview } else { Mode::Append };
        let outcome = worker::read_again(app, &kept, mode).await?;
        let Kept { inbox_id, state: was, .. } = kept;
        let Outcome { state, event, code, detail, appended: appends, .. } = outcome;
        let (state, dry_run) = (state.name(), self.dry_run);
        Ok(Read { inbox_id, event, was, state, code, detail, appends, dry_run })
    }
}

fn replayed(read: &[Read]) -> String {
    if read.is_empty() {
        return "No message was to be read again.".to_owned();
    }
    let line = |it: &Read| {
        let event = it.event.as_deref().unwrap_or("unreadable");
        let why = match (&it.detail, it.appends.is_empty()) {
            (_, false) if it.dry_run => format!("would append {}", it.appends.join(", ")),
            (_, false) => format!("appended {}", it.appends.join(", ")),
            (Some(detail), true) => detail.clone(),
            (None, true) => "nothing to append".to_owned(),
        };
        format!("{}: {event}: {} -> {}: {why}", it.inbox_id, it.was, it.state)
    };
    read.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn listed(kept: &[MessageShape]) -> String {
    let rows = kept.iter().map(MessageShape::cells);
    output::table(&["ID", "RECEIVED", "PROCESSOR", "EVENT", "STATE", "WHY", "POSITIONS"], rows)
}

fn refusals(refused: &[RefusedShape]) -> String {
    let rows = refused.iter().map(RefusedShape::cells);
    output::table(&["ID", "RECEIVED", "PROCESSOR", "WHY", "BYTES", "FROM"], rows)
}
