//! A table on its way to the disk: its CSV and its lines of JSON, with the sums of its amounts.

use std::io::Write as _;

use daybook_events::Currency;

use super::{
    SnapshotError,
    cells::{Cell, Column, Sums, json_line, minor},
    folder::{Folder, HashedFile},
    manifest::FileEntry,
    tables::TABLES,
};

/// A table that is being written.
#[derive(Debug)]
pub(super) struct Sheet {
    name: &'static str,
    columns: &'static [Column],
    csv: csv::Writer<HashedFile>,
    jsonl: HashedFile,
    rows: u64,
    sums: Sums,
}

impl Sheet {
    /// Begins one of [`TABLES`].
    ///
    /// # Errors
    /// Files that cannot be made.
    pub(super) fn begin(folder: &Folder, name: &'static str) -> Result<Self, SnapshotError> {
        let known = TABLES.iter().find(|(known, _)| *known == name);
        let (_, columns) = known.ok_or(SnapshotError::Row(name))?;
        let csv = csv::Writer::from_writer(folder.file(&format!("{name}.csv"))?);
        let jsonl = folder.file(&format!("{name}.jsonl"))?;
        let mut sheet = Self { name, columns, csv, jsonl, rows: 0, sums: Sums::default() };
        let header = sheet.csv.write_record(columns.iter().map(|column| column.name));
        header.map_err(|error| sheet.failed(error))?;
        Ok(sheet)
    }

    /// Writes a row.
    ///
    /// # Errors
    /// A disk that refuses; a row that is not of the table's form.
    pub(super) fn row(&mut self, cells: &[Cell]) -> Result<(), SnapshotError> {
        let misfit = || SnapshotError::Row(self.name);
        if cells.len() != self.columns.len() {
            return Err(misfit());
        }
        let mut row_currency = None;
        for (cell, column) in cells.iter().zip(self.columns) {
            match cell {
                Cell::Plain(text) if column.name == "currency" => {
                    row_currency = Some(text.parse::<Currency>().map_err(|_| misfit())?);
                }
                Cell::Amount(amount, currency) => {
                    // Each amount of a row is in the currency that the row names before it.
                    let minor = minor(*amount, *currency).ok_or_else(misfit)?;
                    if row_currency != Some(*currency) {
                        return Err(misfit());
                    }
                    self.sums.add(column.name, *currency, minor);
                }
                Cell::Null | Cell::Text(_) | Cell::Plain(_) | Cell::Count(_) => {}
            }
            if !cell.fits(column.kind) {
                return Err(misfit());
            }
        }
        let written = self.csv.write_record(cells.iter().map(Cell::csv));
        written.map_err(|error| self.failed(error))?;
        let line = json_line(self.columns, cells);
        self.jsonl.write_all(line.as_bytes()).map_err(|error| self.jsonl.on(error))?;
        self.rows += 1;
        Ok(())
    }

    fn failed(&self, error: csv::Error) -> SnapshotError {
        self.csv.get_ref().on(error.into())
    }

    /// Brings both files to the disk; their entries in the manifest.
    ///
    /// # Errors
    /// A disk that refuses.
    pub(super) fn finish(self) -> Result<[FileEntry; 2], SnapshotError> {
        let name = self.name;
        let csv = self.csv.into_inner().map_err(|error| {
            let path = std::path::Path::new(name).with_extension("csv");
            SnapshotError::writing(&path, error.into_error())
        })?;
        let (rows, totals) = (self.rows, self.sums.told());
        let entry = |file: HashedFile| {
            let written = file.finish()?;
            Ok::<_, SnapshotError>(FileEntry {
                name: written.name,
                bytes: written.bytes,
                sha256: written.sha256,
                rows,
                totals: totals.clone(),
            })
        };
        Ok([entry(csv)?, entry(self.jsonl)?])
    }
}
