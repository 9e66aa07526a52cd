"""A generator as ONNX: the same walk through the same named layers, for runtimes without torch (a browser's, too).

    model = onnx_model(generator, half=True)                      # an onnx.ModelProto; model.SerializeToString()
    session.run(["images", "8x8/conv1"], {"z": z, "resolution": 64, "alpha": 0.35, "8x8/conv1.mask": ..., ...})

Inputs:  `z` N x D and, where the network takes labels, `labels` N x L, one-hot; `resolution` and `alpha`, the moment of
the fade; and for every layer `8x8/conv1.mask` and `.value`, N x U x h x w or 1 on any axis: x becomes
x (1 - mask) + value mask, which is every edit of GAN Dissection (0 masks leave the layer alone).
Outputs: `images` N x C x r x r; `8x8/rgb`, a picture before blending; `8x8/conv1`, an activation as `Generator.run`
keeps it, before edits. What lies beyond `resolution` is not computed and comes out empty.

Weights are stored as the checkpoint stores them, in float16 or float32; the constants c, and the kernels that up-sample
and convolve in one, are made of them when a runtime loads the file. Everything is computed in float32.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from pgan_core.generator import Generator, rgb_name
from pgan_core.generator_config import GeneratorConfig, GeneratorLayer

if TYPE_CHECKING:
    from onnx import ModelProto

FORMAT = "pggan-lab onnx 1"
OPSET, IR_VERSION = 18, 9  # old enough for every runtime of the last years

# Taps of a doubled row: an even place reads the pixel before it once and its own twice, an odd one the other way round.
EVEN, ODD = np.array([[1, 0, 0], [0, 1, 1]]), np.array([[1, 1, 0], [0, 0, 1]])


def onnx_model(generator: Generator, *, half: bool = True) -> ModelProto:
    """The generator as an ONNX model; `half` stores weights in float16.

    Only a network as it was loaded is written: raises ValueError for a prepared one, a variant, and other generators.
    """
    if not isinstance(generator, Generator):
        raise ValueError("only a Progressive GAN can be written as ONNX, not another generator")
    if generator.form is not None or generator.norm_kind != "on" or not generator.equalized:
        raise ValueError("only a generator as it was loaded can be written as ONNX, not a prepared one or a variant")
    return _Writer(generator, half).model()


class _Writer:
    """Writes nodes in the order of the walk; constants are the main graph's, whatever branch uses them."""

    def __init__(self, generator: Generator, half: bool):
        from onnx import TensorProto, helper, numpy_helper  # a command that needs no ONNX does not wait for it

        self.generator, self.half = generator, half
        self.config: GeneratorConfig = generator.config
        self.helper, self.to_tensor = helper, numpy_helper.from_array
        self.FLOAT, self.INT64 = TensorProto.FLOAT, TensorProto.INT64
        self.nodes: list = []
        self.constants: dict[str, np.ndarray] = {}

    # ---- small words ---------------------------------------------------------------------------------------------

    def op(self, name: str, kind: str, inputs: Sequence[str], **attributes) -> str:
        """A node with one output, which is called as the node."""
        self.nodes.append(self.helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, name: str, values, dtype: type = np.float32) -> str:
        self.constants.setdefault(name, np.asarray(values, dtype))
        return name

    def value(self, name: str, shape: Sequence[str | int] | None = None, kind: int | None = None):
        return self.helper.make_tensor_value_info(name, kind or self.FLOAT, shape)

    def branch(self, name: str, outputs: Sequence[str], nodes: list):
        return self.helper.make_graph(nodes, name, [], [self.value(output) for output in outputs])

    def condition(self, name: str, condition: str, outputs: Sequence[str], then, otherwise) -> None:
        node = self.helper.make_node("If", [condition], list(outputs), name, then_branch=then, else_branch=otherwise)
        self.nodes.append(node)

    # ---- the network ---------------------------------------------------------------------------------------------

    def model(self) -> ModelProto:
        sizes, specs = self.config.sizes, self.generator.specs
        x = self.latent()
        blocks = {size: [spec for spec in specs if spec.resolution == size] for size in sizes}
        x, picture = self.block(blocks[sizes[0]], x, "")
        old = new = picture or self.constant("no picture", np.zeros((0, self.config.image_channels, 4, 4)))
        for size in sizes[1:]:
            x, old, new = self.block_if_reached(size, blocks[size], x, old, new)
        self.blend(old, new)
        graph = self.helper.make_graph(
            self.nodes, "generator", self.inputs(), self.outputs(),
            [self.to_tensor(values, name) for name, values in self.constants.items()],
        )  # fmt: skip
        opset = self.helper.make_opsetid("", OPSET)
        model = self.helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION, producer_name="pggan-lab")
        facts = {"format": FORMAT, "config": json.dumps(asdict(self.config))}
        self.helper.set_model_props(model, facts)
        return model

    def inputs(self) -> list:
        config = self.config
        found = [self.value("z", ["N", config.latent_dim])]
        if config.label_dim:
            found.append(self.value("labels", ["N", config.label_dim]))
        found += [self.value("resolution", [], self.INT64), self.value("alpha", [])]
        for name in self.generator.layer_names:
            found += [self.value(f"{name}.{part}", [f"{name}.{part}.{axis}" for axis in "NUhw"]) for part in EDIT]
        return found

    def outputs(self) -> list:
        found = [self.value("images", ["N", self.config.image_channels, "r", "r"])]
        for spec in self.generator.specs:
            size = spec.resolution if spec.resolution == self.config.sizes[0] else None  # beyond it: perhaps empty
            shape = ["N", spec.out_features, size, size] if size else [None, spec.out_features, None, None]
            found.append(self.value(spec.name, shape))
        return found

    def latent(self) -> str:
        """Generator._input: latent and labels, normalised as the configuration says."""
        config, x = self.config, "z"
        if config.latent_norm in ("latent", "both"):
            x = self.norm("z:norm", x, config.latent_norm_eps)
        if config.label_dim:
            labels = "labels"
            if (embedding := self.generator.label_embedding) is not None:
                matrix = self.constant("label_embedding", embedding.detach().cpu())
                labels = self.op("labels:embedded", "MatMul", [labels, matrix])
            x = self.op("latent:joined", "Concat", [x, labels], axis=1)
        return self.norm("latent:norm", x, config.latent_norm_eps) if config.latent_norm in ("joint", "both") else x

    def block_if_reached(self, size: int, specs: Sequence[GeneratorLayer], x: str, old: str, new: str) -> tuple:
        """A size's layers, computed only where the walk comes so far; else its outputs are empty."""
        reached = self.op(f"{size}:reached", "LessOrEqual", [self.constant(f"{size}", size, np.int64), "resolution"])
        main, self.nodes = self.nodes, []
        deeper, picture = self.block(specs, x, ":inner")
        inner = (deeper, new, picture) if picture else (deeper, old, new)  # not every size has a to-RGB
        names = [spec.name for spec in specs]
        carried = [self.op(f"{size}:{part}:inner", "Identity", [y]) for part, y in zip(CARRIED, inner, strict=True)]
        then = self.branch(f"{size}:then", [*carried, *(f"{name}:inner" for name in names)], self.nodes)
        self.nodes = []
        kept = [
            self.op(f"{size}:{part}:before", "Identity", [y]) for part, y in zip(CARRIED, (x, old, new), strict=True)
        ]
        empty = [
            self.op(f"{spec.name}:empty", "Identity", [self.constant(f"{spec.out_features} empty", self.no(spec))])
            for spec in specs
        ]
        otherwise = self.branch(f"{size}:else", [*kept, *empty], self.nodes)
        self.nodes = main
        outputs = [f"{size}:{part}" for part in CARRIED]
        self.condition(f"{size}:if", reached, [*outputs, *names], then, otherwise)
        return tuple(outputs)

    @staticmethod
    def no(spec: GeneratorLayer) -> np.ndarray:
        return np.zeros((0, spec.out_features, 0, 0))

    def block(self, specs: Sequence[GeneratorLayer], x: str, suffix: str) -> tuple[str, str]:
        """The layers of one size: what they pass on and the picture of this size, "" without one."""
        picture = ""
        for spec in specs:
            y = self.linear(spec, x, spec.name + (suffix if spec.kind == "rgb" else ":pre"))
            if spec.kind == "rgb":
                picture = y
                continue
            before = self.config.pixel_norm == "before"
            y = self.pixel_norm(spec, y) if before else y
            y = self.edited(spec.name, self.nonlinearity(spec.name + suffix, y))
            x = y if before else self.pixel_norm(spec, y)
        return x, picture

    def linear(self, spec: GeneratorLayer, x: str, name: str) -> str:
        layer = self.generator.layers[spec.name]
        bias = layer.effective_bias().detach().cpu().numpy()
        weight = self.weight(spec.name, layer)
        if spec.kind == "dense":
            y = self.op(f"{spec.name}:product", "Gemm", [x, weight], transB=1)
            y = self.op(
                f"{spec.name}:map", "Reshape", [y, self.constant("map", [-1, spec.out_features, 4, 4], np.int64)]
            )
            places = bias.reshape(1, -1, *(bias.shape[1:] or (1, 1)))
            return self.op(name, "Add", [y, self.constant(f"{spec.name}/bias", places)])
        if not spec.upsamples:
            pad = layer.weight.shape[-1] // 2
            return self.op(name, "Conv", [x, weight, self.constant(f"{spec.name}/bias", bias)], pads=[pad] * 4)
        return self.upsampling(spec, x, weight, bias, name)

    def weight(self, name: str, layer) -> str:
        """The effective weight w c, made of the stored one when the file is loaded."""
        stored = layer.weight.detach().cpu().numpy()
        weight = self.constant(f"{name}/weight", stored, np.float16 if self.half else np.float32)
        weight = self.op(f"{name}/weight:float", "Cast", [weight], to=self.FLOAT) if self.half else weight
        return self.op(f"{name}/weight:effective", "Mul", [weight, self.constant(f"{name}/c", layer.c)])

    def upsampling(self, spec: GeneratorLayer, x: str, weight: str, bias: np.ndarray, name: str) -> str:
        """Nearest-neighbour 2x and a 3x3 convolution, as one convolution of 2x2 taps with four outputs a feature, one
        for each place of a doubled pixel: 16 multiply-adds where the plain form spends 36.
        """
        layer, (out, into) = spec.name, (spec.out_features, spec.in_features)
        taps = np.stack(
            [np.einsum("ay,bx->yxab", p, q).reshape(9, 4) for p in (ODD, EVEN) for q in (ODD, EVEN)], axis=1
        )
        rows = self.op(f"{layer}/rows", "Reshape", [weight, self.constant(f"{layer}/rows shape", [-1, 9], np.int64)])
        four = self.op(f"{layer}/four", "MatMul", [rows, self.constant("four kernels", taps.reshape(9, 16))])
        shape = self.constant(f"{layer}/four shape", [out, into, 4, 2, 2], np.int64)
        four = self.op(f"{layer}/split", "Reshape", [four, shape])
        four = self.op(f"{layer}/by place", "Transpose", [four], perm=[2, 0, 1, 3, 4])
        shape = self.constant(f"{layer}/kernel shape", [4 * out, into, 2, 2], np.int64)
        kernel = self.op(f"{layer}/kernel", "Reshape", [four, shape])
        biases = self.constant(f"{layer}/bias", np.tile(bias, 4))
        y = self.op(f"{layer}:four", "Conv", [x, kernel, biases], pads=[1, 1, 1, 1])
        y = self.op(f"{layer}:doubled", "DepthToSpace", [y], blocksize=2)  # one place too large on every side
        sides = [self.constant(f"slice {part}", at, np.int64) for part, at in (("from", [1, 1]), ("to", [-1, -1]))]
        return self.op(name, "Slice", [y, *sides, self.constant("slice axes", [2, 3], np.int64)])

    def nonlinearity(self, name: str, x: str) -> str:
        if self.config.activation == "relu":
            return self.op(name, "Relu", [x])
        return self.op(name, "LeakyRelu", [x], alpha=self.config.slope)

    def edited(self, layer: str, x: str) -> str:
        """x (1 - mask) + value mask; the layer's inputs are small where nothing or a whole map is edited."""
        mask, value = (f"{layer}.{part}" for part in EDIT)
        left = self.op(f"{layer}:left", "Sub", [self.constant("one", 1.0), mask])
        set_to = self.op(f"{layer}:set", "Mul", [value, mask])
        kept = self.op(f"{layer}:kept", "Mul", [x, left])
        return self.op(f"{layer}:edited", "Add", [kept, set_to])

    def pixel_norm(self, spec: GeneratorLayer, x: str) -> str:
        if self.config.pixel_norm == "off" or spec.name in self.config.pixel_norm_skip:
            return x
        return self.norm(f"{spec.name}:norm", x, self.config.pixel_norm_eps)

    def norm(self, name: str, x: str, eps: float) -> str:
        """x / sqrt(mean over features of x^2 + eps), section 4.2; MMGeneration adds eps outside the root."""
        square = self.op(f"{name}:square", "Mul", [x, x])
        mean = self.op(f"{name}:mean", "ReduceMean", [square, self.constant("axis 1", [1], np.int64)], keepdims=1)
        small, outside = self.constant(f"{name}:eps", eps), self.config.pixel_norm_eps_outside
        under = mean if outside else self.op(f"{name}:under", "Add", [mean, small])
        root = self.op(f"{name}:root", "Sqrt", [under])
        return self.op(name, "Div", [x, self.op(f"{name}:scale", "Add", [root, small]) if outside else root])

    # ---- figure 2 ------------------------------------------------------------------------------------------------

    def blend(self, old: str, new: str) -> None:
        """images = (1 - alpha) * enlarged old + alpha * new while a size above the first fades in, and the output."""
        smallest = self.constant("smallest", self.config.sizes[0], np.int64)
        above = self.op("above the first size", "Greater", ["resolution", smallest])
        partly = self.op("alpha below 1", "Less", ["alpha", self.constant("one", 1.0)])
        fading = self.op("fading", "And", [above, partly])
        main, self.nodes = self.nodes, []
        whole = self.output("images:whole", new)
        otherwise, self.nodes = self.branch("whole", [whole], self.nodes), []
        first = self.config.output_first
        pair = [self.output("old:output", old), self.output("new:output", new)] if first else [old, new]
        large = self.op(
            "old:enlarged", "Resize", [pair[0], "", self.constant("doubled", [1, 1, 2, 2])], mode="nearest",
            coordinate_transformation_mode="asymmetric", nearest_mode="floor",
        )  # fmt: skip
        change = self.op("change", "Mul", [self.op("difference", "Sub", [pair[1], large]), "alpha"])
        mixed = self.op("mixed", "Add", [large, change])
        faded = self.op("images:faded", "Identity", [mixed]) if first else self.output("images:faded", mixed)
        then, self.nodes = self.branch("faded", [faded], self.nodes), main
        self.condition("blend", fading, ["images"], then, otherwise)

    def output(self, name: str, x: str) -> str:
        if self.config.output == "clamp":
            return self.op(name, "Clip", [x, self.constant("black", -1.0), self.constant("white", 1.0)])
        return self.op(name, {"linear": "Identity", "tanh": "Tanh"}[self.config.output], [x])


EDIT = ("mask", "value")
CARRIED = ("x", "old", "new")  # from size to size: what the layers pass on, and the pictures of the last two sizes


def fading_sizes(generator: Generator) -> tuple[int, ...]:
    """The sizes that can fade in: those whose half has a to-RGB layer as well."""
    return tuple(r for r in generator.resolutions if rgb_name(r // 2) in {s.name for s in generator.specs})
