//! A customer's personal data, and how it travels: sealed under a key of the customer's own, so that
//! destroying the key makes every copy in a log or a queue unreadable.
//!
//! What an [`Email`] and a [`FullName`] must be like is told here, too: services that take them take the same ones.

mod email;
mod full_name;

pub use email::Email;
pub use full_name::{FullName, is_deceptive};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Bytes under a customer's data key: AES-256-GCM.
///
/// The key is orders', which hands it out to units that keep copies, until the customer is erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
pub struct Sealed {
    pub key_id: Uuid,
    /// The nonce of 12 bytes followed by ciphertext and tag, in base64. Additional data: the customer's id, 16 bytes.
    pub sealed: String,
}

/// What the seal of a customer event holds, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
pub struct Person {
    /// The e-mail, in lower case.
    pub email: String,
    /// CPF or CNPJ, without punctuation.
    pub document: String,
    pub full_name: String,
    /// The telephone number, in the form of E.164.
    pub phone: Option<String>,
    /// Where goods go.
    pub shipping_address: Address,
    /// Where invoices go.
    pub billing_address: Address,
}

/// A postal address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// The street: 1 to 200 characters.
    pub street: String,
    /// The number in the street: 1 to 20 characters.
    pub number: String,
    /// The city: 1 to 100 characters.
    pub city: String,
    /// The state: 2 to 50 characters; may be empty in countries whose addresses need none.
    pub state: String,
    /// The postal code: 3 to 12 characters; empty in countries without postal codes.
    pub zip_code: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
}
