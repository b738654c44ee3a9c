//! The cases of GraphQL fields.

use super::Access::{self, Public, User};

/// How a field refuses.
pub(super) struct Case {
    /// Type and name.
    pub(super) field: &'static str,
    /// Who may ask for it.
    pub(super) access: Access,
    /// A document that is proper but for the missing token.
    pub(super) proper: &'static str,
    /// A document that is well-typed, with values that are not acceptable.
    pub(super) malformed: &'static str,
    /// Who refuses it.
    pub(super) service: &'static str,
    /// The field that is named.
    pub(super) names: Option<&'static str>,
    /// A document that the schema does not allow.
    pub(super) mistyped: &'static str,
}

/// A case for every field of the root types and every field with arguments.
pub(super) const CASES: &[Case] = &[
    Case {
        field: "Query.me",
        access: User,
        proper: "{ me { id } }",
        // It takes nothing that could be unacceptable.
        malformed: "{ me(of: 1) { id } }",
        service: "gateway",
        names: None,
        mistyped: "{ me { password } }",
    },
    Case {
        field: "Query.link",
        access: User,
        proper: "{ link(code: \"covered\") { id } }",
        malformed: "{ link { id } }",
        service: "gateway",
        names: None,
        mistyped: "{ link(code: 7) { id } }",
    },
    Case {
        field: "Query.links",
        access: User,
        proper: "{ links { edges { cursor } } }",
        malformed: "{ links(first: 101) { edges { cursor } } }",
        service: "shortener",
        names: Some("first"),
        mistyped: "{ links(first: \"all\") { edges { cursor } } }",
    },
    Case {
        field: "Mutation.register",
        access: Public("whoever registers has no account yet"),
        proper: "mutation { register(input: { email: \"\", password: \"\", fullName: \"\" }) { expiresIn } }",
        malformed: "mutation { register(input: { email: \"n@example.com\", password: \"correct horse battery\", fullName: \" \" }) { expiresIn } }",
        service: "auth",
        names: Some("fullName"),
        mistyped: "mutation { register(input: { email: \"n@example.com\" }) { expiresIn } }",
    },
    Case {
        field: "Mutation.login",
        access: Public("e-mail and password are the credentials"),
        proper: "mutation { login(input: { email: \"\", password: \"\" }) { expiresIn } }",
        malformed: "mutation { login(input: { email: \"nobody\", password: \"correct horse battery\" }) { expiresIn } }",
        service: "auth",
        names: Some("email"),
        mistyped: "mutation { login(input: { email: \"n@example.com\" }) { expiresIn } }",
    },
    Case {
        field: "Mutation.refreshSession",
        access: Public("the refresh token is the credential"),
        proper: "mutation { refreshSession(refreshToken: \"\") { expiresIn } }",
        malformed: "mutation { refreshSession { expiresIn } }",
        service: "gateway",
        names: None,
        mistyped: "mutation { refreshSession(refreshToken: 7) { expiresIn } }",
    },
    Case {
        field: "Mutation.logout",
        access: Public("the refresh token is the credential"),
        proper: "mutation { logout(refreshToken: \"\") }",
        malformed: "mutation { logout }",
        service: "gateway",
        names: None,
        mistyped: "mutation { logout(refreshToken: null) }",
    },
    Case {
        field: "Mutation.createLink",
        access: User,
        proper: "mutation { createLink(input: { url: \"https://shop.example\" }) { id } }",
        malformed: "mutation { createLink(input: { url: \"https://shop.example\", redirectStatus: 200 }) { id } }",
        service: "shortener",
        names: Some("redirectStatus"),
        mistyped: "mutation { createLink(input: { code: \"no-url\" }) { id } }",
    },
    Case {
        field: "Mutation.createLinks",
        access: User,
        proper: "mutation { createLinks(inputs: [{ url: \"https://shop.example\" }]) { index } }",
        malformed: "mutation { createLinks(inputs: []) { index } }",
        service: "shortener",
        names: Some("inputs"),
        mistyped: "mutation { createLinks(inputs: [{ url: null }]) { index } }",
    },
    Case {
        field: "Mutation.updateLink",
        access: User,
        proper: "mutation { updateLink(code: \"covered\", input: { title: \"T\" }) { id } }",
        malformed: "mutation { updateLink(code: \"covered\", input: { fallbackUrl: \"ftp://shop.example\" }) { id } }",
        service: "shortener",
        names: Some("fallbackUrl"),
        mistyped: "mutation { updateLink(code: \"covered\") { id } }",
    },
    Case {
        field: "Mutation.deleteLink",
        access: User,
        proper: "mutation { deleteLink(code: \"covered\") }",
        malformed: "mutation { deleteLink }",
        service: "gateway",
        names: None,
        mistyped: "mutation { deleteLink(code: [\"a\", \"b\"]) }",
    },
    Case {
        field: "Link.stats",
        access: User,
        proper: "{ link(code: \"covered\") { stats { clicks } } }",
        malformed: "{ link(code: \"covered\") { stats(timeZone: \"Mars/Olympus\") { clicks } } }",
        service: "analytics",
        names: Some("timeZone"),
        mistyped: "{ link(code: \"covered\") { stats(from: \"yesterday\") { clicks } } }",
    },
    Case {
        field: "LinkStats.series",
        access: User,
        proper: "{ link(code: \"covered\") { stats { series(granularity: HOUR) { clicks } } } }",
        malformed: "{ link(code: \"covered\") { stats(from: \"2026-01-01T00:00:00Z\", to: \"2026-03-01T00:00:00Z\") { series(granularity: HOUR) { clicks } } } }",
        service: "analytics",
        names: Some("granularity"),
        mistyped: "{ link(code: \"covered\") { stats { series(granularity: MINUTE) { clicks } } } }",
    },
    Case {
        field: "LinkStats.topReferrers",
        access: User,
        proper: "{ link(code: \"covered\") { stats { topReferrers { name } } } }",
        malformed: "{ link(code: \"covered\") { stats { topReferrers(first: 0) { name } } } }",
        service: "gateway",
        names: Some("first"),
        mistyped: "{ link(code: \"covered\") { stats { topReferrers(first: 1.5) { name } } } }",
    },
    Case {
        field: "LinkStats.topCountries",
        access: User,
        proper: "{ link(code: \"covered\") { stats { topCountries { name } } } }",
        malformed: "{ link(code: \"covered\") { stats { topCountries(first: 101) { name } } } }",
        service: "gateway",
        names: Some("first"),
        mistyped: "{ link(code: \"covered\") { stats { topCountries(first: true) { name } } } }",
    },
];
