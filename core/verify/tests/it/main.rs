//! Integration tests of the crate: its public API on bytes made by the testkit.
