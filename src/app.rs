//! The composition root: one ledger with its projections and its processor, open in this process.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use data_encoding::HEXLOWER;
use daybook_events::{
    Currency, Origin, Rejection,
    commands::{Command, OpenBook},
    event::{BookKind, BookOpened, Event, Feature},
    ids::AccountId,
    store::{self, Ledger, Options, Receipt, Request, StoreError, SubmitError},
};
use daybook_projections::{
    self as projections, EngineError,
    history::History,
    live,
    query::{Reach, Reads, Rows},
};
use sqlx::PgPool;
use thiserror::Error;
use tokio::sync::{Notify, Semaphore, watch};
use uuid::Uuid;

use crate::{
    config::Opening,
    documents::Documents,
    gate::Gate,
    processors::{
        Processor, Processors, lemonsqueezy::LemonSqueezy, manual::Manual, razorpay::Razorpay,
        sandbox::Sandbox, settings::Settings,
    },
    seal::Seal,
    snapshot::shelf::Shelf,
    webhooks::target::Outbound,
};

/// How long a read waits for the projections to show what its caller has written.
const READ_PATIENCE: Duration = Duration::from_secs(2);
/// How many refunds may be on their way at once.
const TURNS: usize = 4;
/// How many exports may be under way at once.
const EXPORTS: usize = 4;

/// Why a ledger could not be opened.
#[derive(Debug, Error)]
pub enum AppError {
    /// The log.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The projections.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Opening the book.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// Postgres refused.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// Real money and play money would meet.
    #[error(
        "{processor}'s key is not for a {kind:?} ledger: test keys are for sandbox ledgers, \
             live keys for live ones"
    )]
    KeyOfAnotherKind {
        /// Whose key.
        processor: &'static str,
        /// The kind of this ledger.
        kind: BookKind,
    },
    /// A processor's settings are of no use.
    #[error("a processor cannot be set up")]
    Processor(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What callers see of a ledger besides its rows.
#[derive(Debug, Clone)]
pub struct Face {
    /// The address that links are made of, without a slash at the end.
    pub public_url: String,
    /// The currency in which plans show their one price, where they are sold in it.
    pub currency: Currency,
    /// The page on which a customer moves to a larger plan; `None` is `/billing` of the public URL.
    pub upgrade_url: Option<String>,
}

impl Face {
    /// The page on which a customer moves to a plan.
    #[must_use]
    pub fn upgrade_to(&self, plan: &str) -> String {
        let page =
            self.upgrade_url.clone().unwrap_or_else(|| format!("{}/billing", self.public_url));
        let joint = if page.contains('?') { '&' } else { '?' };
        format!("{page}{joint}upgrade={plan}")
    }
}

impl Face {
    /// Whether callers reach this server over TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.public_url.starts_with("https://")
    }
}

/// A ledger that is open in this process.
#[derive(Debug)]
pub struct App {
    /// The log.
    pub ledger: Ledger,
    /// Who takes the money.
    pub processors: Processors,
    /// The sandbox's own side, for its page.
    pub sandbox: Option<Arc<Sandbox>>,
    /// What callers see of this ledger besides its rows.
    pub face: Face,
    /// What seals the texts that callers bring back.
    pub seal: Seal,
    /// Who may come in.
    pub gate: Gate,
    /// Tells the inbox's worker that something has come.
    pub mail: Notify,
    /// Prints and keeps documents.
    pub documents: Documents,
    /// The way out for webhooks.
    pub outbound: Outbound,
    /// Whose turn it is to ask for a refund: each holds a connection to Postgres until the
    /// processor has answered, and they must not hold them all.
    pub turns: Semaphore,
    /// Whose turn it is to export: each holds a connection to Postgres for as long as its reader
    /// reads.
    pub exports: Arc<Semaphore>,
    /// Where snapshots lie; `None` keeps none.
    pub shelf: Option<Shelf>,
    /// Tells the taker of snapshots that one was asked for.
    pub asked: Notify,
    reads: Reads,
    progress: watch::Receiver<live::Progress>,
    // What each account's callers have written: a later read of theirs waits for it.
    written: Mutex<HashMap<AccountId, i64>>,
}

impl App {
    /// Opens a ledger: opens its book where that has not happened, prepares the projections and
    /// lets them follow.
    ///
    /// # Errors
    /// A database that is not migrated or cannot be reached, a history that cannot be read, a
    /// processor whose settings do not fit the book.
    pub async fn open(
        pool: PgPool,
        options: Options,
        opening: &Opening,
        face: Face,
        settings: &Settings,
    ) -> Result<Self, AppError> {
        let ledger = open_ledger(pool.clone(), options, opening).await?;
        let progress = live::follow(&ledger, projections::all()).await?;
        let (processors, sandbox) = processors(&ledger, settings).await?;
        let seal = Seal::new(secret(&ledger, "seal_secret").await?);
        let gate = Gate::open(pool.clone(), ledger.clock().clone()).await?;
        let (reads, written, mail) = (Reads::new(pool), Mutex::default(), Notify::new());
        Ok(Self {
            ledger,
            processors,
            sandbox,
            face,
            seal,
            gate,
            mail,
            documents: Documents::default(),
            outbound: Outbound::new(Vec::new()),
            turns: Semaphore::new(TURNS),
            exports: Arc::new(Semaphore::new(EXPORTS)),
            shelf: None,
            asked: Notify::new(),
            reads,
            progress,
            written,
        })
    }

    /// Sends webhooks by another way out than to the public internet alone.
    #[must_use]
    pub fn sending_by(self, outbound: Outbound) -> Self {
        Self { outbound, ..self }
    }

    /// Prints documents in another way than the usual one.
    #[must_use]
    pub fn printing_by(self, documents: Documents) -> Self {
        Self { documents, ..self }
    }

    /// Keeps snapshots somewhere.
    #[must_use]
    pub fn keeping_snapshots(self, shelf: Shelf) -> Self {
        Self { shelf: Some(shelf), ..self }
    }

    /// Reads rows from somewhere else: for tests that plant a fault there.
    #[must_use]
    pub fn reading_from(self, reads: Reads) -> Self {
        Self { reads, ..self }
    }

    /// Lets go of the ledger and waits, bounded, until its tasks have let go of the database.
    pub async fn close(self: Arc<Self>) {
        let progress = self.progress();
        drop(self);
        live::finished(progress).await;
    }

    /// The pool for reading.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        self.ledger.pool()
    }

    /// The rows that a caller of this reach may see.
    #[must_use]
    pub fn rows(&self, reach: Reach) -> Rows<'_> {
        self.reads.within(reach)
    }

    /// The events that a caller of this reach may see.
    #[must_use]
    pub fn history(&self, reach: Reach) -> History<'_> {
        self.reads.history(reach)
    }

    /// How far the projections have come.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<live::Progress> {
        self.progress.clone()
    }

    /// Asks a command, and remembers what its account has written.
    ///
    /// # Errors
    /// Its rejection, or the failure of the machinery.
    pub async fn submit(&self, request: Request) -> Result<Receipt, SubmitError> {
        let account = request.command.account();
        let receipt = self.ledger.submit(request).await?;
        if let Some(account) = account {
            self.remember(account, receipt.position());
        }
        // Who was let in by this process is known to it, and passes for no guess.
        if receipt.events.iter().any(|recorded| matches!(recorded.event, Event::Access(_)))
            && let Err(error) = self.gate.present().await
        {
            tracing::warn!(%error, "the gate has not met what was just written; the next look will");
        }
        // The rules could not do what was asked and only parked the account: its caller has to know.
        if receipt.events.iter().all(|recorded| recorded.event.parks()) {
            return Err(Rejection::AccountParked.into());
        }
        Ok(receipt)
    }

    fn remember(&self, account: AccountId, position: i64) {
        const REMEMBERED: usize = 100_000;
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if written.len() >= REMEMBERED {
            // What is forgotten was shown long ago, or will be shown without waiting.
            written.clear();
        }
        written.insert(account, position);
    }

    /// Waits, bounded, until the projections show what an account has written; the whole ledger's
    /// reach waits for everything that this process has appended. Tells the position that is shown then.
    pub async fn settled(&self, reach: Reach) -> i64 {
        let wanted = match reach {
            Reach::Ledger => *self.ledger.position().borrow(),
            Reach::Account(account) => {
                let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
                written.get(&account).copied().unwrap_or(0)
            }
        };
        self.reaches(wanted).await;
        self.progress.borrow().position
    }

    /// Waits, bounded, until the projections have come to a position; tells whether they have.
    pub async fn reaches(&self, position: i64) -> bool {
        let mut progress = self.progress.clone();
        let arrived = progress.wait_for(|now| now.position >= position || now.halted.is_some());
        let arrived = tokio::time::timeout(READ_PATIENCE, arrived).await;
        matches!(arrived, Ok(Ok(now)) if now.position >= position)
    }
}

/// Opens a ledger for commands: its book is opened where that has not happened, its projections
/// are prepared, and nobody follows.
///
/// # Errors
/// A database that is not migrated or cannot be reached, a history that cannot be read.
pub async fn open_ledger(
    pool: PgPool,
    options: Options,
    opening: &Opening,
) -> Result<Ledger, AppError> {
    let ledger = Ledger::open(pool.clone(), options).await?;
    open_book(&ledger, opening).await?;
    projections::prepare(&pool).await?;
    Ok(ledger)
}

async fn open_book(ledger: &Ledger, opening: &Opening) -> Result<(), SubmitError> {
    let opened = BookOpened {
        kind: opening.kind.into(),
        seller: opening.issuer.seller(&opening.seller),
        time_zone: opening.time_zone,
        financial_year_start_month: opening.financial_year_start,
    };
    let without = if opening.feature_billing { Vec::new() } else { vec![Feature::Billing] };
    if ledger.look(None, |world| world.book.opened.is_some()).await? {
        return Ok(());
    }
    let command = Command::from(OpenBook { opened, without });
    match ledger.submit(Request::new(command, system_origin("start"), Uuid::nil())).await {
        // Another process was first.
        Err(SubmitError::Rejected(daybook_events::Rejection::BookAlreadyOpen)) => Ok(()),
        other => other.map(drop),
    }
}

/// The origin of what Daybook does by itself.
#[must_use]
pub fn system_origin(via: &str) -> Origin {
    Origin { actor: "daybook".to_owned(), via: via.to_owned(), ..Origin::default() }
}

/// The processors of a ledger: those that are set up, payment by hand, and in a sandbox ledger the
/// sandbox. A live ledger never has it, since it books no real money.
///
/// # Errors
/// A database that cannot be reached; keys for real money in a sandbox ledger, or for play money in
/// a live one.
async fn processors(
    ledger: &Ledger,
    settings: &Settings,
) -> Result<(Processors, Option<Arc<Sandbox>>), AppError> {
    let kind = ledger.look(None, |world| world.book.kind()).await?.unwrap_or(BookKind::Sandbox);
    let mut known: Vec<Arc<dyn Processor>> = vec![Arc::new(Manual)];
    if let Some(settings) = &settings.razorpay {
        if settings.is_for(kind) == Some(false) {
            return Err(AppError::KeyOfAnotherKind { processor: "Razorpay", kind });
        }
        known.push(Arc::new(Razorpay::new(settings.clone()).map_err(AppError::Processor)?));
    }
    if let Some(settings) = &settings.lemonsqueezy {
        // Its keys do not say of which mode they are.
        known.push(Arc::new(LemonSqueezy::new(settings.clone()).map_err(AppError::Processor)?));
    }
    let sandbox = match kind {
        BookKind::Live => None,
        BookKind::Sandbox => {
            let secret = secret(ledger, "sandbox_secret").await?;
            Some(Arc::new(Sandbox::new(secret, ledger.pool().clone())))
        }
    };
    known.extend(sandbox.clone().map(|sandbox| sandbox as Arc<dyn Processor>));
    Ok((Processors::new(known, settings.preferred.clone()), sandbox))
}

/// A secret that the processes of a ledger share, made by whoever comes first.
async fn secret(ledger: &Ledger, name: &str) -> Result<String, AppError> {
    let proposed = HEXLOWER.encode(&rand::random::<[u8; 32]>());
    Ok(store::setting_or_insert(ledger.pool(), name, &proposed).await?)
}
