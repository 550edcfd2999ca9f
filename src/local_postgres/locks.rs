//! The three file locks. `flock` belongs to the open file, so two handles in one process count
//! as two, and the kernel releases it when the process dies.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use tokio::time::{Instant, sleep};

use super::directories;
use super::error::{Context as _, LocalPostgresError};

/// How long to wait for somebody who starts or stops the cluster. A stop takes at most 40 s.
const LOCK_WAIT: Duration = Duration::from_secs(60);

/// How often a lock is tried while it is waited for.
const POLL: Duration = Duration::from_millis(50);

/// The right to be the one server of a data directory; given back when it is dropped.
#[derive(Debug)]
pub struct ServerLock {
    // Held for its lock alone.
    _file: Flock<File>,
}

impl ServerLock {
    /// Takes the lock at once, or fails at once.
    ///
    /// # Errors
    ///
    /// [`LocalPostgresError::ServerRunning`] with the pid of the server that holds it; an I/O
    /// error when the data directory cannot be made or written.
    pub fn acquire(data_dir: &Path) -> Result<Self, LocalPostgresError> {
        let data_dir = directories::prepare_data_dir(data_dir)?;
        let path = data_dir.join("server.lock");
        match try_lock(open(&path)?, FlockArg::LockExclusiveNonblock).on("lock", &path)? {
            Attempt::Locked(mut file) => {
                write_pid(&mut file).on("write", &path)?;
                Ok(Self { _file: file })
            }
            Attempt::Busy(mut file) => {
                Err(LocalPostgresError::ServerRunning { data_dir, holder: holder(&mut file) })
            }
        }
    }
}

/// The right to start or stop the cluster.
#[derive(Debug)]
pub(super) struct ClusterLock {
    // Held for its lock alone.
    _file: Flock<File>,
}

impl ClusterLock {
    /// Waits for the lock, at most [`LOCK_WAIT`].
    pub(super) async fn acquire(data_dir: &Path) -> Result<Self, LocalPostgresError> {
        let path = data_dir.join("cluster.lock");
        let mut file = wait_for(&path, FlockArg::LockExclusiveNonblock).await?;
        write_pid(&mut file).on("write", &path)?;
        Ok(Self { _file: file })
    }
}

/// One process's use of the cluster.
#[derive(Debug)]
pub(super) struct UserLock {
    file: Flock<File>,
    path: PathBuf,
}

/// Who is left after a user has gone.
#[derive(Debug)]
pub(super) enum Leaving {
    /// Somebody else uses the cluster.
    OthersRemain,
    /// Nobody does, nor can anybody begin to while this lock is held.
    WasLast(Flock<File>),
}

impl UserLock {
    /// Joins the users. Nobody holds this lock exclusively except under [`ClusterLock`], which
    /// the caller has, so the wait is a formality.
    pub(super) async fn join(data_dir: &Path) -> Result<Self, LocalPostgresError> {
        let path = data_dir.join("cluster.users");
        let file = wait_for(&path, FlockArg::LockSharedNonblock).await?;
        Ok(Self { file, path })
    }

    /// Gives up the use and looks whether anybody is left. The caller holds [`ClusterLock`].
    pub(super) fn leave(self) -> Result<Leaving, LocalPostgresError> {
        let Self { file, path } = self;
        let file = file.unlock().map_err(|(_, errno)| errno).on("unlock", &path)?;
        match try_lock(file, FlockArg::LockExclusiveNonblock).on("lock", &path)? {
            Attempt::Locked(file) => Ok(Leaving::WasLast(file)),
            Attempt::Busy(_) => Ok(Leaving::OthersRemain),
        }
    }
}

/// The outcome of one try.
enum Attempt {
    Locked(Flock<File>),
    Busy(File),
}

fn try_lock(mut file: File, how: FlockArg) -> Result<Attempt, Errno> {
    loop {
        match Flock::lock(file, how) {
            Ok(locked) => return Ok(Attempt::Locked(locked)),
            Err((busy, Errno::EWOULDBLOCK)) => return Ok(Attempt::Busy(busy)),
            Err((again, Errno::EINTR)) => file = again,
            Err((_, errno)) => return Err(errno),
        }
    }
}

async fn wait_for(path: &Path, how: FlockArg) -> Result<Flock<File>, LocalPostgresError> {
    let deadline = Instant::now() + LOCK_WAIT;
    let mut file = open(path)?;
    loop {
        match try_lock(file, how).on("lock", path)? {
            Attempt::Locked(locked) => return Ok(locked),
            Attempt::Busy(busy) => file = busy,
        }
        if Instant::now() >= deadline {
            let holder = holder(&mut file);
            let path = path.to_path_buf();
            return Err(LocalPostgresError::LockTimeout {
                path,
                seconds: LOCK_WAIT.as_secs(),
                holder,
            });
        }
        sleep(POLL).await;
    }
}

/// Opens a lock file, making it if need be. The files are never removed: a lock on a removed
/// file would exclude nobody.
fn open(path: &Path) -> Result<File, LocalPostgresError> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(nix::libc::O_NOFOLLOW)
        .open(path)
        .on("open", path)?;
    give_to_directory_owner(&file, path)?;
    Ok(file)
}

/// What root makes in somebody's data directory must stay usable for that person.
fn give_to_directory_owner(file: &File, path: &Path) -> Result<(), LocalPostgresError> {
    let Some(directory) = path.parent().filter(|_| nix::unistd::geteuid().is_root()) else {
        return Ok(());
    };
    let owner = directory.metadata().on("examine", directory)?;
    directories::give_file(file, path, owner.uid(), owner.gid())
}

fn write_pid(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(format!("{}\n", std::process::id()).as_bytes())
}

/// Names the process that wrote its pid into a lock file.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.take(32).read_to_string(&mut text));
    match read.ok().and_then(|_| text.trim().parse::<u32>().ok()) {
        Some(pid) => format!("pid {pid}"),
        None => "pid unknown".to_owned(),
    }
}
