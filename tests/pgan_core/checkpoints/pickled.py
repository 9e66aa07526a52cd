"""Instances of classes that exist nowhere, so that pickle can write files as the published code would."""

import pickle
import sys
import types
from collections.abc import Mapping

import numpy as np


def instance(path: str, state: object) -> object:
    """An object that pickles as an instance of the class `path` ("tfutil.Network") with `state`."""
    module_name, _, name = path.rpartition(".")
    parts = module_name.split(".")
    for package in (".".join(parts[: i + 1]) for i in range(len(parts))):
        module = sys.modules.setdefault(package, types.ModuleType(package))
    if not hasattr(module, name):
        members = {"__getstate__": lambda self: self.state, "__module__": module_name, "__qualname__": name}
        setattr(module, name, type(name, (), members))
    made = getattr(module, name)()
    made.state = state
    return made


def tf_network(name: str, variables: Mapping[str, np.ndarray], lod: float = 0.0, **settings) -> object:
    """A network as the official TensorFlow code pickles it."""
    return instance(
        "tfutil.Network",
        {
            "version": 2,
            "name": name,
            "static_kwargs": settings,
            "build_module_src": "raise SystemExit('a checkpoint was executed')",
            "build_func_name": f"{name[0]}_paper",
            "variables": [("lod", np.float32(lod)), *variables.items()],
        },
    )


def theano_network(name: str, values: list[np.ndarray], lod: float = 0.0, **spec) -> object:
    """A network as the Theano code pickled it."""
    state = {
        "build_func_spec": {"func": f"{name[0]}_paper", **spec},
        "build_module_src": "raise SystemExit('a checkpoint was executed')",
        "param_values": values,
        "toplevel_params": {"cur_lod": np.float32(lod)},
    }
    return instance("network.Network", state)


def pickled(content: object, protocol: int = 4) -> bytes:
    return pickle.dumps(content, protocol=protocol)
