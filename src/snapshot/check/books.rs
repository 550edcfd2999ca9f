//! The books, reckoned anew from the rows of a snapshot, and held against each other.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use daybook_events::Currency;
use daybook_projections::journal::chart::{
    CORRECTIONS, DEFERRED_REVENUE, RECEIVABLE, REFUNDS, REVENUE, TAX_PAYABLE,
};

use super::{Finding, table::Row};
use crate::snapshot::{MANIFEST, cells::major, manifest::Manifest};

/// The sums of a column by currency.
type ByCurrency = BTreeMap<Currency, i128>;

/// What the rows amount to so far.
pub(super) struct Books<'m> {
    manifest: &'m Manifest,
    entry: Entry,
    accounts: BTreeMap<(Currency, String), Sides>,
    sums: BTreeMap<(&'static str, &'static str), ByCurrency>,
    closing: ByCurrency,
    in_trial_balance: usize,
    // Of the trial balance.
    currencies: BTreeSet<Currency>,
}

/// Debits and credits, both positive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sides {
    debit: i128,
    credit: i128,
}

/// The entry whose postings are being read.
#[derive(Debug, Default)]
struct Entry {
    number: i64,
    sums: ByCurrency,
    // Where the log, or then the calendar, has come.
    position: Option<i64>,
    day: Option<NaiveDate>,
}

/// The sums that are held against each other.
const SUMMED: &[(&str, &[&str])] = &[
    ("invoices", &["net", "tax", "total", "credited", "due"]),
    ("invoice_lines", &["net", "tax", "total"]),
    ("credit_notes", &["total"]),
    ("receivables_ageing", &["due"]),
    ("deferred_revenue", &["deferred"]),
    ("deferred_revenue_months", &["amount"]),
];

/// The ties that a manifest has of every currency.
const TIES: [&str; 5] = [
    "entries_balance",
    "trial_balance_is_zero",
    "revenue_deferred_and_tax_are_the_documents",
    "ageing_is_receivable",
    "schedule_is_deferred_revenue",
];

impl<'m> Books<'m> {
    pub(super) fn new(manifest: &'m Manifest) -> Self {
        Self {
            manifest,
            entry: Entry::default(),
            accounts: BTreeMap::new(),
            sums: BTreeMap::new(),
            closing: ByCurrency::new(),
            in_trial_balance: 0,
            currencies: BTreeSet::new(),
        }
    }

    /// Reads a row; what is wrong with it.
    pub(super) fn row(&mut self, table: &'static str, row: &Row<'_>) -> Option<String> {
        if let Some(name) = row.missing() {
            return Some(format!("`{name}` is missing"));
        }
        let Some(currency) = row.currency() else {
            return Some("`currency` is no currency".to_owned());
        };
        for (_, columns) in SUMMED.iter().filter(|(name, _)| *name == table) {
            for column in *columns {
                let sums = self.sums.entry((table, column)).or_default();
                *sums.entry(currency).or_default() += row.amount(column).unwrap_or(0);
            }
        }
        match table {
            "journal" => self.posting(currency, row),
            "trial_balance" => self.account(currency, row),
            "revenue_roll_forward" => self.month(currency, row),
            "deferred_revenue" => {
                let of = |name| row.amount(name).unwrap_or(0);
                let parts = of("credited_unearned") + of("recognised") + of("deferred");
                let holds = of("net") == parts;
                (!holds).then(|| "what is billed is not what became of it".to_owned())
            }
            _plain => None,
        }
    }

    fn posting(&mut self, currency: Currency, row: &Row<'_>) -> Option<String> {
        let number = row.count("entry")?;
        let mut problem = None;
        if number != self.entry.number {
            problem = self.close_entry();
            if number != self.entry.number + 1 {
                problem = Some(format!("entry {number} follows entry {}", self.entry.number));
            }
            self.entry.number = number;
            problem = problem.or_else(|| self.order(row));
        }
        let amount = row.amount("amount").unwrap_or(0);
        *self.entry.sums.entry(currency).or_default() += amount;
        let account = row.text("account").unwrap_or_default().to_owned();
        let sides = self.accounts.entry((currency, account)).or_default();
        sides.debit += amount.max(0);
        sides.credit += (-amount).max(0);
        problem
    }

    /// The entry before is whole: does it balance?
    fn close_entry(&mut self) -> Option<String> {
        let number = self.entry.number;
        let sums = std::mem::take(&mut self.entry.sums);
        let (currency, sum) = sums.into_iter().find(|(_, sum)| *sum != 0)?;
        Some(format!("entry {number} does not balance: {} {currency}", major(sum, currency)))
    }

    /// Entries go in the order of the log, then those of recognition day by day; all within bounds.
    fn order(&mut self, row: &Row<'_>) -> Option<String> {
        let day: Option<NaiveDate> = row.text("posting_on").and_then(|day| day.parse().ok());
        let position = row.count("position");
        let late = day.is_none_or(|day| day > self.manifest.through);
        let beyond = position.is_some_and(|position| position > self.manifest.position);
        let backwards = match (self.entry.position, position) {
            (Some(before), Some(position)) => position < before,
            (None, Some(_)) => self.entry.day.is_some(),
            (_, None) => self.entry.day > day,
        };
        self.entry.position = position;
        if position.is_none() {
            self.entry.day = day;
        }
        match () {
            () if late || beyond => Some("it lies beyond the bounds of the snapshot".to_owned()),
            () if backwards => Some("it is out of order".to_owned()),
            () => None,
        }
    }

    /// A row of the trial balance is what the journal posts.
    fn account(&mut self, currency: Currency, row: &Row<'_>) -> Option<String> {
        self.in_trial_balance += 1;
        self.currencies.insert(currency);
        let account = row.text("account").unwrap_or_default().to_owned();
        let posted = self.accounts.get(&(currency, account)).copied().unwrap_or_default();
        let of = |name| row.amount(name).unwrap_or(0);
        let said = Sides { debit: of("debit"), credit: of("credit") };
        let holds = said == posted && of("balance") == posted.debit - posted.credit;
        (!holds).then(|| "the journal posts something else to this account".to_owned())
    }

    /// A month goes on from the one before.
    fn month(&mut self, currency: Currency, row: &Row<'_>) -> Option<String> {
        let of = |name| row.amount(name).unwrap_or(0);
        let opening = self.closing.insert(currency, of("closing_deferred")).unwrap_or(0);
        let moved = of("billed") - of("credited_unearned") - of("recognised");
        let holds = of("opening_deferred") == opening && of("closing_deferred") == opening + moved;
        (!holds).then(|| "its balances do not follow from the month before".to_owned())
    }

    fn balance(&self, currency: Currency, path: &str) -> i128 {
        let below = |account: &str| {
            let rest = account.strip_prefix(path);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
        };
        let own =
            self.accounts.iter().filter(|((own, account), _)| *own == currency && below(account));
        own.map(|(_, sides)| sides.debit - sides.credit).sum()
    }

    fn sum(&self, table: &'static str, column: &'static str, currency: Currency) -> i128 {
        let sums = self.sums.get(&(table, column));
        sums.and_then(|sums| sums.get(&currency)).copied().unwrap_or(0)
    }

    /// What does not tie.
    pub(super) fn finish(mut self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut found = |file: &str, problem: String| {
            findings.push(Finding { file: file.to_owned(), line: None, problem });
        };
        if let Some(problem) = self.close_entry() {
            found("journal.jsonl", problem);
        }
        if self.in_trial_balance != self.accounts.len() {
            found("trial_balance.jsonl", "it has not every account of the journal".to_owned());
        }
        for (tie, currency) in self.untold() {
            found(MANIFEST, format!("it lacks the tie {tie} in {currency}"));
        }
        let mut currencies: Vec<Currency> =
            self.accounts.keys().map(|(currency, _)| *currency).collect();
        currencies.extend(self.sums.values().flat_map(|sums| sums.keys().copied()));
        currencies.sort_unstable();
        currencies.dedup();
        for currency in currencies {
            for (file, what, one, other) in self.ties(currency) {
                if one != other {
                    let (one, other) = (major(one, currency), major(other, currency));
                    found(file, format!("{what}: {one} {currency} is not {other}"));
                }
            }
        }
        findings
    }

    /// The ties that the manifest keeps to itself.
    fn untold(&self) -> Vec<(&'static str, Currency)> {
        let mut untold = Vec::new();
        for currency in &self.currencies {
            let (said, code) = (&self.manifest.ties, currency.to_string());
            let tells = |name: &str| said.iter().any(|tie| tie.tie == name && tie.currency == code);
            let lacks = TIES.into_iter().filter(|name| !tells(name));
            untold.extend(lacks.map(|name| (name, *currency)));
        }
        untold
    }

    /// The sums that must be equal.
    fn ties(&self, currency: Currency) -> [(&'static str, &'static str, i128, i128); 9] {
        let sum = |table, column| self.sum(table, column, currency);
        let all: i128 = {
            let own = self.accounts.iter().filter(|((own, _), _)| *own == currency);
            own.map(|(_, sides)| sides.debit - sides.credit).sum()
        };
        let earned = [REVENUE, REFUNDS, CORRECTIONS, DEFERRED_REVENUE, TAX_PAYABLE];
        let earned: i128 = earned.iter().map(|path| self.balance(currency, path)).sum();
        let deferred = -self.balance(currency, DEFERRED_REVENUE);
        let receivable = self.balance(currency, RECEIVABLE);
        let documents = sum("invoices", "total") - sum("credit_notes", "total");
        [
            ("trial_balance.jsonl", "the balances add up", all, 0),
            (
                "invoices.jsonl",
                "revenue, deferred revenue and tax are the documents",
                -earned,
                documents,
            ),
            (
                "receivables_ageing.jsonl",
                "the ageing is what is receivable",
                sum("receivables_ageing", "due"),
                receivable,
            ),
            (
                "invoices.jsonl",
                "what is due on invoices is what is receivable",
                sum("invoices", "due"),
                receivable,
            ),
            (
                "deferred_revenue.jsonl",
                "the schedule is deferred revenue",
                sum("deferred_revenue", "deferred"),
                deferred,
            ),
            (
                "deferred_revenue_months.jsonl",
                "the months are deferred revenue",
                sum("deferred_revenue_months", "amount"),
                deferred,
            ),
            (
                "revenue_roll_forward.jsonl",
                "the last month closes with deferred revenue",
                self.closing.get(&currency).copied().unwrap_or(0),
                deferred,
            ),
            (
                "invoice_lines.jsonl",
                "the lines are the invoices",
                sum("invoice_lines", "total"),
                sum("invoices", "total"),
            ),
            (
                "credit_notes.jsonl",
                "the credit notes are what invoices were credited",
                sum("credit_notes", "total"),
                sum("invoices", "credited"),
            ),
        ]
    }
}
