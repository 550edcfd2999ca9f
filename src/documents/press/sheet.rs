//! What stands where: the head, the parties, the lines, the sums and the payments, and at the edges
//! of each page which document it is and which of its pages.

mod head;
mod lines;
mod payments;
mod sums;
mod table;

use super::{
    Style,
    canvas::{Align, Canvas, Cursor, POINT, Shade},
    fonts::Weight,
    tags::{Element, Tag, Tags},
    text::{Ink, Line, Look},
    xmp::Said,
};
use crate::documents::{language::Words, paper::Paper};

const fn look(weight: Weight, size: i32, ink: Ink) -> Look {
    Look { weight, size, ink }
}

/// What is read.
const BODY: Look = look(Weight::Regular, 9_000, Ink::Text);
/// What is read first of several.
const STRONG: Look = look(Weight::Bold, 9_500, Ink::Text);
/// What is added to what is read.
const SMALL: Look = look(Weight::Regular, 7_500, Ink::Quiet);
/// What names a value.
const LABEL: Look = look(Weight::Regular, 7_500, Ink::Quiet);
/// What names a section.
const HEADING: Look = look(Weight::Bold, 8_000, Ink::Accent);

/// Below a heading.
const BELOW_HEADING: i32 = 3 * POINT;
/// Between the sums, the payments and how to pay.
const BETWEEN: i32 = 18 * POINT;

/// From one baseline to the next.
fn leading(look: Look) -> i32 {
    look.size * 7 / 5
}

/// From the top of a line to its baseline.
fn ascent(look: Look) -> i32 {
    look.size * 21 / 20
}

/// A document that is being drawn.
pub(super) struct Sheet<'a> {
    paper: &'a Paper,
    style: &'a Style,
    words: &'static Words,
    canvas: Canvas<'a>,
}

impl<'a> Sheet<'a> {
    pub(super) fn new(paper: &'a Paper, style: &'a Style, canvas: Canvas<'a>) -> Self {
        Self { paper, style, words: style.language.words(), canvas }
    }

    /// Draws everything, in reading order.
    pub(super) fn draw(mut self) -> (Canvas<'a>, Said) {
        let mut cursor = self.canvas.start();
        self.head(&mut cursor);
        self.facts(&mut cursor);
        self.parties(&mut cursor);
        self.lines(&mut cursor);
        self.outcome(&mut cursor);
        self.edges();
        let said = Said {
            title: self.name(),
            author: self.company().to_owned(),
            language: self.words.tag,
            at: self.paper.issued_at.utc(),
        };
        (self.canvas, said)
    }

    /// Sums, payments and how to pay: on one page, wherever one page has the room, so that nobody
    /// meets an account to pay to without the sum. What is longer begins with the sums and goes on.
    fn outcome(&mut self, cursor: &mut Cursor) {
        let sums = self.set_sums();
        let (payments, how_to_pay) = (self.set_payments(), self.set_how_to_pay());
        let behind = |height: i32| height.saturating_add(BETWEEN);
        let whole = [
            sums.whole_height(),
            payments.as_ref().map_or(0, |it| behind(it.height())),
            how_to_pay.as_ref().map_or(0, |it| behind(it.height())),
        ];
        let whole = whole.into_iter().fold(0, i32::saturating_add);
        let fits = whole <= self.canvas.geometry.room_of_page();
        self.canvas.room(cursor, if fits { whole } else { sums.height() });
        self.sums(cursor, &sums);
        if let Some(payments) = payments {
            cursor.y += BETWEEN;
            self.payments(cursor, &payments);
        }
        if let Some(how_to_pay) = how_to_pay {
            cursor.y += BETWEEN;
            self.how_to_pay(cursor, &how_to_pay);
        }
    }

    /// What the document is called, with its number.
    fn name(&self) -> String {
        let number = self.paper.number.as_ref().or(self.paper.order_number.as_ref());
        let title = self.words.title(self.paper.kind);
        number.map_or_else(|| title.to_owned(), |number| format!("{title} {number}"))
    }

    /// The name at the head of the page.
    fn company(&self) -> &'a str {
        let seller = &self.paper.seller;
        let named = [self.style.company.as_deref().unwrap_or_default(), &seller.company];
        named.into_iter().find(|name| !name.is_empty()).unwrap_or(&seller.name)
    }

    /// Lines of text below each other, as content of an element; onto the next page where this one
    /// is full. The cursor is at the top of the first and ends below the last.
    fn paragraph(
        &mut self,
        cursor: &mut Cursor,
        (of, x): (Element, i32),
        align: Align,
        lines: &[Line],
        look: Look,
    ) {
        for line in lines {
            self.canvas.room(cursor, leading(look));
            let baseline = Cursor { y: cursor.y + ascent(look), ..*cursor };
            self.canvas.text(Some(of), (baseline, x), align, line, look);
            cursor.y += leading(look);
        }
    }

    /// A heading above a section.
    fn heading(&mut self, cursor: &mut Cursor, text: &str) {
        let heading = self.canvas.element(Tags::ROOT, Tag::Heading);
        let x = self.canvas.geometry.side;
        let line = self.canvas.setter.line(text, HEADING);
        self.paragraph(cursor, (heading, x), Align::Left, &[line], HEADING);
        cursor.y += BELOW_HEADING;
    }

    /// Which document this is, above every page but the first; whose, and which page, below each.
    fn edges(&mut self) {
        let geometry = self.canvas.geometry;
        let (left, right) = (geometry.side, geometry.right());
        let half = geometry.content() / 2 - 12 * POINT;
        let (name, company) = (self.name(), self.company());
        let mut first = |text: &str| self.canvas.setter.lines(text, SMALL, half).into_iter().next();
        let (name, company) = (first(&name), first(company));
        let count = self.canvas.pages.len();
        for page in 0..count {
            let mut edge = |y: i32, x: i32, align: Align, line: &Option<Line>| {
                let Some(line) = line else { return };
                self.canvas.text(None, (Cursor { page, y }, x), align, line, SMALL);
            };
            let foot = geometry.height - 34 * POINT;
            edge(foot, left, Align::Left, &company);
            if page > 0 {
                edge(46 * POINT, left, Align::Left, &name);
                edge(46 * POINT, right, Align::Right, &company);
            }
            let number = format!("{} {} {} {count}", self.words.page, page + 1, self.words.of);
            let number = self.canvas.setter.line(&number, SMALL);
            let at = Cursor { page, y: foot };
            self.canvas.text(None, (at, right), Align::Right, &number, SMALL);
            let mut rule = |y: i32| {
                let at = Cursor { page, y };
                self.canvas.fill((at, left), geometry.content(), 500, Shade::Line);
            };
            rule(geometry.height - 48 * POINT);
            if page > 0 {
                rule(54 * POINT);
            }
        }
    }
}
