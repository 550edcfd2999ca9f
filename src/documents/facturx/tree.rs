//! The XML itself: elements in order, text that XML 1.0 can hold, and nothing but that.

use std::io;

use chrono::NaiveDate;
use quick_xml::{
    Writer,
    events::{BytesDecl, BytesStart, BytesText, Event},
};

/// An XML document under way.
pub(super) struct Tree(Writer<Vec<u8>>);

impl Tree {
    /// A document of one element, with these attributes.
    ///
    /// # Errors
    /// Whatever the content says.
    pub(super) fn document(
        name: &str,
        attributes: &[(&str, &str)],
        content: impl FnOnce(&mut Self) -> io::Result<()>,
    ) -> io::Result<Vec<u8>> {
        let mut tree = Self(Writer::new_with_indent(Vec::new(), b' ', 2));
        tree.0.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        let mut start = BytesStart::new(name);
        start.extend_attributes(attributes.iter().copied());
        tree.element(start, content)?;
        Ok(tree.0.into_inner())
    }

    /// An element that holds others.
    pub(super) fn within(
        &mut self,
        name: &str,
        content: impl FnOnce(&mut Self) -> io::Result<()>,
    ) -> io::Result<()> {
        self.element(BytesStart::new(name), content)
    }

    /// An element that holds text.
    pub(super) fn text(&mut self, name: &str, text: &str) -> io::Result<()> {
        self.within(name, |tree| tree.characters(text))
    }

    /// An element that holds text, where there is some.
    pub(super) fn maybe(&mut self, name: &str, text: Option<&str>) -> io::Result<()> {
        text.map_or(Ok(()), |text| self.text(name, text))
    }

    /// An element that holds text and has one attribute.
    pub(super) fn marked(
        &mut self,
        name: &str,
        attribute: (&str, &str),
        text: &str,
    ) -> io::Result<()> {
        let mut start = BytesStart::new(name);
        start.push_attribute(attribute);
        self.element(start, |tree| tree.characters(text))
    }

    /// A day, in the form that EN 16931 prescribes: `102`, eight digits.
    pub(super) fn day(&mut self, name: &str, kind: &str, day: NaiveDate) -> io::Result<()> {
        let digits = day.format("%Y%m%d").to_string();
        self.within(name, |tree| {
            tree.marked(&format!("{kind}:DateTimeString"), ("format", "102"), &digits)
        })
    }

    fn element(
        &mut self,
        start: BytesStart<'_>,
        content: impl FnOnce(&mut Self) -> io::Result<()>,
    ) -> io::Result<()> {
        let end = start.to_end().into_owned();
        self.0.write_event(Event::Start(start))?;
        content(self)?;
        self.0.write_event(Event::End(end))
    }

    fn characters(&mut self, text: &str) -> io::Result<()> {
        self.0.write_event(Event::Text(BytesText::new(text)))
    }
}

/// A text as an e-invoice may hold it; nothing where nothing is left to read.
///
/// Gone are the signs that XML 1.0 forbids, every other control, and those that turn the direction
/// of a text around, which could make a line read as another. Tabs and line breaks become spaces.
pub(super) fn clean(text: &str) -> Option<String> {
    let kept: String = text.chars().filter_map(allowed).collect();
    let trimmed = kept.trim();
    (!trimmed.is_empty()).then(|| trimmed.to_owned())
}

fn allowed(sign: char) -> Option<char> {
    match sign {
        '\t' | '\n' | '\r' | '\u{2028}' | '\u{2029}' => Some(' '),
        sign if sign.is_control() => None,
        '\u{fffe}' | '\u{ffff}' => None,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => None,
        sign => Some(sign),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_forbids_and_what_turns_text_around_is_dropped() {
        assert_eq!(clean("a\u{0}b\u{b}c\u{fffe}\u{202e}d").as_deref(), Some("abcd"));
        assert_eq!(clean(" Straße 1\r\nHof\t2 ").as_deref(), Some("Straße 1  Hof 2"));
        assert_eq!(clean("\u{7}\u{202e} \n"), None);
    }

    #[test]
    fn text_and_attributes_are_escaped() {
        let bytes = Tree::document("a", &[("b", "\"<&")], |tree| tree.text("c", "<x> & ]]>"));
        let text = String::from_utf8(bytes.unwrap()).unwrap();
        assert!(text.contains("<c>&lt;x&gt; &amp; ]]&gt;</c>"), "{text}");
        assert!(text.contains("b=\"&quot;&lt;&amp;\""), "{text}");
    }
}
