//! Imports between the modules of one crate: none in a circle, and inside a service in one direction.
//!
//! Modules are compared with their siblings: a module stands for itself and all below it. What a module and its own
//! parent name of each other is no circle: a `mod.rs` re-exports its children, and they use what it defines. A name that
//! a parent re-exports counts as that of the child which has it.

use super::names::Names;
use super::source::Source;
use anyhow::{Context as _, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What a module of a service must not import: `http, events → app → domain, store`.
const DIRECTION: &[(&str, &[&str])] = &[
    ("domain", &["app", "events", "http", "store"]),
    ("store", &["app", "events", "http"]),
    ("app", &["events", "http"]),
];

type Module = Vec<String>;

/// The modules of one crate and what they import.
#[derive(Debug, Default)]
struct Modules {
    names: BTreeMap<Module, Names>,
}

/// Who imports whom below one parent, with an example of each.
type Edges = BTreeMap<(String, String), String>;

/// Names the circles in a crate and, in a service, the imports against the direction. `sources` are the crate's files,
/// with paths below its folder.
pub(super) fn check(package: &str, is_service: bool, sources: &[Source]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for (parent, edges) in Modules::read(sources)?.edges() {
        let place = joined(package, &parent);
        found.extend(circles(&edges).into_iter().map(|circle| format!("{place}: these import each other: {circle}")));
        if is_service && parent.is_empty() {
            let against = edges.iter().filter(|((from, to), _)| {
                DIRECTION.iter().any(|(name, forbidden)| name == from && forbidden.contains(&to.as_str()))
            });
            found.extend(against.map(|((from, to), example)| {
                format!("{place}: `{from}` must not import `{to}` ({example}): http, events → app → domain, store")
            }));
        }
    }
    Ok(found)
}

fn joined(package: &str, parent: &[String]) -> String {
    std::iter::once(package).chain(parent.iter().map(String::as_str)).collect::<Vec<_>>().join("::")
}

impl Modules {
    fn read(sources: &[Source]) -> Result<Self> {
        let mut modules = Self::default();
        for source in sources {
            if let Some(module) = module_of(&source.path) {
                let names = Names::read(&source.text, &module, false);
                modules.names.insert(module, names.with_context(|| source.path.display().to_string())?);
            }
        }
        Ok(modules)
    }

    /// The edges between siblings, by their parent.
    fn edges(&self) -> BTreeMap<Module, Edges> {
        let mut all: BTreeMap<Module, Edges> = BTreeMap::new();
        for (module, names) in &self.names {
            for path in names.paths.iter().filter(|path| path[0] == "crate") {
                let target = self.target(&path[1..], 0);
                let common = module.iter().zip(&target).take_while(|(own, other)| own == other).count();
                if let (Some(from), Some(to)) = (module.get(common), target.get(common)) {
                    let edges = all.entry(module[..common].to_vec()).or_default();
                    let example = || format!("{} names {}", module.join("::"), path.join("::"));
                    edges.entry((from.clone(), to.clone())).or_insert_with(example);
                }
            }
        }
        all
    }

    /// The module that has what a path from the root names; re-exports are followed.
    fn target(&self, path: &[String], depth: usize) -> Module {
        let known = (0..=path.len()).rev().find(|length| self.names.contains_key(&path[..*length]));
        let (module, rest) = path.split_at(known.unwrap_or(0));
        let imports = self.names.get(module).map_or(&[][..], |names| &names.imports);
        let import = rest.first().and_then(|name| imports.iter().find(|(brought, _)| brought == name));
        match import {
            Some((_, path)) if depth < 8 && path[0] == "crate" => self.target(&path[1..], depth + 1),
            // Relative to this module, if its child has that name; else it is another crate's.
            Some((_, path)) if depth < 8 && self.names.contains_key(&[module, &path[..1]].concat()) => {
                self.target(&[module, path].concat(), depth + 1)
            }
            _ => module.to_vec(),
        }
    }
}

/// The module that a file is, from the root of its crate; none for tests and other programs.
fn module_of(path: &Path) -> Option<Module> {
    let inner = path.strip_prefix("src").ok()?.with_extension("");
    let mut module: Module = inner.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if module.iter().any(|part| part == "tests" || part == "bin") {
        return None;
    }
    if module.last().is_some_and(|last| last == "mod")
        || matches!(module.as_slice(), [only] if only == "lib" || only == "main")
    {
        module.pop();
    }
    Some(module)
}

/// The groups of modules that reach each other, each told with the imports within it.
fn circles(edges: &Edges) -> Vec<String> {
    let names: BTreeSet<&str> = edges.keys().map(|(from, _)| from.as_str()).collect();
    let reach: BTreeMap<&str, BTreeSet<&str>> = names.iter().map(|name| (*name, reached(edges, name))).collect();
    let mut groups = BTreeSet::new();
    for (name, seen) in reach.iter().filter(|(name, seen)| seen.contains(*name)) {
        let back = |other: &&&str| reach.get(**other).is_some_and(|theirs| theirs.contains(name));
        groups.insert(seen.iter().filter(back).copied().collect::<BTreeSet<&str>>());
    }
    let tell = |group: BTreeSet<&str>| {
        let within =
            edges.iter().filter(|((from, to), _)| group.contains(from.as_str()) && group.contains(to.as_str()));
        let examples = within.map(|(_, example)| example.as_str()).collect::<Vec<_>>().join("; ");
        format!("{} ({examples})", group.into_iter().collect::<Vec<_>>().join(", "))
    };
    groups.into_iter().map(tell).collect()
}

fn reached<'a>(edges: &'a Edges, from: &'a str) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    let mut next = vec![from];
    while let Some(at) = next.pop() {
        let more = edges.keys().filter(|(from, _)| from == at).map(|(_, to)| to.as_str());
        next.extend(more.filter(|to| seen.insert(*to)));
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::check::source::Source;

    fn found(is_service: bool, files: &[(&str, &str)]) -> Vec<String> {
        let source = |(path, text): &(&str, &str)| Source { path: path.into(), text: (*text).to_owned() };
        check("shop", is_service, &files.iter().map(source).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn a_circle_is_named_with_its_imports() {
        let found = found(
            false,
            &[
                ("src/lib.rs", "mod a; mod b; mod c;"),
                ("src/a/mod.rs", "mod deep;"),
                ("src/a/deep.rs", "use crate::b::B;"),
                ("src/b.rs", "fn f() { crate::c::g() }"),
                ("src/c.rs", "use super::a;"),
                ("src/d.rs", "use crate::a;"),
            ],
        );
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].starts_with("shop: these import each other: a, b, c (a::deep names crate::b::B; "),
            "{found:?}"
        );
    }

    #[test]
    fn a_circle_through_a_re_export_is_one() {
        let files = |sibling| {
            found(
                false,
                &[
                    ("src/lib.rs", ""),
                    ("src/a/mod.rs", "mod x; mod y; pub use x::X; use self::y::make;"),
                    ("src/a/x.rs", "use super::make;"),
                    ("src/a/y.rs", sibling),
                ],
            )
        };
        let found = files("use super::X;");
        assert!(found.len() == 1 && found[0].starts_with("shop::a: these import each other: x, y"), "{found:?}");
        assert_eq!(files("use std::fmt;"), [""; 0]);
    }

    #[test]
    fn parents_and_tests_make_no_circle() {
        let found = found(
            false,
            &[
                ("src/lib.rs", "mod a; use crate::a::A; pub struct Root;"),
                ("src/a/mod.rs", "mod x; pub use x::X; pub struct A; impl A { fn f() { x::f() } }"),
                ("src/a/x.rs", "use super::A; use crate::Root; #[cfg(test)] mod tests { use crate::b::B; }"),
                ("src/b.rs", "use crate::a::X;"),
                ("src/a/tests.rs", "use crate::b::B;"),
            ],
        );
        assert_eq!(found, [""; 0]);
    }

    #[test]
    fn a_service_imports_in_one_direction() {
        let files = [
            ("src/lib.rs", ""),
            ("src/http/mod.rs", "use crate::app::f;"),
            ("src/app/mod.rs", "use crate::store::Row; use crate::domain::Cart;"),
            ("src/store.rs", "use crate::domain::Cart;"),
            ("src/domain.rs", ""),
        ];
        assert_eq!(found(true, &files), [""; 0]);
        for (path, text, against) in [
            ("src/domain.rs", "use crate::error::Error; use crate::store::Row;", "`domain` must not import `store`"),
            ("src/store.rs", "fn f() { crate::app::f() }", "`store` must not import `app`"),
            ("src/app/mod.rs", "use crate::events::publish;", "`app` must not import `events`"),
        ] {
            let mut broken: Vec<_> = files.iter().filter(|(other, _)| *other != path).copied().collect();
            broken.extend([(path, text), ("src/events.rs", ""), ("src/error.rs", "")]);
            broken.retain(|(other, _)| *other == path || *other != "src/http/mod.rs");
            let against_it = found(true, &broken);
            assert!(against_it.iter().any(|line| line.contains(against)), "{path}: {against_it:?}");
            assert!(found(false, &broken).iter().all(|line| !line.contains("must not")));
        }
    }
}
