//! Who the server runs as. Postgres refuses to run as root, so root lends it a lesser user.

use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::unistd::{Uid, User, geteuid};

use super::error::{Context as _, LocalPostgresError};

/// The user that owns the cluster and runs the server.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) name: String,
    /// Whether this process is root and must become that user for its children.
    pub(super) lent: bool,
}

impl Identity {
    /// Chooses the user for a data directory that exists.
    pub(super) fn choose(data_dir: &Path) -> Result<Self, LocalPostgresError> {
        let cluster = data_dir.join("postgres");
        let owner = match cluster.metadata() {
            Ok(metadata) => Some(metadata.uid()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).on("examine", &cluster),
        };
        if geteuid().is_root() { Self::lend(data_dir, owner) } else { Self::own(cluster, owner) }
    }

    /// The identity of an unprivileged process: its own.
    fn own(cluster: PathBuf, owner: Option<u32>) -> Result<Self, LocalPostgresError> {
        let (uid, gid) = (geteuid().as_raw(), nix::unistd::getegid().as_raw());
        if let Some(owner) = owner.filter(|&owner| owner != uid) {
            return Err(LocalPostgresError::ForeignOwner { path: cluster, owner, expected: uid });
        }
        let name = user_of(uid).map_or_else(|| format!("uid {uid}"), |user| user.name);
        Ok(Self { uid, gid, name, lent: false })
    }

    /// The identity that root lends. Whoever owns the cluster or the directory comes first, so
    /// that root and that user can take turns.
    fn lend(data_dir: &Path, cluster: Option<u32>) -> Result<Self, LocalPostgresError> {
        let directory = data_dir.metadata().on("examine", data_dir)?.uid();
        let owner = cluster.unwrap_or(directory);
        let named = |name| User::from_name(name).ok().flatten().filter(|user| !user.uid.is_root());
        let user = user_of(owner)
            .filter(|user| !user.uid.is_root())
            .or_else(|| named("postgres"))
            .or_else(|| named("nobody"))
            .ok_or(LocalPostgresError::NoServerUser)?;
        let uid = user.uid.as_raw();
        Ok(Self { uid, gid: user.gid.as_raw(), name: user.name, lent: true })
    }

    /// A command that runs as this user, in the C locale (its messages are read) and without the
    /// `PG…` variables, which would change where the server listens and what it reads.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        let meddling = std::env::vars_os().map(|(name, _)| name);
        for name in meddling.filter(|name| name.as_encoded_bytes().starts_with(b"PG")) {
            command.env_remove(name);
        }
        // Root's own directory is usually closed to the lent user, and initdb insists on it.
        command.env("LC_ALL", "C").current_dir("/").stdin(std::process::Stdio::null());
        if self.lent {
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    /// Whether this user may pass through a directory, by its mode.
    pub(super) fn may_enter(&self, directory: &std::fs::Metadata) -> bool {
        let bit = match directory {
            own if own.uid() == self.uid => 0o100,
            group if group.gid() == self.gid => 0o010,
            _ => 0o001,
        };
        directory.mode() & bit != 0
    }
}

/// The home directory of this process's user.
pub(super) fn home_dir() -> PathBuf {
    let home = std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
    home.or_else(|| user_of(geteuid().as_raw()).map(|user| user.dir))
        .unwrap_or_else(|| PathBuf::from("/"))
}

fn user_of(uid: u32) -> Option<User> {
    User::from_uid(Uid::from_raw(uid)).ok().flatten()
}
