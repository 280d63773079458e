"""How patients of a model differ where nobody says: its declared spread and noise of counts, and what says so."""

from collections.abc import Mapping

from immunode.model.declaration import Model
from immunode.virtual_trials.population import Population


def population(model: Model) -> Population:
    """Return the population that a model declares; its patients are all alike where it declares no spread."""
    return Population(model, omega=model.patients.omega)


def spread_words(model: Model) -> str:
    """Return in words how patients differ, and where that is from."""
    terms = model.patients
    if not terms.omega:
        return f"no spread between patients: {model.name} declares none, and nobody gave one"
    return varied_words(terms.omega, terms.noise, terms.source or "no source declared")


def varied_words(omega: Mapping[str, float], noise: Mapping[str, float], source: str) -> str:
    """Return in words how patients of a spread differ, how their counts are noisy, and where that is from."""
    varied = ", ".join(f"{name} {sd:g}" for name, sd in omega.items())
    counted = "".join(f"; {name} is counted with a CV of {100 * cv:g} %" for name, cv in noise.items() if cv)
    return f"spread between patients, SD of the log: {varied}{counted} ({source})"
