"""The pickle machine and the containers read what Python, numpy and torch write: the same values, all protocols."""

import pickle
from collections import OrderedDict

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pgan_core.checkpoints.containers import Source, read_bytes, read_tree
from pgan_core.checkpoints.errors import CheckpointError
from pgan_core.checkpoints.pickle_machine import StandIn
from tests.pgan_core.checkpoints.pickled import instance
from tests.pgan_core.checkpoints.published import saved

KEYS = st.text(max_size=8) | st.integers(-(2**59), 2**59) | st.none()
LEAVES = (
    st.none() | st.booleans() | st.integers(-(2**300), 2**300) | st.floats(allow_nan=False) | st.text() | st.binary()
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(KEYS, inner), max_leaves=30
)


def read(data: Source) -> object:
    return read_tree(read_bytes(data))[1]


@settings(max_examples=150, deadline=None)
@given(VALUES, st.integers(0, 5))
def test_plain_values_come_back_in_every_protocol(value, protocol):
    blob = pickle.dumps([value], protocol=protocol)  # in a list: a bare None is no file of any protocol
    if protocol > 1 or blob[:1] in b"(c":
        assert read(blob) == [value]


def test_shared_values_stay_shared():
    part = [1, 2]
    first, second = read(pickle.dumps((part, {"again": part})))
    assert first is second["again"]


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", "<f2", "<i8", "u1", "?"])
def test_numpy_arrays_of_every_kind(protocol, dtype):
    array = (np.arange(24).reshape(2, 3, 4) % 7).astype(dtype)
    arrays = (array, np.asfortranarray(array), array[:, ::2], array[0, 0, 0], np.zeros((0, 3), dtype), array.ravel()[3])
    for array, back in zip(arrays, read(pickle.dumps(arrays, protocol=protocol)), strict=True):
        assert np.array_equal(back, array) and back.shape == np.shape(array)
        assert not back.flags.writeable or not back.size


def test_strings_of_python_2():
    assert read(b"(S'a\\x00\\n\"'\nI01\nL5L\nt.") == ('a\0\n"', True, 5)
    assert read(b"(U\x03\xe9\x00bt.") == ("é\0b",)
    long = b"\xff\x00" * 4000
    assert read(b"(T" + len(long).to_bytes(4, "little") + long + b"t.") == (long,)  # array data: stays bytes
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
    array += b"(I1\n(I2\ntcnumpy\ndtype\n(S'f4'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI00\n"
    array += b"S'\\x00\\x00\\x80?\\x00\\x00\\x00@'\ntb."
    assert read(array).tolist() == [1.0, 2.0]


@pytest.mark.parametrize("as_zip", [True, False])
def test_torch_tensors_and_windows_of_them(as_zip):
    base = torch.arange(60.0).reshape(3, 4, 5)
    tensors = {
        "whole": base,
        "offset": base[1:, 2:],
        "turned": base.permute(2, 0, 1),
        "steps": base[:, ::2, 1::2],
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 3),
        "parameter": torch.nn.Parameter(base[0]),
        **{str(kind): torch.arange(9).reshape(3, 3).to(kind) for kind in (torch.float16, torch.float64, torch.int64)},
        **{str(kind): (torch.arange(9) % 2).to(kind) for kind in (torch.uint8, torch.bool, torch.int32, torch.int16)},
    }
    tree = read(saved({"model": OrderedDict(tensors), "step": 3}, _use_new_zipfile_serialization=as_zip))
    assert tree["step"] == 3 and list(tree["model"]) == list(tensors)
    for name, tensor in tensors.items():
        assert np.array_equal(tree["model"][name], tensor.detach().numpy()), name


def test_bfloat16_is_read_as_float32():
    tensor = torch.tensor([1.5, -2.0, 3e38]).bfloat16()
    assert np.array_equal(read(saved({"a": tensor}))["a"], tensor.float().numpy())


def test_a_file_object_is_read_from_its_start(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(pickle.dumps([1, 2]))
    with open(path, "rb") as file:
        assert read(file) == read(file) == read(path) == [1, 2]


def test_instances_become_names_with_a_state():
    tree = read(pickle.dumps(instance("tfutil.Network", {"version": 2, "weights": np.ones(2, np.float32)})))
    assert isinstance(tree, StandIn) and tree.path == "tfutil.Network" and tree.state["version"] == 2
    assert tree.state["weights"].tolist() == [1, 1]


def test_forged_arrays_are_refused():
    blob = pickle.dumps(np.arange(6, dtype="<f4").reshape(2, 3), protocol=2)
    for old, new, sentence in (
        (b"K\x02K\x03\x86", b"K\x02K\x04\x86", r"an array of shape \(2, 4\)"),
        (b"X\x02\x00\x00\x00f4", b"X\x02\x00\x00\x00O8", "elements of the kind 'O8'"),
        (b"X\x02\x00\x00\x00f4", b"X\x02\x00\x00\x00f8", "24 bytes of data"),
    ):
        assert old in blob
        with pytest.raises(CheckpointError, match=f"Taken for a pickle: .*{sentence}"):
            read(blob.replace(old, new))
