//! Documents: parsed, weighed and validated once for each text.

use super::super::guard::{self, TooComplex};
use super::error::{Fault, MOST_FAULTS, PlanError};
use super::line_index::LineIndex;
use super::rules;
use super::types::Types;
use crate::config::Guard;
use apollo_compiler::ast;
use apollo_compiler::diagnostic::ToCliReport as _;
use apollo_compiler::executable::ExecutableDocument;
use apollo_compiler::parser::{Parser, SourceSpan};
use apollo_compiler::validation::DiagnosticList;
use async_graphql::Pos;

/// The estimated memory for each byte of a text, in bytes, in the worst case: short fields (`a b c`).
const BYTES: usize = 120;

/// A valid document that is small enough to be executed.
pub(super) struct Document {
    pub(super) executable: ExecutableDocument,
    pub(super) lines: LineIndex,
    /// The parsed document, if its weight depends on variables.
    pub(super) weighed: Option<ast::Document>,
    length: usize,
}

impl Document {
    /// Parses, weighs and validates a text. Each step bounds the cost of the next.
    pub(super) fn parse(text: &str, types: &Types, guard: &Guard) -> Result<Self, PlanError> {
        guard::scan(text, guard)?;
        let lines = LineIndex::of(text);
        let most = guard::most_tokens(guard);
        let mut parser = Parser::new().token_limit(most);
        let parsed = parser.parse_ast(text, "document");
        if parser.tokens_reached() > most {
            return Err(TooComplex { limit: "tokens", allowed: guard.tokens as u64 }.into());
        }
        let parsed = parsed.map_err(|invalid| PlanError::syntax(syntax_faults(text, &invalid.errors, &lines)))?;
        guard::check(&parsed, guard).map_err(|error| match error {
            guard::GuardError::TooComplex(excess) => PlanError::from(excess),
            guard::GuardError::Cycle(name) => {
                let message = format!("The fragment {name} contains itself.");
                Fault::new(message, lines.position(name.location())).into()
            }
        })?;
        let mut executable = match parsed.to_executable_validate(&types.schema) {
            Ok(valid) => valid.into_inner(),
            Err(invalid) => return Err(PlanError::invalid(faults(&invalid.errors, &lines))),
        };
        let faults = rules::check(&executable, types, &lines);
        if !faults.is_empty() {
            return Err(PlanError::invalid(faults));
        }
        // Positions are found without the text.
        executable.sources = Default::default();
        let weighed = guard::depends_on_variables(&parsed).then(|| {
            let mut weighed = parsed;
            weighed.sources = Default::default();
            weighed
        });
        Ok(Self { executable, lines, weighed, length: text.len() })
    }

    pub(super) fn position(&self, span: Option<SourceSpan>) -> Pos {
        self.lines.position(span).unwrap_or_default()
    }

    /// Estimates its memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let copies = 1 + usize::from(self.weighed.is_some());
        self.length * (1 + BYTES * copies) + self.lines.bytes()
    }
}

/// Collects the faults of validation. Empty selections come last, because other faults cause them.
fn faults(errors: &DiagnosticList, lines: &LineIndex) -> Vec<Fault> {
    let (mut causes, mut effects) = (Vec::new(), Vec::new());
    for diagnostic in errors.iter() {
        let message = sentence(&diagnostic.error.to_string());
        let into = if message.contains("must have a subselection set") { &mut effects } else { &mut causes };
        if into.len() < MOST_FAULTS {
            into.push(Fault::new(message, lines.position(diagnostic.error.location())));
        }
        if causes.len() == MOST_FAULTS {
            break;
        }
    }
    causes.append(&mut effects);
    causes.truncate(MOST_FAULTS);
    causes
}

/// Makes the fault of a syntax error. The parser's own messages name its internal tokens.
fn syntax_faults(text: &str, errors: &DiagnosticList, lines: &LineIndex) -> Vec<Fault> {
    let Some(first) = errors.iter().next() else { return vec![Fault::new("The document cannot be parsed.", None)] };
    let span = first.error.location();
    let found = span.and_then(|span| text.get(span.offset()..span.end_offset())).map(str::trim).unwrap_or_default();
    let message = match found {
        "" => "The document ends too early, or is empty.".to_owned(),
        found => format!("The document cannot be parsed at `{found}`."),
    };
    vec![Fault::new(message, lines.position(span))]
}

/// Makes a sentence of a message.
fn sentence(message: &str) -> String {
    let mut letters = message.chars();
    let first = letters.next().map(char::to_uppercase).into_iter().flatten();
    first.chain(letters).chain((!message.ends_with('.')).then_some('.')).collect()
}
