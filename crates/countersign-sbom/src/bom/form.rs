//! What a document is that is no JSON, by its first lines: only for the words of its refusal.

/// How much of a text is looked at.
const LOOKED_AT: usize = 4_096;

/// The form, where it is one that SBOMs have.
pub(super) fn other_form(bytes: &[u8]) -> Option<&'static str> {
    let start = bytes.get(..bytes.len().min(LOOKED_AT)).unwrap_or_default();
    if start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") {
        return Some("a text in UTF-16");
    }
    let text = String::from_utf8_lossy(start).to_lowercase();
    let text = text.trim_start();
    if text.starts_with('<') {
        Some(xml(text))
    } else if text.starts_with(['{', '[']) {
        None
    } else {
        lines(text)
    }
}

fn xml(text: &str) -> &'static str {
    if text.contains("cyclonedx") {
        "CycloneDX as XML"
    } else if text.contains("<rdf:rdf") {
        "SPDX as RDF in XML"
    } else if text.contains("spdx") {
        "SPDX as XML"
    } else {
        "XML"
    }
}

/// Keys that begin a line; YAML quotes its texts, and tags do not.
fn lines(text: &str) -> Option<&'static str> {
    let has = |key: &str| text.lines().any(|line| line.starts_with(key));
    if has("spdxversion: spdx") && !text.starts_with("---") {
        Some("SPDX as tag and value")
    } else if has("spdxversion:") || has("spdxid:") {
        Some("SPDX as YAML")
    } else if has("bomformat:") {
        Some("CycloneDX as YAML")
    } else {
        None
    }
}

/// What turns it into what is read.
#[must_use]
pub fn conversion(found: &str) -> &'static str {
    match found {
        "CycloneDX as XML" => {
            "have the tool that made it write JSON, or convert it: `cyclonedx convert --input-file FILE --output-file FILE.cdx.json`"
        }
        "SPDX as tag and value" | "SPDX as YAML" | "SPDX as XML" | "SPDX as RDF in XML" => {
            "have the tool that made it write JSON, or convert it: `pyspdxtools --infile FILE --outfile FILE.spdx.json`"
        }
        "a text in UTF-16" => "write it as UTF-8, as JSON has to be: `iconv -f UTF-16 -t UTF-8 FILE`",
        _ => "have the tool that made it write CycloneDX 1.2 to 1.7 or SPDX 2.3 or 3.0 as JSON",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_in_another_form_is_called_by_its_name() {
        let utf_16: Vec<u8> = [0xff, 0xfe].into_iter().chain("{}".encode_utf16().flat_map(u16::to_le_bytes)).collect();
        for (text, form) in [
            (b"\n<bom xmlns=\"http://cyclonedx.org/schema/bom/1.6\"/>".as_slice(), Some("CycloneDX as XML")),
            (b"<rdf:RDF xmlns:spdx=\"http://spdx.org/rdf/terms#\">", Some("SPDX as RDF in XML")),
            (b"<Document><spdxVersion>SPDX-2.3</spdxVersion></Document>", Some("SPDX as XML")),
            (b"<html>", Some("XML")),
            (
                b"# a comment\n## a heading\n\nSPDXVersion: SPDX-2.3\nSPDXID: SPDXRef-DOCUMENT\n",
                Some("SPDX as tag and value"),
            ),
            (b"---\nSPDXID: \"SPDXRef-DOCUMENT\"\nspdxVersion: \"SPDX-2.3\"\n", Some("SPDX as YAML")),
            (b"bomFormat: CycloneDX\nspecVersion: '1.6'\n", Some("CycloneDX as YAML")),
            (&utf_16, Some("a text in UTF-16")),
            (b"{\"bomFormat\":\nbomFormat:", None),
            (b"nothing of the kind", None),
            (b"", None),
        ] {
            assert_eq!(other_form(text), form, "{}", String::from_utf8_lossy(text));
        }
    }
}
