//! The engine against an in-process registry that lies on demand, with the real verifier and the real client.

#![cfg(test)]

mod dispatcher;
mod fixture;
mod requests;
mod review;
mod several;
mod shelf;
mod verdicts;
mod waiting;
