"""Records that are commented out are left out; what only may be a comment is refused with that word."""

import pytest

from immunode.errors import BadValue
from immunode.nonmem import read, reading
from tests.support.event_tables import ORAL, frame

PLAIN = read(frame("ID,TIME,AMT,EVID\n1,0,100,1\n1,1,.,0"), ORAL)


@pytest.mark.parametrize(
    "text",
    [
        "C,ID,TIME,AMT,EVID\n.,1,0,100,1\nC,1,0.5,300,1\n.,1,1,.,0",
        "C,ID,TIME,AMT,EVID\n0,1,0,100,1\nc,1,0.5,300,1\n,1,1,.,0",
        "ID,TIME,AMT,EVID,IGNORE\n1,0,100,1,0\n1,0.5,300,1,1\n1,1,.,0,.",
        "ID,TIME,AMT,EVID\n1,0,100,1\n#1,0.5,300,1\n1,1,.,0",
        "ID,TIME,AMT,EVID\n1,0,100,1\n@,0.5,300,1\n1,1,.,0",
        "C,ID,TIME,AMT,EVID\n3.2,1,0,100,1\n4.1,1,1,.,0",  # numbers are no marks
    ],
)
def test_what_is_certainly_a_comment_is_left_out(text):
    events = read(frame(text), ORAL)
    assert events.ids == (1,)
    assert events.regimens == PLAIN.regimens
    assert events.times[0].tolist() == PLAIN.times[0].tolist()


@pytest.mark.parametrize(
    "text",
    [
        "ID,TIME,AMT,EVID\n1,0,100,1\n1,1,.,0\nC2,0,100,1\nC2,1,.,0",
        "ID,TIME,AMT,EVID\n1,0,100,1\nC1,1,.,0",
        "C,ID,TIME,AMT,EVID\n1,1,0,100,1\n0,1,1,.,0",
        "C,ID,TIME,AMT,EVID\nlow,1,0,100,1\n.,1,1,.,0",
    ],
)
def test_what_may_be_a_comment_is_refused_with_that_word(text):
    with pytest.raises(BadValue, match="may be a comment"):
        read(frame(text), ORAL)


def test_names_of_patients_are_no_comments():
    text = "ID,TIME,AMT,EVID\nC1,0,100,1\nC1,1,.,0\n@b,0,100,1\n@b,1,.,0"
    assert read(frame(text), ORAL).ids == ("C1", "@b")


def test_the_check_says_which_rows_are_comments_and_a_table_of_comments_alone_is_refused():
    text = "C,ID,TIME,AMT,EVID\n.,1,0,100,1\nC,1,0.5,300,1\n.,1,1,.,0"
    told = reading(frame(text), ORAL)
    assert told.notes == ["comments, which are left out: row 1"]
    with pytest.raises(BadValue, match="every row is a comment"):
        read(frame("C,ID,TIME,AMT\nC,1,0,1"), ORAL)
