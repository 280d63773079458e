"""Declare and compose models; trace them into expressions."""

from immunode.model.composition import compose as compose
from immunode.model.declaration import Input as Input
from immunode.model.declaration import Model as Model
from immunode.model.declaration import Output as Output
from immunode.model.declaration import Parameter as Parameter
from immunode.model.declaration import State as State
from immunode.model.patients import Covariate as Covariate
from immunode.model.patients import PatientGroup as PatientGroup
from immunode.model.patients import PatientTerms as PatientTerms
from immunode.model.triggers import Trigger as Trigger
