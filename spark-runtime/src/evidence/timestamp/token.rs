//! What a time stamping authority answers, and whether it holds.

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use sha2::{Digest, Sha256, Sha384, Sha512};
use spark_core::Timestamp;
use webpki::{EndEntityCert, KeyUsage};

use super::der::{
    BOOLEAN, CONTEXT_0, CONTEXT_3, Der, INTEGER, OCTETS, OID, Result, SEQUENCE, SET, TIME, Value,
};

const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
const TST_INFO: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x04];
const CONTENT_TYPE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x03];
const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04];
const SHA256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
const SHA384: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02];
const SHA512: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03];
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
/// `id-kp-timeStamping`
const TIME_STAMPING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x08];

/// Most certificates of a token: an authority, those above it, and room.
const CERTIFICATES_MAX: usize = 16;

/// A stamp that holds.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Stamp {
    /// When the authority saw the seal, by its clock.
    pub at: Timestamp,
    /// The token's number there, in hexadecimal.
    pub serial: String,
}

/// Checks an answer (`TimeStampResp`) against the bytes that it should be of, and the certificates (PEM) of the authorities
/// that are trusted.
///
/// The certificates count as of the stamp's own instant: they end long before the evidence does.
///
/// # Errors
/// It does not hold; why, in words.
pub fn check(answer: &[u8], stamped: &[u8], authority: &[u8]) -> std::result::Result<Stamp, String> {
    check_answer(answer, stamped, authority, None)
}

/// As [`check`]; a fresh answer must repeat the request's number as well.
pub(super) fn check_answer(
    answer: &[u8],
    stamped: &[u8],
    authority: &[u8],
    nonce: Option<&[u8]>,
) -> std::result::Result<Stamp, String> {
    let roots: Vec<CertificateDer<'_>> = CertificateDer::pem_slice_iter(authority)
        .collect::<std::result::Result<_, _>>()
        .map_err(|error| format!("the authority's certificates are no PEM: {error}"))?;
    if roots.is_empty() {
        return Err("there are no certificates of the authority".to_owned());
    }
    let token = Token::parse(answer)?;
    let info = Info::parse(token.info)?;
    if info.digest != &Sha256::digest(stamped)[..] {
        return Err("it is of another seal".to_owned());
    }
    if nonce.is_some() && info.nonce != nonce {
        return Err("it does not repeat the request's number: it is the answer to another request".to_owned());
    }
    token.check_signature(&roots, info.at)?;
    let serial: String = super::super::scan::hex(info.serial);
    Ok(Stamp { at: info.at, serial })
}

/// What an authority signed, and how.
struct Token<'a> {
    /// `TSTInfo`
    info: &'a [u8],
    certificates: Vec<CertificateDer<'a>>,
    /// The algorithm with which the content, and what is signed, are hashed.
    hash: &'a [u8],
    /// The signed attributes' content.
    attributes: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Token<'a> {
    fn parse(answer: &'a [u8]) -> std::result::Result<Self, String> {
        let mut outer = Der::new(answer);
        let mut response = outer.enter(SEQUENCE)?;
        outer.end()?;
        let mut status = response.enter(SEQUENCE)?;
        let code = status.read(INTEGER)?.content;
        // 0 granted, 1 granted with changes
        if !matches!(code, [0 | 1]) {
            return Err(format!(
                "the authority refused, with status {}",
                code.first().copied().unwrap_or(0xff)
            ));
        }
        let token = Self::signed_data(&mut response)?;
        response.end()?;
        Ok(token)
    }

    fn signed_data(response: &mut Der<'a>) -> Result<Self> {
        let mut content = response.enter(SEQUENCE)?;
        expect(content.read(OID)?, SIGNED_DATA)?;
        let mut data = content.enter(CONTEXT_0)?.enter(SEQUENCE)?;
        data.read(INTEGER)?;
        data.read(SET)?;
        let mut encapsulated = data.enter(SEQUENCE)?;
        expect(encapsulated.read(OID)?, TST_INFO)?;
        let info = encapsulated.enter(CONTEXT_0)?.read(OCTETS)?.content;
        let mut certificates = Vec::new();
        if let Some(set) = data.optional(CONTEXT_0)? {
            let mut set = Der::new(set.content);
            while !set.is_empty() {
                let certificate = set.any()?;
                if certificates.len() >= CERTIFICATES_MAX {
                    return Err("it has too many certificates");
                }
                // attribute certificates and the like have other tags
                if certificate.tag == SEQUENCE {
                    certificates.push(CertificateDer::from(certificate.whole));
                }
            }
        }
        data.optional(0xa1)?;
        let mut signers = data.enter(SET)?;
        data.end()?;
        let mut signer = signers.enter(SEQUENCE)?;
        signers.end().map_err(|_| "it has more than one signature")?;
        signer.read(INTEGER)?;
        // whose it is, is known by the certificate with which the signature is good
        signer.any()?;
        let hash = signer.enter(SEQUENCE)?.read(OID)?.content;
        let attributes = signer.read(CONTEXT_0)?.content;
        signer.read(SEQUENCE)?;
        let signature = signer.read(OCTETS)?.content;
        Ok(Self { info, certificates, hash, attributes, signature })
    }

    /// Whether a certificate of the token, good for time stamps and under one of the roots, signed its content.
    fn check_signature(
        &self,
        roots: &[CertificateDer<'_>],
        at: Timestamp,
    ) -> std::result::Result<(), String> {
        let digest = match self.hash {
            SHA256 => Sha256::digest(self.info).to_vec(),
            SHA384 => Sha384::digest(self.info).to_vec(),
            SHA512 => Sha512::digest(self.info).to_vec(),
            _ => return Err("it is hashed with something else than SHA-256, SHA-384 or SHA-512".to_owned()),
        };
        if self.attribute(CONTENT_TYPE)?.content != TST_INFO {
            return Err("what is signed is no time stamp".to_owned());
        }
        if self.attribute(MESSAGE_DIGEST)?.content != digest {
            return Err("its content was changed".to_owned());
        }
        // signed as a set, and carried under another tag
        let signed = [&[SET][..], &length(self.attributes.len()), self.attributes].concat();
        let anchors: Vec<_> =
            roots.iter().filter_map(|root| webpki::anchor_from_trusted_cert(root).ok()).collect();
        let seconds = u64::try_from(at.nanos().div_euclid(1_000_000_000)).unwrap_or(0);
        let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        let mut reason = "no certificate comes with it that its signature is good with".to_owned();
        for certificate in &self.certificates {
            let Ok(signer) = EndEntityCert::try_from(certificate) else { continue };
            let good = algorithms(self.hash)
                .iter()
                .any(|algorithm| signer.verify_signature(*algorithm, &signed, self.signature).is_ok());
            if !good {
                continue;
            }
            if !is_for_time_stamps(certificate).unwrap_or(false) {
                reason = "the certificate that signed it is not for time stamps alone".to_owned();
                continue;
            }
            // of the signer it was asked above; those above it need not name a use
            let usage = KeyUsage::required_if_present(TIME_STAMPING);
            let all = webpki::ALL_VERIFICATION_ALGS;
            match signer.verify_for_usage(all, &anchors, &self.certificates, time, usage, None, None) {
                Ok(_) => return Ok(()),
                Err(error) => {
                    reason = format!("its certificate is not of the authority that is trusted: {error}")
                }
            }
        }
        Err(reason)
    }

    /// The one value of a signed attribute that must be there once.
    fn attribute(&self, kind: &[u8]) -> Result<Value<'a>> {
        let mut found = None;
        let mut attributes = Der::new(self.attributes);
        while !attributes.is_empty() {
            let mut attribute = attributes.enter(SEQUENCE)?;
            if attribute.read(OID)?.content == kind {
                let mut values = attribute.enter(SET)?;
                let value = values.any()?;
                values.end()?;
                if found.replace(value).is_some() {
                    return Err("it has an attribute twice");
                }
            }
        }
        found.ok_or("it lacks an attribute that every time stamp has")
    }
}

/// What was stamped, and when.
struct Info<'a> {
    digest: &'a [u8],
    serial: &'a [u8],
    at: Timestamp,
    nonce: Option<&'a [u8]>,
}

impl<'a> Info<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self> {
        let mut outer = Der::new(bytes);
        let mut info = outer.enter(SEQUENCE)?;
        outer.end()?;
        info.read(INTEGER)?;
        info.read(OID)?;
        let mut imprint = info.enter(SEQUENCE)?;
        if imprint.enter(SEQUENCE)?.read(OID)?.content != SHA256 {
            return Err("it is of no SHA-256");
        }
        let digest = imprint.read(OCTETS)?.content;
        imprint.end()?;
        let serial = info.read(INTEGER)?.content;
        let at = time(info.read(TIME)?.content).ok_or("its time is none")?;
        info.optional(SEQUENCE)?;
        info.optional(BOOLEAN)?;
        let nonce = info.optional(INTEGER)?.map(|nonce| nonce.content);
        Ok(Self { digest, serial, at, nonce })
    }
}

fn expect(found: Value<'_>, wanted: &[u8]) -> Result<()> {
    if found.content == wanted { Ok(()) } else { Err("it is no time stamp") }
}

/// `20260105093000.5Z`
fn time(content: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(content).ok()?.strip_suffix('Z')?;
    let (whole, fraction) = text.split_once('.').map_or((text, ""), |(whole, fraction)| (whole, fraction));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() != 14 || !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let part = |from: usize, to: usize| whole.get(from..to);
    let dot = if fraction.is_empty() { "" } else { "." };
    Timestamp::parse(&format!(
        "{}-{}-{}T{}:{}:{}{dot}{fraction}Z",
        part(0, 4)?,
        part(4, 6)?,
        part(6, 8)?,
        part(8, 10)?,
        part(10, 12)?,
        part(12, 14)?
    ))
}

/// A length in DER.
fn length(length: usize) -> Vec<u8> {
    let bytes = length.to_be_bytes();
    let digits: Vec<u8> = bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
    match (length, u8::try_from(digits.len())) {
        (0, _) => vec![0],
        (1..=0x7f, _) => digits,
        (_, Ok(count)) => [&[0x80 | count][..], &digits].concat(),
        (_, Err(_)) => digits,
    }
}

/// All that sign over this hash.
fn algorithms(hash: &[u8]) -> Vec<&'static dyn SignatureVerificationAlgorithm> {
    use webpki::ring;
    match hash {
        SHA256 => vec![ring::RSA_PKCS1_2048_8192_SHA256, ring::ECDSA_P256_SHA256, ring::ECDSA_P384_SHA256],
        SHA384 => vec![ring::RSA_PKCS1_2048_8192_SHA384, ring::ECDSA_P384_SHA384, ring::ECDSA_P256_SHA384],
        SHA512 => vec![ring::RSA_PKCS1_2048_8192_SHA512, ring::ED25519],
        _ => Vec::new(),
    }
}

/// Whether a certificate says that its key is for time stamps, and for nothing else; the standard asks that.
fn is_for_time_stamps(certificate: &[u8]) -> Result<bool> {
    let mut body = Der::new(certificate).enter(SEQUENCE)?.enter(SEQUENCE)?;
    while !body.is_empty() {
        let value = body.any()?;
        if value.tag != CONTEXT_3 {
            continue;
        }
        let mut extensions = Der::new(value.content).enter(SEQUENCE)?;
        while !extensions.is_empty() {
            let mut extension = extensions.enter(SEQUENCE)?;
            if extension.read(OID)?.content != EXTENDED_KEY_USAGE {
                continue;
            }
            extension.optional(BOOLEAN)?;
            let mut uses = Der::new(extension.read(OCTETS)?.content).enter(SEQUENCE)?;
            return Ok(uses.read(OID)?.content == TIME_STAMPING && uses.is_empty());
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Times are read with and without a fraction; what is no time is none.
    #[test]
    fn times() {
        for (text, expected) in [
            ("20260105093000Z", Some("2026-01-05T09:30:00Z")),
            ("20260105093000.25Z", Some("2026-01-05T09:30:00.25Z")),
            ("20261305093000Z", None),
            ("20260105093000", None),
            ("20260105093000.+1Z", None),
            ("260105093000Z", None),
        ] {
            assert_eq!(time(text.as_bytes()), expected.and_then(Timestamp::parse), "{text}");
        }
    }

    /// Lengths as DER writes them.
    #[test]
    fn lengths() {
        for (number, expected) in [(0, &[0][..]), (127, &[127]), (128, &[0x81, 128]), (300, &[0x82, 1, 44])] {
            assert_eq!(length(number), expected);
        }
    }
}
