//! Which keys a configuration's types know: what they ask for while they are deserialised.

use config::{ConfigError, Value, ValueKind};
use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Deserializer, IntoDeserializer, Visitor};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// The keys of every table that a type has read, by the table's path.
#[derive(Debug, Default)]
pub(super) struct Known {
    tables: BTreeMap<String, BTreeSet<&'static str>>,
}

impl Known {
    /// Adds a key of the outermost table.
    pub(super) fn add(&mut self, key: &'static str) {
        self.tables.entry(String::new()).or_default().insert(key);
    }

    /// Learns the keys of `T`, which can be deserialised from `root`.
    pub(super) fn learn<T: DeserializeOwned>(&mut self, root: Value) {
        let tables = RefCell::new(&mut self.tables);
        // What fails has failed before, with the key in its error.
        let _ = T::deserialize(Node { value: root, path: String::new(), tables: &tables });
    }

    /// The keys in `root` that no type knows.
    pub(super) fn others_in(&self, root: &Value) -> Vec<String> {
        let mut found = Vec::new();
        self.search(root, "", &mut found);
        found
    }

    fn search(&self, value: &Value, path: &str, found: &mut Vec<String>) {
        match &value.kind {
            ValueKind::Table(table) => {
                let known = self.tables.get(path);
                for (key, inner) in table {
                    let path = below(path, key);
                    match known {
                        Some(known) if !known.contains(key.as_str()) => found.push(path),
                        _ => self.search(inner, &path, found),
                    }
                }
                found.sort();
            }
            ValueKind::Array(values) => values.iter().for_each(|value| self.search(value, path, found)),
            _ => {}
        }
    }

    /// The known key that is most like one which is not, as the end of a sentence.
    pub(super) fn nearest_to(&self, unknown: &str) -> String {
        let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
        let alike = |key: &str| {
            let whole = strsim::normalized_damerau_levenshtein(unknown, key);
            whole + strsim::normalized_damerau_levenshtein(&last(unknown), &last(key))
        };
        let keys = self.tables.iter().flat_map(|(path, keys)| keys.iter().map(move |key| below(path, key)));
        let nearest = keys.max_by(|one, other| alike(one).total_cmp(&alike(other)));
        nearest.map(|key| format!(": is `{key}` meant?")).unwrap_or_default()
    }
}

fn below(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// A value and its place. It is deserialised as [`Value`] is, and notes the keys that a struct asks for.
struct Node<'a> {
    value: Value,
    path: String,
    tables: &'a RefCell<&'a mut BTreeMap<String, BTreeSet<&'static str>>>,
}

impl Node<'_> {
    fn entries<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        let ValueKind::Table(table) = self.value.kind else { return self.value.deserialize_any(visitor) };
        let entries = table.into_iter().map(|(key, value)| {
            let path = below(&self.path, &key);
            (key, Node { value, path, tables: self.tables })
        });
        visitor.visit_map(MapDeserializer::new(entries))
    }
}

impl<'de> IntoDeserializer<'de, ConfigError> for Node<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! as_value {
    ($($name:ident($($argument:ident: $type:ty),*);)*) => {
        $(fn $name<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, ConfigError> {
            self.value.$name($($argument,)* visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for Node<'_> {
    type Error = ConfigError;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ConfigError> {
        self.tables.borrow_mut().entry(self.path.clone()).or_default().extend(fields);
        self.entries(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        self.entries(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        let ValueKind::Array(values) = self.value.kind else { return self.value.deserialize_seq(visitor) };
        let nodes = values.into_iter().map(|value| Node { value, path: self.path.clone(), tables: self.tables });
        visitor.visit_seq(SeqDeserializer::new(nodes))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        if matches!(self.value.kind, ValueKind::Nil) { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ConfigError> {
        visitor.visit_newtype_struct(self)
    }

    as_value! {
        deserialize_any(); deserialize_bool(); deserialize_i8(); deserialize_i16(); deserialize_i32();
        deserialize_i64(); deserialize_u8(); deserialize_u16(); deserialize_u32(); deserialize_u64();
        deserialize_f32(); deserialize_f64(); deserialize_char(); deserialize_str(); deserialize_string();
        deserialize_bytes(); deserialize_byte_buf(); deserialize_unit(); deserialize_identifier();
        deserialize_ignored_any(); deserialize_unit_struct(name: &'static str); deserialize_tuple(length: usize);
        deserialize_tuple_struct(name: &'static str, length: usize);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
    }
}
