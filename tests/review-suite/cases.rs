//! The cases.

use super::scene::{MAIN, REPOSITORY, Scene, lines};
use super::{Case, Stage};
use countersign_core::finding::Verdict::{Fail, Indeterminate, Pass};
use countersign_core::statement::review::ReviewDecision;
use countersign_decide::review::{AgreedBefore, BaseDrift};

pub(super) fn all() -> Vec<Case> {
    let case = |id, what, verdict, code, set| Case { id, what, verdict, code, set };
    vec![
        case("E02", "one reviewer approves twice where two are needed", Fail, "review-missing", e02),
        case("E08-signed", "the approver pushed the last commit", Fail, "review-missing", e08),
        case("E09-signed", "the approver made an earlier commit under a forged author", Fail, "review-missing", e09),
        case("E10", "the approver is a co-author by trailer", Fail, "review-missing", e10),
        case("E23", "a direct push", Fail, "review-missing", e23),
        case("E26", "an evil merge adds what nobody saw", Fail, "merge-tree-mismatch", e26),
        case("E27", "a squash differs from the merge tree", Fail, "squash-tree-mismatch", e27),
        case("E28-drops", "a rebase drops a commit", Fail, "squash-tree-mismatch", e28_drops),
        case("E28-reorders", "a rebase reorders commits to the same end", Fail, "rebase-mismatch", e28_reorders),
        case("E30", "a commit and its revert hide a reachable commit", Fail, "review-missing", e30),
        case("E31", "approved on main, cherry-picked with more", Fail, "squash-tree-mismatch", e31),
        case("E39", "an update-branch merge lands edits after approval", Fail, "review-missing", e39),
        case("E42-replace", "a replace ref", Fail, "history-replaced", e42_replace),
        case("E42-grafts", "grafts", Fail, "history-replaced", e42_grafts),
        case("E42-shallow", "a shallow clone", Indeterminate, "history-shallow", e42_shallow),
        case("E44-two-keys", "two keys of one person count as one person", Fail, "review-missing", e44_two_keys),
        case("E44-shared", "one key for two persons never becomes trust", Fail, "key-shared", e44_shared),
        case("E46-repository", "a review replayed to another repository", Fail, "review-missing", e46_repository),
        case("E46-branch", "a review replayed to another branch", Fail, "review-missing", e46_branch),
        case("E53", "the first release without a start", Indeterminate, "start-unknown", e53),
        case("E54", "an empty range", Indeterminate, "range-empty", e54),
        case("E58", "a commit under another's name, approved with the attacker's own key", Fail, "review-missing", e58),
        case("E59-driver", "a merge driver of the repository's configuration", Fail, "merge-tree-mismatch", e59_driver),
        case("E59-union", "merge=union by the tree's attributes", Indeterminate, "merge-attribute", e59_union),
        case("E24", "a rewritten branch", Fail, "history-rewritten", e24),
        case("R01", "a rejection by a trusted person", Fail, "review-rejected", rejected),
        case("R18", "what was rejected lands under another name", Fail, "review-rejected", || renamed(&["cy"])),
        case(
            "+answered",
            "what was rejected lands under another name, and its reviewer approves that",
            Pass,
            "",
            || renamed(&["cy", "ben"]),
        ),
        case("R02", "an approval that was revoked", Fail, "review-missing", revoked),
        case("R03", "an approval of an earlier head", Fail, "review-missing", earlier_head),
        case("R04", "a review of a stranger", Fail, "review-missing", stranger),
        case("R05", "a review that names another listing", Fail, "listing-mismatch", other_listing),
        case("R06", "one approval for two landings of the same patch", Fail, "review-missing", used_twice),
        case("R07", "the branch moved, and the policy wants the review again", Fail, "base-drift", drift_reapproved),
        case("R08", "agreement before landing, which nothing shows", Indeterminate, "review-time-unknown", landing),
        case("R09", "one approval where the policy wants two", Fail, "review-missing", two_beyond),
        case("R10-merge", "the reviewer's base hides a commit of what is merged", Fail, "review-missing", hidden_merge),
        case(
            "R10-squash",
            "the reviewer's base hides a commit of what is squashed",
            Fail,
            "review-missing",
            hidden_squash,
        ),
        case("R10-ff", "the reviewer's base hides a commit of a fast-forward", Fail, "review-missing", hidden_forward),
        case("R11-nothing", "a review of nothing: its base is the head itself", Fail, "review-missing", base_is_head),
        case("R11-after", "a review after the landing, on a base that has it", Fail, "review-missing", base_after),
        case("R16", "a trailer that says who reviewed, and nothing else", Fail, "review-missing", trailer),
        case("+after", "a review after the landing, on the base before it", Pass, "", honest_after),
        case("+merge", "an honest merge", Pass, "", honest_merge),
        case("+drift", "an honest merge after the branch moved on", Pass, "", honest_drift),
        case("+squash", "an honest squash", Pass, "", honest_squash),
        case("+rebase", "an honest rebase", Pass, "", honest_rebase),
        case("+ff", "an honest fast-forward", Pass, "", honest_fast_forward),
        case("+outsider", "an outsider's change with two approvals", Pass, "", honest_outsider),
        case("+two", "two changes, both reviewed", Pass, "", honest_two),
    ]
}

fn merged(author: &str, approvers: &[&str]) -> Scene {
    let mut scene = Scene::default();
    let head = scene.feature(author);
    for approver in approvers {
        scene.review(approver, &head, "start");
    }
    scene.merge("feature");
    scene
}

/// A branch of two commits, the first of which the reviewer is not shown: she names it as her base.
fn hidden(land: impl FnOnce(&Scene)) -> Stage {
    let mut scene = Scene::default();
    scene.git(&["checkout", "-q", "-b", "feature"]);
    scene.edit("b.txt", 3, "smuggled");
    let smuggled = scene.commit("ada", "smuggled");
    scene.edit("a.txt", 2, "feature");
    let head = scene.commit("ada", "feature");
    scene.git(&["checkout", "-q", "main"]);
    scene.review("ben", &head, &smuggled);
    land(&scene);
    scene.prove()
}

fn hidden_merge() -> Stage {
    hidden(|scene| drop(scene.merge("feature")))
}

fn hidden_squash() -> Stage {
    hidden(|scene| {
        scene.git(&["merge", "-q", "--squash", "feature"]);
        scene.commit("ada", "squash");
    })
}

fn hidden_forward() -> Stage {
    hidden(|scene| drop(scene.git(&["merge", "-q", "--ff-only", "feature"])))
}

fn base_is_head() -> Stage {
    let mut scene = Scene::default();
    let head = scene.feature("ada");
    scene.review("ben", &head, "start");
    scene.review_with("ben", |review| review.base_commit = review.head_commit);
    scene.merge("feature");
    scene.prove()
}

fn base_after() -> Stage {
    let mut scene = Scene::default();
    let head = scene.feature("ada");
    let landed = scene.merge("feature");
    scene.review("ben", &head, "start");
    scene.review_with("ben", |review| review.base_commit = landed.parse().expect("an id"));
    scene.prove()
}

fn trailer() -> Stage {
    let scene = Scene::default();
    scene.git(&["checkout", "-q", "-b", "feature"]);
    scene.edit("a.txt", 2, "feature");
    scene.commit("ada", "feature\n\nReviewed-by: Ben <ben@example.com>");
    scene.git(&["checkout", "-q", "main"]);
    scene.merge("feature");
    scene.prove()
}

fn honest_after() -> Stage {
    let mut scene = Scene::default();
    let head = scene.feature("ada");
    scene.merge("feature");
    scene.review("ben", &head, "start");
    scene.prove()
}

/// A change of somebody's whom trust does not know, which these people approve.
fn by_outsider(approvers: &[&str]) -> Stage {
    let mut scene = Scene::default();
    scene.git(&["checkout", "-q", "-b", "feature"]);
    scene.edit("a.txt", 2, "feature");
    let head = scene.commit_unsigned("Outsider", "feature");
    scene.git(&["checkout", "-q", "main"]);
    for person in approvers {
        scene.review(person, &head, "start");
    }
    scene.merge("feature");
    scene.prove()
}

fn e02() -> Stage {
    by_outsider(&["ben", "ben"])
}

fn e08() -> Stage {
    let mut scene = Scene::default();
    scene.feature("ada");
    scene.git(&["checkout", "-q", "feature"]);
    scene.edit("a.txt", 5, "more");
    let head = scene.commit("ben", "more");
    scene.git(&["checkout", "-q", "main"]);
    scene.review("ben", &head, "start");
    scene.merge("feature");
    scene.prove()
}

fn e09() -> Stage {
    let mut scene = Scene::default();
    scene.git(&["checkout", "-q", "-b", "feature"]);
    scene.edit("b.txt", 3, "smuggled");
    scene.commit_unsigned("Ada", "looks like ada's");
    scene.edit("a.txt", 2, "feature");
    let head = scene.commit("ada", "feature");
    scene.git(&["checkout", "-q", "main"]);
    scene.review("ben", &head, "start");
    scene.merge("feature");
    scene.prove()
}

fn e10() -> Stage {
    let mut scene = Scene::new();
    let with_account = scene
        .trust_text(&["ada", "ben", "cy"])
        .replace("id = \"ben\"\n", "id = \"ben\"\naccounts = [{ host = \"github.com\", id = 42 }]\n");
    scene.trust(&with_account);
    scene.git(&["checkout", "-q", "-b", "feature"]);
    scene.edit("a.txt", 2, "feature");
    let head = scene.commit("ada", "feature\n\nCo-authored-by: Ben <42+ben@users.noreply.github.com>");
    scene.git(&["checkout", "-q", "main"]);
    scene.review("ben", &head, "start");
    scene.review("cy", &head, "start");
    scene.merge("feature");
    scene.prove()
}

fn e23() -> Stage {
    let scene = Scene::default();
    scene.edit("a.txt", 2, "pushed");
    scene.commit("ada", "pushed");
    scene.prove()
}

fn e26() -> Stage {
    let mut scene = Scene::default();
    let head = scene.feature("ada");
    scene.review("ben", &head, "start");
    scene.git(&["merge", "-q", "--no-ff", "--no-commit", "feature"]);
    scene.edit("b.txt", 9, "evil");
    scene.commit("ada", "merge");
    scene.prove()
}

fn e27() -> Stage {
    let mut scene = Scene::default();
    let head = scene.feature("ada");
    scene.review("ben", &head, "start");
    scene.git(&["merge", "-q", "--squash", "feature"]);
    scene.edit("b.txt", 9, "evil");
    scene.commit("ada", "squash");
    scene.prove()
}

/// A branch with two commits to different files, approved by ben.
fn two_commits(scene: &mut Scene) -> (String, String) {
    scene.git(&["checkout", "-q", "-b", "feature"]);
    scene.edit("a.txt", 2, "one");
    let one = scene.commit("ada", "one");
    scene.edit("b.txt", 2, "two");
    let two = scene.commit("ada", "two");
    scene.git(&["checkout", "-q", "main"]);
    scene.review("ben", &two, "start");
    // The branch moves on, so that a rebase is not a fast-forward.
    (one, two)
}

fn e28_drops() -> Stage {
    let mut scene = Scene::default();
    let (one, _) = two_commits(&mut scene);
    scene.git_as(Some("ada"), "ada", &["cherry-pick", "--no-ff", &one]);
    // The second commit never lands.
    scene.prove()
}

fn e28_reorders() -> Stage {
    let mut scene = Scene::default();
    let (one, two) = two_commits(&mut scene);
    scene.git_as(Some("cy"), "cy", &["cherry-pick", &two]);
    scene.git_as(Some("cy"), "cy", &["cherry-pick", &one]);
    scene.prove()
}

fn e30() -> Stage {
    let mut scene = Scene::default();
    let head = scene.feature("ada");
    scene.review("ben", &head, "start");
    scene.edit("b.txt", 3, "secret");
    scene.commit("ada", "hidden");
    scene.git_as(Some("ada"), "ada", &["revert", "--no-edit", "HEAD"]);
    scene.merge("feature");
    scene.prove()
}

fn e31() -> Stage {
    let mut scene = Scene::default();
    let head = scene.feature("ada");
    scene.review("ben", &head, "start");
    scene.git(&["cherry-pick", "--no-commit", &head]);
    scene.edit("b.txt", 9, "more");
    scene.commit("ada", "picked");
    scene.prove()
}

fn e39() -> Stage {
    let mut scene = Scene::default();
    let head = scene.feature("ada");
    scene.review("ben", &head, "start");
    let reviewed = scene.id("main");
    scene.git(&["checkout", "-q", "feature"]);
    scene.git(&[
        "merge",
        "-q",
        "--no-ff",
        "-m",
        "update branch",
        "main",
        "--strategy=ours",
        "--allow-unrelated-histories",
    ]);
    scene.edit("b.txt", 9, "edited while updating");
    scene.commit("ada", "update branch");
    scene.git(&["checkout", "-q", "main"]);
    assert_eq!(scene.id("main"), reviewed, "main has not moved");
    scene.merge("feature");
    scene.prove()
}

fn e42_replace() -> Stage {
    let scene = merged("ada", &["ben"]);
    let head = scene.id("feature");
    let other = scene.id("start");
    scene.git(&["replace", &head, &other]);
    scene.prove()
}

fn e42_grafts() -> Stage {
    let scene = merged("ada", &["ben"]);
    let (head, start) = (scene.id("feature"), scene.id("start"));
    std::fs::create_dir_all(scene.repo().join(".git/info")).expect("a folder");
    std::fs::write(scene.repo().join(".git/info/grafts"), format!("{head} {start}\n")).expect("written");
    scene.prove()
}

fn e42_shallow() -> Stage {
    let scene = merged("ada", &["ben"]);
    let from = format!("file://{}", scene.repo().display());
    let to = scene.path().join("clone");
    scene.git(&["clone", "-q", "--depth", "1", &from, &to.display().to_string()]);
    let tip = scene.id("main");
    let start = scene.id("start");
    // The tip is there, its history is not: even the start has to be named by its id.
    scene.prove_in(to, Some(&start), &tip)
}

fn e44_two_keys() -> Stage {
    let mut scene = Scene::default();
    let second = scene.new_key("ben-second");
    let line = std::fs::read_to_string(second.with_extension("pub")).expect("a key");
    let both = scene.trust_text(&["ada", "ben", "cy"]).replace(
        &format!("keys = [{{ key = \"{}\" }}]", scene.public("ben")),
        &format!("keys = [{{ key = \"{}\" }}, {{ key = \"{}\" }}]", scene.public("ben"), line.trim()),
    );
    scene.trust(&both);
    scene.git(&["checkout", "-q", "-b", "feature"]);
    scene.edit("a.txt", 2, "feature");
    let head = scene.commit_unsigned("Outsider", "feature");
    scene.git(&["checkout", "-q", "main"]);
    scene.review("ben", &head, "start");
    scene.review("ben", &head, "start");
    scene.review_with("ben-second", |review| review.nonce.push('2'));
    scene.review("ben", &head, "start");
    scene.merge("feature");
    scene.prove()
}

fn e44_shared() -> Stage {
    let mut scene = merged("ada", &["ben"]);
    // As trust spells keys: without the word behind them.
    let key = |person: &str| scene.public(person).split(' ').take(2).collect::<Vec<_>>().join(" ");
    let (ada, ben) = (key("ada"), key("ben"));
    scene.trust_altered(|text| text.replace(&ben, &ada));
    scene.prove()
}

fn replayed(repository: &str, branch: &str) -> Stage {
    let mut scene = Scene::default();
    let head = scene.feature("ada");
    scene.review_as("ben", &head, "start", ReviewDecision::Approve, repository, branch);
    scene.merge("feature");
    scene.prove()
}

fn e46_repository() -> Stage {
    replayed("git+https://example.com/other", MAIN)
}

fn e46_branch() -> Stage {
    replayed(REPOSITORY, "refs/heads/experiments")
}

fn e53() -> Stage {
    merged("ada", &["ben"]).prove_range(None, MAIN)
}

fn e54() -> Stage {
    let scene = merged("ada", &["ben"]);
    scene.prove_range(Some("main"), MAIN)
}

fn e58() -> Stage {
    let mut scene = Scene::default();
    scene.git(&["checkout", "-q", "-b", "feature"]);
    scene.edit("a.txt", 2, "attack");
    let head = scene.commit_unsigned("ada", "as if by ada");
    scene.git(&["checkout", "-q", "main"]);
    scene.review("ben", &head, "start");
    scene.merge("feature");
    scene.prove()
}

/// Both sides change the same file, far apart, so that the merge is clean; the driver does as it likes.
fn e59_driver() -> Stage {
    let mut scene = Scene::default();
    let head = scene.feature("ada");
    scene.review("ben", &head, "start");
    scene.git(&["checkout", "-q", "-b", "second"]);
    scene.edit("a.txt", 15, "second");
    let second = scene.commit("cy", "second");
    scene.git(&["checkout", "-q", "main"]);
    scene.review("ben", &second, "start");
    scene.merge("second");
    std::fs::create_dir_all(scene.repo().join(".git/info")).expect("a folder");
    std::fs::write(scene.repo().join(".git/info/attributes"), "a.txt merge=evil\n").expect("written");
    scene.git(&["config", "merge.evil.driver", "cp %B %A && echo smuggled >> %A"]);
    scene.merge("feature");
    scene.prove()
}

fn e59_union() -> Stage {
    let mut scene = Scene::default();
    scene.write(".gitattributes", "*.txt merge=union\n");
    scene.commit("ada", "attributes");
    scene.git(&["tag", "-f", "start"]);
    let head = scene.feature("ada");
    scene.review("ben", &head, "start");
    scene.edit("a.txt", 2, "the same line, otherwise");
    let direct = scene.commit("ada", "on main");
    scene.review("ben", &direct, "start");
    scene.merge("feature");
    scene.prove()
}

fn e24() -> Stage {
    let mut scene = Scene::default();
    scene.edit("b.txt", 1, "promoted");
    scene.commit("ada", "promoted");
    scene.git(&["tag", "promoted"]);
    scene.git(&["reset", "-q", "--hard", "start"]);
    let head = scene.feature("ada");
    scene.review("ben", &head, "start");
    scene.merge("feature");
    scene.prove_range(Some("promoted"), MAIN)
}

fn rejected() -> Stage {
    let mut scene = merged("ada", &["ben"]);
    let head = scene.id("feature");
    scene.review_as("cy", &head, "start", ReviewDecision::Reject, REPOSITORY, MAIN);
    scene.prove()
}

fn revoked() -> Stage {
    let mut scene = merged("ada", &["ben"]);
    let head = scene.id("feature");
    scene.review_as("ben", &head, "start", ReviewDecision::Revoke, REPOSITORY, MAIN);
    scene.prove()
}

fn earlier_head() -> Stage {
    let mut scene = Scene::default();
    let head = scene.feature("ada");
    scene.review("ben", &head, "start");
    scene.git(&["checkout", "-q", "feature"]);
    scene.edit("b.txt", 2, "after the approval");
    scene.commit("ada", "after");
    scene.git(&["checkout", "-q", "main"]);
    scene.merge("feature");
    scene.prove()
}

fn stranger() -> Stage {
    let mut scene = merged("ada", &[]);
    let head = scene.id("feature");
    scene.review("stranger", &head, "start");
    scene.prove()
}

fn other_listing() -> Stage {
    let mut scene = Scene::default();
    let head = scene.feature("ada");
    scene.review("ben", &head, "start");
    scene.review_with("ben", |review| review.head_listing = countersign_core::digest::Sha256::of(b"other"));
    scene.merge("feature");
    scene.prove()
}

fn used_twice() -> Stage {
    let mut scene = Scene::default();
    let head = scene.feature("ada");
    scene.review("ben", &head, "start");
    scene.git(&["merge", "-q", "--squash", "feature"]);
    scene.commit("ada", "squash");
    scene.git_as(Some("ada"), "ada", &["revert", "--no-edit", "HEAD"]);
    scene.git(&["merge", "-q", "--squash", "feature"]);
    scene.commit("ada", "squash again");
    scene.prove()
}

fn drift_reapproved() -> Stage {
    let mut scene = drifted();
    scene.asking(|asked| asked.base_drift = BaseDrift::Reapprove);
    scene.prove()
}

fn landing() -> Stage {
    let mut scene = merged("ada", &["ben"]);
    scene.asking(|asked| asked.agreed_before = AgreedBefore::Landing);
    scene.prove()
}

fn two_beyond() -> Stage {
    let mut scene = merged("ada", &["ben"]);
    scene.asking(|asked| asked.reviewers_beyond_author = 2);
    scene.prove()
}

fn honest_merge() -> Stage {
    merged("ada", &["ben"]).prove()
}

fn honest_drift() -> Stage {
    drifted().prove()
}

/// A change that was reviewed on a base that had moved on when it landed.
fn drifted() -> Scene {
    let mut scene = Scene::default();
    let head = scene.feature("ada");
    scene.review("ben", &head, "start");
    scene.git(&["checkout", "-q", "-b", "second", "main"]);
    scene.edit("a.txt", 15, "second");
    let second = scene.commit("cy", "second");
    scene.git(&["checkout", "-q", "main"]);
    scene.review("ben", &second, "start");
    scene.merge("second");
    scene.merge("feature");
    scene
}

fn honest_squash() -> Stage {
    let mut scene = Scene::default();
    let head = scene.feature("ada");
    scene.review("ben", &head, "start");
    scene.git(&["merge", "-q", "--squash", "feature"]);
    scene.commit_unsigned("GitHub", "squash");
    scene.prove()
}

fn honest_rebase() -> Stage {
    let mut scene = Scene::default();
    let (one, two) = two_commits(&mut scene);
    scene.git(&["checkout", "-q", "-b", "second", "main"]);
    scene.write("c.txt", &lines(5, ""));
    let second = scene.commit("cy", "second");
    scene.git(&["checkout", "-q", "main"]);
    scene.review("ben", &second, "start");
    scene.merge("second");
    scene.git_as(None, "GitHub", &["cherry-pick", &one]);
    scene.git_as(None, "GitHub", &["cherry-pick", &two]);
    scene.prove()
}

fn honest_fast_forward() -> Stage {
    let mut scene = Scene::default();
    let (_, two) = two_commits(&mut scene);
    scene.git(&["merge", "-q", "--ff-only", &two]);
    scene.prove()
}

fn honest_outsider() -> Stage {
    by_outsider(&["ben", "cy"])
}

fn honest_two() -> Stage {
    let mut scene = merged("ada", &["ben"]);
    let base = scene.id("main");
    scene.git(&["checkout", "-q", "-b", "next"]);
    scene.edit("b.txt", 4, "next");
    let head = scene.commit("cy", "next");
    scene.git(&["checkout", "-q", "main"]);
    scene.review("ada", &head, &base);
    scene.git(&["merge", "-q", "--squash", "next"]);
    scene.commit("cy", "next, squashed");
    scene.prove()
}

/// Ben rejects a head. It is squashed, and these people approve the squash itself.
fn renamed(approvers: &[&str]) -> Stage {
    let mut scene = Scene::default();
    let head = scene.feature("ada");
    scene.review_as("ben", &head, "start", ReviewDecision::Reject, REPOSITORY, MAIN);
    scene.git(&["merge", "-q", "--squash", "feature"]);
    let squash = scene.commit("ada", "another name");
    for person in approvers {
        scene.review(person, &squash, "start");
    }
    scene.prove()
}
