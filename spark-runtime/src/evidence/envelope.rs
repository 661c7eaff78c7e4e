//! The [DSSE](https://github.com/secure-systems-lab/dsse) envelope: who signed what, in one form of writing.
//!
//! An envelope's parts outside of the payload are not signed: there its format lets bits change that no signature
//! notices. So it is read by writing it again: there is one text of an envelope, and any other is refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signature, VerifyingKey};
use serde::{Deserialize, Serialize};

use super::EvidenceError;
use super::key::{SecretKey, key_id};

const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    #[serde(rename = "payloadType")]
    payload_type: String,
    payload: String,
    signatures: Vec<EnvelopeSignature>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EnvelopeSignature {
    keyid: String,
    sig: String,
}

/// The envelope of a payload, as it is written to the disk.
pub(super) fn sign(payload: &[u8], key: &SecretKey) -> Result<Vec<u8>, EvidenceError> {
    let signature = key.sign(&pae(PAYLOAD_TYPE, payload));
    write(payload, &signature, &key.verifying_key())
}

/// The payload of an envelope that the key's other half signed.
///
/// # Errors
/// It is no envelope, not in its one form, or not of this key.
pub(super) fn open(text: &[u8], key: &VerifyingKey) -> Result<Vec<u8>, EvidenceError> {
    let bad = |reason: &str| EvidenceError::BadSeal(reason.to_owned());
    let parsed: Envelope =
        serde_json::from_slice(text).map_err(|error| EvidenceError::BadSeal(error.to_string()))?;
    let [signature] = parsed.signatures.as_slice() else {
        return Err(bad(&format!("expected one signature, found {}", parsed.signatures.len())));
    };
    if parsed.payload_type != PAYLOAD_TYPE {
        return Err(bad(&format!("its payload is no `{PAYLOAD_TYPE}`")));
    }
    // an id is no proof of anything; it only tells which of two mistakes this is
    let sealed_with = signature.keyid.clone();
    let payload = BASE64.decode(&parsed.payload).map_err(|_| bad("its payload is not base64"))?;
    let signature: Signature = BASE64
        .decode(&signature.sig)
        .map_err(|_| bad("its signature is not base64"))?
        .as_slice()
        .try_into()
        .map_err(|_| bad("its signature is not 64 bytes long"))?;
    // strict: only one form of a signature is good, so none can be exchanged for another
    key.verify_strict(&pae(PAYLOAD_TYPE, &payload), &signature)
        .map_err(|_| EvidenceError::BadSignature { sealed_with, checked_with: key_id(key) })?;
    if write(&payload, &signature, key)? != text {
        return Err(bad("it is written differently from how seals are written"));
    }
    Ok(payload)
}

fn write(payload: &[u8], signature: &Signature, key: &VerifyingKey) -> Result<Vec<u8>, EvidenceError> {
    let envelope = Envelope {
        payload_type: PAYLOAD_TYPE.to_owned(),
        payload: BASE64.encode(payload),
        signatures: vec![EnvelopeSignature { keyid: key_id(key), sig: BASE64.encode(signature.to_bytes()) }],
    };
    let mut text =
        serde_json::to_vec(&envelope).map_err(|error| EvidenceError::BadSeal(error.to_string()))?;
    text.push(b'\n');
    Ok(text)
}

/// DSSE's pre-authentication encoding: what is signed.
fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is signed is the encoding that the DSSE specification shows.
    #[test]
    fn pre_authentication_encoding() {
        assert_eq!(
            String::from_utf8(pae("http://example.com/HelloWorld", b"hello world")).unwrap(),
            "DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }

    fn check(text: &str, key: &VerifyingKey, expected: &str) {
        let error = open(text.as_bytes(), key).expect_err(text);
        assert!(error.is_untrue() && error.to_string().contains(expected), "{text}\n{error}, not {expected}");
    }

    /// An envelope has one text. All that its formats would let pass beside it is refused, each by name.
    #[test]
    fn one_form() {
        let secret = SecretKey::throw_away().unwrap();
        let key = secret.verifying_key();
        // a payload whose base64 ends in `==`, and so has four bits to spare
        let text = String::from_utf8(sign(b"{\"a\":1 }", &secret).unwrap()).unwrap();
        assert_eq!(open(text.as_bytes(), &key).unwrap(), b"{\"a\":1 }");
        let written = "written differently";
        for (from, to, expected) in [
            ("eyJhIjoxIH0=", "eyJhIjoxIX0=", "is not of key"),
            ("eyJhIjoxIH0=", "eyJhIjoxIH0", "payload is not base64"),
            ("eyJhIjoxIH0=", "eyJhIjoxIH0==", "payload is not base64"),
            ("eyJhIjoxIH0=", "eyJhIjoxIH0=\\n", "payload is not base64"),
            ("eyJhIjoxIH0=", "eyJhIjoxIH1=", "payload is not base64"),
            ("eyJhIjoxIH0=", "eyJh\\u0049joxIH0=", written),
            ("{\"payloadType\"", "{ \"payloadType\"", written),
            ("}]}\n", "}]} \n", written),
            ("}]}\n", "}]}", written),
            ("}]}\n", "}]}\n{}", "trailing"),
            ("\"signatures\"", "\"payload\":\"\",\"signatures\"", "duplicate field `payload`"),
            ("\"sig\":", "\"sig\":\"\",\"sig\":", "duplicate field `sig`"),
            ("\"sig\":", "\"cert\":\"\",\"sig\":", "unknown field `cert`"),
            ("}]}", "}],\"more\":1}", "unknown field `more`"),
            ("\"keyid\":\"", "\"keyid\":\"0", written),
            ("in-toto+json", "in-toto+jsoN", "its payload is no"),
            ("\"signatures\":[", "\"signatures\":[{\"keyid\":\"\",\"sig\":\"\"},", "found 2"),
        ] {
            assert!(text.contains(from), "{from}");
            check(&text.replacen(from, to, 1), &key, expected);
        }
        let none = text.get(..text.find('[').unwrap()).unwrap().to_owned() + "[]}\n";
        check(&none, &key, "found 0");
        let other = SecretKey::throw_away().unwrap().verifying_key();
        check(&text, &other, &format!("is not of key {}", key_id(&other)));
    }

    /// A signature with the group's order added to its second half is another text of the same equation: refused.
    #[test]
    fn malleable_signature() {
        let secret = SecretKey::throw_away().unwrap();
        let key = secret.verifying_key();
        let text = sign(b"{}", &secret).unwrap();
        let mut envelope: Envelope = serde_json::from_slice(&text).unwrap();
        let mut bytes = BASE64.decode(&envelope.signatures[0].sig).unwrap();
        const ORDER: [u8; 32] = [
            0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
        ];
        let mut carry = 0_u16;
        for (byte, order) in bytes[32..].iter_mut().zip(ORDER) {
            carry += u16::from(*byte) + u16::from(order);
            *byte = carry.to_le_bytes()[0];
            carry >>= 8;
        }
        envelope.signatures[0].sig = BASE64.encode(bytes);
        check(&serde_json::to_string(&envelope).unwrap(), &key, "is not of key");
    }
}
