//! Which checkpoint is good enough (C2SP tlog-policy): signed by one of these logs, and cosigned by witnesses as a quorum
//! says, which is one witness, or a group of witnesses and groups of which so many have to have cosigned.

use super::checkpoint::UnverifiedCheckpoint;
use super::cosignature::{WitnessKey, cosignatures};
use super::decimal;
use super::note::{NoteKey, NoteKeyError, NoteVerifier};
use crate::limits;
use crate::time::Time;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

const NONE: &str = "none";

/// A policy that does not contradict itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogPolicy {
    logs: Vec<PolicyLog>,
    witnesses: Vec<PolicyWitness>,
    groups: Vec<PolicyGroup>,
    /// `None` is the quorum `none`.
    quorum: Option<String>,
}

/// A log that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyLog {
    /// Its key, under its own name.
    pub key: NoteKey,
    /// Where it is.
    pub url: Option<String>,
}

/// A witness that may count towards the quorum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyWitness {
    /// What groups and the quorum call it.
    pub name: String,
    /// Its key.
    pub key: WitnessKey,
    /// Where it is asked.
    pub url: Option<String>,
}

/// A group that has witnessed a checkpoint where so many of its members have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyGroup {
    /// What groups and the quorum call it.
    pub name: String,
    /// How many of its members it takes: 1 to all of them.
    pub threshold: usize,
    /// Witnesses and groups.
    pub members: Vec<String>,
}

/// A checkpoint that a policy accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The log's keys that signed it.
    pub logs: Vec<NoteKey>,
    /// The witnesses that cosigned it, with when they say that they did, by the policy's names.
    pub witnesses: BTreeMap<String, Time>,
}

impl TlogPolicy {
    /// Parses a policy file. Names, addresses and comments that are not UTF-8 are refused, which the format allows.
    pub fn parse(bytes: &[u8]) -> Result<Self, PolicyError> {
        if bytes.len() > limits::TLOG_POLICY_BYTES {
            return Err(PolicyError::TooLarge { limit: limits::TLOG_POLICY_BYTES, found: bytes.len() });
        }
        let text = std::str::from_utf8(bytes).map_err(|_not_utf8| PolicyError::Text)?;
        if text.bytes().any(|b| (b < b' ' && b != b'\n' && b != b'\t') || b == 0x7f) {
            return Err(PolicyError::Text);
        }
        let lines = text.strip_suffix('\n').ok_or(PolicyError::LastLine)?;
        let mut draft = Draft::default();
        for (line, number) in lines.split('\n').zip(1_usize..) {
            draft.line(line).map_err(|why| PolicyError::Line { line: number, why })?;
        }
        draft.finish()
    }

    /// Makes a policy of its parts, by the same rules. No quorum is the quorum `none`.
    pub fn new(
        logs: Vec<PolicyLog>,
        witnesses: Vec<PolicyWitness>,
        groups: Vec<PolicyGroup>,
        quorum: Option<&str>,
    ) -> Result<Self, PolicyError> {
        let mut draft = Draft::default();
        let added = (|| {
            logs.into_iter().try_for_each(|log| draft.log(log))?;
            witnesses.into_iter().try_for_each(|witness| draft.witness(witness))?;
            groups.into_iter().try_for_each(|group| draft.group(group))?;
            draft.set_quorum(quorum.unwrap_or(NONE))
        })();
        added.map_err(PolicyError::Part)?;
        draft.finish()
    }

    /// The logs.
    #[must_use]
    pub fn logs(&self) -> &[PolicyLog] {
        &self.logs
    }

    /// The witnesses.
    #[must_use]
    pub fn witnesses(&self) -> &[PolicyWitness] {
        &self.witnesses
    }

    /// The name of what has to have cosigned; `None` where nobody has to.
    #[must_use]
    pub fn quorum(&self) -> Option<&str> {
        self.quorum.as_deref()
    }

    /// Whether these witnesses, by the policy's names, are a quorum.
    #[must_use]
    pub fn is_met_by(&self, witnesses: &BTreeSet<&str>) -> bool {
        let known = self.witnesses.iter().map(|witness| witness.name.as_str());
        let mut met: BTreeSet<&str> = known.filter(|name| witnesses.contains(name)).collect();
        // A group names earlier ones only.
        for group in &self.groups {
            let here = group.members.iter().filter(|member| met.contains(member.as_str())).count();
            if here >= group.threshold {
                met.insert(&group.name);
            }
        }
        self.quorum.as_deref().is_none_or(|quorum| met.contains(quorum))
    }

    /// Checks a checkpoint: one of the logs has signed it under its own name, every line of a known key holds, and the
    /// quorum has cosigned it.
    pub fn accept(
        &self,
        checkpoint: &UnverifiedCheckpoint,
        verifier: &dyn NoteVerifier,
    ) -> Result<Accepted, PolicyRefused> {
        let logs: Vec<NoteKey> = self.logs.iter().map(|log| log.key.clone()).collect();
        let logs = checkpoint.verify(&logs, verifier).map_err(PolicyRefused::Log)?.into_iter().cloned().collect();
        let witnesses = self.cosigned(checkpoint, verifier)?;
        if self.is_met_by(&witnesses.keys().map(String::as_str).collect()) {
            return Ok(Accepted { logs, witnesses });
        }
        let quorum = self.quorum.clone().unwrap_or_default();
        Err(PolicyRefused::Quorum { quorum, cosigned: witnesses.into_keys().collect() })
    }

    /// The witnesses that cosigned a checkpoint, by the policy's names. A line of a known key has to hold.
    pub fn cosigned(
        &self,
        checkpoint: &UnverifiedCheckpoint,
        verifier: &dyn NoteVerifier,
    ) -> Result<BTreeMap<String, Time>, PolicyRefused> {
        let keys: Vec<WitnessKey> = self.witnesses.iter().map(|witness| witness.key.clone()).collect();
        let found = cosignatures(checkpoint.note(), &keys, verifier).map_err(PolicyRefused::Witness)?;
        let named = self.witnesses.iter().filter_map(|witness| {
            let cosigned = found.iter().find(|cosigned| *cosigned.witness == witness.key)?;
            Some((witness.name.clone(), cosigned.time))
        });
        Ok(named.collect())
    }
}

impl fmt::Display for TlogPolicy {
    /// The policy as a file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = |url: &Option<String>| url.as_ref().map_or_else(String::new, |url| format!(" {url}"));
        for log in &self.logs {
            writeln!(f, "log {}{}", log.key, url(&log.url))?;
        }
        for witness in &self.witnesses {
            writeln!(f, "witness {} {}{}", witness.name, witness.key, url(&witness.url))?;
        }
        for group in &self.groups {
            writeln!(f, "group {} {} {}", group.name, group.threshold, group.members.join(" "))?;
        }
        writeln!(f, "quorum {}", self.quorum.as_deref().unwrap_or(NONE))
    }
}

/// A policy that is being put together.
#[derive(Default)]
struct Draft {
    logs: Vec<PolicyLog>,
    witnesses: Vec<PolicyWitness>,
    groups: Vec<PolicyGroup>,
    names: BTreeSet<String>,
    members: BTreeSet<String>,
    quorum: Option<String>,
}

impl Draft {
    fn line(&mut self, line: &str) -> Result<(), LineError> {
        let line = line.trim_matches([' ', '\t']);
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
        let word = words.next().unwrap_or_default();
        let rest: Vec<&str> = words.collect();
        let url = |url: Option<&&str>| url.map(|url| (*url).to_owned());
        match (word, rest.as_slice()) {
            ("log", [key, more @ ..]) if more.len() < 2 => {
                self.log(PolicyLog { key: NoteKey::parse(key)?, url: url(more.first()) })
            }
            ("witness", [name, key, more @ ..]) if more.len() < 2 => self.witness(PolicyWitness {
                name: (*name).to_owned(),
                key: WitnessKey::parse(key)?,
                url: url(more.first()),
            }),
            ("group", [name, threshold, members @ ..]) => {
                let threshold = match *threshold {
                    "any" => 1,
                    "all" => members.len(),
                    number => decimal(number).and_then(|n| usize::try_from(n).ok()).ok_or(LineError::Threshold)?,
                };
                let members = members.iter().map(|member| (*member).to_owned()).collect();
                self.group(PolicyGroup { name: (*name).to_owned(), threshold, members })
            }
            ("quorum", [name]) => self.set_quorum(name),
            _ => Err(LineError::Form),
        }
    }

    fn log(&mut self, log: PolicyLog) -> Result<(), LineError> {
        if self.logs.iter().any(|known| known.key.public() == log.key.public()) {
            return Err(LineError::Twice { what: format!("the key of log {}", log.key.name()) });
        }
        bounded(self.logs.len())?;
        self.logs.push(log);
        Ok(())
    }

    fn witness(&mut self, witness: PolicyWitness) -> Result<(), LineError> {
        if self.witnesses.iter().any(|known| known.key.public() == witness.key.public()) {
            return Err(LineError::Twice { what: format!("the key of witness {}", witness.name) });
        }
        bounded(self.witnesses.len())?;
        self.define(&witness.name)?;
        self.witnesses.push(witness);
        Ok(())
    }

    fn group(&mut self, group: PolicyGroup) -> Result<(), LineError> {
        bounded(self.groups.len())?;
        if !(1..=group.members.len()).contains(&group.threshold) {
            return Err(LineError::Threshold);
        }
        for member in &group.members {
            if !self.names.contains(member) {
                return Err(LineError::Unknown { name: member.clone() });
            }
            if !self.members.insert(member.clone()) {
                return Err(LineError::Twice { what: format!("the member {member}") });
            }
        }
        self.define(&group.name)?;
        self.groups.push(group);
        Ok(())
    }

    fn set_quorum(&mut self, name: &str) -> Result<(), LineError> {
        if self.quorum.is_some() {
            return Err(LineError::Twice { what: "the quorum".to_owned() });
        }
        if name != NONE && !self.names.contains(name) {
            return Err(LineError::Unknown { name: name.to_owned() });
        }
        self.quorum = Some(name.to_owned());
        Ok(())
    }

    fn define(&mut self, name: &str) -> Result<(), LineError> {
        if name == NONE || name.is_empty() || name.contains([' ', '\t', '\n']) {
            return Err(LineError::Name { name: name.to_owned() });
        }
        if self.names.insert(name.to_owned()) { Ok(()) } else { Err(LineError::Twice { what: name.to_owned() }) }
    }

    fn finish(self) -> Result<TlogPolicy, PolicyError> {
        let named = self.quorum.ok_or(PolicyError::NoQuorum)?;
        let quorum = (named != NONE).then_some(named);
        Ok(TlogPolicy { logs: self.logs, witnesses: self.witnesses, groups: self.groups, quorum })
    }
}

fn bounded(so_far: usize) -> Result<(), LineError> {
    if so_far < limits::TLOG_POLICY_NAMES {
        Ok(())
    } else {
        Err(LineError::TooMany { limit: limits::TLOG_POLICY_NAMES })
    }
}

/// Why bytes are not a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// Larger than we read.
    #[error("a policy has at most {limit} bytes, found {found}")]
    TooLarge {
        /// The bound.
        limit: usize,
        /// How many there are.
        found: usize,
    },
    /// Not UTF-8, or a control character.
    #[error("a policy is UTF-8 text without control characters besides tab and newline")]
    Text,
    /// The last line does not end.
    #[error("every line of a policy ends in a newline, the last one too")]
    LastLine,
    /// A line that does not do.
    #[error("line {line}: {why}")]
    Line {
        /// Which, from 1.
        line: usize,
        /// What is wrong with it.
        why: LineError,
    },
    /// A part that does not do, where the policy is no file.
    #[error(transparent)]
    Part(LineError),
    /// No line says what the quorum is.
    #[error("no line says what the quorum is; `quorum none` is the one that asks for no witness")]
    NoQuorum,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// None of the forms.
    #[error(
        "a line is `log KEY [URL]`, `witness NAME KEY [URL]`, `group NAME all|any|NUMBER MEMBER…` or `quorum NAME`"
    )]
    Form,
    /// A key that does not parse.
    #[error(transparent)]
    Key(#[from] NoteKeyError),
    /// A name that cannot be defined.
    #[error("{name:?} cannot be the name of a witness or group")]
    Name {
        /// The name.
        name: String,
    },
    /// A name that no earlier line defines.
    #[error("{name:?} is not defined on an earlier line")]
    Unknown {
        /// The name.
        name: String,
    },
    /// Something that may be there once.
    #[error("{what} is there twice")]
    Twice {
        /// What.
        what: String,
    },
    /// A threshold of none, or of more than there are.
    #[error("the threshold of a group is `any`, `all`, or 1 to the number of its members")]
    Threshold,
    /// More of a kind than we read.
    #[error("more than {limit} of a kind")]
    TooMany {
        /// The bound.
        limit: usize,
    },
}

/// Why a policy does not accept a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyRefused {
    /// No log of the policy has signed it, or a known key's line does not hold.
    #[error(transparent)]
    Log(super::note::NoteRefused),
    /// A known witness's line does not hold.
    #[error(transparent)]
    Witness(super::cosignature::CosignatureRefused),
    /// Too few have cosigned it.
    #[error("the quorum {quorum} has not cosigned; these have: {cosigned:?}")]
    Quorum {
        /// The name of the quorum.
        quorum: String,
        /// The names of those who have.
        cosigned: Vec<String>,
    },
}

#[cfg(test)]
mod tests {
    use super::super::checkpoint::Checkpoint;
    use super::super::cosignature::cosign;
    use super::super::merkle;
    use super::super::note::tests::{toy, toy_holds};
    use super::*;
    use crate::ids::Origin;
    use proptest::prelude::*;

    fn witness(n: u8) -> WitnessKey {
        let toy = toy(&format!("witness.example/w{n}"), n);
        WitnessKey::new(toy.0.name().clone(), *toy.0.public())
    }

    fn two_levels() -> String {
        let log = toy("example.com/log", 200).0;
        let line = |name: &str, n: u8| format!("witness {name} {}\n", witness(n));
        [
            format!("# a comment\n\n  log {log} https://log.example/\n"),
            line("X1", 1) + &line("X2", 2) + &line("X3", 3),
            "group X 2 X1 X2 X3\n".to_owned(),
            line("Y1", 4) + &line("Y2", 5),
            "\tgroup\tY any Y1 Y2\n".to_owned(),
            "group both all X Y\nquorum both\n".to_owned(),
        ]
        .concat()
    }

    #[test]
    fn two_levels_of_groups_are_met_as_the_specification_says() {
        let policy = TlogPolicy::parse(two_levels().as_bytes()).unwrap();
        let met = |names: &[&str]| policy.is_met_by(&names.iter().copied().collect());
        assert!(met(&["X1", "X3", "Y2"]) && met(&["X1", "X2", "X3", "Y1", "Y2"]));
        assert!(!met(&["X1", "Y1", "Y2"]) && !met(&["X1", "X2", "X3"]) && !met(&[]));
        assert!(!met(&["both"]) && !met(&["X", "Y"]), "a group cannot be said to have cosigned");
        assert_eq!(TlogPolicy::parse(policy.to_string().as_bytes()), Ok(policy));
        assert!(TlogPolicy::parse(b"quorum none\n").unwrap().is_met_by(&BTreeSet::new()));
    }

    #[test]
    fn a_checkpoint_needs_the_log_and_the_quorum() {
        let policy = TlogPolicy::parse(two_levels().as_bytes()).unwrap();
        let origin = Origin::new("example.com/log").unwrap();
        let mut note =
            Checkpoint { origin, size: 1, root: merkle::leaf_hash(b"x") }.sign(&toy("example.com/log", 200)).unwrap();
        let time = Time::from_unix(5).unwrap();
        let accept = |note: &super::super::note::Note| {
            policy.accept(&UnverifiedCheckpoint::parse(note.to_string().as_bytes()).unwrap(), &toy_holds)
        };
        for n in [1, 2, 9] {
            note.add(cosign(note.text(), &toy(&format!("witness.example/w{n}"), n), time).unwrap());
        }
        let refused = accept(&note);
        assert!(
            matches!(&refused, Err(PolicyRefused::Quorum { cosigned, .. }) if cosigned == &["X1", "X2"]),
            "{refused:?}"
        );
        note.add(cosign(note.text(), &toy("witness.example/w4", 4), time).unwrap());
        assert_eq!(accept(&note).unwrap().witnesses.len(), 3);
        let bare = TlogPolicy::parse(format!("log {}\nquorum none\n", toy("example.com/log", 9).0).as_bytes()).unwrap();
        let read = UnverifiedCheckpoint::parse(note.to_string().as_bytes()).unwrap();
        assert!(matches!(bare.accept(&read, &toy_holds), Err(PolicyRefused::Log(_))));
        let no_logs = TlogPolicy::parse(b"quorum none\n").unwrap();
        assert!(no_logs.accept(&read, &toy_holds).is_err(), "a policy without logs accepts no log");
    }

    #[test]
    fn policies_that_contradict_themselves_are_refused() {
        let (one, two) = (witness(1), witness(2));
        let log = toy("example.com/log", 200).0;
        let both = format!("witness a {one}\nwitness b {two}\n");
        for bad in [
            String::new(),
            "quorum none".to_owned(),
            both.clone(),
            "quorum nobody\n".to_owned(),
            "quorum none\nquorum none\n".to_owned(),
            "quorum none more\n".to_owned(),
            "quorom none\n".to_owned(),
            "quorum none\r\n".to_owned(),
            format!("{both}group g 0 a b\nquorum g\n"),
            format!("{both}group g 3 a b\nquorum g\n"),
            format!("{both}group g 01 a b\nquorum g\n"),
            format!("{both}group g all\nquorum g\n"),
            format!("{both}group g all a a\nquorum g\n"),
            format!("{both}group g all a\ngroup h all a b\nquorum h\n"),
            format!("{both}group g all a none\nquorum g\n"),
            format!("{both}group none all a\nquorum none\n"),
            format!("{both}group a all b\nquorum a\n"),
            format!("group g all a\n{both}quorum g\n"),
            format!("witness a {one}\nwitness b {one}\nquorum none\n"),
            format!("witness a {log}\nquorum none\n"),
            format!("log {one}\nquorum none\n"),
            format!("log {log}\nlog {log}\nquorum none\n"),
            format!("log {log} https://a https://b\nquorum none\n"),
        ] {
            assert!(TlogPolicy::parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
        let many: Vec<String> = (0..=255_u8).map(|n| format!("witness w{n} {}\n", witness(n))).collect();
        let many = many.concat();
        assert!(TlogPolicy::parse(format!("{many}quorum none\n").as_bytes()).is_ok());
        let one_more = WitnessKey::new(Origin::new("w").unwrap(), [255; 32]);
        let more = toy("w256", 1).0;
        let other = WitnessKey::new(more.name().clone(), *crate::digest::Sha256::of(b"w").as_bytes());
        assert!(TlogPolicy::parse(format!("{many}witness w256 {other}\nquorum none\n").as_bytes()).is_err());
        assert!(TlogPolicy::parse(format!("{many}witness w256 {one_more}\nquorum none\n").as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_and_what_parses_reads_back(
            lines in proptest::collection::vec("(log|witness|group|quorum|#|none|any|all|[0-9]{1,3}|[a-c]|\t| ){0,8}", 0..6),
            bytes in proptest::collection::vec(any::<u8>(), 0..80),
        ) {
            let text = format!("{}\n{}\nquorum none\n", two_levels().replace("quorum both\n", ""), lines.join("\n"));
            for input in [text.as_bytes(), &bytes] {
                if let Ok(policy) = TlogPolicy::parse(input) {
                    prop_assert_eq!(TlogPolicy::parse(policy.to_string().as_bytes()), Ok(policy));
                }
            }
        }
    }
}
