//! `daybook invoice`: a file that is whole or not there, and clear words for what is wrong.

use std::path::Path;

use daybook::documents::{
    kept::hash,
    press::{Press, Style, attached},
};
use serde_json::{Value, json};

use super::{papers, service::file};
use crate::harness::TestApp;

/// A ledger with an invoice and its credit note.
async fn scene() -> TestApp {
    let test = TestApp::start().await;
    let customer = test.subscriber("pro").await;
    test.post("/api/refunds", &customer.key, &json!({ "reason": "customer_request" })).await.ok();
    test.settle().await;
    test
}

fn names(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap();
    names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_is_written_and_its_hash_is_recorded() {
    let test = scene().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("invoice.pdf");
    let out = path.to_str().unwrap();
    let invoice = ["invoice", "INV-2026-000001", "--out", out, "--output", "json"];
    let (exit, said, err) = test.db.daybook(&invoice).await;
    assert_eq!((exit, err.as_str()), (0, ""), "{said}");
    let said: Value = serde_json::from_str(&said).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    assert!(bytes.starts_with(b"%PDF-"));
    assert_eq!(said["sha256"], hash(&bytes).as_str());
    assert_eq!(said["bytes"], json!(bytes.len()));
    assert_eq!((&said["number"], &said["kind"]), (&json!("INV-2026-000001"), &json!("invoice")));
    assert_eq!(names(folder.path()), ["invoice.pdf"], "nothing else is left");
    let recorded = "/api/ledger/events?type=document.rendered";
    let recorded = test.get(recorded, &test.super_key).await.ok();
    assert_eq!(recorded["data"][0]["payload"]["sha256"], said["sha256"]);
    // What the server gives out is the same file.
    let served = "/api/billing/invoices/INV-2026-000001/pdf";
    assert_eq!(file(&test, served, &test.super_key, &[]).await.bytes, bytes);
    // On standard output it is the same again.
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_daybook"))
        .args(["invoice", "INV-2026-000001", "--out", "-"])
        .env("DATABASE_URL", &test.db.serving_url)
        .env("DAYBOOK_ACCEPT_CLOCK", "1")
        .output();
    assert_eq!(output.await.unwrap().stdout, bytes);
    let note = ["invoice", "CN-2026-000001", "--credit-note", "--out", out, "--force"];
    let (exit, said, err) = test.db.daybook(&note).await;
    assert_eq!((exit, err.as_str()), (0, ""), "{said}");
    assert!(said.contains("CN-2026-000001") && said.contains(out), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said_and_nothing_is_written() {
    let test = scene().await;
    let folder = tempfile::tempdir().unwrap();
    let there = folder.path().join("there.pdf");
    std::fs::write(&there, "mine").unwrap();
    let (there, directory) = (there.to_str().unwrap(), folder.path().to_str().unwrap());
    let missing = folder.path().join("missing/invoice.pdf");
    let logo = folder.path().join("logo.png");
    std::fs::write(&logo, "no image").unwrap();
    let (missing, logo) = (missing.to_str().unwrap(), logo.to_str().unwrap());
    let new = folder.path().join("new.pdf");
    let new = new.to_str().unwrap();
    let number = "INV-2026-000001";
    for (args, exit, words) in [
        (vec!["invoice"], 2, "<DOCUMENT>"),
        (vec!["invoice", "INV-2026-000009", "--out", new], 1, "no document `INV-2026-000009`"),
        (vec!["invoice", "a\nb", "--out", new], 1, "no document `a\\nb`"),
        (vec!["invoice", "", "--out", new], 1, "no document ``"),
        (vec!["invoice", number, "--out", there], 1, "there already: add --force"),
        (vec!["invoice", number, "--out", directory], 1, "is a directory"),
        (vec!["invoice", number, "--out", missing], 1, "missing/invoice.pdf"),
        (vec!["invoice", number, "--credit-note", "--out", new], 1, "is no credit note"),
        (vec!["invoice", "CN-2026-000001", "--out", new], 1, "add --credit-note"),
        (vec!["invoice", number, "--out", "-", "--output", "json"], 1, "standard output"),
        (vec!["invoice", number, "--page-size", "a3", "--out", new], 2, "a3"),
        (vec!["invoice", number, "--language", "xx", "--out", new], 2, "xx"),
        (vec!["invoice", number, "--logo", logo, "--out", new], 1, "logo.png"),
        (vec!["invoice", number, "--logo", "/nowhere.png", "--out", new], 1, "/nowhere.png"),
    ] {
        let (found, out, err) = test.db.daybook(&args).await;
        assert_eq!((found, out.as_str()), (exit, ""), "{args:?}: {err}");
        assert!(err.contains(words), "{args:?}: {err}");
    }
    assert_eq!(std::fs::read_to_string(there).unwrap(), "mine");
    let mut left = names(folder.path());
    left.sort();
    assert_eq!(left, ["logo.png", "there.pdf"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_killed_in_the_middle_of_writing_leaves_nothing_under_the_files_name() {
    let test = scene().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("invoice.pdf");
    // A process that may write no byte to a file is killed by its first one.
    let script = "ulimit -c 0; ulimit -f 0; exec \"$0\" invoice INV-2026-000001 --out \"$1\"";
    let killed = tokio::process::Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_daybook"), path.to_str().unwrap()])
        .env("DATABASE_URL", &test.db.serving_url)
        .env("DAYBOOK_ACCEPT_CLOCK", "1")
        .output()
        .await
        .unwrap();
    assert!(!killed.status.success());
    assert!(!path.exists(), "{:?}", names(folder.path()));
    // The next one is not in its way.
    let out = path.to_str().unwrap();
    let (exit, _, err) = test.db.daybook(&["invoice", "INV-2026-000001", "--out", out]).await;
    assert_eq!((exit, err.as_str()), (0, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logo_that_is_none_is_said_at_the_start_of_the_server() {
    let test = TestApp::start().await;
    let folder = tempfile::tempdir().unwrap();
    let logo = folder.path().join("logo.png");
    std::fs::write(&logo, "no image").unwrap();
    let logo = logo.to_str().unwrap();
    let (exit, _, err) =
        test.db.daybook(&["serve", "--listen", "127.0.0.1:0", "--logo", logo]).await;
    assert_eq!(exit, 1, "{err}");
    assert!(err.contains(logo), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_not_printed_first_in_another_way_unless_that_is_meant() {
    let test = scene().await;
    let folder = tempfile::tempdir().unwrap();
    let to = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (usual, other) = (to("usual.pdf"), to("other.pdf"));
    let (exit, _, err) = test.db.daybook(&["invoice", "INV-2026-000001", "--out", &usual]).await;
    assert_eq!(exit, 0, "{err}");
    // What is recorded is given as it is, however this process would print.
    let letter = ["--page-size", "letter", "--force"];
    let again = [&["invoice", "INV-2026-000001", "--out", &other], &letter[..]].concat();
    let (exit, _, err) = test.db.daybook(&again).await;
    assert_eq!(exit, 0, "{err}");
    assert_eq!(std::fs::read(&usual).unwrap(), std::fs::read(&other).unwrap());

    let note = ["invoice", "CN-2026-000001", "--credit-note", "--out", &other];
    let (exit, _, err) = test.db.daybook(&[&note, &letter[..]].concat()).await;
    assert!(exit == 1 && err.contains("--print-anew") && err.contains("page a4"), "{err}");
    let (exit, _, err) = test.db.daybook(&[&note, &letter[..], &["--print-anew"]].concat()).await;
    assert_eq!(exit, 0, "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_e_invoice_has_the_words_of_the_page_that_it_goes_with() {
    let test = TestApp::start().await;
    let seller = json!({ "name": "Acme GmbH", "country": "DE", "taxId": "DE902206462" });
    test.post_as_super("/api/ledger/seller", "", &seller).await.ok();
    let customer = test.subscriber("pro").await;
    test.post("/api/refunds", &customer.key, &json!({ "reason": "customer_request" })).await.ok();
    test.settle().await;
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("note.pdf").to_str().unwrap().to_owned();
    let note = ["invoice", "CN-2026-000001", "--credit-note"];
    let xml = async |more: &[&str]| {
        let (exit, said, err) =
            test.db.daybook(&[&note, &["--xml", "--out", "-"], more].concat()).await;
        assert_eq!((exit, err.as_str()), (0, ""));
        said
    };
    // Not printed yet: it is now, for good, in the way in which this process prints.
    let first = xml(&["--language", "fr"]).await;
    assert!(first.contains("<ram:Content>Remboursement<"), "{first}");
    let (exit, _, err) =
        test.db.daybook(&[&note, &["--language", "de", "--out", &out][..]].concat()).await;
    assert_eq!(exit, 0, "{err}");
    let inside = attached(&std::fs::read(&out).unwrap()).unwrap().unwrap();
    assert_eq!(String::from_utf8(inside).unwrap(), first);
    for more in [&[][..], &["--language", "de"]] {
        assert_eq!(xml(more).await, first);
    }
}

/// An update may compose e-invoices otherwise: what was printed before has the old one inside.
#[tokio::test(flavor = "multi_thread")]
async fn an_e_invoice_is_what_is_inside_the_kept_pdf() {
    let test = scene().await;
    let number = "INV-2026-000001";
    let served = format!("/api/billing/invoices/{number}/pdf");
    assert_eq!(file(&test, &served, &test.super_key, &[]).await.status, 200);
    let press = Press::new(Style::default()).unwrap();
    let older = press.print_with(&papers::ten_lines(), Some(&b"<Older/>"[..])).unwrap();
    let printed = "update documents set bytes = $1, sha256 = $2,
                          printing = jsonb_set(printing::jsonb, '{press}', '1')::json";
    let printed = sqlx::query(printed).bind(&older).bind(hash(&older));
    assert_eq!(printed.execute(test.app.pool()).await.unwrap().rows_affected(), 1);
    for _ in ["kept", "recorded"] {
        let (exit, said, err) = test.db.daybook(&["invoice", number, "--xml", "--out", "-"]).await;
        assert_eq!((exit, said.as_str(), err.as_str()), (0, "<Older/>", ""));
    }
    // The seller of this ledger has no country, so nothing is inside.
    let note = ["invoice", "CN-2026-000001", "--credit-note", "--xml", "--out", "-"];
    let (exit, said, err) = test.db.daybook(&note).await;
    assert_eq!((exit, said.as_str()), (1, ""));
    assert!(err.contains("there is no e-invoice of document CN-2026-000001"), "{err}");
}

/// A new version of the program has a new press, and no setting that would bring the old one back.
#[tokio::test(flavor = "multi_thread")]
async fn an_older_press_is_no_other_way_of_printing() {
    let test = scene().await;
    let folder = tempfile::tempdir().unwrap();
    let to = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (exit, _, err) =
        test.db.daybook(&["invoice", "INV-2026-000001", "--out", &to("one.pdf")]).await;
    assert_eq!(exit, 0, "{err}");
    let older = "update documents set printing = jsonb_set(printing::jsonb, '{press}', '1')::json";
    sqlx::query(older).execute(test.app.pool()).await.unwrap();
    let note = ["invoice", "CN-2026-000001", "--credit-note", "--out", &to("two.pdf")];
    let (exit, _, err) = test.db.daybook(&note).await;
    assert_eq!(exit, 0, "{err}");
}
