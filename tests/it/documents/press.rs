//! What the press prints, as other programs read it: `qpdf` and the tools of Poppler.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use daybook::documents::{
    language::Language,
    logo::Logo,
    paper::{Kind, Moves, Paper},
    press::{PageSize, Press, Style},
};
use tempfile::TempDir;

use super::{logo::png, papers};

fn press(style: Style) -> Press {
    Press::new(style).unwrap()
}

fn with_logo() -> Style {
    Style { logo: Some(Logo::read(&png(64, 24)).unwrap()), ..Style::default() }
}

/// Runs a program on a printed file.
fn run(program: &str, arguments: &[&str], file: &Path) -> Output {
    let ran = Command::new(program).args(arguments).arg(file).output();
    ran.unwrap_or_else(|error| panic!("{program}: {error}"))
}

fn said(program: &str, arguments: &[&str], file: &Path) -> String {
    let output = run(program, arguments, file);
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The text of a file in the order in which it is drawn, its words one space apart.
fn text(file: &Path) -> String {
    let raw = Command::new("pdftotext").arg("-raw").arg(file).arg("-").output().unwrap();
    words(&String::from_utf8(raw.stdout).unwrap())
}

/// The lines of a file as they stand on the page, their words one space apart.
fn lines(file: &Path) -> Vec<String> {
    let laid = Command::new("pdftotext").arg("-layout").arg(file).arg("-").output().unwrap();
    String::from_utf8(laid.stdout).unwrap().lines().map(words).collect()
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn printed(directory: &TempDir, name: &str, bytes: &[u8]) -> std::path::PathBuf {
    let file = directory.path().join(format!("{name}.pdf"));
    fs::write(&file, bytes).unwrap();
    file
}

#[test]
fn every_document_says_what_it_is_to_say() {
    let (directory, press) = (TempDir::new().unwrap(), press(with_logo()));
    for (name, paper, says) in papers::all() {
        let file = printed(&directory, name, &press.print(&paper).unwrap());
        let text = text(&file);
        for said in says {
            assert!(text.contains(said), "{name} does not say {said:?}:\n{text}");
        }
        let total = press.style().language.words().money(paper.totals.total);
        let total = format!("Total ({}) {total}", paper.currency);
        let lines = lines(&file);
        assert!(lines.iter().any(|line| line.contains(&total)), "{name}: {total}\n{lines:?}");
    }
}

#[test]
fn every_document_is_sound_and_its_fonts_are_embedded_subsets() {
    let (directory, press) = (TempDir::new().unwrap(), press(with_logo()));
    for (name, paper, _) in papers::all() {
        let file = printed(&directory, name, &press.print_with(&paper, Some(b"<x/>")).unwrap());
        assert_eq!(said("qpdf", &["--check"], &file).matches("WARNING").count(), 0, "{name}");
        let fonts = said("pdffonts", &[], &file);
        let rows: Vec<&str> = fonts.lines().skip(2).collect();
        assert_eq!(rows.len(), 2, "{name}: {fonts}");
        for row in rows {
            assert!(row.contains("+NotoSans-") && row.contains("CID TrueType"), "{name}: {row}");
            let words: Vec<&str> = row.split_whitespace().collect();
            assert_eq!(words[words.len() - 5..words.len() - 2], ["yes"; 3], "{name}: {row}");
        }
        let info = said("pdfinfo", &[], &file);
        for (key, value) in [("Tagged", "yes"), ("Encrypted", "no"), ("PDF version", "1.7")] {
            let line = info.lines().find(|line| line.starts_with(key)).unwrap();
            assert!(line.ends_with(value), "{name}: {line}");
        }
        let title = info.lines().find(|line| line.starts_with("Title:")).unwrap();
        let number = paper.number.as_ref().or(paper.order_number.as_ref()).unwrap();
        assert!(title.ends_with(number.as_str()), "{name}: {title}");
    }
}

#[test]
fn a_file_that_is_not_sound_is_noticed() {
    let directory = TempDir::new().unwrap();
    let mut bytes = press(Style::default()).print(&papers::ten_lines()).unwrap();
    let at = bytes.windows(9).position(|window| window == b"/MediaBox").unwrap();
    bytes[at + 1..at + 9].copy_from_slice(b"NoBoxNow");
    bytes.truncate(bytes.len() - 200);
    let file = printed(&directory, "broken", &bytes);
    assert_ne!(run("qpdf", &["--check"], &file).status.code(), Some(0));
}

#[test]
fn a_long_document_repeats_its_head_and_keeps_its_sums_together() {
    let (directory, press) = (TempDir::new().unwrap(), press(Style::default()));
    let (_, paper, _) = papers::all().into_iter().find(|(name, ..)| *name == "many-lines").unwrap();
    let file = printed(&directory, "long", &press.print(&paper).unwrap());
    let pages = pages(&file);
    let (count, last) = (pages.len(), pages.last().unwrap());
    for (index, page) in pages.iter().enumerate() {
        let number = format!("Page {} of {count}", index + 1);
        assert!(page.contains(&number), "{page}");
        let has_lines = page.contains("VPS Pro, node");
        assert_eq!(page.contains("Unit price"), has_lines, "{page}");
        assert!(page.contains("ML/26-27/000001"), "{page}");
    }
    for sum in ["Subtotal", "Discount", "Net amount", "CGST", "SGST", "Total (INR)", "Amount due"] {
        assert!(last.contains(sum), "{sum} is not on the last page: {last}");
    }
    let nodes: usize = pages.iter().map(|page| page.matches("VPS Pro, node").count()).sum();
    assert_eq!(nodes, 120);
}

fn pages(file: &Path) -> Vec<String> {
    let laid = Command::new("pdftotext").arg("-layout").arg(file).arg("-").output().unwrap();
    let text = String::from_utf8(laid.stdout).unwrap();
    let pages = text.split('\u{c}').map(words).filter(|page| !page.is_empty());
    pages.collect()
}

/// However many lines there are, nothing is lost, and nobody finds the payments or an account to pay
/// to on a page without the sums.
#[test]
fn sums_and_payments_go_together_wherever_the_lines_end() {
    let (directory, press) = (TempDir::new().unwrap(), press(with_logo()));
    for count in 1..=60 {
        let names: Vec<String> = (1..=count).map(|n| format!("Line {n}")).collect();
        let lines: Vec<_> = names.iter().map(|name| (name.as_str(), 1, 10_000, 0)).collect();
        let paper: Paper =
            papers::invoice(daybook_events::Currency::INR, papers::within_state(), &lines);
        let (mut both, paid) = (papers::paid(paper.clone()), papers::paid(paper.clone()));
        if let (Moves::In(both), Moves::In(unpaid)) = (&mut both.moves, &paper.moves) {
            both.instructions.clone_from(&unpaid.instructions);
        }
        let papers = [
            (&paper, &["How to pay", "IBAN", "reference."][..]),
            (&paid, &["Payments", "pay_29QQoUBi66xm2f"][..]),
            (&both, &["Payments", "pay_29QQoUBi66xm2f", "How to pay", "IBAN", "reference."][..]),
        ];
        for (paper, behind) in papers {
            let file = printed(&directory, "counted", &press.print(paper).unwrap());
            let pages = pages(&file);
            let with_total: Vec<&String> =
                pages.iter().filter(|page| page.contains("Total (INR)")).collect();
            assert_eq!(with_total.len(), 1, "{count}");
            let page = with_total[0];
            assert!(page.contains("Subtotal") && page.contains("Amount due"), "{count}: {page}");
            for said in behind {
                assert!(page.contains(said), "{count}: {said} is not with the sums: {page}");
            }
            assert!(pages.iter().any(|page| page.contains(&format!("Line {count} "))), "{count}");
            assert!(pages.len() <= count / 15 + 2, "{count}: {} pages", pages.len());
        }
    }
}

/// What no page could hold goes on, after the sums.
#[test]
fn instructions_longer_than_a_page_go_on() {
    let (directory, press) = (TempDir::new().unwrap(), press(Style::default()));
    let (_, mut paper, _) = papers::all().swap_remove(0);
    let said: Vec<String> = (1..=150).map(|n| format!("Step {n}.")).collect();
    if let Moves::In(settlement) = &mut paper.moves {
        settlement.instructions.clone_from(&said);
    }
    let pages = pages(&printed(&directory, "long", &press.print(&paper).unwrap()));
    assert!(pages[0].contains("Amount due") && pages[0].contains("How to pay"), "{}", pages[0]);
    let all = pages.join(" ");
    assert!(said.iter().all(|step| all.contains(step)), "{all}");
}

#[test]
fn other_languages_and_pages() {
    let directory = TempDir::new().unwrap();
    let says: [(Language, &[&str]); 2] = [
        (Language::De, &["RECHNUNG", "1.180,00 ₹", "CGST 9 % auf 1.000,00 ₹ (IN)", "Indien"]),
        (Language::Fr, &["FACTURE", "180,00 ₹", "Facturé à", "20/08/2026", "Inde"]),
    ];
    let (_, paper, _) = papers::all().swap_remove(0);
    for (language, says) in says {
        let style = Style { language, page: PageSize::Letter, ..Style::default() };
        let file = printed(&directory, "other", &press(style).print(&paper).unwrap());
        let text = text(&file);
        for said in says {
            assert!(text.contains(said), "{language:?} does not say {said:?}:\n{text}");
        }
        assert!(said("pdfinfo", &[], &file).contains("612 x 792"));
    }
}

#[test]
fn the_code_of_what_is_sold_is_on_documents_of_a_seller_in_india_alone() {
    let directory = TempDir::new().unwrap();
    let style = Style { sac: Some("998315".into()), ..Style::default() };
    let says = |press: &Press, paper: &Paper| {
        let file = printed(&directory, "code", &press.print(paper).unwrap());
        text(&file).contains("HSN/SAC: 998315")
    };
    let (_, indian, _) = papers::all().swap_remove(0);
    let note = papers::taken_back(indian.clone(), Kind::CreditNote);
    let mut french = indian.clone();
    french.seller.country = "FR".into();
    let (with, without) = (press(style), press(Style::default()));
    assert!(says(&with, &indian) && says(&with, &note));
    assert!(!says(&with, &french) && !says(&without, &indian));
}

#[test]
fn nothing_invisible_reaches_the_page() {
    let (directory, press) = (TempDir::new().unwrap(), press(Style::default()));
    let (_, paper, _) = papers::all().into_iter().find(|(name, ..)| *name == "hostile").unwrap();
    let file = printed(&directory, "hostile", &press.print(&paper).unwrap());
    let text = text(&file);
    let invisible = |c: &char| {
        (c.is_control() && !c.is_whitespace())
            || matches!(*c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let found: Vec<char> = text.chars().filter(invisible).collect();
    assert_eq!(found, Vec::<char>::new());
    // Two of Tokyo, one smile, five of Mumbai: one mark for each character.
    assert_eq!(text.matches('\u{fffd}').count(), 8, "{text}");
}

#[test]
fn the_attachment_comes_back_as_it_went_in() {
    let (directory, press) = (TempDir::new().unwrap(), press(Style::default()));
    let xml: Vec<u8> = (0..20_000_u32).flat_map(u32::to_be_bytes).collect();
    let bytes = press.print_with(&papers::ten_lines(), Some(&xml)).unwrap();
    let file = printed(&directory, "attached", &bytes);
    assert!(said("pdfdetach", &["-list"], &file).contains("1: factur-x.xml"));
    let out = directory.path().join("out");
    fs::create_dir(&out).unwrap();
    said("pdfdetach", &["-saveall", "-o", out.to_str().unwrap()], &file);
    assert_eq!(fs::read(out.join("factur-x.xml")).unwrap(), xml);
    let bytes = press.print_with(&papers::ten_lines(), None).unwrap();
    let file = printed(&directory, "bare", &bytes);
    assert!(said("pdfdetach", &["-list"], &file).contains("0 embedded files"));
}

#[test]
fn the_same_document_is_the_same_bytes() {
    let (one, other) = (press(with_logo()), press(with_logo()));
    let all = papers::all();
    // The other press meets the documents from the end, so that it prepares fonts in another order.
    let backwards: Vec<Vec<u8>> =
        all.iter().rev().map(|(_, paper, _)| other.print(paper).unwrap()).collect();
    for ((name, paper, _), again) in all.iter().zip(backwards.iter().rev()) {
        let first = one.print(paper).unwrap();
        assert!(first == one.print(paper).unwrap(), "{name} is not the same twice");
        assert!(first == *again, "{name} is not the same from another press");
    }
    let (_, paper, _) = &all[0];
    let mut changed = paper.clone();
    changed.lines[0].description.push('!');
    assert!(one.print(paper).unwrap() != one.print(&changed).unwrap());
}
