//! A subset font as the objects of a PDF: Type 0 over a CID font with `TrueType` outlines, with its
//! widths and the characters that its glyphs stand for.

use std::fmt::Write as _;

use lopdf::{Dictionary, Object, ObjectId, Stream, StringFormat, dictionary};
use sha2::{Digest, Sha256};
use skrifa::{
    FontRef,
    raw::{ReadError, TableProvider},
};

use super::file::deflated;

/// What a descriptor says of a face, in thousandths of the size.
#[derive(Debug)]
pub(super) struct Metrics {
    bounds: [i16; 4],
    ascent: i16,
    descent: i16,
    cap_height: i16,
    /// The thickness of stems: no table has it, and no reader uses it of an embedded font.
    stem: i64,
}

/// A character of the subset.
#[derive(Debug, Clone, Copy)]
pub(super) struct Used {
    pub(super) c: char,
    pub(super) id: u16,
    pub(super) width: u16,
}

/// The objects of a font; references between them are put in when a document embeds it.
#[derive(Debug)]
pub(super) struct Embedded {
    file: Stream,
    to_unicode: Stream,
    descriptor: Dictionary,
    descendant: Dictionary,
    font: Dictionary,
}

impl Metrics {
    pub(super) fn of(font: &FontRef<'_>, name: &str) -> Result<Self, ReadError> {
        let (head, hhea, os2) = (font.head()?, font.hhea()?, font.os2()?);
        Ok(Self {
            bounds: [head.x_min(), head.y_min(), head.x_max(), head.y_max()],
            ascent: hhea.ascender().to_i16(),
            descent: hhea.descender().to_i16(),
            cap_height: os2.s_cap_height().unwrap_or(714),
            stem: if name.ends_with("Bold") { 140 } else { 80 },
        })
    }
}

impl Embedded {
    /// How many objects a document needs for it.
    pub(super) const OBJECTS: u32 = 5;

    pub(super) fn new(
        name: &str,
        blocks: u8,
        metrics: &Metrics,
        file: &[u8],
        used: &[Used],
    ) -> Self {
        let name = format!("{}+{name}", tag(name, blocks));
        let length = i64::try_from(file.len()).unwrap_or(i64::MAX);
        let system = dictionary! {
            "Registry" => Object::string_literal("Adobe"),
            "Ordering" => Object::string_literal("Identity"),
            "Supplement" => 0,
        };
        let bounds = metrics.bounds.map(|bound| Object::Integer(bound.into()));
        Self {
            file: deflated(dictionary! { "Length1" => length }, file),
            to_unicode: deflated(Dictionary::new(), to_unicode(used).as_bytes()),
            descriptor: dictionary! {
                "Type" => "FontDescriptor",
                "FontName" => name.as_str(),
                "Flags" => 4,
                "FontBBox" => Object::Array(bounds.to_vec()),
                "ItalicAngle" => 0,
                "Ascent" => i64::from(metrics.ascent),
                "Descent" => i64::from(metrics.descent),
                "CapHeight" => i64::from(metrics.cap_height),
                "StemV" => metrics.stem,
            },
            descendant: dictionary! {
                "Type" => "Font",
                "Subtype" => "CIDFontType2",
                "BaseFont" => name.as_str(),
                "CIDSystemInfo" => system,
                "CIDToGIDMap" => "Identity",
                "DW" => 0,
                "W" => widths(used),
            },
            font: dictionary! {
                "Type" => "Font",
                "Subtype" => "Type0",
                "BaseFont" => name.as_str(),
                "Encoding" => "Identity-H",
            },
        }
    }

    /// Adds it to a document under numbers from `first` on; its own is the first.
    pub(super) fn add(&self, first: u32, objects: &mut Vec<(u32, Object)>) -> ObjectId {
        let at = |offset: u32| Object::Reference((first + offset, 0));
        let mut font = self.font.clone();
        font.set("DescendantFonts", vec![at(1)]);
        font.set("ToUnicode", at(4));
        let mut descendant = self.descendant.clone();
        descendant.set("FontDescriptor", at(2));
        let mut descriptor = self.descriptor.clone();
        descriptor.set("FontFile2", at(3));
        objects.push((first, font.into()));
        objects.push((first + 1, descendant.into()));
        objects.push((first + 2, descriptor.into()));
        objects.push((first + 3, self.file.clone().into()));
        objects.push((first + 4, self.to_unicode.clone().into()));
        (first, 0)
    }
}

/// Six capitals that mark a subset, the same for the same subset.
fn tag(name: &str, blocks: u8) -> String {
    let digest = Sha256::digest(format!("{name}/{blocks}").as_bytes());
    digest.iter().take(6).map(|byte| char::from(b'A' + byte % 26)).collect()
}

/// The widths by glyph, in one run: ids of a subset have no gaps, save for parts of glyphs, which
/// stand behind.
fn widths(used: &[Used]) -> Object {
    let mut by_id: Vec<(u16, u16)> = used.iter().map(|used| (used.id, used.width)).collect();
    by_id.sort_unstable();
    by_id.dedup();
    let mut array = Vec::new();
    for run in by_id.chunk_by(|one, next| next.0 == one.0 + 1) {
        let widths = run.iter().map(|(_, width)| Object::Integer((*width).into())).collect();
        array.push(Object::Integer(run[0].0.into()));
        array.push(Object::Array(widths));
    }
    Object::Array(array)
}

/// The character map from glyphs back to text. Where characters share a glyph, the first stands.
fn to_unicode(used: &[Used]) -> String {
    let mut by_id: Vec<(u16, char)> = used.iter().map(|used| (used.id, used.c)).collect();
    by_id.sort_unstable();
    by_id.dedup_by_key(|(id, _)| *id);
    let mut map = String::from(
        "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n/CIDSystemInfo\n\
         << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n/CMapName /Adobe-Identity-UCS \
         def\n/CMapType 2 def\n1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n",
    );
    for chunk in by_id.chunks(100) {
        let _ = writeln!(map, "{} beginbfchar", chunk.len());
        for (id, c) in chunk {
            let _ = writeln!(map, "<{id:04X}> <{:04X}>", u32::from(*c));
        }
        map.push_str("endbfchar\n");
    }
    map.push_str("endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n");
    map
}

/// Text for a reader, outside of the page: UTF-16 with its mark.
pub(super) fn text_string(text: &str) -> Object {
    let text = super::text::clean(text);
    if text.bytes().all(|byte| byte.is_ascii()) {
        return Object::string_literal(text);
    }
    let units = std::iter::once(0xfeff).chain(text.encode_utf16());
    Object::String(units.flat_map(u16::to_be_bytes).collect(), StringFormat::Hexadecimal)
}
