//! Text as it can be printed: no control reaches the page, no mark that turns the direction, and
//! long text is broken into lines.

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::fonts::{Blocks, Glyph, Set, Weight};

/// A line of glyphs in one face and size.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) glyphs: Vec<Glyph>,
    /// In thousandths of a point, without the space at its end.
    pub(super) width: i32,
}

/// How a text looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) weight: Weight,
    /// In thousandths of a point.
    pub(super) size: i32,
    pub(super) ink: Ink,
}

/// The colours of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    /// What is read.
    Text,
    /// What names it.
    Quiet,
    /// What is seen first.
    Accent,
}

/// Invisible characters that say how text is laid out, never what it says: joiners, direction
/// marks, embeddings, overrides and isolates, variation selectors, tags, the byte order mark.
pub(super) fn is_dropped(c: char) -> bool {
    matches!(
        u32::from(c),
        0x00..=0x1f
            | 0x7f..=0x9f
            | 0xad
            | 0x34f
            | 0x61c
            | 0x115f..=0x1160
            | 0x17b4..=0x17b5
            | 0x180b..=0x180f
            | 0x200b..=0x200f
            | 0x2028..=0x202e
            | 0x2060..=0x206f
            | 0x3164
            | 0xfe00..=0xfe0f
            | 0xfeff
            | 0xffa0
            | 0xfff0..=0xfffc
            | 0x1bca0..=0x1bca3
            | 0x1d173..=0x1d17a
            | 0xe0000..=0xe0fff
    )
}

/// White space that prints as an ordinary space: else it would be dropped and words run together,
/// or it would print as a character that no font has. The two spaces at which no line may end have
/// glyphs of their own.
fn parts_words(c: char) -> bool {
    c.is_whitespace() && !matches!(c, '\u{a0}' | '\u{202f}')
}

/// A text as it is printed: composed, without controls, its words apart by one space.
pub(super) fn clean(text: &str) -> String {
    let plain = |byte: u8| (0x20..0x7f).contains(&byte);
    if text.bytes().all(plain) {
        return text.trim().to_owned();
    }
    let spaced = text.chars().map(|c| if parts_words(c) { ' ' } else { c });
    let kept = spaced.filter(|c| !is_dropped(*c));
    let kept: String = match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => kept.collect(),
        IsNormalized::No | IsNormalized::Maybe => kept.nfc().collect(),
    };
    kept.trim().to_owned()
}

/// The setter of text: turns characters into glyphs, and remembers which blocks were missing.
#[derive(Debug)]
pub(super) struct Setter<'f> {
    pub(super) set: &'f Set,
    /// What the text needs and the set has not: to be printed again with it.
    pub(super) missed: Blocks,
}

impl<'f> Setter<'f> {
    pub(super) fn new(set: &'f Set) -> Self {
        Self { set, missed: Blocks::FIRST }
    }

    /// One line, however long.
    pub(super) fn line(&mut self, text: &str, look: Look) -> Line {
        let text = clean(text);
        let mut glyphs = Vec::with_capacity(text.len());
        for c in text.chars() {
            let (glyph, missed) = self.set.glyph(look.weight, c);
            if let Some(missed) = missed {
                self.missed = self.missed.with(missed);
            }
            glyphs.push(glyph);
        }
        let width = width(&glyphs, look.size);
        Line { glyphs, width }
    }

    /// As many lines as it takes to stay within a width; none for a text that says nothing.
    pub(super) fn lines(&mut self, text: &str, look: Look, within: i32) -> Vec<Line> {
        let whole = self.line(text, look);
        if whole.glyphs.is_empty() {
            return Vec::new();
        }
        if whole.width <= within {
            return vec![whole];
        }
        broken(&whole.glyphs, look.size, within)
    }
}

/// How wide glyphs are, in thousandths of a point.
fn width(glyphs: &[Glyph], size: i32) -> i32 {
    let units: i32 = glyphs.iter().map(|glyph| i32::from(glyph.width)).sum();
    scaled(units, size)
}

/// Thousandths of a size in thousandths of a point.
fn scaled(units: i32, size: i32) -> i32 {
    i32::try_from(i64::from(units) * i64::from(size) / 1000).unwrap_or(i32::MAX)
}

/// Breaks at spaces, and inside a word only where the word alone is too wide. The space at a break
/// stays at the end of its line, so that a reader of the text finds the words apart.
fn broken(glyphs: &[Glyph], size: i32, within: i32) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut rest = glyphs;
    while !rest.is_empty() {
        let (mut units, mut end, mut after_space) = (0, 0, None);
        for glyph in rest {
            units += i32::from(glyph.width);
            if scaled(units, size) > within && !glyph.is_space {
                break;
            }
            end += 1;
            if glyph.is_space {
                after_space = Some(end);
            }
        }
        let end = match after_space {
            Some(space) if end < rest.len() => space,
            Some(_) | None => end.max(1),
        };
        let (line, left) = rest.split_at(end);
        let seen = line.iter().rposition(|glyph| !glyph.is_space).map_or(0, |last| last + 1);
        lines.push(Line { glyphs: line.to_vec(), width: width(&line[..seen], size) });
        rest = left;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn every_white_space_parts_words_as_an_ordinary_space_does() {
        let kept_apart = ['\u{a0}', '\u{202f}'];
        let spaces = ('\u{0}'..=char::MAX).filter(|c| c.is_whitespace());
        let spaces: Vec<char> = spaces.filter(|c| !kept_apart.contains(c)).collect();
        for c in ['\t', '\u{85}', '\u{1680}', '\u{2000}', '\u{200a}', '\u{205f}', '\u{3000}'] {
            assert!(spaces.contains(&c), "{c:?}");
        }
        for c in spaces {
            assert_eq!(clean(&format!("{c}a{c}b{c}")), "a b", "{c:?}");
        }
        for c in kept_apart {
            assert_eq!(clean(&format!("a{c}b")), format!("a{c}b"), "{c:?}");
        }
    }
}
