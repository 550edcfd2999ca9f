//! What the processors are reached by: from the environment, or from files that it names.
//!
//! Every secret `NAME` can be given as `NAME_FILE`, a path, so that it is in no process list and in
//! no unit file. Secrets of webhooks may be several, by commas or white space: while one is being
//! replaced, both are valid.

use std::{fmt, path::PathBuf};

use thiserror::Error;

use super::{Counter, lemonsqueezy, razorpay};
use crate::signing::Secret;

/// The processors that somebody has set up, and which of them takes whose orders.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Razorpay.
    pub razorpay: Option<razorpay::Settings>,
    /// Lemon Squeezy.
    pub lemonsqueezy: Option<lemonsqueezy::Settings>,
    /// Which processor takes the orders of which dialect.
    pub preferred: Preferred,
}

/// Which processor takes the orders of which dialect; `None` is the usual one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preferred {
    /// `DAYBOOK_PROCESSOR_PANEL`.
    pub panel: Option<String>,
    /// `DAYBOOK_PROCESSOR_PROCESSOR`.
    pub processor: Option<String>,
    /// `DAYBOOK_PROCESSOR_V1`.
    pub v1: Option<String>,
}

impl Preferred {
    /// The processors of a counter, the most wanted first.
    pub(super) fn at(&self, counter: Counter) -> Vec<&str> {
        let (named, usual) = match counter {
            Counter::Panel => (&self.panel, ORDINARY),
            Counter::Processor => (&self.processor, ORDINARY),
            // Its page sends customers to Lemon Squeezy.
            Counter::V1 => (&self.v1, LEMON_SQUEEZY_FIRST),
        };
        match named {
            Some(named) => vec![named],
            None => usual.to_vec(),
        }
    }
}

/// A merchant of record only sells here where somebody says so: its orders carry none of our taxes.
const ORDINARY: &[&str] = &[razorpay::NAME, super::sandbox::NAME];
const LEMON_SQUEEZY_FIRST: &[&str] = &[lemonsqueezy::NAME, razorpay::NAME, super::sandbox::NAME];

/// Why the settings make no processor.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// A part of a processor's settings is there, another is not.
    #[error("{present} is set, so {missing} (or {missing}_FILE) has to be set too")]
    Missing {
        /// What is there.
        present: &'static str,
        /// What is not.
        missing: &'static str,
    },
    /// A secret is given twice.
    #[error("{0} and {0}_FILE are both set: one of them has to go")]
    Twice(&'static str),
    /// The file of a secret cannot be read.
    #[error("the file {path} of {name}_FILE cannot be read: {source}")]
    File {
        /// Which setting.
        name: &'static str,
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A value that cannot be used.
    #[error("{name} is of no use: {problem}")]
    Value {
        /// Which setting.
        name: &'static str,
        /// Why.
        problem: String,
    },
}

impl Settings {
    /// As the environment of this process has them.
    ///
    /// # Errors
    /// Half a processor, a file that cannot be read, a value of no use.
    pub fn from_env() -> Result<Self, SettingsError> {
        Self::read(&Source(&|name| std::env::var(name).ok()))
    }

    /// As a source has them.
    ///
    /// # Errors
    /// As for [`Self::from_env`].
    pub fn read(source: &Source<'_>) -> Result<Self, SettingsError> {
        let preferred = Preferred {
            panel: source.processor("DAYBOOK_PROCESSOR_PANEL")?,
            processor: source.processor("DAYBOOK_PROCESSOR_PROCESSOR")?,
            v1: source.processor("DAYBOOK_PROCESSOR_V1")?,
        };
        Ok(Self {
            razorpay: razorpay::Settings::read(source)?,
            lemonsqueezy: lemonsqueezy::Settings::read(source)?,
            preferred,
        })
    }
}

/// Where settings come from.
pub struct Source<'s>(pub &'s dyn Fn(&str) -> Option<String>);

impl Source<'_> {
    /// A value; an empty one counts as none.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    /// A value that may also lie in a file.
    ///
    /// # Errors
    /// Given twice, or a file that cannot be read.
    pub fn secret(&self, name: &'static str) -> Result<Option<String>, SettingsError> {
        match (self.get(name), self.get(&format!("{name}_FILE"))) {
            (Some(_), Some(_)) => Err(SettingsError::Twice(name)),
            (Some(text), None) => Ok(Some(text)),
            (None, None) => Ok(None),
            (None, Some(path)) => {
                let path = PathBuf::from(path);
                match std::fs::read_to_string(&path) {
                    Ok(text) if text.trim().is_empty() => {
                        Err(SettingsError::Value { name, problem: "its file is empty".to_owned() })
                    }
                    Ok(text) => Ok(Some(text.trim().to_owned())),
                    Err(source) => Err(SettingsError::File { name, path, source }),
                }
            }
        }
    }

    /// A secret of webhooks, or several; none is an empty list.
    ///
    /// # Errors
    /// As for [`Self::secret`].
    pub fn secrets(&self, name: &'static str) -> Result<Vec<Secret>, SettingsError> {
        let text = self.secret(name)?.unwrap_or_default();
        let words = text.split(|c: char| c == ',' || c.is_whitespace());
        Ok(words.filter(|word| !word.is_empty()).map(Secret::new).collect())
    }

    /// A secret that has to be there because another is.
    ///
    /// # Errors
    /// It is not.
    pub fn needed(
        &self,
        present: &'static str,
        missing: &'static str,
    ) -> Result<String, SettingsError> {
        self.secret(missing)?.ok_or(SettingsError::Missing { present, missing })
    }

    fn processor(&self, name: &'static str) -> Result<Option<String>, SettingsError> {
        match self.get(name) {
            Some(text) if !LEMON_SQUEEZY_FIRST.contains(&text.as_str()) => {
                let problem = format!("`{text}` is none of {}", LEMON_SQUEEZY_FIRST.join(", "));
                Err(SettingsError::Value { name, problem })
            }
            found => Ok(found),
        }
    }
}

impl fmt::Debug for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let pairs: HashMap<_, _> = pairs.iter().copied().collect();
        Settings::read(&Source(&|name| pairs.get(name).map(|text| (*text).to_owned())))
    }

    #[test]
    fn without_credentials_there_is_no_processor() {
        let settings = read(&[("RAZORPAY_KEY_ID", " ")]).unwrap();
        assert!(settings.razorpay.is_none() && settings.lemonsqueezy.is_none());
    }

    #[test]
    fn half_a_processor_is_said_at_once() {
        let half = read(&[("RAZORPAY_KEY_ID", "rzp_test_1")]).unwrap_err().to_string();
        assert!(half.contains("RAZORPAY_KEY_SECRET"), "{half}");
        let half = read(&[("LEMONSQUEEZY_API_KEY", "key")]).unwrap_err().to_string();
        assert!(half.contains("LEMONSQUEEZY_STORE_ID"), "{half}");
    }

    #[test]
    fn variants_are_a_list_or_said_to_be_none_at_once() {
        let with = |text| {
            let store = [("LEMONSQUEEZY_API_KEY", "key"), ("LEMONSQUEEZY_STORE_ID", "1")];
            read(&[store[0], store[1], ("LEMONSQUEEZY_VARIANTS", text)])
        };
        let settings = with("pro/monthly=20,pro/yearly=21").unwrap().lemonsqueezy.unwrap();
        assert_eq!(settings.variants.plan_of("21").unwrap().0, "pro");
        let bad = with("pro=20").unwrap_err().to_string();
        assert!(bad.contains("LEMONSQUEEZY_VARIANTS") && bad.contains("pro=20"), "{bad}");
    }

    #[test]
    fn a_secret_may_lie_in_a_file_and_never_shows_itself() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "hush-hush\n").unwrap();
        let path = file.path().to_str().unwrap();
        let settings =
            read(&[("RAZORPAY_KEY_ID", "rzp_test_1"), ("RAZORPAY_KEY_SECRET_FILE", path)]).unwrap();
        assert_eq!(settings.razorpay.as_ref().unwrap().key_secret, "hush-hush");
        assert!(!format!("{settings:?}").contains("hush"));
        let twice = read(&[
            ("RAZORPAY_KEY_SECRET", "x"),
            ("RAZORPAY_KEY_SECRET_FILE", path),
            ("RAZORPAY_KEY_ID", "rzp_test_1"),
        ]);
        assert!(matches!(twice, Err(SettingsError::Twice(_))));
        let gone = read(&[("RAZORPAY_KEY_ID", "x"), ("RAZORPAY_KEY_SECRET_FILE", "/nowhere")]);
        assert!(matches!(gone, Err(SettingsError::File { .. })));
    }

    #[test]
    fn webhook_secrets_may_be_several() {
        let settings = read(&[
            ("RAZORPAY_KEY_ID", "rzp_test_1"),
            ("RAZORPAY_KEY_SECRET", "s"),
            ("RAZORPAY_WEBHOOK_SECRET", "new, old\nolder"),
        ]);
        assert_eq!(settings.unwrap().razorpay.unwrap().webhook_secrets.len(), 3);
    }

    #[test]
    fn a_processor_that_is_none_is_refused_and_each_counter_has_its_order() {
        assert!(read(&[("DAYBOOK_PROCESSOR_V1", "stripe")]).is_err());
        let settings = read(&[("DAYBOOK_PROCESSOR_V1", "sandbox")]).unwrap();
        assert_eq!(settings.preferred.at(Counter::V1), ["sandbox"]);
        assert_eq!(settings.preferred.at(Counter::Processor)[0], razorpay::NAME);
        assert_eq!(Preferred::default().at(Counter::V1)[0], lemonsqueezy::NAME);
    }
}
