//! What PDF/A-3, level A, asks of the structure of a file, as far as it can be read off the objects:
//! no validator of the whole standard is to be had offline.

use std::collections::{BTreeMap, BTreeSet};

use lopdf::{Dictionary, Document, Object, ObjectId, content::Content};
use skrifa::raw::{FontRef, TableProvider, types::GlyphId};

pub type Faults = Vec<String>;

/// Everything that is wrong with a file.
pub fn faults(document: &Document) -> Faults {
    let mut faults = Vec::new();
    let Ok(catalog) = document.catalog() else { return vec!["no catalog".to_owned()] };
    whole_file(document, catalog, &mut faults);
    metadata(document, catalog, &mut faults);
    for (_, page) in document.get_pages() {
        contents(document, page, &mut faults);
    }
    fonts(document, &mut faults);
    structure(document, catalog, &mut faults);
    attachments(document, catalog, &mut faults);
    faults
}

/// Follows a reference.
fn at<'d>(document: &'d Document, dictionary: &'d Dictionary, key: &str) -> Option<&'d Object> {
    let object = dictionary.get(key.as_bytes()).ok()?;
    document.dereference(object).ok().map(|(_, object)| object)
}

fn dict<'d>(
    document: &'d Document,
    dictionary: &'d Dictionary,
    key: &str,
) -> Option<&'d Dictionary> {
    let object = at(document, dictionary, key)?;
    object.as_dict().ok().or_else(|| object.as_stream().ok().map(|stream| &stream.dict))
}

fn whole_file(document: &Document, catalog: &Dictionary, faults: &mut Faults) {
    let mut must = |holds: bool, fault: &str| {
        if !holds {
            faults.push(fault.to_owned());
        }
    };
    must(document.version == "1.7", "not PDF 1.7");
    must(!document.trailer.has(b"Encrypt"), "encrypted");
    let id = document.trailer.get(b"ID").and_then(Object::as_array);
    must(id.is_ok_and(|id| id.len() == 2), "no id");
    let marked = dict(document, catalog, "MarkInfo")
        .and_then(|info| info.get(b"Marked").and_then(Object::as_bool).ok());
    must(marked == Some(true), "not marked");
    let titled = dict(document, catalog, "ViewerPreferences")
        .and_then(|shown| shown.get(b"DisplayDocTitle").and_then(Object::as_bool).ok());
    must(titled == Some(true), "the title is not displayed");
    must(catalog.get(b"Lang").is_ok(), "no language");
    must(!catalog.has(b"OpenAction") && !catalog.has(b"AA"), "an action");
    let intents =
        at(document, catalog, "OutputIntents").and_then(|intents| intents.as_array().ok());
    let intent = intents.and_then(|intents| intents.first()?.as_dict().ok());
    let is_pdfa = |intent: &&Dictionary| {
        intent.get(b"S").and_then(Object::as_name).is_ok_and(|name| name == b"GTS_PDFA1")
    };
    let profile = intent.filter(is_pdfa).and_then(|intent| {
        at(document, intent, "DestOutputProfile")?.as_stream().ok()?.decompressed_content().ok()
    });
    let is_rgb = |profile: &Vec<u8>| &profile[36..40] == b"acsp" && &profile[12..20] == b"mntrRGB ";
    must(profile.as_ref().is_some_and(is_rgb), "no output intent");
    for object in document.objects.values() {
        let Ok(dictionary) =
            object.as_dict().or_else(|_| object.as_stream().map(|stream| &stream.dict))
        else {
            continue;
        };
        must(!dictionary.has(b"JS") && !dictionary.has(b"JavaScript"), "a script");
        must(!dictionary.has(b"Interpolate"), "an interpolated image");
        let external = dictionary.has(b"F") && object.as_stream().is_ok();
        must(!external, "a stream outside of the file");
        let lzw = dictionary.get(b"Filter").and_then(Object::as_name);
        must(!lzw.is_ok_and(|filter| filter == b"LZWDecode"), "LZW");
    }
}

/// The text of a string object.
fn text(object: &Object) -> Option<String> {
    let bytes = object.as_str().ok()?;
    match bytes.strip_prefix(&[0xfe, 0xff]) {
        None => String::from_utf8(bytes.to_vec()).ok(),
        Some(rest) => {
            let units = rest.chunks_exact(2).map(|unit| u16::from_be_bytes([unit[0], unit[1]]));
            String::from_utf16(&units.collect::<Vec<_>>()).ok()
        }
    }
}

fn between<'t>(text: &'t str, open: &str, close: &str) -> Option<&'t str> {
    let from = text.find(open)? + open.len();
    Some(&text[from..from + text[from..].find(close)?])
}

fn metadata(document: &Document, catalog: &Dictionary, faults: &mut Faults) {
    let mut must = |holds: bool, fault: &str| {
        if !holds {
            faults.push(fault.to_owned());
        }
    };
    let stream = at(document, catalog, "Metadata").and_then(|stream| stream.as_stream().ok());
    let Some(stream) = stream else { return must(false, "no metadata") };
    must(!stream.dict.has(b"Filter"), "metadata is packed");
    let xmp = String::from_utf8(stream.content.clone()).unwrap_or_default();
    must(between(&xmp, "<pdfaid:part>", "<") == Some("3"), "not part 3");
    must(between(&xmp, "<pdfaid:conformance>", "<") == Some("A"), "not level A");
    let Some(info) = dict(document, &document.trailer, "Info") else {
        return must(false, "no info");
    };
    let plain = |text: &str| text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    let said = |key: &str| at(document, info, key).and_then(text).unwrap_or_default();
    let pairs = [
        ("Title", "<rdf:li xml:lang=\"x-default\">"),
        ("Author", "<dc:creator><rdf:Seq><rdf:li>"),
        ("Producer", "<pdf:Producer>"),
        ("Creator", "<xmp:CreatorTool>"),
    ];
    for (key, open) in pairs {
        let there = between(&xmp, open, "<").map(plain);
        must(there.as_deref() == Some(&said(key)), &format!("{key} differs"));
    }
    for (key, open) in [("CreationDate", "<xmp:CreateDate>"), ("ModDate", "<xmp:ModifyDate>")] {
        let there: String =
            between(&xmp, open, "<").unwrap_or_default().replace(['-', ':', 'T'], "");
        must(format!("D:{there}") == said(key), &format!("{key} differs"));
    }
    let attached = catalog.has(b"AF");
    must(
        xmp.contains("<fx:DocumentFileName>factur-x.xml<") == attached,
        "Factur-X in the metadata",
    );
    must(xmp.contains("<pdfaSchema:prefix>fx<") == attached, "Factur-X is not described");
}

/// The glyphs that pages show, by font name: kept for the check of the fonts.
fn shown(document: &Document) -> BTreeMap<Vec<u8>, BTreeSet<u16>> {
    let mut shown: BTreeMap<Vec<u8>, BTreeSet<u16>> = BTreeMap::new();
    for page in document.get_pages().into_values() {
        let content = Content::decode(&document.get_page_content(page));
        let mut font = Vec::new();
        for operation in content.map(|content| content.operations).unwrap_or_default() {
            match (operation.operator.as_str(), operation.operands.first()) {
                ("Tf", Some(Object::Name(name))) => font = name.clone(),
                ("Tj", Some(Object::String(bytes, _))) => {
                    let ids = bytes.chunks_exact(2).map(|id| u16::from_be_bytes([id[0], id[1]]));
                    shown.entry(font.clone()).or_default().extend(ids);
                }
                _ => {}
            }
        }
    }
    shown
}

/// Everything drawn is marked, once, and belongs to an element.
fn contents(document: &Document, page: ObjectId, faults: &mut Faults) {
    let content = Content::decode(&document.get_page_content(page));
    let Ok(content) = content else { return faults.push("contents cannot be read".to_owned()) };
    let (mut open, mut marks) = (0, BTreeSet::new());
    for operation in content.operations {
        match operation.operator.as_str() {
            "BDC" | "BMC" => {
                open += 1;
                let mark = operation.operands.get(1).and_then(|mark| mark.as_dict().ok());
                let mark = mark.and_then(|mark| mark.get(b"MCID").and_then(Object::as_i64).ok());
                let decoration =
                    operation.operands[0].as_name().is_ok_and(|name| name == b"Artifact");
                if mark.is_none() != decoration || mark.is_some_and(|mark| !marks.insert(mark)) {
                    faults.push("a mark without its number, or twice".to_owned());
                }
            }
            "EMC" => open -= 1,
            "Tj" | "re" | "Do" if open != 1 => faults.push("something is not marked".to_owned()),
            _ => {}
        }
    }
    if open != 0 {
        faults.push("a mark is not closed".to_owned());
    }
    let dictionary = document.get_dictionary(page).ok();
    let key = dictionary.and_then(|page| page.get(b"StructParents").and_then(Object::as_i64).ok());
    let parents = key.and_then(|key| parents(document, key)).unwrap_or_default();
    if parents.len() != marks.len() {
        faults.push("marks without an element".to_owned());
    }
    for (number, element) in parents.iter().enumerate() {
        let number = i64::try_from(number).unwrap_or(-1);
        if !holds(document, *element, page, number) {
            faults.push("an element does not know its mark".to_owned());
        }
    }
}

fn parents(document: &Document, key: i64) -> Option<Vec<ObjectId>> {
    let root = dict(document, document.catalog().ok()?, "StructTreeRoot")?;
    let numbers = dict(document, root, "ParentTree")?.get(b"Nums").ok()?.as_array().ok()?;
    let pair = numbers.chunks_exact(2).find(|pair| pair[0].as_i64().ok() == Some(key))?;
    pair[1].as_array().ok()?.iter().map(|element| element.as_reference().ok()).collect()
}

/// Whether an element has a mark of a page among its kids.
fn holds(document: &Document, element: ObjectId, page: ObjectId, number: i64) -> bool {
    let Ok(element) = document.get_dictionary(element) else { return false };
    let own = element.get(b"Pg").and_then(Object::as_reference).ok();
    kids(element).iter().any(|kid| match kid {
        Object::Integer(mark) => *mark == number && own == Some(page),
        Object::Dictionary(mark) => {
            mark.get(b"MCID").and_then(Object::as_i64).ok() == Some(number)
                && mark.get(b"Pg").and_then(Object::as_reference).ok() == Some(page)
        }
        _ => false,
    })
}

fn kids(element: &Dictionary) -> Vec<Object> {
    match element.get(b"K") {
        Ok(Object::Array(kids)) => kids.clone(),
        Ok(kid) => vec![kid.clone()],
        Err(_) => Vec::new(),
    }
}

fn fonts(document: &Document, faults: &mut Faults) {
    let shown = shown(document);
    let Some(page) = document.get_pages().into_values().next() else { return };
    let resources = document.get_dictionary(page).ok();
    let fonts = resources
        .and_then(|page| dict(document, page, "Resources"))
        .and_then(|resources| dict(document, resources, "Font"));
    let Some(fonts) = fonts else { return faults.push("no fonts".to_owned()) };
    for (name, glyphs) in shown {
        let font = dict(document, fonts, &String::from_utf8_lossy(&name));
        let fault = match font {
            None => Some("a font that is not there"),
            Some(font) => font_fault(document, font, &glyphs),
        };
        faults.extend(fault.map(str::to_owned));
    }
}

fn font_fault(
    document: &Document,
    font: &Dictionary,
    glyphs: &BTreeSet<u16>,
) -> Option<&'static str> {
    let name = font.get(b"BaseFont").and_then(Object::as_name).unwrap_or_default();
    let tag = name.get(..7).unwrap_or_default();
    if !(tag.ends_with(b"+") && tag[..6].iter().all(u8::is_ascii_uppercase)) {
        return Some("a font that is no subset");
    }
    if glyphs.contains(&0) {
        return Some("the glyph of nothing is shown");
    }
    let map = at(document, font, "ToUnicode").and_then(|map| map.as_stream().ok());
    let map = map.and_then(|map| map.decompressed_content().ok()).unwrap_or_default();
    let map = String::from_utf8_lossy(&map).into_owned();
    if glyphs.iter().any(|id| !map.contains(&format!("\n<{id:04X}> <"))) {
        return Some("a glyph without its character");
    }
    let descendants = at(document, font, "DescendantFonts").and_then(|all| all.as_array().ok());
    let descendant = descendants.and_then(|all| document.dereference(all.first()?).ok());
    let descendant = descendant.and_then(|(_, font)| font.as_dict().ok())?;
    if descendant.get(b"CIDToGIDMap").and_then(Object::as_name).ok() != Some(b"Identity") {
        return Some("glyphs by another number");
    }
    let file = dict(document, descendant, "FontDescriptor")
        .and_then(|descriptor| at(document, descriptor, "FontFile2")?.as_stream().ok())
        .and_then(|file| file.decompressed_content().ok());
    let Some(file) = file else { return Some("a font that is not embedded") };
    let widths = widths(descendant);
    let Ok(metrics) = FontRef::new(&file).and_then(|font| font.hmtx()) else {
        return Some("a font that cannot be read");
    };
    let differs = |id: &u16| {
        let width = metrics.advance(GlyphId::from(*id)).map(i64::from);
        width.is_none() || widths.get(&i64::from(*id)).copied() != width
    };
    glyphs.iter().any(differs).then_some("a width that the font does not have")
}

fn widths(font: &Dictionary) -> BTreeMap<i64, i64> {
    let mut widths = BTreeMap::new();
    let Ok(runs) = font.get(b"W").and_then(Object::as_array) else { return widths };
    for run in runs.chunks_exact(2) {
        let (Ok(first), Ok(run)) = (run[0].as_i64(), run[1].as_array()) else { continue };
        let run = run.iter().filter_map(|width| width.as_i64().ok());
        widths.extend((first..).zip(run));
    }
    widths
}

fn structure(document: &Document, catalog: &Dictionary, faults: &mut Faults) {
    let Some(root) = dict(document, catalog, "StructTreeRoot") else {
        return faults.push("no structure".to_owned());
    };
    let mut tags = BTreeMap::new();
    walk(document, root, &mut tags, faults);
    for tag in ["Document", "H1", "H2", "P", "Table", "TR", "TH", "TD"] {
        if !tags.contains_key(tag) {
            faults.push(format!("no {tag}"));
        }
    }
    if tags.get("H1").is_some_and(|count| *count != 1) {
        faults.push("more than one title".to_owned());
    }
    let has_image = document.objects.values().any(|object| {
        object.as_stream().is_ok_and(|image| {
            image.dict.get(b"Subtype").and_then(Object::as_name).is_ok_and(|name| name == b"Image")
        })
    });
    if has_image != tags.contains_key("Figure") {
        faults.push("an image that is no figure".to_owned());
    }
}

fn walk(
    document: &Document,
    element: &Dictionary,
    tags: &mut BTreeMap<String, usize>,
    faults: &mut Faults,
) {
    let tag = element.get(b"S").and_then(Object::as_name).unwrap_or(b"StructTreeRoot");
    let tag = String::from_utf8_lossy(tag).into_owned();
    if tag == "Figure" && !element.has(b"Alt") {
        faults.push("a figure without words".to_owned());
    }
    if tag == "TH" && !element.has(b"A") {
        faults.push("a head of nothing".to_owned());
    }
    let (mut cells, mut table) = (BTreeSet::new(), false);
    for kid in kids(element) {
        let Ok(id) = kid.as_reference() else { continue };
        let Ok(kid) = document.get_dictionary(id) else {
            faults.push("an element that is not there".to_owned());
            continue;
        };
        let parent = kid.get(b"P").and_then(Object::as_reference);
        if parent.and_then(|parent| document.get_dictionary(parent)).ok() != Some(element) {
            faults.push("an element of another".to_owned());
        }
        if tag == "Table" {
            table = true;
            cells.insert(kids(kid).len());
        }
        walk(document, kid, tags, faults);
    }
    if table && cells.len() != 1 {
        faults.push("rows of different lengths".to_owned());
    }
    *tags.entry(tag).or_default() += 1;
}

fn attachments(document: &Document, catalog: &Dictionary, faults: &mut Faults) {
    let associated = at(document, catalog, "AF").and_then(|files| files.as_array().ok());
    let named = dict(document, catalog, "Names")
        .and_then(|names| dict(document, names, "EmbeddedFiles"))
        .and_then(|files| files.get(b"Names").and_then(Object::as_array).ok());
    let (Some(associated), Some(named)) = (associated, named) else {
        if associated.is_some() || named.is_some() {
            faults.push("a file that is not associated".to_owned());
        }
        return;
    };
    let fault = associated.iter().any(|file| {
        let Some(file) = document.dereference(file).ok().and_then(|(_, file)| file.as_dict().ok())
        else {
            return true;
        };
        let embedded = dict(document, file, "EF").and_then(|file| dict(document, file, "F"));
        let kind = embedded.and_then(|embedded| embedded.get(b"Subtype").ok()?.as_name().ok());
        let dated = embedded
            .and_then(|embedded| dict(document, embedded, "Params"))
            .is_some_and(|parameters| parameters.has(b"ModDate"));
        let relation = file.get(b"AFRelationship").and_then(Object::as_name).ok();
        let has_names = file.has(b"F") && file.has(b"UF") && file.has(b"Desc");
        kind != Some(b"text/xml") || !dated || relation != Some(b"Alternative") || !has_names
    });
    if fault || !associated.iter().all(|file| named.contains(file)) {
        faults.push("a file that is not described".to_owned());
    }
}
