//! YAML and JSON: what a document is, by its path and by what it says of itself, and the images in it.
//!
//! A document of a kind that is known is read as that kind, and everything else in it that looks like an image is a `maybe`.
//! So is everything that looks like one in a document of any other kind.

use super::Fault;
use super::elsewhere;
use super::image::{Certainty, Image, Role, Spot};
use super::node::{self, Node, Value};
use super::pipeline;
use super::reference::Reference;
use super::text::{self, Piece, Syntax};
use super::workload;
use crate::limits;
use std::collections::BTreeSet;

/// The images of a file, and what it takes in from elsewhere.
pub(super) fn read(path: &str, text: &str) -> Result<(Vec<Image>, Option<&'static str>), Fault> {
    let template = text.contains("{{");
    // The folder in which Helm keeps what it makes documents of.
    if template && path.split('/').any(|name| name == "templates") {
        return Err(Fault::Template);
    }
    let documents = node::documents(text).map_err(|problem| {
        if template && !text.contains("${{") { Fault::Template } else { Fault::Malformed(problem) }
    })?;
    let mut images = Images { path, found: Vec::new(), seen: BTreeSet::new() };
    for document in &documents {
        if !pipeline::read(path, document, &mut images) {
            workload::read(document, &mut images);
        }
        images.guess(document, false);
        if images.found.len() > limits::CONFIG_FACTS {
            break;
        }
    }
    let taken_in = documents.iter().find_map(|document| elsewhere::taken_in(path, document));
    Ok((images.found, taken_in))
}

/// The images found so far. A place that is taken is not guessed at.
pub(super) struct Images<'p> {
    path: &'p str,
    found: Vec<Image>,
    seen: BTreeSet<(u64, u64)>,
}

impl Images<'_> {
    /// An image by its name in a scalar.
    pub(super) fn name(&mut self, role: Role, node: Option<&Node>, syntax: Syntax) {
        let Some(node) = node else { return };
        if let Some(text) = node.text() {
            self.put(role, Certainty::Certain, node, text.trim(), syntax);
        } else if !matches!(node.value, Value::Scalar { .. }) {
            self.put_pieces(role, Certainty::Certain, node, "", &[Piece::Unknown("what is no text".to_owned())]);
        }
    }

    /// Every image under a key: where it stands twice, readers do not agree which counts.
    pub(super) fn names(&mut self, role: Role, holder: &Node, key: &str, syntax: Syntax) {
        for node in holder.all(key) {
            self.name(role, Some(node), syntax);
        }
    }

    /// An image by its name.
    pub(super) fn put(&mut self, role: Role, certainty: Certainty, at: &Node, written: &str, syntax: Syntax) {
        let tagged = matches!(at.value, Value::Scalar { tagged: true, .. });
        let pieces = if tagged {
            vec![Piece::Unknown("a tag of YAML".to_owned())]
        } else {
            text::pieces(written, syntax, &|_| None)
        };
        self.put_pieces(role, certainty, at, written, &pieces);
    }

    fn put_pieces(&mut self, role: Role, certainty: Certainty, at: &Node, written: &str, pieces: &[Piece]) {
        if self.seen.insert((at.line, at.column)) && self.found.len() <= limits::CONFIG_FACTS {
            let spot = Spot { file: self.path, line: at.line, column: at.column };
            self.found.push(Image::new(spot, role, certainty, written, pieces));
        }
    }

    /// A place that is understood and holds no image.
    pub(super) fn none_at(&mut self, node: &Node) {
        self.seen.insert((node.line, node.column));
    }

    /// What looks like an image, at any depth: a text under a key that ends in `image`, or the parts of one under it.
    fn guess(&mut self, node: &Node, under_image: bool) {
        if under_image {
            self.parts(node);
        }
        for (key, value) in node.entries() {
            let named = key.to_ascii_lowercase().ends_with("image");
            if named
                && let Some(text) = value.text()
                && looks_like_one(text)
            {
                self.put(Role::Other, Certainty::Maybe, value, text.trim(), Syntax::Shell);
            }
            self.guess(value, named);
        }
        for item in node.items() {
            self.guess(item, false);
        }
    }

    /// `registry`, `repository` and `tag` under `image`, as the values of charts have them.
    fn parts(&mut self, node: &Node) {
        let text = |name: &str| node.get(name).and_then(Node::text).map(str::trim).filter(|text| !text.is_empty());
        let Some(holder) = node.get("repository").or_else(|| node.get("name")) else { return };
        let Some(repository) = holder.text().map(str::trim).filter(|text| looks_like_one(text)) else { return };
        let mut written = String::new();
        if let Some(registry) = text("registry") {
            written.push_str(registry.trim_end_matches('/'));
            written.push('/');
        }
        written.push_str(repository);
        if let Some(tag) = text("tag") {
            written.push(':');
            written.push_str(tag);
        }
        if let Some(digest) = text("digest").or_else(|| text("sha")) {
            written.push('@');
            written.push_str(digest);
        }
        self.put(Role::Other, Certainty::Maybe, holder, &written, Syntax::Shell);
    }
}

/// Whether a text under such a key may be the name of an image: not a picture, not a path, not a sentence.
fn looks_like_one(text: &str) -> bool {
    let text = text.trim();
    let lower = text.to_ascii_lowercase();
    let picture = [".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".ico", ".avif", ".bmp", ".iso", ".img", ".qcow2"];
    if text.is_empty() || text.starts_with(['/', '.', '#']) || picture.iter().any(|end| lower.ends_with(end)) {
        return false;
    }
    if lower.starts_with("http:") || lower.starts_with("https:") || lower.starts_with("data:") {
        return false;
    }
    text.contains(['$', '{']) || Reference::parse(text).is_ok()
}
