//! The sums that must be equal, per currency: balances of accounts, and columns of tables.

use daybook_events::Currency;
use daybook_projections::{
    books::trial_balance::TrialBalance,
    journal::chart::{
        BAD_DEBT, CHARGEBACKS, CLEARING, CORRECTIONS, CUSTOMER_CREDIT, DEFERRED_REVENUE, GOODWILL,
        INPUT_TAX, MERCHANT_TAX, PROCESSOR_FEES, RECEIVABLE, REFUNDS, REFUNDS_PAYABLE, REVENUE,
        TAX_PAYABLE, UNAPPLIED_PAYMENTS, UNPLACED_REFUNDS,
    },
};

use super::books::Sums;
use crate::snapshot::{cells::major, manifest::TieEntry};

/// Two sums that must be equal: in which file one stands, what is compared, and both.
type Pair = (&'static str, &'static str, i128, i128);

/// What the journal posts and the tables add up to, in one currency.
struct Totals<'t> {
    posted: &'t TrialBalance,
    sums: &'t Sums,
    currency: Currency,
}

impl Totals<'_> {
    /// What is debited to accounts and all below them, less what is credited.
    fn debit<const N: usize>(&self, accounts: [&str; N]) -> i128 {
        accounts.iter().map(|account| self.posted.balance(self.currency, account)).sum()
    }

    fn credit<const N: usize>(&self, accounts: [&str; N]) -> i128 {
        -self.debit(accounts)
    }

    fn sum(&self, table: &'static str, column: &'static str) -> i128 {
        self.sums.of(table, column, self.currency)
    }

    fn less<const N: usize>(
        &self,
        table: &'static str,
        from: &'static str,
        columns: [&'static str; N],
    ) -> i128 {
        columns.iter().fold(self.sum(table, from), |sum, column| sum - self.sum(table, column))
    }

    fn documents(&self) -> i128 {
        self.sum("invoices", "total") - self.sum("credit_notes", "total")
    }

    fn earned(&self) -> i128 {
        self.credit([REVENUE, REFUNDS, CORRECTIONS, DEFERRED_REVENUE, TAX_PAYABLE])
    }
}

/// The ties that a manifest tells of a currency, as the files have them.
pub(super) fn told(posted: &TrialBalance, sums: &Sums, currency: Currency) -> Vec<TieEntry> {
    let totals = Totals { posted, sums, currency };
    let told = |(tie, books, expected): (&str, i128, i128)| TieEntry {
        tie: tie.to_owned(),
        currency: currency.to_string(),
        books: major(books, currency),
        expected: major(expected, currency),
    };
    let ties = [
        ("entries_balance", 0, 0),
        ("trial_balance_is_zero", posted.difference(currency), 0),
        ("revenue_deferred_and_tax_are_the_documents", totals.earned(), totals.documents()),
        (
            "ageing_is_receivable",
            totals.debit([RECEIVABLE]),
            totals.sum("receivables_ageing", "due"),
        ),
        (
            "schedule_is_deferred_revenue",
            totals.credit([DEFERRED_REVENUE]),
            totals.sum("deferred_revenue", "deferred"),
        ),
    ];
    ties.into_iter().map(told).collect()
}

/// Everything that must be equal in a currency.
pub(super) fn of(posted: &TrialBalance, sums: &Sums, currency: Currency) -> Vec<Pair> {
    let totals = Totals { posted, sums, currency };
    [documents(&totals), revenue(&totals), money(&totals), owed(&totals)].concat()
}

/// Invoices and credit notes, and what is due on them.
fn documents(totals: &Totals<'_>) -> Vec<Pair> {
    let (sum, receivable) = (|table, column| totals.sum(table, column), totals.debit([RECEIVABLE]));
    let settled = ["paid_by_payment", "paid_by_credit", "written_off"];
    let unsettled = totals.less("invoices", "total", settled) - sum("credit_notes", "reduces_due");
    vec![
        ("trial_balance.jsonl", "the balances add up", totals.debit([""]), 0),
        (
            "invoices.jsonl",
            "revenue, deferred revenue and tax are the documents",
            totals.earned(),
            totals.documents(),
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
            "invoices.jsonl",
            "what is due is what nothing has settled",
            sum("invoices", "due"),
            unsettled,
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
        (
            "invoices.jsonl",
            "what is written off is bad debt",
            sum("invoices", "written_off"),
            totals.debit([BAD_DEBT]),
        ),
    ]
}

/// Deferred revenue.
fn revenue(totals: &Totals<'_>) -> Vec<Pair> {
    let deferred = totals.credit([DEFERRED_REVENUE]);
    vec![
        (
            "deferred_revenue.jsonl",
            "the schedule is deferred revenue",
            totals.sum("deferred_revenue", "deferred"),
            deferred,
        ),
        (
            "deferred_revenue_months.jsonl",
            "the months are deferred revenue",
            totals.sum("deferred_revenue_months", "amount"),
            deferred,
        ),
    ]
}

/// Payments, and what was kept of them or went back.
fn money(totals: &Totals<'_>) -> Vec<Pair> {
    let sum = |table, column| totals.sum(table, column);
    vec![
        (
            "payments.jsonl",
            "payments less fees, refunds and disputes are what processors hold",
            totals.less("payments", "amount", ["fee", "fee_tax", "refunded", "deducted"]),
            // What a merchant of record keeps of a payment was never held for us.
            totals.debit([CLEARING, MERCHANT_TAX]),
        ),
        (
            "payments.jsonl",
            "fees are what processors kept",
            sum("payments", "fee"),
            totals.debit([PROCESSOR_FEES]),
        ),
        (
            "payments.jsonl",
            "the tax on fees is input tax",
            sum("payments", "fee_tax"),
            totals.debit([INPUT_TAX]),
        ),
        (
            "payments.jsonl",
            "what disputes took is charged back",
            sum("payments", "deducted"),
            totals.debit([CHARGEBACKS]),
        ),
        (
            "refunds.jsonl",
            "the refunds that were sent are what payments were refunded",
            sum("refunds", "sent"),
            sum("payments", "refunded"),
        ),
        (
            "refunds.jsonl",
            "what could be taken from nothing is unplaced",
            sum("refunds", "unplaced"),
            totals.debit([UNPLACED_REFUNDS]),
        ),
    ]
}

/// What is owed to customers.
fn owed(totals: &Totals<'_>) -> Vec<Pair> {
    let sum = |table, column| totals.sum(table, column);
    let from_credit = sum("journal", "refunded_from_credit");
    let sent = totals.less("refunds", "sent", ["unplaced"]) - from_credit;
    let given = sum("credit_notes", "to_credit") + totals.debit([GOODWILL]);
    let used = sum("invoices", "paid_by_payment") + sum("invoices", "paid_by_credit") + from_credit;
    vec![
        (
            "credit_notes.jsonl",
            "what credit notes refund, less what was sent, is to be sent",
            sum("credit_notes", "to_refund") - sent,
            totals.credit([REFUNDS_PAYABLE]),
        ),
        (
            "payments.jsonl",
            "payments and credit, less what invoices used, are credit",
            sum("payments", "amount") + given - used,
            totals.credit([CUSTOMER_CREDIT, UNAPPLIED_PAYMENTS]),
        ),
    ]
}
