"""Read, check, describe and write event tables as NONMEM has them.

Example
    >>> import immunode as im
    >>> im.nonmem.check(im.event_table("3 MIU SC", "il2_sc", times=["6 h"]), "il2_sc")
    []
"""

from immunode.nonmem.event_table import EventTable as EventTable
from immunode.nonmem.event_table import carried as carried
from immunode.nonmem.finding import Finding as Finding
from immunode.nonmem.overview import Reading as Reading
from immunode.nonmem.overview import reading as reading
from immunode.nonmem.reader import check as check
from immunode.nonmem.reader import read as read
from immunode.nonmem.records import units_in as units_in
from immunode.nonmem.words import describe as describe
from immunode.nonmem.writer import table as table
