//! From a workspace to the inventory of one binary: the same packages, edges and features that Cargo would build.

use crate::{
    CargoRequest,
    cargo::Workspace,
    error::SbomError,
    inventory::{Build, Component, Inventory, Licence, Native, Source},
};
use guppy::{
    PackageId,
    graph::{
        BuildTargetId, DependencyDirection, PackageGraph, PackageMetadata,
        cargo::{CargoOptions, CargoSet, InitialsPlatform},
        feature::{FeatureSet, StandardFeatures, named_feature_filter},
    },
};
use std::collections::{BTreeMap, BTreeSet};

const DEFAULT: &str = "default";

/// Resolves the binary of the request.
pub(crate) fn inventory(workspace: &Workspace, request: &CargoRequest) -> Result<Inventory, SbomError> {
    let package = package(workspace, request.package.as_deref())?;
    let (binary, required) = binary(&package, request.binary.as_deref())?;
    let features = Features::of(&package, request)?;
    let set = features.resolve(workspace, &package).map_err(|source| metadata(workspace, source))?;

    let failed = |source| metadata(workspace, source);
    let enabled = names(set.target_features(), package.id()).map_err(failed)?.unwrap_or_default();
    // `PACKAGE/FEATURE` among the required features is left to Cargo, which refuses to build the binary.
    let missing: Vec<String> =
        required.iter().filter(|name| !name.contains('/') && !enabled.contains(*name)).cloned().collect();
    if !missing.is_empty() {
        return Err(SbomError::FeaturesRequired {
            package: package.name().to_owned(),
            binary: binary.to_owned(),
            missing,
        });
    }

    let mut components = components(workspace, &set)?;
    let root = components.remove(package.id()).ok_or_else(|| SbomError::NoBinary {
        package: package.name().to_owned(),
        known: with_binaries(&workspace.graph),
    })?;
    let mut components: Vec<Component> = components.into_values().collect();
    components.sort_by(|a, b| a.reference.cmp(&b.reference));
    let mut references = BTreeSet::from([root.reference.as_str()]);
    if let Some(second) = components.iter().find(|component| !references.insert(&component.reference)) {
        return Err(SbomError::SameReference { reference: second.reference.clone() });
    }
    Ok(Inventory {
        root,
        binary: binary.to_owned(),
        components,
        build: Build {
            target: workspace.target.triple_str().to_owned(),
            host: workspace.host.triple_str().to_owned(),
            features: features.asked(&package),
            resolver: workspace.resolver.number,
            lock: workspace.lock.digest,
        },
    })
}

fn metadata(workspace: &Workspace, source: guppy::Error) -> SbomError {
    SbomError::Metadata {
        directory: workspace.graph.workspace().root().as_std_path().to_owned(),
        source: Box::new(source),
    }
}

fn binaries<'g>(package: &PackageMetadata<'g>) -> BTreeMap<&'g str, &'g [String]> {
    package
        .build_targets()
        .filter_map(|target| {
            if let BuildTargetId::Binary(name) = target.id() { Some((name, target.required_features())) } else { None }
        })
        .collect()
}

fn with_binaries(graph: &PackageGraph) -> Vec<String> {
    let members = graph.workspace().iter();
    let names: BTreeSet<&str> =
        members.filter(|package| !binaries(package).is_empty()).map(|package| package.name()).collect();
    names.into_iter().map(str::to_owned).collect()
}

fn package<'g>(workspace: &'g Workspace, asked: Option<&str>) -> Result<PackageMetadata<'g>, SbomError> {
    let known = with_binaries(&workspace.graph);
    let name = match (asked, &known[..]) {
        (Some(asked), _) => asked.to_owned(),
        (None, [only]) => only.clone(),
        (None, _) => return Err(SbomError::PackageNotNamed { known }),
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
            let known = with_binaries(package.graph());
            Err(SbomError::NoBinary { package: name, known })
        }
    }
}

/// What was asked for, held against what the package has.
struct Features {
    base: StandardFeatures,
    named: BTreeSet<String>,
}

impl Features {
    /// `--features` takes several, with commas or spaces between them, each also as `PACKAGE/FEATURE` of the package itself.
    fn of(package: &PackageMetadata<'_>, request: &CargoRequest) -> Result<Self, SbomError> {
        let prefix = format!("{}/", package.name());
        let known: BTreeSet<&str> = package.named_features().collect();
        let mut named = BTreeSet::new();
        let asked = request.features.iter().flat_map(|text| text.split([',', ' '])).filter(|name| !name.is_empty());
        for name in asked {
            let name = name.strip_prefix(&prefix).unwrap_or(name);
            if !known.contains(name) && name != DEFAULT {
                return Err(SbomError::NoSuchFeature {
                    package: package.name().to_owned(),
                    feature: name.to_owned(),
                    known: known.into_iter().map(str::to_owned).collect(),
                });
            }
            named.insert(name.to_owned());
        }
        let base = match (request.all_features, request.no_default_features) {
            (true, _) => StandardFeatures::All,
            (false, true) => StandardFeatures::None,
            (false, false) => StandardFeatures::Default,
        };
        Ok(Self { base, named })
    }

    /// By name: all of them, or the named ones and `default` unless it was switched off.
    fn asked(&self, package: &PackageMetadata<'_>) -> BTreeSet<String> {
        let implied: Vec<&str> = match self.base {
            StandardFeatures::All => package.named_features().collect(),
            StandardFeatures::Default if package.has_default_feature() => vec![DEFAULT],
            StandardFeatures::Default | StandardFeatures::None => Vec::new(),
        };
        implied.into_iter().map(str::to_owned).chain(self.named.iter().cloned()).collect()
    }

    fn resolve<'g>(
        &self,
        workspace: &'g Workspace,
        package: &PackageMetadata<'g>,
    ) -> Result<CargoSet<'g>, guppy::Error> {
        let filter = named_feature_filter(self.base, self.named.iter().map(String::as_str));
        let mut options = CargoOptions::new();
        options
            .set_resolver(workspace.resolver.version)
            .set_include_dev(false)
            // A package with a binary may also be a procedural macro: then its dependencies are built for both.
            .set_initials_platform(InitialsPlatform::ProcMacrosOnTarget)
            .set_host_platform(workspace.host.clone())
            .set_target_platform(workspace.target.clone());
        CargoSet::new(package.to_feature_set(filter), workspace.graph.feature_graph().resolve_none(), &options)
    }
}

/// All packages of the set, with their edges.
fn components<'g>(
    workspace: &'g Workspace,
    set: &CargoSet<'g>,
) -> Result<BTreeMap<&'g PackageId, Component>, SbomError> {
    let packages = set.target_features().to_package_set().union(&set.host_features().to_package_set());
    let mut components = BTreeMap::new();
    for package in packages.packages(DependencyDirection::Forward) {
        components.insert(package.id(), component(workspace, set, &package)?);
    }
    let links = set.target_links().chain(set.host_links()).chain(set.proc_macro_links()).chain(set.build_dep_links());
    let edges: Vec<(&PackageId, &PackageId)> = links.map(|link| (link.from().id(), link.to().id())).collect();
    for (from, to) in edges {
        let to = components.get(to).map(|component| component.reference.clone());
        if let (Some(from), Some(to)) = (components.get_mut(from), to) {
            from.depends_on.insert(to);
        }
    }
    Ok(components)
}

fn component<'g>(
    workspace: &'g Workspace,
    set: &CargoSet<'g>,
    package: &PackageMetadata<'g>,
) -> Result<Component, SbomError> {
    let failed = |source| metadata(workspace, source);
    let name = package.name().to_owned();
    let version = package.version().to_string();
    let source = Source::of(package).ok_or_else(|| SbomError::Source { package: name.clone() })?;
    let purl = source.purl(&name, &version).map_err(|source| SbomError::Purl { package: name.clone(), source })?;
    let checksum = package.source().external_source().and_then(|text| workspace.lock.checksum(&name, &version, text));
    Ok(Component {
        reference: source.reference(&name, &version, purl.as_ref()),
        purl,
        source,
        workspace_member: package.in_workspace(),
        licence: Licence::declared(package.license(), package.license_file().map(AsRef::as_ref)),
        checksum,
        linked: names(set.target_features(), package.id()).map_err(failed)?,
        built: names(set.host_features(), package.id()).map_err(failed)?,
        native: match (package.links(), package.has_build_script()) {
            (Some(library), _) => Native::Links(library.to_owned()),
            (None, true) => Native::Possible,
            (None, false) => Native::No,
        },
        depends_on: BTreeSet::new(),
        name,
        version,
    })
}

/// The features of a package within a set; `None` if it is not in the set.
fn names(set: &FeatureSet<'_>, id: &PackageId) -> Result<Option<BTreeSet<String>>, guppy::Error> {
    let features = set.features_for(id)?;
    Ok(features.map(|list| list.named_features().map(str::to_owned).collect()))
}
