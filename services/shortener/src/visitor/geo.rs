//! Countries of addresses.

use anyhow::Context as _;
use maxminddb::{PathElement, Reader};
use std::{net::IpAddr, path::Path};

/// Knows the countries of addresses, if a database is configured. Addresses go no further.
#[derive(Default)]
pub struct Countries(Option<Reader<Vec<u8>>>);

impl Countries {
    /// Reads a MaxMind database into memory.
    ///
    /// # Errors
    /// Fails when the file cannot be read or is not a database.
    pub fn open(file: Option<&Path>) -> anyhow::Result<Self> {
        let Some(file) = file else { return Ok(Self(None)) };
        let reader =
            Reader::open_readfile(file).with_context(|| format!("geoip.file {} cannot be read", file.display()))?;
        Ok(Self(Some(reader)))
    }

    /// The ISO 3166-1 code of the address's country, where known.
    #[must_use]
    pub fn of(&self, address: IpAddr) -> Option<&str> {
        let found = self.0.as_ref()?.lookup(address).ok()?;
        found.decode_path(&[PathElement::Key("country"), PathElement::Key("iso_code")]).ok()?
    }
}
