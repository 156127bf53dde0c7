//! The variables that are read, each with what it is for. No other is.

/// The digest of trust, given from outside the reviewed repository.
pub(crate) const TRUST_DIGEST: &str = "COUNTERSIGN_TRUST_DIGEST";
/// The file with the least checkpoint of the log, kept outside.
pub(crate) const LEAST_CHECKPOINT: &str = "COUNTERSIGN_LEAST_CHECKPOINT";
/// The time that goes into an SBOM, in seconds since 1970, as reproducible builds have it.
pub(crate) const SOURCE_DATE_EPOCH: &str = "SOURCE_DATE_EPOCH";
/// Which `cargo` to run.
pub(crate) const CARGO: &str = "CARGO";
/// Where Cargo keeps what it has fetched, where that is not below the home folder.
pub(crate) const CARGO_HOME: &str = "CARGO_HOME";
/// What Cargo takes from variables of how things are compiled; an empty one counts.
pub(crate) const CARGO_CONFIGURATION: [&str; 10] = [
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "RUSTC",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "CARGO_BUILD_RUSTC",
    "CARGO_BUILD_RUSTC_WRAPPER",
    "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER",
];
/// Before the name of a target: Cargo's settings for it.
pub(crate) const CARGO_TARGET: &str = "CARGO_TARGET_";
/// Settings of the C library, which Cargo then gets as they are.
pub(crate) const GLIBC_TUNABLES: &str = "GLIBC_TUNABLES";
/// The token that GitHub is shown, where no other is named.
pub(crate) const GITHUB_TOKEN: &str = "GITHUB_TOKEN";
/// The token that GitLab is shown, where no other is named.
pub(crate) const GITLAB_TOKEN: &str = "GITLAB_TOKEN";
/// The token of a GitLab job, where it is asked for.
pub(crate) const CI_JOB_TOKEN: &str = "CI_JOB_TOKEN";
/// The PIN of a hardware token, where its URI names no file with it.
pub(crate) const PKCS11_PIN: &str = "COUNTERSIGN_PKCS11_PIN";
/// The library that speaks to hardware tokens, where a URI names none.
pub(crate) const PKCS11_MODULE: &str = "COUNTERSIGN_PKCS11_MODULE";
/// The passphrase of key files.
pub(crate) const KEY_PASSPHRASE: &str = "COUNTERSIGN_KEY_PASSPHRASE";
/// The file with the passphrase of key files, which only its owner may read.
pub(crate) const KEY_PASSPHRASE_FILE: &str = "COUNTERSIGN_KEY_PASSPHRASE_FILE";
/// The passphrase of cosign's keys, where no other is given.
pub(crate) const COSIGN_PASSWORD: &str = "COSIGN_PASSWORD";
/// GitHub Actions: where a job asks for an identity token.
pub(crate) const GITHUB_TOKEN_URL: &str = "ACTIONS_ID_TOKEN_REQUEST_URL";
/// GitHub Actions: what a job shows there.
pub(crate) const GITHUB_TOKEN_REQUEST: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";
/// GitLab CI and others: an identity token for the audience `sigstore`.
pub(crate) const SIGSTORE_ID_TOKEN: &str = "SIGSTORE_ID_TOKEN";
/// Buildkite: that this is one of its jobs.
pub(crate) const BUILDKITE: &str = "BUILDKITE";
/// Google Cloud: the host that knows the machine's account, where it is not the usual one.
pub(crate) const METADATA_HOST: &str = "GCE_METADATA_HOST";
/// The programs that open a page in a browser, one after another with colons between.
pub(crate) const BROWSER: &str = "BROWSER";
/// The signing configuration of the conformance suite's instance, where its command line names none.
pub(crate) const CONFORMANCE_CONFIG: &str = "COUNTERSIGN_CONFORMANCE_SIGNING_CONFIG";
/// The trusted root that goes with it.
pub(crate) const CONFORMANCE_ROOT: &str = "COUNTERSIGN_CONFORMANCE_TRUSTED_ROOT";
/// The proxy for https.
pub(crate) const HTTPS_PROXY: &str = "HTTPS_PROXY";
/// Hosts and networks that are asked without the proxy.
pub(crate) const NO_PROXY: &str = "NO_PROXY";
/// Where `docker login` keeps its `config.json`, where that is not below the home folder.
pub(crate) const DOCKER_CONFIG: &str = "DOCKER_CONFIG";
/// The home folder, for docker's `config.json` below it.
pub(crate) const HOME: &str = "HOME";
