//! What the operating system knows of a process whose pid was read from a file.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;
use std::process::Command;

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpid};

/// What stands behind a recorded pid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Occupant {
    /// No such process.
    Nobody,
    /// A process, but not the server of this cluster; perhaps the corpse of one.
    Stranger,
    /// The server of this cluster.
    Server,
}

/// Looks who a recorded pid belongs to now: pids are given out again.
pub(super) fn inspect(pid: i32, cluster: &Path) -> Occupant {
    if pid <= 0 || kill(Pid::from_raw(pid), None) == Err(Errno::ESRCH) {
        return Occupant::Nobody;
    }
    let Some(stat) = stat(pid) else { return Occupant::Nobody };
    match stat {
        Stat { defunct: true, postgres: true, parent } if parent == getpid().as_raw() => {
            // A server that this very process started and that has crashed since.
            if is_gone(pid) { Occupant::Nobody } else { Occupant::Stranger }
        }
        Stat { defunct: false, postgres: true, .. } if serves(pid, cluster) => Occupant::Server,
        _ => Occupant::Stranger,
    }
}

/// Whether a process has ended, reaping it if it was our child. Only for processes that are known
/// to be servers: another child's end is not ours to take notice of.
pub(super) fn is_gone(pid: i32) -> bool {
    match waitpid(Pid::from_raw(pid), Some(WaitPidFlag::WNOHANG)) {
        Ok(WaitStatus::StillAlive) => false,
        Ok(_) => true,
        // Not our child. Its own parent may be slow to reap it, or never do so.
        Err(_) => {
            kill(Pid::from_raw(pid), None) == Err(Errno::ESRCH)
                || stat(pid).is_none_or(|stat| stat.defunct)
        }
    }
}

struct Stat {
    defunct: bool,
    postgres: bool,
    parent: i32,
}

fn stat(pid: i32) -> Option<Stat> {
    if has_proc() { stat_in_proc(pid) } else { stat_from_ps(pid) }
}

fn has_proc() -> bool {
    Path::new("/proc/self/stat").exists()
}

/// Reads `4711 (postgres) S 1 …`; the name may itself contain parentheses and blanks.
fn stat_in_proc(pid: i32) -> Option<Stat> {
    let bytes = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let (before, after) = text.rsplit_once(')')?;
    let mut fields = after.split_whitespace();
    let (state, parent) = (fields.next()?, fields.next()?.parse().ok()?);
    let defunct = matches!(state, "Z" | "X" | "x");
    Some(Stat { defunct, postgres: is_postgres(before), parent })
}

fn stat_from_ps(pid: i32) -> Option<Stat> {
    let line = ps(pid, "ppid=,stat=,ucomm=")?;
    let mut fields = line.split_whitespace();
    let (parent, state) = (fields.next()?.parse().ok()?, fields.next()?);
    let defunct = state.starts_with('Z');
    Some(Stat { defunct, postgres: is_postgres(fields.next().unwrap_or_default()), parent })
}

fn is_postgres(name: &str) -> bool {
    name.contains("postgres") || name.contains("postmaster")
}

/// Whether a postgres process works in the cluster. Its working directory says so best, but only
/// its own user and root may see it; its arguments everybody may.
fn serves(pid: i32, cluster: &Path) -> bool {
    let cluster = cluster.canonicalize().unwrap_or_else(|_| cluster.to_path_buf());
    if !has_proc() {
        let named = cluster.to_string_lossy().into_owned();
        return ps(pid, "command=").is_some_and(|command| command.contains(&named));
    }
    if let Ok(directory) = std::fs::read_link(format!("/proc/{pid}/cwd")) {
        return directory == cluster;
    }
    let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let mut arguments = arguments.split(|&byte| byte == 0);
    arguments.any(|argument| argument == cluster.as_os_str().as_bytes())
}

fn ps(pid: i32, columns: &str) -> Option<String> {
    let pid = pid.to_string();
    let output = Command::new("ps").args(["-ww", "-o", columns, "-p", &pid]).output().ok()?;
    let text = OsString::from_vec(output.stdout).to_string_lossy().trim().to_owned();
    Some(text).filter(|text| !text.is_empty())
}
