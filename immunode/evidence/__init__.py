"""Published trials and what they printed."""

from immunode.evidence.adherence import Adherence as Adherence
from immunode.evidence.adherence import Dropout as Dropout
from immunode.evidence.baseline import Baseline as Baseline
from immunode.evidence.design import Action as Action
from immunode.evidence.design import Rule as Rule
from immunode.evidence.design import SetState as SetState
from immunode.evidence.design import Subgroup as Subgroup
from immunode.evidence.design import When as When
from immunode.evidence.endpoint import Endpoint as Endpoint
from immunode.evidence.printed import Alternative as Alternative
from immunode.evidence.printed import Assumption as Assumption
from immunode.evidence.printed import Evidence as Evidence
from immunode.evidence.printed import Figure as Figure
from immunode.evidence.printed import PrintedNumber as PrintedNumber
from immunode.evidence.rules import RecurringRule as RecurringRule
from immunode.evidence.rules import RuleAction as RuleAction
