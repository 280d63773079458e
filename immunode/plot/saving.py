"""Write pictures to files: PNG, or PDF and SVG whose texts stay texts."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from immunode.errors import BadValue
from immunode.internal.arguments import choice, refuse, whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = ("png", "pdf", "svg")
# texts stay texts, which a program for drawings can change and a search finds; nothing tells when it was written
_TEXTS: Any = {"svg.fonttype": "none", "pdf.fonttype": 42, "svg.hashsalt": "immunode"}
_UNDATED: dict[str, dict[str, Any]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}


def save(picture: "Figure | Axes", path: "str | Path", dpi: int = 150) -> Path:
    """Write a picture to a file, PNG, PDF or SVG by its ending; texts of the latter two stay texts.

    The same picture is the same file, byte for byte, on one machine.

    Main arguments
        picture: a Figure or Axes, as the functions of im.plot return them
        path: of the file, which ends in .png, .pdf or .svg
        dpi: dots an inch of a PNG, default 150

    Returns
        the path

    Raises
        BadValue: for what is no picture, another ending, and a file that cannot be written.

    Example
        >>> import immunode as im
        >>> course = im.simulate("il2_sc", "3 MIU SC", times=im.days(0, 1, every=1/24))
        >>> im.plot.save(im.plot.course(course, "il2"), "il2.svg")  # doctest: +SKIP
        PosixPath('il2.svg')
    """
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    drawn = picture.figure if isinstance(picture, Axes) else picture
    figure: Any = drawn if isinstance(drawn, Figure) else refuse("plot.save: picture", picture, "a Figure or Axes")
    if not isinstance(path, str | Path) or not str(path):
        refuse("plot.save: path", path, "the path of a file, such as 'il2.png'")
    target, dots = Path(path), whole(dpi, "dpi", 10, 2400)
    ending = choice(target.suffix.lower().removeprefix("."), "ending of the file", FORMATS)
    try:
        write(figure, target, ending, dots)
    except (OSError, ValueError) as error:
        raise BadValue(f"cannot write '{target}': {getattr(error, 'strerror', None) or error}") from error
    return target


def write(figure: "Figure", path: Path, ending: str, dpi: int = 150) -> None:
    """Write a figure in one of FORMATS; what the system says of a disk that is full comes through as it is."""
    from matplotlib import rc_context

    with rc_context(_TEXTS):
        figure.savefig(path, format=ending, dpi=dpi, metadata=_UNDATED[ending])
