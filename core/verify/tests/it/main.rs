//! Integration tests of the crate: its public API on bytes made by the testkit.

#![cfg(test)]

mod notation;
mod notation_attacks;
mod notation_cose;
mod notation_jws;
mod notation_levels;
mod notation_manifest;
mod notation_payload;
mod trust_certificate;
mod trust_chain;
mod trust_identity;
mod trust_key;
mod trust_policy;
mod trust_store;
