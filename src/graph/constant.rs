//! What the graph determines of a tensor's value without running anything: constants, shapes, and simple
//! arithmetic on them. Shape inference and the gradient functions ask for it.

use super::{Endpoint, State};
use crate::def::AttrValue;
use crate::dtype::DType;
use crate::shape::{Dim, PartialShape, Shape};
use crate::tensor::Tensor;
use std::cell::Cell;

/// Chains of nodes longer than this are taken as unknown.
const DEPTH: usize = 32;
/// So is what more nodes than this, counted on each way to them, would have to tell.
const NODES: usize = 1024;
/// Tensors of more elements are not computed with: no shape has as many.
const ELEMENTS: usize = 1024;

/// How far a question may still go.
#[derive(Clone, Copy)]
struct Walk<'a> {
    depth: usize,
    nodes: &'a Cell<usize>,
}

impl Walk<'_> {
    /// The way on, to a node's inputs.
    fn step(self) -> Option<Self> {
        self.nodes.set(self.nodes.get().checked_sub(1)?);
        let depth = self.depth.checked_sub(1)?;
        Some(Walk { depth, ..self })
    }
}

impl State {
    /// The value of an output, if the graph determines it.
    pub(crate) fn constant_value(&self, e: Endpoint) -> Option<Tensor> {
        let nodes = &Cell::new(NODES);
        self.value(
            e,
            Walk {
                depth: DEPTH,
                nodes,
            },
        )
    }

    /// An output read as a shape (a vector of sizes), as far as the graph determines it.
    pub(crate) fn constant_shape(&self, e: Endpoint) -> PartialShape {
        let nodes = &Cell::new(NODES);
        let walk = Walk {
            depth: DEPTH,
            nodes,
        };
        self.partial(e, walk)
            .unwrap_or_else(|| match self.shape(e).dim(0) {
                Some(rank) if rank <= crate::shape::MAX_RANK => PartialShape::of_rank(rank),
                _ => PartialShape::unknown(),
            })
    }

    fn value(&self, e: Endpoint, walk: Walk<'_>) -> Option<Tensor> {
        let walk = walk.step()?;
        let n = self.node(e.node)?;
        let input = |i: usize| n.inputs.get(i).copied();
        match n.op.name.as_str() {
            "Const" => n.attrs.tensor("value").ok().cloned(),
            "Identity" | "StopGradient" => self.value(input(0)?, walk),
            "Shape" | "ShapeN" => {
                let shape = self.shape(input(e.port as usize)?).to_shape()?;
                ints(
                    &n.attrs,
                    &shape.dims_i64(),
                    Shape::of(&[shape.rank()]).ok()?,
                )
            }
            "Size" => {
                let shape = self.shape(input(0)?).to_shape()?;
                ints(&n.attrs, &[shape.elements() as i64], Shape::scalar())
            }
            "Rank" => Some(Tensor::from(
                i32::try_from(self.shape(input(0)?).rank()?).ok()?,
            )),
            "Cast" => {
                let t = self.value(input(0)?, walk)?;
                let values = numbers(&t)?;
                integers(n.attrs.dtype("DstT").ok()?, &values, t.shape().clone())
            }
            "Pack" => {
                let parts: Option<Vec<Tensor>> =
                    n.inputs.iter().map(|e| self.value(*e, walk)).collect();
                let parts = parts?;
                if !parts.iter().all(|p| p.shape().is_scalar()) || n.attrs.int("axis").ok()? != 0 {
                    return None;
                }
                let values: Option<Vec<i64>> =
                    parts.iter().map(|p| numbers(p)?.first().copied()).collect();
                integers(
                    parts.first()?.dtype(),
                    &values?,
                    Shape::of(&[parts.len()]).ok()?,
                )
            }
            "ConcatV2" => {
                let (axis, parts) = n.inputs.split_last()?;
                let axis = numbers(&self.value(*axis, walk)?)?;
                let parts: Option<Vec<Tensor>> =
                    parts.iter().map(|e| self.value(*e, walk)).collect();
                let parts = parts?;
                if !parts.iter().all(|p| p.shape().is_vector())
                    || !matches!(axis.first(), Some(0 | -1))
                {
                    return None;
                }
                let mut values = Vec::new();
                for p in &parts {
                    values.extend(numbers(p)?);
                }
                let len = values.len();
                integers(parts.first()?.dtype(), &values, Shape::of(&[len]).ok()?)
            }
            "StridedSlice" => self.element_or_range(e, walk),
            "Add" | "AddV2" | "Sub" | "Mul" | "FloorDiv" | "Maximum" | "Minimum" => {
                let (a, b) = (self.value(input(0)?, walk)?, self.value(input(1)?, walk)?);
                let (x, y) = (numbers(&a)?, numbers(&b)?);
                let shape = if x.len() >= y.len() {
                    a.shape()
                } else {
                    b.shape()
                };
                if x.len() != y.len() && x.len() != 1 && y.len() != 1
                    || x.is_empty()
                    || y.is_empty()
                {
                    return None;
                }
                let values: Option<Vec<i64>> = (0..shape.elements())
                    .map(|i| {
                        let (x, y) = (
                            x[if x.len() == 1 { 0 } else { i }],
                            y[if y.len() == 1 { 0 } else { i }],
                        );
                        match n.op.name.as_str() {
                            "Add" | "AddV2" => x.checked_add(y),
                            "Sub" => x.checked_sub(y),
                            "Mul" => x.checked_mul(y),
                            "FloorDiv" => x.checked_div_euclid(y).filter(|_| y > 0),
                            "Maximum" => Some(x.max(y)),
                            _ => Some(x.min(y)),
                        }
                    })
                    .collect();
                integers(a.dtype(), &values?, shape.clone())
            }
            "Prod" => {
                let t = self.value(input(0)?, walk)?;
                if !t.shape().is_vector() || n.attrs.bool("keep_dims").ok()? {
                    return None;
                }
                self.value(input(1)?, walk).filter(|a| a.elements() == 1)?;
                let product = numbers(&t)?
                    .iter()
                    .try_fold(1i64, |a, b| a.checked_mul(*b))?;
                integers(t.dtype(), &[product], Shape::scalar())
            }
            "Reshape" => {
                let t = self.value(input(0)?, walk)?;
                t.into_shape(self.shape(e).to_shape()?).ok()
            }
            "ExpandDims" | "Squeeze" => {
                let t = self.value(input(0)?, walk)?;
                t.into_shape(self.shape(e).to_shape()?).ok()
            }
            "Range" => {
                let part = |i: usize| numbers(&self.value(input(i)?, walk)?)?.first().copied();
                let (start, limit, delta) = (part(0)?, part(1)?, part(2)?);
                let mut values = Vec::new();
                let mut v = start;
                while (delta > 0 && v < limit || delta < 0 && v > limit) && values.len() < 1024 {
                    values.push(v);
                    v = v.checked_add(delta)?;
                }
                let done = delta != 0 && !(delta > 0 && v < limit || delta < 0 && v > limit);
                let len = values.len();
                done.then(|| {
                    integers(
                        n.attrs.dtype("Tidx").ok()?,
                        &values,
                        Shape::of(&[len]).ok()?,
                    )
                })?
            }
            _ => None,
        }
    }

    /// `x[i]` or `x[i:j]` of a known integer vector.
    fn element_or_range(&self, e: Endpoint, walk: Walk<'_>) -> Option<Tensor> {
        let n = self.node(e.node)?;
        let (start, end, shrink) = self.simple_slice(e, walk)?;
        let t = self.value(*n.inputs.first()?, walk)?;
        if !t.shape().is_vector() {
            return None;
        }
        let values = numbers(&t)?;
        let (start, end) = clamp(start, end, shrink, values.len())?;
        let part = values.get(start..end)?;
        let shape = if shrink {
            Shape::scalar()
        } else {
            Shape::of(&[part.len()]).ok()?
        };
        integers(t.dtype(), part, shape)
    }

    /// Start, end and whether the axis is dropped, for a slice of a vector with stride 1.
    fn simple_slice(&self, e: Endpoint, walk: Walk<'_>) -> Option<(i64, i64, bool)> {
        let n = self.node(e.node)?;
        let mask = |name: &str| n.attrs.int(name).ok();
        if mask("ellipsis_mask")? != 0 || mask("new_axis_mask")? != 0 {
            return None;
        }
        let part = |i: usize| match self
            .value(*n.inputs.get(i)?, walk)?
            .to_i64s()
            .ok()?
            .as_slice()
        {
            [v] => Some(*v),
            _ => None,
        };
        let (begin, end, stride) = (part(1)?, part(2)?, part(3)?);
        if stride != 1 {
            return None;
        }
        let start = if mask("begin_mask")? & 1 == 1 {
            0
        } else {
            begin
        };
        let shrink = mask("shrink_axis_mask")? & 1 == 1;
        let end = if mask("end_mask")? & 1 == 1 && !shrink {
            i64::MAX
        } else {
            end
        };
        Some((start, end, shrink))
    }

    fn partial(&self, e: Endpoint, walk: Walk<'_>) -> Option<PartialShape> {
        let walk = walk.step()?;
        if let Some(t) = self.value(e, walk) {
            return PartialShape::from_i64(&numbers(&t)?).ok();
        }
        let n = self.node(e.node)?;
        match n.op.name.as_str() {
            "Shape" | "ShapeN" => Some(self.shape(*n.inputs.get(e.port as usize)?)),
            "Cast" | "Identity" => self.partial(*n.inputs.first()?, walk),
            "Pack" => {
                let dims: Vec<Dim> = n
                    .inputs
                    .iter()
                    .map(|e| {
                        let v = numbers(&self.value(*e, walk)?)?;
                        usize::try_from(*v.first()?).ok()
                    })
                    .collect();
                Some(PartialShape::of(dims))
            }
            "ConcatV2" => {
                let (_, parts) = n.inputs.split_last()?;
                let mut out = PartialShape::scalar();
                for p in parts {
                    let part = match self.partial(*p, walk) {
                        Some(s) => s,
                        None => PartialShape::of_rank(self.shape(*p).dim(0)?),
                    };
                    out = out.concat(&part);
                }
                Some(out)
            }
            "StridedSlice" => {
                let (start, end, shrink) = self.simple_slice(e, walk)?;
                let whole = self.partial(*n.inputs.first()?, walk)?;
                let dims = whole.dims()?;
                let (start, end) = clamp(start, end, shrink, dims.len())?;
                (!shrink).then(|| PartialShape::of(dims.get(start..end).unwrap_or(&[]).to_vec()))
            }
            _ => None,
        }
    }
}

/// The elements of a tensor of integers, if they are few.
fn numbers(t: &Tensor) -> Option<Vec<i64>> {
    match t.elements() <= ELEMENTS {
        true => t.to_i64s().ok(),
        false => None,
    }
}

fn clamp(start: i64, end: i64, shrink: bool, len: usize) -> Option<(usize, usize)> {
    let len = len as i64;
    let wrap = |v: i64| if v < 0 { v.saturating_add(len) } else { v };
    let start = wrap(start);
    if shrink {
        return (0..len)
            .contains(&start)
            .then_some((start as usize, start as usize + 1));
    }
    let (start, end) = (start.clamp(0, len), wrap(end).clamp(0, len));
    Some((start as usize, end.max(start) as usize))
}

/// Integers of the type that `out_type` asks for (int32 without it).
fn ints(attrs: &crate::op::Attrs, values: &[i64], shape: Shape) -> Option<Tensor> {
    let dtype = match attrs.0.get("out_type") {
        Some(AttrValue::Type(d)) => *d,
        _ => DType::I32,
    };
    integers(dtype, values, shape)
}

fn integers(dtype: DType, values: &[i64], shape: Shape) -> Option<Tensor> {
    match dtype {
        DType::I32 => {
            let v: Option<Vec<i32>> = values.iter().map(|v| i32::try_from(*v).ok()).collect();
            Tensor::from_slice(&shape, &v?).ok()
        }
        DType::I64 => Tensor::from_slice(&shape, values).ok(),
        _ => None,
    }
}
