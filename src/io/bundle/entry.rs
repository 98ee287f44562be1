//! What a bundle's index holds: the header, an entry for each tensor, and the names of the files.

use super::slice::TensorSlice;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::proto::{BundleEntryProto, BundleHeaderProto, TensorShapeProto, VersionDef};
use crate::proto::{bundle_header_proto::Endianness, tensor_shape_proto::Dim};
use crate::shape::Shape;
use prost::Message;
use std::path::{Path, PathBuf};

/// The version of the format that is written, and the newest that is read.
const VERSION: i32 = 1;

/// The path of a bundle's index.
pub(crate) fn index_path(prefix: &Path) -> PathBuf {
    suffixed(prefix, ".index")
}

/// The path of one of a bundle's data files.
pub(crate) fn data_path(prefix: &Path, shard: usize, shards: usize) -> PathBuf {
    suffixed(prefix, &format!(".data-{shard:05}-of-{shards:05}"))
}

/// A path with more characters at its end.
pub(crate) fn suffixed(prefix: &Path, suffix: &str) -> PathBuf {
    let mut path = prefix.as_os_str().to_owned();
    path.push(suffix);
    PathBuf::from(path)
}

/// Whether `rest`, what a file name has after the prefix, is that of a data file.
pub(crate) fn is_data_suffix(rest: &str) -> bool {
    let number = |s: &str| s.len() >= 5 && s.bytes().all(|b| b.is_ascii_digit());
    let parts = rest
        .strip_prefix(".data-")
        .and_then(|r| r.split_once("-of-"));
    parts.is_some_and(|(shard, shards)| number(shard) && number(shards))
}

/// The header of a bundle.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Header {
    pub(super) shards: usize,
    pub(super) big_endian: bool,
    pub(super) version: VersionDef,
}

impl Header {
    /// The header of bundles that this crate writes.
    pub(super) fn new(shards: usize) -> Header {
        Header {
            shards,
            big_endian: false,
            version: VersionDef {
                producer: VERSION,
                ..Default::default()
            },
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let endianness = match self.big_endian {
            true => Endianness::Big,
            false => Endianness::Little,
        };
        let proto = BundleHeaderProto {
            num_shards: self.shards as i32,
            endianness: endianness as i32,
            version: Some(self.version.clone()),
        };
        proto.encode_to_vec()
    }

    /// # Errors
    /// `DataLoss` for bytes that are no header, `InvalidArgument` for a version that is not read here.
    pub(super) fn decode(bytes: &[u8]) -> Result<Header> {
        let proto = BundleHeaderProto::decode(bytes)
            .map_err(|_| Error::data_loss("Entry for key  not parseable."))?;
        let version = proto.version.unwrap_or_default();
        let upgrade = "Please upgrade: the checkpoint was written by a newer version";
        if version.min_consumer > VERSION {
            return Err(Error::invalid_argument(format!(
                "Checkpoint min consumer version {} above current version {VERSION}.  {upgrade}.",
                version.min_consumer
            )));
        }
        if version.producer < 0 {
            return Err(Error::invalid_argument(format!(
                "Checkpoint producer version {} below min producer 0.",
                version.producer
            )));
        }
        if version.bad_consumers.contains(&VERSION) {
            return Err(Error::invalid_argument(format!(
                "Checkpoint disallows consumer version {VERSION}.  {upgrade}."
            )));
        }
        if proto.num_shards <= 0 {
            return Err(Error::data_loss(format!(
                "Invalid number of shards in bundle header: {}",
                proto.num_shards
            )));
        }
        let big_endian = match Endianness::try_from(proto.endianness) {
            Ok(e) => e == Endianness::Big,
            Err(_) => {
                return Err(Error::data_loss(format!(
                    "Invalid endianness in bundle header: {}",
                    proto.endianness
                )));
            }
        };
        Ok(Header {
            shards: proto.num_shards as usize,
            big_endian,
            version,
        })
    }
}

/// What a bundle knows of one tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct BundleEntry {
    /// The element type.
    pub dtype: DType,
    /// The shape of the whole tensor.
    pub shape: Shape,
    /// The data file that holds it (unless it is stored in slices).
    pub shard: usize,
    /// Where its bytes begin there.
    pub offset: u64,
    /// How many bytes it takes there; 0 for a tensor stored in slices.
    pub size: u64,
    /// The checksum of these bytes (not masked).
    pub crc32c: u32,
    /// The slices in which it is stored; empty when it is stored whole.
    pub slices: Vec<TensorSlice>,
}

impl BundleEntry {
    /// Takes an entry from the index; nothing in it is trusted.
    ///
    /// # Errors
    /// `DataLoss` or `InvalidArgument`, with the key.
    pub(super) fn decode(key: &str, bytes: &[u8], shards: usize) -> Result<BundleEntry> {
        let proto = BundleEntryProto::decode(bytes)
            .map_err(|_| Error::data_loss(format!("Entry for key {key} not parseable.")))?;
        let dtype = DType::from_number(proto.dtype).ok_or_else(|| {
            Error::invalid_argument(format!(
                "Invalid data type in bundle entry: key {key}; dtype {}",
                proto.dtype
            ))
        })?;
        let shape = shape_of(key, proto.shape.as_ref())?;
        let bad = |what: &str, value: i64| {
            Error::data_loss(format!(
                "Invalid {what} in bundle entry: key {key}; {value}"
            ))
        };
        let shard = usize::try_from(proto.shard_id).ok().filter(|s| *s < shards);
        let shard = shard.ok_or_else(|| bad("shard", i64::from(proto.shard_id)))?;
        let offset = u64::try_from(proto.offset).map_err(|_| bad("offset", proto.offset))?;
        let size = u64::try_from(proto.size).map_err(|_| bad("size", proto.size))?;
        let slices = proto.slices.iter().map(TensorSlice::from_proto);
        Ok(BundleEntry {
            dtype,
            shape,
            shard,
            offset,
            size,
            crc32c: crate::io::crc::unmask(proto.crc32c),
            slices: slices.collect::<Result<_>>()?,
        })
    }

    /// Checks that the stored size is that of the shape and type.
    pub(super) fn check_size(&self, key: &str) -> Result<()> {
        let elements = self.shape.elements() as u64;
        if self.dtype.is_pod() {
            let expected = elements.checked_mul(self.dtype.size() as u64);
            if expected != Some(self.size) {
                let expected = expected.map_or("too large".to_string(), |n| n.to_string());
                return Err(Error::data_loss(format!(
                    "Invalid size in bundle entry: key {key}; stored size {}; expected size {expected}",
                    self.size
                )));
            }
        } else if self.size < elements {
            return Err(Error::data_loss(format!(
                "Invalid size in bundle entry: key {key}; stored size {}; expected size is at least {elements}",
                self.size
            )));
        }
        Ok(())
    }
}

/// The shape of a message; `key` is for the error.
pub(super) fn shape_of(key: &str, proto: Option<&TensorShapeProto>) -> Result<Shape> {
    let Some(proto) = proto else {
        return Ok(Shape::scalar());
    };
    let dims: Vec<i64> = proto.dim.iter().map(|d| d.size).collect();
    match Shape::new(&dims) {
        Ok(shape) if !proto.unknown_rank => Ok(shape),
        _ => Err(Error::data_loss(format!(
            "Invalid tensor shape: {key} {dims:?}"
        ))),
    }
}

/// The message of a shape.
pub(super) fn encode_shape(shape: &Shape) -> TensorShapeProto {
    let dim = shape.dims().iter().map(|d| Dim {
        size: *d as i64,
        ..Default::default()
    });
    TensorShapeProto {
        dim: dim.collect(),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Code;
    use crate::io::testing::hex;

    #[test]
    fn bytes_are_tensorflows() {
        assert_eq!(Header::new(1).encode(), hex("08011a020801"));
        let entry = hex("08011204120208042810354c289874");
        let e = BundleEntry::decode("q", &entry, 1).unwrap();
        assert_eq!(
            (e.dtype, e.shape.dims(), e.size),
            (DType::F32, &[4][..], 16)
        );
        let sliced = hex("0801 12081202080412020805 3a080a0210020a021005 3a0a0a04080210020a021005");
        let e = BundleEntry::decode("v", &sliced, 1).unwrap();
        let slices: Vec<String> = e.slices.iter().map(|s| s.to_string()).collect();
        assert_eq!(slices, ["0,2:0,5", "2,2:0,5"]);
    }

    #[test]
    fn file_names() {
        let p = Path::new("d/model.ckpt-7");
        assert_eq!(index_path(p), Path::new("d/model.ckpt-7.index"));
        let data = data_path(p, 1, 12);
        assert_eq!(data, Path::new("d/model.ckpt-7.data-00001-of-00012"));
        assert!(is_data_suffix(".data-00001-of-00012"));
        for other in [
            ".index",
            ".data-1-of-2",
            ".data-00000-of-00001.tempstate5",
            "0.data-00000-of-00001",
        ] {
            assert!(!is_data_suffix(other), "{other}");
        }
    }

    #[test]
    fn row_185_headers_that_lie() {
        let header = |proto: BundleHeaderProto| Header::decode(&proto.encode_to_vec());
        let sound = BundleHeaderProto {
            num_shards: 3,
            ..Default::default()
        };
        assert_eq!(header(sound.clone()).unwrap().shards, 3);
        for num_shards in [0, -1, i32::MIN] {
            let e = header(BundleHeaderProto {
                num_shards,
                ..sound.clone()
            });
            assert_eq!(e.unwrap_err().code(), Code::DataLoss);
        }
        let e = header(BundleHeaderProto {
            endianness: 2,
            ..sound.clone()
        });
        assert_eq!(e.unwrap_err().code(), Code::DataLoss);
        let versions = [(1, 2, vec![]), (-1, 0, vec![]), (1, 0, vec![1])];
        for (producer, min_consumer, bad_consumers) in versions {
            let version = Some(VersionDef {
                producer,
                min_consumer,
                bad_consumers,
            });
            let e = header(BundleHeaderProto {
                version,
                ..sound.clone()
            });
            assert_eq!(e.unwrap_err().code(), Code::InvalidArgument);
        }
        assert!(Header::decode(&[0xff, 0xff]).is_err());
    }

    #[test]
    fn row_180_entries_that_lie() {
        let sound = BundleEntryProto {
            dtype: 1,
            shape: Some(encode_shape(&Shape::of(&[2]).unwrap())),
            size: 8,
            ..Default::default()
        };
        let code = |proto: BundleEntryProto| {
            let entry = BundleEntry::decode("k", &proto.encode_to_vec(), 2);
            entry.and_then(|e| e.check_size("k")).map_err(|e| e.code())
        };
        assert_eq!(code(sound.clone()), Ok(()));
        for dtype in [0, 101, 99, -1, i32::MAX] {
            assert_eq!(
                code(BundleEntryProto {
                    dtype,
                    ..sound.clone()
                }),
                Err(Code::InvalidArgument)
            );
        }
        let shape = |dims: &[i64]| {
            let dim = dims
                .iter()
                .map(|d| Dim {
                    size: *d,
                    ..Default::default()
                })
                .collect();
            Some(TensorShapeProto {
                dim,
                ..Default::default()
            })
        };
        for dims in [&[-1][..], &[1 << 40, 1 << 40], &[i64::MIN], &[1; 255]] {
            let e = code(BundleEntryProto {
                shape: shape(dims),
                ..sound.clone()
            });
            assert_eq!(e, Err(Code::DataLoss));
        }
        let unknown = Some(TensorShapeProto {
            unknown_rank: true,
            ..Default::default()
        });
        let lies = [
            BundleEntryProto {
                shape: unknown,
                ..sound.clone()
            },
            BundleEntryProto {
                shard_id: -1,
                ..sound.clone()
            },
            BundleEntryProto {
                shard_id: 2,
                ..sound.clone()
            },
            BundleEntryProto {
                offset: -1,
                ..sound.clone()
            },
            BundleEntryProto {
                size: -1,
                ..sound.clone()
            },
            BundleEntryProto {
                size: 7,
                ..sound.clone()
            },
            BundleEntryProto {
                shape: shape(&[i64::MAX]),
                size: -4,
                ..sound.clone()
            },
        ];
        for lie in lies {
            assert_eq!(code(lie), Err(Code::DataLoss));
        }
    }
}
