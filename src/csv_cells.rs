//! Cells of CSV, by type: what is text can never run in a spreadsheet, and numbers stay numbers.
//!
//! Whoever writes CSV says of each cell what it is. Text that a spreadsheet would take for a formula
//! gets an apostrophe in front (the list is OWASP's, with the full-width forms); ids, dates and
//! amounts are ours and go out as they are, a negative amount with its minus. Quoting is that of
//! RFC 4180, by the `csv` crate.

use std::borrow::Cow;

/// What a spreadsheet may take for the beginning of a formula, or skip before looking for one.
const DANGEROUS: [char; 12] = ['=', '+', '-', '@', '\t', '\r', '\n', '\0', '＝', '＋', '－', '＠'];

/// A text as a cell: with an apostrophe before it where a spreadsheet would run it.
#[must_use]
pub fn defused(text: &str) -> Cow<'_, str> {
    if text.starts_with(DANGEROUS) { format!("'{text}").into() } else { text.into() }
}

/// As [`defused`], of bytes that are UTF-8: whether an apostrophe belongs before them.
#[must_use]
pub fn is_dangerous(text: &[u8]) -> bool {
    match text.first() {
        None => false,
        // Nearly every text begins with a letter or a digit: no more is looked at.
        Some(first) if first.is_ascii_alphanumeric() => false,
        Some(_) => std::str::from_utf8(text).is_ok_and(|text| text.starts_with(DANGEROUS)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_would_run_is_defused() {
        for text in [
            "=1+1",
            "+1",
            "-1",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "\n=1",
            "\0=1",
            "＝1",
            "＋1",
            "－1",
            "＠1",
            "=cmd|' /C calc'!A0",
            "=HYPERLINK(\"http://x\")",
            "-",
            "=",
        ] {
            assert_eq!(defused(text), format!("'{text}"));
            assert!(is_dangerous(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn other_text_stays_as_it_is() {
        for text in ["", "pay_1", "1", "a=1", "'=1", "Ünal", "₹", " =1", "(1)", "*"] {
            assert_eq!(defused(text), text);
            assert!(!is_dangerous(text.as_bytes()), "{text}");
        }
    }
}
