//! The data of every event, by owner, and the catalogue of them all.

pub mod auth;
pub mod shortener;

use crate::envelope::EventData;
use schemars::{JsonSchema, Schema};

/// What the catalogue tells of one version of one event type.
pub struct Entry {
    /// The event type, for example `shortener.url.created`.
    pub kind: &'static str,
    /// The major version of its data's schema.
    pub version: u32,
    /// The JSON Schema (2020-12) of its data.
    pub schema: Schema,
    /// Decodes data of this version and encodes it again, as a reader sees it.
    pub roundtrip: fn(&str) -> serde_json::Result<serde_json::Value>,
}

impl Entry {
    fn of<T: EventData + JsonSchema>() -> Self {
        Self {
            kind: T::TYPE,
            version: T::VERSION,
            schema: schemars::schema_for!(T),
            roundtrip: |data| serde_json::to_value(serde_json::from_str::<T>(data)?),
        }
    }

    /// The name that files about this version have, without an ending.
    #[must_use]
    pub fn file_stem(&self) -> String {
        format!("{}.v{}", self.kind, self.version)
    }
}

macro_rules! catalogue {
    ($($event:ty),+ $(,)?) => {
        /// Every event type that exists.
        pub const TYPES: &[&str] = &[$(<$event as EventData>::TYPE),+];

        /// Every version of every event, those that are only read any more included.
        #[must_use]
        pub fn catalogue() -> Vec<Entry> {
            vec![$(Entry::of::<$event>()),+]
        }
    };
}

catalogue![
    auth::UserRegistered,
    shortener::UrlCreated,
    shortener::UrlUpdated,
    shortener::UrlDeleted,
    shortener::UrlClicked,
];
