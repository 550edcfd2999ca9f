//! How documents are printed here: flags and environment variables, checked at the start.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use daybook_events::event::Printing;
use thiserror::Error;

use super::{
    PRESS_VERSION,
    kept::hash,
    language::Language,
    logo::{Logo, LogoError},
    press::{PageSize, Style},
    service::Documents,
};

/// The longest name at the head of a page, in characters.
const COMPANY_MAX: usize = 100;

/// How documents are printed.
#[derive(Debug, Clone, Default, Args)]
pub struct PrintSettings {
    /// A PNG or JPEG file for the head of documents
    #[arg(id = "print-logo", long = "logo", env = "INVOICE_LOGO_PATH", value_name = "FILE")]
    pub logo: Option<PathBuf>,

    /// The name at the head of documents, where it is not the seller's
    #[arg(id = "print-company", long = "company", env = "COMPANY_NAME", value_name = "NAME")]
    pub company: Option<String>,

    /// The HSN or SAC of what is sold, on documents of a seller in India
    #[arg(id = "print-sac", long = "sac", env = "INVOICE_SAC", value_name = "DIGITS")]
    pub sac: Option<String>,

    /// The size of their pages
    #[arg(
        id = "print-page-size",
        long = "page-size",
        env = "DAYBOOK_PAGE_SIZE",
        value_enum,
        default_value = "a4",
        ignore_case = true
    )]
    pub page_size: PageSize,

    /// The language of their fixed words
    #[arg(
        id = "print-language",
        long = "language",
        env = "DAYBOOK_LANGUAGE",
        value_enum,
        default_value = "en",
        ignore_case = true
    )]
    pub language: Language,
}

/// Why documents cannot be printed as it was asked.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// The logo is none.
    #[error("the logo {path} cannot be used")]
    Logo {
        /// Which file.
        path: String,
        /// Why.
        source: LogoError,
    },
    /// A name that no page could carry.
    #[error("COMPANY_NAME has at most {COMPANY_MAX} characters, none of control")]
    Company,
    /// No code of goods or services.
    #[error("INVOICE_SAC is an HSN or SAC of four, six or eight digits, such as 998315")]
    Sac,
}

impl PrintSettings {
    /// What prints in this way.
    ///
    /// # Errors
    /// A logo that is none, or a name that no page could carry.
    pub fn documents(&self) -> Result<Documents, SettingsError> {
        let logo = self.logo()?;
        let printing = self.printing(logo.as_deref());
        let unfit =
            |name: &str| name.chars().count() > COMPANY_MAX || name.chars().any(char::is_control);
        if printing.company.as_deref().is_some_and(unfit) {
            return Err(SettingsError::Company);
        }
        let is_sac = |code: &str| {
            matches!(code.len(), 4 | 6 | 8) && code.bytes().all(|it| it.is_ascii_digit())
        };
        if printing.sac.as_deref().is_some_and(|code| !is_sac(code)) {
            return Err(SettingsError::Sac);
        }
        Ok(Documents::printing(printing, logo))
    }

    /// What is recorded of this way of printing, with the file of a logo.
    #[must_use]
    pub fn printing(&self, logo: Option<&[u8]>) -> Printing {
        let said = |text: &Option<String>| {
            let text = text.as_deref().map(str::trim).filter(|text| !text.is_empty());
            text.map(str::to_owned)
        };
        Printing {
            press: PRESS_VERSION,
            page_size: word(&self.page_size),
            language: word(&self.language),
            company: said(&self.company),
            logo: logo.map(hash),
            sac: said(&self.sac),
        }
    }

    /// The bytes of the logo, where there is one: what was checked is what is printed.
    fn logo(&self) -> Result<Option<Vec<u8>>, SettingsError> {
        let Some(path) = self.logo.as_ref().filter(|path| !path.as_os_str().is_empty()) else {
            return Ok(None);
        };
        let unfit = |source| SettingsError::Logo { path: path.display().to_string(), source };
        let bytes = Logo::file(path).map_err(unfit)?;
        Logo::read(&bytes).map_err(unfit)?;
        Ok(Some(bytes))
    }
}

/// The word for a value, as it is recorded.
fn word(value: &impl ValueEnum) -> String {
    value.to_possible_value().map(|it| it.get_name().to_owned()).unwrap_or_default()
}

/// The language of a recorded way of printing.
///
/// # Errors
/// One that this build does not know.
pub fn language(printing: &Printing) -> Result<Language, String> {
    Language::from_str(&printing.language, false)
}

/// The style of a recorded way of printing; `logo` is the file of its logo.
///
/// # Errors
/// What of it this build does not know.
pub fn style(printing: &Printing, logo: Option<&[u8]>) -> Result<Style, String> {
    Ok(Style {
        page: PageSize::from_str(&printing.page_size, false)?,
        language: language(printing)?,
        company: printing.company.clone(),
        sac: printing.sac.clone(),
        logo: logo.map(Logo::read).transpose().map_err(|error| error.to_string())?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recorded_of_a_way_of_printing_is_that_way_again() {
        for page in PageSize::value_variants() {
            for language in Language::value_variants() {
                let settings = PrintSettings {
                    page_size: *page,
                    language: *language,
                    company: Some("Example".to_owned()),
                    logo: None,
                    sac: Some("998315".to_owned()),
                };
                let documents = settings.documents().unwrap();
                let style = style(documents.own_printing(), None).unwrap();
                assert_eq!((style.page, style.language), (*page, *language));
                assert_eq!(style.company.as_deref(), Some("Example"));
                assert_eq!(style.sac.as_deref(), Some("998315"));
            }
        }
    }

    #[test]
    fn a_way_of_printing_that_is_not_known_is_said() {
        let known = PrintSettings::default().documents().unwrap().own_printing().clone();
        assert!(style(&Printing { page_size: "a3".into(), ..known.clone() }, None).is_err());
        assert!(style(&Printing { language: "xx".into(), ..known }, None).is_err());
    }

    #[test]
    fn a_name_a_code_and_a_logo_that_no_page_could_carry_are_refused() {
        for company in ["a".repeat(101), "a\u{7}b".to_owned()] {
            let settings = PrintSettings { company: Some(company), ..PrintSettings::default() };
            assert!(matches!(settings.documents(), Err(SettingsError::Company)));
        }
        for sac in ["998", "99831", "99831a", "९९८३१५", "998 315"] {
            let settings = PrintSettings { sac: Some(sac.into()), ..PrintSettings::default() };
            assert!(matches!(settings.documents(), Err(SettingsError::Sac)), "{sac}");
        }
        let unset = PrintSettings { sac: Some(" ".into()), ..PrintSettings::default() };
        assert_eq!(unset.documents().unwrap().own_printing().sac, None);
        let logo = Some(PathBuf::from("/nonexistent/logo.png"));
        let settings = PrintSettings { logo, ..PrintSettings::default() };
        let error = settings.documents().unwrap_err().to_string();
        assert!(error.contains("/nonexistent/logo.png"), "{error}");
    }
}
