//! Makes the cluster, all or nothing.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::binaries::Binaries;
use super::directories::{self, Place};
use super::error::{Context as _, LocalPostgresError};
use super::identity::Identity;

/// The names of clusters in the making start with this, the pid of their maker follows.
const UNFINISHED: &str = "postgres.init-";

/// How much of what `initdb` said an error quotes.
const QUOTED_LINES: usize = 15;

/// The major version of the cluster, with its path, if there is one.
pub(super) fn cluster_major(cluster: &Path) -> Result<Option<(PathBuf, u32)>, LocalPostgresError> {
    let in_the_way = |problem| LocalPostgresError::InTheWay { path: cluster.into(), problem };
    match std::fs::read_to_string(cluster.join("PG_VERSION")) {
        Ok(text) => match text.trim().split('.').next().unwrap_or_default().parse() {
            Ok(major) => Ok(Some((cluster.to_path_buf(), major))),
            Err(_) => Err(in_the_way("is no cluster (its PG_VERSION is no number)")),
        },
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).on("read the version of", cluster)
        }
        Err(_) if cluster.read_dir().is_ok_and(|mut entries| entries.next().is_some()) => {
            Err(in_the_way("is not empty, but is no cluster (it has no PG_VERSION)"))
        }
        Err(_) => Ok(None),
    }
}

/// Makes the cluster if there is none. The caller holds `cluster.lock`.
pub(super) async fn ensure_cluster(
    place: &Place,
    binaries: &Binaries,
    identity: &Identity,
    without_sync: bool,
) -> Result<(), LocalPostgresError> {
    remove_unfinished(&place.data_dir);
    if cluster_major(&place.cluster)?.is_some() {
        return Ok(());
    }
    // The name differs from attempt to attempt: an initdb whose daybook was killed may still be
    // writing into the last one.
    let unfinished = place.data_dir.join(format!("{UNFINISHED}{}", std::process::id()));
    directories::ensure_private(&unfinished, identity)?;
    tracing::info!(cluster = %place.cluster.display(), user = %identity.name, "making a cluster");
    run_initdb(&unfinished, binaries, identity, without_sync)
        .await
        .inspect_err(|_| remove_unfinished(&place.data_dir))?;
    std::fs::rename(&unfinished, &place.cluster).on("put in place", &place.cluster)?;
    // The rename must outlive a power cut as surely as what it names.
    File::open(&place.data_dir).and_then(|dir| dir.sync_all()).on("sync", &place.data_dir)
}

async fn run_initdb(
    target: &Path,
    binaries: &Binaries,
    identity: &Identity,
    without_sync: bool,
) -> Result<(), LocalPostgresError> {
    let program = binaries.initdb();
    let mut command = identity.command(&program);
    command.args(["--data-checksums", "--encoding=UTF8", "--locale=C", "--auth=trust"]);
    command.args(["--username=postgres", "--no-instructions"]).arg("--pgdata").arg(target);
    if without_sync {
        command.arg("--no-sync");
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    // Whoever gives up waiting must not leave an initdb behind.
    let mut command = tokio::process::Command::from(command);
    let output = command.kill_on_drop(true).output().await.on("run", &program)?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(LocalPostgresError::Initdb {
        user: identity.name.clone(),
        status: output.status.to_string(),
        output: last_lines(&String::from_utf8_lossy(&said)),
    })
}

/// Clears away what a kill left half made. What cannot be removed now is in nobody's way and is
/// removed another time.
fn remove_unfinished(data_dir: &Path) {
    let entries = data_dir.read_dir().into_iter().flatten().flatten();
    let leftovers = entries.filter(|entry| {
        entry.file_name().to_str().is_some_and(|name| name.starts_with(UNFINISHED))
    });
    for leftover in leftovers.map(|entry| entry.path()) {
        if let Err(error) = std::fs::remove_dir_all(&leftover) {
            tracing::warn!(path = %leftover.display(), %error, "an unfinished cluster remains");
        }
    }
}

/// The last lines of a text, for an error.
pub(super) fn last_lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(QUOTED_LINES)..].join("\n")
}
