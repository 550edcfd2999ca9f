//! The key that signs checkpoints: made on first use, kept in a file that only its owner reads.
//!
//! The file is one line, `DAYBOOK-ED25519-1 ` and the seed in base64. Two processes that look for it
//! at once make one: whoever comes second takes what the first has made. The key's name, by which
//! verifiers know it, is the ledger's.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use data_encoding::BASE64;
use ed25519_dalek::SigningKey;
use signed_note::{SignerError, StandardSigner, key_id, new_ed25519_verifier_key};
use uuid::Uuid;

use super::SnapshotError;

/// What the file begins with.
const HEADER: &str = "DAYBOOK-ED25519-1 ";

/// The key that signs a ledger's checkpoints. Printing it for debugging shows nothing of it.
#[derive(Clone)]
pub struct Key(SigningKey);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Key {
    /// The key in a file; where there is none yet, a new one.
    ///
    /// # Errors
    /// A file that holds something else, that others may read, or that cannot be made.
    pub fn open(path: &Path) -> Result<Self, SnapshotError> {
        let unusable = |problem: String| SnapshotError::Key { path: path.to_owned(), problem };
        let told = |error: io::Error| unusable(error.to_string());
        if !path.try_exists().map_err(told)? {
            make(path, &Self::random()).map_err(told)?;
        }
        let mode = fs::metadata(path).map_err(told)?.permissions().mode();
        if mode & 0o077 != 0 {
            let problem = format!("others may read it (mode {:o}): chmod 600", mode & 0o777);
            return Err(unusable(problem));
        }
        let text = fs::read_to_string(path).map_err(told)?;
        Self::of_text(&text).ok_or_else(|| unusable("it holds no key of Daybook's".to_owned()))
    }

    /// A new key that is kept nowhere.
    #[must_use]
    pub fn random() -> Self {
        Self(SigningKey::from_bytes(&rand::random()))
    }

    fn of_text(text: &str) -> Option<Self> {
        let seed = text.strip_prefix(HEADER)?.strip_suffix('\n')?;
        let seed: [u8; 32] = BASE64.decode(seed.as_bytes()).ok()?.try_into().ok()?;
        Some(Self(SigningKey::from_bytes(&seed)))
    }

    fn text(&self) -> String {
        format!("{HEADER}{}\n", BASE64.encode(self.0.as_bytes()))
    }

    /// What verifies the checkpoints of a ledger that this key signs, in the form of C2SP: its
    /// name, its id, and the public key.
    #[must_use]
    pub fn verifier(&self, ledger: Uuid) -> String {
        new_ed25519_verifier_key(&origin(ledger), &self.0.verifying_key())
    }

    /// As a signer of notes.
    ///
    /// # Errors
    /// Never for the name of a ledger.
    pub(super) fn signer(&self, ledger: Uuid) -> Result<StandardSigner, SignerError> {
        const ED25519: u8 = 1;
        let name = origin(ledger);
        let tagged = |key: &[u8]| [&[ED25519], key].concat();
        let id = key_id(&name, &tagged(self.0.verifying_key().as_bytes()));
        let private = BASE64.encode(&tagged(self.0.as_bytes()));
        StandardSigner::new(&format!("PRIVATE+KEY+{name}+{id:08x}+{private}"))
    }
}

/// The first line of a ledger's checkpoints: which log it is.
#[must_use]
pub fn origin(ledger: Uuid) -> String {
    format!("daybook/{ledger}")
}

/// Puts a new key into a file, unless another process was first.
fn make(path: &Path, key: &Key) -> io::Result<()> {
    let parent = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        Some(_) | None => Path::new("."),
    };
    if !parent.exists() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
    }
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    let unfinished = parent.join(format!(".{name}-{}", Uuid::now_v7().simple()));
    let made = (|| {
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
        file.write_all(key.text().as_bytes())?;
        file.sync_all()?;
        // A link is made whole or not at all, and never over another file.
        match fs::hard_link(&unfinished, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        }
    })();
    // Whatever came of it, the unfinished name has done its work.
    let _ = fs::remove_file(&unfinished);
    made?;
    File::open(parent)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_found_again_and_only_its_owner_reads_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/signing-key");
        let ledger = Uuid::nil();
        let (made, found) = (Key::open(&path).unwrap(), Key::open(&path).unwrap());
        assert_eq!(made.verifier(ledger), found.verifier(ledger));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        assert_eq!(format!("{made:?}"), "Key(…)");

        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(Key::open(&path).unwrap_err().to_string().contains("mode 640"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "something else\n").unwrap();
        assert_eq!(Key::open(&path).unwrap_err().code(), "signing_key_unusable");
    }

    #[test]
    fn many_who_look_at_once_find_one_key() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("signing-key");
        let verifiers: std::collections::BTreeSet<String> = std::thread::scope(|scope| {
            let looking: Vec<_> = (0..16)
                .map(|_| scope.spawn(|| Key::open(&path).unwrap().verifier(Uuid::nil())))
                .collect();
            looking.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(verifiers.len(), 1);
    }

    #[test]
    fn its_signer_has_its_verifiers_name() {
        use signed_note::{Signer as _, StandardVerifier, Verifier as _};
        let (key, ledger) = (Key::random(), Uuid::now_v7());
        let (signer, verifier) =
            (key.signer(ledger).unwrap(), StandardVerifier::new(&key.verifier(ledger)).unwrap());
        assert_eq!((signer.name(), signer.key_id()), (verifier.name(), verifier.key_id()));
        assert!(verifier.verify(b"text", &signer.sign(b"text").unwrap()));
    }
}
