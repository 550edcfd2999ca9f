//! What the journals for hledger, ledger and beancount have in common: what must be declared before
//! the first entry, names of accounts, and text that none of the three takes for syntax.
//!
//! An account has the same name in each journal, but for the capital that beancount wants of the
//! first part; two accounts never share one.

use std::{collections::BTreeSet, io};

use chrono::NaiveDate;
use daybook_events::Currency;
use daybook_projections::journal::entry::Entry;

/// The five kinds of accounts, as the chart of accounts writes them.
const ROOTS: [&str; 5] = ["assets", "liabilities", "equity", "income", "expenses"];

/// What stands before a part of an account that would not begin with a capital or a digit.
const PREFIX: &str = "X-";

/// What a journal declares before its first entry. It is gathered in one pass over the entries
/// ([`Declarations::see`]); the second pass writes them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Declarations {
    /// Every account that is posted to.
    pub accounts: BTreeSet<String>,
    /// Every currency that is posted in.
    pub currencies: BTreeSet<Currency>,
    /// The earliest accounting day; `None` without entries.
    pub first_day: Option<NaiveDate>,
}

impl Declarations {
    /// Adds what an entry needs.
    pub fn see(&mut self, entry: &Entry) {
        for posting in &entry.postings {
            if !self.accounts.contains(&posting.account) {
                self.accounts.insert(posting.account.clone());
            }
            self.currencies.insert(posting.amount.currency());
        }
        let earliest = self.first_day.map_or(entry.posting_on, |day| day.min(entry.posting_on));
        self.first_day = Some(earliest);
    }
}

/// A kind of account and the rest of its path, both as a journal may write them: `assets` and
/// `:Clearing:Razorpay`.
///
/// # Errors
/// An account of none of the five kinds, or a kind without an account.
pub(super) fn account(path: &str) -> io::Result<(&'static str, String)> {
    let known = path.split_once(':').and_then(|(kind, rest)| {
        let root = ROOTS.into_iter().find(|root| *root == kind)?;
        Some((root, rest))
    });
    let (root, rest) = known.ok_or_else(|| {
        let text = format!("`{path}` is no account below {}", ROOTS.join(", "));
        io::Error::new(io::ErrorKind::InvalidData, text)
    })?;
    Ok((root, rest.split(':').fold(String::new(), |rest, part| format!("{rest}:{}", name(part)))))
}

/// A part of an account's path in letters, digits and hyphens of ASCII, beginning with a capital or
/// a digit: beancount's grammar, which is inside those of the other two.
///
/// Any other sign becomes `-x` with its number in hexadecimal and `-`; so does a hyphen before an
/// `x`, and what begins otherwise, or with `X-`, gets an `X-` before it. So no two parts become one.
fn name(part: &str) -> String {
    let mut kept = String::with_capacity(part.len());
    let mut signs = part.chars().peekable();
    while let Some(sign) = signs.next() {
        let reads_as_escape = sign == '-' && signs.peek() == Some(&'x');
        if (sign.is_ascii_alphanumeric() || sign == '-') && !reads_as_escape {
            kept.push(sign);
        } else {
            kept += &format!("-x{:x}-", u32::from(sign));
        }
    }
    let fits = kept.starts_with(|sign: char| sign.is_ascii_uppercase() || sign.is_ascii_digit());
    if fits && !kept.starts_with(PREFIX) { kept } else { format!("{PREFIX}{kept}") }
}

/// A description in one line that begins no comment (`;`), splits nothing off (`|`), and does not
/// begin like a status, a code or a date (`!`, `*`, `(`, `=`). Spaces are collapsed; controls, and
/// signs that turn the direction of a text around, are gone. Where nothing is left, `otherwise`.
pub(super) fn description(text: &str, otherwise: &str) -> String {
    let mapped: String = text.chars().filter_map(harmless).collect();
    let collapsed = mapped.split_whitespace().collect::<Vec<_>>().join(" ");
    let begun = collapsed.trim_start_matches(['!', '*', '(', '=', ' ']);
    if begun.is_empty() { otherwise.to_owned() } else { begun.to_owned() }
}

fn harmless(sign: char) -> Option<char> {
    match sign {
        ';' => Some(','),
        '|' => Some('/'),
        '\t' | '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => Some(' '),
        sign if sign.is_control() => None,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => None,
        sign => Some(sign),
    }
}

/// A number of a document, an id or a kind of event in the signs that all three take in a code, a
/// tag and a link; any other becomes `_`. Nothing where it is empty.
pub(super) fn code(text: &str) -> Option<String> {
    let fits = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '/' | '_' | '.' | '-');
    let kept: String = text.chars().map(|sign| if fits(sign) { sign } else { '_' }).collect();
    (!kept.is_empty()).then_some(kept)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn accounts_of_the_chart_keep_their_names() {
        for path in ["assets:Clearing:Razorpay", "liabilities:TaxPayable:IN-27:SGST"] {
            let (root, rest) = account(path).unwrap();
            assert_eq!(format!("{root}{rest}"), path);
        }
        assert_eq!(account("assets:lemon_squeezy").unwrap().1, ":X-lemon-x5f-squeezy");
        for path in ["", "income", "Assets:Bank", "revenue:Plans", ":assets", "assets ; x:y"] {
            let error = account(path).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{path}");
        }
    }

    #[test]
    fn descriptions_hold_no_syntax() {
        let said = |text| description(text, "nothing");
        assert_eq!(said("Evil ; date:2020-01-01"), "Evil , date:2020-01-01");
        assert_eq!(said("* ! (INV) = payee | note"), "INV) = payee / note");
        assert_eq!(said("a\r\n\tb\u{0}\u{202e}c\u{2028}d"), "a bc d");
        assert_eq!(said(" *\n"), "nothing");
        assert_eq!(code("INV)2 \n").as_deref(), Some("INV_2__"));
        assert_eq!(code(""), None);
    }

    /// What [`name`] was made from: the proof that it loses nothing.
    fn original(name: &str) -> String {
        let mut rest = name.strip_prefix(PREFIX).unwrap_or(name);
        let mut part = String::new();
        while let Some(sign) = rest.chars().next() {
            if let Some(escape) = rest.strip_prefix("-x") {
                let (number, after) = escape.split_once('-').unwrap();
                let number = u32::from_str_radix(number, 16).unwrap();
                part.push(char::from_u32(number).unwrap());
                rest = after;
            } else {
                part.push(sign);
                rest = &rest[1..];
            }
        }
        part
    }

    proptest! {
        #[test]
        fn no_two_parts_become_one(part in "[-xX_a-cA1: é]{0,8}|.{0,12}") {
            let name = name(&part);
            let begins = name.starts_with(|c: char| c.is_ascii_uppercase() || c.is_ascii_digit());
            prop_assert!(begins, "{}", name);
            prop_assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{}", name);
            prop_assert_eq!(original(&name), part);
        }
    }
}
