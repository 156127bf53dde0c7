//! `cargo xtask sbom-judge`: what `sbom-tools` finds in our own SBOM, with and without a configuration, and whether all ten
//! forms of it hold to the published XSDs and JSON schemas. It fetches both, and is no part of the ordinary run.

use super::{installed, python};
use crate::{Outcome, refuse_rest, run, workspace};
use std::path::Path;

/// The judge and its version.
pub(super) const JUDGE: (&str, &str) = ("sbom-tools", "0.3.0");
/// Packages with the XSDs and schemas, and with validators for them.
const VALIDATORS: [&str; 2] = ["lxml==6.1.3", "cyclonedx-python-lib[json-validation]==11.12.0"];
/// Profiles that have to find nothing where the configuration is filled, and those that are only shown.
const PROFILES: [(&str, bool); 6] =
    [("ntia", true), ("cisa-2026", true), ("bsi", false), ("cra", false), ("eo14028", false), ("fsct", false)];
/// The least grade without a configuration.
const LEAST: f64 = 84.0;

const PEOPLE: &str = "[sbom]\ncopyright = \"Copyright 2026 The countersign authors\"\n\
    security-contact = \"https://countersign.dev/security\"\n\
    [[sbom.authors]]\nname = \"The countersign authors\"\nemail = \"security@countersign.dev\"\n\
    [sbom.manufacturer]\nname = \"The countersign authors\"\nurl = \"https://countersign.dev\"\n\
    [sbom.supplier]\nname = \"The countersign authors\"\nurl = \"https://countersign.dev\"\n";

const VALIDATE: &str = r"
import sys
from lxml import etree
from cyclonedx.schema import _res, SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from pathlib import Path
folder, wrong = Path(_res.__file__).parent, 0
class Beside(etree.Resolver):
    def resolve(self, url, public, context):
        if url.rsplit('/', 1)[-1].startswith('spdx'):
            return self.resolve_filename(str(folder / 'spdx.SNAPSHOT.xsd'), context)
for version in ['1.3', '1.4', '1.5', '1.6', '1.7']:
    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(Beside())
    schema = etree.XMLSchema(etree.parse(str(folder / f'bom-{version}.SNAPSHOT.xsd'), parser))
    good = schema.validate(etree.parse(f'{sys.argv[1]}/{version}.xml'))
    print(f'{version} XML: ' + ('valid' if good else str(schema.error_log)[:2000]))
    fault = JsonStrictValidator(SchemaVersion.from_version(version)).validate_str(open(f'{sys.argv[1]}/{version}.json').read())
    print(f'{version} JSON: ' + ('valid' if fault is None else str(fault)[:2000]))
    wrong += (not good) + (fault is not None)
sys.exit(1 if wrong else 0)
";

/// Judges.
pub(crate) fn judge(arguments: &[String]) -> Outcome {
    refuse_rest(arguments)?;
    let root = workspace::root()?;
    run::shown(run::cargo(&root).args(["build", "--quiet", "--locked", "--package", "countersign"]))?;
    let target = workspace::target(&root);
    let ours = target.join("debug/countersign");
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let folder = folder.path();
    workspace::write(&folder.join("filled.toml"), PEOPLE)?;
    workspace::write(&folder.join("empty.toml"), "")?;
    let artifact = ours.to_string_lossy().into_owned();
    let make = |config: &str, more: &[&str], output: &str| {
        let mut command = run::command(&artifact, &root);
        command.args(["sbom", "--package", "countersign", "--bin", "countersign", "--artifact", &artifact, "--config"]);
        command.arg(folder.join(config)).args(more).arg("--output").arg(folder.join(output));
        run::output_of(&mut command)
    };
    for version in ["1.3", "1.4", "1.5", "1.6", "1.7"] {
        for encoding in ["json", "xml"] {
            let more = ["--spec-version", version, "--encoding", encoding];
            make("filled.toml", &more, &format!("{version}.{encoding}"))?;
        }
    }
    make("filled.toml", &[], "filled.cdx.json")?;
    make("empty.toml", &[], "empty.cdx.json")?;

    let judge = installed(&root, JUDGE.0, JUDGE.1, "dev")?;
    let judge = |arguments: &[&str], document: &str| -> Outcome<String> {
        let mut command = run::command(&judge.to_string_lossy(), folder);
        // It ends with a failure where it finds something; what it says is what counts.
        let output = run::capture(command.args(["--no-color"]).args(arguments).arg(folder.join(document)))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    println!("{} {} over our own SBOM\n", JUDGE.0, JUDGE.1);
    println!("profile | errors without configuration | errors with a filled one\n--- | ---: | ---:");
    let mut faults = Vec::new();
    for (profile, binding) in PROFILES {
        let count = |document: &str| errors(&judge(&["validate", "--standard", profile], document)?);
        let (empty, filled) = (count("empty.cdx.json")?, count("filled.cdx.json")?);
        println!("{profile} | {empty} | {filled}");
        if binding && filled != 0 {
            faults.push(format!("{profile} finds {filled} errors with a filled configuration"));
        }
    }
    let grade = |document: &str| grade(&judge(&["quality"], document)?);
    let (empty, filled) = (grade("empty.cdx.json")?, grade("filled.cdx.json")?);
    println!("grade | {empty} | {filled}\n");
    if empty < LEAST {
        faults.push(format!("the grade without a configuration is {empty}, less than {LEAST}"));
    }
    validate(&root, folder)?;
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}

fn validate(root: &Path, folder: &Path) -> Outcome {
    let python = python(root, &VALIDATORS)?;
    workspace::write(&folder.join("validate.py"), VALIDATE)?;
    run::shown(run::command(&python.to_string_lossy(), root).arg(folder.join("validate.py")).arg(folder))
}

/// `Status: NON-COMPLIANT (3 errors, …`
pub(super) fn errors(said: &str) -> Outcome<u64> {
    let status = said.lines().find(|line| line.starts_with("Status:"));
    let count = status.and_then(|line| line.split_once('(')?.1.split(' ').next()?.parse().ok());
    count.ok_or_else(|| format!("the judge says no count of errors:\n{said}"))
}

/// `Overall Score: 86.3/100 (Grade: B)`
pub(super) fn grade(said: &str) -> Outcome<f64> {
    let line = said.lines().find_map(|line| line.strip_prefix("Overall Score: "));
    let grade = line.and_then(|line| line.split('/').next()?.parse().ok());
    grade.ok_or_else(|| format!("the judge says no grade:\n{said}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_judge_says_is_read_and_silence_is_no_pass() {
        assert_eq!(errors("a\nStatus: NON-COMPLIANT (13 errors, 0 warnings, 0 info)\n"), Ok(13));
        assert_eq!(grade("Overall Score: 86.3/100 (Grade: B)"), Ok(86.3));
        assert!(errors("").is_err() && grade("Profile: standard").is_err());
    }
}
