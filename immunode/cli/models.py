"""The command `immunode models`."""

from typing import Annotated

from immunode.cli.options import Json, model_argument
from immunode.cli.output import show


def models(
    name: Annotated[str | None, model_argument("Show one model, or that of my_model.py.")] = None,
    as_json: Json = False,
) -> None:
    """List the models, or show one: equations, parameters with units and sources.

    Example: [bold]immunode models il2_sc[/bold]
    """
    from immunode import models
    from immunode.report.models import ModelReport, ModelsReport

    if name is None:
        show(ModelsReport([models.model(key) for key in models.NAMES]), as_json)
    else:
        show(ModelReport(models.model(name)), as_json)
