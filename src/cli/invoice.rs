//! `daybook invoice`: an invoice or a credit note as a file.

use std::{
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use daybook_events::event::Printing;
use daybook_projections::{
    documents::{DocumentKind, DocumentRow, Documents as DocumentRows},
    query::{Reach, Rows},
};
use serde::Serialize;

use super::{Failure, Output, with_app};
use crate::{
    app::App,
    config::{Opening, Place},
    documents::{
        Printed,
        kept::{self, hash},
        press::attached,
        service,
        settings::PrintSettings,
    },
};

/// Write an invoice or a credit note as a PDF.
///
/// It is printed as it was issued, whatever became of it since; its bytes are recorded when it is
/// printed first, and are these for ever. An e-invoice is taken out of these bytes.
#[derive(Debug, Args)]
pub(super) struct Invoice {
    /// The document's id or number, such as INV-2026-000001
    document: String,

    /// Where to: a file, or `-` for standard output
    /// [default: the number with `.pdf`, in this directory]
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Write over a file that is there
    #[arg(long)]
    force: bool,

    /// A credit note is meant, not an invoice
    #[arg(long)]
    credit_note: bool,

    /// The e-invoice inside the PDF (EN 16931, XML) instead
    #[arg(long)]
    xml: bool,

    /// Print a document for the first time in another way than the ledger's newest
    #[arg(long)]
    print_anew: bool,

    #[command(flatten)]
    print: PrintSettings,

    #[command(flatten)]
    opening: Opening,
}

/// What was written.
#[derive(Debug, Serialize)]
struct Written {
    document_id: String,
    number: String,
    kind: DocumentKind,
    /// `null` on standard output.
    file: Option<String>,
    media_type: &'static str,
    bytes: usize,
    sha256: String,
}

impl Invoice {
    pub(super) async fn run(self, place: &Place, output: Output) -> Result<ExitCode, Failure> {
        let to_stdout = self.out.as_deref() == Some(Path::new("-"));
        if to_stdout && output == Output::Json {
            return Err("`--out -` and `--output json` both want standard output".into());
        }
        if to_stdout && std::io::stdout().is_terminal() && !self.xml {
            return Err("a PDF is nothing for a terminal: give --out FILE, or pipe it".into());
        }
        let documents = self.print.documents()?;
        // Before anything slow: a place that nothing can be written to is said at once.
        if let Some(file) = self.out.as_deref().filter(|_| !to_stdout) {
            self.check(file)?;
        }
        let (row, bytes) =
            with_app(place, &self.opening, async |app| self.read(&app, &documents).await).await?;
        let media_type = if self.xml { "application/xml" } else { crate::documents::PDF };
        let mut written = Written {
            document_id: row.document_id.clone(),
            number: row.number.clone(),
            kind: row.kind,
            file: None,
            media_type,
            bytes: bytes.len(),
            sha256: hash(&bytes),
        };
        if to_stdout {
            let mut out = std::io::stdout().lock();
            out.write_all(&bytes)?;
            out.flush()?;
            return Ok(ExitCode::SUCCESS);
        }
        let file = self.out.clone().unwrap_or_else(|| self.usual_name(&row));
        self.check(&file)?;
        write(&file, &bytes, self.force)?;
        written.file = Some(file.display().to_string());
        output.print(&written, human)?;
        Ok(ExitCode::SUCCESS)
    }

    async fn read(
        &self,
        app: &App,
        documents: &service::Documents,
    ) -> Result<(DocumentRow, Vec<u8>), Failure> {
        app.settled(Reach::Ledger).await;
        let row = self.find(app.rows(Reach::Ledger)).await?;
        self.as_usual(app, &row, documents.own_printing()).await?;
        let Printed { bytes, .. } = documents.fetch(app, &row).await?;
        let bytes = if self.xml { e_invoice(&row, &bytes)? } else { bytes };
        service::record(app, &row).await?;
        Ok((row, bytes))
    }

    /// A document that is printed first is so for ever: this process must print as the ledger's
    /// newest document was, or be told that another way is meant.
    async fn as_usual(
        &self,
        app: &App,
        row: &DocumentRow,
        printing: &Printing,
    ) -> Result<(), Failure> {
        if row.rendered.is_some() || self.print_anew {
            return Ok(());
        }
        let usual = kept::newest_printing(app.pool()).await?;
        // The press is the program's own: no setting brings an older one back.
        let usual = usual.map(|usual| Printing { press: printing.press, ..usual });
        match usual.filter(|usual| usual != printing) {
            None => Ok(()),
            Some(usual) => Err(format!(
                "{} was never printed, and its bytes would be these for ever, but other documents \
                 are printed in another way: page {}, language {}, name {}, logo {}, SAC {}. Give this \
                 command the server's settings, or add --print-anew",
                row.number,
                usual.page_size,
                usual.language,
                usual.company.as_deref().unwrap_or("the seller's"),
                usual.logo.as_deref().map_or("none", |logo| logo.get(..12).unwrap_or(logo)),
                usual.sac.as_deref().unwrap_or("none"),
            )
            .into()),
        }
    }

    async fn find(&self, rows: Rows<'_>) -> Result<DocumentRow, Failure> {
        let named = self.document.trim();
        let fits = (1..=100).contains(&named.len()) && !named.chars().any(char::is_control);
        let none = || format!("there is no document `{}`", named.escape_default());
        if !fits {
            return Err(none().into());
        }
        let row = match rows.get::<DocumentRows>(named).await? {
            Some(row) => Some(row),
            None => rows.find::<DocumentRows>("number", named).await?,
        };
        let row = row.ok_or_else(none)?;
        let takes_back = matches!(row.kind, DocumentKind::CreditNote | DocumentKind::ReceiptNote);
        match (takes_back, self.credit_note) {
            (true, false) => {
                Err(format!("{} is a credit note: add --credit-note", row.number).into())
            }
            (false, true) => Err(format!("{} is no credit note", row.number).into()),
            (true, true) | (false, false) => Ok(row),
        }
    }

    /// The number as a file name: it may hold a slash, which no file name has.
    fn usual_name(&self, row: &DocumentRow) -> PathBuf {
        let ending = if self.xml { "xml" } else { "pdf" };
        PathBuf::from(format!("{}.{ending}", row.number.replace('/', "-")))
    }

    fn check(&self, file: &Path) -> Result<(), Failure> {
        let shown = file.display();
        if file.is_dir() {
            return Err(format!("{shown} is a directory: give the name of a file in it").into());
        }
        let Ok(there) = file.symlink_metadata() else { return Ok(()) };
        if !self.force {
            return Err(format!("{shown} is there already: add --force to write over it").into());
        }
        // Written under another name first, which would take the place of a device or a pipe.
        if !there.is_file() && !there.is_symlink() {
            return Err(format!("{shown} is no file: give the name of one").into());
        }
        Ok(())
    }
}

/// What is inside the PDF, never composed anew: a later version might compose it otherwise.
fn e_invoice(row: &DocumentRow, pdf: &[u8]) -> Result<Vec<u8>, Failure> {
    let unreadable =
        |error: lopdf::Error| format!("the PDF of {} cannot be read: {error}", row.number);
    let none = || format!("there is no e-invoice of document {}", row.number);
    Ok(attached(pdf).map_err(unreadable)?.ok_or_else(none)?)
}

/// Writes a file whole or not at all: under another name first, in the same directory.
fn write(file: &Path, bytes: &[u8], force: bool) -> Result<(), Failure> {
    let failed = |error: std::io::Error| format!("{}: {error}", file.display());
    let directory = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    let mut half = tempfile::Builder::new()
        .prefix(".daybook-")
        .permissions(permissions())
        .tempfile_in(directory)
        .map_err(failed)?;
    half.write_all(bytes).map_err(failed)?;
    half.as_file().sync_all().map_err(failed)?;
    if force {
        half.persist(file).map_err(|error| failed(error.error))?;
    } else {
        half.persist_noclobber(file).map_err(|error| failed(error.error))?;
    }
    Ok(())
}

/// As any new file's: the umask takes away what it wants to.
fn permissions() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o666)
}

fn human(written: &Written) -> String {
    let file = written.file.as_deref().unwrap_or("-");
    format!("{} · {} bytes · SHA-256 {}\n{file}", written.number, written.bytes, written.sha256)
}
