//! A table's two files, read side by side, row by row.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader},
    path::Path,
};

use daybook_events::Currency;
use rust_decimal::Decimal;
use serde_json::Value;

use super::{Finding, books::Books, opened};
use crate::snapshot::{
    cells::{Cell, Column, Kind, Sums, json_line, minor},
    manifest::Manifest,
};

/// A table of a snapshot.
pub(super) struct Table<'t> {
    pub(super) dir: &'t Path,
    pub(super) name: &'static str,
    pub(super) columns: &'static [Column],
    pub(super) manifest: &'t Manifest,
}

/// The amounts that may be nothing: what a processor does not tell.
const MAY_BE_NOTHING: [&str; 2] = ["fee", "fee_tax"];

/// A row with the names of its columns.
pub(super) struct Row<'r> {
    pub(super) columns: &'static [Column],
    pub(super) cells: &'r [Cell],
}

impl Row<'_> {
    /// The cell of a column.
    pub(super) fn cell(&self, name: &str) -> Option<&Cell> {
        let nth = self.columns.iter().position(|column| column.name == name)?;
        self.cells.get(nth)
    }

    /// The text of a column.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.cell(name)? {
            Cell::Plain(text) | Cell::Text(text) => Some(text),
            Cell::Null | Cell::Amount(..) | Cell::Count(_) => None,
        }
    }

    /// The number of a column.
    pub(super) fn count(&self, name: &str) -> Option<i64> {
        match self.cell(name)? {
            Cell::Count(count) => Some(*count),
            Cell::Null | Cell::Amount(..) | Cell::Plain(_) | Cell::Text(_) => None,
        }
    }

    /// The amount of a column, in minor units.
    pub(super) fn amount(&self, name: &str) -> Option<i128> {
        match self.cell(name)? {
            Cell::Amount(amount, currency) => minor(*amount, *currency),
            Cell::Null | Cell::Count(_) | Cell::Plain(_) | Cell::Text(_) => None,
        }
    }

    /// The first column that has to hold something, and does not: the number of an entry, a
    /// currency, an amount.
    pub(super) fn missing(&self) -> Option<&'static str> {
        let needed = |column: &Column| match column.kind {
            Kind::Amount => !MAY_BE_NOTHING.contains(&column.name),
            Kind::Text | Kind::Plain | Kind::Count => {
                matches!(column.name, "entry" | "currency")
            }
        };
        let mut pairs = self.columns.iter().zip(self.cells);
        let missing = pairs.find(|pair| needed(pair.0) && *pair.1 == Cell::Null);
        missing.map(|(column, _)| column.name)
    }

    /// The row's currency.
    pub(super) fn currency(&self) -> Option<Currency> {
        self.text("currency")?.parse().ok()
    }
}

/// The rows of a table by its lines of JSON, one after another.
pub(super) struct Lines {
    name: String,
    columns: &'static [Column],
    lines: io::Lines<BufReader<File>>,
    /// How many were read.
    pub(super) number: u64,
}

impl Lines {
    /// Begins with the first.
    pub(super) fn of(dir: &Path, name: &str, columns: &'static [Column]) -> Result<Self, Finding> {
        let name = format!("{name}.jsonl");
        let lines = BufReader::new(open(dir, &name)?).lines();
        Ok(Self { name, columns, lines, number: 0 })
    }

    /// Something that is wrong with the line that was read last.
    pub(super) fn bad(&self, problem: impl Into<String>) -> Finding {
        Finding::on(&self.name, Some(self.number), problem)
    }
}

impl Iterator for Lines {
    type Item = Result<Vec<Cell>, Finding>;

    fn next(&mut self) -> Option<Self::Item> {
        self.number += 1;
        let line = self.lines.next()?.map_err(|error| error.to_string());
        let cells = line.and_then(|line| cells(self.columns, &line));
        Some(cells.map_err(|problem| self.bad(problem)))
    }
}

/// Opens a file of the snapshot.
fn open(dir: &Path, name: &str) -> Result<File, Finding> {
    let unreadable = |error| Finding::on(name, None, format!("it cannot be read: {error}"));
    opened(&dir.join(name)).map_err(unreadable)
}

impl Table<'_> {
    /// Reads both files, and hands each row to the books: how many rows there are, and what is wrong.
    pub(super) fn check(&self, books: &mut Books<'_>) -> (u64, Vec<Finding>) {
        let mut findings = Vec::new();
        let (mut rows, mut sums) = (0, Sums::default());
        books.begin(self.name);
        if let Err(finding) = self.read(books, &mut rows, &mut sums, &mut findings) {
            findings.push(finding);
        }
        let problem = books.end();
        findings.extend(problem.map(|it| Finding::on(&format!("{}.jsonl", self.name), None, it)));
        for form in ["csv", "jsonl"] {
            let file = format!("{}.{form}", self.name);
            let Some(said) = self.manifest.file(&file) else { continue };
            if said.rows != rows {
                let text = format!("it has {rows} rows, the manifest says {}", said.rows);
                findings.push(Finding::on(&file, None, text));
            } else if said.totals != sums.told() {
                let text = "its sums are not the control totals of the manifest";
                findings.push(Finding::on(&file, None, text));
            }
        }
        (rows, findings)
    }

    fn read(
        &self,
        books: &mut Books<'_>,
        rows: &mut u64,
        sums: &mut Sums,
        findings: &mut Vec<Finding>,
    ) -> Result<(), Finding> {
        let csv_name = format!("{}.csv", self.name);
        let bad = |line, problem: String| Finding::on(&csv_name, line, problem);
        let mut csv = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(open(self.dir, &csv_name)?);
        let mut records = csv.records();
        let mut lines = Lines::of(self.dir, self.name, self.columns)?;
        let header = records.next().and_then(Result::ok).unwrap_or_default();
        if !header.iter().eq(self.columns.iter().map(|column| column.name)) {
            return Err(bad(Some(1), format!("its columns are not those of {}", self.name)));
        }
        loop {
            let cells = lines.next().transpose()?;
            let record = records.next().transpose().map_err(|error| {
                let line = error.position().map(csv::Position::line);
                bad(line, error.to_string())
            })?;
            let at = record.as_ref().and_then(|record| record.position());
            let at = at.map(csv::Position::line);
            let (cells, record) = match (cells, record) {
                (None, None) => return Ok(()),
                (Some(cells), Some(record)) => (cells, record),
                (Some(_), None) => return Err(lines.bad("the CSV has no such row")),
                (None, Some(_)) => return Err(bad(at, "the JSONL has no such row".to_owned())),
            };
            *rows += 1;
            if !cells.iter().map(Cell::csv).eq(record.iter()) {
                let text = format!("the row is not that of {}.jsonl, line {rows}", self.name);
                findings.push(bad(at, text));
            }
            for (cell, column) in cells.iter().zip(self.columns) {
                if let Cell::Amount(amount, currency) = cell {
                    sums.add(column.name, *currency, minor(*amount, *currency).unwrap_or(0));
                }
            }
            let problem = books.row(&Row { columns: self.columns, cells: &cells });
            findings.extend(problem.map(|problem| lines.bad(problem)));
        }
    }
}

/// The cells of a line of JSON, which has exactly the form in which it was written.
fn cells(columns: &'static [Column], line: &str) -> Result<Vec<Cell>, String> {
    let values: serde_json::Map<String, Value> =
        serde_json::from_str(line).map_err(|error| format!("it is no object of JSON: {error}"))?;
    let currency = values.get("currency").and_then(Value::as_str);
    let currency: Option<Currency> = currency.and_then(|code| code.parse().ok());
    let cell = |column: &Column| {
        let value = values.get(column.name).unwrap_or(&Value::Null);
        let misfit = || format!("`{}` is not of its kind: {value}", column.name);
        match (column.kind, value) {
            (_, Value::Null) => Ok(Cell::Null),
            (Kind::Text, Value::String(text)) => Ok(Cell::Text(text.clone())),
            (Kind::Plain, Value::String(text)) => Ok(Cell::Plain(text.clone())),
            (Kind::Amount, Value::String(text)) => amount(text, currency).ok_or_else(misfit),
            (Kind::Count, Value::Number(number)) => {
                number.as_i64().map(Cell::Count).ok_or_else(misfit)
            }
            (_, _) => Err(misfit()),
        }
    };
    let cells: Vec<Cell> = columns.iter().map(cell).collect::<Result<_, _>>()?;
    if json_line(columns, &cells).trim_end_matches('\n') == line {
        Ok(cells)
    } else {
        Err("it is not in the form in which rows are written".to_owned())
    }
}

/// An amount with every decimal of its currency, and no other digit.
fn amount(text: &str, currency: Option<Currency>) -> Option<Cell> {
    let (currency, amount) = (currency?, Decimal::from_str_exact(text).ok()?);
    let whole = minor(amount, currency).is_some() && amount.to_string() == text;
    whole.then_some(Cell::Amount(amount, currency))
}
