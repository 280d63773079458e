"""Read and write event tables as NONMEM has them."""

from immunode.nonmem.read_write import EventTable as EventTable
from immunode.nonmem.read_write import Problem as Problem
from immunode.nonmem.read_write import check as check
from immunode.nonmem.read_write import describe as describe
from immunode.nonmem.read_write import read as read
from immunode.nonmem.read_write import reading as reading
from immunode.nonmem.read_write import table as table
