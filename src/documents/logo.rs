//! The logo of documents: a PNG or a JPEG, by its content, of bounded size.
//!
//! The size of the file and of the image is checked before anything is decoded. What is embedded are
//! the pixels alone, brought down to what a page can show: nothing else that the file may hold gets
//! into a document.

use std::{
    fs::{self, OpenOptions},
    io::{self, Cursor, Read},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::Arc,
};

use lopdf::{Dictionary, Stream, dictionary};
use nix::fcntl::OFlag;
use png::{ColorType, Decoder, Limits, Transformations};
use thiserror::Error;
use zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions};
use zune_jpeg::JpegDecoder;

use super::press::deflated;

/// The largest file, in bytes.
pub const MAX_BYTES: u64 = 2 * 1024 * 1024;
/// The longest side of the image, in pixels.
pub const MAX_SIDE: u32 = 4096;
/// The most memory that decoding may take, in bytes.
const MAX_DECODED: usize = 4096 * 4096 * 4;
/// What a page can show of it, in pixels: more is averaged down.
const SHOWN: (usize, usize) = (960, 240);

/// Why a file is no logo.
#[derive(Debug, Error)]
pub enum LogoError {
    /// It cannot be read.
    #[error("the logo cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// A directory, a device, a pipe or a socket.
    #[error("the logo is not a regular file")]
    NotAFile,
    /// A file larger than [`MAX_BYTES`].
    #[error("the logo's file is larger than {MAX_BYTES} bytes")]
    FileTooLarge,
    /// Neither a PNG nor a JPEG, by its first bytes.
    #[error("the logo is neither a PNG nor a JPEG, by its content")]
    NotAnImage,
    /// A side longer than [`MAX_SIDE`].
    #[error("the logo has {width} × {height} pixels, and at most {MAX_SIDE} are taken on a side")]
    TooManyPixels {
        /// Its width.
        width: usize,
        /// Its height.
        height: usize,
    },
    /// It begins like an image and is none.
    #[error("the logo cannot be decoded: {0}")]
    Damaged(String),
}

/// An image that can be printed. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Logo(Arc<Prepared>);

#[derive(Debug)]
struct Prepared {
    image: Stream,
    mask: Option<Stream>,
    width: i32,
    height: i32,
}

/// Decoded pixels, one byte to a channel: the last of two or four is opacity.
struct Pixels {
    width: usize,
    height: usize,
    channels: usize,
    bytes: Vec<u8>,
}

impl Logo {
    /// Reads a file. A link to a regular file is followed.
    ///
    /// # Errors
    /// No regular file, too large, or no image.
    pub fn load(path: &Path) -> Result<Self, LogoError> {
        Self::read(&Self::file(path)?)
    }

    /// The bytes of a file as [`Logo::read`] takes them: never more than one beyond what it takes,
    /// so that one read serves both the check and whoever wants the bytes.
    ///
    /// # Errors
    /// No regular file, or one that cannot be read.
    pub fn file(path: &Path) -> Result<Vec<u8>, LogoError> {
        if !fs::metadata(path)?.is_file() {
            return Err(LogoError::NotAFile);
        }
        // Should it have become a pipe since, opening it must not wait for a writer.
        let flags = OFlag::O_NONBLOCK.bits();
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
        if !file.metadata()?.is_file() {
            return Err(LogoError::NotAFile);
        }
        let mut bytes = Vec::new();
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// Too large, or no image.
    pub fn read(bytes: &[u8]) -> Result<Self, LogoError> {
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_BYTES {
            return Err(LogoError::FileTooLarge);
        }
        let pixels = if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            png(bytes)?
        } else if bytes.starts_with(&[0xff, 0xd8, 0xff]) {
            jpeg(bytes)?
        } else {
            return Err(LogoError::NotAnImage);
        };
        Ok(Self(Arc::new(prepared(&pixels.brought_down()))))
    }

    /// Its width and height, of which only the ratio counts.
    pub(super) fn size(&self) -> (i32, i32) {
        (self.0.width, self.0.height)
    }

    /// The object of its colours.
    pub(super) fn image(&self) -> &Stream {
        &self.0.image
    }

    /// The object of its opacity, where not everything is opaque.
    pub(super) fn mask(&self) -> Option<&Stream> {
        self.0.mask.as_ref()
    }
}

fn bounded(width: usize, height: usize) -> Result<(), LogoError> {
    let most = usize::try_from(MAX_SIDE).unwrap_or(usize::MAX);
    if width > most || height > most {
        return Err(LogoError::TooManyPixels { width, height });
    }
    if width == 0 || height == 0 {
        return Err(LogoError::Damaged("it has no pixels".to_owned()));
    }
    Ok(())
}

fn png(bytes: &[u8]) -> Result<Pixels, LogoError> {
    let damaged = |error: png::DecodingError| LogoError::Damaged(error.to_string());
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: MAX_DECODED });
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder.set_transformations(Transformations::normalize_to_color8());
    let (width, height) = decoder.read_header_info().map_err(damaged)?.size();
    let (width, height) = (
        usize::try_from(width).unwrap_or(usize::MAX),
        usize::try_from(height).unwrap_or(usize::MAX),
    );
    bounded(width, height)?;
    let mut reader = decoder.read_info().map_err(damaged)?;
    let size = reader.output_buffer_size().unwrap_or(usize::MAX);
    if size > MAX_DECODED {
        return Err(LogoError::TooManyPixels { width, height });
    }
    let mut bytes = vec![0; size];
    let frame = reader.next_frame(&mut bytes).map_err(damaged)?;
    bytes.truncate(frame.buffer_size());
    let channels = match frame.color_type {
        ColorType::Grayscale => 1,
        ColorType::GrayscaleAlpha => 2,
        ColorType::Rgb => 3,
        ColorType::Rgba => 4,
        ColorType::Indexed => return Err(LogoError::Damaged("its palette is missing".to_owned())),
    };
    Ok(Pixels { width, height, channels, bytes })
}

fn jpeg(bytes: &[u8]) -> Result<Pixels, LogoError> {
    let damaged = |error: zune_jpeg::errors::DecodeErrors| LogoError::Damaged(error.to_string());
    // The decoder's own bounds lie above ours, so that the refusal is ours.
    let options = DecoderOptions::default()
        .set_max_width(1 << 16)
        .set_max_height(1 << 16)
        .set_strict_mode(true)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(damaged)?;
    let (width, height) = decoder.dimensions().unwrap_or_default();
    bounded(width, height)?;
    let bytes = decoder.decode().map_err(damaged)?;
    if bytes.len() != width * height * 3 {
        return Err(LogoError::Damaged("its colours are not known".to_owned()));
    }
    Ok(Pixels { width, height, channels: 3, bytes })
}

impl Pixels {
    /// The same image with fewer pixels where a page could not show them all: squares of them
    /// become their mean, the colours weighed by opacity.
    fn brought_down(self) -> Self {
        let by = self.width.div_ceil(SHOWN.0).max(self.height.div_ceil(SHOWN.1));
        if by <= 1 {
            return self;
        }
        let (width, height) = (self.width.div_ceil(by), self.height.div_ceil(by));
        let mut bytes = Vec::with_capacity(width * height * self.channels);
        for row in 0..height {
            for column in 0..width {
                self.mean(column * by, row * by, by, &mut bytes);
            }
        }
        Self { width, height, channels: self.channels, bytes }
    }

    fn mean(&self, left: usize, top: usize, by: usize, out: &mut Vec<u8>) {
        let has_opacity = self.channels.is_multiple_of(2);
        let colours = if has_opacity { self.channels - 1 } else { self.channels };
        let (mut sums, mut opacity, mut count) = ([0_u64; 3], 0_u64, 0_u64);
        for y in top..(top + by).min(self.height) {
            for x in left..(left + by).min(self.width) {
                let at = (y * self.width + x) * self.channels;
                let weight = if has_opacity { u64::from(self.bytes[at + colours]) } else { 255 };
                for (channel, sum) in sums.iter_mut().take(colours).enumerate() {
                    *sum += u64::from(self.bytes[at + channel]) * weight;
                }
                opacity += weight;
                count += 1;
            }
        }
        let mean = |sum: u64, of: u64| u8::try_from((sum + of / 2) / of.max(1)).unwrap_or(255);
        out.extend(sums.iter().take(colours).map(|sum| mean(*sum, opacity)));
        if has_opacity {
            out.push(mean(opacity, count));
        }
    }
}

fn prepared(pixels: &Pixels) -> Prepared {
    let has_opacity = pixels.channels.is_multiple_of(2);
    let colours = if has_opacity { pixels.channels - 1 } else { pixels.channels };
    let each = || pixels.bytes.chunks_exact(pixels.channels);
    let image: Vec<u8> = each().flat_map(|pixel| &pixel[..colours]).copied().collect();
    let opacity: Vec<u8> = each().map(|pixel| pixel[pixel.len() - 1]).collect();
    let space = if colours == 1 { "DeviceGray" } else { "DeviceRGB" };
    let see_through = has_opacity && opacity.iter().any(|byte| *byte != 255);
    Prepared {
        image: deflated(described(pixels, space), &image),
        mask: see_through.then(|| deflated(described(pixels, "DeviceGray"), &opacity)),
        width: i32::try_from(pixels.width).unwrap_or(i32::MAX),
        height: i32::try_from(pixels.height).unwrap_or(i32::MAX),
    }
}

fn described(pixels: &Pixels, space: &str) -> Dictionary {
    dictionary! {
        "Type" => "XObject",
        "Subtype" => "Image",
        "Width" => i64::try_from(pixels.width).unwrap_or(0),
        "Height" => i64::try_from(pixels.height).unwrap_or(0),
        "ColorSpace" => space,
        "BitsPerComponent" => 8,
    }
}
