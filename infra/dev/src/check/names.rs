//! What a Rust file names: the paths in its code and imports, without those of its tests.

use anyhow::{Result, anyhow};
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use std::iter;

/// A path, segment by segment. One that begins at the root of its own crate begins with `crate`.
pub(super) type Path = Vec<String>;

/// What one file names.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Every path of two segments or more, and every import.
    pub(super) paths: Vec<Path>,
    /// The imports: the name that each brings into the module, and its path.
    pub(super) imports: Vec<(String, Path)>,
}

impl Names {
    /// Reads the text of the file that is the module `module`. Comments and items under `#[cfg(test)]` are left out,
    /// unless `with_tests` says otherwise.
    pub(super) fn read(text: &str, module: &[String], with_tests: bool) -> Result<Self> {
        let tokens: TokenStream = text.parse().map_err(|error| anyhow!("it cannot be read as Rust: {error}"))?;
        let mut names = Self::default();
        names.walk(tokens, module, with_tests);
        Ok(names)
    }

    fn walk(&mut self, tokens: TokenStream, module: &[String], with_tests: bool) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            let rest = &tokens[at..];
            at += match rest {
                [TokenTree::Punct(hash), TokenTree::Group(attribute), ..] if hash.as_char() == '#' => {
                    self.attribute(attribute, &rest[2..], module, with_tests)
                }
                [TokenTree::Punct(hash), TokenTree::Punct(_), TokenTree::Group(_), ..] if hash.as_char() == '#' => 3,
                // Not `impl Trait + use<'a>`.
                [TokenTree::Ident(word), next, ..] if word == "use" && !is_punct(next, '<') => {
                    self.import(&rest[1..], module)
                }
                [TokenTree::Ident(word), TokenTree::Ident(name), TokenTree::Group(body), ..] if word == "mod" => {
                    let inner: Vec<_> = module.iter().cloned().chain([name.to_string()]).collect();
                    self.walk(body.stream(), &inner, with_tests);
                    3
                }
                [TokenTree::Ident(_), ..] if !(at > 1 && tokens[at - 2..at].iter().all(is_colon)) => {
                    self.path(rest, module)
                }
                [TokenTree::Literal(text), ..] => {
                    // A path in an attribute, as in `#[serde(with = "chrono::serde")]`.
                    let text = text.to_string();
                    let first = text.trim_start_matches('"').split_once("::").map_or("", |(first, _)| first);
                    if !first.is_empty() && first.chars().all(|it| it.is_alphanumeric() || it == '_') {
                        self.paths.push(vec![first.to_owned()]);
                    }
                    1
                }
                [TokenTree::Group(group), ..] => {
                    self.walk(group.stream(), module, with_tests);
                    1
                }
                _ => 1,
            };
        }
    }

    /// Reads an attribute; how many tokens it takes, with those of the item that it is about if that is a test's.
    fn attribute(&mut self, attribute: &Group, after: &[TokenTree], module: &[String], with_tests: bool) -> usize {
        let text: String = attribute.stream().to_string().split_whitespace().collect();
        if !with_tests && text.starts_with("cfg(") && text.contains("test") && !text.contains("not(test") {
            return 2 + after.iter().take_while(|token| !ends_item(token)).count() + 1;
        }
        if !text.starts_with("doc=") {
            self.walk(attribute.stream(), module, with_tests);
        }
        2
    }

    /// Reads the path that `rest` begins with, if it is one; how many tokens it takes.
    fn path(&mut self, rest: &[TokenTree], module: &[String]) -> usize {
        let mut path = Path::new();
        let mut at = 0;
        while let Some(TokenTree::Ident(segment)) = rest.get(at) {
            path.push(segment.to_string());
            at += 1;
            match rest.get(at..at + 2) {
                Some([first, second]) if is_colon(first) && is_colon(second) => at += 2,
                _ => break,
            }
        }
        if path.len() > 1 {
            self.paths.push(resolved(path, module));
        }
        at.max(1)
    }

    /// Reads an import up to its semicolon; how many tokens it takes, `use` included.
    fn import(&mut self, rest: &[TokenTree], module: &[String]) -> usize {
        let end = rest.iter().position(|token| is_punct(token, ';')).unwrap_or(rest.len());
        self.tree(&rest[..end], &mut Path::new(), module);
        end + 1
    }

    fn tree(&mut self, tokens: &[TokenTree], prefix: &mut Path, module: &[String]) {
        for branch in tokens.split(|token| is_punct(token, ',')) {
            let depth = prefix.len();
            let mut name = None;
            for (index, token) in branch.iter().enumerate() {
                match token {
                    TokenTree::Ident(word) if word == "as" => {
                        name = branch.get(index + 1).map(ToString::to_string);
                        break;
                    }
                    TokenTree::Ident(segment) if segment != "self" || prefix.is_empty() => {
                        prefix.push(segment.to_string());
                    }
                    TokenTree::Group(group) => {
                        let inner: Vec<_> = group.stream().into_iter().collect();
                        self.tree(&inner, prefix, module);
                        name = Some(String::new());
                    }
                    _ => {}
                }
            }
            if let Some(last) = prefix.last().filter(|_| !branch.is_empty() && name.as_deref() != Some("")).cloned() {
                let path = resolved(prefix.clone(), module);
                self.imports.push((name.unwrap_or(last), path.clone()));
                self.paths.push(path);
            }
            prefix.truncate(depth);
        }
    }
}

/// The path from the root of the crate, if it begins with `self` or `super`.
fn resolved(path: Path, module: &[String]) -> Path {
    let ups = path.iter().take_while(|segment| *segment == "super").count();
    let rest = match path[0].as_str() {
        "super" => &path[ups..],
        "self" => &path[1..],
        _ => return path,
    };
    let above = &module[..module.len().saturating_sub(ups)];
    iter::once("crate".to_owned()).chain(above.iter().cloned()).chain(rest.iter().cloned()).collect()
}

fn is_punct(token: &TokenTree, wanted: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == wanted)
}

fn is_colon(token: &TokenTree) -> bool {
    is_punct(token, ':')
}

/// Whether an item ends here: with its body, or with a semicolon.
fn ends_item(token: &TokenTree) -> bool {
    let is_body = matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
    is_body || is_punct(token, ';')
}

#[cfg(test)]
mod tests {
    use super::Names;

    fn read(text: &str, with_tests: bool) -> Vec<String> {
        let module = ["app".to_owned(), "place".to_owned()];
        let names = Names::read(text, &module, with_tests).unwrap();
        let mut paths: Vec<_> = names.paths.iter().map(|path| path.join("::")).collect();
        paths.sort();
        paths
    }

    #[test]
    fn paths_and_imports_are_read() {
        let text = "use std::fmt;\npub(crate) use super::{Answer, price::{self, Quote as Q}};\n\
                    fn f(x: crate::store::Row) { tokio::select! { _ = serde_json::to_vec(&x) => {} } }";
        let expected = [
            "crate::app::Answer",
            "crate::app::price",
            "crate::app::price::Quote",
            "crate::store::Row",
            "serde_json::to_vec",
            "std::fmt",
            "tokio::select",
        ];
        assert_eq!(read(text, false), expected);
        let names = Names::read(text, &["app".to_owned(), "place".to_owned()], false).unwrap();
        let mut brought: Vec<_> = names.imports.iter().map(|(name, _)| name.as_str()).collect();
        brought.sort_unstable();
        assert_eq!(brought, ["Answer", "Q", "fmt", "price"]);
    }

    #[test]
    fn comments_strings_and_tests_are_left_out() {
        let text = "//! See [`a::b`].\n/// And c::d.\nfn f() { let x = \"say e::f\"; }\n\
                    #[cfg(test)]\nmod tests { use g::h; }\n#[cfg(test)]\nmod more;\nfn k() { l::m(); }";
        assert_eq!(read(text, false), ["l::m"]);
        assert_eq!(read(text, true), ["g::h", "l::m"]);
    }

    #[test]
    fn what_a_macro_of_serde_calls_is_named() {
        assert_eq!(read("#[serde(with = \"chrono::serde::ts\")]\nstruct A;", false), ["chrono"]);
    }
}
