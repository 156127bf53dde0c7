//! A document as XML, in the order of elements that CycloneDX's XSDs ask for. Characters that XML 1.0 cannot hold become
//! U+FFFD; all others of its own are escaped.

use super::document::{
    Composition, Contact, Document, Entry, Evidence, Hash, License, Organisation, Property, Reference, Tools,
};
use std::fmt::Write as _;

pub(super) fn write(document: &Document) -> String {
    let mut xml = Xml { out: String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"), depth: 0 };
    let namespace = format!("http://cyclonedx.org/schema/bom/{}", document.spec_version);
    let version = document.version.to_string();
    let mut attributes = vec![("xmlns", namespace.as_str()), ("version", version.as_str())];
    attributes.extend(document.serial_number.as_deref().map(|serial| ("serialNumber", serial)));
    xml.within("bom", &attributes, |xml| {
        xml.within("metadata", &[], |xml| metadata(xml, document));
        xml.within("components", &[], |xml| document.components.iter().for_each(|entry| component(xml, entry)));
        xml.within("dependencies", &[], |xml| {
            for dependency in &document.dependencies {
                let attributes = [("ref", dependency.r#ref.as_str())];
                if dependency.depends_on.is_empty() {
                    xml.empty("dependency", &attributes);
                } else {
                    xml.within("dependency", &attributes, |xml| {
                        for to in &dependency.depends_on {
                            xml.empty("dependency", &[("ref", to)]);
                        }
                    });
                }
            }
        });
        xml.within("compositions", &[], |xml| document.compositions.iter().for_each(|one| composition(xml, one)));
    });
    xml.out
}

struct Xml {
    out: String,
    depth: usize,
}

impl Xml {
    fn begin(&mut self, name: &str, attributes: &[(&str, &str)]) {
        for _ in 0..self.depth {
            self.out.push_str("  ");
        }
        self.out.push('<');
        self.out.push_str(name);
        for (name, value) in attributes {
            // Writing to a string does not fail.
            let _infallible = write!(self.out, " {name}=\"{}\"", escaped(value));
        }
    }

    fn within(&mut self, name: &str, attributes: &[(&str, &str)], inside: impl FnOnce(&mut Self)) {
        self.begin(name, attributes);
        self.out.push_str(">\n");
        self.depth = self.depth.saturating_add(1);
        inside(self);
        self.depth = self.depth.saturating_sub(1);
        for _ in 0..self.depth {
            self.out.push_str("  ");
        }
        let _infallible = writeln!(self.out, "</{name}>");
    }

    fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.begin(name, attributes);
        self.out.push_str("/>\n");
    }

    fn text(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) {
        self.begin(name, attributes);
        let _infallible = writeln!(self.out, ">{}</{name}>", escaped(text));
    }

    fn maybe(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, &[], text);
        }
    }

    /// A list with an element around it, where there is anything in it.
    fn list<T>(&mut self, name: &str, items: &[T], each: impl Fn(&mut Self, &T)) {
        if !items.is_empty() {
            self.within(name, &[], |xml| items.iter().for_each(|item| each(xml, item)));
        }
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\t' | '\n' | '\r' => {
                let _infallible = write!(out, "&#{};", u32::from(c));
            }
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

fn metadata(xml: &mut Xml, document: &Document) {
    let metadata = &document.metadata;
    if let Some(time) = &metadata.timestamp {
        xml.text("timestamp", &[], &time.to_string());
    }
    xml.list("lifecycles", &metadata.lifecycles, |xml, lifecycle| {
        xml.within("lifecycle", &[], |xml| xml.text("phase", &[], lifecycle.phase));
    });
    xml.within("tools", &[], |xml| match &metadata.tools {
        Tools::Components { components } => xml.list("components", components, component),
        Tools::Older(tools) => {
            for tool in tools {
                xml.within("tool", &[], |xml| {
                    xml.text("name", &[], &tool.name);
                    xml.text("version", &[], &tool.version);
                });
            }
        }
    });
    xml.list("authors", &metadata.authors, |xml, author| contact(xml, "author", author));
    component(xml, &metadata.component);
    organisation(xml, "manufacture", metadata.manufacture.as_ref());
    organisation(xml, "supplier", metadata.supplier.as_ref());
    properties(xml, &metadata.properties);
}

fn component(xml: &mut Xml, entry: &Entry) {
    let mut attributes = vec![("type", entry.r#type)];
    attributes.extend(entry.reference.as_deref().map(|reference| ("bom-ref", reference)));
    xml.within("component", &attributes, |xml| {
        organisation(xml, "supplier", entry.supplier.as_ref());
        organisation(xml, "manufacturer", entry.manufacturer.as_ref());
        xml.list("authors", &entry.authors, |xml, author| contact(xml, "author", author));
        xml.maybe("author", entry.author.as_deref());
        xml.text("name", &[], &entry.name);
        xml.text("version", &[], &entry.version);
        xml.maybe("description", entry.description.as_deref());
        xml.maybe("scope", entry.scope);
        hashes(xml, &entry.hashes);
        licenses(xml, &entry.licenses);
        xml.maybe("copyright", entry.copyright.as_deref());
        xml.maybe("purl", entry.purl.as_deref());
        entry.swhid.iter().for_each(|id| xml.text("swhid", &[], id));
        xml.list("externalReferences", &entry.external_references, reference);
        properties(xml, &entry.properties);
        xml.list("components", &entry.components, component);
        if let Some(found) = &entry.evidence {
            evidence(xml, found);
        }
    });
}

fn contact(xml: &mut Xml, name: &str, contact: &Contact) {
    xml.within(name, &[], |xml| {
        xml.maybe("name", contact.name.as_deref());
        xml.maybe("email", contact.email.as_deref());
    });
}

fn organisation(xml: &mut Xml, name: &str, of: Option<&Organisation>) {
    let Some(of) = of else { return };
    xml.within(name, &[], |xml| {
        xml.text("name", &[], &of.name);
        of.url.iter().for_each(|url| xml.text("url", &[], url));
        of.contact.iter().for_each(|one| contact(xml, "contact", one));
    });
}

fn hashes(xml: &mut Xml, all: &[Hash]) {
    xml.list("hashes", all, |xml, hash| xml.text("hash", &[("alg", hash.alg)], &hash.content));
}

fn properties(xml: &mut Xml, all: &[Property]) {
    xml.list("properties", all, |xml, property| xml.text("property", &[("name", property.name)], &property.value));
}

fn licenses(xml: &mut Xml, all: &[License]) {
    xml.list("licenses", all, |xml, license| match license {
        License::Expression { expression, acknowledgement } => {
            let attributes: Vec<_> = acknowledgement.map(|word| ("acknowledgement", word)).into_iter().collect();
            xml.text("expression", &attributes, expression);
        }
        License::License(named) => {
            let attributes: Vec<_> = named.acknowledgement.map(|word| ("acknowledgement", word)).into_iter().collect();
            xml.within("license", &attributes, |xml| {
                xml.text("name", &[], &named.name);
                properties(xml, &named.properties);
            });
        }
    });
}

fn reference(xml: &mut Xml, reference: &Reference) {
    xml.within("reference", &[("type", reference.r#type)], |xml| {
        xml.text("url", &[], &reference.url);
        xml.maybe("comment", reference.comment.as_deref());
        hashes(xml, &reference.hashes);
    });
}

fn evidence(xml: &mut Xml, found: &Evidence) {
    xml.within("evidence", &[], |xml| {
        xml.list("occurrences", &found.occurrences, |xml, occurrence| {
            xml.within("occurrence", &[], |xml| {
                xml.text("location", &[], &occurrence.location);
                xml.maybe("additionalContext", occurrence.additional_context.as_deref());
            });
        });
        licenses(xml, &found.licenses);
    });
}

fn composition(xml: &mut Xml, one: &Composition) {
    xml.within("composition", &[], |xml| {
        xml.text("aggregate", &[], one.aggregate);
        xml.list("assemblies", &one.assemblies, |xml, to| xml.empty("assembly", &[("ref", to)]));
        xml.list("dependencies", &one.dependencies, |xml, to| xml.empty("dependency", &[("ref", to)]));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_can_leave_its_element() {
        assert_eq!(escaped("</a><b c=\"d\" e='f'>&"), "&lt;/a&gt;&lt;b c=&quot;d&quot; e=&apos;f&apos;&gt;&amp;");
        assert_eq!(escaped("a\u{0}b\u{1b}c\nd"), "a\u{fffd}b\u{fffd}c&#10;d");
    }
}
