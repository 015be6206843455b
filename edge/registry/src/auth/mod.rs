//! Logins: where they come from, how a challenge is answered, which tokens are kept, and who is left alone for a while.

mod challenge;
mod credential_program;
mod docker_config;
mod login;
mod refusals;
mod scheme;
mod token_answer;
mod tokens;

pub use docker_config::DockerConfig;
pub use login::{Anonymous, FixedLogins, Login, LoginError, Logins};

pub(crate) use challenge::parse as parse_challenges;
pub(crate) use login::{KnownLogin, LoginId};
pub(crate) use refusals::{Refusal, Refusals};
pub(crate) use scheme::{BearerScheme, Scheme, choose};
pub(crate) use token_answer::TokenAnswer;
pub(crate) use tokens::{Token, TokenKey, Tokens};
