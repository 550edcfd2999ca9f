//! The document service: gives out the bytes of a document, printed once, kept, and never others
//! than those that were recorded.
//!
//! Whoever asks first prints; who asks for the same document meanwhile waits for that. What is kept
//! is checked against the hash in the log each time it is given out: damaged bytes are printed again
//! as they were recorded, and where that does not give them back, nothing is given out.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use daybook_events::{
    Event,
    commands::RecordDocument,
    event::{AccountEvent, DocumentOf, DocumentRendered, InvoiceEvent, Printing},
    rejection::Rejection,
    store::{Request, SubmitError},
};
use daybook_projections::{
    documents::{DocumentRow, Documents as DocumentRows, Rendered},
    orders::OrderRow,
    query::Reach,
};
use sqlx::PgPool;
use tokio::sync::{OwnedMutexGuard, Semaphore};
use uuid::Uuid;

use super::{
    DocumentError, PDF,
    kept::{self, Kept, hash},
    paper::Paper,
    press::{Press, PressError, Style},
    room::{Printer, Room},
    settings::{self, PrintSettings},
    source::Source,
};
use crate::app::{App, system_origin};

/// How many documents are printed at once, from the reading of their accounts' history on: what
/// waits for its place holds none of it in memory yet.
const ABREAST: usize = 8;

/// Makes what prints in a style.
pub type MakePrinter =
    Arc<dyn Fn(Style) -> Result<Arc<dyn Printer>, PressError> + Send + Sync + 'static>;

/// The place of the printer of one way of printing; empty until it is prepared.
type Place = Arc<tokio::sync::Mutex<Option<Arc<dyn Printer>>>>;

/// A document as it is given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Printed {
    /// The file.
    pub bytes: Vec<u8>,
    /// The SHA-256 of the bytes, lower-case hex.
    pub sha256: String,
}

/// Prints and keeps documents.
pub struct Documents {
    printing: Printing,
    logo: Option<Vec<u8>>,
    make: MakePrinter,
    printers: Mutex<HashMap<Printing, Place>>,
    room: Room,
    // Who reads the history of an account and prints of it.
    abreast: Semaphore,
    // Whose turn it is to print a document; gone when nobody waits.
    turns: Mutex<HashMap<DocumentOf, Weak<tokio::sync::Mutex<()>>>>,
}

impl fmt::Debug for Documents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Documents").field("printing", &self.printing).finish_non_exhaustive()
    }
}

impl Default for Documents {
    fn default() -> Self {
        Self::printing(PrintSettings::default().printing(None), None)
    }
}

impl Documents {
    /// Prints in one way; `logo` is the file whose hash that way names.
    #[must_use]
    pub fn printing(printing: Printing, logo: Option<Vec<u8>>) -> Self {
        let make: MakePrinter = Arc::new(|style| Ok(Arc::new(Press::new(style)?)));
        Self {
            printing,
            logo,
            make,
            printers: Mutex::default(),
            room: Room::default(),
            abreast: Semaphore::new(ABREAST),
            turns: Mutex::default(),
        }
    }

    /// With other printers, in another room: for tests.
    #[must_use]
    pub fn printing_by(self, make: MakePrinter, room: Room) -> Self {
        Self { make, room, ..self }
    }

    /// How new documents are printed.
    #[must_use]
    pub fn own_printing(&self) -> &Printing {
        &self.printing
    }

    /// The bytes of a document.
    ///
    /// # Errors
    /// A database that cannot be reached, a document that cannot be printed, or one whose recorded
    /// bytes are lost.
    pub async fn fetch(&self, app: &App, row: &DocumentRow) -> Result<Printed, DocumentError> {
        if let Some(kept) = sound(find(app, row).await?, row) {
            return Ok(given(kept));
        }
        let document = of(row)?;
        let turn = self.turn(document);
        let _mine = turn.lock().await;
        // Somebody may have printed, or recorded, while this one waited.
        let rows = app.rows(Reach::Account(row.account_id));
        let now = rows.get::<DocumentRows>(&row.document_id).await?;
        let row = now.as_ref().unwrap_or(row);
        match find(app, row).await? {
            Some(kept) if is_sound(&kept, row.rendered.as_ref()) => Ok(given(kept)),
            spoilt => self.print_and_keep(app, row, document, spoilt).await,
        }
    }

    fn turn(&self, document: DocumentOf) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get(&document).and_then(Weak::upgrade) {
            return turn;
        }
        turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::new(tokio::sync::Mutex::new(()));
        turns.insert(document, Arc::downgrade(&turn));
        turn
    }

    /// Prints a document as it was issued, or as it was recorded, and keeps it in the place of what
    /// was found spoilt.
    async fn print_and_keep(
        &self,
        app: &App,
        row: &DocumentRow,
        document: DocumentOf,
        spoilt: Option<Kept>,
    ) -> Result<Printed, DocumentError> {
        if spoilt.is_some() {
            tracing::error!(document = row.number, "what is kept of a document is damaged");
        }
        let recorded = row.rendered.as_ref();
        let printing = recorded.map_or(&self.printing, |rendered| &rendered.printing);
        let (bytes, shows) = {
            let _place = self.abreast.acquire().await;
            let (paper, shows) = paper(app, row, document).await?;
            (self.print(app.pool(), printing, paper).await?, shows)
        };
        let sha256 = hash(&bytes);
        if let Some(rendered) = recorded.filter(|rendered| rendered.sha256 != sha256) {
            let (document, recorded) = (row.number.clone(), rendered.sha256.clone());
            return Err(DocumentError::Altered { document, recorded, printed: sha256 });
        }
        let kept = Kept {
            document: row.document_id.clone(),
            account: row.account_id.to_string(),
            sha256,
            bytes,
            shows,
            printing: Some(printing.clone()),
            recorded: None,
        };
        self.keep(app, row, kept, spoilt.as_ref()).await
    }

    /// Keeps what was printed. Another process may have been first, with another logo perhaps: what
    /// is kept counts, until something is recorded. What was neither kept nor recorded is not given
    /// out: it might not be what will be.
    async fn keep(
        &self,
        app: &App,
        row: &DocumentRow,
        kept: Kept,
        spoilt: Option<&Kept>,
    ) -> Result<Printed, DocumentError> {
        let pool = app.pool();
        if let Some((logo, bytes)) = self.printing.logo.as_ref().zip(self.logo.as_ref()) {
            kept::keep_logo(pool, logo, bytes).await?;
        }
        let is_kept = kept::keep(pool, &kept, spoilt, row.rendered.is_some()).await?;
        if let Some(rendered) = &row.rendered {
            kept::note_recorded(pool, &kept.document, &kept.sha256, rendered.position).await?;
            return Ok(given(kept));
        }
        if is_kept {
            return Ok(given(kept));
        }
        let first = find(app, row).await?.filter(Kept::is_whole);
        first.map(given).ok_or_else(|| DocumentError::Unprintable {
            document: row.number.clone(),
            problem: "what is kept of it has changed meanwhile".to_owned(),
        })
    }

    /// What an order will be billed as; `None` for one that never will, or whose invoice is there.
    /// It is no document of the ledger: it is neither kept nor recorded.
    ///
    /// # Errors
    /// A database that cannot be reached, or a document that cannot be printed.
    pub async fn pro_forma(
        &self,
        app: &App,
        order: &OrderRow,
    ) -> Result<Option<Printed>, DocumentError> {
        let _place = self.abreast.acquire().await;
        let paper = Source::as_of(app, order.account_id, i64::MAX).await?.pro_forma(order)?;
        let Some(paper) = paper else { return Ok(None) };
        let bytes = self.print(app.pool(), &self.printing, paper).await?;
        Ok(Some(Printed { sha256: hash(&bytes), bytes }))
    }

    async fn print(
        &self,
        pool: &PgPool,
        printing: &Printing,
        paper: Paper,
    ) -> Result<Vec<u8>, DocumentError> {
        let document = paper.number.clone().unwrap_or_else(|| paper.id.clone());
        let printer = self.printer(pool, printing, &document).await?;
        let printed = self.room.print(&printer, paper).await;
        printed.map_err(|problem| DocumentError::Unprintable { document, problem })
    }

    /// The printer of a way of printing: what pages have in common is prepared once, off the async
    /// threads, while whoever else wants it waits.
    async fn printer(
        &self,
        pool: &PgPool,
        printing: &Printing,
        document: &str,
    ) -> Result<Arc<dyn Printer>, DocumentError> {
        let place = self.place(printing).lock_owned().await;
        if let Some(printer) = &*place {
            return Ok(printer.clone());
        }
        let unknown =
            |problem| DocumentError::UnknownPrinting { document: document.to_owned(), problem };
        let logo = match &printing.logo {
            Some(sha256) => {
                let logo = self.logo_of(pool, sha256).await?;
                Some(logo.ok_or_else(|| unknown(format!("the logo {sha256} is not kept")))?)
            }
            None => None,
        };
        let (make, printing) = (self.make.clone(), printing.clone());
        let work = move || prepare(place, &make, &printing, logo.as_deref());
        let prepared = tokio::task::spawn_blocking(work).await;
        let prepared =
            prepared.unwrap_or_else(|_| Err("the printer could not be prepared".to_owned()));
        prepared.map_err(unknown)
    }

    fn place(&self, printing: &Printing) -> Place {
        let mut printers = self.printers.lock().unwrap_or_else(PoisonError::into_inner);
        printers.entry(printing.clone()).or_default().clone()
    }

    /// The file of a logo, by its hash.
    async fn logo_of(&self, pool: &PgPool, sha256: &str) -> Result<Option<Vec<u8>>, sqlx::Error> {
        let is_own = self.printing.logo.as_deref() == Some(sha256);
        match self.logo.as_ref().filter(|_| is_own) {
            Some(own) => Ok(Some(own.clone())),
            None => kept::logo(pool, sha256).await,
        }
    }
}

/// Prepares a printer and puts it in its place, which is held until then, even where whoever asked
/// for it has gone away: so it is prepared once.
fn prepare(
    mut place: OwnedMutexGuard<Option<Arc<dyn Printer>>>,
    make: &MakePrinter,
    printing: &Printing,
    logo: Option<&[u8]>,
) -> Result<Arc<dyn Printer>, String> {
    let printer = make(settings::style(printing, logo)?).map_err(|error| error.to_string())?;
    *place = Some(printer.clone());
    Ok(printer)
}

/// What a document says as it was issued, or as it was recorded, and the position as of which that
/// is. The history that it is read of is let go.
async fn paper(
    app: &App,
    row: &DocumentRow,
    document: DocumentOf,
) -> Result<(Paper, i64), DocumentError> {
    let source = match &row.rendered {
        Some(rendered) => Source::as_of(app, row.account_id, rendered.shows).await?,
        None => Source::as_issued(app, row.account_id, document).await?,
    };
    Ok((source.paper(document)?, source.position()))
}

/// What is kept of a document.
async fn find(app: &App, row: &DocumentRow) -> Result<Option<Kept>, sqlx::Error> {
    kept::find(app.pool(), &row.document_id, &row.account_id.to_string()).await
}

/// What is kept, where it is what was recorded.
fn sound(kept: Option<Kept>, row: &DocumentRow) -> Option<Kept> {
    kept.filter(|kept| is_sound(kept, row.rendered.as_ref()))
}

/// What the document of a row is printed of.
pub(super) fn of(row: &DocumentRow) -> Result<DocumentOf, DocumentError> {
    row.of().ok_or_else(|| DocumentError::Missing(row.document_id.clone()))
}

/// Whether what is kept is whole, and what was recorded, where something was.
#[must_use]
pub fn is_sound(kept: &Kept, recorded: Option<&Rendered>) -> bool {
    kept.is_whole() && recorded.is_none_or(|rendered| rendered.sha256 == kept.sha256)
}

fn given(kept: Kept) -> Printed {
    Printed { bytes: kept.bytes, sha256: kept.sha256 }
}

/// Records the bytes that are kept of a document, where that has not happened; tells whether its
/// record is in the log now. What is damaged before it was recorded is forgotten, and printed again.
///
/// # Errors
/// A database that cannot be reached, or a record that the rules refuse.
pub async fn record(app: &App, row: &DocumentRow) -> Result<bool, DocumentError> {
    let pool = app.pool();
    let Some(kept) = find(app, row).await? else { return Ok(false) };
    if !is_sound(&kept, row.rendered.as_ref()) {
        tracing::error!(document = row.number, "what is kept of a document is damaged: forgotten");
        kept::forget(pool, &kept).await?;
        return Ok(false);
    }
    if let Some(rendered) = &row.rendered {
        kept::note_recorded(pool, &kept.document, &kept.sha256, rendered.position).await?;
        return Ok(true);
    }
    let Some(printing) = kept.printing.clone() else {
        kept::forget(pool, &kept).await?;
        return Ok(false);
    };
    let rendered = DocumentRendered {
        document: of(row)?,
        number: row.number.clone(),
        shows: kept.shows,
        sha256: kept.sha256.clone(),
        bytes: u64::try_from(kept.bytes.len()).unwrap_or(u64::MAX),
        media_type: PDF.to_owned(),
        printing,
    };
    let command = RecordDocument { account_id: row.account_id, rendered };
    let request = Request::new(command, system_origin("documents"), Uuid::now_v7());
    let receipt = match app.submit(request).await {
        Ok(receipt) => receipt,
        // Another process was first: its record is met when the projections have come to it.
        Err(SubmitError::Rejected(Rejection::DocumentAlreadyRendered { .. })) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    let own = receipt.events.iter().find(|recorded| {
        matches!(
            recorded.event,
            Event::Account(AccountEvent::Invoice(InvoiceEvent::DocumentRendered(_)))
        )
    });
    let position = own.map_or(receipt.position(), |recorded| recorded.position);
    kept::note_recorded(pool, &kept.document, &kept.sha256, position).await?;
    Ok(true)
}
