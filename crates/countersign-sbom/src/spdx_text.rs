//! What the text of SPDX 2.3 asks of values, and no JSON schema says: how long a checksum is, who may be a supplier, what
//! a licence expression is, that a licence of the document's own is in the document, and how times and identifiers are written.

use crate::bom::{Document, Format};
use crate::schema::{Fault, Faults, LISTED};
use countersign_core::licence::{Expression, LicenceError};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// What was found out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judged {
    /// What is not as the text has it.
    pub faults: Faults,
    /// What is not written as the text has it, and can be taken for one thing alone.
    pub loose: Faults,
    /// Identifiers of licences that are on no list that is known: of a newer list, or made up.
    pub unlisted: BTreeSet<String>,
}

/// The version of the list of licences that is known.
#[must_use]
pub fn licence_list() -> &'static str {
    spdx::license_version()
}

/// Holds a document against the text of its specification. It has to hold to the schema. Of other formats nothing is said.
#[must_use]
pub fn check(document: &Document) -> Judged {
    let mut reader = Reader { judged: Judged::default(), own: BTreeSet::new(), others: BTreeSet::new() };
    if document.format != Format::Spdx2 {
        return reader.judged;
    }
    let Some(map) = document.value.as_object() else { return reader.judged };
    if let Some(creation) = map.get("creationInfo").and_then(Value::as_object) {
        reader.time(creation, "created", "/creationInfo");
    }
    for (review, at) in items(map, "revieweds", "") {
        reader.time(review, "reviewDate", &at);
    }
    reader.own = names(map, "hasExtractedLicensingInfos", "licenseId");
    reader.others = names(map, "externalDocumentRefs", "externalDocumentId");
    for (own, at) in items(map, "hasExtractedLicensingInfos", "") {
        let id = text(own, "licenseId").unwrap_or_default();
        if !id.strip_prefix(OWN).is_some_and(is_id) {
            reader.wrong(format!("{at}/licenseId"), "not `LicenseRef-` with letters, digits, `-` and `.` behind it");
        }
    }
    for (other, at) in items(map, "externalDocumentRefs", "") {
        if let Some(checksum) = other.get("checksum").and_then(Value::as_object) {
            reader.checksum(checksum, &format!("{at}/checksum"));
        }
    }
    for (package, at) in items(map, "packages", "") {
        reader.package(package, &at);
    }
    for (file, at) in items(map, "files", "") {
        reader.id(file, &at);
        reader.checksums(file, &at);
        if !items(file, "checksums", "").iter().any(|(sum, _)| text(sum, "algorithm") == Some("SHA1")) {
            reader.wrong(format!("{at}/checksums"), "no SHA1, which every file has to have");
        }
        reader.licences(file, &at, &["licenseConcluded"], "licenseInfoInFiles");
        reader.annotations(file, &at);
    }
    for (snippet, at) in items(map, "snippets", "") {
        reader.id(snippet, &at);
        reader.licences(snippet, &at, &["licenseConcluded"], "licenseInfoInSnippets");
        reader.annotations(snippet, &at);
        for (range, at) in items(snippet, "ranges", &at) {
            let end = |key: &str, of: &str| range.get(key)?.get(of)?.as_i64();
            for of in ["offset", "lineNumber"] {
                if end("startPointer", of).zip(end("endPointer", of)).is_some_and(|(start, end)| start > end) {
                    reader.wrong(at.clone(), "it ends before it begins");
                }
            }
        }
    }
    reader.annotations(map, "");
    reader.judged
}

const ID: &str = "SPDXRef-";
const OWN: &str = "LicenseRef-";
const OTHER: &str = "DocumentRef-";

struct Reader<'v> {
    judged: Judged,
    /// Licences of the document's own.
    own: BTreeSet<&'v str>,
    /// Documents that it refers to.
    others: BTreeSet<&'v str>,
}

impl Reader<'_> {
    fn wrong(&mut self, at: String, what: impl Into<String>) {
        put(&mut self.judged.faults, at, what.into());
    }

    /// An identifier with other characters than the text has, as npm writes it of a name with `_`, is still the one that others name.
    fn id(&mut self, map: &Map<String, Value>, at: &str) {
        let Some(id) = text(map, "SPDXID") else { return };
        let what = "not `SPDXRef-` with letters, digits, `-` and `.` behind it";
        match id.strip_prefix(ID) {
            Some(rest) if is_id(rest) => {}
            Some(rest) if !rest.is_empty() => put(&mut self.judged.loose, format!("{at}/SPDXID"), what.to_owned()),
            Some(_) | None => self.wrong(format!("{at}/SPDXID"), what),
        }
    }

    /// A time to a fraction of a second, as npm writes it, is still one time.
    fn time(&mut self, map: &Map<String, Value>, key: &str, at: &str) {
        let Some(time) = text(map, key) else { return };
        let at = || format!("{at}/{key}");
        match fraction(time) {
            Some(false) => {}
            Some(true) => put(&mut self.judged.loose, at(), "a time with a fraction of a second".to_owned()),
            None => self.wrong(at(), "no time of UTC in whole seconds, such as `2026-01-31T12:00:00Z`"),
        }
    }

    fn package(&mut self, package: &Map<String, Value>, at: &str) {
        self.id(package, at);
        for key in ["builtDate", "releaseDate", "validUntilDate"] {
            self.time(package, key, at);
        }
        self.checksums(package, at);
        self.licences(package, at, &["licenseConcluded"], "licenseInfoFromFiles");
        if let Some(declared) = text(package, "licenseDeclared") {
            self.declared(declared, &format!("{at}/licenseDeclared"));
        }
        self.annotations(package, at);
        for key in ["supplier", "originator"] {
            if let Some(who) = text(package, key)
                && who != "NOASSERTION"
                && !is_actor(who, &["Person", "Organization"])
            {
                let what = "neither `Person: NAME` nor `Organization: NAME` nor NOASSERTION";
                self.wrong(format!("{at}/{key}"), what);
            }
        }
        if package.get("filesAnalyzed") == Some(&Value::Bool(false)) {
            for key in ["packageVerificationCode", "licenseInfoFromFiles"] {
                let there = package.get(key).is_some_and(|value| value.as_array().is_none_or(|list| !list.is_empty()));
                if there {
                    self.wrong(format!("{at}/{key}"), "it is of files, and filesAnalyzed says that none was looked at");
                }
            }
        }
        for (reference, at) in items(package, "externalRefs", at) {
            let locator = text(reference, "referenceLocator").unwrap_or_default();
            let begins = match text(reference, "referenceType") {
                Some("purl") => "pkg:",
                Some("cpe23Type") => "cpe:2.3:",
                _ => "",
            };
            if locator.contains(char::is_whitespace) {
                self.wrong(format!("{at}/referenceLocator"), "there is a space in it");
            } else if !locator.starts_with(begins) {
                self.wrong(format!("{at}/referenceLocator"), format!("it does not begin with `{begins}`"));
            }
        }
        let code = package.get("packageVerificationCode").and_then(Value::as_object);
        if let Some(value) = code.and_then(|code| text(code, "packageVerificationCodeValue"))
            && !(value.len() == 40 && is_hex(value))
        {
            let at = format!("{at}/packageVerificationCode/packageVerificationCodeValue");
            self.wrong(at, "not the 40 hexadecimal digits of a SHA-1");
        }
    }

    fn annotations(&mut self, map: &Map<String, Value>, at: &str) {
        for (annotation, at) in items(map, "annotations", at) {
            self.time(annotation, "annotationDate", &at);
            if !text(annotation, "annotator").is_some_and(|who| is_actor(who, &["Person", "Organization", "Tool"])) {
                let what = "neither `Person: NAME` nor `Organization: NAME` nor `Tool: NAME`";
                self.wrong(format!("{at}/annotator"), what);
            }
        }
    }

    fn checksums(&mut self, map: &Map<String, Value>, at: &str) {
        for (checksum, at) in items(map, "checksums", at) {
            self.checksum(checksum, &at);
        }
    }

    fn checksum(&mut self, checksum: &Map<String, Value>, at: &str) {
        let (Some(algorithm), Some(value)) = (text(checksum, "algorithm"), text(checksum, "checksumValue")) else {
            return;
        };
        let at = || format!("{at}/checksumValue");
        match digits(algorithm) {
            Some(digits) if value.len() != digits => {
                self.wrong(at(), format!("{} digits, where {algorithm} has {digits}", value.len()));
            }
            // It is as long as whoever made it liked, of whole bytes: of BLAKE3 no shorter than the usual.
            None if !value.len().is_multiple_of(2)
                || value.len() > 128 && algorithm == "MD6"
                || value.len() < 64 && algorithm == "BLAKE3" =>
            {
                self.wrong(at(), format!("{} digits, which {algorithm} cannot have", value.len()));
            }
            Some(_) | None => {}
        }
    }

    fn licences(&mut self, map: &Map<String, Value>, at: &str, keys: &[&str], list: &str) {
        for key in keys {
            if let Some(expression) = text(map, key) {
                self.licence(expression, &format!("{at}/{key}"));
            }
        }
        let listed = map.get(list).and_then(Value::as_array);
        for (number, value) in listed.into_iter().flatten().enumerate() {
            self.licence(value.as_str().unwrap_or_default(), &format!("{at}/{list}/{number}"));
        }
    }

    fn licence(&mut self, text: &str, at: &str) {
        match expression(text) {
            Err(Unread { why, .. }) => self.wrong(at.to_owned(), not_one(&why)),
            Ok(read) => self.terms(read, at),
        }
    }

    /// What those who made a package say of it is in their own words, which npm writes as they stand: such words name a licence, and nobody
    /// but them can write others.
    fn declared(&mut self, text: &str, at: &str) {
        match expression(text) {
            Err(Unread { why, words: true }) => put(&mut self.judged.loose, at.to_owned(), not_one(&why)),
            Err(Unread { why, words: false }) => self.wrong(at.to_owned(), not_one(&why)),
            Ok(read) => self.terms(read, at),
        }
    }

    fn terms(&mut self, read: Option<Expression>, at: &str) {
        let mut waiting = Vec::from_iter(read);
        while let Some(part) = waiting.pop() {
            match part {
                Expression::Term(term) => self.term(&term, at),
                Expression::All(parts) | Expression::Any(parts) => waiting.extend(parts),
            }
        }
    }

    /// One licence, with its exception.
    fn term(&mut self, term: &str, at: &str) {
        let (licence, exception) = term.split_once(" WITH ").map_or((term, None), |(one, other)| (one, Some(other)));
        if let Some(exception) = exception {
            if !is_id(exception) {
                self.wrong(at.to_owned(), "an exception has letters, digits, `-` and `.`");
            } else if spdx::exception_id(exception).is_none() {
                self.judged.unlisted.insert(exception.to_owned());
            }
        }
        let plain = licence.strip_suffix('+').unwrap_or(licence);
        let (document, own) = match plain.split_once(':') {
            Some((document, own)) => (Some(document), own),
            None => (None, plain),
        };
        if let Some(document) = document {
            if !(document.starts_with(OTHER) && own.strip_prefix(OWN).is_some_and(is_id)) {
                self.wrong(at.to_owned(), "a licence of another document is `DocumentRef-ID:LicenseRef-ID`");
            } else if !self.others.contains(document) {
                self.wrong(at.to_owned(), "its document is not in externalDocumentRefs");
            }
        } else if own.starts_with(OWN) {
            if !self.own.contains(own) {
                self.wrong(at.to_owned(), "it is the document's own, and not in hasExtractedLicensingInfos");
            }
        } else if !is_id(own) {
            self.wrong(at.to_owned(), "a licence has letters, digits, `-` and `.`");
        } else if !is_listed(own) && !is_listed(licence) {
            self.judged.unlisted.insert(own.to_owned());
        }
    }
}

/// Why a text is no licence expression.
struct Unread {
    why: String,
    /// Whether it is words that can name a licence all the same.
    words: bool,
}

/// The expression; nothing where nothing is said.
fn expression(text: &str) -> Result<Option<Expression>, Unread> {
    if matches!(text, "NONE" | "NOASSERTION") {
        return Ok(None);
    }
    let words = !text.trim().is_empty() && !text.contains(char::is_control);
    match Expression::parse(text) {
        // Cargo's old way of writing is none of SPDX.
        Ok(_) if text.contains('/') => Err(Unread { why: "`/` is no operator".to_owned(), words }),
        Ok(read) => Ok(Some(read)),
        Err(error @ (LicenceError::TooLong | LicenceError::TooDeep)) => {
            Err(Unread { why: format!("it cannot be checked: {error}"), words: false })
        }
        Err(error) => Err(Unread { why: error.to_string(), words }),
    }
}

fn not_one(why: &str) -> String {
    format!("neither a licence expression nor NONE nor NOASSERTION: {why}")
}

/// One more, counted alone where there are many.
fn put(faults: &mut Faults, at: String, what: String) {
    if faults.listed.len() < LISTED {
        faults.listed.push(Fault { at, what });
    } else {
        faults.more = faults.more.saturating_add(1);
    }
}

/// Whether a time of UTC has a fraction of a second; nothing of what is no such time.
fn fraction(text: &str) -> Option<bool> {
    let text = text.strip_suffix('Z')?;
    let (whole, behind) = text.split_once('.').map_or((text, None), |(whole, behind)| (whole, Some(behind)));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = |from: usize, least: u8, most: u8| {
        let two = whole.get(from..from.saturating_add(2)).and_then(|two| two.parse::<u8>().ok());
        two.is_some_and(|two| (least..=most).contains(&two))
    };
    let form: String = whole.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let day = number(5, 1, 12) && number(8, 1, 31);
    let second = number(11, 0, 23) && number(14, 0, 59) && number(17, 0, 59) || whole.ends_with("T23:59:60");
    (form == "0000-00-00T00:00:00" && day && second && behind.is_none_or(digits)).then_some(behind.is_some())
}

/// Whether the list has it, in letters of either case, also one that it no longer recommends.
fn is_listed(id: &str) -> bool {
    let spelled = || spdx::identifiers::LICENSES.iter().any(|known| known.name.eq_ignore_ascii_case(id));
    spdx::license_id(id).is_some() || spelled()
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_actor(text: &str, kinds: &[&str]) -> bool {
    text.split_once(':').is_some_and(|(kind, name)| kinds.contains(&kind) && !name.trim().is_empty())
}

/// How many hexadecimal digits a checksum has; none where that is left to whoever makes it.
fn digits(algorithm: &str) -> Option<usize> {
    Some(match algorithm {
        "ADLER32" => 8,
        "MD2" | "MD4" | "MD5" => 32,
        "SHA1" => 40,
        "SHA224" => 56,
        "SHA256" | "SHA3-256" | "BLAKE2b-256" => 64,
        "SHA384" | "SHA3-384" | "BLAKE2b-384" => 96,
        "SHA512" | "SHA3-512" | "BLAKE2b-512" => 128,
        _ => return None,
    })
}

fn text<'v>(map: &'v Map<String, Value>, key: &str) -> Option<&'v str> {
    map.get(key).and_then(Value::as_str)
}

fn items<'v>(map: &'v Map<String, Value>, key: &str, at: &str) -> Vec<(&'v Map<String, Value>, String)> {
    let listed = map.get(key).and_then(Value::as_array).into_iter().flatten().enumerate();
    listed.filter_map(|(number, item)| Some((item.as_object()?, format!("{at}/{key}/{number}")))).collect()
}

fn names<'v>(map: &'v Map<String, Value>, key: &str, name: &str) -> BTreeSet<&'v str> {
    let listed = map.get(key).and_then(Value::as_array).into_iter().flatten();
    listed.filter_map(|item| item.get(name)?.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn judged(change: impl FnOnce(&mut Value)) -> Judged {
        let sha1 = "85ed0817af83a24ad8da68c2b5094de69833983c";
        let mut value = json!({
            "spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "dataLicense": "CC0-1.0", "name": "d",
            "documentNamespace": "https://example.com/d",
            "creationInfo": {"created": "2026-01-01T00:00:00Z", "creators": ["Tool: t-1"]},
            "externalDocumentRefs": [{"externalDocumentId": "DocumentRef-tool-1.2", "spdxDocument": "https://example.com/e",
                "checksum": {"algorithm": "SHA1", "checksumValue": sha1}}],
            "hasExtractedLicensingInfos": [{"licenseId": "LicenseRef-x", "extractedText": "a text"}],
            "annotations": [{"annotationDate": "2026-01-01T00:00:00Z", "annotationType": "OTHER", "comment": "c",
                "annotator": "Tool: t"}],
            "packages": [{"SPDXID": "SPDXRef-p", "name": "p", "downloadLocation": "NONE",
                "supplier": "Organization: A Ltd ()", "originator": "NOASSERTION",
                "licenseConcluded": "(MIT OR LicenseRef-x) AND GPL-2.0+", "licenseDeclared": "NOASSERTION",
                "licenseInfoFromFiles": ["mit", "DocumentRef-tool-1.2:LicenseRef-y"],
                "packageVerificationCode": {"packageVerificationCodeValue": sha1},
                "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                    "referenceLocator": "pkg:cargo/p@1"}],
                "checksums": [{"algorithm": "SHA1", "checksumValue": sha1}]}],
            "files": [{"SPDXID": "SPDXRef-f", "fileName": "./f", "licenseConcluded": "NONE",
                "licenseInfoInFiles": ["GPL-2.0-only WITH Classpath-exception-2.0"],
                "checksums": [{"algorithm": "SHA1", "checksumValue": sha1}]}],
        });
        change(&mut value);
        let document = Document { format: Format::Spdx2, value };
        assert_eq!(crate::schema::check(&document).unwrap(), Faults::default(), "no schema says it");
        check(&document)
    }

    #[test]
    fn a_document_as_the_text_has_it_has_no_faults() {
        assert_eq!(judged(|_| {}), Judged::default());
    }

    #[test]
    fn a_time_with_a_fraction_and_an_identifier_with_other_characters_are_no_faults_and_are_told() {
        let of = |at: &str, value: &str| {
            let judged = judged(|document| *document.pointer_mut(at).unwrap() = json!(value));
            let places = |faults: Faults| faults.listed.into_iter().map(|fault| fault.at).collect::<Vec<_>>();
            (places(judged.faults), places(judged.loose))
        };
        let (none, here) = (Vec::<String>::new(), |at: &str| vec![at.to_owned()]);
        for at in ["/creationInfo/created", "/annotations/0/annotationDate"] {
            for time in ["2026-11-27T07:50:16Z", "2026-12-31T23:59:60Z"] {
                assert_eq!(of(at, time), (none.clone(), none.clone()), "{time}");
            }
            for time in ["2026-11-27T07:50:16.918Z", "2026-11-27T07:50:16.0Z"] {
                assert_eq!(of(at, time), (none.clone(), here(at)), "{time}");
            }
            let fraction = ["2026-11-27T07:50:16.Z", "2026-11-27T07:50:16.9x8Z", "2026-11-27T07:50:16,918Z"];
            let bounds =
                ["2026-13-27T07:50:16Z", "2026-11-32T07:50:16Z", "2026-11-27T24:00:00Z", "2026-11-27T07:50:60Z"];
            let form = ["", "Z", "yesterday", "2026-11-27", "2026-11-27T07:50:16", "2026-11-27T07:50:16+00:00"];
            for time in fraction.iter().chain(&bounds).chain(&form) {
                assert_eq!(of(at, time), (here(at), none.clone()), "{time}");
            }
        }
        for at in ["/packages/0/SPDXID", "/files/0/SPDXID"] {
            assert_eq!(of(at, "SPDXRef-Package-a.b-1"), (none.clone(), none.clone()));
            for id in ["SPDXRef-Package-babel__core-7.0.0", "SPDXRef-a/b c", "SPDXRef-\u{e4}"] {
                assert_eq!(of(at, id), (none.clone(), here(at)), "{id}");
            }
            for id in ["", "SPDXRef-", "a", "spdxref-a"] {
                assert_eq!(of(at, id), (here(at), none.clone()), "{id}");
            }
        }
    }

    #[test]
    fn what_is_of_files_that_nobody_looked_at_and_what_has_no_meaning_is_named_by_its_place() {
        let places = |change: &dyn Fn(&mut Value)| {
            let faults = judged(|value| change(value)).faults;
            faults.listed.into_iter().map(|fault| fault.at).collect::<Vec<_>>()
        };
        let of = ["/packages/0/packageVerificationCode", "/packages/0/licenseInfoFromFiles"];
        assert_eq!(places(&|value| value["packages"][0]["filesAnalyzed"] = json!(false)), of);
        let locator = |text: &'static str| {
            places(&move |value| value["packages"][0]["externalRefs"][0]["referenceLocator"] = json!(text))
        };
        for wrong in ["no address", "npm:p", "pkg:cargo/p @1"] {
            assert_eq!(locator(wrong), ["/packages/0/externalRefs/0/referenceLocator"], "{wrong}");
        }
        let sha256 = json!([{"algorithm": "SHA256", "checksumValue": "0".repeat(64)}]);
        assert_eq!(places(&|value| value["files"][0]["checksums"] = sha256.clone()), ["/files/0/checksums"]);
        let snippet = |start: u32, end: u32| {
            places(&move |value| {
                let pointer = |offset: u32| json!({"reference": "SPDXRef-f", "offset": offset});
                value["snippets"] = json!([{"SPDXID": "SPDXRef-s", "name": "s", "snippetFromFile": "SPDXRef-f",
                    "ranges": [{"startPointer": pointer(start), "endPointer": pointer(end)}]}]);
            })
        };
        assert_eq!((snippet(3, 3), snippet(4, 3)), (vec![], vec!["/snippets/0/ranges/0".to_owned()]));
    }

    #[test]
    fn each_value_that_the_schema_lets_pass_is_named_by_its_place() {
        let cases: [(&str, Value); 29] = [
            ("/packages/0/checksums/0/checksumValue", json!("85ed")),
            ("/files/0/checksums/0/checksumValue", json!("85ed")),
            ("/externalDocumentRefs/0/checksum/checksumValue", json!("85")),
            ("/packages/0/packageVerificationCode/packageVerificationCodeValue", json!("85ed")),
            ("/packages/0/supplier", json!("Foo")),
            ("/packages/0/supplier", json!("")),
            ("/packages/0/supplier", json!("Tool: t")),
            ("/packages/0/supplier", json!("NONE")),
            ("/packages/0/originator", json!("Person: ")),
            ("/annotations/0/annotator", json!("Foo")),
            ("/packages/0/licenseConcluded", json!("NOT A LICENSE (((")),
            ("/packages/0/licenseConcluded", json!("")),
            ("/packages/0/licenseDeclared", json!("")),
            ("/packages/0/licenseDeclared", json!(" ")),
            ("/packages/0/licenseDeclared", json!("SEE\nLICENSE")),
            ("/packages/0/licenseConcluded", json!("MIT/Apache-2.0")),
            ("/packages/0/licenseConcluded", json!("MIT AND")),
            ("/packages/0/licenseConcluded", json!("Apache 2.0")),
            ("/packages/0/licenseDeclared", json!("LicenseRef-unknown")),
            ("/packages/0/licenseDeclared", json!("LicenseRef-X")),
            ("/packages/0/licenseDeclared", json!("DocumentRef-none:LicenseRef-x")),
            ("/packages/0/licenseDeclared", json!("other:MIT")),
            ("/packages/0/licenseDeclared", json!("M++")),
            ("/packages/0/licenseDeclared", json!("MIT WITH a:b")),
            ("/packages/0/licenseDeclared", json!("(".repeat(40))),
            ("/packages/0/licenseInfoFromFiles/0", json!("LicenseRef-unknown")),
            ("/files/0/licenseConcluded", json!("a_b")),
            ("/files/0/licenseInfoInFiles/0", json!("(MIT")),
            ("/hasExtractedLicensingInfos/0/licenseId", json!("LicenseRef-a_b")),
        ];
        for (at, value) in cases {
            let judged = judged(|document| *document.pointer_mut(at).unwrap() = value.clone());
            let places: Vec<&str> = judged.faults.listed.iter().map(|fault| fault.at.as_str()).collect();
            assert!(places.contains(&at), "{at} {value}: {places:?}");
            // Only a licence of the document's own that is gone is missed elsewhere as well.
            assert!(places.len() == 1 || at.ends_with("licenseId"), "{at} {value}: {places:?}");
        }
    }

    #[test]
    fn words_in_which_a_package_declares_its_licence_are_no_fault_and_are_told() {
        for words in ["SEE LICENSE IN LICENSE.txt", "Public Domain", "MIT/X11", "Apache 2.0", "MIT AND", "(MIT"] {
            let declared = judged(|document| document["packages"][0]["licenseDeclared"] = json!(words));
            assert_eq!(declared.faults, Faults::default(), "{words}");
            assert_eq!(declared.loose.listed[0].at, "/packages/0/licenseDeclared", "{words}");
        }
    }

    #[test]
    fn a_licence_of_a_list_that_is_not_known_is_no_fault() {
        let judged =
            judged(|document| document["packages"][0]["licenseDeclared"] = json!("New-1.0 AND MIT WITH New-exception"));
        assert_eq!(judged.faults, Faults::default());
        assert_eq!(judged.unlisted, ["New-1.0", "New-exception"].map(str::to_owned).into());
    }

    #[test]
    fn checksums_have_the_length_of_their_algorithm() {
        for (algorithm, right, wrong) in [
            ("ADLER32", vec![8], vec![6, 10]),
            ("MD5", vec![32], vec![40]),
            ("SHA224", vec![56], vec![64]),
            ("SHA256", vec![64], vec![40, 63, 128]),
            ("SHA3-384", vec![96], vec![64]),
            ("SHA512", vec![128], vec![64]),
            ("BLAKE2b-512", vec![128], vec![64]),
            ("BLAKE3", vec![64, 128, 512], vec![32, 65]),
            ("MD6", vec![32, 64, 128], vec![130, 31]),
        ] {
            for (length, fits) in right.into_iter().map(|l| (l, true)).chain(wrong.into_iter().map(|l| (l, false))) {
                let sum = json!([{"algorithm": algorithm, "checksumValue": "a".repeat(length)}]);
                let judged = judged(|document| document["packages"][0]["checksums"] = sum);
                assert_eq!(judged.faults == Faults::default(), fits, "{algorithm} {length}");
            }
        }
    }

    #[test]
    fn faults_without_end_are_counted() {
        let judged = judged(|document| document["packages"][0]["licenseInfoFromFiles"] = json!(vec!["("; 250]));
        assert_eq!((judged.faults.listed.len(), judged.faults.more), (LISTED, 150));
    }
}
