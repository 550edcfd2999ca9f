//! The command line, used wrongly and by scripts.

use std::{path::Path, process::Stdio};

use data_encoding::HEXLOWER;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::harness::{TestApp, TestDb};

/// The program, far from anything that the environment would tell it.
fn daybook() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_daybook"));
    for name in ["DATABASE_URL", "DAYBOOK_OWNER_URL", "DAYBOOK_DATA_DIR", "RUST_LOG"] {
        command.env_remove(name);
    }
    command.kill_on_drop(true);
    command
}

async fn run(args: &[&str]) -> (i32, String, String) {
    let output = daybook().args(args).output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

/// One line for people that names the thing: no panic, no backtrace, no debugging output.
#[track_caller]
fn assert_complaint(err: &str, named: &str) {
    let line = err.trim_end();
    assert!(line.starts_with("daybook: "), "{err}");
    assert!(line.contains(named), "`{named}` is not named: {err}");
    assert_eq!(line.lines().count(), 1, "{err}");
    for noise in ["panicked", "backtrace", "Some(", "Err(", "Error {", "Custom {", "Os {", "::"] {
        assert!(!line.contains(noise), "{noise}: {err}");
    }
    let said = line.trim_start_matches("daybook: ");
    let causes: Vec<_> = said.split(": ").collect();
    for (nth, cause) in causes.iter().enumerate() {
        assert!(!causes[..nth].contains(cause), "said twice: {err}");
    }
}

#[tokio::test]
async fn wrong_usage_exits_with_2_and_names_what_is_wrong() {
    for (args, named) in [
        (vec!["frobnicate"], "frobnicate"),
        (vec!["verify", "--frobnicate"], "--frobnicate"),
        (vec!["key", "create", "--role", "emperor"], "emperor"),
        (vec!["key", "create"], "--role"),
        (vec!["key", "create", "--role", "owner", "--account", "sub_1"], "sub_1"),
        (vec!["key", "create", "--role", "auditor", "--expires", "soon"], "soon"),
        (vec!["key", "revoke", "dbk_secret"], "dbk_secret"),
        (vec!["key", "revoke"], "KEY"),
        (vec!["plan", "import"], "FILE"),
        (vec!["replay", "--stream", "nonsense"], "nonsense"),
        (vec!["snapshot"], "--out"),
        (vec!["snapshot", "--out", "x", "--position", "first"], "first"),
        (vec!["snapshot", "--out", "x", "--position", "1", "--period", "2026-05"], "--period"),
        (vec!["snapshot", "check"], "DIR"),
        (vec!["replay", "--stream", "account:x"], "account:x"),
        (vec!["replay", "--from", "0"], "0"),
        (vec!["replay", "--from", "x"], "x"),
        (vec!["replay", "--stream", "book", "--from", "1"], "--from"),
        (vec!["migrate", "--time-zone", "Mars/Olympus"], "Mars/Olympus"),
        (vec!["migrate", "--kind", "toy"], "toy"),
        (vec!["migrate", "--financial-year-start", "13"], "13"),
        (vec!["verify", "--output", "xml"], "xml"),
        (vec!["serve", "--connections", "many"], "many"),
        (vec!["serve", "--page-size", "a3"], "a3"),
        (vec!["completions", "dos"], "dos"),
        (vec!["period", "close", "2026-13"], "2026-13"),
        (vec!["period", "close", "may"], "such as 2026-05"),
    ] {
        let (exit, out, err) = run(&args).await;
        assert_eq!(exit, 2, "{args:?}: {err}");
        assert!(out.is_empty(), "{args:?}: {out}");
        assert!(err.starts_with("error: ") && err.contains(named), "{args:?}: {err}");
        assert!(!err.contains("panicked"), "{args:?}: {err}");
    }
    let (exit, _, err) = run(&[]).await;
    assert_eq!(exit, 2);
    assert!(err.contains("Usage: daybook"), "{err}");
}

#[tokio::test]
async fn every_command_says_what_it_is_for() {
    for (command, purpose) in [
        ("", "billing ledger"),
        ("serve", "over HTTP"),
        ("demo", "sandbox"),
        ("migrate", "database"),
        ("plan", "plans"),
        ("plan import", "TOML"),
        ("plan list", "List plans"),
        ("key", "API keys"),
        ("key create", "shown once"),
        ("key list", "List keys"),
        ("key revoke", "Stop a key"),
        ("coupon", "coupons"),
        ("coupon offer", "terms never change"),
        ("coupon list", "List coupons"),
        ("coupon withdraw", "off offer"),
        ("tax", "tax rules"),
        ("tax adopt", "documents from now on"),
        ("tax show", "in force"),
        ("policy", "dunning"),
        ("invoice", "as a PDF"),
        ("webhook", "became of them"),
        ("webhook endpoint", "new secret"),
        ("webhook endpoint add", "shown once"),
        ("webhook endpoint list", "List endpoints"),
        ("webhook endpoint remove", "forget it"),
        ("webhook endpoint rotate", "signs too"),
        ("webhook deliveries", "still to be sent"),
        ("webhook resend", "same id"),
        ("webhook test", "Send a test"),
        ("inbox", "read it again"),
        ("inbox list", "newest first"),
        ("inbox show", "its bytes"),
        ("inbox refused", "without a signature"),
        ("inbox replay", "after a fix"),
        ("reconcile", "missed"),
        ("policy adopt", "new ledger"),
        ("policy show", "in force"),
        ("tick", "fallen due"),
        ("clock", "forward"),
        ("clock show", "What time it is"),
        ("clock advance", "falls due on the way"),
        ("period", "accounting periods"),
        ("period close", "for ever"),
        ("period list", "comes next"),
        ("simulate", "same"),
        ("replay", "what happened"),
        ("verify", "hash"),
        ("rebuild", "projections"),
        ("snapshot", "Export the books"),
        ("snapshot check", "without a database"),
        ("snapshot key", "signatures"),
        ("bench", "Measure"),
        ("openapi", "everything that is served"),
        ("completions", "completion script"),
    ] {
        let mut args: Vec<_> = command.split_whitespace().collect();
        args.push("--help");
        let (exit, out, err) = run(&args).await;
        assert_eq!((exit, err.as_str()), (0, ""), "{command}");
        assert!(out.contains(purpose), "{command}: {out}");
        assert!(out.contains("Usage: daybook"), "{command}: {out}");
    }
    let (exit, out, _) = run(&["--version"]).await;
    assert_eq!((exit, out.trim()), (0, concat!("daybook ", env!("CARGO_PKG_VERSION"))));
    let (exit, out, _) = run(&["completions", "bash"]).await;
    assert!(exit == 0 && out.contains("_daybook"), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_is_one_line_that_names_the_thing() {
    let db = TestDb::new().await;
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let missing = dir.path().join("missing.toml").to_str().unwrap().to_owned();
    let broken = file("broken.toml", "[[plan]]\nslug = \n");
    let unknown = file("unknown.toml", "[[plan]]\nslug='a'\nname='A'\ntype='paid'\nprize=1\n");
    let price = file(
        "price.toml",
        "[[plan]]\nslug='a'\nname='A'\ntype='paid'\nprice.monthly={USD='1.005'}\n",
    );
    let account = format!("acc_{}", "0".repeat(32));
    let key = format!("key_{}", "0".repeat(32));
    let stream = format!("account:{account}");
    for (args, named) in [
        (vec!["plan", "import", &missing], missing.as_str()),
        (vec!["plan", "import", &broken], "broken.toml: line 2"),
        (vec!["plan", "import", &unknown], "prize"),
        (vec!["plan", "import", &price], "plan `a`"),
        (vec!["plan", "import", dir.path().to_str().unwrap()], dir.path().to_str().unwrap()),
        (vec!["rebuild", "nothing"], "`nothing`"),
        (vec!["replay", "--from", "9", "--to", "3"], "--from 9"),
        (vec!["replay", "--stream", &stream], &stream),
        (vec!["replay", "--account", &account], &account),
        (vec!["key", "create", "--role", "owner"], "one account"),
        (vec!["key", "create", "--role", "owner", "--account", &account], &account),
        (
            vec!["key", "create", "--role", "auditor", "--expires", "2020-01-01T00:00:00Z"],
            "expired",
        ),
        (vec!["key", "revoke", &key], &key),
        (vec!["serve", "--listen", "nowhere"], "nowhere"),
    ] {
        let (exit, out, err) = db.daybook(&args).await;
        assert_eq!((exit, out.as_str()), (1, ""), "{args:?}: {err}");
        assert_complaint(&err, named);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_cannot_be_used_is_said_and_no_password_is_shown() {
    let elsewhere = "postgres://daybook:hunter2@127.0.0.1:9/daybook";
    for command in ["verify", "rebuild", "replay", "migrate"] {
        let (exit, _, err) = run(&[command, "--database-url", elsewhere]).await;
        assert_eq!(exit, 1, "{command}: {err}");
        assert_complaint(&err, "Connection refused");
        assert!(!err.contains("hunter2"), "{err}");
    }
    let (exit, _, err) = run(&["verify", "--database-url", "mysql://x"]).await;
    assert_eq!(exit, 1, "{err}");
    assert_complaint(&err, "");
}

/// A database of the test cluster that nobody has migrated.
async fn bare_database(db: &TestDb) -> String {
    let name = format!("bare_{}", uuid::Uuid::now_v7().simple());
    let mut superuser = db.superuser().await;
    let sql = format!("create database {name} owner daybook_owner");
    crate::harness::run(&mut superuser, &sql).await.unwrap();
    let current: String =
        sqlx::query_scalar("select current_database()").fetch_one(&mut superuser).await.unwrap();
    db.owner_url.replace(&current, &name)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_a_ledger_is_told_to_be_migrated() {
    let db = TestDb::new().await;
    let url = bare_database(&db).await;
    for args in [
        vec!["serve", "--listen", "127.0.0.1:0"],
        vec!["verify"],
        vec!["rebuild"],
        vec!["replay"],
        vec!["key", "list"],
        vec!["plan", "list"],
    ] {
        let mut args = args;
        args.extend(["--database-url", &url]);
        let (exit, out, err) = run(&args).await;
        assert_eq!((exit, out.as_str()), (1, ""), "{args:?}: {err}");
        let last = err.lines().last().unwrap();
        assert_complaint(last, "run `daybook migrate`");
    }
    let (exit, out, err) = run(&["migrate", "--database-url", &url]).await;
    assert_eq!(exit, 0, "{err}");
    assert!(out.contains("rests on triggers"), "{out}");
    let (exit, _, err) = run(&["verify", "--database-url", &url]).await;
    assert_eq!(exit, 0, "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_scripts_read_is_json() {
    let test = TestApp::start().await;
    test.subscriber("pro").await;
    test.settle().await;
    for (args, field) in [
        (vec!["plan", "list"], "/0/slug"),
        (vec!["key", "list"], "/0/key_id"),
        (vec!["key", "create", "--role", "finance"], "/key"),
        (vec!["plan", "import", "docs/plans.example.toml"], "/0/outcome"),
        (vec!["verify"], "/verified"),
        (vec!["rebuild"], "/events"),
        (vec!["rebuild", "plans", "keys"], "/projections/1"),
        (vec!["migrate"], "/separate_owner"),
    ] {
        let mut args = args;
        args.extend(["--output", "json"]);
        let (exit, out, err) = test.db.daybook(&args).await;
        assert_eq!((exit, err.as_str()), (0, ""), "{args:?}");
        let json: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{args:?}: {out}"));
        assert!(json.pointer(field).is_some(), "{args:?}: {json}");
        assert!(json.pointer("/0/hash").is_none(), "{args:?}: {json}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_replayed_line_hashes_to_the_leaf_that_is_stored() {
    let test = TestApp::start().await;
    test.subscriber("pro").await;
    let (exit, out, err) = test.db.daybook(&["replay", "--output", "json"]).await;
    assert_eq!(exit, 0, "{err}");
    let sql = "select position, encode(leaf_hash, 'hex') from events order by position";
    let stored: Vec<(i64, String)> = sqlx::query_as(sql).fetch_all(test.app.pool()).await.unwrap();
    let replayed: Vec<_> = out
        .lines()
        .map(|line| {
            let json: Value = serde_json::from_str(line).unwrap();
            let leaf = Sha256::new().chain_update([0]).chain_update(line).finalize();
            (json["position"].as_i64().unwrap(), HEXLOWER.encode(&leaf))
        })
        .collect();
    assert!(stored.len() > 10, "{}", stored.len());
    assert_eq!(replayed, stored);

    let args = ["replay", "--from", "3", "--to", "5", "--output", "json"];
    let (_, part, _) = test.db.daybook(&args).await;
    assert_eq!(part.lines().collect::<Vec<_>>(), out.lines().skip(2).take(3).collect::<Vec<_>>());
    let (exit, people, err) = test.db.daybook(&["replay"]).await;
    assert_eq!(exit, 0, "{err}");
    assert_eq!(people.lines().count(), stored.len() * 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_goes_away_ends_a_replay_quietly() {
    let test = TestApp::start().await;
    // More than a pipe holds, so that the writer notices.
    for _ in 0..40 {
        test.subscriber("pro").await;
    }
    let program = env!("CARGO_BIN_EXE_daybook");
    let script = format!("set -o pipefail; '{program}' replay --output json | head -1");
    let output = Command::new("bash")
        .args(["-c", &script])
        .env("DATABASE_URL", &test.db.serving_url)
        .env_remove("RUST_LOG")
        .output()
        .await
        .unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    assert!(output.status.success(), "{}", output.status);
    let line: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(line["position"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_named() {
    let db = TestDb::new().await;
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap().to_string();
    let (exit, _, err) = db.daybook(&["serve", "--listen", &address]).await;
    assert_eq!(exit, 1, "{err}");
    assert_complaint(&err, &address);
    assert!(err.contains("in use"), "{err}");
}

/// A server on a private Postgres, once it says that it serves.
async fn serving(data_dir: &Path) -> Child {
    let mut child = daybook()
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(data_dir)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut said = Vec::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        if line.contains("\"serving\"") {
            // Somebody goes on reading, or a full pipe would stop the server.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return child;
        }
        said.push(line);
    }
    panic!("the server ended: {said:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_a_data_directory_names_the_first_by_its_pid() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let data_dir = dir.path().join("data");
    let mut first = serving(&data_dir).await;
    let pid = first.id().unwrap();

    let shown = data_dir.to_str().unwrap();
    let (exit, _, err) = run(&["serve", "--listen", "127.0.0.1:0", "--data-dir", shown]).await;
    assert_eq!(exit, 1, "{err}");
    assert_complaint(&err, &format!("pid {pid}"));
    // Commands are not servers: they share the running Postgres.
    let (exit, _, err) = run(&["verify", "--data-dir", shown]).await;
    assert_eq!(exit, 0, "{err}");

    let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    assert!(first.wait().await.unwrap().success());
}
