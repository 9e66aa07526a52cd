"""A small grown run without training: stage files as the trainer writes them, with random weights."""

from pathlib import Path

from pgan_core import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig
from pgan_core.checkpoints.native import save_checkpoint
from pgan_core.growth import make_schedule
from pgan_core.training.settings import Settings

SCHEDULE = make_schedule(
    16, fade_kimg={4: 2}, steady_kimg={4: 3}, minibatch={4: 16, 16: 8}, learning_rate={4: 1e-3, 16: 2e-3}
)
WIDTHS = (16, 12, 8)


def write_run(folder: Path, seed: int = 0) -> list[Path]:
    """Write the stages of a 16x16 run (4x4-end to 16x16-end) into `folder`; returns them oldest first."""
    folder.mkdir(parents=True, exist_ok=True)
    recipe = Settings(schedule=SCHEDULE, feature_maps=WIDTHS, latent_dim=8).as_dict()
    paths = []
    for landmark in SCHEDULE.landmarks():
        moment = SCHEDULE.at(landmark.kimg)
        size = {"resolution": moment.resolution, "channels": WIDTHS[: moment.resolution.bit_length() - 2]}
        generator = Generator(GeneratorConfig(**size, latent_dim=8, stored_alpha=moment.alpha), seed=seed)
        discriminator = Discriminator(DiscriminatorConfig(**size, stored_alpha=moment.alpha), seed=seed)
        for name, layer in generator.layers.items():
            layer.c *= 0.3 if name.endswith("/rgb") else 1.0  # calm pictures, few of whose values are clamped
        metadata = {"stage": landmark.name, "kimg": landmark.kimg, "recipe": recipe, "licence": "CC0-1.0"}
        paths.append(folder / f"{landmark.name}.safetensors")
        save_checkpoint(paths[-1], generator, discriminator, metadata=metadata)
    return paths
