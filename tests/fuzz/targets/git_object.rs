//! Git's trees, commits and tags, under both hashes.
#![no_main]

use countersign_core::git::commit::Commit;
use countersign_core::git::object::Tag;
use countersign_core::git::oid::ObjectFormat;
use countersign_core::git::tree::Tree;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for format in [ObjectFormat::Sha1, ObjectFormat::Sha256] {
        if let Ok(tree) = Tree::parse(format, bytes) {
            // Old modes have another spelling; what we write reads back as the same.
            assert_eq!(Tree::parse(format, &tree.encode()), Ok(tree));
        }
        if let Ok(commit) = Commit::parse(format, bytes) {
            assert!(commit.co_authors().iter().all(|name| name.len() <= bytes.len()));
        }
        if let Ok(tag) = Tag::parse(format, bytes) {
            assert_eq!(Tag::parse(format, bytes), Ok(tag));
        }
    }
});
