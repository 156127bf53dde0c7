//! Every rule with what it finds and what it lets be; hostile bytes; and the search in windows against a search of all.

use super::*;
use crate::testing::{base62_token, drawn, hex, of};
use countersign_core::statement::secret_scan::AllowedBy;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::LazyLock;

const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const BASE32: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const LOWER: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const DIGITS: &[u8] = b"0123456789";
const BECH: &[u8] = b"QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L";

/// A rule, a text in which it holds, and one in which it must not.
#[expect(clippy::too_many_lines, reason = "a case a rule")]
fn cases() -> Vec<(&'static str, String, String)> {
    let d = drawn;
    let of_rule = |id: &'static str, yes: String, no: String| (id, yes, no);
    let armour = |kind: &str| format!("-----BEGIN {kind}-----\n{}\n{}\n-----END {kind}-----\n", d(64, 1), d(64, 2));
    vec![
        of_rule(
            "aws-access-key-id",
            format!("AK{}{}", "IA", of(BASE32, 16, 1)),
            format!("AK{}{}", "IA", "AAAAAAAAAAAAAAAA"),
        ),
        of_rule(
            "aws-secret-access-key",
            format!("aws_secret_access_key = {}\n", of(BASE64, 40, 2)),
            format!("aws_secret_access_key = {}\n", hex(39, 2)),
        ),
        of_rule("aws-bedrock-key", format!("AB{}{}", "SK", of(BASE64, 132, 3)), format!("ABSK{}", d(90, 3))),
        of_rule(
            "aws-mws-token",
            format!("amzn.{}.{}-{}-{}-{}-{}", "mws", hex(8, 4), hex(4, 5), hex(4, 6), hex(4, 7), hex(12, 8)),
            format!("amzn.mws.{}", hex(30, 4)),
        ),
        of_rule("gcp-api-key", format!("AI{}{}", "za", d(35, 9)), format!("AIza{}", d(36, 9))),
        of_rule(
            "gcp-service-account",
            format!("\"private_{}\": \"{}\"", "key_id", hex(40, 10)),
            format!("\"private_key_id\": \"{}\"", hex(39, 10)),
        ),
        of_rule("gcp-oauth-client-secret", format!("GOC{}-{}", "SPX", d(28, 11)), format!("GOCSPX-{}", d(20, 11))),
        of_rule("gcp-oauth-access-token", format!("ya{}.{}", "29", d(60, 12)), format!("ya29.{}", d(20, 12))),
        of_rule(
            "azure-client-secret",
            format!("{}8{}{}", d(3, 13), "Q~", d(34, 14)),
            format!("{}xQ~{}", d(3, 13), d(34, 14)),
        ),
        of_rule(
            "azure-storage-key",
            format!("Account{}={}==", "Key", of(BASE64, 86, 15)),
            format!("AccountKey={}", d(40, 15)),
        ),
        of_rule(
            "azure-shared-access-key",
            format!("SharedAccess{}={}=", "Key", of(BASE64, 43, 16)),
            format!("SharedAccessKey={}", d(20, 16)),
        ),
        of_rule(
            "azure-sas-signature",
            format!("?sv=2024-01-01&{}={}%3D", "sig", d(43, 17)),
            format!("&sig={}", d(43, 17)),
        ),
        of_rule(
            "azure-devops-token",
            format!("{}AZ{}{}", d(76, 18), "DO", d(4, 19)),
            format!("{}AZDO{}", d(40, 18), d(4, 19)),
        ),
        of_rule("alibaba-access-key-id", format!("LT{}{}", "AI", d(20, 20)), format!("LTAI{}", d(12, 20))),
        of_rule("digitalocean-token", format!("dop_{}_{}", "v1", hex(64, 21)), format!("dop_v1_{}", hex(63, 21))),
        of_rule("heroku-api-key", format!("HR{}-AA{}", "KU", d(58, 22)), format!("HRKU-AA{}", d(30, 22))),
        of_rule(
            "cloudflare-origin-ca-key",
            format!("v{}-{}-{}", "1.0", hex(24, 23), hex(146, 24)),
            format!("v1.0-{}", hex(24, 23)),
        ),
        of_rule("flyio-token", format!("fo{}_{}", "1", d(43, 25)), format!("fo1_{}", d(20, 25))),
        of_rule("netlify-token", format!("nf{}_{}", "p", d(36, 26)), format!("nfp_{}", d(37, 26))),
        of_rule("supabase-token", format!("sb{}_{}", "p", hex(40, 27)), format!("sbp_{}", hex(41, 27))),
        of_rule("planetscale-token", format!("pscale_{}_{}", "tkn", d(43, 28)), format!("pscale_tkn_{}", d(12, 28))),
        of_rule("github-token", base62_token(&["gh", "p_"].concat(), 29), format!("ghp_{}", d(35, 29))),
        of_rule(
            "github-fine-grained-token",
            format!("github_{}_{}_{}", "pat", d(22, 30), d(59, 31)),
            format!("github_pat_{}", d(40, 30)),
        ),
        of_rule("gitlab-token", format!("gl{}-{}", "pat", d(20, 32)), format!("glpat-{}", "a".repeat(20))),
        of_rule(
            "bitbucket-token",
            format!("AT{}{}{}", "BB", d(24, 33), of(b"0123456789ABCDEF", 8, 34)),
            format!("ATBB{}", d(12, 33)),
        ),
        of_rule("atlassian-token", format!("ATATT{}{}", "3xFfG", d(180, 35)), format!("ATATT3xFfG{}", d(50, 35))),
        of_rule("npm-token", base62_token(&["np", "m_"].concat(), 36), format!("npm_{}", d(30, 36))),
        of_rule(
            "pypi-token",
            format!("py{}-AgEIcHlwaS5vcmc{}", "pi", d(120, 37)),
            format!("pypi-AgEIcHlwaS5vcmc{}", d(10, 37)),
        ),
        of_rule("crates-io-token", format!("c{}{}", "io", d(32, 38)), format!("decio{}", d(32, 38))),
        of_rule("rubygems-token", format!("ruby{}_{}", "gems", hex(48, 39)), format!("rubygems_{}", hex(12, 39))),
        of_rule(
            "nuget-api-key",
            format!("oy{}{}", "2", of(LOWER, 43, 40)),
            format!("oy2{}", "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopq"),
        ),
        of_rule("clojars-token", format!("CLO{}_{}", "JARS", hex(60, 41)), format!("CLOJARS_{}", hex(12, 41))),
        of_rule("docker-token", format!("dckr_{}_{}", "pat", d(27, 42)), format!("dckr_pat_{}", d(26, 42))),
        of_rule("jfrog-token", format!("AK{}{}", "Cp", d(69, 43)), format!("AKCp{}", d(30, 43))),
        of_rule(
            "slack-token",
            format!("xo{}-{}-{}-{}", "xb", of(DIGITS, 12, 44), of(DIGITS, 12, 45), d(24, 46)),
            "xoxb-not-a-token".to_owned(),
        ),
        of_rule(
            "slack-webhook",
            format!(
                "https://hooks.{}.com/services/T{}/B{}/{}",
                "slack",
                of(UPPER, 10, 47),
                of(UPPER, 10, 48),
                d(24, 49)
            ),
            "https://hooks.slack.com/services/".to_owned(),
        ),
        of_rule(
            "discord-bot-token",
            format!("DISCORD_TOKEN={}{}.{}.{}", "M", d(23, 50), d(6, 51), d(38, 52)),
            format!("DISCORD_TOKEN={}", d(30, 50)),
        ),
        of_rule(
            "discord-webhook",
            format!("https://discord.com/api/{}/{}/{}", "webhooks", of(DIGITS, 18, 53), d(68, 54)),
            "https://discord.com/api/webhooks/1/x".to_owned(),
        ),
        of_rule(
            "telegram-bot-token",
            format!("{}:{}{}", of(DIGITS, 10, 55), "AA", d(33, 56)),
            format!("12:AA{}", d(33, 56)),
        ),
        of_rule(
            "teams-webhook",
            format!(
                "https://x.webhook.{}.com/webhookb2/{}@{}/IncomingWebhook/{}/{}",
                "office",
                hex(36, 57),
                hex(36, 58),
                hex(32, 59),
                hex(36, 60)
            ),
            "https://x.webhook.office.com/webhookb2/none".to_owned(),
        ),
        of_rule("twilio-api-key", format!("S{}{}", "K", hex(32, 61)), format!("TASK{}", hex(32, 61))),
        of_rule("sendgrid-api-key", format!("S{}.{}.{}", "G", d(22, 62), d(43, 63)), format!("SG.{}", d(22, 62))),
        of_rule("mailgun-api-key", format!("k{}-{}", "ey", hex(32, 64)), format!("monkey-{}", hex(32, 64))),
        of_rule("mailchimp-api-key", format!("{}-{}12", hex(32, 65), "us"), format!("{}-us12", hex(20, 65))),
        of_rule(
            "brevo-api-key",
            format!("xkey{}-{}-{}", "sib", hex(64, 66), d(16, 67)),
            format!("xkeysib-{}", hex(20, 66)),
        ),
        of_rule("stripe-key", format!("sk_{}_{}", "live", d(24, 68)), format!("sk_live_{}", d(10, 68))),
        of_rule("stripe-webhook-secret", format!("wh{}_{}", "sec", d(32, 69)), format!("whsec_{}", d(12, 69))),
        of_rule("shopify-token", format!("sh{}_{}", "pat", hex(32, 70)), format!("shpat_{}", hex(31, 70))),
        of_rule("square-token", format!("EA{}{}", "AA", d(60, 71)), format!("EAAA{}", d(20, 71))),
        of_rule("shippo-token", format!("shippo_{}_{}", "live", hex(40, 72)), format!("shippo_live_{}", hex(12, 72))),
        of_rule("duffel-token", format!("duffel_{}_{}", "live", d(43, 73)), format!("duffel_live_{}", d(12, 73))),
        of_rule(
            "openai-api-key",
            format!("sk-proj-{}T3{}{}", d(74, 74), "BlbkFJ", d(74, 75)),
            format!("T3BlbkFJ{}", d(20, 75)),
        ),
        of_rule("anthropic-api-key", format!("sk-{}-api03-{}", "ant", d(95, 76)), format!("sk-ant-{}", d(95, 76))),
        of_rule("huggingface-token", format!("h{}_{}", "f", of(LETTERS, 34, 77)), format!("hf_{}", d(20, 77))),
        of_rule("groq-api-key", format!("gs{}_{}", "k", d(52, 78)), format!("gsk_{}", d(20, 78))),
        of_rule("perplexity-api-key", format!("pp{}-{}", "lx", d(48, 79)), format!("pplx-{}", d(20, 79))),
        of_rule("replicate-token", format!("r{}_{}", "8", d(37, 80)), format!("r8_{}", d(20, 80))),
        of_rule("xai-api-key", format!("x{}-{}", "ai", d(80, 81)), format!("xai-{}", d(20, 81))),
        of_rule("databricks-token", format!("da{}{}", "pi", hex(32, 82)), format!("dapi{}", hex(31, 82))),
        of_rule(
            "terraform-cloud-token",
            format!("{}.{}.{}", d(14, 83), "atlasv1", d(67, 84)),
            format!("{}.atlasv1.{}", d(14, 83), d(20, 84)),
        ),
        of_rule(
            "vault-token",
            format!("hv{}.{}", "s", d(90, 85)),
            format!("hvs.{}", "abcdefghijklmnopqrstuvwxyzabcdef"),
        ),
        of_rule("pulumi-token", format!("p{}-{}", "ul", hex(40, 86)), format!("pul-{}", hex(12, 86))),
        of_rule("doppler-token", format!("dp.{}.{}", "pt", d(43, 87)), format!("dp.pt.{}", d(12, 87))),
        of_rule("onepassword-token", format!("ops_{}{}", "eyJ", of(BASE64, 300, 88)), format!("ops_eyJ{}", d(50, 88))),
        of_rule(
            "tailscale-key",
            format!("ts{}-auth-{}CNTRL-{}", "key", d(11, 89), d(32, 90)),
            "tskey-auth-none".to_owned(),
        ),
        of_rule("grafana-token", format!("gl{}_{}_{}", "sa", d(32, 91), hex(8, 92)), format!("glsa_{}", d(32, 91))),
        of_rule("sentry-token", format!("sntr{}_{}", "yu", hex(64, 93)), format!("sntryu_{}", hex(12, 93))),
        of_rule("newrelic-key", format!("NR{}-{}", "AK", of(UPPER, 27, 94)), format!("NRAK-{}", of(UPPER, 12, 94))),
        of_rule(
            "dynatrace-token",
            format!("dt0{}.{}.{}", "c01", of(UPPER, 24, 95), of(UPPER, 64, 96)),
            format!("dt0c01.{}", of(UPPER, 24, 95)),
        ),
        of_rule("sonar-token", format!("sq{}_{}", "u", hex(40, 97)), format!("squ_{}", hex(12, 97))),
        of_rule("buildkite-token", format!("bk{}_{}", "ua", hex(40, 98)), format!("bkua_{}", hex(12, 98))),
        of_rule(
            "postman-api-key",
            format!("PM{}-{}-{}", "AK", hex(24, 99), hex(34, 100)),
            format!("PMAK-{}", hex(24, 99)),
        ),
        of_rule("linear-api-key", format!("lin_{}_{}", "api", d(40, 101)), format!("lin_api_{}", d(12, 101))),
        of_rule(
            "notion-token",
            format!("nt{}_{}{}", "n", of(DIGITS, 11, 102), d(35, 103)),
            format!("ntn_{}", of(DIGITS, 11, 102)),
        ),
        of_rule("airtable-token", format!("p{}{}.{}", "at", d(14, 104), hex(64, 105)), format!("pat{}", d(14, 104))),
        of_rule("figma-token", format!("fi{}_{}", "gd", d(40, 106)), format!("figd_{}", d(12, 106))),
        of_rule(
            "adafruit-io-key",
            format!("ai{}_{}{}{}", "o", of(LETTERS, 4, 107), of(DIGITS, 2, 108), d(22, 109)),
            format!("aio_{}", d(12, 107)),
        ),
        of_rule(
            "private-key",
            armour(&["RSA PRIVATE", " KEY"].concat()),
            "-----BEGIN RSA PRIVATE KEY-----\n...\n".to_owned(),
        ),
        of_rule(
            "encrypted-private-key",
            armour(&["ENCRYPTED PRIVATE", " KEY"].concat()),
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\n...\n".to_owned(),
        ),
        of_rule(
            "putty-private-key",
            format!("PuTTY-User-Key-{}-3: ssh-ed25519\nEncryption: none\nComment: x\n{}\n", "File", d(64, 110)),
            "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: aes256-cbc\nx\n".to_owned(),
        ),
        of_rule(
            "age-secret-key",
            format!("AGE-{}-KEY-1{}", "SECRET", of(BECH, 58, 111)),
            "AGE-SECRET-KEY-1\n".to_owned(),
        ),
        of_rule(
            "json-web-token",
            format!("e{}{}.eyJ{}.{}", "yJ", d(30, 112), d(60, 113), d(43, 114)),
            format!("eyJ{}", d(40, 112)),
        ),
        of_rule(
            "url-password",
            format!("postgres://{}:{}@db.internal/x", "svc", d(16, 115)),
            "postgres://user:${PASSWORD}@db.internal/x and http://localhost:8080/a@b".to_owned(),
        ),
        of_rule(
            "authorization-header",
            format!("Authorization: {} {}", "Bearer", d(40, 116)),
            "Authorization: Bearer <token>".to_owned(),
        ),
        of_rule(
            "generic-secret",
            format!("client_{} = \"{}\"", "secret", d(32, 117)),
            "client_secret = \"my-client-secret-name\"".to_owned(),
        ),
    ]
}

fn ours() -> &'static RuleSet {
    static OURS: LazyLock<RuleSet> = LazyLock::new(|| RuleSet::ours().unwrap());
    &OURS
}

fn scan(rules: &RuleSet, path: &str, bytes: &[u8]) -> Vec<SecretFinding> {
    Scanner::new(rules, &DigestKey::new(b"k"), None).scan(path, bytes).findings
}

fn ids(findings: &[SecretFinding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.rule.as_str()).collect()
}

#[test]
fn every_rule_finds_its_own_and_lets_the_like_be() {
    let rules = ours();
    let cases = cases();
    let mut missing: BTreeSet<&str> =
        rules.rules().map(|(id, _, _)| id).filter(|id| *id != "generic-setting").collect();
    for (rule, yes, no) in &cases {
        assert!(missing.remove(rule), "{rule} is no rule, or stands twice");
        for text in [format!("let x = {yes};"), format!("let x =\n\t'{yes}'\n"), format!("{{\"a\\n{yes}\": 1}}")] {
            let found = scan(rules, "src/a.rs", text.as_bytes());
            assert!(ids(&found).contains(rule), "{rule}: {:?} in {text}", ids(&found));
            let shown = format!("{found:?}");
            let inner: String = yes.chars().skip(yes.len() - 12).take(10).collect();
            assert!(!shown.contains(&inner), "{rule} is shown: {shown}");
        }
        let found = scan(rules, "src/a.rs", format!("let x = \"{no}\";").as_bytes());
        assert!(!ids(&found).contains(rule), "{rule} in {no}");
    }
    assert_eq!(missing, BTreeSet::new(), "rules without a case");
}

#[test]
fn a_setting_counts_in_files_of_settings_alone() {
    let rules = ours();
    let text = format!("DB_{}={}\n", "PASSWORD", drawn(24, 3));
    assert_eq!(ids(&scan(rules, "deploy/.env.production", text.as_bytes())), ["generic-setting"]);
    assert_eq!(ids(&scan(rules, "src/main.rs", text.as_bytes())), Vec::<&str>::new());
}

#[test]
fn a_private_key_is_one_in_a_comment_and_in_a_list_of_lines_too() {
    let rules = ours();
    let begin = ["-----BEGIN RSA PRIVATE", " KEY-----"].concat();
    for (before, after) in [("// ", "\n"), ("\"", "\\n\"\n"), ("; ", "\r\n"), ("", "\\n")] {
        let text = format!("x\n{before}{begin}{after}{before}{}{after}{before}{}{after}", drawn(64, 1), drawn(64, 2));
        assert_eq!(ids(&scan(rules, "a.cc", text.as_bytes())), ["private-key"], "{text}");
    }
}

#[test]
fn a_finding_says_where_and_shows_at_most_three_characters() {
    let rules = ours();
    let token = base62_token(&["gh", "p_"].concat(), 4);
    let text = format!("first\nüö = \"{token}\"\n");
    let found = scan(rules, "a.txt", text.as_bytes());
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].place(), "a.txt:2:9");
    assert_eq!((found[0].shape.as_str(), found[0].length, found[0].checksum), ("ghp… 40 bytes", 40, Some(true)));
    assert_eq!(found[0].digest, Some(DigestKey::new(b"k").digest(token.as_bytes())));
}

#[test]
fn a_token_whose_checksum_does_not_hold_only_watches() {
    let rules = ours();
    let text = format!("gh{}{}", "p_", drawn(36, 8));
    let found = scan(rules, "a.txt", text.as_bytes());
    assert_eq!((found[0].checksum, found[0].level), (Some(false), Level::Generic));
}

#[test]
fn a_comment_allows_and_the_finding_stays() {
    let rules = ours();
    let token = base62_token(&["gh", "p_"].concat(), 4);
    let text = format!("a = \"{token}\" # {} github-token revoked in 2024\n", crate::INLINE_MARK);
    let found = scan(rules, "a.py", text.as_bytes());
    let allowed = found[0].allowed.as_ref().unwrap();
    assert_eq!((allowed.by, allowed.reason.as_str()), (AllowedBy::Comment, "revoked in 2024"));
}

#[test]
fn secrets_are_found_in_utf_16_in_binaries_and_past_bytes_that_are_no_text() {
    let rules = ours();
    let token = base62_token(&["gh", "p_"].concat(), 4);
    let wide: Vec<u8> = format!("\u{feff}x\r\ntoken={token}\r\n").encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(scan(rules, "a.reg", &wide)[0].place(), "a.reg:2:7");
    let binary = [b"\x7fELF\0\0\xff\xfe\n".as_slice(), token.as_bytes(), b"\0\0"].concat();
    assert_eq!(ids(&scan(rules, "a.out", &binary)), ["github-token"]);
    let broken = [b"\xc3\x28\xa0\xa1 ".as_slice(), token.as_bytes(), b"\xe2\x28"].concat();
    assert_eq!(ids(&scan(rules, "a.txt", &broken)), ["github-token"]);
}

#[test]
fn one_long_line_is_searched_whole_and_in_time() {
    let rules = ours();
    let token = base62_token(&["gh", "p_"].concat(), 4);
    let minified = "var a=function(t,e){return t.token=e.key||\"secret\"};".repeat(20_000);
    let text = format!("{minified}{token};{minified}");
    let found = scan(rules, "a.min.js", text.as_bytes());
    assert_eq!(ids(&found), ["github-token"]);
    assert_eq!(found[0].column, u64::try_from(minified.len()).unwrap() + 1);
    let words = "password=\"".repeat(100_000);
    assert_eq!(scan(rules, "a", words.as_bytes()), Vec::new());
}

#[test]
fn more_than_is_listed_is_said() {
    let rules = ours();
    let line = |seed| format!("{}\n", base62_token(&["gh", "p_"].concat(), seed));
    let text: String = (0..1_200).map(line).collect();
    let scan = Scanner::new(rules, &DigestKey::new(b"k"), None).scan("a", text.as_bytes());
    assert_eq!((scan.findings.len(), scan.skipped), (1_000, Some(SkipReason::TooMany)));
}

#[test]
fn rules_in_gitleaks_form_are_read_and_what_has_no_meaning_here_is_refused() {
    let text = "title = \"team\"\n[allowlist]\npaths = ['''(^|/)vendor/''']\n[[rules]]\nid = \"team-token\"\n\
                description = \"ours\"\nregex = '''\\bteam-([a-z0-9]{12})\\b'''\nsecretGroup = 1\nentropy = 3\n\
                keywords = [\"team\"]\n[[rules.allowlists]]\nstopwords = [\"never\"]\n";
    let rules = &RuleSet::parse(text.as_bytes()).unwrap();
    let body = "k3x9q7w1z5b2";
    let found = scan(rules, "a", format!("x team-{body} y").as_bytes());
    assert_eq!((ids(&found), found[0].column, found[0].length), (vec!["team-token"], 8, 12));
    assert_eq!(scan(rules, "a", b"team-aaaaaaaaaaaa team-never9q7w1z5"), Vec::new());
    let vendored =
        Scanner::new(rules, &DigestKey::new(b"k"), None).scan("a/vendor/b", format!("team-{body}").as_bytes());
    assert_eq!((vendored.findings.len(), vendored.skipped), (0, Some(SkipReason::Excluded)));
    for wrong in [
        text.replace("title", "[extend]\nuseDefault = true\n[other]\ntitle"),
        text.replace("entropy = 3", "entropi = 3"),
        text.replace("secretGroup = 1", "secretGroup = 2"),
        text.replace("[a-z0-9]{12}", "[a-z0-9{12}"),
        "title = \"none\"\n".to_owned(),
        text.replace("title = \"team\"", "extend = { useDefault = true }"),
    ] {
        assert!(RuleSet::parse(wrong.as_bytes()).is_err(), "{wrong}");
    }
}

/// Every match of every rule by trying its expression at every place of the file: what the search has to come to.
fn everywhere(rules: &RuleSet, text: &[u8]) -> BTreeSet<(usize, Range2)> {
    let mut out = BTreeSet::new();
    for (index, rule) in rules.rules.iter().enumerate().filter(|(_, rule)| speaks(rule, false, "a")) {
        let (mut at, Some(regex)) = (0, &rule.regex) else { continue };
        while at <= text.len() {
            let end = rule.reach.filter(|_| rule.prefix).map_or(text.len(), |reach| (at + reach).min(text.len()));
            let anchored = if rule.prefix { Anchored::Yes } else { Anchored::No };
            let Some(found) = regex.search(&Input::new(text).range(at..end).anchored(anchored)) else {
                if rule.prefix {
                    at += 1;
                    continue;
                }
                break;
            };
            if !rule.bounds || (opens(text, found.start()) && closes(text, found.end())) {
                out.insert((index, (found.start(), found.end())));
            }
            at = found.end().max(at + 1);
        }
    }
    out
}

fn parts() -> impl Strategy<Value = String> {
    let yes: Vec<String> = cases().into_iter().map(|(_, yes, _)| yes).collect();
    let no: Vec<String> = cases().into_iter().map(|(_, _, no)| no).collect();
    let words: Vec<String> = ours().of_word.iter().map(|(word, _)| String::from_utf8(word.clone()).unwrap()).collect();
    let piece = prop_oneof![
        proptest::sample::select(yes.clone()),
        proptest::sample::select(no),
        proptest::sample::select(words),
        (proptest::sample::select(yes), 0_usize..200).prop_map(|(text, cut)| text.chars().take(cut).collect()),
        "[ -~\\n]{0,40}",
        "[\"' =:;\\n]{1,3}",
        "\\PC{0,10}",
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_search_in_windows_finds_what_a_search_of_everything_finds(text in parts()) {
        let rules = ours();
        let key = DigestKey::new(b"k");
        let found: BTreeSet<(usize, Range2)> =
            Scanner::new(rules, &key, None).matches(text.as_bytes(), false, "a").into_iter().map(|m| (m.rule, m.whole)).collect();
        let named = |set: &BTreeSet<(usize, Range2)>| {
            set.iter().map(|(rule, whole)| (rules.rules[*rule].id.clone(), *whole)).collect::<Vec<_>>()
        };
        let expected = everywhere(rules, text.as_bytes());
        prop_assert_eq!(named(&found), named(&expected));
    }

    #[test]
    fn any_bytes_are_searched_to_their_end(bytes in proptest::collection::vec(any::<u8>(), 0..4_000)) {
        let rules = ours();
        for finding in scan(rules, "a", &bytes) {
            prop_assert!(finding.line >= 1 && finding.column >= 1);
        }
    }
}
