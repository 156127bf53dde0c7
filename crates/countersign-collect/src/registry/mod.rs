//! Bundles beside the image that they are about, in any OCI registry: as referrers, in the layout that cosign and GitHub
//! use, and listed under a tag where the registry does not list them by itself.
//!
//! A registry is a place to find things. What comes from there is held against the digests that name it, and proves
//! nothing before its signatures are checked.

mod client;
mod login;
mod older;
mod reference;

pub use login::Login;
pub use reference::{Image, NotAnImage};

use client::{Ask, Client, Reply};
use countersign_core::digest::Sha256;
use countersign_core::json::JsonError;
use countersign_core::{json, limits};
use reqwest::{Method, Url};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// What a bundle is called in a registry.
pub const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// What the names of all versions of bundles begin with.
const BUNDLES: &str = "application/vnd.dev.sigstore.bundle";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// Every kind of manifest that an image may have.
const MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
                         application/vnd.docker.distribution.manifest.v2+json, \
                         application/vnd.docker.distribution.manifest.list.v2+json";
/// How often the list under the fallback tag is written while others write it.
const TRIES: u32 = 12;
/// The shortest time after which the list is looked at again: somebody may have read it before we wrote it, and write
/// theirs after.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// How a registry is asked.
#[derive(Debug)]
pub struct Settings {
    /// The image.
    pub image: Image,
    /// What the registry is shown if it asks.
    pub login: Option<Login>,
    /// Without TLS, also to another machine.
    pub plain_http: bool,
    /// A file of certificates in PEM form: then these authorities are believed, and no others.
    pub authorities: Option<PathBuf>,
    /// The address of a proxy for https.
    pub proxy: Option<String>,
    /// What is asked without it.
    pub no_proxy: Option<String>,
}

/// A bundle to attach.
#[derive(Debug, Clone)]
pub struct Attachment {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The type of the predicate in it.
    pub predicate_type: String,
}

/// What became of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// The bundle.
    pub bundle: Sha256,
    /// The manifest that refers to the image.
    pub manifest: Sha256,
    /// It was there already.
    pub before: bool,
}

/// What came of attaching.
#[derive(Debug)]
pub struct Attaching {
    /// Each bundle.
    pub attached: Vec<Attached>,
    /// The tag under which they are listed, where the registry does not list them by itself.
    pub tag: Option<String>,
}

/// What a registry has for an image.
#[derive(Debug)]
pub struct Fetched {
    /// The bundles, each in one line, by the digests of their manifests.
    pub bundles: BTreeMap<Sha256, Vec<Vec<u8>>>,
    /// How many other things refer to the image.
    pub others: usize,
    /// They were listed under the fallback tag.
    pub by_tag: bool,
    /// What cosign attached before there were bundles: layers, each in one line, by the digests of their manifests.
    pub older: BTreeMap<Sha256, Vec<Vec<u8>>>,
}

/// Why a registry was not read or not written. None of these holds a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The machinery for requests could not be set up.
    #[error("requests cannot be made: {why}")]
    Setup {
        /// Why.
        why: String,
    },
    /// It does not answer.
    #[error("{host} cannot be reached: {why}")]
    Unreachable {
        /// Whom.
        host: String,
        /// Why.
        why: String,
    },
    /// It does not let us.
    #[error("{host} does not allow this{}", if *.with_login { "" } else { ", and nothing was shown to it" })]
    NotAllowed {
        /// Whom.
        host: String,
        /// Whether it was shown a login.
        with_login: bool,
    },
    /// It does not have the image.
    #[error("{image} is not in the registry")]
    NoImage {
        /// Which.
        image: String,
    },
    /// It refused.
    #[error("{host} answered {status} to {doing}: {said}")]
    Refused {
        /// Who.
        host: String,
        /// The status.
        status: u16,
        /// What was asked.
        doing: &'static str,
        /// The beginning of what it said.
        said: String,
    },
    /// It answered what no registry should.
    #[error("{host}: {why}")]
    Odd {
        /// Who.
        host: String,
        /// What.
        why: &'static str,
    },
    /// More than is read.
    #[error("{host} sent more than the {limit} bytes that are read")]
    TooLarge {
        /// Who.
        host: String,
        /// The bound.
        limit: usize,
    },
    /// What came is not what its name says.
    #[error("{host} sent something else than {digest}")]
    Altered {
        /// Who.
        host: String,
        /// What was asked for.
        digest: Sha256,
    },
    /// Others wrote the list each time that ours was about to be in it.
    #[error("others write the list {tag} all the time")]
    Outrun {
        /// The tag.
        tag: String,
    },
    /// Something of ours did not serialise.
    #[error(transparent)]
    Json(#[from] JsonError),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: Sha256,
    size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    artifact_type: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

impl Descriptor {
    fn of(media_type: &str, bytes: &[u8]) -> Self {
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let (media_type, digest) = (media_type.to_owned(), Sha256::of(bytes));
        Self { media_type, digest, size, artifact_type: None, annotations: BTreeMap::new() }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    schema_version: u64,
    #[serde(default)]
    media_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    artifact_type: Option<String>,
    config: Descriptor,
    #[serde(default)]
    layers: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<Descriptor>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    schema_version: u64,
    #[serde(default)]
    media_type: String,
    /// As they were written: what others say of theirs is kept.
    #[serde(default)]
    manifests: Vec<Value>,
    #[serde(flatten)]
    more: BTreeMap<String, Value>,
}

impl Index {
    /// Those that can be read here.
    fn entries(self) -> impl Iterator<Item = Descriptor> {
        self.manifests.into_iter().filter_map(|entry| serde_json::from_value(entry).ok())
    }

    fn has(&self, digest: &Sha256) -> bool {
        let text = digest.to_string();
        self.manifests.iter().any(|entry| entry.get("digest").and_then(Value::as_str) == Some(&text))
    }
}

/// Attaches bundles to an image. What is there already stays as it is.
pub fn attach(settings: &Settings, bundles: &[Attachment]) -> Result<Attaching, RegistryError> {
    let registry = Registry { client: Client::new(settings)?, image: &settings.image };
    let subject = registry.subject()?;
    registry.blob(b"{}")?;
    let (mut attached, mut unlisted) = (Vec::new(), Vec::new());
    for bundle in bundles {
        let (manifest, entry) = manifest_of(bundle, &subject)?;
        let before = registry.manifest(&entry.digest.to_string())?.is_some();
        registry.blob(&bundle.bytes)?;
        let reply = registry.put_manifest(&entry.digest.to_string(), MANIFEST, &manifest)?;
        if reply.header("oci-subject").is_none_or(|listed| listed != subject.digest.to_string()) {
            unlisted.push(entry.clone());
        }
        attached.push(Attached { bundle: Sha256::of(&bundle.bytes), manifest: entry.digest, before });
    }
    let tag = if unlisted.is_empty() { None } else { Some(registry.list_by_tag(&unlisted)?) };
    Ok(Attaching { attached, tag })
}

/// Fetches every bundle that refers to an image, and with `older` what cosign attached to it before there were bundles.
/// Nothing of it is verified but that it is what its digest says.
pub fn fetch(settings: &Settings, older: bool) -> Result<Fetched, RegistryError> {
    let registry = Registry { client: Client::new(settings)?, image: &settings.image };
    registry.subject()?;
    let (listed, by_tag) = match registry.referrers()? {
        Some(listed) => (listed, false),
        None => (registry.tagged()?.map(|index| index.entries().collect()).unwrap_or_default(), true),
    };
    let mut fetched = Fetched { bundles: BTreeMap::new(), others: 0, by_tag, older: BTreeMap::new() };
    let (mut seen, mut room) = (BTreeSet::new(), Room::default());
    for entry in listed.into_iter().filter(|entry| seen.insert(entry.digest)) {
        match registry.bundles(&entry, &mut room)? {
            Some(bundles) => drop(fetched.bundles.insert(entry.digest, bundles)),
            None => fetched.others = fetched.others.saturating_add(1),
        }
    }
    if older {
        let found = registry.older(&mut room)?;
        fetched.others = fetched.others.saturating_add(found.others);
        fetched.older = found.layers;
    }
    Ok(fetched)
}

/// How much was taken: no more than is read again.
#[derive(Debug, Default)]
struct Room {
    items: usize,
    bytes: usize,
}

impl Room {
    fn take(&mut self, client: &Client, bytes: usize) -> Result<(), RegistryError> {
        self.items = self.items.saturating_add(1);
        // Each is followed by the end of its line.
        self.bytes = self.bytes.saturating_add(bytes).saturating_add(1);
        if self.items > limits::COLLECTION_ITEMS {
            return Err(client.odd("more is attached to the image than is read"));
        }
        if self.bytes > limits::COLLECTION_BYTES {
            return Err(RegistryError::TooLarge { host: client.host().to_owned(), limit: limits::COLLECTION_BYTES });
        }
        Ok(())
    }
}

/// The manifest that says that a bundle is about an image, and how it is listed. The same bundle always has the same one.
fn manifest_of(bundle: &Attachment, subject: &Descriptor) -> Result<(Vec<u8>, Descriptor), RegistryError> {
    let annotations = BTreeMap::from([
        ("dev.sigstore.bundle.content".to_owned(), "dsse-envelope".to_owned()),
        ("dev.sigstore.bundle.predicateType".to_owned(), bundle.predicate_type.clone()),
    ]);
    let manifest = Manifest {
        schema_version: 2,
        media_type: MANIFEST.to_owned(),
        artifact_type: Some(BUNDLE.to_owned()),
        config: Descriptor::of(EMPTY, b"{}"),
        layers: vec![Descriptor::of(BUNDLE, &bundle.bytes)],
        subject: Some(subject.clone()),
        annotations: annotations.clone(),
    };
    let bytes = json::canonical(&manifest)?;
    let entry = Descriptor { artifact_type: Some(BUNDLE.to_owned()), annotations, ..Descriptor::of(MANIFEST, &bytes) };
    Ok((bytes, entry))
}

struct Registry<'a> {
    client: Client,
    image: &'a Image,
}

impl Registry<'_> {
    fn url(&self, rest: &str) -> Result<Url, RegistryError> {
        self.client.url(&format!("{}/{rest}", self.image.repository))
    }

    fn get(&self, url: Url, accept: &str, limit: usize) -> Result<Reply, RegistryError> {
        self.client.send(&Ask { method: Method::GET, url, accept, body: None, limit })
    }

    fn refused(&self, reply: &Reply, doing: &'static str) -> RegistryError {
        let said: String = String::from_utf8_lossy(&reply.body).chars().filter(|c| !c.is_control()).take(200).collect();
        if matches!(reply.status, 401 | 403) {
            return RegistryError::NotAllowed { host: self.client.host().to_owned(), with_login: true };
        }
        RegistryError::Refused { host: self.client.host().to_owned(), status: reply.status, doing, said }
    }

    /// A manifest by tag or digest; none where there is no such.
    fn manifest(&self, name: &str) -> Result<Option<Reply>, RegistryError> {
        let reply = self.get(self.url(&format!("manifests/{name}"))?, MANIFESTS, limits::REGISTRY_MANIFEST_BYTES)?;
        match reply.status {
            200 => Ok(Some(reply)),
            404 => Ok(None),
            _ => Err(self.refused(&reply, "a request for a manifest")),
        }
    }

    fn held(&self, digest: &Sha256, bytes: Vec<u8>) -> Result<Vec<u8>, RegistryError> {
        if Sha256::of(&bytes) == *digest {
            return Ok(bytes);
        }
        Err(RegistryError::Altered { host: self.client.host().to_owned(), digest: *digest })
    }

    /// The image itself, as others refer to it.
    fn subject(&self) -> Result<Descriptor, RegistryError> {
        let reply = self.manifest(&self.image.digest.to_string())?;
        let reply = reply.ok_or_else(|| RegistryError::NoImage { image: self.image.to_string() })?;
        let kind = reply.header("content-type").unwrap_or(MANIFEST).split(';').next().unwrap_or(MANIFEST).to_owned();
        let bytes = self.held(&self.image.digest, reply.body)?;
        Ok(Descriptor::of(&kind, &bytes))
    }

    /// Puts a blob, if it is not there.
    fn blob(&self, bytes: &[u8]) -> Result<(), RegistryError> {
        let digest = Sha256::of(bytes);
        let url = self.url(&format!("blobs/{digest}"))?;
        let there = self.client.send(&Ask { method: Method::HEAD, url, accept: "*/*", body: None, limit: 0 })?;
        if there.status == 200 {
            return Ok(());
        }
        let start = self.url("blobs/uploads/")?;
        let ask = |method, url, body| Ask {
            method,
            url,
            accept: "*/*",
            body: Some(("application/octet-stream", body)),
            limit: limits::KEY_BYTES,
        };
        let begun = self.client.send(&ask(Method::POST, start.clone(), &[]))?;
        if begun.status != 202 {
            return Err(self.refused(&begun, "the beginning of an upload"));
        }
        let mut url = self.client.location(&start, &begun)?;
        url.query_pairs_mut().append_pair("digest", &digest.to_string());
        let done = self.client.send(&ask(Method::PUT, url, bytes))?;
        if done.status == 201 { Ok(()) } else { Err(self.refused(&done, "an upload")) }
    }

    fn put_manifest(&self, name: &str, kind: &str, bytes: &[u8]) -> Result<Reply, RegistryError> {
        let url = self.url(&format!("manifests/{name}"))?;
        let reply = self.client.send(&Ask {
            method: Method::PUT,
            url,
            accept: "*/*",
            body: Some((kind, bytes)),
            limit: limits::KEY_BYTES,
        })?;
        if reply.status == 201 { Ok(reply) } else { Err(self.refused(&reply, "a manifest")) }
    }

    /// What refers to the image, by the registry's own list; none where it keeps no such lists.
    fn referrers(&self) -> Result<Option<Vec<Descriptor>>, RegistryError> {
        let mut url = self.url(&format!("referrers/{}", self.image.digest))?;
        let mut found = Vec::new();
        loop {
            let reply = self.get(url.clone(), INDEX, limits::REGISTRY_MANIFEST_BYTES)?;
            let kind = reply.header("content-type").unwrap_or_default();
            match reply.status {
                200 if kind.starts_with(INDEX) => {}
                // Some answer every address that they do not know with a page.
                200 | 400 | 404 | 405 => return Ok(None),
                _ => return Err(self.refused(&reply, "a request for what refers to the image")),
            }
            let next = reply.header("link").and_then(next_page).and_then(|next| url.join(next).ok());
            found.extend(self.index(&reply.body)?.entries());
            if found.len() > limits::COLLECTION_ITEMS {
                return Err(self.client.odd("more refers to the image than is read"));
            }
            match next {
                Some(next) if next.origin() == url.origin() && next != url => url = next,
                Some(_) => return Err(self.client.odd("its list goes on elsewhere")),
                None => return Ok(Some(found)),
            }
        }
    }

    fn index(&self, bytes: &[u8]) -> Result<Index, RegistryError> {
        let value = json::parse_within(bytes, limits::REGISTRY_MANIFEST_BYTES);
        let index = value.ok().and_then(|value| serde_json::from_value(value).ok());
        index.ok_or_else(|| self.client.odd("its list of what refers to the image does not parse"))
    }

    /// The list under the fallback tag.
    fn tagged(&self) -> Result<Option<Index>, RegistryError> {
        let Some(reply) = self.manifest(&self.image.fallback_tag())? else { return Ok(None) };
        self.index(&reply.body).map(Some)
    }

    /// Adds to the list under the fallback tag. A tag knows no lock: two who read the same list write one after the other,
    /// and the second writes over the first. So each looks again after longer than the others may have taken between
    /// reading and writing, and adds what is gone.
    fn list_by_tag(&self, entries: &[Descriptor]) -> Result<String, RegistryError> {
        let tag = self.image.fallback_tag();
        let mut wait = LOOK_AGAIN;
        let mut seen = 0_u32;
        for _ in 0..TRIES {
            let begun = Instant::now();
            let mut index = self.tagged()?.unwrap_or_else(|| Index {
                schema_version: 2,
                media_type: INDEX.to_owned(),
                manifests: Vec::new(),
                more: BTreeMap::new(),
            });
            let missing: Vec<&Descriptor> = entries.iter().filter(|entry| !index.has(&entry.digest)).collect();
            if missing.is_empty() {
                seen = seen.saturating_add(1);
                if seen > 1 {
                    return Ok(tag);
                }
            } else {
                seen = 0;
                for entry in missing {
                    index.manifests.push(json::to_value(entry)?);
                }
                INDEX.clone_into(&mut index.media_type);
                self.put_manifest(&tag, INDEX, &json::canonical(&index)?)?;
                wait = wait.max(begun.elapsed().saturating_mul(4));
            }
            std::thread::sleep(wait);
        }
        Err(RegistryError::Outrun { tag })
    }

    /// The bundles of what is listed; none where it holds something else.
    fn bundles(&self, entry: &Descriptor, room: &mut Room) -> Result<Option<Vec<Vec<u8>>>, RegistryError> {
        if entry.artifact_type.as_ref().is_some_and(|kind| !kind.starts_with(BUNDLES)) {
            return Ok(None);
        }
        // One that is listed and gone is no evidence.
        let Some(reply) = self.manifest(&entry.digest.to_string())? else { return Ok(None) };
        let bytes = self.held(&entry.digest, reply.body)?;
        let value = json::parse_within(&bytes, limits::REGISTRY_MANIFEST_BYTES).ok();
        let Some(manifest) = value.and_then(|value| serde_json::from_value::<Manifest>(value).ok()) else {
            return Ok(None);
        };
        // What is about another image is listed here by mistake, or in the hope that nobody looks.
        if manifest.subject.is_none_or(|subject| subject.digest != self.image.digest) {
            return Ok(None);
        }
        let layers: Vec<Descriptor> =
            manifest.layers.into_iter().filter(|layer| layer.media_type.starts_with(BUNDLES)).collect();
        if layers.is_empty() {
            return Ok(None);
        }
        let one = |layer: &Descriptor| {
            let line = one_line(&self.fetched(&layer.digest, limits::DOCUMENT_BYTES)?);
            room.take(&self.client, line.len())?;
            Ok(line)
        };
        layers.iter().map(one).collect::<Result<Vec<_>, _>>().map(Some)
    }

    /// A blob, hashed before it is used.
    fn fetched(&self, digest: &Sha256, limit: usize) -> Result<Vec<u8>, RegistryError> {
        let reply = self.get(self.url(&format!("blobs/{digest}"))?, "*/*", limit)?;
        if reply.status != 200 {
            return Err(self.refused(&reply, "a request for a bundle"));
        }
        self.held(digest, reply.body)
    }
}

/// The address of the next page in a `Link` header.
fn next_page(link: &str) -> Option<&str> {
    let (address, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
    rest.contains("rel=\"next\"").then_some(address)
}

/// JSON in one line: without the white space between its parts. One that is in a line already stays as it is.
fn one_line(bytes: &[u8]) -> Vec<u8> {
    let bytes = bytes.trim_ascii();
    if !bytes.contains(&b'\n') {
        return bytes.to_vec();
    }
    let (mut out, mut quoted, mut escaped) = (Vec::with_capacity(bytes.len()), false, false);
    for byte in bytes {
        if quoted || !byte.is_ascii_whitespace() {
            out.push(*byte);
        }
        if *byte == b'"' && !escaped {
            quoted = !quoted;
        }
        escaped = quoted && *byte == b'\\' && !escaped;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_becomes_one_line_and_stays_what_it_says() {
        assert_eq!(one_line(b"{\"a\": \"b c\"}\n"), b"{\"a\": \"b c\"}");
        let laid_out = b"{\n  \"a\": \"b \\\" c\\\\\",\n  \"d\": [1,\n 2]\n}\n";
        assert_eq!(one_line(laid_out), br#"{"a":"b \" c\\","d":[1,2]}"#);
    }

    #[test]
    fn the_same_bundle_has_the_same_manifest_and_says_what_it_is_about() {
        let bundle = Attachment { bytes: b"{}".to_vec(), predicate_type: "https://slsa.dev/provenance/v1".to_owned() };
        let subject = Descriptor::of(MANIFEST, b"image");
        let (bytes, entry) = manifest_of(&bundle, &subject).unwrap();
        assert_eq!(manifest_of(&bundle, &subject).unwrap().0, bytes);
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains(r#""artifactType":"application/vnd.dev.sigstore.bundle.v0.3+json""#), "{text}");
        assert!(text.contains(&format!(r#""subject":{{"digest":"{}""#, Sha256::of(b"image"))), "{text}");
        assert!(text.contains(r#""mediaType":"application/vnd.oci.empty.v1+json""#), "{text}");
        assert_eq!(entry.artifact_type.as_deref(), Some(BUNDLE));
    }

    #[test]
    fn the_next_page_is_named_by_the_link_header() {
        assert_eq!(next_page("</v2/a/referrers/x?last=1>; rel=\"next\""), Some("/v2/a/referrers/x?last=1"));
        assert_eq!(next_page("<x>; rel=\"prev\""), None);
    }
}
