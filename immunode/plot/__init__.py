"""Draw results: each function returns matplotlib Axes (`trial` and `outputs` a Figure) and changes no global style.

`course`, `cycle` and `outputs` draw what im.simulate returns; `course`, `cycle`, `event_free` and `trial` what
im.run_trial returns; `fit` and `profile` what im.calibrate does; `prediction` what im.predict_trial does; `comparison`
what im.compare does; `frontier` benefit against burden. `save` writes a file.

Example
    >>> import immunode as im
    >>> figure = im.plot.outputs(im.simulate("il2_sc", "3 MIU SC", times=im.days(0, 1, every=1/24), outputs="il2"))
    >>> im.plot.save(figure, "course.png")  # doctest: +SKIP
    PosixPath('course.png')
"""

from immunode.plot.axes import COLOURS as COLOURS
from immunode.plot.axes import GREY as GREY
from immunode.plot.axes import LINES as LINES
from immunode.plot.comparisons import comparison as comparison
from immunode.plot.courses import course as course
from immunode.plot.courses import outputs as outputs
from immunode.plot.cycles import cycle as cycle
from immunode.plot.fits import fit as fit
from immunode.plot.fits import profile as profile
from immunode.plot.frontiers import frontier as frontier
from immunode.plot.predictions import prediction as prediction
from immunode.plot.saving import save as save
from immunode.plot.survival import event_free as event_free
from immunode.plot.trials import panel_names as panel_names
from immunode.plot.trials import trial as trial
