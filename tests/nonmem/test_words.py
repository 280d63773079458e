"""Event tables in words: patients alike share a line, doses are told in their order."""

from immunode.nonmem import describe, read
from tests.support.event_tables import ORAL, frame


def test_patients_are_described_in_words_and_those_alike_in_one_line():
    text = "ID,TIME,AMT,CMT,RATE,II,ADDL,EVID\n"
    for who in (1, 2, 3, 4, 5):
        text += f"{who},0,100,1,0,12,5,1\n{who},0.5,0,0,0,0,0,0\n{who},1,0,0,0,0,0,0\n"
    text += "6,0,50,2,25,0,0,1\n6,1,10,1,0,0,0,1\n6,3,20,1,0,0,0,1\n6,8,0,0,0,0,0,0\n7,1,0,0,0,0,0,0"
    assert describe(read(frame(text), ORAL)).splitlines() == [
        "patients 1, 2, 3 and 2 more: 100 mg into oral at 0 h, then every 12 h x 5; 2 observations from 0.5 to 1 h",
        "patient 6: 50 mg at 600 mg/day into central at 0 h; 10 mg into oral at 1 h; 20 mg into oral at 3 h; "
        "1 observation at 8 h",
        "patient 7: no doses; 1 observation at 1 h",
    ]


def test_doses_are_told_in_their_order_and_only_runs_without_a_break_are_merged():
    head = "ID,TIME,AMT,CMT,EVID,II,ADDL\n"
    told = {
        "1,0,3,iv,1,.,.\n1,1,3,iv,4,.,.": "3 mg into iv at 0 h; reset at 1 h; 3 mg into iv at 1 h",
        "1,0,3,iv,1,.,.\n1,1,3,iv,1,.,.": "3 mg into iv at 0 h; 3 mg into iv at 1 h",
        "1,0,3,iv,1,.,.\n1,1,3,iv,1,.,.\n1,2,3,iv,1,.,.": "3 mg into iv at 0 h, then every 1 h x 2",
        "1,0,3,iv,1,1,1": "3 mg into iv at 0 h, then every 1 h x 1",
        "1,0,3,iv,1,2,3\n1,1,5,iv,1,2,3": "3 mg into iv at 0 h, then every 2 h x 3; "
        "5 mg into iv at 1 h, then every 2 h x 3",
        "1,0,3,iv,1,2,3\n1,5,3,iv,4,2,1": "3 mg into iv at 0 h, then every 2 h x 2; reset at 5 h; "
        "3 mg into iv at 5 h, then every 2 h x 1",
        "1,0,3,iv,1,.,.\n1,1,3,iv,1,.,.\n1,1.5,5,iv,1,.,.\n1,2,3,iv,1,.,.": "3 mg into iv at 0 h; 3 mg into iv at 1 h; "
        "5 mg into iv at 1.5 h; 3 mg into iv at 2 h",
    }
    for rows, words in told.items():
        events = read(frame(head + rows + "\n1,90,.,.,0,.,."), ORAL)
        assert describe(events) == f"patient 1: {words}; 1 observation at 90 h"
