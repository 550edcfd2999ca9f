//! The head: logo and name, what the document is, its number and dates, and the two parties.

use daybook_events::personal::Party;

use super::{BODY, HEADING, LABEL, STRONG, Sheet, leading, look};
use crate::documents::{
    language::Words,
    press::{
        canvas::{Align, Cursor, POINT, Shade},
        fonts::Weight,
        tags::{Tag, Tags},
        text::{Ink, Line, Look},
    },
};

/// The room for a logo, in thousandths of a point.
const LOGO: (i32, i32) = (190 * POINT, 46 * POINT);
/// How many lines an address may have before they are joined.
const ADDRESS_LINES: usize = 5;

/// Where the postal code stands behind the city, and not before it.
const CODE_LAST: &str = "AU BD CA CN GB HK ID IE IN JP KE LK MY NG NP NZ PH PK SG TH TW US ZA";

const NAME: Look = look(Weight::Bold, 15_000, Ink::Accent);
const NAME_BELOW_LOGO: Look = look(Weight::Bold, 10_000, Ink::Text);
const NUMBER: Look = look(Weight::Regular, 10_500, Ink::Quiet);

impl Sheet<'_> {
    /// Logo and name on the left, title and number on the right.
    pub(super) fn head(&mut self, cursor: &mut Cursor) {
        let mut left = *cursor;
        self.letterhead(&mut left);
        let mut right = *cursor;
        self.title(&mut right);
        *cursor = left.max(right);
        cursor.y += 18 * POINT;
    }

    fn letterhead(&mut self, cursor: &mut Cursor) {
        let x = self.canvas.geometry.side;
        let company = self.company();
        let mut name = NAME;
        if let Some(logo) = &self.style.logo {
            let (width, height) = fitted(logo.size(), LOGO);
            let figure = self.canvas.element(Tags::ROOT, Tag::Figure);
            let bottom = self.canvas.geometry.height - cursor.y - height;
            let alt = format!("{} {company}", self.words.logo_of);
            let bounds = [x, bottom, x + width, bottom + height];
            self.canvas.tags.describe(figure, &alt, bounds);
            self.canvas.image(figure, (*cursor, x), width, height);
            cursor.y += height + 7 * POINT;
            name = NAME_BELOW_LOGO;
        }
        let within = self.canvas.geometry.content() * 11 / 20;
        let lines = self.canvas.setter.lines(company, name, within);
        let paragraph = self.canvas.element(Tags::ROOT, Tag::Paragraph);
        self.paragraph(cursor, (paragraph, x), Align::Left, &lines, name);
    }

    fn title(&mut self, cursor: &mut Cursor) {
        let right = self.canvas.geometry.right();
        let within = self.canvas.geometry.content() * 2 / 5;
        let title = self.words.title(self.paper.kind);
        let sizes = [22_000, 20_000, 18_000, 16_000, 14_000, 12_000];
        let looks = sizes.map(|size| look(Weight::Bold, size, Ink::Accent));
        let fits = |look: &&Look| self.canvas.setter.line(title, **look).width <= within;
        let look = looks.iter().find(fits).copied().unwrap_or(looks[sizes.len() - 1]);
        let line = self.canvas.setter.line(title, look);
        let heading = self.canvas.element(Tags::ROOT, Tag::Title);
        cursor.y -= 4 * POINT;
        self.paragraph(cursor, (heading, right), Align::Right, &[line], look);
        if let Some(number) = &self.paper.number {
            let lines = self.canvas.setter.lines(number, NUMBER, within);
            let paragraph = self.canvas.element(Tags::ROOT, Tag::Paragraph);
            self.paragraph(cursor, (paragraph, right), Align::Right, &lines, NUMBER);
        }
    }

    /// Dates and references, each below its name, four in a row.
    pub(super) fn facts(&mut self, cursor: &mut Cursor) {
        const COLUMNS: usize = 4;
        let geometry = self.canvas.geometry;
        self.canvas.fill((*cursor, geometry.side), geometry.content(), 1_200, Shade::Accent);
        cursor.y += 11 * POINT;
        let width = geometry.content() / 4;
        for row in self.facts_said().chunks(COLUMNS) {
            let fact = |(_, value): &(&str, String)| {
                self.canvas.setter.lines(value, BODY, width - 10 * POINT)
            };
            let values: Vec<Vec<Line>> = row.iter().map(fact).collect();
            let tallest = values.iter().map(Vec::len).max().unwrap_or(0);
            let height = leading(LABEL) + leading(BODY) * i32::try_from(tallest).unwrap_or(0);
            self.canvas.room(cursor, height);
            let (mut x, mut end) = (geometry.side, *cursor);
            for ((label, _), value) in row.iter().zip(&values) {
                let paragraph = self.canvas.element(Tags::ROOT, Tag::Paragraph);
                let mut at = *cursor;
                let label = [self.canvas.setter.line(label, LABEL)];
                self.paragraph(&mut at, (paragraph, x), Align::Left, &label, LABEL);
                self.paragraph(&mut at, (paragraph, x), Align::Left, value, BODY);
                end = end.max(at);
                x += width;
            }
            *cursor = end;
            cursor.y += 7 * POINT;
        }
        let reason = self.paper.reason.as_ref().map(|reason| self.words.because(reason));
        if let Some(reason) = reason.filter(|reason| !reason.is_empty()) {
            let paragraph = self.canvas.element(Tags::ROOT, Tag::Paragraph);
            let label = [self.canvas.setter.line(self.words.reason, LABEL)];
            let lines = self.canvas.setter.lines(reason, BODY, geometry.content());
            self.canvas.room(cursor, leading(LABEL) + leading(BODY));
            self.paragraph(cursor, (paragraph, geometry.side), Align::Left, &label, LABEL);
            self.paragraph(cursor, (paragraph, geometry.side), Align::Left, &lines, BODY);
            cursor.y += 7 * POINT;
        }
        cursor.y += 5 * POINT;
    }

    fn facts_said(&self) -> Vec<(&'static str, String)> {
        let (paper, words) = (self.paper, self.words);
        let mut facts = vec![(words.issued_on, words.day(paper.issued_on))];
        if let crate::documents::paper::Moves::In(settlement) = &paper.moves
            && let Some(due_on) = settlement.due_on
        {
            facts.push((words.due_on, words.day(due_on)));
        }
        if let Some(period) = paper.period {
            facts.push((words.period, words.days(period)));
        }
        if let Some(original) = &paper.original {
            facts.push((words.original, original.number.clone()));
            facts.push((words.original_on, words.day(original.issued_on)));
        }
        if let Some(order) = &paper.order_number {
            facts.push((words.order, order.clone()));
        }
        if !paper.account.is_empty() {
            facts.push((words.account, paper.account.clone()));
        }
        facts
    }

    /// Who sells on the left, who buys on the right.
    pub(super) fn parties(&mut self, cursor: &mut Cursor) {
        let geometry = self.canvas.geometry;
        let within = geometry.content() / 2 - 14 * POINT;
        let paper = self.paper;
        let mut end = *cursor;
        let sides = [
            (self.words.from, &paper.seller, geometry.side),
            (self.words.bill_to, &paper.buyer, geometry.side + geometry.content() / 2),
        ];
        for (label, party, x) in sides {
            let mut at = *cursor;
            let heading = self.canvas.element(Tags::ROOT, Tag::Heading);
            let line = [self.canvas.setter.line(label, HEADING)];
            self.paragraph(&mut at, (heading, x), Align::Left, &line, HEADING);
            at.y += 2 * POINT;
            let paragraph = self.canvas.element(Tags::ROOT, Tag::Paragraph);
            for (index, said) in self.said_of(party).iter().enumerate() {
                let look = if index == 0 { STRONG } else { BODY };
                let lines = self.canvas.setter.lines(said, look, within);
                self.paragraph(&mut at, (paragraph, x), Align::Left, &lines, look);
            }
            end = end.max(at);
        }
        *cursor = end;
        cursor.y += 20 * POINT;
    }

    /// A party's lines, its name first.
    fn said_of(&self, party: &Party) -> Vec<String> {
        let mut said = vec![party.company.clone(), party.name.clone()];
        let address: Vec<&str> =
            party.address.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        if address.len() > ADDRESS_LINES {
            said.push(address.join(", "));
        } else {
            said.extend(address.into_iter().map(str::to_owned));
        }
        said.push(city(party));
        said.push(country(party, self.words));
        said.push(party.email.clone());
        if !party.tax_id.is_empty() {
            let label = self.words.tax_id_of(&party.country);
            said.push(format!("{label} {}", party.tax_id));
        }
        said.retain(|line| !line.trim().is_empty());
        said
    }
}

/// City, State and postal code in the order of the country.
fn city(party: &Party) -> String {
    let Party { city, state, postal_code, country, .. } = party;
    let code_last = CODE_LAST.split_ascii_whitespace().any(|code| code == country);
    let joined = |parts: &[&str], by: &str| {
        let said: Vec<&str> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
        said.join(by)
    };
    if code_last {
        joined(&[&joined(&[city, state], ", "), postal_code], " ")
    } else {
        joined(&[&joined(&[postal_code, city], " "), state], ", ")
    }
}

/// The country's name in a language, or what stands in its place.
fn country(party: &Party, words: &Words) -> String {
    words.country(&party.country).unwrap_or(&party.country).to_owned()
}

/// The largest size of the same shape within bounds.
fn fitted((width, height): (i32, i32), (most_wide, most_high): (i32, i32)) -> (i32, i32) {
    let scale = |length: i32, by: i32, of: i32| {
        i32::try_from(i64::from(length) * i64::from(by) / i64::from(of.max(1))).unwrap_or(by)
    };
    let wide = scale(width, most_high, height);
    if wide <= most_wide {
        (wide.max(1), most_high)
    } else {
        (most_wide, scale(height, most_wide, width).max(1))
    }
}
