//! At the door: the Source level is shown and signed, a later run goes on from it and proves only what is new, and an
//! earlier statement that does not fit is refused and never passed over.

use crate::door::{holds, valid};
use countersign_core::bundle::Signed;
use countersign_core::statement::{Kind, Statement};
use countersign_sign::{SigningKey, sign_payload};
use countersign_tests::door::{Door, Said};
use serde_json::Value;

const URI: &str = "git+https://example.com/demo/app";
const VERIFIER: &str = "https://example.com/verifier";
const SIGNING: &str = "--key keys/verifier.pem --verifier https://example.com/verifier";

/// The demo's world, with a verifier in trust.
struct Scene {
    door: Door,
    start: String,
    digest: String,
}

impl Scene {
    fn new() -> Self {
        let door = Door::new();
        let start = door.git("rev-list --max-parents=0 HEAD");
        for key in ["verifier", "second"] {
            door.run(&format!("key generate --output keys/{key}.pem")).expect(0, &[]);
        }
        let mut scene = Self { door, start, digest: String::new() };
        scene.trust(1, "max_level = 4");
        scene
    }

    /// Trust, with a verifier of these properties, signed by everybody.
    fn trust(&mut self, version: u64, verifier: &str) {
        let key = self.door.run("key show keys/verifier.pem.pub --format json");
        let key: Value = serde_json::from_str(&key.out).unwrap();
        let text = String::from_utf8(self.door.read("trust.toml")).unwrap();
        let entry = format!(
            "[[verifiers]]\nid = \"{VERIFIER}\"\n{verifier}\nrepositories = [\"{URI}\", \"{URI}-two\"]\n\
             keys = [{{ key = \"{}\", transparency = \"none\" }}]\n\n# How many persons it takes.",
            key["openssh"].as_str().unwrap()
        );
        let text = text.replace("# How many persons it takes.", &entry);
        self.door.write("v.toml", text.replace("version = 1", &format!("version = {version}")).as_bytes());
        drop(std::fs::remove_file(self.door.path().join("v.json")));
        self.door.run("trust sign v.toml --key keys/ada --output v.json").expect(0, &[]);
        self.door.run("trust sign v.json --key keys/ben --output v.json").expect(0, &["2 of 2"]);
        let said = self.door.run("trust digest v.json --format json");
        let said: Value = serde_json::from_str(&said.out).unwrap();
        said["digest"].as_str().unwrap().clone_into(&mut self.digest);
    }

    fn verify(&self, more: &str) -> Said {
        self.verify_range(&format!("{}..main", self.start), &format!("--repository {URI} {more}"))
    }

    fn verify_range(&self, range: &str, more: &str) -> Said {
        self.door.run(&format!(
            "review verify {range} --repo app --reviews reviews --trust v.json --trust-digest {} {more}",
            self.digest
        ))
    }

    /// The first run, into `source/one`.
    fn first(&self) {
        self.verify(&format!("{SIGNING} --output source/one")).expect(0, &["which says PASSED"]);
    }

    /// A branch with one commit that ada and ben review; it has not landed.
    fn propose(&self, branch: &str) {
        drop(self.door.git(&format!("checkout -q -b {branch} main")));
        self.door.write(&format!("app/greeting/{branch}.txt"), b"more\n");
        drop(self.door.git("add -A"));
        drop(self.door.git(&format!("-c commit.gpgsign=false commit -q -m {branch}")));
        drop(self.door.git("checkout -q main"));
        for key in ["ada", "ben"] {
            let line = format!(
                "review sign {branch} --base main --repo app --repository {URI} --dir reviews --key keys/{key}"
            );
            self.door.run(&line).expect(0, &["signed: approve"]);
        }
    }

    fn land(&self, branch: &str) {
        drop(self.door.git(&format!("-c commit.gpgsign=false merge -q --no-ff -m merge {branch}")));
    }

    /// The two documents of a run: source provenance and summary, by name.
    fn documents(&self, run: &str) -> [(String, Statement); 2] {
        let commit: String = self.door.git("rev-parse main").chars().take(12).collect();
        ["source-provenance", "source-vsa"].map(|kind| {
            let path = format!("source/{run}/{commit}.{kind}.sigstore.json");
            let payload = Signed::parse(&self.door.read(&path)).unwrap().payload;
            (path, Statement::parse(&payload).unwrap())
        })
    }

    /// The text with the ids of the demo's commits by name.
    fn named(&self, text: &str) -> String {
        let mut text = text.replace(&self.start, "START");
        for (name, what) in [("LANDED", "main"), ("HEAD", "main^2")] {
            let id = self.door.git(&format!("rev-parse {what}"));
            text = text.replace(&id, name);
            text = text.replace(&id.chars().take(12).collect::<String>(), &name.to_lowercase());
        }
        text
    }
}

/// A statement with its digests, times and versions taken out.
fn told(value: &mut Value) {
    match value {
        Value::String(text) => {
            if text.starts_with("sha256:") {
                "sha256".clone_into(text);
            } else if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
                "hex".clone_into(text);
            } else if text.starts_with("https://countersign.dev/evidence/") {
                let end = text.rfind('/').unwrap();
                text.truncate(end);
            } else if text.len() == 20 && text.ends_with('Z') {
                "time".clone_into(text);
            }
        }
        Value::Array(all) => all.iter_mut().for_each(told),
        Value::Object(all) => all.values_mut().for_each(told),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn the_level_reached_and_what_the_next_one_lacks_are_shown_and_signed() {
    let scene = Scene::new();
    let said = scene.verify("");
    let shown = said.out.split_once("source level").map(|(_, rest)| format!("source level{rest}")).unwrap();
    insta::assert_snapshot!(scene.named(&shown), @"
    source level        SLSA_SOURCE_LEVEL_1
    not level 2         provenance: nothing recorded when the branch was moved, and by whom (commit
                        LANDED)
    history             since START
    provenance          not shown: nothing recorded when the branch was moved, and by whom
    technical controls  not shown: the branch's rules at the time are not known: nothing recorded when
                        the branch was moved, and by whom
    two-party review    not shown: nothing shows that two trusted persons agreed before it landed

    PASS
    ");
    assert!(!scene.door.has("source"), "nothing is signed that was not asked for");
    scene.first();
    let [(_, provenance), (_, summary)] = scene.documents("one");
    valid("source provenance", "source-provenance/v0.1.schema.json", &provenance.predicate);
    valid("summary", "vsa/v0.1.schema.json", &summary.predicate);
    let normal = |statement: &Statement| {
        let mut value = statement.predicate.clone();
        told(&mut value);
        scene.named(&serde_json::to_string_pretty(&value).unwrap())
    };
    insta::assert_snapshot!(normal(&summary).replace(env!("CARGO_PKG_VERSION"), "version"), @r#"
    {
      "inputAttestations": [
        {
          "digest": {
            "sha256": "hex"
          },
          "uri": "https://countersign.dev/evidence/source-provenance"
        },
        {
          "digest": {
            "sha256": "hex"
          },
          "uri": "https://countersign.dev/evidence/git-objects"
        },
        {
          "digest": {
            "sha256": "hex"
          },
          "uri": "https://countersign.dev/evidence/review"
        }
      ],
      "policy": {
        "digest": {
          "sha256": "hex"
        },
        "uri": "https://countersign.dev/policy/source-review/v0.1"
      },
      "resourceUri": "git+https://example.com/demo/app",
      "slsaVersion": "1.2",
      "timeVerified": "time",
      "verificationResult": "PASSED",
      "verifiedLevels": [
        "SLSA_SOURCE_LEVEL_1",
        "ORG_SOURCE_TWO_PERSONS_AGREED_T3"
      ],
      "verifier": {
        "id": "https://example.com/verifier",
        "version": {
          "countersign": "version"
        }
      }
    }
    "#);
    let mut change = provenance.predicate["changes"][0].clone();
    change["lapses"] = Value::Null;
    insta::assert_snapshot!(scene.named(&change.to_string()), @r#"{"approvals":[{"person":"ben","tier":"T3"}],"authors":["ada"],"head":"HEAD","landed":"LANDED","lapses":null,"needed":1,"parent":"START","strategy":"merge","tier":"T3","unknownAuthor":false}"#);
    for statement in [&provenance, &summary] {
        let subject = serde_json::to_string(&statement.subjects).unwrap();
        assert_eq!(
            scene.named(&subject),
            format!(
                r#"[{{"name":"{URI}","digest":{{"gitCommit":"LANDED"}},"annotations":{{"sourceRefs":["refs/heads/main"]}}}}]"#
            )
        );
    }
    let line = format!("{SIGNING} --output source/json --format json");
    let value = holds("review verify", &scene.verify(&line));
    assert_eq!((&value["source"]["level"], &value["emitted"]["passed"]), (&1.into(), &true.into()));
}

#[test]
fn a_later_run_proves_what_is_new_and_carries_on_since_when_controls_have_held() {
    let scene = Scene::new();
    // Reviews of what has not landed yet are in the evidence already, and count when it does.
    scene.propose("later");
    scene.first();
    let first = scene.door.git("rev-parse main");
    scene.land("later");
    let line = format!("{SIGNING} --previous source/one --output source/two");
    let said = scene.verify(&line);
    let since = format!("history             since {}", scene.start);
    said.expect(0, &[&format!("proved after        {first}"), &since, "2 of 2 needed", "which says PASSED"]);
    assert!(!said.out.contains("Greet politely"), "what was proved is not proved again:\n{}", said.out);
    let [(_, later), (_, summary)] = scene.documents("two");
    assert_eq!(later.predicate["range"], serde_json::json!({"from": first, "commits": 2}));
    assert_eq!(later.predicate["landed"].as_object().unwrap().len(), 2, "every head that ever landed");
    assert_eq!(later.predicate["evidence"]["settled"].as_array().unwrap().len(), 3);
    let mut uris = summary.predicate["inputAttestations"].clone();
    told(&mut uris);
    let vsas = uris.as_array().unwrap().iter().filter(|input| input["uri"].as_str().unwrap().ends_with("/vsa")).count();
    assert_eq!(vsas, 1, "the earlier summary is an input");
    // Said again as a whole, it comes out the same.
    let whole = scene.verify(&format!("{SIGNING} --output source/whole"));
    whole.expect(0, &[&since]);
    let [(_, whole), _] = scene.documents("whole");
    for field in ["controls", "evidence", "landed", "level", "start", "parameters"] {
        assert_eq!(whole.predicate[field], later.predicate[field], "{field}");
    }
    // A third goes on from the second; and where nothing came after it, the whole is proved again.
    scene.verify("--previous source/two").expect(0, &["note[prefix-proved-again]", "there is no commit after it"]);
    scene.propose("third");
    scene.land("third");
    scene.verify("--previous source/two").expect(0, &["proved after"]);
    scene.verify("--previous source/one").expect(0, &["proved after", "later", "third"]);
}

#[test]
fn an_earlier_statement_that_does_not_fit_is_refused_and_never_passed_over() {
    let scene = Scene::new();
    scene.first();
    scene.propose("later");
    scene.land("later");
    let range = format!("{}..main", scene.start);
    let refused = |said: &Said, code: i32, words: &[&str]| {
        said.expect(code, words);
        assert!(!said.out.contains("PASS\n"), "{}", said.out);
    };
    let mismatch = "refused[previous-mismatch]";
    let previous = "--previous source/one";
    let other = scene.verify_range(&range, &format!("--repository {URI}-two {previous}"));
    refused(&other, 1, &[mismatch, "it is about another repository"]);
    let foreign = scene.verify_range(&range, &format!("--repository {URI}-three {previous}"));
    refused(&foreign, 4, &["untrusted[verifier-unknown]", "whom trust believes about this repository"]);
    let release = scene.verify(&format!("--target refs/heads/release {previous}"));
    refused(&release, 1, &[mismatch, "it is about another branch"]);
    for lax in ["--any-rules", "--least-tier T1", "--hidden-content none", "--reviewers-beyond-author 2"] {
        let said = scene.verify(&format!("{lax} {previous}"));
        refused(
            &said,
            1,
            &[mismatch, "something else was asked of reviews", "the options of this run", "--base-drift"],
        );
    }
    let begun = scene.verify_range("main^1..main", &format!("--repository {URI} {previous}"));
    refused(&begun, 1, &[mismatch, "began at another revision"]);
    drop(scene.door.git(&format!("checkout -q -b side {}", scene.start)));
    scene.door.write("app/side.txt", b"side\n");
    drop(scene.door.git("add -A"));
    drop(scene.door.git("-c commit.gpgsign=false commit -q -m side"));
    drop(scene.door.git("checkout -q main"));
    let side = scene.verify_range(&format!("{}..side", scene.start), &format!("--repository {URI} {previous}"));
    refused(&side, 1, &["refused[previous-not-ancestor]"]);
    let half = std::fs::read_dir(scene.door.path().join("source/one")).unwrap().next().unwrap().unwrap().path();
    refused(
        &scene.verify(&format!("--previous {}", half.display())),
        1,
        &[mismatch, "one source provenance and one summary"],
    );
    refused(&scene.verify("--previous trust.sigstore.json"), 1, &[mismatch]);
    scene.verify("--previous nothing").expect(5, &["could not read nothing"]);
}

/// Writes both documents of the first run as `source/forged`, one of them changed and signed anew by a key.
fn forge(scene: &Scene, kind: Kind, key: &str, change: impl FnOnce(&mut Statement)) {
    let mut change = Some(change);
    std::fs::create_dir_all(scene.door.path().join("source/forged")).unwrap();
    for entry in std::fs::read_dir(scene.door.path().join("source/one")).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        let mut statement = Statement::parse(&Signed::parse(&bytes).unwrap().payload).unwrap();
        if statement.kind() == Some(kind) {
            change.take().unwrap()(&mut statement);
            let key = SigningKey::load(&scene.door.path().join(key)).unwrap();
            bytes = sign_payload(&statement.to_bytes().unwrap(), &key).unwrap();
        }
        scene.door.write(&format!("source/forged/{}", path.file_name().unwrap().display()), &bytes);
    }
}

#[test]
fn an_earlier_statement_of_anybody_else_or_of_other_content_is_refused() {
    let scene = Scene::new();
    scene.first();
    scene.propose("later");
    scene.land("later");
    let verify = || scene.verify("--previous source/forged");
    let ours = "keys/verifier.pem";
    forge(&scene, Kind::Vsa, "keys/gate.pem", |_| {});
    verify().expect(4, &["untrusted[verifier-unknown]", "gate https://example.com/gate"]);
    forge(&scene, Kind::SourceProvenance, "keys/gate.pem", |_| {});
    verify().expect(4, &["untrusted[signer-not-allowed]"]);
    forge(&scene, Kind::Vsa, "keys/second.pem", |_| {});
    verify().expect(4, &["untrusted[signer-unknown]"]);
    forge(&scene, Kind::SourceProvenance, ours, |statement| statement.predicate["level"] = 4.into());
    verify().expect(1, &["refused[previous-mismatch]", "does not rest on this source provenance"]);
    forge(&scene, Kind::Vsa, ours, |statement| statement.predicate["verificationResult"] = "FAILED".into());
    verify().expect(4, &["untrusted[statement-malformed]", "although it failed"]);
    forge(&scene, Kind::Vsa, ours, |statement| {
        statement.predicate["verificationResult"] = "FAILED".into();
        statement.predicate["verifiedLevels"] = serde_json::json!(["FAILED"]);
    });
    verify().expect(1, &["refused[previous-mismatch]", "did not pass, so nothing can go on from it"]);
    forge(&scene, Kind::Vsa, ours, |statement| statement.predicate["verifiedLevels"][0] = "SLSA_SOURCE_LEVEL_4".into());
    verify().expect(1, &["the summary shows more than the source provenance"]);
    forge(&scene, Kind::Vsa, ours, |statement| statement.predicate["verifiedLevels"][0] = "SLSA_SOURCE_LEVEL_5".into());
    verify().expect(4, &["untrusted[statement-malformed]"]);
    forge(&scene, Kind::Vsa, ours, |statement| statement.predicate["verifier"]["id"] = "https://example.com/x".into());
    verify().expect(4, &["untrusted[verifier-unknown]", "verifier.id is not the verifier"]);
    // The refs of a revision are read in the spelling of other tools as well.
    forge(&scene, Kind::Vsa, ours, |statement| {
        let refs = statement.subjects[0].annotations.remove("sourceRefs").unwrap();
        statement.subjects[0].annotations.insert("source_refs".to_owned(), refs);
    });
    verify().expect(0, &["proved after"]);
    forge(&scene, Kind::Vsa, ours, |statement| {
        statement.subjects[0].annotations.insert("source_refs".to_owned(), serde_json::json!(["refs/heads/x"]));
    });
    verify().expect(1, &["refused[previous-mismatch]", "it is about another branch"]);
}

#[test]
fn what_is_new_about_what_was_proved_has_it_proved_again_and_what_is_gone_is_missed() {
    let scene = Scene::new();
    scene.first();
    scene.propose("later");
    scene.land("later");
    // Without the review on which the earlier statement rests nothing passes, though its commits are not looked at.
    let reviews = scene.door.path().join("reviews");
    let old = scene.documents_of_head("politer");
    std::fs::rename(reviews.join(&old), scene.door.path().join("kept")).unwrap();
    scene.verify("--previous source/one").expect(3, &["indeterminate[evidence-withheld]", "1 pieces of evidence"]);
    std::fs::rename(scene.door.path().join("kept"), reviews.join(&old)).unwrap();
    scene.verify("--previous source/one").expect(0, &["proved after"]);
    // A revocation of what landed long ago is found, by proving all of it again.
    let line = format!(
        "review sign politer --base main~2 --repo app --repository {URI} --dir reviews --key keys/ben --revoke"
    );
    scene.door.run(&line).expect(0, &["signed: revoke"]);
    let said = scene.verify(&format!("--previous source/one {SIGNING} --output source/two"));
    said.expect(
        1,
        &["note[prefix-proved-again]", "is new, and is about it", "the approval was revoked", "which says FAILED"],
    );
    // And what failed is nothing to go on from.
    scene.verify("--previous source/two").expect(1, &["refused[previous-mismatch]", "did not pass"]);
}

impl Scene {
    /// The file of the review of a branch's head.
    fn documents_of_head(&self, branch: &str) -> String {
        let head: String = self.door.git(&format!("rev-parse {branch}")).chars().take(12).collect();
        let files = std::fs::read_dir(self.door.path().join("reviews")).unwrap();
        let mut names = files.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.find(|name| name.starts_with(&head)).unwrap()
    }
}

#[test]
fn another_trust_has_everything_proved_again_and_a_key_shows_no_more_than_trust_says() {
    let mut scene = Scene::new();
    scene.first();
    scene.propose("later");
    scene.land("later");
    scene.trust(2, "max_level = 3");
    scene
        .verify("--previous source/one")
        .expect(0, &["note[prefix-proved-again]", "the trust document is another one", "Greet politely"]);
    let nothing = |said: &Said| {
        said.expect(4, &["untrusted[verifier-unknown]"]);
        assert!(!scene.door.has("source/two"), "nothing is written");
    };
    let signing = |key: &str, verifier: &str| format!("--key keys/{key}.pem --verifier {verifier} --output source/two");
    nothing(&scene.verify(&signing("gate", "https://example.com/gate")));
    nothing(&scene.verify(&signing("second", VERIFIER)));
    nothing(&scene.verify(&signing("verifier", "https://example.com/another")));
    scene.verify("--key keys/verifier.pem").expect(2, &["--verifier", "--output"]);
    scene.verify(&signing("verifier", VERIFIER)).expect(0, &["which says PASSED"]);
}

#[test]
fn provenance_that_an_earlier_run_had_is_missed_when_it_is_left_out() {
    let scene = Scene::new();
    let built = "--reviews app.provenance.sigstore.json";
    scene.verify(&format!("{SIGNING} {built} --output source/one")).expect(0, &["source provenance"]);
    scene.verify("--previous source/one").expect(3, &["evidence-withheld"]);
    scene.verify(&format!("{built} --previous source/one")).expect(0, &["PASS"]);
}
