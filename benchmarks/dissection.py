"""Dissection beside generating and segmenting the same pictures alone, alternating in one process.

python -m benchmarks --only dissection
"""

import torch

from benchmarks.clock import alternate, median, ratio
from benchmarks.generation import shipped
from benchmarks.options import Options, Row, seconds
from dissection import dissect
from dissection.scoring.job import make_batch, make_job
from dissection.segmenters import Segmenter
from dissection.segmenters.registry import load_segmenter
from pgan_core import Generator

SAMPLES, LAYER = 1000, "16x16/conv1"


def pictures_alone(generator: Generator, segmenter: Segmenter, samples: int) -> None:
    """What a dissection does before it scores anything: generates and segments the same batches."""
    job = make_job(generator, generator.layer_names[0], segmenter, samples, 0, "iqr", None)
    with torch.inference_mode():
        for images in job.batches(0, samples):
            make_batch(job, images, keep=())


def measure(options: Options) -> dict:
    """The shipped model, one round: seconds of the pictures alone, and the ratios of one layer and of all layers."""
    samples = 16 if options.quick else SAMPLES
    generator, segmenter = shipped(), load_segmenter("toytown")
    pictures_alone(generator, segmenter, min(64, samples))  # warm up
    ways = {
        "alone": lambda: pictures_alone(generator, segmenter, samples),
        "one": lambda: dissect(generator, LAYER, segmenter, samples),
        "all": lambda: dissect(generator, "all", segmenter, samples),
    }
    times = alternate(ways, seconds=0, least=1, warm_up=False)
    return {
        "samples": samples,
        "alone_s": median(times, "alone"),
        "one_layer_ratio": ratio(times, "one", "alone"),
        "all_layers_ratio": ratio(times, "all", "alone"),
        "all_layers_s": median(times, "all"),
    }


def rows(found: dict) -> list[Row]:
    """One layer, and all of them."""
    samples, alone = found["samples"], f"the pictures alone {seconds(found['alone_s'])}"
    one, everything, spent = (found[name] for name in ("one_layer_ratio", "all_layers_ratio", "all_layers_s"))
    return [
        Row(f"Dissection, {samples} pictures, one layer", seconds(one * found["alone_s"]), alone, f"{one:.2f}x"),
        Row(f"Dissection, {samples} pictures, all layers", seconds(spent), alone, f"{everything:.2f}x"),
    ]
