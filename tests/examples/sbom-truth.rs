//! Holds the inventory of a package's binary against Cargo's own unit graph: four targets by three sets of features, a
//! row each. Arguments: folders of workspaces, each as `DIR PACKAGE BINARY`, and `--offline` before them.
#![expect(clippy::print_stdout, clippy::expect_used, reason = "printing is what it is for; set-up may stop it")]

use countersign_sbom::{CargoRequest, cargo_inventory};
use countersign_tests::sbom_truth::Built;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

const TARGETS: [&str; 4] =
    ["x86_64-unknown-linux-gnu", "x86_64-pc-windows-msvc", "aarch64-apple-darwin", "aarch64-unknown-linux-musl"];

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let offline = arguments.first().is_some_and(|first| first == "--offline");
    if offline {
        arguments.remove(0);
    }
    if let [flag, directory, package, binary] = &arguments[..]
        && flag == "--list"
    {
        return list(directory, package, binary);
    }
    println!(
        "package | target | features | packages | linked | edges | extra | missing | misplaced | edges extra | edges missing | features differ"
    );
    println!("--- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---:");
    let mut rows = Vec::new();
    for case in arguments.chunks(3) {
        let [directory, package, binary] = case else { return ExitCode::from(2) };
        for target in TARGETS {
            for (word, none, all) in [("default", false, false), ("none", true, false), ("all", false, true)] {
                let request = CargoRequest {
                    package: Some(package.clone()),
                    binary: Some(binary.clone()),
                    target: Some(target.to_owned()),
                    no_default_features: none,
                    all_features: all,
                    content: false,
                    offline,
                    ..CargoRequest::new(directory)
                };
                rows.push(Row { request, package, target, features: word });
            }
        }
    }
    let results = all(&rows);
    for (_, text) in &results {
        println!("{text}");
    }
    let exact = results.iter().filter(|(good, _)| *good).count();
    let wrong = rows.len().saturating_sub(exact);
    println!("{exact} exact, {wrong} not");
    if wrong == 0 && exact > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Cargo's plan of the build for this machine with default features, as JSON.
fn list(directory: &str, package: &str, binary: &str) -> ExitCode {
    let request = CargoRequest {
        package: Some(package.to_owned()),
        binary: Some(binary.to_owned()),
        content: false,
        ..CargoRequest::new(directory)
    };
    let host = cargo_inventory(&request).expect("an inventory").build.host;
    let truth = Built::by_cargo(&request, &host).expect("a plan");
    println!("{}", serde_json::json!({ "packages": truth.packages(), "edges": truth.edges }));
    ExitCode::SUCCESS
}

/// One build.
struct Row<'a> {
    request: CargoRequest,
    package: &'a str,
    target: &'a str,
    features: &'a str,
}

/// Whether nothing differs, and what is printed, of each in their order. Cargo waits for much: as many at once as there are
/// processors.
fn all(rows: &[Row<'_>]) -> Vec<(bool, String)> {
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        while let Some((place, row)) = rows.iter().enumerate().nth(next.fetch_add(1, Ordering::Relaxed)) {
            done.push((place, of(row)));
        }
        done
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let mut done: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a thread ends")).collect()
    });
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}

/// A build that Cargo refuses has to be refused by us.
fn of(row: &Row<'_>) -> (bool, String) {
    let Row { request, package, target, features } = row;
    let begin = format!("{package} | {target} | {features}");
    match (cargo_inventory(request), Built::by_cargo(request, target)) {
        (Ok(inventory), Ok(truth)) => {
            let ours = Built::by_us(&inventory);
            let d = ours.against(&truth);
            let mut text = format!(
                "{begin} | {} | {} | {} | {} | {} | {} | {} | {} | {}",
                truth.packages().len(),
                truth.linked.len(),
                truth.edges.len(),
                d.extra,
                d.missing,
                d.misplaced,
                d.edges_extra,
                d.edges_missing,
                d.features
            );
            if !d.is_none() {
                text.push_str(&shown(&ours, &truth));
            }
            (d.is_none(), text)
        }
        (Err(ours), Err(theirs)) => {
            (true, format!("{begin} | refused by both: {ours}; {}", theirs.lines().next().unwrap_or_default()))
        }
        (Err(ours), Ok(_)) => {
            (false, format!("{begin} | REFUSED BY US ONLY: {ours} {}", ours.said().unwrap_or_default()))
        }
        (Ok(_), Err(theirs)) => (false, format!("{begin} | REFUSED BY CARGO ONLY: {theirs}")),
    }
}

fn shown(ours: &Built, truth: &Built) -> String {
    let mut lines = Vec::new();
    for (word, ours, truth) in [("linked", &ours.linked, &truth.linked), ("at build", &ours.at_build, &truth.at_build)]
    {
        for (name, features) in ours.iter().filter(|(name, features)| truth.get(*name) != Some(features)) {
            lines.push(format!("    {word} {name}: ours {features:?}, Cargo {:?}", truth.get(name)));
        }
    }
    lines.extend(truth.packages().difference(&ours.packages()).map(|name| format!("    missing {name}")));
    lines.extend(ours.edges.symmetric_difference(&truth.edges).map(|edge| format!("    edge {edge:?}")));
    lines.iter().flat_map(|line| ["\n", line.as_str()]).collect()
}
