//! How far a build is: which crates there are, which are done and which are being compiled.

use serde_json::Value;
use std::collections::BTreeSet;

/// How many of the crates that are being compiled a report names.
const NAMED: usize = 3;

/// The crates of one build, each as `name version`.
#[derive(Debug, Default)]
pub(crate) struct Crates {
    /// How many there are; `cargo tree` is a few off.
    total: usize,
    done: BTreeSet<String>,
    /// The longest running one first.
    running: Vec<String>,
}

impl Crates {
    /// Counts what `cargo tree --prefix=none --format={p}` lists.
    pub(crate) fn listed(tree: &str) -> Self {
        let lines = tree.lines().map(|line| line.trim_end_matches(" (*)")).filter(|line| !line.is_empty());
        Self { total: lines.collect::<BTreeSet<_>>().len(), ..Self::default() }
    }

    /// How many are done.
    pub(crate) fn done(&self) -> usize {
        self.done.len()
    }

    /// Reads one of cargo's JSON messages. A build script does not make its crate done.
    pub(crate) fn hear(&mut self, message: &str) {
        let Ok(message) = serde_json::from_str::<Value>(message) else { return };
        let is_script = message["target"]["kind"][0] == "custom-build";
        if message["reason"] != "compiler-artifact" || is_script {
            return;
        }
        if let Some(name) = message["package_id"].as_str().and_then(name_and_version) {
            self.running.retain(|running| *running != name);
            self.done.insert(name);
        }
    }

    /// Reads one of cargo's lines for people; tells whether it is of those that the count stands for.
    pub(crate) fn begin(&mut self, line: &str) -> bool {
        let plain = without_colours(line);
        let mut words = plain.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some("Compiling"), Some(name), Some(version)) => {
                let name = format!("{name} {}", version.trim_start_matches('v'));
                if !self.done.contains(&name) {
                    self.running.push(name);
                }
                true
            }
            (Some("Finished"), ..) => true,
            _ => false,
        }
    }

    /// The count, and what is being waited for.
    pub(crate) fn report(&self) -> String {
        let done = self.done.len();
        let count = match self.total {
            0 => format!("built {done} crates"),
            total => format!("built {done} of about {} crates", total.max(done)),
        };
        let names = self.running.iter().filter_map(|name| name.split(' ').next());
        let named = names.take(NAMED).collect::<Vec<_>>().join(", ");
        match self.running.len() {
            0 if done == 0 => count,
            0 => format!("{count}; linking"),
            1..=NAMED => format!("{count}; compiling {named}"),
            more => format!("{count}; compiling {named} and {} more", more - NAMED),
        }
    }
}

/// Name and version in a package id: `…#name@1.0.0`, or `path+file:///…/name#1.0.0`.
fn name_and_version(id: &str) -> Option<String> {
    let (place, fragment) = id.rsplit_once('#')?;
    let (name, version) = fragment.split_once('@').or_else(|| Some((place.rsplit('/').next()?, fragment)))?;
    Some(format!("{name} {version}"))
}

/// A line without the sequences that colour it on a terminal (`ESC [ … m`).
fn without_colours(line: &str) -> String {
    let mut parts = line.split('\x1b');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |plain, part| plain + part.split_once('m').map_or(part, |(_, text)| text))
}

#[cfg(test)]
mod tests {
    use super::Crates;

    const TREE: &str = "auth v0.1.0 (/w/services/auth)\nserde v1.0.1\nmongodb v3.9.1\nserde v1.0.1 (*)\n\n";

    fn artifact(id: &str, kind: &str) -> String {
        serde_json::json!({"reason": "compiler-artifact", "package_id": id, "target": {"kind": [kind]}}).to_string()
    }

    #[test]
    fn each_crate_is_counted_once() {
        let mut crates = Crates::listed(TREE);
        let serde = "registry+https://github.com/rust-lang/crates.io-index#serde@1.0.1";
        crates.hear(&artifact(serde, "custom-build"));
        assert_eq!(crates.done(), 0);
        crates.hear(&artifact(serde, "lib"));
        crates.hear(&artifact("path+file:///w/services/auth#0.1.0", "lib"));
        crates.hear(&artifact("path+file:///w/services/auth#0.1.0", "bin"));
        crates.hear("not JSON");
        crates.hear(r#"{"reason":"build-finished","success":true}"#);
        assert!(crates.report().starts_with("built 2 of about 3 crates"), "{}", crates.report());
    }

    #[test]
    fn what_is_being_compiled_is_named_until_it_is_done() {
        let mut crates = Crates::listed(TREE);
        assert!(crates.begin("   Compiling mongodb v3.9.1"));
        assert!(crates.begin("\x1b[1m\x1b[92m   Compiling\x1b[0m auth v0.1.0 (/w/services/auth)"));
        assert_eq!(crates.report(), "built 0 of about 3 crates; compiling mongodb, auth");
        crates.hear(&artifact("registry+https://x#mongodb@3.9.1", "lib"));
        assert_eq!(crates.report(), "built 1 of about 3 crates; compiling auth");
    }

    #[test]
    fn other_remarks_are_shown_to_the_reader() {
        let mut crates = Crates::default();
        assert!(!crates.begin("    Blocking waiting for file lock on build directory"));
        assert!(!crates.begin("error[E0425]: cannot find value `x` in this scope"));
        assert!(crates.begin("    Finished `dev` profile target(s) in 1.2s"));
    }
}
