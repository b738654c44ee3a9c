//! Links, as their owner sees and makes them.

use super::immediate::Immediate;
use super::load::{SalesOf, load};
use super::money::Money;
use super::patch;
use super::scalars::Moment;
use super::stats::LinkStats;
use crate::clients::{ServiceError, argument};
use async_graphql::{ComplexObject, Context, ID, InputObject, MaybeUndefined, Result, SimpleObject};
use contracts::problem;
use contracts::rest::analytics::Window;
use contracts::rest::{orders, shortener};

/// A short link.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct Link {
    /// The link's id.
    pub(super) id: ID,
    /// Its short code.
    code: String,
    /// The target URL.
    url: String,
    /// The complete short URL, for sharing.
    short_url: String,
    /// The owner's title.
    title: Option<String>,
    /// The owner's tags.
    tags: Vec<String>,
    /// When it was created.
    created_at: Moment,
    /// When it expires.
    expires_at: Option<Moment>,
    /// The number of redirects after which it stops working.
    max_clicks: Option<u64>,
    /// The number of redirects. It is a few seconds behind.
    click_count: u64,
    /// Whether it redirects now: it is neither expired nor used up.
    active: bool,
    /// The HTTP status of its redirects.
    redirect_status: u16,
    /// Whether the query of a request is added to the target URL.
    forward_query: bool,
    /// The target URL once the link is expired or used up.
    fallback_url: Option<String>,
}

/// The longest name of a time zone, in bytes: twice what the longest IANA name has.
const LONGEST_ZONE: usize = 64;

#[ComplexObject]
impl Link {
    /// Statistics of its clicks, by default of the last 30 days. Null, with an error, when analytics is not available
    /// and no earlier statistics are known.
    async fn stats(
        &self,
        #[graphql(desc = "The beginning of the time span, inclusive.")] from: Option<Moment>,
        #[graphql(desc = "The end of the time span, exclusive.")] to: Option<Moment>,
        #[graphql(
            desc = "The IANA name of the time zone in which days begin.",
            default_with = "Some(\"UTC\".to_owned())"
        )]
        time_zone: Option<String>,
        #[graphql(desc = "Whether clicks of bots count, too.", default_with = "Some(false)")] include_bots: Option<
            bool,
        >,
    ) -> Option<Result<LinkStats>> {
        if time_zone.as_ref().is_some_and(|zone| zone.len() > LONGEST_ZONE) {
            // It is kept for each link and each figure.
            let message = format!("must have at most {LONGEST_ZONE} bytes");
            return Some(Err(ServiceError::argument("timeZone", message).into()));
        }
        let usual = Window::default();
        let window = Window {
            from: from.map(Into::into),
            to: to.map(Into::into),
            time_zone: time_zone.unwrap_or(usual.time_zone),
            include_bots: include_bots.unwrap_or(usual.include_bots),
        };
        Some(Ok(LinkStats::new(self.code.clone(), window)))
    }

    /// What it sold: orders that were confirmed and not cancelled afterwards. Buyers are not named.
    async fn orders(&self, ctx: &Context<'_>) -> Option<Result<Immediate<LinkSales>>> {
        let sales = load(ctx, SalesOf(self.code.clone())).await;
        // A link that orders leaves out has been authorised by shortener a moment ago: it has sold nothing yet.
        let told = |sales: Option<_>| Immediate(sales.map(LinkSales::from).unwrap_or_default());
        Some(sales.map(told).map_err(Into::into))
    }
}

/// What a link sold.
#[derive(Default, SimpleObject)]
pub struct LinkSales {
    /// The number of orders.
    count: u64,
    /// The total of the orders, one amount for each currency.
    revenue: Vec<Immediate<Money>>,
}

impl From<orders::LinkSales> for LinkSales {
    fn from(sales: orders::LinkSales) -> Self {
        Self { count: sales.count, revenue: sales.revenue.into_iter().map(Immediate::from).collect() }
    }
}

impl From<shortener::Link> for Link {
    fn from(link: shortener::Link) -> Self {
        Self {
            id: link.id.into(),
            code: link.code,
            url: link.url,
            short_url: link.short_url,
            title: link.title,
            tags: link.tags,
            created_at: link.created_at.into(),
            expires_at: link.expires_at.map(Moment),
            max_clicks: link.max_clicks,
            click_count: link.click_count,
            active: link.active,
            redirect_status: link.redirect_status,
            forward_query: link.forward_query,
            fallback_url: link.fallback_url,
        }
    }
}

/// A new link.
#[derive(InputObject)]
pub struct CreateLinkInput {
    /// The target URL: `http` or `https`, at most 2,048 characters, no credentials.
    url: String,
    /// A short code of your choice: 3 to 32 of `A-Z a-z 0-9 _ -`. Generated when absent.
    code: Option<String>,
    /// At most 200 characters.
    title: Option<String>,
    /// At most 20 tags of 1 to 50 characters each.
    tags: Option<Vec<String>>,
    /// When the link expires. From then on it answers 410.
    expires_at: Option<Moment>,
    /// The number of redirects after which the link answers 410.
    max_clicks: Option<u64>,
    /// 301, 302, 307 or 308. 302 when absent.
    redirect_status: Option<u16>,
    /// Whether the query of a request is added to the target URL.
    forward_query: Option<bool>,
    /// The target URL once the link is expired or used up.
    fallback_url: Option<String>,
}

impl From<CreateLinkInput> for shortener::CreateLink {
    fn from(input: CreateLinkInput) -> Self {
        Self {
            url: input.url,
            code: input.code,
            title: input.title,
            tags: input.tags.unwrap_or_default(),
            expires_at: input.expires_at.map(Into::into),
            max_clicks: input.max_clicks,
            redirect_status: input.redirect_status,
            forward_query: input.forward_query,
            fallback_url: input.fallback_url,
        }
    }
}

/// Changes to a link. Fields that are absent stay as they are; null clears a field.
#[derive(InputObject)]
pub struct UpdateLinkInput {
    /// The target URL.
    url: Option<String>,
    /// The title; null clears it.
    title: MaybeUndefined<String>,
    /// The tags, which replace all earlier ones.
    tags: Option<Vec<String>>,
    /// The expiry; null clears it.
    expires_at: MaybeUndefined<Moment>,
    /// The limit; null clears it.
    max_clicks: MaybeUndefined<u64>,
    /// 301, 302, 307 or 308.
    redirect_status: Option<u16>,
    /// Whether the query of a request is added to the target URL.
    forward_query: Option<bool>,
    /// The fallback; null clears it.
    fallback_url: MaybeUndefined<String>,
}

impl From<UpdateLinkInput> for shortener::UpdateLink {
    fn from(input: UpdateLinkInput) -> Self {
        Self {
            url: input.url,
            title: patch(input.title),
            tags: input.tags,
            expires_at: patch(input.expires_at).map(|at| at.map(Into::into)),
            max_clicks: patch(input.max_clicks),
            redirect_status: input.redirect_status,
            forward_query: input.forward_query,
            fallback_url: patch(input.fallback_url),
        }
    }
}

/// The result for one of many new links: either the link or the problem.
#[derive(SimpleObject)]
pub struct CreateLinkResult {
    /// The item's index in the request, from 0.
    index: usize,
    /// The link, if it was created.
    link: Option<Link>,
    /// Why it was not created.
    problem: Option<Problem>,
}

/// Why a request was not carried out.
#[derive(SimpleObject)]
pub struct Problem {
    /// The reason, for a program: one of the codes that errors carry.
    code: String,
    /// The reason, for a person.
    message: String,
    /// The fields that are not valid.
    fields: Vec<FieldProblem>,
}

/// A field that is not valid.
#[derive(SimpleObject)]
pub struct FieldProblem {
    /// The field.
    field: String,
    /// What is wrong with it.
    message: String,
}

impl From<shortener::CreateLinkResult> for CreateLinkResult {
    fn from(result: shortener::CreateLinkResult) -> Self {
        Self { index: result.index, link: result.link.map(Link::from), problem: result.problem.map(Problem::from) }
    }
}

impl From<problem::Problem> for Problem {
    fn from(problem: problem::Problem) -> Self {
        let field = |error: problem::FieldError| FieldProblem { field: argument(&error.field), message: error.message };
        Self {
            code: problem.code.to_string(),
            message: problem.detail.unwrap_or(problem.title),
            fields: problem.errors.into_iter().map(field).collect(),
        }
    }
}
