//! What a verb writes takes the place of nothing that a store keeps, of nothing that the verb reads, and of nothing else that it
//! writes. This is asked of the command line, of all verbs alike and before any of them begins: no verb can leave it out, and
//! nothing was recorded, or taken away, when the answer is no.

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};
use countersign_flow::{FlowError, files};
use countersign_record::atomic::{is_standard_output, lies_in, same_file};
use countersign_sign::KeyPlace;
use std::any::TypeId;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The options that name what is written: a file, or a folder of files. What a verb writes besides (its lock, its memory, a file
/// of signatures that grows) is kept out of stores where it is written.
const WRITTEN: &[&str] =
    &["checkpoint-output", "csv", "dir", "facts-output", "html", "keep", "output", "raw", REPORT, "sample", "svg"];
const REPORT: &str = "report";

/// What values are that name files.
const FILES: &[fn() -> TypeId] = &[TypeId::of::<PathBuf>, TypeId::of::<OsString>, TypeId::of::<KeyPlace>];

fn is_file(argument: &Arg) -> bool {
    let kind = argument.get_value_parser().type_id();
    FILES.iter().any(|file| kind == file())
}

/// Whether a file stands behind the first `=` of its values, such as FORMAT=FILE: behind that of NAME=VALUE stands any word.
fn is_pair(argument: &Arg) -> bool {
    argument.get_value_names().unwrap_or_default().iter().any(|name| name.ends_with("=FILE"))
}

/// Whether its values name what is written: in another verb the same option may be a number.
fn is_written(argument: &Arg) -> bool {
    argument.get_long().is_some_and(|long| WRITTEN.contains(&long) && (long == REPORT || is_file(argument)))
}

/// Verbs that add to what they read, or write it again as it is, where `--output` names it; they ask for themselves what is there.
const IN_PLACE: &[&str] = &["policy adjudicate", "policy approve", "sbom ingest", "trust sign"];

/// Verbs that read a policy's folder as a release, and write what they made of it: a new file in there would be part of the next
/// release, whose digest is another one.
const OF_A_RELEASE: &[&str] = &["policy backtest", "policy build", "policy export"];

/// Options that take folders of signed documents.
const OF_DOCUMENTS: &[&str] = &["bundle", "reviews"];

/// Verbs whose `--output` is the checkpoint that is kept elsewhere, which only ever goes forward.
const KEEPING: &[&str] = &["log checkpoint", "log rotate"];

/// What a command line names.
#[derive(Debug, Clone, Default)]
pub(crate) struct Named {
    /// The verb in full, as `policy lint`.
    verb: String,
    written: Vec<Value>,
    others: Vec<Value>,
    /// The options that somebody typed.
    typed: BTreeSet<String>,
}

/// One value, as a path.
#[derive(Debug, Clone)]
struct Value {
    /// The option without its dashes, or the argument's name.
    option: String,
    path: PathBuf,
}

impl Named {
    /// What was given, with what counts where nothing was.
    pub(crate) fn of(command: &Command, matches: &ArgMatches) -> Self {
        let (mut command, mut matches) = (command, matches);
        let mut named = Self::default();
        loop {
            named.take(command, matches);
            let Some((name, below)) = matches.subcommand() else { return named };
            let Some(found) = command.find_subcommand(name) else { return named };
            if !named.verb.is_empty() {
                named.verb.push(' ');
            }
            named.verb.push_str(found.get_name());
            (command, matches) = (found, below);
        }
    }

    fn take(&mut self, command: &Command, matches: &ArgMatches) {
        // Behind `--` stand the words of another program.
        let ours = command.get_arguments().filter(|argument| !argument.is_last_set());
        for argument in ours.filter(|argument| argument.get_action().takes_values()) {
            let id = argument.get_id().as_str();
            let option = argument.get_long().unwrap_or(id).to_owned();
            let (written, is_file, is_pair) = (is_written(argument), is_file(argument), is_pair(argument));
            // Where it is from may be asked only of what is there.
            let is_there = matches!(matches.try_contains_id(id), Ok(true));
            if is_there && matches.value_source(id) == Some(ValueSource::CommandLine) {
                self.typed.insert(option.clone());
            }
            for value in matches.try_get_raw(id).ok().flatten().into_iter().flatten() {
                let whole = PathBuf::from(value);
                // Other words may be spelled as a file is, and name none.
                let pair = value.to_str().filter(|_| is_pair).and_then(|text| text.split_once('='));
                let behind = pair.map(|(_, file)| PathBuf::from(file));
                let named = |path: PathBuf| Value { option: option.clone(), path };
                if !written {
                    self.others.extend(is_file.then_some(whole).into_iter().chain(behind).map(named));
                } else if option == REPORT {
                    self.written.extend(behind.filter(|file| file != Path::new("-")).map(named));
                } else {
                    self.written.push(named(whole));
                }
            }
        }
    }

    /// Whether somebody typed an option, named without its dashes: what a variable gives may be meant for other verbs, and what is
    /// typed is meant for this one, also where its variable is set as well.
    pub(crate) fn is_typed(&self, option: &str) -> bool {
        self.typed.contains(option)
    }

    /// Whether something that is written goes to standard output, where an answer behind it would be part of the file.
    pub(crate) fn takes_standard_output(&self) -> bool {
        self.written.iter().any(|value| is_standard_output(&value.path))
    }

    /// Whether everything that is written has a place of its own.
    pub(crate) fn apart(&self) -> Result<(), FlowError> {
        let mut rest = self.written.as_slice();
        while let Some((one, more)) = rest.split_first() {
            rest = more;
            if one.path.is_dir() {
                files::apart_from_stores(&one.path.join("file"))?;
                continue;
            }
            files::apart_from_stores(&one.path)?;
            // A device or a pipe takes whatever comes.
            if one.path.exists() && !one.path.is_file() {
                continue;
            }
            if let Some(other) = more.iter().find(|other| one.meets(other)) {
                return Err(FlowError::Usage(format!(
                    "{} is named twice, by --{} and by --{}: one would be written over the other",
                    one.path.display(),
                    one.option,
                    other.option
                )));
            }
            self.apart_from_policy(one)?;
            self.apart_from_documents(one)?;
            // Whether or not it is there: a build may make what is named as its artifact only now.
            let read = self.others.iter().filter(|other| !self.may_meet(one, other));
            let read: Vec<&Path> = read.map(|other| other.path.as_path()).collect();
            files::apart_from_inputs(&one.path, &read)?;
            one.is_meant()?;
        }
        Ok(())
    }

    /// Everything in a policy's folder is part of the release, and is read. A report lies in none, named here or not, and whether
    /// or not it is there yet: each run would make another release of it. Nor does what is made of a release lie in its folder.
    fn apart_from_policy(&self, one: &Value) -> Result<(), FlowError> {
        let of_policy = self.verb.starts_with("policy ");
        let of_verb = |other: &Value| other.option == "folder" && of_policy;
        // Whatever else lies in a folder that happens to hold a policy is written there as it always was.
        let is_meant = |other: &Value| of_policy || one.option == REPORT || other.option == "policy";
        let mut folders =
            self.others.iter().filter(|other| of_verb(other) || (is_meant(other) && is_policy(&other.path)));
        let named = folders.any(|other| lies_in(&one.path, &other.path));
        let is_part = one.path.is_file() || OF_A_RELEASE.contains(&self.verb.as_str());
        let lies = if one.option == REPORT { named || in_a_policy(&one.path) } else { named && is_part };
        if lies {
            // Nobody named what is usual.
            let help = if self.is_typed(&one.option) { "name a file" } else { "give one with this option" };
            return Err(FlowError::Usage(format!(
                "--{}: {} lies in the policy's folder, and would be part of the release: {help} outside of it",
                one.option,
                one.path.display()
            )));
        }
        Ok(())
    }

    /// Every file of a folder of signed documents is read as one. What is none lies beside it, whether or not it is there yet: the next
    /// run would be refused for it.
    fn apart_from_documents(&self, one: &Value) -> Result<(), FlowError> {
        let folders = self.others.iter().filter(|other| OF_DOCUMENTS.contains(&other.option.as_str()));
        let is_document = !matches!(one.option.as_str(), "checkpoint-output" | REPORT);
        match folders.filter(|_| !is_document).find(|folder| is_listed(&one.path, &folder.path)) {
            None => Ok(()),
            Some(folder) => Err(FlowError::Usage(format!(
                "--{}: {} lies in {}, whose files --{} reads as signed documents: name a file outside of it",
                one.option,
                one.path.display(),
                folder.path.display(),
                folder.option
            ))),
        }
    }

    /// What is meant to be read and then replaced: an earlier answer that the new one is held against, the checkpoint that is kept
    /// elsewhere, and a document that gets one signature more.
    fn may_meet(&self, written: &Value, read: &Value) -> bool {
        let verb = self.verb.as_str();
        let of_log = written.option == "checkpoint-output" || KEEPING.contains(&verb);
        read.option == "baseline"
            || (read.option == "least-checkpoint" && of_log && written.option != REPORT)
            || (IN_PLACE.contains(&verb) && written.option != REPORT)
    }
}

/// Whether a file is one of a folder's own: hidden ones are passed over, and so are folders in it.
fn is_listed(file: &Path, folder: &Path) -> bool {
    let hidden = file.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
    let lies = || {
        std::fs::canonicalize(folder_of(file))
            .is_ok_and(|in_it| std::fs::canonicalize(folder).is_ok_and(|folder| folder == in_it))
    };
    !hidden && folder.is_dir() && lies()
}

/// The folder that a file is named in.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

/// A folder with `policy.toml`, unless it is a repository: no release closes the whole of one.
fn is_policy(folder: &Path) -> bool {
    folder.join("policy.toml").is_file() && !folder.join(".git").exists()
}

/// Whether what is written there would end in some policy's folder, or below it.
fn in_a_policy(path: &Path) -> bool {
    let folder = folder_of(path);
    let above = |folder: PathBuf| folder.ancestors().take_while(|folder| !folder.join(".git").exists()).any(is_policy);
    std::fs::canonicalize(folder).is_ok_and(above)
}

impl Value {
    /// Whether somebody can have meant that it is written there: `-` is standard output elsewhere, and a private key is nowhere else.
    fn is_meant(&self) -> Result<(), FlowError> {
        let (option, path) = (&self.option, self.path.display());
        if self.path == Path::new("-") {
            let what = format!("--{option} names a file, and `-` is none here: a file that is called so is `./-`");
            return Err(FlowError::Usage(what));
        }
        // Of reports their own rule has more to say.
        if option != REPORT && files::holds_private_key(&self.path) {
            let what = format!("--{option}: {path} holds a private key, and would be written over: name another file");
            return Err(FlowError::Usage(what));
        }
        Ok(())
    }

    /// Whether both would end in one file. `sbom ingest` has words of its own for its two.
    fn meets(&self, other: &Self) -> bool {
        let ingest = [&self.option, &other.option].into_iter().any(|option| option == "raw");
        !ingest && same_file(&self.path, &other.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::CommandFactory as _;

    /// The options that name a file or a folder and are no output: read, or written by what asks for itself where it writes.
    const OTHERS: &[&str] = &[
        "activation",
        "all",
        "allow",
        "app-key",
        "artifact",
        "backtest",
        "baseline",
        "bundle",
        "ca",
        "cache",
        "cloud-build-key",
        "config",
        "db",
        "dependency",
        "digest-key",
        "directory",
        "document",
        "earlier",
        "expect",
        "facts",
        "folder",
        "from",
        "identity-token",
        "input",
        "key",
        "labels",
        "lock",
        "lockfile",
        "login-file",
        "of",
        "packed-in",
        "policy",
        "previous",
        "provenance",
        "repo",
        "reviews",
        "rules",
        "sarif",
        "secret-file",
        "signatures",
        "signing-config",
        "sigstore-root",
        "state",
        "tests",
        "token-file",
        "trust",
        "trusted-root",
        "tuf-root",
        "verify",
    ];

    /// Every command, with the words that name it.
    fn commands(command: &Command, words: &[String], found: &mut Vec<(Vec<String>, Command)>) {
        found.push((words.to_vec(), command.clone()));
        for below in command.get_subcommands() {
            commands(below, &[words, &[below.get_name().to_owned()]].concat(), found);
        }
    }

    fn all() -> Vec<(Vec<String>, Command)> {
        let mut found = Vec::new();
        commands(&Cli::command(), &["countersign".to_owned()], &mut found);
        found
    }

    /// What a command line names, also one that lacks what the verb needs.
    fn named(line: &[String]) -> Named {
        let mut command = Cli::command().ignore_errors(true);
        let matches = command.try_get_matches_from_mut(line).unwrap();
        Named::of(&command, &matches)
    }

    /// A line with the folder in place of `@`.
    fn said(folder: &Path, line: &str) -> Result<(), String> {
        let line = line.replace('@', &folder.display().to_string());
        let words: Vec<String> = format!("countersign {line}").split(' ').map(str::to_owned).collect();
        named(&words).apart().map_err(|error| error.to_string())
    }

    #[test]
    fn every_option_that_names_a_file_is_known_as_an_output_or_as_none() {
        let mut unknown = BTreeSet::new();
        for (words, command) in all() {
            let files = command.get_arguments().filter(|a| a.get_value_parser().type_id() == TypeId::of::<PathBuf>());
            for long in files.filter_map(Arg::get_long) {
                if WRITTEN.contains(&long) == OTHERS.contains(&long) {
                    unknown.insert(format!("{} --{long}", words.join(" ")));
                }
            }
        }
        assert!(unknown.is_empty(), "say in this file whether these are written: {unknown:?}");
    }

    #[test]
    fn what_stands_behind_an_equals_sign_is_known_as_a_file_or_as_none() {
        for (words, command) in all() {
            for argument in command.get_arguments() {
                let names = argument.get_value_names().unwrap_or_default();
                let none = ["claim", "parameter", "workflow-input"];
                let known = is_pair(argument) || argument.get_long().is_some_and(|long| none.contains(&long));
                assert!(known || names.iter().all(|name| !name.contains('=')), "{words:?} {argument:?}");
            }
        }
    }

    #[test]
    fn no_output_of_any_verb_takes_the_place_of_what_a_store_keeps() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("log/tile")).unwrap();
        std::fs::create_dir_all(dir.path().join("evidence/sha256/c5")).unwrap();
        for kept in ["log/checkpoint", "log/cosigned", "evidence/sha256/c5/d0"] {
            std::fs::write(dir.path().join(kept), b"kept").unwrap();
        }
        let mut outputs = BTreeSet::new();
        for (words, command) in all() {
            for long in command.get_arguments().filter(|argument| is_written(argument)).filter_map(Arg::get_long) {
                outputs.insert(long.to_owned());
                for place in ["log/checkpoint", "log/cosigned", "log/tile", "log/new", "evidence/sha256/c5/d0"] {
                    let place = dir.path().join(place).display().to_string();
                    let value = if long == REPORT { format!("sarif={place}") } else { place };
                    let line = [words.as_slice(), &[format!("--{long}"), value]].concat();
                    let error = named(&line).apart().expect_err(&line.join(" ")).to_string();
                    assert!(error.contains("which the store keeps"), "{line:?}: {error}");
                }
            }
        }
        let known: BTreeSet<String> = WRITTEN.iter().map(|long| (*long).to_owned()).collect();
        assert_eq!(outputs, known, "each of them is some verb's");
    }

    #[test]
    fn no_output_takes_the_place_of_a_private_key_or_is_a_file_that_somebody_took_for_standard_output() {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("pem", "-----BEGIN PRIVATE KEY-----\nMC4C"),
            ("ec", "\n-----BEGIN EC PRIVATE KEY-----\n"),
            ("locked", "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"),
            ("ssh", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl"),
            ("public", "-----BEGIN PUBLIC KEY-----\nMCow"),
        ] {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        let mut seen = 0;
        for (words, command) in all() {
            for long in command.get_arguments().filter(|argument| is_written(argument)).filter_map(Arg::get_long) {
                let said = |value: String| {
                    let line = [words.as_slice(), &[format!("--{long}"), value]].concat();
                    named(&line).apart().map_err(|error| error.to_string())
                };
                let at = |name: &str| {
                    let path = dir.path().join(name).display().to_string();
                    if long == REPORT { format!("sarif={path}") } else { path }
                };
                for name in ["pem", "ec", "locked", "ssh"].into_iter().filter(|_| long != REPORT) {
                    let error = said(at(name)).expect_err(long);
                    assert!(error.contains("holds a private key"), "{words:?} {error}");
                }
                assert_eq!(said(at("public")), Ok(()), "{words:?} --{long}");
                // Of a report it is standard output.
                if long != REPORT {
                    let error = said("-".to_owned()).expect_err(long);
                    assert!(error.contains("`-` is none here"), "{words:?} {error}");
                }
                seen += 1;
            }
        }
        assert!(seen > 20, "{seen}");
    }

    #[test]
    fn an_output_takes_the_place_of_nothing_that_is_read_and_of_no_other_output() {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["policy/rules", "docs/sub"] {
            std::fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        for name in ["a", "b", "policy/policy.toml"] {
            std::fs::write(dir.path().join(name), b"here").unwrap();
        }
        for (line, words) in [
            ("promote @/a --report sarif=@/a", "is read here"),
            ("promote @/b --report sarif=@/policy/../a --key @/a", "is read here"),
            ("promote @/b --report sarif=@/a --least-checkpoint @/a", "is read here"),
            ("promote @/b --checkpoint-output @/a --lock @/a", "is read here"),
            ("promote @/b --checkpoint-output @/a --report sarif=@/a", "named twice"),
            ("audit report @/b --least-checkpoint @/a --output @/a", "is read here"),
            ("collect snapshot --rendered chart=@/a --output @/a", "is read here"),
            ("audit show 3 @/b --svg @/x --html @/x", "named twice, by --html and by --svg"),
            ("audit show 3 @/b --svg @/x --html @/policy/../x", "named twice"),
            ("policy backtest @/policy --output @/x --sample @/x", "named twice"),
            ("promote @/b --reviews @/docs --checkpoint-output @/docs/x", "reads as signed documents"),
            ("promote @/b --bundle @/docs --report json=@/docs/sub/../x", "reads as signed documents"),
            ("policy lint @/policy --report sarif=@/policy/policy.toml", "lies in the policy's folder"),
            ("policy test @/policy --report junit=@/policy/x", "lies in the policy's folder"),
            ("policy build @/policy --output @/policy/policy.toml", "lies in the policy's folder"),
            ("policy build @/policy --output @/policy/new", "lies in the policy's folder"),
            ("policy build @/policy --output @/policy/rules/new", "lies in the policy's folder"),
            ("policy build @/policy --output @/policy/../policy/new", "lies in the policy's folder"),
            ("policy backtest @/policy --output @/policy/new", "lies in the policy's folder"),
            ("policy backtest @/policy --output @/x --sample @/policy/new", "lies in the policy's folder"),
            ("policy export @/policy --opa --output @/policy/new", "lies in the policy's folder"),
            ("policy backtest @/policy --output @/policy/policy.toml", "lies in the policy's folder"),
            ("policy backtest @/policy --output @/x --sample @/policy/policy.toml", "lies in the policy's folder"),
            ("verify @/b --report sarif=@/policy/policy.toml", "lies in the policy's folder"),
            ("verify @/b --report sarif=@/policy/rules/x", "lies in the policy's folder"),
            ("provenance --artifact @/new --output @/new -- make", "is read here"),
            ("provenance --artifact @/new --output @/policy/../new -- make", "is read here"),
        ] {
            let error = said(dir.path(), line).expect_err(line);
            assert!(error.contains(words), "{line}: {error}");
        }
    }

    #[test]
    fn what_is_meant_to_be_replaced_is() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("repo/.git")).unwrap();
        for folder in ["policy", "member"] {
            std::fs::create_dir(dir.path().join(folder)).unwrap();
        }
        let files =
            ["a", "b", "policy/policy.toml", "repo/policy.toml", "repo/r", "member/policy.toml", "member/sbom.json"];
        for name in files {
            std::fs::write(dir.path().join(name), b"here").unwrap();
        }
        for line in [
            "promote @/b --least-checkpoint @/a --checkpoint-output @/a --report sarif=@/x --report junit=@/y",
            "promote @/b --baseline @/a --report json=@/a",
            "log checkpoint --least-checkpoint @/a --output @/a",
            "trust sign @/a --output @/a",
            "sbom --directory @/member --output @/member/sbom.json",
            "audit show 3 @/b --svg /dev/null --html /dev/null",
            "provenance --output @/a -- make @/a",
            "promote @/b --report github=- --report github=-",
            "trust refresh --target @/a --output @/a",
            "verify @/b --parameter out=@/a --report json=@/a",
            "policy build @/policy --output @/new",
            "policy export @/a --opa --output @/policy/new",
            "verify @/b --repo @/repo --report json=@/repo/r",
        ] {
            assert_eq!(said(dir.path(), line), Ok(()), "{line}");
        }
    }
}
