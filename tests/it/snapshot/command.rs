//! The command line: take, check, key; exit codes and what is printed.

use std::path::Path;

use serde_json::Value;

use super::{files, position, rich, snapshot};
use crate::harness::TestApp;

/// Runs `daybook snapshot`: exit code, standard output, standard error.
async fn daybook(test: &TestApp, dir: &Path, args: &[&str]) -> (i32, String, String) {
    let key = dir.join("key");
    let args = [&["snapshot"], args, &["--signing-key-file", key.to_str().unwrap()]].concat();
    test.db.daybook(&args).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_taken_and_checked_by_two_commands() {
    let test = rich().await;
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let shown = out.to_str().unwrap();
    let head = test.log_position().await;

    let (exit, verifier, err) = daybook(&test, dir.path(), &["key"]).await;
    assert_eq!((exit, err.as_str()), (0, ""));
    let (exit, printed, err) =
        daybook(&test, dir.path(), &["--out", shown, "--output", "json"]).await;
    assert_eq!((exit, err.as_str()), (0, ""), "{printed}");
    let printed: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(printed["manifest"]["position"], head);
    assert_eq!(printed["verifier"], verifier.trim());
    let (_dir, library, _) = snapshot(&test, position(head)).await;
    assert_eq!(files(&out), files(&library));

    let check = ["check", shown, "--key", verifier.trim()];
    let (exit, said, err) = daybook(&test, dir.path(), &check).await;
    assert_eq!((exit, err.as_str()), (0, ""), "{said}");
    assert!(said.contains("26 files") && said.contains(verifier.trim()), "{said}");

    // A second one does not go over the first.
    let (exit, _, err) = daybook(&test, dir.path(), &["--out", shown]).await;
    assert!(exit == 1 && err.contains("[out_not_empty]"), "{exit} {err}");
    let elsewhere = dir.path().join("else");
    let beyond = ["--out", elsewhere.to_str().unwrap(), "--position", "100000"];
    let (exit, _, err) = daybook(&test, dir.path(), &beyond).await;
    assert!(exit == 1 && err.contains("[position_beyond_head]"), "{exit} {err}");
    assert!(!elsewhere.exists());

    let path = out.join("payments.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("15.00", "15.01", 1)).unwrap();
    let (exit, said, _) = daybook(&test, dir.path(), &check).await;
    assert!(exit == 3 && said.contains("payments.jsonl"), "{exit} {said}");
    let (exit, said, _) = daybook(&test, dir.path(), &["check", "/nowhere"]).await;
    assert!(exit == 3 && said.contains("manifest.json: it cannot be read"), "{exit} {said}");
}

/// A database that was dumped and restored, on which another key signs.
#[tokio::test(flavor = "multi_thread")]
async fn a_restored_database_gives_the_same_bytes() {
    let test = rich().await;
    let (_dir, out, manifest) = snapshot(&test, position(test.log_position().await)).await;
    let restored = test.db.restored().await;
    let dir = tempfile::tempdir().unwrap();
    let again = dir.path().join("again");
    let at = manifest.position.to_string();
    let key = dir.path().join("key");
    let (again_shown, key) = (again.to_str().unwrap(), key.to_str().unwrap());
    let args = ["snapshot", "--out", again_shown, "--position", &at, "--signing-key-file", key];
    let (exit, _, err) = restored.daybook(&args).await;
    assert_eq!(exit, 0, "{err}");
    assert_eq!(files(&out), files(&again));
}
