//! Licences of SPDX 3.0, as the expressions that they are: an element for each, and for each set of them.

use super::DocumentError;
use super::json::{Made, bounded, list, object, text};
use super::spdx2::{meaning, names};
use super::spdx3::{Element, Elements, kind, references};
use countersign_core::{digest::Sha256, limits};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

/// How deep sets may lie within sets, and how many licences one expression may have.
const DEEP: usize = 8;
const MOST: usize = 200;

/// A licence in words.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// Its expression.
    pub(super) text: String,
    /// What is meant by the licences in it that are the document's own.
    pub(super) meant: BTreeSet<String>,
    /// How many licences and sets it is made of.
    of: usize,
}

/// Makes the words of each licence once: a set may be named by every package, and by other sets.
pub(super) struct Words<'e, 'v> {
    elements: &'e Elements<'v>,
    /// What each is, by how deep sets may lie in it.
    known: BTreeMap<(&'v str, usize), Option<Rc<Said>>>,
    /// What is meant by elements of the document's own, behind a name.
    meanings: BTreeMap<&'v str, String>,
    /// What elements of the document's own are called, and which.
    called: BTreeMap<String, &'v str>,
    made: Made,
}

impl<'e, 'v> Words<'e, 'v> {
    pub(super) fn of(elements: &'e Elements<'v>) -> Self {
        let (known, meanings, called) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { elements, known, meanings, called, made: Made::default() }
    }

    /// A licence in words. Nothing where there is none, or none that is known; what is not read is called by its own reference.
    pub(super) fn say(&mut self, id: &'v str) -> Result<Option<Rc<Said>>, DocumentError> {
        let individual =
            ["NoAssertion", "None", "NoAssertionLicense", "NoneLicense", "NoAssertionElement", "NoneElement"];
        let word = id.rsplit(['/', ':']).next();
        if !self.elements.contains_key(id) && word.is_some_and(|word| individual.contains(&word)) {
            return Ok(None);
        }
        let found = self.expression(id, DEEP)?;
        Ok(Some(found.unwrap_or_else(|| Rc::new(Said { text: id.to_owned(), ..Said::default() }))))
    }

    fn expression(&mut self, id: &'v str, deep: usize) -> Result<Option<Rc<Said>>, DocumentError> {
        if let Some(known) = self.known.get(&(id, deep)) {
            return Ok(known.clone());
        }
        let made = self.made(id, deep)?.filter(|said| said.of <= MOST && said.text.len() <= limits::SBOM_TEXT_BYTES);
        let bytes = made.iter().flat_map(|said| said.meant.iter().chain([&said.text])).map(String::len);
        self.made.take(bytes.fold(0, usize::saturating_add), id)?;
        let made = made.map(Rc::new);
        self.known.insert((id, deep), made.clone());
        Ok(made)
    }

    fn made(&mut self, id: &'v str, deep: usize) -> Result<Option<Said>, DocumentError> {
        // One of SPDX's own list is named by its address there, whether or not the document has it as an element.
        if let Some(listed) = listed(id) {
            return Ok(Some(Said { text: listed.to_owned(), of: 1, ..Said::default() }));
        }
        let elements = self.elements;
        let (Some(found), Some(deeper)) = (elements.get(id), deep.checked_sub(1)) else { return Ok(None) };
        Ok(match kind(found)? {
            "expandedlicensing_DisjunctiveLicenseSet" => {
                self.inner(found, "expandedlicensing_member", " OR ", deeper)?
            }
            "expandedlicensing_ConjunctiveLicenseSet" => {
                self.inner(found, "expandedlicensing_member", " AND ", deeper)?
            }
            "expandedlicensing_OrLaterOperator" => {
                let subject = self.inner(found, "expandedlicensing_subjectLicense", " ", deeper)?;
                subject.map(|subject| {
                    let or_later = subject.text.strip_suffix("-only").map(|stem| format!("{stem}-or-later"));
                    Said { text: or_later.unwrap_or_else(|| format!("{}+", subject.text)), ..subject }
                })
            }
            "expandedlicensing_WithAdditionOperator" => {
                let subject = self.inner(found, "expandedlicensing_subjectExtendableLicense", " ", deeper)?;
                let addition = references(found, "expandedlicensing_subjectAddition")?.into_iter().next();
                let addition = addition.map(|id| self.addition(id)).transpose()?.flatten();
                subject.zip(addition).map(|(mut subject, (addition, meant))| {
                    subject.text = format!("{} WITH {addition}", subject.text);
                    subject.meant.extend(meant);
                    subject
                })
            }
            "simplelicensing_LicenseExpression" => self.written(found)?,
            // One that is newer than the list here.
            "expandedlicensing_ListedLicense" if at_spdx(id).is_some() => {
                at_spdx(id).map(|name| Said { text: name.to_owned(), of: 1, ..Said::default() })
            }
            "simplelicensing_SimpleLicensingText"
            | "expandedlicensing_CustomLicense"
            | "expandedlicensing_ListedLicense" => {
                let text = self.call("LicenseRef-", id);
                let meant = BTreeSet::from([self.meaning(&text, id)?]);
                Some(Said { text, meant, of: 1 })
            }
            _ => None,
        })
    }

    /// The licences under a key, joined by a word.
    fn inner(&mut self, set: &Element<'v>, key: &str, word: &str, deep: usize) -> Result<Option<Said>, DocumentError> {
        if set.map.get(key).and_then(Value::as_array).is_some_and(|members| members.len() > MOST) {
            return Ok(None);
        }
        let mut all: Vec<Rc<Said>> = Vec::new();
        for id in references(set, key)? {
            let Some(one) = self.expression(id, deep)? else { return Ok(None) };
            all.push(one);
        }
        let several = all.len() > 1;
        let texts = all.iter().map(|one| match one.text.as_str() {
            text if several && text.contains(' ') => format!("({text})"),
            text => text.to_owned(),
        });
        let text = texts.collect::<Vec<_>>().join(word);
        let meant = all.iter().flat_map(|one| one.meant.iter().cloned()).collect();
        let of = all.iter().fold(1, |sum: usize, one| sum.saturating_add(one.of));
        Ok((!all.is_empty()).then_some(Said { text, meant, of }))
    }

    /// An expression, with what it means by names of its own.
    fn written(&mut self, element: &Element<'v>) -> Result<Option<Said>, DocumentError> {
        let Some(text) = text(element.map, "simplelicensing_licenseExpression", &element.at)? else { return Ok(None) };
        let named: BTreeSet<&str> = names(text).collect();
        let mut meant = BTreeSet::new();
        for (entry, at) in list(element.map, "simplelicensing_customIdToUri", &element.at)? {
            let entry = match entry.as_str() {
                Some(id) => self.elements.get(id).map(|found| found.map),
                None => Some(object(entry, &at)?),
            };
            let Some(entry) = entry else { continue };
            let part = |key: &str| entry.get(key).map(|value| bounded(value, || at.clone())).transpose();
            if let (Some(key), Some(address)) = (part("key")?, part("value")?)
                && named.contains(key)
            {
                meant.insert(self.meaning(key, address)?);
            }
        }
        Ok(Some(Said { text: text.to_owned(), meant, of: 1 }))
    }

    /// An addition by its name in SPDX's list, else by its reference, with what is meant by it.
    fn addition(&mut self, id: &'v str) -> Result<Option<(String, Option<String>)>, DocumentError> {
        if let Some(name) = at_spdx(id) {
            return Ok(Some((name.to_owned(), None)));
        }
        if !self.elements.contains_key(id) {
            return Ok(None);
        }
        let text = self.call("AdditionRef-", id);
        let meant = self.meaning(&text, id)?;
        Ok(Some((text, Some(meant))))
    }

    /// What an element of the document's own is called in an expression: never as one of SPDX's list, whatever its name is.
    fn call(&mut self, prefix: &str, id: &'v str) -> String {
        let last = id.rsplit(['/', '#', ':']).find(|part| !part.is_empty()).unwrap_or(id);
        let last = last.strip_prefix(prefix).unwrap_or(last);
        let is_of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        let name: String = last.chars().map(|c| if is_of_name(c) { c } else { '-' }).collect();
        let name = format!("{prefix}{name}");
        if *self.called.entry(name.clone()).or_insert(id) == id {
            return name;
        }
        // Another one ends alike.
        let short: String = Sha256::of(id.as_bytes()).hex().chars().take(16).collect();
        format!("{name}-{short}")
    }

    /// What is meant by a name: the element's own name and the digest of its text, or else its reference.
    fn meaning(&mut self, name: &str, id: &'v str) -> Result<String, DocumentError> {
        if let Some(known) = self.meanings.get(id) {
            return Ok(format!("{name}{known}"));
        }
        let known = match self.elements.get(id) {
            Some(found) => {
                let own = text(found.map, "name", &found.at)?.or(text(found.map, "summary", &found.at)?);
                let texts = ["simplelicensing_licenseText", "expandedlicensing_additionText"];
                let wording = texts.iter().find_map(|key| found.map.get(*key)).and_then(Value::as_str);
                meaning("", own, wording)
            }
            None => meaning("", Some(id), None),
        };
        let said = format!("{name}{known}");
        self.meanings.insert(id, known);
        Ok(said)
    }
}

/// The identifier of a licence in SPDX's own list, by its address.
fn listed(address: &str) -> Option<&str> {
    at_spdx(address).filter(|name| crate::inventory::is_spdx(name))
}

fn at_spdx(address: &str) -> Option<&str> {
    let rest = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"))?;
    rest.strip_prefix("spdx.org/licenses/")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    fn of(licence: &Value, more: &[Value]) -> Vec<String> {
        item(licence, more).declared.iter().cloned().collect()
    }

    fn item(licence: &Value, more: &[Value]) -> super::super::Item {
        let mut element = licence.as_object().unwrap().clone();
        element.insert("spdxId".to_owned(), json!("l"));
        let mut graph = vec![json!({"type": "software_Package", "spdxId": "a", "name": "a"}), Value::Object(element)];
        graph.push(json!({"type": "Relationship", "spdxId": "r", "from": "a", "relationshipType": "hasDeclaredLicense", "to": ["l"]}));
        graph.extend_from_slice(more);
        super::super::spdx3::read(&json!({"@context": "x", "@graph": graph})).unwrap().items.remove(0)
    }

    #[test]
    fn sets_and_operators_are_licences() {
        let address = |name: &str| format!("https://spdx.org/licenses/{name}");
        let set = |kind: &str, members: &[&str]| {
            let members: Vec<String> = members.iter().map(|name| address(name)).collect();
            json!({"type": format!("expandedlicensing_{kind}"), "expandedlicensing_member": members})
        };
        assert_eq!(of(&set("DisjunctiveLicenseSet", &["MIT", "Apache-2.0"]), &[]), ["MIT OR Apache-2.0"]);
        assert_eq!(of(&set("ConjunctiveLicenseSet", &["MIT", "GPL-3.0-only"]), &[]), ["MIT AND GPL-3.0-only"]);
        let later = |name: &str| json!({"type": "expandedlicensing_OrLaterOperator", "expandedlicensing_subjectLicense": address(name)});
        assert_eq!(of(&later("GPL-2.0-only"), &[]), ["GPL-2.0-or-later"]);
        let mut nested = set("DisjunctiveLicenseSet", &["MIT", "ISC"]);
        nested["spdxId"] = json!("n");
        let outer = json!({"type": "expandedlicensing_ConjunctiveLicenseSet", "expandedlicensing_member": ["n", address("Zlib")]});
        assert_eq!(of(&outer, &[nested]), ["(MIT OR ISC) AND Zlib"]);
        let with = json!({"type": "expandedlicensing_WithAdditionOperator",
            "expandedlicensing_subjectExtendableLicense": address("GPL-2.0-only"),
            "expandedlicensing_subjectAddition": address("Classpath-exception-2.0")});
        assert_eq!(of(&with, &[]), ["GPL-2.0-only WITH Classpath-exception-2.0"]);
    }

    #[test]
    fn what_is_not_read_is_called_by_its_reference() {
        let circle = json!({"type": "expandedlicensing_ConjunctiveLicenseSet", "expandedlicensing_member": ["l", "l"]});
        assert_eq!(of(&circle, &[]), ["l"]);
        assert_eq!(of(&json!({"type": "Person", "name": "MIT"}), &[]), ["l"]);
    }

    fn meant(licence: &Value, more: &[Value]) -> (String, String) {
        let item = item(licence, more);
        let meant: Vec<&str> = item.properties.iter().map(|(_, text)| text.as_str()).collect();
        (item.declared.iter().cloned().collect(), meant.join("; "))
    }

    #[test]
    fn a_licence_of_the_documents_own_is_none_of_the_list_whatever_its_name_is() {
        let digest = countersign_core::digest::Sha256::of(b"No use.").to_string();
        for kind in ["expandedlicensing_CustomLicense", "simplelicensing_SimpleLicensingText"] {
            let own = json!({"type": kind, "name": "MIT", "simplelicensing_licenseText": "No use."});
            assert_eq!(meant(&own, &[]), ("LicenseRef-l".to_owned(), format!("LicenseRef-l MIT {digest}")));
        }
        let text = json!({"type": "simplelicensing_SimpleLicensingText", "simplelicensing_licenseText": "No use."});
        assert_eq!(meant(&text, &[]).1, format!("LicenseRef-l {digest}"));
        let with = json!({"type": "expandedlicensing_WithAdditionOperator",
            "expandedlicensing_subjectExtendableLicense": "https://spdx.org/licenses/GPL-2.0-only",
            "expandedlicensing_subjectAddition": "https://e/x"});
        let addition = json!({"type": "expandedlicensing_CustomLicenseAddition", "spdxId": "https://e/x",
            "name": "Classpath-exception-2.0", "expandedlicensing_additionText": "No use."});
        let (words, means) = meant(&with, &[addition]);
        assert_eq!(words, "GPL-2.0-only WITH AdditionRef-x");
        assert_eq!(means, format!("AdditionRef-x Classpath-exception-2.0 {digest}"));
        let both =
            json!({"type": "expandedlicensing_ConjunctiveLicenseSet", "expandedlicensing_member": ["a/o", "b/o"]});
        let own = |id: &str| json!({"type": "expandedlicensing_CustomLicense", "spdxId": id, "name": id});
        let words = meant(&both, &[own("a/o"), own("b/o")]).0;
        assert!(words.starts_with("LicenseRef-o AND LicenseRef-o-"), "{words}");
    }

    #[test]
    fn what_an_expression_means_by_a_name_of_its_own_is_kept() {
        let of = |text: &str, key: &str| {
            let expression = json!({"type": "simplelicensing_LicenseExpression",
                "simplelicensing_licenseExpression": "MIT OR LicenseRef-1",
                "simplelicensing_customIdToUri": [{"type": "DictionaryEntry", "key": key, "value": "t"}]});
            let text = json!({"type": "simplelicensing_SimpleLicensingText", "spdxId": "t", "name": "Ours",
                "simplelicensing_licenseText": text});
            meant(&expression, &[text])
        };
        let (words, means) = of("You may.", "LicenseRef-1");
        assert_eq!(words, "MIT OR LicenseRef-1");
        assert!(means.starts_with("LicenseRef-1 Ours sha256:"), "{means}");
        assert_ne!(means, of("You must not.", "LicenseRef-1").1);
        assert_eq!(of("You may.", "LicenseRef-11").1, "");
    }

    #[test]
    fn a_set_is_read_once_however_large_it_is_and_often_it_is_named() {
        let licences = |members: usize, deep: bool| {
            let all = vec!["https://spdx.org/licenses/MIT"; members];
            let set = json!({"type": "expandedlicensing_ConjunctiveLicenseSet", "expandedlicensing_member": all});
            let mut named = set.clone();
            named["spdxId"] = json!("n");
            let outer =
                json!({"type": "expandedlicensing_ConjunctiveLicenseSet", "expandedlicensing_member": vec!["n"; 100]});
            of(if deep { &outer } else { &set }, &[named]).concat()
        };
        assert_eq!(licences(150, false).split(" AND ").count(), 150);
        assert_eq!((licences(300, false), licences(150, true)), ("l".to_owned(), "l".to_owned()));
        let graph = |count: usize| {
            let package = |i: usize| json!({"type": "software_Package", "spdxId": format!("p{i}"), "name": "p"});
            let says = |i: usize| {
                json!({"type": "Relationship", "spdxId": format!("r{i}"), "from": format!("p{i}"),
                "relationshipType": "hasDeclaredLicense", "to": ["s", "s"]})
            };
            let set = json!({"type": "expandedlicensing_ConjunctiveLicenseSet", "spdxId": "s",
                "expandedlicensing_member": vec!["https://spdx.org/licenses/BSD-3-Clause-No-Nuclear-License-2014"; 99]});
            let graph: Vec<Value> = (0..count).flat_map(|i| [package(i), says(i)]).chain([set]).collect();
            super::super::spdx3::read(&json!({"@context": "x", "@graph": graph})).map(|bom| bom.items.len())
        };
        assert_eq!(graph(1_000), Ok(1_000));
        assert!(matches!(graph(17_000), Err(super::DocumentError::TooMany { .. })));
    }
}
