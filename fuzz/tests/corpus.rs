//! Every corpus is replayed: its good inputs are accepted, and all others are refused.

use std::fs;

use tollgate_fuzz::{TARGETS, corpus};

/// Fewer would not be the kinds of bad input that docs/security.md lists.
const MIN_SEEDS: usize = 10;

#[test]
fn good_inputs_are_accepted_and_all_others_refused() {
    for target in TARGETS {
        let files = corpus(target.name);
        assert!(
            files.len() >= MIN_SEEDS,
            "{}: {} seeds",
            target.name,
            files.len()
        );
        let (mut good, mut bad) = (0, 0);
        for file in files {
            let accepted = (target.run)(&fs::read(&file).expect("a seed"));
            let name = file.file_name().and_then(|it| it.to_str()).expect("a name");
            let expected = name.starts_with("good-");
            assert_eq!(accepted, expected, "{}: {name}", target.name);
            *(if expected { &mut good } else { &mut bad }) += 1;
        }
        assert!(
            good > 0 && bad > 0,
            "{}: {good} good, {bad} bad",
            target.name
        );
    }
}

#[test]
fn every_corpus_has_its_target() {
    let folders = fs::read_dir(tollgate_fuzz::root().join("corpus")).expect("corpora");
    for folder in folders {
        let name = folder.expect("an entry").file_name();
        let has_target = TARGETS.iter().any(|target| *target.name == *name);
        assert!(has_target, "corpus/{name:?} has no target");
    }
}
