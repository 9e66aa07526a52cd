"""Initialization: why does PGGAN need no careful initialization?"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np
import streamlit as st
import torch

from dashboard import session
from dashboard.language import N_, _
from dashboard.load import counted
from dashboard.pages.initialization import figures
from dashboard.shared import later, other_models
from dashboard.shared.charts import chart
from dashboard.shared.controls import BOUND
from dashboard.shared.images import image_wall
from dashboard.shared.page import formula_box, header
from dashboard.shared.progress import with_progress
from dashboard.shared.ridgelines import ridgelines
from pgan_core.generator import Generator, GeneratorConfig
from pgan_core.histograms import Bins
from pgan_core.initialization import (
    NONLINEARITIES,
    PRESETS,
    PlainNetwork,
    Preset,
    compare,
    initialized_generator,
    strategies,
)
from pgan_core.inspection import generator_statistics
from pgan_core.layer_table import layer_table
from pgan_core.learning_speed import Step, learning_speed
from pgan_core.pictures import to_uint8

WIDTHS = [16, 64, 128, 256, 500, 1000]
SPEED_WIDTHS = (2, 512, 16, 256, 1)  # of the small network: layers of very different fan-in
OWN_CASE = N_("a scale at which all layers look alike: the spread neither fades nor grows, forward or backward.")
QUICK = 2.5e8  # multiply-adds of a picture
NORMS = {N_("with pixel norm"): "on", N_("without"): "off"}

# ---- the classical experiment ------------------------------------------------------------------------------------


@session.cached(max_entries=32)
def classical(network: PlainNetwork, custom_std: float | None) -> dict:
    """All strategies on one plain network, by key."""
    limit = 1.0 if network.nonlinearity == "tanh" else 3.0
    return compare(network, strategies(custom_std), Bins(-limit, limit, 60), Bins(-3, 3, 60))


def choose_preset(preset: Preset) -> None:
    """A preset's button: set the controls to its case."""
    st.session_state["initialization_nonlinearity"] = preset.nonlinearity
    st.session_state["initialization_depth"] = 10
    st.session_state["initialization_width"] = 500
    session.remember("initialization_case", PRESETS.index(preset), default=0)


def preset_buttons() -> Preset:
    """A row of one button per preset; returns the chosen one."""
    case = session.recall("initialization_case", 0)  # a link may say anything
    chosen = PRESETS[case if 0 <= case < len(PRESETS) else 0]
    with st.container(horizontal=True, gap="small"):
        for i, preset in enumerate(PRESETS):
            st.button(
                _(preset.title), on_click=choose_preset, args=(preset,), key=f"initialization_preset_{i}",
                type="primary" if preset == chosen else "secondary",
            )  # fmt: skip
    return chosen


def network_controls(seed: int) -> tuple[PlainNetwork, float | None, str]:
    """Depth, width, non-linearity, a custom standard deviation, and what the histograms show."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        layers = st.slider(_("Layers"), 1, 30, 10, key="initialization_depth", width=130, **BOUND)
        units = st.select_slider(_("Width"), WIDTHS, 500, key="initialization_width", width=120, **BOUND)
        kind = st.segmented_control(
            _("Non-linearity"), list(NONLINEARITIES), default=PRESETS[0].nonlinearity, required=True,
            format_func=lambda key: _(NONLINEARITIES[key].name), key="initialization_nonlinearity", **BOUND,
        )  # fmt: skip
        custom = st.number_input(
            _("Own std. dev."), 0.0, 100.0, value=None, step=0.01, format="%.4g", placeholder=_("none"), width=125,
            key="initialization_std", on_change=std_changed, **BOUND,
        )  # fmt: skip
        what = st.segmented_control(
            _("Histograms of"),
            [N_("activations"), N_("gradients")],
            default="activations",
            format_func=_,
            required=True,
            key="initialization_what",
            **BOUND,
        )
    return PlainNetwork(layers, units, kind, seed=seed), custom or None, what


def std_changed() -> None:
    """The typed standard deviation is used in two sections, so both have to run again."""
    st.session_state["initialization_rerun"] = True


@st.fragment
@counted
def classical_section(seed: int) -> None:
    """Presets, controls, ridgelines by strategy, and the spread over depth against theory."""
    if st.session_state.pop("initialization_rerun", False):
        st.rerun(scope="app")
    case = preset_buttons()
    network, custom, what = network_controls(seed)
    fits = case.nonlinearity == network.nonlinearity
    st.markdown(_("**Look for:** {look_for}").format(look_for=_(case.look_for if fits else OWN_CASE)))
    runs = classical(network, custom)
    columns, notes = {}, {}
    for run in runs.values():
        spread = run.activation_std if what == "activations" else run.gradient_std
        layers = run.activations if what == "activations" else run.gradients
        numbered = enumerate(layers, start=1)
        columns[run.strategy.name] = {_("layer {number}").format(number=i): counted for i, counted in numbered}
        notes[run.strategy.name] = [f"σ {value:.2g}" for value in spread]
    height = min(760, 22 * network.depth + 120)
    marked = runs[case.strategy].strategy.name if fits else None
    chart(ridgelines(columns, notes=notes, highlight=marked, height=height), key="initialization_ridges")
    st.caption(
        _(
            "Input N(0, 1), {samples} samples; {what} by layer, all on one axis, each ridge scaled to its "
            "fullest bin. All strategies scale the same noise, so He and Equalized start as the same network."
        ).format(samples=network.samples, what=_(what))
    )
    chart(figures.spread_over_depth(runs), key="initialization_spread")
    st.caption(_("Markers are measured. Lines are theory, in the limit of infinite width."))
    formula_box(
        r"\begin{gathered} v_{l+1} = n\,\sigma_w^2\;\mathbb{E}\left[\phi(u)^2\right],\; u \sim \mathcal{N}(0, v_l) \\"
        r"\hat w = w \cdot c,\quad c=\sqrt{2/n} \end{gathered}",
        _(
            "v is the variance of what enters a layer's non-linearity φ. Each layer multiplies it by n σ² and by "
            "the share that φ lets through; ten layers do so ten times. Xavier makes the product 1 for linear "
            "layers, He for ReLU, which cuts off one half. PGGAN stores w ~ N(0, 1) and multiplies by He's "
            "constant c at run time."
        ),
        _("Karras et al. 2018, section 4.1; Glorot & Bengio 2010; He et al. 2015"),
    )


# ---- the real generator ------------------------------------------------------------------------------------------


def config_at(config: GeneratorConfig, resolution: int) -> GeneratorConfig:
    """The loaded configuration, grown only to a resolution, as training would start it."""
    count = config.sizes.index(resolution) + 1
    return replace(
        config, resolution=resolution, channels=config.channels[:count], rgb_resolutions=None, stored_resolution=None,
        stored_alpha=1.0,
    )  # fmt: skip


def quick_size(generator: Generator, sizes: list[int]) -> int:
    """The largest size at which five fresh generators take about a second."""
    fit = [r for r in generator.resolutions if sum(row.multiply_adds for row in layer_table(generator, r)) < QUICK]
    return max(fit, default=sizes[0])


def fresh_generators(
    config: GeneratorConfig, custom: float | None, norm: str, seed: int, z, labels, progress
) -> dict[str, tuple]:
    """Strategy -> picture, its spread, and statistics of the layers' activations after the non-linearity."""
    chosen, results = strategies(custom), {}
    bins = Bins(-1e3, 1e3, 80, "asinh")
    with torch.inference_mode():
        for i, (key, strategy) in enumerate(chosen.items()):
            generator = initialized_generator(config, strategy, seed).to(z.device)
            network = generator.variant(pixel_norm=norm)
            statistics = generator_statistics(network, z, bins, labels=labels)
            images = network(z[:1], labels=None if labels is None else labels[:1])
            layers = {name: statistics[name] for name in generator.layer_names}
            results[key] = to_uint8(images.nan_to_num(0))[0], float(images.std()), layers
            progress((i + 1) / len(chosen))
    return results


@st.fragment
@counted
def generator_section(model: session.Model, seed: int, custom: float | None) -> None:
    """The same strategies on the loaded configuration, freshly initialized."""
    st.subheader(_("The same experiment on PGGAN's generator"))
    sizes = list(model.generator.config.sizes)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        size = st.select_slider(
            _("Grown to"),
            sizes,
            quick_size(model.generator, sizes),
            key="initialization_resolution",
            width=320,
            **BOUND,
        )
        norm = st.segmented_control(
            _("Pixel norm"),
            list(NORMS),
            default="with pixel norm",
            format_func=_,
            required=True,
            key="initialization_norm",
            **BOUND,
        )
    if not later.seen("initialization"):
        return
    z, labels = session.inputs(model, seed, 2)
    config = config_at(model.generator.config, size)
    results = with_progress(
        ("fresh", model.identity, size, custom, NORMS[norm], seed),
        lambda progress: fresh_generators(config, custom, NORMS[norm], seed, z, labels, progress),
        _("Initializing generators"),
        patience=0.5,
    )
    names = {key: strategy.name for key, strategy in strategies(custom).items()}
    picked = {names[key]: result for key, result in results.items()}
    layers = list(next(iter(picked.values()))[2])
    image_wall(
        np.stack([picture for picture, _, _ in picked.values()]), key="initialization-pictures", columns=len(picked),
        captions=[f"{_(name)} · σ {spread:.2g}" for name, (_picture, spread, _layers) in picked.items()],
    )  # fmt: skip
    chart(
        ridgelines(
            {name: {layer: s.histogram for layer, s in stats.items()} for name, (_, _, stats) in picked.items()},
            notes={name: [f"σ {s.std:.2g}" for s in stats.values()] for name, (_, _, stats) in picked.items()},
        ),
        key="initialization_generator_ridges",
    )
    curves = {name: [s.std for s in stats.values()] for name, (_, _, stats) in picked.items()}
    chart(figures.layer_spread(curves, layers), key="initialization_generator_spread")
    st.caption(
        _(
            "Activations after the non-linearity for 2 latents, and the first picture (clamped to −1 … 1). With "
            "pixel norm, every layer's input has mean square 1, so nothing escalates, whatever the scale. "
            "Without it, each layer multiplies the error of the one before."
        )
    )


# ---- why at run time ---------------------------------------------------------------------------------------------


@dataclass
class Experiment:
    """A training under way: its remaining steps, and those done."""

    steps: Iterator[Step]
    total: int
    done: list[Step] = field(default_factory=list)
    running: bool = True

    def advance(self, count: int) -> None:
        """Do some more steps; it stops by itself at the end."""
        self.done += islice(self.steps, count)
        self.running = self.running and len(self.done) < self.total


def start_training(seed: int) -> None:
    """The Train button."""
    steps, rate = st.session_state["initialization_count"], st.session_state["initialization_rate"]
    st.session_state["initialization_speed"] = Experiment(learning_speed(steps, SPEED_WIDTHS, rate, seed=seed), steps)


def stop_training() -> None:
    """The Stop button: the steps done stay on view."""
    if "initialization_speed" in st.session_state:
        st.session_state["initialization_speed"].running = False


@st.fragment
@counted
def speed_section(seed: int) -> None:
    """Adam on three ways to store the same weights. Each run of this part does 25 steps, shows them, and runs again."""
    whole_page = st.session_state.pop("initialization_whole_page", False)
    st.subheader(_("Why scale at run time?"))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        rates = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2]
        st.select_slider(_("Learning rate"), rates, 1e-3, key="initialization_rate", width=280, **BOUND)
        st.select_slider(_("Steps"), [100, 200, 300, 500], 200, key="initialization_count", width=220, **BOUND)
        st.button(
            _("Train"),
            icon=":material/play_arrow:",
            type="primary",
            key="initialization_train",
            on_click=start_training,
            args=(seed,),
        )
        st.button(_("Stop"), icon=":material/stop:", key="initialization_stop", on_click=stop_training)
    experiment = st.session_state.get("initialization_speed")
    if experiment is None:
        st.info(_("Press Train, and three small networks learn to tell two spirals apart. It takes a few seconds."))
    else:
        if experiment.running:
            experiment.advance(25)
        done, total = len(experiment.done), experiment.total
        st.progress(done / total, text=_("Step {done} of {total}").format(done=done, total=total))
        with st.empty():  # one place, so that the browser keeps no chart of earlier steps
            chart(figures.learning_speed(experiment.done, SPEED_WIDTHS, total), key="initialization_speed_chart")
        if experiment.running:
            st.rerun(scope="app" if whole_page else "fragment")
    formula_box(
        r"\Delta w \approx \pm\,\eta \;\Rightarrow\;"
        r"\frac{\lVert\Delta \hat w\rVert}{\lVert\hat w\rVert} \approx \frac{\eta}{\sigma_{stored}}",
        _(
            "Adam changes every stored number by about the learning rate η, whatever its scale. With He's "
            "initializer, a layer of large fan-in stores small numbers and changes by a large share of itself; "
            "one of small fan-in hardly changes. Stored as N(0, 1) and scaled at run time, all layers learn at "
            "the same speed. So they do with weight normalization."
        ),
        _("Karras et al. 2018, section 4.1; Salimans & Kingma 2016"),
    )


model = session.model(needs_generator=False, may_be_lighter=True)
header(_("Why does PGGAN need no careful initialization?"), _("PGGAN, section 4.1"))
classical_section(session.seed())
custom_std = st.session_state.get("initialization_std") or None
if not model.grows:
    other_models.why_not(model, _("its weights are not stored as N(0, 1) with a constant, so there is none to change."))
elif "generator" in model.networks:
    generator_section(model, session.seed(), custom_std)
st.session_state["initialization_whole_page"] = True  # a fragment may rerun itself only when it runs alone
speed_section(session.seed())
