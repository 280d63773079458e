"""Draw results: each function returns matplotlib Axes (`trial` and `outputs` a Figure) and changes no global style."""

from immunode.plot.axes import COLOURS as COLOURS
from immunode.plot.axes import GREY as GREY
from immunode.plot.axes import LINES as LINES
from immunode.plot.courses import course as course
from immunode.plot.courses import cycle as cycle
from immunode.plot.courses import outputs as outputs
from immunode.plot.fits import fit as fit
from immunode.plot.survival import event_free as event_free
from immunode.plot.trials import trial as trial
