//! The trial balance: what each account was debited and credited, per currency. The balances of a
//! currency add up to nothing.

use std::collections::BTreeMap;

use daybook_events::Currency;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::Serialize;

use super::decimal;
use crate::journal::{
    chart::{AccountType, account_of},
    entry::Entry,
};

/// An account's line of the trial balance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TrialBalanceRow {
    /// Which currency.
    pub currency: Currency,
    /// The account's path.
    pub account: String,
    /// What the account is; `null` for one that the chart does not have.
    #[serde(rename = "type")]
    pub kind: Option<AccountType>,
    /// The sum of its debits.
    #[schemars(with = "String")]
    pub debit: Decimal,
    /// The sum of its credits, as a positive number.
    #[schemars(with = "String")]
    pub credit: Decimal,
    /// Debits less credits.
    #[schemars(with = "String")]
    pub balance: Decimal,
}

/// Debits and credits, in minor units, both positive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sides {
    debit: i128,
    credit: i128,
}

/// Sums postings by currency and account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrialBalance {
    // Twice keyed, so that an account that is known costs no copy of its name.
    by_currency: BTreeMap<Currency, BTreeMap<String, Sides>>,
}

impl TrialBalance {
    /// Adds an entry's postings.
    pub fn add(&mut self, entry: &Entry) {
        for posting in &entry.postings {
            let accounts = self.by_currency.entry(posting.amount.currency()).or_default();
            if !accounts.contains_key(&posting.account) {
                accounts.insert(posting.account.clone(), Sides::default());
            }
            if let Some(sides) = accounts.get_mut(&posting.account) {
                let minor = posting.amount.minor();
                sides.debit += minor.max(0);
                sides.credit += (-minor).max(0);
            }
        }
    }

    /// Its currencies.
    pub fn currencies(&self) -> impl Iterator<Item = Currency> {
        self.by_currency.keys().copied()
    }

    /// The sum of every balance of a currency, in minor units: nothing, where the books are in
    /// balance.
    #[must_use]
    pub fn difference(&self, currency: Currency) -> i128 {
        self.balance(currency, "")
    }

    /// The balance of an account and all below it, in minor units; of all accounts for `""`.
    #[must_use]
    pub fn balance(&self, currency: Currency, path: &str) -> i128 {
        let Some(accounts) = self.by_currency.get(&currency) else { return 0 };
        let below = |account: &str| {
            let rest = account.strip_prefix(path);
            path.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
        };
        let counted = accounts.iter().filter(|(account, _)| below(account));
        counted.map(|(_, sides)| sides.debit - sides.credit).sum()
    }

    /// The lines, by currency and account.
    pub fn rows(&self) -> impl Iterator<Item = TrialBalanceRow> {
        self.by_currency.iter().flat_map(|(currency, accounts)| {
            accounts.iter().map(|(account, sides)| TrialBalanceRow {
                currency: *currency,
                account: account.clone(),
                kind: account_of(account).map(|it| it.kind),
                debit: decimal(sides.debit, *currency),
                credit: decimal(sides.credit, *currency),
                balance: decimal(sides.debit - sides.credit, *currency),
            })
        })
    }
}
