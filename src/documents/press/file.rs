//! The file: pages, fonts, structure, metadata and attachment as the objects of one PDF/A-3.

use std::io::Write as _;

use flate2::{Compression, write::ZlibEncoder};
use lopdf::{Dictionary, Document, Object, ObjectId, Stream, StringFormat, dictionary};
use sha2::{Digest, Sha256};

use super::{
    PressError,
    canvas::{Canvas, Geometry},
    embedded::{Embedded, text_string},
    xmp::{self, Said},
};
use crate::documents::logo::Logo;

/// The colours that all others are measured against.
static SRGB: &[u8] = include_bytes!("../../../assets/color/srgb.icc");

/// The name that the standard gives the attached e-invoice.
pub(super) const ATTACHED: &str = "factur-x.xml";

/// What every document of a press has in common, beside fonts.
#[derive(Debug)]
pub(super) struct Common {
    profile: Stream,
    logo: Option<Logo>,
}

/// A stream that is compressed as well as can be, since it is prepared once.
pub(in crate::documents) fn deflated(dictionary: Dictionary, bytes: &[u8]) -> Stream {
    compressed(dictionary, bytes, Compression::best())
}

fn compressed(mut dictionary: Dictionary, bytes: &[u8], level: Compression) -> Stream {
    let mut encoder = ZlibEncoder::new(Vec::with_capacity(bytes.len() / 2), level);
    // A vector takes everything.
    let packed = encoder.write_all(bytes).and_then(|()| encoder.finish()).unwrap_or_default();
    dictionary.set("Filter", "FlateDecode");
    Stream::new(dictionary, packed).with_compression(false)
}

impl Common {
    pub(super) fn new(logo: Option<Logo>) -> Self {
        Self { profile: deflated(dictionary! { "N" => 3 }, SRGB), logo }
    }

    /// Puts a drawn document together.
    pub(super) fn assemble(
        &self,
        canvas: &Canvas<'_>,
        said: &Said,
        attached: Option<&[u8]>,
    ) -> Result<Vec<u8>, PressError> {
        let mut file = File::default();
        let pages_id = file.reserve();
        let fonts = self.resources(canvas, &mut file);
        let kids = pages(canvas, pages_id, &fonts, &mut file);
        let metadata = xmp::packet(said, attached.is_some());
        let id = identity(canvas, &metadata, attached);
        let metadata_id = file.add(
            Stream::new(
                dictionary! { "Type" => "Metadata", "Subtype" => "XML" },
                metadata.into_bytes(),
            )
            .with_compression(false),
        );
        let profile = file.add(self.profile.clone());
        let (structure, next) = canvas.tags.write(file.next, &kids, &mut file.objects);
        file.next = next;
        let mut catalog = dictionary! {
            "Type" => "Catalog",
            "Pages" => pages_id,
            "Metadata" => metadata_id,
            "Lang" => text_string(said.language),
            "MarkInfo" => dictionary! { "Marked" => true },
            "StructTreeRoot" => structure,
            "ViewerPreferences" => dictionary! { "DisplayDocTitle" => true },
            "OutputIntents" => vec![Object::from(dictionary! {
                "Type" => "OutputIntent",
                "S" => "GTS_PDFA1",
                "OutputConditionIdentifier" => Object::string_literal("sRGB"),
                "Info" => Object::string_literal("sRGB IEC61966-2.1"),
                "DestOutputProfile" => profile,
            })],
        };
        if let Some(bytes) = attached {
            attach(bytes, said, &mut catalog, &mut file);
        }
        let references: Vec<Object> = kids.iter().map(|page| (*page).into()).collect();
        let count = i64::try_from(kids.len()).unwrap_or(0);
        let tree = dictionary! { "Type" => "Pages", "Kids" => references, "Count" => count };
        file.objects.push((pages_id.0, tree.into()));
        let info = file.add(info(said));
        let catalog = file.add(catalog);
        file.write(catalog, info, &id)
    }

    /// Fonts and logo, as the resources of every page.
    fn resources(&self, canvas: &Canvas<'_>, file: &mut File) -> Dictionary {
        let set = canvas.setter.set;
        let mut font = |embedded: &Embedded| {
            let id = embedded.add(file.next, &mut file.objects);
            file.next += Embedded::OBJECTS;
            id
        };
        let fonts = dictionary! {
            "R" => font(&set.regular.embedded),
            "B" => font(&set.bold.embedded),
        };
        let mut resources = dictionary! { "Font" => fonts };
        if let Some(logo) = &self.logo {
            let mut image = logo.image().clone();
            if let Some(mask) = logo.mask() {
                image.dict.set("SMask", file.add(mask.clone()));
            }
            resources.set("XObject", dictionary! { "L" => file.add(image) });
        }
        resources
    }
}

/// The objects of a file while it is put together.
#[derive(Debug)]
struct File {
    objects: Vec<(u32, Object)>,
    next: u32,
}

impl Default for File {
    fn default() -> Self {
        Self { objects: Vec::with_capacity(256), next: 1 }
    }
}

impl File {
    fn reserve(&mut self) -> ObjectId {
        self.next += 1;
        (self.next - 1, 0)
    }

    fn add(&mut self, object: impl Into<Object>) -> ObjectId {
        let id = self.reserve();
        self.objects.push((id.0, object.into()));
        id
    }

    fn write(self, catalog: ObjectId, info: ObjectId, id: &[u8]) -> Result<Vec<u8>, PressError> {
        let mut document = Document::with_version("1.7");
        document.max_id = self.next - 1;
        let size = self.objects.iter().map(|(_, object)| match object {
            Object::Stream(stream) => stream.content.len() + 200,
            _ => 150,
        });
        let mut bytes = Vec::with_capacity(size.sum());
        document.objects = self.objects.into_iter().map(|(id, object)| ((id, 0), object)).collect();
        let id = Object::String(id.to_vec(), StringFormat::Hexadecimal);
        document.trailer.set("Root", catalog);
        document.trailer.set("Info", info);
        document.trailer.set("ID", vec![id.clone(), id]);
        document.save_to(&mut bytes)?;
        Ok(bytes)
    }
}

fn pages(
    canvas: &Canvas<'_>,
    parent: ObjectId,
    resources: &Dictionary,
    file: &mut File,
) -> Vec<ObjectId> {
    let Geometry { width, height, .. } = canvas.geometry;
    let resources = file.add(resources.clone());
    let page = |(index, content): (usize, &String)| {
        let content = compressed(Dictionary::new(), content.as_bytes(), Compression::new(5));
        let content = file.add(content);
        file.add(dictionary! {
            "Type" => "Page",
            "Parent" => parent,
            "MediaBox" => vec![0.into(), 0.into(), points(width), points(height)],
            "Resources" => resources,
            "Contents" => content,
            "StructParents" => i64::try_from(index).unwrap_or(0),
            "Tabs" => "S",
        })
    };
    canvas.pages.iter().enumerate().map(page).collect()
}

/// Whole points, or the two sides of A4 that are none.
fn points(length: i32) -> Object {
    match length {
        595_276 => Object::Real(595.276),
        841_890 => Object::Real(841.89),
        whole => Object::Integer((whole / 1000).into()),
    }
}

/// What the file says of itself to old readers: the same as its metadata.
fn info(said: &Said) -> Dictionary {
    dictionary! {
        "Title" => text_string(&said.title),
        "Author" => text_string(&said.author),
        "Creator" => text_string(xmp::TOOL),
        "Producer" => text_string(xmp::TOOL),
        "CreationDate" => Object::string_literal(said.pdf_date()),
        "ModDate" => Object::string_literal(said.pdf_date()),
    }
}

/// Attaches the e-invoice, as the same invoice in another form.
fn attach(bytes: &[u8], said: &Said, catalog: &mut Dictionary, file: &mut File) {
    let length = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    let embedded = dictionary! {
        "Type" => "EmbeddedFile",
        "Subtype" => "text/xml",
        "Params" => dictionary! {
            "ModDate" => Object::string_literal(said.pdf_date()),
            "Size" => length,
        },
    };
    let embedded = file.add(compressed(embedded, bytes, Compression::new(5)));
    let name = || Object::string_literal(ATTACHED);
    let filespec = file.add(dictionary! {
        "Type" => "Filespec",
        "F" => name(),
        "UF" => name(),
        "Desc" => text_string("Factur-X"),
        "AFRelationship" => "Alternative",
        "EF" => dictionary! { "F" => embedded, "UF" => embedded },
    });
    catalog.set("AF", vec![filespec.into()]);
    let names = vec![name(), filespec.into()];
    catalog.set("Names", dictionary! { "EmbeddedFiles" => dictionary! { "Names" => names } });
}

/// Sixteen bytes that change with anything that the document says.
fn identity(canvas: &Canvas<'_>, metadata: &str, attached: Option<&[u8]>) -> Vec<u8> {
    let mut digest = Sha256::new();
    for page in &canvas.pages {
        digest.update(page.len().to_be_bytes());
        digest.update(page);
    }
    digest.update(metadata.len().to_be_bytes());
    digest.update(metadata);
    digest.update(attached.unwrap_or_default());
    digest.finalize()[..16].to_vec()
}
