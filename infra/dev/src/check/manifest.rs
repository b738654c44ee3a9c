//! What a `Cargo.toml` lists.

/// The sections of dependencies in a manifest, and the names in them.
pub(super) fn dependencies(manifest: &str) -> Vec<(String, String)> {
    let mut section = String::new();
    let mut found = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_end_matches(']').to_owned();
        } else if section.ends_with("dependencies") && !line.starts_with('#') {
            let end = line.find(['.', '=', ' ']).unwrap_or(0);
            if end > 0 {
                found.push((section.clone(), line[..end].to_owned()));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::dependencies;

    #[test]
    fn sections_are_told_apart() {
        let manifest =
            "[package]\nname = \"x\"\n[dependencies]\na = \"1\"\n# b = \"1\"\n[dev-dependencies]\nc.workspace = true\n";
        let expected = [("dependencies", "a"), ("dev-dependencies", "c")];
        assert_eq!(dependencies(manifest), expected.map(|(section, name)| (section.to_owned(), name.to_owned())));
    }
}
