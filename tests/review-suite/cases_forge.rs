//! The cases in which a forge is the witness: its record is read over HTTP by a collector of trust.

use super::hosted::Hosted;
use super::{Case, Stage};
use crate::forge::{Opinion, Way};
use countersign_core::finding::Verdict::{Fail, Indeterminate, Pass};
use countersign_core::forge::derive;
use countersign_core::statement::review::{ReviewDecision, Tier};

const MISSING: &str = "review-missing";

pub(super) fn all() -> Vec<Case> {
    let case = |id, what, verdict, code, set| Case { id, what, verdict, code, set };
    vec![
        case("E01", "the author approves from a second account of hers", Fail, MISSING, e01),
        case("E03", "the author approves under a new name: numbers compare", Fail, MISSING, e03),
        case("E04", "a push after the approval, which nobody takes back", Fail, MISSING, e04),
        case("E05", "the same, with an author date before the approval", Fail, MISSING, e05),
        case("E06", "the same, with a committer date before the approval", Fail, MISSING, e06),
        case("E07", "a push between the approval and the reading of it", Fail, MISSING, e07),
        case("E08-forge", "the approver pushed the last commit", Fail, MISSING, e08),
        case("E09-forge", "the approver pushed a commit under a forged author", Fail, MISSING, e09),
        case("E11", "the author is written `updates[bot]`", Fail, MISSING, e11),
        case("E12", "the author's address is a robot's no-reply address", Fail, MISSING, e12),
        case("E13", "a person named like a robot changes something alone", Fail, MISSING, e13),
        case("E14", "an app approves", Fail, MISSING, e14),
        case("E15", "a robot opens, and who asked it to approves", Fail, MISSING, e15),
        case("E16", "a person pushes onto a robot's branch", Fail, MISSING, e16),
        case("E17", "an outsider writes /lgtm", Fail, MISSING, e17),
        case("E18-reader", "an approval by an account that may only read", Fail, MISSING, e18_reader),
        case("E18-outside", "an approval by an account from outside", Fail, MISSING, e18_outside),
        case("E19-later", "the approver is trusted now, and was not then", Fail, MISSING, e19_later),
        case("E19-earlier", "the approver was trusted then, and is not now", Fail, MISSING, e19_earlier),
        case("E20", "an administrator goes past the rules", Fail, "rules-bypassed", e20),
        case("E21", "the rules are changed after the landing", Fail, "rules-changed", e21),
        case("E22-watch", "rules that only watch", Fail, "rules-not-enforced", e22_watch),
        case("E22-bypass", "rules with somebody who may go past them", Fail, "rules-not-enforced", e22_bypass),
        case("E22-hidden", "who may go past the rules is hidden", Indeterminate, "rules-unknown", e22_hidden),
        case("E29", "a queue lands an unreviewed sibling", Fail, MISSING, e29),
        case("E32", "an approval in a fork", Fail, MISSING, e32),
        case("E33", "the change is meant for another branch after the approval", Fail, MISSING, e33),
        case("E34", "the approval is of an earlier change of the same commits", Fail, MISSING, e34),
        case("E35", "one commit in two changes, and only the other is approved", Fail, MISSING, e35),
        case("E36-dismissed", "the approval was dismissed", Fail, MISSING, e36_dismissed),
        case("E36-revived", "an old approval behind changes requested that were dismissed", Fail, MISSING, e36_revived),
        case("E36-stands", "changes requested that stand", Fail, "review-rejected", e36_stands),
        case("E37", "an approval after the landing", Fail, MISSING, e37),
        case("E38", "more commits than the forge lists", Indeterminate, "forge-shortfall", e38),
        case("E41", "a robot's paths cover a file that becomes executable", Fail, MISSING, e41),
        case("E45", "the account was withdrawn before the review", Fail, MISSING, e45),
        case("E48", "the second reviewer is a build's identity", Fail, "signer-not-allowed", e48),
        case("E49", "the record is signed by the author's own CI job", Fail, "signer-not-allowed", e49),
        case("E50-host", "the collector is not believed about this forge", Fail, "forge-collector", e50_host),
        case("E50-absent", "the forge's answers are absent", Indeterminate, "forge-capture-missing", e50_absent),
        case(
            "E50-differs",
            "the record is not what the forge's answers give",
            Fail,
            "forge-capture-differs",
            e50_differs,
        ),
        case("E55", "the approver's account was deleted", Indeterminate, "reviewer-gone", e55),
        case("E56", "an approval in the second of the push", Fail, MISSING, e56),
        case("E57", "an approval that the forge shows for a later head", Fail, MISSING, e57),
        case("E60-paths", "a robot's change goes beyond its paths", Fail, MISSING, e60_paths),
        case("E60-size", "a robot's change is larger than its exception", Fail, MISSING, e60_size),
        case("R12", "a robot's own change that was only read afterwards", Fail, MISSING, robot_afterwards),
        case("R15", "a person's signed commit under a robot's name and account", Fail, MISSING, robot_signed),
        case("R13-afterwards", "evidence of a lower tier than is asked for", Fail, "review-tier", lower_tier),
        case(
            "R13-live",
            "what was observed as it happened, where a signature is asked for",
            Fail,
            "review-tier",
            seen_live,
        ),
        case("R17", "a review that names another repository by the forge's number", Fail, MISSING, || numbered("1")),
        case("+forge-number", "a review that names the repository by the forge's number", Pass, "", || {
            numbered("4001")
        }),
        case(
            "R19",
            "the forge's base hides a commit from whoever approved there",
            Fail,
            MISSING,
            hidden_from_the_forge,
        ),
        case("R36", "the files that were approved, on a base that has moved on", Fail, MISSING, same_files_later),
        case("R14", "a rejection by signature beside an approval on the forge", Fail, "review-rejected", both_ways),
    ]
}

/// A change by ada, opened and pushed by her.
pub(super) fn by_ada() -> (Hosted, u64) {
    let mut hosted = Hosted::new();
    let number = hosted.open(hosted.ada, "feature", "Ada");
    (hosted, number)
}

pub(super) fn landed(mut hosted: Hosted, number: u64) -> Stage {
    hosted.merge(number, "feature");
    hosted.prove(&[number])
}

/// A change that ben signed, with the forge's number of the repository.
fn numbered(id: &str) -> Stage {
    let (mut hosted, number) = by_ada();
    let head = hosted.scene.id("feature");
    hosted.scene.review("ben", &head, "start");
    hosted.scene.review_with("ben", |review| review.forge_id = Some(id.to_owned()));
    landed(hosted, number)
}

/// Ada lands a commit unseen, and opens a change on it. Ben is shown only that. Her own signature names an earlier base, so
/// that both commits together are the change.
fn hidden_from_the_forge() -> Stage {
    let mut hosted = Hosted::new();
    hosted.scene.edit("b.txt", 3, "unseen");
    hosted.scene.commit_unsigned("Ada", "unseen");
    let number = hosted.open(hosted.ada, "feature", "Ada");
    hosted.approve(number, hosted.ben);
    hosted.scene.git(&["merge", "-q", "--ff-only", "feature"]);
    let head = hosted.scene.id("feature");
    hosted.scene.review("ada", &head, "start");
    hosted.landed(number, &head, Way::Rebase);
    hosted.prove(&[number])
}

/// A fix lands after the approval. The change is pushed again on top of the fix with the very files that were approved, which
/// takes the fix back.
fn same_files_later() -> Stage {
    let (mut hosted, number) = by_ada();
    hosted.approve(number, hosted.ben);
    hosted.scene.git(&["checkout", "-q", "-b", "fix", "start"]);
    hosted.scene.edit("b.txt", 12, "fix");
    hosted.scene.commit_unsigned("Cy", "fix");
    hosted.scene.git(&["checkout", "-q", "main"]);
    let fix = hosted.open_as_it_is(hosted.cy, "fix");
    hosted.approve(fix, hosted.ben);
    hosted.merge(fix, "fix");
    hosted.scene.git(&["checkout", "-q", "feature"]);
    hosted.scene.git(&["branch", "kept"]);
    hosted.scene.git(&["reset", "-q", "--soft", "main"]);
    hosted.scene.commit_unsigned("Ada", "feature");
    hosted.scene.git(&["checkout", "-q", "main"]);
    let (commits, ada) = (hosted.commits("feature"), hosted.ada);
    hosted.story.update(number, ada, commits, true);
    hosted.merge(number, "feature");
    hosted.prove(&[fix, number])
}

fn e01() -> Stage {
    let (mut hosted, number) = by_ada();
    let second = hosted.story.person("ada-at-work");
    let (first, host) = (hosted.ada, "host = \"example.com\"");
    hosted.trust(|text| {
        let one = format!("{{ {host}, id = {first} }}");
        text.replace(&one, &format!("{one}, {{ {host}, id = {second} }}"))
    });
    hosted.approve(number, second);
    landed(hosted, number)
}

fn e03() -> Stage {
    let (mut hosted, number) = by_ada();
    let ada = hosted.ada;
    hosted.story.rename(ada, "BEN");
    hosted.approve(number, ada);
    landed(hosted, number)
}

fn pushed_after(date: Option<&str>) -> Stage {
    let (mut hosted, number) = by_ada();
    hosted.approve(number, hosted.ben);
    match date {
        None => hosted.push(number, hosted.ada, "feature", "Ada"),
        Some(which) => {
            hosted.push(number, hosted.ada, "feature", "Ada");
            let date = "2001-01-01T00:00:00Z";
            let author = format!("--date={date}");
            hosted.scene.git(&["checkout", "-q", "feature"]);
            hosted.scene.amend(which == "committer", &author, date);
            hosted.scene.git(&["checkout", "-q", "main"]);
            let commits = hosted.commits("feature");
            hosted.story.update(number, hosted.ada, commits, true);
        }
    }
    landed(hosted, number)
}

fn e04() -> Stage {
    pushed_after(None)
}

fn e05() -> Stage {
    pushed_after(Some("author"))
}

fn e06() -> Stage {
    pushed_after(Some("committer"))
}

fn e07() -> Stage {
    let (mut hosted, number) = by_ada();
    hosted.live();
    hosted.approve(number, hosted.ben);
    hosted.push(number, hosted.ada, "feature", "Ada");
    landed(hosted, number)
}

fn e08() -> Stage {
    let (mut hosted, number) = by_ada();
    hosted.push(number, hosted.ben, "feature", "Ben");
    hosted.approve(number, hosted.ben);
    landed(hosted, number)
}

fn e09() -> Stage {
    let (mut hosted, number) = by_ada();
    hosted.push(number, hosted.ben, "feature", "Ada");
    hosted.approve(number, hosted.ben);
    landed(hosted, number)
}

fn alone(name: &str) -> Stage {
    let mut hosted = Hosted::new();
    let number = hosted.open(hosted.mallory, "feature", name);
    landed(hosted, number)
}

fn e11() -> Stage {
    alone("updates[bot]")
}

fn e12() -> Stage {
    alone("49699333+updates[bot]")
}

fn e13() -> Stage {
    let mut hosted = Hosted::new();
    let mallory = hosted.mallory;
    hosted.story.rename(mallory, "updates-bot");
    let number = hosted.open(mallory, "feature", "Mallory");
    landed(hosted, number)
}

fn e14() -> Stage {
    let (mut hosted, number) = by_ada();
    hosted.approve(number, hosted.robot);
    landed(hosted, number)
}

fn e15() -> Stage {
    let mut hosted = Hosted::new();
    let agent = hosted.story.robot("agent[bot]");
    let number = hosted.open(agent, "feature", "agent[bot]");
    let ben = hosted.ben;
    hosted.story.change(number).assignees.push(ben);
    hosted.approve(number, ben);
    hosted.approve(number, hosted.cy);
    landed(hosted, number)
}

/// A robot's change, as it happens.
pub(super) fn by_robot() -> (Hosted, u64) {
    let mut hosted = Hosted::new();
    hosted.live();
    let number = hosted.open(hosted.robot, "feature", "updates[bot]");
    (hosted, number)
}

fn e16() -> Stage {
    let (mut hosted, number) = by_robot();
    hosted.scene.git(&["checkout", "-q", "feature"]);
    hosted.scene.edit("a.txt", 9, "smuggled");
    hosted.scene.commit_unsigned("updates[bot]", "more");
    hosted.scene.git(&["checkout", "-q", "main"]);
    let (commits, mallory) = (hosted.commits("feature"), hosted.mallory);
    hosted.story.update(number, mallory, commits, false);
    landed(hosted, number)
}

fn e17() -> Stage {
    let (mut hosted, number) = by_ada();
    let mallory = hosted.mallory;
    hosted.story.review(number, mallory, Opinion::Comment);
    landed(hosted, number)
}

fn e18_reader() -> Stage {
    let (mut hosted, number) = by_ada();
    let ben = hosted.ben;
    hosted.story.permissions.insert(ben, "read");
    hosted.approve(number, ben);
    landed(hosted, number)
}

fn e18_outside() -> Stage {
    let (mut hosted, number) = by_ada();
    hosted.approve(number, hosted.mallory);
    landed(hosted, number)
}

/// Ben's account counts within these bounds.
fn bounded(bounds: &str) -> Stage {
    let (mut hosted, number) = by_ada();
    let ben = hosted.ben;
    hosted.trust(|text| text.replace(&format!("id = {ben} }}"), &format!("id = {ben}, {bounds} }}")));
    hosted.approve(number, ben);
    landed(hosted, number)
}

fn e19_later() -> Stage {
    bounded("valid_from = \"2026-11-01T00:00:00Z\"")
}

fn e19_earlier() -> Stage {
    bounded("valid_until = \"2026-11-01T00:00:00Z\"")
}

fn e45() -> Stage {
    bounded("compromised_since = \"2026-01-01T00:00:00Z\"")
}

pub(super) fn approved() -> (Hosted, u64) {
    let (mut hosted, number) = by_ada();
    hosted.approve(number, hosted.ben);
    (hosted, number)
}

fn e20() -> Stage {
    let (mut hosted, number) = approved();
    let commit = hosted.scene.merge("feature");
    let ada = hosted.ada;
    hosted.story.merge(number, ada, &commit, Way::Merge);
    hosted.story.suite(number, "bypass");
    hosted.prove(&[number])
}

fn e21() -> Stage {
    let (mut hosted, number) = approved();
    hosted.merge(number, "feature");
    let now = hosted.story.tick();
    hosted.story.rulesets[0].updated_at = now;
    hosted.prove(&[number])
}

fn e22_watch() -> Stage {
    let (mut hosted, number) = approved();
    hosted.story.rulesets[0].enforcement = "evaluate";
    landed(hosted, number)
}

fn e22_bypass() -> Stage {
    let (mut hosted, number) = approved();
    hosted.story.rulesets[0].bypass_actors = 1;
    landed(hosted, number)
}

fn e22_hidden() -> Stage {
    let (mut hosted, number) = approved();
    hosted.story.admin = false;
    landed(hosted, number)
}

/// Two changes that a queue lands together; the second one's approval is given or not.
pub(super) fn queue(both: bool) -> Stage {
    let (mut hosted, first) = approved();
    hosted.scene.git(&["checkout", "-q", "-b", "sibling", "main"]);
    hosted.scene.edit("b.txt", 4, "sibling");
    hosted.scene.commit_unsigned("Ada", "sibling");
    hosted.scene.git(&["checkout", "-q", "main"]);
    let second = hosted.open_as_it_is(hosted.ada, "sibling");
    if both {
        hosted.approve(second, hosted.cy);
    }
    for (number, branch) in [(first, "feature"), (second, "sibling")] {
        let landed = hosted.scene.merge(branch);
        hosted.landed(number, &landed, Way::Queue);
    }
    hosted.prove(&[first, second])
}

fn e29() -> Stage {
    queue(false)
}

fn e32() -> Stage {
    let (mut hosted, number) = approved();
    hosted.merge(number, "feature");
    let capture = hosted.capture(number);
    let mut head = capture.head.clone();
    head.repository = countersign_core::ids::Uri::new("git+https://example.com/mallory/app").expect("a uri");
    let mut fork = countersign_core::forge::Capture::new(head);
    for (exchange, body) in capture.answers() {
        fork.push(exchange.clone(), body.to_vec());
    }
    let change = derive(&fork).expect("a change");
    hosted.hand_in(&change, &hosted.collector);
    hosted.scene.captures.push(fork.encode().expect("a capture"));
    hosted.scene.prove()
}

fn e33() -> Stage {
    let mut hosted = Hosted::new();
    let number = hosted.open(hosted.ada, "feature", "Ada");
    let (ada, base) = (hosted.ada, hosted.scene.id("main"));
    "playground".clone_into(&mut hosted.story.change(number).target);
    hosted.approve(number, hosted.ben);
    hosted.story.retarget(number, ada, "main", &base);
    landed(hosted, number)
}

/// The same commits in two changes; the first is approved and given up, the second lands.
fn e34() -> Stage {
    let (mut hosted, first) = approved();
    let ada = hosted.ada;
    hosted.story.close(first, ada, "closed");
    let second = hosted.open_as_it_is(ada, "feature");
    hosted.merge(second, "feature");
    hosted.prove(&[first, second])
}

fn e35() -> Stage {
    let (mut hosted, first) = approved();
    let ada = hosted.ada;
    "other".clone_into(&mut hosted.story.change(first).target);
    let second = hosted.open_as_it_is(ada, "feature");
    hosted.merge(second, "feature");
    hosted.landed(first, &"d".repeat(40), Way::Merge);
    hosted.prove(&[first, second])
}

fn e36_dismissed() -> Stage {
    let (mut hosted, number) = by_ada();
    let review = hosted.approve(number, hosted.ben);
    let ada = hosted.ada;
    hosted.story.dismiss(number, review, ada);
    landed(hosted, number)
}

fn e36_revived() -> Stage {
    let (mut hosted, number) = approved();
    let (ada, ben) = (hosted.ada, hosted.ben);
    let rejection = hosted.story.review(number, ben, Opinion::Reject);
    hosted.story.dismiss(number, rejection, ada);
    landed(hosted, number)
}

fn e36_stands() -> Stage {
    let (mut hosted, number) = approved();
    let cy = hosted.cy;
    hosted.story.review(number, cy, Opinion::Reject);
    landed(hosted, number)
}

fn e37() -> Stage {
    let (mut hosted, number) = by_ada();
    hosted.merge(number, "feature");
    hosted.approve(number, hosted.ben);
    hosted.prove(&[number])
}

fn e38() -> Stage {
    let (mut hosted, number) = approved();
    hosted.story.change(number).counted = Some(300);
    landed(hosted, number)
}

fn e41() -> Stage {
    let mut hosted = Hosted::new();
    hosted.live();
    hosted.scene.git(&["checkout", "-q", "-b", "feature", "main"]);
    hosted.scene.write("deps/tool", "#!/bin/sh\n");
    hosted.scene.git(&["add", "-A"]);
    hosted.scene.git(&["update-index", "--chmod=+x", "deps/tool"]);
    hosted.scene.git_as(None, "updates[bot]", &["commit", "-q", "-m", "a tool"]);
    hosted.scene.git(&["checkout", "-q", "-f", "main"]);
    let number = hosted.open_as_it_is(hosted.robot, "feature");
    landed(hosted, number)
}

fn e48() -> Stage {
    let mut hosted = Hosted::new();
    hosted.scene.git(&["checkout", "-q", "-b", "feature"]);
    hosted.scene.edit("a.txt", 2, "feature");
    let head = hosted.scene.commit_unsigned("Outsider", "feature");
    hosted.scene.git(&["checkout", "-q", "main"]);
    hosted.scene.review("ben", &head, "start");
    hosted.scene.review("cy", &head, "start");
    hosted.scene.resign_last(&hosted.builder);
    hosted.scene.merge("feature");
    hosted.scene.prove()
}

fn e49() -> Stage {
    let (mut hosted, number) = approved();
    hosted.merge(number, "feature");
    let capture = hosted.capture(number);
    hosted.hand_in(&derive(&capture).expect("a change"), &hosted.builder);
    hosted.scene.captures.push(capture.encode().expect("a capture"));
    hosted.scene.prove()
}

fn e50_host() -> Stage {
    let (mut hosted, number) = approved();
    hosted.trust(|text| text.replace("hosts = [\"example.com\"]", "hosts = [\"other.example.com\"]"));
    landed(hosted, number)
}

fn e50_absent() -> Stage {
    let (mut hosted, number) = approved();
    hosted.merge(number, "feature");
    hosted.collect(number);
    hosted.scene.captures.clear();
    // What the record would show is shown by a signature as well, so that nothing else is missing.
    let head = hosted.scene.id("feature");
    hosted.scene.review("ben", &head, "start");
    hosted.scene.review("cy", &head, "start");
    hosted.scene.prove()
}

fn e50_differs() -> Stage {
    let (mut hosted, number) = by_ada();
    hosted.merge(number, "feature");
    let capture = hosted.capture(number);
    let honest = derive(&capture).expect("a change");
    let mut story = hosted.story.clone();
    story.review(number, hosted.ben, Opinion::Approve);
    let mut change = honest.clone();
    change.reviews = {
        std::mem::swap(&mut hosted.story, &mut story);
        let with = derive(&hosted.capture(number)).expect("a change").reviews;
        std::mem::swap(&mut hosted.story, &mut story);
        with
    };
    hosted.hand_in(&change, &hosted.collector);
    hosted.scene.captures.push(capture.encode().expect("a capture"));
    hosted.scene.prove()
}

fn e55() -> Stage {
    let (mut hosted, number) = approved();
    hosted.merge(number, "feature");
    let ben = hosted.ben;
    hosted.story.delete(ben);
    hosted.prove(&[number])
}

fn e56() -> Stage {
    let (mut hosted, number) = by_ada();
    hosted.push(number, hosted.ada, "feature", "Ada");
    let pushed = hosted.story.now;
    let review = hosted.approve(number, hosted.ben);
    // The forge says the same second of both, and no order.
    let change = hosted.story.change(number);
    change.reviews.iter_mut().find(|r| r.id == review).expect("a review").at = pushed;
    change.timeline.iter_mut().find(|told| told.about == review.to_string()).expect("an event").at = pushed;
    landed(hosted, number)
}

fn e57() -> Stage {
    let (mut hosted, number) = by_ada();
    let review = hosted.approve(number, hosted.ben);
    hosted.push(number, hosted.ada, "feature", "Ada");
    let commits = hosted.commits("feature");
    let (ada, head) = (hosted.ada, commits.last().expect("a commit").id.clone());
    hosted.story.update(number, ada, commits, true);
    hosted.story.rebind(number, review, &head);
    landed(hosted, number)
}

pub(super) fn robot_with(path: &str, files: usize) -> Stage {
    let mut hosted = Hosted::new();
    hosted.live();
    hosted.scene.git(&["checkout", "-q", "-b", "feature", "main"]);
    for n in 0..files {
        hosted.scene.write(&format!("{path}{n}"), "new\n");
    }
    hosted.scene.commit_unsigned("updates[bot]", "files");
    hosted.scene.git(&["checkout", "-q", "main"]);
    let number = hosted.open_as_it_is(hosted.robot, "feature");
    landed(hosted, number)
}

fn e60_paths() -> Stage {
    robot_with("src/new", 1)
}

fn e60_size() -> Stage {
    robot_with("deps/new", 3)
}

fn robot_afterwards() -> Stage {
    let mut hosted = Hosted::new();
    let number = hosted.open(hosted.robot, "feature", "updates[bot]");
    landed(hosted, number)
}

fn robot_signed() -> Stage {
    let mut hosted = Hosted::new();
    hosted.live();
    hosted.scene.git(&["checkout", "-q", "-b", "feature", "main"]);
    hosted.scene.edit("a.txt", 2, "feature");
    hosted.scene.git(&["add", "-A"]);
    hosted.scene.git_as(Some("ada"), "updates[bot]", &["commit", "-q", "-m", "feature"]);
    hosted.scene.git(&["checkout", "-q", "main"]);
    let number = hosted.open_as_it_is(hosted.robot, "feature");
    landed(hosted, number)
}

fn lower_tier() -> Stage {
    let (mut hosted, number) = approved();
    hosted.scene.asking(|parameters| parameters.least_tier = Tier::T2);
    landed(hosted, number)
}

fn seen_live() -> Stage {
    let (mut hosted, number) = approved();
    hosted.live();
    hosted.scene.asking(|parameters| parameters.least_tier = Tier::T3);
    landed(hosted, number)
}

fn both_ways() -> Stage {
    let (mut hosted, number) = approved();
    let head = hosted.scene.id("feature");
    let (repository, main) = (super::scene::REPOSITORY, super::scene::MAIN);
    hosted.scene.review_as("cy", &head, "start", ReviewDecision::Reject, repository, main);
    landed(hosted, number)
}
