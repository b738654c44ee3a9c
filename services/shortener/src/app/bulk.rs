//! Making many links at once.

use super::{Catalogue, created};
use crate::domain::{LONG, Link, NewLink, SHORT};
use crate::error::Error;
use crate::metrics::LINKS_CREATED;
use crate::store::duplicates;
use chassis::http::Failure;
use chrono::Utc;
use contracts::envelope::Event;
use contracts::event::shortener::UrlCreated;
use contracts::problem::Problem;
use contracts::rest::shortener as rest;
use metrics::counter;
use mongodb::ClientSession;
use std::collections::HashSet;
use uuid::Uuid;

/// How many links go into one transaction: large enough to be quick, and small enough to stay far
/// from the server's limits of 16 MiB and 60 s.
const CHUNK: usize = 500;
/// How often a chunk is tried when codes in it turn out to be taken.
const TRIES: u32 = 12;

/// A link on its way, with its place in the request.
struct Item {
    index: usize,
    is_chosen: bool,
    link: Link,
}

impl Catalogue {
    /// Makes many links; each succeeds or fails by itself. Of two that choose one code, the first gets it. Fails as a
    /// whole only when the store is away before anything was made.
    pub async fn create_many(
        &self,
        owner: Uuid,
        requests: &[rest::CreateLink],
    ) -> Result<Vec<rest::CreateLinkResult>, Error> {
        let mut results: Vec<_> =
            (0..requests.len()).map(|index| rest::CreateLinkResult { index, link: None, problem: None }).collect();
        let mut items = self.parse_many(owner, requests, &mut results);
        let chosen: Vec<_> = items.iter().filter(|item| item.is_chosen).map(|item| item.link.code).collect();
        if !chosen.is_empty() {
            let taken = self.store.links.taken(&chosen).await?;
            items.retain(|item| {
                let is_taken = item.is_chosen && taken.contains(&item.link.code);
                if is_taken {
                    results[item.index].problem = Some(problem(item.index, Error::CodeTaken));
                }
                !is_taken
            });
        }
        let (mut items, mut is_first) = (items.into_iter(), true);
        loop {
            let chunk: Vec<Item> = items.by_ref().take(CHUNK).collect();
            if chunk.is_empty() {
                return Ok(results);
            }
            match self.insert_many(owner, chunk, &mut results).await {
                Ok(()) => is_first = false,
                Err((error, _)) if is_first => return Err(error),
                Err((error, failed)) => {
                    let told = error.into_failure("").into_problem();
                    for index in failed {
                        results[index].problem = Some(told.clone());
                    }
                }
            }
        }
    }

    /// Parses the requests; what is wrong with one goes into its result.
    fn parse_many(
        &self,
        owner: Uuid,
        requests: &[rest::CreateLink],
        results: &mut [rest::CreateLinkResult],
    ) -> Vec<Item> {
        let now = Utc::now();
        let mut chosen = HashSet::new();
        let mut items = Vec::with_capacity(requests.len());
        for (index, request) in requests.iter().enumerate() {
            let parsed = NewLink::parse(request, &self.policy, now).map_err(Error::Refused);
            let parsed = parsed.and_then(|new| match new.code {
                Some(code) if !chosen.insert(code) => Err(Error::CodeTaken),
                _ => Ok(new),
            });
            match parsed {
                Ok(new) => {
                    let is_chosen = new.code.is_some();
                    let code = new.code.unwrap_or_else(|| (self.generate)(SHORT));
                    items.push(Item { index, is_chosen, link: new.into_link(owner, code, now) });
                }
                Err(error) => results[index].problem = Some(problem(index, error)),
            }
        }
        items
    }

    /// Writes a chunk in one transaction, again and again until no code in it is taken.
    ///
    /// Fails with the places of those that were not made.
    async fn insert_many(
        &self,
        owner: Uuid,
        mut chunk: Vec<Item>,
        results: &mut [rest::CreateLinkResult],
    ) -> Result<(), (Error, Vec<usize>)> {
        for attempt in 0..TRIES {
            let mut taken = Vec::new();
            match self.try_insert(&chunk, &mut taken).await {
                Ok(()) => break,
                Err(Error::CodeTaken) if attempt + 1 < TRIES => {
                    self.replace_taken(&mut chunk, &taken, attempt, results);
                }
                Err(error) => return Err((error, chunk.iter().map(|item| item.index).collect())),
            }
        }
        let made: Vec<_> = chunk.iter().map(|item| item.link.code).collect();
        if let Err(error) = self.follow_leaving(owner, &made).await {
            return Err((error, chunk.iter().map(|item| item.index).collect()));
        }
        counter!(LINKS_CREATED, "how" => "bulk").increment(chunk.len() as u64);
        let chosen: Vec<&Link> = chunk.iter().filter(|item| item.is_chosen).map(|item| &item.link).collect();
        self.lookup.announce(chosen).await;
        for item in &chunk {
            results[item.index].link = Some(self.present(&item.link));
        }
        Ok(())
    }

    async fn try_insert(&self, chunk: &[Item], taken: &mut Vec<usize>) -> Result<(), Error> {
        let links: Vec<Link> = chunk.iter().map(|item| item.link.clone()).collect();
        let events: Vec<_> = links.iter().map(created).collect();
        let mut transaction = self.store.transaction().await?;
        loop {
            let session = transaction.start().await?;
            let written = match self.write_many(session, &links, &events).await {
                Err(Error::Store(error)) => {
                    *taken = duplicates(&error);
                    let is_code = !taken.is_empty();
                    Err(if is_code { Error::CodeTaken } else { Error::Store(error) })
                }
                outcome => outcome,
            };
            if let Some(outcome) = transaction.end(written).await {
                return outcome;
            }
        }
    }

    async fn write_many(
        &self,
        session: &mut ClientSession,
        links: &[Link],
        events: &[Event<UrlCreated>],
    ) -> Result<(), Error> {
        if let Some(link) = links.first() {
            self.refuse_leaving(session, link.auth_user_id).await?;
        }
        self.store.links.insert(session, links).await?;
        Ok(self.store.outbox.enqueue_all(session, events.iter().cloned()).await?)
    }

    /// Gives another code to links whose generated one is taken, and refuses those that chose one.
    fn replace_taken(
        &self,
        chunk: &mut Vec<Item>,
        taken: &[usize],
        attempt: u32,
        results: &mut [rest::CreateLinkResult],
    ) {
        let length = if attempt < TRIES / 2 { SHORT } else { LONG };
        let mut place = 0;
        chunk.retain_mut(|item| {
            let is_taken = taken.contains(&place);
            place += 1;
            if is_taken && item.is_chosen {
                results[item.index].problem = Some(problem(item.index, Error::CodeTaken));
                return false;
            }
            if is_taken {
                item.link.code = (self.generate)(length);
            }
            true
        });
    }
}

/// What is told of the item at `index`.
fn problem(index: usize, error: Error) -> Problem {
    Failure::into_problem(error.into_failure(&format!("links[{index}].")))
}
