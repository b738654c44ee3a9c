//! Making many links at once.

use super::{Catalogue, created};
use crate::domain::{LONG, Link, NewLink, SHORT};
use crate::error::Error;
use crate::metrics::LINKS_CREATED;
use crate::store::duplicates;
use chassis::http::{Failure, IdempotencyKey, KeyedRequest};
use chrono::Utc;
use contracts::envelope::Event;
use contracts::event::shortener::UrlCreated;
use contracts::problem::Problem;
use contracts::rest::shortener as rest;
use metrics::counter;
use mongodb::ClientSession;
use std::collections::HashSet;
use std::iter;
use uuid::Uuid;

/// How many links go into one transaction: large enough to be quick, and small enough to stay far
/// from the server's limits of 16 MiB and 60 s.
const CHUNK: usize = 500;
/// The name of this operation among those that can be repeated.
const OPERATION: &str = "create-links";
/// How often a chunk is tried when codes in it turn out to be taken.
const TRIES: u32 = 12;

/// A link on its way, with its place in the request.
struct Item {
    index: usize,
    is_chosen: bool,
    link: Link,
}

impl Item {
    /// Its place in its chunk.
    fn place(&self) -> usize {
        self.index % CHUNK
    }
}

impl Catalogue {
    /// Makes many links; each succeeds or fails by itself. Of two that choose one code, the first gets it. Fails as a
    /// whole only when the store is away before anything was made, or because of the key.
    ///
    /// With a key, each chunk keeps its own answer: the same request again makes what could not be made the first time.
    pub async fn create_many(
        &self,
        owner: Uuid,
        requests: &[rest::CreateLink],
        key: Option<IdempotencyKey>,
    ) -> Result<Vec<rest::CreateLinkResult>, Error> {
        let keyed = key.map(|key| KeyedRequest::new(owner, OPERATION, key, &requests)).transpose()?;
        let mut results: Vec<_> =
            (0..requests.len()).map(|index| rest::CreateLinkResult { index, link: None, problem: None }).collect();
        let mut items = self.parse_many(owner, requests, &mut results);
        for (number, results) in results.chunks_mut(CHUNK).enumerate() {
            if let Some(keyed) = &keyed
                && self.repeat(&keyed.part(number), results).await?
            {
                items.retain(|item| item.index / CHUNK != number);
            }
        }
        self.refuse_taken(&mut items, &mut results).await?;
        let mut items = items.into_iter().peekable();
        let mut is_first = true;
        for (number, results) in results.chunks_mut(CHUNK).enumerate() {
            let chunk: Vec<Item> = iter::from_fn(|| items.next_if(|item| item.index / CHUNK == number)).collect();
            if chunk.is_empty() {
                continue;
            }
            let keyed = keyed.as_ref().map(|keyed| keyed.part(number));
            match (self.insert_many(owner, chunk, results, keyed.as_ref()).await, &keyed) {
                (Ok(()), _) => is_first = false,
                // The other request with this key may have ended meanwhile.
                (Err((Error::Repeated(refused), _)), Some(keyed)) => {
                    if !self.repeat(keyed, results).await? {
                        return Err(refused.into());
                    }
                }
                (Err((error, _)), _) if is_first => return Err(error),
                (Err((error, failed)), _) => {
                    let told = error.into_failure("").into_problem();
                    for place in failed {
                        results[place].problem = Some(told.clone());
                    }
                }
            }
        }
        Ok(results)
    }

    /// Says whether a chunk was answered before, and gives that answer.
    async fn repeat(&self, keyed: &KeyedRequest, results: &mut [rest::CreateLinkResult]) -> Result<bool, Error> {
        let Some(answer) = self.answered::<Vec<rest::CreateLinkResult>>(keyed).await? else { return Ok(false) };
        for (result, answer) in results.iter_mut().zip(answer) {
            *result = answer;
        }
        Ok(true)
    }

    /// Refuses the items whose chosen codes are taken.
    async fn refuse_taken(&self, items: &mut Vec<Item>, results: &mut [rest::CreateLinkResult]) -> Result<(), Error> {
        let chosen: Vec<_> = items.iter().filter(|item| item.is_chosen).map(|item| item.link.code).collect();
        if chosen.is_empty() {
            return Ok(());
        }
        let taken = self.store.links.taken(&chosen).await?;
        items.retain(|item| {
            let is_taken = item.is_chosen && taken.contains(&item.link.code);
            if is_taken {
                results[item.index].problem = Some(problem(item.index, Error::CodeTaken));
            }
            !is_taken
        });
        Ok(())
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

    /// Writes a chunk in one transaction, again and again until no code in it is taken; `results` are the chunk's.
    ///
    /// Fails with the places of those that were not made.
    async fn insert_many(
        &self,
        owner: Uuid,
        mut chunk: Vec<Item>,
        results: &mut [rest::CreateLinkResult],
        keyed: Option<&KeyedRequest>,
    ) -> Result<(), (Error, Vec<usize>)> {
        let places = |chunk: &[Item]| chunk.iter().map(Item::place).collect();
        let mut answer = self.answer(&chunk, results);
        for attempt in 0..TRIES {
            let mut taken = Vec::new();
            match self.try_insert(&chunk, keyed.map(|keyed| (keyed, &*answer)), &mut taken).await {
                Ok(()) => break,
                Err(Error::CodeTaken) if attempt + 1 < TRIES => {
                    self.replace_taken(&mut chunk, &taken, attempt, results);
                    answer = self.answer(&chunk, results);
                }
                Err(error) => return Err((error, places(&chunk))),
            }
        }
        let made: Vec<_> = chunk.iter().map(|item| item.link.code).collect();
        if let Err(error) = self.follow_leaving(owner, &made).await {
            return Err((error, places(&chunk)));
        }
        counter!(LINKS_CREATED, "how" => "bulk").increment(chunk.len() as u64);
        let chosen: Vec<&Link> = chunk.iter().filter(|item| item.is_chosen).map(|item| &item.link).collect();
        self.lookup.announce(chosen).await;
        results.clone_from_slice(&answer);
        Ok(())
    }

    /// What is answered of a chunk when all its links are made.
    fn answer(&self, chunk: &[Item], results: &[rest::CreateLinkResult]) -> Vec<rest::CreateLinkResult> {
        let mut answer = results.to_vec();
        for item in chunk {
            answer[item.place()].link = Some(self.present(&item.link));
        }
        answer
    }

    async fn try_insert(
        &self,
        chunk: &[Item],
        answered: Option<(&KeyedRequest, &[rest::CreateLinkResult])>,
        taken: &mut Vec<usize>,
    ) -> Result<(), Error> {
        let links: Vec<Link> = chunk.iter().map(|item| item.link.clone()).collect();
        let events: Vec<_> = links.iter().map(created).collect();
        let mut transaction = self.store.transaction().await?;
        loop {
            let session = transaction.start().await?;
            let written = match self.write_many(session, &links, answered, &events).await {
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
        answered: Option<(&KeyedRequest, &[rest::CreateLinkResult])>,
        events: &[Event<UrlCreated>],
    ) -> Result<(), Error> {
        if let Some(link) = links.first() {
            self.refuse_leaving(session, link.auth_user_id).await?;
        }
        if let Some((keyed, answer)) = answered {
            self.store.idempotency.keep(session, keyed, &answer).await??;
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
                results[item.place()].problem = Some(problem(item.index, Error::CodeTaken));
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
