//! What an e-invoice says in words, where EN 16931 has no term for it.

use super::tree::clean;
use crate::documents::paper::{Moves, Paper, Settlement, TakenBack};

/// The notes of a document: BT-22.
pub(super) fn of(paper: &Paper, wording_is_the_reason: bool) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(paper.reason.as_deref().and_then(clean));
    if !wording_is_the_reason {
        notes.extend(paper.tax.wording.as_deref().and_then(clean));
    }
    notes.extend(
        paper.tax.place_of_supply.as_ref().map(|place| format!("Place of supply: {place}")),
    );
    notes.extend(taxes(paper));
    if let Moves::In(settlement) = &paper.moves {
        notes.extend(settled(settlement));
    }
    notes.iter().filter_map(|note| clean(note)).collect()
}

/// Each tax by its own name, where the one rate of the breakdown does not say it.
fn taxes(paper: &Paper) -> Vec<String> {
    let taxes = &paper.totals.taxes;
    if taxes.len() == 1 && taxes[0].rate.name == "VAT" {
        return Vec::new();
    }
    let named = taxes.iter().map(|tax| {
        let rate = &tax.rate;
        format!("{} {} % ({}): {}", rate.name, rate.percent, rate.jurisdiction, tax.amount)
    });
    named.collect()
}

/// What the paid amount is made of.
fn settled(settlement: &Settlement) -> Vec<String> {
    let paid = settlement.payments.iter().map(|paid| {
        format!("Paid on {} by {} ({}): {}", paid.on, paid.by, paid.reference, paid.amount)
    });
    let otherwise = [
        ("Paid by account credit", settlement.credit),
        ("Taken back by credit notes", settlement.credited),
        ("Written off", settlement.written_off),
    ];
    let otherwise = otherwise
        .into_iter()
        .filter(|(_, amount)| !amount.is_zero())
        .map(|(what, amount)| format!("{what}: {amount}"));
    paid.chain(otherwise).collect()
}

/// The terms of payment: BT-20.
pub(super) fn terms_of_payment(moves: &Moves) -> Option<String> {
    let lines = match moves {
        Moves::In(settlement) if settlement.due.is_zero() => Vec::new(),
        Moves::In(settlement) => {
            let mut lines: Vec<String> =
                settlement.instructions.iter().filter_map(|line| clean(line)).collect();
            if lines.is_empty() && settlement.due_on.is_none() {
                lines.push("No day of payment is set.".to_owned());
            }
            lines
        }
        Moves::Back(back) => taken_back(back),
    };
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn taken_back(back: &TakenBack) -> Vec<String> {
    let parts = [
        ("Taken off what is due", back.reduces_due),
        ("Credit on the account", back.to_credit),
        ("Goes back to the buyer", back.to_refund),
    ];
    let parts = parts.into_iter().filter(|(_, amount)| !amount.is_zero());
    parts.map(|(what, amount)| format!("{what}: {amount}")).collect()
}
