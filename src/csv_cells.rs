//! Cells of CSV, by type: what is text can never run in a spreadsheet, and numbers stay numbers.
//!
//! Whoever writes CSV says of each cell what it is. Text that a spreadsheet would take for a formula
//! gets an apostrophe in front (the list is OWASP's, with the full-width forms); ids, dates and
//! amounts are ours and go out as they are, a negative amount with its minus. Quoting is that of
//! RFC 4180, by the `csv` crate.
//!
//! Where the list separator is `;`, as in much of Europe, a spreadsheet parts our cells there, and
//! quotes do not hold it back; others part at tabs or line ends. So what could begin a cell of its
//! own gets its apostrophe, too.

use std::borrow::Cow;

/// What a spreadsheet may take for the beginning of a formula.
const SIGNS: [char; 9] = ['=', '+', '-', '@', '\0', '＝', '＋', '－', '＠'];
/// What it may skip before looking for one.
const SKIPPED: [char; 3] = ['\t', '\r', '\n'];
/// Where it may part a cell in two.
const BREAKS: [char; 4] = [';', '\t', '\r', '\n'];

/// A text as a cell: with an apostrophe wherever a spreadsheet would begin to run it.
#[must_use]
pub fn defused(text: &str) -> Cow<'_, str> {
    let leads = text.starts_with(SIGNS) || text.starts_with(SKIPPED);
    if !leads && !text.contains(BREAKS) {
        return text.into();
    }
    let mut safe = String::with_capacity(text.len() + 2);
    if leads {
        safe.push('\'');
    }
    let mut begins = false;
    for sign in text.chars() {
        if begins && SIGNS.contains(&sign) {
            safe.push('\'');
        }
        safe.push(sign);
        // A quote after a break opens the cell, and is not of it; blanks may be skipped.
        begins = BREAKS.contains(&sign) || (begins && matches!(sign, '"' | ' '));
    }
    safe.into()
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
            "\0=1",
            "＝1",
            "＋1",
            "－1",
            "＠1",
            "=cmd|' /C calc'!A0",
            "=HYPERLINK(\"http://x\")",
            "-",
            "=",
            "\t1",
            "\r",
        ] {
            assert_eq!(defused(text), format!("'{text}"));
        }
    }

    #[test]
    fn what_would_begin_a_cell_of_its_own_is_defused_there() {
        for (text, expected) in [
            ("a;=1", "a;'=1"),
            ("a\t+1", "a\t'+1"),
            ("a\r\n-1", "a\r\n'-1"),
            ("a\n@b", "a\n'@b"),
            ("a;＝1;－1", "a;'＝1;'－1"),
            (";=1", ";'=1"),
            ("=1;=1", "'=1;'=1"),
            ("\t=1", "'\t'=1"),
            ("\r=1", "'\r'=1"),
            ("\n=1", "'\n'=1"),
            ("a;\"=1\"", "a;\"'=1\""),
            ("a;\t=1", "a;\t'=1"),
            ("a; =1;b", "a; '=1;b"),
        ] {
            assert_eq!(defused(text), expected);
        }
    }

    #[test]
    fn other_text_stays_as_it_is() {
        for text in [
            "", "pay_1", "1", "a=1", "'=1", "Ünal", "₹", " =1", "(1)", "*", "a;b", "a\nb-c", ";",
            "a;", "a\r\nb", "a;b=1", "\"=1",
        ] {
            assert_eq!(defused(text), text);
        }
    }
}
