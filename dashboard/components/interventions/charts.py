"""What a concept's units cause, over many pictures: measured beforehand, or now under a bar."""

from dashboard import session
from dashboard.components.interventions.choice import Choice


def causal_view(model: session.Model, choice: Choice) -> None:
    pass
