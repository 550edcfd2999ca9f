//! The press: a document as the bytes of a PDF.
//!
//! It reads no clock, no database and no randomness: the same document in the same style is the
//! same bytes for ever. What documents have in common, fonts, logo and colour profile, is prepared
//! once, so that only the pages differ. The file is tagged and holds to PDF/A-3, with the e-invoice
//! attached where there is one.
//!
//! | Part | What it does |
//! |---|---|
//! | `sheet` | lays the document out: head, parties, table, sums, payments |
//! | `canvas` | draws on pages, each mark tagged |
//! | `text`, `fonts`, `embedded` | clean text, lines of glyphs, subsets and their objects |
//! | `tags`, `xmp`, `file` | structure, metadata, and the file |
//! | `attached` | the e-invoice inside a file, read back |

mod attached;
mod canvas;
mod embedded;
mod file;
mod fonts;
mod sheet;
mod tags;
mod text;
mod xmp;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use self::attached::attached;
pub(in crate::documents) use self::file::deflated;
use self::{
    canvas::{Canvas, Geometry},
    file::Common,
    fonts::{Blocks, Fonts},
    sheet::Sheet,
};
use super::{facturx, language::Language, logo::Logo, paper::Paper};

/// The size of a page.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum PageSize {
    /// 210 × 297 mm.
    #[default]
    A4,
    /// 8.5 × 11 inches.
    Letter,
}

/// What printing adds to a document.
#[derive(Debug, Clone, Default)]
pub struct Style {
    /// The size of every page.
    pub page: PageSize,
    /// The language of what is not the seller's or the customer's own words.
    pub language: Language,
    /// The name at the head of the page; the seller's where there is none.
    pub company: Option<String>,
    /// The HSN or SAC of what is sold, where the seller is in India.
    pub sac: Option<String>,
    /// The image at the head of the page.
    pub logo: Option<Logo>,
}

/// Why a document could not be printed.
#[derive(Debug, Error)]
pub enum PressError {
    /// A bundled font could not be used.
    #[error("the font {0} cannot be used: {1}")]
    Font(&'static str, String),
    /// The bytes could not be put together.
    #[error("the document cannot be written: {0}")]
    Write(#[from] std::io::Error),
}

/// Prints documents in one style. Cheap to clone, and shared by threads.
#[derive(Debug, Clone)]
pub struct Press(Arc<Prepared>);

#[derive(Debug)]
struct Prepared {
    style: Style,
    fonts: Fonts,
    common: Common,
}

impl Press {
    /// Prepares what every document of a style has in common.
    ///
    /// # Errors
    /// A bundled font that cannot be used.
    pub fn new(style: Style) -> Result<Self, PressError> {
        let common = Common::new(style.logo.clone());
        let fonts = Fonts::new();
        fonts.set(Blocks::FIRST)?;
        Ok(Self(Arc::new(Prepared { style, fonts, common })))
    }

    /// The style.
    #[must_use]
    pub fn style(&self) -> &Style {
        &self.0.style
    }

    /// The document as a PDF, with its e-invoice attached where it has one. It takes less than a
    /// millisecond of processor time for a page, and waits for nothing.
    ///
    /// # Errors
    /// A font that cannot be used.
    pub fn print(&self, paper: &Paper) -> Result<Vec<u8>, PressError> {
        self.print_with(paper, facturx::xml(paper, self.style().language).as_deref())
    }

    /// The document with these bytes attached as its e-invoice.
    ///
    /// # Errors
    /// A font that cannot be used.
    pub fn print_with(&self, paper: &Paper, facturx: Option<&[u8]>) -> Result<Vec<u8>, PressError> {
        let Prepared { style, fonts, common } = &*self.0;
        let mut blocks = Blocks::FIRST;
        loop {
            let canvas = Canvas::new(fonts.set(blocks)?, Geometry::of(style.page));
            let sheet = Sheet::new(paper, style, canvas);
            let (canvas, said) = sheet.draw();
            let missed = canvas.setter.missed;
            // Most documents need nothing beyond the first block; the others are drawn twice.
            if missed == Blocks::FIRST {
                return common.assemble(&canvas, &said, facturx);
            }
            blocks = blocks.with(missed);
        }
    }
}
