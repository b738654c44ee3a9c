//! What the services say that happened.

use crate::client;
use anyhow::{Context as _, ensure};
use contracts::rest::{
    analytics::{BATCH_LINKS_LIMIT, Facet, FacetValue, StatsBatch, StatsBatchRequest, Window},
    shortener::{Link, LinkPage},
};
use kit::Stack;
use serde_json::json;
use std::collections::BTreeSet;

/// Asks the services on behalf of one user.
pub struct Ledger {
    /// Base URL of shortener.
    pub shortener: String,
    /// Base URL of analytics.
    pub analytics: String,
    /// The user's token.
    pub token: String,
}

impl Ledger {
    /// Asks the services of a stack on behalf of the holder of `token`.
    #[must_use]
    pub fn of(stack: &Stack, token: impl Into<String>) -> Self {
        Self { shortener: stack.url("shortener"), analytics: stack.url("analytics"), token: token.into() }
    }

    /// Makes a link, and tells its code. Fails when shortener does not answer, or refuses.
    pub async fn make_link(&self) -> anyhow::Result<String> {
        let request = client().post(format!("{}/v1/links", self.shortener)).bearer_auth(&self.token);
        let answer = request.json(&json!({"url": "https://example.com/clicked"})).send().await?;
        let link: Link = answer.error_for_status()?.json().await?;
        Ok(link.code)
    }

    /// Every link of the user, in pages. Fails when shortener does not answer.
    pub async fn links(&self) -> anyhow::Result<Vec<Link>> {
        let (mut links, mut after) = (Vec::new(), None::<String>);
        loop {
            let request = client().get(format!("{}/v1/links", self.shortener)).bearer_auth(&self.token);
            let request = request.query(&[("first", "100")]).query(&after.map(|cursor| [("after", cursor)]));
            let page: LinkPage = request.send().await?.error_for_status()?.json().await?;
            after = page.items.last().map(|item| item.cursor.clone());
            links.extend(page.items.into_iter().map(|item| item.link));
            if !page.has_next_page {
                return Ok(links);
            }
        }
    }

    /// How many clicks of the links shortener has counted. Fails when shortener does not answer.
    pub async fn clicks_at_shortener(&self) -> anyhow::Result<u64> {
        Ok(self.links().await?.iter().map(|link| link.click_count).sum())
    }

    /// How many clicks of `codes` analytics has counted, and which of the codes it knows. Fails when analytics does not
    /// answer.
    pub async fn clicks_at_analytics(&self, codes: &[String]) -> anyhow::Result<(u64, BTreeSet<String>)> {
        let (mut clicks, mut known) = (0, BTreeSet::new());
        for codes in codes.chunks(BATCH_LINKS_LIMIT) {
            let window = Window { include_bots: true, ..Window::default() };
            let body = StatsBatchRequest { codes: codes.to_vec(), window, facets: vec![Facet::Totals] };
            let request = client().post(format!("{}/v1/stats/batch", self.analytics));
            let answer = request.bearer_auth(&self.token).json(&body).send().await?;
            let batch: StatsBatch = answer.error_for_status()?.json().await?;
            for (code, values) in batch.links {
                let [FacetValue::Totals { clicks: of_link, .. }] = values.as_slice() else {
                    anyhow::bail!("{code}: not the facet that was asked for");
                };
                clicks += of_link;
                known.insert(code);
            }
        }
        Ok((clicks, known))
    }

    /// Checks that every answered link exists, exactly once. Fails when one is lost or doubled, or shortener does not
    /// answer.
    pub async fn holds_exactly(&self, answered: &[String]) -> anyhow::Result<()> {
        let links = self.links().await?;
        let stored: BTreeSet<&str> = links.iter().map(|link| link.code.as_str()).collect();
        let lost: Vec<_> = answered.iter().filter(|code| !stored.contains(code.as_str())).collect();
        ensure!(lost.is_empty(), "answered and lost: {lost:?}");
        let targets: BTreeSet<&str> = links.iter().map(|link| link.url.as_str()).collect();
        ensure!(targets.len() == links.len(), "some requests made more than one link");
        let made = u64::try_from(links.len()).context("too many links")?;
        ensure!(made == answered.len() as u64, "{made} links of {} answered", answered.len());
        Ok(())
    }
}
