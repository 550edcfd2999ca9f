//! What a processor's news brings about in the ledger: it is turned into commands, and these are
//! asked. Whoever brings the news, and however often, the end is the same.

use std::sync::Arc;

use daybook_events::{
    Origin, Rejection,
    commands::Command,
    ids::AccountId,
    store::{Request, SubmitError},
};
use daybook_projections::EngineError;
use thiserror::Error;
use uuid::Uuid;

use super::{
    finding,
    meaning::{self, Meaning},
};
use crate::{
    app::App,
    processors::{ProcessorError, news::News},
};

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nobody has read it yet.
    New,
    /// What it speaks of is not here yet, or somebody could not be asked: it is read again.
    Waiting,
    /// It brought something about.
    Booked,
    /// The ledger knew it all.
    Known,
    /// It says nothing that the ledger keeps.
    Nothing,
    /// It does not fit, or cannot be read: somebody has to look.
    Aside,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::New, Self::Waiting, Self::Booked, Self::Known, Self::Nothing, Self::Aside];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Waiting => "waiting",
            Self::Booked => "booked",
            Self::Known => "known",
            Self::Nothing => "nothing",
            Self::Aside => "aside",
        }
    }

    /// The state of a name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// What became of a message, and why.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// In a word.
    pub state: State,
    /// The processor's name of the event, where there is one.
    pub event: Option<String>,
    /// Why it waits or is kept aside: a stable code.
    pub code: Option<String>,
    /// The same in a sentence.
    pub detail: Option<String>,
    /// The account that it is about.
    pub account: Option<AccountId>,
    /// The positions of what it brought about.
    pub positions: Vec<i64>,
    /// The types of the events that it brought about, or would.
    pub appended: Vec<&'static str>,
}

impl Outcome {
    /// An outcome without more to say.
    #[must_use]
    pub fn plain(state: State) -> Self {
        let (event, code, detail, account) = (None, None, None, None);
        Self { state, event, code, detail, account, positions: Vec::new(), appended: Vec::new() }
    }

    /// An outcome with its reason.
    #[must_use]
    pub fn because(state: State, code: &str, detail: impl Into<String>) -> Self {
        let (code, detail) = (Some(code.to_owned()), Some(detail.into()));
        Self { code, detail, ..Self::plain(state) }
    }
}

/// Who brings the news.
#[derive(Debug, Clone)]
pub struct Messenger {
    /// The processor whose news it is.
    pub processor: String,
    /// The way in: `webhook`, `reconciler`.
    pub via: &'static str,
    /// Which message it was, or why the processor was asked.
    pub reason: String,
}

impl Messenger {
    fn origin(&self) -> Origin {
        Origin {
            actor: self.processor.clone(),
            via: self.via.to_owned(),
            reason: Some(self.reason.clone()),
            ..Origin::default()
        }
    }
}

/// Whether the ledger is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It is.
    Append,
    /// It is only asked what it would append.
    Preview,
}

/// The machinery failed: nothing is known of what the news would bring about.
#[derive(Debug, Error)]
pub enum Trouble {
    /// The ledger.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// The projections.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Postgres refused.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// The projections do not move on.
    #[error("the projections have not come to position {0}")]
    Behind(i64),
}

/// Makes facts of a processor's news.
///
/// # Errors
/// The machinery failed; asking again is safe.
pub async fn apply(
    app: &Arc<App>,
    messenger: &Messenger,
    news: &News,
    mode: Mode,
) -> Result<Outcome, Trouble> {
    let found = finding::find(app, &messenger.processor, news).await?;
    let meaning = meaning::of(app, news, found);
    match meaning {
        Meaning::Nothing(why) => {
            Ok(Outcome { detail: Some(why.to_owned()), ..Outcome::plain(State::Nothing) })
        }
        Meaning::Waits(code, why) => Ok(Outcome::because(State::Waiting, code, why)),
        Meaning::Aside(code, why) => Ok(Outcome::because(State::Aside, code, why)),
        Meaning::Capture { account, payment_id, amount, then } => {
            if mode == Mode::Append
                && let Some(outcome) = capture(app, messenger, &payment_id, amount).await
            {
                return Ok(Outcome { account: Some(account), ..outcome });
            }
            ask(app, messenger, account, vec![*then], mode).await
        }
        Meaning::Commands(account, commands) => ask(app, messenger, account, commands, mode).await,
    }
}

/// Takes an authorised payment; tells why where that is not done.
async fn capture(
    app: &App,
    messenger: &Messenger,
    payment: &str,
    amount: daybook_events::Money,
) -> Option<Outcome> {
    let taken = match app.processors.named(&messenger.processor) {
        Ok(processor) => processor.capture(payment, amount).await.map_err(ProcessorError::from),
        Err(error) => Err(error),
    };
    match taken {
        Ok(()) => None,
        Err(ProcessorError::Unanswered(refused)) if refused.is_final() => {
            Some(Outcome::because(State::Aside, "capture_refused", refused.to_string()))
        }
        Err(error) => {
            Some(Outcome::because(State::Waiting, "processor_unavailable", error.to_string()))
        }
    }
}

/// Asks commands one after another. What is refused as known already is no fault; anything else
/// that is refused stops, and is the reason.
async fn ask(
    app: &Arc<App>,
    messenger: &Messenger,
    account: AccountId,
    commands: Vec<Command>,
    mode: Mode,
) -> Result<Outcome, Trouble> {
    let mut outcome = Outcome { account: Some(account), ..Outcome::plain(State::Known) };
    for command in commands {
        let request = Request::new(command, messenger.origin(), Uuid::now_v7());
        let asked = match mode {
            Mode::Append => app.submit(request).await.map(|receipt| {
                outcome.positions.extend(receipt.events.iter().map(|it| it.position));
                receipt.events.iter().map(|it| it.event.type_name()).collect::<Vec<_>>()
            }),
            Mode::Preview => app
                .ledger
                .preview(request)
                .await
                .map(|events| events.iter().map(|it| it.event.type_name()).collect::<Vec<_>>()),
        };
        match asked {
            Ok(types) => {
                outcome.appended.extend(types);
                outcome.state = State::Booked;
            }
            Err(SubmitError::Rejected(rejection)) => match standing(&rejection) {
                Standing::Known => {}
                // In a preview nothing is there for what follows to build on.
                Standing::TooEarly if mode == Mode::Preview && outcome.state == State::Booked => {}
                Standing::TooEarly => return Ok(refused(outcome, State::Waiting, &rejection)),
                Standing::Unfit => return Ok(refused(outcome, State::Aside, &rejection)),
            },
            Err(trouble) => return Err(trouble.into()),
        }
    }
    Ok(outcome)
}

fn refused(outcome: Outcome, state: State, rejection: &Rejection) -> Outcome {
    let (code, detail) = (Some(rejection.code().to_owned()), Some(rejection.to_string()));
    Outcome { state, code, detail, ..outcome }
}

/// What a rejection says of the news that met it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// The ledger knows it.
    Known,
    /// What it builds on may still come.
    TooEarly,
    /// It does not fit.
    Unfit,
}

/// The codes of rejections that say that the news was known.
const KNOWN: &[&str] = &[
    "payment_already_confirmed",
    "fee_already_recorded",
    "payment_failure_known",
    "refund_already_settled",
    "refund_known",
    "refund_total_known",
    "dispute_known",
    "subscription_already_linked",
    "subscription_news_stale",
    "nothing_new",
    "plan_change_not_pending",
];

/// The codes of rejections after which other news may come first.
const TOO_EARLY: &[&str] = &[
    "order_unknown",
    "payment_unknown",
    "refund_unknown",
    "subscription_not_linked",
    "subscription_not_begun",
    "order_not_at_processor",
    "account_parked",
];

fn standing(rejection: &Rejection) -> Standing {
    let code = rejection.code();
    match () {
        () if KNOWN.contains(&code) => Standing::Known,
        () if TOO_EARLY.contains(&code) => Standing::TooEarly,
        () => Standing::Unfit,
    }
}

#[cfg(test)]
mod tests {
    use super::{KNOWN, State, TOO_EARLY};

    #[test]
    fn a_state_is_known_by_its_name() {
        for state in State::ALL {
            assert_eq!(State::of(state.name()), Some(state));
        }
        assert_eq!(State::of("lost"), None);
    }

    #[test]
    fn the_codes_that_news_may_meet_are_those_of_rejections() {
        let codes: Vec<_> =
            daybook_events::Rejection::CODES.iter().map(|(code, ..)| *code).collect();
        for code in KNOWN.iter().chain(TOO_EARLY) {
            assert!(codes.contains(code), "{code}");
        }
    }
}
