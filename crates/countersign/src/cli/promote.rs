//! `promote`: the gate.

use super::given::{self, Kept, LeastArgs, RootArgs, StoreArgs, TrustArgs};
use super::reports::{self, Answered, ReportArgs};
use super::{Answer, Call, attempts};
use crate::world::World;
use clap::Args;
use countersign_collect::witness::WitnessClient;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::exception::Category;
use countersign_core::exit::Exit;
use countersign_core::finding::{Class, Finding, Verdict, exit_of};
use countersign_core::ids::EnvName;
use countersign_core::policy::Stage;
use countersign_core::trust::{ROLE_BREAK_GLASS, ROLE_EXCEPTIONS};
use countersign_flow::FlowError;
use countersign_flow::documents;
use countersign_flow::excerpt;
use countersign_flow::keep;
use countersign_flow::machine::MachineSigner;
use countersign_flow::outside::TrustFile;
use countersign_flow::promote::{GateKeys, PromoteRequest, Promotion, dry_run, promote, promoted_before};
use countersign_flow::repeat::by_release;
use countersign_flow::review::{notes, strangers};
use countersign_report::excerpt::Excerpts;
use countersign_report::reports::{Effect, Facts};
use countersign_report::{message, output, text};
use countersign_sign::{KeyPlace, SigningKey};
use countersign_verify::trust::expiring;
use std::path::{Path, PathBuf};

/// Decide whether an artifact may go to an environment, and record the decision
///
/// Authorises, and moves nothing. Decision and summary are signed and durable in store and log before the answer is
/// printed. Offline, unless trust wants witnesses to cosign the log of this environment: then those are asked that trust
/// names with an address, and no others; or --keyless signs the decision as the identity of the CI job.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign promote dist/app --to production --bundle app.sigstore.jsonl --reviews reviews/ \\\n    \
                        --repo . --trust trust.sigstore.json --key gate.pem --log-key log.pem"
)]
pub(crate) struct Promote {
    /// The artifact
    artifact: PathBuf,
    /// The environment that it is to go to
    #[arg(long, value_name = "ENVIRONMENT")]
    to: EnvName,
    /// Signed statements: provenance and SBOM; a file may hold several, one a line
    #[arg(long = "bundle", value_name = "FILE", help_heading = "Evidence")]
    bundles: Vec<PathBuf>,
    /// Signed reviews, and what collectors read from forges: files, or folders of them
    #[arg(long, value_name = "DIR|FILE", help_heading = "Evidence")]
    reviews: Vec<PathBuf>,
    /// Signed reviews from refs/notes/countersign of the repository that --repo names
    #[arg(long, help_heading = "Evidence", requires = "repo")]
    review_notes: bool,
    /// The repository that the artifact was built from
    #[arg(long, value_name = "DIR", help_heading = "Evidence")]
    repo: Option<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    roots: RootArgs,
    /// The release that is expected, by environment
    #[arg(long, value_name = "FILE", default_value = "countersign.lock", help_heading = "Trust")]
    lock: PathBuf,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    least: LeastArgs,
    /// Where to keep the new checkpoint: elsewhere than the store
    #[arg(long, value_name = "FILE", help_heading = "Record")]
    checkpoint_output: Option<PathBuf>,
    /// The gate's key: PEM, on a token, or in a key service
    #[arg(long, value_name = "FILE|pkcs11:…|NAME://…", value_parser = given::key_place(), help_heading = "Keys", required_unless_present_any = ["dry_run", "keyless"], conflicts_with = "keyless")]
    key: Option<KeyPlace>,
    /// The log's key: PEM, on a token, or in a key service
    #[arg(long, value_name = "FILE|pkcs11:…|NAME://…", value_parser = given::key_place(), help_heading = "Keys", required_unless_present = "dry_run")]
    log_key: Option<KeyPlace>,
    /// The log's other key, while one gives way to the other: PEM, on a token, or in a key service. Both sign then
    #[arg(long, value_name = "FILE|pkcs11:…|NAME://…", value_parser = given::key_place(), help_heading = "Keys", requires = "log_key")]
    log_key_beside: Option<KeyPlace>,
    #[command(flatten)]
    keyless: given::KeylessArgs,
    #[command(flatten)]
    reports: ReportArgs,
    /// Decide in the same way, and record nothing
    #[arg(long)]
    dry_run: bool,
    /// With --dry-run: fail if another release is active than the one with this digest (else countersign.lock says so)
    #[arg(long, value_name = "sha256:…", requires = "dry_run", help_heading = "Trust")]
    policy_digest: Option<Sha256>,
}

impl Promote {
    pub(crate) fn run(&self, call: &Call<'_>) -> Answer {
        let mut begun = reports::facts("promote");
        begun.environment = Some(self.to.clone());
        begun.file = self.artifact.display().to_string();
        begun.subject_name = self.artifact.file_name().map(|name| name.to_string_lossy().into_owned());
        self.reports
            .answer(call, begun.clone(), "nothing was authorised", || attempts(|| self.decide(call, begun.clone())))
    }

    fn decide(&self, call: &Call<'_>, begun: Facts) -> Result<Answered<output::Promotion>, FlowError> {
        let (trust, least) = (self.trust.bytes()?, self.least.file());
        let kept = Kept { least, output: self.checkpoint_output.as_deref() };
        // A dry run locks nothing: what is kept while it reads the log may be of a later one.
        let place =
            if self.dry_run { self.store.place_after(kept, call)? } else { self.store.place_to_write(kept, call)? };
        keep::may_replace(self.checkpoint_output.as_deref(), &[&place])?;
        let mut handed = documents::read_all(&self.bundles, &self.reviews)?;
        handed.documents.extend(self.roots.read()?);
        let executable = std::env::current_exe().unwrap_or_default();
        let tool = World::tool().map_err(|source| FlowError::Read { path: executable, source })?;
        let access = call.world.token_access();
        let load = |place: &Option<KeyPlace>| place.as_ref().map(|place| SigningKey::open(place, &access)).transpose();
        let gate = match self.keyless.open(call)? {
            Some(signer) => Some(MachineSigner::Identity(Box::new(signer.certified()?))),
            None => load(&self.key)?.map(MachineSigner::Key),
        };
        let (log, beside) = (load(&self.log_key)?, load(&self.log_key_beside)?);
        let at = given::now()?;
        let trust = self.trust.judge(trust, at);
        let mut request = PromoteRequest {
            artifact: &self.artifact,
            environment: self.to.clone(),
            documents: handed.documents,
            captures: handed.captures,
            trust: &trust,
            place: &place,
            least_checkpoint: least,
            witnesses: Some(&WitnessClient),
            lock: Some(&self.lock),
            repository: self.repo.as_deref(),
            programs: call.world.environment(),
            at,
            tool,
        };
        if let Some(trust) = &trust.outcome.trust {
            let roots = given::roots_among(trust, &request.documents);
            let handed = std::mem::take(&mut request.documents);
            let (documents, strange) = strangers::without(handed, trust, &roots, at);
            request.documents = documents;
            if let Some(strange) = strange {
                let paths: Vec<PathBuf> = self.bundles.iter().chain(&self.reviews).cloned().collect();
                call.tell(&documents::named(&text::finding(&strange), &paths));
            }
        }
        if let (true, Some(repo), Some(trust)) = (self.review_notes, &self.repo, &trust.outcome.trust) {
            let since = promoted_before(&request)?.map(|id| id.hex());
            let programs = call.world.environment();
            let roots = &given::roots_among(trust, &request.documents);
            let noted = notes::read(&notes::Reading { repo, since: since.as_deref(), trust, roots, at, programs })?;
            if let Some(passed_over) = &noted.passed_over {
                call.tell(&text::finding(passed_over));
            }
            request.documents.extend(noted.documents);
        }
        let promotion = match (self.dry_run, gate, log) {
            (true, gate, log) => {
                let log: Vec<SigningKey> = log.into_iter().chain(beside).collect();
                let promotion = dry_run(&request, gate.map(|gate| gate.name()), &log)?;
                by_release(&promotion, self.policy_digest.as_ref())?;
                promotion
            }
            (false, Some(gate), Some(log)) => promote(&request, GateKeys { gate, log, beside })?,
            (false, _, _) => {
                return Err(FlowError::Usage(
                    "--log-key, and --key or --keyless, are needed to record a decision".to_owned(),
                ));
            }
        };
        let kept = promotion.recorded.as_ref().map_or(Ok(()), |recorded| {
            keep::replace(self.checkpoint_output.as_deref(), &[&place], &recorded.checkpoint)
        });
        for finding in &promotion.left_out {
            call.tell(&text::finding(finding));
        }
        let expiring = trust.outcome.trust.as_ref().and_then(|trust| expiring(trust.trust(), at));
        let shown = self.show(call, begun, &self.placed(promotion), (&trust, expiring), kept.is_err());
        Ok(shown.after(kept, self.checkpoint_output.as_deref(), self.store.keep_elsewhere()))
    }

    /// With the files of the keys that are at fault. What is recorded stays as it is; no such finding is in it.
    fn placed(&self, mut promotion: Promotion) -> Promotion {
        if promotion.recorded.is_some() {
            return promotion;
        }
        if self.key.is_none() && !self.keyless.is_used() {
            let gate = promotion.decision.findings.iter_mut().filter(|finding| finding.code == codes::GATE_UNKNOWN);
            gate.for_each(|finding| finding.found = vec!["no key was given".to_owned()]);
        }
        let others = promotion.not_recorded.iter_mut().flat_map(|not| not.findings.iter_mut());
        for place in promotion.decision.findings.iter_mut().chain(others).flat_map(|finding| finding.at.iter_mut()) {
            let key = match place.as_str() {
                "--key" => &self.key,
                "--log-key" => &self.log_key,
                _ => continue,
            };
            if let Some(key) = key {
                *place = format!("{place} {key}");
            }
        }
        promotion
    }

    fn show(
        &self,
        call: &Call<'_>,
        begun: Facts,
        promotion: &Promotion,
        (trust, expiring): (&TrustFile, Option<Finding>),
        not_kept: bool,
    ) -> Answered<output::Promotion> {
        let decision = &promotion.decision;
        let found = exit_of(&decision.findings);
        let exit = if let Some(not) = &promotion.not_recorded {
            found.worse(Exit::Indeterminate).worse(exit_of(&not.findings))
        } else if !promotion.not_witnessed.is_empty() {
            found.worse(Exit::Indeterminate).worse(exit_of(&promotion.not_witnessed))
        } else if decision.authorised && decision.verdict != Verdict::Pass {
            // Let through by a gate that is not enforced, and on a foundation that holds.
            Exit::Ok
        } else {
            found
        };
        let exit = if not_kept { exit.worse(Exit::Io) } else { exit };
        let entry = promotion.recorded.as_ref().map(|recorded| recorded.entry);
        let mut document = output::Promotion::new(decision.clone(), entry, exit);
        if let Some(not) = &promotion.not_recorded {
            document = document.not_recorded(not.why, not.findings.clone());
        }
        document = document.not_witnessed(promotion.not_witnessed.clone());
        let paths: Vec<PathBuf> = self.bundles.iter().chain(&self.reviews).cloned().collect();
        let facts = self.facts(begun, promotion, exit, &paths).found(expiring.as_slice());
        let effects: Vec<Effect> = facts.findings.iter().map(|(_, effect)| *effect).collect();
        let closing = message::closing(&effects, facts.policy.as_ref(), &self.again());
        let excepted = message::exceptions(
            &decision.findings,
            &decision.request,
            decision.source.as_ref(),
            &self.trust.words(),
            &|category| {
                let role = if category == Category::Emergency { ROLE_BREAK_GLASS } else { ROLE_EXCEPTIONS };
                trust.outcome.trust.as_ref().is_some_and(|trust| trust.trust().role(role).is_some())
            },
        );
        let lines = excerpt::of(decision, self.repo.as_deref(), call.world.environment());
        let soon = expiring.as_ref().map_or_else(String::new, text::finding);
        document.expiring = expiring;
        let text = format!("{}{closing}{excepted}{soon}", documents::named(&self.words(promotion, &lines), &paths));
        Answered::new(document, text, facts)
    }

    /// What it came to, with the files that documents are in.
    fn facts(&self, begun: Facts, promotion: &Promotion, exit: Exit, paths: &[PathBuf]) -> Facts {
        let decision = &promotion.decision;
        let named = |findings: &[Finding]| documents::with_names(findings, paths);
        let mut facts = reports::ended(begun, decision.verdict, exit, &named(&decision.findings));
        if decision.authorised && decision.verdict != Verdict::Pass {
            let blocks = facts.findings.iter_mut().filter(|(_, effect)| *effect == Effect::Blocks);
            blocks.for_each(|(_, effect)| *effect = Effect::LetThrough);
        }
        for rule in &decision.rules {
            let of = |finding: Finding| (Effect::of(finding.class, Some(rule.stage)), finding);
            facts.findings.extend(named(&rule.findings).into_iter().map(of).map(|(effect, finding)| (finding, effect)));
        }
        facts = facts.found(promotion.not_recorded.as_ref().map_or(&[][..], |not| &not.findings));
        facts = facts.found(&promotion.not_witnessed);
        facts.subject_name = Some(decision.request.subject_name.clone());
        facts.subject = Some(decision.request.subject);
        facts.policy = decision.inputs.policy.as_ref().map(|active| active.policy.clone());
        facts.checks.clone_from(&decision.checks);
        facts.closing = self.verdict(promotion).lines().filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ");
        facts
    }

    fn words(&self, promotion: &Promotion, lines: &Excerpts) -> String {
        let decision = &promotion.decision;
        let asked = &decision.request;
        let mut out = format!("{}  {}  to {}\n", text::plain(&asked.subject_name), asked.subject, asked.environment);
        out.push_str(&text::checks(&decision.checks));
        let does = |stage: Option<Stage>| {
            let lenient = !decision.enforced && decision.authorised;
            move |finding: &Finding| {
                let effect = Effect::of(finding.class, stage);
                let effect = if effect == Effect::Blocks && lenient { Effect::LetThrough } else { effect };
                message::effect(effect, &asked.environment)
            }
        };
        for rule in decision.rules.iter().filter(|rule| !rule.findings.is_empty()) {
            let next = rule.next.map_or_else(String::new, |next| format!(" ({next})"));
            out.push_str(&format!("\nrule {} in stage {}{next}, which changes no verdict:\n", rule.id, rule.stage));
            out.push_str(&text::findings_that(&rule.findings, Some(&does(Some(rule.stage))), lines));
        }
        let turning = decision.rules.iter().filter(|rule| rule.findings.is_empty());
        let turning: Vec<String> = turning
            .filter_map(|rule| rule.next.map(|next| format!("rule {} in stage {}: {next}\n", rule.id, rule.stage)))
            .collect();
        if !turning.is_empty() {
            out.push_str(&format!("\n{}", turning.concat()));
        }
        let (notes, found): (Vec<Finding>, Vec<Finding>) =
            decision.findings.iter().cloned().partition(|finding| finding.class == Class::Note);
        if !found.is_empty() {
            out.push('\n');
            out.push_str(&text::findings_that(&found, Some(&does(None)), lines));
        }
        if !notes.is_empty() {
            out.push('\n');
            out.push_str(&text::findings(&notes));
        }
        if let Some(not) = promotion.not_recorded.as_ref().filter(|not| !not.findings.is_empty()) {
            out.push('\n');
            out.push_str(&text::findings(&not.findings));
        }
        if !promotion.not_witnessed.is_empty() {
            out.push('\n');
            out.push_str(&text::findings(&promotion.not_witnessed));
        }
        out.push('\n');
        out.push_str(&self.verdict(promotion));
        out
    }

    /// The words of this command, without keys, and with what was usual: whoever sees the refusal can type it.
    fn again(&self) -> Vec<String> {
        let shown = |path: &Path| path.display().to_string();
        let mut words: Vec<String> = ["countersign", "promote"].map(str::to_owned).into();
        words.extend([shown(&self.artifact), "--to".to_owned(), self.to.to_string()]);
        let bundles = self.bundles.iter().map(|path| ("--bundle", shown(path)));
        let reviews = self.reviews.iter().map(|path| ("--reviews", shown(path)));
        let repo = self.repo.iter().map(|path| ("--repo", shown(path)));
        let lock = std::iter::once(("--lock", shown(&self.lock)));
        let given = [self.trust.words(), self.roots.words(), self.store.words(), self.least.words()].concat();
        let options = bundles.chain(reviews).chain(repo).chain(lock).chain(given);
        words.extend(options.flat_map(|(name, value)| [name.to_owned(), value]));
        words.extend(self.review_notes.then(|| "--review-notes".to_owned()));
        words
    }

    fn verdict(&self, promotion: &Promotion) -> String {
        let decision = &promotion.decision;
        let environment = &decision.request.environment;
        // Nothing is authorised before it is recorded, and no line may say so.
        let counts = promotion.not_witnessed.is_empty();
        let may = match (&promotion.recorded, self.dry_run) {
            (Some(_), _) if !counts => "nothing was authorised: the witnesses are missing".to_owned(),
            (Some(_), _) => format!("authorised for {environment}"),
            (None, true) if promotion.not_recorded.is_some() => "nothing would be authorised".to_owned(),
            (None, true) => format!("would be authorised for {environment}"),
            (None, false) => "nothing was authorised".to_owned(),
        };
        let said = match (decision.verdict, decision.enforced) {
            (verdict, _) if decision.authorised && !counts => format!("{verdict}, but {may}"),
            (verdict, _) if decision.break_glass.is_some() && promotion.not_recorded.is_none() => format!(
                "{verdict}: {} by break-glass {}; the summary says FAILED, and a review is due before {}",
                if self.dry_run { "would be let through" } else { "let through" },
                decision
                    .break_glass
                    .iter()
                    .flat_map(|glass| &glass.exceptions)
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(", "),
                decision.break_glass.as_ref().map(|glass| glass.follow_up.to_string()).unwrap_or_default(),
            ),
            (Verdict::Pass, _) if promotion.not_recorded.is_some() => format!("PASS, but {may}"),
            (Verdict::Pass, _) => format!("PASS: {may}: {}", decision.levels.join(", ")),
            (verdict, true) => format!("{verdict}: nothing was authorised"),
            (verdict, false) if !decision.authorised => {
                format!("{verdict}: nothing {} authorised", if self.dry_run { "would be" } else { "was" })
            }
            (verdict, false) if promotion.not_recorded.is_some() => format!("{verdict}: {may}"),
            (verdict, false) => format!(
                "{verdict}: {}let through, the summary {} FAILED",
                if self.dry_run { "would be " } else { "" },
                if self.dry_run { "would say" } else { "says" },
            ),
        };
        let record = match (&promotion.recorded, &promotion.not_recorded) {
            (Some(recorded), _) if !counts && !decision.authorised => format!(
                "decision recorded as entry {}; it authorises nothing, also once it is witnessed: promote again when the \
                 witnesses answer",
                recorded.entry
            ),
            (Some(recorded), _) if !counts => format!(
                "decision recorded as entry {}; it counts once `countersign log witness` has found the quorum",
                recorded.entry
            ),
            (Some(recorded), _) => format!("decision recorded as entry {}", recorded.entry),
            (None, Some(not)) if self.dry_run => format!("dry run: nothing would be recorded: {}", not.why),
            (None, Some(not)) => format!("nothing was recorded: {}", not.why),
            (None, None) => "dry run: nothing was recorded, and nothing was authorised".to_owned(),
        };
        let keep = match (&promotion.recorded, &self.checkpoint_output) {
            (Some(_), None) => format!("\n{}", self.store.keep_elsewhere()),
            _ => String::new(),
        };
        let lenient = if decision.enforced {
            String::new()
        } else if decision.authorised || promotion.not_recorded.is_some() {
            format!("the gate of {environment} is not enforced: it lets through what it would refuse\n")
        } else {
            format!(
                "the gate of {environment} is not enforced, which is about rules: what is found above holds everywhere\n"
            )
        };
        let elsewhere = decision.would_be.iter().map(|(other, verdict)| format!("{other} would say {verdict} today\n"));
        format!("{said}\n{lenient}{}{record}{keep}\n", elsewhere.collect::<String>())
    }
}
