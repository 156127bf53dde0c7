//! The built-in functions that rules may call, each with what it costs. What is not listed here is refused before
//! anything is evaluated; what the engine has and this list leaves out is named with the reason.

use super::meter::{self, Guard};

/// What a call costs, beside one instruction: charged before it runs, from what it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cost {
    /// No more than a few numbers or short texts.
    Flat,
    /// The lengths of what it is given.
    Length,
    /// Everything inside what it is given.
    Whole,
    /// Everything inside what it is given, put into order.
    Keys,
    /// A name, or names one after the other, looked up.
    Get,
    /// Each part of the one held against each of the other.
    Pairs,
    /// A number read from text.
    Digits,
    /// Numbers multiplied.
    Product,
    /// As many elements as lie between two numbers.
    Range,
    /// A text as long as its parts, or as its widths say.
    Format,
    /// A text in which each match is replaced.
    Replace,
    /// A regular expression over a text.
    Regex,
    /// A number shifted by another.
    Shift,
    /// A time, which must not be that of the machine's own zone.
    Time,
}

/// A built-in function.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Builtin {
    /// Its name in Rego.
    pub name: &'static str,
    /// The engine's function behind a meter.
    pub(super) guard: Guard,
    /// Which argument is a regular expression.
    pub regex: Option<usize>,
}

macro_rules! builtins {
    (@regex) => { None };
    (@regex $regex:literal) => { Some($regex) };
    ($($name:literal $cost:ident $($regex:literal)?;)*) => {
        /// All of them.
        pub(super) const ALL: &[Builtin] = &[
            $(Builtin {
                name: $name,
                guard: |span, parameters, values, strict| meter::call($name, Cost::$cost, (span, parameters, values, strict)),
                regex: builtins!(@regex $($regex)?),
            },)*
        ];
    };
}

builtins! {
    "__builtin_sets.intersection" Keys;
    "__builtin_sets.union" Keys;
    "abs" Flat;
    "array.concat" Length;
    "array.reverse" Length;
    "array.slice" Length;
    "bits.and" Flat;
    "bits.lsh" Shift;
    "bits.negate" Flat;
    "bits.or" Flat;
    "bits.rsh" Shift;
    "bits.xor" Flat;
    "ceil" Flat;
    "concat" Format;
    "contains" Length;
    "count" Flat;
    "endswith" Length;
    "floor" Flat;
    "format_int" Flat;
    "indexof" Pairs;
    "indexof_n" Pairs;
    "intersection" Keys;
    "is_array" Flat;
    "is_boolean" Flat;
    "is_null" Flat;
    "is_number" Flat;
    "is_object" Flat;
    "is_set" Flat;
    "is_string" Flat;
    "json.filter" Keys;
    "json.remove" Keys;
    "lower" Length;
    "max" Whole;
    "min" Whole;
    "numbers.range" Range;
    "object.filter" Keys;
    "object.get" Get;
    "object.keys" Keys;
    "object.remove" Keys;
    "object.subset" Pairs;
    "object.union" Keys;
    "object.union_n" Keys;
    "product" Product;
    "regex.find_all_string_submatch_n" Regex 0;
    "regex.find_n" Regex 0;
    "regex.is_valid" Length;
    "regex.match" Regex 0;
    "regex.replace" Regex 1;
    "regex.split" Regex 0;
    "replace" Replace;
    "round" Flat;
    "semver.compare" Length;
    "semver.is_valid" Length;
    "sort" Keys;
    "split" Length;
    "sprintf" Format;
    "startswith" Length;
    "strings.any_prefix_match" Pairs;
    "strings.any_suffix_match" Pairs;
    "strings.count" Pairs;
    "strings.reverse" Length;
    "substring" Length;
    "sum" Length;
    "time.add_date" Flat;
    "time.clock" Time;
    "time.date" Time;
    "time.diff" Time;
    "time.format" Time;
    "time.now_ns" Flat;
    "time.parse_duration_ns" Length;
    "time.parse_ns" Length;
    "time.parse_rfc3339_ns" Length;
    "time.weekday" Time;
    "to_number" Digits;
    "trim" Pairs;
    "trim_left" Pairs;
    "trim_prefix" Length;
    "trim_right" Pairs;
    "trim_space" Length;
    "trim_suffix" Length;
    "type_name" Flat;
    "union" Keys;
    "units.parse" Digits;
    "units.parse_bytes" Digits;
    "upper" Length;
}

/// What the engine or OPA has and rules may not call, with the reason.
pub(crate) const REFUSED: &[(&str, &str)] = &[
    ("base64", "bytes are decoded before rules see them"),
    ("crypto", "digests and signatures are checked before rules see anything"),
    ("glob", "write a regular expression, or compare parts"),
    ("graph", "walk what the input says of edges with a helper, or ask for the fact in the input"),
    ("graphql", "it is not in this version's engine"),
    ("hex", "bytes are decoded before rules see them"),
    ("http", "a decision reads nothing but its arguments: no network"),
    ("io", "tokens are checked before rules see anything"),
    ("json.is_valid", "documents are read before rules see them"),
    ("json.marshal", "text made of a document is no stable form of it: compare the parts"),
    ("json.marshal_with_options", "text made of a document is no stable form of it: compare the parts"),
    ("json.match_schema", "documents are read before rules see them"),
    ("json.patch", "it is not in this version's engine"),
    ("json.unmarshal", "documents are read before rules see them"),
    ("json.verify_schema", "documents are read before rules see them"),
    ("net", "a decision reads nothing but its arguments: no network"),
    ("numbers.range_step", "take every n-th of `numbers.range`"),
    ("opa", "a decision depends on nothing of the machine that it is made on"),
    ("print", "a rule has no terminal: put what you want to see into what it denies"),
    ("providers", "a decision reads nothing but its arguments: no network"),
    ("rand", "the same arguments give the same decision"),
    ("regex.globs_match", "it is not in this version's engine"),
    ("regex.template_match", "write the regular expression itself"),
    ("rego", "a rule does not look at rules"),
    ("strings.render_template", "it is not in this version's engine"),
    ("strings.replace_n", "the order of replacements differs between engines: use `replace` for each"),
    ("test", "a rule does not wait"),
    ("trace", "a rule has no terminal: put what you want to see into what it denies"),
    ("urlquery", "addresses are read before rules see them"),
    ("uuid", "the same arguments give the same decision"),
    ("walk", "name the paths that the rule reads, so that a misspelt one is noticed"),
    ("yaml", "documents are read before rules see them"),
];

/// The function of this name, if rules may call it.
pub(crate) fn find(name: &str) -> Option<&'static Builtin> {
    ALL.iter().find(|builtin| builtin.name == name)
}

/// Those that rules may call by name, and those that they may not.
pub(crate) fn functions() -> (Vec<&'static str>, &'static [(&'static str, &'static str)]) {
    let named = |builtin: &&Builtin| !builtin.name.starts_with("__");
    (ALL.iter().filter(named).map(|builtin| builtin.name).collect(), REFUSED)
}

/// Why rules may not call a function of this name, if it is known.
pub(crate) fn refused(name: &str) -> Option<&'static str> {
    let family = |known: &str| name == known || name.strip_prefix(known).is_some_and(|rest| rest.starts_with('.'));
    REFUSED.iter().find(|(known, _)| family(known)).map(|(_, why)| *why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_of_the_engine_is_either_listed_or_refused_with_a_reason() {
        for name in regorus::unstable::BUILTINS.keys() {
            assert_ne!(find(name).is_some(), refused(name).is_some(), "{name} is neither, or both");
        }
        for builtin in ALL {
            assert!(regorus::unstable::BUILTINS.contains_key(builtin.name), "the engine has no {}", builtin.name);
        }
    }

    #[test]
    fn nothing_that_reaches_out_or_differs_from_run_to_run_is_listed() {
        for name in [
            "http.send",
            "rand.intn",
            "uuid.rfc4122",
            "opa.runtime",
            "net.lookup_ip_addr",
            "print",
            "trace",
            "io.jwt.decode",
        ] {
            assert!(find(name).is_none(), "{name}");
            assert!(refused(name).is_some(), "{name}");
        }
    }
}
