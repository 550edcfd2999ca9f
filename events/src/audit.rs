//! The auditor's reading of the log: every line hashed again, every order checked again.
//!
//! Pure: it is fed the stored rows in order and keeps only the tree's edge, the streams' versions
//! and the numbers' counts. What it finds names the position.

use std::collections::HashMap;

use serde::Serialize;
use uuid::Uuid;

use crate::{
    book::Book,
    envelope::{Recorded, Stored},
    event::Event,
    merkle::{Frontier, Hash, hex},
    numbers::Numbers,
    time::Timestamp,
};

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which check found it, such as `hash` or `contiguity`.
    pub check: &'static str,
    /// The position it is about, where it is about one.
    pub position: Option<i64>,
    /// The projection and the row it is about, where it is about one.
    pub row: Option<String>,
    /// What is wrong, in words.
    pub problem: String,
}

impl Finding {
    /// A finding about a position of the log.
    #[must_use]
    pub fn at(check: &'static str, position: i64, problem: String) -> Self {
        Self { check, position: Some(position), row: None, problem }
    }
}

/// What the head row claims about the log.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The last position.
    pub position: i64,
    /// The tree's right edge.
    pub frontier: Frontier,
    /// How far numbers have been given out.
    pub numbers: Numbers,
}

/// A running audit of one ledger's log.
#[derive(Debug)]
pub struct Audit {
    ledger: Uuid,
    last_position: i64,
    /// Whether no position is missing so far.
    whole: bool,
    last_recorded_at: Option<Timestamp>,
    frontier: Frontier,
    streams: HashMap<String, (i64, Timestamp)>,
    numbers: Numbers,
    book: Book,
    /// What has been found so far.
    pub findings: Vec<Finding>,
}

impl Audit {
    /// An audit of the log of a ledger, from its first event.
    #[must_use]
    pub fn new(ledger: Uuid) -> Self {
        Self {
            ledger,
            last_position: 0,
            whole: true,
            last_recorded_at: None,
            frontier: Frontier::default(),
            streams: HashMap::new(),
            numbers: Numbers::default(),
            book: Book::default(),
            findings: Vec::new(),
        }
    }

    /// The last position that was read.
    #[must_use]
    pub fn position(&self) -> i64 {
        self.last_position
    }

    /// The root over everything that was read, lower-case hex.
    #[must_use]
    pub fn root(&self) -> String {
        hex(&self.frontier.root())
    }

    /// Reads the next row. Returns the event, where it can be read.
    pub fn read(&mut self, stored: &Stored, leaf: &Hash) -> Option<Recorded> {
        self.check_position(stored);
        self.check_hash(stored, leaf);
        self.check_times(stored);
        self.check_stream(stored);
        match stored.decode() {
            Ok(recorded) => {
                self.check_number(&recorded);
                self.check_posting_day(&recorded);
                Some(recorded)
            }
            Err(error) => {
                self.find("shape", stored, error.to_string());
                None
            }
        }
    }

    /// Compares what was read with what the head row claims.
    pub fn finish(&mut self, claim: &Claim) {
        let mut find = |check, problem| {
            self.findings.push(Finding { check, position: None, row: None, problem });
        };
        if claim.position != self.last_position {
            let text =
                format!("the head says {}, the log ends at {}", claim.position, self.last_position);
            find("contiguity", text);
        }
        if claim.frontier != self.frontier {
            let (head, log) = (hex(&claim.frontier.root()), hex(&self.frontier.root()));
            find("root", format!("the head's root is {head}, the log's is {log}"));
        }
        if claim.numbers != self.numbers {
            find("numbers", "the head counts other document numbers than the log".to_owned());
        }
    }

    fn find(&mut self, check: &'static str, stored: &Stored, problem: String) {
        self.findings.push(Finding::at(check, stored.position, problem));
    }

    fn check_position(&mut self, stored: &Stored) {
        let expected = self.last_position + 1;
        if stored.position != expected {
            let missing = match stored.position - expected {
                1 => format!("position {expected} is missing"),
                _ => format!("positions {expected} to {} are missing", stored.position - 1),
            };
            self.findings.push(Finding::at("contiguity", expected, missing));
            self.whole = false;
        }
        self.last_position = stored.position;
    }

    fn check_hash(&mut self, stored: &Stored, leaf: &Hash) {
        let computed = stored.leaf(self.ledger);
        if computed != *leaf {
            let (stored_hash, computed) = (hex(leaf), hex(&computed));
            let text = format!("the line hashes to {computed}, the stored leaf is {stored_hash}");
            self.find("hash", stored, text);
        }
        // The computed one: a row that was changed together with its leaf changes the root.
        self.frontier.push(computed);
    }

    fn check_times(&mut self, stored: &Stored) {
        if self.last_recorded_at.is_some_and(|last| stored.recorded_at < last) {
            self.find("order", stored, "recorded_at goes back".to_owned());
        }
        if stored.effective_at > stored.recorded_at {
            self.find("order", stored, "effective_at is after recorded_at".to_owned());
        }
        self.last_recorded_at = Some(stored.recorded_at);
    }

    fn check_stream(&mut self, stored: &Stored) {
        let (version, effective_at) =
            self.streams.get(&stored.stream).copied().unwrap_or((0, stored.effective_at));
        if stored.version != version + 1 {
            let text = format!("version {} of {} follows {version}", stored.version, stored.stream);
            self.find("versions", stored, text);
        }
        if stored.effective_at < effective_at {
            let text = format!("effective_at goes back within {}", stored.stream);
            self.find("order", stored, text);
        }
        self.streams.insert(stored.stream.clone(), (stored.version, stored.effective_at));
    }

    fn check_number(&mut self, recorded: &Recorded) {
        let start_month = self.book.financial_year_start_month();
        let expected = self.numbers.assign(&recorded.event, recorded.posting_on, start_month);
        if expected != recorded.number {
            let (position, number) = (recorded.position, &recorded.number);
            let text = format!("the number is {number:?}, the series goes on with {expected:?}");
            self.findings.push(Finding::at("numbers", position, text));
        }
    }

    /// The accounting day is that of the event's instant or, where that is closed, the first open
    /// one.
    fn check_posting_day(&mut self, recorded: &Recorded) {
        // What is missing may have been the book's opening, or a period's end.
        let expected = self.book.posting_day(recorded.effective_at);
        if self.whole && recorded.posting_on != expected {
            let (position, day) = (recorded.position, recorded.posting_on);
            let text = format!("it is posted on {day}, where {expected} was the day");
            self.findings.push(Finding::at("posting_day", position, text));
        }
        if let Event::Book(event) = &recorded.event {
            self.book.evolve(event, recorded);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    fn rows() -> Vec<(Stored, Hash)> {
        let given = given_subscribed("pro").and(change_plan("starter")).and(refund(None));
        let row = |recorded: &Recorded| {
            let stored = recorded.to_stored();
            let leaf = stored.leaf(Uuid::nil());
            (stored, leaf)
        };
        given.events().iter().map(row).collect()
    }

    fn audit(rows: &[(Stored, Hash)]) -> Audit {
        let mut audit = Audit::new(Uuid::nil());
        for (stored, leaf) in rows {
            audit.read(stored, leaf);
        }
        audit
    }

    fn claim(rows: &[(Stored, Hash)]) -> Claim {
        let audit = audit(rows);
        Claim { position: audit.last_position, frontier: audit.frontier, numbers: audit.numbers }
    }

    #[test]
    fn an_untouched_log_has_no_findings() {
        let rows = rows();
        let mut audit = audit(&rows);
        audit.finish(&claim(&rows));
        assert_eq!(audit.findings, []);
    }

    #[test]
    fn every_byte_of_every_stored_event_is_guarded() {
        let rows = rows();
        for (index, (stored, leaf)) in rows.iter().enumerate() {
            for byte in 0..stored.payload.len() {
                let mut bytes = stored.payload.clone().into_bytes();
                bytes[byte] ^= 1;
                let Ok(payload) = String::from_utf8(bytes) else { continue };
                let tampered = Stored { payload, ..stored.clone() };
                let mut audit = Audit::new(Uuid::nil());
                audit.check_hash(&tampered, leaf);
                let found: Vec<_> = audit.findings.iter().map(|f| (f.check, f.position)).collect();
                assert_eq!(found, [("hash", Some(stored.position))], "row {index}, byte {byte}");
            }
        }
    }

    #[test]
    fn every_other_column_is_guarded_too() {
        let (stored, leaf) = rows().pop().unwrap();
        let later = stored.recorded_at.plus_micros(1);
        let day = stored.posting_on.succ_opt().unwrap();
        let variants = [
            Stored { position: stored.position + 1, ..stored.clone() },
            Stored { stream: format!("{}0", stored.stream), ..stored.clone() },
            Stored { version: stored.version + 1, ..stored.clone() },
            Stored { type_name: "invoice.paid".into(), ..stored.clone() },
            Stored { schema_version: 2, ..stored.clone() },
            Stored { recorded_at: later, ..stored.clone() },
            Stored { effective_at: later, ..stored.clone() },
            Stored { posting_on: day, ..stored.clone() },
            Stored { number: Some("INV-2026-000009".into()), ..stored.clone() },
            Stored { origin: stored.origin.replace('{', "{ "), ..stored.clone() },
            Stored { payload: format!("{} ", stored.payload), ..stored.clone() },
        ];
        for tampered in variants {
            assert_ne!(tampered.leaf(Uuid::nil()), leaf, "{tampered:?}");
        }
    }

    #[test]
    fn a_row_that_is_gone_is_named() {
        let mut rows = rows();
        let claim = claim(&rows);
        rows.remove(4);
        let mut audit = audit(&rows);
        audit.finish(&claim);
        assert!(audit.findings.iter().any(|f| (f.check, f.position) == ("contiguity", Some(5))));
        assert!(audit.findings.iter().any(|f| f.check == "root"));
    }

    #[test]
    fn a_row_changed_together_with_its_leaf_changes_the_root() {
        let mut rows = rows();
        let claim = claim(&rows);
        rows[2].0.payload = rows[2].0.payload.replace("15.00", "16.00");
        rows[2].1 = rows[2].0.leaf(Uuid::nil());
        let mut audit = audit(&rows);
        audit.finish(&claim);
        let found: Vec<_> = audit.findings.iter().map(|finding| finding.check).collect();
        assert_eq!(found, ["root"]);
    }

    #[test]
    fn an_event_that_is_posted_to_another_day_than_its_own_is_named() {
        let mut rows = rows();
        let position = rows[7].0.position;
        rows[7].0.posting_on = rows[7].0.posting_on.pred_opt().unwrap();
        rows[7].1 = rows[7].0.leaf(Uuid::nil());
        let found = audit(&rows).findings;
        let found: Vec<_> = found.iter().map(|found| (found.check, found.position)).collect();
        assert_eq!(found, [("posting_day", Some(position))]);
    }

    #[test]
    fn a_tail_that_was_cut_off_is_missed_by_the_head() {
        let mut rows = rows();
        let claim = claim(&rows);
        rows.pop();
        let mut audit = audit(&rows);
        audit.finish(&claim);
        assert!(audit.findings.iter().any(|finding| finding.check == "contiguity"));
    }
}
