//! What is built of a resolution: packages for each of the two machines, and the links that are followed. Whose build script
//! Cargo's configuration overrides needs nothing for it; which features there are stays as if it ran, as in Cargo.

use crate::{cargo::Workspace, flags::Flagged};
use guppy::{
    Error, PackageId,
    graph::{
        PackageLink, PackageMetadata, PackageSet,
        cargo::{BuildPlatform, CargoOptions, CargoSet, InitialsPlatform},
        feature::{FeatureLabel, FeatureSet, StandardFeatures},
    },
    platform::{EnabledTernary, PlatformSpec},
};
use std::collections::{BTreeMap, BTreeSet};

/// What Cargo would build.
pub(crate) struct Plan<'g> {
    /// What is linked, with its features.
    pub(crate) target: FeatureSet<'g>,
    /// What runs during the build, with its features.
    pub(crate) host: FeatureSet<'g>,
    /// Who needs whom; a link may stand there once for each machine.
    pub(crate) links: Vec<PackageLink<'g>>,
}

impl<'g> Plan<'g> {
    pub(crate) fn of(workspace: &'g Workspace, features: &'g Flagged<'g>, dev: bool) -> Result<Self, Error> {
        let mut options = CargoOptions::new();
        options
            .set_resolver(workspace.resolver.version)
            .set_include_dev(dev)
            // A package with a binary may also be a procedural macro: then its dependencies are built for both.
            .set_initials_platform(InitialsPlatform::ProcMacrosOnTarget)
            .set_host_platform(workspace.host.clone())
            .set_target_platform(workspace.target.clone());
        let set = CargoSet::new(features.initials(), features.beside(), &options)?;
        if workspace.overridden.none() {
            let links =
                set.target_links().chain(set.host_links()).chain(set.proc_macro_links()).chain(set.build_dep_links());
            return Ok(Self {
                links: links.collect(),
                target: set.target_features().clone(),
                host: set.host_features().clone(),
            });
        }
        Walk::new(workspace, &set, dev).plan()
    }
}

/// A package as it is built for one of the machines.
type Place<'g> = (BuildPlatform, &'g PackageId);

/// From what was asked for along the links that hold, past build scripts that do not run.
struct Walk<'g, 's> {
    workspace: &'g Workspace,
    set: &'s CargoSet<'g>,
    links: BTreeMap<Place<'g>, Vec<(BuildPlatform, PackageLink<'g>)>>,
}

impl<'g, 's> Walk<'g, 's> {
    fn new(workspace: &'g Workspace, set: &'s CargoSet<'g>, dev: bool) -> Self {
        use BuildPlatform::{Host, Target};
        let mut walk = Self { workspace, set, links: BTreeMap::new() };
        set.target_links().for_each(|link| walk.follow(Target, Target, link));
        set.proc_macro_links().for_each(|link| walk.follow(Target, Host, link));
        for link in set.build_dep_links() {
            if walk.runs(Target, &link.from()) {
                walk.follow(Target, Host, link);
            }
        }
        for link in set.host_links() {
            if walk.runs(Host, &link.from()) || walk.needed_as_it_is(&link) || (dev && link.dev().is_present()) {
                walk.follow(Host, Host, link);
            }
        }
        walk
    }

    fn follow(&mut self, from: BuildPlatform, to: BuildPlatform, link: PackageLink<'g>) {
        self.links.entry((from, link.from().id())).or_default().push((to, link));
    }

    /// Whether the package's build script runs, if it has one, where the package is built for this machine.
    fn runs(&self, platform: BuildPlatform, package: &PackageMetadata<'g>) -> bool {
        let overridden = match platform {
            BuildPlatform::Target => &self.workspace.overridden.target,
            BuildPlatform::Host => &self.workspace.overridden.host,
        };
        package.links().is_none_or(|library| !overridden.contains(library))
    }

    /// Whether a link of the machine that builds is one of the package itself, not only of its script: that is one link there.
    fn needed_as_it_is(&self, link: &PackageLink<'g>) -> bool {
        let status = link.normal().status();
        let host = PlatformSpec::from(self.workspace.host.clone());
        let optional = FeatureLabel::OptionalDependency(link.dep_name());
        // A dependency that is not optional has no such feature.
        let taken = self.set.host_features().contains((link.from().id(), optional)).unwrap_or(false);
        let on = if taken { status.enabled_on(&host) } else { status.required_on(&host) };
        on != EnabledTernary::Disabled
    }

    fn plan(mut self) -> Result<Plan<'g>, Error> {
        let graph = &self.workspace.graph;
        let initials = self.set.initials().to_package_set();
        let mut places = BTreeSet::new();
        for package in initials.packages(guppy::graph::DependencyDirection::Forward) {
            places.insert((BuildPlatform::Target, package.id()));
            if package.is_proc_macro() {
                places.insert((BuildPlatform::Host, package.id()));
            }
        }
        let mut open: Vec<Place<'g>> = places.iter().copied().collect();
        let mut links = Vec::new();
        while let Some(place) = open.pop() {
            for (platform, link) in self.links.remove(&place).unwrap_or_default() {
                let to = (platform, link.to().id());
                if places.insert(to) {
                    open.push(to);
                }
                links.push(link);
            }
        }
        let built = |wanted| -> Result<PackageSet<'g>, Error> {
            graph.resolve_ids(places.iter().filter(|(platform, _)| *platform == wanted).map(|(_, id)| *id))
        };
        let of = |wanted| {
            let features = self.set.platform_features(wanted);
            built(wanted).map(|packages| packages.to_feature_set(StandardFeatures::All).intersection(features))
        };
        Ok(Plan { target: of(BuildPlatform::Target)?, host: of(BuildPlatform::Host)?, links })
    }
}
