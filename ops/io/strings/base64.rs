//! EncodeBase64, DecodeBase64: bytes as web-safe text.

use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use crate::tensor::{Bytes, Tensor};

pub(crate) static ENCODE_BASE64: OpEntry = OpEntry {
    def: OpDef {
        signature: "EncodeBase64(input:string) -> (output:string)",
        attrs: "pad:bool=false",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], |init: &KernelInit<'_>| {
        let pad = init.attrs.bool("pad")?;
        Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
            map(ctx, |bytes| Ok(encode(bytes, pad)))
        }))
    })],
};

pub(crate) static DECODE_BASE64: OpEntry = OpEntry {
    def: OpDef {
        signature: "DecodeBase64(input:string) -> (output:string)",
        attrs: "",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], |_| {
        Ok(AnyKernel::new(|ctx: &mut OpContext<'_>| map(ctx, decode)))
    })],
};

fn map(ctx: &mut OpContext<'_>, f: impl Fn(&[u8]) -> Result<Vec<u8>>) -> Result<()> {
    let input = ctx.input(0)?;
    let strings = input.strings()?.iter();
    let out: Result<Vec<Bytes>> = strings.map(|s| f(s).map(Bytes::from)).collect();
    let out = Tensor::from_strings(input.shape().clone(), out?)?;
    ctx.set(0, out)
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn encode(bytes: &[u8], pad: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let at = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for i in 0..4 {
            if i <= chunk.len() {
                out.push(ALPHABET[(bits >> (18 - 6 * i) & 63) as usize]);
            } else if pad {
                out.push(b'=');
            }
        }
    }
    out
}

fn decode(text: &[u8]) -> Result<Vec<u8>> {
    // Padding may stand at the end of four characters only.
    let text = match text {
        [rest @ .., b'=', b'='] if text.len().is_multiple_of(4) => rest,
        [rest @ .., b'='] if text.len().is_multiple_of(4) => rest,
        all => all,
    };
    let value = |c: &u8| {
        let found = ALPHABET.iter().position(|a| a == c);
        found.ok_or_else(|| Error::invalid_argument("Invalid character found in base64."))
    };
    if text.len() % 4 == 1 {
        return Err(Error::invalid_argument(
            "Base64 string length cannot be 1 modulo 4.",
        ));
    }
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for chunk in text.chunks(4) {
        let mut bits = 0u32;
        for i in 0..4 {
            let v = chunk.get(i).map_or(Ok(0), value)?;
            bits = bits << 6 | v as u32;
        }
        let bytes = [(bits >> 16) as u8, (bits >> 8) as u8, bits as u8];
        out.extend_from_slice(&bytes[..chunk.len() - 1]);
    }
    Ok(out)
}
