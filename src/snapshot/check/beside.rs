//! Rows that stand in two tables, in the same order: they say the same in both.

use std::path::Path;

use super::{
    Finding,
    table::{Lines, Row},
};
use crate::snapshot::{
    cells::{Cell, Column},
    tables::{DEFERRED_REVENUE, INVOICE_LINES, INVOICES, RECEIVABLES_AGEING},
};

/// A table whose rows are rows of another.
struct Beside {
    table: (&'static str, &'static [Column]),
    of: (&'static str, &'static [Column]),
    /// Which rows of the other table it has.
    has: fn(&Row<'_>) -> bool,
    /// The columns that say the same: its own, and the other's.
    same: &'static [(&'static str, &'static str)],
}

const BESIDE: [Beside; 2] = [
    Beside {
        table: ("receivables_ageing", RECEIVABLES_AGEING),
        of: ("invoices", INVOICES),
        has: |invoice| invoice.amount("due") != Some(0),
        same: &[
            ("currency", "currency"),
            ("invoice_number", "number"),
            ("invoice_id", "invoice_id"),
            ("account_id", "account_id"),
            ("issued_on", "posting_on"),
            ("due", "due"),
        ],
    },
    Beside {
        table: ("deferred_revenue", DEFERRED_REVENUE),
        of: ("invoice_lines", INVOICE_LINES),
        has: |_| true,
        same: &[
            ("currency", "currency"),
            ("invoice_number", "number"),
            ("invoice_id", "invoice_id"),
            ("line", "line"),
            ("description", "description"),
            ("net", "net"),
        ],
    },
];

/// What does not say the same, the first of each table. Rows that cannot be read were told before.
pub(super) fn check(dir: &Path) -> Vec<Finding> {
    BESIDE.iter().filter_map(|beside| beside.check(dir)).collect()
}

impl Beside {
    fn check(&self, dir: &Path) -> Option<Finding> {
        let mut rows = Lines::of(dir, self.table.0, self.table.1).ok()?;
        let others = Lines::of(dir, self.of.0, self.of.1).ok()?;
        let has = |cells: &Vec<Cell>| (self.has)(&Row { columns: self.of.1, cells });
        let mut others = others.map_while(Result::ok).filter(has);
        loop {
            match (rows.next().transpose().ok()?, others.next()) {
                (None, None) => return None,
                (Some(cells), Some(other)) if self.agree(&cells, &other) => {}
                (Some(_), _) => {
                    let text = format!("it is not the row of {}.jsonl that comes next", self.of.0);
                    return Some(rows.bad(text));
                }
                (None, Some(_)) => {
                    let text = format!("it lacks rows of {}.jsonl", self.of.0);
                    return Some(Finding::on(&format!("{}.jsonl", self.table.0), None, text));
                }
            }
        }
    }

    fn agree(&self, cells: &[Cell], other: &[Cell]) -> bool {
        let row = Row { columns: self.table.1, cells };
        let other = Row { columns: self.of.1, cells: other };
        self.same.iter().all(|(own, others)| row.cell(own) == other.cell(others))
    }
}
