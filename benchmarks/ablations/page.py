"""The tables of docs/ABLATIONS.md, from the stored results: `python -m benchmarks.ablations.page`."""

from benchmarks.options import ROOT
from dashboard.pages.quality.ablation_results import Results, chance_apart, read_results, table
from pgan_core.markdown import with_block

PAGE, FOLDER = ROOT / "docs/ABLATIONS.md", ROOT / "assets/ablations"
TABLES = {"logistic": FOLDER, "wgan-gp": FOLDER / "wgan-gp"}  # name of the block on the page -> its results


def block(results: Results) -> str:
    """What was trained, in a line, and the table."""
    plan, content = results.plan, results.content
    chance = chance_apart(len(plan["seeds"]))
    return (
        f"{plan['kimg']:g} thousand images a run at {plan['resolution']}x{plan['resolution']}, loss {plan['loss']}, "
        f"learning rate {plan['learning_rate']:g}; mean ± sample deviation of {len(plan['seeds'])} seeds at the end. "
        f"Bold: all seeds lie apart from all of the full recipe's, which chance alone does in {chance:.0%} of cases. "
        f"{content['train_seconds'] / 60:.0f} minutes of one core, {content['made']}.\n\n{table(results)}"
    )


def page(text: str) -> str:
    """The page's text with its tables made anew. Raises ValueError where a result or a marker is missing."""
    for name, folder in TABLES.items():
        if (results := read_results(folder)) is None:
            raise ValueError(f"{folder} holds no results of the ablations")
        text = with_block(text, name, block(results))
    return text


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
