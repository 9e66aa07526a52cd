"""Dissection beside generating and segmenting the same pictures alone, alternating in one process.

    OMP_NUM_THREADS=2 python -m benchmarks.dissection [CHECKPOINT] [--samples 1000] [--layer 16x16/conv1] [--rounds 3]

Prints the times, and the ratios of one layer and of all layers to the pictures alone (targets: 1.5; 3 and 60 s).
Without a checkpoint, a random network of the shipped model's shape.
"""

import argparse
import json
import statistics
import time

import torch

from dissection import dissect
from dissection.job import make_batch, make_job
from dissection.segmenters.registry import load_segmenter
from pgan_core import Generator, GeneratorConfig, load_checkpoint

SHAPE = GeneratorConfig(resolution=64, channels=(128, 128, 96, 64, 32), latent_dim=64)


def pictures_alone(generator, segmenter, samples):
    """What a dissection does before it measures anything: the same batches, generated and segmented."""
    job = make_job(generator, generator.layer_names[0], segmenter, samples, 0, "iqr", None)
    with torch.inference_mode():
        for images in job.batches(0, samples):
            make_batch(job, images, keep=())


def _timed(function, *arguments):
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", nargs="?")
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--layer", default="16x16/conv1")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    generator = load_checkpoint(options.checkpoint).generator if options.checkpoint else Generator(SHAPE)
    segmenter = load_segmenter("toytown")
    pictures_alone(generator, segmenter, 64)  # warm up
    times = {"alone": [], "one": [], "all": []}
    for number in range(options.rounds):
        times["alone"].append(_timed(pictures_alone, generator, segmenter, options.samples))
        times["one"].append(_timed(dissect, generator, options.layer, segmenter, options.samples))
        times["all"].append(_timed(dissect, generator, "all", segmenter, options.samples))
        alone, one, everything = (values[-1] for values in times.values())
        print(
            f"round {number + 1}: alone {alone:.1f} s, one layer {one:.1f} s ({one / alone:.2f}x), "
            f"all layers {everything:.1f} s ({everything / alone:.2f}x)",
            flush=True,
        )
    ratio = {name: [t / a for t, a in zip(values, times["alone"], strict=True)] for name, values in times.items()}
    summary = {
        "samples": options.samples,
        "threads": torch.get_num_threads(),
        "alone_s": statistics.median(times["alone"]),
        "one_layer_ratio": statistics.median(ratio["one"]),
        "all_layers_ratio": statistics.median(ratio["all"]),
        "all_layers_s": statistics.median(times["all"]),
    }
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
