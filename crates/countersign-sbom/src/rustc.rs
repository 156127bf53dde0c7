//! The compiler, asked as Cargo asks it: which it is, and what holds for each machine that it compiles for, with the flags that
//! the build has. From that the platforms are made on which conditions of dependencies are judged.

use crate::{
    CargoRequest,
    error::SbomError,
    program::{Finished, Running, start},
    settings::{Command, Settings, conditions},
};
use cargo_platform::Cfg;
use guppy::platform::{Platform, TargetFeatures};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// Kinds of crates that Cargo names when it asks: `crt-static` does not hold where procedural macros are among them.
const KINDS: [&str; 6] = ["bin", "rlib", "dylib", "cdylib", "staticlib", "proc-macro"];
/// What holds that guppy always takes for false, and Cargo does not.
const NEVER_JUDGED: [&str; 2] = ["debug_assertions", "test"];

/// What the compiler said.
pub(crate) struct Said {
    pub(crate) host: Platform,
    pub(crate) target: Platform,
    pub(crate) version: String,
    pub(crate) program: PathBuf,
    pub(crate) sysroot: String,
    pub(crate) rewritten: Rewritten,
}

/// Asks it.
pub(crate) fn ask(
    request: &CargoRequest,
    directory: &Path,
    settings: &Settings,
    host_of: impl Fn(&str) -> Option<String>,
) -> Result<Said, SbomError> {
    let command = settings.compiler(directory, &request.rustc);
    let asking = Asking { command: &command, directory, settings };
    let asked = request.target.clone().map_or_else(|| settings.target(), |target| Ok(Some(target)))?;
    let flag = asked.as_deref().map(target_flag).transpose()?;
    let version = asking.start(&["-vV"])?;
    // With a target, flags are for the target alone. Without one they are for all, and may be those of the host's name.
    let plain = flag.is_some() || !settings.by_triple();
    let early =
        if plain { Some(asking.begin(flag.is_none().then(|| settings.flags(None, None)), None)?) } else { None };
    let first = asked.as_deref().map(|triple| settings.flags(Some(triple), None));
    let target = first.map(|flags| asking.begin(Some(flags), flag.as_deref())).transpose()?;
    let version = version.finish()?;
    let program = version.program.clone();
    let version = spoken(version)?;
    let triple =
        host_of(&version).ok_or_else(|| SbomError::Rustc { program: program.clone(), said: version.clone() })?;
    let host = match early {
        Some(early) => early,
        None => asking.begin(Some(settings.flags(Some(&triple), None)), None)?,
    };
    let host = asking.end(host, &triple, None)?;
    let target = match (asked.as_deref(), target) {
        (Some(name), Some(begun)) => Some((name, asking.end(begun, name, flag.as_deref())?)),
        _ => None,
    };
    let sysroot = host.sysroot.clone();
    let rewritten = Rewritten::of([Some(&host), target.as_ref().map(|(_, answer)| answer)].into_iter().flatten());
    let platform_of = |triple: &str, answer: &Answer| platform(triple, answer, &rewritten);
    let host = platform_of(&triple, &host)?;
    let target = target.map_or_else(|| Ok(host.clone()), |(name, answer)| platform_of(name, &answer))?;
    Ok(Said { host, target, version, program, sysroot, rewritten })
}

struct Asking<'a> {
    command: &'a Command,
    directory: &'a Path,
    settings: &'a Settings,
}

/// A question, with the flags that were in it; none where the machine that builds gets none.
struct Begun {
    running: Running,
    flags: Option<Vec<String>>,
}

/// What holds.
struct Answer {
    sysroot: String,
    text: String,
    holds: Vec<Cfg>,
}

impl Asking<'_> {
    fn start(&self, arguments: &[&str]) -> Result<Running, SbomError> {
        let before = self.command.before.iter().map(String::as_str);
        let all: Vec<&str> = before.chain(arguments.iter().copied()).collect();
        start(&self.command.program, self.directory, &all)
    }

    fn begin(&self, flags: Option<Vec<String>>, target: Option<&str>) -> Result<Begun, SbomError> {
        let mut arguments = vec!["-", "--crate-name", "___"];
        arguments.extend(flags.iter().flatten().map(String::as_str));
        arguments.extend(target);
        arguments.extend(KINDS.iter().flat_map(|kind| ["--crate-type", kind]));
        arguments.extend(["--print=sysroot", "--print=cfg", "-Wwarnings"]);
        let running = self.start(&arguments)?;
        Ok(Begun { running, flags })
    }

    /// What holds may bring other flags, and those what holds: as in Cargo, one more question has to do.
    fn end(&self, begun: Begun, triple: &str, target: Option<&str>) -> Result<Answer, SbomError> {
        let Begun { running, flags } = begun;
        let finished = running.finish()?;
        if !finished.good && target.is_some() && flags.as_ref().is_none_or(Vec::is_empty) {
            return Err(SbomError::NoSuchTarget { target: triple.to_owned() });
        }
        let answer = Answer::of(finished)?;
        let Some(flags) = flags else { return Ok(answer) };
        let now = self.settings.flags(Some(triple), Some(&answer.text));
        if now == flags {
            return Ok(answer);
        }
        Answer::of(self.begin(Some(now), target)?.running.finish()?)
    }
}

impl Answer {
    /// The folder on the first line, then a condition a line.
    fn of(finished: Finished) -> Result<Self, SbomError> {
        let program = finished.program.clone();
        let said = spoken(finished)?;
        let two = said.split_once('\n').filter(|(_, cfg)| !cfg.trim().is_empty());
        let Some((sysroot, text)) = two else { return Err(SbomError::Rustc { program, said }) };
        let sysroot = sysroot.trim_end_matches('\r').to_owned();
        Ok(Self { sysroot, text: text.to_owned(), holds: conditions(text) })
    }
}

fn spoken(finished: Finished) -> Result<String, SbomError> {
    if finished.good {
        Ok(finished.printed)
    } else {
        Err(SbomError::Rustc { program: finished.program, said: finished.said })
    }
}

/// Only the name of a target: a file would be read by the compiler, and its path would stand in the document.
pub(crate) fn target_flag(triple: &str) -> Result<String, SbomError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let file = Path::new(triple).extension().is_some_and(|extension| extension == "json");
    if triple.is_empty() || file || !triple.bytes().all(plain) {
        return Err(SbomError::NoSuchTarget { target: triple.to_owned() });
    }
    Ok(format!("--target={triple}"))
}

/// The platform exactly as the compiler describes it, so that every condition on it comes out as in Cargo.
fn platform(triple: &str, answer: &Answer, rewritten: &Rewritten) -> Result<Platform, SbomError> {
    let lines = || answer.text.lines();
    let features =
        lines().filter_map(|line| line.strip_prefix("target_feature=\"")?.strip_suffix('"')).map(str::to_owned);
    let mut platform = Platform::new_custom_cfg(triple.to_owned(), &answer.text, TargetFeatures::features(features))
        .map_err(|source| SbomError::Target { target: triple.to_owned(), source: Box::new(source) })?;
    let own = answer.holds.iter().filter_map(|one| match one {
        Cfg::Name(name) if !NEVER_JUDGED.contains(&name.as_str()) => Some(name.as_str().to_owned()),
        Cfg::Name(_) | Cfg::KeyPair(..) => rewritten.0.get(&written(one)).cloned(),
    });
    platform.add_flags(own);
    Ok(platform)
}

/// A condition as Cargo writes it in what it prints.
fn written(one: &Cfg) -> String {
    one.to_string()
}

/// Conditions that guppy takes for false whatever holds, such as those of a key of one's own, and the names that they get
/// instead in what Cargo prints: of a name, guppy asks whether it holds.
#[derive(Debug, Default)]
pub(crate) struct Rewritten(BTreeMap<String, String>);

impl Rewritten {
    fn of<'a>(answers: impl Iterator<Item = &'a Answer>) -> Self {
        let strange = |one: &&Cfg| match one {
            Cfg::Name(name) => NEVER_JUDGED.contains(&name.as_str()),
            Cfg::KeyPair(key, _) => !key.as_str().starts_with("target_") && key.as_str() != "panic",
        };
        let strange: BTreeSet<String> =
            answers.flat_map(|answer| answer.holds.iter().filter(strange).map(written)).collect();
        Self(
            strange.into_iter().enumerate().map(|(number, one)| (one, format!("countersign_holds_{number}"))).collect(),
        )
    }

    /// Cargo's answer with those names in the conditions of dependencies, and nowhere else.
    pub(crate) fn applied<'t>(&self, text: &'t str) -> Cow<'t, str> {
        const BEGIN: &str = "\"target\":\"cfg(";
        let wanted: Vec<(String, &String)> =
            self.0.iter().map(|(one, name)| (one.replace('\\', "\\\\").replace('"', "\\\""), name)).collect();
        if !wanted.iter().any(|(one, _)| text.contains(one)) {
            return Cow::Borrowed(text);
        }
        let mut done = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(BEGIN) {
            let mut escaped = false;
            let end = after.find(|c: char| {
                let ends = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                ends
            });
            let (condition, after) = after.split_at(end.unwrap_or(after.len()));
            done.push_str(before);
            done.push_str(BEGIN);
            done.push_str(
                &wanted.iter().fold(condition.to_owned(), |condition, (one, name)| renamed(&condition, one, name)),
            );
            rest = after;
        }
        done.push_str(rest);
        Cow::Owned(done)
    }
}

/// Replaces whole conditions: what stands before and after begins or ends no longer name.
fn renamed(condition: &str, one: &str, name: &str) -> String {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let mut done = String::with_capacity(condition.len());
    let mut rest = condition;
    while let Some((before, after)) = rest.split_once(one) {
        let longer = before.ends_with(part)
            || (before.is_empty() && done.ends_with(part))
            || (one.ends_with(part) && (after.starts_with(part) || after.trim_start().starts_with('=')));
        done.push_str(before);
        done.push_str(if longer { one } else { name });
        rest = after;
    }
    done.push_str(rest);
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(lines: &[&str]) -> Answer {
        let text = lines.join("\n");
        let finished = Finished {
            program: "rustc".into(),
            good: true,
            printed: format!("/sysroot\n{text}\n"),
            said: String::new(),
        };
        Answer::of(finished).unwrap()
    }

    #[test]
    fn conditions_that_guppy_never_judges_get_a_name_in_conditions_only() {
        let said =
            answer(&["unix", "debug_assertions", "mine", "back=\"one\"", "target_os=\"linux\"", "panic=\"unwind\""]);
        let rewritten = Rewritten::of([&said].into_iter());
        assert_eq!(rewritten.0.keys().collect::<Vec<_>>(), ["back = \"one\"", "debug_assertions"]);
        let text = r#"{"description":"back = \"one\"","target":"cfg(any(back = \"one\", my_back = \"one\", debug_assertions))"}"#;
        let now = rewritten.applied(text);
        assert_eq!(
            now,
            r#"{"description":"back = \"one\"","target":"cfg(any(countersign_holds_0, my_back = \"one\", countersign_holds_1))"}"#
        );
        assert!(matches!(rewritten.applied(r#"{"target":"cfg(unix)"}"#), Cow::Borrowed(_)));
    }
}
