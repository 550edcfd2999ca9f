//! How an invoice is to be paid, or was: BG-16, by the codes of UNTDID 4461.

use std::io;

use daybook_events::{Currency, commands::MANUAL};

use super::tree::{Tree, clean};
use crate::documents::{
    language::Words,
    paper::{Moves, Paper, Settlement},
};

/// By none of the means that the list knows.
const UNDEFINED: &str = "1";
/// To a bank account.
const CREDIT_TRANSFER: &str = "30";
/// To a bank account within SEPA, which moves euros only.
const SEPA_TRANSFER: &str = "58";
/// What the IBANs of SEPA begin with: the countries of the EU and those that have joined them, the
/// last in 2025. Jersey and its like have IBANs of the United Kingdom.
const SEPA: [&str; 42] = [
    "AD", "AL", "AT", "BE", "BG", "CH", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GB", "GI",
    "GR", "HR", "HU", "IE", "IS", "IT", "LI", "LT", "LU", "LV", "MC", "MD", "ME", "MK", "MT", "NL",
    "NO", "PL", "PT", "RO", "RS", "SE", "SI", "SK", "SM", "VA",
];
/// By an online payment service, which is what a processor is: by card or otherwise, it says.
const ONLINE_SERVICE: &str = "68";

/// The means of payment of an invoice. One alone is said: the rules allow several, but only of one
/// code; all are in the terms of payment.
pub(super) struct Means {
    code: &'static str,
    /// What it is, in words: BT-82.
    words: Option<String>,
    /// The account to pay to: BT-84.
    iban: Option<String>,
}

impl Means {
    pub(super) fn of(paper: &Paper, words: &Words) -> Option<Self> {
        match &paper.moves {
            Moves::In(settlement) if settlement.due.is_zero() => Self::used(settlement, words),
            Moves::In(settlement) => Self::to_use(settlement, paper.currency),
            Moves::Back(_) => None,
        }
    }

    fn used(settlement: &Settlement, words: &Words) -> Option<Self> {
        let last = settlement.payments.last()?;
        let code = if last.by == MANUAL { UNDEFINED } else { ONLINE_SERVICE };
        Some(Self { code, words: clean(words.taken_by(&last.by)), iban: None })
    }

    fn to_use(settlement: &Settlement, currency: Currency) -> Option<Self> {
        if let Some(iban) = &settlement.iban {
            let code = transfer(iban, currency);
            return Some(Self { code, words: None, iban: Some(iban.clone()) });
        }
        let words = settlement.instructions.iter().find_map(|line| clean(line))?;
        Some(Self { code: UNDEFINED, words: Some(words), iban: None })
    }

    pub(super) fn write(&self, tree: &mut Tree) -> io::Result<()> {
        tree.within("ram:SpecifiedTradeSettlementPaymentMeans", |tree| {
            tree.text("ram:TypeCode", self.code)?;
            tree.maybe("ram:Information", self.words.as_deref())?;
            let Some(iban) = &self.iban else { return Ok(()) };
            tree.within("ram:PayeePartyCreditorFinancialAccount", |tree| {
                tree.text("ram:IBANID", iban)
            })
        })
    }
}

/// By which code an account is paid to.
fn transfer(iban: &str, currency: Currency) -> &'static str {
    let is_within = iban.get(..2).is_some_and(|country| SEPA.contains(&country));
    if is_within && currency == Currency::EUR { SEPA_TRANSFER } else { CREDIT_TRANSFER }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn euros_to_an_account_within_sepa_go_by_sepa() {
        for (iban, currency, code) in [
            ("DE89370400440532013000", Currency::EUR, "58"),
            ("GB29NWBK60161331926819", Currency::EUR, "58"),
            ("RS35260005601001611379", Currency::EUR, "58"),
            ("DE89370400440532013000", Currency::USD, "30"),
            ("TR330006100519786457841326", Currency::EUR, "30"),
            ("AE070331234567890123456", Currency::EUR, "30"),
            ("", Currency::EUR, "30"),
        ] {
            assert_eq!(transfer(iban, currency), code, "{iban} {currency}");
        }
    }

    #[test]
    fn no_country_of_sepa_is_twice_in_the_list() {
        let countries: std::collections::BTreeSet<_> = SEPA.into_iter().collect();
        assert_eq!(countries.len(), SEPA.len());
    }
}
