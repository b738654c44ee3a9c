//! Pages of lists, as Relay's cursor connections have them.

use async_graphql::SimpleObject;

use crate::clients::ServiceError;

/// Where a page stands in its list.
#[derive(SimpleObject)]
pub struct PageInfo {
    /// Whether more follow.
    has_next_page: bool,
    /// Whether some came before.
    has_previous_page: bool,
    /// The cursor of the page's first item.
    start_cursor: Option<String>,
    /// The cursor of the page's last item.
    end_cursor: Option<String>,
}

impl PageInfo {
    /// Describes the page of these cursors; `is_first` says whether it is the list's first one.
    pub fn new<'a>(cursors: impl DoubleEndedIterator<Item = &'a String>, has_next_page: bool, is_first: bool) -> Self {
        let mut cursors = cursors.cloned();
        let start_cursor = cursors.next();
        let end_cursor = cursors.next_back().or_else(|| start_cursor.clone());
        Self { has_next_page, has_previous_page: !is_first, start_cursor, end_cursor }
    }
}

/// Reads how many are wanted.
pub fn first(first: Option<i32>) -> Result<Option<u32>, ServiceError> {
    first.map(u32::try_from).transpose().map_err(|_| ServiceError::argument("first", "It must be 1 to 100."))
}
