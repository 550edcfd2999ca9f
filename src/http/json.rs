//! The strict JSON guard for request bodies.
//!
//! It promises that a body which gets through is UTF-8, is one JSON document with nothing behind
//! it, is at most [`MAX_DEPTH`] levels deep, holds at most [`MAX_VALUES`] values, names no key
//! twice in one object, and holds no NUL character, which Postgres text could not store. Only
//! then are the bytes read into the caller's type, so a type needs no defence of its own.
//!
//! It refuses everything else with a [`JsonError`] whose code is stable and whose message echoes
//! at most [`MAX_ECHO`] characters of what the caller sent. It never panics, and its work and
//! memory are bounded by the limits, not by what the caller sends.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{
    Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor,
};

/// Levels of arrays and objects that a document may have.
pub const MAX_DEPTH: usize = 32;

/// Values (scalars, arrays and objects, each counted once) that a document may hold.
pub const MAX_VALUES: usize = 10_000;

/// Characters of the caller's own text that an error may repeat.
pub const MAX_ECHO: usize = 64;

/// Keys with this beginning steer `serde_json` itself: one of them makes `Value` parse a string
/// as a document, past this guard.
const RESERVED: &str = "$serde_json::private::";

/// Why a request body was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// The bytes are not UTF-8.
    #[error("the body is not valid UTF-8 from byte {offset} on")]
    NotUtf8 {
        /// Bytes before the first that does not belong, counted from 0.
        offset: usize,
    },
    /// The text is not one JSON document.
    #[error("the body is not valid JSON: {reason} at line {line}, column {column}")]
    Syntax {
        /// Line, counted from 1.
        line: usize,
        /// Column in bytes, counted from 1; 0 is the line break itself.
        column: usize,
        /// What is wrong, in words that hold nothing of the caller's text.
        reason: String,
    },
    /// Arrays and objects lie deeper in each other than the limit.
    #[error("the document is nested more than {limit} levels deep")]
    TooDeep {
        /// Levels that are allowed.
        limit: usize,
    },
    /// The document holds more values than the limit.
    #[error("the document holds more than {limit} values")]
    TooManyValues {
        /// Values that are allowed.
        limit: usize,
    },
    /// An object names the same key twice, after escapes are resolved.
    #[error("the key `{key}` occurs twice in one object, at line {line}, column {column}")]
    DuplicateKey {
        /// The key, shortened to [`MAX_ECHO`] characters.
        key: String,
        /// Line of the second occurrence, counted from 1.
        line: usize,
        /// Column of the second occurrence in bytes, counted from 1.
        column: usize,
    },
    /// A NUL character, raw or written as an escape.
    #[error("a NUL character is not allowed, at line {line}, column {column}")]
    NulCharacter {
        /// Line, counted from 1.
        line: usize,
        /// Column in bytes, counted from 1.
        column: usize,
    },
    /// A field that this request does not have.
    #[error("unknown field `{field}`")]
    UnknownField {
        /// The field as the caller named it, shortened to [`MAX_ECHO`] characters.
        field: String,
    },
    /// A field that this request needs.
    #[error("missing field `{field}`")]
    MissingField {
        /// The field that is missing.
        field: String,
    },
    /// Valid JSON of another shape than this request has.
    #[error("{message}")]
    WrongShape {
        /// What was found, what was expected, and where.
        message: String,
    },
    /// No document at all: nothing, or only white space.
    #[error("the body is empty; a JSON document is expected")]
    Empty,
}

impl JsonError {
    /// Every code there is.
    pub const CODES: &'static [&'static str] = &[
        "json_not_utf8",
        "json_syntax",
        "json_too_deep",
        "json_too_large",
        "json_duplicate_key",
        "json_nul",
        "json_unknown_field",
        "json_missing_field",
        "json_shape",
        "json_empty",
    ];

    /// The stable code of this error for problem documents.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotUtf8 { .. } => "json_not_utf8",
            Self::Syntax { .. } => "json_syntax",
            Self::TooDeep { .. } => "json_too_deep",
            Self::TooManyValues { .. } => "json_too_large",
            Self::DuplicateKey { .. } => "json_duplicate_key",
            Self::NulCharacter { .. } => "json_nul",
            Self::UnknownField { .. } => "json_unknown_field",
            Self::MissingField { .. } => "json_missing_field",
            Self::WrongShape { .. } => "json_shape",
            Self::Empty => "json_empty",
        }
    }
}

/// Reads one guarded document into `T`, which should say `deny_unknown_fields`.
///
/// # Errors
///
/// Any [`JsonError`]: those of [`guard`], or one of the three about fields and shape.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    let text = guarded(bytes)?;
    serde_json::from_str(text).map_err(|error| misfit(&error))
}

/// A value that came as an object. Left to itself, serde also takes an array for a struct, by the
/// order of its fields, which nobody promised.
#[derive(Debug, Clone, Default)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_map(Fields(std::marker::PhantomData)).map(Self)
    }
}

impl<T: schemars::JsonSchema> schemars::JsonSchema for Object<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        generator.subschema_for::<T>()
    }
}

/// Takes an object, and nothing else, for a `T`.
struct Fields<T>(std::marker::PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(entries))
    }
}

/// Checks one document without building it; see the module for what is checked.
///
/// # Errors
///
/// The first thing that is wrong; never `UnknownField` or `MissingField`, and `WrongShape` only
/// for keys that are reserved by `serde_json`.
pub fn guard(bytes: &[u8]) -> Result<(), JsonError> {
    guarded(bytes).map(|_| ())
}

/// The text of a document that passed every check.
fn guarded(bytes: &[u8]) -> Result<&str, JsonError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| JsonError::NotUtf8 { offset: error.valid_up_to() })?;
    if text.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')) {
        return Err(JsonError::Empty);
    }
    refuse_raw_nul(bytes)?;
    walk(text)?;
    Ok(text)
}

/// JSON allows a raw NUL nowhere; found here, it is named instead of called bad syntax.
fn refuse_raw_nul(bytes: &[u8]) -> Result<(), JsonError> {
    let Some(at) = bytes.iter().position(|byte| *byte == 0) else { return Ok(()) };
    let before = bytes.get(..at).unwrap_or_default();
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
    Err(JsonError::NulCharacter { line, column })
}

/// Visits every value once and reports the first fault.
fn walk(text: &str) -> Result<(), JsonError> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let mut tally = Tally { values: 0, fault: None };
    let visited = Node { tally: &mut tally, depth: 0 }.deserialize(&mut reader);
    visited.and_then(|()| reader.end()).map_err(|error| match tally.fault {
        Some(fault) => fault.at(error.line(), error.column()),
        None => {
            let reason = reason(&error);
            JsonError::Syntax { line: error.line(), column: error.column(), reason }
        }
    })
}

/// What the guard itself objects to; kept beside the walk because an error that passes through
/// `serde_json` comes out as text.
enum Fault {
    Deep,
    Many,
    Twice(String),
    Nul,
    Reserved,
}

impl Fault {
    fn at(self, line: usize, column: usize) -> JsonError {
        match self {
            Self::Deep => JsonError::TooDeep { limit: MAX_DEPTH },
            Self::Many => JsonError::TooManyValues { limit: MAX_VALUES },
            Self::Twice(key) => JsonError::DuplicateKey { key, line, column },
            Self::Nul => JsonError::NulCharacter { line, column },
            Self::Reserved => JsonError::WrongShape {
                message: format!(
                    "a key may not begin with `{RESERVED}`, at line {line}, column {column}"
                ),
            },
        }
    }
}

/// What a walk has seen so far.
struct Tally {
    values: usize,
    fault: Option<Fault>,
}

impl Tally {
    /// Keeps the fault and returns the error that ends the walk.
    fn refuse<E: serde::de::Error>(&mut self, fault: Fault) -> E {
        self.fault = Some(fault);
        E::custom("refused")
    }

    fn check_text<E: serde::de::Error>(&mut self, text: &str) -> Result<(), E> {
        if text.contains('\0') { Err(self.refuse(Fault::Nul)) } else { Ok(()) }
    }
}

/// One value, `depth` containers below the top.
struct Node<'t> {
    tally: &'t mut Tally,
    depth: usize,
}

impl Node<'_> {
    /// The depth of what lies within, if that is still allowed.
    fn descend<E: serde::de::Error>(&mut self) -> Result<usize, E> {
        if self.depth >= MAX_DEPTH {
            return Err(self.tally.refuse(Fault::Deep));
        }
        Ok(self.depth + 1)
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        if self.tally.values >= MAX_VALUES {
            return Err(self.tally.refuse(Fault::Many));
        }
        self.tally.values += 1;
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        self.tally.check_text(text)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        let depth = self.descend()?;
        while items.next_element_seed(Node { tally: self.tally, depth })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<(), A::Error> {
        let depth = self.descend()?;
        let mut seen = HashSet::new();
        while let Some(key) = entries.next_key_seed(Key { tally: self.tally })? {
            if seen.contains(&key) {
                return Err(self.tally.refuse(Fault::Twice(excerpt(&key))));
            }
            seen.insert(key);
            entries.next_value_seed(Node { tally: self.tally, depth })?;
        }
        Ok(())
    }
}

/// One key, unescaped; borrowed from the body where it holds no escape.
struct Key<'t> {
    tally: &'t mut Tally,
}

impl Key<'_> {
    fn check<E: serde::de::Error>(self, key: &str) -> Result<(), E> {
        if key.starts_with(RESERVED) {
            return Err(self.tally.refuse(Fault::Reserved));
        }
        self.tally.check_text(key)
    }
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key<'_> {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, key: &'de str) -> Result<Self::Value, E> {
        self.check(key)?;
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<Self::Value, E> {
        self.check(key)?;
        Ok(Cow::Owned(key.to_owned()))
    }
}

/// The error of a document that is sound but does not fit the type.
fn misfit(error: &serde_json::Error) -> JsonError {
    let text = bare(error);
    if let Some(field) = named(&text, "unknown field `") {
        return JsonError::UnknownField { field: excerpt(field) };
    }
    if let Some(field) = named(&text, "missing field `") {
        return JsonError::MissingField { field: excerpt(field) };
    }
    let place = format!("at line {}, column {}", error.line(), error.column());
    JsonError::WrongShape { message: format!("{}, {place}", shortened(&text)) }
}

/// The field in one of serde's own messages. The end is sought from the right, where serde wrote
/// it, because the name in front of it is the caller's and may hold anything.
fn named<'m>(message: &'m str, beginning: &str) -> Option<&'m str> {
    let rest = message.strip_prefix(beginning)?;
    let end = rest.rfind("`, expected ").or_else(|| rest.rfind("`, there are no fields"));
    end.and_then(|end| rest.get(..end)).or_else(|| rest.strip_suffix('`'))
}

/// A message without what the caller could blow up: of serde's own forms the part that quotes the
/// caller is shortened and the expectation kept, any other is shortened as a whole. So a type's
/// own message should be short, and put what it wants to say before what it quotes.
fn shortened(message: &str) -> String {
    const QUOTING: [&str; 4] =
        ["invalid type: ", "invalid value: ", "invalid length ", "unknown variant "];
    let Some(form) = QUOTING.iter().find(|form| message.starts_with(**form)) else {
        return excerpt(message);
    };
    let end = message.rfind(", expected ").unwrap_or(message.len());
    let found = message.get(form.len()..end).unwrap_or_default();
    format!("{form}{}{}", excerpt(found), message.get(end..).unwrap_or_default())
}

/// What the parser says is wrong with the syntax.
fn reason(error: &serde_json::Error) -> String {
    bare(error).replacen("EOF while parsing", "the text ends inside", 1)
}

/// A message without the position that `serde_json` appends.
fn bare(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).map(str::to_owned).unwrap_or(text)
}

/// At most [`MAX_ECHO`] characters, with those that could steer a terminal or turn the direction
/// of a line replaced: these messages end in logs and on screens.
fn excerpt(text: &str) -> String {
    let mut rest = text.chars();
    let mut short: String = rest.by_ref().take(MAX_ECHO).map(visible).collect();
    if rest.next().is_some() {
        short.push('…');
    }
    short
}

fn visible(c: char) -> char {
    let steers = c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if steers { char::REPLACEMENT_CHARACTER } else { c }
}

#[cfg(test)]
mod tests;
