//! Do the books tie out? What must be equal in them, per currency, and what is not.
//!
//! Fed with what a snapshot holds: every row of the journal, its entries and those of recognition,
//! and the totals of invoices and credit notes.

use std::collections::{BTreeMap, BTreeSet};

use daybook_events::{Currency, money::MoneyError};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    ageing::{Ageing, receivable},
    decimal,
    deferred::Deferred,
    trial_balance::TrialBalance,
};
use crate::journal::{
    Bounds, JournalRow,
    chart::{CORRECTIONS, DEFERRED_REVENUE, RECEIVABLE, REFUNDS, REVENUE, TAX_PAYABLE},
    entry::Entry,
    recognition::Recognition,
};

/// Two sums that must be equal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Tie {
    /// What is compared, such as `trial_balance_is_zero`.
    pub tie: &'static str,
    /// Which currency.
    pub currency: Currency,
    /// What the books say.
    #[schemars(with = "String")]
    pub books: Decimal,
    /// What it must be.
    #[schemars(with = "String")]
    pub expected: Decimal,
}

impl Tie {
    /// Whether it holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.books == self.expected
    }
}

/// What documents come to, in minor units: the sums that the books are compared with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Documents {
    /// The totals of invoices, with tax.
    pub invoiced: i128,
    /// The totals of credit notes, with tax.
    pub credited: i128,
}

/// Everything read, and summed.
#[derive(Debug, Clone)]
pub struct Tied {
    /// Every tie of every currency.
    pub ties: Vec<Tie>,
    /// The trial balance from which they are reckoned.
    pub trial_balance: TrialBalance,
}

/// The sums that must tie.
#[derive(Debug, Clone)]
pub struct Ties {
    bounds: Bounds,
    trial_balance: TrialBalance,
    recognition: Recognition,
    ageing: Ageing,
    deferred: Deferred,
    documents: BTreeMap<Currency, Documents>,
    unbalanced: BTreeMap<Currency, i128>,
}

impl Ties {
    /// Nothing read yet, within bounds.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            trial_balance: TrialBalance::default(),
            recognition: Recognition::new(bounds),
            ageing: Ageing::default(),
            deferred: Deferred::default(),
            documents: BTreeMap::new(),
            unbalanced: BTreeMap::new(),
        }
    }

    /// Reads a row of the journal: its entries and its schedules within the bounds.
    ///
    /// # Errors
    /// Never for a schedule that holds together.
    pub fn row(&mut self, row: &JournalRow) -> Result<(), MoneyError> {
        let bounds = self.bounds;
        row.entries_within(&bounds).for_each(|entry| self.entry(entry));
        self.recognition.add(row);
        if let Some(due) = receivable(row, &bounds) {
            self.ageing.add(&due);
        }
        row.lines().iter().try_for_each(|line| self.deferred.add(line, &bounds))
    }

    fn entry(&mut self, entry: &Entry) {
        self.trial_balance.add(entry);
        let mut sums = BTreeMap::<Currency, i128>::new();
        for posting in &entry.postings {
            *sums.entry(posting.amount.currency()).or_default() += posting.amount.minor();
        }
        for (currency, sum) in sums {
            *self.unbalanced.entry(currency).or_default() += i128::from(sum != 0);
        }
    }

    /// Adds what documents of a currency come to.
    pub fn documents(&mut self, currency: Currency, documents: Documents) {
        let sums = self.documents.entry(currency).or_default();
        sums.invoiced += documents.invoiced;
        sums.credited += documents.credited;
    }

    /// What the rows that were read earn, day by day.
    #[must_use]
    pub fn recognition(&self) -> &Recognition {
        &self.recognition
    }

    /// Every tie of every currency, and the trial balance: the rows' entries and those of
    /// recognition.
    ///
    /// # Errors
    /// Where a day's revenue is beyond the bound of money.
    pub fn finish(mut self) -> Result<Tied, MoneyError> {
        let recognition = self.recognition.clone();
        for entry in recognition.entries() {
            self.entry(&entry?);
        }
        let currencies: BTreeSet<_> =
            self.trial_balance.currencies().chain(self.documents.keys().copied()).collect();
        let ties = currencies.into_iter().flat_map(|currency| self.of(currency)).collect();
        Ok(Tied { ties, trial_balance: self.trial_balance })
    }

    fn of(&self, currency: Currency) -> [Tie; 5] {
        let balance = |path| self.trial_balance.balance(currency, path);
        let tie = |tie, books: i128, expected: i128| {
            let (books, expected) = (decimal(books, currency), decimal(expected, currency));
            Tie { tie, currency, books, expected }
        };
        let unbalanced = self.unbalanced.get(&currency).copied().unwrap_or(0);
        let documents = self.documents.get(&currency).copied().unwrap_or_default();
        let income = [REVENUE, REFUNDS, CORRECTIONS, DEFERRED_REVENUE, TAX_PAYABLE].map(balance);
        let receivable = decimal(balance(RECEIVABLE), currency);
        [
            tie("entries_balance", unbalanced, 0),
            tie("trial_balance_is_zero", self.trial_balance.difference(currency), 0),
            tie(
                "revenue_deferred_and_tax_are_the_documents",
                -income.iter().sum::<i128>(),
                documents.invoiced - documents.credited,
            ),
            Tie {
                tie: "ageing_is_receivable",
                currency,
                books: receivable,
                expected: self.ageing.total(currency),
            },
            tie(
                "schedule_is_deferred_revenue",
                -balance(DEFERRED_REVENUE),
                self.deferred.total(currency),
            ),
        ]
    }
}
