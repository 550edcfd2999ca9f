//! The private cluster: it starts, is shared, survives kills, and says what stands in its way.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use daybook::local_postgres::{LocalPostgres, LocalPostgresError, ServerLock, Settings};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};

/// Tells the helper process which data directory to use.
const HELPER_DIR: &str = "DAYBOOK_TEST_LOCAL_POSTGRES_DIR";

/// A directory that the server's user can get through, too.
fn open_dir() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    set_mode(dir.path(), 0o755);
    dir
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn settings(data_dir: impl Into<PathBuf>) -> Settings {
    let pairs = [("fsync", "off"), ("shared_buffers", "16MB"), ("max_connections", "20")];
    let extra = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    Settings { extra, ..Settings::new(data_dir) }
}

async fn attach(data_dir: &Path) -> LocalPostgres {
    LocalPostgres::attach_or_start(settings(data_dir)).await.unwrap()
}

async fn refusal(data_dir: &Path) -> String {
    LocalPostgres::attach_or_start(settings(data_dir)).await.unwrap_err().to_string()
}

fn is_alive(pid: i32) -> bool {
    kill(Pid::from_raw(pid), None).is_ok()
}

/// Asks the cluster by an independent client, over the URL that users get.
fn query(postgres: &LocalPostgres, sql: &str) -> String {
    let mut psql = Command::new(postgres.bin_dir().join("psql"));
    psql.args(["-XAtqd", &postgres.superuser_url("postgres"), "-c", sql]);
    let output = psql.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn two_users_share_one_cluster_and_the_last_stops_it() {
    let dir = open_dir();
    let first = attach(dir.path()).await;
    let second = attach(dir.path()).await;
    let pid = first.postmaster_pid().unwrap();
    assert_eq!(second.postmaster_pid(), Some(pid));
    let sql = "SELECT current_setting('data_checksums'), current_setting('server_encoding'),
               current_setting('listen_addresses'), current_setting('fsync'), current_user";
    assert_eq!(query(&second, sql), "on|UTF8||off|postgres");
    assert_eq!(first.socket_dir().metadata().unwrap().mode() & 0o777, 0o700);

    first.close().await.unwrap();
    assert!(is_alive(pid));
    assert_eq!(query(&second, "SELECT 1"), "1");
    second.close().await.unwrap();
    assert!(!is_alive(pid));

    let again = attach(dir.path()).await;
    assert_ne!(again.postmaster_pid(), Some(pid));
    again.close().await.unwrap();
}

#[tokio::test]
async fn simultaneous_users_start_one_cluster() {
    let dir = open_dir();
    let (a, b, c) = tokio::join!(attach(dir.path()), attach(dir.path()), attach(dir.path()));
    let pid = a.postmaster_pid().unwrap();
    assert_eq!((b.postmaster_pid(), c.postmaster_pid()), (Some(pid), Some(pid)));
    let (a, b, c) = tokio::join!(a.close(), b.close(), c.close());
    a.and(b).and(c).unwrap();
    assert!(!is_alive(pid));
}

#[tokio::test]
async fn the_server_has_no_locks_no_privileges_and_its_own_process_group() {
    let dir = open_dir();
    let postgres = attach(dir.path()).await;
    let pid = postgres.postmaster_pid().unwrap();
    let proc = PathBuf::from(format!("/proc/{pid}"));
    if proc.exists() {
        if geteuid().is_root() {
            assert_ne!(proc.metadata().unwrap().uid(), 0);
            let status = std::fs::read_to_string(proc.join("status")).unwrap();
            let groups = status.lines().find_map(|line| line.strip_prefix("Groups:")).unwrap();
            assert_eq!(groups.trim(), "", "root's groups must not be inherited");
        }
        let open = proc.join("fd").read_dir().unwrap().flatten();
        let open: Vec<_> = open.filter_map(|fd| std::fs::read_link(fd.path()).ok()).collect();
        let inherited = |path: &&PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.contains("cluster.") || name.contains("server.lock")
        };
        assert_eq!(open.iter().find(inherited), None);
        assert!(open.iter().any(|path| path.ends_with("postgres.log")));
    }
    assert_eq!(nix::unistd::getpgid(Some(Pid::from_raw(pid))).unwrap().as_raw(), pid);
    postgres.close().await.unwrap();
}

#[test]
fn a_second_server_is_refused_by_name() {
    let dir = open_dir();
    let first = ServerLock::acquire(dir.path()).unwrap();
    let refused = ServerLock::acquire(dir.path()).unwrap_err();
    assert!(matches!(refused, LocalPostgresError::ServerRunning { .. }));
    let text = refused.to_string();
    assert!(text.contains(&format!("pid {}", std::process::id())), "{text}");
    assert!(text.contains(&*dir.path().canonicalize().unwrap().to_string_lossy()), "{text}");
    drop(first);
    drop(ServerLock::acquire(dir.path()).unwrap());
}

/// A process of the server's own user that is no Postgres; it ends with its input.
fn stranger(owner: u32) -> Child {
    let mut command = Command::new("cat");
    command.stdin(Stdio::piped()).current_dir("/");
    if geteuid().is_root() {
        command.uid(owner);
    }
    command.spawn().unwrap()
}

#[tokio::test]
async fn a_pid_that_now_is_somebody_elses_is_no_obstacle() {
    let dir = open_dir();
    let postgres = attach(dir.path()).await;
    let socket_dir = postgres.socket_dir().to_path_buf();
    postgres.close().await.unwrap();

    let cluster = dir.path().join("postgres");
    let mut stranger = stranger(cluster.metadata().unwrap().uid());
    let own = std::process::id();
    for pid in [1, own, stranger.id()] {
        let record = format!("{pid}\n{}\n1700000000\n5432\n", cluster.display());
        std::fs::write(cluster.join("postmaster.pid"), &record).unwrap();
        std::fs::write(socket_dir.join(".s.PGSQL.5432.lock"), &record).unwrap();
        let postgres = attach(dir.path()).await;
        assert_ne!(postgres.postmaster_pid(), i32::try_from(pid).ok());
        postgres.close().await.unwrap();
        assert!(stranger.try_wait().unwrap().is_none(), "the stranger was harmed");
    }
    drop(stranger.stdin.take());
    stranger.wait().unwrap();
}

#[tokio::test]
async fn a_killed_postmaster_is_replaced() {
    let dir = open_dir();
    let first = attach(dir.path()).await;
    query(&first, "CREATE TABLE kept AS SELECT 7 AS value");
    let pid = first.postmaster_pid().unwrap();
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();

    let second = attach(dir.path()).await;
    assert_ne!(second.postmaster_pid(), Some(pid));
    assert_eq!(query(&first, "SELECT value FROM kept"), "7");
    first.close().await.unwrap();
    second.close().await.unwrap();
}

#[tokio::test]
async fn a_dropped_users_cluster_is_adopted() {
    let dir = open_dir();
    let first = attach(dir.path()).await;
    let pid = first.postmaster_pid().unwrap();
    drop(first);
    assert!(is_alive(pid));
    let second = attach(dir.path()).await;
    assert_eq!(second.postmaster_pid(), Some(pid));
    second.close().await.unwrap();
    assert!(!is_alive(pid));
}

/// Not a test of its own: the process that [`a_killed_users_cluster_is_adopted`] kills. It goes
/// by at once when nobody asks for it.
#[tokio::test]
async fn helper_that_is_killed() {
    let Some(dir) = std::env::var_os(HELPER_DIR) else { return };
    let postgres = attach(Path::new(&dir)).await;
    let _server = ServerLock::acquire(Path::new(&dir)).unwrap();
    println!("\nhelper pid {}", postgres.postmaster_pid().unwrap());
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

#[tokio::test]
async fn a_killed_users_cluster_is_adopted() {
    let dir = open_dir();
    let module = module_path!().split_once("::").unwrap().1;
    let mut helper = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("{module}::helper_that_is_killed"), "--nocapture"])
        .env(HELPER_DIR, dir.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(helper.stdout.take().unwrap()).lines().map_while(Result::ok);
    let pid = lines.find_map(|line| line.strip_prefix("helper pid ")?.parse::<i32>().ok()).unwrap();
    let refused = ServerLock::acquire(dir.path()).unwrap_err().to_string();
    assert!(refused.contains(&format!("pid {}", helper.id())), "{refused}");
    let while_alive = attach(dir.path()).await;
    while_alive.close().await.unwrap();
    assert!(is_alive(pid), "the helper still used it");

    helper.kill().unwrap();
    helper.wait().unwrap();
    drop(ServerLock::acquire(dir.path()).unwrap());
    let heir = attach(dir.path()).await;
    assert_eq!(heir.postmaster_pid(), Some(pid));
    heir.close().await.unwrap();
    let after = attach(dir.path()).await;
    assert_ne!(after.postmaster_pid(), Some(pid));
    after.close().await.unwrap();
}

#[tokio::test]
async fn a_path_that_clients_cannot_name_moves_the_socket() {
    let dir = open_dir();
    for name in ["d".repeat(120), "with, comma".to_owned()] {
        let postgres = attach(&dir.path().join(name)).await;
        let socket_dir = postgres.socket_dir().to_path_buf();
        let name = socket_dir.strip_prefix("/tmp").unwrap().to_string_lossy().into_owned();
        let digits = name.strip_prefix("daybook-").unwrap();
        assert!(digits.len() == 16 && digits.bytes().all(|b| b.is_ascii_hexdigit()), "{name}");
        assert_eq!(socket_dir.metadata().unwrap().mode() & 0o777, 0o700);
        assert_eq!(query(&postgres, "SELECT 1"), "1");
        postgres.close().await.unwrap();
        assert!(!socket_dir.exists());
    }
}

#[tokio::test]
async fn awkward_characters_in_the_path_do_no_harm() {
    let dir = open_dir();
    let awkward = dir.path().join("a \"b\" c%20&d=ü");
    let postgres = attach(&awkward).await;
    assert!(postgres.socket_dir().ends_with("run"));
    assert_eq!(query(&postgres, "SELECT 1"), "1");
    postgres.close().await.unwrap();
}

#[tokio::test]
async fn half_made_clusters_are_cleared_away() {
    let dir = open_dir();
    let leftover = dir.path().join("postgres.init-1");
    std::fs::create_dir(&leftover).unwrap();
    std::fs::write(leftover.join("PG_VERSION"), "15\n").unwrap();
    let postgres = attach(dir.path()).await;
    assert!(!leftover.exists());
    postgres.close().await.unwrap();
}

#[tokio::test]
async fn what_is_no_cluster_is_left_alone() {
    let dir = open_dir();
    let cluster = dir.path().join("postgres");
    std::fs::create_dir(&cluster).unwrap();
    std::fs::write(cluster.join("notes.txt"), "mine").unwrap();
    let text = refusal(dir.path()).await;
    assert!(text.contains("has no PG_VERSION") && text.contains("move it away"), "{text}");
    assert_eq!(std::fs::read_to_string(cluster.join("notes.txt")).unwrap(), "mine");
}

#[tokio::test]
async fn a_cluster_of_another_major_names_both() {
    let dir = open_dir();
    let cluster = dir.path().join("postgres");
    std::fs::create_dir(&cluster).unwrap();
    std::fs::write(cluster.join("PG_VERSION"), "99\n").unwrap();
    let text = refusal(dir.path()).await;
    assert!(text.contains("made by PostgreSQL 99, but here is only "), "{text}");
    assert!(text.contains("/bin") && text.contains("install PostgreSQL 99"), "{text}");
}

#[test]
fn missing_binaries_say_what_to_install() {
    let missing = LocalPostgresError::BinariesMissing {
        minimum: 15,
        searched: "/usr/lib/postgresql/*/bin".to_owned(),
        older: String::new(),
    };
    let text = missing.to_string();
    for part in ["15 or newer", "apt-get install postgresql", "brew install", "DATABASE_URL"] {
        assert!(text.contains(part), "{text}");
    }
}

#[tokio::test]
async fn a_start_that_fails_quotes_the_log() {
    let dir = open_dir();
    let mut settings = settings(dir.path());
    settings.extra.push(("work_mem".to_owned(), "plenty".to_owned()));
    let text = LocalPostgres::attach_or_start(settings).await.unwrap_err().to_string();
    assert!(text.contains("invalid value for parameter \"work_mem\": \"plenty\""), "{text}");
    attach(dir.path()).await.close().await.unwrap();
}

#[tokio::test]
async fn a_closed_parent_is_named() {
    let dir = open_dir();
    let closed = dir.path().canonicalize().unwrap().join("closed");
    std::fs::create_dir(&closed).unwrap();
    set_mode(&closed, 0o700);
    let data_dir = closed.join("data");
    if geteuid().is_root() {
        let text = refusal(&data_dir).await;
        assert!(text.contains(&format!("cannot enter {} ", closed.display())), "{text}");
        assert!(text.contains("--data-dir /var/lib/daybook"), "{text}");
    } else {
        attach(&data_dir).await.close().await.unwrap();
    }
}
