//! What the gateway passes through: REST to the services, and redirects.

mod headers;
pub(crate) mod redirect;
mod rest;

pub use redirect::routes as redirect_routes;
pub use rest::routes as rest_routes;
