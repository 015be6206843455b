//! Certificates written into the configuration as PEM text: the `inline` key management provider of v1.4 with content
//! type `certificate` (K 3.1), and PEM texts in trust stores.

use ratify_verify::trust::Certificate;

use crate::error::{Place, SourceError};
use crate::pem::{self, Block, Blocks};
use crate::{Collected, Found, MAX_CERTIFICATES, Origin};

/// The label of a certificate (RFC 7468 section 5).
const CERTIFICATE: &str = "CERTIFICATE";

/// The certificates of a PEM text.
///
/// Text before the first block and between blocks is passed over, as are blocks of other kinds, as in v1.4. White space
/// may follow the last block (v1.4 refuses more than one line feed); anything else there is an error.
///
/// # Errors
/// No certificate, a block that does not end or is not a certificate, text after the last block, more than
/// [`MAX_CERTIFICATES`].
pub fn inline_certificates(text: &str) -> Result<Collected, SourceError> {
    let Blocks { blocks, rest } = pem::blocks(text.as_bytes()).map_err(|open| {
        let pem::Unterminated { number, label } = open;
        SourceError::Unterminated {
            place: Place::Text,
            number,
            label,
        }
    })?;
    let certificates = || blocks.iter().filter(|block| block.label == CERTIFICATE);
    if certificates().next().is_none() {
        return Err(SourceError::Empty { place: Place::Text });
    }
    if certificates().count() > MAX_CERTIFICATES {
        return Err(SourceError::TooMany { place: Place::Text });
    }
    if !rest.trim_ascii().is_empty() {
        return Err(SourceError::Trailing { place: Place::Text });
    }
    let mut found = Vec::new();
    for block in certificates() {
        found.extend(in_block(block)?);
    }
    Ok(Collected {
        found,
        passed_over: Vec::new(),
    })
}

fn in_block(block: &Block<'_>) -> Result<Vec<Found>, SourceError> {
    let number = block.number;
    let read = Certificate::read_all(block.text);
    let place = Place::Block(number);
    let certificates = read.map_err(|error| SourceError::Certificates { place, error })?;
    let origin = Origin::Inline { number };
    let found = |certificate| Found {
        certificate,
        origin: origin.clone(),
    };
    Ok(certificates.into_iter().map(found).collect())
}
