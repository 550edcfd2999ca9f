//! Pages that are drawn on: text, rules and fills, each marked as a part of the structure or as
//! decoration. Lengths are whole thousandths of a point, from the top left.

use std::fmt::Write as _;

use super::{
    PageSize,
    fonts::{Set, Weight},
    tags::{Element, Tag, Tags},
    text::{Ink, Line, Look, Setter},
};

/// One point.
pub(super) const POINT: i32 = 1000;

/// Where the next thing goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cursor {
    /// From 0.
    pub(super) page: usize,
    /// From the top of the page.
    pub(super) y: i32,
}

/// The size of a page and its margins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Geometry {
    pub(super) width: i32,
    pub(super) height: i32,
    /// Left and right.
    pub(super) side: i32,
    /// Where the first page begins.
    pub(super) top: i32,
    /// Where later pages begin, below their running head.
    pub(super) top_again: i32,
    /// Where every page ends, above its foot.
    pub(super) bottom: i32,
}

impl Geometry {
    pub(super) fn of(page: PageSize) -> Self {
        let (width, height) = match page {
            PageSize::A4 => (595_276, 841_890),
            PageSize::Letter => (612_000, 792_000),
        };
        Self {
            width,
            height,
            side: 48 * POINT,
            top: 46 * POINT,
            top_again: 76 * POINT,
            bottom: height - 64 * POINT,
        }
    }

    pub(super) fn right(&self) -> i32 {
        self.width - self.side
    }

    /// How much a page has room for, if it is not the first.
    pub(super) fn room_of_page(&self) -> i32 {
        self.bottom - self.top_again
    }

    /// Between the margins.
    pub(super) fn content(&self) -> i32 {
        self.width - 2 * self.side
    }
}

/// The shades of fills and rules.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shade {
    Accent,
    /// A hairline.
    Line,
    /// Behind text.
    Wash,
}

/// Which side of a text stands at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

/// The pages of a document while it is drawn.
#[derive(Debug)]
pub(super) struct Canvas<'f> {
    pub(super) setter: Setter<'f>,
    pub(super) tags: Tags,
    pub(super) geometry: Geometry,
    /// The operators of each page.
    pub(super) pages: Vec<String>,
}

impl<'f> Canvas<'f> {
    pub(super) fn new(set: &'f Set, geometry: Geometry) -> Self {
        Self {
            setter: Setter::new(set),
            tags: Tags::new(),
            geometry,
            pages: vec![String::with_capacity(16 * 1024)],
        }
    }

    pub(super) fn start(&self) -> Cursor {
        Cursor { page: 0, y: self.geometry.top }
    }

    /// Makes room for a height: where the page has none left, on the next page. Says whether it
    /// went there.
    pub(super) fn room(&mut self, cursor: &mut Cursor, height: i32) -> bool {
        if cursor.y + height <= self.geometry.bottom {
            return false;
        }
        cursor.page += 1;
        cursor.y = self.geometry.top_again;
        if self.pages.len() <= cursor.page {
            self.pages.push(String::with_capacity(16 * 1024));
        }
        true
    }

    /// An element of the structure within another.
    pub(super) fn element(&mut self, within: Element, tag: Tag) -> Element {
        self.tags.add(within, tag)
    }

    /// A line of text on its baseline, as content of an element, or as decoration.
    pub(super) fn text(
        &mut self,
        of: Option<Element>,
        (at, x): (Cursor, i32),
        align: Align,
        line: &Line,
        look: Look,
    ) {
        if line.glyphs.is_empty() {
            return;
        }
        let x = match align {
            Align::Left => x,
            Align::Right => x - line.width,
        };
        let mark = of.map(|element| self.tags.mark(element, at.page));
        let y = self.geometry.height - at.y;
        let out = &mut self.pages[at.page];
        match mark {
            Some((tag, number)) => {
                let _ = write!(out, "/{tag}<</MCID {number}>>BDC BT ");
            }
            None => out.push_str("/Artifact BMC BT "),
        }
        let font = match look.weight {
            Weight::Regular => "/R ",
            Weight::Bold => "/B ",
        };
        out.push_str(font);
        number(out, look.size);
        out.push_str("Tf ");
        out.push_str(match look.ink {
            Ink::Text => "0.11 0.13 0.17 rg ",
            Ink::Quiet => "0.38 0.41 0.46 rg ",
            Ink::Accent => "0.1 0.27 0.5 rg ",
        });
        number(out, x);
        number(out, y);
        out.push_str("Td <");
        for glyph in &line.glyphs {
            hex(out, glyph.id);
        }
        out.push_str(">Tj ET EMC\n");
    }

    /// A filled rectangle, by its upper left corner; decoration.
    pub(super) fn fill(&mut self, (at, x): (Cursor, i32), width: i32, height: i32, shade: Shade) {
        let y = self.geometry.height - at.y - height;
        let out = &mut self.pages[at.page];
        out.push_str("/Artifact BMC ");
        out.push_str(match shade {
            Shade::Accent => "0.1 0.27 0.5 rg ",
            Shade::Line => "0.85 0.87 0.9 rg ",
            Shade::Wash => "0.945 0.957 0.973 rg ",
        });
        for length in [x, y, width, height] {
            number(out, length);
        }
        out.push_str("re f EMC\n");
    }

    /// The image of the logo, by its upper left corner.
    pub(super) fn image(
        &mut self,
        figure: Element,
        (at, x): (Cursor, i32),
        width: i32,
        height: i32,
    ) {
        let (tag, mark) = self.tags.mark(figure, at.page);
        let y = self.geometry.height - at.y - height;
        let out = &mut self.pages[at.page];
        let _ = write!(out, "/{tag}<</MCID {mark}>>BDC q ");
        number(out, width);
        out.push_str("0 0 ");
        for length in [height, x, y] {
            number(out, length);
        }
        out.push_str("cm /L Do Q EMC\n");
    }
}

/// A length in points, exactly, with a space behind it.
fn number(out: &mut String, length: i32) {
    let (whole, mut fraction) = (length / POINT, (length % POINT).abs());
    if length < 0 && whole == 0 {
        out.push('-');
    }
    let _ = write!(out, "{whole}");
    if fraction > 0 {
        let mut digits = 3;
        while fraction % 10 == 0 {
            fraction /= 10;
            digits -= 1;
        }
        let _ = write!(out, ".{fraction:0digits$}");
    }
    out.push(' ');
}

/// Four digits.
fn hex(out: &mut String, id: u16) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for shift in [12, 8, 4, 0] {
        out.push(char::from(DIGITS[usize::from(id >> shift & 15)]));
    }
}
