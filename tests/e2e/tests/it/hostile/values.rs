//! Values that nobody sends who means well: what a field's type allows, to its ends, and what it does not.

use serde_json::{Value, json};

/// Written in place of a value, and then replaced by a text that `serde_json` would not write.
pub(super) const MARK: &str = "@hostile@";

/// What a field takes, as far as it decides what is hostile to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Moment,
    Id,
    Number,
    Other,
}

/// Raw JSON for a field of a kind: the ends of its type first, then what is hostile everywhere.
pub(super) fn json_for(kind: Kind) -> Vec<String> {
    let own: Vec<String> = match kind {
        Kind::Text => texts().into_iter().map(|text| Value::from(text).to_string()).collect(),
        Kind::Moment => MOMENTS.iter().map(|text| json!(text).to_string()).collect(),
        Kind::Id => IDS.iter().map(|text| json!(text).to_string()).collect(),
        Kind::Number => NUMBERS.iter().map(|&number| number.to_owned()).collect(),
        Kind::Other => Vec::new(),
    };
    let anywhere = [
        "null".to_owned(),
        "true".to_owned(),
        "\"\"".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        "[null]".to_owned(),
        r#"{"$gt":""}"#.to_owned(),
        "1e400".to_owned(),
        "-0.0".to_owned(),
        "NaN".to_owned(),
        "18446744073709551616".to_owned(),
        r#""\ud800""#.to_owned(),
        r#""\udc00\ud800""#.to_owned(),
        r#""\u0000""#.to_owned(),
        "\"\u{0}\"".to_owned(),
        format!("{}1{}", "[".repeat(120), "]".repeat(120)),
        format!("{}1{}", "[".repeat(20_000), "]".repeat(20_000)),
        format!("{}1{}", r#"{"a":"#.repeat(20_000), "}".repeat(20_000)),
        format!("[{}0]", "0,".repeat(30_000)),
    ];
    own.into_iter().chain(anywhere).collect()
}

/// Texts for where only text can stand: queries, paths, headers. The longest still fits a target of 65,534 bytes.
pub(super) fn texts_for(kind: Kind) -> Vec<String> {
    let own: Vec<String> = match kind {
        Kind::Moment => MOMENTS.iter().map(|&text| text.to_owned()).collect(),
        Kind::Id => IDS.iter().map(|&text| text.to_owned()).collect(),
        Kind::Number => NUMBERS.iter().map(|&text| text.to_owned()).collect(),
        Kind::Text | Kind::Other => CURSORS.iter().map(|&text| text.to_owned()).collect(),
    };
    own.into_iter().chain(texts()).collect()
}

fn texts() -> Vec<String> {
    let short = [
        "",
        " ",
        "\u{0}",
        "a\u{0}b",
        "\u{1}\u{8}\u{1b}[31m\u{7f}\u{85}",
        "\r\nX-Injected: 1",
        "\t\n",
        "\u{200b}\u{ad}\u{feff}",
        "\u{202e}abc\u{2066}",
        "\u{fffe}\u{ffff}",
        "\u{10ffff}",
        "I\u{307}ß\u{fb01}",
        "'; DROP TABLE users; --",
        "\\'\"`${7*7}{{7*7}}",
        "%_\\%",
        "(((((((((((((((((",
        "../../../../etc/passwd",
        "%00%ff%2e%2e%2f",
        "null",
        "-9223372036854775809",
        "NaN",
        "https://[::ffff:7f00:1]:65536/",
        "https://user:pass@example.com/\u{0}",
        "//example.com",
        "javascript:alert(1)",
        "a@b",
        "\"a b\"@example.com",
        "+99999999999999999999",
        "4111111111111111",
    ];
    let long =
        [("x", 300), ("é", 1_025), ("💥", 300), ("a\u{301}", 2_600), ("1", 9_000), ("x", 16_000), ("a.", 15_000)];
    let long = long.into_iter().map(|(text, times)| text.repeat(times));
    short.into_iter().map(str::to_owned).chain(long).collect()
}

/// Texts that no address holds and a JSON field may.
pub(super) fn very_long() -> String {
    "x".repeat(70_000)
}

const MOMENTS: &[&str] = &[
    "-9999-01-01T00:00:00Z",
    "-4713-01-01T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "1899-12-31T23:59:59Z",
    "1969-12-31T23:59:59.999Z",
    "1970-01-01T00:00:00Z",
    "2038-01-19T03:14:08Z",
    "2262-04-11T23:47:17Z",
    "2300-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999999Z",
    "9999-12-31T23:59:59-23:59",
    "+10000-01-01T00:00:00Z",
    "+262142-12-31T23:59:59Z",
    "-262143-01-01T00:00:00Z",
    "+294277-01-01T00:00:00Z",
    "2016-12-31T23:59:60Z",
    "2026-02-30T00:00:00Z",
    "2026-01-01T24:00:00Z",
    "2026-01-01 00:00:00Z",
    "2026-01-01T00:00:00+99:99",
    "2026-01-01",
    "1767225600",
];

const IDS: &[&str] = &[
    "",
    "00000000-0000-0000-0000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "{01936b2e-5a00-7000-8000-000000000001}",
    "urn:uuid:01936b2e-5a00-7000-8000-000000000001",
    "01936b2e5a0070008000000000000001",
    "01936b2e-5a00-7000-8000-00000000000g",
    "01936b2e-5a00-7000-8000-000000000001\u{0}",
    "1",
    "me",
];

const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "-1",
    "1",
    "100",
    "101",
    "65536",
    "1000000",
    "1000000001",
    "2147483647",
    "2147483648",
    "-2147483649",
    "4294967295",
    "4294967296",
    "9007199254740993",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1.5",
    "1e3",
    "1e308",
    "-1e-400",
];

/// Texts that are base64, as cursors are, and no cursor of ours.
const CURSORS: &[&str] = &[
    "AAAA",
    "f39_f39_f39_f39_f39_f39_f39_f39_",
    "AAAAAAAAAAAAAAAAAAAAAA",
    "gAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "_____________________w",
    "____________________________________w",
    "not base64!",
];

/// Some of `values`: others for every `turn`, and all of them in enough turns.
pub(super) fn some<T: Clone>(values: &[T], turn: usize, take: usize) -> Vec<T> {
    let take = take.min(values.len());
    values.iter().cycle().skip(turn.wrapping_mul(take) % values.len().max(1)).take(take).cloned().collect()
}
