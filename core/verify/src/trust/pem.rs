//! Certificates out of files: PEM or DER, one or several (N S-05). Reads bytes that somebody else got.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::trust::asn1::{Elements, Tag};
use crate::trust::certificate::{Certificate, CertificateError};

/// The largest file that is read: the bundle of all public authorities has a quarter of a mebibyte.
const MAX_FILE: usize = 4 * 1024 * 1024;
/// The most certificates of one file: the bundle of all public authorities has about 150.
const MAX_CERTIFICATES: usize = 1_000;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// Why bytes are not a file of certificates.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateFileError {
    /// Nothing there.
    #[error("there are no certificates, expected PEM or DER")]
    Empty,
    /// More bytes than are read.
    #[error("there are {0} bytes, expected at most {MAX_FILE}")]
    TooLarge(usize),
    /// More certificates than are read.
    #[error("there are more than {MAX_CERTIFICATES} certificates")]
    TooMany,
    /// Neither form.
    #[error("found neither PEM (`-----BEGIN CERTIFICATE-----`) nor DER")]
    Neither,
    /// A PEM block that is broken.
    #[error("line {line}: {problem}")]
    Pem {
        /// Line of the block's first line, from 1.
        line: usize,
        /// What is wrong.
        problem: PemProblem,
    },
    /// Something in the file is not a certificate.
    #[error("certificate {number}: {error}")]
    Certificate {
        /// Which, from 1.
        number: usize,
        /// Why not.
        error: CertificateError,
    },
}

/// What is wrong with a PEM block (RFC 7468).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PemProblem {
    /// No `-----END` line with the same label.
    #[error("the PEM block has no matching `-----END` line")]
    Unfinished,
    /// The text between the lines is not base64.
    #[error("the PEM block is not base64")]
    Base64,
    /// A private key among the certificates.
    #[error("the PEM block is a private key, expected certificates only")]
    PrivateKey,
}

impl Certificate {
    /// Read all certificates of a file: PEM (every block, whatever its label, must be one; text around blocks is ignored),
    /// or DER (one or several, one after the other) (N S-05).
    ///
    /// # Errors
    /// No certificate at all, or anything that claims to be one and is not: a broken file is never read in part.
    pub fn read_all(bytes: &[u8]) -> Result<Vec<Self>, CertificateFileError> {
        if bytes.len() > MAX_FILE {
            return Err(CertificateFileError::TooLarge(bytes.len()));
        }
        let ders = match pem_blocks(bytes)? {
            blocks if !blocks.is_empty() => blocks,
            _ => der_pieces(bytes)?,
        };
        if ders.len() > MAX_CERTIFICATES {
            return Err(CertificateFileError::TooMany);
        }
        let read = ders.iter().enumerate().map(|(i, der)| {
            Self::from_der(der).map_err(|error| CertificateFileError::Certificate {
                number: i.saturating_add(1),
                error,
            })
        });
        read.collect()
    }
}

fn der_pieces(bytes: &[u8]) -> Result<Vec<Vec<u8>>, CertificateFileError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(CertificateFileError::Empty);
    }
    let mut elements = Elements::new(bytes, "certificate")
        .ok()
        .filter(|_| bytes.first() == Some(&0x30))
        .ok_or(CertificateFileError::Neither)?;
    let mut pieces = Vec::new();
    loop {
        let next = elements.next().and_then(|one| {
            one.map(|one| one.expect(Tag::Sequence, "certificate"))
                .transpose()
        });
        match next {
            Ok(None) => return Ok(pieces),
            Ok(Some(one)) if pieces.len() < MAX_CERTIFICATES => pieces.push(one.raw.to_vec()),
            Ok(Some(_)) => return Err(CertificateFileError::TooMany),
            Err(error) => {
                return Err(CertificateFileError::Certificate {
                    number: pieces.len().saturating_add(1),
                    error: error.into(),
                });
            }
        }
    }
}

/// The contents of all PEM blocks; none if there is no `-----BEGIN` line.
fn pem_blocks(bytes: &[u8]) -> Result<Vec<Vec<u8>>, CertificateFileError> {
    let mut blocks = Vec::new();
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.lines().map(str::trim).zip(1..);
    while let Some((first, line)) = lines.next() {
        let Some(label) = label(first, BEGIN) else {
            continue;
        };
        let broken = |problem| CertificateFileError::Pem { line, problem };
        if label.ends_with("PRIVATE KEY") {
            return Err(broken(PemProblem::PrivateKey));
        }
        let mut base64 = String::new();
        loop {
            match lines.next() {
                None => return Err(broken(PemProblem::Unfinished)),
                Some((line, _)) if self::label(line, END) == Some(label) => break,
                Some((line, _)) if line.starts_with(DASHES) => {
                    return Err(broken(PemProblem::Unfinished));
                }
                Some((line, _)) => base64.push_str(line),
            }
        }
        let block = STANDARD
            .decode(base64)
            .map_err(|_| broken(PemProblem::Base64))?;
        blocks.push(block);
    }
    Ok(blocks)
}

/// The label of a `-----BEGIN label-----` or `-----END label-----` line.
fn label<'a>(line: &'a str, start: &str) -> Option<&'a str> {
    line.strip_prefix(start)?.strip_suffix(DASHES)
}
