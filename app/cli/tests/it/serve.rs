//! `ratify serve` from outside: a process that is asked over a socket and told things by signals.

mod flags;
pub(crate) mod process;
mod reload;
mod running;
mod tls;
