//! The folder that a snapshot is written into: whole under its name, or not there at all.
//!
//! Everything goes into a sibling whose name begins with a dot, each file is brought to the disk,
//! and one rename gives the folder its name. A failure removes the sibling; a killed process leaves
//! it, beside a lock that died with the process, and whoever writes there next, or knows that
//! nobody will, removes both.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use nix::fcntl::{Flock, FlockArg};
use sha2::{Digest, Sha256};

use super::SnapshotError;

/// What the names of unfinished folders begin with.
const UNFINISHED: &str = ".daybook-snapshot-";
/// What the name of an unfinished folder's lock ends with: its writer holds it.
const LOCK: &str = ".lock";

/// A folder that is being written.
#[derive(Debug)]
pub(super) struct Folder {
    unfinished: PathBuf,
    target: PathBuf,
    lock_path: PathBuf,
    // Held while the folder is written.
    _lock: Flock<File>,
    finished: bool,
}

/// A file of the folder that is being written, hashed on the way.
#[derive(Debug)]
pub(super) struct HashedFile {
    name: String,
    path: PathBuf,
    file: BufWriter<File>,
    hash: Sha256,
    bytes: u64,
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    /// Its name.
    pub(super) name: String,
    /// Its length in bytes.
    pub(super) bytes: u64,
    /// Its SHA-256, lower-case hex.
    pub(super) sha256: String,
}

impl Folder {
    /// Begins a folder, which must not be there yet, or be empty. What stands in its way then, or
    /// could not be replaced in the end, is found now.
    ///
    /// # Errors
    /// A folder that holds something, a link, a file or a mount in its place, or a parent that
    /// cannot be written.
    pub(super) fn begin(target: &Path) -> Result<Self, SnapshotError> {
        let on = |error| SnapshotError::writing(target, error);
        let name = target.file_name().ok_or_else(|| on(io::ErrorKind::InvalidInput.into()))?;
        let parent = parent(target);
        // Without a slash at its end, which would lead through a link.
        let target = parent.join(name);
        let is_there = is_empty_folder(&target)?;
        fs::create_dir_all(&parent).map_err(on)?;
        sweep(&target);
        let mut own = OsString::from(UNFINISHED);
        own.push(name);
        own.push(format!("-{}", uuid::Uuid::now_v7().simple()));
        let unfinished = parent.join(&own);
        own.push(LOCK);
        let lock_path = parent.join(own);
        let lock = File::create_new(&lock_path).map_err(on)?;
        let lock = Flock::lock(lock, FlockArg::LockExclusive);
        let lock = lock.map_err(|(_, errno)| on(errno.into()))?;
        let folder = Self { unfinished, target, lock_path, _lock: lock, finished: false };
        fs::create_dir(&folder.unfinished).map_err(on)?;
        if is_there {
            // An empty folder in the place of an empty one: what refuses that would refuse the end.
            folder.rename()?;
            fs::create_dir(&folder.unfinished).map_err(on)?;
        }
        Ok(folder)
    }

    /// Where it lies until it is finished.
    pub(super) fn path(&self) -> &Path {
        &self.unfinished
    }

    /// Begins a file.
    ///
    /// # Errors
    /// A file that cannot be made.
    pub(super) fn file(&self, name: &str) -> Result<HashedFile, SnapshotError> {
        let path = self.unfinished.join(name);
        let file = File::create_new(&path).map_err(|error| SnapshotError::writing(&path, error))?;
        let file = BufWriter::with_capacity(1 << 16, file);
        Ok(HashedFile { name: name.to_owned(), path, file, hash: Sha256::new(), bytes: 0 })
    }

    /// Gives the folder its name.
    ///
    /// # Errors
    /// A folder that somebody else has made meanwhile, or a disk that refuses.
    pub(super) fn finish(mut self) -> Result<(), SnapshotError> {
        let on = |error| SnapshotError::writing(&self.target, error);
        File::open(&self.unfinished).and_then(|folder| folder.sync_all()).map_err(on)?;
        self.rename()?;
        self.finished = true;
        File::open(parent(&self.target)).and_then(|parent| parent.sync_all()).map_err(on)
    }

    /// Puts what was written in the target's place: an empty folder is replaced, one that holds
    /// something is not.
    fn rename(&self) -> Result<(), SnapshotError> {
        let path = || self.target.clone();
        fs::rename(&self.unfinished, &self.target).map_err(|error| match error.kind() {
            io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists => {
                SnapshotError::OutNotEmpty(path())
            }
            io::ErrorKind::ResourceBusy | io::ErrorKind::CrossesDevices => {
                SnapshotError::OutUnusable { path: path(), problem: "is where a disk is mounted" }
            }
            _refused => SnapshotError::writing(&self.target, error),
        })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Whatever cannot be removed now, the next one removes.
        if !self.finished {
            let _ = fs::remove_dir_all(&self.unfinished);
        }
        let _ = fs::remove_file(&self.lock_path);
    }
}

impl HashedFile {
    /// Brings the file to the disk.
    ///
    /// # Errors
    /// A disk that refuses.
    pub(super) fn finish(mut self) -> Result<Written, SnapshotError> {
        let on = |error| SnapshotError::writing(&self.path, error);
        self.file.flush().map_err(on)?;
        self.file.get_ref().sync_all().map_err(on)?;
        let sha256 = data_encoding::HEXLOWER.encode(&self.hash.finalize());
        Ok(Written { name: self.name, bytes: self.bytes, sha256 })
    }

    /// An error of this file.
    pub(super) fn on(&self, error: io::Error) -> SnapshotError {
        SnapshotError::writing(&self.path, error)
    }
}

impl Write for HashedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.file.write(bytes)?;
        self.hash.update(bytes.get(..taken).unwrap_or_default());
        self.bytes += u64::try_from(taken).unwrap_or(0);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Whether an empty folder is there; `false` for nothing at all.
fn is_empty_folder(target: &Path) -> Result<bool, SnapshotError> {
    let on = |error| SnapshotError::writing(target, error);
    let unusable = |problem| SnapshotError::OutUnusable { path: target.to_owned(), problem };
    match fs::symlink_metadata(target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(on(error)),
        Ok(held) if held.is_symlink() => Err(unusable("is a link")),
        Ok(held) if !held.is_dir() => Err(unusable("is a file")),
        Ok(_) => match fs::read_dir(target).map_err(on)?.next() {
            None => Ok(true),
            Some(_) => Err(SnapshotError::OutNotEmpty(target.to_owned())),
        },
    }
}

/// The folder in which another lies; the working directory for a bare name.
fn parent(target: &Path) -> PathBuf {
    match target.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        Some(_) | None => PathBuf::from("."),
    }
}

/// Removes what killed processes have begun of a folder and left: what lies beside a lock that
/// nobody holds.
pub(super) fn sweep(target: &Path) {
    let Some(name) = target.file_name() else { return };
    let mut left = OsString::from(UNFINISHED);
    left.push(name);
    left.push("-");
    let Ok(entries) = fs::read_dir(parent(target)) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let own = path.file_name().map(std::ffi::OsStr::as_encoded_bytes).unwrap_or_default();
        if !own.starts_with(left.as_encoded_bytes()) || !own.ends_with(LOCK.as_bytes()) {
            continue;
        }
        let Ok(lock) = File::open(&path) else { continue };
        let Ok(_lock) = Flock::lock(lock, FlockArg::LockExclusiveNonblock) else { continue };
        let unfinished = path.with_extension("");
        if unfinished.exists()
            && let Err(error) = fs::remove_dir_all(&unfinished)
        {
            tracing::warn!(%error, "an unfinished snapshot cannot be removed");
            continue;
        }
        let _ = fs::remove_file(&path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap().flatten();
        let mut names: Vec<_> =
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort_unstable();
        names
    }

    fn write(folder: &Folder, name: &str, text: &str) -> Written {
        let mut file = folder.file(name).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file.finish().unwrap()
    }

    #[test]
    fn a_folder_is_there_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("may");
        let folder = Folder::begin(&target).unwrap();
        let written = write(&folder, "a", "abc");
        assert_eq!(written.bytes, 3);
        assert!(written.sha256.starts_with("ba7816bf"));
        assert!(!target.exists());
        folder.finish().unwrap();
        assert_eq!(names(dir.path()), ["may"]);
        assert_eq!(names(&target), ["a"]);

        let folder = Folder::begin(&dir.path().join("june")).unwrap();
        write(&folder, "a", "abc");
        drop(folder);
        assert_eq!(names(dir.path()), ["may"]);
    }

    #[test]
    fn what_holds_something_is_never_written_into() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("may");
        fs::create_dir(&target).unwrap();
        // An empty one is as good as none; two who write at once do not meet.
        let (first, second) = (Folder::begin(&target).unwrap(), Folder::begin(&target).unwrap());
        write(&first, "a", "1");
        write(&second, "a", "2");
        first.finish().unwrap();
        assert!(matches!(second.finish(), Err(SnapshotError::OutNotEmpty(_))));
        assert!(matches!(Folder::begin(&target), Err(SnapshotError::OutNotEmpty(_))));
        assert_eq!(fs::read_to_string(target.join("a")).unwrap(), "1");
        assert_eq!(names(dir.path()), ["may"]);
    }

    #[test]
    fn what_cannot_be_replaced_in_the_end_is_refused_at_the_start() {
        let dir = tempfile::tempdir().unwrap();
        let (elsewhere, link, file) =
            (dir.path().join("elsewhere"), dir.path().join("link"), dir.path().join("file"));
        fs::create_dir(&elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &link).unwrap();
        fs::write(&file, "").unwrap();
        for target in [&link, &dir.path().join("link/"), &file] {
            assert_eq!(Folder::begin(target).unwrap_err().code(), "out_unusable", "{target:?}");
        }
        // A parent that is a file, and one in which nobody may make a folder.
        for target in [&file.join("out"), Path::new("/proc/daybook/out")] {
            assert_eq!(Folder::begin(target).unwrap_err().code(), "disk_refused", "{target:?}");
        }
        assert_eq!(names(dir.path()), ["elsewhere", "file", "link"]);
        // An empty folder is there until the end, and after a failure.
        let folder = Folder::begin(&elsewhere).unwrap();
        assert_eq!(names(&elsewhere), [""; 0]);
        drop(folder);
        assert_eq!(names(dir.path()), ["elsewhere", "file", "link"]);
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_what_is_being_written_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("may");
        let left = dir.path().join(".daybook-snapshot-may-0");
        fs::create_dir(&left).unwrap();
        fs::write(dir.path().join(".daybook-snapshot-may-0.lock"), "").unwrap();
        fs::write(left.join("journal.csv"), "half").unwrap();
        let writing = Folder::begin(&target).unwrap();
        assert_eq!(names(dir.path()).len(), 2, "{:?}", names(dir.path()));
        assert!(!left.exists());
        let second = Folder::begin(&target).unwrap();
        assert!(writing.unfinished.exists() && second.unfinished.exists());
    }
}
