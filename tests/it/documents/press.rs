//! The press.

use super::papers;
use daybook::documents::press::{Press, Style};

#[test]
fn dump() {
    let press = Press::new(Style::default()).unwrap();
    std::fs::create_dir_all("/tmp/pa").unwrap();
    for (name, paper, _) in papers::all() {
        std::fs::write(format!("/tmp/pa/{name}.pdf"), press.print(&paper).unwrap()).unwrap();
    }
}
