//! AudioSummary, AudioSummaryV2: sound as WAV.

use super::{names, values};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::grad::Grad;
use crate::graph::{Operand, Output, Scope};
use crate::kernel::{AnyKernel, KernelDef, KernelInit, OpContext};
use crate::op::{Flags, OpDef, infer};
use crate::proto::{Summary, summary};
use crate::registry::OpEntry;
use crate::tensor::Tensor;

pub(crate) static AUDIO_SUMMARY: OpEntry = OpEntry {
    def: OpDef {
        signature: "AudioSummary(tag:string, tensor:float) -> (summary:string)",
        attrs: "sample_rate:float; max_outputs:int>=1=3",
        flags: Flags::PURE,
        infer: infer::scalar,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], |init| {
        let rate = init.attrs.float("sample_rate")?;
        new(init, Some(rate))
    })],
};

pub(crate) static AUDIO_SUMMARY_V2: OpEntry = OpEntry {
    def: OpDef {
        signature: "AudioSummaryV2(tag:string, tensor:float, sample_rate:float) -> (summary:string)",
        attrs: "max_outputs:int>=1=3",
        flags: Flags::PURE,
        infer: infer::scalar,
    },
    grad: Grad::NotDifferentiable,
    kernels: &[KernelDef::cpu(&[], |init| new(init, None))],
};

fn new(init: &KernelInit<'_>, rate: Option<f32>) -> Result<AnyKernel> {
    let outputs = init.attrs.int("max_outputs")?;
    let max_outputs = usize::try_from(outputs)
        .ok()
        .filter(|n| *n > 0)
        .ok_or_else(|| {
            Error::invalid_argument(format!("max_outputs must be > 0, got {outputs}"))
        })?;
    Ok(AnyKernel::new(move |ctx: &mut OpContext<'_>| {
        let tag = values::scalar_tag(ctx.input(0)?, "Tag must be a scalar")?;
        let rate = match rate {
            Some(r) => r,
            None => match *ctx.data::<f32>(2)? {
                [r] => r,
                _ => {
                    return Err(Error::invalid_argument(
                        "sample_rate must be rank-0 or contain a single value",
                    ));
                }
            },
        };
        let out = summarize(&tag, ctx.input(1)?, rate, max_outputs)?;
        ctx.set(0, values::encode(&out)?)
    }))
}

fn summarize(tag: &str, clips: &Tensor, rate: f32, max_outputs: usize) -> Result<Summary> {
    let shape = clips.shape();
    let (batch, frames, channels) = match shape.dims() {
        [batch, frames] => (*batch, *frames, 1),
        [batch, frames, channels] => (*batch, *frames, *channels),
        _ => {
            return Err(Error::invalid_argument(format!(
                "Tensor must be 3-D or 2-D, got: {shape}"
            )));
        }
    };
    // NaN is refused too.
    if !(rate > 0.0 && rate <= u32::MAX as f32) {
        return Err(Error::invalid_argument("sample_rate must be > 0"));
    }
    let samples = clips.data::<f32>()?;
    let mut out = Summary::default();
    for i in 0..batch.min(max_outputs) {
        let length = frames * channels;
        let clip = &samples[i * length..(i + 1) * length];
        let audio = summary::Audio {
            sample_rate: rate,
            num_channels: channels as i64,
            length_frames: frames as i64,
            encoded_audio_string: wav(clip, rate.round() as u32, channels, frames)?,
            content_type: "audio/wav".into(),
        };
        out.value.push(summary::Value {
            tag: match max_outputs {
                1 => format!("{tag}/audio"),
                _ => format!("{tag}/audio/{i}"),
            },
            value: Some(summary::value::Value::Audio(audio)),
            ..Default::default()
        });
    }
    Ok(out)
}

/// 16-bit samples in a WAV file; what lies beyond [-1, 1] is cut off.
fn wav(samples: &[f32], rate: u32, channels: usize, frames: usize) -> Result<Vec<u8>> {
    const BYTES: usize = 2;
    const HEADER: u32 = 36;
    if samples.is_empty() && frames > 0 {
        return Err(Error::invalid_argument("audio is null"));
    }
    let channels = u16::try_from(channels).ok().filter(|c| *c > 0);
    let channels =
        channels.ok_or_else(|| Error::invalid_argument("num_channels must be positive."))?;
    let too_large =
        || Error::invalid_argument("Provided channels and frames cannot be encoded as a WAV.");
    let block = channels.checked_mul(BYTES as u16).ok_or_else(too_large)?;
    let data = u32::try_from(samples.len() * BYTES).map_err(|_| too_large())?;
    let riff = data.checked_add(HEADER).ok_or_else(too_large)?;
    let bytes_per_second = rate.checked_mul(u32::from(block)).ok_or_else(too_large)?;
    let mut out = Vec::with_capacity(riff as usize + 8);
    out.extend_from_slice(b"RIFF");
    out.extend_from_slice(&riff.to_le_bytes());
    out.extend_from_slice(b"WAVEfmt ");
    out.extend_from_slice(&16u32.to_le_bytes());
    out.extend_from_slice(&1u16.to_le_bytes());
    out.extend_from_slice(&channels.to_le_bytes());
    out.extend_from_slice(&rate.to_le_bytes());
    out.extend_from_slice(&bytes_per_second.to_le_bytes());
    out.extend_from_slice(&block.to_le_bytes());
    out.extend_from_slice(&(8 * BYTES as u16).to_le_bytes());
    out.extend_from_slice(b"data");
    out.extend_from_slice(&data.to_le_bytes());
    for v in samples {
        let scaled = (v * 32768.0).round().clamp(-32768.0, 32767.0);
        out.extend_from_slice(&(scaled as i16).to_le_bytes());
    }
    Ok(out)
}

impl<'g> Scope<'g> {
    /// Sound (batch, frames, channels; or batch, frames) under a tag that is also the node's name (op
    /// `AudioSummaryV2`; `tf.summary.audio`), added to the summaries of the graph.
    #[track_caller]
    pub fn summary_audio(
        self,
        name: &str,
        tensor: impl Operand<'g>,
        sample_rate: impl Operand<'g>,
        max_outputs: i64,
    ) -> Output<'g> {
        let (s, tag) = names::summary_scope(self, name);
        let rate = sample_rate.operand(s.named("sample_rate"), Some(DType::F32));
        let tags = s.named("tag").constant(tag.as_str());
        let op = self.op("AudioSummaryV2").name(format!("{tag}/"));
        let op = op.attr("max_outputs", max_outputs);
        names::collect(op.input(tags).input(tensor).input(rate).out())
    }
}
