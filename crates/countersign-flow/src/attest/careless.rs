//! Patterns of what is expected that let in more than they look like.

use super::Expected;
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::trust::NamePattern;

/// A note for each regular expression, of whomever it is, in which a dot that looks like one stands for any character.
#[must_use]
pub fn careless(expected: &Expected) -> Vec<Finding> {
    let identities = expected.identities.iter().flat_map(|one| [&one.subject, &one.issuer]);
    let builders = expected.provenance.iter().flat_map(|wanted| &wanted.builders);
    let builders = builders.flat_map(|one| std::iter::once(&one.id).chain(&one.issuer).chain(&one.subject));
    let summary = expected.summary.iter().flat_map(|one| one.issuer.iter().chain(&one.subject));
    let patterns = identities.chain(builders).chain(summary);
    let loose = patterns.filter(|pattern| matches!(pattern, NamePattern::Regex { regex } if regex.has_careless_dot()));
    let note = |pattern: &NamePattern| {
        Finding::new(codes::IDENTITY_CARELESS_DOT, "a `.` of the pattern stands for any character")
            .at(pattern.text())
            .help("write `\\.` where a dot is meant")
    };
    loose.map(note).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_core::slsa::ExpectationsFile;

    #[test]
    fn a_careless_dot_is_seen_in_every_pattern_of_a_file_of_expectations() {
        let text = br#"
            [[identities]]
            subject = { regex = '^https://github.com/a/.*$' }
            issuer = { regex = '^https://issuer.example$' }
            [[provenance.builders]]
            id = { regex = '^https://builder.example/b@.*$' }
            issuer = { regex = '^https://of\.builders\.example$' }
            subject = { regex = '^https://github.com/c/.*$' }
            [summary]
            verifier = "https://v.example"
            resource = "pkg:x/y"
            issuer = "https://of.summaries.example"
            subject = { regex = '^https://github.com/d/.*$' }
        "#;
        let file = ExpectationsFile::from_toml(text).unwrap();
        let expected = Expected {
            identities: file.identities,
            provenance: file.provenance,
            summary: file.summary,
            ..Expected::default()
        };
        let noted: Vec<String> = careless(&expected).into_iter().flat_map(|finding| finding.at).collect();
        assert_eq!(
            noted,
            [
                "^https://github.com/a/.*$",
                "^https://issuer.example$",
                "^https://builder.example/b@.*$",
                "^https://github.com/c/.*$",
                "^https://github.com/d/.*$"
            ]
        );
    }
}
