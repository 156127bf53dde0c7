//! From a workspace to the inventory of one binary: the same packages, edges and features that Cargo would build.

use crate::{
    CargoRequest, What,
    asked::{features as asked_features, is_own},
    cargo::{Compiler, Workspace},
    error::{BINARY, LIBRARY, SbomError},
    flags::{Flagged, features_of, has, meant},
    inventory::{Build, Component, Inventory, Kind, Licence, Native, Shape, Source},
    plan::Plan,
    source::tell_apart,
};
use countersign_core::purl::Purl;
use guppy::{
    PackageId,
    graph::{BuildTargetId, BuildTargetKind, DependencyDirection, PackageGraph, PackageMetadata, feature::FeatureSet},
};
use std::collections::{BTreeMap, BTreeSet};

/// Resolves what the request asks for.
pub(crate) fn inventory(workspace: &Workspace, request: &CargoRequest) -> Result<Inventory, SbomError> {
    match request.what {
        What::Workspace => whole(workspace, request),
        What::Binary => {
            let package = package(workspace, request.package.as_deref(), BINARY, binaries)?;
            let (binary, required) = binary(&package, request.binary.as_deref())?;
            artifact(workspace, request, &package, (binary, required, Shape::Program))
        }
        What::Library => {
            let package = package(workspace, request.package.as_deref(), LIBRARY, libraries)?;
            let name = libraries(&package).into_keys().next();
            let name = name.ok_or_else(|| SbomError::NoLibrary {
                package: package.name().to_owned(),
                known: holding(&workspace.graph, libraries),
            })?;
            artifact(workspace, request, &package, (name, &[], Shape::Library))
        }
    }
}

/// Every artifact that the workspace ships with these features: its binaries, and libraries for others than Rust. A
/// binary whose required features are off is left out, as Cargo does, and named with them.
pub(crate) fn all(workspace: &Workspace, request: &CargoRequest) -> Result<(Vec<Inventory>, Vec<String>), SbomError> {
    let (mut all, mut left_out) = (Vec::new(), Vec::new());
    let members = workspace.graph.workspace().iter();
    for package in members.filter(|p| request.package.as_deref().is_none_or(|asked| asked == p.name())) {
        let request = CargoRequest { features: meant(workspace, &package, request), ..request.clone() };
        for (name, required) in binaries(&package) {
            match artifact(workspace, &request, &package, (name, required, Shape::Program)) {
                Err(SbomError::FeaturesRequired { package, binary, missing }) => {
                    left_out.push(format!("{binary} of {package} ({})", missing.join(", ")));
                }
                other => all.push(other?),
            }
        }
        for (name, _) in libraries(&package) {
            all.push(artifact(workspace, &request, &package, (name, &[], Shape::Library))?);
        }
    }
    if all.is_empty() {
        let known =
            holding(&workspace.graph, |package| binaries(package).into_iter().chain(libraries(package)).collect());
        return Err(SbomError::NoArtifact { known });
    }
    for feature in asked_features(request) {
        let members = || workspace.graph.workspace().iter();
        if !members().any(|package| has(&package, feature)) {
            let known: BTreeSet<String> =
                members().flat_map(|package| features_of(&package).map(str::to_owned).collect::<Vec<_>>()).collect();
            let package = request.package.clone().unwrap_or_default();
            let known = known.into_iter().collect();
            return Err(SbomError::NoSuchFeature { package, feature: feature.to_owned(), known });
        }
    }
    Ok((all, left_out))
}

fn artifact(
    workspace: &Workspace,
    request: &CargoRequest,
    package: &PackageMetadata<'_>,
    (name, required, shape): (&str, &[String], Shape),
) -> Result<Inventory, SbomError> {
    let failed = |source| metadata(workspace, source);
    let features = Flagged::of(workspace, request, std::slice::from_ref(package))?;
    let set = Plan::of(workspace, &features, false).map_err(failed)?;
    let enabled = names(&set.target, package.id()).map_err(failed)?.unwrap_or_default();
    // `PACKAGE/FEATURE` among the required features is left to Cargo, which refuses to build the binary.
    let missing: Vec<String> =
        required.iter().filter(|name| !name.contains('/') && !enabled.contains(*name)).cloned().collect();
    if !missing.is_empty() {
        return Err(SbomError::FeaturesRequired {
            package: package.name().to_owned(),
            binary: name.to_owned(),
            missing,
        });
    }
    let with_dev = request.dev.then(|| Plan::of(workspace, &features, true)).transpose().map_err(failed)?;
    let mut components = components(workspace, &set, with_dev.as_ref())?;
    let root = components.remove(package.id()).ok_or_else(|| SbomError::NoBinary {
        package: package.name().to_owned(),
        known: holding(&workspace.graph, binaries),
    })?;
    finish(workspace, root, name.to_owned(), shape, components, features.asked())
}

/// All members, built together: their features add up as in `cargo build --workspace`.
fn whole(workspace: &Workspace, request: &CargoRequest) -> Result<Inventory, SbomError> {
    let failed = |source| metadata(workspace, source);
    let members: Vec<PackageMetadata<'_>> = workspace.graph.workspace().iter().collect();
    let features = if workspace.of_folder().is_some() {
        Flagged::of(workspace, request, &members)?
    } else {
        for feature in asked_features(request) {
            if !members.iter().any(|package| has(package, feature)) {
                let known: BTreeSet<&str> = members.iter().flat_map(features_of).collect();
                let known = known.into_iter().map(str::to_owned).collect();
                let package = "of the workspace".to_owned();
                return Err(SbomError::NoSuchFeature { package, feature: feature.to_owned(), known });
            }
        }
        // A feature that one member has, others need not have.
        Flagged::each(workspace, request, &members)?
    };
    let set = Plan::of(workspace, &features, false).map_err(failed)?;
    let with_dev = request.dev.then(|| Plan::of(workspace, &features, true)).transpose().map_err(failed)?;
    let components = components(workspace, &set, with_dev.as_ref())?;
    let own = workspace.graph.workspace().member_by_path("").ok();
    let (name, version) = match (&own, &members[..]) {
        (Some(package), _) => (package.name().to_owned(), package.version().to_string()),
        (None, _) => ("workspace".to_owned(), common_version(&members)),
    };
    let mut root = Component::new(format!("workspace:{name}"), name.clone(), version, Source::Path, Kind::Workspace);
    root.depends_on = members
        .iter()
        .filter_map(|package| components.get(package.id()))
        .map(|component| component.reference.clone())
        .collect();
    finish(workspace, root, name, Shape::Workspace, components, features.asked())
}

/// The version that all members have, if it is one.
fn common_version(members: &[PackageMetadata<'_>]) -> String {
    let versions: BTreeSet<String> = members.iter().map(|package| package.version().to_string()).collect();
    let mut versions = versions.into_iter();
    match (versions.next(), versions.next()) {
        (Some(only), None) => only,
        _ => "unknown".to_owned(),
    }
}

fn finish(
    workspace: &Workspace,
    mut root: Component,
    binary: String,
    shape: Shape,
    components: BTreeMap<&PackageId, Component>,
    features: BTreeSet<String>,
) -> Result<Inventory, SbomError> {
    let mut components: Vec<Component> = components.into_values().collect();
    for part in toolchain(&workspace.compiler)? {
        root.depends_on.insert(part.reference.clone());
        components.push(part);
    }
    components.sort_by(|a, b| a.reference.cmp(&b.reference));
    let mut references = BTreeSet::from([root.reference.as_str()]);
    if let Some(second) = components.iter().find(|component| !references.insert(&component.reference)) {
        return Err(SbomError::SameReference { reference: second.reference.clone() });
    }
    Ok(Inventory {
        root,
        binary,
        shape,
        components,
        build: Build {
            target: workspace.target.triple_str().to_owned(),
            host: workspace.host.triple_str().to_owned(),
            features,
            resolver: workspace.resolver.number,
            lock: workspace.lock.digest,
            lock_only: false,
        },
    })
}

/// The standard library, which is linked, and the compiler, which is not. Which parts of the standard library are in the
/// artifact, and what it is made of in turn, is not told here.
fn toolchain(compiler: &Compiler) -> Result<[Component; 2], SbomError> {
    let part = |name: &str, kind| -> Result<Component, SbomError> {
        let release = &compiler.release;
        let vcs = compiler.commit.as_ref();
        let vcs = vcs.map(|commit| format!("?vcs_url=git%2Bhttps://github.com/rust-lang/rust%40{commit}"));
        let purl = format!("pkg:generic/{name}@{}{}", release.replace('+', "%2B"), vcs.unwrap_or_default());
        let purl = Purl::new(&purl).map_err(|source| SbomError::Purl { package: name.to_owned(), source })?;
        let reference = format!("toolchain:{name}@{release}");
        let source = Source::Toolchain { commit: compiler.commit.clone() };
        let mut part = Component::new(reference, name.to_owned(), release.clone(), source, kind);
        part.purl = Some(purl);
        // As the sources of both say.
        part.licence = Some(Licence::Expression("MIT OR Apache-2.0".to_owned()));
        Ok(part)
    };
    let mut library = part("rust-std", Kind::StandardLibrary)?;
    library.linked = Some(BTreeSet::new());
    let mut compiler = part("rustc", Kind::Compiler)?;
    compiler.built = Some(BTreeSet::new());
    Ok([library, compiler])
}

fn metadata(workspace: &Workspace, source: guppy::Error) -> SbomError {
    SbomError::Metadata {
        directory: workspace.graph.workspace().root().as_std_path().to_owned(),
        source: Box::new(source),
    }
}

/// Names of build targets, with the features that each requires.
type Targets<'g> = BTreeMap<&'g str, &'g [String]>;

fn binaries<'g>(package: &PackageMetadata<'g>) -> Targets<'g> {
    package
        .build_targets()
        .filter_map(|target| {
            if let BuildTargetId::Binary(name) = target.id() { Some((name, target.required_features())) } else { None }
        })
        .collect()
}

/// The package's library, if it is built for others than Rust: dynamic or static.
fn libraries<'g>(package: &PackageMetadata<'g>) -> Targets<'g> {
    let foreign = |kind: BuildTargetKind<'_>| {
        let BuildTargetKind::LibraryOrExample(types) = kind else { return false };
        types.iter().any(|of| of == "cdylib" || of == "staticlib")
    };
    package
        .build_targets()
        .filter(|target| matches!(target.id(), BuildTargetId::Library) && foreign(target.kind()))
        .map(|target| (target.name(), target.required_features()))
        .collect()
}

/// Members that have such targets, by name.
fn holding(graph: &PackageGraph, of: impl for<'g> Fn(&PackageMetadata<'g>) -> Targets<'g>) -> Vec<String> {
    let members = graph.workspace().iter();
    let names: BTreeSet<&str> =
        members.filter(|package| !of(package).is_empty()).map(|package| package.name()).collect();
    names.into_iter().map(str::to_owned).collect()
}

fn package<'g>(
    workspace: &'g Workspace,
    asked: Option<&str>,
    what: &'static str,
    of: impl for<'a> Fn(&PackageMetadata<'a>) -> Targets<'a>,
) -> Result<PackageMetadata<'g>, SbomError> {
    let known = holding(&workspace.graph, of);
    let name = match (asked, &known[..]) {
        (Some(asked), _) => asked.to_owned(),
        (None, [only]) => only.clone(),
        (None, _) => return Err(SbomError::PackageNotNamed { what, known }),
    };
    let member = workspace.graph.workspace().member_by_name(&name);
    member.map_err(|_unknown| SbomError::NoSuchPackage { package: name, known })
}

fn binary<'g>(package: &PackageMetadata<'g>, asked: Option<&str>) -> Result<(&'g str, &'g [String]), SbomError> {
    let all = binaries(package);
    let known = || all.keys().map(|&name| name.to_owned()).collect();
    let name = package.name().to_owned();
    let mut left = all.iter().filter(|(name, _)| asked.is_none_or(|asked| asked == **name));
    match (left.next(), left.next(), asked) {
        (Some((&binary, &required)), None, _) => Ok((binary, required)),
        (Some(_), Some(_), _) => Err(SbomError::BinaryNotNamed { package: name, known: known() }),
        (None, _, Some(asked)) if !all.is_empty() => {
            Err(SbomError::NoSuchBinary { package: name, binary: asked.to_owned(), known: known() })
        }
        (None, _, _) => {
            let known = holding(package.graph(), binaries);
            Err(SbomError::NoBinary { package: name, known })
        }
    }
}

/// All packages of the set, with their edges, and those that come to it for the workspace's tests.
fn components<'g>(
    workspace: &'g Workspace,
    set: &Plan<'g>,
    with_dev: Option<&Plan<'g>>,
) -> Result<BTreeMap<&'g PackageId, Component>, SbomError> {
    let mut components = BTreeMap::new();
    for set in std::iter::once(set).chain(with_dev) {
        let packages = set.target.to_package_set().union(&set.host.to_package_set());
        let first = components.is_empty();
        for package in packages.packages(DependencyDirection::Forward) {
            if first {
                components.insert(package.id(), component(workspace, set, &package)?);
            } else if !components.contains_key(package.id()) {
                let mut component = component(workspace, set, &package)?;
                let mut features = component.linked.take().unwrap_or_default();
                features.extend(component.built.take().unwrap_or_default());
                component.dev = Some(features);
                components.insert(package.id(), component);
            }
        }
    }
    let source =
        |id: &PackageId| workspace.graph.metadata(id).ok().and_then(|package| package.source().external_source());
    tell_apart(components.iter_mut().map(|(id, component)| (component, source(id))));
    for set in std::iter::once(set).chain(with_dev) {
        for link in &set.links {
            let to = components.get(link.to().id()).map(|component| component.reference.clone());
            if let (Some(from), Some(to)) = (components.get_mut(link.from().id()), to) {
                // A package may need itself in its own tests.
                if from.reference != to {
                    from.depends_on.insert(to);
                }
            }
        }
    }
    Ok(components)
}

fn component<'g>(
    workspace: &'g Workspace,
    set: &Plan<'g>,
    package: &PackageMetadata<'g>,
) -> Result<Component, SbomError> {
    let failed = |source| metadata(workspace, source);
    let name = package.name().to_owned();
    let version = package.version().to_string();
    let source = Source::of(package).ok_or_else(|| SbomError::Source { package: name.clone() })?;
    let purl = source.purl(&name, &version).map_err(|source| SbomError::Purl { package: name.clone(), source })?;
    let checksum = package.source().external_source().and_then(|text| workspace.lock.checksum(&name, &version, text));
    let reference = source.reference(&name, &version, purl.as_ref());
    let declared = package.direct_links().filter(|link| link.normal().is_present() || link.build().is_present());
    Ok(Component {
        purl,
        declared: declared.map(|link| format!("{} {}", link.to().name(), link.to().version())).collect(),
        workspace_member: package.in_workspace(),
        licence: Licence::declared(package.license(), package.license_file().map(AsRef::as_ref)),
        checksum,
        linked: names(&set.target, package.id()).map_err(failed)?,
        built: names(&set.host, package.id()).map_err(failed)?,
        native: match (package.links(), package.has_build_script()) {
            (Some(library), _) => Native::Links(library.to_owned()),
            (None, true) => Native::Possible,
            (None, false) => Native::No,
        },
        ..Component::new(reference, name, version, source, Kind::Package)
    })
}

/// The features of a package within a set; `None` if it is not in the set.
fn names(set: &FeatureSet<'_>, id: &PackageId) -> Result<Option<BTreeSet<String>>, guppy::Error> {
    let features = set.features_for(id)?;
    Ok(features.map(|list| list.named_features().filter(|name| is_own(name)).map(str::to_owned).collect()))
}
