"""A file's weights into a module: the state dict in it that fits, wherever it stands and whatever is put before names.

Training scripts keep state dicts under names of their own ("netG_state_dict", "generator", "ema") and wrap networks
(`module.` of DataParallel, `_orig_mod.` of torch.compile). What fits is told by names and shapes alone. The file is
opened by the reader of checkpoints: nothing in it is executed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor, nn

from pgan_core.checkpoints.containers import Source, read_bytes, read_tree
from pgan_core.checkpoints.errors import CheckpointError
from pgan_core.checkpoints.native import is_safetensors

AVERAGED = ("ema", "avg", "average", "shadow", "smooth", "_test")  # in the names of averaged weights
COUNTER = "num_batches_tracked"  # of batch norm; not used in eval mode
MAX_DEPTH = 6


def load_weights(module: nn.Module, source: Source, weights: str = "ema") -> str:
    """Load the file's state dict that fits into the module; returns the name under which it stood.

    weights: "ema" takes averaged ones where several fit and a name tells them, "raw" the others.
    Raises CheckpointError, one sentence, where the file cannot be read or nothing in it fits.
    """
    wanted = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items() if not name.endswith(COUNTER)}
    if not wanted:
        raise CheckpointError(f"{type(module).__name__} has no weights that a file could hold.")
    fitting, nearest = {}, None
    for name, arrays in state_dicts(read_file(source)):
        for prefix in prefixes(arrays, wanted):
            found = {key[len(prefix) :]: value for key, value in arrays.items() if key.startswith(prefix)}
            misfit = first_misfit(found, wanted)
            if misfit is None:
                fitting[f"{name}/{prefix}".strip("/.") or "the file"] = found
            elif nearest is None or misfit[0] < nearest[0]:
                nearest = misfit
    if not fitting:
        why = nearest[1] if nearest else "nothing in it has the names of its weights"
        raise CheckpointError(f"The file does not hold the weights of {type(module).__name__}: {why}.")
    chosen = _chosen(list(fitting), weights)
    state = {name: _tensor(fitting[chosen][name]) for name in wanted}
    for name, tensor in state.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise CheckpointError(f"The file's `{name}` holds a NaN or an infinity.")
    module.load_state_dict(state, strict=False)  # only the counters are left out
    return chosen


def read_file(source: Source) -> object:
    """A file's content as plain values: torch files, pickles and safetensors."""
    data = read_bytes(source)
    if not is_safetensors(data):
        return read_tree(data)[1]
    try:
        return load_safetensors(bytes(data))
    except (SafetensorError, ValueError) as error:
        raise CheckpointError(f"Taken for a safetensors file: it is broken ({error}).") from error


def state_dicts(tree: object, name: str = "", depth: int = 0) -> Iterator[tuple[str, dict]]:
    """Every dictionary in a file that holds tensors, with the keys that lead to it joined by "/"."""
    if not isinstance(tree, dict) or depth > MAX_DEPTH:
        return
    arrays = {
        key: value for key, value in tree.items() if isinstance(key, str) and isinstance(value, np.ndarray | Tensor)
    }
    if arrays:
        yield name, arrays
    for key, value in tree.items():
        yield from state_dicts(value, f"{name}/{key}".strip("/"), depth + 1)


def prefixes(arrays: Mapping[str, object], wanted: Mapping[str, object]) -> list[str]:
    """What may stand before the module's names in a state dict: what stands before its first one."""
    first = next(iter(wanted))
    return [key.removesuffix(first) for key in arrays if key == first or key.endswith(f".{first}")]


def first_misfit(
    found: Mapping[str, np.ndarray | Tensor], wanted: Mapping[str, tuple[int, ...]]
) -> tuple[int, str] | None:
    """How many tensors do not fit, and the first of them in words; None where all do."""
    known = {key for key in found if not key.endswith(COUNTER)}
    missing = [name for name in wanted if name not in known]
    wrong = [name for name in wanted if name in known and tuple(found[name].shape) != wanted[name]]
    unknown = sorted(known - wanted.keys())
    count = len(missing) + len(wrong) + len(unknown)
    if missing:
        return count, f"`{missing[0]}` is missing"
    if wrong:
        return count, f"`{wrong[0]}` has the shape {tuple(found[wrong[0]].shape)}, {wanted[wrong[0]]} was expected"
    if unknown:
        return count, f"it holds `{unknown[0]}` as well, which the module does not have"
    return None


def _chosen(names: list[str], weights: str) -> str:
    averaged = [name for name in names if any(part in name.lower() for part in AVERAGED)]
    others = [name for name in names if name not in averaged]
    return ((others or averaged) if weights == "raw" else (averaged or others))[0]


def _tensor(value: np.ndarray | Tensor) -> Tensor:
    return value if isinstance(value, Tensor) else torch.from_numpy(np.array(value, order="C"))
