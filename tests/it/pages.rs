//! A page whose commands are run as its reader runs them: blocks of `sh`, and below them, as `text`, what they show.

use countersign_tests::door::Door;
use std::path::Path;

/// A block of commands, and what the page shows below it.
struct Step {
    commands: String,
    shown: String,
}

fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(kind) = line.strip_prefix("```") else { continue };
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let block = block.join("\n");
        match kind {
            "sh" => steps.push(Step { commands: block, shown: String::new() }),
            "text" => steps.last_mut().expect("commands come before what they print").shown = block,
            other => panic!("a block of another kind: {other}"),
        }
    }
    steps
}

/// Whether a line is as the page shows it: `…` stands for anything.
fn is_as_shown(line: &str, shown: &str) -> bool {
    let mut parts = shown.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    let mut open = false;
    for part in parts {
        open = true;
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.is_empty() || (open && shown.ends_with('…'))
}

/// Types all of a page's blocks into one shell, and holds what they print against what the page shows, in its order. Gives
/// what all of it printed.
pub(crate) fn does_what_it_says(door: &Door, page: &str, least: usize) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(page);
    let steps = steps(&std::fs::read_to_string(page).expect("the page"));
    assert!(steps.len() >= least, "{}", steps.len());
    let mut script = "exec 2>&1\n".to_owned();
    for step in &steps {
        script.push_str(&format!("echo '=== step'\n{}\n", step.commands));
    }
    let said = door.shell(".", &script, &[]);
    said.expect(0, &[]);
    let outputs: Vec<&str> = said.out.split("=== step\n").skip(1).collect();
    assert_eq!(outputs.len(), steps.len(), "{}", said.text);
    for (step, output) in steps.iter().zip(outputs) {
        let mut lines = output.lines();
        for shown in step.shown.lines().filter(|line| !line.is_empty()) {
            assert!(
                lines.any(|line| is_as_shown(line.trim_end(), shown.trim_end())),
                "`{shown}` is not what this prints, in this order:\n{}\n\n{output}",
                step.commands
            );
        }
    }
    said.out
}

#[test]
fn a_line_of_a_page_is_compared_as_a_whole() {
    assert!(is_as_shown("release 2 is active since entry 12", "release 2 is active since entry …"));
    assert!(is_as_shown("a  b  c", "a…c"));
    assert!(!is_as_shown("a  b  c d", "a…c"));
    assert!(!is_as_shown("2 passed, 1 failed", "2 passed, 0 failed"));
    assert!(!is_as_shown("xa", "a"));
}
