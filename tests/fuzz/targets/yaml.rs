//! YAML of rules and cases: what is read has one value, and that value's JSON, which is YAML too, is read as the same.
#![no_main]

use countersign_core::yaml::Yaml;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Ok(read) = Yaml::parse(text) else { return };
    let value = read.to_value();
    if let Ok(again) = Yaml::parse(&value.to_string()) {
        assert_eq!(again.to_value(), value);
    }
});
