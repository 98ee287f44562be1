"""Cases of ops that take strings apart and put them together, of serialized tensors and of summaries of any tensor."""
import base64

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from .harness import Case
from .values import ALL, SHAPES, arr, i32, i64, pick, rand, scalar, shape_of, specials, strings, tf_type, zeros

OPS = {}


def op(*names):
    """Registers a family for the named ops."""
    def add(f):
        for n in names:
            OPS[n] = f
        return f
    return add


def text(value):
    """A scalar string."""
    return arr(value, "string")


def noise(r, longest=12):
    """Random bytes."""
    return bytes(int(b) for b in r.integers(0, 256, int(r.integers(0, longest + 1))))


@op("EncodeBase64")
def encode_base64(name, r, n, fixed):
    if fixed:
        for pad in (False, True):
            yield Case(strings(*[bytes(range(250 - k, 250)) for k in range(8)], bytes(range(256))), pad=pad)
        for s in SHAPES[:6]:
            yield Case(rand(r, "string", s))
    for _ in range(0 if fixed else n):
        yield Case(strings(*[noise(r) for _ in range(3)]), pad=bool(r.integers(2)))


@op("DecodeBase64")
def decode_base64(name, r, n, fixed):
    def encoded(x):
        return base64.urlsafe_b64encode(x)
    if fixed:
        yield Case(strings(*[encoded(bytes(range(250 - k, 250))) for k in range(8)], encoded(bytes(range(256)))))
        yield Case(strings(*[encoded(bytes(range(250 - k, 250))).rstrip(b"=") for k in range(8)]))
        for s in ((), (0,), (2, 1, 2)):
            yield Case(arr(np.full(s, b"YWJj", object), "string"))
        for bad in (b"a", b"ab=", b"ab==", b"abc=", b"abc", b"ab", b"a===", b"====", b"=", b"ab=c", b"YWJj=", b"YWJj==", b"a b ", b"ab+/", b"ab-_", b"YWI=YWI=", b"abcde", b"abcdef", b"abcdefg", b"\xff\xff\xff\xff", b"abc\n", b"QQ", b"QR",
                    b"QUI", b"QUJ"):
            yield Case(text(bad))
        yield Case(strings(b"YWJj", b"?"))
    for _ in range(0 if fixed else n):
        x = bytearray(encoded(noise(r)))
        if x and r.random() < 0.4:
            x[int(r.integers(len(x)))] = pick(r, b"=+/_-?A")
        yield Case(text(bytes(x)))


LINES = [b"1,2.5,x", b"1,,x", b"1,2.5,", b',,"a,b"', b'"1","2.5","a""b"', b" 7 , 8 ,y", b"1,2.5,x\n", b"1,2.5,x\r\n", b'3,4,"line\nbreak"', b"-9,1e3,\xff\x00", b'1,inf,""', b"1,nan,'q'"]
BAD_LINES = [b"", b"1", b"1,2", b"1,2,3,4", b"x,2,3", b"1,x,3", b"1.5,2,3", b'1,2,"a', b'1,2,"a"b', b'1,2,a"b', b"99999999999,1,2", b",,,", b"1,2,x\ny", b"\n1,2,3", b'"",2,3', b'1,2,"a" ', b"1;2;3", b'""",2,3', b"1,1e999,x"]


@op("DecodeCSV")
def decode_csv(name, r, n, fixed):
    defaults = [i32(5), arr([0.5]), strings(b"none")]
    if fixed:
        for line in LINES + BAD_LINES:
            yield Case(text(line), defaults)
        yield Case(strings(*LINES[:4]), defaults)
        yield Case(arr([[b"1,2,a"], [b",,"]], "string"), defaults)
        yield Case(zeros(0, dtype="string"), defaults)
        for line in (b",2,a", b"1,,a", b"1,2,"):
            yield Case(text(line), [i32(), zeros(0), zeros(0, dtype="string")])
        for kw, line in ((dict(field_delim=";"), b"1;2;a,b"), (dict(field_delim=" "), b"1 2 x"), (dict(field_delim="\t"), b"1\t2\tx"), (dict(use_quote_delim=False), b'1,2,"a"b'), (dict(na_value="NA"), b"NA,NA,NA"),
                         (dict(na_value="NA"), b'1,2,"NA"'), (dict(field_delim=""), b"1,2,3"), (dict(field_delim=",,"), b"1,2,3"), (dict(select_cols=[0, 2, 3]), b"1,x,2.5,y,z"), (dict(select_cols=[1, 2, 4]), b"x,1,2"),
                         (dict(select_cols=[0, 1]), b"1,2,3"), (dict(select_cols=[2, 1, 0]), b"1,2,3"), (dict(select_cols=[-1, 0, 1]), b"1,2,3"), (dict(select_cols=[1, 1, 2]), b"1,2,3"), (dict(field_delim='"'), b'1"2"x'),
                         (dict(select_cols=[0, 1, 3]), b"1,2.5,x,"), (dict(select_cols=[0, 1, 2]), b"1,2.5"), (dict(na_value="-"), b"-,-,"), (dict(field_delim="\n"), b"1\n2\n3")):
            yield Case(text(line), defaults, **kw)
        for t, good, bad in (("int32", b"-2147483648", b"2147483648"), ("int64", b"9223372036854775807", b"1e3"), ("float32", b" 1e-3 ", b"1e-"), ("float64", b"0x10", b"--1"), ("string", b" a ", b"a\x00b")):
            for line in (good, bad, b"", b'""', b'" 1"', b"+1"):
                yield Case(strings(line + b",1"), [rand(r, t, (1,)), i32(1)])
        yield Case(text(b"1,2"), [scalar(3), scalar(4)])
        yield Case(text(b"1,2"), [i32(3, 4), i32(1)])
        yield Case(text(b"1,2"), [np.zeros((1, 1), np.int32), i32(1)])
        yield Case(text(b"1"), [i32(1)])
        yield Case(text(b""), [i32(1)])
        yield Case(text(b"\n"), [i32(1)])
        yield Case(text(b","), [i32(1), i32(2)])
    for _ in range(0 if fixed else n):
        line = b",".join(pick(r, [b"", b"1", b"-2", b'"3"', b"4.5", b'"a,b"', b"x"]) for _ in range(3))
        yield Case(text(line), defaults)


@op("ReduceJoin")
def reduce_join(name, r, n, fixed):
    if fixed:
        for s, axes in (((2, 3), i32(0)), ((2, 3), i32(1)), ((2, 3), i32(-1)), ((2, 3), scalar(-2)), ((2, 3), i32(0, 1)), ((2, 3), i32(1, 0)), ((2, 3), i32()), ((2, 3), i32(-1, 0)), ((), i32()), ((4,), i32(0)), ((0,), i32(0)),
                        ((2, 0), i32(1)), ((0, 2), i32(1)), ((2, 0), i32(0)), ((2, 2, 3), i32(2, 0)), ((2, 2, 3), i32(1)), ((2, 1, 2, 1), i32(0, 2)), ((2, 2, 3), i32(2, 0, 1))):
            yield Case(rand(r, "string", s), axes)
            yield Case(rand(r, "string", s), axes, separator=", ", keep_dims=True)
        for s, axes in (((2, 3), i32(2)), ((2, 3), i32(-3)), ((2, 3), i32(0, 0)), ((2, 3), i32(0, -2)), ((2, 3), i32(0, 1, 0)), ((), i32(0)), ((2,), np.zeros((1, 1), np.int32)), ((2,), np.zeros((2, 2), np.int32))):
            yield Case(rand(r, "string", s), axes)
    for _ in range(0 if fixed else n):
        s = shape_of(r, 0, 4, 3)
        axes = r.permutation(len(s))[:int(r.integers(0, len(s) + 1))]
        yield Case(rand(r, "string", s), arr(axes, "int32"), separator=pick(r, ["", "-"]), keep_dims=bool(r.integers(2)))


@op("StringSplit")
def string_split(name, r, n, fixed):
    lines = [b"a b  c", b"", b" ", b"x", b"one,two;three", b",,a,", b"\xff \x00 b", "\u00fc \u20ac".encode()]
    if fixed:
        for by in (b" ", b",", b"", b",;", b"ab", b"\x00", b"\xff", "\u20ac".encode()):
            for skip in (True, False):
                yield Case(strings(*lines), text(by), skip_empty=skip)
        yield Case(zeros(0, dtype="string"), text(b" "))
        yield Case(strings(b"a b"), text(b" "))
        for x, by in ((text(b"a b"), text(b" ")), (rand(r, "string", (2, 2)), text(b" ")), (strings(b"a"), strings(b" ")), (strings(b"a"), strings(b" ", b","))):
            yield Case(x, by)
    for _ in range(0 if fixed else n):
        yield Case(strings(*[bytes(pick(r, b"ab ,;") for _ in range(int(r.integers(0, 9)))) for _ in range(3)]), text(pick(r, [b" ", b"", b",;", b"a"])), skip_empty=bool(r.integers(2)))


@op("Substr")
def substr(name, r, n, fixed):
    words = strings(b"abcdef", b"tensor", b"x" * 9)
    if fixed:
        for t in ("int32", "int64"):
            for pos, length in ((0, 3), (1, 100), (5, 1), (6, 1), (-1, 1), (-6, 2), (-6, 0), (2, 0)):
                yield Case(words, scalar(pos, t), scalar(length, t))
        yield Case(words, i32(0, 2, 3), i32(1, 2, 6))
        yield Case(words, i32(0, -2, 9), i32(1, 2, 0))
        yield Case(rand(r, "string", (2, 2)) + b"abc", np.array([[0, 1], [2, 0]], np.int32), np.array([[0, 1], [2, 9]], np.int32))
        for x, pos, length in ((words, i32(1), i32(2)), (text(b"abcdef"), i32(0, 1), i32(2, 3)), (strings(b"abc", b"def"), i32(0, 1).reshape(2, 1), i32(1, 2).reshape(2, 1)), (words.reshape(3, 1), i32(0, 1), i32(1, 2)),
                               (rand(r, "string", (2, 2)) + b"abc", i32(0, 1), i32(1, 2)), (zeros(0, dtype="string"), i32(), i32()), (zeros(0, dtype="string"), scalar(0), scalar(1)), (zeros(2, 0, dtype="string"), i32(), i32()),
                               (words, i32(0, 1), i32(1, 2)), (words, i32(0, 1, 2), i32(1)), (words, scalar(0), i32(1, 2, 3)), (zeros(1, 1, 3, dtype="string"), zeros(1, 1, 3, dtype="int32"), zeros(1, 1, 3, dtype="int32")),
                               (zeros(2, 1, 1, dtype="string"), zeros(1, 1, 3, dtype="int32"), zeros(1, 1, 3, dtype="int32"))):
            yield Case(x, pos, length)
        yield Case(words, i64(2**62, 0, 0), i64(1, 1, 1))
        yield Case(words, i64(0, 0, 0), i64(2**62, 2**63 - 1, 1))
        yield Case(words, i32(0, 0, 0), i32(-1, -2, -9), must="Any")  # TensorFlow takes it for an unsigned number
        letters = "a\u00fc\u20ac\U0001f600z".encode()
        for pos, length in ((0, 2), (1, 3), (4, 9), (-1, 1), (-4, 2), (5, 0), (6, 1), (-6, 1), (2, 0)):
            yield Case(text(letters), scalar(pos), scalar(length), unit="UTF8_CHAR")
        yield Case(strings(letters, letters), i32(0, -3), i32(4, 2), unit="UTF8_CHAR")
        yield Case(text(b"abc"), scalar(0), scalar(1), unit="WORD")
    for _ in range(0 if fixed else n):
        k = int(r.integers(1, 4))
        yield Case(strings(*[b"abcdefgh"[:int(r.integers(4, 9))] for _ in range(k)]), arr(r.integers(-4, 5, k), "int32"), arr(r.integers(0, 9, k), "int32"), unit=pick(r, ["BYTE", "UTF8_CHAR"]))


@op("SerializeTensor")
def serialize_tensor(name, r, n, fixed):
    if fixed:
        for t in ALL:
            yield Case(specials(t), grad=False)
        for s in SHAPES:
            yield Case(rand(r, "float32", s), grad=False)
        yield Case(zeros(5), grad=False)
        yield Case(rand(r, "string", (2, 2)))
    for _ in range(0 if fixed else n):
        yield Case(rand(r, pick(r, ALL), shape_of(r)), grad=False)


@op("ParseTensor")
def parse_tensor(name, r, n, fixed):
    def proto(x, change=None):
        p = tf.make_tensor_proto(x, tf_type(x))
        if change:
            change(p)
        return text(p.SerializeToString())
    if fixed:
        for t in ALL:
            yield Case(proto(specials(t)), out_type=t)
            if t != "bool":
                yield Case(proto(rand(r, t)), out_type=t)
        for s in SHAPES:
            yield Case(proto(rand(r, "int32", s)), out_type="int32")
        numbers = tensor_pb2.TensorProto
        for p in (numbers(dtype=1), numbers(dtype=1, float_val=[1.5]), numbers(dtype=1, float_val=[1, 2]), numbers(dtype=3, int_val=[7]), numbers(dtype=7, string_val=[b"a"]), numbers(), numbers(dtype=1, tensor_content=b"\0\0\x80?")):
            for dims in (None, [], [3], [0], [2, 2], [-1], [2**40, 2**40]):
                if dims is not None:
                    p.tensor_shape.Clear()
                    p.tensor_shape.SetInParent()
                    for d in dims:
                        p.tensor_shape.dim.add(size=d)
                yield Case(text(p.SerializeToString()), out_type="float32" if p.dtype != 3 else "int32", words=False)
        for x in (text(b""), text(b"\xff"), text(b"\x08\x01"), strings(b"\x08\x01"), strings(b"\x08\x01", b"\x08\x01"), proto(i32(1))):
            yield Case(x, out_type="float32", words=x.ndim > 0 or len(x.item()) > 2)
    for _ in range(0 if fixed else n):
        t = pick(r, ALL)
        yield Case(proto(rand(r, t, shape_of(r, 0, 3))), out_type=t)


# ------------------------------------------------------------------ summaries
@op("TensorSummary", "TensorSummaryV2")
def tensor_summary(name, r, n, fixed):
    def make(x, meta=b"", tag=b"tag", **kw):
        return Case(text(tag), x, text(meta), grad=False, **kw) if name.endswith("V2") else Case(x, grad=False, **kw)
    if fixed:
        for t in ALL:
            yield make(rand(r, t, (2, 2)))
            yield make(rand(r, t))
        for s in SHAPES:
            yield make(rand(r, "float32", s))
        if name == "TensorSummary":
            yield make(rand(r, "float32"), description="words", labels=["a", "b"], display_name="name")
        else:
            meta = tf.compat.v1.SummaryMetadata(display_name="name", plugin_data=dict(plugin_name="scalars", content=b"\x01")).SerializeToString()
            yield make(rand(r, "float32", (3,)), meta)
            yield make(rand(r, "float32", (3,)), meta, b"")
            yield make(rand(r, "float32", (3,)), b"\xff\xff", must="Any")
            yield Case(strings(b"a", b"b"), zeros(2), text(b""), grad=False)
            yield Case(strings(b"a"), zeros(2), text(b""), grad=False)
            yield Case(text(b"a"), zeros(2), strings(b"", b""), grad=False)
    for _ in range(0 if fixed else n):
        yield make(rand(r, pick(r, ALL), shape_of(r)))


@op("AudioSummary", "AudioSummaryV2")
def audio_summary(name, r, n, fixed):
    def make(x, rate=8000.0, tag=None, **kw):
        tag = text(b"sound") if tag is None else tag
        if name.endswith("V2"):
            return Case(tag, x, arr(rate), grad=False, **kw)
        return Case(tag, x, sample_rate=float(np.ravel(rate)[0]) if np.size(rate) else 1.0, grad=False, **kw)
    if fixed:
        for s in ((1, 4), (3, 4), (2, 3, 2), (5, 2, 1), (1, 1), (2, 1, 6), (0, 4), (2, 0), (2, 3, 0)):
            yield make(np.tanh(rand(r, "float32", s)))
        for k in (1, 2, 9):
            yield make(np.tanh(rand(r, "float32", (4, 3))), max_outputs=k)
        yield make(arr([[0, -0.0, 1, -1, 0.5, -0.5, 1.5, -2, 1e-5, 0.999985, np.inf, -np.inf, 3e38]]))
        yield make(arr([[0.25, np.nan]]), must="Any")
        for rate in (44100.0, 0.0, 1.0, -5.0, 11025.5, 1e9, 1e10):
            yield make(arr([[0.5, 0.25]]), rate, must="Any" if abs(rate) > 4e9 or rate < 0 else None)
        for s in ((), (4,), (1, 2, 3, 4)):
            yield make(zeros(*s))
        for k in (0, -1):
            yield make(zeros(1, 2), max_outputs=k)
        yield make(zeros(1, 2), tag=strings(b"a"))
        yield make(zeros(1, 2), tag=strings(b"a", b"b"))
        yield make(zeros(1, 2), tag=text(b""))
        yield make(zeros(1, 2), [8000.0])
        yield make(zeros(1, 2), [8000.0, 1.0])
    for _ in range(0 if fixed else n):
        yield make(np.tanh(rand(r, "float32", tuple(int(d) for d in r.integers(1, 5, int(r.integers(2, 4)))))), float(r.integers(1, 50000)))


@op("Print")
def printed(name, r, n, fixed):
    if fixed:
        for t in ALL:
            yield Case(rand(r, t, (2,)), [rand(r, t, (3,))], first_n=0)
        yield Case(zeros(2, 0), [zeros(0)], summarize=0)
        yield Case(zeros(2), [], first_n=0)
        yield Case(rand(r, "float32", (2,)), [rand(r, "string"), rand(r, "bool", (2, 2))], message="m: ", first_n=0, summarize=-1)
    for _ in range(0 if fixed else n):
        yield Case(rand(r, "float32", shape_of(r)), [], message="m", first_n=0)


@op("PlaceholderV2")
def placeholder_v2(name, r, n, fixed):
    for s in ((), (2, 3), (None, 3), None, (0,)) if fixed else [shape_of(r, 0, 3) for _ in range(n)]:
        yield Case(dtype=pick(r, ALL), shape=s)


TEXTS = [b"", b"a", b"aaa", b"abcabc", b"Hello, World 42!", b"x\ny\nz\n", "\u00fcml\u00e4ut \u4e16\u754c".encode(), b"a\xffb\xc3", b"tab\there \x0b\x0c", b"(a)[b]{c}", b"k-1_2.3 <b>&&c--d~~e", "\u0663\u212a\u017f".encode()]
PATTERNS = [b"", b"a", b"a*", b"a*?", b"a+|b", b"(a)(b)?c", b"^", b"$", b"^a", b"(?m)^.", b"(?m)$", b"(?s).", b".", b".*", b"(?s).*", b"\\d+", b"\\D", b"\\w+", b"\\W", b"\\s", b"\\S+", b"\\b", b"\\B", b"\\bw", b"(?i)w|K|S", b"[[:alpha:]]+", b"[^[:space:]]",
            b"[a-c]+", b"[^a-c]", b"[]a]", b"[^]a]", b"[a\\]]", b"[[]", b"[a&&b]", b"[a--b]", b"[a~~b]", b"[\\d\\-x]", b"[\\D]", b"[\\w.]+", b"[+--]", b"a{2}", b"a{2,}", b"a{1,2}?", b"a{,2}", b"{", b"}", b"a{", b"]", b"\\<b\\>", b"\\{c\\}", b"\\Q[b]\\E", b"\\Qa.b", b"\\x61",
            b"\\x{4e16}", b"\\141", b"\\pL", b"\\p{Han}", b"\\P{L}+", b"\\p{^L}", b"\\C", b"\\_", b"\\A.", b".\\z", b"(?P<n>a)b", b"(?:a|b)+c", b"(?U)a+", b"(?i:h)ello", b"\\-", b"a#b c", b"\\t|\\v|\\f", b"\xc3\xbc", b"(|a)*", b"(a*)+", b"(?i)\\x{17f}", b"a.b", b"a\\Cb", b"[^a]b", b"^*", b"(?-s).", b"(?i-s)A.",
            b"*a", b"a**", b"a*+", b"a{2}{3}", b"a{1001}", b"(", b")", b"(a", b"[a", b"[z-a]", b"\\", b"\\y", b"\\1", b"\\8", b"(?x)a", b"(?P<n", b"(?P=n)", b"(?=a)", b"(?!a)", b"(?<=a)", b"\\p{Nope}", b"\\Z", b"\\x6", b"\\x{110000}", b"(?i", b"x{2,1}", b"(?P<n>a)(?P<n>b)", b"a|*", b"(*)", b"[\\b]", b"\\08"]


def pattern_of(r):
    """A random pattern of a few pieces (without classes by name: TensorFlow takes those in an error's text for the name of a node)."""
    pieces = [p for p in PATTERNS if b"[:" not in p]
    return b"".join(pieces[int(r.integers(len(pieces)))] if r.random() < 0.4 else pick(r, [b"a", b"b", b"(a|b)", b".", b"[^x]", b"\\w", b"*", b"+", b"?", b"{1,2}", b"|", b"(", b")", b"^", b"$"]) for _ in range(int(r.integers(1, 6))))


@op("RegexFullMatch", "StaticRegexFullMatch")
def regex_full_match(name, r, n, fixed):
    def one(x, p):
        return Case(x, pattern=p, words=False) if name.startswith("Static") else Case(x, text(p), words=False)
    if fixed:
        for p in PATTERNS:
            yield one(strings(*TEXTS), p)
        for s in SHAPES[:6]:
            yield one(rand(r, "string", s), b"[a-z]+")
        if name == "RegexFullMatch":
            yield Case(strings(b"a"), strings(b"a", b"b"))
    for _ in range(0 if fixed else n):
        yield one(strings(*TEXTS, noise(r)), pattern_of(r))


@op("RegexReplace", "StaticRegexReplace")
def regex_replace(name, r, n, fixed):
    def one(x, p, to, all_):
        return Case(x, pattern=p, rewrite=to, replace_global=all_, words=False) if name.startswith("Static") else Case(x, text(p), text(to), replace_global=all_, words=False)
    if fixed:
        for p in PATTERNS:
            for all_ in (True, False):
                yield one(strings(*TEXTS), p, b"<\\0>", all_)
        for to in (b"", b"-", b"\\1", b"\\2\\1", b"\\\\", b"$1", b"${n}", b"\\3", b"\\", b"a\\", b"\\x", b"\xff"):
            yield one(strings(*TEXTS), b"(a)(b)?", to, True)
        for s in SHAPES[:6]:
            yield one(rand(r, "string", s), b"[a-z]", b"x", False)
        if name == "RegexReplace":
            yield Case(strings(b"a"), strings(b"a", b"b"), text(b""))
            yield Case(strings(b"a"), text(b"a"), strings(b""))
    for _ in range(0 if fixed else n):
        yield one(strings(*TEXTS, noise(r)), pattern_of(r), pick(r, [b"<\\0>", b"-", b"\\1", b""]), bool(r.integers(2)))
