//! The check of a snapshot, without a database: that every byte is what was signed, that the forms
//! of each table and of the journal say the same, and that the books tie out.
//!
//! Every sum is reckoned anew from the files: the trial balance, the roll-forward and the journals
//! for other programs are made again of the journal's rows. Nothing that the manifest says is
//! believed.

mod beside;
mod books;
mod journal;
mod table;
mod ties;

use std::{
    collections::BTreeSet,
    fmt,
    fs::{self, File},
    io::{self, Read as _},
    path::Path,
};

use data_encoding::HEXLOWER;
use serde::Serialize;
use sha2::{Digest, Sha256};

use self::books::Books;
use super::{
    CHECKPOINT, MANIFEST,
    checkpoint::Checkpoint,
    key::origin,
    manifest::{FORMAT, FileEntry, Manifest},
    tables::TABLES,
};

/// How many findings of one file are told: one fault may show in every row.
const TOLD: usize = 20;

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// In which file.
    pub file: String,
    /// On which line, from 1; `null` where it is the whole file.
    pub line: Option<u64>,
    /// What is wrong.
    pub problem: String,
}

impl Finding {
    fn on(file: &str, line: Option<u64>, problem: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, problem: problem.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "✗ {}:{line}: {}", self.file, self.problem),
            None => write!(f, "✗ {}: {}", self.file, self.problem),
        }
    }
}

/// What was checked, and what was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How many files the manifest names.
    pub files: usize,
    /// How many rows they have.
    pub rows: u64,
    /// What verified the signature; `null` where none holds.
    pub signed_by: Option<String>,
    /// What is not as it was written.
    pub findings: Vec<Finding>,
}

impl Report {
    fn found(&mut self, file: &str, line: Option<u64>, problem: impl Into<String>) {
        self.findings.push(Finding::on(file, line, problem));
    }
}

/// Checks a snapshot; `wanted` is the verifier that one has kept.
#[must_use]
pub fn check(dir: &Path, wanted: Option<&str>, progress: &mut dyn FnMut(i64, i64)) -> Report {
    let mut report = Report::default();
    let bytes = match bytes_of(&dir.join(MANIFEST)) {
        Ok(bytes) => bytes,
        Err(error) => {
            report.found(MANIFEST, None, format!("it cannot be read: {error}"));
            return report;
        }
    };
    let manifest: Manifest = match serde_json::from_slice(&bytes) {
        Ok(manifest) => manifest,
        Err(error) => {
            report.found(MANIFEST, line_of(&error), format!("it is no manifest: {error}"));
            return report;
        }
    };
    if manifest.to_bytes() != bytes {
        report.found(MANIFEST, None, "it is not in the form in which manifests are written");
    }
    signature(dir, wanted, &manifest, &bytes, &mut report);
    contents(dir, &manifest, &mut report);
    let all = i64::try_from(manifest.files.len() + TABLES.len()).unwrap_or(0);
    let mut done = 0;
    let mut step = || {
        done += 1;
        progress(done, all);
    };
    // Whoever wrote the manifest may have named anything: only what a snapshot has is opened, once.
    let mut names = names();
    for file in &manifest.files {
        if names.remove(&file.name) {
            compare(dir, file, &mut report);
        } else {
            let text = format!("it names {:?}, which is no further file of a snapshot", file.name);
            report.found(MANIFEST, None, text);
        }
        step();
    }
    let mut books = Books::new(&manifest);
    // The journal first: what the other tables say is held against it.
    let journal = TABLES.iter().filter(|(name, _)| *name == "journal");
    for (name, columns) in journal.chain(TABLES.iter().filter(|(name, _)| *name != "journal")) {
        let table = table::Table { dir, name, columns, manifest: &manifest };
        let (rows, mut findings) = table.check(&mut books);
        report.rows += rows;
        findings.truncate(TOLD);
        report.findings.extend(findings);
        step();
    }
    report.findings.extend(journal::texts(dir, books.declared()));
    report.findings.extend(beside::check(dir));
    report.findings.extend(books.finish());
    report.files = manifest.files.len();
    report
}

/// The files of a snapshot that its manifest names.
fn names() -> BTreeSet<String> {
    TABLES
        .iter()
        .flat_map(|(name, _)| [format!("{name}.csv"), format!("{name}.jsonl")])
        .chain(["journal.beancount", "journal.hledger"].map(str::to_owned))
        .collect()
}

/// Whether a file is what the manifest says.
fn compare(dir: &Path, file: &FileEntry, report: &mut Report) {
    match hashed(&dir.join(&file.name)) {
        Ok((bytes, sha256)) if bytes == file.bytes && sha256 == file.sha256 => {}
        Ok((bytes, _)) if bytes != file.bytes => {
            let text = format!("it has {bytes} bytes, the manifest says {}", file.bytes);
            report.found(&file.name, None, text);
        }
        Ok(_) => report.found(&file.name, None, "its SHA-256 is not that of the manifest"),
        Err(error) => report.found(&file.name, None, format!("it cannot be read: {error}")),
    }
}

/// The line of a fault in JSON.
fn line_of(error: &serde_json::Error) -> Option<u64> {
    u64::try_from(error.line()).ok().filter(|line| *line > 0)
}

/// Whether the checkpoint is of this manifest, and signed.
fn signature(
    dir: &Path,
    wanted: Option<&str>,
    manifest: &Manifest,
    bytes: &[u8],
    report: &mut Report,
) {
    let note = match bytes_of(&dir.join(CHECKPOINT)) {
        Ok(note) => note,
        Err(error) => {
            return report.found(CHECKPOINT, None, format!("it cannot be read: {error}"));
        }
    };
    let said = match Checkpoint::verified(&note, wanted) {
        Ok(said) => said,
        Err(error) => return report.found(CHECKPOINT, None, error.to_string()),
    };
    for (what, line, holds) in [
        ("ledger", 1, said.origin == origin(manifest.ledger)),
        ("tree's size", 2, said.size == manifest.tree.size),
        ("tree's root", 3, HEXLOWER.encode(&said.root) == manifest.tree.root),
        ("manifest's hash", 4, said.manifest == HEXLOWER.encode(&Sha256::digest(bytes))),
    ] {
        if !holds {
            let text = format!("the {what} that was signed is not that of the manifest");
            report.found(CHECKPOINT, Some(line), text);
        }
    }
    report.signed_by = Some(said.verifier);
}

/// Whether the folder holds what the manifest says, and the manifest what a snapshot has.
fn contents(dir: &Path, manifest: &Manifest, report: &mut Report) {
    if manifest.format != FORMAT {
        let text = format!("its format is {}, this program knows {FORMAT}", manifest.format);
        report.found(MANIFEST, None, text);
    }
    if i64::try_from(manifest.tree.size) != Ok(manifest.position) {
        report.found(MANIFEST, None, "its tree is not of its position");
    }
    for tie in manifest.ties.iter().filter(|tie| tie.books != tie.expected) {
        let text = format!(
            "{} does not hold in {}: {} is not {}",
            tie.tie, tie.currency, tie.books, tie.expected
        );
        report.found(MANIFEST, None, text);
    }
    let expected = names();
    if !manifest.files.iter().map(|file| &file.name).eq(&expected) {
        report.found(MANIFEST, None, "its files are not those of a snapshot, in their order");
    }
    let own = [MANIFEST.to_owned(), CHECKPOINT.to_owned()];
    let mut wanted: BTreeSet<_> = expected.into_iter().chain(own).collect();
    match fs::read_dir(dir) {
        Err(error) => report.found("", None, format!("the folder cannot be read: {error}")),
        Ok(entries) => {
            for entry in entries.flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
                if !wanted.remove(&name) || !is_file {
                    report.found(&name, None, "it is no file of the snapshot");
                }
            }
        }
    }
    for missing in wanted {
        report.found(&missing, None, "it is missing");
    }
}

/// Opens a file; a device or a pipe, which may have no end, and what a link leads to are none.
fn opened(path: &Path) -> io::Result<File> {
    if fs::symlink_metadata(path)?.is_file() {
        File::open(path)
    } else {
        Err(io::Error::other("it is no regular file"))
    }
}

fn bytes_of(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    opened(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The length and the SHA-256 of a file.
fn hashed(path: &Path) -> io::Result<(u64, String)> {
    let mut file = opened(path)?;
    let (mut hash, mut bytes, mut buffer) = (Sha256::new(), 0_u64, vec![0; 1 << 16]);
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok((bytes, HEXLOWER.encode(&hash.finalize())));
        }
        hash.update(buffer.get(..read).unwrap_or_default());
        bytes += u64::try_from(read).unwrap_or(0);
    }
}
