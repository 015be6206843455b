//! The binary `ratify`.
fn main() {}
