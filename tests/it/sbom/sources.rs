//! Where packages come from: renamed, patched, vendored, from git, from another registry; archives that are not what the
//! lock file names; and members that need each other in their tests. Each list is held against Cargo's own.

use super::{cargo, run, write};
use countersign_core::digest::Sha256;
use countersign_sbom::{CargoRequest, Component, Inventory, Licence, Native, SbomError, Source, cargo_inventory};
use countersign_tests::sbom_truth::Built;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// A package with one file.
fn package(folder: &Path, place: &str, manifest: &str) {
    write(folder, &format!("{place}/Cargo.toml"), &format!("[package]\nedition = \"2021\"\n{manifest}"));
    write(folder, &format!("{place}/src/lib.rs"), "");
}

/// An app that depends on what `dependencies` says.
fn app(folder: &Path, dependencies: &str) {
    let manifest =
        format!("[package]\nname = \"app\"\nversion = \"1.0.0\"\nedition = \"2021\"\n{dependencies}\n[workspace]\n");
    write(folder, "app/Cargo.toml", &manifest);
    write(folder, "app/src/main.rs", "fn main() {}\n");
}

fn request(folder: &Path) -> CargoRequest {
    CargoRequest {
        offline: true,
        package: Some("app".to_owned()),
        binary: Some("app".to_owned()),
        ..CargoRequest::new(folder.join("app"))
    }
}

/// The inventory, after it was held against Cargo's plan.
fn exact(request: &CargoRequest) -> Inventory {
    let inventory = cargo_inventory(request).unwrap();
    let truth = Built::by_cargo(request, &inventory.build.host).unwrap();
    assert_eq!(Built::by_us(&inventory), truth);
    inventory
}

fn of<'a>(inventory: &'a Inventory, name: &str) -> &'a Component {
    inventory.components.iter().find(|c| c.name == name).unwrap()
}

fn lock(folder: &Path) {
    run(cargo(&folder.join("app")).args(["generate-lockfile", "--offline"]));
}

#[test]
fn a_renamed_dependency_has_its_own_name() {
    let folder = tempfile::tempdir().unwrap();
    package(folder.path(), "dep", "name = \"dep\"\nversion = \"2.0.0\"\n[features]\nf = []\n");
    app(folder.path(), "[dependencies]\nother = { package = \"dep\", path = \"../dep\", features = [\"f\"] }");
    lock(folder.path());
    let inventory = exact(&request(folder.path()));
    assert_eq!(of(&inventory, "dep").linked, Some(["f".to_owned()].into()));
    assert!(inventory.components.iter().all(|c| c.name != "other"));
}

/// Writes down the digests of the vendored package's files, as `cargo vendor` does.
fn list_files(folder: &Path, archive: &Sha256) {
    let digest = |name: &str| Sha256::of(&fs::read(folder.join("vendor/dep").join(name)).unwrap()).hex();
    let files = ["Cargo.toml", "src/lib.rs"].map(|name| format!("\"{name}\":\"{}\"", digest(name)));
    let sums = format!("{{\"files\":{{{}}},\"package\":\"{}\"}}", files.join(","), archive.hex());
    write(folder, "vendor/dep/.cargo-checksum.json", &sums);
}

/// A folder that stands for crates.io, with one package in it.
fn vendor(folder: &Path) -> Sha256 {
    let archive = Sha256::of(b"the archive of dep");
    package(folder, "vendor/dep", "name = \"dep\"\nversion = \"1.0.0\"\nlicense = \"MIT\"\n");
    list_files(folder, &archive);
    let config = "[source.crates-io]\nreplace-with = \"vendored\"\n[source.vendored]\ndirectory = \"../vendor\"\n";
    write(folder, "app/.cargo/config.toml", config);
    archive
}

#[test]
fn a_vendored_package_keeps_its_identity_and_checksum_and_has_no_archive() {
    let folder = tempfile::tempdir().unwrap();
    let archive = vendor(folder.path());
    app(folder.path(), "[dependencies]\ndep = \"1\"");
    lock(folder.path());
    let inventory = exact(&request(folder.path()));
    let dep = of(&inventory, "dep");
    assert_eq!(dep.purl.as_ref().unwrap().as_str(), "pkg:cargo/dep@1.0.0");
    assert_eq!((dep.checksum, dep.content.sha512), (Some(archive), None));
    write(folder.path(), "vendor/dep/src/more.rs", "");
    let more = cargo_inventory(&request(folder.path())).unwrap();
    let dep = of(&more, "dep");
    assert!(dep.content.unlisted && dep.checksum.is_none(), "a file that nobody lists");
    fs::remove_file(folder.path().join("vendor/dep/src/more.rs")).unwrap();
    write(folder.path(), "vendor/dep/src/lib.rs", "pub fn evil() {}");
    let refused = cargo_inventory(&request(folder.path())).unwrap_err();
    assert!(matches!(refused, SbomError::Vendored { .. }), "{refused:?}");
    write(folder.path(), "vendor/dep/src/lib.rs", "");
    let note = folder.path().join("vendor/dep/.cargo-checksum.json");
    fs::write(&note, fs::read_to_string(&note).unwrap().replace(&archive.hex(), &"0".repeat(64))).unwrap();
    let refused = cargo_inventory(&request(folder.path())).unwrap_err();
    assert!(
        matches!(
            refused,
            SbomError::ChecksumMismatch { .. } | SbomError::Cargo { .. } | SbomError::LockOutOfDate { .. }
        ),
        "{refused:?}"
    );
}

#[test]
fn a_patched_package_is_no_longer_that_of_the_registry() {
    let folder = tempfile::tempdir().unwrap();
    vendor(folder.path());
    package(folder.path(), "ours", "name = \"dep\"\nversion = \"1.0.7\"\n");
    app(folder.path(), "[dependencies]\ndep = \"1\"\n[patch.crates-io]\ndep = { path = \"../ours\" }");
    lock(folder.path());
    let inventory = exact(&request(folder.path()));
    let dep = of(&inventory, "dep");
    assert_eq!((dep.version.as_str(), &dep.purl, &dep.source, dep.checksum), ("1.0.7", &None, &Source::Path, None));
}

#[expect(clippy::disallowed_methods, reason = "a repository for Cargo to take a package from")]
fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.current_dir(folder).args(["-c", "user.name=a", "-c", "user.email=a@example.com"]).args(arguments);
    run(&mut command)
}

/// A Cargo with a home of its own, so that nothing of the test stays in the machine's.
#[cfg(unix)]
fn own_home(folder: &Path) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let real = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let script = folder.join("own-cargo");
    let home = folder.join("home");
    fs::create_dir_all(&home).unwrap();
    fs::write(&script, format!("#!/bin/sh\nCARGO_HOME='{}' exec '{real}' \"$@\"\n", home.display())).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    script
}

#[cfg(unix)]
#[expect(clippy::disallowed_methods, reason = "the Cargo of the fixture")]
fn with(program: &Path, folder: &Path, arguments: &[&str]) -> String {
    run(Command::new(program).current_dir(folder).args(arguments))
}

#[cfg(unix)]
#[test]
fn a_package_from_git_has_its_commit_and_no_identity_of_crates_io() {
    let folder = tempfile::tempdir().unwrap();
    package(folder.path(), "repo", "name = \"dep\"\nversion = \"1.0.0\"\n");
    let repo = folder.path().join("repo");
    git(&repo, &["init", "-q"]);
    git(&repo, &["add", "."]);
    git(&repo, &["commit", "-q", "-m", "one"]);
    let commit = git(&repo, &["rev-parse", "HEAD"]).trim().to_owned();
    app(folder.path(), &format!("[dependencies]\ndep = {{ git = \"file://{}\" }}", repo.display()));
    let program = own_home(folder.path());
    with(&program, &folder.path().join("app"), &["generate-lockfile"]);
    with(&program, &folder.path().join("app"), &["fetch"]);
    let inventory = exact(&CargoRequest { cargo: program, ..request(folder.path()) });
    let dep = of(&inventory, "dep");
    assert_eq!((&dep.source, &dep.purl), (&Source::Disk { commit: Some(commit) }, &None));
}

#[cfg(unix)]
#[test]
fn one_commit_that_two_references_ask_for_is_two_packages_as_for_cargo() {
    let folder = tempfile::tempdir().unwrap();
    package(folder.path(), "repo", "name = \"dep\"\nversion = \"1.0.0\"\n");
    let repo = folder.path().join("repo");
    git(&repo, &["init", "-q", "-b", "main"]);
    git(&repo, &["add", "."]);
    git(&repo, &["commit", "-q", "-m", "one"]);
    let commit = git(&repo, &["rev-parse", "HEAD"]).trim().to_owned();
    let at =
        |reference: &str| format!("[dependencies]\ndep = {{ git = \"file://{}\", {reference} }}\n", repo.display());
    let mid = format!("name = \"mid\"\nversion = \"1.0.0\"\n{}", at(&format!("rev = \"{commit}\"")));
    package(folder.path(), "mid", &mid);
    app(folder.path(), &format!("{}mid = {{ path = \"../mid\" }}", at("branch = \"main\"")));
    let program = own_home(folder.path());
    with(&program, &folder.path().join("app"), &["generate-lockfile"]);
    with(&program, &folder.path().join("app"), &["fetch"]);
    let inventory = exact(&CargoRequest { cargo: program, ..request(folder.path()) });
    let twins: Vec<&str> =
        inventory.components.iter().filter(|c| c.name == "dep").map(|c| c.reference.as_str()).collect();
    let own = format!("git:dep@1.0.0#{commit}");
    assert_eq!(twins, [format!("{own};branch=main"), format!("{own};rev={commit}")]);
    assert!(of(&inventory, "mid").depends_on.contains(twins[1]) && inventory.root.depends_on.contains(twins[0]));
}

#[test]
fn features_of_a_dependency_are_those_that_cargo_switches_on() {
    let folder = tempfile::tempdir().unwrap();
    package(folder.path(), "y", "name = \"y\"\nversion = \"1.0.0\"\n");
    let features = "[features]\nx = [\"dep:y\"]\n[dependencies]\ny = { path = \"../y\", optional = true }\n";
    for name in ["o", "p"] {
        package(folder.path(), name, &format!("name = \"{name}\"\nversion = \"1.0.0\"\n{features}"));
    }
    app(
        folder.path(),
        "[features]\nwith = [\"dep:o\"]\n[dependencies]\no = { path = \"../o\", optional = true }\n\
         other = { package = \"p\", path = \"../p\" }",
    );
    lock(folder.path());
    let asked = |features: &str| {
        let features = vec![features.to_owned()];
        let inventory = exact(&CargoRequest { features, ..request(folder.path()) });
        let packages = inventory.packages().filter(|c| c.name != "app").map(|c| c.name.clone());
        (packages.collect::<Vec<_>>().join(" "), inventory.build.features.into_iter().collect::<Vec<_>>().join(" "))
    };
    let is = |packages: &str, features: &str| (packages.to_owned(), features.to_owned());
    assert_eq!(asked("o/x"), is("o p y", "o/x"));
    assert_eq!(asked("o?/x"), is("p", "o?/x"));
    assert_eq!(asked("o?/x,with"), is("o p y", "o?/x with"));
    assert_eq!(asked("other/x"), is("p y", "other/x"));
    for wrong in ["o/nope", "nope/x"] {
        let error = cargo_inventory(&CargoRequest { features: vec![wrong.to_owned()], ..request(folder.path()) });
        assert!(matches!(error, Err(SbomError::NoSuchFeature { .. })), "{error:?}");
    }
}

#[cfg(unix)]
#[test]
fn the_compiler_is_the_one_that_the_configuration_names() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    package(folder.path(), "dd", "name = \"dd\"\nversion = \"1.0.0\"\n");
    app(folder.path(), "[target.'cfg(panic = \"unwind\")'.dependencies]\ndd = { path = \"../dd\" }");
    lock(folder.path());
    assert!(exact(&request(folder.path())).components.iter().any(|c| c.name == "dd"));
    for (name, script) in [("rc", "exec rustc -Cpanic=abort \"$@\""), ("wrap", "exec \"$@\" -Cpanic=abort")] {
        write(folder.path(), name, &format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(folder.path().join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    for config in ["rustc = \"../rc\"", "rustc-wrapper = \"../wrap\"", "rustc-workspace-wrapper = \"../wrap\""] {
        write(folder.path(), "app/.cargo/config.toml", &format!("[build]\n{config}\n"));
        assert!(exact(&request(folder.path())).components.iter().all(|c| c.name != "dd"), "{config}");
    }
}

/// A registry in a folder, with one package that has one archive.
#[cfg(unix)]
fn registry(folder: &Path) -> (PathBuf, Sha256) {
    package(
        folder,
        "dep",
        "name = \"dep\"\nversion = \"1.0.0\"\nlicense = \"MIT\"\ndescription = \"d\"\n[workspace]\n",
    );
    write(folder, "dep/LICENSE", "text");
    let program = own_home(folder);
    with(
        &program,
        &folder.join("dep"),
        &["package", "--no-verify", "--offline", "--allow-dirty", "--quiet", "--target-dir", "target"],
    );
    let archive = fs::read(folder.join("dep/target/package/dep-1.0.0.crate")).unwrap();
    let sum = Sha256::of(&archive);
    fs::create_dir_all(folder.join("dl")).unwrap();
    fs::write(folder.join("dl/dep-1.0.0.crate"), archive).unwrap();
    let index = folder.join("index");
    let dl = format!("{{\"dl\":\"file://{}/dl/{{crate}}-{{version}}.crate\"}}", folder.display());
    write(&index, "config.json", &dl);
    let line = format!(
        "{{\"name\":\"dep\",\"vers\":\"1.0.0\",\"deps\":[],\"cksum\":\"{}\",\"features\":{{}},\"yanked\":true}}\n",
        sum.hex()
    );
    write(&index, "3/d/dep", &line.replace("true", "false"));
    git(&index, &["init", "-q"]);
    git(&index, &["add", "."]);
    git(&index, &["commit", "-q", "-m", "one"]);
    let config = format!("[registries.ours]\nindex = \"file://{}\"\n", index.display());
    write(folder, "app/.cargo/config.toml", &config);
    app(folder, "[dependencies]\ndep = { version = \"1\", registry = \"ours\" }");
    with(&program, &folder.join("app"), &["generate-lockfile"]);
    with(&program, &folder.join("app"), &["fetch", "--locked"]);
    // Taken back after it was locked: what is locked may still be built.
    write(&index, "3/d/dep", &line);
    git(&index, &["commit", "-q", "-a", "-m", "two"]);
    (program, sum)
}

#[cfg(unix)]
fn archive_in(home: &Path) -> PathBuf {
    let index = fs::read_dir(home.join("registry/cache")).unwrap().next().unwrap().unwrap().path();
    index.join("dep-1.0.0.crate")
}

#[cfg(unix)]
#[test]
fn an_archive_that_is_not_the_one_of_the_lock_file_is_refused_with_both_digests() {
    let folder = tempfile::tempdir().unwrap();
    let (cargo, sum) = registry(folder.path());
    let request = CargoRequest { cargo, ..request(folder.path()) };
    let inventory = exact(&request);
    let dep = of(&inventory, "dep");
    assert_eq!((&dep.source, &dep.purl, dep.checksum), (&Source::Disk { commit: None }, &None, Some(sum)));
    assert!(dep.content.sha512.is_some());
    assert_eq!(dep.content.licence_files[0].digest, Sha256::of(b"text"));
    assert_eq!((&dep.licence, &dep.native), (&Some(Licence::Expression("MIT".to_owned())), &Native::No));

    let archive = archive_in(&folder.path().join("home"));
    let whole = fs::read(&archive).unwrap();
    // Cargo takes an empty file for none.
    fs::write(&archive, "").unwrap();
    assert!(matches!(cargo_inventory(&request), Err(SbomError::PackageNotFetched { .. })));
    for broken in [&whole[..whole.len() / 2], &whole[1..], b"another"] {
        fs::write(&archive, broken).unwrap();
        let error = cargo_inventory(&request).unwrap_err();
        let said = error.to_string();
        assert!(said.contains(&sum.to_string()) && said.contains(&Sha256::of(broken).to_string()), "{said}");
        assert!(
            cargo_inventory(&CargoRequest { content: false, ..request.clone() }).is_ok(),
            "only where files are read"
        );
    }
    fs::remove_file(&archive).unwrap();
    assert!(
        matches!(cargo_inventory(&request), Err(SbomError::PackageNotFetched { .. })),
        "and Cargo wants one to be there"
    );
}

#[cfg(unix)]
#[test]
fn an_unpacked_file_that_is_not_the_one_of_the_archive_is_refused_with_both_digests() {
    let folder = tempfile::tempdir().unwrap();
    let (cargo, sum) = registry(folder.path());
    let request = CargoRequest { cargo, ..request(folder.path()) };
    let all_files = CargoRequest { all_files: true, ..request.clone() };
    let good = cargo_inventory(&all_files).unwrap();
    assert_eq!(good, exact(&request), "the same is said however much is compared");
    assert_eq!(of(&good, "dep").checksum, Some(sum));
    let index = fs::read_dir(folder.path().join("home/registry/src")).unwrap().next().unwrap().unwrap().path();
    let source = index.join("dep-1.0.0/src/lib.rs");
    let old = fs::metadata(&source).unwrap().modified().unwrap();
    fs::write(&source, "pub fn evil() {}").unwrap();
    for request in [&request, &all_files] {
        let error = cargo_inventory(request).unwrap_err();
        let SbomError::Unpacked { path, package, expected, found } = &error else { panic!("{error:?}") };
        assert_eq!((path, package.as_str()), (&source, "dep 1.0.0"));
        assert_eq!((*expected, found.as_str()), (Sha256::of(b""), &*Sha256::of(b"pub fn evil() {}").to_string()));
        assert!(error.at().is_some() && error.help().contains("cargo fetch --locked"));
    }
    assert!(cargo_inventory(&CargoRequest { content: false, ..request.clone() }).is_ok(), "only where files are read");
    // Who sets the time back as well is found only where all files are compared.
    fs::File::options().write(true).open(&source).unwrap().set_modified(old).unwrap();
    assert!(matches!(cargo_inventory(&all_files), Err(SbomError::Unpacked { .. })));
    fs::write(&source, "").unwrap();
    assert_eq!(cargo_inventory(&request).unwrap(), good, "the right file, however new it is");
    fs::write(index.join("dep-1.0.0/src/more.rs"), "").unwrap();
    let more = cargo_inventory(&request).unwrap();
    let dep = of(&more, "dep");
    assert!(dep.content.unlisted && dep.checksum.is_none() && dep.content.sha512.is_none());
    fs::remove_file(&source).unwrap();
    assert!(matches!(cargo_inventory(&request), Err(SbomError::Unpacked { .. } | SbomError::Cargo { .. })));
}

#[cfg(unix)]
#[test]
fn a_package_that_was_taken_back_is_listed_and_named_and_no_document_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let (cargo, _) = registry(folder.path());
    let request = CargoRequest { cargo, ..request(folder.path()) };
    let before = exact(&request);
    assert_eq!(of(&before, "dep").content.yanked, Some(false), "as Cargo last saw it");
    // As Cargo writes it down when it looks at the registry again.
    let copies = fs::read_dir(folder.path().join("home/registry/index")).unwrap();
    let copy = copies.map(|copy| copy.unwrap().path().join(".cache/3/d/dep")).find(|copy| copy.is_file()).unwrap();
    let text = String::from_utf8(fs::read(&copy).unwrap()).unwrap();
    fs::write(&copy, text.replace("\"yanked\":false", "\"yanked\":true")).unwrap();
    let after = exact(&request);
    assert_eq!(of(&after, "dep").content.yanked, Some(true));
    let summary = countersign_sbom::Summary::of(&after);
    assert_eq!((summary.yanked, summary.components), (vec!["dep 1.0.0".to_owned()], before.components.len()));
    let document = |inventory| countersign_sbom::write(inventory, &countersign_sbom::Facts::default()).unwrap();
    assert_eq!(document(&before), document(&after), "the same bytes, whenever Cargo looked");
}

/// A package of the registry in `index` and `dl`, with its dependencies and features as the index has them.
#[cfg(unix)]
#[expect(clippy::disallowed_methods, reason = "an archive for Cargo to take apart")]
fn publish(folder: &Path, name: &str, place: &str, manifest: &str, listed: &str) {
    let own = format!("{name}-1.0.0");
    package(folder, &format!("packed/{own}"), &format!("name = \"{name}\"\nversion = \"1.0.0\"\n{manifest}"));
    write(folder, &format!("packed/{own}/build.rs"), "fn main() {}\n");
    fs::create_dir_all(folder.join("dl")).unwrap();
    let archive = folder.join(format!("dl/{own}.crate"));
    run(Command::new("tar").current_dir(folder.join("packed")).arg("-czf").arg(&archive).arg(&own));
    let sum = Sha256::of(&fs::read(archive).unwrap()).hex();
    let line = format!("{{\"name\":\"{name}\",\"vers\":\"1.0.0\",\"cksum\":\"{sum}\",\"yanked\":false,{listed}}}\n");
    write(&folder.join("index"), place, &line);
}

/// An app that takes packages from everywhere at once, and the Cargo that has fetched them.
#[cfg(unix)]
fn everywhere() -> (TempDir, PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let archive = vendor(folder);
    package(folder, "vendor/dep", "name = \"dep\"\nversion = \"1.0.0\"\n[features]\nf = []\n");
    list_files(folder, &archive);
    let index = format!("file://{}/index", folder.display());
    write(
        &folder.join("index"),
        "config.json",
        &format!("{{\"dl\":\"file://{}/dl/{{crate}}-{{version}}.crate\"}}", folder.display()),
    );
    let none = "\"deps\":[],\"features\":{\"h\":[],\"w\":[]}";
    publish(folder, "helper", "he/lp/helper", "[features]\nh = []\nw = []\n", none);
    let helper = "{\"name\":\"helper\",\"req\":\"^1\",\"features\":[\"h\"],\"optional\":false,\"default_features\":true,\"target\":null,\"kind\":\"build\"}";
    let manifest = format!(
        "[features]\nx = []\n[build-dependencies]\nhelper = {{ version = \"1\", features = [\"h\"], registry-index = \"{index}\" }}\n"
    );
    publish(folder, "reg", "3/r/reg", &manifest, &format!("\"deps\":[{helper}],\"features\":{{\"x\":[]}}"));
    for (repository, all) in [("index", false), ("repo", true)] {
        if all {
            write(
                folder,
                "repo/Cargo.toml",
                "[workspace]\nresolver = \"2\"\nmembers = [\"gitdep\", \"inner\", \"by-git\"]\n",
            );
            package(
                folder,
                "repo/gitdep",
                "name = \"gitdep\"\nversion = \"1.0.0\"\n[features]\ng = [\"dep:inner\"]\n[dependencies]\ninner = { path = \"../inner\", optional = true }\n",
            );
            package(folder, "repo/inner", "name = \"inner\"\nversion = \"1.0.0\"\n");
            package(folder, "repo/by-git", "name = \"by-git\"\nversion = \"1.0.3\"\n");
        }
        let repository = folder.join(repository);
        git(&repository, &["init", "-q"]);
        git(&repository, &["add", "."]);
        git(&repository, &["commit", "-q", "-m", "one"]);
    }
    package(folder, "pathdep", "name = \"pathdep\"\nversion = \"1.0.0\"\n[features]\np = []\n");
    package(folder, "by-path", "name = \"by-path\"\nversion = \"1.0.5\"\n");
    let repo = format!("git = \"file://{}/repo\"", folder.display());
    app(
        folder,
        &format!(
            "resolver = \"2\"\nbuild = \"build.rs\"\n[features]\ndefault = [\"usual\"]\nusual = []\nmore = [\"renamed/x\", \"gitdep/g\"]\n\
         [dependencies]\nrenamed = {{ package = \"reg\", version = \"1\", registry = \"ours\" }}\ngitdep = {{ {repo} }}\ndep = \"1\"\n\
         pathdep = {{ path = \"../pathdep\", features = [\"p\"] }}\nby-path = {{ version = \"1\", registry = \"ours\" }}\n\
         by-git = {{ version = \"1\", registry = \"ours\" }}\n[build-dependencies]\ndep = {{ version = \"1\", features = [\"f\"] }}\n\
         [target.'cfg(windows)'.dependencies]\nhelper = {{ version = \"1\", registry = \"ours\", features = [\"w\"] }}\n\
         [patch.ours]\nby-path = {{ path = \"../by-path\" }}\nby-git = {{ {repo} }}\n"
        ),
    );
    write(folder, "app/build.rs", "fn main() {}\n");
    let config = fs::read_to_string(folder.join("app/.cargo/config.toml")).unwrap();
    write(folder, "app/.cargo/config.toml", &format!("{config}[registries.ours]\nindex = \"{index}\"\n"));
    let program = own_home(folder);
    with(&program, &folder.join("app"), &["generate-lockfile"]);
    with(&program, &folder.join("app"), &["fetch", "--locked"]);
    (place, program)
}

#[cfg(unix)]
#[test]
fn packages_from_everywhere_at_once_are_what_cargo_builds() {
    let (folder, cargo) = everywhere();
    for target in ["x86_64-unknown-linux-gnu", "x86_64-pc-windows-msvc", "aarch64-apple-darwin"] {
        for (none, all) in [(false, false), (true, false), (false, true)] {
            let request = CargoRequest {
                target: Some(target.to_owned()),
                no_default_features: none,
                all_features: all,
                cargo: cargo.clone(),
                ..request(folder.path())
            };
            let inventory = exact(&request);
            let from = |name: &str| of(&inventory, name).source.clone();
            assert_eq!([from("dep"), from("pathdep"), from("by-path")], [Source::CratesIo, Source::Path, Source::Path]);
            assert_eq!([from("reg"), from("helper")], [Source::Disk { commit: None }, Source::Disk { commit: None }]);
            for name in ["gitdep", "by-git"] {
                assert!(matches!(from(name), Source::Disk { commit: Some(_) }), "{name}");
            }
            let dep = of(&inventory, "dep");
            assert_eq!((dep.linked.clone(), dep.built.clone()), (Some([].into()), Some(["f".to_owned()].into())));
            let helper = of(&inventory, "helper");
            assert_eq!((helper.is_linked(), helper.built.is_some()), (target.contains("windows"), true));
            assert_eq!(inventory.components.iter().any(|c| c.name == "inner"), all);
            assert!(
                inventory
                    .components
                    .iter()
                    .all(|c| c.name == "dep"
                        || c.purl.as_ref().is_none_or(|purl| !purl.as_str().starts_with("pkg:cargo")))
            );
        }
    }
}

#[test]
fn members_that_need_each_other_in_their_tests_come_to_an_end() {
    let folder: TempDir = tempfile::tempdir().unwrap();
    package(
        folder.path(),
        "app/a",
        "name = \"a\"\nversion = \"1.0.0\"\n[dev-dependencies]\nb = { path = \"../b\" }\na = { path = \".\" }\n",
    );
    package(folder.path(), "app/b", "name = \"b\"\nversion = \"1.0.0\"\n[dependencies]\na = { path = \"../a\" }\n");
    let manifest = "[package]\nname = \"app\"\nversion = \"1.0.0\"\nedition = \"2021\"\n[dependencies]\na = { path = \"a\" }\n[workspace]\nmembers = [\"a\", \"b\"]\n";
    write(folder.path(), "app/Cargo.toml", manifest);
    write(folder.path(), "app/src/main.rs", "fn main() {}\n");
    lock(folder.path());
    let plain = exact(&request(folder.path()));
    assert!(plain.components.iter().all(|c| c.name != "b"));
    let whole = CargoRequest {
        what: countersign_sbom::What::Workspace,
        package: None,
        binary: None,
        dev: true,
        ..request(folder.path())
    };
    let inventory = cargo_inventory(&whole).unwrap();
    assert_eq!(of(&inventory, "a").depends_on, ["path:b@1.0.0".to_owned()].into());
    assert_eq!(of(&inventory, "b").depends_on, ["path:a@1.0.0".to_owned()].into());
}

#[test]
fn conditions_on_flags_of_the_compiler_come_out_as_in_cargo() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["flag", "pair", "other-pair", "feature", "debug", "musl", "at-build"] {
        package(folder.path(), name, &format!("name = \"{name}\"\nversion = \"1.0.0\"\n"));
    }
    let on = |condition: &str, name: &str| {
        format!("[target.'cfg({condition})'.dependencies]\n{name} = {{ path = \"../{name}\" }}\n")
    };
    let dependencies = [
        on("my_flag", "flag"),
        on("all(my_key = \"a\", not(my_key = \"b\"))", "pair"),
        on("my_key = \"b\"", "other-pair"),
        on("target_feature = \"avx2\"", "feature"),
        on("debug_assertions", "debug"),
        on("target_feature = \"crt-static\"", "musl"),
    ];
    app(folder.path(), &dependencies.concat());
    lock(folder.path());
    let cargo_config = "[target.'cfg(my_flag)']\nrustflags = [\"--cfg\", \"my_key=\\\"a\\\"\"]\n\
        [target.x86_64-unknown-linux-gnu]\nrustflags = [\"--cfg\", \"my_flag\", \"-C\", \"target-cpu=x86-64-v3\"]\n\
        [build]\nrustflags = [\"--cfg\", \"passed_over\"]\n";
    let names = |request: &CargoRequest| {
        let inventory = exact(request);
        inventory.components.iter().filter(|c| c.source == Source::Path).map(|c| c.name.clone()).collect::<Vec<_>>()
    };
    let target = |triple: &str| CargoRequest { target: Some(triple.to_owned()), ..request(folder.path()) };
    let (gnu, musl) = (target("x86_64-unknown-linux-gnu"), target("x86_64-unknown-linux-musl"));
    assert_eq!((names(&gnu), names(&musl)), (vec!["debug".to_owned()], vec!["debug".to_owned()]));
    write(folder.path(), "app/.cargo/config.toml", cargo_config);
    assert_eq!(names(&gnu), ["debug", "feature", "flag", "pair"]);
    assert_eq!(names(&musl), ["debug"]);
    let variables = [("RUSTFLAGS".to_owned(), "--cfg my_key=\"b\"".to_owned())].into();
    let inventory = cargo_inventory(&CargoRequest { variables, ..gnu.clone() }).unwrap();
    let linked: Vec<&str> =
        inventory.components.iter().filter(|c| c.source == Source::Path).map(|c| c.name.as_str()).collect();
    assert_eq!(linked, ["debug", "other-pair"], "a variable goes before every file");
}

#[test]
fn cargos_configuration_names_the_target_and_build_scripts_that_do_not_run() {
    let folder = tempfile::tempdir().unwrap();
    package(folder.path(), "for-script", "name = \"for-script\"\nversion = \"1.0.0\"\n");
    package(
        folder.path(),
        "native",
        "name = \"native\"\nversion = \"1.0.0\"\nlinks = \"nat\"\nbuild = \"b.rs\"\n[build-dependencies]\n\
         for-script = { path = \"../for-script\" }\n",
    );
    write(folder.path(), "native/b.rs", "fn main() {}");
    app(folder.path(), "[dependencies]\nnative = { path = \"../native\" }");
    lock(folder.path());
    let target = Some("x86_64-unknown-linux-gnu".to_owned());
    let named = CargoRequest { target: target.clone(), ..request(folder.path()) };
    assert!(exact(&named).components.iter().any(|c| c.name == "for-script"));
    let overridden = "[build]\ntarget = \"x86_64-pc-windows-gnu\"\n[target.x86_64-unknown-linux-gnu.nat]\nrustc-link-lib = [\"c\"]\n";
    write(folder.path(), "app/.cargo/config.toml", overridden);
    assert!(exact(&named).components.iter().all(|c| c.name != "for-script"));
    assert_eq!(cargo_inventory(&request(folder.path())).unwrap().build.target, "x86_64-pc-windows-gnu");
    let variables = [("CARGO_BUILD_TARGET".to_owned(), "x86_64-unknown-linux-musl".to_owned())].into();
    let by_variable = CargoRequest { variables, ..request(folder.path()) };
    assert_eq!(cargo_inventory(&by_variable).unwrap().build.target, "x86_64-unknown-linux-musl");
}

#[test]
fn what_is_needed_as_it_is_and_for_a_script_that_does_not_run_is_not_built_for_the_script() {
    let folder = tempfile::tempdir().unwrap();
    let features = "[features]\nf = []\ng = []\n";
    for name in ["both", "script-only", "deep", "elsewhere"] {
        package(folder.path(), name, &format!("name = \"{name}\"\nversion = \"1.0.0\"\n{features}"));
    }
    let manifest = "name = \"both\"\nversion = \"1.0.0\"\n[dependencies]\ndeep = { path = \"../deep\" }\n";
    package(folder.path(), "both", &format!("{manifest}{features}"));
    let native = |name: &str, library: &str| {
        let manifest = format!(
            "name = \"{name}\"\nversion = \"1.0.0\"\nlinks = \"{library}\"\nbuild = \"b.rs\"\n[dependencies]\n\
             both = {{ path = \"../both\" }}\n[target.'cfg(windows)'.dependencies]\nelsewhere = {{ path = \"../elsewhere\" }}\n\
             [build-dependencies]\nboth = {{ path = \"../both\", features = [\"f\"] }}\n\
             script-only = {{ path = \"../script-only\" }}\nelsewhere = {{ path = \"../elsewhere\", features = [\"f\"] }}\n"
        );
        package(folder.path(), name, &manifest);
        write(folder.path(), &format!("{name}/b.rs"), "fn main() {}");
    };
    native("native", "nat");
    native("native-at-build", "nat-at-build");
    let other = "name = \"other\"\nversion = \"1.0.0\"\nbuild = \"b.rs\"\n[build-dependencies]\n\
        native-at-build = { path = \"../native-at-build\" }\n";
    package(folder.path(), "other", other);
    write(folder.path(), "other/b.rs", "fn main() {}");
    let of_app = "[dependencies]\nnative = { path = \"../native\" }\nother = { path = \"../other\" }\n";
    let target = Some("x86_64-unknown-linux-gnu".to_owned());
    let named = CargoRequest { target: target.clone(), ..request(folder.path()) };
    let overridden = |libraries: &[&str]| {
        let of = |library: &&str| format!("[target.x86_64-unknown-linux-gnu.{library}]\nrustc-link-lib = [\"c\"]\n");
        libraries.iter().map(of).collect::<String>()
    };
    let built = |inventory: &Inventory, name: &str| of(inventory, name).built.clone();
    let listed = |inventory: &Inventory, name: &str| inventory.components.iter().any(|c| c.name == name);
    for resolver in ["1", "2"] {
        app(folder.path(), &format!("resolver = \"{resolver}\"\n{of_app}"));
        write(folder.path(), "app/.cargo/config.toml", "");
        lock(folder.path());
        let all = exact(&named);
        assert_eq!(built(&all, "both"), Some(["f".to_owned()].into()));
        // Both scripts: nothing is built for one of them, and what is needed as it is stays.
        write(folder.path(), "app/.cargo/config.toml", &overridden(&["nat", "nat-at-build"]));
        let neither = exact(&named);
        assert_eq!(built(&neither, "both"), Some(["f".to_owned()].into()), "native-at-build needs it as it is");
        assert!(!listed(&neither, "script-only") && !listed(&neither, "elsewhere"));
        // The one that is linked: what the other one's script needs has the features that both ask for.
        write(folder.path(), "app/.cargo/config.toml", &overridden(&["nat"]));
        assert!(listed(&exact(&named), "elsewhere"));
        app(
            folder.path(),
            &format!("resolver = \"{resolver}\"\n[dependencies]\nnative = {{ path = \"../native\" }}\n"),
        );
        lock(folder.path());
        let linked_only = exact(&named);
        assert_eq!((built(&linked_only, "both"), built(&linked_only, "deep")), (None, None));
        assert!(of(&linked_only, "both").linked.is_some() && of(&linked_only, "deep").linked.is_some());
    }
}
