//! The table of what is sold, or taken back.

use std::fmt::Write as _;

use super::{
    BODY, SMALL, Sheet, look,
    table::{COLUMN_HEAD, Cell, Column, available},
};
use crate::documents::{
    paper,
    press::{
        canvas::{Align, Cursor, POINT},
        fonts::Weight,
        text::{Ink, Look},
    },
};

/// The least room for descriptions, in thousandths of a point, before figures become smaller.
const DESCRIPTION: i32 = 130 * POINT;

impl Sheet<'_> {
    /// Draws the lines from the cursor down.
    pub(super) fn lines(&mut self, cursor: &mut Cursor) {
        let figures = self.figures();
        let sizes = [9_000, 8_000, 7_000, 6_000].map(|size| look(Weight::Regular, size, Ink::Text));
        let fits = |look: &&Look| self.description_width(&figures, **look) >= DESCRIPTION;
        let size = sizes.iter().find(fits).copied().unwrap_or(sizes[3]);
        let width = self.description_width(&figures, size);
        let description = Column {
            name: self.words.description,
            align: Align::Left,
            width: width.max(40 * POINT),
        };
        let mut columns = vec![description];
        for column in &figures {
            let width = self.figure_width(column, size);
            columns.push(Column { name: column.name, align: Align::Right, width });
        }
        let paper = self.paper;
        let rows = paper.lines.iter().enumerate().map(|(index, line)| {
            let mut cells = vec![self.described(line, columns[0].width)];
            for column in &figures {
                cells.push(vec![(self.canvas.setter.line(&column.cells[index], size), size)]);
            }
            cells
        });
        let rows: Vec<Vec<Cell>> = rows.collect();
        self.table(cursor, &columns, &rows);
        cursor.y += 14 * POINT;
    }

    /// What is sold, and below it when it is of service.
    fn described(&mut self, line: &paper::Line, width: i32) -> Cell {
        let sold = self.words.sold(&line.description);
        let lines = self.canvas.setter.lines(&sold, BODY, width);
        let mut cell: Cell = lines.into_iter().map(|line| (line, BODY)).collect();
        if let Some(days) = line.days {
            let days = self.words.days(days);
            let lines = self.canvas.setter.lines(&days, SMALL, width);
            cell.extend(lines.into_iter().map(|line| (line, SMALL)));
        }
        cell
    }

    /// The columns beside the description: a discount and a tax only where there is any.
    fn figures(&self) -> Vec<Figures> {
        let (words, lines) = (self.words, &self.paper.lines);
        let column = |name, cell: &dyn Fn(&paper::Line) -> String| Figures {
            name,
            cells: lines.iter().map(cell).collect(),
        };
        let mut columns = vec![
            column(words.quantity, &|line| words.quantity_of(line.quantity)),
            column(words.unit_price, &|line| words.money(line.unit_price)),
        ];
        if lines.iter().any(|line| !line.discount.is_zero()) {
            columns.push(column(words.discount, &|line| match line.discount.is_zero() {
                true => String::new(),
                false => words.less(line.discount),
            }));
        }
        if lines.iter().any(|line| !line.taxes.is_empty()) {
            columns.push(column(words.tax, &|line| {
                let mut rates = String::new();
                for tax in &line.taxes {
                    let plus = if rates.is_empty() { "" } else { " + " };
                    let _ = write!(rates, "{plus}{}", words.rate(tax.rate.percent));
                }
                rates
            }));
        }
        columns.push(column(words.amount, &|line| words.money(line.net)));
        columns
    }

    fn description_width(&mut self, figures: &[Figures], look: Look) -> i32 {
        let taken: i32 = figures.iter().map(|column| self.figure_width(column, look)).sum();
        available(self.canvas.geometry.content(), figures.len() + 1) - taken
    }

    /// As wide as the widest of its cells.
    fn figure_width(&mut self, column: &Figures, look: Look) -> i32 {
        let name = self.canvas.setter.line(column.name, COLUMN_HEAD).width;
        let mut widest = name;
        for cell in &column.cells {
            widest = widest.max(self.canvas.setter.line(cell, look).width);
        }
        widest
    }
}

/// A column of figures.
struct Figures {
    name: &'static str,
    cells: Vec<String>,
}
