//! Reading links.

use super::Catalogue;
use crate::{
    domain::{Refusals, ShortCode},
    error::Error,
    store::Filter,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use contracts::rest::shortener as rest;
use uuid::Uuid;

/// How many links a page holds unless asked.
const DEFAULT_PAGE: u32 = 20;
/// How many it holds at most.
const LARGEST_PAGE: u32 = 100;
/// The longest tag or text that is searched for, in characters.
const LONGEST_SEARCH: usize = 100;

impl Catalogue {
    /// The owner's link.
    ///
    /// # Errors
    /// Fails when there is none, or the store is away.
    pub async fn read(&self, owner: Uuid, code: ShortCode) -> Result<rest::Link, Error> {
        let link = self.store.links.of_owner(owner, code).await?.ok_or(Error::NotFound)?;
        Ok(self.present(&link))
    }

    /// Those of the links that exist and are the owner's, in no order.
    ///
    /// # Errors
    /// Fails when the store is away.
    pub async fn read_many(&self, owner: Uuid, codes: &[ShortCode]) -> Result<rest::Links, Error> {
        let links = self.store.links.of_owner_by_codes(owner, codes).await?;
        Ok(rest::Links { items: links.iter().map(|link| self.present(link)).collect() })
    }

    /// A page of the owner's links, newest first.
    ///
    /// # Errors
    /// Fails when the request is not acceptable, or the store is away.
    pub async fn list(&self, owner: Uuid, request: &rest::ListLinks) -> Result<rest::LinkPage, Error> {
        let first = request.first.unwrap_or(DEFAULT_PAGE);
        let filter = filter(request, first)?;
        let mut links = self.store.links.list(owner, &filter, first + 1).await?;
        let has_next_page = links.len() > first as usize;
        links.truncate(first as usize);
        let items =
            links.iter().map(|link| rest::LinkItem { cursor: cursor(link.id), link: self.present(link) }).collect();
        Ok(rest::LinkPage { items, has_next_page })
    }
}

fn filter(request: &rest::ListLinks, first: u32) -> Result<Filter, Error> {
    let mut refusals = Refusals::default();
    if !(1..=LARGEST_PAGE).contains(&first) {
        refusals.refuse("first", &format!("must be 1 to {LARGEST_PAGE}"));
    }
    let mut text = |name, given: &Option<String>| {
        let given = given.as_deref().map(str::trim).filter(|text| !text.is_empty())?;
        if given.chars().count() > LONGEST_SEARCH {
            refusals.refuse(name, &format!("must have at most {LONGEST_SEARCH} characters"));
        }
        Some(given.to_owned())
    };
    let (tag, search) = (text("tag", &request.tag), text("search", &request.search));
    if !refusals.is_empty() {
        return Err(Error::Refused(refusals));
    }
    let before = request.after.as_deref().map(place).transpose()?;
    Ok(Filter { before, tag, search })
}

/// What goes into `after`: opaque to clients.
fn cursor(link: Uuid) -> String {
    URL_SAFE_NO_PAD.encode(link.as_bytes())
}

fn place(cursor: &str) -> Result<Uuid, Error> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| Error::InvalidCursor)?;
    Uuid::from_slice(&bytes).map_err(|_| Error::InvalidCursor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_as_it_was_made_and_others_are_refused() {
        let id = Uuid::now_v7();
        assert_eq!(place(&cursor(id)).unwrap(), id);
        for bad in ["", "x", "!!!", "AAAA"] {
            assert!(matches!(place(bad), Err(Error::InvalidCursor)), "{bad}");
        }
    }
}
