//! The engine against an in-process registry that lies on demand, with the real verifier and the real client.

#![cfg(test)]

mod choices;
mod dispatcher;
mod fixture;
mod joined;
mod keys;
mod lives;
mod odd;
mod requests;
mod several;
mod shelf;
mod verdicts;
mod waiting;
