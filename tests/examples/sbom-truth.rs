//! Holds the inventory of a package's binary against Cargo's own unit graph: four targets by three sets of features, a
//! row each. Arguments: folders of workspaces, each as `DIR PACKAGE BINARY`, and `--offline` before them.
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::use_debug,
    reason = "printing is what it is for; set-up may stop it"
)]

use countersign_sbom::{CargoRequest, cargo_inventory};
use countersign_tests::sbom_truth::Built;
use std::process::ExitCode;

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
    let (mut exact, mut wrong) = (0_u32, 0_u32);
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
                if row(&request, package, target, word) { exact += 1 } else { wrong += 1 }
            }
        }
    }
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

/// One row; whether nothing differs. A build that Cargo refuses has to be refused by us.
fn row(request: &CargoRequest, package: &str, target: &str, features: &str) -> bool {
    let begin = format!("{package} | {target} | {features}");
    let host = request.target.clone().expect("a target");
    match (cargo_inventory(request), Built::by_cargo(request, &host)) {
        (Ok(inventory), Ok(truth)) => {
            let ours = Built::by_us(&inventory);
            let d = ours.against(&truth);
            println!(
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
                show(&ours, &truth);
            }
            d.is_none()
        }
        (Err(ours), Err(theirs)) => {
            println!("{begin} | refused by both: {ours}; {}", theirs.lines().next().unwrap_or_default());
            true
        }
        (Err(ours), Ok(_)) => {
            println!("{begin} | REFUSED BY US ONLY: {ours} {}", ours.said().unwrap_or_default());
            false
        }
        (Ok(_), Err(theirs)) => {
            println!("{begin} | REFUSED BY CARGO ONLY: {theirs}");
            false
        }
    }
}

fn show(ours: &Built, truth: &Built) {
    for (name, features) in &ours.linked {
        if truth.linked.get(name) != Some(features) {
            println!("    linked {name}: ours {features:?}, Cargo {:?}", truth.linked.get(name));
        }
    }
    for (name, features) in &ours.at_build {
        if truth.at_build.get(name) != Some(features) {
            println!("    at build {name}: ours {features:?}, Cargo {:?}", truth.at_build.get(name));
        }
    }
    for name in truth.packages().difference(&ours.packages()) {
        println!("    missing {name}");
    }
    for edge in ours.edges.symmetric_difference(&truth.edges) {
        println!("    edge {edge:?}");
    }
}
