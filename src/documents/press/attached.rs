//! The way back: the e-invoice inside a printed document, byte for byte as it was attached.

use lopdf::{Dictionary, Document, Error, Object};

use super::file::ATTACHED;

/// The e-invoice inside a PDF; `None` where none is attached.
///
/// # Errors
/// Bytes that are no PDF, or an attachment that cannot be unpacked.
pub fn attached(pdf: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    let document = Document::load_mem(pdf)?;
    let Ok(files) = document.catalog()?.get_deref(b"AF", &document) else { return Ok(None) };
    for file in files.as_array()? {
        let (_, file) = document.dereference(file)?;
        let file = file.as_dict()?;
        if file.get(b"F").and_then(Object::as_str)? == ATTACHED.as_bytes() {
            return content(file, &document).map(Some);
        }
    }
    Ok(None)
}

fn content(file: &Dictionary, document: &Document) -> Result<Vec<u8>, Error> {
    let embedded = file.get_deref(b"EF", document)?.as_dict()?;
    embedded.get_deref(b"F", document)?.as_stream()?.decompressed_content()
}
