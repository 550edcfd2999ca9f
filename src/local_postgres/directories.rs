//! The directories of a cluster: made, owned and closed as the server needs them.

use std::ffi::OsStr;
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown, lchown,
};
use std::path::{Path, PathBuf};

use super::error::{Context as _, LocalPostgresError};
use super::identity::Identity;
use super::probe;

/// The longest path that a Unix socket may have: `sun_path` less its closing zero byte.
const SOCKET_PATH_MAX: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// Where everything of one cluster is.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) data_dir: PathBuf,
    pub(super) cluster: PathBuf,
    pub(super) socket_dir: PathBuf,
    pub(super) log: PathBuf,
}

impl Place {
    /// Lays out a canonical data directory for the user that the server runs as.
    pub(super) fn prepare(
        data_dir: PathBuf,
        identity: &Identity,
    ) -> Result<Self, LocalPostgresError> {
        check_reachable(&data_dir, identity)?;
        let socket_dir = socket_dir(&data_dir);
        ensure_private(&socket_dir, identity)?;
        let (cluster, log) = (data_dir.join("postgres"), data_dir.join("postgres.log"));
        Ok(Self { data_dir, cluster, socket_dir, log })
    }

    /// The socket itself.
    pub(super) fn socket(&self) -> PathBuf {
        self.socket_dir.join(probe::SOCKET_NAME)
    }

    /// Leaves nothing in `/tmp` when the server has stopped. What is not empty stays: that is for
    /// the next start to look at.
    pub(super) fn tidy(&self) {
        if !self.socket_dir.starts_with(&self.data_dir)
            && let Err(error) = std::fs::remove_dir(&self.socket_dir)
        {
            tracing::debug!(path = %self.socket_dir.display(), %error, "socket directory remains");
        }
    }

    /// Opens the log for the server to append to.
    pub(super) fn open_log(&self, identity: &Identity) -> Result<File, LocalPostgresError> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .custom_flags(nix::libc::O_NOFOLLOW)
            .open(&self.log)
            .on("open", &self.log)?;
        if identity.lent {
            give_file(&log, &self.log, identity.uid, identity.gid)?;
        }
        Ok(log)
    }
}

/// Makes the data directory if it is missing, and returns its canonical path, by which all
/// processes agree however they spell it.
pub(super) fn prepare_data_dir(data_dir: &Path) -> Result<PathBuf, LocalPostgresError> {
    let absolute = std::path::absolute(data_dir).on("resolve", data_dir)?;
    let missing: Vec<_> = absolute.ancestors().take_while(|path| !path.exists()).collect();
    // Under root the server is another user, who must get through whatever root's umask is.
    let mode = if nix::unistd::geteuid().is_root() { 0o755 } else { 0o700 };
    for directory in missing.into_iter().rev() {
        match DirBuilder::new().mode(mode).create(directory) {
            Ok(()) => {
                let permissions = Permissions::from_mode(mode);
                std::fs::set_permissions(directory, permissions).on("open up", directory)?;
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).on("create", directory),
        }
    }
    absolute.canonicalize().on("resolve", &absolute)
}

/// Makes a directory that is the server's alone, or checks that the one that is there is: in
/// `/tmp` anybody could have put it there.
pub(super) fn ensure_private(path: &Path, identity: &Identity) -> Result<(), LocalPostgresError> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => return give_to(path, identity),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error).on("create", path),
    }
    let found = path.symlink_metadata().on("examine", path)?;
    if !found.is_dir() {
        let problem = "is no directory";
        return Err(LocalPostgresError::InTheWay { path: path.to_path_buf(), problem });
    }
    if found.uid() != identity.uid {
        // Root's own is one that a kill caught between its making and its giving away.
        if !(identity.lent && found.uid() == 0) {
            let (owner, expected) = (found.uid(), identity.uid);
            let path = path.to_path_buf();
            return Err(LocalPostgresError::ForeignOwner { path, owner, expected });
        }
        give_to(path, identity)?;
    }
    if found.mode() & 0o777 != 0o700 {
        std::fs::set_permissions(path, Permissions::from_mode(0o700)).on("close", path)?;
    }
    Ok(())
}

fn give_to(path: &Path, identity: &Identity) -> Result<(), LocalPostgresError> {
    if !identity.lent {
        return Ok(());
    }
    lchown(path, Some(identity.uid), Some(identity.gid)).on("change the owner of", path)
}

/// Gives a file that root has made to a user. One with a second name stays root's: somebody may
/// have linked a file here that is none of his.
pub(super) fn give_file(
    file: &File,
    path: &Path,
    uid: u32,
    gid: u32,
) -> Result<(), LocalPostgresError> {
    let found = file.metadata().on("examine", path)?;
    if found.uid() != 0 || found.nlink() != 1 {
        return Ok(());
    }
    fchown(file, Some(uid), Some(gid)).on("change the owner of", path)
}

/// Finds the directory that would stop the server on its way to its data.
fn check_reachable(data_dir: &Path, identity: &Identity) -> Result<(), LocalPostgresError> {
    if !identity.lent {
        return Ok(());
    }
    let mut way: Vec<_> = data_dir.ancestors().collect();
    way.reverse();
    for directory in way {
        if !identity.may_enter(&directory.metadata().on("examine", directory)?) {
            return Err(LocalPostgresError::Unreachable {
                user: identity.name.clone(),
                blocked: directory.to_path_buf(),
                data_dir: data_dir.to_path_buf(),
            });
        }
    }
    Ok(())
}

/// `run/`, unless clients could not name the socket there: its path is too long, is no text for
/// a URL, or has a comma, at which libpq would cut it in two.
fn socket_dir(data_dir: &Path) -> PathBuf {
    let near = data_dir.join("run");
    let length = near.join(probe::SOCKET_NAME).as_os_str().len();
    if length <= SOCKET_PATH_MAX && near.to_str().is_some_and(|text| !text.contains(',')) {
        return near;
    }
    PathBuf::from(format!("/tmp/daybook-{:016x}", stable_hash(data_dir.as_os_str())))
}

/// FNV-1a, because it must come out the same in every build: processes meet by it.
fn stable_hash(text: &OsStr) -> u64 {
    text.as_bytes().iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
