//! How the money moved, payment by payment, and how it is to move.

use super::{
    BELOW_HEADING, BODY, HEADING, Sheet, leading,
    table::{self, Cell, Column, available},
};
use crate::documents::{
    paper::{Moves, Paid},
    press::{
        canvas::{Align, Cursor},
        tags::{Tag, Tags},
        text::Line,
    },
};

/// How many lines stay with the heading of what is longer than a page.
const AT_LEAST: usize = 3;

/// The payments, set.
pub(super) struct Payments {
    columns: [Column; 4],
    rows: Vec<Vec<Cell>>,
}

/// How to pay, set: lines of each instruction.
pub(super) struct HowToPay(Vec<Vec<Line>>);

impl Payments {
    pub(super) fn height(&self) -> i32 {
        heading() + table::height(&self.rows)
    }
}

impl HowToPay {
    pub(super) fn height(&self) -> i32 {
        heading().saturating_add(lines(self.0.iter().map(Vec::len).sum()))
    }
}

fn heading() -> i32 {
    leading(HEADING) + BELOW_HEADING
}

fn lines(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX).saturating_mul(leading(BODY))
}

impl Sheet<'_> {
    /// Each payment: its day, who took it, its reference. `None` where there is none.
    pub(super) fn set_payments(&mut self) -> Option<Payments> {
        let Moves::In(settlement) = &self.paper.moves else { return None };
        if settlement.payments.is_empty() {
            return None;
        }
        let words = self.words;
        let whole = available(self.canvas.geometry.content(), 4);
        let amount = whole / 4;
        let (on, by) = (whole * 3 / 20, whole / 5);
        let column = |name, width| Column { name, align: Align::Left, width };
        let columns = [
            column(words.paid_on, on),
            column(words.paid_by, by),
            column(words.reference, whole - on - by - amount),
            Column { name: words.amount, align: Align::Right, width: amount },
        ];
        let rows = settlement.payments.iter().map(|payment| self.payment(payment, &columns));
        let rows = rows.collect();
        Some(Payments { columns, rows })
    }

    fn payment(&mut self, payment: &Paid, columns: &[Column]) -> Vec<Cell> {
        let words = self.words;
        let said = [
            words.day(payment.on),
            words.taken_by(&payment.by).to_owned(),
            payment.reference.clone(),
            words.money(payment.amount),
        ];
        let cell = |(text, column): (&String, &Column)| {
            let lines = self.canvas.setter.lines(text, BODY, column.width);
            lines.into_iter().map(|line| (line, BODY)).collect()
        };
        said.iter().zip(columns).map(cell).collect()
    }

    /// Draws the payments, the heading never alone.
    pub(super) fn payments(&mut self, cursor: &mut Cursor, set: &Payments) {
        self.canvas.room(cursor, heading() + table::height(&set.rows[..1]));
        self.heading(cursor, self.words.payments);
        self.table(cursor, &set.columns, &set.rows);
    }

    /// How to pay what is due. `None` where nothing says so.
    pub(super) fn set_how_to_pay(&mut self) -> Option<HowToPay> {
        let Moves::In(settlement) = &self.paper.moves else { return None };
        let within = self.canvas.geometry.content();
        let set = |instruction: &String| self.canvas.setter.lines(instruction, BODY, within);
        let said: Vec<_> = settlement.instructions.iter().map(set).collect();
        (!said.is_empty()).then_some(HowToPay(said))
    }

    /// Draws how to pay: together where a page has the room.
    pub(super) fn how_to_pay(&mut self, cursor: &mut Cursor, set: &HowToPay) {
        let whole = set.height();
        let fits = whole <= self.canvas.geometry.room_of_page();
        self.canvas.room(cursor, if fits { whole } else { heading() + lines(AT_LEAST) });
        self.heading(cursor, self.words.how_to_pay);
        let side = self.canvas.geometry.side;
        for lines in &set.0 {
            let paragraph = self.canvas.element(Tags::ROOT, Tag::Paragraph);
            self.paragraph(cursor, (paragraph, side), Align::Left, lines, BODY);
        }
    }
}
