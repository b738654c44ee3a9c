//! Licences, sources and bans of dependencies: what `deny.toml` allows, against what cargo says of every crate.
//!
//! The file is that of cargo-deny, which reads it for advisories. What stands here needs no tool and no network, so it is
//! checked on every machine.

use crate::cargo;
use anyhow::{Context as _, Result, ensure};
use config::{Config, File, FileFormat, Value};
use kit::paths;
use serde::Deserialize;
use spdx::{Expression, Licensee, ParseMode};
use std::fs;
use std::path::PathBuf;

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// What `deny.toml` may say. Another key is refused: a rule that nobody checks would seem to hold.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    graph: Graph,
    /// Read by cargo-deny only.
    #[serde(rename = "advisories")]
    _advisories: Value,
    licenses: Licences,
    bans: Bans,
    /// It may say one thing only, which is what is checked.
    #[serde(rename = "sources")]
    _sources: Sources,
}

impl Rules {
    fn read(text: &str) -> Result<Self> {
        Ok(Config::builder().add_source(File::from_str(text, FileFormat::Toml)).build()?.try_deserialize()?)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Graph {
    targets: [String; 1],
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Licences {
    allow: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Bans {
    #[serde(rename = "multiple-versions")]
    _multiple_versions: Allow,
    deny: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Sources {
    #[serde(rename = "unknown-registry")]
    _unknown_registry: Deny,
    #[serde(rename = "unknown-git")]
    _unknown_git: Deny,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Allow {
    Allow,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Deny {
    Deny,
}

/// What `cargo metadata` says.
#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    /// The text of a licence, in place of its name; beside the manifest.
    #[serde(default)]
    license_file: Option<PathBuf>,
    #[serde(default)]
    manifest_path: PathBuf,
    /// `None` for a folder of this machine.
    source: Option<String>,
}

impl Package {
    /// Knows a licence by its text, where a crate gives no name: that of MIT, as cargo-deny does.
    fn licence_by_its_text(&self) -> Option<&'static str> {
        let text = fs::read_to_string(self.manifest_path.parent()?.join(self.license_file.as_ref()?)).ok()?;
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let is_mit = words.starts_with("MIT License ") && MIT.iter().all(|part| words.contains(part));
        is_mit.then_some("MIT")
    }
}

/// What the licence of MIT says.
const MIT: [&str; 3] = [
    "Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated \
     documentation files (the \"Software\"), to deal in the Software without restriction, including without limitation \
     the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software",
    "The above copyright notice and this permission notice shall be included in all copies or substantial portions of \
     the Software.",
    "THE SOFTWARE IS PROVIDED \"AS IS\", WITHOUT WARRANTY OF ANY KIND",
];

/// Compares every crate that is compiled, for programs or tests, with the rules.
pub(super) async fn check() -> Result<()> {
    let path = paths::workspace().join("deny.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let rules = Rules::read(&text).context("reading deny.toml")?;
    let platform = format!("--filter-platform={}", rules.graph.targets[0]);
    let metadata = cargo::output(&["metadata", "--format-version=1", &platform]).await?;
    let found = violations(&rules, &serde_json::from_slice(&metadata).context("reading cargo's metadata")?)?;
    ensure!(found.is_empty(), "{}", found.join("\n"));
    Ok(())
}

fn violations(rules: &Rules, metadata: &Metadata) -> Result<Vec<String>> {
    let allowed =
        rules.licenses.allow.iter().map(|name| Licensee::parse(name).map_err(|error| anyhow::anyhow!("{error}")));
    let allowed = allowed.collect::<Result<Vec<_>>>().context("deny.toml: licenses.allow")?;
    let mut found = Vec::new();
    for package in &metadata.packages {
        let who = format!("{} {}", package.name, package.version);
        let licence = package.license.as_deref().or_else(|| package.licence_by_its_text());
        if !may_be_used(&allowed, licence) {
            let licence = licence.unwrap_or("none");
            found.push(format!("{who}: its licence ({licence}) is not one that deny.toml allows"));
        }
        if rules.bans.deny.contains(&package.name) {
            found.push(format!("{who}: deny.toml bans it; `cargo tree -i {}` shows who wants it", package.name));
        }
        match package.source.as_deref() {
            Some(CRATES_IO) => {}
            None if metadata.workspace_members.contains(&package.id) => {}
            source => found.push(format!("{who}: comes from {}", source.unwrap_or("a folder that is no member"))),
        }
    }
    Ok(found)
}

/// Whether the allowed licences satisfy what the crate asks for.
fn may_be_used(allowed: &[Licensee], licence: Option<&str>) -> bool {
    let expression = licence.and_then(|licence| Expression::parse_mode(licence, ParseMode::LAX).ok());
    expression.is_some_and(|it| it.evaluate(|asked| allowed.iter().any(|licensee| licensee.satisfies(asked))))
}

#[cfg(test)]
mod tests {
    use super::{CRATES_IO, Metadata, Package, Rules, violations};

    const RULES: &str = r#"
[advisories]
yanked = "deny"
[graph]
targets = ["x86_64-unknown-linux-gnu"]
[licenses]
allow = ["MIT", "Apache-2.0 WITH LLVM-exception", "ISC"]
[bans]
multiple-versions = "allow"
deny = ["openssl"]
[sources]
unknown-registry = "deny"
unknown-git = "deny"
"#;

    fn package(name: &str, license: Option<&str>, source: Option<&str>) -> Package {
        let [license, source] = [license, source].map(|text| text.map(str::to_owned));
        let (id, version) = (format!("{name}#1.0.0"), "1.0.0".to_owned());
        Package { id, name: name.to_owned(), version, license, license_file: None, manifest_path: "x".into(), source }
    }

    fn found(packages: Vec<Package>) -> Vec<String> {
        let rules = Rules::read(RULES).unwrap();
        violations(&rules, &Metadata { packages, workspace_members: vec!["ours#1.0.0".to_owned()] }).unwrap()
    }

    #[test]
    fn allowed_licences_pass_however_they_are_written() {
        for licence in ["MIT", "GPL-3.0-only OR MIT", "MIT/Apache-2.0", "MIT AND ISC", "Apache-2.0 WITH LLVM-exception"]
        {
            assert_eq!(found(vec![package("x", Some(licence), Some(CRATES_IO))]), [""; 0], "{licence}");
        }
    }

    #[test]
    fn other_licences_and_none_are_named() {
        for licence in [Some("GPL-3.0-only"), Some("MIT AND GPL-3.0-only"), Some("Apache-2.0"), Some("my own"), None] {
            let found = found(vec![package("x", licence, Some(CRATES_IO))]);
            assert!(found.len() == 1 && found[0].starts_with("x 1.0.0: its licence"), "{licence:?}: {found:?}");
        }
    }

    #[test]
    fn a_licence_may_be_told_by_its_text() {
        let folder = tempfile::tempdir().unwrap();
        let licence = |text: &str| {
            std::fs::write(folder.path().join("LICENSE"), text).unwrap();
            let mut package = package("x", None, Some(CRATES_IO));
            package.license_file = Some("LICENSE".into());
            package.manifest_path = folder.path().join("Cargo.toml");
            found(vec![package])
        };
        let mit = format!("MIT License\n\nCopyright (c) 2021 Someone\n\n{}\n", super::MIT.join("\n\n"));
        assert_eq!(licence(&mit), [""; 0]);
        assert_eq!(licence(&mit.replace("without restriction", "for a fee")).len(), 1);
        assert_eq!(licence("GNU GENERAL PUBLIC LICENSE").len(), 1);
    }

    #[test]
    fn banned_crates_are_named() {
        let found = found(vec![package("openssl", Some("MIT"), Some(CRATES_IO))]);
        assert!(found.len() == 1 && found[0].contains("bans it"), "{found:?}");
    }

    #[test]
    fn crates_come_from_the_registry_or_this_workspace() {
        assert_eq!(found(vec![package("ours", Some("MIT"), None)]), [""; 0]);
        for source in [None, Some("git+https://example.org/x#1"), Some("registry+https://example.org/index")] {
            let found = found(vec![package("x", Some("MIT"), source)]);
            assert!(found.len() == 1 && found[0].contains("comes from"), "{source:?}: {found:?}");
        }
    }

    #[test]
    fn a_rule_that_is_not_checked_is_refused() {
        let others = [
            ("[licenses]", "[licenses]\nexceptions = []"),
            ("[bans]", "[bans]\nskip = []"),
            (r#"versions = "allow""#, r#"versions = "deny""#),
            (r#"git = "deny""#, r#"git = "warn""#),
        ];
        assert!(Rules::read(RULES).is_ok());
        for (known, other) in others {
            let text = RULES.replace(known, other);
            assert!(text != RULES && Rules::read(&text).is_err(), "{other}");
        }
    }

    #[test]
    fn our_own_rules_can_be_read() {
        let path = kit::paths::workspace().join("deny.toml");
        Rules::read(&std::fs::read_to_string(path).unwrap()).unwrap();
    }
}
