//! The bundled fonts: which glyph a character has, and the subset that a document embeds.
//!
//! A subset holds whole blocks of characters and depends on nothing but which blocks a document
//! needs, so it is made once, on first need, and documents that need the same blocks share it byte
//! for byte.

use std::sync::OnceLock;

use skrifa::{
    FontRef, MetadataProvider,
    raw::{ReadError, TableProvider},
};
use subsetter::GlyphRemapper;

use super::{
    PressError,
    embedded::{Embedded, Metrics, Used},
};

/// Which of the two faces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    Regular,
    Bold,
}

/// What stands for a character without a glyph: the replacement character.
const SUBSTITUTE: char = '\u{fffd}';

/// Blocks of characters, each a bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Blocks(u8);

/// The blocks but the first, which every document has: Western Europe, punctuation, currencies.
const BLOCKS: [&[(u32, u32)]; 4] = [
    // The rest of Europe's Latin, Turkish included.
    &[(0x100, 0x17f), (0x192, 0x192), (0x218, 0x21b)],
    // Greek, with its accents.
    &[(0x370, 0x3ff), (0x1f00, 0x1fff)],
    // Cyrillic.
    &[(0x400, 0x52f)],
    // Vietnamese, other Latin, combining accents, superscripts, letterlike signs, ligatures.
    &[
        (0x180, 0x24f),
        (0x250, 0x36f),
        (0x1d00, 0x1eff),
        (0x2070, 0x209c),
        (0x2100, 0x218b),
        (0x2c60, 0x2c7f),
        (0xa720, 0xa7ff),
        (0xfb00, 0xfb06),
    ],
];
const FIRST: &[(u32, u32)] =
    &[(0x20, 0x7e), (0xa0, 0xff), (0x2010, 0x205e), (0x20a0, 0x20bf), (0xfffd, 0xfffd)];
const SETS: usize = 1 << BLOCKS.len();

impl Blocks {
    /// What every document has.
    pub(super) const FIRST: Self = Self(0);

    /// These and those.
    pub(super) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The block of a character; `None` if no font has any like it.
    fn of(c: char) -> Option<Self> {
        let within =
            |ranges: &[(u32, u32)]| ranges.iter().any(|(a, z)| (*a..=*z).contains(&u32::from(c)));
        if within(FIRST) {
            return Some(Self::FIRST);
        }
        BLOCKS.iter().position(|ranges| within(ranges)).map(|index| Self(1 << index))
    }

    fn holds(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// One drawn character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Glyph {
    /// Its number in the embedded font.
    pub(super) id: u16,
    /// How far it moves on, in thousandths of the size.
    pub(super) width: u16,
    /// Whether a line may end here.
    pub(super) is_space: bool,
}

/// The faces, and the sets that were made of them so far.
#[derive(Debug)]
pub(super) struct Fonts {
    sets: [OnceLock<Set>; SETS],
}

/// Both faces of some blocks.
#[derive(Debug)]
pub(super) struct Set {
    blocks: Blocks,
    pub(super) regular: Face,
    pub(super) bold: Face,
}

/// One face of some blocks.
#[derive(Debug)]
pub(super) struct Face {
    /// By character, in order.
    glyphs: Vec<(char, Glyph)>,
    /// The glyphs of ASCII, by code.
    ascii: Vec<Glyph>,
    substitute: Glyph,
    /// What a document embeds.
    pub(super) embedded: Embedded,
}

impl Fonts {
    pub(super) fn new() -> Self {
        Self { sets: std::array::from_fn(|_| OnceLock::new()) }
    }

    /// Both faces with at least some blocks.
    pub(super) fn set(&self, blocks: Blocks) -> Result<&Set, PressError> {
        let place = &self.sets[usize::from(blocks.0)];
        if let Some(set) = place.get() {
            return Ok(set);
        }
        let regular = Face::new("NotoSans-Regular", REGULAR, blocks)?;
        let bold = Face::new("NotoSans-Bold", BOLD, blocks)?;
        Ok(place.get_or_init(|| Set { blocks, regular, bold }))
    }
}

static REGULAR: &[u8] = include_bytes!("../../../assets/fonts/NotoSans-Regular.ttf");
static BOLD: &[u8] = include_bytes!("../../../assets/fonts/NotoSans-Bold.ttf");

impl Set {
    pub(super) fn face(&self, weight: Weight) -> &Face {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Bold => &self.bold,
        }
    }

    /// The glyph of a character, and the block that it needs beyond the set's.
    pub(super) fn glyph(&self, weight: Weight, c: char) -> (Glyph, Option<Blocks>) {
        let face = self.face(weight);
        if let Some(glyph) = face.ascii.get(usize::try_from(u32::from(c)).unwrap_or(usize::MAX)) {
            return (*glyph, None);
        }
        if let Ok(index) = face.glyphs.binary_search_by_key(&c, |(c, _)| *c) {
            return (face.glyphs[index].1, None);
        }
        let missed = Blocks::of(c).filter(|block| !self.blocks.holds(*block));
        (face.substitute, missed)
    }
}

impl Face {
    fn new(name: &'static str, file: &'static [u8], blocks: Blocks) -> Result<Self, PressError> {
        let unreadable = |error: ReadError| PressError::Font(name, error.to_string());
        let font = FontRef::new(file).map_err(unreadable)?;
        let widths = font.hmtx().map_err(unreadable)?;
        let charmap = font.charmap();
        let mut remapper = GlyphRemapper::new();
        let wanted = |(_, block): &(usize, &&[(u32, u32)])| block.to_vec();
        let ranges = BLOCKS.iter().enumerate().filter(|(bit, _)| blocks.0 >> bit & 1 == 1);
        let mut ranges: Vec<(u32, u32)> = ranges.flat_map(|range| wanted(&range)).collect();
        ranges.extend(FIRST);
        let mut chars: Vec<char> =
            ranges.iter().flat_map(|(a, z)| *a..=*z).filter_map(char::from_u32).collect();
        chars.retain(|c| !super::text::is_dropped(*c));
        chars.sort_unstable();
        chars.dedup();
        let mut glyphs = Vec::with_capacity(chars.len());
        for c in chars {
            let Some(old) = charmap.map(c) else { continue };
            let Some(width) = widths.advance(old) else { continue };
            let Ok(old) = u16::try_from(old.to_u32()) else { continue };
            glyphs.push((c, Glyph { id: remapper.remap(old), width, is_space: c == ' ' }));
        }
        let file = subsetter::subset(file, 0, &remapper)
            .map_err(|error| PressError::Font(name, error.to_string()))?;
        let used: Vec<Used> = glyphs
            .iter()
            .map(|(c, glyph)| Used { c: *c, id: glyph.id, width: glyph.width })
            .collect();
        let metrics = Metrics::of(&font, name).map_err(unreadable)?;
        let embedded = Embedded::new(name, blocks.0, &metrics, &file, &used);
        let find = |c: char| {
            let index = glyphs.binary_search_by_key(&c, |(c, _)| *c).ok()?;
            Some(glyphs[index].1)
        };
        let no_glyph = || PressError::Font(name, "no glyph for the replacement character".into());
        let substitute = find(SUBSTITUTE).ok_or_else(no_glyph)?;
        let ascii = (0..128_u8).map(|code| find(char::from(code)).unwrap_or(substitute)).collect();
        Ok(Self { glyphs, ascii, substitute, embedded })
    }
}
