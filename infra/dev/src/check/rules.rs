//! The rules of the house that a program can check. Each one names what it found and where.

use super::manifest::dependencies;
use super::source::{self, Source};
use super::{modules, unused};
use anyhow::{Result, bail};
use kit::paths;
use std::fs;
use std::path::Path;

/// How long a file may be.
const LINES: usize = 400;

/// Crates that do I/O, which a `domain` module must not name.
const OUTSIDE: &[&str] = &["axum", "clickhouse", "lapin", "mongodb", "redis", "reqwest", "sqlx", "tokio"];

/// What must not be left in the code. Put together here, or this file would break its own rule.
const UNFINISHED: &[&str] = &[concat!("to", "do!("), concat!("unimple", "mented!("), concat!("#[ig", "nore")];

pub(super) fn check() -> Result<()> {
    let sources = source::all();
    let mut found: Vec<String> = sources.iter().flat_map(file_rules).collect();
    let mut manifests = Vec::new();
    for (package, folder) in paths::crates() {
        let manifest = fs::read_to_string(folder.join("Cargo.toml"))?;
        found.extend(direction(&package, &folder, &manifest));
        let own = source::below(&sources, &folder);
        found.extend(modules::check(&package, folder.parent().is_some_and(|it| it.ends_with("services")), &own)?);
        found.extend(unused::in_crate(&package, &manifest, &own)?);
        manifests.push(manifest);
    }
    let workspace = fs::read_to_string(paths::workspace().join("Cargo.toml"))?;
    found.extend(unused::in_workspace(&workspace, manifests.iter().map(String::as_str)));
    if found.is_empty() { Ok(()) } else { bail!("{}", found.join("\n")) }
}

fn file_rules(source: &Source) -> Vec<String> {
    let path = source.path.display();
    let mut found = Vec::new();
    let lines = source.text.lines().count();
    if lines > LINES {
        found.push(format!("{path}: {lines} lines; split it by its nouns, {LINES} is the limit"));
    }
    let pure = source.path.components().any(|part| part.as_os_str() == "domain" || part.as_os_str() == "domain.rs");
    for (number, line) in source.code() {
        if let Some(what) = UNFINISHED.iter().find(|what| line.contains(**what)) {
            found.push(format!("{path}:{number}: `{what}…` is left; finish it"));
        }
        if let Some(name) = OUTSIDE.iter().find(|name| pure && names(line, name)) {
            found.push(format!("{path}:{number}: `domain` does no I/O and must not name `{name}`; move this out"));
        }
    }
    found
}

/// Whether a line of code names a crate: `name::…`, or an import of it.
fn names(line: &str, name: &str) -> bool {
    let starts = line.match_indices(name).map(|(start, _)| start);
    starts.into_iter().any(|start| {
        let before = line[..start].chars().next_back();
        let after = &line[start + name.len()..];
        let whole = !before.is_some_and(|it| it.is_alphanumeric() || it == '_' || it == '"' || it == ':');
        whole && (after.starts_with("::") || (line.trim_start().starts_with("use ") && after.starts_with(';')))
    })
}

/// What each kind of crate may depend on within the workspace.
fn direction(package: &str, folder: &Path, manifest: &str) -> Vec<String> {
    let group = |folder: &Path| folder.parent().and_then(Path::file_name).unwrap_or_default().to_owned();
    let crates = paths::crates();
    let libraries = crates.iter().filter(|(_, folder)| group(folder) == "lib").map(|(name, _)| name.as_str());
    let libraries: Vec<&str> = libraries.chain(["contracts"]).collect();
    let allowed: &[&str] = match package {
        "contracts" | "breaker" | "clickhouse-adapter" | "kit" => &[],
        "chassis" => &["contracts"],
        "messaging" => &["contracts", "chassis"],
        "postgres" | "mongo" => &["contracts", "chassis", "messaging"],
        "dev" => &["kit", "contracts"],
        // The suites look at the system from outside, and may compare it with what its crates say.
        _ if group(folder) == "tests" => return Vec::new(),
        _ => &libraries,
    };
    let mut found = Vec::new();
    for (section, name) in dependencies(manifest) {
        let name = name.as_str();
        // The tests of who talks to the outside world run against it; examples show libraries together.
        let for_tests = ["harness", "kit", "providers"].contains(&name) || libraries.contains(&name);
        let in_tests = section == "dev-dependencies" && for_tests;
        if crates.iter().any(|(known, _)| known == name) && name != package && !in_tests && !allowed.contains(&name) {
            let may = if allowed.is_empty() { "no crate of ours".to_owned() } else { allowed.join(", ") };
            found.push(format!("{package} depends on {name} ({section}); it may depend on {may}"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Source, direction, file_rules, names};
    use std::path::Path;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.into(), text: text.to_owned() }
    }

    #[test]
    fn domains_stay_pure() {
        let found = file_rules(&source("services/a/src/domain/link.rs", "use std::fmt;\nuse sqlx::PgPool;\n"));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("link.rs:2") && found[0].contains("sqlx"));
        assert!(file_rules(&source("services/a/src/store.rs", "use sqlx::PgPool;")).is_empty());
    }

    #[test]
    fn words_that_merely_hold_a_name_are_fine() {
        assert!(names("let x = tokio::spawn(f);", "tokio"));
        assert!(names("use redis;", "redis"));
        assert!(!names("use crate::store::redis_keys::Key;", "redis"));
        assert!(!names("let redistribute = 1;", "redis"));
        assert!(!names("use crate::redis::Key;", "redis"));
    }

    #[test]
    fn long_and_unfinished_files_are_found() {
        assert_eq!(file_rules(&source("a.rs", &"x\n".repeat(401))).len(), 1);
        assert_eq!(file_rules(&source("a.rs", concat!("fn f() { to", "do!() }"))).len(), 1);
        assert!(file_rules(&source("a.rs", &"x\n".repeat(400))).is_empty());
    }

    #[test]
    fn services_do_not_depend_on_each_other() {
        let manifest = "[dependencies]\ncontracts.workspace = true\nauth.workspace = true\n[dev-dependencies]\nkit.workspace = true\n";
        let found = direction("shortener", Path::new("/x/services/shortener"), manifest);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("shortener depends on auth"));
    }

    #[test]
    fn the_contracts_stand_alone() {
        let found = direction("contracts", Path::new("/x/contracts"), "[dependencies]\nchassis = { path = \"..\" }\n");
        assert_eq!(found.len(), 1, "{found:?}");
    }
}
