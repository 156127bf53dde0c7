//! What a profile asks of every SBOM, held against one: present or not. Whether a value is true is not asked.

use crate::bom::{Bom, Format, Item};

/// Whose list of elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// The minimum elements of NTIA, of 2021.
    Ntia,
    /// The minimum elements of CISA, of 2026.
    Cisa,
}

impl Profile {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ntia => "ntia",
            Self::Cisa => "cisa",
        }
    }
}

/// One element of a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    /// What is asked for.
    pub name: &'static str,
    /// How many have to have it: the document, or each of its components.
    pub of: usize,
    /// How many do not.
    pub missing: usize,
    /// The first of those.
    pub first: Vec<String>,
}

/// How many are named.
const NAMED: usize = 5;

/// Holds a document against a profile.
#[must_use]
pub fn check(bom: &Bom, profile: Profile) -> Vec<Element> {
    let identified = |item: &Item| item.purl.is_some() || item.has_digest();
    let mut elements = vec![
        document("author of the SBOM", !bom.about.authors.is_empty()),
        document("timestamp", bom.about.time.is_some()),
        document("what the SBOM is about", bom.root.is_some()),
        components(bom, "supplier", |item| item.supplier.is_some()),
        components(bom, "name", |item| !item.name.trim().is_empty()),
        components(bom, "version", |item| item.version.is_some()),
        components(bom, "unique identifier", identified),
        components(bom, "dependency relationships", |item| bom.edges.contains_key(&item.reference)),
    ];
    if profile == Profile::Cisa {
        // SPDX has no word for it that is stated: what nobody asserts is no coverage.
        let of_spdx = matches!(bom.format, Format::Spdx2 | Format::Spdx3);
        let versioned = |tool: &String| tool.split_whitespace().count() > 1 || tool.rsplit_once('-').is_some();
        elements.extend([
            document("tool name", !bom.about.tools.is_empty()),
            document("tool version", !bom.about.tools.is_empty() && bom.about.tools.iter().all(versioned)),
            document("generation context", !bom.about.phases.is_empty()),
            document("coverage", bom.aggregates.values().any(|word| word != "unknown" || !of_spdx)),
            components(bom, "hash", Item::has_digest),
            components(bom, "licence", |item| !item.licences.is_empty()),
        ]);
    }
    elements
}

fn document(name: &'static str, there: bool) -> Element {
    Element { name, of: 1, missing: usize::from(!there), first: Vec::new() }
}

fn components(bom: &Bom, name: &'static str, has: impl Fn(&Item) -> bool) -> Element {
    let without = || bom.all().filter(|item| !has(item));
    let first = without().take(NAMED).map(Item::label).collect();
    // A document that lists nothing has nothing of what is asked of each component.
    let nothing = usize::from(bom.all().next().is_none());
    Element { name, of: bom.all().count().max(nothing), missing: without().count().max(nothing), first }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bom::Document;
    use serde_json::json;

    #[test]
    fn what_nobody_asserts_in_spdx_is_no_coverage() {
        let lacks = |value: &serde_json::Value| {
            let bom = Document::parse(value.to_string().as_bytes()).unwrap().bom().unwrap();
            assert_eq!(bom.aggregates.values().collect::<Vec<_>>(), ["unknown"]);
            check(&bom, Profile::Cisa).into_iter().any(|element| element.name == "coverage" && element.missing > 0)
        };
        let relationship =
            json!({"spdxElementId": "SPDXRef-a", "relationshipType": "CONTAINS", "relatedSpdxElement": "SPDXRef-b"});
        assert!(lacks(&json!({"spdxVersion": "SPDX-2.3", "relationships": [relationship],
            "packages": [{"SPDXID": "SPDXRef-a", "name": "a"}, {"SPDXID": "SPDXRef-b", "name": "b"}]})));
        assert!(!lacks(&json!({"bomFormat": "CycloneDX", "specVersion": "1.6",
            "components": [{"type": "library", "name": "a", "bom-ref": "a"}],
            "compositions": [{"aggregate": "unknown", "dependencies": ["a"]}]})));
    }
}
