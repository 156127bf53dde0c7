//! How a rule is rolled out: its stage at a moment, the dates on which that changes, what has to be measured before it
//! moves up, and which rules of a release move up from the one before.

use super::{Manifest, Rule};
use crate::digest::Sha256;
use crate::ids::{EnvName, RuleId, Uri};
use crate::json::{self, JsonError};
use crate::time::Time;
use serde::de::{self, IntoDeserializer as _};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::num::NonZeroU64;

/// How far a rule is rolled out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Stage {
    /// Not evaluated.
    Off,
    /// Evaluated and recorded.
    Monitor,
    /// Evaluated, recorded and shown.
    Warn,
    /// Its findings decide.
    Enforce,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::Monitor => "monitor",
            Self::Warn => "warn",
            Self::Enforce => "enforce",
        })
    }
}

/// A stage from a moment on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Step {
    /// The stage.
    pub stage: Stage,
    /// From when on.
    pub from: Time,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} from {}", self.stage, self.from)
    }
}

/// The stages of a rule in an environment: one for good, or a ladder with a date on each step. A ladder climbs, on rising
/// dates; before its first step the rule is off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Plan {
    /// This one.
    Stage(Stage),
    /// Step by step.
    Ladder(Vec<Step>),
}

impl Plan {
    fn at(&self, time: Time) -> Stage {
        match self {
            Self::Stage(stage) => *stage,
            Self::Ladder(steps) => {
                steps.iter().rev().find(|step| step.from <= time).map_or(Stage::Off, |step| step.stage)
            }
        }
    }

    fn steps(&self) -> &[Step] {
        match self {
            Self::Stage(_) => &[],
            Self::Ladder(steps) => steps,
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stage(stage) => fmt::Display::fmt(stage, f),
            Self::Ladder(steps) => f.write_str(&steps.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
        }
    }
}

/// Told here and not left to an untagged enum, so that the message says what is wrong and the parser says where.
impl<'de> Deserialize<'de> for Plan {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Told;
        impl<'de> de::Visitor<'de> for Told {
            type Value = Plan;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a stage, or a list of steps such as { stage = \"warn\", from = \"2026-11-22T10:00:00Z\" }")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Plan, E> {
                Stage::deserialize(text.into_deserializer()).map(Plan::Stage)
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Plan, A::Error> {
                let mut steps: Vec<Step> = Vec::new();
                while let Some(step) = seq.next_element::<Step>()? {
                    let before = steps.last();
                    // Each stage is higher than the one before, so there are three steps at most.
                    if step.stage <= before.map_or(Stage::Off, |before| before.stage) {
                        return Err(de::Error::custom(format_args!(
                            "the step to {} does not climb: each step is to a higher stage than the one before",
                            step.stage
                        )));
                    }
                    if let Some(before) = before.filter(|before| step.from <= before.from) {
                        return Err(de::Error::custom(format_args!(
                            "{} does not lie after {}, the date of the step before",
                            step.from, before.from
                        )));
                    }
                    steps.push(step);
                }
                if steps.is_empty() {
                    return Err(de::Error::custom("a ladder without a step: write \"off\""));
                }
                Ok(Plan::Ladder(steps))
            }
        }
        deserializer.deserialize_any(Told)
    }
}

/// The dates of a rule's life.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RuleDates {
    /// Before it, a rule in stage enforce only warns, and says this date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_on: Option<Time>,
    /// From it on, the rule says that it is going away, and which rule takes its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecated_on: Option<Time>,
    /// From it on, the rule no longer holds: where it is enforced, everything is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sunset_on: Option<Time>,
    /// The rule that takes its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<RuleId>,
}

impl RuleDates {
    /// Whether none is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The dates of a release's end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReleaseDates {
    /// From it on, every decision says that the release is going away, and what takes its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecated_on: Option<Time>,
    /// From it on, the release decides nothing any more: everything is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sunset_on: Option<Time>,
    /// What takes its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<Uri>,
}

impl ReleaseDates {
    /// Whether none is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRuleDates {
    effective_on: Option<Time>,
    deprecated_on: Option<Time>,
    sunset_on: Option<Time>,
    successor: Option<RuleId>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenReleaseDates {
    deprecated_on: Option<Time>,
    sunset_on: Option<Time>,
    successor: Option<Uri>,
}

impl<'de> Deserialize<'de> for RuleDates {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(WrittenRuleDates::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl TryFrom<WrittenRuleDates> for RuleDates {
    type Error = &'static str;
    fn try_from(written: WrittenRuleDates) -> Result<Self, Self::Error> {
        let WrittenRuleDates { effective_on, deprecated_on, sunset_on, successor } = written;
        ends(deprecated_on, sunset_on, successor.is_some())?;
        if let Some(effective) = effective_on
            && [deprecated_on, sunset_on].into_iter().flatten().any(|end| end <= effective)
        {
            return Err("effective_on does not lie before the date on which the rule goes away");
        }
        Ok(Self { effective_on, deprecated_on, sunset_on, successor })
    }
}

impl<'de> Deserialize<'de> for ReleaseDates {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(WrittenReleaseDates::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl TryFrom<WrittenReleaseDates> for ReleaseDates {
    type Error = &'static str;
    fn try_from(written: WrittenReleaseDates) -> Result<Self, Self::Error> {
        let WrittenReleaseDates { deprecated_on, sunset_on, successor } = written;
        ends(deprecated_on, sunset_on, successor.is_some())?;
        Ok(Self { deprecated_on, sunset_on, successor })
    }
}

fn ends(deprecated: Option<Time>, sunset: Option<Time>, successor: bool) -> Result<(), &'static str> {
    match (deprecated, sunset) {
        (None, None) if successor => Err("a successor needs deprecated_on or sunset_on"),
        (Some(_), _) if !successor => Err("deprecated_on needs a successor: what to use instead"),
        (Some(deprecated), Some(sunset)) if sunset <= deprecated => Err("sunset_on does not lie after deprecated_on"),
        _ => Ok(()),
    }
}

/// What has to be measured before a rule moves up, for each stage that it may move up to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Rollout {
    /// Before it warns: of what it said in stage monitor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warn: Option<Condition>,
    /// Before it enforces: of what it said in stages monitor and warn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enforce: Option<Condition>,
}

/// One such condition. That the rule made no errors, and that everything it would have refused was labelled by two persons,
/// is asked besides, always.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Condition {
    /// The least number of artifacts that it was evaluated for; one counts once.
    pub evaluations: NonZeroU64,
    /// The least number of days since the first of them.
    pub days: u32,
    /// The greatest share of those artifacts that it would have refused wrongly, in thousandths: the upper bound of the Wilson
    /// interval at 95 %.
    pub false_positives_permille: u16,
}

impl Condition {
    /// What has to be measured where the release says nothing.
    #[must_use]
    pub const fn standard(to: Stage) -> Self {
        let (evaluations, days, false_positives_permille) =
            if matches!(to, Stage::Enforce) { (199, 14, 50) } else { (49, 7, 100) };
        // One more, since one is the least that there is.
        Self { evaluations: NonZeroU64::MIN.saturating_add(evaluations), days, false_positives_permille }
    }

    /// The harder of the two in each part.
    #[must_use]
    pub fn harder(self, other: Self) -> Self {
        Self {
            evaluations: self.evaluations.max(other.evaluations),
            days: self.days.max(other.days),
            false_positives_permille: self.false_positives_permille.min(other.false_positives_permille),
        }
    }
}

impl Rollout {
    /// The condition for a stage: the release's own, or the standard one.
    #[must_use]
    pub fn condition(&self, to: Stage) -> Condition {
        let own = if to == Stage::Enforce { self.enforce } else { self.warn };
        own.unwrap_or_else(|| Condition::standard(to))
    }

    pub(super) fn fault(&self) -> Option<&'static str> {
        let conditions = [self.warn, self.enforce];
        let possible = |condition: &Condition| (1..=1_000).contains(&condition.false_positives_permille);
        let all = conditions.iter().flatten().all(possible);
        (!all)
            .then_some("has a share of false positives that is not 1 to 1000 thousandths: none at all cannot be shown")
    }
}

impl Rule {
    /// The stage that is in force in an environment at a moment: that of its plan there, off without one; before the rule is
    /// effective, it does no more than warn.
    #[must_use]
    pub fn stage_at(&self, environment: &EnvName, at: Time) -> Stage {
        let planned = self.stages.get(environment).map_or(Stage::Off, |plan| plan.at(at));
        match self.dates.effective_on {
            Some(on) if planned == Stage::Enforce && at < on => Stage::Warn,
            _ => planned,
        }
    }

    /// The next stage after a moment, and when it comes; `None` where the plan holds no other.
    #[must_use]
    pub fn next_step(&self, environment: &EnvName, at: Time) -> Option<Step> {
        let now = self.stage_at(environment, at);
        let steps = self.turns(environment).into_iter().filter(|moment| *moment > at);
        steps.map(|from| Step { stage: self.stage_at(environment, from), from }).find(|step| step.stage != now)
    }

    /// The rule as it will stand at a moment, whenever it is asked: for looking ahead. One that no longer holds then never
    /// does.
    #[must_use]
    pub fn as_of(mut self, moment: Time) -> Self {
        let stages: Vec<EnvName> = self.stages.keys().cloned().collect();
        let then = |environment: EnvName| {
            let stage = self.stage_at(&environment, moment);
            (environment, Plan::Stage(stage))
        };
        let stages = stages.into_iter().map(then).collect();
        self.dates.sunset_on = self.is_past(moment).then(|| moment.plus(i64::MIN));
        self.stages = stages;
        self.dates.effective_on = None;
        self
    }

    /// Whether the rule no longer holds at a moment.
    #[must_use]
    pub fn is_past(&self, at: Time) -> bool {
        self.dates.sunset_on.is_some_and(|sunset| at >= sunset)
    }

    /// The moments at which its stage may change.
    fn turns(&self, environment: &EnvName) -> BTreeSet<Time> {
        let steps = self.stages.get(environment).into_iter().flat_map(|plan| plan.steps().iter().map(|step| step.from));
        steps.chain(self.dates.effective_on).collect()
    }
}

/// A rule that moves up from one release to the next.
#[derive(Debug, Clone, Copy)]
pub struct Rise<'m> {
    /// The rule, as the new release has it.
    pub rule: &'m Rule,
    /// The highest stage that the release before has for it from now on.
    pub from: Stage,
    /// The highest stage that it moves up to.
    pub to: Stage,
    /// When it gets there.
    pub on: Time,
}

impl Manifest {
    /// The rules that stand higher at some moment from `at` on than they would have by the release before: warn or enforce
    /// where that had less, or had it later. A later step counts at once, since nothing is asked again on its date.
    #[must_use]
    pub fn rises<'m>(&'m self, before: &Self, environment: &EnvName, at: Time) -> Vec<Rise<'m>> {
        let mut rises = Vec::new();
        for rule in &self.rules {
            let old = before.rule(&rule.id);
            let old_at = |moment| old.map_or(Stage::Off, |old| old.stage_at(environment, moment));
            let mut moments = rule.turns(environment);
            moments.extend(old.map(|old| old.turns(environment)).unwrap_or_default());
            moments.retain(|moment| *moment > at);
            moments.insert(at);
            let higher: Vec<Rise<'m>> = moments
                .into_iter()
                .map(|on| Rise { rule, from: old_at(on), to: rule.stage_at(environment, on), on })
                .filter(|rise| rise.to >= Stage::Warn && rise.to > rise.from)
                .collect();
            let top = higher.iter().map(|rise| rise.to).max();
            rises.extend(higher.into_iter().find(|rise| Some(rise.to) == top));
        }
        rises
    }

    /// Rules that the release before had in stage warn or enforce here, and said the successor of, and that this one leaves
    /// out while the successor does not stand as high.
    #[must_use]
    pub fn orphans<'b>(&self, before: &'b Self, environment: &EnvName, at: Time) -> Vec<&'b Rule> {
        let stage = |id: &RuleId| self.rule(id).map_or(Stage::Off, |rule| rule.stage_at(environment, at));
        let left_out = |old: &&Rule| {
            let had = old.stage_at(environment, at);
            had >= Stage::Warn
                && old.dates.successor.as_ref().is_some_and(|next| stage(&old.id) < had && stage(next) < had)
        };
        before.rules.iter().filter(left_out).collect()
    }

    /// The rule of this id.
    #[must_use]
    pub fn rule(&self, id: &RuleId) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id == *id)
    }

    /// What the rule means in this release, by digest: its id, its parameters, and every text that it may read. What was
    /// measured of another meaning is not said of this one.
    pub fn meaning(&self, rule: &Rule) -> Result<Sha256, JsonError> {
        let own = rule.folder.as_deref().map(|folder| format!("{folder}/"));
        let reads =
            |path: &str| own.as_ref().is_some_and(|own| path.starts_with(own.as_str()) || !path.starts_with("rules/"));
        let texts: BTreeMap<&String, Sha256> = self
            .texts
            .iter()
            .filter(|(path, _)| reads(path))
            .map(|(path, text)| (path, Sha256::of(text.as_bytes())))
            .collect();
        json::canonical(&(&rule.id, &rule.parameters, texts)).map(|bytes| Sha256::of(&bytes))
    }
}

/// Whether the upper bound of the Wilson interval at 95 % for `hits` of `of` is at most so many thousandths. Exact, in whole
/// numbers: nothing is known of none at all, and then it is not.
#[must_use]
pub fn share_at_most(hits: u64, of: u64, permille: u16) -> bool {
    let (k, n, m) = (u128::from(hits), u128::from(of), u128::from(permille));
    // None at all is shown by no number of artifacts.
    if n == 0 || k > n || m == 0 {
        return false;
    }
    if m >= 1_000 {
        return true;
    }
    // The bound is the greater root of (k/n - p)² = z²·p·(1-p)/n, with z = 1.96: p lies at or above it where it lies above
    // k/n and the left side is not less. Both sides are taken times (1000·n)²·10⁴.
    let (share, bound) = (k.saturating_mul(1_000), n.saturating_mul(m));
    let apart = bound.saturating_sub(share);
    let left = apart.checked_mul(apart).and_then(|square| square.checked_mul(10_000));
    let right = m.saturating_mul(1_000_u128.saturating_sub(m)).checked_mul(n).and_then(|all| all.checked_mul(38_416));
    bound >= share && matches!((left, right), (Some(left), Some(right)) if left >= right)
}

/// The upper bound of the Wilson interval at 95 % in thousandths, rounded up: of nothing, 1000.
#[must_use]
pub fn upper_permille(hits: u64, of: u64) -> u16 {
    (0..=1_000_u16).find(|permille| share_at_most(hits, of, *permille)).unwrap_or(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Time {
        format!("{text}T00:00:00Z").parse().unwrap()
    }

    fn rule(stages: &str, more: &str) -> Result<Rule, toml::de::Error> {
        toml::from_str(&format!("id = \"a@1\"\nstages = {{ production = {stages} }}\n{more}"))
    }

    const LADDER: &str = r#"[{ stage = "monitor", from = "2026-10-01T00:00:00Z" }, { stage = "enforce", from = "2026-12-01T00:00:00Z" }]"#;

    #[test]
    fn a_rule_as_of_a_moment_has_that_moments_stage_at_every_time() {
        let dates = "dates = { effective_on = \"2027-01-01T00:00:00Z\", sunset_on = \"2028-01-01T00:00:00Z\" }\n";
        let (rule, production) = (rule(LADDER, dates).unwrap(), EnvName::new("production").unwrap());
        for (moment, stage, past) in [
            ("2026-11-30", Stage::Monitor, false),
            ("2026-12-01", Stage::Warn, false),
            ("2027-06-01", Stage::Enforce, false),
            ("2029-01-01", Stage::Enforce, true),
        ] {
            let then = rule.clone().as_of(time(moment));
            for at in ["2026-01-01", "2026-11-30", "2029-01-01"] {
                assert_eq!(then.stage_at(&production, time(at)), stage, "{moment}, asked at {at}");
                assert_eq!(then.is_past(time(at)), past, "{moment}, asked at {at}");
            }
        }
    }

    #[test]
    fn a_ladder_is_off_before_its_first_date_and_climbs_on_each() {
        let (rule, production) = (rule(LADDER, "").unwrap(), EnvName::new("production").unwrap());
        for (day, stage, next) in [
            ("2026-09-30", Stage::Off, Some(Stage::Monitor)),
            ("2026-10-01", Stage::Monitor, Some(Stage::Enforce)),
            ("2026-11-30", Stage::Monitor, Some(Stage::Enforce)),
            ("2026-12-01", Stage::Enforce, None),
        ] {
            assert_eq!(rule.stage_at(&production, time(day)), stage, "{day}");
            assert_eq!(rule.next_step(&production, time(day)).map(|step| step.stage), next, "{day}");
        }
        assert_eq!(rule.stage_at(&EnvName::new("staging").unwrap(), time("2026-12-01")), Stage::Off);
        let text = json::canonical(&rule).unwrap();
        assert_eq!(serde_json::from_slice::<Rule>(&text).unwrap(), rule);
    }

    #[test]
    fn a_rule_that_is_not_effective_yet_only_warns() {
        let rule = rule("\"enforce\"", "dates = { effective_on = \"2026-12-01T00:00:00Z\" }").unwrap();
        let production = EnvName::new("production").unwrap();
        assert_eq!(rule.stage_at(&production, time("2026-11-30")), Stage::Warn);
        let next = rule.next_step(&production, time("2026-11-30"));
        assert_eq!(next, Some(Step { stage: Stage::Enforce, from: time("2026-12-01") }));
        assert_eq!(rule.stage_at(&production, time("2026-12-01")), Stage::Enforce);
    }

    #[test]
    fn plans_and_dates_that_contradict_themselves_are_refused_with_their_line() {
        let step = |stage: &str, day: &str| format!("{{ stage = \"{stage}\", from = \"{day}T00:00:00Z\" }}");
        let two = |a: String, b: String| format!("[{a}, {b}]");
        for (stages, more) in [
            (two(step("warn", "2026-01-02"), step("monitor", "2026-01-03")), ""),
            (two(step("warn", "2026-01-02"), step("warn", "2026-01-03")), ""),
            (two(step("monitor", "2026-01-02"), step("warn", "2026-01-02")), ""),
            (two(step("off", "2026-01-02"), step("warn", "2026-01-03")), ""),
            ("[]".to_owned(), ""),
            ("\"loud\"".to_owned(), ""),
            (LADDER.replace("2026-12-01T00:00:00Z", "2026-13-01T00:00:00Z"), ""),
            (LADDER.replace("2026-12-01T00:00:00Z", "soon"), ""),
            ("\"warn\"".to_owned(), "dates = { deprecated_on = \"2026-12-01T00:00:00Z\" }"),
            ("\"warn\"".to_owned(), "dates = { successor = \"b@1\" }"),
            ("\"warn\"".to_owned(), "dates = { sunset_on = \"tomorrow\" }"),
            (
                "\"warn\"".to_owned(),
                "dates = { deprecated_on = \"2026-12-01T00:00:00Z\", sunset_on = \"2026-12-01T00:00:00Z\", successor = \"b@1\" }",
            ),
        ] {
            let error = rule(&stages, more).unwrap_err();
            let line = if more.is_empty() { "line 2" } else { "line 3" };
            assert!(error.to_string().contains(line), "{stages} {more}: {error}");
        }
    }

    #[test]
    fn the_wilson_bound_is_the_one_of_the_books() {
        // (hits, of, thousandths): 1.884 %, 16.12 %, 40.42 %, 5.10 %, 100 %.
        for (hits, of, bound) in
            [(0, 200, 19), (0, 20, 162), (1, 10, 405), (20, 600, 51), (10, 10, 1_000), (0, 0, 1_000)]
        {
            assert_eq!(upper_permille(hits, of), bound, "{hits} of {of}");
        }
        assert!(share_at_most(0, 200, 19) && !share_at_most(0, 200, 18));
        assert!(!share_at_most(0, 1, 0) && !share_at_most(0, u64::MAX, 0), "that there are none is never shown");
        assert!(!share_at_most(0, 0, 1_000) && !share_at_most(3, 2, 1_000), "of nothing, nothing is known");
        assert!(!share_at_most(u64::MAX, u64::MAX, 999));
    }

    #[test]
    fn the_bound_falls_with_more_artifacts_and_rises_with_more_that_were_wrong() {
        for of in 1..120_u64 {
            for hits in 0..of {
                assert!(upper_permille(hits, of) >= upper_permille(hits, of + 1), "{hits} of {of}");
                assert!(upper_permille(hits, of) <= upper_permille(hits + 1, of), "{hits} of {of}");
            }
        }
    }
}
