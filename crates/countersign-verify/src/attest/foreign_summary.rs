//! What a verification summary of others says, in either of the two forms that they are written in: version 1, and 0.2 before it, which
//! has other names for the same and one level alone. Our own gates' summaries are read elsewhere, and more strictly.

use countersign_core::statement::Statement;
use countersign_core::time::Time;
use serde_json::Value;
use std::collections::BTreeSet;

const SECOND: &str = "https://slsa.dev/verification_summary/v0.2";
/// How the type of every version begins.
pub(super) const TYPE: &str = "https://slsa.dev/verification_summary";
/// The kinds of statement that are read as summaries.
pub(super) const TYPES: [&str; 2] = ["https://slsa.dev/verification_summary/v1", SECOND];

/// What is looked at of a summary.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Summary {
    /// `verifier.id`.
    pub(super) verifier: String,
    /// When it verified. Since version 1.1 of the specification it may be left out.
    pub(super) time: Option<Time>,
    /// For what.
    pub(super) resource: String,
    /// By which policy.
    pub(super) policy: Named,
    /// On which attestations it rests.
    pub(super) inputs: Vec<Named>,
    /// Whether it says PASSED; what is neither that nor FAILED is not read.
    pub(super) passed: bool,
    /// Which levels it shows.
    pub(super) levels: Vec<String>,
}

/// Something by its name and its digests, either of which may be left out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    name: Option<String>,
    /// As `algorithm:digest`.
    pub(super) digests: Vec<String>,
}

impl Named {
    fn of(value: &Value, what: &str) -> Result<Self, String> {
        let wrong = |field: &str, form: &str| format!("`{what}.{field}` is not {form}");
        let fields = value.as_object().ok_or_else(|| format!("`{what}` is no object"))?;
        let filled = |field: &str| fields.get(field).filter(|value| !value.is_null());
        let name = match filled("uri").or_else(|| filled("name")) {
            None => None,
            Some(name) => Some(name.as_str().ok_or_else(|| wrong("uri", "text"))?.to_owned()),
        };
        let mut digests = Vec::new();
        if let Some(listed) = filled("digest") {
            for (algorithm, digest) in listed.as_object().ok_or_else(|| wrong("digest", "an object"))? {
                let digest = digest.as_str().ok_or_else(|| wrong("digest", "a set of texts"))?;
                digests.push(format!("{algorithm}:{digest}"));
            }
        }
        Ok(Self { name, digests })
    }

    /// In words.
    pub(super) fn describe(&self) -> String {
        self.in_words(&self.digests.iter().take(1).collect::<Vec<_>>())
    }

    /// The same with its digests of these algorithms, which are the ones that are compared; where it has none of them, with all.
    pub(super) fn describe_by(&self, algorithms: &BTreeSet<&str>) -> String {
        let of = |digest: &&String| digest.split_once(':').is_some_and(|(algorithm, _)| algorithms.contains(algorithm));
        let compared: Vec<&String> = self.digests.iter().filter(of).collect();
        self.in_words(&if compared.is_empty() { self.digests.iter().collect() } else { compared })
    }

    fn in_words(&self, digests: &[&String]) -> String {
        const MOST: usize = 5;
        let mut words: Vec<String> = self.name.iter().cloned().collect();
        words.extend(digests.iter().take(MOST).map(|digest| digest.chars().take(160).collect::<String>()));
        let more = digests.len().saturating_sub(MOST);
        if more > 0 {
            words.push(format!("{more} digests more"));
        }
        if words.is_empty() { "what has neither name nor digest".to_owned() } else { words.join(", ") }
    }

    /// Its SHA-256, in hexadecimal.
    pub(super) fn sha256(&self) -> Option<&str> {
        self.digests.iter().find_map(|digest| digest.strip_prefix("sha256:"))
    }
}

impl Summary {
    /// Reads it, or says what is not of its form.
    pub(super) fn of(statement: &Statement) -> Result<Self, String> {
        let kind = statement.predicate_type.as_str();
        if !TYPES.contains(&kind) {
            let kind: String = kind.chars().take(120).collect();
            return Err(format!("its version is none that is read: `{kind}`; v1 and v0.2 are"));
        }
        let predicate = Fields { of: &statement.predicate, second: kind == SECOND };
        let time = match predicate.filled("timeVerified", "time_verified") {
            None => None,
            Some(time) => Some(
                time.as_str()
                    .and_then(Time::from_rfc3339)
                    .ok_or_else(|| "`timeVerified` is no time of the form of RFC 3339".to_owned())?,
            ),
        };
        let inputs = match predicate.filled("inputAttestations", "input_attestations") {
            None => Vec::new(),
            Some(listed) => {
                let listed = listed.as_array().ok_or_else(|| "`inputAttestations` is no list".to_owned())?;
                listed.iter().map(|one| Named::of(one, "inputAttestations")).collect::<Result<_, _>>()?
            }
        };
        let verifier = predicate.needed("verifier", "verifier")?.get("id").and_then(Value::as_str);
        Ok(Self {
            verifier: verifier.ok_or_else(|| "`verifier.id` is missing, or is not text".to_owned())?.to_owned(),
            time,
            resource: predicate.text("resourceUri", "resource_uri")?.to_owned(),
            policy: Named::of(predicate.needed("policy", "policy")?, "policy")?,
            inputs,
            passed: match predicate.text("verificationResult", "verification_result")? {
                "PASSED" => true,
                "FAILED" => false,
                _ => return Err("`verificationResult` is neither PASSED nor FAILED".to_owned()),
            },
            levels: predicate.levels()?,
        })
    }
}

/// The fields of a predicate, by the names of its version and no other: what stands there under another name, nobody reads.
struct Fields<'p> {
    of: &'p Value,
    second: bool,
}

impl<'p> Fields<'p> {
    const fn called<'n>(&self, first: &'n str, second: &'n str) -> &'n str {
        if self.second { second } else { first }
    }

    fn filled(&self, first: &str, second: &str) -> Option<&'p Value> {
        self.of.get(self.called(first, second)).filter(|value| !value.is_null())
    }

    fn needed(&self, first: &str, second: &str) -> Result<&'p Value, String> {
        self.filled(first, second).ok_or_else(|| format!("`{}` is missing", self.called(first, second)))
    }

    fn text(&self, first: &str, second: &str) -> Result<&'p str, String> {
        let not = || format!("`{}` is not text", self.called(first, second));
        self.needed(first, second)?.as_str().ok_or_else(not)
    }

    fn levels(&self) -> Result<Vec<String>, String> {
        if self.second {
            return Ok(vec![self.text("verifiedLevels", "policy_level")?.to_owned()]);
        }
        let not = || "`verifiedLevels` is no list of texts".to_owned();
        let listed = self.needed("verifiedLevels", "policy_level")?.as_array().ok_or_else(not)?;
        listed.iter().map(|level| level.as_str().map(str::to_owned).ok_or_else(not)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[expect(clippy::needless_pass_by_value, reason = "each case writes its predicate in place")]
    fn read(kind: &str, predicate: Value) -> Result<Summary, String> {
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1", "subject": [{ "digest": { "sha256": "0".repeat(64) } }],
            "predicateType": kind, "predicate": predicate,
        });
        Summary::of(&Statement::parse(statement.to_string().as_bytes()).unwrap())
    }

    fn least() -> Value {
        json!({
            "verifier": { "id": "https://v.example" }, "resourceUri": "pkg:app", "policy": { "uri": "/policies/gate" },
            "verificationResult": "PASSED", "verifiedLevels": ["SLSA_BUILD_LEVEL_2"],
        })
    }

    fn older() -> Value {
        json!({
            "verifier": { "id": "https://v.example" }, "time_verified": "2026-03-01T12:00:00.52Z", "resource_uri": "pkg:app",
            "policy": { "uri": "https://p.example", "digest": { "sha256": "ab" } },
            "input_attestations": [{ "digest": { "sha256": "cd" } }], "verification_result": "PASSED",
            "policy_level": "SLSA_LEVEL_3", "dependency_levels": {},
        })
    }

    #[test]
    fn what_the_specification_leaves_out_may_be_left_out() {
        let summary = read(TYPES[0], least()).unwrap();
        assert_eq!((summary.time, summary.inputs.len(), summary.passed), (None, 0, true));
        assert_eq!(summary.policy.describe(), "/policies/gate");
        let mut named = least();
        named["inputAttestations"] =
            json!([{ "digest": { "sha512": "ef", "sha256": "cd" } }, { "uri": "p.jsonl" }, {}]);
        let inputs = read(TYPES[0], named).unwrap().inputs;
        assert_eq!(inputs.iter().map(Named::sha256).collect::<Vec<_>>(), [Some("cd"), None, None]);
        assert_eq!(inputs[2].describe(), "what has neither name nor digest");
    }

    #[test]
    fn of_a_policy_the_digests_are_shown_that_are_compared() {
        let mut predicate = least();
        predicate["policy"] = json!({ "uri": "p", "digest": { "gitCommit": "bb", "sha256": "cc", "sha512": "dd" } });
        let policy = read(TYPES[0], predicate.clone()).unwrap().policy;
        assert_eq!(policy.describe_by(&BTreeSet::from(["sha256"])), "p, sha256:cc");
        assert_eq!(policy.describe_by(&BTreeSet::from(["sha256", "sha512"])), "p, sha256:cc, sha512:dd");
        assert_eq!(policy.describe_by(&BTreeSet::from(["sha1"])), "p, gitCommit:bb, sha256:cc, sha512:dd");
        let many: serde_json::Map<String, Value> = (0..9).map(|n| (format!("a{n}"), json!("x"))).collect();
        predicate["policy"] = json!({ "digest": many });
        let policy = read(TYPES[0], predicate).unwrap().policy;
        assert_eq!(policy.describe_by(&BTreeSet::new()), "a0:x, a1:x, a2:x, a3:x, a4:x, 4 digests more");
    }

    #[test]
    fn the_form_before_version_1_is_read_under_its_own_names_and_under_no_other_kind() {
        let summary = read(TYPES[1], older()).unwrap();
        assert_eq!(summary.time.map(|time| time.to_string()).as_deref(), Some("2026-03-01T12:00:00Z"));
        assert_eq!(summary.levels, ["SLSA_LEVEL_3"]);
        assert_eq!(
            (summary.resource.as_str(), summary.policy.digests.as_slice()),
            ("pkg:app", &["sha256:ab".to_owned()][..])
        );
        assert!(read(TYPES[0], older()).is_err() && read(TYPES[1], least()).is_err());
        // Under other names there may stand anything: of real summaries some have both.
        let mut both = least();
        both["policy_level"] = json!("SLSA_LEVEL_4");
        both["resource_uri"] = json!("pkg:other");
        both["resourceUri"] = json!("gce_image://images:one");
        let both = read(TYPES[0], both).unwrap();
        assert_eq!((both.resource.as_str(), both.levels.len()), ("gce_image://images:one", 1));
    }

    #[test]
    fn what_has_to_be_there_is_there_and_of_its_form() {
        for (name, value) in [
            ("verifier", json!("https://v.example")),
            ("verifier", json!({})),
            ("resourceUri", Value::Null),
            ("policy", json!("https://p.example")),
            ("policy", json!({ "digest": { "sha256": 1 } })),
            ("verificationResult", json!("passed")),
            ("verificationResult", json!(true)),
            ("verifiedLevels", Value::Null),
            ("verifiedLevels", json!("SLSA_BUILD_LEVEL_2")),
            ("verifiedLevels", json!([3])),
            ("timeVerified", json!("yesterday")),
            ("inputAttestations", json!({})),
        ] {
            let mut predicate = least();
            predicate[name] = value.clone();
            assert!(read(TYPES[0], predicate).is_err(), "{name} {value}");
        }
    }
}
