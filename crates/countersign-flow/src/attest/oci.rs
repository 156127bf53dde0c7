//! An OCI layout on disk: the attestations of an image, as referrers with Sigstore bundles, and as cosign attached them
//! before: as manifests under tags made of the image's digest, each layer an envelope or a signature over the image. Every
//! blob is hashed before it is used.

use super::inputs::{Read, read_bytes};
use crate::error::FlowError;
use crate::files;
use countersign_core::attestation;
use countersign_core::codes;
use countersign_core::digest::{Hasher, Sha256};
use countersign_core::finding::Finding;
use countersign_core::{json, limits};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle";
/// Cosign's annotation of its attestations in a layout.
const COSIGN_KIND: &str = "kind";
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// How much of a blob is read at a time.
const PIECE: usize = 64 << 10;

/// Whether a folder says that it is a layout.
#[must_use]
pub fn is_layout(folder: &Path) -> bool {
    folder.join("oci-layout").is_file() && folder.join("index.json").is_file()
}

/// Every attestation in the layout. A manifest that is named and not there is passed over: [`lacking`] says so. What a manifest of
/// attestations names has to be there.
pub fn attestations(folder: &Path) -> Result<Vec<Read>, FlowError> {
    let layout = Layout { folder };
    let mut out = Vec::new();
    for digest in layout.manifests()?.present {
        let bytes = layout.blob(&digest)?;
        let Ok(manifest) = json::parse(&bytes) else { continue };
        for layer in list(&manifest, "layers") {
            let media = text(layer, "mediaType");
            let older = attestation::is_layer(media);
            if !media.starts_with(BUNDLE) && !older {
                continue;
            }
            let layer_digest = digest_of(layer, folder)?;
            if !layout.path(&layer_digest).exists() {
                return Err(layout.not_there(&layer_digest, "an attestation that the layout names is not in it"));
            }
            let blob = layout.blob(&layer_digest)?;
            let place = format!("{}, layer {}", folder.display(), text(layer, "digest"));
            if !older {
                out.extend(read_bytes(&blob, &place, true)?);
                continue;
            }
            let attestation = attestation::layer(layer, &blob)
                .map_err(|error| FlowError::Refused(vec![Finding::new(error.code(), error.to_string()).at(&*place)]))?;
            out.push(Read { file: place.clone(), place, attestation, found: true });
        }
    }
    Ok(out)
}

/// How many bytes of documents there are in the layout, at the most: its index, and each blob that begins as JSON does and is not too long
/// to be read. An image's own layers begin otherwise, and are never in memory.
#[must_use]
pub fn documents(folder: &Path) -> usize {
    let blobs = std::fs::read_dir(folder.join("blobs/sha256")).into_iter().flatten();
    let blobs = blobs.filter_map(|entry| Some(entry.ok()?.path()));
    blobs
        .chain([folder.join("index.json")])
        .map(|path| length(&path).unwrap_or_default())
        .fold(0, usize::saturating_add)
}

/// How long a file is that may be a document.
fn length(path: &Path) -> Option<usize> {
    // What is no file is not opened: a pipe would wait for whoever writes.
    let length = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?.len();
    let length = usize::try_from(length).ok().filter(|length| *length <= limits::DOCUMENT_BYTES)?;
    let mut first = [0];
    File::open(path).ok()?.read_exact(&mut first).ok()?;
    matches!(first, [b'{' | b'[' | b' ' | b'\t' | b'\r' | b'\n']).then_some(length)
}

/// The manifests that the layout's index leads to and that are not in it, as one note: what they are, nobody can tell.
pub fn lacking(folder: &Path) -> Result<Option<Finding>, FlowError> {
    let layout = Layout { folder };
    let absent = layout.manifests()?.absent;
    Ok(layout.incomplete(&absent, "of the manifests that the layout names are not in it"))
}

/// The one image in a layout.
#[derive(Debug)]
pub struct Image {
    /// Its digest.
    pub digest: Sha256,
    /// That the layout lacks some of what the image names: a manifest proves those parts too, but nobody has looked at them.
    pub incomplete: Option<Finding>,
}

/// The one image in the layout. What there is of it is what it names: configuration, layers, and the images that it leads to.
/// Where there are several images, nobody can say which is meant.
pub fn image(folder: &Path) -> Result<Image, FlowError> {
    let layout = Layout { folder };
    let index = layout.index()?;
    let (mut found, mut listing) = (BTreeSet::new(), Vec::new());
    for entry in list(&index, "manifests") {
        let said = |name: &str| entry.get("annotations").and_then(|a| a.get(name)).and_then(Value::as_str);
        let attached = said(COSIGN_KIND).is_some_and(|kind| kind.ends_with("/atts") || kind.ends_with("/sigs"));
        let tagged = said(REF_NAME).is_some_and(|tag| tag.starts_with("sha256-"));
        let digest = digest_of(entry, folder)?;
        if !layout.path(&digest).exists() {
            let what = "a manifest that the layout's index names is not in it: nobody can say whether it is the image";
            return Err(layout.not_there(&digest, what));
        }
        let manifest = json::parse(&layout.blob(&digest)?).unwrap_or(Value::Null);
        let referrer = manifest.get("subject").is_some();
        if let Some(of) = said(REF_NAME).and_then(listed_for)
            && layout.refer_to(&manifest, &of)?
        {
            listing.push((digest, of));
        } else if is_image(&manifest) || !(attached || tagged || referrer) {
            found.insert(digest);
        }
    }
    // A list of what refers to an image is none itself, where that is here: the image, one that it leads to, or what refers to one.
    let reached = if listing.is_empty() { BTreeSet::new() } else { layout.reached(&found)? };
    for (digest, of) in listing {
        if !reached.contains(&of) && !layout.is_referrer(&of)? {
            found.insert(digest);
        }
    }
    match found.into_iter().collect::<Vec<_>>().as_slice() {
        [one] => Ok(Image { digest: *one, incomplete: layout.holds(*one)? }),
        several => Err(FlowError::Usage(format!(
            "{} holds {} images: give the digest of the one that is meant as sha256:…",
            folder.display(),
            several.len()
        ))),
    }
}

/// Whatever has an image's layers, or leads to images, is an image, whatever its author calls it.
fn is_image(manifest: &Value) -> bool {
    let of_image = |layer: &Value| {
        let kinds = ["application/vnd.oci.image.layer.", "application/vnd.docker.image."];
        kinds.iter().any(|kind| text(layer, "mediaType").starts_with(kind))
    };
    list(manifest, "layers").iter().any(of_image) || !list(manifest, "manifests").is_empty()
}

/// The image whose referrers stand under a tag, where there is no other list of them: `sha256-` and its digest, and no more.
fn listed_for(tag: &str) -> Option<Sha256> {
    Sha256::from_hex(tag.strip_prefix("sha256-")?).ok()
}

struct Layout<'f> {
    folder: &'f Path,
}

/// The manifests that an index leads to, each once.
#[derive(Default)]
struct Manifests {
    present: Vec<Sha256>,
    absent: BTreeSet<Sha256>,
}

impl Layout<'_> {
    fn index(&self) -> Result<Value, FlowError> {
        let path = self.folder.join("index.json");
        let bytes = files::read(&path, limits::DOCUMENT_BYTES)?;
        json::parse(&bytes).map_err(|error| malformed(self.folder, &error.to_string()))
    }

    /// Every manifest that the index leads to, and no more than the bound.
    fn manifests(&self) -> Result<Manifests, FlowError> {
        let (mut seen, mut out) = (BTreeSet::new(), Manifests::default());
        let mut open = vec![self.index()?];
        while let Some(index) = open.pop() {
            for entry in list(&index, "manifests") {
                let digest = digest_of(entry, self.folder)?;
                if !seen.insert(digest) {
                    continue;
                }
                if seen.len() > limits::OCI_MANIFESTS {
                    return Err(malformed(self.folder, "more manifests than are read"));
                }
                let media = text(entry, "mediaType");
                if !self.path(&digest).exists() {
                    out.absent.insert(digest);
                } else if media == INDEX || media == DOCKER_INDEX {
                    let bytes = self.blob(&digest)?;
                    open.push(json::parse(&bytes).map_err(|error| malformed(self.folder, &error.to_string()))?);
                } else {
                    out.present.push(digest);
                }
            }
        }
        Ok(out)
    }

    /// Whether what an image names is in the layout as it is named. What is not there is said.
    fn holds(&self, image: Sha256) -> Result<Option<Finding>, FlowError> {
        let (mut seen, mut open, mut absent) = (BTreeSet::from([image]), vec![image], BTreeSet::new());
        while let Some(manifest) = open.pop() {
            let bytes = self.blob(&manifest)?;
            let manifest = json::parse(&bytes).map_err(|error| malformed(self.folder, &error.to_string()))?;
            for child in list(&manifest, "manifests") {
                let digest = digest_of(child, self.folder)?;
                if !self.has(child, &digest)? {
                    absent.insert(digest);
                } else if seen.insert(digest) {
                    open.push(digest);
                }
                if seen.len().saturating_add(absent.len()) > limits::OCI_MANIFESTS {
                    return Err(malformed(self.folder, "more manifests than are read"));
                }
            }
            for part in manifest.get("config").into_iter().chain(list(&manifest, "layers")) {
                let digest = digest_of(part, self.folder)?;
                if !self.has(part, &digest)? {
                    absent.insert(digest);
                }
            }
        }
        Ok(self.incomplete(&absent, "of the parts that the image names are not in the layout"))
    }

    /// These images, and those that they lead to, as far as they are here.
    fn reached(&self, images: &BTreeSet<Sha256>) -> Result<BTreeSet<Sha256>, FlowError> {
        let (mut seen, mut open) = (images.clone(), images.iter().copied().collect::<Vec<_>>());
        while let Some(digest) = open.pop() {
            let manifest = json::parse(&self.blob(&digest)?).unwrap_or(Value::Null);
            for child in list(&manifest, "manifests") {
                let digest = digest_of(child, self.folder)?;
                if self.path(&digest).exists() && seen.insert(digest) {
                    open.push(digest);
                }
                if seen.len() > limits::OCI_MANIFESTS {
                    return Err(malformed(self.folder, "more manifests than are read"));
                }
            }
        }
        Ok(seen)
    }

    /// Whether it is here, refers to something, and is no image.
    fn is_referrer(&self, digest: &Sha256) -> Result<bool, FlowError> {
        if !self.path(digest).exists() {
            return Ok(false);
        }
        let manifest = json::parse(&self.blob(digest)?).unwrap_or(Value::Null);
        Ok(manifest.get("subject").is_some() && !is_image(&manifest))
    }

    /// Whether an index lists what refers to this image, and nothing else: each is there, says so, and is no image.
    fn refer_to(&self, index: &Value, image: &Sha256) -> Result<bool, FlowError> {
        let listed = list(index, "manifests");
        if listed.len() > limits::OCI_MANIFESTS {
            return Err(malformed(self.folder, "more manifests than are read"));
        }
        for entry in listed {
            let digest = digest_of(entry, self.folder)?;
            if !self.path(&digest).exists() {
                return Ok(false);
            }
            let manifest = json::parse(&self.blob(&digest)?).unwrap_or(Value::Null);
            let subject = manifest.get("subject").map(|subject| text(subject, "digest"));
            if subject != Some(image.to_string().as_str()) || is_image(&manifest) {
                return Ok(false);
            }
        }
        Ok(!listed.is_empty() && list(index, "layers").is_empty())
    }

    /// That these are not there, as a note.
    fn incomplete(&self, absent: &BTreeSet<Sha256>, what: &str) -> Option<Finding> {
        let first = absent.first()?;
        let finding = Finding::new(codes::IMAGE_INCOMPLETE, format!("{} {what}", absent.len()));
        let finding = finding.at(self.folder.display().to_string()).at(format!("blob {first}"));
        Some(finding.help("copy the image with all of its parts and platforms, where they are to be looked at"))
    }

    /// That one is not there, without which nothing can be said.
    fn not_there(&self, digest: &Sha256, what: &str) -> FlowError {
        FlowError::Refused(vec![
            Finding::new(codes::LAYOUT_BLOB_MISSING, what)
                .at(self.folder.display().to_string())
                .expected(format!("blob {digest}"), "the layout")
                .help(format!(
                    "copy the layout whole; or name the image: `countersign verify sha256:… --bundle {}`",
                    self.folder.display()
                )),
        ])
    }

    /// Whether a blob is there; then it has this digest, and is as long as its descriptor says. It may be larger than the memory.
    fn has(&self, descriptor: &Value, digest: &Sha256) -> Result<bool, FlowError> {
        let path = self.path(digest);
        let failed = |source| FlowError::Read { path: path.clone(), source };
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(failed(error)),
        };
        let (mut hasher, mut length) = (Hasher::default(), 0_u64);
        let mut piece = vec![0; PIECE];
        loop {
            let read = file.read(&mut piece).map_err(failed)?;
            let Some(some) = piece.get(..read).filter(|some| !some.is_empty()) else { break };
            hasher.update(some);
            length = length.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        }
        let found = hasher.finish();
        if found != *digest {
            return Err(self.altered(digest, &found));
        }
        match descriptor.get("size").and_then(Value::as_u64) {
            Some(size) if size == length => Ok(true),
            said => {
                let said = said.map_or_else(|| "none".to_owned(), |size| size.to_string());
                Err(malformed(self.folder, &format!("{digest} has {length} bytes, its descriptor says {said}")))
            }
        }
    }

    fn path(&self, digest: &Sha256) -> PathBuf {
        self.folder.join("blobs/sha256").join(digest.hex())
    }

    fn altered(&self, digest: &Sha256, found: &Sha256) -> FlowError {
        FlowError::Refused(vec![
            Finding::new(codes::PACKAGE_FILE_ALTERED, "a blob of the layout is not what its name says")
                .at(self.path(digest).display().to_string())
                .expected(digest.to_string(), "its name")
                .found(found.to_string()),
        ])
    }

    /// A blob, hashed before it is used.
    fn blob(&self, digest: &Sha256) -> Result<Vec<u8>, FlowError> {
        let bytes = files::read(&self.path(digest), limits::DOCUMENT_BYTES)?;
        let found = Sha256::of(&bytes);
        if found == *digest { Ok(bytes) } else { Err(self.altered(digest, &found)) }
    }
}

fn digest_of(descriptor: &Value, folder: &Path) -> Result<Sha256, FlowError> {
    let found = text(descriptor, "digest");
    found.parse().map_err(|_form| malformed(folder, &format!("`{found}` is not a sha256 digest")))
}

fn malformed(folder: &Path, what: &str) -> FlowError {
    let what = format!("the OCI layout is not of its form: {what}");
    FlowError::Refused(vec![Finding::new(codes::BUNDLE_MALFORMED, what).at(folder.display().to_string())])
}

fn list<'v>(value: &'v Value, field: &str) -> &'v [Value] {
    value.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}
