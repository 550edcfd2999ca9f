//! The receiver's guide: its programs run, and its table is the one that is in force.

use std::process::Command;

use daybook::{
    signing::{Secret, hex, standard},
    webhooks::interest,
};
use serde_json::json;

const GUIDE: &str = include_str!("../../../docs/WEBHOOKS.md");

/// The first block of a language.
fn block(language: &str) -> &'static str {
    let after = GUIDE.split(&format!("```{language}\n")).nth(1).unwrap();
    after.split("```").next().unwrap()
}

#[test]
fn the_guide_lists_every_type_that_is_sent_and_no_other() {
    let section = GUIDE.split("| About | Types |").nth(1).unwrap().split("\n\n").next().unwrap();
    let mut listed: Vec<_> = section.split('`').skip(1).step_by(2).collect();
    let mut sent: Vec<_> = interest::types().collect();
    listed.sort_unstable();
    sent.sort_unstable();
    assert_eq!(listed, sent);
}

/// What a program of the guide says of a delivery and of ones that were tampered with: one letter each.
fn said(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A delivery, the same by another body, by another time, and under a second secret.
fn cases() -> (String, String) {
    let text = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let secret = Secret::of_standard_webhooks(text).unwrap();
    let (id, at, body) = ("msg_1", 1_777_593_600, r#"{"type":"webhook.test"}"#);
    let case = |secrets: &[Secret], signed: &str, now: i64| {
        json!({
            "headers": {
                "webhook-id": id,
                "webhook-timestamp": at.to_string(),
                "webhook-signature": standard(secrets, id, at, signed.as_bytes()),
                "x-signature": hex(&Secret::new(text), signed.as_bytes()),
            },
            "body": body,
            "now": now,
        })
    };
    let both = [Secret::new([9; 32]), secret.clone()];
    let own = [secret];
    let cases = json!([
        case(&own, body, at),
        case(&both, body, at + 300),
        case(&own, "{}", at),
        case(&own, body, at + 301),
        case(&[Secret::new([9; 32])], body, at),
    ]);
    (text.to_owned(), cases.to_string())
}

#[test]
fn the_guides_python_takes_what_is_ours_and_nothing_else() {
    let (secret, cases) = cases();
    let program = format!(
        "import json, sys\n{}\nfor it in json.loads(sys.argv[2]):\n    try:\n        \
         verify(sys.argv[1], it['headers'], it['body'].encode(), it['now'])\n        \
         print('y', end='')\n    except ValueError:\n        print('n', end='')\n",
        block("python")
    );
    assert_eq!(said("python3", &["-c", &program, &secret, &cases]), "yynnn");
}
