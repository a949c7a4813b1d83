#!/usr/bin/env python3
"""Writes the reference vectors beside this file: PyTorch in float64, fixed seeds.

    python3 -m venv venv && venv/bin/pip install torch transformers && venv/bin/python generate.py

One file per family, JSON lines. The first line says which versions made the file; each further line is one case:
  name, op, attributes   what was computed; absent attributes are the definition's defaults
  inputs, outputs        name -> {"shape", "values"}, values row-major, doubles printed so that they round-trip
  upstream               the gradient fed to the backward pass (absent: the case has no backward pass)
  gradients              input name -> gradient
A value that is not finite is the string "nan", "inf" or "-inf". Inputs are rounded to three decimals: short, still exact.
Building and testing the library needs neither this script nor PyTorch.
"""

import json
import math
import pathlib
import zlib

import torch
import torch.nn.functional as F
import transformers
from transformers import optimization as hf

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
here = pathlib.Path(__file__).resolve().parent

families = {}


def seed_of(name):
    return zlib.crc32(name.encode())


class Random:
    """Inputs of one case: seeded by the case's name, so that adding a case changes no other."""

    def __init__(self, name):
        self.generator = torch.Generator().manual_seed(seed_of(name))

    def uniform(self, shape, low=-2.0, high=2.0):
        raw = torch.rand(list(shape), generator=self.generator) * (high - low) + low
        return torch.tensor([round(v, 3) for v in raw.flatten().tolist()]).reshape(list(shape))

    def integers(self, shape, low, high):
        return torch.randint(low, high, list(shape), generator=self.generator)


def number(value):
    if isinstance(value, int):
        return value
    if math.isfinite(value):
        return value
    return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")


def pack(tensor):
    tensor = torch.as_tensor(tensor).detach()
    return {"shape": list(tensor.shape), "values": [number(v) for v in tensor.flatten().tolist()]}


def add_case(family, name, op, attributes, inputs, outputs, **more):
    cases = families.setdefault(family, [])
    assert all(case["name"] != name for case in cases), name
    case = {"name": name, "op": op, "attributes": attributes}
    case["inputs"] = {key: pack(value) for key, value in inputs.items()}
    case["outputs"] = {key: pack(value) for key, value in outputs.items()}
    case.update(more)
    cases.append(case)


def op_case(family, name, op, attributes, inputs, function, fixed=()):
    """Runs `function(**inputs)` forward and backward; inputs named in `fixed` and integer inputs take no gradient."""
    leaves = {}
    for key, value in inputs.items():
        leaf = value.clone()
        leaf.requires_grad_(leaf.is_floating_point() and key not in fixed)
        leaves[key] = leaf
    y = function(**leaves)
    upstream = Random(name + "/upstream").uniform(y.shape)
    wanted = [key for key, leaf in leaves.items() if leaf.requires_grad]
    gradients = torch.autograd.grad(y, [leaves[key] for key in wanted], upstream)
    add_case(
        family, name, op, attributes, inputs, {"y": y}, upstream=pack(upstream),
        gradients={key: pack(gradient) for key, gradient in zip(wanted, gradients)},
    )


def text(shape):
    return "x".join(str(extent) for extent in shape) if shape else "scalar"


def values(*items):
    return torch.tensor([float(item) for item in items])


# ---------------------------------------------------------------------------------------------------------------------
# Elementwise


def elementwise():
    family = "elementwise"
    binary = {
        "add": lambda a, b: a + b,
        "sub": lambda a, b: a - b,
        "mul": lambda a, b: a * b,
        "div": lambda a, b: a / b,
    }
    pairs = [
        ([2, 3], [2, 3]), ([2, 3], [3]), ([3], [2, 3]), ([2, 3], [2, 1]), ([2, 1], [2, 3]), ([2, 1], [1, 3]),
        ([2, 3], []), ([], [2, 3]), ([], []), ([2, 4, 3], [2, 1, 3]), ([2, 1, 3], [2, 4, 3]), ([2, 4, 3], [4, 1]),
        ([4, 3], [2, 1, 1]), ([2, 1, 3, 1], [1, 2, 1, 4]), ([1], [5]), ([0, 3], [3]),
    ]
    for op, function in binary.items():
        for left, right in pairs:
            name = f"{op}/{text(left)}_{text(right)}"
            random = Random(name)
            b = random.uniform(right, 0.5, 2.0) * (1.0 - 2.0 * random.integers(right, 0, 2).double())
            op_case(family, name, op, {}, {"a": random.uniform(left), "b": b if op == "div" else random.uniform(right)}, function)

    scalar_forms = {
        "add_scalar": lambda x, s: x + s,
        "sub_scalar": lambda x, s: x - s,
        "scalar_sub": lambda x, s: s - x,
        "mul_scalar": lambda x, s: x * s,
        "div_scalar": lambda x, s: x / s,
        "scalar_div": lambda x, s: s / x,
    }
    for op, function in scalar_forms.items():
        for scalar in (0.75, -3.0):
            name = f"{op}/{scalar}"
            x = Random(name).uniform([2, 3], 0.25, 2.0)
            op_case(family, name, op, {"scalar": scalar}, {"x": x}, lambda x, f=function, s=scalar: f(x, s))

    wide = values(-700, -40, -9.5, -3, -1, -1e-3, -1e-9, 0, 1e-9, 1e-3, 0.5, 1, 3, 9.5, 40, 700)
    unary = {
        "neg": (torch.neg, -2.0, 2.0, wide),
        "exp": (torch.exp, -3.0, 3.0, values(-745, -30, -1e-9, 0, 1e-9, 1, 30, 700)),
        "log": (torch.log, 0.1, 5.0, values(1e-300, 1e-9, 0.5, 1, 2, 1e9, 1e300)),
        "sqrt": (torch.sqrt, 0.1, 5.0, values(1e-300, 1e-9, 0.25, 1, 2, 1e9, 1e300)),
        "tanh": (torch.tanh, -2.0, 2.0, wide),
        "sigmoid": (torch.sigmoid, -3.0, 3.0, wide),
        "relu": (torch.relu, -2.0, 2.0, wide),
        "silu": (F.silu, -3.0, 3.0, wide),
    }
    for op, (function, low, high, edge) in unary.items():
        for label, x in (("3x4", Random(op).uniform([3, 4], low, high)), ("scalar", Random(op + "s").uniform([], low, high)),
                         ("edge", edge), ("empty", torch.zeros([2, 0]))):
            op_case(family, f"{op}/{label}", op, {}, {"x": x}, lambda x, f=function: f(x))
    for approximate in ("none", "tanh"):
        for label, x in (("3x4", Random("gelu").uniform([3, 4], -3, 3)), ("edge", wide), ("2x1x3", Random("gelu3").uniform([2, 1, 3]))):
            op_case(family, f"gelu_{approximate}/{label}", "gelu", {"approximate": approximate}, {"x": x},
                    lambda x, a=approximate: F.gelu(x, approximate=a))

    for exponent in (2.0, 3.0, 0.5, -1.0, 1.0, 1.5, 0.0):
        name = f"pow/positive_{exponent}"
        op_case(family, name, "pow", {"exponent": exponent}, {"x": Random(name).uniform([2, 3], 0.2, 2.0)},
                lambda x, e=exponent: torch.pow(x, e))
    for exponent in (2.0, 3.0, -2.0):
        name = f"pow/negative_{exponent}"
        op_case(family, name, "pow", {"exponent": exponent}, {"x": Random(name).uniform([2, 3], -2.0, -0.2)},
                lambda x, e=exponent: torch.pow(x, e))
    for left, right in (([2, 3], [2, 3]), ([2, 3], [3]), ([2, 1], [3]), ([2, 3], [])):
        name = f"pow_variable/{text(left)}_{text(right)}"
        random = Random(name)
        op_case(family, name, "pow_variable", {}, {"a": random.uniform(left, 0.2, 2.0), "b": random.uniform(right)},
                lambda a, b: torch.pow(a, b))
    for exponent in (2.0, 1.0, 0.0):
        op_case(family, f"pow/zero_{exponent}", "pow", {"exponent": exponent}, {"x": values(0, 1, -1)},
                lambda x, e=exponent: torch.pow(x, e))


# ---------------------------------------------------------------------------------------------------------------------
# Products


def products():
    family = "products"

    def matmul(a, b, transpose_a, transpose_b):
        a = a.transpose(-1, -2) if transpose_a else a
        b = b.transpose(-1, -2) if transpose_b else b
        return a @ b

    sizes = [
        ([], [], 2, 3, 4), ([], [], 1, 1, 1), ([], [], 1, 5, 1), ([], [], 5, 1, 3), ([], [], 7, 17, 9),
        ([3], [3], 2, 3, 4), ([3], [], 2, 3, 4), ([2, 2], [2, 2], 3, 2, 4), ([2, 2], [], 3, 2, 4),
    ]
    for left_batch, right_batch, m, k, n in sizes:
        for transpose_a in (False, True):
            for transpose_b in (False, True):
                a_shape = left_batch + ([k, m] if transpose_a else [m, k])
                b_shape = right_batch + ([n, k] if transpose_b else [k, n])
                if m * k * n > 500 and transpose_a != transpose_b:
                    continue
                name = f"matmul/{text(a_shape)}{'t' if transpose_a else ''}_{text(b_shape)}{'t' if transpose_b else ''}"
                random = Random(name)
                op_case(family, name, "matmul", {"transpose_a": transpose_a, "transpose_b": transpose_b},
                        {"a": random.uniform(a_shape), "b": random.uniform(b_shape)},
                        lambda a, b, ta=transpose_a, tb=transpose_b: matmul(a, b, ta, tb))
    for a_shape, b_shape in (
        ([2, 0], [0, 3]), ([0, 3], [3, 2]), ([0, 2, 3], [3, 2]),  # nothing to multiply
        ([2, 3], [4, 3, 2]), ([1, 2, 3], [4, 3, 2]), ([4, 2, 3], [1, 3, 2]), ([2, 1, 2, 3], [3, 3, 2]),  # broadcast batches
        ([3], [3]), ([3], [3, 2]), ([2, 3], [3]), ([4, 2, 3], [3]), ([3], [4, 3, 2]),  # vectors
    ):
        name = f"matmul/{text(a_shape)}_{text(b_shape)}"
        random = Random(name)
        op_case(family, name, "matmul", {"transpose_a": False, "transpose_b": False},
                {"a": random.uniform(a_shape), "b": random.uniform(b_shape)}, lambda a, b: a @ b)

    for x_shape, out_features in (([4, 3], 5), ([1, 3], 1), ([9, 16], 7), ([2, 3, 4], 5), ([1, 1, 2], 3), ([0, 3], 2)):
        for bias in (False, True):
            name = f"linear/{text(x_shape)}_{out_features}{'_bias' if bias else ''}"
            random = Random(name)
            inputs = {"x": random.uniform(x_shape), "weight": random.uniform([out_features, x_shape[-1]])}
            if bias:
                inputs["bias"] = random.uniform([out_features])
            op_case(family, name, "linear", {}, inputs, lambda x, weight, bias=None: F.linear(x, weight, bias))


# ---------------------------------------------------------------------------------------------------------------------
# Reductions. "dims" absent: over everything, to a scalar.


def reductions():
    family = "reductions"

    def reduce(op, x, dims, keepdim):
        if op == "max":
            if dims is None:
                return torch.max(x)
            if len(dims) == 1:
                return torch.max(x, dims[0], keepdim=keepdim).values
            return torch.amax(x, dims, keepdim=keepdim)
        function = torch.sum if op == "sum" else torch.mean
        return function(x) if dims is None else function(x, dims, keepdim=keepdim)

    def add(op, label, x, dims=None, keepdim=False):
        attributes = {} if dims is None else {"dims": dims, "keepdim": keepdim}
        over = "all" if dims is None else "_".join(str(d) for d in dims)
        name = f"{op}/{label}_over_{over}{'_keepdim' if keepdim else ''}"
        op_case(family, name, op, attributes, {"x": x}, lambda x: reduce(op, x, dims, keepdim))

    for op in ("sum", "mean", "max"):
        for shape, dims_list in (
            ([5], [[0]]), ([3, 4], [[0], [1], [-1]]), ([2, 3, 4], [[0], [1], [2], [0, 1], [1, 2], [0, 2], [0, 1, 2]]),
            ([2, 3, 2, 2], [[1], [0, 2], [1, 3]]),
        ):
            x = Random(f"{op}/{text(shape)}").uniform(shape)
            add(op, text(shape), x)
            for dims in dims_list:
                add(op, text(shape), x, dims)
                if len(shape) < 4:
                    add(op, text(shape), x, dims, True)
        add(op, "scalar", Random(f"{op}/scalar").uniform([]))
    for op in ("sum", "mean"):
        add(op, "empty_0", torch.zeros([0]))
        add(op, "empty_2x0", torch.zeros([2, 0]))
        add(op, "empty_2x0", torch.zeros([2, 0]), [1])
        add(op, "empty_2x0", torch.zeros([2, 0]), [0])
    # Ties: a maximum over everything splits its gradient evenly, a maximum along one dimension gives it to the first.
    tied = torch.tensor([[1.0, 3.0, 3.0], [3.0, 2.0, 2.0], [0.5, 0.5, 0.5]])
    add("max", "ties", tied)
    add("max", "ties", tied, [0])
    add("max", "ties", tied, [1])
    add("max", "ties", tied, [1], True)

    for op, function in (("softmax", F.softmax), ("log_softmax", F.log_softmax)):
        for shape, dims in (([5], [0]), ([3, 4], [0, 1, -1]), ([2, 3, 4], [0, 1, 2]), ([2, 1], [1]), ([2, 2, 3, 2], [1])):
            for dim in dims:
                name = f"{op}/{text(shape)}_dim_{dim}"
                op_case(family, name, op, {"dim": dim}, {"x": Random(name).uniform(shape, -4, 4)},
                        lambda x, f=function, d=dim: f(x, dim=d))
        large = torch.tensor([[1000.0, 999.0, -1000.0], [-1e8, -1e8, -1e8], [0.0, 0.0, 800.0]])
        op_case(family, f"{op}/large", op, {"dim": 1}, {"x": large}, lambda x, f=function: f(x, dim=1))
        op_case(family, f"{op}/large_dim_0", op, {"dim": 0}, {"x": large}, lambda x, f=function: f(x, dim=0))
    masked = torch.tensor([[0.5, -math.inf, 1.0], [-math.inf, -math.inf, 2.0]])
    op_case(family, "softmax/masked", "softmax", {"dim": 1}, {"x": masked}, lambda x: F.softmax(x, dim=1))


# ---------------------------------------------------------------------------------------------------------------------
# Shapes


def shapes():
    family = "shapes"

    def x_of(name, shape):
        return Random(name).uniform(shape)

    for source, target in (([2, 6], [3, 4]), ([2, 3, 2], [12]), ([4], [2, 1, 2]), ([1], []), ([], [1, 1]), ([0, 3], [3, 0])):
        name = f"reshape/{text(source)}_{text(target)}"
        op_case(family, name, "reshape", {"shape": target}, {"x": x_of(name, source)}, lambda x, t=target: x.reshape(t))
    for shape, first, second in (([2, 3], 0, 1), ([2, 3, 4], 1, 2), ([2, 3, 4], 0, 2), ([2, 3, 4], 0, 1), ([2, 3, 2, 2], 1, 2), ([2, 3], -1, -2)):
        name = f"transpose/{text(shape)}_{first}_{second}"
        op_case(family, name, "transpose", {"dims": [first, second]}, {"x": x_of(name, shape)},
                lambda x, a=first, b=second: x.transpose(a, b))
    for shape, order in (([2, 3], [1, 0]), ([2, 3, 4], [2, 0, 1]), ([2, 3, 4], [1, 2, 0]), ([2, 3, 4], [0, 1, 2]),
                         ([2, 3, 2, 2], [0, 2, 1, 3]), ([2, 3, 1, 2], [3, 1, 0, 2])):
        name = f"permute/{text(shape)}_{text(order)}"
        op_case(family, name, "permute", {"dims": order}, {"x": x_of(name, shape)}, lambda x, o=order: x.permute(o))
    for shape, dim, start, end in (([5], 0, 1, 4), ([3, 4], 0, 1, 3), ([3, 4], 1, 0, 2), ([3, 4], 1, 3, 4), ([2, 3, 4], 1, 1, 2),
                                   ([2, 3, 4], -1, 1, 3), ([3, 4], 0, 2, 2), ([3, 4], 0, 0, 3)):
        name = f"slice/{text(shape)}_dim_{dim}_{start}_{end}"
        op_case(family, name, "slice", {"dim": dim, "start": start, "end": end}, {"x": x_of(name, shape)},
                lambda x, d=dim, s=start, e=end: x.narrow(d, s, e - s))
    for parts, dim in (([[2], [3]], 0), ([[2, 3], [1, 3]], 0), ([[2, 3], [2, 1]], 1), ([[2, 1, 3], [2, 2, 3], [2, 4, 3]], 1),
                       ([[2, 3], [0, 3]], 0), ([[2, 2], [2, 3]], -1), ([[2, 3]], 0)):
        name = f"concat/{'_'.join(text(p) for p in parts)}_dim_{dim}"
        random = Random(name)
        inputs = {f"x{i}": random.uniform(part) for i, part in enumerate(parts)}
        op_case(family, name, "concat", {"dim": dim}, inputs, lambda d=dim, **xs: torch.cat(list(xs.values()), d))
    for count, width, ids in ((5, 3, [[0, 4, 2], [2, 2, 1]]), (4, 2, [3, 3, 3, 0]), (1, 4, [0]), (3, 1, [[2], [0]]), (6, 5, []),
                              (4, 3, [[[1, 2], [2, 1]], [[0, 0], [3, 1]]])):
        ids = torch.tensor(ids, dtype=torch.int64)
        name = f"embedding/{count}x{width}_{text(list(ids.shape))}"
        op_case(family, name, "embedding", {}, {"ids": ids, "weight": Random(name).uniform([count, width])},
                lambda ids, weight: F.embedding(ids, weight))


# ---------------------------------------------------------------------------------------------------------------------
# Small graphs in which a value is used more than once: gradients meet, and their memory must not.


def graphs():
    family = "graphs"
    attention = lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True)
    for op, shapes_of_inputs, function in (
        ("x_plus_x", {"x": [2, 3]}, lambda x: x + x),
        ("x_minus_x", {"x": [2, 3]}, lambda x: x - x),
        ("x_times_x", {"x": [2, 3]}, lambda x: x * x),
        ("x_over_x", {"x": [2, 3]}, lambda x: x / x),
        ("x_plus_x_plus_x", {"x": [2, 3]}, lambda x: x + x + x),
        ("x_plus_sum_twice", {"x": [2, 3], "r": [3]}, lambda x, r: x + (r + r)),
        ("scale_and_shift", {"x": [2, 3], "r": [3]}, lambda x, r: x * r + r),
        ("residual", {"x": [2, 3]}, lambda x: (x + torch.relu(x)) * (x - torch.tanh(x))),
        ("shared_sum", {"x": [2, 3], "r": [2, 3]}, lambda x, r: (x + r) * (x + r) + (x + r) + x),
        ("one_sum_used_thrice", {"x": [2, 3], "r": [2, 3]}, lambda x, r: (lambda z: z * z + z + x)(x + r)),
        ("matmul_self", {"x": [3, 3]}, lambda x: x @ x),
        ("gram", {"x": [2, 3]}, lambda x: x @ x.T),
        ("attend_self", {"x": [1, 2, 3, 4]}, lambda x: attention(x, x, x)),
        ("reshape_and_add", {"x": [2, 3]}, lambda x: x.reshape(3, 2) + x.reshape(3, 2)),
        ("reshape_and_keep", {"x": [2, 3]}, lambda x: x.reshape(6) * 2.0 + (x * x).reshape(6)),
        ("concat_self", {"x": [2, 3]}, lambda x: torch.cat([x, x * 2.0, x], 0)),
        ("slices", {"x": [4, 3]}, lambda x: x[0:2] * x[2:4] + x[1:3]),
        ("loss_of_two", {"x": [2, 3], "r": [2, 3]}, lambda x, r: (x - r).pow(2).mean() + x.sum() * 0.5),
    ):
        name = f"graph/{op}"
        random = Random(name)
        op_case(family, name, op, {}, {key: random.uniform(shape) for key, shape in shapes_of_inputs.items()}, function)


# ---------------------------------------------------------------------------------------------------------------------
# Normalisation and attention


def layers():
    family = "layers"
    for op in ("layer_norm", "rms_norm"):
        for shape in ([5], [3, 4], [2, 3, 5], [4, 1], [2, 17]):
            for eps in (1e-5, 1e-12, 1e-2):
                name = f"{op}/{text(shape)}_eps_{eps}"
                if eps == 1e-12 and shape == [4, 1]:
                    continue
                random = Random(name)
                inputs = {"x": random.uniform(shape), "weight": random.uniform(shape[-1:], 0.5, 1.5)}
                if op == "layer_norm":
                    inputs["bias"] = random.uniform(shape[-1:])
                    function = lambda x, weight, bias, e=eps: F.layer_norm(x, weight.shape, weight, bias, e)
                else:
                    function = lambda x, weight, e=eps: F.rms_norm(x, weight.shape, weight, e)
                op_case(family, name, op, {"eps": eps}, inputs, function)
        constant = torch.tensor([[2.0, 2.0, 2.0, 2.0], [0.0, 0.0, 0.0, 0.0], [100.0, 101.0, 99.0, 100.0]])
        weight = Random(op).uniform([4], 0.5, 1.5)
        if op == "layer_norm":
            op_case(family, f"{op}/constant", op, {"eps": 1e-5}, {"x": constant, "weight": weight, "bias": torch.zeros([4])},
                    lambda x, weight, bias: F.layer_norm(x, [4], weight, bias, 1e-5))
        else:
            op_case(family, f"{op}/constant", op, {"eps": 1e-5}, {"x": constant, "weight": weight},
                    lambda x, weight: F.rms_norm(x, [4], weight, 1e-5))

    # query [batch, heads, tokens, head_dim]
    for causal in (False, True):
        for batch, heads, tokens, head_dim in ((1, 1, 1, 4), (2, 2, 3, 4), (1, 3, 5, 3), (2, 1, 4, 7), (1, 2, 9, 5), (1, 1, 2, 1)):
            shape = [batch, heads, tokens, head_dim]
            name = f"scaled_dot_product_attention/{text(shape)}{'_causal' if causal else ''}"
            random = Random(name)
            op_case(family, name, "scaled_dot_product_attention", {"causal": causal},
                    {key: random.uniform(shape) for key in ("query", "key", "value")},
                    lambda query, key, value, c=causal: F.scaled_dot_product_attention(query, key, value, is_causal=c))
    name = "scaled_dot_product_attention/large_scores"
    random = Random(name)
    op_case(family, name, "scaled_dot_product_attention", {"causal": True},
            {"query": random.uniform([1, 1, 4, 2], -40, 40), "key": random.uniform([1, 1, 4, 2], -40, 40),
             "value": random.uniform([1, 1, 4, 2])},
            lambda query, key, value: F.scaled_dot_product_attention(query, key, value, is_causal=True))


# ---------------------------------------------------------------------------------------------------------------------
# Losses


def losses():
    family = "losses"

    def cross_entropy(label, logits, targets, weight=None, **attributes):
        inputs = {"logits": logits, "targets": torch.tensor(targets, dtype=torch.int64)}
        if weight is not None:
            inputs["weight"] = weight
        op_case(family, f"cross_entropy/{label}", "cross_entropy", attributes, inputs,
                lambda logits, targets, weight=None: F.cross_entropy(logits, targets, weight=weight, **attributes),
                fixed=("weight",))

    logits = Random("cross_entropy").uniform([6, 5], -3, 3)
    targets = [0, 4, 2, 2, 1, 3]
    some = [0, -100, 2, -100, 1, 3]
    weight = values(0.5, 2, 1, 0.25, 3)
    smoothing = {"label_smoothing": 0.1}
    cross_entropy("plain", logits, targets)
    cross_entropy("one_row", logits[:1], [3])
    cross_entropy("one_class", logits[:, :1], [0] * 6)
    cross_entropy("two_classes", logits[:, :2], [0, 1, 1, 0, 1, 0])
    cross_entropy("wide", Random("cross_entropy/wide").uniform([3, 33], -3, 3), [32, 0, 7])
    cross_entropy("large", torch.tensor([[1000.0, -1000.0, 0.0], [-1e6, -1e6, -1e6], [0.0, 0.0, 800.0]]), [0, 2, 1])
    cross_entropy("weight", logits, targets, weight)
    cross_entropy("weight_zero", logits, targets, values(0, 2, 1, 0, 3))
    cross_entropy("ignore", logits, some)
    cross_entropy("ignore_custom", logits, [0, 1, 2, 1, 1, 3], ignore_index=1)
    cross_entropy("ignore_all", logits, [-100] * 6)
    cross_entropy("smoothing", logits, targets, **smoothing)
    cross_entropy("smoothing_half", logits, targets, label_smoothing=0.5)
    cross_entropy("smoothing_one", logits, targets, label_smoothing=1.0)
    cross_entropy("weight_ignore", logits, some, weight)
    cross_entropy("weight_smoothing", logits, targets, weight, **smoothing)
    cross_entropy("ignore_smoothing", logits, some, **smoothing)
    cross_entropy("weight_ignore_smoothing", logits, some, weight, **smoothing)
    cross_entropy("ignore_all_smoothing", logits, [-100] * 6, **smoothing)
    cross_entropy("ignore_all_weight", logits, [-100] * 6, weight)
    cross_entropy("sum", logits, targets, reduction="sum")
    cross_entropy("sum_weight_ignore_smoothing", logits, some, weight, reduction="sum", **smoothing)
    cross_entropy("none", logits, targets, reduction="none")
    cross_entropy("none_weight_ignore_smoothing", logits, some, weight, reduction="none", **smoothing)

    for shape in ([5], [3, 4], [2, 1, 3], []):
        for reduction in ("mean", "sum"):
            name = f"mse/{text(shape)}_{reduction}"
            random = Random(name)
            op_case(family, name, "mse", {"reduction": reduction}, {"x": random.uniform(shape), "target": random.uniform(shape)},
                    lambda x, target, r=reduction: F.mse_loss(x, target, reduction=r))

    def bce(label, logits, targets, pos_weight=None, reduction="mean"):
        inputs = {"logits": logits, "targets": targets}
        if pos_weight is not None:
            inputs["pos_weight"] = pos_weight
        op_case(family, f"bce_with_logits/{label}", "bce_with_logits", {"reduction": reduction}, inputs,
                lambda logits, targets, pos_weight=None: F.binary_cross_entropy_with_logits(
                    logits, targets, pos_weight=pos_weight, reduction=reduction),
                fixed=("targets", "pos_weight"))

    random = Random("bce_with_logits")
    logits = random.uniform([4, 3], -3, 3)
    hard = random.integers([4, 3], 0, 2).double()
    soft = random.uniform([4, 3], 0, 1)
    bce("hard", logits, hard)
    bce("soft", logits, soft)
    bce("one_dimension", logits[0], hard[0])
    bce("sum", logits, soft, reduction="sum")
    bce("large", values(-700, -40, 0, 40, 700, 700, -700), values(0, 0, 1, 1, 1, 0, 1))
    bce("pos_weight", logits, hard, values(0.5, 1, 4))
    bce("pos_weight_soft", logits, soft, values(0.5, 1, 4))
    bce("pos_weight_large", values(-700, -40, 0, 40, 700, 700, -700), values(0, 0, 1, 1, 1, 0, 1), values(*[3] * 7))


# ---------------------------------------------------------------------------------------------------------------------
# Optimizers: row t of "parameters" is the parameter after step t; states are those after the last step.


def optimizers():
    family = "optimizers"
    states_of = {"sgd": ["momentum_buffer"], "adam": ["exp_avg", "exp_avg_sq"], "adamw": ["exp_avg", "exp_avg_sq"]}
    names = {"learning_rate": "lr", "epsilon": "eps"}

    def add(op, label, steps=6, size=7, scale=1.0, rates=None, **attributes):
        name = f"{op}/{label}"
        random = Random(name)
        start = random.uniform([size])
        gradients = random.uniform([steps, size]) * scale
        parameter = torch.nn.Parameter(start.clone())
        options = {names.get(key, key): value for key, value in attributes.items() if key not in ("beta1", "beta2")}
        if "beta1" in attributes:
            options["betas"] = (attributes["beta1"], attributes["beta2"])
        factory = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[op]
        optimizer = factory([parameter], foreach=False, **options)
        trace = []
        for step in range(steps):
            if rates:
                optimizer.param_groups[0]["lr"] = rates[step]
            parameter.grad = gradients[step].clone()
            optimizer.step()
            trace.append(parameter.detach().clone())
        outputs = {"parameters": torch.stack(trace)}
        for state in states_of[op]:
            value = optimizer.state[parameter].get(state)
            if value is not None:
                outputs[state] = value
        inputs = {"parameter": start, "gradients": gradients}
        if rates:
            inputs["learning_rates"] = torch.tensor(rates)
        add_case(family, name, op, attributes, inputs, outputs)

    warm = [0.0, 0.05, 0.1, 0.075, 0.05, 0.025]
    add("sgd", "plain", learning_rate=0.1)
    add("sgd", "weight_decay", learning_rate=0.1, weight_decay=0.01)
    add("sgd", "momentum", learning_rate=0.1, momentum=0.9)
    add("sgd", "momentum_long", steps=10, learning_rate=0.02, momentum=0.99)
    add("sgd", "dampening", learning_rate=0.1, momentum=0.9, dampening=0.3)
    add("sgd", "nesterov", learning_rate=0.1, momentum=0.9, nesterov=True)
    add("sgd", "nesterov_weight_decay", learning_rate=0.1, momentum=0.8, nesterov=True, weight_decay=0.05)
    add("sgd", "dampening_weight_decay", learning_rate=0.1, momentum=0.8, dampening=0.5, weight_decay=0.05)
    add("sgd", "rates", rates=warm, learning_rate=0.1, momentum=0.9, weight_decay=0.01)
    add("sgd", "one_element", size=1, learning_rate=0.1, momentum=0.9)
    for op in ("adam", "adamw"):
        add(op, "defaults", steps=10, learning_rate=1e-3)
        add(op, "fast", learning_rate=0.1)
        add(op, "weight_decay", steps=8, learning_rate=0.05, weight_decay=0.1)
        add(op, "no_weight_decay", learning_rate=0.05, weight_decay=0.0)
        add(op, "betas", learning_rate=0.05, beta1=0.8, beta2=0.95, weight_decay=0.02)
        add(op, "epsilon", learning_rate=0.05, epsilon=1e-2)
        add(op, "tiny_gradients", learning_rate=0.05, scale=1e-7)
        add(op, "huge_gradients", learning_rate=0.05, scale=1e6)
        add(op, "rates", rates=warm, learning_rate=0.1, weight_decay=0.05)
        add(op, "zero_beta1", learning_rate=0.05, beta1=0.0, beta2=0.999)
        add(op, "one_element", size=1, learning_rate=0.05)


def clipping():
    family = "clipping"

    def norm(label, gradients, max_norm):
        parameter = torch.nn.Parameter(torch.zeros_like(gradients))
        parameter.grad = gradients.clone()
        total = torch.nn.utils.clip_grad_norm_([parameter], max_norm)
        add_case(family, f"clip_grad_norm/{label}", "clip_grad_norm", {"max_norm": max_norm}, {"gradients": gradients},
                 {"gradients": parameter.grad, "norm": total})

    def value(label, gradients, clip_value):
        parameter = torch.nn.Parameter(torch.zeros_like(gradients))
        parameter.grad = gradients.clone()
        torch.nn.utils.clip_grad_value_([parameter], clip_value)
        add_case(family, f"clip_grad_value/{label}", "clip_grad_value", {"clip_value": clip_value}, {"gradients": gradients},
                 {"gradients": parameter.grad})

    gradients = Random("clip").uniform([23])
    norm("above", gradients, 1.0)
    norm("below", gradients, 100.0)
    norm("just_below", values(3, 4), 5.0)
    norm("tiny", gradients * 1e-9, 1e-9)
    norm("zeros", torch.zeros([5]), 1.0)
    norm("one", values(-7), 0.5)
    norm("many", Random("clip/many").uniform([301]), 2.5)
    norm("zero_max_norm", gradients, 0.0)
    value("half", gradients, 0.5)
    value("wide", gradients, 10.0)
    value("infinite", values(-math.inf, 1, math.inf), 3.0)


# ---------------------------------------------------------------------------------------------------------------------
# Schedules: the multiplier before each optimizer step, steps 0, 1, 2, ...


def schedules():
    family = "schedules"

    def run(make, count):
        parameter = torch.nn.Parameter(torch.zeros([1]))
        optimizer = torch.optim.SGD([parameter], lr=1.0, momentum=0.9)
        scheduler = make(optimizer)
        rates, momenta = [], []
        for step in range(count):
            rates.append(optimizer.param_groups[0]["lr"])
            momenta.append(optimizer.param_groups[0]["momentum"])
            if step + 1 < count:
                optimizer.step()
                scheduler.step()
        return torch.tensor(rates), torch.tensor(momenta)

    def add(op, label, make, count, **attributes):
        rates, momenta = run(make, count)
        outputs = {"multiplier": rates}
        if attributes.get("cycle_momentum", False):
            outputs["momentum"] = momenta
        add_case(family, f"{op}/{label}", op, attributes, {}, outputs)

    add("constant_schedule", "plain", hf.get_constant_schedule, 5)
    for warmup in (0, 1, 4):
        add("constant_with_warmup", f"{warmup}", lambda o, w=warmup: hf.get_constant_schedule_with_warmup(o, w), 8, warmup_steps=warmup)
    for warmup, total in ((0, 10), (3, 10), (1, 2), (5, 5), (0, 1)):
        add("linear_with_warmup", f"{warmup}_{total}", lambda o, w=warmup, t=total: hf.get_linear_schedule_with_warmup(o, w, t),
            total + 3, warmup_steps=warmup, total_steps=total)
    for warmup, total, cycles in ((0, 10, 0.5), (3, 12, 0.5), (2, 12, 1.0), (1, 9, 1.75), (4, 4, 0.5)):
        add("cosine_with_warmup", f"{warmup}_{total}_{cycles}",
            lambda o, w=warmup, t=total, c=cycles: hf.get_cosine_schedule_with_warmup(o, w, t, c),
            total + 3, warmup_steps=warmup, total_steps=total, cycles=cycles)
    for step_size, gamma in ((1, 0.9), (3, 0.1), (4, 0.5)):
        add("step_decay", f"{step_size}_{gamma}", lambda o, s=step_size, g=gamma: torch.optim.lr_scheduler.StepLR(o, s, g),
            12, step_size=step_size, gamma=gamma)
    for warmup, total, power, end in ((0, 10, 1.0, 1e-7), (3, 12, 2.0, 0.1), (2, 9, 0.5, 0.0)):
        add("polynomial_with_warmup", f"{warmup}_{total}_{power}_{end}",
            lambda o, w=warmup, t=total, p=power, e=end: hf.get_polynomial_decay_schedule_with_warmup(o, w, t, lr_end=e, power=p),
            total + 3, warmup_steps=warmup, total_steps=total, power=power, end_multiplier=end)
    for label, total, options in (
        ("defaults", 20, {}),
        ("linear", 20, {"anneal_strategy": "linear"}),
        ("early_peak", 15, {"pct_start": 0.1, "div_factor": 10.0, "final_div_factor": 100.0}),
        ("three_phase", 20, {"three_phase": True, "pct_start": 0.4}),
        ("momenta", 11, {"base_momentum": 0.7, "max_momentum": 0.99}),
    ):
        names = {"pct_start": "warmup_fraction", "div_factor": "initial_divisor", "final_div_factor": "final_divisor",
                 "anneal_strategy": "anneal"}
        add("one_cycle", label, lambda o, t=total, k=options: torch.optim.lr_scheduler.OneCycleLR(o, max_lr=1.0, total_steps=t, **k),
            total, total_steps=total, cycle_momentum=True, **{names.get(key, key): value for key, value in options.items()})


# ---------------------------------------------------------------------------------------------------------------------
# Training: everything together. Outputs: the loss and the norm of the gradients of each step, and the last parameters.


def training():
    family = "training"

    def train(label, op, attributes, parameters, data, loss_of, optimizer_of, scheduler_of, max_norm):
        """Ten steps of `loss_of(parameters, batch)`; the leading dimension of `data` counts steps."""
        leaves = {key: torch.nn.Parameter(value.clone()) for key, value in parameters.items()}
        optimizer = optimizer_of(leaves)
        scheduler = scheduler_of(optimizer)
        steps_taken, norms = [], []
        for step in range(next(iter(data.values())).shape[0]):
            loss = loss_of(leaves, {key: value[step] for key, value in data.items()})
            optimizer.zero_grad()
            loss.backward()
            norms.append(float(torch.nn.utils.clip_grad_norm_(leaves.values(), max_norm)))
            optimizer.step()
            scheduler.step()
            steps_taken.append(float(loss.detach()))
        outputs = {"losses": torch.tensor(steps_taken), "norms": torch.tensor(norms)}
        outputs.update({key: leaf.detach() for key, leaf in leaves.items()})
        add_case(family, label, op, {**attributes, "max_norm": max_norm}, {**parameters, **data}, outputs)

    # A classifier: two layers, SGD with Nesterov momentum, a cosine.
    random = Random("training/classifier")
    parameters = {
        "hidden.weight": random.uniform([16, 6], -0.5, 0.5), "hidden.bias": random.uniform([16], -0.1, 0.1),
        "output.weight": random.uniform([4, 16], -0.5, 0.5), "output.bias": random.uniform([4], -0.1, 0.1),
    }
    data = {"inputs": random.uniform([10, 8, 6]), "targets": random.integers([10, 8], 0, 4)}

    def classifier(p, batch):
        hidden = torch.relu(F.linear(batch["inputs"], p["hidden.weight"], p["hidden.bias"]))
        return F.cross_entropy(F.linear(hidden, p["output.weight"], p["output.bias"]), batch["targets"])

    options = {"learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0.01}
    train("classifier", "classifier", {**options, "warmup_steps": 2, "total_steps": 10}, parameters, data, classifier,
          lambda p: torch.optim.SGD(p.values(), lr=0.1, momentum=0.9, weight_decay=0.01, nesterov=True),
          lambda o: hf.get_cosine_schedule_with_warmup(o, 2, 10), 1.0)

    # A small GPT: two blocks, tied embedding, AdamW with weight decay on matrices only, linear warm-up and decay.
    random = Random("training/gpt")
    vocabulary, time, width, heads, batch = 11, 5, 8, 2, 3
    parameters = {"wte": random.uniform([vocabulary, width], -0.3, 0.3), "wpe": random.uniform([time, width], -0.1, 0.1)}

    def add_norm(name):
        parameters[f"{name}.weight"] = random.uniform([width], 0.8, 1.2)
        parameters[f"{name}.bias"] = random.uniform([width], -0.1, 0.1)

    def add_linear(name, out_features, in_features):
        parameters[f"{name}.weight"] = random.uniform([out_features, in_features], -0.4, 0.4)
        parameters[f"{name}.bias"] = random.uniform([out_features], -0.1, 0.1)

    for block in range(2):
        add_norm(f"h.{block}.ln_1")
        add_linear(f"h.{block}.attn", 3 * width, width)
        add_linear(f"h.{block}.proj", width, width)
        add_norm(f"h.{block}.ln_2")
        add_linear(f"h.{block}.fc", 4 * width, width)
        add_linear(f"h.{block}.out", width, 4 * width)
    add_norm("ln_f")
    targets = random.integers([10, batch, time], 0, vocabulary)
    targets[:, 0, 0] = -100  # padding
    data = {"ids": random.integers([10, batch, time], 0, vocabulary), "targets": targets}

    def gpt(p, batch):
        def norm(x, name):
            return F.layer_norm(x, [width], p[f"{name}.weight"], p[f"{name}.bias"])

        def linear(x, name):
            return F.linear(x, p[f"{name}.weight"], p[f"{name}.bias"])

        x = F.embedding(batch["ids"], p["wte"]) + p["wpe"]
        for block in range(2):
            name = f"h.{block}"
            qkv = linear(norm(x, f"{name}.ln_1"), f"{name}.attn")
            q, k, v = (part.reshape(*part.shape[:2], heads, -1).transpose(1, 2) for part in qkv.split(width, dim=2))
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(x.shape)
            x = x + linear(y, f"{name}.proj")
            x = x + linear(F.gelu(linear(norm(x, f"{name}.ln_2"), f"{name}.fc"), approximate="tanh"), f"{name}.out")
        logits = F.linear(norm(x, "ln_f"), p["wte"])
        return F.cross_entropy(logits.flatten(0, 1), batch["targets"].flatten())

    def groups(p):
        decayed = [value for value in p.values() if value.dim() > 1]
        others = [value for value in p.values() if value.dim() <= 1]
        return torch.optim.AdamW([{"params": decayed}, {"params": others, "weight_decay": 0.0}], lr=0.01, weight_decay=0.1)

    train("gpt", "gpt", {"learning_rate": 0.01, "weight_decay": 0.1, "warmup_steps": 3, "total_steps": 12, "heads": heads,
                         "blocks": 2}, parameters, data, gpt, groups, lambda o: hf.get_linear_schedule_with_warmup(o, 3, 12), 0.5)


def main():
    for build in (elementwise, products, reductions, shapes, graphs, layers, losses, optimizers, clipping, schedules, training):
        build()
    for family, cases in families.items():
        header = {"family": family, "cases": len(cases), "dtype": "float64", "torch": torch.__version__,
                  "transformers": transformers.__version__}
        lines = [json.dumps(line, separators=(",", ":"), allow_nan=False) for line in [header, *cases]]
        path = here / f"{family}.jsonl"
        path.write_text("\n".join(lines) + "\n")
        print(f"{path.name}: {len(cases)} cases, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
