//! Kubernetes: every pod and every template of one, wherever it stands, and what Kustomize puts in the place of images.

use super::document::Images;
use super::image::{Certainty, Role};
use super::node::Node;
use super::text::Syntax;

/// Reads a document, if it is one of Kubernetes'.
pub(super) fn read(document: &Node, images: &mut Images<'_>) -> bool {
    let (Some(version), Some(kind)) = (text(document, "apiVersion"), text(document, "kind")) else {
        // A kustomization may leave both out.
        let kustomization = document.get("resources").is_some() && document.get("images").is_some();
        if kustomization {
            kustomize(document, images);
        }
        return kustomization;
    };
    let group = version.rsplit_once('/').map_or("", |(group, _)| group);
    match (group, kind) {
        ("kustomize.config.k8s.io", _) => kustomize(document, images),
        ("", "Pod") => each(document, &["spec"], images),
        ("", "PodTemplate") => each(document, &["template", "spec"], images),
        ("" | "apps" | "batch" | "extensions", _) if WITH_TEMPLATE.contains(&kind) => {
            each(document, &["spec", "template", "spec"], images);
        }
        ("batch", "CronJob") => each(document, &["spec", "jobTemplate", "spec", "template", "spec"], images),
        ("", kind) if kind.ends_with("List") => {
            for item in document.all("items").flat_map(Node::items) {
                read(item, images);
            }
        }
        _ => return false,
    }
    true
}

/// Kinds whose `spec.template` is a pod's.
const WITH_TEMPLATE: [&str; 6] =
    ["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "ReplicationController"];

fn text<'n>(node: &'n Node, key: &str) -> Option<&'n str> {
    node.get(key).and_then(Node::text)
}

/// Everything at a path: a key that stands twice is followed both times.
fn each(node: &Node, path: &[&str], images: &mut Images<'_>) {
    match path.split_first() {
        None => pod(node, images),
        Some((key, rest)) => {
            for (_, inner) in node.entries().iter().filter(|(name, _)| name == key) {
                each(inner, rest, images);
            }
        }
    }
}

fn pod(spec: &Node, images: &mut Images<'_>) {
    let lists = [
        ("containers", Role::Container),
        ("initContainers", Role::InitContainer),
        ("ephemeralContainers", Role::EphemeralContainer),
    ];
    for (key, role) in lists {
        for container in spec.all(key).flat_map(Node::items) {
            images.names(role, container, "image", Syntax::Opaque);
        }
    }
    for volume in spec.all("volumes").flat_map(Node::items) {
        for image in volume.all("image") {
            images.names(Role::Volume, image, "reference", Syntax::Opaque);
        }
    }
}

/// What stands in the place of an image: its new name, or its name with a new version.
fn kustomize(document: &Node, images: &mut Images<'_>) {
    for entry in document.all("images").flat_map(Node::items) {
        let Some(holder) = entry.get("newName").or_else(|| entry.get("name")) else { continue };
        let mut written = holder.text().unwrap_or_default().trim().to_owned();
        if let Some(tag) = text(entry, "newTag") {
            written.push(':');
            written.push_str(tag);
        }
        if let Some(digest) = text(entry, "digest") {
            written.push('@');
            written.push_str(digest);
        }
        images.put(Role::Override, Certainty::Certain, holder, &written, Syntax::Opaque);
    }
}
