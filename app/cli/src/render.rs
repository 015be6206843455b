//! From results to text. Everything here is a pure function: no terminal, no clock.

mod referrers;
mod report_v1;
mod text;
mod verdict;

pub(crate) use referrers::{Branch, ManifestV1, StoreReferrers, flat, tree};
pub(crate) use report_v1::VerifyResponse;
#[cfg(feature = "demo")]
pub(crate) use text::wrap;
pub(crate) use text::{is_printable, json, printable};
pub(crate) use verdict::{Mark, verdict};
