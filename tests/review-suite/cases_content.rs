//! The cases about what a diff hides (E40): everything else about these changes is in order.

use super::scene::{Scene, lines};
use super::{Case, Stage};
use countersign_core::finding::Verdict::{Fail, Pass};
use countersign_core::git::content::HiddenKind;
use std::collections::BTreeSet;

const REFUSED: &str = "hidden-content-refused";
const NOTED: &str = "hidden-content";

pub(super) fn all() -> Vec<Case> {
    let case = |id, what, verdict, code, set| Case { id, what, verdict, code, set };
    vec![
        case("E40-bidi-merge", "characters that turn text around, merged", Fail, REFUSED, bidi_merged),
        case("E40-bidi-squash", "characters that turn text around, squashed", Fail, REFUSED, bidi_squashed),
        case("E40-bidi-ff", "characters that turn text around, fast-forwarded", Fail, REFUSED, bidi_fast_forwarded),
        case("E40-bidi-name", "characters that turn text around, in a file's name", Fail, REFUSED, bidi_name),
        case(
            "E40-bidi-no-diff",
            "characters that turn text around, in a file kept from diffs",
            Fail,
            REFUSED,
            bidi_no_diff,
        ),
        case("E40-invisible", "characters without a shape", Pass, NOTED, invisible),
        case("E40-symlink", "a symbolic link", Pass, NOTED, symlink),
        case("E40-symlink-refused", "a symbolic link, and the policy refuses it", Fail, REFUSED, symlink_refused),
        case("E40-submodule", "a submodule that moves on", Pass, NOTED, submodule),
        case("E40-lfs", "a Git LFS pointer", Pass, NOTED, lfs),
        case("E40-binary", "a binary file", Pass, NOTED, binary),
        case("E40-no-diff", "a file kept from diffs by the tree's attributes", Pass, NOTED, no_diff),
        case("E40-generated", "a file that is called generated", Pass, NOTED, generated),
        case("E40-executable", "a file that becomes executable", Pass, NOTED, executable),
        case(
            "E40-executable-refused",
            "a file that becomes executable, and the policy refuses it",
            Fail,
            REFUSED,
            executable_refused,
        ),
        case("+rtl", "text that is written from right to left, edited beside its marks", Pass, "", right_to_left),
        case("+emoji", "emoji and scripts that need joiners", Pass, "", emoji),
        case("+allowed", "characters that turn text around, where the policy lets them", Pass, NOTED, bidi_allowed),
    ]
}

/// A change by ada that ben approved, and that was merged.
fn reviewed(make: impl FnOnce(&Scene)) -> Scene {
    let mut scene = Scene::default();
    branch(&mut scene, make);
    scene.merge("feature");
    scene
}

fn branch(scene: &mut Scene, make: impl FnOnce(&Scene)) {
    scene.git(&["checkout", "-q", "-b", "feature"]);
    make(scene);
    let head = scene.commit("ada", "feature");
    scene.git(&["checkout", "-q", "main"]);
    scene.review("ben", &head, "start");
}

/// `if (role != "user<RLO> // only admins <LRI>")`, as it was published.
fn turned(scene: &Scene) {
    scene.edit("a.txt", 2, "if role != \"user\u{202e} \u{2066}// only admins\u{2069} \u{2066}\" {");
}

fn bidi_merged() -> Stage {
    reviewed(turned).prove()
}

fn bidi_squashed() -> Stage {
    let mut scene = Scene::default();
    branch(&mut scene, turned);
    scene.git(&["merge", "-q", "--squash", "feature"]);
    scene.commit_unsigned("GitHub", "squash");
    scene.prove()
}

fn bidi_fast_forwarded() -> Stage {
    let mut scene = Scene::default();
    branch(&mut scene, turned);
    scene.git(&["merge", "-q", "--ff-only", "feature"]);
    scene.prove()
}

fn bidi_name() -> Stage {
    reviewed(|scene| scene.write("doc\u{202e}txt.sh", "echo\n")).prove()
}

fn bidi_no_diff() -> Stage {
    reviewed(|scene| {
        scene.write(".gitattributes", "a.txt -diff\n");
        turned(scene);
    })
    .prove()
}

fn bidi_allowed() -> Stage {
    let mut scene = reviewed(turned);
    scene.asking(|asked| asked.hidden_content = BTreeSet::new());
    scene.prove()
}

fn invisible() -> Stage {
    reviewed(|scene| scene.edit("a.txt", 2, "pass\u{200b}word")).prove()
}

fn linked(scene: &Scene) {
    std::os::unix::fs::symlink("/etc/passwd", scene.repo().join("config")).expect("a link");
}

fn symlink() -> Stage {
    reviewed(linked).prove()
}

fn symlink_refused() -> Stage {
    let mut scene = reviewed(linked);
    scene.asking(|asked| asked.hidden_content = BTreeSet::from([HiddenKind::Symlink]));
    scene.prove()
}

fn submodule() -> Stage {
    reviewed(|scene| {
        std::fs::create_dir(scene.repo().join("library")).expect("a folder");
        let entry = format!("160000,{},library", "1".repeat(40));
        scene.git(&["update-index", "--add", "--cacheinfo", &entry]);
    })
    .prove()
}

fn lfs() -> Stage {
    let pointer = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 12345\n", "0".repeat(64));
    reviewed(|scene| scene.write("model.bin", &pointer)).prove()
}

fn binary() -> Stage {
    reviewed(|scene| scene.write("tool", "\u{7f}ELF\0\0")).prove()
}

fn no_diff() -> Stage {
    reviewed(|scene| {
        scene.write(".gitattributes", "a.txt -diff\n");
        scene.edit("a.txt", 2, "unseen");
    })
    .prove()
}

fn generated() -> Stage {
    reviewed(|scene| {
        scene.write(".gitattributes", "*.txt linguist-generated=true\n");
        scene.edit("a.txt", 2, "folded away");
    })
    .prove()
}

fn made_executable(scene: &Scene) {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(scene.repo().join("a.txt"), mode).expect("a mode");
}

fn executable() -> Stage {
    reviewed(made_executable).prove()
}

fn executable_refused() -> Stage {
    let mut scene = reviewed(made_executable);
    scene.asking(|asked| asked.hidden_content = BTreeSet::from([HiddenKind::Executable]));
    scene.prove()
}

/// The marks are in the file from before the range; the change touches another line of it.
fn right_to_left() -> Stage {
    let mut scene = Scene::default();
    scene.write("he.txt", &format!("\u{200f}\u{5e9}\u{5dc}\u{5d5}\u{5dd}\n{}", lines(9, "")));
    scene.commit("ada", "translation");
    scene.git(&["tag", "-f", "start"]);
    branch(&mut scene, |scene| scene.edit("he.txt", 5, "\u{5e2}\u{5d5}\u{5dc}\u{5dd}"));
    scene.merge("feature");
    scene.prove()
}

fn emoji() -> Stage {
    let text = "❤\u{fe0f} 👩\u{200d}💻 #\u{fe0f}\u{20e3} \u{645}\u{6cc}\u{200c}\u{62e}\u{648}\u{627}\u{647}\u{645} 葛\u{e0100} caf\u{e9}";
    reviewed(|scene| scene.edit("a.txt", 2, text)).prove()
}
