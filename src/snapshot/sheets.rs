//! What is written of a snapshot: an account's rows into the tables as they come, then the journal
//! and the reports. All of it waits for the disk, so it belongs on a thread that may.

use std::{collections::BTreeMap, io::Write as _, path::Path, sync::Weak};

use daybook_events::{
    Currency, Recorded,
    merkle::{Hash, hex},
};
use daybook_projections::{
    as_of,
    books::{
        ageing::receivable,
        deferred,
        roll_forward::RollForward,
        ties::{Documents, Tie, Tied, Ties},
        trial_balance::TrialBalance,
    },
    invoices::{InvoiceRow, Invoices},
    journal::{Bounds as Books, Journal, JournalRow, entry::Entry},
    payments::Payments,
    projection::Projection,
    refunds::Refunds,
    subscriptions::Subscriptions,
};

use super::{
    CHECKPOINT, MANIFEST, Scope, SnapshotError, beancount,
    cells::Cell,
    checkpoint::Checkpoint,
    folder::{Folder, HashedFile, Written},
    hledger,
    key::Key,
    manifest::{FORMAT, FileEntry, Manifest, TieEntry, Tree},
    plain_text::Declarations,
    runs::Runs,
    sheet::Sheet,
    tables,
};

/// Everything that is being written.
pub(super) struct Sheets {
    folder: Folder,
    bounds: Books,
    invoices: Sheet,
    invoice_lines: Sheet,
    credit_notes: Sheet,
    payments: Sheet,
    refunds: Sheet,
    subscriptions: Sheet,
    receivables: Sheet,
    deferred: Sheet,
    deferred_months: Sheet,
    entries: Runs,
    declared: Declarations,
    ties: Ties,
    documents: BTreeMap<Currency, Documents>,
    wanted: Weak<()>,
}

impl Sheets {
    /// Begins a folder. It is given up once what is `wanted` is gone.
    ///
    /// # Errors
    /// A folder that holds something, or cannot be written.
    pub(super) fn begin(
        out: &Path,
        bounds: Books,
        wanted: Weak<()>,
    ) -> Result<Self, SnapshotError> {
        let folder = Folder::begin(out)?;
        let sheet = |name| Sheet::begin(&folder, name);
        Ok(Self {
            bounds,
            invoices: sheet("invoices")?,
            invoice_lines: sheet("invoice_lines")?,
            credit_notes: sheet("credit_notes")?,
            payments: sheet("payments")?,
            refunds: sheet("refunds")?,
            subscriptions: sheet("subscriptions")?,
            receivables: sheet("receivables_ageing")?,
            deferred: sheet("deferred_revenue")?,
            deferred_months: sheet("deferred_revenue_months")?,
            entries: Runs::new(folder.path()),
            declared: Declarations::default(),
            ties: Ties::new(bounds),
            documents: BTreeMap::new(),
            wanted,
            folder,
        })
    }

    /// Writes what an account's events within the bounds amount to, from the first on.
    ///
    /// # Errors
    /// A disk that refuses, events that cannot be taken in; nobody waits for it any more.
    pub(super) fn account(&mut self, events: &[Recorded]) -> Result<(), SnapshotError> {
        still(&self.wanted)?;
        for row in rows::<Invoices>(events)?.values() {
            self.invoice(row)?;
        }
        for row in rows::<Payments>(events)?.values() {
            self.payments.row(&tables::payment(row))?;
        }
        for row in rows::<Refunds>(events)?.values() {
            self.refunds.row(&tables::refund(row))?;
        }
        for row in rows::<Subscriptions>(events)?.values() {
            self.subscriptions.row(&tables::subscription(row))?;
        }
        for row in rows::<Journal>(events)?.into_values() {
            self.subject(row)?;
        }
        Ok(())
    }

    fn invoice(&mut self, row: &InvoiceRow) -> Result<(), SnapshotError> {
        self.invoices.row(&tables::invoice(row))?;
        for line in tables::invoice_lines(row)? {
            self.invoice_lines.row(&line)?;
        }
        for note in &row.credit_notes {
            self.credit_notes.row(&tables::credit_note(row, note))?;
        }
        let sums = self.documents.entry(row.total.currency()).or_default();
        sums.invoiced += row.total.minor();
        sums.credited += row.credited.minor();
        Ok(())
    }

    /// A subject of the journal.
    fn subject(&mut self, row: JournalRow) -> Result<(), SnapshotError> {
        let bounds = self.bounds;
        self.ties.row(&row)?;
        if let Some(due) = receivable(&row, &bounds) {
            self.receivables.row(&tables::receivable(&due))?;
        }
        for line in deferred::lines(&row, &bounds)? {
            self.deferred.row(&tables::deferred(&line))?;
        }
        for month in deferred::months(&row, &bounds)? {
            self.deferred_months.row(&tables::deferred_month(&month))?;
        }
        for entry in row.entries.into_iter().filter(|entry| bounds.hold(entry)) {
            self.declared.see(&entry);
            self.entries.add(entry)?;
        }
        Ok(())
    }

    /// Writes the journal and the reports, the manifest and the checkpoint, and gives the folder its
    /// name.
    ///
    /// # Errors
    /// As [`Sheets::account`].
    pub(super) fn finish(
        mut self,
        scope: &Scope,
        root: Hash,
        key: &Key,
    ) -> Result<Manifest, SnapshotError> {
        for entry in self.ties.recognition().entries() {
            self.declared.see(&entry?);
        }
        let mut books = Journals::begin(&self.folder, &self.declared)?;
        for entry in self.entries.sorted()? {
            still(&self.wanted)?;
            books.entry(&entry?)?;
        }
        for entry in self.ties.recognition().entries() {
            books.entry(&entry?)?;
        }
        for (currency, sums) in self.documents {
            self.ties.documents(currency, sums);
        }
        let Tied { ties, trial_balance } = self.ties.finish()?;
        let mut files = books.finish(&self.folder, &trial_balance)?;
        for sheet in [
            self.invoices,
            self.invoice_lines,
            self.credit_notes,
            self.payments,
            self.refunds,
            self.subscriptions,
            self.receivables,
            self.deferred,
            self.deferred_months,
        ] {
            files.extend(sheet.finish()?);
        }
        files.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        let manifest = Manifest {
            format: FORMAT,
            ledger: scope.ledger,
            bounds: scope.bounds.clone(),
            position: scope.position,
            recorded_at: scope.recorded_at,
            through: scope.through,
            time_zone: scope.time_zone.to_string(),
            tree: Tree { size: scope.size(), root: hex(&root) },
            ties: ties.iter().map(tie).collect(),
            files,
        };
        let written = write(&self.folder, MANIFEST, &manifest.to_bytes())?;
        let tree = (scope.size(), root);
        let note = Checkpoint::signed(scope.ledger, tree, &written.sha256, key);
        let note = note.map_err(|error| SnapshotError::Books(error.to_string()))?;
        write(&self.folder, CHECKPOINT, &note)?;
        still(&self.wanted)?;
        self.folder.finish()?;
        Ok(manifest)
    }
}

/// Whether somebody waits for it: whoever has asked may be gone while a thread still writes.
fn still(wanted: &Weak<()>) -> Result<(), SnapshotError> {
    if wanted.strong_count() > 0 { Ok(()) } else { Err(SnapshotError::GivenUp) }
}

/// The rows of a projection after an account's events.
fn rows<P: Projection>(events: &[Recorded]) -> Result<BTreeMap<String, P::Row>, SnapshotError> {
    as_of::rows::<P>(events).map_err(|source| SnapshotError::Fold { table: P::NAME, source })
}

fn tie(tie: &Tie) -> TieEntry {
    TieEntry {
        tie: tie.tie.to_owned(),
        currency: tie.currency.to_string(),
        books: tie.books.to_string(),
        expected: tie.expected.to_string(),
    }
}

/// Writes a small file at once.
fn write(folder: &Folder, name: &str, bytes: &[u8]) -> Result<Written, SnapshotError> {
    let mut file = folder.file(name)?;
    file.write_all(bytes).map_err(|error| file.on(error))?;
    file.finish()
}

/// The journal in its four forms, and the roll-forward of its entries.
struct Journals {
    sheet: Sheet,
    hledger: HashedFile,
    beancount: HashedFile,
    entries: i64,
    roll_forward: RollForward,
}

impl Journals {
    fn begin(folder: &Folder, declared: &Declarations) -> Result<Self, SnapshotError> {
        let mut hledger = folder.file("journal.hledger")?;
        hledger::head(&mut hledger, declared).map_err(|error| hledger.on(error))?;
        let mut beancount = folder.file("journal.beancount")?;
        beancount::head(&mut beancount, declared).map_err(|error| beancount.on(error))?;
        Ok(Self {
            sheet: Sheet::begin(folder, "journal")?,
            hledger,
            beancount,
            entries: 0,
            roll_forward: RollForward::default(),
        })
    }

    fn entry(&mut self, entry: &Entry) -> Result<(), SnapshotError> {
        self.entries += 1;
        for row in tables::journal(self.entries, entry) {
            self.sheet.row(&row)?;
        }
        self.roll_forward.add(entry);
        hledger::entry(&mut self.hledger, entry).map_err(|error| self.hledger.on(error))?;
        beancount::entry(&mut self.beancount, entry).map_err(|error| self.beancount.on(error))
    }

    fn finish(
        self,
        folder: &Folder,
        balance: &TrialBalance,
    ) -> Result<Vec<FileEntry>, SnapshotError> {
        let mut files = Vec::new();
        for file in [self.hledger, self.beancount] {
            let written = file.finish()?;
            files.push(FileEntry {
                name: written.name,
                bytes: written.bytes,
                sha256: written.sha256,
                rows: u64::try_from(self.entries).unwrap_or(0),
                totals: BTreeMap::new(),
            });
        }
        files.extend(self.sheet.finish()?);
        let balance = balance.rows().map(|row| tables::trial_balance(&row));
        files.extend(sheet_of(folder, "trial_balance", balance)?);
        let months = self.roll_forward.rows();
        let months = months.iter().map(tables::roll_forward);
        files.extend(sheet_of(folder, "revenue_roll_forward", months)?);
        Ok(files)
    }
}

/// A table whose rows are there.
fn sheet_of(
    folder: &Folder,
    name: &'static str,
    rows: impl Iterator<Item = Vec<Cell>>,
) -> Result<[FileEntry; 2], SnapshotError> {
    let mut sheet = Sheet::begin(folder, name)?;
    for row in rows {
        sheet.row(&row)?;
    }
    sheet.finish()
}
