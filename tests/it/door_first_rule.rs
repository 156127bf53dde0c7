//! The page that leads from an idea to a rule that refuses, run as its reader runs it.

use crate::pages::does_what_it_says;
use countersign_tests::door::Door;

#[test]
fn the_page_on_a_first_rule_does_what_it_says() {
    let door = Door::new();
    // The demo's world is there already, under the name that the page gives it.
    std::os::unix::fs::symlink(".", door.path().join("world")).expect("a link");
    let _said = does_what_it_says(&door, "first-rule.md", 9);
}
