//! What the lines come to, what the law wants said, and how the money moved.

use daybook_events::{Money, totals::TaxAmount};

use super::{BODY, Sheet, ascent, leading, look};
use crate::documents::{
    paper::{Kind, Moves},
    press::{
        canvas::{Align, Cursor, POINT, Shade},
        fonts::Weight,
        tags::{Element, Tag, Tags},
        text::{Ink, Line, Look},
    },
};

/// How wide the sums are.
const WIDTH: i32 = 252 * POINT;
/// Between the notes and the sums.
const GAP: i32 = 24 * POINT;
/// At both ends of a sum.
const INSET: i32 = 6 * POINT;

/// India's codes of goods and of services, by the name that they have in every language.
const HSN_SAC: &str = "HSN/SAC";

/// Below a note.
const BELOW_NOTE: i32 = 3 * POINT;

const TOTAL: Look = look(Weight::Bold, 11_000, Ink::Text);
const DUE: Look = look(Weight::Bold, 11_000, Ink::Accent);
const NOTE: Look = look(Weight::Regular, 8_000, Ink::Quiet);

/// How a sum stands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rank {
    Plain,
    /// Below a rule.
    Total,
    /// In a box.
    Due,
}

impl Rank {
    fn look(self) -> Look {
        match self {
            Self::Plain => BODY,
            Self::Total => TOTAL,
            Self::Due => DUE,
        }
    }

    fn padding(self) -> i32 {
        match self {
            Self::Plain => 1_500,
            Self::Total => 5 * POINT,
            Self::Due => 6 * POINT,
        }
    }
}

/// A sum, set.
struct Sum {
    rank: Rank,
    label: Vec<Line>,
    value: Line,
}

impl Sum {
    fn height(&self) -> i32 {
        let lines = i32::try_from(self.label.len().max(1)).unwrap_or(1);
        lines * leading(self.rank.look()) + 2 * self.rank.padding()
    }
}

/// Sums and notes, set.
pub(super) struct Sums {
    sums: Vec<Sum>,
    notes: Vec<Vec<Line>>,
}

impl Sums {
    /// Of what stays together: the notes beside it may go on.
    pub(super) fn height(&self) -> i32 {
        self.sums.iter().map(Sum::height).sum()
    }

    /// Of all of it.
    pub(super) fn whole_height(&self) -> i32 {
        let note = |lines: &Vec<Line>| {
            i32::try_from(lines.len()).unwrap_or(i32::MAX).saturating_mul(leading(NOTE))
                + BELOW_NOTE
        };
        let notes = self.notes.iter().map(note).fold(Rank::Plain.padding(), i32::saturating_add);
        self.height().max(notes)
    }
}

impl Sheet<'_> {
    pub(super) fn set_sums(&mut self) -> Sums {
        let said = self.sums_said();
        let sums = said.into_iter().map(|(rank, label, value)| self.sum(rank, &label, &value));
        let sums: Vec<Sum> = sums.collect();
        let within = self.canvas.geometry.content() - WIDTH - GAP;
        let notes = self.notes();
        let notes = notes.iter().map(|note| self.canvas.setter.lines(note, NOTE, within));
        Sums { sums, notes: notes.collect() }
    }

    /// The sums on the right, kept on one page, and what the law wants said beside them.
    pub(super) fn sums(&mut self, cursor: &mut Cursor, set: &Sums) {
        self.canvas.room(cursor, set.height());
        let mut left = *cursor;
        left.y += Rank::Plain.padding();
        for note in &set.notes {
            let paragraph = self.canvas.element(Tags::ROOT, Tag::Paragraph);
            let place = (paragraph, self.canvas.geometry.side + INSET);
            self.paragraph(&mut left, place, Align::Left, note, NOTE);
            left.y += BELOW_NOTE;
        }
        let table = self.canvas.element(Tags::ROOT, Tag::Table);
        let mut right = *cursor;
        for sum in &set.sums {
            self.draw_sum(&mut right, sum, table);
        }
        *cursor = left.max(right);
    }

    fn sum(&mut self, rank: Rank, label: &str, value: &str) -> Sum {
        let value = self.canvas.setter.line(value, rank.look());
        let within = (WIDTH - value.width - 2 * INSET - 8 * POINT).max(60 * POINT);
        Sum { rank, label: self.canvas.setter.lines(label, rank.look(), within), value }
    }

    fn draw_sum(&mut self, cursor: &mut Cursor, sum: &Sum, table: Element) {
        let right = self.canvas.geometry.right();
        let (look, left) = (sum.rank.look(), right - WIDTH);
        match sum.rank {
            Rank::Plain => {}
            Rank::Total => self.canvas.fill((*cursor, left), WIDTH, 800, Shade::Accent),
            Rank::Due => self.canvas.fill((*cursor, left), WIDTH, sum.height(), Shade::Wash),
        }
        let row = self.canvas.element(table, Tag::Row);
        let head = self.canvas.element(row, Tag::RowHead);
        let top = Cursor { y: cursor.y + sum.rank.padding(), ..*cursor };
        let mut at = top;
        self.paragraph(&mut at, (head, left + INSET), Align::Left, &sum.label, look);
        let cell = self.canvas.element(row, Tag::Cell);
        let baseline = Cursor { y: top.y + ascent(look), ..top };
        let place = (baseline, right - INSET);
        self.canvas.text(Some(cell), place, Align::Right, &sum.value, look);
        cursor.y += sum.height();
    }

    fn sums_said(&self) -> Vec<(Rank, String, String)> {
        let (paper, words) = (self.paper, self.words);
        let (totals, tax) = (&paper.totals, &paper.tax);
        let plain = |label: &str, value: String| (Rank::Plain, label.to_owned(), value);
        let subtotal = if tax.inclusive { words.subtotal_with_tax } else { words.subtotal };
        let mut sums = vec![plain(subtotal, words.money(totals.price))];
        if !totals.discount.is_zero() {
            sums.push(plain(words.discount, words.less(totals.discount)));
        }
        if tax.inclusive || !totals.discount.is_zero() {
            sums.push(plain(words.net, words.money(totals.net)));
        }
        for tax in &totals.taxes {
            sums.push((Rank::Plain, self.tax_label(tax), words.money(tax.amount)));
        }
        let total = format!("{} ({})", words.total, paper.currency);
        sums.push((Rank::Total, total, words.money(totals.total)));
        self.moves_said(&mut sums);
        sums
    }

    /// How the money moved, where it did.
    fn moves_said(&self, sums: &mut Vec<(Rank, String, String)>) {
        let words = self.words;
        let mut some = |label: &str, money: Money, turned: bool| {
            if !money.is_zero() {
                let value = if turned { words.less(money) } else { words.money(money) };
                sums.push((Rank::Plain, label.to_owned(), value));
            }
        };
        match &self.paper.moves {
            Moves::In(settlement) => {
                some(words.paid, settlement.paid, true);
                some(words.credit, settlement.credit, true);
                some(words.credited, settlement.credited, true);
                some(words.written_off, settlement.written_off, true);
                sums.push((Rank::Due, words.due.to_owned(), words.money(settlement.due)));
            }
            Moves::Back(back) => {
                some(words.reduces_due, back.reduces_due, false);
                some(words.to_credit, back.to_credit, false);
                some(words.to_refund, back.to_refund, false);
            }
        }
    }

    /// A tax with its rate, what it is reckoned on, and where it is owed.
    fn tax_label(&self, tax: &TaxAmount) -> String {
        let words = self.words;
        let rate = &tax.rate;
        format!(
            "{} {} {} {} ({})",
            rate.name,
            words.rate(rate.percent),
            words.on,
            words.money(tax.base),
            rate.jurisdiction
        )
    }

    /// What the law wants said, and what helps to read the sums.
    fn notes(&self) -> Vec<String> {
        let (tax, words) = (&self.paper.tax, self.words);
        let mut notes = Vec::new();
        if self.paper.kind == Kind::ProForma {
            notes.push(words.pro_forma.to_owned());
        }
        notes.extend(tax.wording.as_deref().map(|said| words.wording(said).into_owned()));
        if let Some(place) = &tax.place_of_supply {
            notes.push(words.labelled(words.place_of_supply, words.place(place)));
        }
        if self.paper.seller.country == "IN" {
            // The CGST Rules (rule 46) want both said, the latter either way.
            notes.extend(self.style.sac.as_ref().map(|code| words.labelled(HSN_SAC, code)));
            if !tax.rates.is_empty() {
                notes.push(words.no_reverse_charge.to_owned());
            }
        }
        if tax.inclusive {
            notes.push(words.prices_with_tax.to_owned());
        }
        notes
    }
}
