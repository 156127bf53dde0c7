//! Who published, as a PEP 740 document names it beside its attestations. Nobody signed that: nothing is believed of it, and nothing is
//! printed of it but where the certificate, which counts, says something else.

use super::shown::ShownSigner;
use countersign_core::attestation::{Attestation, Beside};
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::trust::Claim;
use std::collections::BTreeMap;

/// A note for each publisher that is not whom the certificate shows.
pub(super) fn notes(attestation: &Attestation, signers: &[ShownSigner], place: &str) -> Vec<Finding> {
    let mut out = Vec::new();
    for beside in &attestation.beside {
        let Beside::Publisher(said) = beside else { continue };
        for signer in signers {
            let ShownSigner::Certificate { certificate, .. } = signer else { continue };
            let name = certificate.name.as_str();
            let differs = match published(said) {
                Some(Published::Address(address)) => name != address,
                Some(Published::Workflow { repository, workflow }) => {
                    let claim = |claim| certificate.claims.get(&claim).map(String::as_str);
                    // The workflow that was started, which is not always the one that signed.
                    let started = claim(Claim::Config).or_else(|| claim(Claim::Workflow)).unwrap_or(name);
                    let inside = started.strip_prefix(&repository).and_then(|rest| rest.strip_prefix(&workflow));
                    let other = claim(Claim::Repository).is_some_and(|known| known != repository);
                    other || !inside.is_some_and(|rest| rest.starts_with('@'))
                }
                // Of a kind that is not known here: there is nothing to compare.
                None => false,
            };
            if differs {
                let what = "the document names another publisher than the certificate; nobody signed that name";
                let named: Vec<String> = said.iter().map(|(field, value)| format!("{field} {value}")).collect();
                out.push(
                    Finding::new(codes::PUBLISHER_DIFFERS, what)
                        .at(place)
                        .expected(signer.describe(), "the certificate, which counts")
                        .found(named.join(", ")),
                );
            }
        }
    }
    out
}

/// A publisher, as far as its kind is known.
enum Published {
    /// Somebody with an address.
    Address(String),
    /// A workflow: its repository's address, and what follows it in the workflow's.
    Workflow { repository: String, workflow: String },
}

fn published(said: &BTreeMap<String, String>) -> Option<Published> {
    let field = |name: &str| said.get(name).map(String::as_str);
    match field("kind")? {
        "GitHub" => Some(Published::Workflow {
            repository: format!("https://github.com/{}", field("repository")?),
            workflow: format!("/.github/workflows/{}", field("workflow")?),
        }),
        "GitLab" => Some(Published::Workflow {
            repository: format!("https://gitlab.com/{}", field("repository")?),
            workflow: format!("//{}", field("workflow_filepath")?),
        }),
        "Google" => Some(Published::Address(field("email")?.to_owned())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sigstore::{CertificateClaims, CertificateName};
    use countersign_core::attestation::{Form, Proof};
    use countersign_core::digest::Sha256;

    fn found(said: &[(&str, &str)], name: CertificateName, claims: &[(Claim, &str)]) -> usize {
        let attestation = Attestation {
            form: Form::Pep740,
            place: String::new(),
            payload: None,
            proof: Proof::Bundle(Vec::new()),
            file: None,
            digest: Sha256::of(b""),
            beside: vec![Beside::Publisher(said.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())],
            either: 0,
        };
        let certificate = CertificateClaims {
            issuer: "https://i.example".to_owned(),
            name,
            claims: claims.iter().map(|(claim, value)| (*claim, (*value).to_owned())).collect(),
            spki: Vec::new(),
        };
        let signer =
            ShownSigner::Certificate { certificate, times: Vec::new(), logged: true, root: "public-good".to_owned() };
        notes(&attestation, &[signer], "here").len()
    }

    #[test]
    fn a_publisher_that_nobody_signed_is_held_against_the_certificate() {
        let uri = |text: &str| CertificateName::Uri(text.to_owned());
        let github = "https://github.com/o/r/.github/workflows/release.yml@refs/tags/v1";
        let claims = [(Claim::Repository, "https://github.com/o/r"), (Claim::Config, github)];
        let of = |repository, workflow| {
            found(&[("kind", "GitHub"), ("repository", repository), ("workflow", workflow)], uri(github), &claims)
        };
        assert_eq!(of("o/r", "release.yml"), 0);
        for (repository, workflow) in [("o/other", "release.yml"), ("o/r", "other.yml"), ("o/r", "release"), ("o", "r")]
        {
            assert_eq!(of(repository, workflow), 1, "{repository} {workflow}");
        }
        let gitlab = "https://gitlab.com/g/p//.gitlab-ci.yml@refs/heads/main";
        let of =
            |path| found(&[("kind", "GitLab"), ("repository", "g/p"), ("workflow_filepath", path)], uri(gitlab), &[]);
        assert_eq!((of(".gitlab-ci.yml"), of("ci.yml")), (0, 1));
        let of = |address: &str| {
            let name = CertificateName::Email("a@example.com".to_owned());
            found(&[("kind", "Google"), ("email", address)], name, &[])
        };
        assert_eq!((of("a@example.com"), of("b@example.com")), (0, 1));
        // A kind that is not known, and one that lacks its fields, say nothing that could be compared.
        assert_eq!(found(&[("kind", "Elsewhere")], uri(github), &claims), 0);
        assert_eq!(found(&[("kind", "GitHub")], uri(github), &claims), 0);
    }
}
