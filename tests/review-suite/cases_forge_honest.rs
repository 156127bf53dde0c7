//! The honest twins of the cases in which a forge is the witness: everything is in order, and has to pass.

use super::cases_forge::{approved, by_ada, by_robot, landed, queue, robot_with};
use super::hosted::Hosted;
use super::{Case, Stage};
use crate::forge::{Kind, Opinion, Way};
use countersign_core::finding::Verdict::Pass;
use countersign_core::statement::review::Tier;
use countersign_decide::review::{AgreedBefore, ForgeRules};

pub(super) fn all() -> Vec<Case> {
    let case = |id, what, verdict, code, set| Case { id, what, verdict, code, set };
    vec![
        case("+forge-merge", "opened, approved, merged", Pass, "", honest_merge),
        case("+forge-squash", "opened, approved, squashed", Pass, "", honest_squash),
        case("+forge-rebase", "opened, approved, rebased", Pass, "", honest_rebase),
        case("+forge-queue", "landed by a queue, with a reviewed sibling", Pass, "", honest_queue),
        case("+forge-outsider", "an outsider's change with two approvals", Pass, "", honest_outsider),
        case("+forge-forced", "a forced push, and approved again", Pass, "", honest_forced),
        case("+forge-pushed", "another push, and approved again", Pass, "", honest_pushed),
        case("+forge-helper", "a second author pushes, and a third person approves", Pass, "", honest_helper),
        case("+forge-dismissed", "dismissed, and approved again", Pass, "", honest_dismissed),
        case("+forge-settled", "changes requested, settled, and approved by the same person", Pass, "", honest_settled),
        case("+forge-retargeted", "meant for another branch first, approved after", Pass, "", honest_retargeted),
        case("+forge-reopened", "closed, reopened, approved", Pass, "", honest_reopened),
        case("+forge-renamed", "the approver has another name by now", Pass, "", honest_renamed),
        case("+forge-named", "a person named like a robot approves", Pass, "", honest_named),
        case("+forge-remarks", "remarks by outsiders beside an approval", Pass, "", honest_remarks),
        case("+forge-robot", "a robot within its exception, seen as it happened", Pass, "", honest_robot),
        case("+forge-agent", "a robot's change that two others approve", Pass, "", honest_agent),
        case("+forge-live", "seen as it happened, where T2 is asked for", Pass, "", honest_live),
        case("+forge-landing", "agreed before the landing, by the server's order", Pass, "", honest_landing),
        case("+forge-any", "hidden rules, where the policy does not ask for them", Pass, "", honest_any),
        case("+forge-signed", "one approval on the forge and one by signature", Pass, "", honest_signed),
        case("+forge-two", "two changes, one after the other", Pass, "", honest_two),
        case("+forge-tree", "a later head with the tree that was approved", Pass, "", honest_tree),
        case("+forge-identical", "approved by two, one of whom is the author", Pass, "", honest_author_too),
        case("+forge-three", "three persons where two beyond the author are asked for", Pass, "", honest_three),
        case("+forge-ff", "the branch is moved to the approved head", Pass, "", honest_forward),
        case("+forge-late-rules", "rules that were changed before the landing", Pass, "", honest_rules),
        case("+forge-other", "records of other branches beside the one that counts", Pass, "", honest_other),
        case("+forge-drift", "the branch moved between approval and landing", Pass, "", honest_drift),
        case("+robot-size", "a robot's change as large as its exception", Pass, "", honest_robot_size),
        case("+gitlab-merge", "the same on GitLab", Pass, "", honest_gitlab),
    ]
}

fn honest_merge() -> Stage {
    let (hosted, number) = approved();
    landed(hosted, number)
}

fn honest_squash() -> Stage {
    let (mut hosted, number) = approved();
    hosted.scene.git(&["merge", "-q", "--squash", "feature"]);
    let commit = hosted.scene.commit_unsigned("GitHub", "squash");
    hosted.landed(number, &commit, Way::Squash);
    hosted.prove(&[number])
}

fn honest_rebase() -> Stage {
    let (mut hosted, number) = by_ada();
    hosted.push(number, hosted.ada, "feature", "Ada");
    hosted.approve(number, hosted.ben);
    hosted.scene.git(&["cherry-pick", "--no-ff", "main..feature"]);
    let commit = hosted.scene.id("HEAD");
    hosted.landed(number, &commit, Way::Rebase);
    hosted.prove(&[number])
}

fn honest_queue() -> Stage {
    queue(true)
}

fn honest_outsider() -> Stage {
    let mut hosted = Hosted::new();
    let number = hosted.open(hosted.mallory, "feature", "Mallory");
    hosted.approve(number, hosted.ben);
    hosted.approve(number, hosted.cy);
    landed(hosted, number)
}

fn honest_forced() -> Stage {
    let (mut hosted, number) = approved();
    hosted.scene.git(&["checkout", "-q", "feature"]);
    hosted.scene.amend(false, "--date=2025-01-01T00:00:00Z", "2025-01-01T00:00:00Z");
    hosted.scene.git(&["checkout", "-q", "main"]);
    let (commits, ada) = (hosted.commits("feature"), hosted.ada);
    hosted.story.update(number, ada, commits, true);
    hosted.approve(number, hosted.ben);
    landed(hosted, number)
}

fn honest_pushed() -> Stage {
    let (mut hosted, number) = approved();
    hosted.push(number, hosted.ada, "feature", "Ada");
    hosted.approve(number, hosted.ben);
    landed(hosted, number)
}

fn honest_helper() -> Stage {
    let (mut hosted, number) = by_ada();
    hosted.push(number, hosted.ben, "feature", "Ben");
    hosted.approve(number, hosted.cy);
    landed(hosted, number)
}

fn honest_dismissed() -> Stage {
    let (mut hosted, number) = by_ada();
    let review = hosted.approve(number, hosted.ben);
    let ada = hosted.ada;
    hosted.story.dismiss(number, review, ada);
    hosted.approve(number, hosted.ben);
    landed(hosted, number)
}

fn honest_settled() -> Stage {
    let (mut hosted, number) = by_ada();
    let ben = hosted.ben;
    hosted.story.review(number, ben, Opinion::Reject);
    hosted.push(number, hosted.ada, "feature", "Ada");
    hosted.approve(number, ben);
    landed(hosted, number)
}

fn honest_retargeted() -> Stage {
    let mut hosted = Hosted::new();
    let number = hosted.open(hosted.ada, "feature", "Ada");
    let (ada, base) = (hosted.ada, hosted.scene.id("main"));
    hosted.story.retarget(number, ada, "main", &base);
    hosted.approve(number, hosted.ben);
    landed(hosted, number)
}

fn honest_reopened() -> Stage {
    let (mut hosted, number) = by_ada();
    let ada = hosted.ada;
    hosted.story.close(number, ada, "closed");
    hosted.story.close(number, ada, "reopened");
    hosted.approve(number, hosted.ben);
    landed(hosted, number)
}

fn honest_renamed() -> Stage {
    let (mut hosted, number) = approved();
    let ben = hosted.ben;
    hosted.story.rename(ben, "benjamin");
    landed(hosted, number)
}

fn honest_named() -> Stage {
    let (mut hosted, number) = by_ada();
    let ben = hosted.ben;
    hosted.story.rename(ben, "review-bot");
    hosted.approve(number, ben);
    landed(hosted, number)
}

fn honest_remarks() -> Stage {
    let (mut hosted, number) = by_ada();
    let (mallory, ben) = (hosted.mallory, hosted.ben);
    hosted.story.review(number, mallory, Opinion::Comment);
    hosted.approve(number, ben);
    hosted.story.review(number, ben, Opinion::Comment);
    hosted.approve(number, mallory);
    landed(hosted, number)
}

fn honest_robot() -> Stage {
    let (hosted, number) = by_robot();
    landed(hosted, number)
}

fn honest_agent() -> Stage {
    let mut hosted = Hosted::new();
    let agent = hosted.story.robot("agent[bot]");
    let number = hosted.open(agent, "feature", "agent[bot]");
    let ada = hosted.ada;
    hosted.story.change(number).assignees.push(ada);
    hosted.approve(number, hosted.ben);
    hosted.approve(number, hosted.cy);
    landed(hosted, number)
}

fn honest_live() -> Stage {
    let mut hosted = Hosted::new();
    hosted.live();
    hosted.scene.asking(|parameters| parameters.least_tier = Tier::T2);
    let number = hosted.open(hosted.ada, "feature", "Ada");
    hosted.approve(number, hosted.ben);
    landed(hosted, number)
}

fn honest_landing() -> Stage {
    let (mut hosted, number) = approved();
    hosted.scene.asking(|p| p.agreed_before = AgreedBefore::Landing);
    landed(hosted, number)
}

fn honest_any() -> Stage {
    let (mut hosted, number) = approved();
    hosted.story.admin = false;
    hosted.scene.asking(|p| p.forge_rules = ForgeRules::Any);
    landed(hosted, number)
}

fn honest_signed() -> Stage {
    let mut hosted = Hosted::new();
    let number = hosted.open(hosted.mallory, "feature", "Mallory");
    hosted.approve(number, hosted.ben);
    let head = hosted.scene.id("feature");
    hosted.scene.review("cy", &head, "start");
    landed(hosted, number)
}

fn honest_two() -> Stage {
    let (mut hosted, first) = approved();
    hosted.merge(first, "feature");
    let second = hosted.open(hosted.ben, "second", "Ben");
    hosted.approve(second, hosted.ada);
    hosted.merge(second, "second");
    hosted.prove(&[first, second])
}

fn honest_tree() -> Stage {
    let (mut hosted, number) = approved();
    hosted.scene.git(&["checkout", "-q", "feature"]);
    hosted.scene.amend(true, "--date=2025-01-01T00:00:00Z", "2025-01-01T00:00:00Z");
    hosted.scene.git(&["checkout", "-q", "main"]);
    let (commits, ada) = (hosted.commits("feature"), hosted.ada);
    hosted.story.update(number, ada, commits, true);
    landed(hosted, number)
}

fn honest_author_too() -> Stage {
    let (mut hosted, number) = approved();
    hosted.approve(number, hosted.ada);
    landed(hosted, number)
}

fn honest_three() -> Stage {
    let (mut hosted, number) = approved();
    hosted.approve(number, hosted.cy);
    hosted.scene.asking(|parameters| parameters.reviewers_beyond_author = 2);
    landed(hosted, number)
}

fn honest_forward() -> Stage {
    let (mut hosted, number) = approved();
    hosted.scene.git(&["merge", "-q", "--ff-only", "feature"]);
    let commit = hosted.scene.id("HEAD");
    hosted.landed(number, &commit, Way::Merge);
    hosted.prove(&[number])
}

fn honest_rules() -> Stage {
    let (mut hosted, number) = approved();
    let now = hosted.story.tick();
    hosted.story.rulesets[0].updated_at = now;
    landed(hosted, number)
}

fn honest_other() -> Stage {
    let (mut hosted, number) = approved();
    let other = hosted.open(hosted.ben, "other", "Ben");
    "playground".clone_into(&mut hosted.story.change(other).target);
    hosted.landed(other, &"e".repeat(40), Way::Merge);
    hosted.merge(number, "feature");
    hosted.prove(&[other, number])
}

fn honest_drift() -> Stage {
    let (mut hosted, first) = approved();
    hosted.scene.git(&["checkout", "-q", "-b", "third", "start"]);
    hosted.scene.edit("b.txt", 12, "third");
    hosted.scene.commit_unsigned("Cy", "third");
    hosted.scene.git(&["checkout", "-q", "main"]);
    let third = hosted.open_as_it_is(hosted.cy, "third");
    hosted.approve(third, hosted.ada);
    hosted.merge(third, "third");
    hosted.merge(first, "feature");
    hosted.prove(&[first, third])
}

fn honest_robot_size() -> Stage {
    robot_with("deps/new", 2)
}

fn honest_gitlab() -> Stage {
    let mut hosted = Hosted::on(Kind::Gitlab);
    hosted.scene.asking(|p| p.forge_rules = ForgeRules::Any);
    let number = hosted.open(hosted.ada, "feature", "ada");
    hosted.approve(number, hosted.ben);
    landed(hosted, number)
}
