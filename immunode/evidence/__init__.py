"""Published trials and what they printed."""

from immunode.evidence.trial_file import Evidence as Evidence
from immunode.evidence.trial_file import TrialFile as TrialFile
from immunode.evidence.trial_file import evidence as evidence
from immunode.evidence.trial_file import load as load
from immunode.evidence.trial_file import trial_names as trial_names
