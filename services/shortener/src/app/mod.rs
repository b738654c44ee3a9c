//! What owners do with links: one use case, one transaction, its event included.

mod account;
mod bulk;
mod change;
mod count;
mod create;
mod read;
mod remove;

use crate::domain::{Link, ShortCode, State, TargetPolicy};
use crate::lookup::Lookup;
use crate::store::Store;
use chrono::Utc;
use contracts::envelope::Event;
use contracts::event::shortener::UrlCreated;
use contracts::rest::shortener as rest;
pub use count::Counter;
use std::sync::Arc;

/// The links of all owners. Cheap to clone.
#[derive(Clone)]
pub struct Catalogue {
    store: Store,
    lookup: Lookup,
    policy: Arc<TargetPolicy>,
    public_url: Arc<str>,
    generate: fn(usize) -> ShortCode,
}

impl Catalogue {
    /// Makes a catalogue; `public_url` is what short addresses begin with, without a `/` at its end.
    pub fn new(store: Store, lookup: Lookup, policy: TargetPolicy, public_url: &str) -> Self {
        let public_url = public_url.trim_end_matches('/').into();
        Self { store, lookup, policy: Arc::new(policy), public_url, generate: ShortCode::generate }
    }

    /// Replaces what generates codes, so that collisions can be provoked.
    pub fn with_codes(self, generate: fn(usize) -> ShortCode) -> Self {
        Self { generate, ..self }
    }

    /// The short address of a code.
    pub fn short_url(&self, code: ShortCode) -> String {
        format!("{}/{code}", self.public_url)
    }

    /// The link as its owner sees it.
    pub fn present(&self, link: &Link) -> rest::Link {
        rest::Link {
            id: link.id,
            code: link.code.to_string(),
            url: link.url.clone(),
            short_url: self.short_url(link.code),
            title: link.title.clone(),
            tags: link.tags.clone(),
            created_at: link.created_at,
            updated_at: link.updated_at,
            expires_at: link.expires_at,
            max_clicks: link.max_clicks,
            redirect_status: link.redirect_status,
            forward_query: link.forward_query,
            fallback_url: link.fallback_url.clone(),
            click_count: link.click_count,
            active: link.state(Utc::now()) == State::Active,
            version: link.version,
        }
    }
}

/// Says that a link was made.
fn created(link: &Link) -> Event<UrlCreated> {
    let data = UrlCreated {
        url_id: link.id,
        short_code: link.code.to_string(),
        original_url: link.url.clone(),
        auth_user_id: link.auth_user_id,
        title: link.title.clone(),
        tags: link.tags.clone(),
        created_at: link.created_at,
        expires_at: link.expires_at,
    };
    Event::new(link.id.to_string(), link.version, data)
}
