"""The nearest training pictures: by brute force, in parts, planted copies, and the command with its folder."""

import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pgan_core import Generator, GeneratorConfig
from pgan_core.__main__ import main
from pgan_core.checkpoints.native import save_checkpoint
from pgan_core.metrics import nearest_files
from pgan_core.metrics.nearest import MEASURES, UNFINISHED, NearestSearch, moved, nearest, search
from pgan_core.metrics.picture_sets import generated_pictures, some_pictures
from pgan_core.picture_data import StoredPictures


def _noise(count, size=16, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 3, size, size), dtype=np.uint8)


def _layout(pictures, size=16):
    """The definition, one value at a time."""
    x, cell = pictures.astype(float), pictures.shape[-1] // size
    cells = x.reshape(*x.shape[:2], size, cell, size, cell).mean((3, 5))
    smooth = np.empty_like(cells)
    for i in range(size):
        for j in range(size):
            around = cells[:, :, max(0, i - 1) : i + 2, max(0, j - 1) : j + 2]
            smooth[:, :, i, j] = around.mean((2, 3))
    return smooth - smooth.mean((2, 3), keepdims=True)


DEFINITIONS = {"pixels": lambda pictures: pictures.astype(float), "layout": _layout}


@pytest.mark.parametrize("measure", DEFINITIONS)
@pytest.mark.parametrize("mirror", [False, True])
def test_brute_force_agrees(measure, mirror):
    queries, training = _noise(5, 32, seed=1), _noise(40, 32, seed=2)
    found = nearest(queries, [training], measure=measure, k=4, mirror=mirror)
    describe = DEFINITIONS[measure]
    both = [describe(training)] + [describe(training[..., ::-1])] * mirror
    distances = [np.sqrt(((describe(queries)[:, None] - maps[None]) ** 2).mean((2, 3, 4))) for maps in both]
    least = np.min(distances, axis=0)
    expected = np.argsort(least, axis=1)[:, :4]
    assert (found.indices == expected).all()
    np.testing.assert_allclose(found.distances, np.take_along_axis(least, expected, 1), rtol=1e-5)
    turned = np.argmin(distances, axis=0).astype(bool)
    assert (found.mirrored == np.take_along_axis(turned, expected, 1)).all()


@given(cuts=st.lists(st.integers(1, 29), max_size=6, unique=True), k=st.integers(1, 5))
def test_parts_give_what_the_whole_gives(cuts, k):
    queries, training = _noise(4, 4, seed=3), _noise(30, 4, seed=4)
    whole = nearest(queries, [training], k=k)
    parts = nearest(queries, np.split(training, sorted(cuts)), k=k)
    assert (whole.indices == parts.indices).all() and (whole.mirrored == parts.mirrored).all()
    np.testing.assert_allclose(whole.distances, parts.distances, rtol=1e-6)


@pytest.mark.parametrize("measure", MEASURES)
def test_a_planted_copy_is_found_at_distance_zero(measure):
    queries, training = _noise(3, 64, seed=5), _noise(50, 64, seed=6)
    training[17], training[33] = queries[1], queries[2][..., ::-1]
    found = nearest(queries, np.array_split(training, 7), measure=measure, k=2)
    assert found.indices[1:, 0].tolist() == [17, 33]
    assert found.mirrored[1:, 0].tolist() == [False, True]
    assert found.distances[1:, 0].max() < 1e-6 and found.distances[:, 1].min() > 1


def test_layout_is_blind_to_brightness_and_knows_a_moved_copy_better():
    smooth = _noise(60, 8, seed=7).repeat(8, 2).repeat(8, 3) // 2
    queries, training = smooth[:4], smooth[4:]
    brighter = nearest(smooth[4:8] + np.uint8(60), [training], measure="layout", k=1)
    assert brighter.indices[:, 0].tolist() == [0, 1, 2, 3] and brighter.distances.max() < 1e-3
    assert nearest(smooth[4:8] + np.uint8(60), [training], k=1).distances.min() > 30

    def share(measure):  # of a stranger's distance
        copies, strangers = (nearest(x, [training], measure=measure, k=1) for x in (moved(training[:4]), queries))
        return copies.distances.mean() / strangers.distances.mean()

    assert share("layout") < 0.6 * share("pixels")


def test_moved_copies_repeat_their_border():
    picture = np.arange(16, dtype=np.uint8).reshape(1, 1, 4, 4)
    assert moved(picture)[0, 0].tolist() == [[0, 0, 1, 2], [0, 0, 1, 2], [4, 4, 5, 6], [8, 8, 9, 10]]


def test_what_cannot_be_searched_is_said():
    with pytest.raises(ValueError, match="pixels or layout, not 'colour'"):
        NearestSearch(_noise(1), "colour")
    with pytest.raises(ValueError, match="needed, found 3 x 8 x 8"):
        nearest(_noise(1), [_noise(4, 8)])
    with pytest.raises(ValueError, match="set of 2 pictures has no 3 nearest"):
        nearest(_noise(1), [_noise(2)])
    with pytest.raises(ValueError, match="At least one"):
        nearest(_noise(1), [_noise(2)], k=0)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_file_is_read_in_its_order(tmp_path, save):
    images = _noise(23, 16)
    save(tmp_path / "data.npz", labels=np.zeros(3), images=images)
    stored = StoredPictures(tmp_path / "data.npz", 16)
    shares = []
    batches = list(stored.batches(10, progress=shares.append))
    assert [len(batch) for batch in batches] == [10, 10, 3] and shares[-1] == 1
    assert (np.concatenate(batches) == images).all() and len(stored) == 23
    assert (np.concatenate(list(stored.batches(10, start=7))) == images[7:]).all()
    assert (stored.at([22, 3, 3]) == images[[22, 3, 3]]).all()
    assert len(np.unique(some_pictures(stored, 40), axis=0)) == 23
    halves = StoredPictures(tmp_path / "data.npz", 8).at([0])
    assert np.abs(halves - images[:1].reshape(1, 3, 8, 2, 8, 2).mean((3, 5))).max() <= 0.5


def test_a_folder_is_read_by_name(tmp_path):
    images = _noise(5, 8)
    for i, pixels in enumerate(images):
        Image.fromarray(pixels.transpose(1, 2, 0)).save(tmp_path / f"{i}.png")
    assert (np.concatenate(list(StoredPictures(tmp_path, 8).batches(2))) == images).all()


def test_broken_sets_are_one_sentence(tmp_path):
    def fails(name, sentence):
        with pytest.raises(ValueError, match=sentence):
            list(StoredPictures(tmp_path / name, 16).batches())

    np.savez(tmp_path / "other.npz", pictures=_noise(2))
    np.savez(tmp_path / "floats.npz", images=np.zeros((2, 3, 16, 16)))
    np.savez(tmp_path / "good.npz", images=_noise(200))
    data = bytearray((tmp_path / "good.npz").read_bytes())
    data[5000] ^= 255
    (tmp_path / "flipped.npz").write_bytes(data)
    (tmp_path / "text.npz").write_text("no pictures")
    fails("nothing.npz", "does not exist")
    fails("text.npz", "not a readable .npz")
    fails("other.npz", "no array `images`")
    fails("floats.npz", "must be uint8, .* found float64, 2 x 3 x 16 x 16")
    fails("flipped.npz", "not a readable .npz file .*CRC")


class CutOff:
    """A set of pictures whose reading fails at a place, and which remembers where each reading began."""

    def __init__(self, pictures, end):
        self.pictures, self.end, self.starts = pictures, end, []

    def __len__(self):
        return len(self.pictures)

    def batches(self, count=512, progress=None, start=0):
        self.starts.append(start)
        for first in range(start, len(self), 10):
            if first >= self.end:
                raise OSError("cut off")
            yield self.pictures[first : first + 10]


def test_a_search_goes_on_where_it_was_cut_off(tmp_path):
    queries, training, kept = _noise(5, seed=5), CutOff(_noise(50, seed=6), 30), tmp_path / "new" / "kept.npz"
    with pytest.raises(OSError, match="cut off"):
        search(queries, training, kept, name="a")
    training.end = 50
    for measure, found in search(queries, training, kept, name="a").items():
        whole = nearest(queries, [training.pictures], measure=measure)
        assert (found.indices == whole.indices).all() and (found.mirrored == whole.mirrored).all()
        np.testing.assert_allclose(found.distances, whole.distances, rtol=1e-6)
    search(queries, training, kept, name="b")  # another set, other pictures, a broken file: from the start
    search(queries + np.uint8(1), training, kept, name="b")
    kept.write_bytes(b"broken")
    search(queries, training, kept, name="b")
    assert training.starts == [0, 30, 0, 0, 0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A network, a training set of noise in which two of its own pictures are planted, and other noise."""
    path = tmp_path_factory.mktemp("nearest")
    generator = Generator(GeneratorConfig(resolution=16, channels=(8, 8, 4), latent_dim=6), seed=0).eval()
    save_checkpoint(path / "model.safetensors", generator)
    training, own = _noise(70), generated_pictures(generator, 2)
    training[40], training[60] = own[0][..., ::-1], own[1]
    np.savez(path / "training.npz", images=training)
    np.savez(path / "held_out.npz", images=_noise(30, seed=9))
    return path


def _nearest(capsys, *arguments):
    code = main(["nearest", *map(str, arguments)])
    return code, capsys.readouterr()


def test_the_command_finds_copies_and_keeps_what_it_found(folder, capsys):
    data = ("--real", folder / "training.npz", "--held-out", folder / "held_out.npz")
    code, printed = _nearest(capsys, folder / "model.safetensors", *data, "--count", 3, "--control", 24)
    assert code == 0 and not (folder / "model.nearest" / UNFINISHED).exists()
    result, rows = nearest_files.read(folder / "model.safetensors")
    assert printed.out.strip() == result["sentence"] == nearest_files.sentence(result)
    assert rows.shape == (3, 7, 16, 16, 3) and result["real_count"] == 70
    for measure in MEASURES:
        found = result["measures"][measure]
        first = [row[0] for row in found["neighbours"][:2]]
        assert [near["scene"] for near in first] == [40, 60]
        assert [near["mirrored"] for near in first] == [True, False]
        assert [near["distance"] for near in first] == pytest.approx([0, 0], abs=0.5)  # a rounding of another batch
        counts = {name: len(values) for name, values in found["nearest"].items()}
        assert list(counts.values()) == [24, 24, 6] and all(np.diff(found["nearest"]["generated"]) >= 0)
    assert np.abs(rows[:2, :1].astype(int) - rows[:2, [1, 4]]).max() <= 1  # the mirrored copy is drawn as it matches
    with Image.open(folder / "model.nearest" / nearest_files.FIGURE) as figure:
        assert figure.width > 14 * 128


def test_without_held_out_pictures_there_is_no_share(folder, capsys, tmp_path):
    model = folder / "model.safetensors"
    options = ("--control", 8, "--neighbours", 1, "--no-mirror", "--out", tmp_path / "out")
    code, printed = _nearest(capsys, model, "--real", folder / "training.npz", *options)
    result = json.loads((tmp_path / "out" / nearest_files.NUMBERS).read_text())
    assert code == 0 and "%" not in printed.out and "held out" not in printed.out
    assert not any(near["mirrored"] for row in result["measures"]["pixels"]["neighbours"] for near in row)


def test_bad_input_is_one_sentence(folder, capsys):
    model, training = folder / "model.safetensors", folder / "training.npz"
    for arguments, sentence in (
        ((model, "--real", folder / "nothing"), "does not exist"),
        ((training, "--real", training), "."),
        ((model, "--real", training, "--control", 2), "--control 4 or more"),
        ((model, "--real", training, "--held-out", model), "not a readable .npz"),
    ):
        code, printed = _nearest(capsys, *arguments)
        said = [line for line in re.split(r"[\r\n]+", printed.err.strip()) if "%|" not in line]
        assert code == 1 and printed.out == "" and len(said) == 1 and re.search(sentence, said[0])


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"resolution": 16, "measures": {"pixels": {"neighbours": [[1]]}}}'])
def test_a_broken_folder_counts_as_none(tmp_path, text):
    folder = nearest_files.beside(tmp_path / "a.safetensors")
    folder.mkdir()
    (folder / nearest_files.NUMBERS).write_text(text)
    Image.new("RGB", (16 * 3, 16)).save(folder / nearest_files.PICTURES)
    assert nearest_files.read(tmp_path / "a.safetensors") is None
    assert nearest_files.read(tmp_path / "b.safetensors") is None


def test_the_share_below_the_control_is_about_its_quantile_for_equals():
    values = np.arange(1000.0)
    assert nearest_files.share_below(values, values) == pytest.approx(0.01, abs=0.001)
    assert nearest_files.share_below(values - 500, values) == pytest.approx(0.51, abs=0.001)
