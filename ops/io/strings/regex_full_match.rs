//! RegexFullMatch, StaticRegexFullMatch: which strings a regular expression matches from end to end.

use super::regex::pattern;
use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx, infer};
use crate::registry::OpEntry;
use crate::tensor::Tensor;
use regex::bytes::Regex;

pub(crate) static REGEX_FULL_MATCH: OpEntry = OpEntry {
    def: OpDef {
        signature: "RegexFullMatch(input:string, pattern:string) -> (output:bool)",
        attrs: "",
        flags: Flags::PURE,
        infer: |ctx: &mut ShapeCtx<'_>| {
            ctx.with_rank(1, 0)?;
            infer::unchanged(ctx)
        },
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], |_| {
        Ok(AnyKernel::new(|ctx: &mut OpContext<'_>| {
            let given = ctx.input(1)?;
            if !given.shape().is_scalar() {
                return Err(Error::invalid_argument(format!(
                    "Pattern must be scalar, but received {}",
                    given.shape()
                )));
            }
            let pattern = pattern(given.to_bytes()?, true)?;
            compute(ctx, &pattern)
        }))
    })],
};

pub(crate) static STATIC_REGEX_FULL_MATCH: OpEntry = OpEntry {
    def: OpDef {
        signature: "StaticRegexFullMatch(input:string) -> (output:bool)",
        attrs: "pattern:string",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], |init: &KernelInit<'_>| {
        let pattern = pattern(init.attrs.bytes("pattern")?, true)?;
        Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
            compute(ctx, &pattern)
        }))
    })],
};

fn compute(ctx: &mut OpContext<'_>, pattern: &Regex) -> Result<()> {
    let input = ctx.input(0)?;
    let matched: Vec<bool> = input
        .strings()?
        .iter()
        .map(|s| pattern.is_match(s))
        .collect();
    let out = Tensor::from_slice(input.shape(), &matched)?;
    ctx.set(0, out)
}

impl<'g> Scope<'g> {
    /// Which strings a regular expression matches from end to end (op `StaticRegexFullMatch`).
    #[track_caller]
    pub fn regex_full_match(self, input: impl Operand<'g>, pattern: &str) -> Output<'g> {
        let b = self.op("StaticRegexFullMatch").input(input);
        b.attr("pattern", pattern).out()
    }
}
