"""The command `immunode models`."""

from typing import Annotated

import typer

from immunode.cli.completion import model_names
from immunode.cli.output import Json, show


def models(
    name: Annotated[
        str | None,
        typer.Argument(help="Show one model, or that of my_model.py.", show_default=False, autocompletion=model_names),
    ] = None,
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
