"""One file, one method: what it contributes to the kernels that are generated for a model. `METHODS` registers them."""

from types import ModuleType

from immunode.engine.methods import rodas5p, tsit5

# where there are two, a patient starts with the first and changes as its own steps ask for it
METHODS: dict[str, tuple[ModuleType, ...]] = {
    "tsit5": (tsit5,),
    "rodas5p": (rodas5p,),
    "auto": (tsit5, rodas5p),
}
