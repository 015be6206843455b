//! The engine against an in-process registry that lies on demand, with the real verifier and the real client.

#![cfg(test)]

mod fixture;
mod requests;
mod several;
mod verdicts;
mod waiting;
