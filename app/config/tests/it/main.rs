//! Configurations through the public API: what loads, what does not and in which words, and what is worth a warning.

#![cfg(test)]

mod bad;
mod home;
mod mutated;
mod samples;
mod server;
mod signed;
mod stores;
mod trust;
