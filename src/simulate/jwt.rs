//! Assertions of the JWT bearer flow: three parts, signed with RS256.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::Value;

/// The RSA key in a PEM, in the form in which signatures are checked against it.
pub(super) fn public_key(pem: &str) -> Option<Vec<u8>> {
    let body: String = pem.lines().map(str::trim).filter(|l| !l.starts_with("-----")).collect();
    let der = STANDARD.decode(body).ok()?;
    if pem.contains("BEGIN RSA PUBLIC KEY") {
        return Some(der);
    }
    // A public key of any kind: its algorithm, and then the key itself in a string of bits.
    let (outer, _) = element(&der, 0x30)?;
    let (_, rest) = element(outer, 0x30)?;
    let (bits, _) = element(rest, 0x03)?;
    bits.strip_prefix(&[0]).map(<[u8]>::to_vec)
}

/// The content of the first element, which must be of a kind, and what follows it.
fn element(der: &[u8], kind: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = der.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match usize::from(*length) {
        short @ 0..=0x7f => (short, rest),
        long => {
            let (bytes, rest) = rest.split_at_checked(long & 0x7f)?;
            let fits = bytes.len() <= 4;
            (fits.then(|| bytes.iter().fold(0, |n, b| n << 8 | usize::from(*b)))?, rest)
        }
    };
    (*first == kind).then(|| rest.split_at_checked(length))?
}

/// What an assertion claims, once its form is right and, where there is a key, its signature too.
pub(super) fn claims(assertion: &str, key: Option<&[u8]>) -> Result<Value, &'static str> {
    let parts: Vec<&str> = assertion.split('.').collect();
    let [header, claims, signature] = parts.as_slice() else {
        return Err("invalid assertion");
    };
    let bytes = |part: &str| URL_SAFE_NO_PAD.decode(part.trim_end_matches('='));
    let json = |part: &str| bytes(part).ok().and_then(|b| serde_json::from_slice::<Value>(&b).ok());
    let head = json(header).ok_or("invalid assertion")?;
    if head["alg"] != "RS256" {
        return Err("algorithm not supported");
    }
    let told = json(claims).ok_or("invalid assertion")?;
    let signature = bytes(signature).map_err(|_| "invalid assertion")?;
    if let Some(key) = key {
        let signed = format!("{header}.{claims}");
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key)
            .verify(signed.as_bytes(), &signature)
            .map_err(|_| "invalid assertion")?;
    }
    Ok(told)
}
