//! FacetCounts facets from what was counted.

use crate::domain::facet::Count;
use crate::domain::series;
use crate::domain::window::Span;
use crate::store::stats::{CountRow, Scope, place};
use crate::store::{Database, StoreError};
use contracts::rest::analytics::{FacetValue, NamedCount, Totals};
use std::collections::HashMap;
use uuid::Uuid;

/// The values of facets, by link and in the order of the counts: links without clicks have no rows.
pub struct FacetCounts {
    by_place: HashMap<(Uuid, u8), Vec<CountRow>>,
}

impl FacetCounts {
    /// Counts, in one query whatever the number of links and facets.
    pub async fn gather(database: &Database, scope: &Scope, span: &Span, counts: &[Count]) -> Result<Self, StoreError> {
        Ok(Self::new(database.count(scope, span, counts).await?))
    }

    fn new(rows: Vec<CountRow>) -> Self {
        let mut by_place = HashMap::<_, Vec<_>>::new();
        for row in rows {
            by_place.entry((row.url, row.facet)).or_default().push(row);
        }
        Self { by_place }
    }

    pub fn of(&self, link: Uuid, counts: &[Count]) -> Vec<FacetValue> {
        let values = counts.iter().enumerate().map(|(index, count)| {
            let rows = self.by_place.get(&(link, place(index, count)));
            value(count, rows.map(Vec::as_slice).unwrap_or_default())
        });
        values.collect()
    }
}

fn value(count: &Count, rows: &[CountRow]) -> FacetValue {
    match count {
        Count::Totals(_) => rows.first().map(totals).unwrap_or_default().into(),
        Count::Series(points) => {
            let counted = rows.iter().map(|row| (row.at, totals(row))).collect();
            FacetValue::Series { points: series::fill(points, &counted) }
        }
        Count::Top(_, first) => {
            let counts = rows.iter().map(|row| NamedCount { name: row.name.clone(), count: row.clicks });
            let mut counts: Vec<_> = counts.collect();
            // A union of queries keeps no order, and may have counted more than were asked for here.
            counts.sort_by(|one, other| other.count.cmp(&one.count).then(one.name.cmp(&other.name)));
            counts.truncate(*first as usize);
            FacetValue::Top { counts }
        }
    }
}

fn totals(row: &CountRow) -> Totals {
    Totals { clicks: row.clicks, unique_visitors: row.visitors }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::rest::analytics::Dimension;

    fn row(facet: u8, at: i64, name: &str, clicks: u64) -> CountRow {
        CountRow { facet, url: Uuid::nil(), at, name: name.to_owned(), clicks, visitors: 1 }
    }

    #[test]
    fn every_facet_is_answered_in_order_and_ties_go_by_name() {
        let counts = [Count::Top(Dimension::Browser, 3), Count::Series(vec!["2026-01-01T00:00:00Z".parse().unwrap()])];
        let top = place(0, &counts[0]);
        let rows = vec![row(top, 0, "b", 1), row(top, 0, "a", 1), row(top, 0, "c", 2), row(top, 0, "d", 1)];
        let values = FacetCounts::new(rows).of(Uuid::nil(), &counts);
        let FacetValue::Top { counts } = &values[0] else { panic!("{values:?}") };
        assert_eq!(counts.iter().map(|count| &*count.name).collect::<Vec<_>>(), ["c", "a", "b"]);
        let FacetValue::Series { points } = &values[1] else { panic!("{values:?}") };
        assert_eq!((points.len(), points[0].clicks), (1, 0));
    }
}
