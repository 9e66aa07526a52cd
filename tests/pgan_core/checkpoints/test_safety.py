"""Hostile, broken and foreign files: nothing runs, memory and time stay small, one sentence says what did not fit."""

import io
import os
import pickle
import pickletools
import resource
import struct
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest
import torch

from pgan_core.checkpoints import CheckpointError, load_checkpoint
from tests.forge_checkpoints import forge, zipped
from tests.fuzz_checkpoints import SECONDS, open_forged, seeds
from tests.pgan_core.checkpoints.pickled import instance, pickled, tf_network
from tests.pgan_core.checkpoints.published import FIXTURES, random_generator, saved
from tests.pgan_core.checkpoints.test_tf_official import variables

LEGACY = FIXTURES / "ganzoo/checkpoint.pth"


def refused(content: object, sentence: str | None = None) -> str:
    """The one sentence with which `content` is refused."""
    with pytest.raises(CheckpointError, match=sentence) as caught:
        load_checkpoint(content)
    text = str(caught.value)
    assert "\n" not in text and text.endswith(".") and len(text) < 400
    return text


# ---- nothing runs ------------------------------------------------------------------------------------------------


class Call:
    """Pickles as a call of `function` with `arguments`."""

    def __init__(self, function, *arguments):
        self.reduced = (function, arguments)

    def __reduce__(self):
        return self.reduced


def string(text: str) -> bytes:
    return b"X" + struct.pack("<I", len(text)) + text.encode()


def hostile(canary: str) -> dict[str, bytes]:
    """Pickles that would create the file `canary`, each by another way into Python."""
    shell, code = f"touch {canary}", f"open({canary!r}, 'w').close()"
    system, run = b"cposix\nsystem\n", b"c__builtin__\nexec\n"
    call = b"(" + string(shell) + b"tR."
    return {
        "os.system": pickle.dumps(Call(os.system, shell)),
        "eval": pickle.dumps(Call(eval, code)),
        "exec of Python 2": run + b"(" + string(code) + b"tR.",
        "subprocess": pickle.dumps(Call(subprocess.call, ["touch", canary])),
        "nested reduce": pickle.dumps({"state_dict": {"a": [Call(Call, os.system, shell), Call(os.system, shell)]}}),
        "getattr": pickle.dumps(Call(getattr, Call(__import__, "os"), "system")),
        "stack global": b"\x80\x04" + string("posix") + string("system") + b"\x93(" + string(shell) + b"tR.",
        "instance": b"(" + string(shell) + b"iposix\nsystem\n.",
        "object": b"(" + system + string(shell) + b"o.",
        "new object": b"\x80\x02" + system + b"(" + string(shell) + b"t\x81.",
        "new object with keywords": b"\x80\x04" + system + b"(" + string(shell) + b"t}\x92.",
        "reconstructor": b"ccopy_reg\n_reconstructor\n(" + system + b"c__builtin__\nobject\nNtR.",
        "extension": b"\x80\x02\x82\x01.",
        "build on a name": b"\x80\x02ctfutil\nNetwork\n}(" + string("__reduce__") + system + b"ub.",
        "build on a stand-in": b"\x80\x02ctfutil\nNetwork\n)\x81}(" + string("__setstate__") + system + b"ub" + call,
        "a known name as a function": b"\x80\x02ctfutil\nNetwork\n(" + string(shell) + b"tR.",
        "torch.load": pickle.dumps(Call(torch.load, canary)),
        "torch internals": b"ctorch.serialization\n_legacy_load\n" + call,
        "torch.hub": b"ctorch.hub\nload\n" + call,
        "a torch.nn name": b"ctorch.nn.modules.module\nModule\n" + call,
        "numpy.load": b"cnumpy\nload\n" + call,
        "object arrays": pickle.dumps(np.array([Call(os.system, shell)], dtype=object)),
        "a dtype of Python": b"cnumpy\ndtype\n(" + string("O8") + b"I0\nI1\ntR.",
        "a codec": b"c_codecs\nencode\n(" + string(shell) + string("unicode_escape") + b"tR.",
        "a dotted name": b"\x80\x04" + string("collections") + string("OrderedDict.__init__.__globals__") + b"\x93.",
        "an out-of-band buffer": b"\x80\x05\x97.",
        "a persistent id": b"\x80\x02" + string("os.system") + b"Q.",
    }


def in_every_container(blob: bytes) -> list[bytes]:
    """A pickle alone, as the content of a zip archive, and as each of the pickles of a legacy torch file."""
    legacy, begin, parts = LEGACY.read_bytes(), 0, []
    stream = io.BytesIO(legacy)
    for _ in range(5):
        for _ in pickletools.genops(stream):
            pass
        parts.append((begin, stream.tell()))
        begin = stream.tell()
    chained = [legacy[:start] + blob + legacy[end:] for start, end in parts[1:]]
    return [blob, zipped({"archive/data.pkl": blob, "archive/version": b"3"}), *chained]


def test_hostile_pickles_run_nothing(tmp_path):
    canary = tmp_path / "canary"
    for name, blob in hostile(str(canary)).items():
        for content in in_every_container(blob):
            with pytest.raises(CheckpointError):
                load_checkpoint(content)
            assert not canary.exists(), name
    with open(tmp_path / "live", "wb") as file:  # the payloads are live: Python itself would run them
        pickle.dump(Call(os.system, f"touch {canary}"), file)
    with open(tmp_path / "live", "rb") as file:
        pickle.load(file)
    assert canary.exists()


def test_source_text_in_a_pickle_is_never_run():
    made = tf_network("Gs", variables(random_generator((4, 4), latent_dim=4), fused=False))
    made.state["build_module_src"] = "import os; os._exit(7)"
    assert load_checkpoint(pickled(made)).generator.resolution == 8


def test_opening_imports_nothing():
    """In a fresh process: a whole pickled module brings no module with it."""
    path = FIXTURES / "rosinality_whole_module/checkpoint.model"
    code = (
        "import sys; from pgan_core import load_checkpoint; before = set(sys.modules);"
        f"load_checkpoint({str(path)!r}); new = set(sys.modules) - before;"
        "sys.exit(any(name.split('.')[0] in ('model', 'models', 'tfutil', 'network') for name in new))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=FIXTURES.parents[2]).returncode == 0


# ---- bombs -------------------------------------------------------------------------------------------------------


def deep(levels: int) -> bytes:
    return b"\x80\x02" + b"]" * levels + b"a" * (levels - 1) + b"."


BOMBS = {
    "a tree that doubles": b"\x80\x04]" + b"2\x86" * 60 + b".",
    "a memo that doubles": b"\x80\x02)" + b"".join(b"q%ch%ch%c\x86" % (i, i, i) for i in range(200)) + b".",
    "deep nesting": deep(200_000),
    "a value that contains itself": b"\x80\x02]q\x00h\x00a.",
    "a million opcodes": b"\x80\x02" + b"N0" * 600_000 + b"N.",
    "a huge integer": b"\x80\x02\x8b" + struct.pack("<i", 2**20) + b"\x7f" * 2**20 + b".",
    "a long number of digits": b"L" + b"9" * 900 + b"L\n.",
    "a huge declared string": b"\x80\x02X\xff\xff\xff\xff.",
    "a huge declared array": b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + b".",
    "a negative length": b"\x80\x02T\xff\xff\xff\xff.",
    "text that grows fourfold": b"X" + struct.pack("<I", 2**22 + 4) + "😀".encode() + b"a" * 2**22 + b".",
    "lines without an end": b"(" + b"V" + b"a" * 2**22,
    "a list copied again and again": b"\x80\x02]("
    + b"N" * 100_000
    + b"eq\x00c__builtin__\nset\nq\x010"
    + b"h\x01h\x00\x85R" * 60_000
    + b".",
    "text encoded again and again": b"X"
    + struct.pack("<I", 2**22)
    + b"a" * 2**22
    + b"q\x00c_codecs\nencode\nq\x010"
    + b"h\x01h\x00\x85R" * 60_000
    + b".",
    "keys with one hash": b"\x80\x02}("
    + b"".join(b"\x8a\x0a" + (i * (2**61 - 1)).to_bytes(10, "little") + b"N" for i in range(120_000))
    + b"u.",
    "many marks": b"\x80\x02" + b"(" * 200_000 + b"." + b"t" * 200_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_cost_little(name):
    for content in (BOMBS[name], zipped({"a/data.pkl": BOMBS[name]})):
        peak, begin = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
        refused(content)
        assert time.process_time() - begin < 5
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 300 * 1024  # KiB


def test_a_doubling_tree_in_a_setting_is_not_printed():
    """An error that would spell out a value of 2^60 leaves would never end."""
    value: tuple = ()
    for _ in range(60):
        value = (value, value)
    made = variables(random_generator((4, 4), latent_dim=4), fused=False)
    refused(pickled(tf_network("Gs", made, label_size=value)), "its setting label_size is a tuple")


def test_a_doubling_tree_among_the_keys_of_storages():
    blob = b"\x80\x02](N" + b"2\x86" * 60 + b"e."
    for content in in_every_container(blob):
        refused(content)


def test_names_and_modules_that_multiply():
    """A long name before every key, and a tree of modules in which every branch is the same."""
    many = {f"v{i}": np.float32(i) for i in range(1000)}
    refused(pickled(tf_network("x" * 2**20, many)), "`x{20}` has neither 4x4/Dense of a generator")
    module = instance("model.ConvBlock", {"_parameters": {}, "_modules": {}})
    for _ in range(19):
        module = instance("model.ConvBlock", {"_parameters": {}, "_modules": {"a": module, "b": module}})
    root = instance("model.Generator", {"_parameters": {}, "_modules": {"a": module}})
    refused(saved(root), "its modules are nested without an end")


def test_zip_bombs_and_forged_archives():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\0" * 10**8)
    refused(packed.getvalue(), "archive/data.pkl is compressed, which torch never does")
    whole = saved({"a": torch.zeros(1000)})
    refused(whole[: len(whole) // 2], "it is cut off")
    end = whole.rfind(b"PK\x05\x06")
    start = struct.unpack("<I", whole[end + 16 : end + 20])[0]
    refused(whole[: start + 24] + struct.pack("<I", 2**31) + whole[start + 28 :], "zip")
    flipped = bytearray(whole)
    flipped[whole.find(b"\0" * 900) + 100] = 1
    refused(bytes(flipped), "is damaged: the checksum differs")
    refused(zipped({"word/document.xml": b"<xml/>"}), "it holds no data.pkl")
    refused(zipped({"a/data.pkl": b"N.", "a/constants.pkl": b"N."}), "a TorchScript archive")


def test_tensors_reach_no_further_than_their_storage():
    small = torch.zeros(4)
    for tensor in (small.expand(2**30, 4), small[:1].expand(2**20)):  # strides 0: large shapes of nothing
        refused(saved({"layer1.conv.weight": tensor, "layer1.wscale.b": small}), "reaches beyond its storage")
    legacy = saved({"layer1.conv.weight": small, "layer1.wscale.b": small}, _use_new_zipfile_serialization=False)
    refused(legacy[:-4], "a storage of 4 elements has not as many in the file")
    for old, new in ((b"K\x04\x85", b"K\x05\x85"), (b"K\x00K\x04\x85", b"K\x01K\x04\x85")):  # shape, offset
        assert old in legacy
        refused(legacy.replace(old, new), "reaches beyond its storage of 4")


def test_overlapping_tensors_cannot_add_up():
    """A thousand layers that share one storage would take a thousand times its size."""
    kernel = torch.randn(64, 64, 3, 3)
    state = {f"layer{i}.conv.weight": kernel for i in range(2, 401)} | {
        f"layer{i}.wscale.b": kernel[0, :, 0, 0] for i in range(1, 401)
    }
    state |= {"layer1.conv.weight": torch.randn(64, 1, 4, 4), "output.conv.weight": torch.randn(3, 64, 1, 1)}
    refused(saved(state), "its tensors overlap")


# ---- foreign and broken files ------------------------------------------------------------------------------------


def test_other_files_are_named(tmp_path):
    refused(tmp_path, "is a directory; a checkpoint is one file")
    refused(tmp_path / "nothing.pkl", "nothing.pkl cannot be read: No such file or directory")
    refused(b"", "The file is empty")
    refused(b"Dear reader,\nthis is no network.\n", "The file is text")
    refused(b"<!DOCTYPE html><html></html>", "The file is a web page")
    refused(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "a Git LFS pointer")
    refused(b"\x1f\x8b\x08\x00rest", "gzipped")
    refused(b"\x00\x01\x02\x03rest of it", "unknown bytes 00 01 02 03")
    refused(io.StringIO("text"), "opened as text")


def test_other_models_are_named():
    resnet = {"conv1.weight": torch.zeros(64, 3, 7, 7), "bn1.weight": torch.zeros(64), "fc.bias": torch.zeros(10)}
    refused(saved(resnet), r"a dictionary of 3 entries \(conv1.weight, bn1.weight, fc.bias\)")
    refused(saved({"state_dict": resnet, "epoch": 3}), "which no layout of a Progressive GAN does")
    refused(saved(torch.nn.Linear(2, 2)), "it holds a torch.nn.modules.linear.Linear")
    stylegan = {"name": "Gs", "variables": [("G_synthesis/4x4/Const/const", np.zeros((1, 512, 4, 4), np.float32))]}
    refused(pickled(instance("dnnlib.tflib.network.Network", stylegan)), "TensorFlow pickle.*neither 4x4/Dense")
    refused(pickle.dumps(instance("torch_utils.persistence._reconstruct_persistent_obj", {})), "asks for `torch_utils")
    refused(saved(torch.zeros(3)))
    refused(pickled({"a": 1}), "a dictionary of 1 entries")
    refused(pickled(None))


@pytest.mark.parametrize("path", ["tf_official_fused/checkpoint.pkl", "ganzoo/checkpoint.pth", "mmgen/checkpoint.pth"])
def test_cut_files(path):
    whole = (FIXTURES / path).read_bytes()
    for share in (0.001, 0.1, 0.5, 0.9, 0.999):
        refused(whole[: int(len(whole) * share)], "Taken for a")


def test_a_file_object_and_bytes_are_as_good_as_a_path():
    path = FIXTURES / "ptrblck/checkpoint.pth"
    made = load_checkpoint(path).generator
    with open(path, "rb") as file:
        others = [load_checkpoint(file), load_checkpoint(path.read_bytes()), load_checkpoint(str(path))]
    for other in others:
        assert all(torch.equal(a, b) for a, b in zip(made.parameters(), other.generator.parameters(), strict=True))


# ---- fuzz --------------------------------------------------------------------------------------------------------


def test_a_slice_of_the_fuzz_run():
    """250 of the cases of `python -m tests.fuzz_checkpoints`; the full run has 20,000."""
    files = seeds(FIXTURES)
    outcomes = set()
    for case in range(250):
        _, data = forge(0, case, files)
        outcome, seconds = open_forged(data)
        outcomes.add(outcome)
        assert seconds < SECONDS
    assert outcomes == {"loaded", "refused"}
