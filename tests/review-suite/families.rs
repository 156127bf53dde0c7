//! Which family of the list a case belongs to.

use super::Case;

/// The families, in the order of the list.
pub const FAMILIES: [&str; 8] =
    ["identity", "stale", "robots", "trust", "graph", "completeness", "content", "evidence"];

const NUMBERS: [(&str, &[u32]); 8] = [
    ("identity", &[1, 2, 3, 8, 9, 10, 44, 45, 48, 55, 58]),
    ("stale", &[4, 5, 6, 7, 33, 34, 36, 37, 39, 56, 57]),
    ("robots", &[11, 12, 13, 14, 15, 16, 17, 60]),
    ("trust", &[18, 19, 20, 21, 22]),
    ("graph", &[23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 35, 42, 43, 51, 52, 59]),
    ("completeness", &[38, 53, 54]),
    ("content", &[40, 41]),
    ("evidence", &[46, 47, 49, 50]),
];

/// Cases of ours, and the honest twins, by the beginning of their names.
const OTHERS: [(&str, &[&str]); 8] = [
    (
        "identity",
        &[
            "R04",
            "R09",
            "+outsider",
            "+two-keys",
            "+forge-outsider",
            "+forge-helper",
            "+forge-renamed",
            "+forge-identical",
            "+forge-three",
            "+dsse",
        ],
    ),
    (
        "stale",
        &[
            "R01",
            "R02",
            "R03",
            "R06",
            "R07",
            "R08",
            "R11",
            "R14",
            "R18",
            "R36",
            "+answered",
            "+after",
            "+drift",
            "+forge-forced",
            "+forge-pushed",
            "+forge-dismissed",
            "+forge-settled",
            "+forge-retargeted",
            "+forge-reopened",
            "+forge-tree",
            "+forge-landing",
            "+forge-drift",
        ],
    ),
    ("robots", &["R12", "R15", "+forge-named", "+forge-remarks", "+forge-robot", "+forge-agent", "+robot-size"]),
    ("trust", &["+forge-any", "+forge-late-rules", "+trust-then"]),
    (
        "graph",
        &[
            "R10",
            "R19",
            "R40",
            "R41",
            "R42",
            "R43",
            "R44",
            "R45",
            "R46",
            "R47",
            "R50",
            "R51",
            "R52",
            "R53",
            "R54",
            "R55",
            "R56",
            "R57",
            "R58",
            "R60",
            "R61",
            "R62",
            "R63",
            "R64",
            "R65",
            "R66",
            "+criss",
            "+octopus",
            "+ours",
            "+revert",
            "+pull",
            "+flattened",
            "+no",
            "+merges",
            "+back",
            "+cut",
            "+backport",
            "+merged",
            "+queue",
            "+train",
            "+submodule",
            "+sha256",
            "+rewritten",
            "+clocks",
            "+dates",
            "+monorepo",
            "+merge",
            "+squash",
            "+rebase",
            "+ff",
            "+two",
            "+forge-merge",
            "+forge-squash",
            "+forge-rebase",
            "+forge-queue",
            "+forge-two",
            "+forge-ff",
            "+gitlab-merge",
            "+gate",
            "+tag",
            "+collision",
        ],
    ),
    ("completeness", &["+first", "+forge-pages"]),
    ("content", &["+rtl", "+emoji", "+allowed"]),
    (
        "evidence",
        &[
            "R05",
            "R13",
            "R16",
            "R17",
            "+forge-number",
            "R20",
            "R21",
            "R22",
            "R23",
            "R24",
            "R25",
            "R26",
            "R27",
            "R28",
            "R29",
            "R30",
            "R31",
            "R32",
            "R33",
            "R34",
            "R35",
            "+gittuf",
            "+forge-live",
            "+forge-signed",
            "+forge-other",
            "+evidence",
        ],
    ),
];

impl Case {
    /// The family of the list that it belongs to.
    ///
    /// # Panics
    /// If it is in none: every case has a place.
    #[must_use]
    pub fn family(&self) -> &'static str {
        let digits: String = self.id.chars().skip(1).take_while(char::is_ascii_digit).collect();
        let number = if self.id.starts_with('E') { digits.parse::<u32>().ok() } else { None };
        if let Some(number) = number {
            let found = NUMBERS.iter().find(|(_, numbers)| numbers.contains(&number));
            return found.map(|(family, _)| *family).expect("a number of the list");
        }
        let named = |name: &&&str| self.id == **name || self.id.starts_with(&format!("{name}-"));
        let best = OTHERS.iter().filter_map(|(family, names)| {
            names.iter().filter(named).map(|name| name.len()).max().map(|length| (length, *family))
        });
        best.max().map_or_else(|| panic!("{} is in no family", self.id), |(_, family)| family)
    }
}
