//! The chart of accounts: every account that the journal posts to, what it is, and what it is for.
//!
//! It is one table. Sub-accounts (a processor's clearing account, a tax of a jurisdiction) are made
//! by [`under`], whose segments every tool reads that the books are written for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an account is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum AccountType {
    /// What is owned or owed to the seller.
    Asset,
    /// What the seller owes.
    Liability,
    /// What is the owner's.
    Equity,
    /// What was earned.
    Income,
    /// What it cost.
    Expense,
}

/// An account of the chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ChartAccount {
    /// Its path; sub-accounts lie below it where `parted` says so.
    pub path: &'static str,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: AccountType,
    /// What it is parted by, such as the processor; `null` where nothing lies below it.
    pub parted: Option<&'static str>,
    /// What it is for.
    pub purpose: &'static str,
}

/// Due on invoices.
pub const RECEIVABLE: &str = "assets:Receivable";
/// What a processor holds for the seller.
pub const CLEARING: &str = "assets:Clearing";
/// Tax that processors charged on their fees.
pub const INPUT_TAX: &str = "assets:InputTax";
/// Billed and not earned yet.
pub const DEFERRED_REVENUE: &str = "liabilities:DeferredRevenue";
/// Charged for tax offices.
pub const TAX_PAYABLE: &str = "liabilities:TaxPayable";
/// Account credit.
pub const CUSTOMER_CREDIT: &str = "liabilities:CustomerCredit";
/// Payments that no invoice has taken yet.
pub const UNAPPLIED_PAYMENTS: &str = "liabilities:UnappliedPayments";
/// To be sent back to customers.
pub const REFUNDS_PAYABLE: &str = "liabilities:RefundsPayable";
/// Earned.
pub const REVENUE: &str = "income:Revenue";
/// Earned, and given back by a refund.
pub const REFUNDS: &str = "income:ContraRevenue:Refunds";
/// Earned, and taken off an invoice.
pub const CORRECTIONS: &str = "income:ContraRevenue:Corrections";
/// Credit that was given.
pub const GOODWILL: &str = "income:ContraRevenue:Goodwill";
/// The tax inside our price that a merchant of record keeps.
pub const MERCHANT_TAX: &str = "income:ContraRevenue:MerchantTax";
/// What processors keep for their service.
pub const PROCESSOR_FEES: &str = "expenses:ProcessorFees";
/// What disputes took.
pub const CHARGEBACKS: &str = "expenses:Chargebacks";
/// Receivables that were given up.
pub const BAD_DEBT: &str = "expenses:BadDebt";
/// Money that went back without a place to take it from.
pub const UNPLACED_REFUNDS: &str = "expenses:UnplacedRefunds";

const fn account(
    path: &'static str,
    kind: AccountType,
    parted: Option<&'static str>,
    purpose: &'static str,
) -> ChartAccount {
    ChartAccount { path, kind, parted, purpose }
}

/// Every account, in the order in which books list them.
pub const CHART: [ChartAccount; 17] = {
    use AccountType::{Asset, Expense, Income, Liability};
    [
        account(RECEIVABLE, Asset, None, "what is due on invoices, with tax"),
        account(CLEARING, Asset, Some("processor"), "what a processor took and holds for us"),
        account(INPUT_TAX, Asset, None, "tax on processors' fees"),
        account(DEFERRED_REVENUE, Liability, None, "billed without tax, not earned yet"),
        account(TAX_PAYABLE, Liability, Some("jurisdiction and tax"), "tax on invoices, to remit"),
        account(CUSTOMER_CREDIT, Liability, None, "account credit that invoices will use"),
        account(UNAPPLIED_PAYMENTS, Liability, None, "paid, not put to an invoice or credit yet"),
        account(
            REFUNDS_PAYABLE,
            Liability,
            None,
            "owed to customers by credit notes, not sent yet",
        ),
        account(REVENUE, Income, None, "earned, day by day of the service"),
        account(REFUNDS, Income, None, "earned and given back by a refund"),
        account(CORRECTIONS, Income, None, "earned and taken off by any other credit note"),
        account(GOODWILL, Income, None, "credit given by hand"),
        account(MERCHANT_TAX, Income, None, "tax inside our price that a merchant of record keeps"),
        account(
            PROCESSOR_FEES,
            Expense,
            None,
            "what processors keep for their service, without tax",
        ),
        account(CHARGEBACKS, Expense, None, "what disputes took back"),
        account(BAD_DEBT, Expense, None, "written off"),
        account(UNPLACED_REFUNDS, Expense, None, "sent back by a processor, taken from nothing"),
    ]
};

/// The chart's account that a path is or lies below.
#[must_use]
pub fn account_of(path: &str) -> Option<&'static ChartAccount> {
    CHART.iter().find(|account| {
        let below = path.strip_prefix(account.path).and_then(|rest| rest.strip_prefix(':'));
        path == account.path || (account.parted.is_some() && below.is_some())
    })
}

/// A sub-account. Each part becomes one segment: letters and digits stay, all else is a hyphen, and
/// it begins with a capital or a digit, as beancount wants it.
#[must_use]
pub fn under<'p>(path: &str, parts: impl IntoIterator<Item = &'p str>) -> String {
    let mut whole = path.to_owned();
    for part in parts {
        whole.push(':');
        whole.push_str(&segment(part));
    }
    whole
}

/// The longest segment, in characters.
const LONGEST: usize = 40;

fn segment(part: &str) -> String {
    let safe = |c: char| if c.is_alphanumeric() { c } else { '-' };
    let plain: String = part.chars().take(LONGEST).map(safe).collect();
    let plain = plain.trim_matches('-');
    let mut letters = plain.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => "Other".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sub_account_is_made_of_safe_segments() {
        assert_eq!(under(TAX_PAYABLE, ["IN", "27", "CGST"]), "liabilities:TaxPayable:IN:27:CGST");
        assert_eq!(under(CLEARING, ["razorpay"]), "assets:Clearing:Razorpay");
        assert_eq!(under(CLEARING, ["a b;c:d\n|é"]), "assets:Clearing:A-b-c-d--é");
        assert_eq!(under(CLEARING, [""]), "assets:Clearing:Other");
        assert_eq!(under(CLEARING, [" =!"]), "assets:Clearing:Other");
        let long = under(CLEARING, ["x".repeat(500).as_str()]);
        assert_eq!(long.chars().count(), CLEARING.len() + 1 + LONGEST);
    }

    #[test]
    fn every_path_is_of_one_account_of_the_chart() {
        for account in CHART {
            assert_eq!(account_of(account.path).map(|it| it.path), Some(account.path));
            let roots = ["assets", "liabilities", "equity", "income", "expenses"];
            let root = roots.map(|root| account.path.starts_with(&format!("{root}:")));
            let kinds = {
                use AccountType::{Asset, Equity, Expense, Income, Liability};
                [Asset, Liability, Equity, Income, Expense].map(|kind| kind == account.kind)
            };
            assert_eq!(root, kinds, "{}", account.path);
        }
        assert_eq!(account_of("assets:Clearing:Razorpay").map(|it| it.path), Some(CLEARING));
        assert_eq!(account_of("assets:Receivable:Ada"), None);
        assert_eq!(account_of("assets:Clearings"), None);
    }
}
