//! RegexReplace, StaticRegexReplace: what a regular expression matches, replaced.

use super::regex::{Rewrite, pattern};
use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, ShapeCtx, infer};
use crate::registry::OpEntry;
use crate::tensor::{Bytes, Tensor};
use regex::bytes::Regex;

pub(crate) static REGEX_REPLACE: OpEntry = OpEntry {
    def: OpDef {
        signature: "RegexReplace(input:string, pattern:string, rewrite:string) -> (output:string)",
        attrs: "replace_global:bool=true",
        flags: Flags::PURE,
        infer: |ctx: &mut ShapeCtx<'_>| {
            ctx.with_rank(1, 0)?;
            ctx.with_rank(2, 0)?;
            infer::unchanged(ctx)
        },
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], |init: &KernelInit<'_>| {
        let all = init.attrs.bool("replace_global")?;
        Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
            for (i, what) in [(1, "Pattern"), (2, "Rewrite")] {
                let shape = ctx.input(i)?.shape();
                if !shape.is_scalar() {
                    return Err(Error::invalid_argument(format!(
                        "{what} must be scalar, but received {shape}"
                    )));
                }
            }
            let pattern = pattern(ctx.input(1)?.to_bytes()?, false)?;
            let rewrite = Rewrite::parse(ctx.input(2)?.to_bytes()?, &pattern);
            compute(ctx, &pattern, &rewrite, all)
        }))
    })],
};

pub(crate) static STATIC_REGEX_REPLACE: OpEntry = OpEntry {
    def: OpDef {
        signature: "StaticRegexReplace(input:string) -> (output:string)",
        attrs: "pattern:string; rewrite:string; replace_global:bool=true",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], |init: &KernelInit<'_>| {
        let all = init.attrs.bool("replace_global")?;
        let pattern = pattern(init.attrs.bytes("pattern")?, false)?;
        let rewrite = Rewrite::parse(init.attrs.bytes("rewrite")?, &pattern);
        Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
            compute(ctx, &pattern, &rewrite, all)
        }))
    })],
};

fn compute(ctx: &mut OpContext<'_>, pattern: &Regex, rewrite: &Rewrite, all: bool) -> Result<()> {
    let input = ctx.input(0)?;
    let replaced = |s: &Bytes| Bytes::from(rewrite.apply(pattern, s, all));
    let out = input.strings()?.iter().map(replaced).collect();
    let out = Tensor::from_strings(input.shape().clone(), out)?;
    ctx.set(0, out)
}

impl<'g> Scope<'g> {
    /// Strings with all matches of a regular expression replaced; `\\1` in the replacement stands for what the first
    /// group matched (op `StaticRegexReplace`).
    #[track_caller]
    pub fn regex_replace(
        self,
        input: impl Operand<'g>,
        pattern: &str,
        rewrite: &str,
    ) -> Output<'g> {
        let b = self.op("StaticRegexReplace").input(input);
        b.attr("pattern", pattern).attr("rewrite", rewrite).out()
    }
}
