//! The logo of documents: a PNG or a JPEG of bounded size, checked before it is decoded.

use std::path::Path;

use thiserror::Error;

/// Why a file is no logo.
#[derive(Debug, Error)]
pub enum LogoError {
    /// Neither a PNG nor a JPEG, by its first bytes.
    #[error("a logo is a PNG or a JPEG file, by its content")]
    NotAnImage,
}

/// An image that can be printed. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Logo {}

impl Logo {
    /// Reads a file.
    ///
    /// # Errors
    /// No regular file, too large, or no image.
    pub fn load(_path: &Path) -> Result<Self, LogoError> {
        Err(LogoError::NotAnImage)
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// Too large, or no image.
    pub fn read(_bytes: &[u8]) -> Result<Self, LogoError> {
        Err(LogoError::NotAnImage)
    }
}
