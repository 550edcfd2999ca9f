//! A private Postgres cluster for people who have none: started by the first process that needs
//! it, shared by every process that comes while it runs, stopped by the last one that leaves.
//!
//! What this module promises:
//!
//! - One data directory is one cluster. It listens on a Unix socket in a directory of mode 0700
//!   and on no network address.
//! - At most one *server* per data directory ([`ServerLock`]); any number of processes may use
//!   the cluster next to it.
//! - Every user of the cluster holds a shared lock on `cluster.users`. The kernel drops it when a
//!   process dies, however it dies, so there is no count that could go wrong. Whoever leaves by
//!   [`LocalPostgres::close`] and finds nobody else stops the cluster.
//! - A cluster whose users were all killed keeps running; the next user adopts it.
//! - A cluster that dies under its users is started again by whoever watches over it
//!   ([`LocalPostgres::revive`]), with the settings of that process.
//! - Starting and stopping are decided under an exclusive lock on `cluster.lock`, so two processes
//!   never start, initialise or stop at the same time.
//! - A kill at any instant leaves nothing half made: the cluster is initialised beside its place
//!   and renamed when it is complete.
//! - Under root the server runs as an unprivileged user: the owner of the existing cluster, else
//!   the owner of the data directory, else `postgres`, else `nobody`.
//!
//! Layout under the data directory:
//!
//! | name            | what it is                                                  |
//! |-----------------|-------------------------------------------------------------|
//! | `postgres/`     | the cluster itself (`PGDATA`)                               |
//! | `run/`          | the socket; too long a path moves it to `/tmp/daybook-…`    |
//! | `postgres.log`  | what the server and `initdb` say                            |
//! | `server.lock`   | held by the one server; contains its pid                    |
//! | `cluster.lock`  | held while somebody starts or stops the cluster             |
//! | `cluster.users` | held, shared, by every process that uses the cluster        |

mod binaries;
mod directories;
mod error;
mod identity;
mod initialise;
mod locks;
mod postmaster;
mod probe;
mod process;

use std::path::{Path, PathBuf};
use std::time::Duration;

use binaries::Binaries;
use directories::Place;
use identity::Identity;
use locks::{ClusterLock, Leaving, UserLock};

pub use error::LocalPostgresError;
pub use locks::ServerLock;

/// How long a start may take before it counts as failed: a crash recovery reads the whole
/// write-ahead log since the last checkpoint, which is minutes of work at worst.
const START_DEADLINE: Duration = Duration::from_secs(120);

/// Where the cluster lives and how it is started.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The directory that holds everything; it is created when it is missing.
    pub data_dir: PathBuf,
    /// More settings for `postgres -c`, for example `fsync=off` in tests. They only count for the
    /// process that starts the cluster, and they cannot move the socket or open a network port.
    pub extra: Vec<(String, String)>,
    /// How long the cluster may take until it accepts connections.
    pub start_deadline: Duration,
}

impl Settings {
    /// Settings for a data directory, with nothing extra and a start deadline of 120 s.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self { data_dir: data_dir.into(), extra: Vec::new(), start_deadline: START_DEADLINE }
    }

    /// Whether the caller gave up durability, so that `initdb` need not sync either.
    fn without_sync(&self) -> bool {
        self.extra.iter().any(|(name, value)| name == "fsync" && value == "off")
    }
}

/// A running cluster that this process uses.
///
/// Leave it by [`close`](Self::close). A mere drop releases the locks but stops nothing: the
/// cluster then runs on until its next user adopts it and leaves.
#[derive(Debug)]
pub struct LocalPostgres {
    place: Place,
    binaries: Binaries,
    identity: Identity,
    settings: Settings,
    users: UserLock,
}

impl LocalPostgres {
    /// Uses the cluster of a data directory: attaches to it when it runs, starts it when it does
    /// not, creates it when there is none.
    ///
    /// # Errors
    ///
    /// When no suitable Postgres is installed, when the directory cannot be used by the user that
    /// the server runs as, when another process holds `cluster.lock` for too long, or when the
    /// server does not come up before the deadline. A server that merely takes too long is left
    /// running, so that its recovery is not for nothing and the next attempt finds it further on.
    pub async fn attach_or_start(settings: Settings) -> Result<Self, LocalPostgresError> {
        let data_dir = directories::prepare_data_dir(&settings.data_dir)?;
        let decision = ClusterLock::acquire(&data_dir).await?;
        let identity = Identity::choose(&data_dir)?;
        let place = Place::prepare(data_dir, &identity)?;
        let binaries = binaries::find(initialise::cluster_major(&place.cluster)?).await?;
        let users = UserLock::join(&place.data_dir).await?;
        initialise::ensure_cluster(&place, &binaries, &identity, settings.without_sync()).await?;
        postmaster::ensure_running(&place, &binaries, &identity, &settings).await?;
        drop(decision);
        Ok(Self { place, binaries, identity, settings, users })
    }

    /// Whether the cluster's main process is there, by a look that costs next to nothing.
    #[must_use]
    pub fn is_running(&self) -> bool {
        postmaster::is_there(&self.place.cluster)
    }

    /// Starts the cluster again where it has died under its users; one that runs is left alone.
    ///
    /// # Errors
    ///
    /// As [`attach_or_start`](Self::attach_or_start).
    pub async fn revive(&self) -> Result<(), LocalPostgresError> {
        let Self { place, binaries, identity, settings, .. } = self;
        let decision = ClusterLock::acquire(&place.data_dir).await?;
        postmaster::ensure_running(place, binaries, identity, settings).await?;
        drop(decision);
        Ok(())
    }

    /// The directory that contains the Unix socket `.s.PGSQL.5432`.
    #[must_use]
    pub fn socket_dir(&self) -> &Path {
        &self.place.socket_dir
    }

    /// A connection URL for the superuser `postgres`.
    #[must_use]
    pub fn superuser_url(&self, database: &str) -> String {
        self.url("postgres", database)
    }

    /// A connection URL for a role and a database; nobody needs a password on this socket.
    #[must_use]
    pub fn url(&self, user: &str, database: &str) -> String {
        use std::os::unix::ffi::OsStrExt as _;
        let user = percent_encoded(user.as_bytes());
        let database = percent_encoded(database.as_bytes());
        let host = percent_encoded(self.place.socket_dir.as_os_str().as_bytes());
        // The port is written out because clients otherwise take it from PGPORT.
        format!("postgres://{user}@localhost/{database}?host={host}&port={}", probe::PORT)
    }

    /// The pid of the cluster's main process, as `postmaster.pid` has it now.
    #[must_use]
    pub fn postmaster_pid(&self) -> Option<i32> {
        postmaster::recorded_pid(&self.place.cluster)
    }

    /// The directory of the Postgres programs that this cluster is run with.
    #[must_use]
    pub fn bin_dir(&self) -> &Path {
        &self.binaries.dir
    }

    /// Leaves the cluster, and stops it when nobody else uses it.
    ///
    /// # Errors
    ///
    /// When `cluster.lock` cannot be had in time or the server does not stop. The locks of this
    /// process are released in any case.
    pub async fn close(self) -> Result<(), LocalPostgresError> {
        let Self { place, users, .. } = self;
        let decision = ClusterLock::acquire(&place.data_dir).await?;
        match users.leave()? {
            Leaving::OthersRemain => {
                tracing::debug!(data_dir = %place.data_dir.display(), "others use the cluster");
            }
            Leaving::WasLast(nobody_else) => {
                postmaster::stop(&place.cluster).await?;
                place.tidy();
                drop(nobody_else);
            }
        }
        drop(decision);
        Ok(())
    }
}

/// The data directory of a person who named none: `/var/lib/daybook` for root, else
/// `$XDG_DATA_HOME/daybook` or `~/.local/share/daybook`, on macOS
/// `~/Library/Application Support/daybook`.
#[must_use]
pub fn default_data_dir() -> PathBuf {
    if nix::unistd::geteuid().is_root() {
        return PathBuf::from("/var/lib/daybook");
    }
    let xdg = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from);
    if let Some(base) = xdg.filter(|base| base.is_absolute()) {
        return base.join("daybook");
    }
    let data =
        if cfg!(target_os = "macos") { "Library/Application Support" } else { ".local/share" };
    identity::home_dir().join(data).join("daybook")
}

/// Percent-encodes everything but the unreserved characters of RFC 3986, so that a path may
/// stand in a query.
fn percent_encoded(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len()), |mut text, &byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            write!(text, "%{byte:02X}").expect("writing into a String cannot fail");
        }
        text
    })
}
