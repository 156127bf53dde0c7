//! The shapes that histories have: many merges, many teams, queues and trains, release branches, submodules, the longer
//! hash, and a start that is gone. Each with what an attacker makes of it, and with the honest history beside it.

use super::cases_forge::approved;
use super::hosted::Hosted;
use super::scene::{MAIN, REPOSITORY, Scene};
use super::{Case, Stage};
use crate::forge::{Kind, Way};
use countersign_core::finding::Verdict::{Fail, Indeterminate, Pass};
use countersign_core::git::content::HiddenKind;
use countersign_core::statement::review::ReviewDecision;
use countersign_decide::review::ForgeRules;
use std::collections::BTreeSet;

const MISSING: &str = "review-missing";
const UNPROVEN: &str = "tree-unproven";
const RELEASE: &str = "refs/heads/release-1.x";

pub(super) fn all() -> Vec<Case> {
    let case = |id, what, verdict, code, set| Case { id, what, verdict, code, set };
    vec![
        case("R40", "two sides that merged each other: two merge bases", Indeterminate, "merge-bases", criss_cross),
        case("R41-approved", "a merge of three lines, all approved", Indeterminate, UNPROVEN, octopus),
        case(
            "R41-smuggles",
            "a merge of three lines, one of them approved by nobody",
            Indeterminate,
            UNPROVEN,
            octopus_smuggles,
        ),
        case("R42", "a merge that drops what was approved (-s ours)", Fail, "merge-tree-mismatch", ours),
        case("R43", "the revert of a merge, pushed past review", Fail, MISSING, revert_pushed),
        case("R44", "a pull that merged, with a commit that nobody approved", Fail, MISSING, pull_unreviewed),
        case("R45", "a rebase that flattens merges of the change", Indeterminate, UNPROVEN, flattened),
        case("R46", "a merge of a history without a commit in common", Indeterminate, "merge-bases", unrelated),
        case("R47", "a head that landed before, merged again", Fail, MISSING, merged_again),
        case("+criss-cross", "two merge bases, and the merge itself is reviewed", Pass, "", criss_cross_reviewed),
        case("+octopus", "a merge of three lines that is reviewed itself", Pass, "", octopus_reviewed),
        case("+ours", "a merge that drops, and that is reviewed itself", Pass, "", ours_reviewed),
        case("+revert", "the revert of a merge, reviewed", Pass, "", revert_reviewed),
        case("+pull", "a pull that merged, of an approved commit, right after a promotion", Pass, "", pull_reviewed),
        case("+pull-later", "the same in the middle of a range, reviewed as the message says", Pass, "", pull_later),
        case("+flattened", "a rebase that flattens, and its end is reviewed", Pass, "", flattened_reviewed),
        case("+no-ff", "a merge commit where the branch could have been moved", Pass, "", no_ff),
        case("+merges", "a change with merges of its own, merged", Pass, "", merge_of_merges),
        case("+merges-squash", "a change with merges of its own, squashed", Pass, "", squash_of_merges),
        case("+back-and-forth", "a long-lived branch, merged back and forth", Pass, "", back_and_forth),
        case("R50", "approved for main, landed on the release branch alone", Fail, MISSING, release_only),
        case("R51", "a backport that was approved on main alone", Fail, MISSING, backport),
        case("R52", "rejected on main before the cut", Fail, "review-rejected", cut_rejected),
        case("R53", "the branch of the cut is not in the clone", Fail, "history-object-missing", cut_unseen),
        case("R54", "a start on another branch", Fail, "history-rewritten", start_elsewhere),
        case("R55", "a release branch merged back without review", Fail, MISSING, merged_back),
        case("+cut", "a release branch cut from reviewed main", Pass, "", cut),
        case("+backport", "a backport with a review of its own", Pass, "", backport_reviewed),
        case("+merged-back", "a release branch merged back, reviewed", Pass, "", merged_back_reviewed),
        case("R56", "a queue that squashes lands an unreviewed sibling", Fail, MISSING, queue_squash_sibling),
        case("R57", "a merge train carries an unreviewed change", Fail, MISSING, train_sibling),
        case("R58", "a train lands what a change that left it had", Fail, "merge-tree-mismatch", train_leftover),
        case("+queue-ways", "one group of a queue: merged, squashed and rebased", Pass, "", queue_ways),
        case("+train", "a merge train of three changes", Pass, "", train),
        case("R60", "both sides moved a submodule", Indeterminate, UNPROVEN, submodule_both),
        case("R61", "a merge that moves a submodule on its own", Fail, "merge-tree-mismatch", submodule_evil),
        case(
            "R62",
            "a submodule moves, and the policy refuses that",
            Fail,
            "hidden-content-refused",
            submodule_refused,
        ),
        case("+submodule", "a submodule that one side moved", Pass, "hidden-content", submodule_one),
        case(
            "+submodule-same",
            "a submodule that both sides moved to the same commit",
            Pass,
            "hidden-content",
            submodule_same,
        ),
        case("R63", "an evil merge where the longer hash names objects", Fail, "merge-tree-mismatch", sha256_evil),
        case("+sha256", "merged, squashed and rebased where the longer hash names objects", Pass, "", sha256),
        case("R64", "the start was rewritten", Fail, "history-rewritten", start_rewritten),
        case("R65", "the start is not in the clone any more", Indeterminate, "history-object-missing", start_gone),
        case("+rewritten-before", "history was rewritten before the start was", Pass, "", rewritten_before),
        case("R66", "another team's commit elsewhere in the tree, unreviewed", Fail, MISSING, other_team),
        case("+clocks", "a forge whose clock is a year ahead", Pass, "", clock_ahead),
        case("+dates", "commits from the future and from 1970", Pass, "", dates),
        case("+monorepo", "many teams' changes, all reviewed", Pass, "", monorepo),
    ]
}

/// A branch off `from` with one signed commit. Main is checked out again.
fn branch(scene: &Scene, name: &str, from: &str, file: &str, line: usize) -> String {
    scene.git(&["checkout", "-q", "-b", name, from]);
    commit(scene, name, file, line)
}

/// One signed commit more on a branch. Main is checked out again.
fn commit(scene: &Scene, name: &str, file: &str, line: usize) -> String {
    scene.git(&["checkout", "-q", name]);
    scene.edit(file, line, &format!("{name} {line}"));
    let head = scene.commit("ada", name);
    scene.git(&["checkout", "-q", "main"]);
    head
}

/// Merges into what is checked out, as ada, who signs.
fn merge(scene: &Scene, arguments: &[&str]) -> String {
    let all = [&["merge", "-q", "--no-ff", "-m", "merge"], arguments].concat();
    scene.git_as(Some("ada"), "ada", &all);
    scene.id("HEAD")
}

/// A change that ben approves and that is merged.
fn land(scene: &mut Scene, name: &str, file: &str, line: usize) -> String {
    let base = scene.id("main");
    let head = branch(scene, name, "main", file, line);
    scene.review("ben", &head, &base);
    merge(scene, &[name])
}

/// Ben's review of what landed, on the branch as it was before.
fn review_landed(scene: &mut Scene, base: &str) {
    let (head, base) = (scene.id("main"), scene.id(base));
    scene.review("ben", &head, &base);
}

fn crossed() -> Scene {
    let mut scene = Scene::default();
    let early = branch(&scene, "feature", "main", "a.txt", 2);
    scene.review("ben", &early, "start");
    let first = land(&mut scene, "first", "b.txt", 2);
    merge(&scene, &[&early]);
    scene.git(&["checkout", "-q", "feature"]);
    merge(&scene, &[&first]);
    let head = commit(&scene, "feature", "a.txt", 15);
    let base = scene.id("main");
    scene.review("ben", &head, &base);
    scene.git(&["tag", "before"]);
    // Without this the merge would be a fast-forward of the trees.
    land(&mut scene, "third", "b.txt", 15);
    scene.git(&["tag", "-f", "before"]);
    merge(&scene, &["feature"]);
    assert_eq!(scene.git(&["merge-base", "--all", "main^1", "feature"]).lines().count(), 2);
    scene
}

fn criss_cross() -> Stage {
    crossed().prove()
}

fn criss_cross_reviewed() -> Stage {
    let mut scene = crossed();
    review_landed(&mut scene, "before");
    scene.prove()
}

fn three(approve: &[&str]) -> Scene {
    let mut scene = Scene::default();
    for (name, file) in [("one", "a.txt"), ("two", "b.txt")] {
        let head = branch(&scene, name, "main", file, 3);
        if approve.contains(&name) {
            scene.review("ben", &head, "start");
        }
    }
    merge(&scene, &["one", "two"]);
    scene
}

fn octopus() -> Stage {
    three(&["one", "two"]).prove()
}

fn octopus_smuggles() -> Stage {
    three(&["one"]).prove()
}

fn octopus_reviewed() -> Stage {
    let mut scene = three(&[]);
    review_landed(&mut scene, "start");
    scene.prove()
}

fn dropped() -> Scene {
    let mut scene = Scene::default();
    let head = branch(&scene, "feature", "main", "a.txt", 3);
    scene.review("ben", &head, "start");
    land(&mut scene, "other", "b.txt", 3);
    scene.git(&["tag", "before"]);
    merge(&scene, &["-s", "ours", "feature"]);
    scene
}

fn ours() -> Stage {
    dropped().prove()
}

fn ours_reviewed() -> Stage {
    let mut scene = dropped();
    review_landed(&mut scene, "before");
    scene.prove()
}

fn revert(scene: &Scene) -> String {
    scene.git_as(Some("ada"), "ada", &["revert", "-m", "1", "--no-edit", "HEAD"]);
    scene.id("HEAD")
}

fn revert_pushed() -> Stage {
    let mut scene = Scene::default();
    land(&mut scene, "feature", "a.txt", 3);
    revert(&scene);
    scene.prove()
}

fn revert_reviewed() -> Stage {
    let mut scene = Scene::default();
    let landed = land(&mut scene, "feature", "a.txt", 3);
    scene.git(&["checkout", "-q", "-b", "revert"]);
    let head = revert(&scene);
    scene.git(&["checkout", "-q", "main"]);
    scene.review("ben", &head, &landed);
    merge(&scene, &["revert"]);
    scene.prove()
}

/// Ada commits on her own main while another change lands, pulls with a merge, and pushes: the branch is the second parent.
fn pulled(approve: bool) -> Scene {
    let mut scene = Scene::default();
    let mine = branch(&scene, "mine", "main", "a.txt", 3);
    let landed = land(&mut scene, "other", "b.txt", 3);
    scene.git(&["tag", "promoted"]);
    if approve {
        scene.review("ben", &mine, &landed);
    }
    scene.git(&["checkout", "-q", "mine"]);
    merge(&scene, &["main"]);
    scene.git(&["checkout", "-q", "main"]);
    scene.git(&["merge", "-q", "--ff-only", "mine"]);
    assert_eq!(scene.id("main^2"), landed);
    scene
}

fn pull_unreviewed() -> Stage {
    pulled(false).prove_range(Some("promoted"), MAIN)
}

fn pull_reviewed() -> Stage {
    pulled(true).prove_range(Some("promoted"), MAIN)
}

fn pull_later() -> Stage {
    let mut scene = pulled(true);
    let found = scene.found();
    assert!(found.verdict == Fail && found.codes() == [MISSING], "{found:?}");
    let (branch, mine) = (scene.id("main^2"), scene.id("main^1"));
    scene.review("ben", &branch, &mine);
    scene.prove()
}

/// A change of two lines that it merges itself, approved, and main that has moved on.
fn with_merges() -> Scene {
    let mut scene = Scene::default();
    branch(&scene, "side", "main", "a.txt", 3);
    branch(&scene, "feature", "main", "b.txt", 3);
    scene.git(&["checkout", "-q", "feature"]);
    merge(&scene, &["side"]);
    let head = commit(&scene, "feature", "b.txt", 9);
    scene.review("ben", &head, "start");
    land(&mut scene, "other", "a.txt", 15);
    scene.git(&["tag", "before"]);
    scene
}

fn flatten() -> Scene {
    let scene = with_merges();
    scene.git_as(Some("ada"), "ada", &["rebase", "-q", "main", "feature"]);
    scene.git(&["checkout", "-q", "main"]);
    scene.git(&["merge", "-q", "--ff-only", "feature"]);
    scene
}

fn flattened() -> Stage {
    flatten().prove()
}

fn flattened_reviewed() -> Stage {
    let mut scene = flatten();
    review_landed(&mut scene, "before");
    scene.prove()
}

fn merge_of_merges() -> Stage {
    let scene = with_merges();
    merge(&scene, &["feature"]);
    scene.prove()
}

fn squash_of_merges() -> Stage {
    let scene = with_merges();
    scene.git(&["merge", "-q", "--squash", "feature"]);
    scene.commit("ada", "squash");
    scene.prove()
}

fn unrelated() -> Stage {
    let mut scene = Scene::default();
    scene.git(&["checkout", "-q", "--orphan", "other"]);
    scene.git(&["rm", "-rfq", "."]);
    scene.write("c.txt", "other\n");
    let head = scene.commit("ada", "other");
    scene.git(&["checkout", "-q", "main"]);
    scene.review("ben", &head, "start");
    merge(&scene, &["--allow-unrelated-histories", "other"]);
    scene.prove()
}

fn merged_again() -> Stage {
    let mut scene = Scene::default();
    let landed = land(&mut scene, "feature", "a.txt", 3);
    scene.git(&["checkout", "-q", "-b", "revert"]);
    let head = revert(&scene);
    scene.git(&["checkout", "-q", "main"]);
    scene.review("ben", &head, &landed);
    merge(&scene, &["revert"]);
    // A merge of the old head brings the old tree back, as if it were a second landing.
    let (main, old) = (scene.id("main"), scene.id("feature"));
    let tree = format!("{landed}^{{tree}}");
    let again = scene.git(&["commit-tree", &tree, "-p", &main, "-p", &old, "-m", "again"]);
    scene.git(&["update-ref", MAIN, &again]);
    scene.prove()
}

fn no_ff() -> Stage {
    let mut scene = Scene::default();
    land(&mut scene, "feature", "a.txt", 3);
    scene.prove()
}

fn back_and_forth() -> Stage {
    let mut scene = Scene::default();
    scene.git(&["branch", "develop"]);
    for line in [2, 8, 14] {
        let base = scene.id("main");
        let head = commit(&scene, "develop", "a.txt", line);
        scene.review("ben", &head, &base);
        merge(&scene, &["develop"]);
        land(&mut scene, &format!("fix-{line}"), "b.txt", line);
        scene.git(&["checkout", "-q", "develop"]);
        merge(&scene, &["main"]);
        scene.git(&["checkout", "-q", "main"]);
    }
    scene.prove()
}

/// Main with one reviewed change, and a release branch that was cut there. Main goes on with a fix.
fn released() -> Scene {
    let mut scene = Scene::default();
    land(&mut scene, "feature", "a.txt", 3);
    scene.git(&["branch", "release-1.x"]);
    scene.git(&["tag", "cut"]);
    land(&mut scene, "fix", "b.txt", 3);
    (scene.target, scene.cut_from) = (RELEASE, Some(MAIN));
    scene
}

fn cut() -> Stage {
    released().prove_range(Some("start"), RELEASE)
}

fn cut_rejected() -> Stage {
    let mut scene = released();
    let head = scene.id("feature");
    scene.review_as("cy", &head, "start", ReviewDecision::Reject, REPOSITORY, MAIN);
    scene.prove_range(Some("start"), RELEASE)
}

fn cut_unseen() -> Stage {
    let scene = released();
    scene.git(&["checkout", "-q", "release-1.x"]);
    scene.git(&["branch", "-q", "-D", "main"]);
    scene.prove_range(Some("start"), RELEASE)
}

fn release_only() -> Stage {
    let mut scene = released();
    let head = branch(&scene, "late", "cut", "a.txt", 15);
    scene.review("ben", &head, "cut");
    scene.git(&["checkout", "-q", "release-1.x"]);
    merge(&scene, &["late"]);
    scene.prove_range(Some("start"), RELEASE)
}

fn backported() -> (Scene, String) {
    let scene = released();
    scene.git(&["checkout", "-q", "release-1.x"]);
    scene.git_as(Some("ada"), "ada", &["cherry-pick", "-x", "fix"]);
    let head = scene.id("HEAD");
    (scene, head)
}

fn backport() -> Stage {
    backported().0.prove_range(Some("start"), RELEASE)
}

fn backport_reviewed() -> Stage {
    let (mut scene, head) = backported();
    scene.review_as("ben", &head, "cut", ReviewDecision::Approve, REPOSITORY, RELEASE);
    scene.prove_range(Some("start"), RELEASE)
}

fn start_elsewhere() -> Stage {
    let (scene, _) = backported();
    scene.prove_range(Some("main"), RELEASE)
}

fn merge_back() -> (Scene, String) {
    let (mut scene, head) = backported();
    scene.review_as("ben", &head, "cut", ReviewDecision::Approve, REPOSITORY, RELEASE);
    scene.edit("a.txt", 15, "only there");
    let head = scene.commit("ada", "only there");
    scene.git(&["checkout", "-q", "main"]);
    scene.git(&["tag", "before"]);
    merge(&scene, &["release-1.x"]);
    (scene.target, scene.cut_from) = (MAIN, None);
    (scene, head)
}

fn merged_back() -> Stage {
    merge_back().0.prove()
}

fn merged_back_reviewed() -> Stage {
    let (mut scene, head) = merge_back();
    scene.review("ben", &head, "before");
    scene.prove()
}

/// A change that ada opens on the forge: one commit of hers off `start`.
fn opened(hosted: &mut Hosted, name: &str, file: &str, line: usize) -> u64 {
    hosted.scene.git(&["checkout", "-q", "-b", name, "start"]);
    hosted.scene.edit(file, line, name);
    let author = if hosted.story.kind == Kind::Github { "Ada" } else { "ada" };
    hosted.scene.commit_unsigned(author, name);
    hosted.scene.git(&["checkout", "-q", "main"]);
    hosted.open_as_it_is(hosted.ada, name)
}

fn squash(hosted: &Hosted, name: &str) -> String {
    hosted.scene.git(&["merge", "-q", "--squash", name]);
    hosted.scene.commit_unsigned("GitHub", name)
}

fn queue_squash_sibling() -> Stage {
    let (mut hosted, first) = approved();
    let second = opened(&mut hosted, "sibling", "b.txt", 4);
    for (number, name) in [(first, "feature"), (second, "sibling")] {
        let landed = squash(&hosted, name);
        hosted.landed(number, &landed, Way::Queue);
    }
    hosted.prove(&[first, second])
}

fn queue_ways() -> Stage {
    let (mut hosted, first) = approved();
    let second = opened(&mut hosted, "second", "b.txt", 4);
    let third = opened(&mut hosted, "third", "b.txt", 14);
    hosted.approve(second, hosted.cy);
    hosted.push(third, hosted.ada, "third", "Ada");
    hosted.approve(third, hosted.ben);
    let landed = hosted.scene.merge("feature");
    hosted.landed(first, &landed, Way::Queue);
    let landed = squash(&hosted, "second");
    hosted.landed(second, &landed, Way::Queue);
    hosted.scene.git(&["cherry-pick", "--no-ff", "start..third"]);
    let landed = hosted.scene.id("HEAD");
    hosted.landed(third, &landed, Way::Queue);
    hosted.prove(&[first, second, third])
}

/// A train on GitLab: every change is merged on top of the one before it, and the branch is moved along.
fn train_of(unapproved: Option<&str>, land: impl FnOnce(&mut Hosted, &[(u64, &str)])) -> Stage {
    let mut hosted = Hosted::on(Kind::Gitlab);
    hosted.scene.asking(|p| p.forge_rules = ForgeRules::Any);
    let mut cars = Vec::new();
    for (name, file, line) in [("one", "a.txt", 3), ("two", "b.txt", 3), ("three", "b.txt", 14)] {
        let number = opened(&mut hosted, name, file, line);
        if unapproved != Some(name) {
            hosted.approve(number, hosted.ben);
        }
        cars.push((number, name));
    }
    land(&mut hosted, &cars);
    let numbers: Vec<u64> = cars.iter().map(|(number, _)| *number).collect();
    hosted.prove(&numbers)
}

fn pull_along(hosted: &mut Hosted, cars: &[(u64, &str)]) {
    for (number, name) in cars {
        let landed = hosted.scene.merge(name);
        hosted.landed(*number, &landed, Way::Merge);
    }
}

fn train() -> Stage {
    train_of(None, pull_along)
}

fn train_sibling() -> Stage {
    train_of(Some("two"), pull_along)
}

/// The second car is taken out, and the third lands with the tree that was made on top of it.
fn train_leftover() -> Stage {
    train_of(None, |hosted, cars| {
        let [first, _, third] = cars else { return };
        pull_along(hosted, std::slice::from_ref(first));
        let before = hosted.scene.id("main");
        hosted.scene.merge("two");
        let tree = format!("{}^{{tree}}", hosted.scene.merge("three"));
        let third_head = hosted.scene.id("three");
        let landed = hosted.scene.git(&["commit-tree", &tree, "-p", &before, "-p", &third_head, "-m", "merge"]);
        hosted.scene.git(&["update-ref", MAIN, &landed]);
        hosted.landed(third.0, &landed, Way::Merge);
    })
}

fn point(scene: &Scene, to: &str) {
    let entry = format!("160000,{},library", to.repeat(40));
    scene.git(&["update-index", "--add", "--cacheinfo", &entry]);
}

/// A signed commit of the index, with a submodule that points elsewhere.
fn bump(scene: &Scene, to: &str, arguments: &[&str]) -> String {
    point(scene, to);
    scene.git_as(Some("ada"), "ada", &[&["commit", "-q"], arguments].concat());
    scene.id("HEAD")
}

/// A repository with a submodule, two branches that move it to these commits, and one of them merged.
fn bumps(one: &str, two: &str) -> Scene {
    let mut scene = Scene::default();
    std::fs::create_dir(scene.repo().join("library")).expect("a folder");
    bump(&scene, "1", &["-m", "a submodule"]);
    scene.git(&["tag", "-f", "start"]);
    for (name, to, file) in [("one", one, "a.txt"), ("two", two, "b.txt")] {
        scene.git(&["checkout", "-q", "-b", name, "start"]);
        scene.edit(file, 3, name);
        scene.git(&["add", file]);
        let head = bump(&scene, to, &["-m", name]);
        scene.git(&["checkout", "-q", "main"]);
        scene.review("ben", &head, "start");
    }
    merge(&scene, &["one"]);
    scene
}

fn submodule_both() -> Stage {
    let scene = bumps("2", "3");
    // Git leaves that to people.
    scene.git(&["cat-file", "-e", "two"]);
    scene.git(&["read-tree", "-m", "--aggressive", "-i", "start", "main", "two"]);
    point(&scene, "3");
    let tree = scene.git(&["write-tree"]);
    let (main, two) = (scene.id("main"), scene.id("two"));
    let landed = scene.git(&["commit-tree", &tree, "-p", &main, "-p", &two, "-m", "merge"]);
    scene.git(&["update-ref", MAIN, &landed]);
    scene.prove()
}

fn submodule_same() -> Stage {
    let scene = bumps("2", "2");
    merge(&scene, &["two"]);
    scene.prove()
}

fn submodule_one() -> Stage {
    let scene = bumps("2", "1");
    merge(&scene, &["two"]);
    scene.prove()
}

fn submodule_evil() -> Stage {
    let scene = bumps("1", "1");
    scene.git(&["merge", "-q", "--no-ff", "--no-commit", "two"]);
    bump(&scene, "9", &["--no-edit"]);
    scene.prove()
}

fn submodule_refused() -> Stage {
    let mut scene = bumps("2", "2");
    scene.asking(|asked| asked.hidden_content = BTreeSet::from([HiddenKind::Submodule]));
    scene.prove()
}

fn sha256() -> Stage {
    let mut scene = Scene::named_by_sha256();
    assert_eq!(land(&mut scene, "merged", "a.txt", 3).len(), 64);
    let base = scene.id("main");
    let head = branch(&scene, "squashed", "main", "a.txt", 9);
    scene.review("ben", &head, &base);
    let rebased = branch(&scene, "rebased", "main", "b.txt", 3);
    let rebased_too = commit(&scene, "rebased", "b.txt", 9);
    scene.review("ben", &rebased_too, &base);
    scene.git(&["merge", "-q", "--squash", "squashed"]);
    scene.commit("ada", "squash");
    for step in [&rebased, &rebased_too] {
        scene.git_as(Some("ada"), "ada", &["cherry-pick", step]);
    }
    scene.prove()
}

fn sha256_evil() -> Stage {
    let mut scene = Scene::named_by_sha256();
    let head = branch(&scene, "feature", "main", "a.txt", 3);
    scene.review("ben", &head, "start");
    scene.git(&["merge", "-q", "--no-ff", "--no-commit", "feature"]);
    scene.edit("b.txt", 9, "evil");
    scene.commit("ada", "merge");
    scene.prove()
}

fn start_rewritten() -> Stage {
    let mut scene = Scene::default();
    land(&mut scene, "promoted", "a.txt", 3);
    scene.git(&["tag", "promoted-then"]);
    scene.git_as(Some("ada"), "ada", &["commit", "-q", "--amend", "-m", "the same tree, another commit"]);
    land(&mut scene, "feature", "b.txt", 3);
    scene.prove_range(Some("promoted-then"), MAIN)
}

fn start_gone() -> Stage {
    let mut scene = Scene::default();
    land(&mut scene, "feature", "b.txt", 3);
    scene.prove_range(Some(&"7".repeat(40)), MAIN)
}

fn rewritten_before() -> Stage {
    let mut scene = Scene::default();
    scene.edit("a.txt", 1, "then");
    scene.commit("ada", "then");
    // All of it is made anew, and only then does review begin.
    scene.git_as(Some("ada"), "ada", &["rebase", "-q", "--root", "--force-rebase", "--no-gpg-sign"]);
    scene.git(&["tag", "-f", "start"]);
    land(&mut scene, "feature", "b.txt", 3);
    scene.prove()
}

/// A repository of several teams, each with a folder and two reviewed changes in the range.
fn teams() -> Scene {
    let mut scene = Scene::default();
    for team in ["payments", "search", "web"] {
        scene.write(&format!("{team}/main.txt"), &super::scene::lines(20, team));
    }
    scene.commit("ada", "folders");
    scene.git(&["tag", "-f", "start"]);
    for round in [3, 12] {
        for team in ["payments", "search", "web"] {
            land(&mut scene, &format!("{team}-{round}"), &format!("{team}/main.txt"), round);
        }
    }
    scene
}

fn monorepo() -> Stage {
    teams().prove()
}

fn other_team() -> Stage {
    let scene = teams();
    scene.edit("search/main.txt", 17, "nobody of payments builds this");
    scene.commit("ada", "search alone");
    scene.prove()
}

/// The forge's clock is a year ahead of everybody else's. What came before what is told by its order of events.
fn clock_ahead() -> Stage {
    let mut hosted = Hosted::new();
    hosted.story.now = hosted.story.now.plus(365 * 24 * 60 * 60);
    let number = hosted.open(hosted.ada, "feature", "Ada");
    hosted.approve(number, hosted.ben);
    hosted.merge(number, "feature");
    hosted.prove(&[number])
}

/// Commits that say they were made before and after all others: a date proves nothing, and harms nothing.
fn dates() -> Stage {
    let mut scene = Scene::default();
    scene.git(&["checkout", "-q", "-b", "feature"]);
    for (line, date) in [(3, "2099-01-01T00:00:00Z"), (9, "1970-01-02T00:00:00Z")] {
        scene.edit("a.txt", line, date);
        scene.commit_unsigned("Ada", date);
        scene.amend(true, &format!("--date={date}"), date);
    }
    let head = scene.id("HEAD");
    scene.git(&["checkout", "-q", "main"]);
    scene.review("ben", &head, "start");
    scene.review("cy", &head, "start");
    merge(&scene, &["feature"]);
    scene.prove()
}
