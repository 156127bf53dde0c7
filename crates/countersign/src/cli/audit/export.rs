//! `audit export`.

use super::super::given::StoreArgs;
use super::super::{Answer, Call};
use super::WindowArgs;
use crate::render::Done;
use clap::Args;
use countersign_core::exit::Exit;
use countersign_flow::audit::{self, Profile, Scope};
use countersign_flow::{files, output as answer};
use std::path::PathBuf;

/// Pack the log with its evidence into one file
///
/// The log is packed whole, whatever part of the record is asked for: what is left out are documents, and the package says
/// how many, and of which entries. The same log and the same arguments make the same bytes.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign audit export --store .countersign --output 2026.cspkg\n  countersign audit export --from 2026-01-01 --to 2027-01-01 --service git+https://example.com/team/app --output 2026-app.cspkg"
)]
pub(super) struct Export {
    #[command(flatten)]
    store: StoreArgs,
    /// The package
    #[arg(long, value_name = "FILE.cspkg")]
    output: PathBuf,
    /// Everything that decisions need to be run again, or the signed statements alone
    #[arg(long, value_enum, default_value_t = ProfileName::Full)]
    profile: ProfileName,
    #[command(flatten)]
    window: WindowArgs,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum ProfileName {
    Full,
    FactsOnly,
}

impl Export {
    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        let profile = match self.profile {
            ProfileName::Full => Profile::Full,
            ProfileName::FactsOnly => Profile::FactsOnly,
        };
        let scope = Scope { profile, window: self.window.window()? };
        let place = self.store.place(call)?;
        files::apart_from_store(&self.output, &place)?;
        let packing = audit::export_file(&place, &scope, &self.output)?;
        let document = answer::AuditExported {
            output: self.output.display().to_string(),
            bytes: usize::try_from(packing.bytes).unwrap_or(usize::MAX),
            digest: packing.digest,
            entries: packing.entries,
            documents: packing.documents,
            scope,
            left_out: packing.left_out,
            decisions: packing.decisions,
        };
        Ok(Done::answer(call.format, Exit::Ok, "audit-export", &document, || words(&document)))
    }
}

fn words(document: &answer::AuditExported) -> String {
    let mut out = format!(
        "{}: {} entries, {} documents, {} bytes\n{}\n",
        document.output, document.entries, document.documents, document.bytes, document.digest
    );
    if document.left_out.documents > 0 {
        out.push_str(&format!(
            "left out: {} documents, of entries {}\n",
            document.left_out.documents,
            document.left_out.entries.join(", ")
        ));
    }
    if document.decisions == 0 {
        out.push_str("note: the record has no decision of this scope: an auditor finds nothing of it to run again\n");
    }
    out
}
