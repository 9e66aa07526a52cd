"""Forge checkpoints and see that opening one ends with networks or a CheckpointError, soon and in little memory.

    python -m tests.fuzz_checkpoints --count 20000 --seed 0 [--files DIR]

Every case starts from a reference file. A quarter spoils its bytes; the rest leave the container readable and forge
what is inside: opcodes and declared sizes of its pickles (zip archives are packed again with right checksums), or the
content itself (names, shapes, strides, numbers), which is then saved anew. The same seed forges the same files.
"""

from __future__ import annotations

import argparse
import faulthandler
import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import torch

from pgan_core.checkpoints import CheckpointError, load_checkpoint
from pgan_core.checkpoints.native import save_checkpoint
from tests.forge_checkpoints import forge

FIXTURES = Path(__file__).parent / "fixtures/checkpoints"
SECONDS, MEGABYTES = 5.0, 1500.0


def seeds(folder: Path) -> list[bytes]:
    """The reference files, and one of our own."""
    files = [p for p in sorted(folder.glob("*/*")) if p.suffix not in (".npz", ".md", ".json")]
    contents = [path.read_bytes() for path in files]
    return [*contents, our_file(contents[-1])]


def our_file(data: bytes) -> bytes:
    """The networks of a file as one of ours."""
    checkpoint = load_checkpoint(data)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "ours.safetensors")
        save_checkpoint(path, checkpoint.generator, checkpoint.discriminator)
        return path.read_bytes()


def open_forged(data: bytes) -> tuple[str, float]:
    """("loaded" or "refused", seconds). A loaded network is also run once. Anything else that is raised passes on."""
    begin = time.perf_counter()
    try:
        checkpoint = load_checkpoint(data)
    except CheckpointError:
        return "refused", time.perf_counter() - begin
    seconds = time.perf_counter() - begin
    with torch.no_grad():
        if (generator := checkpoint.generator) is not None:
            config = generator.config
            generator(torch.ones(2, config.latent_dim + config.label_dim))
        if (discriminator := checkpoint.discriminator) is not None:
            config, size = discriminator.config, discriminator.resolutions[-1]
            labels = torch.zeros(2, dtype=torch.long) if config.projection else None
            discriminator(torch.ones(2, config.image_channels, size, size), labels)
    return "loaded", seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--start", type=int, default=0, help="number of the first case")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--files", type=Path, default=FIXTURES)
    options = parser.parse_args()
    torch.set_num_threads(1)
    files, tally, slowest, failures = seeds(options.files), Counter(), (0.0, -1), []
    for case in range(options.start, options.start + options.count):
        faulthandler.dump_traceback_later(20 * SECONDS, exit=True)  # a case without an end shows where it stands
        if case % 1000 == 0:
            print(f"case {case}", flush=True)
        kind, data = forge(options.seed, case, files)
        try:
            outcome, seconds = open_forged(data)
        except Exception as error:  # whatever it is, it is what the run looks for
            outcome, seconds = "FAILED", 0.0
            failures.append(f"case {case} ({kind}): {type(error).__name__}: {error}"[:300])
            print(failures[-1], flush=True)
        tally[kind, outcome] += 1
        slowest = max(slowest, (seconds, case))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    for (kind, outcome), count in sorted(tally.items()):
        print(f"{kind:8} {outcome:8} {count}")
    print(f"slowest {slowest[0]:.2f} s (case {slowest[1]}), peak memory {peak:.0f} MiB, {len(failures)} failures")
    return int(bool(failures) or slowest[0] > SECONDS or peak > MEGABYTES)


if __name__ == "__main__":
    sys.exit(main())
