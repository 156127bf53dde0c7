//! `policy new --policy`: a first policy.toml that a team can pass on its first day, with what it has yet to bring watched.

use super::draft::{quoted, write};
use crate::error::FlowError;
use countersign_core::git::Oid;
use countersign_core::ids::{RefName, Uri};
use countersign_core::policy::SOURCE_FILE;
use countersign_core::time::Time;
use countersign_decide::rules;
use std::path::Path;

/// What a first policy.toml is asked for.
#[derive(Debug, Clone)]
pub struct Beginning<'a> {
    /// The policy's name.
    pub uri: &'a Uri,
    /// The repository that it covers.
    pub repository: &'a Uri,
    /// The branch that releases are built from.
    pub branch: &'a RefName,
    /// The commit up to which history is taken as it is, if it is known already.
    pub start: Option<&'a Oid>,
    /// Who answers for its rules, if that is known already.
    pub owner: Option<&'a str>,
    /// Valid from.
    pub from: Time,
}

/// A rule of a first policy.
struct First {
    id: &'static str,
    /// Whether `sbom`, `provenance`, `sign` and `review sign` bring all that it asks for.
    enforced: bool,
    /// Its line of parameters, if the usual ones do not fit a first day. `BRANCH` stands for the branch.
    parameters: &'static str,
    /// What has to be known of it here.
    note: &'static str,
}

/// Those that `sbom`, `provenance`, `sign` and `review sign` can fulfil are enforced. The others need evidence of other
/// tools, or names of the team's own: watched, until somebody brings that.
const FIRST: &[First] = &[
    First {
        id: "two-party-review@1",
        enforced: true,
        parameters: "parameters = { least_tier = \"T3\" }\n",
        note: "T3: the reviewer's own signature, by `review sign`. Reviews on a forge are T1 or T2: docs/forges.md.",
    },
    First {
        id: "builder-level@1",
        enforced: true,
        parameters: "parameters = { least = 1 }\n",
        note: "L1 says that there is provenance, and no more: whoever runs the build can name any commit for any artifact, and\n\
               # every decision says so (artifact-source-link-unproven). A build that signs with its platform's identity shows L2:\n\
               # then raise this to 2, and builder_level in trust.toml with it. docs/trust.md has how. `SLSA build-l2` is a control that\n\
               # the rule serves from then on.",
    },
    First { id: "source-clean@1", enforced: true, parameters: "", note: "" },
    First { id: "sbom-present@1", enforced: true, parameters: "", note: "" },
    First { id: "dependencies-pinned@2", enforced: true, parameters: "", note: "" },
    First {
        id: "tests-passed@1",
        enforced: false,
        parameters: "",
        note: "Needs `collect tests`, signed: docs/other-tools.md.",
    },
    First {
        id: "vulnerabilities-handled@3",
        enforced: false,
        parameters: "",
        note: "Needs a scan of the artifact, signed: docs/other-tools.md.",
    },
    First {
        id: "no-secrets@2",
        enforced: false,
        parameters: "",
        note: "Needs `collect secrets` of the very commit, signed: docs/secrets.md.",
    },
    First {
        id: "licences-allowed@1",
        enforced: false,
        parameters: "",
        note: "Reads the SBOM: look at what it says of your dependencies, and name what you accept.",
    },
    First {
        id: "provenance-expected@1",
        enforced: false,
        parameters: "parameters = { branches = [BRANCH], any_parameters = [\"arguments\", \"command\", \"directory\", \"environment\", \"source\"] }\n",
        note: "Write what you expect of a build: its branch, and parameters that may be anything.",
    },
    First {
        id: "hermetic-build@1",
        enforced: false,
        parameters: "parameters = { required = \"where-claimed\" }\n",
        note: "Of builds that claim it alone: `provenance --hermetic`.",
    },
    First {
        id: "image-registry@1",
        enforced: false,
        parameters: "parameters = { registries = [\"registry.example.com\"], pin = \"tag\" }\n",
        note: "Needs `collect snapshot`, signed, and the names of your registries: docs/configuration-facts.md.",
    },
    First {
        id: "database-encrypted@1",
        enforced: false,
        parameters: "parameters = { look_at = [\"connections\", \"plan\"], local = \"pass\" }\n",
        note: "Needs `collect snapshot` and `collect plan`, signed: docs/configuration-facts.md.",
    },
    First {
        id: "audit-log-kept@1",
        enforced: false,
        parameters: "",
        note: "Needs `collect plan`, signed: docs/configuration-facts.md.",
    },
];

const WATCHED: &str = "\n# From here on: watched only. A rule that finds something, or lacks its evidence, says so in every decision and holds nothing\n\
                       # back. Bring the evidence, read what it finds, then raise its stage: docs/rollout.md.\n";

/// Writes a first policy.toml: what the build's own verbs can show is enforced, every other built-in rule is watched.
pub fn begin(folder: &Path, beginning: &Beginning<'_>) -> Result<Vec<String>, FlowError> {
    let source = folder.join(SOURCE_FILE);
    if source.exists() {
        return Err(FlowError::Usage(format!("{} is there already", source.display())));
    }
    write(&source, &text(beginning)?)?;
    Ok(vec![SOURCE_FILE.to_owned()])
}

fn text(beginning: &Beginning<'_>) -> Result<String, FlowError> {
    let year = Time::from_unix(beginning.from.unix().saturating_add(365 * 24 * 60 * 60));
    let until = year.map_err(|error| FlowError::Usage(error.to_string()))?;
    let start = match beginning.start {
        Some(start) => format!("start = \"{start}\"\n"),
        None => format!(
            "# Not set yet: without it the first promotion is INDETERMINATE (start-unknown).\n# start = \"{}\"\n",
            "0".repeat(40)
        ),
    };
    let mut text = format!(
        "# What has to hold before an artifact goes to an environment. `countersign policy lint` says what is wrong with it.\n\
         uri = {}\nlineage = \"main\"\nversion = 1\n# Nothing passes from `expires` on: activate the next version before.\n\
         not_before = \"{}\"\nexpires = \"{until}\"\n\
         # Who wrote what changed since the release before, by ids of trust. Its only author is none of its approvers.\n\
         # authors = [\"ada\"]\n\n[[sources]]\nrepository = {}\nref = {}\n\
         # The commit up to which history is taken as it is, for the first promotion: every change after it needs its review.\n\
         {start}\n# trust.toml has to have an environment before anything goes there. With `enforced = false` a gate says what it would refuse,\n\
         # and lets it through: trust allows that where it sets no floor for the environment (no enforced_rules, review_tier, builder_level).\n\
         [environments.staging]\nenforced = true\n\n[environments.production]\nenforced = true\n",
        quoted(beginning.uri.as_str()),
        beginning.from,
        quoted(beginning.repository.as_str()),
        quoted(beginning.branch.as_str()),
    );
    let branch = beginning.branch.as_str();
    let branch = quoted(branch.strip_prefix("refs/heads/").unwrap_or(branch));
    let owner = match beginning.owner {
        Some(owner) => format!("owner = {}\n", quoted(owner)),
        None => "# owner = \"TEAM\"\n".to_owned(),
    };
    let (enforced, watched): (Vec<&'static rules::BuiltIn>, Vec<&'static rules::BuiltIn>) =
        rules::newest().partition(|rule| first(rule.id).is_some_and(|first| first.enforced));
    for (heading, rules, stage) in [("", enforced, "enforce"), (WATCHED, watched, "monitor")] {
        text.push_str(heading);
        for rule in rules {
            let known = first(rule.id);
            let note = known.map_or("", |first| first.note);
            let note = if note.is_empty() { String::new() } else { format!("# {note}\n") };
            let parameters = known.map_or("", |first| first.parameters).replace("BRANCH", &branch);
            let controls: Vec<String> = rule.controls.iter().map(|control| quoted(control)).collect();
            text.push_str(&format!(
                "\n# {}.\n{note}[[rules]]\nid = \"{}\"\n{owner}controls = [{}]\nstages = {{ staging = \"{stage}\", production = \"{stage}\" }}\n{parameters}",
                rule.title,
                rule.id,
                controls.join(", ")
            ));
        }
    }
    Ok(text)
}

fn first(id: &str) -> Option<&'static First> {
    FIRST.iter().find(|first| first.id == id)
}
