//! How gradients reach the arrays that collect them.

use super::TensorArray;
use crate::error::Result;
use crate::grad::GradCtx;
use crate::graph::Output;

/// The array that collects the gradients of the array in the node's input 0, once `flow` is there.
pub(super) fn array<'g>(ctx: &GradCtx<'g>, flow: Output<'g>) -> TensorArray<'g> {
    let s = ctx.scope;
    let source = match ctx.grads.first().copied().flatten() {
        Some(g) => source(&g.dense(s).node().name()),
        None => None,
    };
    let source = source.unwrap_or_else(|| ctx.outer.name());
    let handle = ctx.input(0);
    let within = s.scope("TensorArrayGrad").colocate_with(handle);
    let grad = within.op("TensorArrayGradV3").input(handle).input(flow);
    let grad = grad.attr("source", source).finish();
    let flow = within
        .after([grad])
        .op("Identity")
        .name("gradient_flow")
        .input(flow)
        .out();
    let dtype = ["dtype", "T"]
        .iter()
        .find_map(|a| ctx.attrs().dtype(a).ok());
    TensorArray::at(
        grad.output(0),
        flow.in_scope(s),
        dtype.unwrap_or(crate::DType::F32),
    )
}

/// As [`array`], for an op that writes: after it has written. Gives the flow that its own input gets, too.
pub(super) fn after_writing<'g>(ctx: &GradCtx<'g>) -> Result<(TensorArray<'g>, Output<'g>)> {
    let s = ctx.scope;
    let written = s.named("flow_out").identity(ctx.output(0));
    let flow = s.after([written]).op("Identity").name("write_barrier");
    let flow = flow.input(ctx.grad(0)).out().in_scope(s);
    Ok((array(ctx, flow), flow))
}

/// Each call of `gradients` has arrays of its own: the name up to its last scope that begins with `gradients`.
fn source(name: &str) -> Option<String> {
    let parts: Vec<&str> = name.split('/').collect();
    let last = parts.iter().rposition(|p| p.starts_with("gradients"))?;
    Some(parts[..=last].join("/"))
}

#[cfg(test)]
mod tests {
    use super::source;

    #[test]
    fn the_source_is_the_scope_of_the_gradients() {
        let of = |name| source(name);
        assert_eq!(
            of("a/gradients_1/while/b_grad/c").as_deref(),
            Some("a/gradients_1")
        );
        assert_eq!(
            of("gradients/gradients/x").as_deref(),
            Some("gradients/gradients")
        );
        assert_eq!(of("x/y"), None);
    }
}
