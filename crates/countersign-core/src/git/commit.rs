//! Commits: headers, the bytes that a signature covers, and the identities that the text claims.
//!
//! A header or trailer never proves who somebody is. It is read so that a claimed author can be counted against an
//! approval, which is why co-authors are looked for in every line of the message, not in its last paragraph only.

use super::object::{Lines, ObjectError, bound, parse_id, value};
use super::oid::{ObjectFormat, Oid};
use crate::limits;

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The root folder.
    pub tree: Oid,
    /// The parents, in order.
    pub parents: Vec<Oid>,
    /// The author line.
    pub author: Identity,
    /// The committer line.
    pub committer: Identity,
    /// The message's encoding, if the commit names one.
    pub encoding: Option<Vec<u8>>,
    /// The signature, if there is one for the hash that names this commit: the header `gpgsig`, or `gpgsig-sha256`.
    pub signature: Option<Vec<u8>>,
    /// What the signature covers: the commit without any signature header, exactly as git hands it to the verifier.
    pub payload: Vec<u8>,
    /// Everything after the empty line.
    pub message: Vec<u8>,
}

/// An author or committer line, taken apart without interpretation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The line's value as it stands.
    pub raw: Vec<u8>,
    /// What stands before the first `<`, without the spaces around it.
    pub name: Vec<u8>,
    /// What stands between the first `<` and the last `>`.
    pub email: Vec<u8>,
    /// What stands after the last `>`, without the spaces around it: seconds and a time zone, and easily forged.
    pub time: Vec<u8>,
}

impl Commit {
    /// Reads the bytes of a commit object.
    pub fn parse(format: ObjectFormat, bytes: &[u8]) -> Result<Self, ObjectError> {
        bound("bytes of an object", bytes.len(), limits::GIT_OBJECT_BYTES)?;
        let mut lines = Lines { rest: bytes, at: 0 };
        let (at, tree) = lines.header("tree")?;
        let tree = parse_id(format, at, tree)?;
        let parents = parents(format, &mut lines)?;
        let (at, author) = lines.header("author")?;
        let author = Identity::parse(at, author)?;
        let (at, committer) = lines.header("committer")?;
        let committer = Identity::parse(at, committer)?;
        let head = bytes.get(..lines.at).unwrap_or(bytes);
        let more = Extra::read(&mut lines)?;
        let signature = match format {
            ObjectFormat::Sha1 => more.gpgsig,
            ObjectFormat::Sha256 => more.gpgsig_sha256,
        };
        let message = lines.rest.to_vec();
        Ok(Self {
            tree,
            parents,
            author,
            committer,
            encoding: more.encoding,
            signature,
            payload: [head, &more.kept, b"\n", &message].concat(),
            message,
        })
    }

    /// The bytes of an unsigned commit.
    #[must_use]
    pub fn encode(tree: &Oid, parents: &[Oid], author: &[u8], committer: &[u8], message: &[u8]) -> Vec<u8> {
        let mut out = format!("tree {tree}\n").into_bytes();
        for parent in parents {
            out.extend_from_slice(format!("parent {parent}\n").as_bytes());
        }
        out.extend_from_slice(&[b"author ", author, b"\ncommitter ", committer, b"\n\n", message].concat());
        out
    }

    /// What stands after `Co-authored-by:`, in any case, at the start of a line of the message.
    #[must_use]
    pub fn co_authors(&self) -> Vec<&[u8]> {
        self.trailers(b"co-authored-by:")
    }

    /// Who a trailer says reviewed it: `Reviewed-by:`, `Approved-by:` or `Acked-by:`. Whoever commits writes these.
    #[must_use]
    pub fn claimed_reviewers(&self) -> Vec<&[u8]> {
        let keys: [&[u8]; 3] = [b"reviewed-by:", b"approved-by:", b"acked-by:"];
        keys.iter().flat_map(|key| self.trailers(key)).collect()
    }

    fn trailers(&self, wanted: &[u8]) -> Vec<&[u8]> {
        self.message
            .split(|b| matches!(b, b'\n' | b'\r'))
            .map(<[u8]>::trim_ascii)
            .filter_map(|line| line.split_at_checked(wanted.len()))
            .filter(|(key, _)| key.eq_ignore_ascii_case(wanted))
            .map(|(_, who)| who.trim_ascii())
            .collect()
    }
}

impl Identity {
    /// The value of an author or committer line, or of a trailer; `at` is where it stands.
    pub fn parse(at: usize, raw: &[u8]) -> Result<Self, ObjectError> {
        let wrong = || ObjectError::Identity { at };
        let open = raw.iter().position(|b| *b == b'<').ok_or_else(wrong)?;
        let close = raw.iter().rposition(|b| *b == b'>').ok_or_else(wrong)?;
        let piece = |from: usize, to: usize| raw.get(from..to).ok_or_else(wrong);
        Ok(Self {
            raw: raw.to_vec(),
            name: piece(0, open)?.trim_ascii().to_vec(),
            email: piece(open.saturating_add(1), close)?.to_vec(),
            time: piece(close.saturating_add(1), raw.len())?.trim_ascii().to_vec(),
        })
    }

    /// Seconds since 1970, as the line claims.
    #[must_use]
    pub fn seconds(&self) -> Option<i64> {
        let first = self.time.split(|b| *b == b' ').next()?;
        std::str::from_utf8(first).ok()?.parse().ok()
    }
}

fn parents(format: ObjectFormat, lines: &mut Lines<'_>) -> Result<Vec<Oid>, ObjectError> {
    let mut out = Vec::new();
    while value(lines.rest, "parent").is_some() {
        bound("parents of a commit", out.len().saturating_add(1), limits::GIT_PARENTS)?;
        let (at, parent) = lines.header("parent")?;
        out.push(parse_id(format, at, parent)?);
    }
    Ok(out)
}

/// The headers after the committer: known ones by name, the others only kept.
#[derive(Default)]
struct Extra {
    encoding: Option<Vec<u8>>,
    gpgsig: Option<Vec<u8>>,
    gpgsig_sha256: Option<Vec<u8>>,
    /// The lines that a signature covers.
    kept: Vec<u8>,
}

/// Where a continuation line belongs.
#[derive(Clone, Copy)]
enum Target {
    Nothing,
    Kept,
    Gpgsig,
    GpgsigSha256,
    /// Another header whose name starts with `gpgsig`: git keeps it from the verifier, so it is covered by nothing.
    Dropped,
}

impl Extra {
    fn read(lines: &mut Lines<'_>) -> Result<Self, ObjectError> {
        let mut out = Self::default();
        let mut into = Target::Nothing;
        loop {
            let end = ObjectError::HeaderLine { at: lines.at };
            let (at, line) = lines.next().ok_or(end)?;
            if line.is_empty() {
                return Ok(out);
            }
            if let Some(rest) = line.strip_prefix(b" ") {
                out.continuation(into, at, line, rest)?;
            } else {
                into = out.header(at, line)?;
            }
        }
    }

    fn header(&mut self, at: usize, line: &[u8]) -> Result<Target, ObjectError> {
        if !line.contains(&b' ') {
            return Err(ObjectError::HeaderLine { at });
        }
        if let Some(first) = value(line, "gpgsig") {
            once(&mut self.gpgsig, "gpgsig", at, [first, b"\n"].concat())?;
            return Ok(Target::Gpgsig);
        }
        if let Some(first) = value(line, "gpgsig-sha256") {
            once(&mut self.gpgsig_sha256, "gpgsig-sha256", at, [first, b"\n"].concat())?;
            return Ok(Target::GpgsigSha256);
        }
        if line.starts_with(b"gpgsig") {
            return Ok(Target::Dropped);
        }
        for header in ["tree", "parent", "author", "committer"] {
            if value(line, header).is_some() {
                return Err(ObjectError::Repeated { header, at });
            }
        }
        if let Some(encoding) = value(line, "encoding") {
            once(&mut self.encoding, "encoding", at, encoding.to_vec())?;
        }
        self.keep(line);
        Ok(Target::Kept)
    }

    fn continuation(&mut self, into: Target, at: usize, line: &[u8], rest: &[u8]) -> Result<(), ObjectError> {
        let signature = match into {
            Target::Nothing => return Err(ObjectError::HeaderLine { at }),
            Target::Dropped => return Ok(()),
            Target::Kept => {
                self.keep(line);
                return Ok(());
            }
            Target::Gpgsig => self.gpgsig.as_mut(),
            Target::GpgsigSha256 => self.gpgsig_sha256.as_mut(),
        };
        if let Some(signature) = signature {
            signature.extend_from_slice(rest);
            signature.push(b'\n');
        }
        Ok(())
    }

    fn keep(&mut self, line: &[u8]) {
        self.kept.extend_from_slice(line);
        self.kept.push(b'\n');
    }
}

fn once(slot: &mut Option<Vec<u8>>, header: &'static str, at: usize, text: Vec<u8>) -> Result<(), ObjectError> {
    if slot.is_some() {
        return Err(ObjectError::Repeated { header, at });
    }
    *slot = Some(text);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "ce013625030ba8dba906f756967f9e9ca394464a";
    const WHO: &str = "A U Thor <a@example.com> 1700000000 +0200";

    fn commit(extra: &str, message: &str) -> Result<Commit, ObjectError> {
        let text = format!("tree {ID}\nparent {ID}\nauthor {WHO}\ncommitter {WHO}\n{extra}\n{message}");
        Commit::parse(ObjectFormat::Sha1, text.as_bytes())
    }

    #[test]
    fn what_is_written_reads_back() {
        let id = Oid::from_hex(ID).unwrap();
        let bytes = Commit::encode(&id, &[id, id], WHO.as_bytes(), b"C <c@d> 5 +0000", b"subject\n");
        let commit = Commit::parse(ObjectFormat::Sha1, &bytes).unwrap();
        assert_eq!(commit.parents.len(), 2);
        assert_eq!(
            (commit.author.name.as_slice(), commit.author.email.as_slice()),
            (b"A U Thor".as_slice(), b"a@example.com".as_slice())
        );
        assert_eq!((commit.author.seconds(), commit.committer.seconds()), (Some(1_700_000_000), Some(5)));
        assert_eq!((commit.payload, commit.message.as_slice()), (bytes, b"subject\n".as_slice()));
        assert_eq!(commit.signature, None);
    }

    #[test]
    fn a_signature_covers_the_commit_without_any_signature_header() {
        let signed = commit(
            "mergetag object x\n type commit\n \ngpgsig -----BEGIN SSH SIGNATURE-----\n AAAA\n -----END SSH SIGNATURE-----\ngpgsig-sha256 other\n more\nencoding ISO-8859-1\n",
            "m\n gpgsig not a header\n",
        )
        .unwrap();
        assert_eq!(
            signed.signature.as_deref(),
            Some(b"-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n".as_slice())
        );
        let plain =
            commit("mergetag object x\n type commit\n \nencoding ISO-8859-1\n", "m\n gpgsig not a header\n").unwrap();
        assert_eq!(plain.signature, None);
        assert_eq!(signed.payload, plain.payload);
        assert_eq!(plain.encoding.as_deref(), Some(b"ISO-8859-1".as_slice()));
    }

    #[test]
    fn two_signatures_two_trees_and_loose_continuations_are_refused() {
        assert!(matches!(commit("gpgsig a\ngpgsig b\n", ""), Err(ObjectError::Repeated { header: "gpgsig", .. })));
        assert!(matches!(commit(&format!("tree {ID}\n"), ""), Err(ObjectError::Repeated { header: "tree", .. })));
        assert!(matches!(commit(" loose\n", ""), Err(ObjectError::HeaderLine { .. })));
        assert!(matches!(commit("word\n", ""), Err(ObjectError::HeaderLine { .. })));
        let no_end = format!("tree {ID}\nauthor {WHO}\ncommitter {WHO}\n");
        assert!(matches!(Commit::parse(ObjectFormat::Sha1, no_end.as_bytes()), Err(ObjectError::HeaderLine { .. })));
    }

    #[test]
    fn more_parents_than_the_bound_are_refused() {
        let id = Oid::from_hex(ID).unwrap();
        let bytes = Commit::encode(&id, &vec![id; limits::GIT_PARENTS + 1], b"a <> 1", b"a <> 1", b"");
        assert!(matches!(Commit::parse(ObjectFormat::Sha1, &bytes), Err(ObjectError::TooMany { .. })));
    }

    #[test]
    fn co_authors_are_found_in_any_case_and_in_every_line() {
        let found =
            commit("", "s\n\nCo-authored-by: B <b@x>\nbody\r\n  CO-AUTHORED-BY:C <c@x>  \n> Co-authored-by: quoted\n")
                .unwrap();
        assert_eq!(found.co_authors(), [b"B <b@x>".as_slice(), b"C <c@x>"]);
        assert!(found.claimed_reviewers().is_empty());
        let found = commit("", "s\n\nACKED-BY: C <c@x>\nReviewed-by: B <b@x>\n").unwrap();
        assert_eq!(found.claimed_reviewers(), [b"B <b@x>".as_slice(), b"C <c@x>"]);
    }

    #[test]
    fn an_identity_without_brackets_is_refused_and_an_odd_one_is_kept() {
        assert_eq!(Identity::parse(9, b"nobody 5"), Err(ObjectError::Identity { at: 9 }));
        assert_eq!(Identity::parse(9, b"> <"), Err(ObjectError::Identity { at: 9 }));
        let odd = Identity::parse(0, b"a <b> <c> x").unwrap();
        assert_eq!((odd.email.as_slice(), odd.seconds()), (b"b> <c".as_slice(), None));
    }
}
