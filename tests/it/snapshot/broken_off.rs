//! A disk that fills, a kill, a folder that is taken, a log that was tampered with: nothing
//! half-written stands under a snapshot's name.

use std::{path::Path, process::Stdio};

use daybook::snapshot::{Asked, key::Key};

use super::{findings, rich, taken};
use crate::harness::{TestApp, run};

fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap().map(Result::unwrap);
    entries.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

/// The command line in a shell that has done something before.
fn shell(test: &TestApp, before: &str, dir: &Path, args: &str) -> tokio::process::Command {
    let mut command = tokio::process::Command::new("sh");
    let program = env!("CARGO_BIN_EXE_daybook");
    command
        .args(["-c", &format!("{before} exec {program} snapshot {args}")])
        .env("DATABASE_URL", &test.db.serving_url)
        .env("DAYBOOK_SIGNING_KEY_FILE", dir.join("key"))
        .env_remove("RUST_LOG")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_leaves_nothing_and_says_so() {
    let test = rich().await;
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let args = format!("--out {}", out.display());
    // No file may become longer than two blocks: the disk refuses what a full one refuses.
    let limited = "trap '' XFSZ; ulimit -f 2;";
    let output = shell(&test, limited, dir.path(), &args).output().await.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot be written") && said.contains("[disk_refused]"), "{said}");
    assert_eq!(names(dir.path()), ["key"]);

    let output = shell(&test, "", dir.path(), &args).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(findings(&out), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_leaves_the_whole_or_nothing_and_the_next_one_cleans_up() {
    let test = rich().await;
    let dir = tempfile::tempdir().unwrap();
    let mut cut = 0;
    for nth in 0..200 {
        let out = dir.path().join(format!("out-{nth}"));
        let args = format!("--out {}", out.display());
        let mut child = shell(&test, "", dir.path(), &args).kill_on_drop(true).spawn().unwrap();
        // As soon as something is being written, or it was already.
        while !names(dir.path()).iter().any(|name| name.contains(&format!("out-{nth}"))) {
            assert_eq!(child.try_wait().unwrap(), None, "it ended before it began");
            tokio::task::yield_now().await;
        }
        // A little later each time, counted in looks and not by a clock.
        for _ in 0..nth * 50 {
            tokio::task::yield_now().await;
        }
        child.kill().await.unwrap();
        if out.exists() {
            assert_eq!(findings(&out), Vec::<String>::new());
        } else {
            cut += 1;
            // The same name again: what the killed one left goes.
            let done = shell(&test, "", dir.path(), &args).output().await.unwrap();
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
            let own = |name: &&String| name.contains(&format!("out-{nth}"));
            assert_eq!(names(dir.path()).iter().filter(own).count(), 1);
            assert_eq!(findings(&out), Vec::<String>::new());
        }
        if cut == 5 {
            return;
        }
    }
    panic!("only {cut} of 200 were killed before they were done");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_holds_something_is_refused() {
    let test = TestApp::start().await;
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("key"), "x").unwrap();
    let (asked, key) = (Asked::default(), Key::random());
    let refused = taken(test.app.pool(), &test.clock, asked, &key, dir.path()).await;
    assert_eq!(refused.unwrap_err().code(), "out_not_empty");
    assert_eq!(names(dir.path()), ["key"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_not_as_it_was_written_is_not_exported() {
    let test = rich().await;
    let mut superuser = test.db.superuser().await;
    run(
        &mut superuser,
        "alter table events disable trigger all;
         update events set payload = replace(payload::text, '15.00', '16.00')::json
         where type = 'invoice.issued' and position = (
             select min(position) from events where type = 'invoice.issued'
             and payload::text like '%15.00%');
         alter table events enable trigger all;",
    )
    .await
    .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let refused = taken(test.app.pool(), &test.clock, Asked::default(), &Key::random(), &out).await;
    assert_eq!(refused.unwrap_err().code(), "log_damaged");
    assert_eq!(names(dir.path()), Vec::<String>::new());
}
