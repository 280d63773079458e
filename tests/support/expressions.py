"""Read what a traced model says: the number of an expression where its symbols have values."""


def at(expression, **values):
    """Return the number that `expression` has with its symbols, by name, at `values`."""
    return float(expression.subs({symbol: values[symbol.name] for symbol in expression.free_symbols}))
