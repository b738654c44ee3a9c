//! Programs and tests are compiled from the same dependencies, with the same features: each of them once.
//!
//! Cargo enables what dev-dependencies ask for only where tests are built. A feature that only they ask for would have
//! the crate, and all that depend on it, compiled anew by the first `cargo dev test` after a `cargo dev up`.

use crate::cargo;
use anyhow::{Result, ensure};
use kit::Trouble;
use std::collections::{BTreeMap, BTreeSet};

type Features = BTreeMap<String, BTreeSet<String>>;

/// Compares what programs and tests ask for.
pub(super) async fn check() -> Result<()> {
    let (programs, tests) = (features("normal,build").await?, features("normal,build,dev").await?);
    let differing = differing(&programs, &tests);
    let what = format!("Tests ask for more of these crates than programs do: {}.", differing.join(", "));
    ensure!(
        differing.is_empty(),
        Trouble::new(what, "name the dev-dependency that does in tests/contract/Cargo.toml, too")
    );
    Ok(())
}

fn differing(programs: &Features, tests: &Features) -> Vec<String> {
    let differs = |(name, asked): &(&String, &BTreeSet<String>)| programs.get(*name).is_some_and(|less| less != *asked);
    tests.iter().filter(differs).map(|(name, _)| name.clone()).collect()
}

/// Each package with the sets of features that it is compiled with.
async fn features(edges: &str) -> Result<Features> {
    let tree = ["tree", "--workspace", "--prefix=none", "--format={p}|{f}", "--edges", edges];
    Ok(read(&String::from_utf8_lossy(&cargo::output(&tree).await?)))
}

fn read(tree: &str) -> Features {
    let mut features = Features::new();
    for line in tree.lines() {
        if let Some((name, asked)) = line.trim_end_matches(" (*)").split_once('|') {
            features.entry(name.to_owned()).or_default().insert(asked.to_owned());
        }
    }
    features
}

#[cfg(test)]
mod tests {
    use super::{differing, read};

    #[test]
    fn a_crate_of_which_only_tests_ask_more_is_named() {
        let programs = read("tokio v1|rt,time\nserde v1|std\nserde v1|std (*)\n\n");
        let tests = read("tokio v1|rt,test-util,time\nserde v1|std\nproptest v1|\n");
        assert_eq!(differing(&programs, &tests), ["tokio v1"]);
        assert!(differing(&programs, &programs).is_empty());
    }
}
