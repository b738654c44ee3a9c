//! What a merchant does from the first day on, by GraphQL and by REST; and what a stranger sees of it.

mod accounts;
mod bulk;
mod limits;
mod links;
mod list;
mod rest;
mod stranger;

use std::rc::Rc;

use anyhow::Result;
use e2e_tests::Platform;

#[tokio::test(flavor = "multi_thread")]
async fn a_merchants_journey() -> Result<()> {
    let platform = Rc::new(Platform::start().await?);
    macro_rules! story {
        ($($name:ident)::+) => {
            (stringify!($($name)::+), Box::pin($($name)::+(Rc::clone(&platform))) as crate::Story)
        };
    }
    crate::stories(vec![
        story!(links::a_link_is_made_clicked_and_measured),
        story!(links::a_link_is_changed_and_deleted),
        story!(list::links_are_listed_found_and_paged),
        story!(bulk::many_links_are_made_at_once),
        story!(limits::a_link_ends_when_it_is_used_up),
        story!(accounts::a_session_goes_on_and_ends),
        story!(accounts::an_account_is_kept_by_its_password),
        story!(rest::links_by_rest),
        story!(rest::statistics_by_rest),
        story!(rest::accounts_by_rest),
        story!(stranger::a_stranger_sees_nothing_of_it),
    ])
    .await
}
