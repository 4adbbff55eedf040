//! Keys from passwords: PBKDF2-HMAC and scrypt, by the name that `hashlib` gives a digest.
//!
//! Invariant: no parameter makes it allocate more than the caller allowed.

use hmac::EagerHash;
use md5::Md5;
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512, Sha512_224, Sha512_256};
use sha3::{Sha3_224, Sha3_256, Sha3_384, Sha3_512};

use crate::Refusal;

macro_rules! digests {
    ($($name:literal | $other:literal => $type:ty, $bytes:literal;)*) => {
        /// Length of a digest in bytes, for every digest that PBKDF2 can use.
        pub fn digest_bytes(name: &str) -> Option<usize> {
            match name {
                $($name | $other => Some($bytes),)*
                _ => None,
            }
        }

        /// Fills `key` from a password with PBKDF2-HMAC.
        ///
        /// # Errors
        /// `UnknownDigest`; `Parameters` if `rounds` is 0.
        pub fn pbkdf2_hmac(digest: &str, password: &[u8], salt: &[u8], rounds: u32, key: &mut [u8]) -> Result<(), Refusal> {
            let derive = match digest {
                $($name | $other => derive::<$type>,)*
                _ => return Err(Refusal::UnknownDigest),
            };
            if rounds == 0 {
                return Err(Refusal::Parameters);
            }
            derive(password, salt, rounds, key);
            Ok(())
        }
    };
}

digests! {
    "md5" | "MD5" => Md5, 16;
    "sha1" | "SHA1" => Sha1, 20;
    "sha224" | "SHA224" => Sha224, 28;
    "sha256" | "SHA256" => Sha256, 32;
    "sha384" | "SHA384" => Sha384, 48;
    "sha512" | "SHA512" => Sha512, 64;
    "sha512_224" | "sha512-224" => Sha512_224, 28;
    "sha512_256" | "sha512-256" => Sha512_256, 32;
    "sha3_224" | "sha3-224" => Sha3_224, 28;
    "sha3_256" | "sha3-256" => Sha3_256, 32;
    "sha3_384" | "sha3-384" => Sha3_384, 48;
    "sha3_512" | "sha3-512" => Sha3_512, 64;
}

fn derive<D: EagerHash>(password: &[u8], salt: &[u8], rounds: u32, key: &mut [u8]) {
    pbkdf2::pbkdf2_hmac::<D>(password, salt, rounds, key);
}

/// Fills `key` from a password with scrypt; `n` is the cost, a power of 2.
///
/// # Errors
/// `Parameters`, also if more than `memory_bytes_max` bytes were needed or are not there.
pub fn scrypt(password: &[u8], salt: &[u8], n: u64, r: u32, p: u32, memory_bytes_max: u64, key: &mut [u8]) -> Result<(), Refusal> {
    if n < 2 || !n.is_power_of_two() || key.is_empty() {
        return Err(Refusal::Parameters);
    }
    let parameters = r
        .checked_mul(p)
        .filter(|_| n.trailing_zeros() < 64)
        .and_then(|_| scrypt::Params::new(n.trailing_zeros() as u8, r, p).ok())
        .ok_or(Refusal::Parameters)?;
    // Blocks of 128 * r bytes: n for the table, p for the input, 2 to work with.
    let blocks = n.checked_add(u64::from(p)).and_then(|b| b.checked_add(2)).ok_or(Refusal::Parameters)?;
    let bytes = blocks.checked_mul(128 * u64::from(r)).filter(|bytes| *bytes <= memory_bytes_max).ok_or(Refusal::Parameters)?;
    // The crate takes its memory without asking whether there is any.
    let bytes = usize::try_from(bytes).map_err(|_| Refusal::Parameters)?;
    Vec::<u8>::new().try_reserve_exact(bytes).map_err(|_| Refusal::Parameters)?;
    scrypt::scrypt(password, salt, &parameters, key).map_err(|_| Refusal::Parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|b| format!("{b:02x}")).collect()
    }

    fn pbkdf2(digest: &str, rounds: u32, length: usize) -> String {
        let mut key = vec![0; length];
        pbkdf2_hmac(digest, b"password", b"salt", rounds, &mut key).unwrap();
        hex(&key)
    }

    #[test]
    fn pbkdf2_gives_the_published_vectors() {
        // RFC 6070.
        assert_eq!(pbkdf2("sha1", 1, 20), "0c60c80f961f0e71f3a9b524af6012062fe037a6");
        assert_eq!(pbkdf2("sha1", 4096, 20), "4b007901b765489abead49d926f721d065a429c1");
        assert_eq!(pbkdf2("sha256", 4096, 32), "c5e478d59288c841aa530db6845c4c8d962893a001ce4e11a4963873aa98134a");
        assert_eq!(
            pbkdf2("sha512", 1, 64),
            "867f70cf1ade02cff3752599a3a53dc4af34c7a669815ae5d513554e1c8cf252c02d470a285a0501bad999bfe943c08f050235d7d68b1da55e63f73b60a57fce"
        );
    }

    #[test]
    fn every_digest_derives_a_key_of_its_length() {
        for name in ["md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha512_224", "sha512_256", "sha3_224", "sha3_256", "sha3_384", "sha3_512"] {
            let length = digest_bytes(name).unwrap();
            assert_ne!(pbkdf2(name, 1, length), "00".repeat(length), "{name}");
        }
        assert_eq!(digest_bytes("whirlpool"), None);
        assert_eq!(pbkdf2_hmac("whirlpool", b"", b"", 1, &mut [0]), Err(Refusal::UnknownDigest));
        assert_eq!(pbkdf2_hmac("sha1", b"", b"", 0, &mut [0]), Err(Refusal::Parameters));
    }

    #[test]
    fn scrypt_gives_the_published_vectors() {
        // RFC 7914.
        let mut key = [0; 64];
        scrypt(b"", b"", 16, 1, 1, 1 << 25, &mut key).unwrap();
        assert!(hex(&key).starts_with("77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442"));
        scrypt(b"password", b"NaCl", 1024, 8, 16, 1 << 25, &mut key).unwrap();
        assert!(hex(&key).starts_with("fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"));
    }

    #[test]
    fn scrypt_refuses_what_it_cannot_or_may_not_do() {
        let mut key = [0; 8];
        for (n, r, p) in [(0, 1, 1), (1, 1, 1), (3, 1, 1), (16, 0, 1), (16, 1, 0), (16, u32::MAX, 2), (1 << 63, 8, 1), (1 << 20, 8, 1)] {
            assert_eq!(scrypt(b"p", b"s", n, r, p, 1 << 25, &mut key), Err(Refusal::Parameters), "{n} {r} {p}");
        }
        assert_eq!(scrypt(b"p", b"s", 16, 1, 1, 1 << 25, &mut []), Err(Refusal::Parameters));
    }
}
