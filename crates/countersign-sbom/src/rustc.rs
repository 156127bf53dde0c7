//! The compiler, asked as Cargo asks it: which it is, and what holds for each machine that it compiles for, with the flags that
//! the build has. From that the platforms are made on which conditions of dependencies are judged.

use crate::{
    CargoRequest,
    error::SbomError,
    program::{Finished, Running, start},
    settings::{Command, Settings, conditions},
};
use cargo_platform::{Cfg, CfgExpr};
use guppy::platform::{Platform, TargetFeatures};
use std::{
    borrow::Cow,
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// Kinds of crates that Cargo names when it asks: `crt-static` does not hold where procedural macros are among them.
const KINDS: [&str; 6] = ["bin", "rlib", "dylib", "cdylib", "staticlib", "proc-macro"];
/// Names that hold on the machine that builds, and on the one that is built for; the third holds on neither.
const NAMES: [&str; 3] = ["countersign_host", "countersign_target", "countersign_none"];

/// What the compiler said.
pub(crate) struct Said {
    pub(crate) host: Platform,
    pub(crate) target: Platform,
    pub(crate) version: String,
    pub(crate) program: PathBuf,
    pub(crate) sysroot: String,
    pub(crate) judge: Judge,
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
    let [on_host, on_target, _] = NAMES;
    let on = target.as_ref().map_or(&host, |(_, answer)| answer);
    let judge = Judge { host: host.holds.clone(), target: on.holds.clone() };
    let (host, target) = if let Some((name, answer)) = target {
        (platform(&triple, &host, &[on_host])?, platform(name, &answer, &[on_target])?)
    } else {
        let both = platform(&triple, &host, &[on_host, on_target])?;
        (both.clone(), both)
    };
    Ok(Said { host, target, version, program, sysroot, judge })
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

/// The platform as the compiler describes it, with the names that stand for conditions that hold on it.
fn platform(triple: &str, answer: &Answer, names: &[&'static str]) -> Result<Platform, SbomError> {
    let lines = || answer.text.lines();
    let features =
        lines().filter_map(|line| line.strip_prefix("target_feature=\"")?.strip_suffix('"')).map(str::to_owned);
    let mut platform = Platform::new_custom_cfg(triple.to_owned(), &answer.text, TargetFeatures::features(features))
        .map_err(|source| SbomError::Target { target: triple.to_owned(), source: Box::new(source) })?;
    platform.add_flags(names.iter().copied());
    Ok(platform)
}

/// Judges the conditions of dependencies as Cargo does, with Cargo's own code, before guppy reads its answer: guppy has its own
/// opinion of what a condition may say, and takes some for false whatever holds. Each becomes one about a name that holds on
/// the machines on which the condition does.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    host: Vec<Cfg>,
    target: Vec<Cfg>,
}

impl Judge {
    /// Cargo's answer with the conditions of dependencies judged, and nothing else changed.
    pub(crate) fn applied<'t>(&self, text: &'t str) -> Cow<'t, str> {
        const BEGIN: &str = "\"target\":\"cfg(";
        const KEY: &str = "\"target\":";
        if !text.contains(BEGIN) {
            return Cow::Borrowed(text);
        }
        let mut known: BTreeMap<&str, Cow<'_, str>> = BTreeMap::new();
        let mut done = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((begin, end)) = rest.find(BEGIN).and_then(|at| {
            let begin = at.checked_add(KEY.len())?;
            Some((begin, begin.checked_add(quoted(rest.get(begin..)?)?)?))
        }) {
            let (before, after) = rest.split_at(begin);
            let (condition, after) = after.split_at(end.saturating_sub(begin));
            done.push_str(before);
            done.push_str(known.entry(condition).or_insert_with(|| self.judged(condition)));
            rest = after;
        }
        done.push_str(rest);
        Cow::Owned(done)
    }

    /// A text of JSON with a condition in it. What Cargo's code cannot read stays, and is refused by guppy.
    fn judged<'c>(&self, condition: &'c str) -> Cow<'c, str> {
        let plain: Option<String> = serde_json::from_str(condition).ok();
        let parsed = plain.as_deref().and_then(|plain| plain.strip_prefix("cfg(")?.strip_suffix(')')?.parse().ok());
        let parsed: CfgExpr = match parsed {
            Some(parsed) => parsed,
            None => return Cow::Borrowed(condition),
        };
        let [host, target, none] = NAMES;
        Cow::Owned(match (parsed.matches(&self.host), parsed.matches(&self.target)) {
            (true, true) => format!("\"cfg(any({host}, {target}))\""),
            (true, false) => format!("\"cfg({host})\""),
            (false, true) => format!("\"cfg({target})\""),
            (false, false) => format!("\"cfg({none})\""),
        })
    }
}

/// How long the text of JSON is that this begins with, its quotes among it.
fn quoted(text: &str) -> Option<usize> {
    let mut escaped = false;
    let end = text.get(1..)?.find(|c: char| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    end?.checked_add(2)
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
    fn conditions_are_judged_as_by_cargo_and_nothing_else_is_changed() {
        let host = answer(&["unix", "debug_assertions", "back=\"one\"", "target_os=\"linux\""]);
        let target = answer(&["windows", "target_thread_local", "target_has_atomic=\"8\""]);
        let judge = Judge { host: host.holds, target: target.holds };
        let judged = |condition: &str| {
            let text = serde_json::to_string(&format!("cfg({condition})")).unwrap();
            let text = format!("{{\"description\":{text},\"target\":{text},\"x\":1}}");
            let now = judge.applied(&text).into_owned();
            let value: serde_json::Value = serde_json::from_str(&now).unwrap();
            assert_eq!((&value["description"], &value["x"]), (&format!("cfg({condition})").into(), &1.into()));
            value["target"].as_str().unwrap().to_owned()
        };
        let (both, none) = ("cfg(any(countersign_host, countersign_target))", "cfg(countersign_none)");
        for (condition, expected) in [
            ("true", both),
            ("any(unix, windows)", both),
            ("not(true)", none),
            ("false", none),
            ("back = \"two\"", none),
            ("unix = \"x\"", none),
            ("r#foo", none),
            ("all(back = \"one\", debug_assertions)", "cfg(countersign_host)"),
            ("target_thread_local", "cfg(countersign_target)"),
            ("target_has_atomic = \"8\"", "cfg(countersign_target)"),
            ("not(target_object_format = \"elf\")", both),
        ] {
            assert_eq!(judged(condition), expected, "{condition}");
        }
        assert_eq!(judged("no condition"), "cfg(no condition)");
        for text in [r#"{"target":null}"#, r#"{"target":"x86_64-pc-windows-gnu"}"#, r#"{"target":"cfg("#] {
            assert_eq!(judge.applied(text), text);
        }
    }
}
