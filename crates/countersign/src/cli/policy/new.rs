//! `policy new`: a rule, or a first policy, from a few answers. At a terminal it asks for what was not given; in a script
//! every answer is a flag.

use super::super::given;
use super::super::{Answer, Call};
use crate::render::{Done, Format};
use clap::Args;
use countersign_core::exit::Exit;
use countersign_core::git::Oid;
use countersign_core::ids::{RefName, Uri};
use countersign_flow::policy::{self, Beginning, Draft};
use countersign_flow::{FlowError, output as answer};
use std::io::{BufRead as _, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

/// Write a rule with a case in which it is broken and one in which it holds
///
/// The rule passes `policy lint` and `policy test` as it is written, and is named in policy.toml, in stage monitor. What is
/// not given is asked for at a terminal. With --policy a first policy.toml is written instead.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  countersign policy new --policy policy --uri https://example.com/policy --repository git+https://example.com/team/app --owner platform --start \"$(git rev-parse HEAD)\"\n  \
                  countersign policy new no-left-pad --owner security --message \"{name} {version} is not allowed\" --folder policy"
)]
pub(super) struct New {
    /// Its name: a-z, 0-9 and `-`
    #[arg(conflicts_with_all = ["policy", "uri", "repository", "branch", "start"])]
    name: Option<String>,
    /// What it looks at: a list of the input, such as sbom.components
    #[arg(long, value_name = "LIST", conflicts_with = "policy")]
    list: Option<String>,
    /// What it says of each thing that breaks it; `{name}` stands for a field of the list
    #[arg(long, value_name = "TEXT", conflicts_with = "policy")]
    message: Option<String>,
    /// What holds when it passes, in a few words
    #[arg(long, value_name = "TEXT", conflicts_with = "policy")]
    title: Option<String>,
    /// Who answers for it: a team or a person; with --policy, for every rule of the first policy
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
    /// As rule.yaml, which needs no Rego, or as rule.rego
    #[arg(long, value_enum, default_value_t = RuleForm::Yaml, conflicts_with = "policy")]
    form: RuleForm,
    /// The same as `--form yaml`
    #[arg(long, hide = true, conflicts_with = "form")]
    yaml: bool,
    /// The folder with policy.toml
    #[arg(long, value_name = "DIR", default_value = "policy")]
    folder: PathBuf,
    /// Write a first policy.toml into this folder
    #[arg(long, value_name = "DIR", conflicts_with = "folder")]
    policy: Option<PathBuf>,
    /// The name of the first policy, a URI
    #[arg(long, value_name = "URI", requires = "policy")]
    uri: Option<Uri>,
    /// The repository that the first policy covers, `git+https://…`
    #[arg(long, value_name = "URI", requires = "policy")]
    repository: Option<Uri>,
    /// The branch that its releases are built from
    #[arg(long, value_name = "REF", requires = "policy", default_value = "refs/heads/main")]
    branch: RefName,
    /// The commit up to which its history is taken as it is: its whole id
    #[arg(long, value_name = "COMMIT", requires = "policy")]
    start: Option<Oid>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum RuleForm {
    /// rule.yaml
    Yaml,
    /// rule.rego
    Rego,
}

impl New {
    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        match &self.policy {
            Some(folder) => self.begin(call, folder),
            None => self.rule(call),
        }
    }

    fn rule(&self, call: &Call<'_>) -> Answer {
        let questions = Questions::of(call, self.name.is_none() || self.owner.is_none());
        let name = questions.needed(self.name.as_ref(), "the rule's name", "NAME", "a-z, 0-9 and `-`")?;
        let lists = policy::lists().join(", ");
        let list =
            questions.with_default(self.list.as_ref(), &format!("it looks at one of {lists}"), "sbom.components");
        let message =
            questions.with_default(self.message.as_ref(), "it says, with {name} and the like for facts", USUAL);
        let owner = questions.needed(self.owner.as_ref(), "who answers for it", "--owner", "a team or a person")?;
        let draft = Draft {
            name: &name,
            list: &list,
            message: Some(message.as_str()).filter(|message| *message != USUAL),
            title: self.title.as_deref(),
            owner: &owner,
            yaml: self.yaml || self.form == RuleForm::Yaml,
        };
        let files = policy::draft(&self.folder, &draft)?;
        let document = answer::PolicyDrafted { rule: Some(format!("{name}@1")), files };
        Ok(Done::answer(call.format, Exit::Ok, "policy-new", &document, || {
            let folder = self.folder.display();
            format!(
                "rule {name}@1, in stage monitor:\n{}next: edit it, then `countersign policy lint {folder}` and `countersign policy test {folder}`\n",
                written(&self.folder, &document.files)
            )
        }))
    }

    fn begin(&self, call: &Call<'_>, folder: &Path) -> Answer {
        let questions = Questions::of(call, self.uri.is_none() || self.repository.is_none() || self.owner.is_none());
        let uri = |text: String, what: &str| {
            text.parse::<Uri>().map_err(|error| FlowError::Usage(format!("{what} `{text}`: {error}")))
        };
        let name = match &self.uri {
            Some(name) => name.clone(),
            None => uri(questions.needed(None, "the policy's name", "--uri", "https://…")?, "--uri")?,
        };
        let repository = if let Some(repository) = &self.repository {
            repository.clone()
        } else {
            let said = questions.needed(None, "the repository that it covers", "--repository", "git+https://…")?;
            uri(said, "--repository")?
        };
        let said = self
            .owner
            .clone()
            .or_else(|| questions.ask("who answers for its rules (a team or a person; may stay open)"));
        let beginning = Beginning {
            owner: said.as_deref(),
            uri: &name,
            repository: &repository,
            branch: &self.branch,
            start: self.start.as_ref(),
            from: given::now()?,
        };
        let files = policy::begin(folder, &beginning)?;
        let document = answer::PolicyDrafted { rule: None, files };
        Ok(Done::answer(call.format, Exit::Ok, "policy-new", &document, || {
            format!(
                "a first policy: production enforces what your build and reviewers can show today, and watches the rest:\n{}{}next: read it, then `countersign policy lint {}`\n",
                written(folder, &document.files),
                left_open(self.start.is_some(), said.is_some()),
                folder.display()
            )
        }))
    }
}

/// What a first policy still needs.
fn left_open(start: bool, owner: bool) -> String {
    let start = if start { "" } else { "`start` is not set: the first promotion needs it\n" };
    let owner = if owner { "" } else { "no rule has an `owner`: whoever is refused has nobody to ask\n" };
    format!("{start}{owner}")
}

/// What stands for the text that fits the list.
const USUAL: &str = "the usual";

fn written(folder: &Path, files: &[String]) -> String {
    files.iter().map(|file| format!("  {}/{file}\n", folder.display())).collect::<Vec<_>>().concat()
}

/// What a person at a terminal is asked. A script is asked nothing: what it did not say is what is usual, or is missing.
struct Questions {
    asks: bool,
}

impl Questions {
    /// Nothing is asked where everything that has no usual answer was given.
    fn of(call: &Call<'_>, missing: bool) -> Self {
        let terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        Self { asks: missing && terminal && call.format == Format::Text }
    }

    fn needed(&self, given: Option<&String>, what: &str, flag: &str, like: &str) -> Result<String, FlowError> {
        let said = given.cloned().or_else(|| self.ask(&format!("{what} ({like})")));
        said.ok_or_else(|| FlowError::Usage(format!("{what} is missing: give {flag}, {like}")))
    }

    fn with_default(&self, given: Option<&String>, what: &str, usual: &str) -> String {
        given.cloned().or_else(|| self.ask(&format!("{what} [{usual}]"))).unwrap_or_else(|| usual.to_owned())
    }

    #[expect(clippy::print_stderr, reason = "a question stands beside the answer, not in it")]
    fn ask(&self, question: &str) -> Option<String> {
        if !self.asks {
            return None;
        }
        eprint!("{question}: ");
        let mut said = String::new();
        std::io::stdin().lock().take(ANSWER).read_line(&mut said).ok()?;
        Some(said.trim().to_owned()).filter(|said| !said.is_empty())
    }
}

/// The most of an answer that is read.
const ANSWER: u64 = 1_000;
