//! Countries of addresses.

use anyhow::Context as _;
use maxminddb::{PathElement, Reader};
use std::net::IpAddr;
use std::path::Path;

/// Knows the countries of addresses, if a database is configured. Addresses go no further.
#[derive(Default)]
pub struct Countries(Option<Reader<Vec<u8>>>);

impl Countries {
    /// Reads a MaxMind database into memory.
    pub fn open(file: Option<&Path>) -> anyhow::Result<Self> {
        let Some(file) = file else { return Ok(Self(None)) };
        let reader =
            Reader::open_readfile(file).with_context(|| format!("geoip.file {} cannot be read", file.display()))?;
        Ok(Self(Some(reader)))
    }

    /// The ISO 3166-1 code of the address's country, where known.
    pub fn of(&self, address: IpAddr) -> Option<&str> {
        let found = self.0.as_ref()?.lookup(address).ok()?;
        found.decode_path(&[PathElement::Key("country"), PathElement::Key("iso_code")]).ok()?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Vec<u8> {
        [&[0x40 | text.len() as u8], text.as_bytes()].concat()
    }

    fn small(kind: u8, number: u8) -> Vec<u8> {
        vec![kind << 5 | 1, number]
    }

    /// A database in which the lower half of all IPv4 addresses is in Brazil (the format's
    /// specification 2.0: one node of two 24-bit records, 16 zeros, data, metadata).
    fn database() -> Vec<u8> {
        let tree = [0, 0, 17, 0, 0, 1];
        let data = [vec![0xe1], text("country"), vec![0xe1], text("iso_code"), text("BR")].concat();
        let entries = [
            [text("node_count"), small(6, 1)],
            [text("record_size"), small(5, 24)],
            [text("ip_version"), small(5, 4)],
            [text("database_type"), text("Test")],
            [text("languages"), vec![0, 4]],
            [text("binary_format_major_version"), small(5, 2)],
            [text("binary_format_minor_version"), small(5, 0)],
            [text("build_epoch"), vec![1, 2, 1]],
            [text("description"), vec![0xe0]],
        ];
        let metadata = entries.map(|entry| entry.concat()).concat();
        let marker = b"\xab\xcd\xefMaxMind.com";
        [&tree[..], &[0; 16], &data, marker, &[0xe9], &metadata].concat()
    }

    #[test]
    fn an_address_is_in_the_country_that_the_file_says() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("countries.mmdb");
        std::fs::write(&file, database()).unwrap();
        let countries = Countries::open(Some(&file)).unwrap();
        assert_eq!(countries.of("1.2.3.4".parse().unwrap()), Some("BR"));
        assert_eq!(countries.of("200.2.3.4".parse().unwrap()), None);
        assert_eq!(countries.of("2001:db8::1".parse().unwrap()), None);
    }

    #[test]
    fn without_a_file_nothing_is_known_and_a_wrong_one_is_refused() {
        assert_eq!(Countries::default().of("1.2.3.4".parse().unwrap()), None);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("nonsense");
        std::fs::write(&file, "nonsense").unwrap();
        assert!(Countries::open(Some(&file)).is_err());
        assert!(Countries::open(Some(&folder.path().join("nothing"))).is_err());
    }
}
