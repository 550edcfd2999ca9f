//! The books, reckoned anew from the rows of a snapshot, and held against each other.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono::NaiveDate;
use daybook_events::Currency;
use daybook_projections::{
    books::{ageing::Bucket, roll_forward::RollForward, trial_balance::TrialBalance},
    journal::{chart::CUSTOMER_CREDIT, entry::Entry},
};

use super::{Finding, journal::Entries, table::Row, ties};
use crate::snapshot::{
    MANIFEST,
    cells::{Cell, major},
    manifest::{Manifest, TieEntry},
    plain_text::Declarations,
    tables,
};

/// What the rows amount to so far.
pub(super) struct Books<'m> {
    manifest: &'m Manifest,
    table: &'static str,
    entries: Entries,
    // Where the log, or then the calendar, has come.
    position: Option<i64>,
    day: Option<NaiveDate>,
    declared: Declarations,
    trial_balance: TrialBalance,
    roll_forward: RollForward,
    // The rows that the journal makes of the table that is being read.
    made: Option<VecDeque<Vec<Cell>>>,
    sums: Sums,
}

/// The sums of columns by currency, in minor units.
#[derive(Debug, Default)]
pub(super) struct Sums(BTreeMap<(&'static str, &'static str), BTreeMap<Currency, i128>>);

impl Sums {
    fn add(&mut self, table: &'static str, column: &'static str, currency: Currency, minor: i128) {
        *self.0.entry((table, column)).or_default().entry(currency).or_default() += minor;
    }

    /// The sum of a table's column.
    pub(super) fn of(&self, table: &'static str, column: &'static str, currency: Currency) -> i128 {
        let sums = self.0.get(&(table, column));
        sums.and_then(|sums| sums.get(&currency)).copied().unwrap_or(0)
    }
}

/// The columns whose sums are held against others.
const SUMMED: &[(&str, &[&str])] = &[
    ("invoices", &["total", "credited", "due", "paid_by_payment", "paid_by_credit", "written_off"]),
    ("invoice_lines", &["net", "tax", "total"]),
    ("credit_notes", &["total", "reduces_due", "to_credit", "to_refund"]),
    ("receivables_ageing", &["due"]),
    ("deferred_revenue", &["deferred"]),
    ("deferred_revenue_months", &["amount"]),
    ("payments", &["amount", "fee", "fee_tax", "refunded", "deducted"]),
    ("refunds", &["sent", "unplaced"]),
];

impl<'m> Books<'m> {
    pub(super) fn new(manifest: &'m Manifest) -> Self {
        Self {
            manifest,
            table: "",
            entries: Entries::default(),
            position: None,
            day: None,
            declared: Declarations::default(),
            trial_balance: TrialBalance::default(),
            roll_forward: RollForward::default(),
            made: None,
            sums: Sums::default(),
        }
    }

    /// What the journals for other programs declare.
    pub(super) fn declared(&self) -> &Declarations {
        &self.declared
    }

    /// Begins a table: the journal first, of which others are made.
    pub(super) fn begin(&mut self, table: &'static str) {
        self.table = table;
        self.made = match table {
            "trial_balance" => {
                Some(self.trial_balance.rows().map(|row| tables::trial_balance(&row)).collect())
            }
            "revenue_roll_forward" => {
                Some(self.roll_forward.rows().iter().map(tables::roll_forward).collect())
            }
            _read => None,
        };
    }

    /// The table is read; what is wrong with the whole of it.
    pub(super) fn end(&mut self) -> Option<String> {
        let last = self.entries.last();
        let open = last.and_then(|entry| self.entry(&entry));
        let lacks = self.made.take().map_or(0, |made| made.len());
        open.or_else(|| {
            (lacks > 0).then(|| format!("it lacks {lacks} rows that the journal makes"))
        })
    }

    /// Reads a row; what is wrong with it.
    pub(super) fn row(&mut self, row: &Row<'_>) -> Option<String> {
        if let Some(name) = row.missing() {
            return Some(format!("`{name}` is missing"));
        }
        let Some(currency) = row.currency() else {
            return Some("`currency` is no currency".to_owned());
        };
        self.sum(currency, row);
        if let Some(made) = &mut self.made {
            let holds = made.pop_front().as_deref() == Some(row.cells);
            return (!holds).then(|| "the journal makes another row".to_owned());
        }
        match self.table {
            "journal" => self.posting(row),
            table => misfit(table, row, self.manifest.through).map(str::to_owned),
        }
    }

    fn sum(&mut self, currency: Currency, row: &Row<'_>) {
        let summed = SUMMED.iter().filter(|(name, _)| *name == self.table);
        for (table, column) in
            summed.flat_map(|(table, columns)| columns.iter().map(move |it| (table, it)))
        {
            self.sums.add(table, column, currency, row.amount(column).unwrap_or(0));
        }
    }

    fn posting(&mut self, row: &Row<'_>) -> Option<String> {
        let brought = self.entries.row(row);
        let unbalanced = brought.whole.and_then(|entry| self.entry(&entry));
        let order = if brought.begins { self.order(row) } else { None };
        unbalanced.or(brought.problem).or(order)
    }

    /// An entry is whole: does it balance?
    fn entry(&mut self, entry: &Entry) -> Option<String> {
        self.declared.see(entry);
        self.trial_balance.add(entry);
        self.roll_forward.add(entry);
        let mut sums = BTreeMap::<Currency, i128>::new();
        for posting in &entry.postings {
            let (currency, minor) = (posting.amount.currency(), posting.amount.minor());
            *sums.entry(currency).or_default() += minor;
            // No other file says what of a reported refund came out of credit.
            if entry.kind == "refund.reported" && posting.account == CUSTOMER_CREDIT {
                self.sums.add("journal", "refunded_from_credit", currency, minor);
            }
        }
        let (currency, sum) = sums.into_iter().find(|(_, sum)| *sum != 0)?;
        let number = entry.position.map_or(String::new(), |at| format!(" of position {at}"));
        Some(format!("the entry{number} does not balance: {} {currency}", major(sum, currency)))
    }

    /// Entries go in the order of the log, then those of recognition day by day; all within bounds.
    fn order(&mut self, row: &Row<'_>) -> Option<String> {
        let day: Option<NaiveDate> = row.text("posting_on").and_then(|day| day.parse().ok());
        let position = row.count("position");
        let late = day.is_none_or(|day| day > self.manifest.through);
        let beyond = position.is_some_and(|position| position > self.manifest.position);
        let backwards = match (self.position, position) {
            (Some(before), Some(position)) => position < before,
            (None, Some(_)) => self.day.is_some(),
            (_, None) => self.day > day,
        };
        self.position = position;
        if position.is_none() {
            self.day = day;
        }
        match () {
            () if late || beyond => Some("it lies beyond the bounds of the snapshot".to_owned()),
            () if backwards => Some("it is out of order".to_owned()),
            () => None,
        }
    }

    /// What does not tie.
    pub(super) fn finish(self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let own = self.sums.0.values().flat_map(|sums| sums.keys().copied());
        let currencies: BTreeSet<_> = self.trial_balance.currencies().chain(own).collect();
        for currency in currencies {
            let told = ties::told(&self.trial_balance, &self.sums, currency);
            findings.extend(told.iter().filter_map(|tie| self.untrue(tie)));
            for (file, what, one, other) in ties::of(&self.trial_balance, &self.sums, currency) {
                if one != other {
                    let (one, other) = (major(one, currency), major(other, currency));
                    let text = format!("{what}: {one} {currency} is not {other}");
                    findings.push(Finding::on(file, None, text));
                }
            }
        }
        findings
    }

    /// Whether the manifest keeps a tie to itself, or tells another.
    fn untrue(&self, tie: &TieEntry) -> Option<Finding> {
        let same = |said: &&TieEntry| said.tie == tie.tie && said.currency == tie.currency;
        let problem = match self.manifest.ties.iter().find(same) {
            Some(said) if said == tie => return None,
            Some(_) => format!("its tie {} in {} is not that of the files", tie.tie, tie.currency),
            None => format!("it lacks the tie {} in {}", tie.tie, tie.currency),
        };
        Some(Finding::on(MANIFEST, None, problem))
    }
}

/// What is wrong with a row by itself.
fn misfit(table: &str, row: &Row<'_>, through: NaiveDate) -> Option<&'static str> {
    let of = |name| row.amount(name).unwrap_or(0);
    let taxed = || of("net") + of("tax") == of("total");
    let (holds, otherwise) = match table {
        "invoices" | "invoice_lines" => (taxed(), "net and tax are not the total"),
        "credit_notes" if !taxed() => (false, "net and tax are not the total"),
        "credit_notes" => {
            let done = of("reduces_due") + of("to_credit") + of("to_refund");
            (done == of("total"), "what became of it is not its total")
        }
        "deferred_revenue" => {
            let parts = of("credited_unearned") + of("recognised") + of("deferred");
            (parts == of("net"), "what is billed is not what became of it")
        }
        "refunds" => {
            let whole = of("sent") == of("amount");
            let processed = row.text("status") == Some("processed");
            (whole == processed, "what was sent of it is not what its status says")
        }
        "receivables_ageing" => (aged(row, through), "it is not so old, or of another bucket"),
        _plain => (true, ""),
    };
    (!holds).then_some(otherwise)
}

/// Whether an invoice is overdue for as many days as are told, and in their bucket.
fn aged(row: &Row<'_>, through: NaiveDate) -> bool {
    let due_on: Option<NaiveDate> = row.text("due_on").and_then(|day| day.parse().ok());
    due_on.is_some_and(|due_on| {
        let (days, bucket) = Bucket::at(through, due_on);
        row.count("days_overdue") == Some(days)
            && row.cell("bucket") == Some(&tables::word(&bucket))
    })
}
