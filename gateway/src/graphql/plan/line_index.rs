//! Finds lines and columns in logarithmic time.

use apollo_compiler::parser::SourceSpan;
use async_graphql::Pos;

#[derive(Debug)]
pub(super) struct LineIndex {
    starts: Vec<usize>,
    /// The offsets of UTF-8 continuation bytes.
    inner: Vec<usize>,
}

impl LineIndex {
    pub(super) fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut lines = Self { starts: vec![0], inner: Vec::new() };
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                b'\n' => lines.starts.push(at + 1),
                b'\r' if bytes.get(at + 1) != Some(&b'\n') => lines.starts.push(at + 1),
                0x80..=0xBF => lines.inner.push(at),
                _ => {}
            }
        }
        lines
    }

    /// Returns line and column, both from 1, of the character at a byte offset.
    pub(super) fn at(&self, offset: usize) -> Pos {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts[line - 1];
        let inner = |until: usize| self.inner.partition_point(|at| *at < until);
        Pos { line, column: offset - start - (inner(offset) - inner(start)) + 1 }
    }

    /// Returns the position of a span.
    pub(super) fn position(&self, span: Option<SourceSpan>) -> Option<Pos> {
        span.map(|span| self.at(span.offset()))
    }

    pub(super) const fn bytes(&self) -> usize {
        (self.starts.len() + self.inner.len()) * size_of::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_as_the_specification_says_and_columns_count_characters() {
        let text = "{ a\n  bé c\r\nd\re }";
        let lines = LineIndex::of(text);
        let at = |needle: char| {
            let Pos { line, column } = lines.at(text.find(needle).expect("a character"));
            (line, column)
        };
        assert_eq!(
            [at('{'), at('a'), at('b'), at('c'), at('d'), at('e')],
            [(1, 1), (1, 3), (2, 3), (2, 6), (3, 1), (4, 1)]
        );
    }
}
