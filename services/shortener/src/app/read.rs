//! Reading links.

use super::Catalogue;
use crate::domain::ShortCode;
use crate::error::Error;
use crate::store::Filter;
use chassis::page::{PageRequest, cursor, read_cursor};
use contracts::field_errors::FieldErrors;
use contracts::rest::shortener as rest;
use uuid::Uuid;

/// What cursors of this list are told from others by.
const LIST: &str = "links";
/// The longest tag or text that is searched for, in characters.
const LONGEST_SEARCH: usize = 100;

impl Catalogue {
    /// The owner's link.
    pub async fn read(&self, owner: Uuid, code: ShortCode) -> Result<rest::Link, Error> {
        let link = self.store.links.of_owner(owner, code).await?.ok_or(Error::NotFound)?;
        Ok(self.present(&link))
    }

    /// Those of the links that exist and are the owner's, in no order.
    pub async fn read_many(&self, owner: Uuid, codes: &[ShortCode], ids: &[Uuid]) -> Result<rest::Links, Error> {
        let links = self.store.links.of_owner_among(owner, codes, ids).await?;
        Ok(rest::Links { items: links.iter().map(|link| self.present(link)).collect() })
    }

    /// A page of the owner's links, newest first.
    pub async fn list(&self, owner: Uuid, request: &rest::ListLinks) -> Result<rest::LinkPage, Error> {
        let (page, filter) = read(request)?;
        let found = page.page(self.store.links.list(owner, &filter, page.limit()).await?);
        let items =
            found.rows.iter().map(|link| rest::LinkItem { cursor: cursor(LIST, link.id), link: self.present(link) });
        Ok(rest::LinkPage { items: items.collect(), has_next_page: found.has_next_page })
    }
}

fn read(request: &rest::ListLinks) -> Result<(PageRequest, Filter), Error> {
    let mut refusals = FieldErrors::default();
    let page = PageRequest::parse(request.first).map_err(|why| refusals.refuse("first", why)).ok();
    let mut text = |name, given: &Option<String>| {
        let given = given.as_deref().map(str::trim).filter(|text| !text.is_empty())?;
        if given.chars().count() > LONGEST_SEARCH {
            refusals.refuse(name, format!("must have at most {LONGEST_SEARCH} characters"));
        }
        Some(given.to_owned())
    };
    let (tag, search) = (text("tag", &request.tag), text("search", &request.search));
    if !refusals.is_empty() {
        return Err(Error::Refused(refusals));
    }
    let before = read_cursor(LIST, request.after.as_deref())?.map(Uuid::from_bytes);
    Ok((page.unwrap_or_default(), Filter { before, tag, search }))
}
