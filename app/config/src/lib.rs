//! Written configuration (config.json) to running parts.
