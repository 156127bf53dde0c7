//! Compose files, workflows and actions of GitHub, and pipelines of GitLab.

use super::document::Images;
use super::image::{Certainty, Role};
use super::node::Node;
use super::text::Syntax;

/// Reads a document, if its path says that it is one of these.
pub(super) fn read(path: &str, document: &Node, images: &mut Images<'_>) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let folder = path.strip_suffix(name.as_str()).unwrap_or(path);
    if folder.ends_with(".github/workflows/")
        || folder.ends_with(".gitea/workflows/")
        || folder.ends_with(".forgejo/workflows/")
    {
        workflow(document, images);
    } else if name == "action.yml" || name == "action.yaml" {
        action(document, images);
    } else if name.ends_with(".gitlab-ci.yml") || name.ends_with(".gitlab-ci.yaml") || path.contains(".gitlab/ci/") {
        gitlab(document, images);
    } else if is_compose(&name, document) {
        compose(document, images);
    } else {
        return false;
    }
    true
}

fn is_compose(name: &str, document: &Node) -> bool {
    let named = name.starts_with("compose.")
        || name.starts_with("compose-")
        || name.starts_with("docker-compose")
        || name.starts_with("podman-compose");
    let mut services = document.all("services").flat_map(Node::entries);
    let shaped = document.get("apiVersion").is_none()
        && services.any(|(_, service)| service.get("image").is_some() || service.get("build").is_some());
    named || shaped
}

fn compose(document: &Node, images: &mut Images<'_>) {
    for (_, service) in document.all("services").flat_map(Node::entries) {
        let built = service.get("build").is_some();
        for image in service.all("image") {
            // Where it is built, this is the name that the result gets.
            if built { images.none_at(image) } else { images.name(Role::Service, Some(image), Syntax::Shell) }
        }
        for build in service.all("build") {
            for (_, context) in build.all("additional_contexts").flat_map(Node::entries) {
                from_docker(context, Role::CopyFrom, images);
            }
        }
        for volume in service.all("volumes").flat_map(Node::items) {
            if volume.get("type").and_then(Node::text) == Some("image") {
                images.names(Role::Volume, volume, "source", Syntax::Shell);
            }
        }
    }
}

/// `docker://NAME` or `docker-image://NAME`.
fn from_docker(node: &Node, role: Role, images: &mut Images<'_>) {
    let Some(text) = node.text().map(str::trim) else { return };
    let start = text.get(..15).unwrap_or(text).to_ascii_lowercase();
    let length = ["docker://", "docker-image://"].into_iter().find(|scheme| start.starts_with(scheme)).map(str::len);
    if let Some(name) = length.and_then(|length| text.get(length..)) {
        images.put(role, Certainty::Certain, node, name, Syntax::Opaque);
    }
}

fn workflow(document: &Node, images: &mut Images<'_>) {
    for (_, job) in document.all("jobs").flat_map(Node::entries) {
        for container in job.all("container") {
            one_or_object(container, "image", Role::Job, images);
        }
        for (_, service) in job.all("services").flat_map(Node::entries) {
            images.names(Role::Service, service, "image", Syntax::Opaque);
        }
        steps(job, images);
    }
}

/// A name, or an object with one; an empty name is none.
fn one_or_object(node: &Node, key: &str, role: Role, images: &mut Images<'_>) {
    if node.text().is_some_and(|text| !text.trim().is_empty()) {
        images.name(role, Some(node), Syntax::Opaque);
    }
    images.names(role, node, key, Syntax::Opaque);
}

fn steps(holder: &Node, images: &mut Images<'_>) {
    for step in holder.all("steps").flat_map(Node::items) {
        for uses in step.all("uses") {
            from_docker(uses, Role::Step, images);
        }
    }
}

fn action(document: &Node, images: &mut Images<'_>) {
    for runs in document.all("runs") {
        for image in runs.all("image") {
            from_docker(image, Role::Step, images);
            // A Dockerfile beside it is read as one.
            images.none_at(image);
        }
        steps(runs, images);
    }
}

fn gitlab(document: &Node, images: &mut Images<'_>) {
    let holder = |node: &Node, images: &mut Images<'_>| {
        for image in node.all("image") {
            one_or_object(image, "name", Role::Job, images);
        }
        for service in node.all("services").flat_map(Node::items) {
            one_or_object(service, "name", Role::Service, images);
        }
    };
    holder(document, images);
    for (_, job) in document.entries() {
        holder(job, images);
    }
}
