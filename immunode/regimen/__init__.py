"""Say what is given: from Python, or in a clinician's sentence."""

from immunode.regimen.regimen import ACTIONS as ACTIONS
from immunode.regimen.regimen import MODELLED as MODELLED
from immunode.regimen.regimen import STEADY as STEADY
from immunode.regimen.regimen import Dose as Dose
from immunode.regimen.regimen import Regimen as Regimen
from immunode.regimen.regimen import dose as dose
from immunode.regimen.regimen import multiply as multiply
from immunode.regimen.regimen import prescribe as prescribe
from immunode.regimen.regimen import replace as replace
from immunode.regimen.regimen import reset as reset
from immunode.regimen.regimen import rows as rows
