//! Logos that are taken, and those that are refused before they do harm.

use std::{fs, io::Write as _, os::unix::fs::symlink, time::Instant};

use daybook::documents::logo::{Logo, LogoError, MAX_BYTES};
use flate2::{Compression, Crc, write::ZlibEncoder};
use tempfile::TempDir;

fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut sum = Crc::new();
    sum.update(kind);
    sum.update(data);
    let length = u32::try_from(data.len()).unwrap();
    [&length.to_be_bytes()[..], kind, data, &sum.sum().to_be_bytes()[..]].concat()
}

/// A PNG of one colour, half of it transparent, that claims a size and holds some rows.
fn png_claiming(width: u32, height: u32, rows: u32) -> Vec<u8> {
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    header.extend([8, 6, 0, 0, 0]);
    let mut pixels = ZlibEncoder::new(Vec::new(), Compression::best());
    for row in 0..rows {
        pixels.write_all(&[0]).unwrap();
        for _ in 0..width {
            let opacity = if row * 2 < rows { 255 } else { 90 };
            pixels.write_all(&[26, 69, 128, opacity]).unwrap();
        }
    }
    let pixels = pixels.finish().unwrap();
    let parts = [chunk(b"IHDR", &header), chunk(b"IDAT", &pixels), chunk(b"IEND", &[])];
    [b"\x89PNG\r\n\x1a\n".to_vec(), parts.concat()].concat()
}

/// A sound PNG.
pub fn png(width: u32, height: u32) -> Vec<u8> {
    png_claiming(width, height, height)
}

/// A grey JPEG of 8 × 8 pixels.
fn jpeg() -> Vec<u8> {
    let hex = include_str!("grey.jpeg.hex");
    let digits: String = hex.split_whitespace().collect();
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}

#[test]
fn images_are_taken_by_their_content() {
    let directory = TempDir::new().unwrap();
    for (name, bytes) in [("logo.txt", png(30, 10)), ("logo.png", jpeg())] {
        let path = directory.path().join(name);
        fs::write(&path, &bytes).unwrap();
        Logo::load(&path).unwrap();
        let link = directory.path().join(format!("{name}.link"));
        symlink(&path, &link).unwrap();
        Logo::load(&link).unwrap();
    }
    // Larger than a page can show, and brought down.
    Logo::read(&png(3000, 1000)).unwrap();
}

#[test]
fn what_is_no_image_is_refused() {
    let text = Logo::read(b"<svg onload=alert(1)>").unwrap_err();
    assert!(matches!(text, LogoError::NotAnImage), "{text}");
    assert!(matches!(Logo::read(b""), Err(LogoError::NotAnImage)));
    let whole = png(30, 10);
    for end in [9, 20, 40, whole.len() - 30] {
        let error = Logo::read(&whole[..end]).unwrap_err();
        assert!(matches!(error, LogoError::Damaged(_)), "{end}: {error}");
    }
    let whole = jpeg();
    for end in [3, 20, whole.len() / 2] {
        let error = Logo::read(&whole[..end]).unwrap_err();
        assert!(matches!(error, LogoError::Damaged(_)), "{end}: {error}");
    }
}

#[test]
fn a_bomb_is_refused_before_it_goes_off() {
    let started = Instant::now();
    for (width, height) in [(60_000, 60_000), (4_097, 1), (1, u32::MAX / 4)] {
        let error = Logo::read(&png_claiming(width, height, 1)).unwrap_err();
        assert!(
            matches!(error, LogoError::TooManyPixels { .. } | LogoError::Damaged(_)),
            "{width} × {height}: {error}"
        );
    }
    let large = vec![0; usize::try_from(MAX_BYTES).unwrap() + 1];
    assert!(matches!(Logo::read(&large), Err(LogoError::FileTooLarge)));
    assert!(started.elapsed().as_secs() < 10);
}

#[test]
fn only_a_regular_file_is_opened() {
    let directory = TempDir::new().unwrap();
    let pipe = directory.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let link = directory.path().join("link");
    symlink(&pipe, &link).unwrap();
    for path in [pipe.as_path(), &link, directory.path(), "/dev/zero".as_ref()] {
        assert!(matches!(Logo::load(path), Err(LogoError::NotAFile)), "{}", path.display());
    }
    let missing = Logo::load(&directory.path().join("missing")).unwrap_err();
    assert!(matches!(missing, LogoError::Unreadable(_)), "{missing}");
    let large = directory.path().join("large");
    fs::File::create(&large).unwrap().set_len(MAX_BYTES * 1000).unwrap();
    assert!(matches!(Logo::load(&large), Err(LogoError::FileTooLarge)));
}
