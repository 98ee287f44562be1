//! AsString: numbers as text.

use super::printf::{Form, Spec};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, infer};
use crate::registry::OpEntry;
use crate::tensor::{Bytes, Tensor};
use num_complex::Complex;

pub(crate) static AS_STRING: OpEntry = OpEntry {
    def: OpDef {
        signature: "AsString(input:T) -> (output:string)",
        attrs: "T:type{float,double,int32,uint8,int16,int8,int64,bfloat16,uint16,half,uint32,uint64,complex64,complex128,bool,variant,string}; precision:int=-1; scientific:bool=false; shortest:bool=false; width:int=-1; fill:string=\"\"",
        flags: Flags::PURE,
        infer: infer::unchanged,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(
        &[("T", crate::dtype::sets::PODS_AND_STRING)],
        new,
    )],
};

/// Text longer than this for one number is a mistake.
const LONGEST: i64 = 1 << 20;

fn new(init: &KernelInit<'_>) -> Result<AnyKernel> {
    let invalid = |text: String| Err(Error::invalid_argument(text));
    let attrs = init.attrs;
    let dtype = attrs.dtype("T")?;
    let (precision, width) = (attrs.int("precision")?, attrs.int("width")?);
    let (scientific, shortest) = (attrs.bool("scientific")?, attrs.bool("shortest")?);
    let numeric = dtype.is_floating() || dtype.is_complex();
    if !numeric && dtype != DType::String {
        if scientific || shortest {
            return invalid(format!(
                "scientific and shortest format not supported for datatype {dtype}"
            ));
        }
        if precision >= 0 {
            return invalid(format!("precision not supported for datatype {dtype}"));
        }
    }
    if scientific && shortest {
        return invalid("Cannot select both scientific and shortest notation".into());
    }
    if precision > LONGEST || width > LONGEST {
        return invalid(format!(
            "precision {precision} or width {width} is too large"
        ));
    }
    let fill = attrs.str("fill")?;
    let mut chars = fill.chars();
    let flag = match (chars.next(), chars.next()) {
        (None, _) => None,
        (Some(c @ (' ' | '+' | '-' | '0' | '#')), None) => Some(c),
        (Some(_), None) => return invalid(format!("Fill argument not supported: \"{fill}\"")),
        (Some(_), Some(_)) => {
            return invalid("Fill string must be one or fewer characters".into());
        }
    };
    let spec = Spec {
        flag,
        width: usize::try_from(width).unwrap_or(0),
        precision: usize::try_from(precision).unwrap_or(6),
        form: match (scientific, shortest) {
            (true, _) => Form::Scientific,
            (_, true) => Form::Shortest,
            _ => Form::Fixed,
        },
    };
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let input = ctx.input(0)?;
        let texts = texts(input, &spec)?;
        let out = Tensor::from_strings(input.shape().clone(), texts)?;
        ctx.set(0, out)
    }))
}

fn texts(t: &Tensor, spec: &Spec) -> Result<Vec<Bytes>> {
    fn each<T: Copy>(values: &[T], text: impl Fn(T) -> String) -> Vec<Bytes> {
        let bytes = values.iter().map(|v| Bytes::from(text(*v).into_bytes()));
        bytes.collect()
    }
    let pair = |re: f64, im: f64| format!("({},{})", spec.float(re), spec.float(im));
    Ok(match t.dtype() {
        DType::F32 => each(t.data::<f32>()?, |v| spec.float(v.into())),
        DType::F64 => each(t.data::<f64>()?, |v| spec.float(v)),
        DType::F16 => each(t.data::<half::f16>()?, |v| spec.float(v.into())),
        DType::BF16 => each(t.data::<half::bf16>()?, |v| spec.float(v.into())),
        DType::I8 => each(t.data::<i8>()?, |v| spec.signed(v.into())),
        DType::I16 => each(t.data::<i16>()?, |v| spec.signed(v.into())),
        DType::I32 => each(t.data::<i32>()?, |v| spec.signed(v.into())),
        DType::I64 => each(t.data::<i64>()?, |v| spec.signed(v)),
        DType::U8 => each(t.data::<u8>()?, |v| spec.unsigned(v.into())),
        DType::U16 => each(t.data::<u16>()?, |v| spec.unsigned(v.into())),
        DType::U32 => each(t.data::<u32>()?, |v| spec.unsigned(v.into())),
        DType::U64 => each(t.data::<u64>()?, |v| spec.unsigned(v)),
        DType::Bool => each(t.data::<bool>()?, |v| v.to_string()),
        DType::C64 => each(t.data::<Complex<f32>>()?, |v| {
            pair(v.re.into(), v.im.into())
        }),
        DType::C128 => each(t.data::<Complex<f64>>()?, |v| pair(v.re, v.im)),
        _ => {
            let strings = t.strings()?.iter();
            strings.map(|s| Bytes::from(spec.text(s))).collect()
        }
    })
}

impl<'g> Scope<'g> {
    /// The elements as text (op `AsString`).
    #[track_caller]
    pub fn as_string(self, input: impl Operand<'g>) -> Output<'g> {
        self.op("AsString").input(input).out()
    }
}
