//! What the README promises and CI runs are the same commands.

use std::fs;

use config::{Config, File, FileFormat};
use kit::paths::workspace;

fn text(path: &str) -> String {
    fs::read_to_string(workspace().join(path)).unwrap()
}

/// The commands in the first block of shell under «Two commands».
fn promised() -> Vec<String> {
    let readme = text("README.md");
    let section = readme.split("## Two commands").nth(1).expect("a section on two commands");
    let block = section.split("```").nth(1).and_then(|block| block.strip_prefix("sh\n")).expect("a block of shell");
    block.lines().map(|line| line.split('#').next().unwrap_or_default().trim().to_owned()).collect()
}

#[test]
fn ci_begins_with_the_first_command_and_runs_both_as_the_readme_spells_them() {
    let promised = promised();
    assert_eq!(promised.len(), 2, "{promised:?}");
    let ci = text(".ci/run");
    let phases: Vec<&str> = ci.lines().filter(|line| line.starts_with("phase ")).collect();
    let place = |command: &str| {
        let end = format!("\" {command}");
        phases.iter().position(|phase| phase.ends_with(&end)).unwrap_or_else(|| panic!("{command} in {phases:?}"))
    };
    let places = [place(&promised[0]), place("requests"), place("cargo dev down"), place("cargo dev check")];
    assert!(places.is_sorted() && places[3] < place(&promised[1]), "{phases:?}");
    let before = phases[..places[0]].concat();
    assert!(!before.contains("cargo"), "something is built before the first command: {before}");
}

#[test]
fn what_ci_builds_lies_in_its_clone() {
    let ci = text(".ci/run");
    let sets = ci.lines().filter(|line| line.contains("CARGO_TARGET_DIR") || line.contains("HOME"));
    assert_eq!(sets.collect::<Vec<_>>(), ["unset CARGO_TARGET_DIR VITRINE_DEV_DIR VITRINE_BIN_DIR"]);
}

#[test]
fn tests_are_long_by_the_name_of_their_module() {
    let settings = File::from_str(&text(".config/nextest.toml"), FileFormat::Toml);
    let settings = Config::builder().add_source(settings).build().unwrap();
    let filter = |profile: &str| settings.get_string(&format!("profile.{profile}.default-filter")).unwrap();
    assert_eq!(filter("default"), "not test(/(^|::)long::/)");
    assert_eq!(filter("long"), "all()");
}

#[test]
fn everything_runs_every_night() {
    let nightly = text(".github/workflows/nightly.yml");
    assert!(nightly.contains("schedule:") && nightly.contains("cargo dev test long"));
    assert!(text(".github/workflows/ci.yml").contains("run: .ci/run"));
}
