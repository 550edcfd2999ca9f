//! A table that goes on over pages, its head repeated on each.

use super::{Sheet, ascent, leading, look};
use crate::documents::press::{
    canvas::{Align, Cursor, POINT, Shade},
    fonts::Weight,
    tags::{Element, Tag, Tags},
    text::{Ink, Line, Look},
};

/// A column: its name, its side, and its width in thousandths of a point.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) align: Align,
    pub(super) width: i32,
}

/// What stands in one cell: lines below each other.
pub(super) type Cell = Vec<(Line, Look)>;

/// What names a column.
pub(super) const COLUMN_HEAD: Look = look(Weight::Bold, 7_500, Ink::Accent);
/// Between columns.
pub(super) const GAP: i32 = 13 * POINT;
/// At the two ends of a row.
const INSET: i32 = 6 * POINT;
/// Above and below the lines of a row.
const PADDING: i32 = 4 * POINT;
const HEAD: i32 = 19 * POINT;

/// What the columns of a table may take together.
pub(super) fn available(content: i32, columns: usize) -> i32 {
    content - 2 * INSET - GAP * i32::try_from(columns.saturating_sub(1)).unwrap_or(0)
}

impl Sheet<'_> {
    /// Draws a table from the cursor down.
    pub(super) fn table(&mut self, cursor: &mut Cursor, columns: &[Column], rows: &[Vec<Cell>]) {
        let table = self.canvas.element(Tags::ROOT, Tag::Table);
        // The head never stands alone at the foot of a page.
        self.canvas.room(cursor, HEAD + rows.first().map_or(0, |row| row_height(row)));
        self.table_head(cursor, columns, Some(table));
        for row in rows {
            if self.canvas.room(cursor, row_height(row)) {
                self.table_head(cursor, columns, None);
            }
            self.row(cursor, columns, row, table);
        }
    }

    /// The names of the columns: part of the table where it begins, and decoration where repeated.
    fn table_head(&mut self, cursor: &mut Cursor, columns: &[Column], of: Option<Element>) {
        let geometry = self.canvas.geometry;
        self.canvas.fill((*cursor, geometry.side), geometry.content(), HEAD, Shade::Wash);
        let baseline = Cursor { y: cursor.y + 12_300, ..*cursor };
        let row = of.map(|table| self.canvas.element(table, Tag::Row));
        for (x, column) in places(geometry.side, columns) {
            let line = self.canvas.setter.line(column.name, COLUMN_HEAD);
            let cell = row.map(|row| self.canvas.element(row, Tag::ColumnHead));
            self.canvas.text(cell, (baseline, x), column.align, &line, COLUMN_HEAD);
        }
        cursor.y += HEAD;
    }

    fn row(&mut self, cursor: &mut Cursor, columns: &[Column], cells: &[Cell], table: Element) {
        let geometry = self.canvas.geometry;
        let row = self.canvas.element(table, Tag::Row);
        let mut end = *cursor;
        for ((x, column), lines) in places(geometry.side, columns).zip(cells) {
            let cell = self.canvas.element(row, Tag::Cell);
            let mut at = Cursor { y: cursor.y + PADDING, ..*cursor };
            for (line, look) in lines {
                self.canvas.room(&mut at, leading(*look));
                let baseline = Cursor { y: at.y + ascent(*look), ..at };
                self.canvas.text(Some(cell), (baseline, x), column.align, line, *look);
                at.y += leading(*look);
            }
            at.y += PADDING;
            end = end.max(at);
        }
        *cursor = end;
        self.canvas.fill((*cursor, geometry.side), geometry.content(), 500, Shade::Line);
    }
}

/// Each column with the place where its text is aligned.
fn places(side: i32, columns: &[Column]) -> impl Iterator<Item = (i32, &Column)> {
    let mut left = side + INSET;
    columns.iter().map(move |column| {
        let right = left + column.width;
        let x = match column.align {
            Align::Left => left,
            Align::Right => right,
        };
        left = right + GAP;
        (x, column)
    })
}

/// Of a table that fits on one page.
pub(super) fn height(rows: &[Vec<Cell>]) -> i32 {
    rows.iter().map(|row| row_height(row)).fold(HEAD, i32::saturating_add)
}

fn row_height(row: &[Cell]) -> i32 {
    let lines = |cell: &Cell| cell.iter().map(|(_, look)| leading(*look)).sum::<i32>();
    row.iter().map(lines).max().unwrap_or(0) + 2 * PADDING
}
