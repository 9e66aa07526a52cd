"""What a running training says in a shell."""

from pgan_core import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig
from pgan_core.growth import Schedule, Stage
from pgan_core.training import records
from pgan_core.training.records import Progress

SIZES = {"resolution": 8, "channels": (4, 4)}


def test_time_left_is_the_plans_clock_or_follows_from_what_is_left(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(records.time, "monotonic", lambda: now[0])
    schedule = Schedule((Stage(4, 0.0, 0.0, 16, 1e-3), Stage(8, 0.0, 1.0, 16, 1e-3)))
    bar = Progress(
        schedule,
        (Generator(GeneratorConfig(**SIZES, latent_dim=4)), Discriminator(DiscriminatorConfig(**SIZES))),
        0,
        visible=True,
    )
    said = []
    for images, seconds in ((250, None), (500, 7.4)):
        now[0] += 10
        bar.advance(images, schedule.at(images / 1000), schedule, seconds)
        said.append(bar._bar.postfix)
    bar.close()
    assert said == ["8x8 alpha 1.00, 0:00:30 left", "8x8 alpha 1.00, 0:00:07 left"]
