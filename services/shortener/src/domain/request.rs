//! What owners ask for, parsed: everything that is wrong is told at once.

use super::{Link, MaxClicks, RedirectStatus, ShortCode, Tags, TargetPolicy, TargetUrl, Title};
use chrono::{DateTime, SubsecRound, Utc};
use contracts::field_errors::FieldErrors;
use contracts::rest::shortener::{CreateLink, UpdateLink};
use std::convert::Infallible;
use uuid::Uuid;

/// A link that may be made.
#[derive(Debug, Clone)]
pub struct NewLink {
    /// The code that the owner chose.
    pub code: Option<ShortCode>,
    url: TargetUrl,
    title: Option<Title>,
    tags: Tags,
    expires_at: Option<DateTime<Utc>>,
    max_clicks: Option<MaxClicks>,
    redirect_status: RedirectStatus,
    forward_query: bool,
    fallback_url: Option<TargetUrl>,
}

impl NewLink {
    pub fn parse(request: &CreateLink, policy: &TargetPolicy, now: DateTime<Utc>) -> Result<Self, FieldErrors> {
        let mut refusals = FieldErrors::default();
        let fields = &mut refusals;
        let url = fields.take("url", policy.accept(&request.url));
        let code = fields.take_if("code", request.code.as_deref().map(ShortCode::choose));
        let title = fields.take_if("title", request.title.as_deref().map(Title::parse)).flatten();
        let tags = fields.take("tags", Tags::parse(&request.tags));
        let expires_at = fields.take_if("expires_at", request.expires_at.map(|at| future(at, now)));
        let max_clicks = fields.take_if("max_clicks", request.max_clicks.map(MaxClicks::parse));
        let status = request.redirect_status.map(RedirectStatus::parse);
        let redirect_status = fields.take_if("redirect_status", status).unwrap_or_default();
        let fallback = request.fallback_url.as_deref().map(|text| policy.accept(text));
        let fallback_url = fields.take_if("fallback_url", fallback);
        let forward_query = request.forward_query.unwrap_or_default();
        let (Some(url), Some(tags), true) = (url, tags, refusals.is_empty()) else {
            return Err(refusals);
        };
        Ok(Self { code, url, title, tags, expires_at, max_clicks, redirect_status, forward_query, fallback_url })
    }

    /// Makes the link, under `code`. Times have the milliseconds that the store keeps.
    pub fn into_link(self, owner: Uuid, code: ShortCode, now: DateTime<Utc>) -> Link {
        let now = now.trunc_subsecs(3);
        Link {
            id: Uuid::now_v7(),
            code,
            auth_user_id: owner,
            url: self.url.into_string(),
            title: self.title.map(|title| title.0),
            tags: self.tags.0,
            created_at: now,
            updated_at: now,
            expires_at: self.expires_at,
            max_clicks: self.max_clicks.map(|limit| limit.0),
            used: 0,
            redirect_status: self.redirect_status.0,
            forward_query: self.forward_query,
            fallback_url: self.fallback_url.map(TargetUrl::into_string),
            click_count: 0,
            version: 1,
            deleted_at: None,
            disabled_by: None,
        }
    }
}

/// A change that may be made: absent fields stay, `Some(None)` clears.
#[derive(Debug, Clone)]
pub struct Change {
    url: Option<TargetUrl>,
    title: Option<Option<Title>>,
    tags: Option<Tags>,
    expires_at: Option<Option<DateTime<Utc>>>,
    max_clicks: Option<Option<MaxClicks>>,
    redirect_status: Option<RedirectStatus>,
    forward_query: Option<bool>,
    fallback_url: Option<Option<TargetUrl>>,
}

impl Change {
    pub fn parse(request: &UpdateLink, policy: &TargetPolicy, now: DateTime<Utc>) -> Result<Self, FieldErrors> {
        let mut refusals = FieldErrors::default();
        let fields = &mut refusals;
        let change = Self {
            url: fields.take_if("url", request.url.as_deref().map(|text| policy.accept(text))),
            title: fields
                .take_if("title", request.title.as_ref().map(|title| title.as_deref().map_or(Ok(None), Title::parse))),
            tags: fields.take_if("tags", request.tags.as_deref().map(Tags::parse)),
            expires_at: fields
                .take_if("expires_at", request.expires_at.map(|at| at.map(|at| future(at, now)).transpose())),
            max_clicks: fields
                .take_if("max_clicks", request.max_clicks.map(|limit| limit.map(MaxClicks::parse).transpose())),
            redirect_status: fields.take_if("redirect_status", request.redirect_status.map(RedirectStatus::parse)),
            forward_query: fields.take_if("forward_query", request.forward_query.map(Ok::<_, Infallible>)),
            fallback_url: fields.take_if(
                "fallback_url",
                request.fallback_url.as_ref().map(|url| url.as_deref().map(|text| policy.accept(text)).transpose()),
            ),
        };
        if refusals.is_empty() { Ok(change) } else { Err(refusals) }
    }

    /// Changes `link` and tells the names of the fields that differ from before. Where there are
    /// any, the version has grown.
    ///
    /// A limit given to a link that had none counts the redirects so far against it.
    pub fn apply(self, link: &mut Link, now: DateTime<Utc>) -> Vec<&'static str> {
        let mut changed = Vec::new();
        let mut note = |name, differs| {
            if differs {
                changed.push(name);
            }
        };
        let had_limit = link.max_clicks.is_some();
        note("url", set(&mut link.url, self.url.map(TargetUrl::into_string)));
        note("title", set(&mut link.title, self.title.map(|title| title.map(|title| title.0))));
        note("tags", set(&mut link.tags, self.tags.map(|tags| tags.0)));
        note("expires_at", set(&mut link.expires_at, self.expires_at));
        let max_clicks = self.max_clicks.map(|limit| limit.map(|limit| limit.0));
        note("max_clicks", set(&mut link.max_clicks, max_clicks));
        let status = self.redirect_status.map(|status| status.0);
        note("redirect_status", set(&mut link.redirect_status, status));
        note("forward_query", set(&mut link.forward_query, self.forward_query));
        let fallback = self.fallback_url.map(|url| url.map(TargetUrl::into_string));
        note("fallback_url", set(&mut link.fallback_url, fallback));
        if !had_limit && link.max_clicks.is_some() {
            link.used = link.used.max(link.click_count);
        }
        if !changed.is_empty() {
            link.version += 1;
            link.updated_at = now.trunc_subsecs(3);
        }
        changed
    }
}

fn set<T: PartialEq>(field: &mut T, value: Option<T>) -> bool {
    match value {
        Some(value) if value != *field => {
            *field = value;
            true
        }
        _ => false,
    }
}

/// A time to come, with the milliseconds that the store keeps.
fn future(at: DateTime<Utc>, now: DateTime<Utc>) -> Result<DateTime<Utc>, &'static str> {
    let at = at.trunc_subsecs(3);
    if at > now { Ok(at) } else { Err("must be in the future") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    fn names(refusals: FieldErrors) -> Vec<String> {
        refusals.into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn every_field_that_is_wrong_is_told_at_once() {
        let now = Utc::now();
        let request = CreateLink {
            url: "ftp://example.com".into(),
            code: Some("a".into()),
            title: Some("x".repeat(201)),
            tags: vec![String::new()],
            expires_at: Some(now - TimeDelta::seconds(1)),
            max_clicks: Some(0),
            redirect_status: Some(200),
            forward_query: None,
            fallback_url: Some("nonsense".into()),
        };
        let all = ["url", "code", "title", "tags", "expires_at", "max_clicks", "redirect_status", "fallback_url"];
        let policy = TargetPolicy::default();
        assert_eq!(names(NewLink::parse(&request, &policy, now).unwrap_err()), all);
        let request = UpdateLink {
            url: Some(request.url),
            title: Some(request.title),
            tags: Some(request.tags),
            expires_at: Some(request.expires_at),
            max_clicks: Some(request.max_clicks),
            redirect_status: request.redirect_status,
            forward_query: None,
            fallback_url: Some(request.fallback_url),
        };
        let refused = names(Change::parse(&request, &policy, now).unwrap_err());
        assert_eq!(refused, all.into_iter().filter(|name| *name != "code").collect::<Vec<_>>());
    }

    #[test]
    fn a_change_touches_what_it_names_and_nothing_changes_nothing() {
        let (now, policy) = (Utc::now(), TargetPolicy::default());
        let request =
            CreateLink { url: "https://example.com/".into(), title: Some("Shop".into()), ..CreateLink::default() };
        let new = NewLink::parse(&request, &policy, now).unwrap();
        let mut link = new.into_link(Uuid::now_v7(), ShortCode::generate(7), now);
        link.click_count = 5;
        let before = link.clone();

        let same = UpdateLink { url: Some(link.url.clone()), ..UpdateLink::default() };
        assert!(Change::parse(&same, &policy, now).unwrap().apply(&mut link, now).is_empty());
        assert_eq!(link, before);

        let change: UpdateLink = serde_json::from_str(r#"{"title":null,"max_clicks":7}"#).unwrap();
        let changed = Change::parse(&change, &policy, now).unwrap().apply(&mut link, now);
        assert_eq!(changed, ["title", "max_clicks"]);
        let expected = Link { title: None, max_clicks: Some(7), used: 5, version: 2, ..before };
        assert_eq!(link, expected);
    }
}
