//! What is known of a code: ready to be answered, and compact in Redis.

use crate::domain::{Link, ShortCode};
use anyhow::{Context as _, ensure};
use http::{HeaderValue, StatusCode};
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Semaphore;
use uuid::Uuid;

/// How many of a link's visitors may ask for a grant at once, in this process.
const GRANTS_AT_ONCE: usize = 4;

/// What is known of a code, as of a version of its link; 0 when the code has no link.
#[derive(Debug)]
pub struct Entry {
    pub version: u64,
    pub resolution: Resolution,
}

/// What a code is.
#[derive(Debug)]
pub enum Resolution {
    /// There is no such code.
    Unknown,
    /// Its link was deleted, or its owner's account is.
    Deleted,
    /// Its link leads, or led, somewhere.
    Target(Box<Target>),
}

/// Where a link leads, made ready: a redirect only copies pointers.
#[derive(Debug)]
pub struct Target {
    pub id: Uuid,
    /// The link's id as text.
    pub id_text: [u8; 36],
    pub location: HeaderValue,
    pub status: StatusCode,
    /// From when on it is expired, in milliseconds since the Unix epoch.
    pub expires_at_ms: i64,
    /// Whether each redirect has to be granted.
    pub is_limited: bool,
    pub forward_query: bool,
    /// Where it leads when expired or used up.
    pub fallback: Option<HeaderValue>,
    /// Lets a few ask for grants at once: many who write one document get in each other's way.
    pub gate: Semaphore,
    used_up: AtomicBool,
}

impl Target {
    /// Whether it is known that no redirect is left. Remembered until the entry is looked up anew.
    pub fn is_used_up(&self) -> bool {
        self.used_up.load(Ordering::Relaxed)
    }

    /// Remembers that no redirect is left.
    pub fn note_used_up(&self) {
        self.used_up.store(true, Ordering::Relaxed);
    }
}

const GUARD: u8 = 0;
const UNKNOWN: u8 = 1;
const DELETED: u8 = 2;
const TARGET: u8 = 3;

const LIMITED: u8 = 1;
const FORWARDS: u8 = 2;

/// The bytes of an entry that are not addresses, with what a cache needs around it.
const OVERHEAD: usize = 320;

impl Entry {
    /// Says that there is no such code.
    pub(super) fn unknown() -> Self {
        Self { version: 0, resolution: Resolution::Unknown }
    }

    /// Makes a link ready to be answered.
    ///
    /// A target is visible ASCII since it was accepted; one that is not leads nowhere.
    pub fn of(link: &Link) -> Self {
        let location = HeaderValue::from_str(&link.url);
        let status = StatusCode::from_u16(link.redirect_status);
        let (None, None, Ok(location), Ok(status)) = (link.deleted_at, link.disabled_by, location, status) else {
            return Self { version: link.version, resolution: Resolution::Deleted };
        };
        let mut id_text = [0; 36];
        link.id.hyphenated().encode_lower(&mut id_text);
        let target = Target {
            id: link.id,
            id_text,
            location,
            status,
            expires_at_ms: link.expires_at.map_or(i64::MAX, |at| at.timestamp_millis()),
            is_limited: link.max_clicks.is_some(),
            forward_query: link.forward_query,
            fallback: link.fallback_url.as_deref().and_then(|url| HeaderValue::from_str(url).ok()),
            gate: Semaphore::new(GRANTS_AT_ONCE),
            used_up: AtomicBool::new(false),
        };
        Self { version: link.version, resolution: Resolution::Target(Box::new(target)) }
    }

    /// What stands in Redis while a link is changed: answers nothing, and outlasts older versions.
    pub(super) fn guard(version: u64) -> Vec<u8> {
        head(version, GUARD)
    }

    /// How much memory it takes, in bytes.
    pub(super) fn weight(&self) -> u32 {
        let addresses = match &self.resolution {
            Resolution::Target(target) => target.location.len() + target.fallback.as_ref().map_or(0, HeaderValue::len),
            Resolution::Unknown | Resolution::Deleted => 0,
        };
        u32::try_from(OVERHEAD + addresses).unwrap_or(u32::MAX)
    }

    /// Writes it for Redis.
    pub(super) fn encode(&self) -> Vec<u8> {
        let target = match &self.resolution {
            Resolution::Unknown => return head(self.version, UNKNOWN),
            Resolution::Deleted => return head(self.version, DELETED),
            Resolution::Target(target) => target,
        };
        let mut bytes = head(self.version, TARGET);
        let limited = if target.is_limited { LIMITED } else { 0 };
        let forwards = if target.forward_query { FORWARDS } else { 0 };
        bytes.push(limited | forwards);
        bytes.extend_from_slice(target.id.as_bytes());
        bytes.extend_from_slice(&target.expires_at_ms.to_be_bytes());
        bytes.extend_from_slice(&target.status.as_u16().to_be_bytes());
        let fallback = target.fallback.as_ref().map_or(&[][..], HeaderValue::as_bytes);
        for address in [target.location.as_bytes(), fallback] {
            bytes.extend_from_slice(&(address.len() as u16).to_be_bytes());
            bytes.extend_from_slice(address);
        }
        bytes
    }

    /// Reads what [`encode`](Self::encode) wrote; a guard is nothing.
    pub(super) fn decode(mut bytes: &[u8]) -> anyhow::Result<Option<Self>> {
        let rest = &mut bytes;
        let version = u64::from_be_bytes(take(rest)?);
        let [kind] = take(rest)?;
        let resolution = match kind {
            GUARD => return Ok(None),
            UNKNOWN => Resolution::Unknown,
            DELETED => Resolution::Deleted,
            TARGET => Resolution::Target(Box::new(decode_target(rest)?)),
            other => anyhow::bail!("an entry of kind {other}"),
        };
        ensure!(rest.is_empty(), "an entry with more behind it");
        Ok(Some(Self { version, resolution }))
    }
}

fn decode_target(rest: &mut &[u8]) -> anyhow::Result<Target> {
    let [flags] = take(rest)?;
    let id = Uuid::from_bytes(take(rest)?);
    let expires_at_ms = i64::from_be_bytes(take(rest)?);
    let status = StatusCode::from_u16(u16::from_be_bytes(take(rest)?))?;
    let location = address(rest)?.context("an entry without an address")?;
    let fallback = address(rest)?;
    let mut id_text = [0; 36];
    id.hyphenated().encode_lower(&mut id_text);
    Ok(Target {
        id,
        id_text,
        location,
        status,
        expires_at_ms,
        is_limited: flags & LIMITED != 0,
        forward_query: flags & FORWARDS != 0,
        fallback,
        gate: Semaphore::new(GRANTS_AT_ONCE),
        used_up: AtomicBool::new(false),
    })
}

fn head(version: u64, kind: u8) -> Vec<u8> {
    let mut bytes = version.to_be_bytes().to_vec();
    bytes.push(kind);
    bytes
}

fn take<const N: usize>(rest: &mut &[u8]) -> anyhow::Result<[u8; N]> {
    let (taken, left) = rest.split_first_chunk::<N>().context("an entry that is cut off")?;
    *rest = left;
    Ok(*taken)
}

fn address(rest: &mut &[u8]) -> anyhow::Result<Option<HeaderValue>> {
    let length = usize::from(u16::from_be_bytes(take(rest)?));
    let (taken, left) = rest.split_at_checked(length).context("an entry that is cut off")?;
    *rest = left;
    if taken.is_empty() { Ok(None) } else { Ok(Some(HeaderValue::from_bytes(taken)?)) }
}

/// Reads a message to every instance: the code, a zero, the entry.
pub(super) fn decode_change(message: &[u8]) -> anyhow::Result<(ShortCode, Entry)> {
    let end = message.iter().position(|byte| *byte == 0).context("a change without a code")?;
    let code = ShortCode::parse(std::str::from_utf8(&message[..end])?)?;
    let entry = Entry::decode(&message[end + 1..])?.context("a change that is a guard")?;
    Ok((code, entry))
}

/// Writes a message to every instance.
pub(super) fn encode_change(code: ShortCode, entry: &[u8]) -> Vec<u8> {
    [code.as_str().as_bytes(), &[0], entry].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{NewLink, TargetPolicy};
    use chrono::{TimeDelta, Utc};
    use contracts::rest::shortener::CreateLink;
    use proptest::prelude::*;

    fn entry(request: &CreateLink) -> Entry {
        let new = NewLink::parse(request, &TargetPolicy::default(), Utc::now()).unwrap();
        Entry::of(&new.into_link(Uuid::now_v7(), ShortCode::generate(7), Utc::now()))
    }

    #[test]
    fn an_entry_reads_as_it_was_written() {
        let plain = CreateLink { url: "https://example.com/a".into(), ..CreateLink::default() };
        let full = CreateLink {
            expires_at: Some(Utc::now() + TimeDelta::days(1)),
            max_clicks: Some(3),
            forward_query: Some(true),
            redirect_status: Some(308),
            fallback_url: Some("https://example.com/b".into()),
            ..plain.clone()
        };
        for written in [entry(&plain), entry(&full), Entry::unknown()] {
            let read = Entry::decode(&written.encode()).unwrap().unwrap();
            assert_eq!(format!("{read:?}"), format!("{written:?}"));
        }
        assert!(Entry::decode(&Entry::guard(7)).unwrap().is_none());
    }

    #[test]
    fn a_change_reads_as_it_was_written() {
        let code = ShortCode::generate(7);
        let written = entry(&CreateLink { url: "https://example.com".into(), ..CreateLink::default() });
        let (read, _) = decode_change(&encode_change(code, &written.encode())).unwrap();
        assert_eq!(read, code);
    }

    proptest! {
        #[test]
        fn nonsense_is_refused_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = Entry::decode(&bytes);
            let _ = decode_change(&bytes);
        }
    }
}
