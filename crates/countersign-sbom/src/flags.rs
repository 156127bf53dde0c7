//! Which features the flags switch on, and of which package. Since resolver 2 they count for every package that is built. Under
//! resolver 1, in a package's folder, they count for that package alone, whatever is built: the others have their defaults, or
//! what is asked for as `MEMBER/FEATURE`. The package of the folder is resolved beside those that are built, so that what it
//! asks of a common dependency counts for them too.

use crate::{
    CargoRequest,
    asked::{features as asked_features, is_own, label, unlabelled},
    cargo::Workspace,
    error::SbomError,
};
use guppy::graph::{
    PackageMetadata,
    feature::{FeatureFilter, FeatureSet, StandardFeatures, named_feature_filter},
};
use std::collections::BTreeSet;

const DEFAULT: &str = "default";

/// Packages, each with its features.
pub(crate) struct Flagged<'g> {
    workspace: &'g Workspace,
    /// What is built.
    built: Vec<(PackageMetadata<'g>, Features)>,
    /// The package of the folder, where it counts and is not built.
    beside: Option<(PackageMetadata<'g>, Features)>,
}

impl<'g> Flagged<'g> {
    /// Some packages of the workspace.
    pub(crate) fn of(
        workspace: &'g Workspace,
        request: &CargoRequest,
        packages: &[PackageMetadata<'g>],
    ) -> Result<Self, SbomError> {
        let Some(own) = workspace.of_folder() else {
            let each = |package: &PackageMetadata<'g>| Features::of(package, request).map(|of| (*package, of));
            return Ok(Self { workspace, built: packages.iter().map(each).collect::<Result<_, _>>()?, beside: None });
        };
        let selected = |package: &str| packages.iter().any(|one| one.id() != own.id() && one.name() == package);
        let of_folder = Features::of_folder(&own, request, selected)?;
        let mut beside = Some((own, of_folder));
        let mut built = Vec::new();
        for package in packages {
            if package.id() == own.id() {
                built.extend(beside.take());
            } else {
                built.push((*package, Features::of_member(package, request)?));
            }
        }
        Ok(Self { workspace, built, beside })
    }

    /// Packages that are built together since resolver 2: of the features that were asked for, each has those that it has.
    pub(crate) fn each(
        workspace: &'g Workspace,
        request: &CargoRequest,
        packages: &[PackageMetadata<'g>],
    ) -> Result<Self, SbomError> {
        let of = |package: &PackageMetadata<'g>| {
            let request = CargoRequest { features: having(package, request), ..request.clone() };
            Features::of(package, &request).map(|of| (*package, of))
        };
        Ok(Self { workspace, built: packages.iter().map(of).collect::<Result<_, _>>()?, beside: None })
    }

    /// What is built.
    pub(crate) fn initials(&self) -> FeatureSet<'_> {
        self.union(self.built.iter())
    }

    /// What only adds features.
    pub(crate) fn beside(&self) -> FeatureSet<'_> {
        self.union(self.beside.iter())
    }

    fn union<'s>(&'s self, all: impl Iterator<Item = &'s (PackageMetadata<'g>, Features)>) -> FeatureSet<'s> {
        let none = self.workspace.graph.feature_graph().resolve_none();
        all.fold(none, |set, (package, features)| set.union(&package.to_feature_set(features.filter())))
    }

    /// The features of what is built, by name.
    pub(crate) fn asked(&self) -> BTreeSet<String> {
        self.built.iter().flat_map(|(package, features)| features.asked(package)).collect()
    }
}

/// Of the features that were asked for, those that may be meant for a package where each has an SBOM of its own: a feature that one
/// member has, others need not have.
pub(crate) fn meant(workspace: &Workspace, package: &PackageMetadata<'_>, request: &CargoRequest) -> Vec<String> {
    let Some(own) = workspace.of_folder() else { return having(package, request) };
    let for_it = |feature: &&str| match feature.split_once('/') {
        None => true,
        Some((name, _)) => {
            let name = name.trim_end_matches('?');
            let members = workspace.graph.workspace().iter();
            let other = members.filter(|member| member.id() != own.id()).any(|member| member.name() == name);
            !other || name == package.name() || has(&own, feature)
        }
    };
    asked_features(request).filter(for_it).map(str::to_owned).collect()
}

/// Whether the package has the feature, which may be written with the package's name before it.
pub(crate) fn has(package: &PackageMetadata<'_>, feature: &str) -> bool {
    let own = feature.strip_prefix(package.name()).and_then(|rest| rest.strip_prefix('/')).unwrap_or(feature);
    let label = label(feature);
    own == DEFAULT || package.named_features().any(|known| known == own || known == label)
}

/// The package's own features.
pub(crate) fn features_of<'g>(package: &PackageMetadata<'g>) -> impl Iterator<Item = &'g str> {
    package.named_features().filter(|name| is_own(name))
}

/// Of the features that were asked for, those that the package has.
fn having(package: &PackageMetadata<'_>, request: &CargoRequest) -> Vec<String> {
    asked_features(request).filter(|feature| has(package, feature)).map(str::to_owned).collect()
}

/// What was asked for, held against what the package has.
struct Features {
    base: StandardFeatures,
    named: BTreeSet<String>,
}

impl Features {
    /// `--features` takes several, with commas or spaces between them, each also as `PACKAGE/FEATURE` of the package itself or of one
    /// that it depends on.
    fn of(package: &PackageMetadata<'_>, request: &CargoRequest) -> Result<Self, SbomError> {
        let prefix = format!("{}/", package.name());
        let known: BTreeSet<&str> = package.named_features().collect();
        let mut named = BTreeSet::new();
        for name in asked_features(request) {
            let label = label(name);
            if known.contains(label.as_str()) {
                named.insert(label);
                continue;
            }
            let name = name.strip_prefix(&prefix).unwrap_or(name);
            if !known.contains(name) && name != DEFAULT {
                return Err(no_such(package, name));
            }
            named.insert(name.to_owned());
        }
        Ok(Self { base: base(request, request.no_default_features), named })
    }

    /// Of the package of the folder, under resolver 1: all but what is asked for of another member that is built. There is no other
    /// way to write its own features than by their names.
    fn of_folder(
        package: &PackageMetadata<'_>,
        request: &CargoRequest,
        selected: impl Fn(&str) -> bool,
    ) -> Result<Self, SbomError> {
        let known: BTreeSet<&str> = package.named_features().collect();
        let mut named = BTreeSet::new();
        for name in asked_features(request) {
            let of = name.split_once('/').map(|(package, _)| package.trim_end_matches('?'));
            if of.is_some_and(&selected) {
                continue;
            }
            let own = if of.is_some() { label(name) } else { name.to_owned() };
            if !known.contains(own.as_str()) && own != DEFAULT {
                return Err(SbomError::NotOfTheFolder {
                    package: package.name().to_owned(),
                    feature: name.to_owned(),
                    known: features_of(package).map(str::to_owned).collect(),
                });
            }
            named.insert(own);
        }
        Ok(Self { base: base(request, request.no_default_features), named })
    }

    /// Of another one, under resolver 1.
    fn of_member(package: &PackageMetadata<'_>, request: &CargoRequest) -> Result<Self, SbomError> {
        let known: BTreeSet<&str> = package.named_features().collect();
        let mut named = BTreeSet::new();
        for (of, name) in asked_features(request).filter_map(|name| name.split_once('/')) {
            if of.trim_end_matches('?') != package.name() {
                continue;
            }
            if !known.contains(name) && name != DEFAULT {
                return Err(no_such(package, name));
            }
            named.insert(name.to_owned());
        }
        Ok(Self { base: base(request, false), named })
    }

    /// By name: all of them, or the named ones and `default` unless it was switched off.
    fn asked(&self, package: &PackageMetadata<'_>) -> BTreeSet<String> {
        let implied: Vec<&str> = match self.base {
            StandardFeatures::All => features_of(package).collect(),
            StandardFeatures::Default if package.has_default_feature() => vec![DEFAULT],
            StandardFeatures::Default | StandardFeatures::None => Vec::new(),
        };
        implied.into_iter().chain(self.named.iter().map(|name| unlabelled(name))).map(str::to_owned).collect()
    }

    fn filter<'g, 'a: 'g>(&'a self) -> impl FeatureFilter<'g> {
        named_feature_filter(self.base, self.named.iter().map(String::as_str))
    }
}

const fn base(request: &CargoRequest, without_default: bool) -> StandardFeatures {
    match (request.all_features, without_default) {
        (true, _) => StandardFeatures::All,
        (false, true) => StandardFeatures::None,
        (false, false) => StandardFeatures::Default,
    }
}

fn no_such(package: &PackageMetadata<'_>, feature: &str) -> SbomError {
    SbomError::NoSuchFeature {
        package: package.name().to_owned(),
        feature: feature.to_owned(),
        known: features_of(package).map(str::to_owned).collect(),
    }
}
