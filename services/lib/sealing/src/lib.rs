//! Sealing of personal data (AES-256-GCM): a data key for each person, sub-keys for parts of a person, and a keyring of
//! configured keys that wraps data keys.
//!
//! The owner of a person's data makes a data key, stores it wrapped, and deletes it to erase the person. A service that
//! keeps a copy of a part gets the sub-key of that part, which opens nothing else:
//!
//! ```
//! use sealing::{Keyring, Part, PartKey};
//! use uuid::Uuid;
//!
//! # fn main() -> anyhow::Result<()> {
//! let keyring = Keyring::new(&[vec![7; 32]])?;
//! let person = Uuid::now_v7();
//! let (key, wrapped) = keyring.generate(person)?;
//! let key_id = key.id;
//!
//! // The owner seals a part for an event, and hands out the part's key.
//! let contact = keyring.unwrap(person, key_id, &wrapped)?.part(Part::Contact);
//! let (sealed, handed_out) = (contact.seal(&"ana@exemplo.com")?, contact.expose());
//!
//! // Another service opens it.
//! let received = PartKey::received(person, key_id, Part::Contact, &handed_out)?;
//! assert_eq!(received.open::<String>(&sealed)?, "ana@exemplo.com");
//! # Ok(())
//! # }
//! ```

#![warn(missing_docs)]

mod aead;
pub mod config;
mod data_key;
mod keyring;
mod part;
#[cfg(test)]
mod tests;

pub use data_key::DataKey;
pub use keyring::Keyring;
pub use part::{Part, PartKey};
