//! What cosign attached to images before there were bundles: a manifest under a tag that is made of the image's digest and
//! says what it holds. A tag is no name that anybody vouches for; what is under it is held against its layers' digests, and
//! whether it is about the image at all, its signatures say.

use super::{Registry, RegistryError, Room};
use countersign_core::digest::Sha256;
use countersign_core::{attestation, json, limits};
use serde_json::Value;
use std::collections::BTreeMap;

/// The ends of the tags: attestations, signatures, and documents that nobody signed.
const ENDS: [&str; 3] = ["att", "sig", "sbom"];

/// What is under the tags.
#[derive(Debug, Default)]
pub(super) struct Older {
    /// The layers that somebody signed, each in one line, by the digests of their manifests.
    pub(super) layers: BTreeMap<Sha256, Vec<Vec<u8>>>,
    /// How many other things are there.
    pub(super) others: usize,
}

impl Registry<'_> {
    pub(super) fn older(&self, room: &mut Room) -> Result<Older, RegistryError> {
        let mut out = Older::default();
        for end in ENDS {
            let Some(reply) = self.manifest(&format!("{}.{end}", self.image.fallback_tag()))? else { continue };
            let layers = self.layers(&reply.body)?;
            let mut lines = Vec::new();
            for layer in &layers {
                if !layer.get("mediaType").and_then(Value::as_str).is_some_and(attestation::is_layer) {
                    out.others = out.others.saturating_add(1);
                    continue;
                }
                let line = self.line(layer)?;
                room.take(&self.client, line.len())?;
                lines.push(line);
            }
            out.layers.entry(Sha256::of(&reply.body)).or_default().extend(lines);
        }
        out.layers.retain(|_, lines| !lines.is_empty());
        Ok(out)
    }

    /// The layers as their manifest describes them: annotations hold who signed.
    fn layers(&self, manifest: &[u8]) -> Result<Vec<Value>, RegistryError> {
        let value = json::parse_within(manifest, limits::REGISTRY_MANIFEST_BYTES).ok();
        let layers = value.as_ref().and_then(|value| value.get("layers")).and_then(Value::as_array);
        let odd = || self.client.odd("what is under the tag of the image's attestations is no manifest");
        layers.filter(|layers| layers.len() <= limits::COLLECTION_ITEMS).cloned().ok_or_else(odd)
    }

    fn line(&self, layer: &Value) -> Result<Vec<u8>, RegistryError> {
        let digest = layer.get("digest").and_then(Value::as_str).and_then(|text| text.parse::<Sha256>().ok());
        let digest = digest.ok_or_else(|| self.client.odd("a layer of the image's attestations has no digest"))?;
        let content = self.fetched(&digest, limits::COSIGN_LAYER_BYTES)?;
        Ok(attestation::embedded(layer, &content)?)
    }
}
