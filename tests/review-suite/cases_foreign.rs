//! What other tools recorded: gittuf's attestations and log, honest and forged, held against our trust alone.

use super::gittuf::{app_path, approval, attest, attest_as, attest_tree, authorization, envelope, path, record};
use super::scene::{MAIN, Scene};
use super::{Case, Stage};
use countersign_core::finding::Verdict::{self, Fail, Indeterminate, Pass};
use countersign_core::statement::review::{ReviewDecision, Tier};
use countersign_decide::review::{ForeignReviews, ForgeRules};

const MISSING: &str = "review-missing";

const fn case(id: &'static str, what: &'static str, verdict: Verdict, code: &'static str, set: fn() -> Stage) -> Case {
    Case { id, what, verdict, code, set }
}

pub(super) fn all() -> Vec<Case> {
    vec![
        case("R20-key", "gittuf: an authorization by a key that is nobody's", Fail, MISSING, || {
            of_merge("stranger").prove()
        }),
        case("+gittuf-merge", "gittuf: a merge that the reviewer authorized", Pass, "", || of_merge("ben").prove()),
        case("+gittuf-squash", "gittuf: a squash that the reviewer authorized", Pass, "", || squash().prove()),
        case("R21-branch", "gittuf: an authorization of another branch, put where main's lie", Fail, MISSING, || {
            other_branch().prove()
        }),
        case("R22-tree", "gittuf: an authorization of another tree than landed", Fail, MISSING, || {
            other_tree().prove()
        }),
        case("R23-move", "gittuf: an authorization of one move, put where another's lie", Fail, MISSING, || {
            other_move().prove()
        }),
        case("R23-again", "gittuf: an authorized tree lands once more, after a way round", Fail, MISSING, || {
            moved_base().prove()
        }),
        case("R24-author", "gittuf: the author authorizes her own change", Fail, MISSING, || of_merge("ada").prove()),
        case("R25-twice", "gittuf: one person signs twice, where two are needed", Fail, MISSING, || {
            unsigned(&["ben", "ben"]).prove()
        }),
        case("+gittuf-two", "gittuf: two persons sign for an author who is not known", Pass, "", || {
            unsigned(&["ben", "cy"]).prove()
        }),
        case("R26-cut", "gittuf: an envelope that is cut off", Fail, MISSING, || cut().prove()),
        case("R26-altered", "gittuf: an envelope whose payload was altered", Fail, MISSING, || altered().prove()),
        case("R27-symlink", "gittuf: a symbolic link in the place of an envelope", Fail, MISSING, || link().prove()),
        case("R28-path", "gittuf: a tree with a name that leads out of it", Fail, MISSING, || traversal().prove()),
        case("R29-not-asked", "gittuf: an authorization that nobody asked for", Fail, MISSING, || not_asked().prove()),
        case("R29-tier", "gittuf: an authorization where signed reviews are asked for", Fail, "review-tier", || {
            lower_tier().prove()
        }),
        case("R30-came-along", "gittuf: the authorized tree comes with a commit of another", Fail, MISSING, || {
            came_along().prove()
        }),
        case("R31-older-state", "gittuf: an older state of the attestations is put back", Fail, MISSING, || {
            rolled_back().prove()
        }),
        case("R32-app", "gittuf: an app that trust does not know tells of approvals", Fail, MISSING, || {
            app("stranger", &[]).prove()
        }),
        case("R32-dismissed", "gittuf: an app of trust tells of a dismissed approval", Fail, MISSING, || {
            app("app", &["ben+2"]).prove()
        }),
        case(
            "R32-rules",
            "gittuf: approvals on a forge whose rules are not known",
            Indeterminate,
            "rules-unknown",
            || app_rules().prove(),
        ),
        case("+gittuf-app", "gittuf: an app of trust tells of an approval", Pass, "", || app("app", &[]).prove()),
        case("R33-unsigned", "gittuf: the log's entry of the upload is not signed", Fail, MISSING, || {
            uploaded(None).prove()
        }),
        case("R33-uploader", "gittuf: the reviewer is the uploader by the log", Fail, MISSING, || {
            uploaded(Some("ben")).prove()
        }),
        case("+gittuf-log", "gittuf: the log shows the uploader of an unsigned commit", Pass, "", || {
            uploaded(Some("ada")).prove()
        }),
        case("R35", "gittuf: the next to log is not who brought what came before", Fail, MISSING, || {
            came_before().prove()
        }),
        case("R34-rejection", "gittuf: an authorization beside a signed rejection", Fail, "review-rejected", || {
            rejected().prove()
        }),
    ]
}

/// Makes a scene.
pub type Play = fn() -> Scene;

/// Scenes with the reason for which what another tool recorded does not count there.
#[must_use]
pub fn reasons() -> Vec<(&'static str, Play)> {
    vec![
        ("a key that is not in trust", || of_merge("stranger")),
        ("it is about another branch: refs/heads/try", other_branch),
        ("what landed there has another tree", other_tree),
        ("it is about another move than its path says", other_move),
        ("is an author of the change", || of_merge("ada")),
        ("the same key signed it before", || unsigned(&["ben", "ben"])),
        ("an envelope of another tool", cut),
        ("the signature does not hold for these bytes", altered),
        ("it is no file, its mode is 120000", link),
        ("it cannot be read", traversal),
        ("what gittuf recorded was not asked for", not_asked),
        ("came with it, with tree", came_along),
        ("does not name this state of refs/gittuf/attestations as the newest", rolled_back),
        ("a key that is not in trust", || app("stranger", &[])),
        ("it was dismissed", || app("app", &["ben+2"])),
        ("it is not signed", || uploaded(None)),
    ]
}

/// A scene where gittuf's word counts.
fn scene() -> Scene {
    let mut scene = Scene::default();
    asking(&mut scene);
    scene
}

fn asking(scene: &mut Scene) {
    scene.asking(|asked| {
        asked.foreign_reviews = ForeignReviews::Count;
        asked.least_tier = Tier::T1;
    });
}

/// A change of ada's, merged. Gives where main was, and the tree that landed.
fn merged(scene: &Scene) -> (String, String) {
    let base = scene.id("main");
    scene.feature("ada");
    scene.merge("feature");
    (base, scene.id("main^{tree}"))
}

/// Puts an authorization of a move where it belongs.
fn authorize(scene: &Scene, from: &str, tree: &str, signers: &[&str]) {
    let text = envelope(scene, &authorization(MAIN, from, tree), signers);
    attest(scene, &[(path(from, tree), text)]);
}

fn of_merge(signer: &str) -> Scene {
    let scene = scene();
    let (base, tree) = merged(&scene);
    authorize(&scene, &base, &tree, &[signer]);
    scene
}

fn squash() -> Scene {
    let scene = scene();
    let base = scene.id("main");
    scene.feature("ada");
    scene.git(&["merge", "-q", "--squash", "feature"]);
    scene.commit("ada", "squashed");
    let tree = scene.id("main^{tree}");
    authorize(&scene, &base, &tree, &["ben"]);
    scene
}

fn other_branch() -> Scene {
    let scene = scene();
    let (base, tree) = merged(&scene);
    let text = envelope(&scene, &authorization("refs/heads/try", &base, &tree), &["ben"]);
    attest(&scene, &[(path(&base, &tree), text)]);
    scene
}

fn other_tree() -> Scene {
    let scene = scene();
    let (base, tree) = merged(&scene);
    scene.edit("b.txt", 3, "something more");
    scene.git(&["add", "-A"]);
    scene.git_as(Some("ada"), "ada", &["commit", "-q", "--amend", "--no-edit"]);
    authorize(&scene, &base, &tree, &["ben"]);
    scene
}

fn other_move() -> Scene {
    let scene = scene();
    let (base, tree) = merged(&scene);
    let first = scene.id("start^{tree}");
    let text = envelope(&scene, &authorization(MAIN, &base, &first), &["ben"]);
    attest(&scene, &[(path(&base, &tree), text)]);
    scene
}

fn moved_base() -> Scene {
    let scene = scene();
    let (base, tree) = merged(&scene);
    authorize(&scene, &base, &tree, &["ben"]);
    // The same tree lands once more, after a way round.
    scene.edit("b.txt", 5, "a way round");
    scene.commit("ada", "there");
    scene.edit("b.txt", 5, "line 5");
    scene.commit("ada", "and back");
    scene
}

/// A commit that nobody signed, authorized by these.
fn unsigned(signers: &[&str]) -> Scene {
    let scene = scene();
    let base = scene.id("main");
    scene.edit("a.txt", 2, "feature");
    scene.commit_unsigned("Ada", "feature");
    authorize(&scene, &base, &scene.id("main^{tree}"), signers);
    scene
}

fn cut() -> Scene {
    let scene = scene();
    let (base, tree) = merged(&scene);
    let text = envelope(&scene, &authorization(MAIN, &base, &tree), &["ben"]);
    attest(&scene, &[(path(&base, &tree), text[..text.len() / 2].to_owned())]);
    scene
}

fn altered() -> Scene {
    let scene = scene();
    let (base, tree) = merged(&scene);
    let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
    let first = scene.id("start^{tree}");
    let mut signed = read(&envelope(&scene, &authorization(MAIN, &base, &first), &["ben"]));
    let wanted = read(&envelope(&scene, &authorization(MAIN, &base, &tree), &["stranger"]));
    signed["payload"] = wanted["payload"].clone();
    attest(&scene, &[(path(&base, &tree), signed.to_string())]);
    scene
}

fn link() -> Scene {
    let scene = scene();
    let (base, tree) = merged(&scene);
    let text = envelope(&scene, &authorization(MAIN, &base, &tree), &["ben"]);
    attest_as(&scene, &[("120000", path(&base, &tree), text)]);
    scene
}

fn traversal() -> Scene {
    let scene = scene();
    let (base, tree) = merged(&scene);
    authorize(&scene, &base, &tree, &["ben"]);
    let honest = scene.git(&["rev-parse", &format!("{}^{{tree}}", super::gittuf::ATTESTATIONS)]);
    let id =
        |hex: &str| (0..20).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hex")).collect::<Vec<_>>();
    let raw = [b"40000 ..\0".to_vec(), id(&honest)].concat();
    let file = scene.path().join("tree");
    std::fs::write(&file, raw).expect("written");
    let file = file.display().to_string();
    let hostile = scene.git(&["hash-object", "-w", "-t", "tree", "--literally", &file]);
    attest_tree(&scene, &hostile);
    scene
}

fn not_asked() -> Scene {
    let mut scene = scene();
    scene.asking(|asked| asked.foreign_reviews = ForeignReviews::Ignore);
    let (base, tree) = merged(&scene);
    authorize(&scene, &base, &tree, &["ben"]);
    scene
}

fn lower_tier() -> Scene {
    let mut scene = scene();
    scene.asking(|asked| asked.least_tier = Tier::T3);
    let (base, tree) = merged(&scene);
    authorize(&scene, &base, &tree, &["ben"]);
    scene
}

fn came_along() -> Scene {
    let scene = scene();
    let base = scene.id("main");
    scene.git(&["checkout", "-q", "-b", "feature"]);
    scene.write("secret.txt", "not for anybody's eyes\n");
    scene.commit("ada", "first");
    scene.git(&["rm", "-q", "secret.txt"]);
    scene.edit("a.txt", 2, "feature");
    scene.commit("ada", "second");
    scene.git(&["checkout", "-q", "main"]);
    scene.merge("feature");
    authorize(&scene, &base, &scene.id("main^{tree}"), &["ben"]);
    scene
}

fn rolled_back() -> Scene {
    let scene = scene();
    let (base, tree) = merged(&scene);
    let text = envelope(&scene, &authorization(MAIN, &base, &tree), &["ben"]);
    let before = attest(&scene, &[(path(&base, &tree), text)]);
    attest(&scene, &[("README".to_owned(), "it was taken back".to_owned())]);
    scene.git(&["update-ref", super::gittuf::ATTESTATIONS, &before]);
    scene
}

/// A scene with an app of trust and ben's account.
fn app_scene() -> Scene {
    let mut scene = scene();
    drop(scene.new_key("app"));
    let keys = format!("keys = [{{ key = \"{}\" }}]", scene.public("ben"));
    let account = format!("{keys}\naccounts = [{{ host = \"github.com\", id = 2 }}]");
    let collector = format!(
        "[[collectors]]\nname = \"app\"\nkeys = [{{ key = \"{}\" }}]\nmay_sign = [\"change-review\"]\nhosts = [\"github.com\"]\n",
        scene.public("app")
    );
    let text = scene.trust_text(&["ada", "ben", "cy"]).replace(&keys, &account);
    scene.trust(&text.replace("[roles.trust]", &format!("{collector}[roles.trust]")));
    scene
}

fn with_app(scene: &Scene, signer: &str, dismissed: &[&str]) {
    let (base, tree) = merged(scene);
    let text = envelope(scene, &approval(&base, &tree, &["ben+2"], dismissed), &[signer]);
    attest(scene, &[(app_path(&base, &tree), text)]);
}

fn app(signer: &str, dismissed: &[&str]) -> Scene {
    let mut scene = app_scene();
    scene.asking(|asked| asked.forge_rules = ForgeRules::Any);
    with_app(&scene, signer, dismissed);
    scene
}

fn app_rules() -> Scene {
    let scene = app_scene();
    with_app(&scene, "app", &[]);
    scene
}

/// A commit that nobody signed, which the log says somebody pushed; ben authorized it.
fn uploaded(by: Option<&str>) -> Scene {
    let scene = scene();
    let base = scene.id("main");
    record(&scene, Some("cy"), MAIN, &base);
    scene.edit("a.txt", 2, "feature");
    let head = scene.commit_unsigned("Ada", "feature");
    record(&scene, by, MAIN, &head);
    authorize(&scene, &base, &scene.id("main^{tree}"), &["ben"]);
    scene
}

/// Ben pushes a commit that nobody signed and that the log does not have, and authorizes it himself. Later ada logs a commit
/// of hers on top.
fn came_before() -> Scene {
    let scene = scene();
    let base = scene.id("main");
    record(&scene, Some("ada"), MAIN, &base);
    scene.edit("a.txt", 2, "alone");
    let alone = scene.commit_unsigned("Ben", "alone");
    authorize(&scene, &base, &scene.id("main^{tree}"), &["ben"]);
    scene.edit("b.txt", 2, "on top");
    let top = scene.commit("ada", "on top");
    authorize(&scene, &alone, &scene.id("main^{tree}"), &["cy"]);
    record(&scene, Some("ada"), MAIN, &top);
    scene
}

fn rejected() -> Scene {
    let mut scene = scene();
    let base = scene.id("main");
    let head = scene.feature("ada");
    scene.review_as("cy", &head, &base, ReviewDecision::Reject, super::scene::REPOSITORY, MAIN);
    scene.git(&["merge", "-q", "--squash", "feature"]);
    scene.commit("ada", "squashed");
    authorize(&scene, &base, &scene.id("main^{tree}"), &["ben"]);
    scene
}
