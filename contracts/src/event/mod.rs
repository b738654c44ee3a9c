//! The data of every event, by owner, and the catalogue of everything that goes over the broker.

pub mod auth;
pub mod inventory;
pub mod orders;
pub mod payments;
pub mod shortener;

use crate::amqp::{CLICKS_KEY, COMMANDS_EXCHANGE, EVENTS_EXCHANGE};
use crate::command::{self, accounts, checkout};
use crate::envelope::EventData;
use schemars::{JsonSchema, Schema};

/// What the catalogue tells of one version of one type of message.
pub struct Entry {
    /// The event type, for example `shortener.url.created`.
    pub kind: &'static str,
    /// The exchange that it is published to.
    pub exchange: &'static str,
    /// The major version of its data's schema.
    pub version: u32,
    /// The identifier of its data's schema: see [`EventData::schema`].
    pub dataschema: String,
    /// The JSON Schema (2020-12) of its data.
    pub schema: Schema,
    /// Decodes data of this version and encodes it again, as a reader sees it.
    pub roundtrip: fn(&str) -> serde_json::Result<serde_json::Value>,
}

impl Entry {
    fn of<T: EventData + JsonSchema>(exchange: &'static str) -> Self {
        Self {
            kind: T::TYPE,
            exchange,
            version: T::VERSION,
            dataschema: T::schema(),
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

/// The event types that [`EVENTS_LOG`](crate::amqp::EVENTS_LOG) keeps: all but [`CLICKS_KEY`].
pub fn logged() -> impl Iterator<Item = &'static str> {
    TYPES.iter().copied().filter(|kind| *kind != CLICKS_KEY)
}

macro_rules! catalogue {
    (events { $($event:ty),+ $(,)? } commands { $($command:ty),+ $(,)? }) => {
        /// Every event type that exists.
        pub const TYPES: &[&str] = &[$(<$event as EventData>::TYPE),+];

        /// Every version of every event, command and reply, those that are only read any more included.
        #[must_use]
        pub fn catalogue() -> Vec<Entry> {
            vec![
                $(Entry::of::<$event>(EVENTS_EXCHANGE),)+
                $(Entry::of::<$command>(COMMANDS_EXCHANGE),)+
            ]
        }
    };
}

catalogue! {
    events {
        auth::UserRegistered,
        auth::UserDeleted,
        shortener::UrlCreated,
        shortener::UrlUpdated,
        shortener::UrlDeleted,
        shortener::UrlClicked,
        orders::CustomerCreated,
        orders::CustomerUpdated,
        orders::CustomerErased,
        orders::OrderPlaced,
        orders::OrderConfirmed,
        orders::OrderRejected,
        orders::OrderCancelled,
        orders::OrderShipped,
        orders::OrderDelivered,
        inventory::ProductCreated,
        inventory::ProductUpdated,
        inventory::StockIncreased,
        inventory::StockDecreased,
        inventory::StockReserved,
        inventory::StockReleased,
        inventory::StockUnavailable,
        payments::PaymentCaptured,
        payments::PaymentDeclined,
        payments::PaymentRefunded,
    }
    commands {
        checkout::ReserveStock,
        checkout::ReleaseStock,
        checkout::ChargePayment,
        checkout::RefundPayment,
        accounts::DisableLinks,
        accounts::EnableLinks,
        accounts::DetachStatistics,
        accounts::AttachStatistics,
        accounts::EraseCustomer,
        command::Replied,
    }
}
