//! Which level of the SLSA Source track real evidence shows: repositories made by git, and where a forge is the witness, a
//! forge that is read over HTTP.

use super::cases_forge::{approved, by_ada, by_robot};
use super::hosted::Hosted;
use super::scene::Scene;
use crate::forge::{Kind, Way};
use countersign_core::statement::review::Tier;
use countersign_decide::review::{ForgeRules, SourceLevel};

/// One case.
#[derive(Debug, Clone, Copy)]
pub struct Level {
    /// What happens.
    pub what: &'static str,
    /// The level that it shows.
    pub level: u8,
    /// What has to be said to stand in the way of the next.
    pub why: &'static str,
    /// Plays it.
    pub play: fn() -> SourceLevel,
}

/// Half an hour before the forge is read, on the forge's clock.
const SHORTLY_BEFORE: i64 = 1_795_336_200 - 1_790_000_000;

/// Every case.
#[must_use]
pub fn all() -> Vec<Level> {
    let case = |what, level, why, play| Level { what, level, why, play };
    vec![
        case("a reviewer's signature, and no forge", 1, "nothing recorded when the branch was moved", signed),
        case("a forge that is read two months later", 1, "that is no record of the time", read_late),
        case("a forge that is read within the hour", 4, "", read_soon),
        case("seen as it happened", 4, "", live),
        case("a robot within its exception, seen as it happened", 4, "", robot),
        case("rules that are hidden, and a policy that takes any", 2, "technical controls: ", hidden_rules),
        case("an administrator who went past the rules, and a policy that takes any", 2, "went past", bypassed),
        case("rules that only some have to keep, and a policy that takes any", 2, "hold for everybody", lenient),
        case("rules on GitLab, which has no record of since when", 2, "since when", gitlab),
        case("an approval by signature alone, which has no time", 3, "agreed before it landed", late_signature),
        case("a push past review", 0, "the proof did not pass: review-missing", pushed),
        case("a commit past review, and an honest change after it", 0, "the proof did not pass", pushed_before),
    ]
}

fn signed() -> SourceLevel {
    let mut scene = Scene::default();
    let head = scene.feature("ada");
    scene.review("ben", &head, "main");
    scene.merge("feature");
    scene.level()
}

fn landed(mut hosted: Hosted, number: u64) -> SourceLevel {
    hosted.merge(number, "feature");
    hosted.collect(number);
    hosted.scene.level()
}

fn read_late() -> SourceLevel {
    let (hosted, number) = approved();
    landed(hosted, number)
}

fn read_soon() -> SourceLevel {
    let mut hosted = Hosted::new();
    soon(&mut hosted, "Ada")
}

fn soon(hosted: &mut Hosted, name: &str) -> SourceLevel {
    hosted.story.wait(SHORTLY_BEFORE);
    let number = hosted.open(hosted.ada, "feature", name);
    hosted.approve(number, hosted.ben);
    hosted.merge(number, "feature");
    hosted.collect(number);
    hosted.scene.level()
}

/// An approved change that is seen as it happens, under a policy that does not ask for the branch's rules.
fn seen() -> (Hosted, u64) {
    let (mut hosted, number) = approved();
    hosted.live();
    hosted.scene.asking(|parameters| {
        parameters.least_tier = Tier::T2;
        parameters.forge_rules = ForgeRules::Any;
    });
    (hosted, number)
}

fn live() -> SourceLevel {
    let (hosted, number) = seen();
    landed(hosted, number)
}

fn robot() -> SourceLevel {
    let (mut hosted, number) = by_robot();
    hosted.live();
    landed(hosted, number)
}

fn hidden_rules() -> SourceLevel {
    let (mut hosted, number) = seen();
    hosted.story.admin = false;
    landed(hosted, number)
}

fn bypassed() -> SourceLevel {
    let (mut hosted, number) = seen();
    let commit = hosted.scene.merge("feature");
    let ada = hosted.ada;
    hosted.story.merge(number, ada, &commit, Way::Merge);
    hosted.story.suite(number, "bypass");
    hosted.collect(number);
    hosted.scene.level()
}

fn lenient() -> SourceLevel {
    let (mut hosted, number) = seen();
    hosted.story.rulesets[0].bypass_actors = 1;
    landed(hosted, number)
}

fn gitlab() -> SourceLevel {
    let mut hosted = Hosted::on(Kind::Gitlab);
    hosted.scene.asking(|parameters| parameters.forge_rules = ForgeRules::Any);
    hosted.story.protected.insert("main".to_owned(), 1);
    soon(&mut hosted, "ada")
}

fn late_signature() -> SourceLevel {
    let (mut hosted, number) = by_ada();
    hosted.live();
    let head = hosted.scene.id("feature");
    hosted.scene.review("ben", &head, "start");
    landed(hosted, number)
}

fn pushed() -> SourceLevel {
    let (mut hosted, number) = seen();
    hosted.merge(number, "feature");
    hosted.scene.edit("b.txt", 3, "pushed");
    hosted.scene.commit_unsigned("Mallory", "pushed");
    hosted.collect(number);
    hosted.scene.level()
}

fn pushed_before() -> SourceLevel {
    let (mut hosted, number) = seen();
    hosted.scene.edit("b.txt", 3, "pushed");
    hosted.scene.commit_unsigned("Mallory", "pushed");
    hosted.merge(number, "feature");
    hosted.collect(number);
    hosted.scene.level()
}
