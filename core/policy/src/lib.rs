//! Findings in, decision out.
