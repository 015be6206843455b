//! Measures verification beside its bare signature checks.
