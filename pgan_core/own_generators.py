"""A generator of one's own by `module:factory` and a file of weights: from the shell, or from a server's TOML file.

    python -m pgan_core sample weights.pt --generator my_models:Generator --latent-dim 100 --out grid.png
    python -m dissection run weights.pt --generator my_models:Generator --latent-dim 100 --output tanh ...

    [faces]                                   # in the file that PGGAN_LAB_GENERATORS names; the model is called "faces"
    file = "weights.pt"                       # beside the TOML file
    generator = "my_models:Generator"
    latent-dim = 100
    output = "tanh"

Importing a factory runs its code, so only the shell's user and the server's owner name one; uploads and links cannot.
The weights are opened by the reader of checkpoints, which executes nothing.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from torch import nn

    from pgan_core.checkpoints import Checkpoint
    from pgan_core.generator import Generator

VARIABLE = "PGGAN_LAB_GENERATORS"
OUTPUTS = ("tanh", "linear", "clamp")
KEYS = ("file", "generator", "latent-dim", "label-dim", "output", "weights")


@dataclass(frozen=True)
class OwnGenerator:
    """A factory, what its module does not tell about itself, and the file with its weights."""

    file: Path
    generator: str  # module:factory; the factory is called without arguments
    latent_dim: int
    label_dim: int = 0
    output: str = "linear"
    weights: str = "ema"

    @property
    def shell_options(self) -> str:
        """What names it in a shell, after the file."""
        label = f" --label-dim {self.label_dim}" if self.label_dim else ""
        output = f" --output {self.output}" if self.output != "linear" else ""
        weights = f" --weights {self.weights}" if self.weights != "ema" else ""
        return f"--generator {shlex.quote(self.generator)} --latent-dim {self.latent_dim}{label}{output}{weights}"

    def load(self, device: str = "cpu") -> Generator:
        """The generator with its weights; a module that is a walk through named layers already stays what it is.

        Raises ValueError (or CheckpointError, which is one) in one sentence.
        """
        from pgan_core.adapters import adapt
        from pgan_core.module_weights import load_weights

        module = made_by(self.generator)
        load_weights(module, self.file, self.weights)
        module.to(device).requires_grad_(False)
        if not (hasattr(module, "layer_names") and hasattr(module, "run")):
            module = adapt(module, self.latent_dim, self.label_dim, self.output)
        return cast("Generator", module.eval())  # it walks as one; pages ask what else it can

    def checkpoint(self, device: str = "cpu") -> Checkpoint:
        """The same as an opened checkpoint, for the app. Raises as `load`."""
        from pgan_core.checkpoints import Checkpoint

        generator = self.load(device)
        config = generator.config
        info = {
            "format": "own", "layout": f"the weights of {self.generator}", "source": self.generator,
            "resolution": generator.resolution, "resolutions": list(generator.resolutions),
            "stored_resolution": generator.resolution, "alpha": 1.0,
            "channels": [spec.out_features for spec in generator.specs if spec.kind != "rgb"],
            "image_channels": config.image_channels, "latent_dim": config.latent_dim, "label_dim": config.label_dim,
            "weights": "raw" if self.weights == "raw" else None,
            "parameters": {"generator": sum(p.numel() for p in generator.parameters())},
            "used": [], "unused": [], "assumed": {}, "generator": asdict(config),
            "container": "a file of weights", "bytes": self.file.stat().st_size, "files": [self.file.name],
        }  # fmt: skip
        return Checkpoint("own", generator, None, info)


def made_by(spec: str) -> nn.Module:
    """What `factory()` of "module:factory" returns; the module is on Python's path or in the current folder.

    Raises ValueError, one sentence, where it cannot be imported, fails, or returns something else than a module.
    """
    from torch import nn

    module, _, factory = spec.partition(":")
    if not module or not factory:
        raise ValueError(f"--generator is module:factory, such as my_models:Generator, not {spec}.")
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
    try:
        make = getattr(import_module(module), factory)
    except ImportError as error:
        raise ValueError(f"The generator {spec} cannot be imported ({error}).") from error
    except AttributeError as error:
        raise ValueError(f"The module {module} has no {factory} ({error}).") from error
    try:
        made = make()
    except TypeError as error:
        raise ValueError(f"{spec} is called without arguments, and fails: {error}.") from error
    if not isinstance(made, nn.Module):
        raise ValueError(f"{spec} returned a {type(made).__name__}, not a torch.nn.Module.")
    return made


# ---- in a shell --------------------------------------------------------------------------------------------------


def add_generator_options(parser: argparse.ArgumentParser, output: bool = True, weights: bool = False) -> None:
    """Adds --generator, --latent-dim, --label-dim and --output; output=False where a reader's option has that name.

    weights: --weights, too, for a command that has no such option.
    """
    group = parser.add_argument_group("a generator of your own, whose weights the file holds")
    group.add_argument("--generator", metavar="MODULE:FACTORY", help="a callable that returns a torch.nn.Module")
    group.add_argument("--latent-dim", type=int, metavar="N", help="numbers of a latent")
    group.add_argument("--label-dim", type=int, metavar="L", help="classes of a conditional generator (default 0)")
    if output:
        group.add_argument("--output", choices=OUTPUTS, help="how its pictures end, where the module does not (linear)")
    if weights:
        group.add_argument("--weights", choices=("ema", "raw"), help="its averaged or raw weights (default ema)")


def own_generator(args: argparse.Namespace, file: Path | str) -> OwnGenerator | None:
    """What `add_generator_options` was given; None without --generator.

    Raises ValueError, one sentence, where --latent-dim is missing, or the others are there without --generator.
    """
    given = {name: getattr(args, name, None) for name in ("latent_dim", "label_dim", "output")}
    if getattr(args, "generator", None) is None:
        if told := [name for name, value in given.items() if value is not None]:
            raise ValueError(f"--{told[0].replace('_', '-')} is for a generator of your own: name it by --generator.")
        return None
    if given["latent_dim"] is None:
        raise ValueError("A generator of your own needs --latent-dim, the numbers of a latent.")
    said = {name: value for name, value in given.items() if value is not None}
    return OwnGenerator(Path(file), args.generator, weights=getattr(args, "weights", None) or "ema", **said)


# ---- a server's own ----------------------------------------------------------------------------------------------


def declared() -> dict[str, OwnGenerator]:
    """The generators of the TOML file that PGGAN_LAB_GENERATORS names, by name; none where it names no file.

    Raises ValueError in one sentence for a file that cannot be read or says something else.
    """
    named = os.environ.get(VARIABLE)
    if not named:
        return {}
    path = Path(named).resolve()
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"{VARIABLE} names {path.name}, which cannot be read: {error}.") from error
    return {name: _declared(path, name, table) for name, table in tables.items()}


def _declared(path: Path, name: str, table: object) -> OwnGenerator:
    if not isinstance(table, Mapping):
        raise ValueError(f"{path.name}: {name} stands outside of a [table]; each generator is one.")
    said = {str(key).replace("_", "-"): value for key, value in table.items()}
    if unknown := said.keys() - set(KEYS):
        raise ValueError(f"{path.name}, [{name}]: there is no key {min(unknown)}; the keys are {', '.join(KEYS)}.")
    if missing := {"file", "generator", "latent-dim"} - said.keys():
        raise ValueError(f"{path.name}, [{name}]: the key {min(missing)} is missing.")
    for key, value in said.items():
        if not isinstance(value, int if key.endswith("-dim") else str) or isinstance(value, bool):
            raise ValueError(f"{path.name}, [{name}]: {key} is {value!r}.")
    if said.get("output", "linear") not in OUTPUTS or said.get("weights", "ema") not in ("ema", "raw"):
        raise ValueError(f"{path.name}, [{name}]: output is one of {', '.join(OUTPUTS)}, weights is ema or raw.")
    options = {key.replace("-", "_"): value for key, value in said.items() if key != "file"}
    return OwnGenerator(path.parent / said["file"], **options)
