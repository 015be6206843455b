//! The public face of the policy, driven with findings that the verifier made.

#![cfg(test)]

mod truth_table;
