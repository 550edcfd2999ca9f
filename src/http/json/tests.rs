//! What the guard lets through and what it refuses.

use std::time::{Duration, Instant};

use serde::Deserialize;
use serde::de::Error as _;

use super::*;

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Order {
    plan: String,
    seats: u32,
    #[serde(default)]
    kind: Option<Kind>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Monthly,
    Yearly,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

fn code(text: &str) -> &'static str {
    guard(text.as_bytes()).map_or_else(|error| error.code(), |()| "ok")
}

fn order(text: &str) -> Result<Order, JsonError> {
    parse(text.as_bytes())
}

#[test]
fn each_fault_has_its_code() {
    let table = [
        ("", "json_empty"),
        (" \r\n\t", "json_empty"),
        ("null", "ok"),
        (r#"{"a":[1,-2,3.5,true,null,"x"],"b":{}}"#, "ok"),
        (r#"{"a":{"k":1},"b":{"k":1}}"#, "ok"),
        ("{", "json_syntax"),
        ("[1,]", "json_syntax"),
        ("{} {}", "json_syntax"),
        ("{}x", "json_syntax"),
        ("1e400", "json_syntax"),
        ("NaN", "json_syntax"),
        ("\u{feff}{}", "json_syntax"),
        (r#""\ud800""#, "json_syntax"),
        ("\"\u{1}\"", "json_syntax"),
        (r#"{"a":1,"a":2}"#, "json_duplicate_key"),
        (r#"{"a":1,"\u0061":2}"#, "json_duplicate_key"),
        (r#"[{"x":{"é":1,"\u00e9":1}}]"#, "json_duplicate_key"),
        (r#""a\u0000b""#, "json_nul"),
        (r#"{"a\u0000":1}"#, "json_nul"),
        ("\"a\0b\"", "json_nul"),
        ("{\"a\0\":1}", "json_nul"),
        (r#""a\\u0000b""#, "ok"),
        (r#"{"$serde_json::private::RawValue":"[[]]"}"#, "json_shape"),
        (r#"{"\u0024serde_json::private::Number":"1"}"#, "json_shape"),
    ];
    for (text, expected) in table {
        assert_eq!(code(text), expected, "{text:?}");
    }
    assert_eq!(guard(b"\"\xff\""), Err(JsonError::NotUtf8 { offset: 1 }));
}

#[test]
fn limits_hold_exactly() {
    let nested = |n: usize| "[".repeat(n) + &"]".repeat(n);
    assert_eq!(code(&nested(MAX_DEPTH)), "ok");
    assert_eq!(code(&nested(MAX_DEPTH + 1)), "json_too_deep");
    // The array itself is a value too.
    let wide = |n: usize| format!("[{}]", vec!["1"; n].join(","));
    assert_eq!(code(&wide(MAX_VALUES - 1)), "ok");
    assert_eq!(code(&wide(MAX_VALUES)), "json_too_large");
}

#[test]
fn bombs_are_refused_quickly() {
    let start = Instant::now();
    assert_eq!(code(&"[".repeat(1_000_000)), "json_too_deep");
    assert_eq!(code(&"{\"a\":".repeat(1_000_000)), "json_too_deep");
    let keys: Vec<String> = (0..1_000_000).map(|n| format!("\"k{n}\":0")).collect();
    assert_eq!(code(&format!("{{{}}}", keys.join(","))), "json_too_large");
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn positions_point_at_the_fault() {
    let twice = guard(b"{\"a\":1,\n \"a\":2}");
    let expected = JsonError::DuplicateKey { key: "a".into(), line: 2, column: 4 };
    assert_eq!(twice, Err(expected));
    assert_eq!(guard(b"[\n \"\0\"]"), Err(JsonError::NulCharacter { line: 2, column: 3 }));
    let Err(JsonError::Syntax { line, column, reason }) = guard(b"[1,\n2") else {
        panic!("a syntax error was expected")
    };
    assert_eq!((line, column, reason.as_str()), (2, 1, "the text ends inside a list"));
}

#[test]
fn fields_are_named() {
    assert_eq!(
        order(r#"{"plan":"p","seats":2,"kind":"yearly"}"#),
        Ok(Order { plan: "p".into(), seats: 2, kind: Some(Kind::Yearly) })
    );
    assert_eq!(
        order(r#"{"plan":"p","seats":2,"sets":1}"#),
        Err(JsonError::UnknownField { field: "sets".into() })
    );
    assert_eq!(order(r#"{"plan":"p"}"#), Err(JsonError::MissingField { field: "seats".into() }));
    // A name made to look like the end of the message does not cut itself short.
    let sly = order(r#"{"a`, expected `b":1}"#);
    assert_eq!(sly, Err(JsonError::UnknownField { field: "a`, expected `b".into() }));
    let none = parse::<Nothing>(br#"{"x":1}"#).map(|_| ());
    assert_eq!(none, Err(JsonError::UnknownField { field: "x".into() }));
}

#[test]
fn an_object_is_not_an_array_of_its_fields() {
    let object = |text: &str| parse::<Object<Order>>(text.as_bytes()).map(|Object(it)| it);
    assert_eq!(object(r#"{"plan":"p","seats":2}"#), order(r#"{"plan":"p","seats":2}"#));
    assert_eq!(object(r#"{"plan":"p"}"#), Err(JsonError::MissingField { field: "seats".into() }));
    for text in [r#"["p",2,null]"#, "1", "null", "\"p\""] {
        let Err(error) = object(text) else { panic!("accepted: {text}") };
        assert_eq!(error.code(), "json_shape");
        assert!(error.to_string().contains("expected an object"), "{error}");
    }
}

#[test]
fn shape_errors_say_what_was_expected() {
    let Err(error) = order(r#"{"plan":"p","seats":"two"}"#) else { panic!("accepted") };
    assert_eq!(error.code(), "json_shape");
    let said = "invalid type: string \"two\", expected u32, at line 1, column 25";
    assert_eq!(error.to_string(), said);
    let Err(error) = order(r#"{"plan":"p","seats":1,"kind":"daily"}"#) else { panic!("accepted") };
    assert!(error.to_string().contains("expected `monthly` or `yearly`"), "{error}");
}

#[test]
fn little_of_the_caller_is_echoed() {
    let long = "Ω".repeat(5_000);
    let bodies = [
        format!(r#"{{"plan":"p","seats":"{long}"}}"#),
        format!(r#"{{"plan":"p","seats":1,"{long}":1}}"#),
        format!(r#"{{"plan":"p","seats":1,"kind":"{long}"}}"#),
        format!(r#"{{"plan":"p","{long}":1,"{long}":1}}"#),
    ];
    for body in bodies {
        let Err(error) = order(&body) else { panic!("accepted") };
        let echoed = error.to_string().chars().filter(|c| *c == 'Ω').count();
        assert!((1..=MAX_ECHO).contains(&echoed), "{error}");
    }
    let Err(error) = order("{\"\\u001b[31m\\u202e\":1}") else { panic!("accepted") };
    assert_eq!(error.to_string(), "unknown field `\u{fffd}[31m\u{fffd}`");
}

#[test]
fn a_custom_message_is_cut_as_a_whole() {
    #[derive(Debug)]
    struct Picky;
    impl<'de> Deserialize<'de> for Picky {
        fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
            let text = String::deserialize(reader)?;
            Err(D::Error::custom(format!("bad {text}, expected {text}")))
        }
    }
    let body = format!("\"{}\"", "x".repeat(1_000));
    let Err(error) = parse::<Picky>(body.as_bytes()) else { panic!("accepted") };
    assert!(error.to_string().matches('x').count() <= MAX_ECHO, "{error}");
}

/// A generator that is the same in every run; its quality does not matter.
struct Noise(u64);

impl Noise {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap_or(0) % end.max(1)
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap_or(0)
    }
}

/// Whatever the bytes are: no panic, and what is accepted reads as a `Value` too.
fn survives(bytes: &[u8]) {
    match guard(bytes) {
        Ok(()) => assert!(serde_json::from_slice::<serde_json::Value>(bytes).is_ok()),
        Err(error) => {
            let said = error.to_string();
            assert!(!said.is_empty() && !said.ends_with('.'));
            assert!(said.chars().count() < 400, "{said}");
        }
    }
    let _ = parse::<Order>(bytes);
    let _ = parse::<Vec<String>>(bytes);
}

#[test]
fn random_bytes_never_panic() {
    let mut noise = Noise(7);
    for _ in 0..20_000 {
        let length = noise.below(40);
        let bytes: Vec<u8> = (0..length).map(|_| noise.byte()).collect();
        survives(&bytes);
    }
}

#[test]
fn random_tokens_never_panic() {
    const TOKENS: [&str; 17] = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"a\"",
        "\"plan\"",
        "\"seats\"",
        "1",
        "-0.5e3",
        "null",
        "true",
        "\"\\u0000\"",
        "\"\\ud83d\"",
        " ",
        "\n",
    ];
    let mut noise = Noise(11);
    for _ in 0..50_000 {
        let length = noise.below(12);
        let text: String = (0..length).map(|_| TOKENS[noise.below(TOKENS.len())]).collect();
        survives(text.as_bytes());
    }
}

#[test]
fn mutated_documents_never_panic() {
    let seed = br#"{"plan":"a\u00e9\ud83d\ude00","seats":12,"kind":"monthly","x":[[{}],1e9]}"#;
    let mut noise = Noise(13);
    for _ in 0..50_000 {
        let mut bytes = seed.to_vec();
        for _ in 0..=noise.below(4) {
            let at = noise.below(bytes.len());
            match noise.below(3) {
                0 => bytes[at] = noise.byte(),
                1 => bytes.truncate(at.max(1)),
                _ => bytes.insert(at, seed[noise.below(seed.len())]),
            }
        }
        survives(&bytes);
    }
}
