//! What a route is: an address, who may call it, what it takes and gives, and what handles it.

use std::{future::Future, pin::Pin, sync::Arc};

use daybook_events::event::Role;
use warp::http::Method;

use super::{
    answer::Answer,
    call::Call,
    contract::{Asks, Gives, Takes},
    error::{ApiError, Dialect},
};
use crate::app::App;

/// What a handler gives, some time.
pub type Answering = Pin<Box<dyn Future<Output = Result<Answer, ApiError>> + Send>>;

/// Who may call a route.
#[derive(Debug, Clone, Copy)]
pub enum Access {
    /// Anybody.
    Public,
    /// Keys and sessions of these roles.
    Roles(&'static [Role]),
    /// Keys of these roles, and no session: what is signed in for an hour must not make itself a
    /// credential for longer.
    Keys(&'static [Role]),
}

impl Access {
    /// The roles that may call; none where anybody may.
    #[must_use]
    pub fn roles(self) -> &'static [Role] {
        match self {
            Self::Public => &[],
            Self::Roles(roles) | Self::Keys(roles) => roles,
        }
    }

    /// Whether a session may call.
    #[must_use]
    pub fn takes_sessions(self) -> bool {
        matches!(self, Self::Public | Self::Roles(_))
    }
}

/// One address.
pub struct Route {
    /// The method.
    pub verb: &'static str,
    /// The path; `{…}` stands for one part.
    pub path: &'static str,
    /// Whose words it speaks.
    pub dialect: Dialect,
    /// Who may call it.
    pub access: Access,
    /// The fields of its query; any other is refused.
    pub asks: Asks,
    /// The body that it takes, where it takes one.
    pub takes: Option<Takes>,
    /// What it gives when all goes well.
    pub gives: Gives,
    /// What handles it.
    pub handler: fn(Arc<App>, Call) -> Answering,
    /// What it does, in a line.
    pub summary: &'static str,
    /// The handler's name, unique over all routes: the operation's id.
    pub operation: &'static str,
}

impl Route {
    /// The method, typed.
    #[must_use]
    pub fn method(&self) -> Method {
        match self.verb {
            "POST" => Method::POST,
            "PUT" => Method::PUT,
            "PATCH" => Method::PATCH,
            "DELETE" => Method::DELETE,
            _get => Method::GET,
        }
    }
}
