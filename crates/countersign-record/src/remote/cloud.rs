//! Object storage of clouds, by the `object_store` crate: S3 and what speaks like it, Google's and Azure's. The only
//! file that knows that crate.

use super::RemoteError;
use super::objects::{Condition, ObjectError, Objects, Put, Version};
use futures_util::StreamExt as _;
use object_store::path::Path;
use object_store::{
    Error, GetOptions, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload, UpdateVersion, parse_url_opts,
};
use std::fmt;
use tokio::runtime::{Builder, Runtime};
use url::Url;

/// The objects below a prefix of a bucket.
pub struct Cloud {
    store: Box<dyn ObjectStore>,
    prefix: Path,
    runtime: Runtime,
}

impl Cloud {
    /// Opens `s3://BUCKET/PREFIX`, `gs://…` or `az://…`. Region, address and credentials are named as their programs
    /// name them, such as `AWS_REGION` and `AWS_SECRET_ACCESS_KEY`; variables that mean nothing to it are passed over.
    pub fn open(name: &str, variables: impl IntoIterator<Item = (String, String)>) -> Result<Self, RemoteError> {
        let failed =
            |said: String| RemoteError::Failed { name: name.to_owned(), doing: "open the bucket", said: vec![said] };
        let url = Url::parse(name).map_err(|error| failed(error.to_string()))?;
        let variables = with_checksums(&url, variables.into_iter().collect());
        let (store, prefix) = parse_url_opts(&url, variables).map_err(|error| failed(words(&error)))?;
        Self::over(store, prefix).map_err(|error| failed(error.to_string()))
    }

    fn over(store: Box<dyn ObjectStore>, prefix: Path) -> Result<Self, std::io::Error> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(Self { store, prefix, runtime })
    }

    fn path(&self, path: &str) -> Path {
        path.split('/').filter(|part| !part.is_empty()).fold(self.prefix.clone(), Path::join)
    }

    fn ask<T>(&self, answer: impl Future<Output = Result<T, Error>>) -> Result<Option<T>, ObjectError> {
        match self.runtime.block_on(answer) {
            Ok(answer) => Ok(Some(answer)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(ObjectError { said: words(&error) }),
        }
    }
}

impl fmt::Debug for Cloud {
    /// Without the store, whose settings hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cloud").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// What says with which checksum writes to S3 go.
const CHECKSUM: &str = "AWS_CHECKSUM_ALGORITHM";

/// With a checksum for S3, unless another is named: a bucket with a lock takes no write without one.
fn with_checksums(url: &Url, mut variables: Vec<(String, String)>) -> Vec<(String, String)> {
    let named = variables.iter().any(|(name, _)| name.eq_ignore_ascii_case(CHECKSUM));
    if !named && matches!(url.scheme(), "s3" | "s3a") {
        variables.push((CHECKSUM.to_owned(), "SHA256".to_owned()));
    }
    variables
}

/// An error with its causes, in one line.
fn words(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !said.contains(&more) {
            said = format!("{said}: {more}");
        }
        cause = error.source();
    }
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Objects for Cloud {
    fn get(&self, path: &str, limit: usize) -> Result<Option<(Vec<u8>, Version)>, ObjectError> {
        let path = self.path(path);
        self.ask(async {
            let got = self.store.get_opts(&path, GetOptions::default()).await?;
            let version = Version { tag: got.meta.e_tag.clone(), version: got.meta.version.clone() };
            let most = limit.saturating_add(1);
            let (mut bytes, mut stream) = (Vec::new(), got.into_stream());
            while let Some(part) = stream.next().await {
                let part = part?;
                let room = most.saturating_sub(bytes.len());
                bytes.extend(part.iter().take(room));
                if bytes.len() >= most {
                    break;
                }
            }
            Ok((bytes, version))
        })
    }

    fn has(&self, path: &str) -> Result<bool, ObjectError> {
        let path = self.path(path);
        self.ask(self.store.head(&path)).map(|there| there.is_some())
    }

    fn put(&self, path: &str, bytes: &[u8], condition: &Condition) -> Result<Put, ObjectError> {
        let path = self.path(path);
        let mode = match condition {
            Condition::New => PutMode::Create,
            Condition::Still(Version { tag, version }) => {
                PutMode::Update(UpdateVersion { e_tag: tag.clone(), version: version.clone() })
            }
        };
        let (payload, options) = (PutPayload::from(bytes.to_vec()), PutOptions::from(mode));
        match self.runtime.block_on(self.store.put_opts(&path, payload, options)) {
            Ok(done) => Ok(Put::Done(Version { tag: done.e_tag, version: done.version })),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(Put::Refused),
            Err(error) => Err(ObjectError { said: words(&error) }),
        }
    }

    fn list(&self, start: &str) -> Result<Vec<String>, ObjectError> {
        let below = self.path(start.trim_end_matches('/'));
        let own = format!("{}/", self.prefix);
        let found = self.ask(async {
            let (mut names, mut stream) = (Vec::new(), self.store.list(Some(&below)));
            while let Some(object) = stream.next().await {
                let name = object?.location.to_string();
                names.push(name.strip_prefix(&own).unwrap_or(&name).to_owned());
            }
            Ok(names)
        })?;
        Ok(found.unwrap_or_default())
    }

    fn remove(&self, path: &str) -> Result<(), ObjectError> {
        let path = self.path(path);
        self.ask(self.store.delete(&path)).map(|_gone| ())
    }
}

#[cfg(test)]
mod tests {
    use super::super::WorkingCopy;
    use super::super::objects::Bucket;
    use super::super::tests::{ORIGIN, append, entries};
    use super::*;
    use crate::log::LogError;
    use crate::log::writer::Log;
    use crate::testing::signer;
    use object_store::memory::InMemory;
    use std::io::{Read as _, Write as _};
    use std::sync::Arc;

    fn copy(cloud: Cloud, writer: &str) -> Arc<WorkingCopy> {
        let bucket = Bucket::new("memory:///log", Box::new(cloud), writer);
        Arc::new(WorkingCopy::of(Box::new(bucket), &std::env::temp_dir()).unwrap())
    }

    fn all_of_it(open: &(dyn Fn() -> Cloud + Sync)) {
        let signs = signer(ORIGIN, 1);
        let made = copy(open(), "first");
        drop(Log::create_published(&made.log(), &signs, made.as_ref()).unwrap());
        std::thread::scope(|scope| {
            for n in 0..4 {
                scope.spawn(move || {
                    let writer = copy(open(), &format!("w{n}"));
                    for turn in 0..3 {
                        while let Err(error) = append(&writer, &signer(ORIGIN, 1), &format!("{n} {turn}")) {
                            assert!(matches!(error, LogError::Outrun { .. }), "{error}");
                            writer.refresh().unwrap();
                        }
                        writer.refresh().unwrap();
                    }
                });
            }
        });
        let mut found = entries(&copy(open(), "reader"));
        found.sort();
        let expected: Vec<String> = (0..4).flat_map(|n| (0..3).map(move |turn| format!("{n} {turn}"))).collect();
        assert_eq!(found, expected);
        let left = open().list("").unwrap();
        assert!(left.iter().any(|path| path == "log/checkpoint"), "{left:?}");
        assert!(!left.iter().any(|path| path.starts_with("staging/") || path.starts_with("probe/")), "{left:?}");
    }

    #[test]
    fn four_writers_on_the_memory_of_the_crate_lose_nothing() {
        let memory = Arc::new(InMemory::new());
        all_of_it(&|| Cloud::over(Box::new(Arc::clone(&memory)), Path::from("some/log")).unwrap());
    }

    const OWNER: &str = "Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, \
                         SignedHeaders=host, Signature=00\r\n";

    /// A server that speaks S3, if one is named.
    struct Server(String);

    impl Server {
        fn named() -> Option<Self> {
            let endpoint = std::env::var("COUNTERSIGN_TEST_S3").ok();
            if endpoint.is_none() {
                println!("skipped: COUNTERSIGN_TEST_S3 names no S3 server");
            }
            endpoint.map(Self)
        }

        /// Asks it something that no store asks, as the owner of the bucket. The test server looks at no signature.
        fn asked(&self, line: &str, headers: &str, body: &str) -> String {
            let host = self.0.strip_prefix("http://").unwrap();
            let mut connection = std::net::TcpStream::connect(host).unwrap();
            let length = body.len();
            let request = format!(
                "{line} HTTP/1.1\r\nHost: {host}\r\n{OWNER}{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
            connection.write_all(request.as_bytes()).unwrap();
            let mut answer = Vec::new();
            connection.read_to_end(&mut answer).unwrap();
            String::from_utf8(answer).unwrap()
        }

        fn open(&self, name: &str) -> Cloud {
            let variables = [
                ("AWS_ENDPOINT", self.0.as_str()),
                ("AWS_ALLOW_HTTP", "true"),
                ("AWS_REGION", "us-east-1"),
                ("AWS_ACCESS_KEY_ID", "test"),
                ("AWS_SECRET_ACCESS_KEY", "test"),
            ];
            Cloud::open(name, variables.map(|(n, v)| (n.to_owned(), v.to_owned()))).unwrap()
        }
    }

    #[test]
    fn four_writers_over_http_lose_nothing() {
        let Some(server) = Server::named() else { return };
        server.asked("PUT /countersign", "", "");
        let name = format!("s3://countersign/{}", std::process::id());
        all_of_it(&|| server.open(&name));
    }

    #[test]
    fn a_bucket_with_a_lock_takes_a_log_and_gives_no_version_of_it_up() {
        let Some(server) = Server::named() else { return };
        let bucket = format!("locked-{}", std::process::id());
        server.asked(&format!("PUT /{bucket}"), "x-amz-bucket-object-lock-enabled: true\r\n", "");
        let rule = "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>\
                    <Mode>COMPLIANCE</Mode><Days>1</Days></DefaultRetention></Rule></ObjectLockConfiguration>";
        let set = server.asked(&format!("PUT /{bucket}?object-lock"), "", rule);
        assert!(set.starts_with("HTTP/1.1 200"), "{set}");
        let name = format!("s3://{bucket}/log-of-ours");
        all_of_it(&|| server.open(&name));

        let versions = server.asked(&format!("GET /{bucket}?versions&prefix=log-of-ours/log/checkpoint"), "", "");
        let ids: Vec<&str> =
            versions.split("<VersionId>").skip(1).filter_map(|rest| rest.split_once('<')).map(|(id, _)| id).collect();
        assert!(ids.len() > 12, "a checkpoint for each append, the older ones beneath: {versions}");
        for id in ids {
            let path = format!("/{bucket}/log-of-ours/log/checkpoint?versionId={id}");
            let refused = server.asked(&format!("DELETE {path}"), "", "");
            assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
            let kept = server.asked(&format!("GET {path}"), "", "");
            assert!(kept.contains(ORIGIN) && kept.contains("x-amz-object-lock-mode: COMPLIANCE"), "{kept}");
        }
    }

    #[test]
    fn writes_to_s3_go_with_a_checksum_unless_another_is_named() {
        let given = |name: &str, variables: &[(&str, &str)]| {
            let variables = variables.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            with_checksums(&Url::parse(name).unwrap(), variables)
        };
        assert_eq!(given("s3://bucket/x", &[]), [(CHECKSUM.to_owned(), "SHA256".to_owned())]);
        assert_eq!(given("s3://bucket/x", &[("aws_checksum_algorithm", "x")]).len(), 1);
        assert!(given("gs://bucket/x", &[]).is_empty());
    }

    #[test]
    fn an_error_has_its_causes_and_a_name_of_no_bucket_is_one() {
        for name in ["s3:", "file:///etc", "nonsense"] {
            assert!(matches!(Cloud::open(name, []), Err(RemoteError::Failed { .. })), "{name}");
        }
    }
}
