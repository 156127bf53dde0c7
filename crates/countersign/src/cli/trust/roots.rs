//! `trust status` and `trust refresh`: the roots of Sigstore instances, how old they are, and the newest.

use super::super::{Answer, Call, given};
use crate::render::Done;
use clap::Args;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::exit::Exit;
use countersign_core::finding::{Finding, exit_of};
use countersign_core::time::Time;
use countersign_flow::attest::refresh::{Before, ROOT, TARGET, TIMESTAMP, refresh};
use countersign_flow::output::{RootStatus, TrustRefreshed, TrustStatus};
use countersign_flow::{FlowError, documents, files, trust_file};
use countersign_record::atomic::write_atomic;
use countersign_report::text;
use countersign_sign::keyless::Repository;
use countersign_verify::sigstore::Instance;
use std::path::PathBuf;

const DAY: i64 = 86_400;

/// For how long a root is good where nobody says, in days: what `trust root` writes into trust.
pub(super) const GOOD_DAYS: u32 = 90;

/// Whose limit that is.
const BY_DEFAULT: &str = "countersign: what `trust root` writes";

/// Show the Sigstore roots that count, and how old they are
///
/// Of each root that trust names: when it was fetched, and after how many days nothing is decided by it any more. One that
/// has a third of its time left is pointed out; one that is too old ends with exit code 3. Offline.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  countersign trust status --trust trust.toml")]
pub(super) struct Status {
    /// trust.toml or trust.sigstore.json; without it, the roots that came with this program
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// A root that is older than this is too old, whoever says otherwise
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3660))]
    max_age_days: Option<u32>,
}

/// Fetch a Sigstore instance's newest trusted root. Online
///
/// By The Update Framework: every step from the root that is begun with is signed by enough keys of the one before. The
/// first root comes from outside. What is written still has to be named in trust by its digest before it counts.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign trust refresh --url https://tuf-repo-cdn.sigstore.dev --tuf-root root.json \\\n    \
                        --state .countersign-tuf --output trusted_root.json"
)]
pub(super) struct Refresh {
    /// The repository's address
    #[arg(long, value_name = "URL")]
    url: String,
    /// A root of the repository that you have from elsewhere; not needed once --state has one
    #[arg(long, value_name = "FILE")]
    tuf_root: Option<PathBuf>,
    /// The folder in which the newest root and timestamp are kept, so that the repository cannot go back
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// The file among the repository's targets
    #[arg(long, value_name = "NAME", default_value = TARGET)]
    target: String,
    /// Where to write it
    #[arg(long, value_name = "FILE", default_value = TARGET)]
    output: PathBuf,
    /// Judge as if it were this time: for repositories that are kept
    #[arg(long, value_name = "TIME", hide = true)]
    at: Option<Time>,
}

impl Status {
    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        let at = given::now()?;
        let mut roots = Vec::new();
        if let Some(path) = &self.trust {
            for root in trust_file::read(path)?.sigstore_roots {
                let most = self.max_age_days.map_or(root.max_age_days, |days| days.min(root.max_age_days));
                roots.push(status(root.name.as_str(), root.digest, root.fetched, Some(most), at));
            }
        }
        let mut embedded = Vec::new();
        for instance in Instance::ALL {
            let document = documents::canonical_root(instance.document().as_bytes(), instance.word())?;
            let fetched = Instance::fetched().unwrap_or(at);
            let most = self.max_age_days.unwrap_or(GOOD_DAYS);
            embedded.push(status(instance.word(), Sha256::of(&document), fetched, Some(most), at));
        }
        let (judged, by) = match (&self.trust, self.max_age_days) {
            (Some(_), None) => (&roots, "trust"),
            (Some(_), Some(_)) => (&roots, "trust, and --max-age-days"),
            (None, Some(_)) => (&embedded, "--max-age-days"),
            (None, None) => (&embedded, BY_DEFAULT),
        };
        let findings: Vec<Finding> = judged.iter().filter_map(|root| age(root, by, at)).collect();
        let exit = exit_of(&findings);
        let document = TrustStatus { roots, embedded, findings, exit };
        Ok(Done::answer(call.format, exit, "trust-status", &document, || {
            let row = |from: &str, root: &RootStatus| {
                let most = root.max_age_days.map_or_else(|| "not said".to_owned(), |days| format!("{days} days"));
                let age = format!("{} days", root.age_days);
                vec![root.name.clone(), from.to_owned(), root.fetched.to_string(), age, most, root.digest.to_string()]
            };
            let named = document.roots.iter().map(|root| row("trust", root));
            let rows: Vec<Vec<String>> =
                named.chain(document.embedded.iter().map(|root| row("this program", root))).collect();
            let table = text::table(&["root", "from", "fetched", "age", "good for", "digest"], &rows);
            format!("{table}{}", text::findings(&document.findings))
        }))
    }
}

fn status(name: &str, digest: Sha256, fetched: Time, max_age_days: Option<u32>, at: Time) -> RootStatus {
    let age_days = at.since(fetched).checked_div(DAY).unwrap_or(0);
    RootStatus { name: name.to_owned(), digest, fetched, age_days, max_age_days }
}

/// What there is to say about a root's age.
fn age(root: &RootStatus, by: &str, at: Time) -> Option<Finding> {
    let most = i64::from(root.max_age_days?);
    let age = at.since(root.fetched);
    // That came with the program decides nothing by itself: trust says how long a root counts.
    let (code, what) = if age > most.saturating_mul(DAY) && by == BY_DEFAULT {
        (
            codes::SIGSTORE_ROOT_OLD,
            "the root that came with this program is older than a root should be that trust names",
        )
    } else if age > most.saturating_mul(DAY) {
        (codes::SIGSTORE_ROOT_STALE, "the trusted root is too old: nothing is decided by it any more")
    } else if age.saturating_mul(3) > most.saturating_mul(2).saturating_mul(DAY) {
        (codes::SIGSTORE_ROOT_OLD, "the trusted root will soon be too old")
    } else {
        return None;
    };
    let finding = Finding::new(code, what)
        .at(format!("Sigstore root {}", root.name))
        .expected(format!("at most {most} days"), by)
        .found(format!("{} days, fetched {}", root.age_days, root.fetched));
    Some(finding.help("countersign trust refresh, then the new digest and date into trust"))
}

impl Refresh {
    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        let at = self.at.map_or_else(given::now, Ok)?;
        let before = Before::read(self.state.as_deref(), self.tuf_root.as_deref())?;
        let repository = Repository::at(&self.url)?;
        let fetched = refresh(&before, &self.target, at, &|name| Ok(repository.file(name)?))?;
        let old = files::read_to_grow(&self.output, countersign_core::limits::SIGSTORE_ANSWER_BYTES)?;
        let place = self.output.display().to_string();
        let digest = if self.target == TARGET {
            Sha256::of(&documents::canonical_root(&fetched.document, &place)?)
        } else {
            Sha256::of(&fetched.document)
        };
        write_atomic(&self.output, &fetched.document, 0o644)?;
        if let Some(folder) = &self.state {
            std::fs::create_dir_all(folder).map_err(|source| FlowError::Read { path: folder.clone(), source })?;
            write_atomic(&folder.join(ROOT), &fetched.root, 0o644)?;
            write_atomic(&folder.join(TIMESTAMP), &fetched.timestamp, 0o644)?;
        }
        let document = TrustRefreshed {
            output: place,
            digest,
            changed: old.as_deref() != Some(&fetched.document[..]),
            root_version: fetched.root_version,
            root_expires: fetched.root_expires,
            timestamp_version: fetched.timestamp_version,
            fetched: at,
        };
        Ok(Done::answer(call.format, Exit::Ok, "trust-refresh", &document, || {
            format!(
                "{}: {}, {}\nby root version {} (good until {}), timestamp version {}\n\
                 it counts once trust names it: `countersign trust root {} --name NAME`\n",
                document.output,
                document.digest,
                if document.changed { "changed" } else { "the same as before" },
                document.root_version,
                document.root_expires,
                document.timestamp_version,
                document.output,
            )
        }))
    }
}
