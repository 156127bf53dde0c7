//! What a file takes in from elsewhere: charts that a chart depends on, bases and charts of Kustomize. What such a thing
//! holds is in no file of the revision, so it is not known from it.

use super::node::Node;

/// The files whose whole meaning may be what they take in: one that cannot be read may take in anything.
pub(super) fn may_take_in(path: &str) -> bool {
    is_chart(path) || is_kustomization(path)
}

/// What a document takes in, in words; none if everything that it names is in the revision.
pub(super) fn taken_in(path: &str, document: &Node) -> Option<&'static str> {
    if is_chart(path) {
        return document
            .all("dependencies")
            .flat_map(Node::items)
            .any(|chart| !is_beside(path, chart))
            .then_some(CHARTS);
    }
    let says = document.get("apiVersion").and_then(Node::text).is_some_and(|api| api.starts_with("kustomize."));
    if !says && !is_kustomization(path) {
        return None;
    }
    let inflated = ["helmCharts", "helmChartInflationGenerator"];
    if inflated.iter().any(|key| document.all(key).any(|charts| !charts.items().is_empty())) {
        return Some(CHARTS);
    }
    let lists = ["resources", "bases", "components"];
    let mut named = lists.iter().flat_map(|key| document.all(key)).flat_map(Node::items);
    named.any(|item| item.text().is_none_or(|text| is_remote(text) || !is_inside(path, text))).then_some(BASES)
}

pub(super) const CHARTS: &str = "it takes in charts: what is made of them is not known from it";
pub(super) const BASES: &str = "it takes in resources from elsewhere: what they hold is not known from it";

fn is_chart(path: &str) -> bool {
    matches!(name(path).as_str(), "chart.yaml" | "chart.yml" | "requirements.yaml" | "requirements.yml")
}

fn is_kustomization(path: &str) -> bool {
    matches!(name(path).as_str(), "kustomization.yaml" | "kustomization.yml" | "kustomization")
}

fn name(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase()
}

/// A chart in a folder of the revision, whose own files are read.
fn is_beside(path: &str, chart: &Node) -> bool {
    let folder = chart.get("repository").and_then(Node::text).and_then(|text| text.strip_prefix("file://"));
    folder.is_some_and(|folder| is_inside(path, folder))
}

/// Whether a path, as the file at `path` names it, stays in the revision.
fn is_inside(path: &str, named: &str) -> bool {
    let mut depth = path.split('/').filter(|part| !part.is_empty()).count().checked_sub(1);
    for part in named.split('/') {
        depth = match part {
            "" | "." => depth,
            ".." => depth.and_then(|depth| depth.checked_sub(1)),
            _ => depth.map(|depth| depth.saturating_add(1)),
        };
    }
    !named.starts_with('/') && depth.is_some()
}

/// Addresses as Kustomize takes them: of any scheme, of `git@host:`, and `host/path` without one.
fn is_remote(resource: &str) -> bool {
    if resource.contains("://") || resource.contains("?ref=") || resource.contains("::") || resource.starts_with("git@")
    {
        return true;
    }
    let Some((host, _)) = resource.split_once(['/', ':']) else { return false };
    let last = host.rsplit_once('.').filter(|(before, _)| before.bytes().any(|b| b != b'.'));
    last.is_some_and(|(_, last)| !last.is_empty() && last.bytes().all(|b| b.is_ascii_alphabetic()))
}

#[cfg(test)]
mod tests {
    use super::super::{FileKind, Found, Part, read};
    use super::*;

    fn found(path: &str, text: &str) -> Found {
        read(path, FileKind::of(path).unwrap(), text.as_bytes()).unwrap()
    }

    fn takes(path: &str, text: &str) -> Option<String> {
        let elsewhere = found(path, text).elsewhere?;
        assert!(elsewhere.lacks.contains(&Part::Images) && elsewhere.lacks.contains(&Part::Connections));
        Some(elsewhere.why)
    }

    #[test]
    fn charts_that_a_chart_depends_on_are_not_known_but_those_beside_it_are_read() {
        let chart = |more: &str| format!("apiVersion: v2\nname: app\nversion: 1.0.0\n{more}");
        let of = |repository: &str| {
            chart(&format!("dependencies: [{{name: db, version: 1.x, repository: {repository}}}]\n"))
        };
        assert_eq!(takes("c/Chart.yaml", &chart("")), None);
        assert_eq!(takes("c/Chart.yaml", &of("'file://../db'")), None);
        assert_eq!(takes("c/Chart.yaml", &of("oci://evil.example/charts")).as_deref(), Some(CHARTS));
        for outside in ["'file:///charts/db'", "'file://../../db'"] {
            assert_eq!(takes("c/Chart.yaml", &of(outside)).as_deref(), Some(CHARTS), "{outside}");
        }
        assert_eq!(takes("c/requirements.yaml", "dependencies:\n- name: db\n").as_deref(), Some(CHARTS));
        assert_eq!(takes("c/other.yaml", &of("oci://evil.example/charts")), None);
    }

    #[test]
    fn bases_and_charts_of_kustomize_are_not_known_and_what_stands_beside_them_is_read_all_the_same() {
        let of = |resource: &str| takes("k/kustomization.yaml", &format!("resources:\n- deploy.yaml\n- {resource}\n"));
        for here in ["../base", "v1.2/deploy.yaml", "deploy.json", "./a.b/", "base/1.x"] {
            assert_eq!(of(here), None, "{here}");
        }
        for elsewhere in [
            "https://evil.example/x.yaml",
            "github.com/evil/x?ref=v1",
            "evil.example/x",
            "git@evil.example:x.git",
            "git::https://evil.example/x",
            "{a: b}",
            "/bases/x",
            "../../x",
            "a/../../../x",
        ] {
            assert_eq!(of(elsewhere).as_deref(), Some(BASES), "{elsewhere}");
        }
        let charts =
            "apiVersion: kustomize.config.k8s.io/v1beta1\nhelmCharts: [{name: x, repo: https://evil.example}]\n";
        assert_eq!(takes("any.yaml", charts).as_deref(), Some(CHARTS));
        let both =
            found("kustomization.yaml", "resources: [evil.example/x]\nimages: [{name: a, newName: b.example/a}]\n");
        assert_eq!(both.images.len(), 1);
        assert!(both.elsewhere.is_some());
        // A part that cannot be read may be the one that takes something in.
        let torn = read("kustomization.yaml", FileKind::Yaml, b"resources: [").unwrap_err();
        assert!(torn.lacks.contains(&Part::Images));
    }
}
