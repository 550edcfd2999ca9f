//! The worker of the inbox: reads what has come, oldest first, and notes what became of it.
//!
//! Every process works; a message that one has taken is left alone by the others for five minutes. A
//! process that dies in between leaves it to the next, and since commands tell what is known from
//! what is new, reading twice has the effect of reading once.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use daybook_events::{event::BookKind, store::SubmitError};
use futures_util::{StreamExt, stream};

use super::{
    apply::{Messenger, Mode, Outcome, State, Trouble, apply},
    inbox::{self, Kept, Waiting},
};
use crate::{
    app::App,
    processors::{self, news::Told},
};

/// How many messages are taken at once.
const PAGE: i64 = 64;
/// How many of them are read at once.
const ABREAST: usize = 16;
/// How long one rests who has found nothing.
const REST: Duration = Duration::from_secs(2);

/// After how many seconds a message is read again that waits for something: about four days in all.
const AGAIN: [i64; 10] = [2, 10, 60, 300, 1800, 3600, 7200, 21_600, 86_400, 172_800];

/// Runs until it is stopped.
pub async fn run(app: Arc<App>) {
    loop {
        match round(&app, Utc::now()).await {
            Ok(0) => {
                // A new message wakes; one that waits is met by the clock.
                let _ = tokio::time::timeout(REST, app.mail.notified()).await;
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "the inbox is read again later");
                tokio::time::sleep(REST).await;
            }
        }
    }
}

/// Reads what is due at an instant, and tells how much that was.
///
/// # Errors
/// A database that cannot be reached. A message that meets trouble of its own is read again.
pub async fn round(app: &Arc<App>, at: DateTime<Utc>) -> Result<usize, sqlx::Error> {
    let taken = inbox::take(app.pool(), at, PAGE).await?;
    let count = taken.len();
    // One that waits for a processor holds up no other.
    let settled = stream::iter(taken).map(|message| {
        let app = app.clone();
        async move { settle(&app, &message, at).await }
    });
    let settled: Vec<_> = settled.buffered(ABREAST).collect().await;
    settled.into_iter().collect::<Result<(), _>>()?;
    Ok(count)
}

async fn settle(app: &Arc<App>, message: &Waiting, at: DateTime<Utc>) -> Result<(), sqlx::Error> {
    let Waiting { inbox_id, processor, body, tries } = message;
    let read = read(app, *inbox_id, processor, body, Mode::Append).await;
    let outcome = read.unwrap_or_else(|trouble| {
        tracing::warn!(inbox_id, %trouble, "a message is read again later");
        Outcome::because(State::Waiting, "unavailable", trouble.to_string())
    });
    let again = again(*tries).filter(|_| outcome.state == State::Waiting);
    let next_at = again.map(|seconds| at + TimeDelta::seconds(seconds));
    let outcome = match (outcome.state, next_at) {
        // Nothing has come for days that would make sense of it.
        (State::Waiting, None) => Outcome { state: State::Aside, ..outcome },
        _ => outcome,
    };
    if outcome.state == State::Aside {
        let code = outcome.code.as_deref().unwrap_or_default();
        tracing::warn!(inbox_id, processor, code, "a message is kept aside: see `daybook inbox`");
    }
    inbox::note(app.pool(), *inbox_id, &outcome, next_at).await
}

fn again(tries: i32) -> Option<i64> {
    let nth = usize::try_from(tries).unwrap_or(0).saturating_sub(1);
    AGAIN.get(nth).copied()
}

/// Reads a message: what it says, and what that brings about.
///
/// # Errors
/// The machinery failed.
pub async fn read(
    app: &Arc<App>,
    inbox_id: i64,
    processor: &str,
    body: &[u8],
    mode: Mode,
) -> Result<Outcome, Trouble> {
    let told = match processors::interpret(processor, body) {
        Ok(told) => told,
        Err(fault) => return Ok(Outcome::because(State::Aside, "unreadable", fault.to_string())),
    };
    let messenger = Messenger {
        processor: processor.to_owned(),
        via: "webhook",
        reason: format!("message {inbox_id} of the inbox: {}", event_name(&told)),
    };
    let outcome = match of_another_mode(app, &told).await? {
        Some(outcome) => outcome,
        None => apply(app, &messenger, &told.news, mode).await?,
    };
    Ok(Outcome { event: Some(told.event), ..outcome })
}

/// Reads a message again, because somebody asked for it, and notes what became of it. One that
/// still waits is the worker's, which gives it up where its time is over: it is nowhere in between.
///
/// # Errors
/// The machinery failed.
pub async fn read_again(app: &Arc<App>, kept: &Kept, mode: Mode) -> Result<Outcome, Trouble> {
    let outcome = read(app, kept.inbox_id, &kept.processor, &kept.body, mode).await?;
    if mode == Mode::Append {
        let next_at = (outcome.state == State::Waiting).then(Utc::now);
        inbox::note(app.pool(), kept.inbox_id, &outcome, next_at).await?;
    }
    Ok(outcome)
}

/// The event's name as a line of the log can carry it.
fn event_name(told: &Told) -> String {
    told.event.chars().filter(|c| !c.is_control()).take(80).collect()
}

/// Play money never meets a live ledger's books, nor real money a sandbox's.
async fn of_another_mode(app: &App, told: &Told) -> Result<Option<Outcome>, SubmitError> {
    let Some(test) = told.test else { return Ok(None) };
    let kind = app.ledger.look(None, |world| world.book.kind()).await?;
    let fits = test == (kind == Some(BookKind::Sandbox));
    let (code, text) = match test {
        true => ("test_mode", "a message about play money, in a live ledger"),
        false => ("live_mode", "a message about real money, in a sandbox ledger"),
    };
    Ok((!fits).then(|| Outcome::because(State::Aside, code, text)))
}

#[cfg(test)]
mod tests {
    use super::again;

    #[test]
    fn a_message_that_waits_is_read_again_for_days_and_then_kept_aside() {
        let waits: Vec<_> = (1..).map_while(again).collect();
        let days = waits.iter().sum::<i64>() / 86_400;
        assert!(waits.is_sorted() && (2..=4).contains(&days), "{days}");
        assert_eq!(again(1), Some(2));
    }
}
