//! The command line of the seller's own choices: coupons, tax rules, the billing policy.

use crate::{
    harness::{TestApp, TestDb},
    log::opened,
};

async fn runs(db: &TestDb, args: &[&str]) -> String {
    let (code, out, said) = db.daybook(args).await;
    assert_eq!(code, 0, "{args:?}: {said}");
    out
}

async fn refuses(db: &TestDb, args: &[&str], code: i32, text: &str) {
    let (found, out, said) = db.daybook(args).await;
    assert_eq!(found, code, "{args:?}: {out}{said}");
    assert!(said.contains(text), "{args:?}: {said}");
    assert!(!said.contains("panicked"), "{said}");
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coupon_is_offered_listed_and_withdrawn() {
    let test = TestApp::start().await;
    let db = &test.db;
    let out = runs(db, &["coupon", "offer", "save10", "--percent", "10", "--periods", "3"]).await;
    assert!(out.contains("SAVE10") && out.contains("10 %") && out.contains("3 periods"), "{out}");
    let args =
        ["coupon", "offer", "FIVE", "--amount", "5.00:USD", "--amount", "4:EUR", "--plan", "pro"];
    let out = runs(db, &args).await;
    assert!(out.contains("5.00 USD, 4.00 EUR"), "{out}");
    let out = runs(db, &["coupon", "withdraw", "SAVE10"]).await;
    assert!(out.contains("withdrawn"), "{out}");
    let out = runs(db, &["coupon", "list", "--output", "json"]).await;
    let rows: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), 2);

    refuses(db, &["coupon", "offer", "FIVE", "--percent", "1"], 1, "exists").await;
    refuses(db, &["coupon", "offer", "x", "--percent", "1"], 2, "3 to 32 letters").await;
    refuses(db, &["coupon", "offer", "NEW"], 2, "--percent").await;
    refuses(db, &["coupon", "offer", "NEW", "--percent", "101"], 2, "0 to 100").await;
    refuses(db, &["coupon", "offer", "NEW", "--amount", "5.001:USD"], 2, "decimals").await;
    refuses(db, &["coupon", "offer", "NEW", "--amount", "5"], 2, "5.00:USD").await;
    refuses(db, &["coupon", "offer", "NEW", "--percent", "1", "--plan", "nope"], 1, "no plan")
        .await;
    refuses(db, &["coupon", "withdraw", "NOPE"], 1, "no such coupon").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tax_rules_are_adopted_from_a_file_and_shown() {
    let (db, _ledger) = opened().await;
    let out = runs(&db, &["tax", "show"]).await;
    assert!(out.contains("nothing is taxed"), "{out}");
    let rules = file("[[rates]]\ncountry = 'DE'\nname = 'VAT'\npercent = '19'\ninclusive = true\n");
    let out = runs(&db, &["tax", "adopt", rules.path().to_str().unwrap()]).await;
    assert!(out.contains("DE") && out.contains("19 %") && out.contains("inside"), "{out}");
    for (text, problem) in [
        ("[[rates]]\ncountry = 'ZZ'\nname = 'VAT'\npercent = '19'\n", "not a country"),
        ("[[rates]]\ncountry = 'DE'\nname = 'VAT'\npercent = 'a lot'\n", "percent"),
        ("[[rates]]\ncountry = 'DE'\nname = 'VAT'\npercent = '19'\nfudge = 1\n", "fudge"),
        ("not toml", "line 1"),
    ] {
        let rules = file(text);
        refuses(&db, &["tax", "adopt", rules.path().to_str().unwrap()], 1, problem).await;
    }
    refuses(&db, &["tax", "adopt", "/nowhere.toml"], 1, "/nowhere.toml").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_is_adopted_from_a_file_and_shown_in_the_same_form() {
    let (db, _ledger) = opened().await;
    let shown = runs(&db, &["policy", "show"]).await;
    assert!(shown.starts_with("# Version 1\n"), "{shown}");
    let changed = shown.replace("downgrade = \"now\"", "downgrade = \"period_end\"");
    let policy = file(&changed);
    let out = runs(&db, &["policy", "adopt", policy.path().to_str().unwrap()]).await;
    assert!(out.starts_with("# Version 2\n") && out.contains("period_end"), "{out}");
    let backwards = file(
        "[[dunning]]\nafter_days = 9\naction = 'end'\n[[dunning]]\nafter_days = 1\naction = 'suspend'\n",
    );
    let args = ["policy", "adopt", backwards.path().to_str().unwrap()];
    refuses(&db, &args, 1, "dunning").await;
}
