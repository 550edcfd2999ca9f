//! The signed checkpoint of a snapshot: a C2SP signed note over the log's tree.
//!
//! ```text
//! daybook/0190…            the log
//! 42                       how many events
//! 47DEQpj8HBSa…            the root over them, base64
//! manifest 9f86d081…       the SHA-256 of `manifest.json`
//! verifier daybook/0190…+1f3a9c7e+AQ…   what verifies the signature
//!
//! — daybook/0190… HzqcfnQ…
//! ```
//! The first three lines are those of every C2SP checkpoint, the next two its extension lines: so one
//! signature holds the log and the export of it. The verifier in the note shows that nothing was
//! changed since it was signed; *who* signed it shows only a verifier that one has kept oneself.

use data_encoding::BASE64;
use daybook_events::merkle::Hash;
use signed_note::{Note, NoteError, StandardVerifier, VerifierList};
use thiserror::Error;
use uuid::Uuid;

use super::key::{Key, origin};

/// What a checkpoint says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log: the origin of C2SP.
    pub origin: String,
    /// How many events the tree has.
    pub size: u64,
    /// Its root.
    pub root: Hash,
    /// The SHA-256 of the manifest, lower-case hex.
    pub manifest: String,
    /// What verifies the signature.
    pub verifier: String,
}

/// Why a checkpoint is of no use.
#[derive(Debug, Error)]
pub enum CheckpointError {
    /// No signed note, or not signed by the verifier that was asked for.
    #[error("it is no note that its key has signed: {0}")]
    Note(#[from] NoteError),
    /// Not of this form.
    #[error("it is no checkpoint of a snapshot")]
    Form,
    /// Signed by another key than the one that was expected.
    #[error("it is signed by {found}, not by {wanted}")]
    AnotherKey {
        /// The verifier in the note.
        found: String,
        /// The verifier that was expected.
        wanted: String,
    },
}

impl Checkpoint {
    /// The note of a snapshot, signed.
    ///
    /// # Errors
    /// Never for the name of a ledger.
    pub fn signed(
        ledger: Uuid,
        (size, root): (u64, Hash),
        manifest: &str,
        key: &Key,
    ) -> Result<Vec<u8>, CheckpointError> {
        let (name, root) = (origin(ledger), BASE64.encode(&root));
        let verifier = key.verifier(ledger);
        let text = format!("{name}\n{size}\n{root}\nmanifest {manifest}\nverifier {verifier}\n");
        let mut note = Note::new(text.as_bytes(), &[])?;
        let signer = key.signer(ledger).map_err(|_| CheckpointError::Form)?;
        note.add_sigs(&[&signer])?;
        Ok(note.to_bytes())
    }

    /// What a note says, where its signature holds; `wanted` is the verifier that one has kept.
    ///
    /// # Errors
    /// Anything else than such a note, byte for byte.
    pub fn verified(bytes: &[u8], wanted: Option<&str>) -> Result<Self, CheckpointError> {
        let note = Note::from_bytes(bytes)?;
        let text = std::str::from_utf8(note.text()).map_err(|_| CheckpointError::Form)?;
        let said = Self::of_text(text).ok_or(CheckpointError::Form)?;
        if let Some(wanted) = wanted.filter(|wanted| *wanted != said.verifier) {
            let (found, wanted) = (said.verifier, wanted.to_owned());
            return Err(CheckpointError::AnotherKey { found, wanted });
        }
        let verifier = StandardVerifier::new(&said.verifier).map_err(|_| CheckpointError::Form)?;
        note.verify(&VerifierList::new(vec![Box::new(verifier)]))?;
        // One text has one form: nothing is beside what was signed.
        if note.to_bytes() == bytes && said.verifier.starts_with(&format!("{}+", said.origin)) {
            Ok(said)
        } else {
            Err(CheckpointError::Form)
        }
    }

    fn of_text(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let origin = lines.next()?.to_owned();
        let size: u64 = lines.next()?.parse().ok()?;
        let root = BASE64.decode(lines.next()?.as_bytes()).ok()?.try_into().ok()?;
        let manifest = lines.next()?.strip_prefix("manifest ")?.to_owned();
        let verifier = lines.next()?.strip_prefix("verifier ")?.to_owned();
        let own = lines.next().is_none() && text.lines().nth(1) == Some(&size.to_string());
        own.then_some(Self { origin, size, root, manifest, verifier })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_says_what_was_signed_and_every_flipped_byte_is_found() {
        let (key, ledger) = (Key::random(), Uuid::now_v7());
        let note = Checkpoint::signed(ledger, (42, [7; 32]), "9f86", &key).unwrap();
        let said = Checkpoint::verified(&note, Some(&key.verifier(ledger))).unwrap();
        assert_eq!((said.size, said.root, said.manifest.as_str()), (42, [7; 32], "9f86"));
        assert_eq!(said.origin, format!("daybook/{ledger}"));
        for nth in 0..note.len() {
            for bit in 0..8 {
                let mut flipped = note.clone();
                flipped[nth] ^= 1 << bit;
                assert!(Checkpoint::verified(&flipped, None).is_err(), "byte {nth}, bit {bit}");
            }
        }
        assert!(Checkpoint::verified(&[&note[..], b"\n"].concat(), None).is_err());
    }

    #[test]
    fn another_key_is_told_from_the_one_that_was_kept() {
        let (key, other, ledger) = (Key::random(), Key::random(), Uuid::now_v7());
        let note = Checkpoint::signed(ledger, (1, [0; 32]), "", &other).unwrap();
        let refused = Checkpoint::verified(&note, Some(&key.verifier(ledger))).unwrap_err();
        assert!(matches!(refused, CheckpointError::AnotherKey { .. }), "{refused}");
        assert!(Checkpoint::verified(&note, None).is_ok());
    }
}
