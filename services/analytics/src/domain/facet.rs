//! The facets of a batch, parsed.

use super::window::Span;
use super::{Refusal, series};
use chrono::{DateTime, Utc};
use contracts::rest::analytics::{BATCH_FACETS_LIMIT, Dimension, Facet};

/// The most values of a dimension that are told.
pub const TOP_LIMIT: u32 = 100;

/// What is to be counted for one facet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Count {
    Totals(Span),
    /// Clicks and visitors by points in time.
    Series(Vec<DateTime<Utc>>),
    Top(Dimension, u32),
}

/// Parses the facets of a request for a span, in their order. Names every facet that is not acceptable: too many, the
/// same twice, a limit that is not 1 to 100, a series that would be too long.
pub fn parse(facets: &[Facet], span: &Span) -> Result<Vec<Count>, Vec<Refusal>> {
    let mut refusals = Vec::new();
    if facets.is_empty() || facets.len() > BATCH_FACETS_LIMIT {
        let message = format!("Ask for 1 to {BATCH_FACETS_LIMIT} facets.");
        return Err(vec![Refusal::new("facets", message)]);
    }
    let mut counts = Vec::with_capacity(facets.len());
    for (index, facet) in facets.iter().enumerate() {
        if facets[..index].contains(facet) {
            refusals.push(Refusal::new(format!("facets[{index}]"), "This facet was asked for already."));
        }
        match count(facet, span) {
            Ok(count) => counts.push(count),
            Err(Refusal { field, message }) => {
                refusals.push(Refusal { field: format!("facets[{index}].{field}"), message });
            }
        }
    }
    if refusals.is_empty() { Ok(counts) } else { Err(refusals) }
}

fn count(facet: &Facet, span: &Span) -> Result<Count, Refusal> {
    match facet {
        Facet::Totals => Ok(Count::Totals(span.clone())),
        Facet::PreviousTotals => Ok(Count::Totals(span.previous())),
        Facet::Series { granularity } => series::points(span, *granularity).map(Count::Series),
        Facet::Top { dimension, first } if (1..=TOP_LIMIT).contains(first) => Ok(Count::Top(*dimension, *first)),
        Facet::Top { .. } => Err(Refusal::new("first", format!("Ask for 1 to {TOP_LIMIT} values."))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::rest::analytics::{Granularity, Window};

    fn refused(facets: &[Facet], days: i64) -> Vec<String> {
        let now = Utc::now();
        let window = Window { from: Some(now - chrono::TimeDelta::days(days)), ..Window::default() };
        let span = Span::parse(&window, now).unwrap();
        let refusals = parse(facets, &span).err().unwrap_or_default();
        refusals.into_iter().map(|refusal| refusal.field).collect()
    }

    #[test]
    fn every_facet_that_is_not_acceptable_is_named() {
        let top = |first| Facet::Top { dimension: Dimension::Browser, first };
        let hours = Facet::Series { granularity: Granularity::Hour };
        assert_eq!(refused(&[], 1), ["facets"]);
        assert_eq!(refused(&vec![Facet::Totals; 21], 1), ["facets"]);
        assert_eq!(refused(&[top(0), top(101), top(1)], 1), ["facets[0].first", "facets[1].first"]);
        assert_eq!(refused(&[Facet::Totals, Facet::Totals], 1), ["facets[1]"]);
        assert_eq!(refused(&[Facet::Totals, hours.clone()], 32), ["facets[1].granularity"]);
        assert!(refused(&[top(5), top(10), hours, Facet::Totals, Facet::PreviousTotals], 31).is_empty());
    }
}
