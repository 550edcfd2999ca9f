//! What an e-invoice says in words, where EN 16931 has no term for it.

use super::tree::clean;
use crate::documents::{
    language::Words,
    paper::{Moves, Paper, Settlement, TakenBack},
};

/// The notes of a document: BT-22.
pub(super) fn of(paper: &Paper, words: &Words, wording_is_the_reason: bool) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(paper.reason.as_ref().map(|reason| words.because(reason).to_owned()));
    if !wording_is_the_reason {
        notes.extend(paper.tax.wording.as_deref().map(|said| words.wording(said).into_owned()));
    }
    let place = paper.tax.place_of_supply.as_ref();
    notes.extend(place.map(|place| words.labelled(words.place_of_supply, words.place(place))));
    notes.extend(taxes(paper));
    if let Moves::In(settlement) = &paper.moves {
        notes.extend(settled(settlement, words));
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
fn settled(settlement: &Settlement, words: &Words) -> Vec<String> {
    let paid = settlement.payments.iter().map(|paid| {
        let (on, by) = (words.day(paid.on), words.taken_by(&paid.by));
        let which = format!("{}, {on}, {by} ({})", words.paid, paid.reference);
        words.labelled(&which, paid.amount)
    });
    let otherwise = [
        (words.credit, settlement.credit),
        (words.credited, settlement.credited),
        (words.written_off, settlement.written_off),
    ];
    let otherwise = otherwise
        .into_iter()
        .filter(|(_, amount)| !amount.is_zero())
        .map(|(what, amount)| words.labelled(what, amount));
    paid.chain(otherwise).collect()
}

/// The terms of payment: BT-20.
pub(super) fn terms_of_payment(moves: &Moves, words: &Words) -> Option<String> {
    let lines = match moves {
        Moves::In(settlement) if settlement.due.is_zero() => Vec::new(),
        Moves::In(settlement) => {
            let mut lines: Vec<String> =
                settlement.instructions.iter().filter_map(|line| clean(line)).collect();
            if lines.is_empty() && settlement.due_on.is_none() {
                lines.push(words.no_due_day.to_owned());
            }
            lines
        }
        Moves::Back(back) => taken_back(back, words),
    };
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn taken_back(back: &TakenBack, words: &Words) -> Vec<String> {
    let parts = [
        (words.reduces_due, back.reduces_due),
        (words.to_credit, back.to_credit),
        (words.to_refund, back.to_refund),
    ];
    let parts = parts.into_iter().filter(|(_, amount)| !amount.is_zero());
    parts.map(|(what, amount)| words.labelled(what, amount)).collect()
}
