//! Dependencies that a manifest lists and no code names.

use super::manifest::dependencies;
use super::names::Names;
use super::source::Source;
use anyhow::{Context as _, Result};
use std::collections::BTreeSet;

/// A crate that lists dependencies for the sake of others: see the comment in its manifest.
const FOR_OTHERS: &str = "contract-tests";

/// Names what a crate lists and does not use: of `dependencies` in its programs and library, of `dev-dependencies` in its
/// tests, too. `sources` are the crate's files, with paths below its folder.
pub(super) fn in_crate(package: &str, manifest: &str, sources: &[Source]) -> Result<Vec<String>> {
    if package == FOR_OTHERS {
        return Ok(Vec::new());
    }
    let (mut programs, mut all) = (BTreeSet::new(), BTreeSet::new());
    for source in sources {
        let read = |with_tests| {
            let names =
                Names::read(&source.text, &[], with_tests).with_context(|| source.path.display().to_string())?;
            anyhow::Ok(names.paths.into_iter().map(|path| path[0].clone()))
        };
        all.extend(read(true)?);
        if source.path.starts_with("src") || source.path.ends_with("build.rs") {
            programs.extend(read(false)?);
        }
    }
    let mut found = Vec::new();
    for (section, name) in dependencies(manifest) {
        let ident = name.replace('-', "_");
        let (used, hint) = match section.as_str() {
            // Examples in comments are compiled as tests.
            "dev-dependencies" => (all.contains(&ident) || in_example(sources, &ident), "remove it"),
            _ if all.contains(&ident) => (programs.contains(&ident), "only its tests do: make it a dev-dependency"),
            _ => (false, "remove it"),
        };
        if !used {
            found.push(format!("{package} lists {name} ({section}) and does not name it: {hint}"));
        }
    }
    Ok(found)
}

fn in_example(sources: &[Source], ident: &str) -> bool {
    let is_named = |line: &str| line.trim_start().starts_with("//") && line.contains(&format!("{ident}::"));
    sources.iter().any(|source| source.text.lines().any(is_named))
}

/// Names the entries of `[workspace.dependencies]` that no crate of the workspace takes.
pub(super) fn in_workspace<'a>(workspace: &str, manifests: impl Iterator<Item = &'a str>) -> Vec<String> {
    let taken: BTreeSet<String> = manifests.flat_map(dependencies).map(|(_, name)| name).collect();
    let listed = dependencies(workspace).into_iter().filter(|(section, _)| section == "workspace.dependencies");
    let unused = listed.filter(|(_, name)| !taken.contains(name));
    unused
        .map(|(_, name)| format!("Cargo.toml: no crate takes {name} of [workspace.dependencies]: remove it"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{in_crate, in_workspace};
    use crate::check::source::Source;

    const MANIFEST: &str = "[dependencies]\nserde-json.workspace = true\ntokio = { workspace = true }\nhex = \"1\"\n\
                            [dev-dependencies]\nproptest.workspace = true\nrstest.workspace = true\ninsta.workspace = true\n";

    #[test]
    fn what_no_code_names_is_found() {
        let source = |path: &str, text: &str| Source { path: path.into(), text: text.to_owned() };
        let sources = [
            source(
                "src/lib.rs",
                "//! Not `hex::encode`.\nuse serde_json::Value;\n#[cfg(test)]\nmod tests { fn f() { tokio::spawn() } }",
            ),
            source("src/example.rs", "//! ```\n//! use insta::assert;\n//! ```"),
            source("tests/it/main.rs", "use proptest::prelude::*;"),
        ];
        let expected = [
            "shop lists tokio (dependencies) and does not name it: only its tests do: make it a dev-dependency",
            "shop lists hex (dependencies) and does not name it: remove it",
            "shop lists rstest (dev-dependencies) and does not name it: remove it",
        ];
        assert_eq!(in_crate("shop", MANIFEST, &sources).unwrap(), expected);
    }

    #[test]
    fn what_no_crate_takes_is_found() {
        let workspace = "[workspace.dependencies]\ntokio = \"1\"\n# fake = \"1\"\ngarde = { version = \"1\" }\nserde-json = \"1\"\n";
        let found = in_workspace(workspace, [MANIFEST].into_iter());
        assert_eq!(found, ["Cargo.toml: no crate takes garde of [workspace.dependencies]: remove it"]);
    }
}
