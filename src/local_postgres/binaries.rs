//! Finds the Postgres programs: one directory that has both `initdb` and `postgres`.

use std::path::{Path, PathBuf};

use super::error::LocalPostgresError;

/// The oldest major version that will do.
const MINIMUM: u32 = 15;

/// Where packagers put their versions: a directory, the prefix of a version's entry in it, and
/// what follows to its programs.
const VERSIONED: [(&str, &str, &str); 4] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/opt/homebrew/opt", "postgresql@", "bin"),
    ("/usr/local/opt", "postgresql@", "bin"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql@", "bin"),
];

/// Where there is only one version.
const FIXED: [&str; 3] =
    ["/usr/local/pgsql/bin", "/opt/homebrew/bin", "/home/linuxbrew/.linuxbrew/bin"];

/// The programs of one installed version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binaries {
    pub(super) dir: PathBuf,
    pub(super) major: u32,
}

impl Binaries {
    pub(super) fn initdb(&self) -> PathBuf {
        self.dir.join("initdb")
    }

    pub(super) fn postgres(&self) -> PathBuf {
        self.dir.join("postgres")
    }
}

/// Finds the programs for a cluster of the given major version, or for a new one.
pub(super) async fn find(cluster: Option<(PathBuf, u32)>) -> Result<Binaries, LocalPostgresError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::env::split_paths(&path).chain(well_known()).collect();
    choose(installed(directories).await, cluster)
}

/// Picks among what is installed, in the order of preference.
fn choose(
    installed: Vec<Binaries>,
    cluster: Option<(PathBuf, u32)>,
) -> Result<Binaries, LocalPostgresError> {
    let wanted =
        |found: &&Binaries| cluster.as_ref().is_none_or(|(_, major)| *major == found.major);
    let usable = || installed.iter().filter(|found| found.major >= MINIMUM);
    if let Some(found) = usable().find(wanted) {
        return Ok(found.clone());
    }
    match cluster {
        Some((path, cluster)) if usable().next().is_some() => {
            let installed = listed(&installed);
            Err(LocalPostgresError::VersionMismatch { path, cluster, installed })
        }
        _ => Err(missing(&installed)),
    }
}

fn missing(installed: &[Binaries]) -> LocalPostgresError {
    let versioned = VERSIONED.iter().map(|(base, prefix, bin)| format!("{base}/{prefix}*/{bin}"));
    let searched: Vec<_> = versioned.chain(FIXED.map(str::to_owned)).collect();
    let older = match installed {
        [] => String::new(),
        found => format!("; found only {}", listed(found)),
    };
    LocalPostgresError::BinariesMissing { minimum: MINIMUM, searched: searched.join(", "), older }
}

fn listed(installed: &[Binaries]) -> String {
    let describe = |found: &Binaries| format!("{} in {}", found.major, found.dir.display());
    installed.iter().map(describe).collect::<Vec<_>>().join(", ")
}

/// Asks every directory for its version, each real directory once.
async fn installed(directories: Vec<PathBuf>) -> Vec<Binaries> {
    let mut found: Vec<Binaries> = Vec::new();
    for dir in directories.iter().filter_map(|directory| real_directory(directory)) {
        if found.iter().any(|known| known.dir == dir) {
            continue;
        }
        match version_of(&dir.join("postgres")).await {
            Some(major) => found.push(Binaries { dir, major }),
            None => tracing::debug!(dir = %dir.display(), "postgres does not tell its version"),
        }
    }
    found
}

/// The one directory where both programs really are: behind links, `postgres` finds its own
/// libraries and `initdb` its `postgres` only there.
fn real_directory(directory: &Path) -> Option<PathBuf> {
    let real = |name: &str| directory.join(name).canonicalize().ok().filter(|path| path.is_file());
    let (initdb, postgres) = (real("initdb")?, real("postgres")?);
    let dir = postgres.parent()?;
    let named = initdb.ends_with("initdb") && postgres.ends_with("postgres");
    (named && initdb.parent()? == dir).then(|| dir.to_path_buf())
}

async fn version_of(postgres: &Path) -> Option<u32> {
    let mut command = tokio::process::Command::new(postgres);
    let output = command.arg("--version").kill_on_drop(true).output().await.ok()?;
    major_in(&String::from_utf8_lossy(&output.stdout))
}

/// Reads `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)` and `… 18beta1`.
fn major_in(text: &str) -> Option<u32> {
    let version = text.split_once("(PostgreSQL)")?.1.trim_start();
    let digits = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
    version.get(..digits)?.parse().ok()
}

fn well_known() -> impl Iterator<Item = PathBuf> {
    let versioned = VERSIONED.iter().flat_map(|(base, prefix, bin)| versions(base, prefix, bin));
    versioned.chain(FIXED.iter().map(PathBuf::from))
}

/// The versions in one base directory, newest first.
fn versions(base: &str, prefix: &str, bin: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(base).into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let name = entry.file_name();
            let major = name.to_str()?.strip_prefix(prefix)?.split('.').next()?.parse().ok()?;
            Some((major, entry.path().join(bin)))
        })
        .collect();
    versions.sort_by(|a, b| b.cmp(a));
    versions.into_iter().map(|(_, path)| path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binaries(major: u32) -> Binaries {
        Binaries { dir: PathBuf::from(format!("/pg/{major}")), major }
    }

    #[test]
    fn nothing_installed_says_what_to_install() {
        let text = choose(Vec::new(), None).unwrap_err().to_string();
        for part in ["apt-get install postgresql", "brew install postgresql@17", "DATABASE_URL"] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn too_old_is_named() {
        let text = choose(vec![binaries(13)], None).unwrap_err().to_string();
        assert!(text.contains("found only 13 in /pg/13"), "{text}");
    }

    #[test]
    fn a_cluster_gets_its_own_major_and_a_new_one_the_first() {
        let installed = vec![binaries(14), binaries(17), binaries(15)];
        let own = choose(installed.clone(), Some((PathBuf::from("/d"), 15)));
        assert_eq!(own.unwrap(), binaries(15));
        assert_eq!(choose(installed, None).unwrap(), binaries(17));
    }

    #[test]
    fn versions_are_read() {
        let debian = "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n";
        assert_eq!(major_in(debian), Some(15));
        assert_eq!(major_in("postgres (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(major_in("something else"), None);
    }

    #[tokio::test]
    async fn links_lead_to_the_one_real_directory() {
        let path = std::env::var_os("PATH").unwrap();
        let found = installed(std::env::split_paths(&path).chain(well_known()).collect()).await;
        let unique: std::collections::HashSet<_> = found.iter().map(|found| &found.dir).collect();
        assert_eq!(unique.len(), found.len());
    }
}
