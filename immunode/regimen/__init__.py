"""What is given: doses and regimens, from Python or in a clinician's sentence."""

from immunode.regimen.arguments import MOST_DOSES as MOST_DOSES
from immunode.regimen.builders import dose as dose
from immunode.regimen.builders import multiply as multiply
from immunode.regimen.builders import replace as replace
from immunode.regimen.builders import reset as reset
from immunode.regimen.doses import MODELLED as MODELLED
from immunode.regimen.doses import STEADY as STEADY
from immunode.regimen.doses import Dose as Dose
from immunode.regimen.doses import at_times as at_times
from immunode.regimen.prescription import prescribe as prescribe
from immunode.regimen.prescription import regimens_of as regimens_of
from immunode.regimen.regimen import Regimen as Regimen
from immunode.regimen.words import what_is_given as what_is_given
