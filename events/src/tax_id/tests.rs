use proptest::prelude::*;

use super::*;

fn country(code: &str) -> Country {
    code.parse().unwrap()
}

fn kind_and_text(code: &str, text: &str) -> (TaxIdKind, String) {
    let id = check(country(code), text).unwrap_or_else(|fault| panic!("{code} {text}: {fault}"));
    (id.kind, id.normalised)
}

/// Numbers whose sums fit, by country, in the forms that it has.
const VALID: [(&str, &[&str]); 30] = [
    ("AT", &["U99102372", "ATU80236736", "U28367914"]),
    ("BE", &["972609298", "0979726526", "BE0428759497", "1008619757"]),
    ("BG", &["6041133722", "528676847", "BG1898049526", "8311046307", "7111042925"]),
    ("CY", &["67318549U", "55949924E", "CY58363181K"]),
    ("CZ", &["37952161", "641646093", "3581269582", "CZ7103192745", "395601439"]),
    ("DE", &["349237205", "DE902206462", "611815187"]),
    ("DK", &["69179282", "DK88146328", "13585628"]),
    ("EE", &["104182277", "EE100594102", "100931558"]),
    ("GR", &["58594410", "235846522", "EL745254589", "GR745254589"]),
    ("ES", &["D47609946", "M9800701X", "50448824A", "X5253868R", "Y2482307T", "J99216582"]),
    ("FI", &["03782124", "FI14179590", "76982266"]),
    ("FR", &["K5477326250", "TJ000903342", "40303265045", "4Z123456782", "FR22000033921"]),
    ("HR", &["88690256289", "HR55448415339", "67422432276"]),
    ("HU", &["49830365", "HU88101653", "67072916"]),
    ("IE", &["2*51781W", "IE8D79739I", "5320375UO", "6433435OA", "6433435F"]),
    ("IT", &["50022110246", "IT15446430439", "52692140974"]),
    ("LT", &["521832233117", "470585817", "LT543288710", "100004801610"]),
    ("LU", &["10428465", "LU08604268", "28584869"]),
    ("LV", &["30076544125", "LV40003521600", "16117519997", "32867300679"]),
    ("MT", &["16408525", "MT11679112", "30291986"]),
    ("NL", &["243915652B24", "NL427109784B37", "004495445B01", "002455799B11"]),
    ("PL", &["0841406597", "PL0995553581", "2043059863"]),
    ("PT", &["668810017", "PT120792435", "156581078"]),
    ("RO", &["105899", "272326880", "RO4638996037", "19"]),
    ("SE", &["704423924701", "106472071501", "SE225270562501"]),
    ("SI", &["80679943", "SI19087993", "50223054"]),
    ("SK", &["8320219941", "SK7043380135", "2022749619"]),
    (
        "GB",
        &[
            "HA671",
            "GD499",
            "693840456",
            "957213946928",
            "XI980780684",
            "GB100190874",
            "GB100190887",
        ],
    ),
    ("CH", &["CHE043575585", "927572191TVA", "CHE522878108MWST", "CHE-116.281.710 TPV"]),
    ("NO", &["476794730", "NO187521017MVA", "995 525 828 mva"]),
];

/// The same with one sign altered, or with a part that contradicts the rest.
const MISTYPED: [(&str, &[&str]); 30] = [
    ("AT", &["U99102370", "ATU80236730", "U28367910"]),
    ("BE", &["972609290", "0979726520", "BE1008619758"]),
    ("BG", &["6041133720", "528676840", "BG1898049520"]),
    ("CY", &["67318549A", "55949920E", "12000139V"]),
    ("CZ", &["37952160", "641646090", "3581269580", "7113192745", "545601439", "91234567"]),
    ("DE", &["349237200", "DE902206460", "611815180"]),
    ("DK", &["69179280", "DK88146329", "13585627"]),
    ("EE", &["104182270", "EE100594103", "100931550"]),
    ("GR", &["58594411", "235846520", "EL745254580"]),
    ("ES", &["D47609940", "M9800700X", "50448820A", "X2482300A", "O1234567L", "64717838B"]),
    ("FI", &["03782120", "FI14179591", "76982260"]),
    ("FR", &["K5477326251", "84323140391", "IO334175221", "40303265044"]),
    ("HR", &["88690256280", "HR55448415330", "67422432270"]),
    ("HU", &["49830360", "HU88101650", "67072910"]),
    ("IE", &["2*51780W", "5320370UO", "6433435E", "6433435FX"]),
    ("IT", &["50022110240", "IT15446430430", "00000000109", "12345671018"]),
    ("LT", &["521032233117", "470085817", "LT503288710"]),
    ("LU", &["10428460", "LU08604260", "28584860"]),
    ("LV", &["30076544120", "LV40003521601", "16137519997", "32867300677"]),
    ("MT", &["16408520", "MT11679113", "30291980"]),
    ("NL", &["243910652B24", "NL427009784B37", "004495445B00"]),
    ("PL", &["0841406590", "PL0995553580", "2043059860"]),
    ("PT", &["668810010", "PT120792430", "156581070"]),
    ("RO", &["105890", "272326881", "RO4638996030"]),
    ("SE", &["704420924701", "106470071501", "SE225271562501"]),
    ("SI", &["80679940", "SI19087990", "50223055"]),
    ("SK", &["8320219940", "SK7043380130", "2022749618"]),
    ("GB", &["HA499", "GD500", "693840450", "099190862"]),
    ("CH", &["CHE043575580", "927572190TVA", "CHE522878100MWST"]),
    ("NO", &["476794731", "NO187521010MVA", "995525829MVA"]),
];

#[test]
fn numbers_whose_check_digit_fits_are_taken() {
    for (code, text) in each(&VALID) {
        let (_, normalised) = kind_and_text(code, text);
        // What is written in one way is written in the same way again.
        assert_eq!(kind_and_text(code, &normalised).1, normalised);
        assert_eq!(kind_and_text(code, &format!(" {} ", text.to_lowercase())).1, normalised);
    }
}

#[test]
fn numbers_whose_check_digit_does_not_fit_are_refused() {
    for (code, text) in each(&MISTYPED) {
        assert_eq!(check(country(code), text), Err(TaxIdFault::CheckDigit), "{code} {text}");
    }
}

fn each<'a>(table: &'a [(&str, &[&str])]) -> impl Iterator<Item = (&'a str, &'a str)> {
    table.iter().flat_map(|(code, texts)| texts.iter().map(move |text| (*code, *text)))
}

#[test]
fn numbers_of_another_form_are_refused_with_an_example_of_the_right_one() {
    let codes = VALID.iter().map(|(code, _)| *code).chain(["IN"]);
    for code in codes {
        for text in ["", "1", "0000", "US", "123456789012345", "12A45678*", "١٢٣٤٥٦٧٨", "ßßßßßßßß"]
        {
            let fault = check(country(code), text).unwrap_err();
            let TaxIdFault::Malformed { expected } = fault else { panic!("{code} {text}") };
            let example = expected.split(' ').next_back().unwrap();
            assert_eq!(kind_and_text(code, example).1, example, "{expected}");
            assert_eq!(fault.to_string(), expected);
        }
    }
}

#[test]
fn another_countrys_number_and_zeros_are_of_the_wrong_form() {
    for (code, text) in [
        ("DE", "ATU13585627"),
        ("DE", "036695976"),
        ("EE", "211856551"),
        ("FR", "FR404833048"),
        ("FI", "00000000"),
        ("NL", "000000000B00"),
        ("SE", "704423924702"),
        ("LT", "119511525"),
        ("GR", "XI745254589"),
        ("GB", "EL745254589"),
        ("CH", "CHE116281710XXX"),
        ("IE", "8D79739IA"),
    ] {
        let fault = check(country(code), text);
        assert!(matches!(fault, Err(TaxIdFault::Malformed { .. })), "{code} {text}: {fault:?}");
    }
}

#[test]
fn a_vat_number_is_written_with_its_prefix() {
    for (code, text, kind, normalised) in [
        ("DE", "136 695 976", TaxIdKind::EuVat, "DE136695976"),
        ("DE", "de-136.695.976", TaxIdKind::EuVat, "DE136695976"),
        ("GR", "gr 094259216", TaxIdKind::EuVat, "EL094259216"),
        ("GR", "94259216", TaxIdKind::EuVat, "EL094259216"),
        ("BE", "BE 428.759.497", TaxIdKind::EuVat, "BE0428759497"),
        ("FR", "83\u{a0}404\u{a0}833\u{a0}048", TaxIdKind::EuVat, "FR83404833048"),
        ("GB", "980 7806 84", TaxIdKind::GbVat, "GB980780684"),
        ("GB", "XI 980 7806 84", TaxIdKind::GbVat, "XI980780684"),
        ("CH", "107.787.577 IVA", TaxIdKind::ChVat, "CHE107787577IVA"),
        ("NO", "995 525 828 MVA", TaxIdKind::NoVat, "NO995525828MVA"),
    ] {
        assert_eq!(kind_and_text(code, text), (kind, normalised.to_owned()));
    }
}

#[test]
fn every_member_state_of_the_union_has_its_scheme() {
    for (code, _) in VALID {
        let is_eu = schemes::of(country(code)).unwrap().kind == TaxIdKind::EuVat;
        assert_eq!(country(code).is_in_eu_vat(), is_eu, "{code}");
    }
    assert_eq!(VALID.iter().filter(|(code, _)| country(code).is_in_eu_vat()).count(), 27);
}

#[test]
fn a_gstin_names_its_state() {
    for (text, state) in [
        ("27AAPFU0939F1ZV", "Maharashtra"),
        ("29AAGCB7383J1Z4", "Karnataka"),
        ("24AAACC1206D1ZM", "Gujarat"),
        ("05AAACG2115R1ZN", "Uttarakhand"),
        ("09AAACT2727Q1ZU", "Uttar Pradesh"),
        ("37AADCB2230M2ZR", "Andhra Pradesh"),
        ("29ABCDE1234F1ZW", "Karnataka"),
        ("27abcde-1234f 1z0", "Maharashtra"),
    ] {
        let id = check(Country::INDIA, text).unwrap();
        assert_eq!(id.kind, TaxIdKind::Gstin);
        assert_eq!(state_of_gstin(&id).unwrap().name, state);
    }
    let german = check(country("DE"), "DE136695976").unwrap();
    assert_eq!(state_of_gstin(&german), None);
}

#[test]
fn samples_of_a_gstin_that_never_fitted_are_refused() {
    for (text, fitting) in [
        ("22AAAAA0000A1Z5", "22AAAAA0000A1ZC"),
        ("29ABCDE1234F1Z5", "29ABCDE1234F1ZW"),
        ("29GGGGG1314R9Z6", "29GGGGG1314R9ZA"),
        ("27AAPFU0939F1ZO", "27AAPFU0939F1ZV"),
    ] {
        assert_eq!(check(Country::INDIA, text), Err(TaxIdFault::CheckDigit), "{text}");
        assert!(check(Country::INDIA, fitting).is_ok(), "{fitting}");
    }
    for text in ["27AAPFU0939F1Z", "369296450896540", "27AAPFU0939F1AA", "27AAPFU0939F0ZV"] {
        let fault = check(Country::INDIA, text).unwrap_err();
        assert_eq!(fault.to_string(), "a GSTIN is 15 characters such as 27AAPFU0939F1ZV");
    }
}

#[test]
fn a_gstin_of_no_state_is_refused_though_its_sum_fits() {
    let signs = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for sign in signs.chars() {
        let text = format!("99AAPFU0939F1Z{sign}");
        assert_eq!(check(Country::INDIA, &text), Err(TaxIdFault::CheckDigit), "{text}");
    }
}

#[test]
fn where_no_form_is_known_the_number_is_taken_as_written() {
    let other = |text: &str| (TaxIdKind::Other, text.to_owned());
    assert_eq!(kind_and_text("US", "12-3456789"), other("123456789"));
    assert_eq!(kind_and_text("BR", "11.444.777/0001-61"), other("11444777/000161"));
    assert_eq!(kind_and_text("JP", "t1234567890123"), other("T1234567890123"));
    for text in ["", " - ", "123456789012345678901", "١٢٣", "1\u{7f}"] {
        let fault = check(country("US"), text).unwrap_err();
        assert_eq!(fault.to_string(), "a tax id is 1 to 20 letters, digits and signs of ASCII");
    }
}

#[test]
fn a_number_is_stored_with_its_kind() {
    let id = check(country("DE"), "DE136695976").unwrap();
    let json = serde_json::to_string(&id).unwrap();
    assert_eq!(json, r#"{"kind":"eu_vat","normalised":"DE136695976"}"#);
    assert_eq!(serde_json::from_str::<TaxId>(&json).unwrap(), id);
}

proptest! {
    #[test]
    fn any_text_gets_a_verdict_and_what_is_accepted_stays(
        row in 0..VALID.len(), text in "\\PC{0,16}|[A-Z]{0,3}[0-9]{5,13}[A-Z]{0,4}",
    ) {
        let country = country(VALID[row].0);
        if let Ok(id) = check(country, &text) {
            prop_assert_eq!(check(country, &id.normalised), Ok(id));
        }
    }

    #[test]
    fn one_altered_digit_never_passes_where_the_sum_sees_it(
        place in 0_usize..9, digit in 0_u8..10,
    ) {
        let mut text = *b"136695976";
        let differs = text[place] != b'0' + digit;
        text[place] = b'0' + digit;
        let altered = std::str::from_utf8(&text).unwrap();
        prop_assert_eq!(check(country("DE"), altered).is_err(), differs);
    }
}
