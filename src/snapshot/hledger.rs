//! The journal for hledger, which ledger takes as well.
//!
//! Entries are written as they come, so memory does not grow with them; [`head`] comes first. Both
//! programs take any order of days. Amounts have every digit of their currency, a plain point, and
//! no grouping, which ledger refuses in the Indian form.

use std::io::{self, Write};

use daybook_events::Currency;
use daybook_projections::journal::entry::Entry;

use super::plain_text::{Declarations, account, code, description};

/// The tags that entries carry: ledger's `--pedantic` wants them declared.
const TAGS: [&str; 3] = ["position", "kind", "customer"];

/// Writes what stands before the first entry.
///
/// # Errors
/// Those of the writer, and an account of no known kind.
pub fn head(out: &mut impl Write, declared: &Declarations) -> io::Result<()> {
    writeln!(out, "; The journal of a Daybook ledger, for hledger and ledger.")?;
    writeln!(out)?;
    for currency in &declared.currencies {
        commodity(out, *currency)?;
    }
    for tag in TAGS {
        writeln!(out, "tag {tag}")?;
    }
    for path in &declared.accounts {
        let (root, rest) = account(path)?;
        writeln!(out, "account {root}{rest}")?;
    }
    Ok(())
}

/// A currency and how its amounts look. One without decimals goes without: hledger wants a point
/// there, and ledger none.
fn commodity(out: &mut impl Write, currency: Currency) -> io::Result<()> {
    writeln!(out, "commodity {currency}")?;
    match currency.exponent() {
        0 => Ok(()),
        digits => writeln!(out, "  format 1000.{} {currency}", "0".repeat(digits as usize)),
    }
}

/// Writes one entry.
///
/// # Errors
/// Those of the writer, and an account of no known kind.
pub fn entry(out: &mut impl Write, entry: &Entry) -> io::Result<()> {
    write!(out, "\n{} *", entry.posting_on)?;
    if let Some(code) = entry.reference.as_deref().and_then(code) {
        write!(out, " ({code})")?;
    }
    if let Some(customer) = entry.account_id {
        write!(out, " {customer} |")?;
    }
    writeln!(out, " {}", description(&entry.description, &entry.kind))?;
    if let Some(position) = entry.position {
        writeln!(out, "    ; position: {position}")?;
    }
    if let Some(kind) = code(&entry.kind) {
        writeln!(out, "    ; kind: {kind}")?;
    }
    if let Some(customer) = entry.account_id {
        writeln!(out, "    ; customer: {customer}")?;
    }
    for posting in &entry.postings {
        let (root, rest) = account(&posting.account)?;
        writeln!(out, "    {root}{rest}  {}", posting.amount)?;
    }
    Ok(())
}
