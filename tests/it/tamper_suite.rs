//! Every attack on an audit package gets its verdict, its code and names the right item, and honest packages pass. The
//! thousand flipped bits of `cargo xtask tamper-suite` are fewer here.

use countersign_tests::tamper::{self, Case, Stage};
use std::sync::LazyLock;

static STAGE: LazyLock<Stage> = LazyLock::new(Stage::new);

fn play(cases: impl Iterator<Item = Case>) {
    let (mut wrong, mut played) = (Vec::new(), 0);
    for case in cases {
        played += 1;
        if let Err(found) = case.run(&STAGE) {
            wrong.push(format!(
                "{} {}: expected {} {} {} at {:?}, found {} {} {:?}",
                case.id,
                case.what,
                case.verdict,
                case.exit.code(),
                case.code,
                case.item,
                found.verdict,
                found.exit.code(),
                found.codes
            ));
        }
    }
    assert!(played > 0 && wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_somebody_does_to_the_file_is_found_and_the_right_item_named() {
    play(tamper::all().into_iter().filter(|case| case.id.starts_with('F')));
}

#[test]
fn what_an_operator_with_all_keys_does_is_found_and_the_right_item_named() {
    play(tamper::all().into_iter().filter(|case| case.id.starts_with('O')));
}

#[test]
fn honest_packages_get_what_they_are_due() {
    play(tamper::all().into_iter().filter(|case| case.id == "+"));
}

#[test]
fn every_flipped_bit_is_found_and_its_file_named() {
    for flipped in tamper::flips(&STAGE, 100) {
        assert!(flipped.is_named(), "{flipped:?}");
    }
}
