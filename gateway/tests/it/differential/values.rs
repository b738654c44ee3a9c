//! Values by chance: literals, variables and what variables are given.

use apollo_compiler::Name;
use apollo_compiler::ast::Type;
use rand::Rng as _;
use serde_json::{Map, Value, json};

use super::generate::Make;

/// Strings as they may be written.
const STRINGS: [&str; 8] = [
    r#""""#,
    r#""x""#,
    r#""caf\u00e9""#,
    r#""\uD83D\uDE00""#,
    r#""\u{1F600}""#,
    r#""a\n\t\"b\"\\""#,
    "\"\"\"\n    a block\n      of \\\"\"\" lines\n    \"\"\"",
    "\"😀 é\"",
];

/// A variable of an operation.
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) ty: String,
    pub(super) default: Option<String>,
    pub(super) value: Option<Value>,
}

impl Make<'_> {
    /// A value for a place of a type: a variable or a literal.
    pub(super) fn value(&mut self, ty: &Type, depth: u32) -> String {
        if self.chance(0.3) {
            return self.variable(&ty.to_string());
        }
        self.literal(ty, depth, true)
    }

    /// A variable for a place of a type: one that is there, or a new one.
    pub(super) fn variable(&mut self, ty: &str) -> String {
        if self.fault(0.02) {
            return "$nobody".to_owned();
        }
        let same: Vec<_> =
            self.variables.iter().filter(|known| known.ty == ty).map(|known| known.name.clone()).collect();
        if !same.is_empty() && self.chance(0.5) {
            return format!("${}", self.one(&same));
        }
        if self.fault(0.04) && !self.variables.is_empty() {
            let all: Vec<_> = self.variables.iter().map(|known| known.name.clone()).collect();
            return format!("${}", self.one(&all));
        }
        let declared = match self.random.random_range(0..10) {
            0 | 1 => format!("{}!", ty.trim_end_matches('!')),
            2 | 3 if ty.ends_with('!') => ty.trim_end_matches('!').to_owned(),
            4 if self.fault(0.3) => {
                self.text(&["Int", "[Int]", "String!", "Nobody", "Book", "Filter", "Color", "ID"]).to_owned()
            }
            _ => ty.to_owned(),
        };
        let name = format!("v{}", self.variables.len());
        let parsed = Type::parse(declared.as_str(), "variable").expect("a type");
        let loose = ty.ends_with('!') && !declared.ends_with('!');
        let default = (loose && !self.fault(0.3) || self.chance(0.2)).then(|| self.literal(&parsed, 2, false));
        let value = match self.random.random_range(0..10) {
            0 | 1 if !declared.ends_with('!') || default.is_some() || self.wild => None,
            2 if !declared.ends_with('!') || self.wild => Some(Value::Null),
            3 if self.fault(0.5) => Some(self.odd()),
            _ => Some(self.json(&parsed, 2)),
        };
        self.variables.push(Variable { name: name.clone(), ty: declared, default, value });
        format!("${name}")
    }

    fn literal(&mut self, ty: &Type, depth: u32, variables: bool) -> String {
        if self.fault(0.03) {
            let odd =
                ["1", "2147483648", "1.5", "\"RED\"", "RED", "true", "null", "[1]", "{ a: 1 }", "[]", "1e400", "-1"];
            return self.text(&odd).to_owned();
        }
        if !ty.is_non_null() && self.chance(0.08) {
            return "null".to_owned();
        }
        if variables && depth < 2 && self.chance(0.2) {
            return self.variable(&ty.to_string());
        }
        let name = match ty {
            Type::List(item) | Type::NonNullList(item) => {
                if self.chance(0.15) {
                    return self.literal(item, depth, variables);
                }
                let number = self.random.random_range(0..3);
                let items: Vec<_> =
                    (0..number).map(|_| self.literal(item, depth.saturating_sub(1), variables)).collect();
                return format!("[{}]", items.join(", "));
            }
            Type::Named(name) | Type::NonNullNamed(name) => name.clone(),
        };
        match name.as_str() {
            "Int" => self.random.random_range(-3..12).to_string(),
            "Float" => self.text(&["0.5", "3", "-2.25", "1e2"]).to_owned(),
            "String" => self.text(&STRINGS).to_owned(),
            "ID" => self.text(&["\"1\"", "\"2\"", "7", "\"no\""]).to_owned(),
            "Boolean" => self.flag().to_owned(),
            "Long" => self.text(&["5", "21474836480", "-1"]).to_owned(),
            "Stamp" => self.text(&["\"2026-01-02\"", "\"1999-12-31\""]).to_owned(),
            "Color" => self.text(&["RED", "GREEN", "BLUE"]).to_owned(),
            _ => self.object(&name, depth, variables),
        }
    }

    fn object(&mut self, name: &Name, depth: u32, variables: bool) -> String {
        let Some(definition) = self.schema.get_input_object(name) else { return "1".to_owned() };
        let fields: Vec<_> = definition.fields.values().map(|field| field.node.clone()).collect();
        let mut written = Vec::new();
        for field in &fields {
            let is_nested = field.ty.inner_named_type() == name;
            let is_wanted = if field.is_required() { !self.fault(0.05) } else { self.chance(0.3) };
            if is_wanted && !(is_nested && depth == 0) {
                written.push(format!(
                    "{}: {}",
                    field.name,
                    self.literal(&field.ty, depth.saturating_sub(1), variables)
                ));
            }
        }
        if self.fault(0.02) {
            written.push(self.text(&["nothing: 1", "flag: true", "min: 2"]).to_owned());
        }
        format!("{{ {} }}", written.join(", "))
    }

    fn json(&mut self, ty: &Type, depth: u32) -> Value {
        if self.fault(0.03) {
            return self.odd();
        }
        if !ty.is_non_null() && self.chance(0.08) {
            return Value::Null;
        }
        let name = match ty {
            Type::List(item) | Type::NonNullList(item) => {
                if self.chance(0.15) {
                    return self.json(item, depth);
                }
                let number = self.random.random_range(0..3);
                return (0..number).map(|_| self.json(item, depth.saturating_sub(1))).collect();
            }
            Type::Named(name) | Type::NonNullNamed(name) => name.clone(),
        };
        match name.as_str() {
            "Int" => json!(self.random.random_range(-3..12)),
            "Float" => self.one(&[json!(0.5), json!(3), json!(-2.25)]).clone(),
            "String" => self.one(&[json!(""), json!("x"), json!("😀 \"\\\n")]).clone(),
            "ID" => self.one(&[json!("1"), json!("no"), json!(7)]).clone(),
            "Boolean" => json!(self.chance(0.5)),
            "Long" => self.one(&[json!(5), json!(21_474_836_480_i64)]).clone(),
            "Stamp" => json!("2026-01-02"),
            "Color" => self.one(&[json!("RED"), json!("GREEN"), json!("BLUE")]).clone(),
            _ => self.json_object(&name, depth),
        }
    }

    fn json_object(&mut self, name: &Name, depth: u32) -> Value {
        let Some(definition) = self.schema.get_input_object(name) else { return json!(1) };
        let fields: Vec<_> = definition.fields.values().map(|field| field.node.clone()).collect();
        let mut object = Map::new();
        for field in &fields {
            let is_nested = field.ty.inner_named_type() == name;
            let is_wanted = if field.is_required() { !self.fault(0.05) } else { self.chance(0.3) };
            if is_wanted && !(is_nested && depth == 0) {
                object.insert(field.name.to_string(), self.json(&field.ty, depth.saturating_sub(1)));
            }
        }
        if self.fault(0.02) {
            object.insert("nothing".to_owned(), json!(1));
        }
        Value::Object(object)
    }

    /// A value that fits few types.
    fn odd(&mut self) -> Value {
        let odd = [
            json!(1),
            json!(1.0),
            json!(1.5),
            json!(2_147_483_648_i64),
            json!("1"),
            json!("RED"),
            json!(true),
            json!(null),
            json!([1]),
            json!([]),
            json!({}),
            json!({ "flag": true }),
        ];
        self.one(&odd).clone()
    }
}
