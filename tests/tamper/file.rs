//! What somebody does to the file alone, without any key: to the ZIP, to its members, and to its members with an index that
//! was made to fit.

use super::Case;
use super::stage::{
    Files, Stage, documents, entry, entry_at, first_shard, log_files, pack, places, read_shard, record, reindex,
    write_shard,
};
use crate::world::World;
use countersign_core::digest::Sha256;
use countersign_core::exit::Exit;
use countersign_core::finding::Verdict::{Fail, Indeterminate, Pass};
use countersign_flow::audit::{self, AuditReport, How, OutsideTrust, Profile, Scope, Window};
use countersign_record::package;
use std::io::Cursor;

const MALFORMED: &str = "package-malformed";
const ALTERED: &str = "package-file-altered";
/// A line that reads as one of a witness.
const ALL_IS_WELL: &[u8] = "\u{2014} witness.example/all-is-well YWJjZHh4eHg=\n".as_bytes();
const CSV: &str = "populations/decisions.csv";

#[expect(clippy::too_many_lines, reason = "one line a case")]
pub(super) fn all() -> Vec<Case> {
    let case = |id, what, code, item, play| Case { id, what, verdict: Fail, exit: Exit::Untrusted, code, item, play };
    let honest = |what, verdict, exit, code, play| Case { id: "+", what, verdict, exit, code, item: "", play };
    // By a key that nobody here knows nothing is proved; a later trust may name it, so that nobody is accused.
    let nothing_more = |id, what, item, play| {
        let (verdict, exit, code) = (Pass, Exit::Ok, "log-line-unknown");
        Case { id, what, verdict, exit, code, item, play }
    };
    vec![
        case("F01", "a member is dropped", ALTERED, CSV, |s| s.altered(|f| drop(f.remove(CSV)))),
        case("F02", "two members change places", MALFORMED, "README.txt", reordered),
        case("F03", "a member is there twice", MALFORMED, "README.txt", doubled),
        case("F04", "a member is added that does not belong", ALTERED, "notes.txt", |s| {
            s.altered(|f| drop(f.insert("notes.txt".to_owned(), b"all is well".to_vec())))
        }),
        case("F05", "a member is added whose name differs by case", ALTERED, "INDEX.json", |s| {
            s.changed(|f| drop(f.insert("INDEX.json".to_owned(), f["index.json"].clone())))
        }),
        case("F06", "a comment is added to the archive", MALFORMED, "", |s| {
            let mut bytes = s.bytes.clone();
            let end = bytes.len();
            bytes[end - 2] = 4;
            bytes.extend_from_slice(b"note");
            s.check(&bytes)
        }),
        case("F07", "a program is put before the archive", MALFORMED, "the package", |s| {
            s.check(&[b"#!/bin/sh\nexit 0\n", s.bytes.as_slice()].concat())
        }),
        case("F08", "a byte is put behind the archive", MALFORMED, "the package", |s| {
            s.check(&[s.bytes.as_slice(), b"\0"].concat())
        }),
        case("F09", "a member is said to be stored as it is", MALFORMED, "README.txt", |s| {
            let mut bytes = s.bytes.clone();
            bytes[8] = 0;
            s.check(&bytes)
        }),
        case("F10", "a member's name leads out of the folder", MALFORMED, "../DME", |s| {
            let mut bytes = s.bytes.clone();
            bytes[30..33].copy_from_slice(b"../");
            s.check(&bytes)
        }),
        case("F11", "the archive is cut in half", MALFORMED, "", |s| s.check(&s.bytes[..s.bytes.len() / 2])),
        case("F12", "the archive's directory is cut off", MALFORMED, "", |s| s.check(&s.bytes[..s.bytes.len() - 22])),
        case("F13", "a size is a lie", MALFORMED, "README.txt", |s| {
            let mut bytes = s.bytes.clone();
            bytes[18..26].copy_from_slice(&[0xff; 8]);
            s.check(&bytes)
        }),
        case("F14", "the archive has no member", "log-checkpoint-invalid", "log/checkpoint", empty_archive),
        case("F15", "a document is altered, and the index made to fit", ALTERED, "document sha256:", document_altered),
        case(
            "F16",
            "a document is altered and renamed, and the index made to fit",
            "evidence-withheld",
            "log entry",
            renamed,
        ),
        case("F17", "documents are cut at the end of one", "package-evidence-missing", "document sha256:", |s| {
            s.changed(|f| shard(f, |all| drop(all.pop())))
        }),
        case("F18", "a document is added that nothing names", ALTERED, "document sha256:", |s| {
            s.changed(|f| shard(f, |all| all.push(b"a letter".to_vec())))
        }),
        case("F19", "two documents change places", ALTERED, "document sha256:", |s| s.changed(|f| in_order(f, true))),
        case("F20", "a document is there twice", ALTERED, "document sha256:", |s| s.changed(|f| in_order(f, false))),
        case("F21", "a document is moved to another day", ALTERED, "document sha256:", moved),
        case("F22", "a document is there on two days", ALTERED, "document sha256:", both_days),
        case("F23", "a list is cut at the end of a line", ALTERED, CSV, |s| {
            s.changed(|f| {
                let text = String::from_utf8(f[CSV].clone()).expect("text");
                let cut = text.trim_end().rfind('\n').expect("lines");
                f.insert(CSV.to_owned(), text.as_bytes()[..=cut].to_vec());
            })
        }),
        case("F24", "a list is unlike the log: a refusal is a pass", ALTERED, CSV, |s| {
            s.changed(|f| replace(f, CSV, "\"FAIL\"", "\"PASS\""))
        }),
        case("F25", "a list has other line ends", ALTERED, CSV, |s| s.changed(|f| replace(f, CSV, "\n", "\r\n"))),
        case("F26", "the header of a list counts otherwise", ALTERED, "populations/decisions.json", |s| {
            s.changed(|f| replace(f, "populations/decisions.json", "\"rows\":5", "\"rows\":4"))
        }),
        case("F27", "a list of another name is added", ALTERED, "populations/incidents.csv", |s| {
            s.changed(|f| drop(f.insert("populations/incidents.csv".to_owned(), b"\"none\"\n".to_vec())))
        }),
        case("F28", "the page is unlike the log", ALTERED, "index.html", |s| {
            s.changed(|f| replace(f, "index.html", "<td>with an exception</td>", "<td>standard</td>"))
        }),
        case("F29", "a script is put into the page", ALTERED, "index.html", |s| {
            s.changed(|f| replace(f, "index.html", "</body>", "<script>alert(1)</script></body>"))
        }),
        case("F30", "the releases name another approver", ALTERED, "policies.json", |s| {
            s.changed(|f| replace(f, "policies.json", "\"ben\"", "\"cy\""))
        }),
        case("F31", "the text for people names another root", ALTERED, "README.txt", |s| {
            s.changed(|f| replace(f, "README.txt", "Root:      sha256:", "Root:      sha256:0"))
        }),
        case("F32", "the proof for the range is altered", ALTERED, "range.proof", |s| {
            s.changed(|f| replace(f, "range.proof", "from 0 ", "from 1 "))
        }),
        case("F33", "the index says that nothing was left out of nothing", ALTERED, "index.json", |s| {
            let mut files = s.files.clone();
            replace(&mut files, "index.json", "\"documents\":0", "\"documents\":7");
            s.check(&package::write(&files).expect("a package"))
        }),
        case("F34", "the index says that the package holds facts only", ALTERED, "README.txt", |s| {
            let mut files = s.files.clone();
            replace(&mut files, "index.json", "\"profile\":\"full\"", "\"profile\":\"facts-only\"");
            s.check(&package::write(&files).expect("a package"))
        }),
        case("F35", "the index is gone", ALTERED, "index.json", |s| s.altered(|f| drop(f.remove("index.json")))),
        case("F36", "an entry of the log is altered", "log-tile-mismatch", "log/tile/entries", |s| {
            s.changed(|f| in_log(f, |bytes| swap(bytes, b"production", b"productioN")))
        }),
        case("F37", "the log's last entry is cut off", "log-tile-mismatch", "log/tile/entries", |s| {
            s.changed(|f| {
                in_log(f, |bytes| {
                    let length = u16::from_be_bytes([bytes[0], bytes[1]]);
                    bytes.drain(..usize::from(length) + 2);
                });
            })
        }),
        case("F38", "the log's tiles are made to fit an altered entry", "log-tile-mismatch", "log/checkpoint", |s| {
            tiles_of(s, |w| w.entries.swap(entry::FIRST, entry::REFUSED))
        }),
        case("F39", "the log's tiles are made to fit one entry less", "log-tile-mismatch", "log/", |s| {
            tiles_of(s, |w| drop(w.entries.remove(entry::REFUSED)))
        }),
        case("F40", "the checkpoint is signed by another key", "log-checkpoint-invalid", "log checkpoint", |s| {
            s.by_hand(true, |w| w.log = World::new().log)
        }),
        case("F41", "the checkpoint is of another log", "log-origin-mismatch", "log checkpoint", |s| {
            s.changed(|f| {
                let text = String::from_utf8(f["log/checkpoint"].clone()).expect("text");
                let other = text.replace(crate::world::ORIGIN, "example.com/other");
                f.insert("log/checkpoint".to_owned(), other.into_bytes());
            })
        }),
        case("F42", "the checkpoint has no signature", "log-checkpoint-invalid", "log/checkpoint", |s| {
            s.changed(|f| {
                let text = String::from_utf8(f["log/checkpoint"].clone()).expect("text");
                let end = text.find("\n\n").expect("a blank line");
                f.insert("log/checkpoint".to_owned(), text.as_bytes()[..end + 2].to_vec());
            })
        }),
        case(
            "F43",
            "the trust document in the package is another, and the auditor has the right one",
            ALTERED,
            "trust.sigstore.json",
            |s| s.changed(|f| drop(f.insert("trust.sigstore.json".to_owned(), World::new().trust))),
        ),
        case(
            "F44",
            "a whole other world is handed in, and the auditor has the right trust",
            "log-checkpoint-invalid",
            "log checkpoint",
            |s| s.check(&pack(&World::new_promoted(), &Scope::default())),
        ),
        Case {
            id: "F45",
            what: "a whole other world is handed in with its own trust, and the auditor has none",
            verdict: Indeterminate,
            exit: Exit::Indeterminate,
            code: "internal-consistency-only",
            item: "",
            play: |_| {
                let bytes = pack(&World::new_promoted(), &Scope::default());
                audit::verify_source(Box::new(Cursor::new(bytes)), None, None, How::Full).expect("checked")
            },
        },
        case(
            "F46",
            "a whole other world is handed in with its own trust and the digest of the right one",
            "trust-digest-mismatch",
            "",
            |s| {
                let other = World::new_promoted();
                let bytes = pack(&other, &Scope::default());
                let outside = OutsideTrust { bytes: &other.trust, digest: Some(&s.world.trust_digest) };
                audit::verify_source(Box::new(Cursor::new(bytes)), Some(outside), None, How::Full).expect("checked")
            },
        ),
        case(
            "F47",
            "the raw evidence of a refusal is taken out",
            "package-evidence-missing",
            "document sha256:",
            |s| {
                let git = entry_at(&s.world, entry::REFUSED).evidence[1];
                s.changed(|f| shard(f, |all| all.retain(|bytes| Sha256::of(bytes) != git)))
            },
        ),
        case("F48", "a day is cut into two files that has room in one", ALTERED, "_0002.docs", |s| cut(s, "_0002")),
        case("F49", "a day goes on in a file of another number", ALTERED, "_0003.docs", |s| cut(s, "_0003")),
        case("F50", "a day goes on in a file whose number is spelled otherwise", ALTERED, "_2.docs", |s| cut(s, "_2")),
        case("F51", "a page is put beside the log", ALTERED, "log/index.html", |s| {
            s.changed(|f| drop(f.insert("log/index.html".to_owned(), b"<p>all is well".to_vec())))
        }),
        case("F52", "a file is put into a folder below the log", ALTERED, "log/sub/dir/report.pdf", |s| {
            s.changed(|f| drop(f.insert("log/sub/dir/report.pdf".to_owned(), b"all is well".to_vec())))
        }),
        case("F53", "the log's own checkpoint is put in as one that was cosigned", ALTERED, "log/cosigned", |s| {
            s.changed(|f| drop(f.insert("log/cosigned".to_owned(), f["log/checkpoint"].clone())))
        }),
        case("F54", "a tile of when the log was shorter is put in", ALTERED, "log/tile/0/000.p/1", |s| {
            s.changed(|f| {
                let hashes = f.iter().find(|(name, _)| name.starts_with("log/tile/0/000")).expect("a tile").1;
                let first = hashes[..32].to_vec();
                f.insert("log/tile/0/000.p/1".to_owned(), first);
            })
        }),
        nothing_more("F55", "a line of a made-up witness is put on the log's checkpoint", "log/checkpoint", |s| {
            s.changed(|f| f.get_mut("log/checkpoint").expect("a checkpoint").extend_from_slice(ALL_IS_WELL))
        }),
        nothing_more("F56", "a checkpoint that a made-up witness cosigned is put in", "log/cosigned", |s| {
            s.changed(|f| {
                let cosigned = [f["log/checkpoint"].as_slice(), ALL_IS_WELL].concat();
                f.insert("log/cosigned".to_owned(), cosigned);
            })
        }),
        case("F57", "the log's own line is put on its checkpoint once more", ALTERED, "log/checkpoint", |s| {
            s.changed(|f| {
                let checkpoint = f.get_mut("log/checkpoint").expect("a checkpoint");
                let text = String::from_utf8(checkpoint.clone()).expect("text");
                let own = text.lines().last().expect("a line");
                checkpoint.extend_from_slice(format!("{own}\n").as_bytes());
            })
        }),
        honest("the package as it is", Pass, Exit::Ok, "", |s| s.check(&s.bytes)),
        honest("a part of the record, by days", Pass, Exit::Ok, "package-scoped", |s| {
            let from = Some(entry_at(&s.world, entry::NEXT_DAY).time);
            let window = Window { from, ..Window::default() };
            s.check(&pack(&s.world, &Scope { window, ..Scope::default() }))
        }),
        honest("facts only", Indeterminate, Exit::Indeterminate, "decisions-not-run", |s| {
            s.check(&pack(&s.world, &Scope { profile: Profile::FactsOnly, ..Scope::default() }))
        }),
        honest("a first look by proofs alone", Indeterminate, Exit::Indeterminate, "decisions-not-run", |s| {
            s.check_by(&s.bytes, true, How::Quick)
        }),
        honest("a first look by a sample", Indeterminate, Exit::Indeterminate, "decisions-not-run", |s| {
            s.check_by(&s.bytes, true, How::Sample(2))
        }),
    ]
}

fn replace(files: &mut Files, name: &str, from: &str, to: &str) {
    let text = String::from_utf8(files[name].clone()).expect("text");
    assert!(text.contains(from), "{name} has no {from}");
    files.insert(name.to_owned(), text.replacen(from, to, if from == "\n" { usize::MAX } else { 1 }).into_bytes());
}

fn shard(files: &mut Files, change: impl FnOnce(&mut Vec<Vec<u8>>)) {
    let name = first_shard(files);
    let mut all = read_shard(&files[&name]);
    change(&mut all);
    files.insert(name, write_shard(all));
}

/// The documents of the first day with the first two in each other's place, or with the first one twice.
fn in_order(files: &mut Files, swapped: bool) {
    let name = first_shard(files);
    let mut all = read_shard(&files[&name]);
    if swapped {
        all.swap(0, 1);
    } else {
        all.insert(0, all[0].clone());
    }
    let bytes = all.iter().flat_map(|bytes| record(&Sha256::of(bytes), bytes)).collect();
    files.insert(name, bytes);
}

fn in_log(files: &mut Files, change: impl FnOnce(&mut Vec<u8>)) {
    let name = files.keys().find(|name| name.starts_with("log/tile/entries/")).expect("entries").clone();
    change(files.get_mut(&name).expect("entries"));
}

fn swap(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    let at = bytes.windows(from.len()).position(|part| part == from).expect("it is there");
    bytes[at..at + to.len()].copy_from_slice(to);
}

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    // One member each, without the directory; then one directory over all of them, as it would be without a check.
    let one = |(name, bytes): &(&str, &[u8])| {
        let files = Files::from([((*name).to_owned(), bytes.to_vec())]);
        let whole = package::write(&files).expect("a package");
        whole[..places(&whole)[0].end].to_vec()
    };
    members.iter().flat_map(one).collect()
}

fn reordered(stage: &Stage) -> AuditReport {
    let mut members: Vec<(&str, &[u8])> = stage.files.iter().map(|(n, b)| (n.as_str(), b.as_slice())).collect();
    members.swap(0, 1);
    stage.check(&zip(&members))
}

fn doubled(stage: &Stage) -> AuditReport {
    let mut members: Vec<(&str, &[u8])> = stage.files.iter().map(|(n, b)| (n.as_str(), b.as_slice())).collect();
    members.insert(1, members[0]);
    stage.check(&zip(&members))
}

fn empty_archive(stage: &Stage) -> AuditReport {
    stage.check(&package::write(&Files::new()).expect("a package"))
}

fn document_altered(stage: &Stage) -> AuditReport {
    stage.changed(|files| {
        let name = first_shard(files);
        let bytes = files.get_mut(&name).expect("documents");
        let at = bytes.iter().position(|b| *b == b'{').expect("a document");
        bytes[at + 1] ^= 1;
    })
}

fn renamed(stage: &Stage) -> AuditReport {
    let decision = entry_at(&stage.world, entry::REFUSED).statements[0];
    stage.changed(|files| {
        shard(files, |all| {
            let one = all.iter_mut().find(|bytes| Sha256::of(bytes) == decision).expect("the decision");
            let last = one.len() - 3;
            one[last] ^= 1;
        });
    })
}

fn days(files: &Files) -> [String; 2] {
    let mut names = files.keys().filter(|name| name.starts_with("evidence/"));
    [names.next().expect("a day").clone(), names.next().expect("another").clone()]
}

fn moved(stage: &Stage) -> AuditReport {
    stage.changed(|files| {
        let [one, two] = days(files);
        let mut first = read_shard(&files[&one]);
        let mut second = read_shard(&files[&two]);
        second.push(first.remove(0));
        files.insert(one, write_shard(first));
        files.insert(two, write_shard(second));
    })
}

fn both_days(stage: &Stage) -> AuditReport {
    stage.changed(|files| {
        let [one, two] = days(files);
        let mut second = read_shard(&files[&two]);
        second.push(read_shard(&files[&one])[0].clone());
        files.insert(two, write_shard(second));
    })
}

/// The first day in two files, though it has room in one; the second of them by this number.
fn cut(stage: &Stage, number: &str) -> AuditReport {
    stage.changed(|files| {
        let name = first_shard(files);
        let mut first = read_shard(&files[&name]);
        let second = first.split_off(first.len() / 2);
        files.insert(name.replace(".docs", &format!("{number}.docs")), write_shard(second));
        files.insert(name, write_shard(first));
    })
}

/// The tiles of another log, under the checkpoint as it was signed.
fn tiles_of(stage: &Stage, change: impl FnOnce(&mut World)) -> AuditReport {
    let mut world = stage.world.clone();
    change(&mut world);
    let mut files = stage.files.clone();
    let checkpoint = files["log/checkpoint"].clone();
    files.retain(|name, _| !name.starts_with("log/"));
    files.extend(log_files(&world));
    files.insert("log/checkpoint".to_owned(), checkpoint);
    reindex(&mut files);
    assert!(!documents(&files).is_empty());
    stage.check(&package::write(&files).expect("a package"))
}
