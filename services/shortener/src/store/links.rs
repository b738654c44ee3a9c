//! The collection `urls`.

use super::row::{Row, signed};
use crate::domain::{Link, ShortCode};
use crate::error::Error;
use futures::TryStreamExt;
use mongodb::bson::{self, DateTime, Document, doc};
use mongodb::options::ReturnDocument;
use mongodb::{ClientSession, Collection, Database};
use std::collections::HashSet;
use std::time::Duration;
use uuid::Uuid;

/// How long the server may look for a page of links.
const LIST_LIMIT: Duration = Duration::from_secs(3);

/// The collection `urls`. Deleted links stay in it, so that no code is ever given out again.
#[derive(Debug, Clone)]
pub struct Links {
    rows: Collection<Row>,
}

/// Which of an owner's links to list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only links older than this one.
    pub before: Option<Uuid>,
    /// Only links with this tag.
    pub tag: Option<String>,
    /// Only links whose title, code or target contains this, without regard to case.
    pub search: Option<String>,
}

impl Links {
    pub(super) fn new(database: &Database) -> Self {
        Self { rows: database.collection("urls") }
    }

    /// Inserts new links, unordered: fails with the places of those whose codes are taken.
    pub async fn insert(&self, session: &mut ClientSession, links: &[Link]) -> Result<(), mongodb::error::Error> {
        let rows = links.iter().map(Row::from);
        self.rows.insert_many(rows).ordered(false).session(session).await.map(drop)
    }

    /// The link with this code, of any owner and in any state.
    pub async fn by_code(&self, code: ShortCode) -> Result<Option<Link>, Error> {
        read(self.rows.find_one(doc! { "code": code.as_str() }).await?)
    }

    /// The owner's link with this code, unless deleted.
    pub async fn of_owner(&self, owner: Uuid, code: ShortCode) -> Result<Option<Link>, Error> {
        read(self.rows.find_one(owned(owner, code)).await?)
    }

    /// The owner's links with these codes or ids, as far as they exist, in no order.
    pub async fn of_owner_among(&self, owner: Uuid, codes: &[ShortCode], ids: &[Uuid]) -> Result<Vec<Link>, Error> {
        let codes: Vec<&str> = codes.iter().map(ShortCode::as_str).collect();
        let ids: Vec<bson::Uuid> = ids.iter().copied().map(bson::Uuid::from).collect();
        let query = doc! {
            "$or": [{ "code": { "$in": codes } }, { "_id": { "$in": ids } }],
            "auth_user_id": bson::Uuid::from(owner),
            "deleted_at": { "$exists": false },
        };
        let rows: Vec<Row> = self.rows.find(query).max_time(LIST_LIMIT).await?.try_collect().await?;
        rows.into_iter().map(|row| Link::try_from(row).map_err(Error::Internal)).collect()
    }

    /// Like [`of_owner`](Self::of_owner), in a transaction.
    pub async fn of_owner_in(
        &self,
        session: &mut ClientSession,
        owner: Uuid,
        code: ShortCode,
    ) -> Result<Option<Link>, Error> {
        read(self.rows.find_one(owned(owner, code)).session(session).await?)
    }

    /// Writes what an owner may change, if nobody else changed it since it was read: counters
    /// that move by themselves are left alone. Tells whether it was written.
    pub async fn change(&self, session: &mut ClientSession, link: &Link, starts_limit: bool) -> Result<bool, Error> {
        let mut row = bson::serialize_to_document(&Row::from(link)).map_err(|error| Error::Internal(error.into()))?;
        for name in ["_id", "code", "auth_user_id", "created_at", "click_count"] {
            row.remove(name);
        }
        if !starts_limit {
            row.remove("used");
        }
        let mut cleared = Document::new();
        for name in ["title", "expires_at", "max_clicks", "fallback_url", "disabled_by"] {
            if !row.contains_key(name) {
                cleared.insert(name, "");
            }
        }
        let mut update = doc! { "$set": row };
        if !cleared.is_empty() {
            update.insert("$unset", cleared);
        }
        let before = doc! { "_id": bson::Uuid::from(link.id), "version": signed(link.version - 1) };
        let outcome = self.rows.update_one(before, update).session(session).await?;
        Ok(outcome.matched_count == 1)
    }

    /// Up to `limit` of the owner's links, newest first.
    pub async fn list(&self, owner: Uuid, filter: &Filter, limit: u32) -> Result<Vec<Link>, Error> {
        let mut query = doc! { "auth_user_id": bson::Uuid::from(owner), "deleted_at": { "$exists": false } };
        if let Some(before) = filter.before {
            query.insert("_id", doc! { "$lt": bson::Uuid::from(before) });
        }
        if let Some(tag) = &filter.tag {
            query.insert("tags", tag);
        }
        if let Some(search) = &filter.search {
            let contains = doc! { "$regex": literal(search), "$options": "i" };
            let either = ["title", "code", "url"].map(|field| doc! { field: &contains });
            query.insert("$or", either.to_vec());
        }
        let found = self.rows.find(query).sort(doc! { "_id": -1 }).limit(limit.into()).max_time(LIST_LIMIT).await?;
        let rows: Vec<Row> = found.try_collect().await?;
        rows.into_iter().map(|row| Link::try_from(row).map_err(Error::Internal)).collect()
    }

    /// Up to `limit` of the owner's links (if `among` says so, only of these) that a saga disabled, or that none did.
    pub async fn disabled_by(
        &self,
        session: &mut ClientSession,
        owner: Uuid,
        among: Option<&[ShortCode]>,
        saga: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<Link>, Error> {
        let saga = saga.map_or_else(|| doc! { "$exists": false }, |saga| doc! { "$eq": bson::Uuid::from(saga) });
        let mut query = doc! {
            "auth_user_id": bson::Uuid::from(owner),
            "deleted_at": { "$exists": false },
            "disabled_by": saga,
        };
        if let Some(codes) = among {
            let codes: Vec<&str> = codes.iter().map(ShortCode::as_str).collect();
            query.insert("code", doc! { "$in": codes });
        }
        let mut found = self.rows.find(query).limit(limit.into()).session(&mut *session).await?;
        let mut links = Vec::new();
        while let Some(row) = found.next(session).await.transpose()? {
            links.push(Link::try_from(row).map_err(Error::Internal)?);
        }
        Ok(links)
    }

    /// Which of `codes` are taken.
    pub async fn taken(&self, codes: &[ShortCode]) -> Result<HashSet<ShortCode>, Error> {
        let codes: Vec<&str> = codes.iter().map(ShortCode::as_str).collect();
        let found = self
            .rows
            .clone_with_type::<Document>()
            .find(doc! { "code": { "$in": codes } })
            .projection(doc! { "_id": 0, "code": 1 })
            .await?;
        let found: Vec<Document> = found.try_collect().await?;
        let codes = found.iter().filter_map(|row| ShortCode::parse(row.get_str("code").ok()?).ok());
        Ok(codes.collect())
    }

    /// Grants one of the redirects of a link that has a limit; `false` when none is left.
    ///
    /// One document, one atomic step: however many ask at once, no more than the limit succeed. Fails when the store
    /// does; a redirect may have been used up all the same.
    pub async fn grant(&self, link: Uuid) -> Result<bool, mongodb::error::Error> {
        let granted = self
            .rows
            .clone_with_type::<Document>()
            .find_one_and_update(open(link), doc! { "$inc": { "used": 1_i64 } })
            .projection(doc! { "_id": 1 })
            .return_document(ReturnDocument::After)
            .await?;
        Ok(granted.is_some())
    }

    /// Whether a link that has a limit has redirects left.
    pub async fn has_left(&self, link: Uuid) -> Result<bool, mongodb::error::Error> {
        Ok(self.rows.find_one(open(link)).await?.is_some())
    }
}

fn read(row: Option<Row>) -> Result<Option<Link>, Error> {
    row.map(Link::try_from).transpose().map_err(Error::Internal)
}

fn owned(owner: Uuid, code: ShortCode) -> Document {
    doc! {
        "code": code.as_str(),
        "auth_user_id": bson::Uuid::from(owner),
        "deleted_at": { "$exists": false },
    }
}

/// The link, if it is neither deleted, nor expired, nor used up.
fn open(link: Uuid) -> Document {
    doc! {
        "_id": bson::Uuid::from(link),
        "deleted_at": { "$exists": false },
        "disabled_by": { "$exists": false },
        "$and": [
            { "$or": [{ "expires_at": { "$exists": false } }, { "expires_at": { "$gt": DateTime::now() } }] },
            { "$or": [
                { "max_clicks": { "$exists": false } },
                { "$expr": { "$lt": ["$used", "$max_clicks"] } },
            ] },
        ],
    }
}

/// A regular expression that matches `text` and nothing else.
fn literal(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() * 2);
    for character in text.chars() {
        if character.is_ascii_punctuation() {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_searched_text_is_taken_literally() {
        assert_eq!(literal("a.*(b)"), r"a\.\*\(b\)");
        assert_eq!(literal("São_1"), r"São\_1");
    }
}
