"""expanded_trapping 1 foretold from where the fit is: surfaces of all trials there."""
import json,sys
import numpy as np, pandas as pd
from dataclasses import replace
from immunode.calibration.fit_file import load_fit, Variant
from immunode.calibration.declared_population import fit_arguments
from immunode.calibration.population.fit import population_problem
from immunode.calibration.population.search import centred, integrated_deviance, coordinates_at, around
from immunode.calibration.population.problem import Crowd, anchor, uniforms
from immunode.calibration.population.recipe import _values_of
from immunode.calibration.population.foretold import foretold, summary
from immunode.calibration.population import search
from immunode.evidence.library import load_evidence
file=load_fit('fits/il2_cd4')
v=Variant(label='',values={'expanded_trapping':1})
p=population_problem([load_evidence(x) for x in file.evidence], **fit_arguments(file,v,1))
d=json.load(open('/work/kept_a6/fit.json'))['starts']['1']
x=np.array(d['anchor'])
crowd=Crowd(p,[_values_of(q) for q in d['drawn_from']]) if False else None
c=Crowd(p,around(p,coordinates_at(anchor(p,Crowd(p,search.drawn_from(p.values(x))),x,uniforms(p)),x)))
search.CENTRINGS=2
near,moved=centred(p,c,uniforms(p),x)
f=foretold(near,1,file.same_patients)
print('trap',integrated_deviance(near),'moved',moved,p.natural(near.best().x[0])); print(summary(f.table,f.log_density))
