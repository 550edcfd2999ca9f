//! Taking a snapshot: one pass over the log, account by account, then the books.

use std::{collections::BTreeMap, io::Write as _, path::Path};

use daybook_events::{
    Currency, Recorded,
    merkle::{Frontier, hex},
    store::{self, Head, LogCopy, StoreError},
};
use daybook_projections::{
    as_of,
    books::{
        ageing::receivable,
        deferred,
        roll_forward::RollForward,
        ties::{Documents, Tie, Ties},
        trial_balance::TrialBalance,
    },
    invoices::{InvoiceRow, Invoices},
    journal::{Bounds as Books, Journal, JournalRow, entry::Entry, recognition::Recognition},
    payments::Payments,
    projection::Projection,
    refunds::Refunds,
    subscriptions::Subscriptions,
};
use sqlx::{Connection as _, PgConnection, PgPool};

use super::{
    CHECKPOINT, MANIFEST, Scope, SnapshotError, beancount,
    cells::Cell,
    checkpoint::Checkpoint,
    folder::{Folder, HashedFile},
    hledger,
    key::Key,
    manifest::{FORMAT, FileEntry, Manifest, TieEntry, Tree},
    plain_text::Declarations,
    runs::Runs,
    sheet::Sheet,
    tables,
};

/// Told how many of the log's events are done, and of how many.
pub type Progress<'p> = &'p mut (dyn FnMut(i64, i64) + Send);

/// Takes a snapshot into a folder that is not there yet, or empty: it is there whole, or not at all.
/// Tells what its manifest says.
///
/// # Errors
/// A folder that holds something, a disk that refuses, a log that is not as it was written.
pub async fn take(
    pool: &PgPool,
    scope: &Scope,
    key: &Key,
    out: &Path,
    progress: Progress<'_>,
) -> Result<Manifest, SnapshotError> {
    let mut sheets = Sheets::begin(out, scope.books())?;
    // Outside of the pool: a COPY that is given up leaves answers behind on its connection.
    let mut connection = pool.acquire().await?.detach();
    let head = store::head(&mut connection).await?;
    let steps = head.position + scope.position;
    progress(0, steps);
    let tree = proven(&mut connection, scope, &head, progress).await?;
    let mut copy = LogCopy::of_accounts(&mut connection, scope.position).await?;
    let (mut account, mut done) = (Vec::<Recorded>::new(), head.position);
    while let Some(rows) = copy.next().await? {
        for (stored, _) in rows {
            let position = stored.position;
            let undecodable = |source| StoreError::Undecodable { position, source };
            let recorded = stored.decode().map_err(undecodable)?;
            if account.last().is_some_and(|last| last.stream != recorded.stream) {
                sheets.account(&account)?;
                account.clear();
            }
            done += 1;
            if recorded.posting_on <= scope.through {
                account.push(recorded);
            }
        }
        progress(done, steps);
    }
    drop(copy);
    connection.close().await?;
    sheets.account(&account)?;
    let (scope, root) = (scope.clone(), tree.root());
    let signing = key.clone();
    // The rest is of this machine alone: sorting, writing, and waiting for the disk.
    let finishing = tokio::task::spawn_blocking(move || sheets.finish(&scope, root, &signing));
    let manifest = finishing.await.map_err(|error| SnapshotError::Books(error.to_string()))??;
    progress(steps, steps);
    Ok(manifest)
}

/// The tree at the position, once the whole log has been read in its order: there is no gap, every
/// line has its leaf's hash, and the leaves come to the root that the head holds. So nothing that
/// a snapshot is made of was changed since it was written, whichever stream it stands in.
async fn proven(
    connection: &mut PgConnection,
    scope: &Scope,
    head: &Head,
    progress: Progress<'_>,
) -> Result<Frontier, SnapshotError> {
    let (mut tree, mut then) = (Frontier::default(), None);
    let mut copy = LogCopy::start(connection, 0, head.position).await?;
    let mut read = 0;
    while let Some(rows) = copy.next().await? {
        for (stored, leaf) in rows {
            read += 1;
            if stored.position != read || stored.leaf(scope.ledger) != leaf {
                return Err(SnapshotError::Damaged(read));
            }
            tree.push(leaf);
            if stored.position == scope.position {
                then = Some(tree.clone());
            }
        }
        progress(read, head.position + scope.position);
    }
    if read != head.position || tree.root() != head.frontier.root() {
        return Err(SnapshotError::Damaged(head.position));
    }
    then.ok_or(SnapshotError::Damaged(scope.position))
}

/// Everything that is being written.
struct Sheets {
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
    recognition: Recognition,
    ties: Ties,
    documents: BTreeMap<Currency, Documents>,
}

impl Sheets {
    fn begin(out: &Path, bounds: Books) -> Result<Self, SnapshotError> {
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
            recognition: Recognition::new(bounds),
            ties: Ties::new(bounds),
            documents: BTreeMap::new(),
            folder,
        })
    }

    /// Writes what an account's events within the bounds amount to, from the first on.
    fn account(&mut self, events: &[Recorded]) -> Result<(), SnapshotError> {
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
        self.recognition.add(&row);
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
    fn finish(
        mut self,
        scope: &Scope,
        root: daybook_events::merkle::Hash,
        key: &Key,
    ) -> Result<Manifest, SnapshotError> {
        for entry in self.recognition.entries() {
            self.declared.see(&entry?);
        }
        let mut books = Journals::begin(&self.folder, &self.declared)?;
        for entry in self.entries.sorted()? {
            books.entry(&entry?)?;
        }
        for entry in self.recognition.entries() {
            books.entry(&entry?)?;
        }
        let mut files = books.finish(&self.folder)?;
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
        for (currency, sums) in self.documents {
            self.ties.documents(currency, sums);
        }
        let manifest = Manifest {
            format: FORMAT,
            ledger: scope.ledger,
            bounds: scope.bounds.clone(),
            position: scope.position,
            recorded_at: scope.recorded_at,
            through: scope.through,
            time_zone: scope.time_zone.to_string(),
            tree: Tree { size: scope.size(), root: hex(&root) },
            ties: self.ties.finish()?.iter().map(tie).collect(),
            files,
        };
        let written = write(&self.folder, MANIFEST, &manifest.to_bytes())?;
        let tree = (scope.size(), root);
        let note = Checkpoint::signed(scope.ledger, tree, &written.sha256, key);
        let note = note.map_err(|error| SnapshotError::Books(error.to_string()))?;
        write(&self.folder, CHECKPOINT, &note)?;
        self.folder.finish()?;
        Ok(manifest)
    }
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
fn write(
    folder: &Folder,
    name: &str,
    bytes: &[u8],
) -> Result<super::folder::Written, SnapshotError> {
    let mut file = folder.file(name)?;
    file.write_all(bytes).map_err(|error| file.on(error))?;
    file.finish()
}

/// The journal in its four forms, and what is summed from its entries.
struct Journals {
    sheet: Sheet,
    hledger: HashedFile,
    beancount: HashedFile,
    entries: i64,
    trial_balance: TrialBalance,
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
            trial_balance: TrialBalance::default(),
            roll_forward: RollForward::default(),
        })
    }

    fn entry(&mut self, entry: &Entry) -> Result<(), SnapshotError> {
        self.entries += 1;
        for row in tables::journal(self.entries, entry) {
            self.sheet.row(&row)?;
        }
        self.trial_balance.add(entry);
        self.roll_forward.add(entry);
        hledger::entry(&mut self.hledger, entry).map_err(|error| self.hledger.on(error))?;
        beancount::entry(&mut self.beancount, entry).map_err(|error| self.beancount.on(error))
    }

    fn finish(self, folder: &Folder) -> Result<Vec<FileEntry>, SnapshotError> {
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
        let balance = self.trial_balance.rows().map(|row| tables::trial_balance(&row));
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
