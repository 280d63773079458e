"""Published trials and what they printed."""

from immunode.evidence.design import Action as Action
from immunode.evidence.design import Baseline as Baseline
from immunode.evidence.design import Rule as Rule
from immunode.evidence.design import SetState as SetState
from immunode.evidence.design import Subgroup as Subgroup
from immunode.evidence.design import When as When
from immunode.evidence.library import load as load
from immunode.evidence.library import load_evidence as load_evidence
from immunode.evidence.library import trial_names as trial_names
from immunode.evidence.printed import Evidence as Evidence
from immunode.evidence.printed import Figure as Figure
from immunode.evidence.printed import PrintedNumber as PrintedNumber
from immunode.evidence.trial_file import TrialFile as TrialFile
