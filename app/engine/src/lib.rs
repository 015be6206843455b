//! Resolve, discover, fetch, verify, decide.
