//! The journal put together again from its rows: whole entries, and the journals for other programs,
//! which are written anew by the same writers and held against the files byte by byte.

use std::{
    io::{self, BufRead as _, BufReader, Write},
    path::Path,
};

use daybook_events::Money;
use daybook_projections::journal::entry::{Entry, Posting};

use super::{
    Finding, opened,
    table::{Lines, Row},
};
use crate::snapshot::{beancount, cells::Cell, hledger, plain_text::Declarations, tables::JOURNAL};

/// How many columns a row has that all rows of its entry share: those before its account.
const SHARED: usize = 7;

/// Rows of the journal on their way to entries. Holds one entry.
#[derive(Debug, Default)]
pub(super) struct Entries {
    number: i64,
    shared: Vec<Cell>,
    // `None` between entries, and where one cannot be put together.
    entry: Option<Entry>,
}

/// What a row has brought.
#[derive(Debug, Default)]
pub(super) struct Brought {
    /// The entry before, which is whole.
    pub(super) whole: Option<Entry>,
    /// Whether the row begins an entry.
    pub(super) begins: bool,
    /// What is wrong with the row.
    pub(super) problem: Option<String>,
}

impl Entries {
    /// Reads a row.
    pub(super) fn row(&mut self, row: &Row<'_>) -> Brought {
        let number = row.count("entry").unwrap_or(0);
        let shared = row.cells.get(..SHARED).unwrap_or_default();
        let mut brought = Brought { begins: number != self.number, ..Brought::default() };
        if brought.begins {
            brought.whole = self.entry.take();
            let follows = number == self.number + 1;
            let skipped = format!("entry {number} follows entry {}", self.number);
            (self.number, self.shared) = (number, shared.to_vec());
            match begun(row) {
                Ok(entry) => self.entry = Some(entry),
                Err(problem) => brought.problem = Some(problem),
            }
            brought.problem = brought.problem.or((!follows).then_some(skipped));
        } else if shared != self.shared {
            brought.problem = Some(format!("it is not of entry {number} as that began"));
        }
        match (posting(row), &mut self.entry) {
            (Ok(posting), Some(entry)) => entry.postings.push(posting),
            (Ok(_), None) => {}
            (Err(problem), _) => brought.problem = brought.problem.or(Some(problem)),
        }
        brought
    }

    /// The last entry.
    pub(super) fn last(&mut self) -> Option<Entry> {
        self.entry.take()
    }
}

/// An entry without its postings.
fn begun(row: &Row<'_>) -> Result<Entry, String> {
    let misfit = |name: &str| format!("`{name}` is not what it should be");
    let text = |name| row.text(name).map(str::to_owned);
    let account_id = text("account_id").map(|id| id.parse()).transpose();
    Ok(Entry {
        position: row.count("position"),
        posting_on: text("posting_on")
            .and_then(|day| day.parse().ok())
            .ok_or_else(|| misfit("posting_on"))?,
        kind: text("kind").ok_or_else(|| misfit("kind"))?,
        account_id: account_id.map_err(|_| misfit("account_id"))?,
        reference: text("reference"),
        description: text("description").ok_or_else(|| misfit("description"))?,
        postings: Vec::new(),
    })
}

fn posting(row: &Row<'_>) -> Result<Posting, String> {
    let account = row.text("account").ok_or("`account` is missing")?.to_owned();
    let currency = row.currency().ok_or("`currency` is no currency")?;
    let minor = row.amount("amount").ok_or("`amount` is missing")?;
    let amount = Money::from_minor(minor, currency).map_err(|error| error.to_string())?;
    Ok(Posting { account, amount })
}

/// A journal for other programs, against which it is written anew.
struct Text {
    name: &'static str,
    file: BufReader<std::fs::File>,
    line: u64,
}

impl Text {
    fn of(dir: &Path, name: &'static str) -> Result<Self, Finding> {
        let unreadable = |error| Finding::on(name, None, format!("it cannot be read: {error}"));
        let file = opened(&dir.join(name)).map_err(unreadable)?;
        Ok(Self { name, file: BufReader::new(file), line: 1 })
    }

    fn bad(&self, error: &io::Error) -> Finding {
        Finding::on(self.name, Some(self.line), error.to_string())
    }

    fn ends(&mut self) -> io::Result<()> {
        let ends = self.file.fill_buf()?.is_empty();
        ends.then_some(()).ok_or_else(|| io::Error::other("it goes on after the journal's end"))
    }
}

impl Write for Text {
    /// Takes as much as the file holds of it at this place.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let held = self.file.fill_buf()?;
        let same = held.iter().zip(bytes).take_while(|(held, given)| held == given).count();
        let lines = bytes.iter().take(same).filter(|byte| **byte == b'\n').count();
        self.line += u64::try_from(lines).unwrap_or(0);
        self.file.consume(same);
        if same > 0 || bytes.is_empty() {
            Ok(same)
        } else {
            Err(io::Error::other("it says something else than journal.jsonl"))
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

type Head = fn(&mut Text, &Declarations) -> io::Result<()>;
type Body = fn(&mut Text, &Entry) -> io::Result<()>;

/// The journals for other programs, each with its writers.
const TEXTS: [(&str, Head, Body); 2] = [
    ("journal.beancount", beancount::head, beancount::entry),
    ("journal.hledger", hledger::head, hledger::entry),
];

/// Whether the journals for other programs are what the journal's rows make. Rows that cannot be
/// read were told before.
pub(super) fn texts(dir: &Path, declared: &Declarations) -> Vec<Finding> {
    let against = |(name, head, body): &(&'static str, Head, Body)| {
        let written = Text::of(dir, name).and_then(|mut text| {
            let written = written(dir, &mut text, declared, *head, *body);
            written.map_err(|error| text.bad(&error))
        });
        written.err()
    };
    TEXTS.iter().filter_map(against).collect()
}

fn written(
    dir: &Path,
    text: &mut Text,
    declared: &Declarations,
    head: Head,
    body: Body,
) -> io::Result<()> {
    head(text, declared)?;
    let Ok(lines) = Lines::of(dir, "journal", JOURNAL) else { return Ok(()) };
    let mut entries = Entries::default();
    for cells in lines {
        let Ok(cells) = cells else { return Ok(()) };
        let brought = entries.row(&Row { columns: JOURNAL, cells: &cells });
        brought.whole.iter().try_for_each(|entry| body(text, entry))?;
    }
    entries.last().iter().try_for_each(|entry| body(text, entry))?;
    text.ends()
}
