"""How patients ended, in words."""

from immunode.errors import Status
from immunode.report.endings import ended_words


def test_every_status_has_words_of_its_own():
    words = [ended_words([int(status)]) for status in Status]
    assert len(set(words)) == len(words)
    assert all(text.startswith("1 of 1 ") and "_" not in text for text in words)


def test_those_who_failed_are_counted_of_all_and_may_be_told_alone():
    statuses = [0, 0, 4, 4, 2, 0]
    assert ended_words(statuses).startswith("3 of 6 simulated to the end, ")
    assert ended_words(statuses, failed=True).endswith("2 of 6 cannot have the baseline")
    assert "end, " not in ended_words(statuses, failed=True)
    assert ended_words([0, 0], failed=True) == ""
