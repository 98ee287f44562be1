//! The check: the gradients that the graph computes against differences of the function itself.

use tensorloom::{
    AttrValue, DType, GradientOptions, Graph, Output, PartialShape, Scope, Session, Tensor,
};

/// Builds the outputs of a case from its inputs.
type Build = Box<dyn for<'g> Fn(Scope<'g>, &[Output<'g>]) -> Vec<Output<'g>> + Send + Sync>;

/// A differentiable input.
#[derive(Clone)]
pub struct Input {
    pub dims: Vec<usize>,
    pub values: Vec<f64>,
}

/// Numbers that look random, from 0 to 1.
pub struct Noise(pub u64);

impl Noise {
    pub fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// An input with values that look random, between two bounds.
pub fn between(dims: &[usize], low: f64, high: f64) -> Input {
    let n: usize = dims.iter().product();
    let mut noise = Noise(n as u64 + 17);
    Input {
        dims: dims.to_vec(),
        values: (0..n).map(|_| low + (high - low) * noise.next()).collect(),
    }
}

/// An input with values at least 0.2 apart from each other and 0.1 from 0, in no order: for functions with kinks.
pub fn apart(dims: &[usize]) -> Input {
    let n: usize = dims.iter().product();
    let mut values: Vec<f64> = (0..n)
        .map(|i| (i as f64 - n as f64 / 2.0) * 0.2 + 0.1)
        .collect();
    let mut noise = Noise(n as u64);
    for i in (1..n).rev() {
        values.swap(i, (noise.next() * (i + 1) as f64) as usize);
    }
    Input {
        dims: dims.to_vec(),
        values,
    }
}

/// An input with these values.
pub fn exact(dims: &[usize], values: &[f64]) -> Input {
    Input {
        dims: dims.to_vec(),
        values: values.to_vec(),
    }
}

/// One line of the table: an op in a graph whose gradients are checked.
pub struct Row {
    pub op: &'static str,
    case: &'static str,
    dtype: DType,
    inputs: Vec<Input>,
    build: Build,
}

/// A row in double precision, checked with shapes that the graph knows and with shapes that it does not know.
pub fn row(
    op: &'static str,
    inputs: impl IntoIterator<Item = Input>,
    build: impl for<'g> Fn(Scope<'g>, &[Output<'g>]) -> Vec<Output<'g>> + Send + Sync + 'static,
) -> Row {
    Row {
        op,
        case: "",
        dtype: DType::F64,
        inputs: inputs.into_iter().collect(),
        build: Box::new(build),
    }
}

impl Row {
    /// Says what is special about it.
    pub fn case(mut self, case: &'static str) -> Row {
        self.case = case;
        self
    }
    /// In single precision, with wide differences: for ops that have no double.
    pub fn single(mut self) -> Row {
        self.dtype = DType::F32;
        self
    }
    /// What is wrong with the gradients; nothing if they are right.
    pub fn problems(&self) -> Vec<String> {
        let mut found = Vec::new();
        for known in [true, false] {
            let shapes = if known { "known" } else { "unknown" };
            if let Err(e) = self.check(known) {
                found.push(format!("{} {} ({shapes} shapes): {e}", self.op, self.case));
            }
        }
        found
    }

    fn check(&self, known: bool) -> Result<(), String> {
        let text = |e: tensorloom::Error| e.to_string();
        let g = Graph::new();
        let xs: Vec<Output<'_>> = self
            .inputs
            .iter()
            .map(|i| {
                let shape = match known {
                    true => PartialShape::from(i.dims.as_slice()),
                    false => PartialShape::unknown(),
                };
                g.placeholder("x", self.dtype, shape)
            })
            .collect();
        let ys: Vec<Output<'_>> = (self.build)(g.root(), &xs)
            .into_iter()
            .filter(|y| y.dtype().is_trainable())
            .collect();
        g.check().map_err(text)?;
        if !g.nodes().iter().any(|n| n.op.name == self.op) {
            return Err("the op is not in the graph".into());
        }
        let values: Vec<Vec<f64>> = self.inputs.iter().map(|i| i.values.clone()).collect();
        let session = Session::new(&g).map_err(text)?;
        let evaluate = |values: &[Vec<f64>]| -> Result<Vec<Tensor>, String> {
            session
                .run(self.feeds(&xs, values), ys.clone(), ())
                .map_err(text)
        };
        let mut noise = Noise(1);
        let weights: Vec<Tensor> = evaluate(&values)?
            .iter()
            .map(|y| {
                let w: Vec<f64> = (0..y.elements()).map(|_| 0.5 + noise.next()).collect();
                of_type(y.dtype(), y.shape().dims(), &w)
            })
            .collect();
        let weighted = |values: &[Vec<f64>]| -> Result<f64, String> {
            let ys = evaluate(values)?;
            let products = ys.iter().zip(&weights).map(|(y, w)| {
                let pairs = numbers(y).into_iter().zip(numbers(w));
                pairs.map(|(a, b)| a * b).sum::<f64>()
            });
            Ok(products.sum())
        };
        let options = GradientOptions {
            grad_ys: weights
                .iter()
                .map(|w| Some(g.root().constant(w.clone())))
                .collect(),
            ..GradientOptions::default()
        };
        let grads = g.root().gradients(&ys, &xs, &options).map_err(text)?;
        let grads: Vec<Output<'_>> = grads
            .into_iter()
            .map(|d| d.map(|d| d.dense(g.root())))
            .collect::<Option<_>>()
            .ok_or("an input got no gradient")?;
        for (grad, input) in grads.iter().zip(&self.inputs).filter(|_| known) {
            let shape = PartialShape::from(input.dims.as_slice());
            if grad.shape() != shape {
                return Err(format!(
                    "a gradient is expected to have shape {}",
                    grad.shape()
                ));
            }
        }
        let session = Session::new(&g).map_err(text)?;
        let grads = session
            .run(self.feeds(&xs, &values), grads, ())
            .map_err(text)?;
        let (step, tolerance) = match self.dtype {
            DType::F64 => (1e-6, 1e-7),
            _ => (2e-2, 2e-2),
        };
        for (k, (input, grad)) in self.inputs.iter().zip(&grads).enumerate() {
            if grad.shape().dims() != input.dims {
                return Err(format!(
                    "the gradient of input {k} has shape {}",
                    grad.shape()
                ));
            }
            let grad = numbers(grad);
            let n = input.values.len();
            for i in (0..n).step_by(n.div_ceil(30).max(1)) {
                let mut moved = values.clone();
                let mut at = |x: f64| {
                    moved[k][i] = x;
                    weighted(&moved)
                };
                let x = input.values[i];
                let h = step * x.abs().max(1.0);
                let difference = (at(x + h)? - at(x - h)?) / (2.0 * h);
                let error = (difference - grad[i]).abs();
                if error.is_nan() || error > tolerance * difference.abs().max(1.0) {
                    return Err(format!(
                        "gradient {} of element {i} of input {k}, but the function changes by {difference}",
                        grad[i]
                    ));
                }
            }
        }
        Ok(())
    }

    fn feeds<'g>(&self, xs: &[Output<'g>], values: &[Vec<f64>]) -> Vec<(Output<'g>, Tensor)> {
        xs.iter()
            .zip(&self.inputs)
            .zip(values)
            .map(|((x, i), v)| (*x, of_type(self.dtype, &i.dims, v)))
            .collect()
    }
}

/// A tensor of floats or doubles.
pub fn of_type(dtype: DType, dims: &[usize], values: &[f64]) -> Tensor {
    match dtype {
        DType::F32 => {
            Tensor::from_vec(dims, values.iter().map(|v| *v as f32).collect::<Vec<_>>()).unwrap()
        }
        DType::F64 => Tensor::from_vec(dims, values.to_vec()).unwrap(),
        d => panic!("gradients of {d}: make a float or double of it"),
    }
}

/// The elements of a tensor of floats or doubles.
pub fn numbers(t: &Tensor) -> Vec<f64> {
    match t.dtype() {
        DType::F32 => t
            .data::<f32>()
            .unwrap()
            .iter()
            .map(|v| f64::from(*v))
            .collect(),
        _ => t.data::<f64>().unwrap().to_vec(),
    }
}

/// The outputs of a node of an op that takes these inputs, one for each argument.
pub fn node<'g>(
    s: Scope<'g>,
    op: &'static str,
    inputs: &[Output<'g>],
    attrs: &[(&str, AttrValue)],
) -> Vec<Output<'g>> {
    let builder = inputs.iter().fold(s.op(op), |b, x| b.input(*x));
    let builder = attrs
        .iter()
        .fold(builder, |b, (name, v)| b.attr(name, v.clone()));
    builder.finish().outputs()
}
