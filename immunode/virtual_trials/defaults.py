"""How patients of a model differ where nobody says: its declared spread and noise of counts, and what says so."""

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
    varied = ", ".join(f"{name} {sd:g}" for name, sd in terms.omega.items())
    noise = "".join(f"; {name} is counted with a CV of {100 * cv:g} %" for name, cv in terms.noise.items() if cv)
    return f"spread between patients, SD of the log: {varied}{noise} ({terms.source or 'no source declared'})"
