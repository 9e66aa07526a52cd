"""Any `torch.nn.Module` as blocks of an architecture drawing, its convolutions told apart by how they are made.

    from dashboard.figures.architecture import chain_drawing
    from dashboard.figures.architecture_paper import draw, save
    from dashboard.figures.module_blocks import describe
    blocks = describe(network, example=torch.zeros(1, 3, 256, 256))
    open("network.pdf", "wb").write(save(draw(chain_drawing(blocks, per_row=24), "Inpainting network"), "pdf"))

Modules are named by their path ("encoder.0.conv"). What cannot be seen from outside can be said by path:
``kinds={"encoder.3": "gated_conv", "decoder.attention": ("other", "Attention")}``.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, fx, nn
from torch.nn.utils import parametrize
from torch.nn.utils.spectral_norm import SpectralNorm

from dashboard.figures.architecture import KINDS, Block

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
NORMS = (
    nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d,
    nn.GroupNorm, nn.LayerNorm, nn.LocalResponseNorm,
)  # fmt: skip
UNTRACEABLE = (fx.proxy.TraceError, AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError)
POOLS = (nn.AvgPool2d, nn.MaxPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)
SILENT = (nn.Identity, nn.Dropout, nn.Dropout2d, nn.Flatten, nn.Unflatten)


def describe(
    module: nn.Module,
    paths: Sequence[str] | None = None,
    *,
    example: Tensor | tuple | None = None,
    kinds: Mapping[str, str | tuple[str, str]] | None = None,
) -> list[Block]:
    """The blocks of a module in order: those that ``paths`` name, or all its leaves and gated convolutions.

    example: an input (or a tuple of them); with it blocks stand in the order in which they are called and know their
    output's size. kinds: path to a kind (a key of `architecture.KINDS`), or to (kind, label). Raises ValueError for
    a path that is not in the module and for an unknown kind.
    """
    kinds = dict(kinds or {})
    known = dict(module.named_modules())
    for path in [*(paths or ()), *kinds]:
        if path not in known:
            raise ValueError(f"the module has no part {path!r}")
    for kind in kinds.values():
        if (kind if isinstance(kind, str) else kind[0]) not in KINDS:
            raise ValueError(f"a kind is one of {', '.join(KINDS)}, not {kind!r}")
    chosen = list(paths) if paths is not None else _parts(module, kinds)
    shapes = {} if example is None else _shapes(module, chosen, example)
    if example is not None and paths is None:
        chosen = list(shapes)  # as called; what is never called is not drawn
    return [_block(path, known[path], kinds.get(path), shapes.get(path)) for path in chosen]


def _parts(module: nn.Module, kinds: Mapping) -> list[str]:
    """Paths of leaves, of gated convolutions and of what the user named, none of them inside another."""
    found: list[str] = []
    for path, part in module.named_modules():
        if any(path.startswith(f"{above}.") for above in found):
            continue
        # a parametrized layer (spectral norm) has children but is a leaf to us
        leaf = not list(part.children()) or parametrize.is_parametrized(part)
        if (path in kinds or leaf or is_gated(part)) and not isinstance(part, SILENT):
            found.append(path)
    return found


def _shapes(module: nn.Module, paths: Sequence[str], example: Tensor | tuple) -> dict[str, tuple[int, ...]]:
    """Output shape of one sample by path, in the order of the calls; the hooks are gone when this returns."""
    shapes: dict[str, tuple[int, ...]] = {}
    known = dict(module.named_modules())

    def note(path):
        def hook(_module, _inputs, output):
            if isinstance(output, Tensor):
                shapes.setdefault(path, tuple(output.shape[1:]))

        return hook

    hooks = [known[path].register_forward_hook(note(path)) for path in paths]
    was_training = module.training
    try:
        module.eval()
        with torch.no_grad():
            module(*(example if isinstance(example, tuple) else (example,)))
    finally:
        module.train(was_training)
        for hook in hooks:
            hook.remove()
    return shapes


def _block(path: str, part: nn.Module, said: str | tuple[str, str] | None, shape) -> Block:
    kind, label = (said, None) if isinstance(said, str) else said or (kind_of(part), None)
    count = sum(p.numel() for p in part.parameters())
    return Block(path, kind, label or _label(part), shape, f"{count:,} parameters" if count else "")


def kind_of(part: nn.Module) -> str:
    """The kind of a block by what the module is: gated before spectrally normalised before dilated."""
    if is_gated(part):
        return "gated_conv"
    if isinstance(part, CONVOLUTIONS):
        if is_spectral(part):
            return "spectral_conv"
        return "dilated_conv" if max(part.dilation) > 1 else "plain_conv"
    for kind, types in {
        "plain_dense": nn.Linear,
        "norm": NORMS,
        "upsample": (nn.Upsample, nn.PixelShuffle),
        "downsample": POOLS,
    }.items():
        if isinstance(part, types):
            return kind
    return "activation" if type(part).__module__ == "torch.nn.modules.activation" else "other"


def is_spectral(part: nn.Module) -> bool:
    """Whether the weight is spectrally normalised, by torch's parametrization or by its older hook."""
    if parametrize.is_parametrized(part, "weight"):
        return any(type(p).__name__ == "_SpectralNorm" for p in part.parametrizations.weight)  # torch keeps it private
    return any(isinstance(hook, SpectralNorm) for hook in part._forward_pre_hooks.values())


def is_gated(part: nn.Module) -> bool:
    """Whether the module is a convolution multiplied by the sigmoid of a second one (Yu et al. 2019), as it computes.

    Looked for only in a module that holds exactly two convolutions itself, by tracing its forward.
    """
    convolutions = {name for name, child in part.named_children() if isinstance(child, CONVOLUTIONS)}
    if len(convolutions) != 2:
        return False
    try:
        graph = _Tracer().trace(part)
    except UNTRACEABLE:  # a forward whose course depends on its input cannot be traced: say it with `kinds`
        return False
    return any(_multiplies_by_gate(node, part, convolutions) for node in graph.nodes)


class _Tracer(fx.Tracer):
    """Records the calls of the module's own children and looks into none of them."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return True


def _multiplies_by_gate(node: fx.Node, part: nn.Module, convolutions: set[str]) -> bool:
    """Whether a node multiplies what comes from one convolution by the sigmoid of the other."""
    if getattr(node.target, "__name__", node.target) not in ("mul", "multiply", "mul_"):
        return False
    factors = [arg for arg in node.args if isinstance(arg, fx.Node)]
    sources = [_sources(factor, convolutions) for factor in factors]
    from_both = len(sources) == 2 and all(len(s) == 1 for s in sources) and sources[0] != sources[1]
    return from_both and any(_is_sigmoid(factor, part) for factor in factors)


def _is_sigmoid(node: fx.Node, part: nn.Module) -> bool:
    if node.op == "call_module":
        return isinstance(part.get_submodule(node.target), nn.Sigmoid)
    return getattr(node.target, "__name__", node.target) in ("sigmoid", "sigmoid_")


def _sources(node: fx.Node, convolutions: set[str]) -> set[str]:
    """The convolutions that a value comes from, not looking past them."""
    if node.op == "call_module" and node.target in convolutions:
        return {node.target}
    return set().union(*(_sources(n, convolutions) for n in node.all_input_nodes))


def _label(part: nn.Module) -> str:
    if isinstance(part, CONVOLUTIONS):
        return _convolution_label(part)
    if len(list(part.children())) and is_gated(part):
        child = next(c for c in part.children() if isinstance(c, CONVOLUTIONS))
        return f"Gated {_convolution_label(child).lower()}"
    name = type(part).__name__
    return name.removeprefix("Parametrized")


def _convolution_label(part: nn.Module) -> str:
    kernel = "×".join(map(str, part.kernel_size))
    stride = f" /{part.stride[0]}" if max(part.stride) > 1 else ""
    dilation = f" d{part.dilation[0]}" if max(part.dilation) > 1 else ""
    return f"{'Deconv' if part.transposed else 'Conv'} {kernel}{stride}{dilation}"
