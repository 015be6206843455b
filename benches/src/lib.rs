//! Benchmarks: `cargo xtask bench verify`. The numbers are printed beside the physical floor of the same run.
