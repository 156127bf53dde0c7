//! `image-registry@1`: every image that the files of the revision name comes from an approved registry.

use super::{BuiltIn, Context};
use crate::config::{self, Files, Unknown, block_or_pass, left_out, let_pass};
use crate::parameters::{ParameterError, Reader};
use countersign_core::codes;
use countersign_core::config::{Certainty, Image, Part, Reference};
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::glob::PathGlob;
use countersign_core::policy::Rule;
use serde_json::Value;
use std::collections::BTreeMap;

pub(super) const RULE: BuiltIn = BuiltIn {
    id: "image-registry@1",
    title: "Every image comes from an approved registry",
    why: "What a registry that nobody watches hands out can be another image tomorrow, and runs with all that yours may do.",
    fix: "Take the image from a registry of the list, at the line that is named, and collect the snapshot of the mended commit again.",
    parameters: &[
        ("registries", "the approved registries: a host, or a host and the first parts of a path (none)"),
        ("pin", "how an image is to be named: any, tag (another one than `latest`) or digest (any)"),
        ("unknown", "what is not known, such as a variable: block or pass (block)"),
        ("maybe", "what looks like an image in a document of an unknown kind: block or pass (block)"),
        ("leave_out", "globs of files that are not looked at (none)"),
    ],
    controls: &["SOC 2 CC6.8", "SOC 2 CC8.1"],
    accepts: |parameters| read(parameters).map(|_| ()),
    check,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pin {
    Any,
    Tag,
    Digest,
}

struct Parameters {
    registries: Vec<Approved>,
    pin: Pin,
    unknown: Unknown,
    maybe: Unknown,
    leave_out: Vec<PathGlob>,
}

/// A host, or a folder of one.
struct Approved {
    host: String,
    parts: Vec<String>,
}

impl Approved {
    /// Read as the name of an image below it would be, so that both are compared in one form.
    fn read(text: &str) -> Option<Self> {
        let text = text.strip_suffix('/').unwrap_or(text);
        let inside = Reference::parse(&format!("{text}/x/x")).ok()?;
        let path = inside.path.strip_suffix("/x/x").or_else(|| (inside.path == "x/x").then_some(""))?;
        let named = text.split('/').next().is_some_and(|host| host.contains(['.', ':']) || host == "localhost");
        let parts = path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        // Without a host it would be a folder of Docker's, which whoever wrote it may not have meant.
        named.then_some(Self { host: inside.host, parts })
    }

    fn holds(&self, host: &str, path: &str) -> bool {
        let mut parts = path.split('/');
        host == self.host && self.parts.iter().all(|part| parts.next() == Some(part.as_str())) && parts.next().is_some()
    }
}

fn read(parameters: &BTreeMap<String, Value>) -> Result<Parameters, ParameterError> {
    const EXPECTED: &str = "a list of registries, each a host with or without the first parts of a path";
    let mut reader = Reader::new(parameters);
    let texts = reader.texts("registries", EXPECTED, &[])?;
    let one = |text: &String| {
        Approved::read(text).ok_or_else(|| ParameterError::Value {
            name: "registries",
            expected: EXPECTED,
            found: text.clone(),
        })
    };
    let registries = texts.iter().map(one).collect::<Result<_, _>>()?;
    let words = [("any", Pin::Any), ("tag", Pin::Tag), ("digest", Pin::Digest)];
    let pin = reader.word("pin", &words, "`any`, `tag` or `digest`", Pin::Any)?;
    let unknown = block_or_pass(&mut reader, "unknown", Unknown::Block)?;
    let maybe = block_or_pass(&mut reader, "maybe", Unknown::Block)?;
    let leave_out = config::leave_out(&mut reader)?;
    reader.finish()?;
    Ok(Parameters { registries, pin, unknown, maybe, leave_out })
}

fn check(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    let by = context.by(RULE.id);
    let asked = match read(&rule.parameters) {
        Ok(parameters) => parameters,
        Err(error) => return vec![Finding::new(codes::PARAMETER_INVALID, error.to_string()).at(RULE.id)],
    };
    let files = Files::of(context);
    let mut findings = files.lacks(Part::Images, &asked.leave_out, context, &by);
    let (mut passed, mut outside) = (Vec::new(), Vec::new());
    for (image, document) in files.images() {
        if left_out(&asked.leave_out, &image.file) {
            outside.push(place(&image));
            continue;
        }
        match judge(&image, &asked, &document, &by) {
            Said::Holds => {}
            Said::Passes => passed.push(place(&image)),
            Said::Finding(finding) => findings.push(*finding),
        }
    }
    findings.extend(let_pass("images that are not known, or only look like some", passed, &by));
    findings.extend(let_pass("images in files that the rule leaves out", outside, &by));
    findings
}

enum Said {
    Holds,
    Passes,
    Finding(Box<Finding>),
}

fn place(image: &Image) -> String {
    format!("{}:{}:{}", image.file, image.line, image.column)
}

fn judge(image: &Image, asked: &Parameters, document: &Sha256, by: &str) -> Said {
    let found = |finding: Finding| {
        finding.at(place(image)).at(format!("config-snapshot {document}")).found(format!(
            "{}  ({})",
            image.written,
            image.role.word()
        ))
    };
    let (Some(host), Some(path)) = (&image.host, &image.path) else {
        if asked.unknown == Unknown::Pass {
            return Said::Passes;
        }
        let why = image.unknown.as_deref().unwrap_or("it is not known");
        let finding = Finding::new(codes::IMAGE_UNKNOWN, format!("where an image comes from is not known: {why}"))
            .expected("an image that the file names in full", by)
            .help("write the image out, or give the variable a default in the file");
        return Said::Finding(Box::new(found(finding)));
    };
    let approved = asked.registries.iter().any(|approved| approved.holds(host, path));
    let maybe = image.certainty == Certainty::Maybe;
    if !approved {
        if maybe {
            if asked.maybe == Unknown::Pass {
                return Said::Passes;
            }
            let what = format!("{host}/{path} looks like an image, and its registry is not approved");
            let finding = Finding::new(codes::IMAGE_UNKNOWN, what).expected(names(asked), by).help(
                "take the image from an approved registry; if it is none, set `maybe` to `pass` or leave the file out",
            );
            return Said::Finding(Box::new(found(finding)));
        }
        let what = format!("image {host}/{path} does not come from an approved registry");
        let finding = Finding::new(codes::IMAGE_REGISTRY, what)
            .expected(names(asked), by)
            .help("copy it to an approved registry and name it there, or have its registry approved in the policy");
        return Said::Finding(Box::new(found(finding)));
    }
    let pinned = match asked.pin {
        Pin::Any => Some(true),
        Pin::Digest => Some(image.digest.is_some()).filter(|pinned| *pinned || image.unknown.is_none()),
        Pin::Tag if image.digest.is_some() => Some(true),
        Pin::Tag => image.tag.as_deref().map(|tag| tag != "latest"),
    };
    match pinned {
        Some(true) => Said::Holds,
        Some(false) => {
            let (what, wanted) = match asked.pin {
                Pin::Digest => ("by its digest", "a digest, `@sha256:…`"),
                Pin::Any | Pin::Tag => ("by a tag of its own", "a tag other than `latest`, or a digest"),
            };
            let finding = Finding::new(codes::IMAGE_UNPINNED, format!("image {host}/{path} is not named {what}"))
                .expected(wanted, by)
                .help(format!("name it {what}: what is pulled is then what was looked at"));
            Said::Finding(Box::new(found(finding)))
        }
        None if asked.unknown == Unknown::Pass => Said::Passes,
        None => {
            let why = image.unknown.as_deref().unwrap_or("its version is not known");
            let finding = Finding::new(codes::IMAGE_UNKNOWN, format!("image {host}/{path}: {why}"))
                .expected("a version that the file gives", by)
                .help("write the version out, or give the variable a default in the file");
            Said::Finding(Box::new(found(finding)))
        }
    }
}

fn names(asked: &Parameters) -> String {
    if asked.registries.is_empty() {
        return "none is approved: the rule's parameter `registries` names them".to_owned();
    }
    let name = |approved: &Approved| {
        std::iter::once(&approved.host).chain(&approved.parts).map(String::as_str).collect::<Vec<_>>().join("/")
    };
    asked.registries.iter().map(name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_are_compared_part_by_part() {
        let holds = |approved: &str, image: &str| {
            let image = Reference::parse(image).unwrap();
            Approved::read(approved).unwrap().holds(&image.host, &image.path)
        };
        for (approved, image, expected) in [
            ("registry.acme.example", "registry.acme.example/app", true),
            ("registry.acme.example", "REGISTRY.acme.example/app", true),
            ("registry.acme.example", "registry.acme.example.evil.example/app", false),
            ("registry.acme.example", "evil.example/registry.acme.example/app", false),
            ("registry.acme.example", "registry.acme.example:5000/app", false),
            ("registry.acme.example:5000/", "registry.acme.example:5000/app", true),
            ("registry.acme.example/team", "registry.acme.example/team/app", true),
            ("registry.acme.example/team", "registry.acme.example/team-evil/app", false),
            ("registry.acme.example/team", "registry.acme.example/team", false),
            ("docker.io/library", "nginx", true),
            ("docker.io/library", "evil/nginx", false),
            ("index.docker.io/library", "nginx", true),
        ] {
            assert_eq!(holds(approved, image), expected, "{approved} {image}");
        }
        for wrong in ["", "library", "https://a.example", "a.example/B", "a.example//b", "a.example:x", "*.example"] {
            assert!(Approved::read(wrong).is_none(), "{wrong}");
        }
    }
}
