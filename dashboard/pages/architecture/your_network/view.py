"""Architecture, "Your network": the text, the drawing and the table beside each other, and what can be saved."""

from collections.abc import Callable

import streamlit as st

from dashboard.language import N_, _, said
from dashboard.load import counted
from dashboard.pages.architecture import figures_your_network as figures
from dashboard.pages.architecture.figures_paper import draw, save
from dashboard.pages.architecture.your_network.parser import MAX_TEXT, Network, read
from dashboard.pages.architecture.your_network.presets import PRESETS
from dashboard.pages.architecture.your_network.rows import rows
from dashboard.shared.browser import component
from dashboard.shared.export import export_bar
from dashboard.shared.link_text import LinkError, pack, unpack
from pgan_core.layer_table import short_count, table_cells, table_csv, table_latex, table_markdown

PRESET, LINK, TEXTS = "architecture_preset", "architecture_text", "architecture_texts"
WIDTHS = {"wide": 33.0, "narrow": 12.0}  # units of a row: the browser shows the one that there is room for
PAPER_WIDTH = 30.0
HELP = N_(
    """
One block per line; `#` begins a comment. Parts in brackets are optional.

| Line | Meaning |
|---|---|
| `input 256x256x3`, `input 512` | the input: height x width x channels, or a vector |
| `conv 64 [5x5] [stride 2] [dilated 4] [pad 0]` | convolution; by default 3x3, padded to keep the size |
| … `[gated] [sn] [equalized] [nobias]` | times a second one's sigmoid; spectral norm; equalized learning rate |
| `deconv 64 4x4 stride 2` | transposed convolution, with the same options |
| `dense 512 [sn] [equalized] [nobias]` | fully connected; flattens its input |
| `up 2x [bilinear]`, `pool 2x [max]`, `pool global` | nearest neighbour and average by default |
| `relu`, `lrelu 0.2`, `elu`, `selu`, `gelu`, `silu`, `tanh`, `sigmoid`, `softplus` | also after a block, on its line |
| `batchnorm`, `instancenorm`, `layernorm`, `groupnorm 32`, `pixelnorm`, `lrn` | likewise |
| `conv 64 3x3 as e1` … `concat e1`, `add e1` | names an output, and joins it further down |
| `reshape 4x4x512`, `flatten`, `dropout 0.5`, `stddev` | `stddev` is the minibatch standard deviation |
"""
)

HERE = "pages/architecture/your_network"
_component = component("lab_your_network", f"{HERE}/editor.html", f"{HERE}/editor.css", f"{HERE}/editor.js",
    words=[
        N_("One block per line"), N_("Operation"), N_("Act."), N_("Output shape"), N_("Params"), N_("Mult-adds"),
        N_("Your network, one block per line"), N_("Line {number}: {text}."),
    ],
)  # fmt: skip


@st.fragment
@counted
def your_network() -> None:
    """The whole view; while someone types, only this runs again."""
    texts = _texts()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        preset = st.selectbox(
            _("Start from"),
            list(PRESETS),
            format_func=_,
            key=PRESET,
            bind="query-params",
            label_visibility="collapsed",
            width=330,
        )
        text = texts.get(preset, PRESETS[preset])
        st.button(
            _("Reset"),
            key="architecture_text_reset",
            on_click=_reset,
            args=(preset,),
            disabled=text == PRESETS[preset],
            help=_("Restore the preset's text"),
        )
        with st.popover(_("How to write it"), width="content"):
            st.markdown(_(HELP))
    network = read(text)
    editor(text, network, preset)
    if network.layers:
        export_bar(files(network, preset), key="architecture_yours")
    share(text, preset)


def _texts() -> dict[str, str]:
    """What this browser wrote, by the preset that it started from; at first, the link's text."""
    if TEXTS not in st.session_state:
        st.session_state[TEXTS] = {}
        st.session_state["architecture_loads"] = 0
        preset, packed = st.query_params.get(PRESET, next(iter(PRESETS))), st.query_params.get(LINK)
        if packed and preset in PRESETS:
            try:
                st.session_state[TEXTS][preset] = unpack(packed, 4 * MAX_TEXT)[: MAX_TEXT + 1]
            except LinkError as error:
                st.warning(
                    _("The link's network cannot be read: {error}. The preset is shown.").format(error=said(error))
                )
    return st.session_state[TEXTS]


def _reset(preset: str) -> None:
    st.session_state[TEXTS].pop(preset, None)
    st.session_state["architecture_loads"] += 1


def share(text: str, preset: str) -> None:
    """Put the text into the address, if it differs from the preset's and is short enough."""
    packed = pack(text) if len(text) <= MAX_TEXT else None
    if text == PRESETS[preset] or packed is None:
        st.query_params.pop(LINK, None)
    elif st.query_params.get(LINK) != packed:
        st.query_params[LINK] = packed
    if packed is None:
        st.caption(_("This text is too long for a link: the address shows the preset instead. Everything else works."))


def editor(text: str, network: Network, preset: str) -> None:
    """The drawing above, the text with its table below, in the browser."""
    key, load = "architecture_editor", f"{preset}|{st.session_state['architecture_loads']}"

    def typed() -> None:
        sent = st.session_state[key].text or {}
        name, number = str(sent.get("load", "")).rpartition("|")[::2]
        if name in PRESETS and number == str(st.session_state["architecture_loads"]):
            st.session_state[TEXTS][name] = str(sent.get("text", ""))[: MAX_TEXT + 1]

    data = {"text": text, "load": load, "most": MAX_TEXT} | contents(network, text.count("\n") + 1)
    _component(data=data, key=key, default={"text": None}, on_text_change=typed)


def contents(network: Network, lines: int) -> dict:
    """What the browser shows of a network: drawings, legend, a row of the table per line, messages."""
    drawings = {name: figures.network_drawing(network, width) for name, width in WIDTHS.items()}
    table: list[list[str]] = [[] for _ in range(lines)]
    for layer, cells in zip(network.layers, table_cells(rows(network)), strict=True):
        line = layer.operation.line - 1
        before, cells = table[line], [cell.replace(" × ", "×") for cell in cells[1:]]
        if before:  # several blocks on one line: the last one's output, the counts of all
            same = [each for each in network.layers if each.operation.line == line + 1]
            cells[0], cells[1] = f"{before[0]}, {cells[0]}", before[1]
            for place, counts in ((3, [e.parameters for e in same]), (4, [e.multiply_adds for e in same])):
                cells[place] = short_count(sum(counts)) if sum(counts) else "–"
        table[line] = cells
    return {
        **{name: figures.svg(drawing) for name, drawing in drawings.items()},
        "legend": figures.legend(drawings["wide"]),
        "rows": table,
        "wrong": [[message.line, said(message.text)] for message in network.messages],
        "total": [short_count(network.parameters), short_count(network.multiply_adds)],
    }


def files(network: Network, title: str) -> dict[str, Callable[[], bytes]]:
    """What can be saved, by file name."""
    table = rows(network)
    return {
        "network.svg": lambda: paper_figure(network, title, "svg"),
        "network.pdf": lambda: paper_figure(network, title, "pdf"),
        "network.tex": lambda: table_latex(table, title).encode(),
        "network.csv": lambda: table_csv(table).encode(),
        "network.md": lambda: table_markdown(table).encode(),
    }


def paper_figure(network: Network, title: str, kind: str) -> bytes:
    """The figure as a file for a paper."""
    return save(draw(figures.network_drawing(network, PAPER_WIDTH), title), kind)
