//! The book's state: what kind of ledger this is, and whose.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use chrono_tz::Tz;
use imbl::Vector;

use crate::{
    accounting::AccountingPeriod,
    envelope::Recorded,
    event::{BookEvent, BookKind, BookOpened, Feature, PaymentMethod},
    personal::Party,
    policy::Policy,
    tax::{Tax, TaxRules, Untreatable},
    time::Timestamp,
};

/// A period that is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClosedPeriod {
    /// Which.
    pub period: AccountingPeriod,
    /// The position at which it was closed: the last that can have posted to it.
    pub position: i64,
    /// When.
    pub closed_at: Timestamp,
}

/// What the rules know of the book.
#[derive(Debug, Clone, Default)]
pub struct Book {
    /// The version of the stream, 0 before it was opened.
    pub version: i64,
    /// Its first event, with the seller as last revised.
    pub opened: Option<BookOpened>,
    /// The day on which it was opened, in the seller's zone.
    pub opened_on: Option<NaiveDate>,
    /// The periods that are closed, oldest first.
    pub closed: Vector<ClosedPeriod>,
    /// How many policies have been adopted; the first is built in.
    policies_adopted: u32,
    /// The billing policy in force.
    pub policy: Policy,
    /// How many sets of tax rules have been adopted.
    pub tax_version: u32,
    /// The tax rules in force, where any are.
    pub tax_rules: Option<TaxRules>,
    /// How often payment methods have been adopted; the first are built in.
    payment_methods_adopted: u32,
    /// The ways of paying by hand, where any were adopted.
    adopted_methods: Option<Vec<PaymentMethod>>,
    /// The features that are off; a new ledger has them all.
    features_off: BTreeSet<Feature>,
    /// Where the clock stands, once a sandbox ledger's has been advanced.
    pub clock: Option<Timestamp>,
}

impl Book {
    /// Takes in one of its events.
    pub fn evolve(&mut self, event: &BookEvent, recorded: &Recorded) {
        match event {
            BookEvent::BookOpened(opened) => {
                self.opened_on = Some(recorded.effective_at.day_in(opened.time_zone));
                self.opened = Some(opened.clone());
            }
            BookEvent::PeriodClosed(closed) => self.closed.push_back(ClosedPeriod {
                period: closed.period,
                position: recorded.position,
                closed_at: recorded.effective_at,
            }),
            BookEvent::SellerRevised(revised) => {
                if let Some(opened) = &mut self.opened {
                    opened.seller = revised.seller.clone();
                }
            }
            BookEvent::PolicyAdopted(adopted) => {
                self.policies_adopted += 1;
                self.policy = adopted.policy.clone();
            }
            BookEvent::TaxRulesAdopted(adopted) => {
                self.tax_version = adopted.version;
                self.tax_rules = Some(adopted.rules.clone());
            }
            BookEvent::ClockAdvanced(advanced) => self.clock = Some(advanced.to),
            BookEvent::PaymentMethodsAdopted(adopted) => {
                self.payment_methods_adopted += 1;
                self.adopted_methods = Some(adopted.methods.clone());
            }
            BookEvent::FeatureSwitched(switched) if switched.enabled => {
                self.features_off.remove(&switched.feature);
            }
            BookEvent::FeatureSwitched(switched) => {
                self.features_off.insert(switched.feature);
            }
        }
    }

    /// The version of the billing policy in force; 1 is the built-in one.
    #[must_use]
    pub fn policy_version(&self) -> u32 {
        self.policies_adopted + 1
    }

    /// The version of the ways of paying by hand; 1 is what a new ledger has.
    #[must_use]
    pub fn payment_methods_version(&self) -> u32 {
        self.payment_methods_adopted + 1
    }

    /// The ways of paying by hand, in the order in which they are shown.
    #[must_use]
    pub fn payment_methods(&self) -> Vec<PaymentMethod> {
        self.adopted_methods.clone().unwrap_or_else(|| vec![PaymentMethod::built_in()])
    }

    /// Whether a feature is on.
    #[must_use]
    pub fn has(&self, feature: Feature) -> bool {
        !self.features_off.contains(&feature)
    }

    /// How a supply to a buyer is taxed today.
    ///
    /// # Errors
    /// A buyer whose country is missing or refused.
    pub fn tax(&self, buyer: &Party) -> Result<Tax, Untreatable> {
        match (&self.tax_rules, &self.opened) {
            (Some(rules), Some(opened)) => rules.treatment(self.tax_version, &opened.seller, buyer),
            (Some(_) | None, _) => Ok(Tax::none()),
        }
    }

    /// Whether real money moves; unknown before the book was opened.
    #[must_use]
    pub fn kind(&self) -> Option<BookKind> {
        self.opened.as_ref().map(|opened| opened.kind)
    }

    /// The seller's zone; UTC before the book is open.
    #[must_use]
    pub fn time_zone(&self) -> Tz {
        self.opened.as_ref().map_or(Tz::UTC, |opened| opened.time_zone)
    }

    /// The day of an instant in the seller's zone.
    #[must_use]
    pub fn day_of(&self, at: Timestamp) -> NaiveDate {
        at.day_in(self.time_zone())
    }

    /// The accounting day of an instant: the day in the seller's zone or, where that is closed, the
    /// first that is not.
    #[must_use]
    pub fn posting_day(&self, at: Timestamp) -> NaiveDate {
        let day = self.day_of(at);
        let first_open = self.closed_through().and_then(|last| last.succ_opt());
        first_open.map_or(day, |first_open| day.max(first_open))
    }

    /// The last day that is closed.
    #[must_use]
    pub fn closed_through(&self) -> Option<NaiveDate> {
        self.closed.last().map(|closed| closed.period.last_day)
    }

    /// The period that a seller who closes months would close next: the rest of the month after
    /// what is closed, or the month in which the book was opened.
    #[must_use]
    pub fn next_period(&self) -> Option<AccountingPeriod> {
        match self.closed_through() {
            Some(last) => last.succ_opt().map(|first_day| AccountingPeriod {
                first_day,
                ..AccountingPeriod::month_of(first_day)
            }),
            None => self.opened_on.map(AccountingPeriod::month_of),
        }
    }

    /// The month in which the seller's financial year begins.
    #[must_use]
    pub fn financial_year_start_month(&self) -> u32 {
        self.opened.as_ref().map_or(1, |opened| opened.financial_year_start_month)
    }
}
