//! What build platforms write in ways of their own: which of what went in is the source, which parameter is none of anybody's choice, and
//! what they call a commit.

use crate::digest::hex_array;
use serde_json::Value;
use std::borrow::Cow;

/// The fields of a build, as Cloud Build's own description has them (`google.devtools.cloudbuild.v1.Build`): its older provenance has the
/// whole of it as the arguments.
pub(super) const CLOUD_BUILD: &[&str] = &[
    "@type",
    "name",
    "id",
    "projectId",
    "status",
    "statusDetail",
    "source",
    "steps",
    "results",
    "createTime",
    "startTime",
    "finishTime",
    "timeout",
    "images",
    "queueTtl",
    "artifacts",
    "logsBucket",
    "sourceProvenance",
    "buildTriggerId",
    "options",
    "logUrl",
    "substitutions",
    "systemSubstitutions",
    "tags",
    "secrets",
    "timing",
    "approval",
    "serviceAccount",
    "availableSecrets",
    "warnings",
    "gitConfig",
    "failureInfo",
    "dependencies",
];
const TEKTON: [&str; 3] = [
    "https://tekton.dev/chains/v2/slsa",
    "https://tekton.dev/chains/v2/slsa-tekton",
    "https://tekton.dev/predicate/chains/slsa/v2",
];
/// Forges on which owner and name are a repository, however it is fetched.
const FORGES: [&str; 4] = ["github.com", "gitlab.com", "bitbucket.org", "codeberg.org"];
/// Of a job whose provenance GitLab itself writes.
pub(super) const GITLAB: &str = "https://docs.gitlab.com/ci/pipeline_security/slsa/provenance_v1";

/// Whether it is the second form of Tekton Chains.
pub(super) fn is_tekton(build_type: &str) -> bool {
    TEKTON.contains(&build_type)
}

/// Whether it is Tekton Chains' first form, which is called after the kind of run.
pub(super) fn is_older_tekton(build_type: &str) -> bool {
    ["tekton.dev/", "https://tekton.dev/", "https://chains.tekton.dev/"].iter().any(|host| build_type.starts_with(host))
}

/// Whether it is a builder of Google Cloud Build.
pub(super) fn is_cloud_build(builder: &str) -> bool {
    builder.starts_with("https://cloudbuild.googleapis.com/")
}

/// Whether npm on GitLab lists it among its parameters: variables that GitLab sets for every job, with their values.
pub(super) fn is_variable_of_npm(build_type: &str, name: &str) -> bool {
    let variable = |name: &str| {
        ["CI", "RUNNER_GENERATE_ARTIFACTS_METADATA"].contains(&name)
            || ["CI_", "GITLAB_"].iter().any(|known| name.starts_with(known))
    };
    build_type.starts_with("https://github.com/npm/cli/gitlab/") && variable(name)
}

/// Whether it is the form in which GitLab's runner describes its own job, of whichever version of it.
pub(super) fn is_gitlab_runner(build_type: &str) -> bool {
    let version = build_type.strip_prefix("https://gitlab.com/gitlab-org/gitlab-runner/-/blob/");
    let version = version.and_then(|rest| rest.strip_suffix("/PROVENANCE.md"));
    version.is_some_and(|version| !version.is_empty() && !version.contains('/'))
}

fn name(dependency: &Value) -> &str {
    let name = dependency.get("name").and_then(Value::as_str).unwrap_or_default();
    name.strip_prefix("config/").unwrap_or(name)
}

/// Whether something that went into a run of Tekton's says how it was built: where its pipeline and tasks are written.
pub(super) fn is_how(dependency: &Value) -> bool {
    ["pipeline", "task", "pipelineTask"].contains(&name(dependency))
}

/// Whether something that may be the source of a run of Tekton's is a repository. A task calls what it brought as it likes, by name and by
/// URI, so that all counts that a repository can be fetched from, or that has a commit.
pub(super) fn is_repository(dependency: &Value) -> bool {
    let uri = dependency.get("uri").and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
    let begins = |with: &[&str]| with.iter().any(|begun| uri.starts_with(begun));
    let digest = |kinds: &[&str]| {
        let digest = dependency.get("digest");
        kinds.iter().any(|kind| digest.and_then(|digest| digest.get(*kind)).is_some())
    };
    // What was fetched from the web with the digest of a file is a file, but at the address of a repository.
    let web = || begins(&["http:", "https:"]) && (!digest(&["sha256", "sha384", "sha512"]) || is_address(&uri));
    let fetched = || begins(&["ssh:", "git:", "git@"]) || web();
    begins(&["git+"]) || digest(&["sha1", "gitCommit"]) || fetched()
}

/// What stands behind a repository where all of it is packed into one file.
const ARCHIVES: [&str; 4] = ["archive", "get", "tarball", "zipball"];

/// Whether an address of the web, in lower case, is one of a repository by its form, or of all that is in one.
fn is_address(uri: &str) -> bool {
    let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = host.rsplit('@').next().unwrap_or_default().split(':').next().unwrap_or_default();
    let host = host.strip_prefix("www.").unwrap_or(host).trim_end_matches('.');
    // Behind it a ref may stand.
    let path = path.split('@').next().unwrap_or_default();
    let pieces: Vec<Cow<'_, str>> = path.split('/').filter(|piece| !piece.is_empty()).map(unescaped).collect();
    let pieces: Vec<&str> = pieces.iter().map(|piece| &**piece).collect();
    // GitLab serves its interface behind a dash as well.
    let pieces = match (host, pieces.as_slice()) {
        ("gitlab.com", ["-", rest @ ..]) => rest,
        (_, all) => all,
    };
    let is_plain = pieces.last().is_some_and(|last| !last.contains('.'));
    let is_forge = FORGES.contains(&host);
    // By the interfaces of forges, and by older addresses, its kind stands right behind the word.
    let is_packed = |piece: &&str| ARCHIVES.contains(piece) || piece.starts_with("archive.");
    let served = |pieces: &[&str]| pieces.iter().skip_while(|piece| **piece != "repository").any(is_packed);
    let named = match (host, pieces) {
        ("codeload.github.com", [_, _, ..]) => true,
        ("api.github.com", ["repos", _, _, rest @ ..] | ["repositories", _, rest @ ..]) => rest.iter().any(is_packed),
        ("codeberg.org", ["api", _, "repos", _, _, rest @ ..])
        | ("gitlab.com", ["api", _, "projects", _, "repository", rest @ ..]) => rest.first().is_some_and(is_packed),
        (_, [_, _]) => is_forge,
        (_, [_, _, "commit" | "tree", ..]) | ("codeberg.org", [_, _, "bundle", ..]) => true,
        ("github.com", [_, _, piece, ..]) if piece.starts_with("legacy.") => true,
        (_, [_, _, piece, ..]) if is_forge && ARCHIVES.contains(piece) => true,
        // GitLab has groups in groups; what is of a repository there stands behind a dash.
        ("gitlab.com", [first, _, ..]) if *first != "api" => match pieces.iter().position(|piece| *piece == "-") {
            Some(dash) => pieces.iter().skip(dash).any(|piece| ARCHIVES.contains(piece)),
            None => is_plain || served(pieces),
        },
        _ => false,
    };
    named || pieces.iter().any(|piece| piece.strip_suffix(".git").is_some())
}

/// A piece of a path, in lower case, without what is escaped in it: a server reads the one as the other.
fn unescaped(piece: &str) -> Cow<'_, str> {
    if !piece.contains('%') {
        return Cow::Borrowed(piece);
    }
    let mut parts = piece.split('%');
    let mut out: Vec<u8> = parts.next().unwrap_or_default().bytes().collect();
    for part in parts {
        let byte = part.get(..2).and_then(|hex| hex_array::<1>(hex).ok());
        if let (Some([byte]), Some(rest)) = (byte, part.get(2..)) {
            out.push(byte.to_ascii_lowercase());
            out.extend(rest.bytes());
        } else {
            out.push(b'%');
            out.extend(part.bytes());
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

/// An address by SSH as the one of the same repository by HTTPS, on forges where a path is one repository by either.
pub(super) fn alike(uri: &str) -> Cow<'_, str> {
    let text = uri.strip_prefix("git+").unwrap_or(uri);
    let by_ssh = text.strip_prefix("ssh://").and_then(|rest| rest.split_once('/'));
    let found = by_ssh.or_else(|| text.split_once(':').filter(|(host, _)| host.starts_with("git@")));
    let found = found.map(|(host, path)| (host.strip_prefix("git@").unwrap_or(host), path));
    let known = found.filter(|(host, _)| FORGES.contains(host));
    known.map_or(Cow::Borrowed(uri), |(host, path)| Cow::Owned(format!("git+https://{host}/{path}")))
}

/// Among what went into a run of Tekton's, what may be its source: all that does not say how it was built. A task chooses how its own results
/// are called, and a resource of git's brings a repository under another name: none of them hides a second one.
pub(super) fn inputs(resolved: &[Value]) -> Vec<Value> {
    resolved.iter().filter(|one| !is_how(one)).cloned().collect()
}

/// GitLab's runner calls the commit of its project a SHA-256, which it is not by its length, but for repositories of that kind.
pub(super) fn mislabelled<'d>(build_type: &str, digest: &'d Value) -> Option<&'d str> {
    let commit = digest.get("sha256").and_then(Value::as_str).filter(|_| is_gitlab_runner(build_type))?;
    let hexadecimal = commit.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    ([40, 64].contains(&commit.len()) && hexadecimal).then_some(commit)
}

/// Whether a parameter is a name without a value: GitLab's runner lists the variables of a job so, which says nothing of their values.
pub(super) fn is_bare_name(build_type: &str, value: &Value) -> bool {
    is_gitlab_runner(build_type) && value.as_str() == Some("")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_archive_of_a_repository_is_one_by_whichever_address_a_forge_serves_it() {
        let is = |uri: &str| is_repository(&json!({ "uri": uri, "digest": { "sha256": "0".repeat(64) } }));
        for uri in [
            "https://gitlab.com/api/v4/projects/e%2Fvil/repository/archive.tar.gz",
            "https://gitlab.com/api/v4/projects/1/repository/archive?sha=main",
            "https://gitlab.com/e/vil/repository/archive.tar.gz",
            "https://gitlab.com/g/e/vil/repository/main/archive.zip",
            "https://codeberg.org/api/v1/repos/e/vil/archive/main.tar.gz",
            "https://api.github.com/repositories/1/tarball/main",
            "https://api.github.com/repos/e/vil/zipball",
            "https://api.github.com/repos/e/vil/%74arball/main",
            "https://gitlab.com/e/vil/-/%61rchive/main/vil.tar.gz",
            "https://github.com/e/vil/%4Cegacy.zip/main",
            "https://github.com/e/vil/legacy.tar.gz/main",
            "https://gitlab.com/-/api/v4/projects/1/repository/archive.zip",
            "https://codeberg.org/e/vil/bundle/main",
        ] {
            assert!(is(uri), "{uri}");
        }
        // A file of a repository, of a release, or of a registry of packages is none.
        for uri in [
            "https://gitlab.com/api/v4/projects/1/packages/generic/archive/1.0/archive.tar.gz",
            "https://gitlab.com/api/v4/projects/1/repository/files/archive.c/raw",
            "https://gitlab.com/e/vil/-/releases/v1/downloads/archive.tar.gz",
            "https://codeberg.org/e/vil/releases/download/v1/archive.tar.gz",
            "https://codeberg.org/api/v1/repos/e/vil/raw/x.c",
            "https://codeberg.org/e/vil/raw/branch/main/100%25.c",
            "https://gitlab.com/-/api/v4/projects/1/repository/files/archive%2Ec/raw",
            "https://github.com/e/vil/releases/download/v1/archive.tar.gz",
            "https://api.github.com/repositories/1/releases/assets/2",
        ] {
            assert!(!is(uri), "{uri}");
        }
    }
}
