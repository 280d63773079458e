"""Draw results."""

from immunode.plot.plot import COLOURS as COLOURS
from immunode.plot.plot import GREY as GREY
from immunode.plot.plot import LINES as LINES
from immunode.plot.plot import course as course
from immunode.plot.plot import cycle as cycle
from immunode.plot.plot import event_free as event_free
from immunode.plot.plot import fit as fit
from immunode.plot.plot import outputs as outputs
from immunode.plot.plot import trial as trial
