//! Digests that CPython does not bring itself. Their state is bytes, so that nobody has to own an object of Rust's.

use digest::common::hazmat::{SerializableState, SerializedState};
use digest::{Digest, FixedOutput};
use ripemd::Ripemd160;
use sha2::{Sha512_224, Sha512_256};
use sm3::Sm3;

use crate::Refusal;

fn state_of<D: Default + SerializableState>(state: &[u8]) -> Result<D, Refusal> {
    if state.is_empty() {
        return Ok(D::default());
    }
    let state = SerializedState::<D>::try_from(state).map_err(|_| Refusal::State)?;
    D::deserialize(&state).map_err(|_| Refusal::State)
}

fn update_state<D: Digest + Default + SerializableState>(state: &[u8], data: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut digest: D = state_of(state)?;
    Digest::update(&mut digest, data);
    Ok(digest.serialize().to_vec())
}

fn finish_state<D: FixedOutput + Default + SerializableState>(state: &[u8]) -> Result<Vec<u8>, Refusal> {
    Ok(state_of::<D>(state)?.finalize_fixed().to_vec())
}

macro_rules! digests {
    ($($name:literal => $type:ty;)*) => {
        /// The state after more data. The first state is empty.
        ///
        /// # Errors
        /// `UnknownDigest`, `State`.
        pub fn update(name: &str, state: &[u8], data: &[u8]) -> Result<Vec<u8>, Refusal> {
            match name {
                $($name => update_state::<$type>(state, data),)*
                _ => Err(Refusal::UnknownDigest),
            }
        }

        /// The digest of all data that went into a state.
        ///
        /// # Errors
        /// `UnknownDigest`, `State`.
        pub fn finish(name: &str, state: &[u8]) -> Result<Vec<u8>, Refusal> {
            match name {
                $($name => finish_state::<$type>(state),)*
                _ => Err(Refusal::UnknownDigest),
            }
        }
    };
}

digests! {
    "ripemd160" => Ripemd160;
    "sha512_224" => Sha512_224;
    "sha512_256" => Sha512_256;
    "sm3" => Sm3;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|b| format!("{b:02x}")).collect()
    }

    #[test]
    fn digests_of_abc_are_the_published_ones() {
        for (name, expected) in [
            ("ripemd160", "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc"),
            ("sha512_224", "4634270f707b6a54daae7530460842e20e37ed265ceee9a43e8924aa"),
            ("sha512_256", "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"),
            ("sm3", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
        ] {
            let whole = update(name, b"", b"abc").unwrap();
            let parts = update(name, &update(name, b"", b"a").unwrap(), b"bc").unwrap();
            assert_eq!(hex(&finish(name, &whole).unwrap()), expected);
            assert_eq!(hex(&finish(name, &parts).unwrap()), expected);
        }
    }

    #[test]
    fn data_over_many_blocks_may_come_in_any_pieces() {
        let data: Vec<u8> = (0..1000u32).map(|n| n as u8).collect();
        for name in ["ripemd160", "sha512_224", "sha512_256", "sm3"] {
            let whole = finish(name, &update(name, b"", &data).unwrap()).unwrap();
            for size in [1, 63, 64, 65, 127, 128, 129, 500] {
                let state = data.chunks(size).fold(Vec::new(), |state, chunk| update(name, &state, chunk).unwrap());
                assert_eq!(finish(name, &state).unwrap(), whole, "{name} {size}");
            }
        }
    }

    #[test]
    fn a_state_of_something_else_is_refused() {
        assert_eq!(finish("sm3", b"short"), Err(Refusal::State));
        assert_eq!(update("md2", b"", b""), Err(Refusal::UnknownDigest));
        assert_eq!(finish("ripemd160", &[0xff; 200]), Err(Refusal::State));
        for length in 0..300 {
            for name in ["ripemd160", "sha512_224", "sha512_256", "sm3"] {
                let _ = update(name, &vec![0xff; length], b"x");
            }
        }
    }
}
