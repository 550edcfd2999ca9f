//! Starts, waits for and stops the server's main process.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::{Instant, sleep};

use super::Settings;
use super::binaries::Binaries;
use super::directories::Place;
use super::error::{Context as _, LocalPostgresError};
use super::identity::Identity;
use super::initialise::last_lines;
use super::probe::{self, Answer};
use super::process::{self, Occupant};

/// How often a server that starts or stops is looked at.
const POLL: Duration = Duration::from_millis(50);

/// How long to leave the last backends of a dead server alone before trying again.
const LINGERING_PAUSE: Duration = Duration::from_millis(500);

/// How long a fast shutdown (SIGINT) may take: it writes a checkpoint.
const STOP_FAST: Duration = Duration::from_secs(30);

/// How long an immediate one (SIGQUIT) may take: Postgres itself kills after 5 s.
const STOP_NOW: Duration = Duration::from_secs(10);

/// What Postgres says when backends outlive their postmaster and still hold its memory.
const LINGERING: &str = "pre-existing shared memory block";

/// How much of the log is read for an error.
const LOG_READ_MAX: u64 = 64 * 1024;

/// The pid in the cluster's `postmaster.pid`.
pub(super) fn recorded_pid(cluster: &Path) -> Option<i32> {
    let text = std::fs::read_to_string(cluster.join("postmaster.pid")).ok()?;
    // A backend that was started by hand records itself with a negative pid.
    text.lines().next()?.trim().parse::<i32>().ok().map(i32::abs).filter(|&pid| pid > 0)
}

/// Whether the server's main process is there, ready or not.
pub(super) fn is_there(cluster: &Path) -> bool {
    recorded_pid(cluster).is_some_and(|pid| process::inspect(pid, cluster) == Occupant::Server)
}

/// Returns when the server takes sessions, having started it if it did not run. The caller holds
/// `cluster.lock`.
pub(super) async fn ensure_running(
    place: &Place,
    binaries: &Binaries,
    identity: &Identity,
    settings: &Settings,
) -> Result<(), LocalPostgresError> {
    let deadline = Instant::now() + settings.start_deadline;
    let mut started: Option<Started> = None;
    loop {
        match probe::ask(&place.socket()).await {
            Answer::Ready => return Ok(()),
            Answer::Refused { code, message } => {
                let socket = place.socket();
                return Err(LocalPostgresError::Refused { socket, code, message });
            }
            Answer::NotNow | Answer::Silent => {}
        }
        let late = Instant::now() >= deadline;
        match &mut started {
            Some(server) => match server.ended(place)? {
                None => {}
                Some(end) if late || !end.said.contains(LINGERING) => {
                    return Err(end.into_error(place));
                }
                Some(_) => {
                    started = None;
                    sleep(LINGERING_PAUSE).await;
                }
            },
            None if late => {}
            None => started = start_unless_running(place, binaries, identity, settings)?,
        }
        if late {
            return Err(timed_out(place, settings.start_deadline));
        }
        sleep(POLL).await;
    }
}

/// A server that this process has just started.
struct Started {
    child: Child,
    /// Where in the log its own words begin.
    log_start: u64,
}

/// How a start ended.
struct End {
    status: ExitStatus,
    said: String,
}

impl Started {
    fn ended(&mut self, place: &Place) -> Result<Option<End>, LocalPostgresError> {
        let status = self.child.try_wait().on("wait for the server of", &place.cluster)?;
        Ok(status.map(|status| End { status, said: log_from(&place.log, self.log_start) }))
    }
}

impl End {
    fn into_error(self, place: &Place) -> LocalPostgresError {
        let (status, log) = (self.status.to_string(), place.log.clone());
        LocalPostgresError::StartFailed { status, log, tail: last_lines(&self.said) }
    }
}

/// Starts the server, unless there is one that merely is not ready: it starts, or it stops and
/// will be gone at another look.
fn start_unless_running(
    place: &Place,
    binaries: &Binaries,
    identity: &Identity,
    settings: &Settings,
) -> Result<Option<Started>, LocalPostgresError> {
    let pid = recorded_pid(&place.cluster);
    let occupant = pid.map_or(Occupant::Nobody, |pid| process::inspect(pid, &place.cluster));
    match occupant {
        Occupant::Server => return Ok(None),
        // Postgres itself sees that nobody is there, and checks for lingering backends by this
        // file; so it stays.
        Occupant::Nobody => {}
        Occupant::Stranger => {
            tracing::warn!(pid, "postmaster.pid names a process that is not this server");
            remove_if_there(&place.cluster.join("postmaster.pid"))?;
        }
    }
    // Its pid, too, may have been given to a stranger, and Postgres would believe in it.
    remove_if_there(&place.socket_dir.join(format!("{}.lock", probe::SOCKET_NAME)))?;
    start(place, binaries, identity, settings).map(Some)
}

fn remove_if_there(path: &Path) -> Result<(), LocalPostgresError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).on("remove", path),
        _ => Ok(()),
    }
}

/// Starts the server in a process group of its own: Ctrl-C in a terminal is for daybook, which
/// then stops the server in good order.
fn start(
    place: &Place,
    binaries: &Binaries,
    identity: &Identity,
    settings: &Settings,
) -> Result<Started, LocalPostgresError> {
    let log = place.open_log(identity)?;
    let log_start = log.metadata().on("examine", &place.log)?.len();
    let program = binaries.postgres();
    let mut command = identity.command(&program);
    command.arg("-D").arg(&place.cluster);
    for (name, value) in settings.extra.iter().cloned().chain(fixed_settings(place)) {
        command.arg("-c").arg(format!("{name}={value}"));
    }
    command.process_group(0);
    command.stdout(log.try_clone().on("share", &place.log)?).stderr(log);
    let child = command.spawn().on("run", &program)?;
    tracing::info!(pid = child.id(), cluster = %place.cluster.display(), "started postgres");
    Ok(Started { child, log_start })
}

/// What is not for anybody to choose. It comes last on the command line, where the last one wins
/// over earlier ones and over the configuration files.
fn fixed_settings(place: &Place) -> [(String, String); 7] {
    // The value is a list, in which only quotes keep blanks together.
    let directory = place.socket_dir.to_string_lossy().replace('"', "\"\"");
    [
        ("listen_addresses", String::new()),
        ("unix_socket_directories", format!("\"{directory}\"")),
        ("unix_socket_permissions", "0700".to_owned()),
        ("port", probe::PORT.to_string()),
        ("log_destination", "stderr".to_owned()),
        ("logging_collector", "off".to_owned()),
        ("lc_messages", "C".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
}

fn timed_out(place: &Place, deadline: Duration) -> LocalPostgresError {
    let pid = recorded_pid(&place.cluster);
    LocalPostgresError::StartTimeout {
        pid: pid.map_or_else(|| "unknown".to_owned(), |pid| pid.to_string()),
        socket: place.socket(),
        seconds: deadline.as_secs(),
        tail: last_lines(&log_from(&place.log, 0)),
        log: place.log.clone(),
    }
}

/// What the log says from an offset on, at most its last [`LOG_READ_MAX`] bytes.
fn log_from(log: &Path, start: u64) -> String {
    let read = || {
        let mut file = std::fs::File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(start.max(length.saturating_sub(LOG_READ_MAX))))?;
        let mut bytes = Vec::new();
        file.take(LOG_READ_MAX).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    read().unwrap_or_else(|error: std::io::Error| format!("(cannot be read: {error})"))
}

/// Stops the server of a cluster, whoever started it. The caller holds `cluster.lock` and knows
/// that nobody uses the cluster.
pub(super) async fn stop(cluster: &Path) -> Result<(), LocalPostgresError> {
    let Some(pid) = recorded_pid(cluster) else { return Ok(()) };
    if process::inspect(pid, cluster) != Occupant::Server {
        return Ok(());
    }
    for (signal, patience) in [(Signal::SIGINT, STOP_FAST), (Signal::SIGQUIT, STOP_NOW)] {
        tracing::info!(pid, %signal, "stopping postgres");
        match kill(Pid::from_raw(pid), signal) {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(errno) => return Err(LocalPostgresError::Signal { pid, source: errno.into() }),
        }
        if wait_until_gone(pid, patience).await {
            return Ok(());
        }
    }
    Err(LocalPostgresError::StopTimeout { pid, seconds: (STOP_FAST + STOP_NOW).as_secs() })
}

async fn wait_until_gone(pid: i32, patience: Duration) -> bool {
    let deadline = Instant::now() + patience;
    while !process::is_gone(pid) {
        if Instant::now() >= deadline {
            return false;
        }
        sleep(POLL).await;
    }
    true
}
