//! Every operation there is, in the shape that the tests of access go by: made from the route
//! table here, and as well made from whatever else lists verb, path, roles and body.

use daybook::http::{route::Access, routes::ROUTES};
use daybook_events::event::Role;

use crate::harness::{Answered, TestApp};

/// One operation.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub(crate) verb: String,
    pub(crate) path: String,
    /// `None` where anybody may call.
    pub(crate) roles: Option<Vec<Role>>,
    /// Whether a session may call, not keys alone.
    pub(crate) sessions: bool,
    /// Whether it takes a body.
    pub(crate) takes: bool,
}

/// Every operation, as the route table has it.
pub(crate) fn operations() -> Vec<Operation> {
    let operation = |route: &daybook::http::route::Route| Operation {
        verb: route.verb.to_owned(),
        path: route.path.to_owned(),
        roles: match route.access {
            Access::Public => None,
            Access::Roles(roles) | Access::Keys(roles) => Some(roles.to_vec()),
        },
        sessions: route.access.takes_sessions(),
        takes: route.takes.is_some(),
    };
    ROUTES.iter().map(operation).collect()
}

impl Operation {
    /// Whether it changes something, as far as a browser can tell.
    pub(crate) fn is_unsafe(&self) -> bool {
        self.verb != "GET"
    }

    /// Whether it acts on the session that calls, which a knock would therefore end.
    pub(crate) fn is_sign_out(&self) -> bool {
        self.verb == "DELETE" && self.path == "/api/sessions/me"
    }

    pub(crate) fn allows(&self, role: Role, by_session: bool) -> bool {
        let may = self.roles.as_ref().is_none_or(|roles| roles.contains(&role));
        may && (self.sessions || !by_session)
    }

    /// Its address, with ids that are nobody's.
    pub(crate) fn of_nobody(&self) -> String {
        let part =
            |part: &str| if part.starts_with('{') { "nobody".to_owned() } else { part.to_owned() };
        self.path.split('/').map(part).collect::<Vec<_>>().join("/")
    }
}

/// What a caller shows: headers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Presented(pub(crate) Vec<(&'static str, String)>);

impl Presented {
    pub(crate) fn bearer(credential: &str) -> Self {
        if credential.is_empty() {
            return Self::default();
        }
        Self(vec![("authorization", format!("Bearer {credential}"))])
    }

    pub(crate) fn cookie(token: &str) -> Self {
        Self(vec![("cookie", format!("theme=dark; daybook_session={token}"))])
    }

    pub(crate) fn and(mut self, name: &'static str, value: &str) -> Self {
        self.0.push((name, value.to_owned()));
        self
    }

    pub(crate) fn headers(&self) -> Vec<(&str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }
}

/// Calls an operation on ids of nobody, with a body that no handler accepts: who gets past the door
/// is told without anything happening behind it.
pub(crate) async fn knock(test: &TestApp, operation: &Operation, by: &Presented) -> Answered {
    let body = operation.takes.then(|| b"[]".to_vec());
    test.send(&operation.verb, &operation.of_nobody(), "", &by.headers(), body).await
}
