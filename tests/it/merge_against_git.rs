//! The merge by rule 1 against git's own merge, over random small repositories with fixed seeds.
//!
//! What the rule gives as clean must be clean for git and the same tree. The other way round a difference only costs
//! proofs, so there it is the share that is checked. `COUNTERSIGN_MERGE_CASES` sets the number of cases; the scores are
//! printed then.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test of its own, and what fails here is the test")]

use countersign_core::git::merge::{Merge, merge_trees};
use countersign_core::git::{Commit, Entry, Mode, Object, ObjectFormat, ObjectKind, ObjectSet, Oid, Tree};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

const FORMAT: ObjectFormat = ObjectFormat::Sha1;
const WHO: &str = "A <a@example.com> 1700000000 +0000";

#[test]
fn no_merge_by_the_rule_differs_from_gits() {
    let cases = std::env::var("COUNTERSIGN_MERGE_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(360);
    let cases: Vec<Case> = (0..cases).map(Case::make).collect();
    let mut objects = ObjectSet::new();
    let ids: Vec<[Ids; 3]> = cases.iter().map(|case| case.store(&mut objects)).collect();
    let answers = ask_git(&cases, &ids);

    let mut scores: BTreeMap<Mix, Score> = BTreeMap::new();
    for ((case, [base, ours, theirs]), answer) in cases.iter().zip(&ids).zip(&answers) {
        let merge = merge_trees(&objects, Some(&base.tree), &ours.tree, &theirs.tree).unwrap();
        let swapped = merge_trees(&objects, Some(&base.tree), &theirs.tree, &ours.tree).unwrap();
        assert_eq!(merge, swapped, "{case:?}");
        let score = scores.entry(case.mix).or_default();
        score.cases += 1;
        score.clean_for_git += u32::from(answer.clean);
        if let Merge::Clean { tree, .. } = merge {
            assert!(answer.clean, "git sees a conflict in {case:?}");
            assert_eq!(tree, answer.tree, "git makes another tree of {case:?}");
            score.proven += 1;
        }
    }
    for (mix, score) in &scores {
        let least = if *mix == Mix::Renames { 60 } else { 90 };
        assert!(score.clean_for_git * 3 > score.cases, "{mix:?}: too few clean merges to say anything: {score:?}");
        assert!(score.proven * 100 >= score.clean_for_git * least, "{mix:?}: {score:?}");
    }
    if std::env::var_os("COUNTERSIGN_MERGE_CASES").is_some() {
        for (mix, Score { cases, clean_for_git, proven }) in &scores {
            let mix = mix.name();
            writeln!(std::io::stderr(), "{mix}: {cases} cases, {clean_for_git} clean for git, {proven} proven")
                .unwrap();
        }
    }
}

/// What the sides of a case do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mix {
    /// Edits, additions, deletions and mode changes in several folders.
    Files,
    /// The same, and renames of files and folders.
    Renames,
    /// One file with few different lines, edited on both sides.
    Text,
}

impl Mix {
    fn name(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Renames => "files and renames",
            Self::Text => "repetitive text",
        }
    }
}

#[derive(Debug, Default)]
struct Score {
    cases: u32,
    clean_for_git: u32,
    proven: u32,
}

type Files = BTreeMap<String, (Mode, String)>;

/// Base, ours and theirs.
#[derive(Debug)]
struct Case {
    mix: Mix,
    trees: [Files; 3],
}

#[derive(Clone, Copy)]
struct Ids {
    tree: Oid,
    commit: Oid,
}

impl Case {
    fn make(seed: u64) -> Self {
        let mix = [Mix::Files, Mix::Renames, Mix::Text][usize::try_from(seed % 3).unwrap()];
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let base = if mix == Mix::Text { random.one_file() } else { random.files() };
        let [mut ours, mut theirs] = [base.clone(), base.clone()];
        for (side, files) in [&mut ours, &mut theirs].into_iter().enumerate() {
            for _ in 0..=random.below(3) {
                match mix {
                    Mix::Text => random.edit(files),
                    Mix::Files | Mix::Renames => random.change(files, mix == Mix::Renames, side),
                }
            }
        }
        Self { mix, trees: [base, ours, theirs] }
    }

    /// Puts trees, blobs and commits into the set: two commits on top of the base.
    fn store(&self, objects: &mut ObjectSet) -> [Ids; 3] {
        let mut parents = Vec::new();
        self.trees.each_ref().map(|files| {
            let files = files.iter().map(|(path, file)| (path.as_str(), file)).collect();
            let tree = store_folder(objects, files);
            let bytes = Commit::encode(&tree, &parents, WHO.as_bytes(), WHO.as_bytes(), b"case\n");
            let commit = objects.insert(FORMAT, Object::new(ObjectKind::Commit, bytes)).unwrap();
            if parents.is_empty() {
                parents.push(commit);
            }
            Ids { tree, commit }
        })
    }
}

fn store_folder(objects: &mut ObjectSet, files: BTreeMap<&str, &(Mode, String)>) -> Oid {
    let mut entries = Vec::new();
    let mut folders: BTreeMap<&str, BTreeMap<&str, &(Mode, String)>> = BTreeMap::new();
    for (path, file) in files {
        if let Some((folder, rest)) = path.split_once('/') {
            folders.entry(folder).or_default().insert(rest, file);
        } else {
            let id = objects.insert(FORMAT, Object::new(ObjectKind::Blob, file.1.as_bytes())).unwrap();
            entries.push(Entry { mode: file.0, name: path.into(), id });
        }
    }
    for (folder, files) in folders {
        let id = store_folder(objects, files);
        entries.push(Entry { mode: Mode::Directory, name: folder.into(), id });
    }
    let tree = Tree::new(entries).unwrap();
    objects.insert(FORMAT, Object::new(ObjectKind::Tree, tree.encode())).unwrap()
}

struct Answer {
    clean: bool,
    tree: Oid,
}

/// Builds the same commits with git in a new bare repository and merges each pair.
fn ask_git(cases: &[Case], ids: &[[Ids; 3]]) -> Vec<Answer> {
    let home = tempfile::tempdir().unwrap();
    let git = |args: &[&str], input: &[u8]| run_git(home.path(), args, input);
    git(&["init", "--quiet", "--bare", "."], b"");
    git(&["fast-import", "--quiet", "--force"], &import_stream(cases));
    // Git and we must mean the same commits: where an id differs, git does not know it, and the merge fails.
    let pairs: String =
        ids.iter().flat_map(|[_, o, t]| [o.commit.hex(), " ".into(), t.commit.hex(), "\n".into()]).collect();
    let output = git(&["merge-tree", "--write-tree", "--stdin", "--name-only", "--no-messages"], pairs.as_bytes());
    let mut fields = output.split(|b| *b == 0).map(|field| std::str::from_utf8(field).unwrap());
    let answers = ids.iter().map(|_| {
        let clean = fields.next() == Some("1");
        let tree = Oid::from_hex(fields.next().unwrap()).unwrap();
        // The names of conflicts, then an empty field.
        while fields.next().is_some_and(|name| !name.is_empty()) {}
        Answer { clean, tree }
    });
    answers.collect()
}

fn import_stream(cases: &[Case]) -> Vec<u8> {
    let mut out = Vec::new();
    for (n, case) in cases.iter().enumerate() {
        for (m, files) in case.trees.iter().enumerate() {
            out.extend_from_slice(b"reset refs/heads/x\n");
            let from = if m == 0 { String::new() } else { format!("from :{}\n", n * 3 + 1) };
            let mark = n * 3 + m + 1;
            let head = format!("commit refs/heads/x\nmark :{mark}\ncommitter {WHO}\ndata 5\ncase\n{from}deleteall\n");
            out.extend_from_slice(head.as_bytes());
            for (path, (mode, content)) in files {
                let file = format!("M {} inline {path}\ndata {}\n{content}\n", mode.as_str(), content.len());
                out.extend_from_slice(file.as_bytes());
            }
        }
    }
    out
}

/// Runs git in a folder of its own, with no configuration but the built-in one.
#[expect(clippy::disallowed_methods, reason = "git is the oracle of this test")]
fn run_git(home: &std::path::Path, args: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("git")
        .args(args)
        .current_dir(home)
        .env("HOME", home)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_DIR", home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        // Git answers while it still reads.
        scope.spawn(move || stdin.write_all(input).unwrap());
        child.wait_with_output().unwrap()
    });
    assert!(output.status.success(), "git {args:?}: {}", output.status);
    output.stdout
}

/// Numbers from a seed, the same on every machine (`SplitMix64`).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(n.max(1)).unwrap()).unwrap()
    }

    /// A line: half of them are of the few that stand in every file.
    fn line(&mut self) -> String {
        match self.below(2) {
            0 => ["}", "", "    return", "{", "    x += 1"][self.below(5)].to_owned(),
            _ => format!("line {}", self.below(10_000)),
        }
    }

    fn text(&mut self, lines: usize) -> String {
        let mut text: String = (0..lines).map(|_| self.line() + "\n").collect();
        if self.below(8) == 0 {
            text.pop();
        }
        text
    }

    fn one_file(&mut self) -> Files {
        let lines = 12 + self.below(40);
        Files::from([("f".to_owned(), (Mode::File, self.text(lines)))])
    }

    fn files(&mut self) -> Files {
        let count = 6 + self.below(10);
        let mut files = Files::new();
        for _ in 0..count {
            let path = self.path();
            let lines = 4 + self.below(30);
            let text = self.text(lines);
            add(&mut files, path, (Mode::File, text));
        }
        files
    }

    fn path(&mut self) -> String {
        let name = format!("f{}", self.below(30));
        match self.below(4) {
            0 => name,
            1 => format!("d{}/{name}", self.below(3)),
            _ => format!("d{}/e{}/{name}", self.below(3), self.below(3)),
        }
    }

    /// Replaces, removes or inserts a few lines at one place of one file.
    fn edit(&mut self, files: &mut Files) {
        let Some(path) = self.pick(files) else { return };
        let Some((Mode::File | Mode::Executable, content)) = files.get_mut(&path) else { return };
        let mut lines: Vec<String> = content.split_inclusive('\n').map(str::to_owned).collect();
        let at = self.below(lines.len() + 1);
        let end = (at + self.below(4)).min(lines.len());
        let new: Vec<String> = (0..self.below(3)).map(|_| self.line() + "\n").collect();
        lines.splice(at..end, new);
        // Only the last line may lack its newline.
        let last = lines.len().saturating_sub(1);
        for line in lines.iter_mut().take(last).filter(|l| !l.ends_with('\n')) {
            line.push('\n');
        }
        *content = lines.concat();
    }

    fn pick(&mut self, files: &Files) -> Option<String> {
        let n = self.below(files.len());
        files.keys().nth(n).cloned()
    }

    fn change(&mut self, files: &mut Files, renames: bool, side: usize) {
        let Some(path) = self.pick(files) else { return };
        match self.below(if renames { 16 } else { 12 }) {
            0 => {
                files.remove(&path);
            }
            1 => {
                // Long and of one side's own lines, so that it is nobody's copy.
                let lines: Vec<String> = (0..20).map(|n| format!("side {side} {n} {}\n", self.below(1000))).collect();
                let text = lines.concat();
                let path = self.path();
                add(files, path, (Mode::File, text));
            }
            2 => {
                if let Some((mode, _)) = files.get_mut(&path) {
                    *mode = [Mode::Executable, Mode::Symlink, Mode::Executable][self.below(3)];
                }
            }
            3 => {
                // A file becomes a folder.
                if let Some(file) = files.remove(&path) {
                    add(files, format!("{path}/inner"), file);
                }
            }
            4..=11 => self.edit(files),
            12 | 13 => {
                let to = self.path();
                if let Some(file) = files.remove(&path) {
                    add(files, to, file);
                }
            }
            _ => {
                let from = format!("d{}/", self.below(3));
                let to = format!("d{}/", 3 + self.below(3));
                let moved: Vec<String> = files.keys().filter(|p| p.starts_with(&from)).cloned().collect();
                for path in moved {
                    if let Some(file) = files.remove(&path) {
                        add(files, path.replacen(&from, &to, 1), file);
                    }
                }
            }
        }
    }
}

/// Adds a file, unless one of its folders is a file or it is a folder itself.
fn add(files: &mut Files, path: String, file: (Mode, String)) {
    let inside = format!("{path}/");
    let blocked = files.keys().any(|p| p.starts_with(&inside) || path.starts_with(&format!("{p}/")));
    if !blocked {
        files.insert(path, file);
    }
}
