//! What can go wrong with the private cluster, each said with what to do about it.

use std::path::{Path, PathBuf};

/// Why the private Postgres cluster cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocalPostgresError {
    /// No usable `initdb` and `postgres` were found.
    #[error(
        "found no PostgreSQL {minimum} or newer (looked on PATH and in {searched}{older}): \
         install it (Debian: `apt-get install postgresql`, macOS: `brew install postgresql@17`) \
         or set DATABASE_URL to a server that you run yourself"
    )]
    BinariesMissing {
        /// The oldest major version that will do.
        minimum: u32,
        /// The places that were searched besides `PATH`.
        searched: String,
        /// What was found and is too old; empty when nothing was.
        older: String,
    },
    /// The cluster on disk belongs to another major version than the installed ones.
    #[error(
        "the cluster {} was made by PostgreSQL {cluster}, but here is only {installed}: install \
         PostgreSQL {cluster}, or upgrade the cluster with pg_upgrade", .path.display()
    )]
    VersionMismatch {
        /// The cluster directory.
        path: PathBuf,
        /// Its major version.
        cluster: u32,
        /// The installed versions and where they are.
        installed: String,
    },
    /// The user that the server runs as cannot reach the data directory.
    #[error(
        "the server runs as user `{user}`, who cannot enter {} on the way to {}: use a directory \
         that everybody can reach, for example `--data-dir /var/lib/daybook`",
        .blocked.display(), .data_dir.display()
    )]
    Unreachable {
        /// The user that the server runs as.
        user: String,
        /// The first directory that this user cannot enter.
        blocked: PathBuf,
        /// The data directory.
        data_dir: PathBuf,
    },
    /// This process is root and there is no unprivileged user to run the server as.
    #[error(
        "postgres does not run as root, and there is neither a user `postgres` nor `nobody`: \
         create one (`useradd --system postgres`)"
    )]
    NoServerUser,
    /// A file or directory belongs to somebody else.
    #[error(
        "{} belongs to uid {owner}, but it must belong to uid {expected}: run daybook as its \
         owner, or choose another directory with `--data-dir`", .path.display()
    )]
    ForeignOwner {
        /// What belongs to somebody else.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// Who should own it.
        expected: u32,
    },
    /// Something else stands where the cluster or the socket directory should be.
    #[error("{} {problem}: move it away", .path.display())]
    InTheWay {
        /// What is in the way.
        path: PathBuf,
        /// Why it will not do.
        problem: &'static str,
    },
    /// Another server uses this data directory.
    #[error(
        "a daybook server already runs on {} ({holder}): stop it first, or give this one another \
         `--data-dir`", .data_dir.display()
    )]
    ServerRunning {
        /// The data directory.
        data_dir: PathBuf,
        /// Its process: `pid 4711`, or that it is not known.
        holder: String,
    },
    /// Another process has been starting or stopping the cluster for too long.
    #[error(
        "waited {seconds} s for {}, held by a process that starts or stops the cluster \
         ({holder}): try again, or end that process if it hangs", .path.display()
    )]
    LockTimeout {
        /// The lock file.
        path: PathBuf,
        /// How long the wait was.
        seconds: u64,
        /// Its process: `pid 4711`, or that it is not known.
        holder: String,
    },
    /// `initdb` failed.
    #[error("initdb could not create a cluster as user `{user}` ({status}): {output}")]
    Initdb {
        /// The user that it ran as.
        user: String,
        /// How it ended.
        status: String,
        /// The end of what it said.
        output: String,
    },
    /// The server ended while it started.
    #[error("postgres ended while it started ({status}); the end of {}: {tail}", .log.display())]
    StartFailed {
        /// How it ended.
        status: String,
        /// The server's log.
        log: PathBuf,
        /// Its last lines.
        tail: String,
    },
    /// The server did not accept connections in time. It is left running.
    #[error(
        "postgres (pid {pid}) accepted no connection on {} within {seconds} s and was left \
         running: try again if it is still recovering; the end of {}: {tail}",
        .socket.display(), .log.display()
    )]
    StartTimeout {
        /// The server's pid, or that it is not known.
        pid: String,
        /// Where connections were tried.
        socket: PathBuf,
        /// The deadline.
        seconds: u64,
        /// The server's log.
        log: PathBuf,
        /// Its last lines.
        tail: String,
    },
    /// The server runs, but refuses the superuser `postgres`.
    #[error(
        "the server on {} refuses the role `postgres` in the database `postgres` \
         (SQLSTATE {code}): {message}: restore both in the cluster", .socket.display()
    )]
    Refused {
        /// The socket.
        socket: PathBuf,
        /// The SQLSTATE.
        code: String,
        /// The server's own words.
        message: String,
    },
    /// The server did not stop.
    #[error(
        "postgres (pid {pid}) did not stop within {seconds} s, not even on SIGQUIT: look at \
         postgres.log, then end it with `kill -KILL {pid}`"
    )]
    StopTimeout {
        /// The server's pid.
        pid: i32,
        /// How long the wait was.
        seconds: u64,
    },
    /// The server could not be signalled.
    #[error("could not signal postgres (pid {pid}): {source}: run daybook as the server's user")]
    Signal {
        /// The server's pid.
        pid: i32,
        /// Why not.
        source: std::io::Error,
    },
    /// The operating system refused something.
    #[error("could not {action} {}: {source}: check its owner and permissions", .path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

/// Says what was tried on which path when the operating system refuses.
pub(super) trait Context<T> {
    /// Turns an I/O error into [`LocalPostgresError::Io`].
    fn on(self, action: &'static str, path: &Path) -> Result<T, LocalPostgresError>;
}

impl<T, E: Into<std::io::Error>> Context<T> for Result<T, E> {
    fn on(self, action: &'static str, path: &Path) -> Result<T, LocalPostgresError> {
        self.map_err(|source| LocalPostgresError::Io {
            action,
            path: path.to_path_buf(),
            source: source.into(),
        })
    }
}
