//! The files of the press hold to the structure of PDF/A-3, and each check of that notices a fault
//! that was planted.

use data_encoding::HEXLOWER;
use daybook::documents::{
    PRESS_VERSION, facturx,
    language::Language,
    logo::Logo,
    paper::Paper,
    press::{Press, Style, attached},
};
use lopdf::{Dictionary, Document, Object, Stream};
use sha2::{Digest, Sha256};

use super::{logo::png, papers, pdfa::faults};

fn press() -> Press {
    let logo = Some(Logo::read(&png(64, 24)).unwrap());
    Press::new(Style { logo, ..Style::default() }).unwrap()
}

fn read(bytes: &[u8]) -> Document {
    Document::load_mem(bytes).unwrap()
}

#[test]
fn every_document_holds_to_the_structure_of_pdf_a_3() {
    let press = press();
    for (name, paper, _) in papers::all() {
        for attached in [None, Some(&b"<Invoice/>"[..])] {
            let bytes = press.print_with(&paper, attached).unwrap();
            assert_eq!(faults(&read(&bytes)), Vec::<String>::new(), "{name}");
        }
    }
}

#[test]
fn what_is_attached_is_read_back_byte_for_byte() {
    let press = press();
    for (name, paper, _) in papers::all() {
        for inside in [None, Some(&b"<Invoice/>"[..])] {
            let bytes = press.print_with(&paper, inside).unwrap();
            assert_eq!(attached(&bytes).unwrap().as_deref(), inside, "{name}");
        }
        let own = facturx::xml(&paper, press.style().language);
        assert_eq!(attached(&press.print(&paper).unwrap()).unwrap(), own, "{name}");
    }
    assert!(attached(b"%PDF-1.7 and no more").is_err());
}

#[test]
fn the_bytes_are_framed_as_pdf_a_wants_them() {
    let bytes = press().print(&papers::ten_lines()).unwrap();
    assert!(bytes.starts_with(b"%PDF-1.7\n%"));
    assert!(bytes[10..14].iter().all(|byte| *byte > 127));
    assert!(bytes.ends_with(b"%%EOF"));
    // Each object on lines of its own.
    let text = String::from_utf8_lossy(&bytes);
    let opened = text.matches(" 0 obj\n").count();
    assert!(opened > 100);
    assert_eq!(text.matches("\nendobj\n").count(), opened);
    // Nothing of the machine or the moment.
    for word in ["CreationDate(D:20260820093000Z)", "Daybook"] {
        assert!(text.contains(word) || text.replace(' ', "").contains(word), "{word}");
    }
}

/// The hash of everything that the press of this version sets: pages, fonts, words, metadata and
/// e-invoices, unpacked, since how well they are packed is not the press's.
const SET: (u32, &str) = (2, "64eb236c849599392821c6c9cf143c8d8c0a97b3126289ebc85d59d5b4c2896d");

/// Whoever changes what is printed raises `PRESS_VERSION`, and puts both here.
#[test]
fn the_version_of_the_press_goes_up_with_what_it_prints() {
    let mut hash = Sha256::new();
    for language in [Language::En, Language::De, Language::Fr] {
        let press = Press::new(Style { language, ..Style::default() }).unwrap();
        for (_, paper, _) in papers::all() {
            unpacked(&press.print(&paper).unwrap(), &mut hash);
        }
    }
    let found = HEXLOWER.encode(&hash.finalize());
    assert_eq!((PRESS_VERSION, found.as_str()), SET, "what is printed has changed");
}

/// Everything in the streams of a file, unpacked.
fn unpacked(bytes: &[u8], hash: &mut Sha256) {
    for (_, object) in read(bytes).objects {
        if let Object::Stream(stream) = object {
            hash.update(stream.decompressed_content().unwrap_or(stream.content));
        }
    }
}

#[test]
fn one_letter_more_is_another_print() {
    let press = press();
    let hash_of = |paper: &Paper| {
        let mut hash = Sha256::new();
        unpacked(&press.print(paper).unwrap(), &mut hash);
        hash.finalize()
    };
    let (paper, mut other) = (papers::ten_lines(), papers::ten_lines());
    other.seller.city.push('x');
    assert_eq!(hash_of(&paper), hash_of(&papers::ten_lines()));
    assert_ne!(hash_of(&paper), hash_of(&other));
}

type Fault = fn(&mut Document);

fn catalog(document: &mut Document) -> &mut Dictionary {
    document.catalog_mut().unwrap()
}

/// The first dictionary or stream that has a key with a name.
fn having<'d>(document: &'d mut Document, key: &str, name: &str) -> &'d mut Object {
    let is = |object: &Object| {
        let dictionary =
            object.as_dict().or_else(|_| object.as_stream().map(|stream| &stream.dict));
        dictionary.and_then(|all| all.get(key.as_bytes()).and_then(Object::as_name)).ok()
            == Some(name.as_bytes())
    };
    document.objects.values_mut().find(|object| is(object)).unwrap()
}

fn dictionary<'d>(document: &'d mut Document, key: &str, name: &str) -> &'d mut Dictionary {
    match having(document, key, name) {
        Object::Stream(stream) => &mut stream.dict,
        object => object.as_dict_mut().unwrap(),
    }
}

fn stream<'d>(document: &'d mut Document, key: &str, name: &str) -> &'d mut Stream {
    having(document, key, name).as_stream_mut().unwrap()
}

fn replaced(document: &mut Document, what: &str, with: &str) {
    let metadata = stream(document, "Type", "Metadata");
    let text = String::from_utf8(metadata.content.clone()).unwrap();
    assert!(text.contains(what), "{what}");
    metadata.content = text.replace(what, with).into_bytes();
}

/// Changes the operators of the first page.
fn drawn(document: &mut Document, what: &str, with: &str) {
    let page = *document.get_pages().values().next().unwrap();
    let text = String::from_utf8(document.get_page_content(page)).unwrap();
    assert!(text.contains(what), "{what}");
    document.change_page_content(page, text.replacen(what, with, 1).into_bytes()).unwrap();
}

fn cut_a_row(document: &mut Document) {
    let row = document.objects.values_mut().filter_map(|object| object.as_dict_mut().ok());
    let mut rows = row.filter(|row| row.get(b"S").and_then(Object::as_name).ok() == Some(b"TR"));
    rows.next().unwrap().get_mut(b"K").unwrap().as_array_mut().unwrap().pop();
}

fn forget_a_mark(document: &mut Document) {
    dictionary(document, "S", "H1").set("K", 999);
}

fn change_a_width(document: &mut Document) {
    let runs = dictionary(document, "Subtype", "CIDFontType2").get_mut(b"W").unwrap();
    let run = runs.as_array_mut().unwrap()[1].as_array_mut().unwrap();
    for width in run {
        *width = Object::Integer(1);
    }
}

fn rename_fonts(document: &mut Document) {
    dictionary(document, "Subtype", "Type0").set("BaseFont", "NotoSans");
}

const PLANTED: &[(&str, Fault)] = &[
    ("not PDF 1.7", |document| document.version = "1.4".to_owned()),
    ("encrypted", |document| document.trailer.set("Encrypt", Dictionary::new())),
    ("no id", |document| drop(document.trailer.remove(b"ID"))),
    ("not marked", |document| drop(catalog(document).remove(b"MarkInfo"))),
    ("title is not displayed", |document| drop(catalog(document).remove(b"ViewerPreferences"))),
    ("no language", |document| drop(catalog(document).remove(b"Lang"))),
    ("an action", |document| catalog(document).set("OpenAction", Dictionary::new())),
    ("no output intent", |document| drop(catalog(document).remove(b"OutputIntents"))),
    ("a script", |document| dictionary(document, "S", "H1").set("JS", "x")),
    ("interpolated", |document| dictionary(document, "Subtype", "Image").set("Interpolate", true)),
    ("LZW", |document| dictionary(document, "Subtype", "Image").set("Filter", "LZWDecode")),
    ("outside of the file", |document| dictionary(document, "Subtype", "Image").set("F", "x")),
    ("no metadata", |document| drop(catalog(document).remove(b"Metadata"))),
    ("packed", |document| dictionary(document, "Type", "Metadata").set("Filter", "FlateDecode")),
    ("not part 3", |document| replaced(document, "<pdfaid:part>3", "<pdfaid:part>2")),
    ("not level A", |document| replaced(document, "conformance>A", "conformance>B")),
    ("Title differs", |document| replaced(document, "INVOICE ML/26-27/000001", "INVOICE")),
    ("CreationDate differs", |document| replaced(document, "CreateDate>2026", "CreateDate>2025")),
    ("Factur-X in the metadata", |document| replaced(document, "FileName>factur-x", "FileName>x")),
    ("not described", |document| replaced(document, "prefix>fx", "prefix>fy")),
    ("a mark without its number", |document| drawn(document, "<</MCID 2>>", "<</MCID 1>>")),
    ("not closed", |document| drawn(document, "EMC", "")),
    ("not marked", |document| drawn(document, "/Artifact BMC", "")),
    ("does not know its mark", forget_a_mark),
    ("no subset", rename_fonts),
    ("glyph of nothing", |document| drawn(document, "Td <", "Td <0000")),
    ("without its character", |document| {
        drop(dictionary(document, "Subtype", "Type0").remove(b"ToUnicode"));
    }),
    ("by another number", |document| {
        drop(dictionary(document, "Subtype", "CIDFontType2").remove(b"CIDToGIDMap"));
    }),
    ("not embedded", |document| {
        drop(dictionary(document, "Type", "FontDescriptor").remove(b"FontFile2"));
    }),
    ("a width", change_a_width),
    ("no structure", |document| drop(catalog(document).remove(b"StructTreeRoot"))),
    ("a figure without words", |document| drop(dictionary(document, "S", "Figure").remove(b"Alt"))),
    ("a head of nothing", |document| drop(dictionary(document, "S", "TH").remove(b"A"))),
    ("no H1", |document| dictionary(document, "S", "H1").set("S", "P")),
    ("no figure", |document| dictionary(document, "S", "Figure").set("S", "P")),
    ("rows of different lengths", cut_a_row),
    ("an element of another", |document| dictionary(document, "S", "TD").set("P", (1, 0))),
    ("not associated", |document| drop(catalog(document).remove(b"AF"))),
    ("not described", |document| {
        drop(dictionary(document, "Type", "Filespec").remove(b"AFRelationship"));
    }),
];

#[test]
fn every_planted_fault_is_noticed() {
    let bytes = press().print_with(&papers::ten_lines(), Some(b"<Invoice/>")).unwrap();
    assert_eq!(faults(&read(&bytes)), Vec::<String>::new());
    for (name, plant) in PLANTED {
        let mut document = read(&bytes);
        plant(&mut document);
        let found = faults(&document);
        assert!(found.iter().any(|fault| fault.contains(name)), "{name} not in {found:?}");
    }
}
