//! The journal for beancount.
//!
//! Entries are written as they come, so memory does not grow with them; [`head`] comes first.
//! Amounts have every digit of their currency: beancount allows half of the last digit that it
//! sees.

use std::{
    borrow::Cow,
    io::{self, Write},
};

use daybook_projections::journal::entry::Entry;

use super::plain_text::{self, Declarations, code, description};

/// Writes what stands before the first entry: every account opens on the earliest day.
///
/// # Errors
/// Those of the writer, and an account of no known kind.
pub fn head(out: &mut impl Write, declared: &Declarations) -> io::Result<()> {
    writeln!(out, "option \"title\" \"Daybook\"")?;
    for currency in &declared.currencies {
        writeln!(out, "option \"operating_currency\" \"{currency}\"")?;
    }
    let Some(day) = declared.first_day else { return Ok(()) };
    writeln!(out)?;
    for currency in &declared.currencies {
        writeln!(out, "{day} commodity {currency}")?;
    }
    for path in &declared.accounts {
        writeln!(out, "{day} open {}", account(path)?)?;
    }
    Ok(())
}

/// Writes one entry.
///
/// # Errors
/// Those of the writer, and an account of no known kind.
pub fn entry(out: &mut impl Write, entry: &Entry) -> io::Result<()> {
    write!(out, "\n{} *", entry.posting_on)?;
    if let Some(customer) = entry.account_id {
        write!(out, " \"{customer}\"")?;
    }
    write!(out, " \"{}\"", quoted(&description(&entry.description, &entry.kind)))?;
    if let Some(link) = entry.reference.as_deref().and_then(code) {
        write!(out, " ^{link}")?;
    }
    writeln!(out)?;
    if let Some(position) = entry.position {
        writeln!(out, "  position: {position}")?;
    }
    if let Some(kind) = code(&entry.kind) {
        writeln!(out, "  kind: \"{kind}\"")?;
    }
    for posting in &entry.postings {
        writeln!(out, "  {}  {}", account(&posting.account)?, posting.amount)?;
    }
    Ok(())
}

/// An account by beancount's grammar: its kind begins with a capital.
fn account(path: &str) -> io::Result<String> {
    let (root, rest) = plain_text::account(path)?;
    let (first, others) = root.split_at(1);
    Ok(format!("{}{others}{rest}", first.to_ascii_uppercase()))
}

/// What may stand between double quotes.
fn quoted(text: &str) -> Cow<'_, str> {
    if text.contains(['"', '\\']) {
        Cow::Owned(text.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        Cow::Borrowed(text)
    }
}
