//! What no login may run here, because an embedded engine guards it less than a server does.
//!
//! The engine's grants keep statements from other databases, the network and table functions over files. What they let
//! through in an embedded engine was found by trying: the function `file`, client-side `INFILE` and `OUTFILE`,
//! `ATTACH … FROM`, dictionaries over programs, engines and disks with paths of their own.

use crate::failure::Failure;
use crate::token::Token;

/// Functions that read files or run programs. Matched as names anywhere, since `APPLY(file)` calls one too.
const FUNCTIONS: &[&str] = &["file", "executable", "catboostEvaluate"];

/// Table engines besides `*MergeTree` that keep to the engine's own folder.
const ENGINES: &[&str] = &["Memory", "Null", "Log", "TinyLog", "StripeLog", "Set", "Join", "Buffer", "Merge"];

/// Refuses a statement that would reach out of the engine's process.
pub(super) fn check(tokens: &[Token<'_>]) -> Result<(), Failure> {
    let word = |at: usize, name: &str| tokens.get(at).is_some_and(|token| token.is(name));
    let refused = |what: &str| Err(Failure::access_denied(format!("{what} is not available here")));
    if ["ATTACH", "BACKUP", "RESTORE", "GRANT", "REVOKE"].iter().any(|name| word(0, name)) {
        return refused(&tokens[0].string());
    }
    let defines = word(0, "CREATE") || word(0, "REPLACE") || word(0, "ALTER");
    for (at, token) in tokens.iter().enumerate() {
        if token.is_name() && FUNCTIONS.iter().any(|name| token.text.eq_ignore_ascii_case(name.as_bytes())) {
            return refused(&token.string());
        }
        let pair = |first: &str, second: &str| token.is(first) && word(at + 1, second);
        if pair("FROM", "INFILE") || pair("INTO", "OUTFILE") || pair("PARALLEL", "WITH") {
            return refused(&format!("{} {}", token.string(), tokens[at + 1].string()));
        }
        if token.is("DICTIONARY") && defines {
            return refused("CREATE DICTIONARY");
        }
        if token.is("disk") && tokens.get(at + 1).is_some_and(|next| next.is_symbol(b'(')) {
            return refused("A disk of one's own");
        }
        if token.is("ENGINE") && defines {
            let name = tokens[at + 1..].iter().find(|token| !token.is_symbol(b'='));
            if let Some(name) = name.filter(|name| name.is_name() && !engine_allowed(name)) {
                return refused(&format!("Engine {}", name.string()));
            }
        }
    }
    Ok(())
}

fn engine_allowed(name: &Token<'_>) -> bool {
    let text = name.string();
    text.ends_with("MergeTree") || ENGINES.contains(&text.as_str())
}
