//! Keys and certificates of the cluster: one authority for the API server, its administrator and
//! the provider's server.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use ratify_peers::Home;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

/// Names under which the API server is reached.
const API_SERVER_NAMES: [&str; 4] = [
    "localhost",
    "kubernetes.default.svc",
    "127.0.0.1",
    "10.0.0.1",
];

/// Names under which Gatekeeper reaches the provider.
const PROVIDER_NAMES: [&str; 3] = [
    "localhost",
    "ratify.gatekeeper-system",
    "ratify.gatekeeper-system.svc",
];

/// A certificate and its key, as files in PEM.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// Every file of the cluster's authority.
#[derive(Debug)]
pub(crate) struct Pki {
    /// The authority's certificate: file and PEM.
    pub(crate) authority: PathBuf,
    pub(crate) authority_pem: String,
    pub(crate) api_server: Pair,
    /// A client certificate of the group `system:masters`.
    pub(crate) administrator: Pair,
    /// The key that signs service account tokens, and the one that verifies them.
    pub(crate) service_accounts: PathBuf,
    pub(crate) service_accounts_public: PathBuf,
    /// The folder with `tls.crt` and `tls.key` of the provider's server.
    pub(crate) provider_folder: PathBuf,
}

impl Pki {
    /// Fresh keys, written below `pki/` of `home`.
    pub(crate) fn create(home: &Home) -> Result<Self> {
        let key = KeyPair::generate().context("cannot make a key")?;
        let mut authority = params("", "e2e authority")?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = authority.self_signed(&key)?;
        let issuer = Issuer::new(authority, key);
        let server = |names: &[&str]| -> Result<CertificateParams> {
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            let mut params = CertificateParams::new(names)?;
            params.distinguished_name.push(DnType::CommonName, "server");
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            Ok(params)
        };
        let mut administrator = params("system:masters", "administrator")?;
        administrator.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];

        let provider = issue(home, "provider/tls", server(&PROVIDER_NAMES)?, &issuer)?;
        let provider_folder = provider.key.parent().map(PathBuf::from);
        let service_accounts = KeyPair::generate().context("cannot make a key")?;
        Ok(Self {
            authority: home.write("pki/ca.crt", certificate.pem())?,
            authority_pem: certificate.pem(),
            api_server: issue(home, "api-server", server(&API_SERVER_NAMES)?, &issuer)?,
            administrator: issue(home, "administrator", administrator, &issuer)?,
            service_accounts: home.write("pki/sa.key", service_accounts.serialize_pem())?,
            service_accounts_public: home.write("pki/sa.pub", service_accounts.public_key_pem())?,
            provider_folder: provider_folder.context("a file without a folder")?,
        })
    }
}

fn params(organization: &str, common_name: &str) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(Vec::new())?;
    if !organization.is_empty() {
        params
            .distinguished_name
            .push(DnType::OrganizationName, organization);
    }
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    Ok(params)
}

/// A P-256 key and its certificate, as `pki/<name>.key` and `.crt`.
fn issue(
    home: &Home,
    name: &str,
    mut params: CertificateParams,
    issuer: &Issuer<'_, KeyPair>,
) -> Result<Pair> {
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate().context("cannot make a key")?;
    let certificate = params.signed_by(&key, issuer)?;
    Ok(Pair {
        certificate: home.write(&format!("pki/{name}.crt"), certificate.pem())?,
        key: home.write(&format!("pki/{name}.key"), key.serialize_pem())?,
    })
}
