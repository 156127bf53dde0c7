//! A Sigstore instance on this machine, to try signing with an identity: `sigstore-instance FOLDER NAME ISSUER` writes
//! `signing_config.json`, `signing_config_v1.json` for a log of Rekor's first version, `trusted_root.json`, `trust_config.json` (the two in one, as other clients read them) and
//! `token` into the folder, and serves until its input ends.

use countersign_tests::sigstore::{Instance, Server, Who, now};
use serde_json::{Value, json};
use std::error::Error;
use std::io::Read as _;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("sigstore-instance FOLDER NAME ISSUER");
    let (folder, name, issuer) = (PathBuf::from(next()?), next()?, next()?);
    let now = now();
    let server = Server::over(Instance::new(now));
    let root = server.instance().trusted_root();
    let config = server.signing_config();
    let stamp = ["/api/v1/timestamp"];
    let first = server.signing_config_of(&[("", 1)], &stamp, &json!({ "selector": "ANY" }));
    let both = json!({
        "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
        "trustedRoot": serde_json::from_slice::<Value>(&root)?,
        "signingConfig": serde_json::from_str::<Value>(&config)?,
    });
    server.browser_of(&name, false);
    let token = server.instance().token(&Who::person(&issuer, &name), now);
    for (file, bytes) in [
        ("trusted_root.json", root),
        ("signing_config.json", config.into_bytes()),
        ("signing_config_v1.json", first.into_bytes()),
        ("trust_config.json", both.to_string().into_bytes()),
        ("token", token.into_bytes()),
    ] {
        std::fs::write(folder.join(file), bytes)?;
    }
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
