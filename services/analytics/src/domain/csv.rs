//! CSV that a spreadsheet opens without running it.

use std::fmt::Write;

/// Appends a record as RFC 4180 says.
///
/// Spreadsheets take a cell that begins with `=`, `+`, `-`, `@`, a tab or a carriage return for a formula, and part of
/// what is exported was chosen by strangers: such a cell is preceded by an apostrophe, as OWASP advises.
pub fn append<'a>(csv: &mut String, fields: impl IntoIterator<Item = &'a str>) {
    for (index, field) in fields.into_iter().enumerate() {
        if index > 0 {
            csv.push(',');
        }
        let quote = if field.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
        if field.contains(['"', ',', '\n', '\r']) || !quote.is_empty() {
            let _ = write!(csv, "\"{quote}{}\"", field.replace('"', "\"\""));
        } else {
            csv.push_str(field);
        }
    }
    csv.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::plain("example.com", "example.com")]
    #[case::comma("a,b", "\"a,b\"")]
    #[case::quote("a\"b", "\"a\"\"b\"")]
    #[case::formula("=HYPERLINK(\"http://evil\")", "\"'=HYPERLINK(\"\"http://evil\"\")\"")]
    #[case::plus("+1", "\"'+1\"")]
    #[case::minus("-1", "\"'-1\"")]
    #[case::at("@SUM(A1)", "\"'@SUM(A1)\"")]
    #[case::tab("\t=1", "\"'\t=1\"")]
    fn cells_are_quoted_and_never_formulas(#[case] field: &str, #[case] expected: &str) {
        let mut csv = String::new();
        append(&mut csv, [field, "x"]);
        assert_eq!(csv, format!("{expected},x\r\n"));
    }
}
